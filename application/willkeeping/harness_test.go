package willkeeping_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/willkeeping"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports"
)

// People of the cases.
var (
	citizenC, citizenB = number("0501792275"), number("0108501234")
	formerC            = number("0501792283") // of citizen C, where the numbers are linked
	doctorD, staffS    = number("0202020202"), number("0101010005")
)

const (
	sds, otherCVR = "33257872", "99999902"
	messageID     = "AAABVx0f7cUAAAEaAAAAAAAAAAAAAAAAAAAAAAAAAAABVx0f" // longer than MinLog takes
	adminRole     = "WillAdmin"
)

var (
	fixedNow  = time.Date(2026, time.November, 21, 22, 5, 10, 0, time.UTC)
	errSecret = errors.New("a secret cause")
)

// draft is the treatment will of the contract's sample; living says the same as a living will can.
var (
	draft = will.Draft{Wishes: will.Wishes{
		IfDying: will.Wish{Declined: true}, IfSeverelyDegraded: will.Wish{Declined: true, Needs: will.Relative},
		NoForcedTreatment: will.Wish{Declined: true, Needs: will.Guardian},
	}}
	living = will.Draft{Wishes: will.Wishes{IfDying: will.Wish{Declined: true}}}
)

// house is the use cases on a database in memory. It is every other port itself.
type house struct {
	willkeeping.Keeper
	db *memory.DB

	mu      sync.Mutex
	now     time.Time
	ids     int
	notes   audit.Notes
	entries []minlog.Entry  // that MinLog was told of
	touched []string        // what was looked at, or written, since it was last asked
	down    map[string]bool // what does not answer
	status  string          // of every CPR number; "" = no number is known
	born    calendar.Day    // of everybody, as the register has it; zero = as the number says
	linked  bool            // citizen C's numbers
	before  func(what string)
}

func newHouse(t testing.TB) *house {
	h := &house{now: fixedNow, status: "01", down: map[string]bool{}}
	h.db = memory.New(h.clock)
	h.Keeper = willkeeping.Keeper{
		Store: wills{h.db.Wills(), h}, Citizens: h, Aliases: h, Access: h, Trail: h, Granted: h.holds, Now: h.clock, NewID: h.newID,
		Rules: will.Rules{
			MinAge: 18, Active: []string{"01", "03", "05", "07"}, Closed: time.Date(2018, time.December, 31, 23, 0, 0, 0, time.UTC), AdminUpdate: true,
		},
		AdminRoles: []string{adminRole}, DentistEducations: []string{"5433"}, LogEmptyReads: true, Topics: willkeeping.DefaultTopics(),
	}
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) newID() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ids++
	return fmt.Sprintf("5b1f0a52-0c0e-4f0c-9d57-%012d", h.ids)
}

// touch notes that something was asked, and fails if it is down.
func (h *house) touch(what string) error {
	if h.before != nil {
		h.before(what)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.touched = append(h.touched, what)
	if h.down[what] {
		return errSecret
	}
	return nil
}

func (h *house) holds(_ context.Context, name, cvr string) (bool, error) {
	if h.down["grants"] {
		return true, errSecret
	}
	return name == "wills.has" && cvr == sds, nil
}

// Citizen implements ports.Citizens.
func (h *house) Citizen(_ context.Context, n cpr.Number) (stamdata.Citizen, error) {
	if err := h.touch("register"); err != nil {
		return stamdata.Citizen{}, err
	}
	if h.status == "" {
		return stamdata.Citizen{}, stamdata.ErrUnknown
	}
	return stamdata.Citizen{CPR: n, Status: h.status, Registered: h.born}, nil
}

// Of implements ports.Aliases.
func (h *house) Of(_ context.Context, n cpr.Number) ([]cpr.Number, []ecpr.Number, error) {
	if err := h.touch("aliases"); err != nil {
		return nil, nil, err
	}
	switch {
	case h.linked && n == citizenC:
		return []cpr.Number{n, formerC}, nil, nil
	case h.linked && n == formerC:
		return []cpr.Number{n, citizenC}, nil, nil
	}
	return []cpr.Number{n}, nil, nil
}

// Log implements ports.AccessLog. What MinLog would refuse, or is told too late, fails.
func (h *house) Log(ctx context.Context, entries ...minlog.Entry) error {
	if err := h.touch("minlog"); err != nil {
		return err
	}
	if h.down["minlog late"] {
		<-ctx.Done()
		return ctx.Err()
	}
	if ports.Written(ctx) {
		return ports.ErrLateLog
	}
	rules := minlog.Rules{Interface: minlog.Interface20250312, Now: h.clock(), Cutoff: h.clock().AddDate(-2, 0, 0)}
	if _, err := rules.Taken(entries); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries = append(h.entries, entries...)
	return nil
}

// Note implements ports.Trail.
func (h *house) Note(_ context.Context, c audit.Component, where audit.Context, info ...audit.Information) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes.Add(c, where, info...)
}

