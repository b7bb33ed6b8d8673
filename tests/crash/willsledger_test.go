package crash

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/tests/process"
)

const (
	startLimit = time.Minute
	startPoll  = 5 * time.Millisecond
)

// registers is wills and opt-outs in one process or more, and what clients know of what they changed.
type registers struct {
	clients    []*process.Client // of an administrator, one at each process
	people     []*citizen
	subscriber *process.Client
	pullPoint  string
	looks      atomic.Int64

	mu     sync.Mutex
	asked  []*order
	counts map[fate]int
	codes  map[string]int // of the refusals
}

// citizen is one of the townspeople.
type citizen struct {
	numbers []cpr.Number
	steady  bool // whose will and opt-out are only updated
	drawn   atomic.Int64
	will    atomic.Value // will.Register, what an acknowledgement said last; "" = none, or not known
	optOut  atomic.Value // fgvhr.Status
}

// order is one change that somebody asked for, and what became of it as far as the client knows.
type order struct {
	of       *citizen
	id       string // MessageID
	kind     string
	number   cpr.Number
	says     string    // what the row holds: no other of the citizen has the same; "" = not told
	row      string    // its ID; "" = not known
	from, to time.Time // between which it was carried out, if it was
	fate     fate
}

func (r *registers) any() *process.Client { return r.clients[rand.IntN(len(r.clients))] }

// change asks for a change of a citizen's wills or opt-out: mostly for one that can be made.
func (r *registers) change(ctx context.Context, t *testing.T, p *citizen) {
	t.Helper()
	kinds := []string{"create LTR", "create BTR", "update LTR", "update BTR", "upgrade", "delete LTR", "delete BTR", "register", "date", "error", "withdraw"}
	known, _ := p.will.Load().(will.Register)
	status, _ := p.optOut.Load().(fgvhr.Status)
	switch {
	case p.steady:
		kinds = []string{"update BTR", "date"}
	case rand.IntN(8) == 0: // any
	case rand.IntN(2) == 0 && status == fgvhr.Active:
		kinds = []string{"date", "error", "withdraw"}
	case rand.IntN(2) == 0:
		kinds = []string{"register", "error"}
	case known == will.LTR:
		kinds = []string{"update LTR", "upgrade", "upgrade", "delete LTR"}
	case known == will.BTR:
		kinds = []string{"update BTR", "update BTR", "delete BTR"}
	default:
		kinds = []string{"create LTR", "create BTR"}
	}
	r.perform(ctx, p, p.numbers[rand.IntN(len(p.numbers))], kinds[rand.IntN(len(kinds))])
}

// perform asks for a change. Half of those that get no answer are asked for again with the same MessageID, until there is one, or none comes soon:
// what a process began that died is not begun anew before the lease of its claim ends.
func (r *registers) perform(ctx context.Context, p *citizen, n cpr.Number, kind string) fate {
	o := &order{of: p, id: uuid.NewString(), kind: kind, number: n, from: time.Now().Truncate(time.Microsecond)}
	drawn := int(p.drawn.Add(1))
	send := r.sender(ctx, o, drawn)
	if send == nil {
		return refused
	}
	again := rand.IntN(2) == 0
	for limit := time.Minute; ; limit = 300 * time.Millisecond {
		err := within(context.WithoutCancel(ctx), limit, func(ctx context.Context) error { return send(ctx, r.any()) })
		o.to = time.Now()
		now := willFate(err)
		o.fate = max(o.fate, now)
		if code := refusal(err); code != "" {
			r.mu.Lock()
			r.codes[code]++
			r.mu.Unlock()
		}
		unheard := now == doubtful && !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, syscall.ECONNREFUSED)
		if !unheard || !again || ctx.Err() != nil {
			break
		}
		pause(ctx)
	}
	p.learn(o)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, o)
	r.counts[o.fate]++
	return o.fate
}

func within(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return do(ctx)
}

