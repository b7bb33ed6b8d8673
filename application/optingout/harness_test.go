package optingout_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// People of the cases. Citizen C is 76.
var (
	citizenC, citizenB = number("0108501234"), number("0202401234")
	formerC            = number("0108504321") // of citizen C, where the numbers are linked
	doctorD, staffS    = number("0202020202"), number("0101010005")
)

const (
	sds, otherCVR = "33257872", "99999902"
	messageID     = "AAABVx0f7cUAAAEaAAAAAAAAAAAAAAAAAAAAAAAAAAABVx0f" // longer than MinLog takes
	adminRole     = "FgvhrAdmin"
)

var (
	fixedNow  = time.Date(2026, time.November, 21, 22, 5, 10, 0, time.UTC)
	validFrom = time.Date(2026, time.November, 28, 22, 5, 10, 0, time.UTC)
	formDate  = calendar.Day{Year: 2026, Month: time.November, Dom: 1}
	errSecret = errors.New("a secret cause")
)

// house is the use cases on a database in memory. It is every other port itself.
type house struct {
	optingout.Registrar
	db *memory.DB

	mu      sync.Mutex
	now     time.Time
	ids     int
	notes   audit.Notes
	entries []minlog.Entry   // that MinLog was told of
	touched []string         // what was looked at, or written
	down    map[string]error // what does not answer, and why
	status  string           // of every CPR number; "" = no number is known
	born    calendar.Day     // of everybody, as the register has it; zero = as the number says
	linked  bool             // citizen C's numbers
	before  func(what string)
}

func newHouse() *house {
	h := &house{now: fixedNow, status: "01", down: map[string]error{}}
	h.db = memory.New(h.clock)
	h.Registrar = optingout.Registrar{
		Store: optOuts{h.db.OptOuts(), h}, Citizens: h, Aliases: h, Access: h, Trail: h, Granted: h.holds, Now: h.clock, NewID: h.newID,
		Rules:      fgvhr.Rules{MinAge: 60, WaitDays: 7, Active: []string{"01", "03", "05", "07"}},
		AdminRoles: []string{adminRole}, Topic: optingout.DefaultTopic(),
	}
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) set(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = now
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
	return h.down[what]
}