// said is what the audit log was told since it was last asked: "Component/Context key(class)=value …" a line.
func (h *house) said() (lines []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.notes {
		for _, where := range c.Contexts {
			line := string(c.Component) + "/" + string(where.Context)
			for i := range audit.Flatten(where.Information, 200) {
				line += " " + i.Key + "(" + string(i.Class) + ")=" + i.Value
			}
			lines = append(lines, line)
		}
	}
	h.notes = nil
	return lines
}

// looked is what was asked of others, or written, since it was last asked.
func (h *house) looked() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	touched := h.touched
	h.touched = nil
	return touched
}

// told is the activities that MinLog was told of since it was last asked.
func (h *house) told() (activities []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.entries {
		activities = append(activities, e.Activity)
	}
	h.entries = nil
	return activities
}

// sent takes the notices out of the outbox.
func (h *house) sent(t require.TestingT) (all []notice.Notice) {
	for {
		due, err := h.db.Outbox().Next(context.Background(), notice.NAS, h.clock().Add(time.Hour), 100)
		require.NoError(t, err)
		if len(due) == 0 {
			return all
		}
		for _, n := range due {
			require.NoError(t, h.db.Outbox().Done(context.Background(), n.ID, h.clock()))
		}
		all = append(all, due...)
	}
}

// topics is the local names of the topics of notices.
func topics(all []notice.Notice) (names []string) {
	for _, n := range all {
		names = append(names, regexp.MustCompile(`[^:]*$`).FindString(n.Advis.Topic))
	}
	return names
}

// kept is what the store has of somebody, whatever is down.
func (h *house) kept(t require.TestingT, person ...cpr.Number) will.History {
	rows, err := h.db.Wills().History(context.Background(), person)
	require.NoError(t, err)
	return rows
}

// stored puts a will into the store, as if it had been there.
func (h *house) stored(t require.TestingT, n cpr.Number, reg will.Register, from time.Time) will.Registration {
	r := will.Registration{ID: h.newID(), Citizen: n, Register: reg, Wishes: draft.Wishes, From: from}
	if reg == will.LTR {
		r.Wishes = living.Wishes
	}
	err := h.db.Wills().Update(context.Background(), []cpr.Number{n}, func(will.History) (will.Change, []notice.Notice, error) {
		return will.Change{At: from, New: &r}, nil, nil
	})
	require.NoError(t, err)
	return r
}

// wills is the store, whose every use is noted.
type wills struct {
	ports.WillStore
	h *house
}

func (w wills) Current(ctx context.Context, person []cpr.Number) (will.Registration, bool, error) {
	if err := w.h.touch("store"); err != nil {
		return will.Registration{}, false, err
	}
	return w.WillStore.Current(ctx, person)
}

func (w wills) Exists(ctx context.Context, person []cpr.Number, reg will.Register) (bool, error) {
	if err := w.h.touch("store"); err != nil {
		return false, err
	}
	return w.WillStore.Exists(ctx, person, reg)
}

func (w wills) History(ctx context.Context, person []cpr.Number) (will.History, error) {
	if err := w.h.touch("store"); err != nil {
		return nil, err
	}
	return w.WillStore.History(ctx, person)
}

func (w wills) Update(ctx context.Context, person []cpr.Number, edit func(will.History) (will.Change, []notice.Notice, error)) error {
	if err := w.h.touch("update"); err != nil {
		return err
	}
	return w.WillStore.Update(ctx, person, edit)
}

// call is one operation, with the draft of the sample where it takes one.
type call struct {
	name string
	do   func(h *house, c identity.Caller, req willkeeping.Request) error
}

