package logkeeping

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// Inquiry is what a lookup asks for. Its JSON form is what the audit log keeps of it.
type Inquiry struct {
	Person      minlog.ID          `json:"person,omitzero"` // the data subject, or whom assistants acted for; zero = the caller
	Grouping    string             `json:"grouping,omitempty"`
	Details     string             `json:"details,omitempty"` // "None" = without the single registrations
	Chronologic bool               `json:"chronologic,omitempty"`
	From        time.Time          `json:"from,omitzero"` // zero = no bound
	To          time.Time          `json:"to,omitzero"`   // zero = no bound
	PageSize    *int               `json:"pageSize,omitempty"`
	Pass        []minlog.Condition `json:"pass,omitempty"`
	Stop        []minlog.Condition `json:"stop,omitempty"`
	PageToken   string             `json:"pageToken,omitempty"`
}

// Page is a part of an answer.
type Page struct {
	View    minlog.View // with whose eyes it was read
	Groups  []minlog.Group
	Details bool   // the entries of the groups are wanted too
	Next    string // token of the next page, "" after the last
}

// Reading is what both lookups need.
type Reading struct {
	Store          ports.LogStore
	Trail          ports.Trail
	Now            func() time.Time
	Logger         *slog.Logger
	TokenKey       []byte        // binds page tokens to their lookup
	PageSize       int           // groups of a page where the inquiry names no number
	MaxPageSize    int           // groups of a page at most
	MaxEntries     int           // registrations that a lookup gathers at most
	ScanBudget     int           // rows read for one page at most
	MaxPeriod      time.Duration // no stored access is longer
	RetentionYears int           // calendar years that MinLog shows
}

// CitizenLookup shows citizens, and who acts for them, who looked at their data. It is safe for concurrent use; its fields are not changed after
// the first call.
type CitizenLookup struct {
	Reading
	Relations     ports.Relations   // nil: nobody reads for another
	Citizens      ports.Citizens    // knows birth dates; nil: the digits of the number tell them
	Aliases       ports.Aliases     // nil: a person is known by one number alone
	Names         ports.PersonNames // nil: names are not looked up
	Access        ports.AccessLog   // where lookups for another are registered
	Ages          minlog.Ages
	RelationCache time.Duration // how long a relation that was found counts
	OwnByCard     bool          // professionals may read their own log as citizens, with an ID card of level 4
	MaskUserCPR   bool          // users' civil registration numbers are left out

	known relations
}

// AssistantLookup shows professionals what others did on their behalf. It is safe for concurrent use; its fields are not changed after the
// first call.
type AssistantLookup struct {
	Reading
	Names ports.PersonNames // nil: names are not looked up
}

// cardLevel is the level of an ID card that stands for a person (DGWS 1.0.1: a personal signature).
const cardLevel = 4

// tokenLevel is the assurance of a token that stands for a person (OIOSAML 2: AssuranceLevel; NSIS Substantial is the same).
const tokenLevel = 3

// Find returns what is registered about the person of q: the caller, or somebody whom the caller may act for. A lookup for another is
// registered before anything is read.
func (l *CitizenLookup) Find(ctx context.Context, caller identity.Caller, q Inquiry) (Page, error) {
	l.note(ctx, audit.LookupRequest, caller, q)
	now := l.Now()
	subject, view, err := l.admit(ctx, caller, q.Person, now)
	if err != nil {
		return Page{}, err
	}
	ids, err := idsOf(ctx, l.Aliases, subject)
	if err != nil {
		return Page{}, err
	}
	s := search{
		view:    view,
		binding: []string{"citizen", caller.CPR.Digits(), string(ids[0].Key())},
		shows:   view.Shows,
		read:    under(l.Store.ByPerson, ids),
		mask:    l.MaskUserCPR,
		names:   l.Names,
	}
	if view != minlog.Self {
		s.before = func(ctx context.Context) error { return l.register(ctx, caller, subject, view, now) }
	}
	return l.find(ctx, q, s)
}