// learn keeps what the citizen has since a change.
func (p *citizen) learn(o *order) {
	reg, status := will.Register(""), fgvhr.Inactive
	switch o.kind {
	case "register", "date":
		status = fgvhr.Active
	case "create LTR", "update LTR":
		reg = will.LTR
	case "create BTR", "update BTR", "upgrade":
		reg = will.BTR
	}
	switch o.kind {
	case "register", "date", "error", "withdraw":
		p.optOut.Store(status)
	default:
		switch {
		case o.fate == acknowledged:
		case strings.HasPrefix(o.kind, "create"): // there may be one already
			reg = []will.Register{will.LTR, will.BTR}[rand.IntN(2)]
		default:
			reg = ""
		}
		p.will.Store(reg)
	}
}

// sender returns what asks for the change at a server; nil where it is known that it cannot be made.
func (r *registers) sender(ctx context.Context, o *order, drawn int) func(context.Context, *process.Client) error {
	wishes, paper := wishesOf(drawn), calendar.DayOf(time.Date(2020, 1, drawn, 12, 0, 0, 0, time.UTC))
	reg := will.BTR
	if strings.HasSuffix(o.kind, "LTR") {
		reg, wishes = will.LTR, will.Wishes{IfDying: will.Wish{Declined: drawn%2 == 0}, IfSeverelyDegraded: will.Wish{Declined: drawn%3 > 0 || drawn%2 > 0}}
	}
	operation, _, _ := strings.Cut(o.kind, " ")
	optOut := func(send func(context.Context, *process.Client) (optingout.View, error)) func(context.Context, *process.Client) error {
		return func(ctx context.Context, c *process.Client) error {
			made, err := send(ctx, c)
			if err == nil {
				o.row = made.ID
			}
			return err
		}
	}
	o.says = said(o.number, wishes)
	switch operation {
	case "create":
		return func(ctx context.Context, c *process.Client) error {
			return c.Wills(reg, o.id).Create(ctx, o.number, wishes)
		}
	case "update":
		return func(ctx context.Context, c *process.Client) error {
			return c.Wills(reg, o.id).Update(ctx, o.number, wishes)
		}
	case "upgrade":
		return func(ctx context.Context, c *process.Client) error {
			return c.Wills(reg, o.id).UpgradeTo(ctx, o.number, wishes)
		}
	case "delete":
		o.says = ""
		return func(ctx context.Context, c *process.Client) error { return c.Wills(reg, o.id).Delete(ctx, o.number) }
	case "register":
		o.says = said(o.number, paper)
		return optOut(func(ctx context.Context, c *process.Client) (optingout.View, error) {
			return c.OptOuts(o.id).Register(ctx, o.number, paper)
		})
	case "withdraw":
		o.says = said(o.number)
		return func(ctx context.Context, c *process.Client) error { return c.OptOuts(o.id).Delete(ctx, o.number) }
	}
	head, there, err := r.any().OptOuts(uuid.NewString()).Get(ctx, o.number)
	if err != nil || !there {
		return nil
	}
	c := fgvhr.Change{ID: head.ID, Status: fgvhr.EnteredInError}
	o.says = said(o.number)
	if operation == "date" {
		c.Status, c.CitizenCreated, o.says = "", paper, said(o.number, paper)
	}
	return optOut(func(ctx context.Context, at *process.Client) (optingout.View, error) {
		return at.OptOuts(o.id).Update(ctx, o.number, c)
	})
}

func said(of ...any) string { return fmt.Sprint(of...) }

// wishesOf returns the n-th of the wishes that a treatment will can hold, of which there are 249.
func wishesOf(n int) will.Wishes {
	n = n%249 + 1
	wish := func() will.Wish {
		w := []will.Wish{{}, {Declined: true}, {Declined: true, Needs: will.Relative}, {Declined: true, Needs: will.Guardian},
			{Declined: true, Needs: will.TrustedAgent}}[n%5]
		n /= 5
		return w
	}
	return will.Wishes{IfSeverelyDegraded: wish(), IfSeverePain: wish(), NoForcedTreatment: wish(), IfDying: will.Wish{Declined: n > 0}}
}

// refusal is the code of a fault, "" of anything else.
func refusal(err error) string {
	var f *soap.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

// willFate tells what an answer, or none, says of a change.
func willFate(err error) fate {
	var f *soap.Fault
	switch {
	case err == nil:
		return acknowledged
	case errors.As(err, &f) && f.FaultString != admitting.ErrOutcomeUnknown.Text, errors.Is(err, syscall.ECONNREFUSED):
		return refused
	default:
		return doubtful
	}
}

// more waits for as many further changes that were acknowledged.
func (r *registers) more(t *testing.T, n int) {
	t.Helper()
	count := func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.counts[acknowledged]
	}
	before := count()
	require.Eventually(t, func() bool { return count() >= before+n }, time.Minute, time.Millisecond, "changes")
}

