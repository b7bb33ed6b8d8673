package logkeeping_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
)

func TestVisit(t *testing.T) {
	citizen, actor := civilNumber(t, "0501792275"), civilNumber(t, "0202020202")
	at := time.Date(2026, time.November, 21, 23, 5, 10, 123456789, time.FixedZone("", 3600))
	entry := func(edit func(*minlog.Entry)) minlog.Entry {
		e := minlog.Entry{
			System: "LTR-BTR", Activity: "Opslag livstestamente", From: at.UTC().Truncate(time.Microsecond), To: at.UTC().Truncate(time.Microsecond),
			Person: minlog.ID{Source: "CPR", Value: "0501792275"}, CorrelationID: "message", SequenceNumber: "5b1f6f0e-6a2d-4c8e-9f6b-0d2f6f1c7a11",
		}
		edit(&e)
		return e
	}
	sds := identity.Organisation{CVR: "33257872", Name: "Sundhedsdatastyrelsen"}
	ward := identity.Organisation{CVR: "33257872", Name: "Ward", IDs: []identity.OrgID{
		{Scheme: "medcom:skscode", Code: "9990A1"}, {Scheme: "medcom:sor", Code: "999003000016001"},
	}}
	for _, c := range []struct {
		name   string
		caller identity.Caller
		want   func(*minlog.Entry)
	}{
		{"citizen", identity.Caller{Kind: identity.Citizen, CPR: citizen, Name: "A B"}, func(e *minlog.Entry) {
			e.User, e.UserName, e.UserRole = e.Person, "A B", "Borger"
		}},
		{"authorised professional in a unit",
			identity.Caller{Kind: identity.Professional, CPR: actor, Name: "D", AuthorisationCode: "0TST1", EducationCode: "7170", Org: ward},
			func(e *minlog.Entry) {
				e.User, e.UserName, e.UserRole = minlog.ID{Source: "Autorisation", Value: "0TST1"}, "D", "7170"
				e.Org, e.OrgName = minlog.ID{Source: "SOR", Value: "999003000016001"}, "Ward"
			}},
		{"employee with a role", identity.Caller{Kind: identity.Professional, CPR: actor, NationalRole: "Admin", Org: sds}, func(e *minlog.Entry) {
			e.User, e.UserRole = minlog.ID{Source: "CPR", Value: "0202020202"}, "Admin"
			e.Org, e.OrgName = minlog.ID{Source: "CVR", Value: "33257872"}, "Sundhedsdatastyrelsen"
		}},
		{"system for a person",
			identity.Caller{Kind: identity.System, Org: sds, OnBehalfOf: &identity.Principal{CPR: actor}}, func(e *minlog.Entry) {
				e.User = minlog.ID{Source: "CPR", Value: "0202020202"}
				e.Org, e.OrgName = minlog.ID{Source: "CVR", Value: "33257872"}, "Sundhedsdatastyrelsen"
			}},
		{"nobody", identity.Caller{}, func(*minlog.Entry) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.caller.MessageID = "message"
			got := logkeeping.Visit{
				System: "LTR-BTR", Activity: "Opslag livstestamente", Citizen: citizen, Caller: c.caller, At: at, ID: "5b1f6f0e-6a2d-4c8e-9f6b-0d2f6f1c7a11",
			}.Entry()
			assert.Equal(t, entry(c.want), got)
		})
	}
}

func TestVisitIsCutToWhatMinLogTakes(t *testing.T) {
	long := strings.Repeat("å", 500)
	caller := identity.Caller{
		Kind: identity.Professional, CPR: civilNumber(t, "0202020202"), Name: long, NationalRole: long, MessageID: long,
		Org: identity.Organisation{CVR: "33257872", Name: long, IDs: []identity.OrgID{{Scheme: "medcom:sor", Code: long}}},
	}
	now := time.Date(2026, time.November, 21, 22, 5, 10, 0, time.UTC)
	e := logkeeping.Visit{
		System: "LTR-BTR", Activity: "Opslag livstestamente", Citizen: civilNumber(t, "0501792275"), Caller: caller, At: now, ID: "1",
	}.Entry()
	rules := minlog.Rules{Interface: minlog.Interface20250312, Now: now, Cutoff: now.AddDate(-2, 0, 0)}
	_, err := rules.Taken([]minlog.Entry{e})
	require.NoError(t, err)
	assert.Equal(t, strings.Repeat("å", 50), e.UserName)
	assert.Equal(t, strings.Repeat("å", 46), e.CorrelationID)
}

func civilNumber(t *testing.T, digits string) cpr.Number {
	t.Helper()
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	return n
}
