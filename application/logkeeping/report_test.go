package logkeeping_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestReport(t *testing.T) {
	h := newHouse(t)
	other := system("m-2")
	other.Org.CVR = "11223344"
	bad := access("2026-10-01T08:00:00Z", activity(""))
	register := func(when string, caller identity.Caller, drafts ...minlog.Draft) {
		h.registrar.Now = func() time.Time { return at(when) }
		_, err := h.registrar.Add(t.Context(), caller, submission(drafts...))
		require.NoError(t, err)
	}
	labka := func(e *minlog.Entry) { e.System = "Labka" }
	register("2026-10-31T22:59:59Z", system("m-1"), access("2026-10-01T08:00:00Z"))
	register("2026-10-31T23:30:00Z", system("m-3"), access("2026-10-01T08:01:00Z"), access("2026-10-01T08:02:00Z"), bad, access("2026-10-01T08:03:00Z", labka))
	register("2026-10-31T23:30:00Z", other, access("2026-10-01T08:04:00Z"))
	h.consume(t)
	report := &logkeeping.Report{Store: h.db.LogStore(), Trail: h.notes}
	october, november := day("2026-10-31"), day("2026-11-01")
	const ours, theirs = "33257872", "11223344"
	operator := identity.Caller{Kind: identity.Operator, Administrator: true}
	administrator := employee(t, professional, "")
	administrator.Administrator = true
	nameless := system("m-1")
	nameless.Org.CVR = ""
	listed := system("m-1")
	listed.Administrator = true
	fmkOctober := minlog.Count{Day: october, System: "FMK", CVR: ours, Stored: 1}
	fmk := minlog.Count{Day: november, System: "FMK", CVR: ours, Stored: 2, Rejected: 1}
	lab := minlog.Count{Day: november, System: "Labka", CVR: ours, Stored: 1}
	fmkOther := minlog.Count{Day: november, System: "FMK", CVR: theirs, Stored: 1}
	for _, c := range []struct {
		name     string
		caller   identity.Caller
		from, to calendar.Day
		system   string
		want     []minlog.Count // nil = refused
	}{
		{"AC-39 own organisation, by the Copenhagen day of receipt", system("m-1"), november, day("2026-11-02"), "", []minlog.Count{fmk, lab}},
		{"AC-39 other organisation", other, october, day("2026-11-02"), "", []minlog.Count{fmkOther}},
		{"AC-39 operator", operator, october, day("2026-11-02"), "", []minlog.Count{fmkOctober, fmkOther, fmk, lab}},
		{"administrator", administrator, october, november, "", []minlog.Count{fmkOctober}},
		{"system of an administrator", listed, november, day("2026-11-02"), "FMK", []minlog.Count{fmkOther, fmk}},
		{"one system", system("m-1"), october, day("2026-11-02"), "Labka", []minlog.Count{lab}},
		{"no such system", system("m-1"), october, day("2026-11-02"), "labka", []minlog.Count{}},
		{"no days", system("m-1"), november, november, "", []minlog.Count{}},
		{"system without organisation", nameless, october, november, "", nil},
		{"AC-39 employee", employee(t, professional, ""), october, november, "", nil},
		{"AC-39 citizen", citizenToken(t, citizen), october, november, "", nil},
		{"AC-39 nobody", identity.Caller{}, october, november, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := report.Days(t.Context(), c.caller, c.from, c.to, c.system)
			if c.want == nil {
				requireRefused(t, err, "no access to the report")
				assert.Empty(t, got)
				return
			}
			require.NoError(t, err)
			assert.ElementsMatch(t, c.want, got)
		})
	}
	t.Run("400 days at most", func(t *testing.T) {
		from := day("2026-01-01")
		_, err := report.Days(t.Context(), system("m-1"), from, day("2027-02-05"), "")
		require.NoError(t, err)
		for _, to := range []calendar.Day{day("2027-02-06"), day("2025-12-31"), day("9999-01-01")} {
			_, err = report.Days(t.Context(), system("m-1"), from, to, "")
			requireSyntax(t, err)
		}
	})
	t.Run("database away", func(t *testing.T) {
		failing := &portstest.FailingLogStore{Log: h.db.LogStore()}
		failing.OnRead.FailFrom(1, errors.New("connection refused"))
		report.Store = failing
		_, err := report.Days(t.Context(), system("m-1"), october, november, "")
		requireUnavailable(t, err)
	})
}

func TestReportIsAudited(t *testing.T) {
	h := newHouse(t)
	report := &logkeeping.Report{Store: h.db.LogStore(), Trail: h.notes}
	for _, c := range []identity.Caller{employee(t, professional, ""), system("m-1")} {
		_, _ = report.Days(t.Context(), c, day("2026-10-31"), day("2026-11-01"), "FMK")
	}
	assert.Equal(t, audit.Notes{{Component: "MinLog2", Contexts: []audit.ContextNotes{{Context: "ReportRequest", Information: []audit.Information{
		{Key: "Caller", Class: audit.SPI, Value: professional},
		{Key: "Parameters", Class: audit.SPI, Value: `{"from":"2026-10-31","to":"2026-11-01","system":"FMK"}`},
		{Key: "Caller", Class: audit.SPI}, // a system has none
		{Key: "Parameters", Class: audit.SPI, Value: `{"from":"2026-10-31","to":"2026-11-01","system":"FMK"}`},
	}}}}}, h.notes.all)
}