// calls are all operations, in the order of the contract.
func calls() []call {
	ctx := context.Background()
	return []call{
		{"createLivingWill", func(h *house, c identity.Caller, r willkeeping.Request) error {
			_, err := h.Create(ctx, c, r, will.LTR, living)
			return err
		}},
		{"updateLivingWill", func(h *house, c identity.Caller, r willkeeping.Request) error {
			_, err := h.Update(ctx, c, r, will.LTR, living)
			return err
		}},
		{"deleteLivingWill", func(h *house, c identity.Caller, r willkeeping.Request) error { return h.Delete(ctx, c, r, will.LTR) }},
		{"createTreatmentWill", func(h *house, c identity.Caller, r willkeeping.Request) error {
			_, err := h.Create(ctx, c, r, will.BTR, draft)
			return err
		}},
		{"updateTreatmentWill", func(h *house, c identity.Caller, r willkeeping.Request) error {
			_, err := h.Update(ctx, c, r, will.BTR, draft)
			return err
		}},
		{"upgradeToTreatmentWill", func(h *house, c identity.Caller, r willkeeping.Request) error {
			_, err := h.UpgradeTo(ctx, c, r, draft)
			return err
		}},
		{"deleteTreatmentWill", func(h *house, c identity.Caller, r willkeeping.Request) error { return h.Delete(ctx, c, r, will.BTR) }},
		{"getLivingWill", func(h *house, c identity.Caller, r willkeeping.Request) error {
			got, err := h.Get(ctx, c, r, will.LTR)
			return nothingWith(err, got)
		}},
		{"getTreatmentWill", func(h *house, c identity.Caller, r willkeeping.Request) error {
			got, err := h.Get(ctx, c, r, will.BTR)
			return nothingWith(err, got)
		}},
		{"getTreatmentWillWithOnlyForcedTreatment", func(h *house, c identity.Caller, r willkeeping.Request) error {
			got, err := h.GetForced(ctx, c, r)
			return nothingWith(err, got)
		}},
		{"hasLivingWill", func(h *house, c identity.Caller, r willkeeping.Request) error {
			got, err := h.Has(ctx, c, r, will.LTR)
			return nothingWith(err, got)
		}},
		{"hasTreatmentWill", func(h *house, c identity.Caller, r willkeeping.Request) error {
			got, err := h.Has(ctx, c, r, will.BTR)
			return nothingWith(err, got)
		}},
	}
}

// nothingWith returns err; an answer beside it is a programming mistake.
func nothingWith[T comparable](err error, got T) error {
	var zero T
	if err != nil && got != zero {
		panic("an answer and an error")
	}
	return err
}

// called returns the operation with a name.
func called(name string) call {
	all := calls()
	return all[slices.IndexFunc(all, func(c call) bool { return c.name == name })]
}

func number(digits string) cpr.Number {
	n, err := cpr.Parse(digits)
	if err != nil {
		panic(err)
	}
	return n
}

func of(n cpr.Number) willkeeping.Request { return willkeeping.Request{Citizen: n} }

func admin(n cpr.Number) willkeeping.Request {
	return willkeeping.Request{Citizen: n, Surface: will.Admin}
}

// citizen is somebody with a token of her own.
func citizen(n cpr.Number) identity.Caller {
	return identity.Caller{
		Kind: identity.Citizen, CPR: n, Name: "Nancy Ann Berggren", SystemName: "sundhed.dk", MessageID: messageID,
		Credential: identity.Credential{Scheme: identity.IDWS, Level: 3},
	}
}

// doctor is an authorised professional with an ID card.
func doctor() identity.Caller {
	return identity.Caller{
		Kind: identity.Professional, CPR: doctorD, Name: "Doris Doctor", AuthorisationCode: "0TST1", EducationCode: "7170", RawRole: "7170",
		Org: identity.Organisation{CVR: otherCVR, Name: "Lægehuset"}, MessageID: messageID,
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 4},
	}
}

func dentist() identity.Caller {
	return with(doctor(), func(c *identity.Caller) { c.EducationCode = "5433" })
}

// staff is who administers the registers.
func staff() identity.Caller {
	return identity.Caller{
		Kind: identity.Professional, CPR: staffS, Name: "Sonja Staff", NationalRole: adminRole, RawRole: adminRole, MessageID: messageID,
		Org:        identity.Organisation{CVR: sds, Name: "Sundhedsdatastyrelsen"},
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 4},
	}
}

// system is FSK.
func system() identity.Caller {
	return identity.Caller{
		Kind: identity.System, SystemName: "FSK", MessageID: messageID, Org: identity.Organisation{CVR: sds, Name: "Sundhedsdatastyrelsen"},
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 3},
	}
}

func with(c identity.Caller, edits ...func(*identity.Caller)) identity.Caller {
	for _, edit := range edits {
		edit(&c)
	}
	return c
}

// proved has the caller prove who it is otherwise.
func proved(scheme identity.Scheme, level int) func(*identity.Caller) {
	return func(c *identity.Caller) { c.Credential = identity.Credential{Scheme: scheme, Level: level} }
}

// inSession has the caller call in a session that was opened with something.
func inSession(origin identity.Scheme) func(*identity.Caller) {
	return func(c *identity.Caller) { c.Credential.Scheme, c.Credential.Origin = identity.Session, origin }
}

func vouched(c *identity.Caller) { c.Vouched = true }

// refused asserts what the caller hears: exactly that, which tells no cause and names nobody.
func refused(t testing.TB, err, want error) {
	t.Helper()
	got, _ := fault.Of(err)
	require.Equal(t, want, error(got), "got %v", err)
	assert.NotContains(t, got.Text, errSecret.Error())
	assert.NotRegexp(t, `\d{10}`, err.Error())
}