// fact is a change as a register has it.
type fact struct {
	kind, says, row string
	at              time.Time
	topics          []string
	number          cpr.Number // with which it was made; zero = not known
}

// told is what a notification tells.
type told struct {
	topic   string
	citizen cpr.Number
}

// letter is a notification on its way.
type letter struct {
	told
	created, sent time.Time
}

// The topics of the registers.
const (
	treatmentTopic = "http://sundhedsdatastyrelsen.dk/behandlingstestamente/2018/05/01/:TreatmentWillUpdated"
	livingTopic    = "http://sundhedsdatastyrelsen.dk/livstestamente/2018/05/01/:LivingWillUpdated"
	optOutTopic    = "http://sundhedsdatastyrelsen.dk/Fravalg-Af-Genoplivning/2023/06/01/:ConsentUpdatedNotification"
)

func topicOf(reg will.Register) string {
	if reg == will.LTR {
		return livingTopic
	}
	return treatmentTopic
}

// outbox returns the notifications of each key, in the order in which they leave.
func outbox(t *testing.T, db *sql.DB) map[string][]letter {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT order_key, payload, created, coalesce(sent, 0), parked_code FROM outbox WHERE target = 'nas' ORDER BY seq")
	require.NoError(t, err)
	defer rows.Close()
	box := map[string][]letter{}
	for rows.Next() {
		n := notice.Notice{To: notice.NAS}
		var payload string
		var created, sent int64
		var parked sql.NullString
		require.NoError(t, rows.Scan(&n.Key, &payload, &created, &sent, &parked))
		require.NoError(t, n.SetPayload(payload))
		assert.False(t, parked.Valid, "%s", parked.String)
		box[n.Key] = append(box[n.Key], letter{told{n.Advis.Topic, number(t, n.Advis.ID)}, time.UnixMicro(created).UTC(), time.UnixMicro(sent).UTC()})
	}
	require.NoError(t, rows.Err())
	return box
}

// posted shows that each change was told once, in order, and under a number of the citizen, and adds it to the wanted.
func (p *citizen) posted(t *testing.T, events []fact, letters []letter, wanted map[told]int) {
	t.Helper()
	for _, e := range events {
		for _, topic := range e.topics {
			if !assert.NotEmpty(t, letters, "%s was not told", e.kind) {
				return
			}
			l := letters[0]
			letters = letters[1:]
			assert.Equal(t, topic, l.topic)
			assert.Equal(t, e.at, l.created, "%s: the next notification is of another change", e.kind)
			assert.Contains(t, p.numbers, l.citizen)
			if !e.number.IsZero() {
				assert.Equal(t, e.number, l.citizen)
			}
			assert.False(t, len(letters) > 0 && letters[0].sent.Before(l.sent), "a later change was told first")
			wanted[l.told]++
		}
	}
	assert.Empty(t, letters, "what nobody did was told")
}

// verify holds what the registers have, and what others were told, against what the clients know.
func (r *registers) verify(t *testing.T, store *sqlstore.DB, db *sql.DB, servers []*member) {
	t.Helper()
	audited := map[string]bool{}
	for _, s := range servers {
		for id := range auditedMessages(t, s.Dir) {
			audited[id] = true
		}
	}
	wanted := map[told]int{}
	require.Eventually(t, func() bool {
		var waiting int
		err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM outbox WHERE sent IS NULL AND parked_code IS NULL").Scan(&waiting)
		return err == nil && waiting == 0
	}, startLimit, startPoll, "everything was told")
	box := outbox(t, db)
	for _, p := range r.people {
		h, err := store.Wills().History(t.Context(), p.numbers)
		require.NoError(t, err)
		optOuts, err := store.OptOuts().History(t.Context(), p.numbers)
		require.NoError(t, err)
		wills, rows := willEvents(t, h), optOutEvents(t, optOuts)
		r.held(t, p, append(slices.Clone(wills), rows...), store, audited)
		if len(h) > 0 {
			p.posted(t, wills, box[h[0].ID], wanted)
		}
		if len(optOuts) > 0 {
			p.posted(t, rows, box[optOuts[0].ID], wanted)
		}
		r.answers(t, p, h, optOuts)
	}
	got := r.heard(t, func(heard map[told]int) bool {
		for what, times := range wanted {
			if heard[what] < times {
				return false
			}
		}
		return true
	})
	repeated := 0
	for what, times := range got {
		require.NotZero(t, wanted[what], "what nobody did")
		repeated += times - wanted[what]
	}
	for code := range r.codes {
		assert.Contains(t, []string{"will_exists", "will_not_found", "consent_exists", "consent_not_found", "registration_changed", "invalid_status"}, code)
	}
	require.Greater(t, r.counts[acknowledged], willKills)
	t.Logf("refusals: %v; notifications that came again: %d", r.codes, repeated)
}