func (h *house) holds(_ context.Context, name, cvr string) (bool, error) {
	return name == "fgvhr.read" && cvr == sds, h.down["grants"]
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
	if ports.Written(ctx) {
		return ports.ErrLateLog
	}
	if err := ctx.Err(); err != nil {
		return err
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

// told is what MinLog was told since it was last asked.
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

// kept is the rows that the store has of somebody, whatever is down.
func (h *house) kept(t require.TestingT, person ...cpr.Number) fgvhr.History {
	rows, err := h.db.OptOuts().History(context.Background(), person)
	require.NoError(t, err)
	return rows
}

// stored puts an opt-out of a number into the store, as if it had been registered at an instant.
func (h *house) stored(t require.TestingT, n cpr.Number, at time.Time, edit func(*fgvhr.OptOut)) fgvhr.OptOut {
	o := fgvhr.OptOut{
		ID: h.newID(), Citizen: n, Status: fgvhr.Active, Created: at, ValidFrom: h.Rules.ValidFrom(at),
		Actor: fgvhr.Actor{Role: "CITIZEN", ID: n.Digits(), Source: "CPR"},
	}
	if edit != nil {
		edit(&o)
	}
	err := h.db.OptOuts().Update(context.Background(), []cpr.Number{n}, func(before fgvhr.History) (fgvhr.OptOut, []notice.Notice, error) {
		head, _ := before.Head()
		o.Replaces = head.ID
		return o, nil, nil
	})
	require.NoError(t, err)
	return o
}

// optOuts is the store, whose every use is noted.
type optOuts struct {
	ports.OptOutStore
	h *house
}

func (o optOuts) Heads(ctx context.Context, person []cpr.Number) (fgvhr.History, error) {
	if err := o.h.touch("store"); err != nil {
		return nil, err
	}
	return o.OptOutStore.Heads(ctx, person)
}

func (o optOuts) History(ctx context.Context, person []cpr.Number) (fgvhr.History, error) {
	if err := o.h.touch("store"); err != nil {
		return nil, err
	}
	return o.OptOutStore.History(ctx, person)
}

func (o optOuts) Update(ctx context.Context, person []cpr.Number, edit func(fgvhr.History) (fgvhr.OptOut, []notice.Notice, error)) error {
	if err := o.h.touch("update"); err != nil {
		return err
	}
	return o.OptOutStore.Update(ctx, person, edit)
}

// operations are all of them, each on the opt-out of a citizen: registered, or with the id.
var operations = []struct {
	name string
	do   func(h *house, c identity.Caller, n cpr.Number, id string) error
}{
	{"registerConsent", func(h *house, c identity.Caller, n cpr.Number, _ string) error {
		v, err := h.Register(context.Background(), c, optingout.Registration{Citizen: n})
		return alone(err, v)
	}},
	{"updateConsent", func(h *house, c identity.Caller, n cpr.Number, id string) error {
		v, err := h.Update(context.Background(), c, n, fgvhr.Change{ID: id, Status: fgvhr.EnteredInError})
		return alone(err, v)
	}},
	{"deleteConsent", func(h *house, c identity.Caller, n cpr.Number, _ string) error {
		return h.Delete(context.Background(), c, n, "")
	}},
	{"getConsent", func(h *house, c identity.Caller, n cpr.Number, _ string) error {
		v, _, err := h.Get(context.Background(), c, n)
		return alone(err, v)
	}},
}

// alone returns err; an answer beside it is a programming mistake.
func alone(err error, v optingout.View) error {
	if err != nil && v != (optingout.View{}) {
		panic("an answer and an error")
	}
	return err
}

// prepared is a house where citizen C has an opt-out that is in force, but for registerConsent; id is its row.
func prepared(t testing.TB, operation string) (h *house, id string) {
	h = newHouse()
	if operation != "registerConsent" {
		id = h.stored(t, citizenC, fixedNow.AddDate(0, -1, 0), nil).ID
	}
	return h, id
}

func (h *house) register(t testing.TB, c identity.Caller, n cpr.Number) optingout.View {
	t.Helper()
	v, err := h.Register(t.Context(), c, optingout.Registration{Citizen: n})
	require.NoError(t, err)
	return v
}

// get has a caller get an opt-out that there is.
func (h *house) get(t testing.TB, c identity.Caller, n cpr.Number) optingout.View {
	t.Helper()
	v, ok, err := h.Get(t.Context(), c, n)
	require.NoError(t, err)
	require.True(t, ok, "got none")
	return v
}

// sees tells whether a caller gets an opt-out.
func (h *house) sees(t testing.TB, c identity.Caller, n cpr.Number) bool {
	t.Helper()
	v, ok, err := h.Get(t.Context(), c, n)
	require.NoError(t, err)
	require.Equal(t, ok, v != optingout.View{})
	return ok
}

func number(digits string) cpr.Number {
	n, err := cpr.Parse(digits)
	if err != nil {
		panic(err)
	}
	return n
}

func with(c identity.Caller, edit func(*identity.Caller)) identity.Caller {
	edit(&c)
	return c
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

// staff is who administers everybody's opt-outs.
func staff() identity.Caller {
	return identity.Caller{
		Kind: identity.Professional, CPR: staffS, Name: "Sonja Staff", NationalRole: adminRole, RawRole: adminRole, MessageID: messageID,
		Org:        identity.Organisation{CVR: sds, Name: "Sundhedsdatastyrelsen"},
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 4},
	}
}

// system is the card of everybody, without user.
func system() identity.Caller {
	return identity.Caller{
		Kind: identity.System, SystemName: "FSK", MessageID: messageID, Org: identity.Organisation{CVR: sds, Name: "Sundhedsdatastyrelsen"},
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 3},
	}
}

// refused asserts what the caller hears: it tells no cause, and names nobody.
func refused(t testing.TB, want, err error) {
	t.Helper()
	require.ErrorIs(t, err, want)
	heard, _ := fault.Of(err)
	wanted, _ := fault.Of(want)
	assert.Equal(t, wanted, heard)
	assert.NotRegexp(t, `\d{6}`, err.Error())
}
