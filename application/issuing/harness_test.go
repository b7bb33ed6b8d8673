package issuing_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/issuing"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports/portstest"
)

// People of the synthetic registers.
const (
	adult         = "1403800099"
	doctor        = "2207820468"
	secretary     = "1909851138"
	changedNumber = "2804901808" // now adult's
	annulled      = "0803611471"
	dead          = "2508480706"
	absent        = "0909729999"
	clinic        = "99999902" // CVR

	namespace = "http://sundhedsdatastyrelsen.dk/eCPR/2020/01/01"
	topic     = namespace + ":PersonIdentifierModification"
)

var errSecret = errors.New("a secret cause")

// house is the use cases on stores in memory. What it gives out is the same in every run.
type house struct {
	*issuing.Registry
	db      *memory.DB
	ledger  *portstest.FailingNumberLedger
	persons *portstest.FailingPersonStore
	cpr     *portstest.FailingCPRRegister
	doctors *portstest.FailingAuthorisations

	mu     sync.Mutex
	now    time.Time
	notes  audit.Notes
	log    strings.Builder
	ids    int
	onID   func() // before the next id, once
	onDraw func() // before the next draw, once
	draw   func(n int) int
	told   []int // what Left was told
	issued int
	empty  int
}

func newHouse(t testing.TB) *house {
	h := &house{now: time.Date(2026, 3, 2, 9, 15, 0, 123e6, time.UTC)}
	h.db = memory.New(h.clock)
	h.ledger = &portstest.FailingNumberLedger{Ledger: h.db.Ledger()}
	h.persons = &portstest.FailingPersonStore{Store: h.db.Persons()}
	h.cpr = &portstest.FailingCPRRegister{Register: h.db.Register()}
	h.doctors = &portstest.FailingAuthorisations{Register: h.db.Authorisations()}
	h.draw = rand.New(rand.NewPCG(1, 2)).IntN
	h.Registry = &issuing.Registry{
		Ledger: h.ledger, Persons: h.persons, OIDTable: h.db.OIDs(), Roles: h.db.ECPRRoles(), Citizens: h.cpr, Authorisations: h.doctors,
		Trail: h, Now: h.clock, NewID: h.newID, Draw: h.drawn, Policy: issuing.Enforce, Notify: true, Topic: topic,
		IDType: "urn:oid:" + ecpr.XECPROID, Namespace: namespace, Logger: slog.New(slog.NewTextHandler(h, nil)),
		Issued: func() { h.locked(func() { h.issued++ }) }, Exhausted: func() { h.locked(func() { h.empty++ }) },
		Left: func(n int) { h.locked(func() { h.told = append(h.told, n) }) },
	}
	require.NoError(t, issuing.LayIn(t.Context(), h.db.OIDs(), h.newID))
	portstest.LoadPeople(t, h.db.Stamdata(), h.now.AddDate(-1, 0, 0))
	h.load(t, "cpr-person.delta.csv", "cpr;status\n"+secretary+";01")
	h.load(t, "autorisation.csv", "autorisationsnummer;cpr;uddannelseskode;validFrom;validTo\n0TST1;"+doctor+";7170;2020-01-01;\n"+
		"0TST2;"+doctor+";7170;2020-01-01;2021-01-01")
	return h
}

func (h *house) load(t testing.TB, name, text string) {
	t.Helper()
	_, err := h.db.Stamdata().Load(t.Context(), portstest.RegisterFile(t, name, text), 1, h.now.AddDate(-1, 0, 0))
	require.NoError(t, err)
}

func (h *house) locked(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

func (h *house) clock() (now time.Time) {
	h.locked(func() { now = h.now })
	return now
}

func (h *house) pass(d time.Duration) { h.locked(func() { h.now = h.now.Add(d) }) }

func (h *house) newID() (id string) {
	var first func()
	h.locked(func() { first, h.onID = h.onID, nil })
	if first != nil {
		first()
	}
	h.locked(func() { h.ids++; id = fmt.Sprintf("5b1f0a52-0c0e-4f0c-9d57-%012d", h.ids) })
	return id
}

// meanwhile has f done in the next update, when it has read the registration and before it writes.
func (h *house) meanwhile(f func()) {
	h.onID = func() { h.onID = f } // the first id is the act's, the second that of a version
}

func (h *house) drawn(n int) (i int, err error) {
	var first func()
	h.locked(func() { first, h.onDraw = h.onDraw, nil })
	if first != nil {
		first()
	}
	h.locked(func() { i = h.draw(n) })
	return i, nil
}

// Note implements ports.Trail.
func (h *house) Note(_ context.Context, c audit.Component, where audit.Context, info ...audit.Information) {
	h.locked(func() { h.notes.Add(c, where, info...) })
}

// Write takes log lines.
func (h *house) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(p)
}

// said is what the audit log was told since it was last asked: "Context key=value …" a line, without what is empty.
func (h *house) said() (lines []string) {
	h.locked(func() {
		for _, c := range h.notes {
			for _, where := range c.Contexts {
				line := string(c.Component) + "/" + string(where.Context)
				for i := range audit.Flatten(where.Information, 200) {
					line += " " + i.Key + "=" + i.Value
				}
				lines = append(lines, line)
			}
		}
		h.notes = nil
	})
	return lines
}

// in runs a use case in a unit of work, as the gate does: what fails leaves nothing.
func (h *house) in(t testing.TB, f func(context.Context) error) error {
	return h.db.Units().Run(t.Context(), f, func(context.Context) error { return nil })
}