// willEvents are the changes in a history, in order: at most one will is open at a time, none overlap, and what was replaced has no gap behind it.
func willEvents(t *testing.T, h will.History) (events []fact) {
	t.Helper()
	var before will.Registration // open
	end := func(r will.Registration) {
		events = append(events, fact{kind: "delete " + string(r.Register), at: r.To, topics: []string{topicOf(r.Register)}})
	}
	for i, r := range h {
		assert.True(t, r.To.IsZero() || r.From.Before(r.To), "an empty row")
		e := fact{kind: "create " + string(r.Register), says: said(r.Citizen, r.Wishes), row: r.ID, at: r.From, number: r.Citizen,
			topics: []string{topicOf(r.Register)}}
		if i > 0 {
			assert.False(t, before.To.IsZero() || r.From.Before(before.To), "rows overlap")
			switch {
			case before.To.Before(r.From):
				end(before)
			case before.Register == r.Register:
				e.kind = "update " + string(r.Register)
			case before.Register == will.LTR:
				e.kind, e.topics = "upgrade", []string{livingTopic, treatmentTopic}
			default:
				e.kind = "back to a living will"
			}
		}
		events, before = append(events, e), r
	}
	if len(h) > 0 && !before.To.IsZero() {
		end(before)
	}
	return events
}

func optOutEvents(t *testing.T, h fgvhr.History) (events []fact) {
	t.Helper()
	var before fgvhr.OptOut
	for i, o := range h {
		e := fact{row: o.ID, at: o.Created, number: o.Citizen, says: said(o.Citizen), topics: []string{optOutTopic}}
		switch {
		case o.Status == fgvhr.Active && before.Status == fgvhr.Active:
			e.kind, e.says = "date", said(o.Citizen, o.CitizenCreated)
		case o.Status == fgvhr.Active:
			e.kind, e.says = "register", said(o.Citizen, o.CitizenCreated)
			assert.Equal(t, o.Created.In(calendar.Location()).AddDate(0, 0, 7).UTC(), o.ValidFrom)
		case o.Status == fgvhr.Inactive && before.Status == fgvhr.Active:
			e.kind = "withdraw"
		case o.Status == fgvhr.EnteredInError && before.Status != "" && before.Status != o.Status:
			e.kind = "error"
		default:
			e.kind = string(before.Status + " to " + o.Status)
		}
		assert.Equal(t, before.ID, o.Replaces)
		if i > 0 {
			assert.Equal(t, o.Created, before.Superseded)
		}
		events, before = append(events, e), o
	}
	assert.Zero(t, before.Superseded, "the last row counts")
	return events
}

