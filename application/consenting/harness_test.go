package consenting_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports/portstest"
)

// People of the cases, and organisations that call.
var (
	citizenC, citizenB = number("0101010101"), number("0404040404")
	doctorD, helperH   = number("0202020202"), number("0303030303")
	staffS             = number("0101010005") // of the national unit, SpaerAdminR8
)

const (
	region, hospital, ward = "999001000016002", "999002000016000", "999003000016001" // each below the one before
	otherRegion            = "999010000016008"
	wardSHAK               = "9990A1"

	granted, ungranted = "99999901", "99999902" // CVR numbers of who holds every grant, and none
	messageID          = "AAABVx0f7cUAAAEaAAAAAAAAAAAAAAAAAAAAAAAAAAABVx0f"
)

var (
	fixedNow  = time.Date(2026, time.March, 2, 10, 0, 0, 0, time.UTC)
	errSecret = errors.New("a secret cause")
)

// house is the use cases on stores in memory. What it gives out is the same in every run.
type house struct {
	consenting.Administration
	db        *memory.DB
	store     *portstest.FailingConsents
	overrides *portstest.FailingOverrides
	outbox    *portstest.FailingOutbox
	grantsErr error

	mu    sync.Mutex
	now   time.Time
	tree  *org.Tree
	notes audit.Notes
	ids   int
	draws []consent.ID // to draw next, before others
	drawn consent.ID
}

func newHouse(t testing.TB) *house {
	h := &house{now: fixedNow, drawn: consent.MinID}
	tree, _, err := org.NewTree([]org.Unit{
		{SOR: region}, {SOR: hospital, Parent: region}, {SOR: ward, Parent: hospital, SHAK: wardSHAK}, {SOR: otherRegion},
	})
	require.NoError(t, err)
	h.tree = tree
	h.db = memory.New(h.clock)
	h.store = &portstest.FailingConsents{Store: h.db.Consents(true)}
	h.overrides = &portstest.FailingOverrides{Log: h.db.Overrides(true)}
	h.outbox = &portstest.FailingOutbox{Outbox: h.db.Outbox()}
	h.Administration = consenting.Administration{
		Store: h.store, Overrides: h.overrides, Outbox: h.outbox, Trees: h, Trail: h, Granted: h.holds, Now: h.clock, NewID: h.newID, DrawID: h.draw,
		Roles: []string{"SpaerAdminR8"}, MaxEntries: 100, MaxActive: 1000, PositiveYears: 10,
	}
	return h
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
	h.locked(func() { h.ids++; id = fmt.Sprintf("5b1f0a52-0c0e-4f0c-9d57-%012d", h.ids) })
	return id
}

func (h *house) draw() (id consent.ID, err error) {
	h.locked(func() {
		if len(h.draws) > 0 {
			id, h.draws = h.draws[0], h.draws[1:]
			return
		}
		h.drawn++
		id = h.drawn
	})
	return id, nil
}

func (h *house) holds(_ context.Context, name, cvr string) (bool, error) {
	known := slices.Contains([]string{consenting.GrantAdmin, consenting.GrantVerification, consenting.GrantForeign}, name)
	return known && cvr == granted, h.grantsErr
}

// Current implements ports.OrgTrees.
func (h *house) Current() *org.Tree { return h.tree }

// Note implements ports.Trail.
func (h *house) Note(_ context.Context, c audit.Component, where audit.Context, info ...audit.Information) {
	h.locked(func() { h.notes.Add(c, where, info...) })
}

// said is what the audit log was told since it was last asked: "Component/Context key=value …" a line, without what is empty.
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