// Find returns what others did on behalf of the caller, whom q names by civil registration number or authorisation code.
func (l *AssistantLookup) Find(ctx context.Context, caller identity.Caller, q Inquiry) (Page, error) {
	l.note(ctx, audit.OnBehalfOfLookupRequest, caller, q)
	self := minlog.Professional{CPR: caller.CPR, Authorisation: caller.AuthorisationCode}
	if !caller.Authorised() || !holdsCard(caller) && !holdsToken(caller) || !q.Person.IsZero() && !self.Is(q.Person) {
		return Page{}, errNotTheCaller
	}
	return l.find(ctx, q, search{
		view:    minlog.Assistant,
		binding: []string{"assistants", caller.CPR.Digits(), caller.AuthorisationCode},
		shows:   func(e *minlog.Entry) bool { return minlog.Assistant.Shows(e) && self.ActedFor(e) },
		read:    under(l.Store.ByBehalf, self.IDs()),
		names:   l.Names,
	})
}

// holdsCard tells whether the caller proved with an ID card to be a person.
func holdsCard(caller identity.Caller) bool {
	return proved(caller, identity.DGWS) && caller.Credential.Level >= cardLevel && !caller.Vouched
}

// holdsToken tells whether the caller proved with an identity token to be a person.
func holdsToken(caller identity.Caller) bool {
	return proved(caller, identity.IDWS) && caller.Credential.Level >= tokenLevel && !caller.CPR.IsZero() && !caller.Vouched
}

// note says in the audit log who asks for what.
func (l *Reading) note(ctx context.Context, where audit.Context, caller identity.Caller, q Inquiry) {
	parameters, err := json.Marshal(q)
	if err != nil {
		parameters = []byte("NA") // a year that JSON cannot hold
	}
	l.Trail.Note(ctx, audit.MinLog2, where, audit.CallerCPR.Is(caller.CPR.Digits()), audit.Parameters.Is(string(parameters)))
}

// search is how one lookup reads.
type search struct {
	view    minlog.View
	binding []string // whose lookup it is, for the page token
	shows   func(*minlog.Entry) bool
	read    reader
	before  func(context.Context) error // done before the first row is read; nil = nothing
	mask    bool
	names   ports.PersonNames // nil = none
}

// reader returns at most n registrations that q selects, in order, after the cursor.
type reader func(ctx context.Context, q minlog.Query, after minlog.Cursor, n int) ([]minlog.Registration, error)

// under returns a reader of what a store lists under any of ids, as if it were one.
func under(list func(context.Context, minlog.Key, minlog.Query, minlog.Cursor, int) ([]minlog.Registration, error), ids []minlog.ID) reader {
	return func(ctx context.Context, q minlog.Query, after minlog.Cursor, n int) (found []minlog.Registration, err error) {
		for _, id := range ids {
			rows, err := list(ctx, id.Key(), q, after, n)
			if err != nil {
				return nil, err
			}
			found = minlog.Merge(found, rows, q.Chronologic)
		}
		return found[:min(n, len(found))], nil
	}
}

// find answers q. Single registrations are paged as they are read; groups need the whole window, so that it must be small.
func (l *Reading) find(ctx context.Context, q Inquiry, s search) (Page, error) {
	by, known := minlog.ParseGrouping(q.Grouping)
	if !known {
		l.Logger.InfoContext(ctx, "unknown grouping read as None")
	}
	size, err := l.pageSize(q.PageSize)
	if err != nil {
		return Page{}, err
	}
	selection := minlog.Selection{Pass: q.Pass, Stop: q.Stop}
	if err := selection.Check(); err != nil {
		return Page{}, err
	}
	query, err := minlog.Window(minlog.Cutoff(l.Now(), l.RetentionYears), q.From, q.To, l.MaxPeriod, q.Chronologic)
	if err != nil {
		return Page{}, err
	}
	binding := slices.Concat(s.binding, bindingOf(q, by))
	var after minlog.Cursor
	if q.PageToken != "" {
		if after, err = minlog.OpenPageToken(l.TokenKey, q.PageToken, binding...); err != nil {
			return Page{}, err
		}
	}
	if s.before != nil {
		if err := s.before(ctx); err != nil {
			return Page{}, err
		}
	}
	keeps := func(e *minlog.Entry) bool { return s.shows(e) && selection.Keeps(e) }
	scan := scanner{read: s.read, keeps: keeps, query: query, budget: l.ScanBudget}
	page := Page{View: s.view, Details: q.Details != "None"}
	var next minlog.Cursor
	if by == minlog.Ungrouped {
		page.Groups, next, err = scan.singles(ctx, after, size)
	} else {
		page.Groups, next, err = scan.groups(ctx, by, after, size, l.MaxEntries)
	}
	if err != nil {
		return Page{}, err
	}
	l.present(ctx, page.Groups, s)
	if next != (minlog.Cursor{}) {
		page.Next = minlog.PageToken(l.TokenKey, next, binding...)
	}
	return page, nil
}