func (h *house) create(t testing.TB, edits ...ecpr.Edit) (p ecpr.Person, err error) {
	err = h.in(t, func(ctx context.Context) (err error) {
		p, err = h.Create(ctx, user(doctor), submission(edits...))
		return err
	})
	return p, err
}

// person is one more registration.
func (h *house) person(t testing.TB, edits ...ecpr.Edit) ecpr.Person {
	t.Helper()
	p, err := h.create(t, edits...)
	require.NoError(t, err)
	return p
}

func (h *house) update(t testing.TB, p ecpr.Person, edits ...ecpr.Edit) (next ecpr.Person, err error) {
	err = h.in(t, func(ctx context.Context) (err error) {
		next, err = h.Update(ctx, user(doctor), key(p), submission(edits...))
		return err
	})
	return next, err
}

func (h *house) merge(t testing.TB, survivor, loser ecpr.Person) (kept ecpr.Person, err error) {
	err = h.in(t, func(ctx context.Context) (err error) {
		kept, err = h.Merge(ctx, user(doctor), actor(), key(survivor), key(loser))
		return err
	})
	return kept, err
}

func (h *house) coordinator(t testing.TB, who string) {
	t.Helper()
	_, err := h.db.ECPRRoles().Assign(t.Context(), ecpr.Assignment{CVR: clinic, Person: number(who), Role: ecpr.Coordinator})
	require.NoError(t, err)
}

// kept is the registration as the store has it.
func (h *house) kept(t testing.TB, id ecpr.PersonID) ecpr.Person {
	t.Helper()
	p, err := h.db.Persons().ByID(t.Context(), id)
	require.NoError(t, err)
	return p
}

// spent is how many numbers of the series of n are spent.
func (h *house) spent(t testing.TB, s ecpr.Series) int {
	t.Helper()
	taken, err := h.db.Ledger().Taken(t.Context(), s)
	require.NoError(t, err)
	return len(taken)
}

// events takes what is told to NAS out of the outbox, in the order of each person.
func (h *house) events(t testing.TB) (all []notice.Notice) {
	t.Helper()
	for {
		due, err := h.db.Outbox().Next(t.Context(), notice.NAS, h.clock().Add(time.Hour), 100)
		require.NoError(t, err)
		if len(due) == 0 {
			return all
		}
		for _, n := range due {
			require.NoError(t, h.db.Outbox().Done(t.Context(), n.ID, h.clock()))
		}
		all = append(all, due...)
	}
}

func number(digits string) cpr.Number {
	n, err := cpr.Parse(digits)
	if err != nil {
		panic(err)
	}
	return n
}

func user(digits string) identity.Caller {
	return identity.Caller{
		Kind: identity.Professional, CPR: number(digits), Org: identity.Organisation{CVR: clinic},
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 4},
	}
}

func actor() *ecpr.Actor {
	return &ecpr.Actor{
		Name: "Tove Testlæge", Authorisation: "0TST1", Person: doctor, Role: "Læge",
		Organisation: ecpr.Organisation{Name: "Testby Sygehus", ID: "900011000016001", Source: "SOR"},
	}
}

func submission(edits ...ecpr.Edit) issuing.Submission {
	return issuing.Submission{Actor: actor(), Edits: edits}
}

func add(e ecpr.Element) ecpr.Edit { return ecpr.Edit{Kind: e.Kind(), Element: e} }

func change(pid ecpr.PID, e ecpr.Element) ecpr.Edit {
	return ecpr.Edit{Kind: e.Kind(), PID: pid, Element: e}
}

func invalidate(k ecpr.Kind, pid ecpr.PID) ecpr.Edit { return ecpr.Edit{Kind: k, PID: pid} }

func passport(value string) ecpr.Identifier {
	return ecpr.Identifier{OID: ecpr.PassportOID, Value: value}
}

func link(digits string) ecpr.Edit { return add(ecpr.Identifier{OID: ecpr.CPROID, Value: digits}) }

func key(p ecpr.Person) ecpr.Identifier {
	return ecpr.Identifier{OID: ecpr.XECPROID, Value: p.Number.Text()}
}

// active returns the elements of a kind in force.
func active(p ecpr.Person, k ecpr.Kind) (found []ecpr.Element) {
	for _, v := range p.Versions {
		if v.Active() && v.Element.Kind() == k {
			found = append(found, v.Element)
		}
	}
	return found
}

// pid is the PID of an element in force.
func pid(t testing.TB, p ecpr.Person, e ecpr.Element) ecpr.PID {
	t.Helper()
	for _, v := range p.Versions {
		if v.Active() && v.Element == e {
			return v.PID
		}
	}
	t.Fatalf("no such element in force")
	return ""
}

// refused is what the rules refuse: the problem, which tells no value in its text.
func refused(t testing.TB, err, want error) ecpr.Problem {
	t.Helper()
	require.ErrorIs(t, err, want)
	p := &ecpr.Problem{}
	if errors.As(err, &p) {
		for _, value := range []string{p.Value, p.OID, string(p.PID)} {
			if len(value) > 3 {
				assert.NotContains(t, p.Error()+p.Text, value)
			}
		}
	}
	return *p
}

func refusedAs(t testing.TB, err error, kind fault.Kind, code string) {
	t.Helper()
	f, _ := fault.Of(err)
	assert.Equal(t, [2]any{kind, code}, [2]any{f.Kind, f.Code}, "%v", err)
	assert.NotContains(t, f.Text, errSecret.Error())
}

// down is a dependency that failed: the caller does not hear why.
func down(t testing.TB, err error) {
	t.Helper()
	refusedAs(t, err, fault.Unavailable, fault.CodeProcessing)
	assert.ErrorIs(t, err, errSecret)
}
