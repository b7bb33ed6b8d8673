package logkeeping_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports/portstest"
)

// newPortal is the lookup of portals of a house, which one organisation may use.
func newPortal(h *house) *logkeeping.PortalLookup {
	return &logkeeping.PortalLookup{Reading: h.citizen.Reading, Granted: func(_ context.Context, name, cvr string) (bool, error) {
		return name == "minlog.minlog1" && cvr == "33257872", nil
	}}
}

func listed(all []minlog.Registration) []string {
	texts := []string{}
	for _, r := range all {
		texts = append(texts, r.Entry.Activity)
	}
	return texts
}

func TestPortalAccess(t *testing.T) {
	h := newHouse(t)
	h.add(t, "m-1", access("2026-11-01T08:15:00Z"))
	h.consume(t)
	portal := newPortal(h)
	of := func(change func(*identity.Caller)) identity.Caller {
		c := system("m-1")
		change(&c)
		return c
	}
	for _, c := range []struct {
		name   string
		caller identity.Caller
		ok     bool
	}{
		{"AC-34 listed organisation", system("m-1"), true},
		{"employee of a listed organisation", employee(t, professional, ""), true},
		{"AC-34 unlisted organisation", of(func(c *identity.Caller) { c.Org.CVR = "99999902" }), false},
		{"no organisation", of(func(c *identity.Caller) { c.Org.CVR = "" }), false},
		{"level 2 card", of(func(c *identity.Caller) { c.Credential.Level = 2 }), false},
		{"token", of(func(c *identity.Caller) { c.Credential.Scheme = identity.IDWS }), false},
		{"citizen's token", citizenToken(t, citizen), false},
		{"nobody", identity.Caller{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := portal.List(t.Context(), c.caller, citizen, time.Time{}, time.Time{})
			if c.ok {
				require.NoError(t, err)
				assert.Len(t, got, 1)
				return
			}
			requireRefused(t, err, "no access to look up registrations")
			assert.Empty(t, got)
		})
	}
	t.Run("grants that cannot be read", func(t *testing.T) {
		portal.Granted = func(context.Context, string, string) (bool, error) { return true, errors.New("connection refused") }
		_, err := portal.List(t.Context(), system("m-1"), citizen, time.Time{}, time.Time{})
		requireUnavailable(t, err)
	})
}