// held holds a citizen's changes against what was asked for: each that was acknowledged is there, each that is there was asked for and is not one
// that was refused, and MinLog and the audit log have it.
func (r *registers) held(t *testing.T, p *citizen, events []fact, store *sqlstore.DB, audited map[string]bool) {
	t.Helper()
	var orders []*order
	for _, o := range r.asked {
		if o.of == p && o.fate != refused {
			orders = append(orders, o)
		}
	}
	entries := map[string]string{} // activity of the call with a MessageID
	q, err := minlog.Window(minlog.Cutoff(time.Now(), 2), time.Time{}, time.Time{}, 744*time.Hour, false)
	require.NoError(t, err)
	for _, n := range p.numbers {
		found, err := store.LogStore().ByPerson(t.Context(), minlog.Key("CPR:"+n.Digits()), q, minlog.Cursor{}, 1_000_000)
		require.NoError(t, err)
		for _, e := range found {
			entries[e.Entry.CorrelationID+n.Digits()] = e.Entry.Activity
		}
	}
	complete := func(o *order) bool { return entries[o.id+o.number.Digits()] == activities()[o.kind] && audited[o.id] }
	// Of the instant of a change: after the call began, or as much later as others made at the same time take (at most a microsecond each).
	is := func(o *order, e fact) bool {
		late := o.to.Add(time.Millisecond)
		if o.fate == doubtful { // the client may have gone before the call began
			late = late.Add(time.Minute)
		}
		return o.kind == e.kind && (o.says == "" || o.says == e.says) && (o.row == "" || o.row == e.row) && !e.at.Before(o.from) && !e.at.After(late) &&
			complete(o)
	}
	sure := slices.DeleteFunc(slices.Clone(orders), func(o *order) bool { return o.fate != acknowledged })
	for _, o := range sure {
		assert.True(t, complete(o), "%s: MinLog has %q, the audit log %v", o.kind, entries[o.id+o.number.Digits()], audited[o.id])
	}
	for _, i := range single(len(sure), len(events), func(i, j int) bool { return is(sure[i], events[j]) }) {
		t.Errorf("%s was acknowledged and is not there", sure[i].kind)
	}
	for _, i := range single(len(events), len(orders), func(i, j int) bool { return is(orders[j], events[i]) }) {
		t.Errorf("%s is there and nobody asked for it", events[i].kind)
	}
}

// single returns those of n that are left without partner among m when as many as can be have one of their own.
func single(n, m int, fits func(i, j int) bool) (left []int) {
	partner := map[int]int{} // of the m
	var seek func(i int, seen map[int]bool) bool
	seek = func(i int, seen map[int]bool) bool {
		for j := range m {
			if seen[j] || !fits(i, j) {
				continue
			}
			seen[j] = true
			if other, taken := partner[j]; !taken || seek(other, seen) {
				partner[j] = i
				return true
			}
		}
		return false
	}
	for i := range n {
		if !seek(i, map[int]bool{}) {
			left = append(left, i)
		}
	}
	return left
}

// answers shows that every process tells of what the registers have, under each number.
func (r *registers) answers(t *testing.T, p *citizen, h will.History, optOuts fgvhr.History) {
	t.Helper()
	head, _ := optOuts.Head()
	for _, c := range r.clients {
		for _, n := range p.numbers {
			for _, reg := range []will.Register{will.LTR, will.BTR} {
				has, err := c.Wills(reg, uuid.NewString()).Has(t.Context(), n)
				assert.NoError(t, err)
				assert.Equal(t, h.Has(reg), has)
			}
			found, there, err := c.OptOuts(uuid.NewString()).Get(t.Context(), n)
			assert.NoError(t, err)
			assert.Equal(t, len(optOuts) > 0, there)
			assert.Equal(t, head.ID, found.ID)
		}
	}
}

// activities are what MinLog calls the changes.
func activities() map[string]string {
	return map[string]string{
		"create LTR": "Oprettelse af livstestamente", "update LTR": "Ændring af livstestamente", "delete LTR": "Sletning af livstestamente",
		"create BTR": "Oprettelse af behandlingstestamente", "update BTR": "Ændring af behandlingstestamente",
		"delete BTR": "Sletning af behandlingstestamente", "upgrade": "Erstatning af livstestamente med behandlingstestamente",
		"register": "Registrering af fravalg af genoplivning", "withdraw": "Sletning af fravalg af genoplivning",
		"date": "Rettelse af fravalg af genoplivning", "error": "Rettelse af fravalg af genoplivning",
	}
}

func TestSingle(t *testing.T) {
	fits := func(pairs ...string) func(i, j int) bool {
		return func(i, j int) bool { return slices.Contains(pairs, fmt.Sprint(i, j)) }
	}
	assert.Empty(t, single(2, 2, fits("0 0", "0 1", "1 0")), "the first gives way")
	assert.Equal(t, []int{1}, single(2, 2, fits("0 0", "1 0")), "two of one")
	assert.Equal(t, []int{0, 1}, single(2, 1, fits()))
}