// present names the persons of groups, masks the users and sets the heads.
func (l *Reading) present(ctx context.Context, groups []minlog.Group, s search) {
	l.fillNames(ctx, groups, s.names)
	for i := range groups {
		g := &groups[i]
		if s.mask {
			for j := range g.Entries {
				g.Entries[j].Entry = minlog.Masked(g.Entries[j].Entry)
			}
		}
		g.Summarise()
	}
}

func (l *Reading) pageSize(wanted *int) (int, error) {
	if wanted == nil {
		return l.PageSize, nil
	}
	if *wanted < 1 {
		return 0, fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: "PageSize must be at least 1"}
	}
	return min(*wanted, l.MaxPageSize), nil
}

// bindingOf is what of an inquiry must be the same on every page. Grouping, window, order and conditions decide what comes; size and details
// do not.
func bindingOf(q Inquiry, by minlog.Grouping) []string {
	b := []string{
		strconv.Itoa(int(by)), strconv.FormatBool(q.Chronologic), instant(q.From), instant(q.To),
		strconv.Itoa(len(q.Pass)), strconv.Itoa(len(q.Stop)),
	}
	for _, c := range slices.Concat(q.Pass, q.Stop) {
		b = append(b, c.Field, c.Value)
	}
	return b
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMicro(), 10)
}

// scanner reads rows in order until it has enough.
type scanner struct {
	read   reader
	keeps  func(*minlog.Entry) bool
	query  minlog.Query
	budget int // rows that may still be read
}

var errTooMany = fault.Error{Kind: fault.Invalid, Code: minlog.CodeTooManyResults, Text: "too many registrations: narrow the time window"}

// singles returns up to size registrations after the cursor, each in a group of its own. next is where the next page begins, zero after the
// last; a page also ends when the budget is spent.
func (s *scanner) singles(ctx context.Context, after minlog.Cursor, size int) (groups []minlog.Group, next minlog.Cursor, err error) {
	var page []minlog.Registration
	for s.budget > 0 {
		want := min(size+1, s.budget)
		rows, err := s.rows(ctx, after, want)
		if err != nil {
			return nil, next, err
		}
		for i := range rows {
			if !s.keeps(&rows[i].Entry) {
				continue
			}
			if len(page) == size {
				return minlog.GroupBy(page, minlog.Ungrouped), page[size-1].Cursor(), nil
			}
			page = append(page, rows[i])
		}
		if len(rows) < want {
			return minlog.GroupBy(page, minlog.Ungrouped), minlog.Cursor{}, nil
		}
		after = rows[len(rows)-1].Cursor()
	}
	return minlog.GroupBy(page, minlog.Ungrouped), after, nil
}

// chunk is how many rows are read at once where all are wanted.
const chunk = 1000

// groups gathers the whole window and returns up to size groups after the one that the cursor names by its first registration.
func (s *scanner) groups(ctx context.Context, by minlog.Grouping, after minlog.Cursor, size, limit int,
) (groups []minlog.Group, next minlog.Cursor, err error) {
	kept, err := s.all(ctx, limit)
	if err != nil {
		return nil, next, err
	}
	groups = minlog.GroupBy(kept, by)
	if after != (minlog.Cursor{}) {
		groups = groups[minlog.FirstAfter(groups, after, s.query.Chronologic):]
	}
	if len(groups) > size {
		groups = groups[:size]
		next = groups[size-1].Entries[0].Cursor()
	}
	return groups, next, nil
}

// all returns what is kept of the whole window, at most limit registrations.
func (s *scanner) all(ctx context.Context, limit int) (kept []minlog.Registration, err error) {
	for at := (minlog.Cursor{}); ; {
		rows, err := s.rows(ctx, at, chunk)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			if s.keeps(&rows[i].Entry) {
				kept = append(kept, rows[i])
			}
		}
		if len(kept) > limit || s.budget < 0 {
			return nil, errTooMany
		}
		if len(rows) < chunk {
			return kept, nil
		}
		at = rows[len(rows)-1].Cursor()
	}
}

// rows reads up to n rows and takes them from the budget.
func (s *scanner) rows(ctx context.Context, after minlog.Cursor, n int) ([]minlog.Registration, error) {
	rows, err := s.read(ctx, s.query, after, n)
	if err != nil {
		return nil, unavailable("read registrations", err)
	}
	s.budget -= len(rows)
	return rows, nil
}