func TestPortalLookup(t *testing.T) {
	h := newHouse(t)
	h.add(t, "m-1", access("2026-11-01T08:00:00Z", activity("begin"), by(cprID(assistant), codeID(code))), access("2026-11-01T09:00:00Z", activity("end")),
		access("2026-11-01T09:00:00.000001Z", activity("after")), access("2026-11-01T07:59:59.999999Z", activity("before")),
		period(access("2026-11-01T08:00:00Z", activity("period")), "2026-11-01T07:00:00Z", "2026-11-01T08:10:00Z"),
		access("2026-11-01T08:30:00Z", activity("hidden"), filter("ikke borger ")),
		access("2026-11-01T08:31:00Z", activity("hidden from custody"), filter("Ikke forældremyndigheds-indehaver")),
		access("2026-11-01T08:32:00Z", activity("other word"), filter("x")), access("2026-11-01T08:33:00Z", activity("stranger"), about(stranger)))
	h.consume(t)
	portal := newPortal(h)
	list := func(person, from, to string) ([]minlog.Registration, error) {
		var bounds [2]time.Time
		for i, s := range []string{from, to} {
			if s != "" {
				bounds[i] = at(s)
			}
		}
		return portal.List(t.Context(), system("m-1"), person, bounds[0], bounds[1])
	}
	for name, c := range map[string]struct {
		person, from, to string
		want             []string
	}{
		"AC-35 both ends belong to the window": {citizen, "2026-11-01T08:00:00Z", "2026-11-01T09:00:00Z", []string{"begin", "period", "other word", "end"}},
		"one instant":                          {citizen, "2026-11-01T09:00:00Z", "2026-11-01T09:00:00Z", []string{"end"}},
		"no bounds":                            {"020280-1111", "", "", []string{"before", "begin", "period", "other word", "end", "after"}},
		"AC-34 empty window":                   {citizen, "2026-11-02T08:00:00Z", "2026-11-02T09:00:00Z", []string{}},
		"a person without registrations":       {child, "", "", []string{}},
		"the number of nobody":                 {"0000000000", "", "", []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := list(c.person, c.from, c.to)
			require.NoError(t, err)
			assert.Equal(t, c.want, listed(got))
		})
	}
	t.Run("AC-34 as it was registered", func(t *testing.T) {
		got, err := list(citizen, "2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z")
		require.NoError(t, err)
		assert.Equal(t, h.stored(t, citizen)[1], got[0], "unmasked")
	})
	t.Run("AC-38 an expired row is not shown", func(t *testing.T) {
		portal.Now = func() time.Time { return at("2028-11-01T08:10:00Z") }
		got, err := list(citizen, "", "")
		require.NoError(t, err)
		assert.Equal(t, []string{"other word", "end", "after"}, listed(got))
		portal.Now = h.citizen.Now
	})
	t.Run("what cannot be asked", func(t *testing.T) {
		for _, c := range [][3]string{{"3102801111", "", ""}, {"x", "", ""}, {"", "", ""}, {citizen, "2026-11-01T09:00:00Z", "2026-11-01T08:59:59.999999Z"}} {
			_, err := list(c[0], c[1], c[2])
			requireSyntax(t, err)
		}
		portal.Granted = func(context.Context, string, string) (bool, error) { return false, nil }
		_, err := list("x", "", "")
		requireRefused(t, err, "no access to look up registrations")
		portal.Granted = newPortal(h).Granted
	})
	t.Run("too many registrations", func(t *testing.T) {
		for _, change := range []func(max int){func(n int) { portal.MaxEntries = n }, func(n int) { portal.ScanBudget = n + 2 }} {
			change(6)
			got, err := list(citizen, "", "")
			require.NoError(t, err)
			assert.Len(t, got, 6)
			change(5)
			_, err = list(citizen, "", "")
			f, _ := fault.Of(err)
			assert.Equal(t, "too_many_results", f.Code)
			portal.Reading = h.citizen.Reading
		}
	})
	t.Run("aliases", func(t *testing.T) {
		r := &register{numbers: []cpr.Number{number(t, citizen), number(t, stranger)}}
		portal.Aliases = r
		got, err := list(stranger, "2026-11-01T08:32:00Z", "2026-11-01T08:33:00Z")
		require.NoError(t, err)
		assert.Equal(t, []string{"other word", "stranger"}, listed(got))
		r.err = errors.New("connection refused")
		_, err = list(stranger, "", "")
		requireUnavailable(t, err)
		portal.Aliases = nil
	})
	t.Run("database away", func(t *testing.T) {
		failing := &portstest.FailingLogStore{Log: h.db.LogStore()}
		failing.OnRead.FailFrom(1, errors.New("connection refused"))
		portal.Store = failing
		_, err := list(citizen, "", "")
		requireUnavailable(t, err)
	})
}

func TestPortalIsAudited(t *testing.T) {
	h := newHouse(t)
	portal := newPortal(h)
	caller := employee(t, professional, "")
	_, err := portal.List(t.Context(), caller, citizen, at("2026-11-01T08:00:00Z"), time.Time{})
	require.NoError(t, err)
	caller.Org.CVR = "99999902"
	_, err = portal.List(t.Context(), caller, "x", time.Time{}, time.Time{})
	require.Error(t, err)
	assert.Equal(t, audit.Notes{{Component: "MinLog2", Contexts: []audit.ContextNotes{{Context: "LookupRequest", Information: []audit.Information{
		{Key: "Caller", Class: audit.SPI, Value: professional},
		{Key: "Parameters", Class: audit.SPI, Value: `{"person":{"source":"CPR","id":"0202801111"},"from":"2026-11-01T08:00:00Z"}`},
		{Key: "Caller", Class: audit.SPI, Value: professional},
		{Key: "Parameters", Class: audit.SPI, Value: `{"person":{"source":"CPR","id":"x"}}`},
	}}}}}, h.notes.all)
}