// told takes what MinLog is told out of the outbox, in the order of each key.
func (h *house) told(t require.TestingT) (all []notice.Notice) {
	for {
		due, err := h.db.Outbox().Next(context.Background(), notice.MinLog, h.clock().Add(time.Hour), 100)
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

// kept is the latest versions of a citizen's registrations as the store has them.
func (h *house) kept(t testing.TB, citizen cpr.Number) []consent.Registration {
	t.Helper()
	all, err := h.db.Consents(true).All(t.Context(), citizen)
	require.NoError(t, err)
	return all
}

// add has the citizen add a registration.
func (h *house) add(t testing.TB, citizen cpr.Number, kind consent.Kind, d consent.Draft) consent.Registration {
	t.Helper()
	stored, err := h.Add(t.Context(), token(citizen), []consenting.Addition{{Citizen: citizen, Kind: kind, Draft: d}})
	require.NoError(t, err)
	require.Len(t, stored, 1)
	return stored[0]
}

// always is a draft for everyone and all data, from a day before now for two years.
func always() consent.Draft {
	return consent.Draft{Valid: validity.Period{From: fixedNow.AddDate(0, 0, -1), To: fixedNow.AddDate(2, 0, 0)}}
}

func number(digits string) cpr.Number {
	n, err := cpr.Parse(digits)
	if err != nil {
		panic(err)
	}
	return n
}

// token is a citizen with a token of her own.
func token(citizen cpr.Number) identity.Caller {
	return identity.Caller{
		Kind: identity.Citizen, CPR: citizen, SystemName: "sundhed.dk", MessageID: messageID,
		Credential: identity.Credential{Scheme: identity.IDWS, Level: 4},
	}
}

// system is a system with an ID card, and what its header says; the organisation's word about its users counts.
func system(cvr string, h *identity.HSUID) identity.Caller {
	c := identity.Caller{
		Kind: identity.System, SystemName: "card's system", MessageID: messageID, Org: identity.Organisation{CVR: cvr}, HSUID: h,
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 3},
	}
	return admitted(c)
}

// admitted is the caller as the gate lets it in.
func admitted(c identity.Caller) identity.Caller {
	user, err := c.WithUser(true)
	if err != nil {
		panic(err)
	}
	return user
}

// portal is a system that a citizen uses.
func portal(cvr string, acting cpr.Number) identity.Caller {
	return system(cvr, header("nsi:Citizen", acting))
}

// dds is a system that a professional uses.
func dds(cvr string, acting cpr.Number) identity.Caller {
	return system(cvr, header("nsi:HealthcareProfessional", acting))
}

// header is what a system says of its user.
func header(userType string, acting cpr.Number) *identity.HSUID {
	return &identity.HSUID{
		Issuer: "system", UserType: userType, Acting: acting, SystemName: "Test Portal", Org: identity.OrgID{Scheme: "nsi:sor", Code: hospital},
	}
}

// card is a professional with an ID card of level 4.
func card(who cpr.Number, edit func(*identity.Caller)) identity.Caller {
	c := identity.Caller{
		Kind: identity.Professional, CPR: who, SystemName: "card's system", MessageID: messageID, Org: identity.Organisation{CVR: ungranted},
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 4}, HSUID: header("nsi:HealthcareProfessional", who),
	}
	if edit != nil {
		edit(&c)
	}
	return admitted(c)
}

// doctor is an authorised professional with an ID card.
func doctor(who cpr.Number) identity.Caller {
	return card(who, func(c *identity.Caller) { c.AuthorisationCode, c.EducationCode, c.RawRole = "0TST1", "7170", "7170" })
}

// staff is who administers every citizen's registrations.
func staff() identity.Caller {
	return card(staffS, func(c *identity.Caller) { c.NationalRole, c.RawRole = "SpaerAdminR8", "SpaerAdminR8" })
}

// refusedAs asserts what the caller hears; it tells no cause, and names nobody.
func refusedAs(t testing.TB, err error, kind fault.Kind, code string) {
	t.Helper()
	f, _ := fault.Of(err)
	require.Equal(t, [2]any{kind, code}, [2]any{f.Kind, f.Code}, "got %v", err)
	assert.NotContains(t, f.Text, errSecret.Error())
	assert.NotRegexp(t, `\d{10}`, f.Text)
}

// down is something that did not answer: the caller does not hear why.
func down(t testing.TB, err error) {
	t.Helper()
	refusedAs(t, err, fault.Unavailable, fault.CodeProcessing)
	f, _ := fault.Of(err)
	assert.Equal(t, "The service cannot answer now", f.Text)
	assert.ErrorIs(t, err, errSecret)
}
