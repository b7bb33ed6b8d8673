package rest_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
)

const (
	pathRegistrations    = "/api/minlog/v1/registrations"
	pathCitizenLookups   = "/api/minlog/v1/citizen-lookups"
	pathAssistantLookups = "/api/minlog/v1/assistant-lookups"
	pathReport           = "/api/minlog/v1/report"

	// The people of MinLog's cases.
	citizen, littleOne, teen          = "0202801111", "0303164444", "0606104444"
	professional, assistant, stranger = "0404701111", "0505851111", "0909651111"
	proxyHolder                       = "0707551111"
	registrarCVR                      = "33257872"
)

// minlog is MinLog on the stores of the house.
func (h *house) minlog(log *slog.Logger) *rest.MinLog {
	now := func() time.Time { return h.now }
	trail := admitting.Trail{}
	registrar := &logkeeping.Registrar{
		Log: &h.appends, Trail: trail, Now: now, Topic: "minlog", KeySecret: []byte("secret"), MaxBulk: 1000, MaxPeriod: 744 * time.Hour,
		FutureTolerance: 5 * time.Minute, RetentionYears: 2, AppendTimeout: time.Minute, BlockedCVR: []string{"11111111"},
	}
	reading := logkeeping.Reading{
		Store: h.db.LogStore(), Trail: trail, Now: now, Logger: log, TokenKey: []byte("token key"), PageSize: 500, MaxPageSize: 1000,
		MaxEntries: 100, ScanBudget: 50000, MaxPeriod: 744 * time.Hour, RetentionYears: 2,
	}
	return &rest.MinLog{
		Registrar: registrar,
		Citizens: &logkeeping.CitizenLookup{
			Reading: reading, Relations: custody{}, Access: &logkeeping.AccessLog{Registrar: registrar, CVR: registrarCVR, NewID: uuid.NewString},
			Ages: minlog.Ages{Self: 15, Custody: 15}, OwnByCard: true, MaskUserCPR: true,
		},
		Assistants: &logkeeping.AssistantLookup{Reading: reading},
		Report:     &logkeeping.Report{Store: h.db.LogStore(), Trail: trail},
		Audiences:  []string{audience},
	}
}

// startMinLog is a server whose message log is there.
func startMinLog(t *testing.T, change ...func(*house)) *house {
	t.Helper()
	h := start(t, change...)
	require.NoError(t, logkeeping.EnsureTopic(t.Context(), h.db.Topics(), "minlog", messagelog.Spec{Partitions: 2}))
	return h
}

// consume takes everything out of the message log.
func (h *house) consume(t *testing.T) {
	t.Helper()
	for n := 1; n > 0; {
		n = 0
		for part := range 2 {
			taken, err := h.consumer.Step(t.Context(), part)
			require.NoError(t, err)
			n += taken
		}
	}
}

// stored is what is stored of a person, oldest first.
func (h *house) stored(t *testing.T, person string) []minlog.Registration {
	t.Helper()
	h.consume(t)
	all, err := h.db.LogStore().ByPerson(t.Context(), minlog.Key("CPR:"+person), minlog.Query{Chronologic: true}, minlog.Cursor{}, 10_000)
	require.NoError(t, err)
	return all
}

// session is the token of a session that the caller's credential opened; change may change the caller.
func (h *house) session(t *testing.T, caller identity.Caller, change ...func(*identity.Caller)) string {
	t.Helper()
	for _, c := range change {
		c(&caller)
	}
	s, err := h.deps.Sessions.Open(t.Context(), caller)
	require.NoError(t, err)
	h.secrets = append(h.secrets, s.Token)
	return s.Token
}

// The callers of MinLog, before their sessions.
func system(cvr string) identity.Caller {
	return identity.Caller{
		Kind: identity.System, Org: identity.Organisation{CVR: cvr}, SystemName: "Service Consumer Test",
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 3},
	}
}

func organisation(cvr string) identity.Caller {
	c := system(cvr)
	c.Credential, c.Audience = identity.Credential{Scheme: identity.IDWS, Level: 3}, audience
	return c
}

func employee(t *testing.T, number, code string) identity.Caller {
	t.Helper()
	n, err := cpr.Parse(number)
	require.NoError(t, err)
	return identity.Caller{
		Kind: identity.Professional, CPR: n, AuthorisationCode: code, Org: identity.Organisation{CVR: registrarCVR},
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 4},
	}
}

func person(t *testing.T, number string) identity.Caller {
	t.Helper()
	n, err := cpr.Parse(number)
	require.NoError(t, err)
	return identity.Caller{Kind: identity.Citizen, CPR: n, Audience: audience, Credential: identity.Credential{Scheme: identity.IDWS, Level: 3}}
}

// add sends registrations with a key, "" for none.
func (h *house) add(t *testing.T, token, key, body string) answer {
	t.Helper()
	return h.write(t, token, http.MethodPost, pathRegistrations, key, body)
}

// access is a good entry; members of more replace or add to its members.
func access(more map[string]any) map[string]any {
	e := map[string]any{
		"system": "FMK", "activity": "Opslag på medicinkort", "at": "2026-11-01T08:15:00Z", "sequenceNumber": "7",
		"person": map[string]any{"source": "CPR", "id": citizen}, "user": map[string]any{"source": "CPR", "id": assistant},
	}
	for name, value := range more {
		e[name] = value
	}
	return e
}

// entries is a body with them.
func entries(t *testing.T, all ...map[string]any) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"entries": all})
	require.NoError(t, err)
	return string(body)
}

func id(source, value string) map[string]any { return map[string]any{"source": source, "id": value} }

// sample is the request of the SOAP service's sample, as JSON.
const sample = `{"entries":[
 {"source":{"correlationId":"s-4711","system":"Praksis-A"},"system":"FMK","activity":"Opslag på medicinkort","addition":"Ingen",
  "at":"2026-11-01T09:15:00+01:00","org":{"source":"SOR","id":"999000000000001"},"orgName":"Testklinikken",
  "person":{"source":"CPR","id":"020280-1111"},"correlationId":"s-4711","sequenceNumber":"7","user":{"source":"CPR","id":"0505851111"},
  "userRole":"Sygeplejerske","behalf":{"source":"Autorisation","id":"TST01"}},
 {"system":"FMK","activity":"Opslag","from":"2026-11-01T09:00:00Z","to":"2026-11-01T08:00:00Z",
  "person":{"source":"CPR","id":"0202801111"},"sequenceNumber":"8","user":{"source":"CPR","id":"0505851111"}}]}`

func TestAddRegistrations(t *testing.T) {
	t.Run("AC-1 the sample is the registration that it is by SOAP", func(t *testing.T) {
		h := startMinLog(t)
		a := h.add(t, h.session(t, system(registrarCVR)), "", sample)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.JSONEq(t, `{"added":1,"failed":1,"failures":[{"index":1,"sequenceNumber":"8","code":"invalid_period","text":"from is after to"}]}`, a.Body.String())
		assert.Equal(t, audit.MinLog2, h.line(t).Route)
		assert.Contains(t, h.said(t)[0], "MinLog2/RegistrationRequest NumberAdded=1 NumberFailed=1 System=Service Consumer Test Interface=20250312")
		assert.NotContains(t, fmt.Sprint(h.line(t)), citizen)
		rows := h.stored(t, citizen)
		require.Len(t, rows, 1)
		assert.Equal(t, "cb2b07c4-dc0f-87cb-a148-7537894193bc", rows[0].ID.String())
		assert.Equal(t, minlog.Registrar{CVR: registrarCVR, ITSystem: "Service Consumer Test", MessageID: rows[0].Registrar.MessageID, Interface: "20250312"}, rows[0].Registrar)
	})
	t.Run("every member has its place", func(t *testing.T) {
		h := startMinLog(t)
		a := h.add(t, h.session(t, system(registrarCVR)), "", `{ "entries" : [ {"filters":["Ikke borger","\u00e6","Ikke borger",""],"behalfRole":"o","behalfName":"n",
			"behalf":{"id":"0404701111","source":"CPR"},"userRole":"m","userName":"l","user":{"source":"Autorisation","id":"tst02"},"sequenceNumber":"k",
			"correlationId":"j","personName":"i","person":{"source":"eCPR","id":"010180aaa1"},"orgName":"h","org":{"source":"YDER","id":"g"},
			"to":"2026-11-01T08:15:00.1234567+00:00","from":"2026-11-01T03:15:00-05:00","criticality":"f","addition":"e","reason":"d","activity":"c","system":"b",
			"source":{"source":{"system":"a","source":{}},"correlationId":"z"}} ] } `)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.JSONEq(t, `{"added":1,"failed":0,"failures":[]}`, a.Body.String())
		h.consume(t)
		rows, err := h.db.LogStore().ByPerson(t.Context(), "eCPR:010180AAA1", minlog.Query{}, minlog.Cursor{}, 10)
		require.NoError(t, err)
		require.Len(t, rows, 1)
		assert.Equal(t, minlog.Entry{
			Source: &minlog.Chain{CorrelationID: "z", Source: &minlog.Chain{System: "a"}}, System: "b", Activity: "c", Reason: "d", Addition: "e", Criticality: "f",
			From: time.Date(2026, 11, 1, 8, 15, 0, 0, time.UTC), To: time.Date(2026, 11, 1, 8, 15, 0, 123456000, time.UTC),
			Org: minlog.ID{Source: "YDER", Value: "g"}, OrgName: "h", Person: minlog.ID{Source: "eCPR", Value: "010180AAA1"}, PersonName: "i", CorrelationID: "j",
			SequenceNumber: "k", User: minlog.ID{Source: "Autorisation", Value: "TST02"}, UserName: "l", UserRole: "m",
			OnBehalfOf: minlog.ID{Source: "CPR", Value: professional}, OnBehalfOfName: "n", OnBehalfOfRole: "o", Filters: []string{"Ikke borger", "æ"},
		}, rows[0].Entry)
	})
	t.Run("AC-3 a thousand entries, one more, none", func(t *testing.T) {
		h := startMinLog(t)
		token := h.session(t, system(registrarCVR))
		many := func(n int) string {
			return `{"entries":[` + strings.TrimSuffix(strings.Repeat(`{"system":"FMK"},`, n), ",") + `]}`
		}
		a := h.add(t, token, "k", many(1000))
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.InDelta(t, 1000, a.body["failed"], 0)
		a = h.add(t, token, "l", many(1001))
		h.problem(t, a, http.StatusRequestEntityTooLarge, minlog.CodeTooManyEntries)
		assert.Equal(t, "1001 entries, at most 1000 are allowed.", a.body["detail"])
		a = h.add(t, token, "m", many(0))
		h.problem(t, a, http.StatusBadRequest, fault.CodeSyntax)
		assert.Equal(t, "At least one entry is required.", a.body["detail"])
	})
	t.Run("AC-14 the message log fails: nothing is added, then once", func(t *testing.T) {
		h := startMinLog(t)
		token := h.session(t, system(registrarCVR))
		h.appends.OnAppend.FailFrom(1, errTest)
		a := h.add(t, token, "k", sample)
		h.problem(t, a, http.StatusServiceUnavailable, fault.CodeProcessing)
		assert.Equal(t, "30", a.Header().Get("Retry-After"))
		assert.NotContains(t, a.Body.String(), "secret cause")
		h.appends.OnAppend.Heal()
		for _, key := range []string{"k", "l"} {
			require.Equal(t, http.StatusOK, h.add(t, token, key, sample).Code)
		}
		assert.Len(t, h.stored(t, citizen), 1)
	})
	t.Run("AC-3 a body of 10 MiB, and an octet more", func(t *testing.T) {
		h := startMinLog(t)
		token := h.session(t, system(registrarCVR))
		a := h.add(t, token, "", sample+strings.Repeat(" ", 10<<20-len(sample)))
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		a = h.add(t, token, "", sample+strings.Repeat(" ", 10<<20+1-len(sample)))
		h.problem(t, a, http.StatusRequestEntityTooLarge, fault.CodeSyntax)
		a = h.post(t, token, pathCitizenLookups, "{}"+strings.Repeat(" ", 64<<10))
		h.problem(t, a, http.StatusRequestEntityTooLarge, fault.CodeSyntax)
	})
}

func TestWhoRegisters(t *testing.T) {
	h := startMinLog(t)
	for name, token := range map[string]string{
		"a system":                    h.session(t, system(registrarCVR)),
		"an employee with a card":     h.session(t, employee(t, professional, "")),
		"an organisation's token":     h.session(t, organisation(registrarCVR)),
		"a sample, in development":    h.as(t, "epj"),
		"a person, with a card for 3": h.session(t, employee(t, professional, ""), func(c *identity.Caller) { c.Credential.Level = 3 }),
	} {
		t.Run(name, func(t *testing.T) {
			a := h.add(t, token, "", entries(t, access(nil)))
			require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
			assert.InDelta(t, 1, a.body["added"], 0)
		})
	}
	before := len(h.stored(t, citizen))
	for name, c := range map[string]struct {
		token, code string
		status      int
	}{
		"AC-13 nobody":                         {"", fault.CodeMissingHeader, http.StatusUnauthorized},
		"AC-13 a citizen":                      {h.session(t, person(t, citizen)), fault.CodeNotAuthorized, http.StatusForbidden},
		"AC-13 a card of level 2":              {h.session(t, system(registrarCVR), func(c *identity.Caller) { c.Credential.Level = 2 }), fault.CodeSecurityLevel, http.StatusForbidden},
		"a token of an employee":               {h.session(t, employee(t, professional, "TST01"), token), fault.CodeNotAuthorized, http.StatusForbidden},
		"a token for another service":          {h.session(t, organisation(registrarCVR), func(c *identity.Caller) { c.Audience = "https://fsk" }), fault.CodeNotAuthorized, http.StatusForbidden},
		"an organisation's token with a user":  {h.session(t, organisation(registrarCVR), func(c *identity.Caller) { c.CPR = person(t, citizen).CPR }), fault.CodeNotAuthorized, http.StatusForbidden},
		"a blocked organisation":               {h.session(t, system("11111111")), fault.CodeNotAuthorized, http.StatusForbidden},
		"an organisation without number":       {h.session(t, system("")), fault.CodeNotAuthorized, http.StatusForbidden},
		"the operator":                         {operatorToken, fault.CodeNotAuthorized, http.StatusForbidden},
		"a session that nothing proved opened": {h.session(t, employee(t, professional, ""), func(c *identity.Caller) { c.Credential.Scheme = identity.Address }), fault.CodeNotAuthorized, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			h.now = h.now.Add(time.Second)
			h.problem(t, h.add(t, c.token, "k-"+strings.ReplaceAll(name, " ", "-"), entries(t, access(map[string]any{"sequenceNumber": "9"}))), c.status, c.code)
		})
	}
	assert.Len(t, h.stored(t, citizen), before)
	t.Run("without audiences a token opens nothing", func(t *testing.T) {
		h := startMinLog(t, func(h *house) { h.deps.MinLog.Audiences = nil })
		h.problem(t, h.add(t, h.session(t, organisation(registrarCVR)), "k", sample), http.StatusForbidden, fault.CodeNotAuthorized)
		assert.Equal(t, http.StatusOK, h.add(t, h.session(t, system(registrarCVR)), "k", sample).Code)
	})
}

// token makes a caller one that an identity token named.
func token(c *identity.Caller) {
	c.Credential.Scheme, c.Credential.Level, c.Audience = identity.IDWS, 3, audience
}

func TestIdempotencyKey(t *testing.T) {
	unnumbered := access(nil)
	delete(unnumbered, "sequenceNumber")
	h := startMinLog(t)
	token := h.session(t, system(registrarCVR))
	body := entries(t, unnumbered, unnumbered)
	t.Run("AC-44 without a key and sequence numbers", func(t *testing.T) {
		for _, bad := range []string{body, entries(t, access(nil), unnumbered), entries(t, access(map[string]any{"sequenceNumber": ""}))} {
			a := h.add(t, token, "", bad)
			h.problem(t, a, http.StatusBadRequest, fault.CodeSyntax)
			assert.Equal(t, "The header Idempotency-Key is missing.", a.body["detail"])
		}
		assert.Empty(t, h.stored(t, citizen))
	})
	t.Run("AC-44 the same key twice: the same answer, rows once", func(t *testing.T) {
		first := h.add(t, token, "k", body)
		require.Equal(t, http.StatusOK, first.Code, "%s", first.Body)
		again := h.add(t, token, "k", body)
		assert.Equal(t, first.Body.String(), again.Body.String())
		assert.Equal(t, first.Header().Get("Content-Type"), again.Header().Get("Content-Type"))
		assert.Equal(t, []string{"MinLog2/AddRegistrations outcome=replayed"}, h.said(t))
		assert.Len(t, h.stored(t, citizen), 2, "AC-16 two equal entries are two registrations")
	})
	t.Run("AC-44 the same key when the answers were forgotten", func(t *testing.T) {
		_, err := h.db.Replies().Purge(t.Context(), h.now.Add(1000*time.Hour), 1000)
		require.NoError(t, err)
		a := h.add(t, token, "k", body)
		require.Equal(t, http.StatusOK, a.Code)
		assert.InDelta(t, 2, a.body["added"], 0)
		assert.NotContains(t, h.said(t)[0], "replayed", "it was carried out")
		assert.Len(t, h.stored(t, citizen), 2)
	})
	t.Run("AC-44 the same key for something else", func(t *testing.T) {
		h.problem(t, h.add(t, token, "k", entries(t, unnumbered)), http.StatusBadRequest, fault.CodeSyntax)
	})
	t.Run("another key, another access", func(t *testing.T) {
		require.Equal(t, http.StatusOK, h.add(t, token, "l", body).Code)
		assert.Len(t, h.stored(t, citizen), 4)
	})
	t.Run("AC-16 with the same sequence number they are one, whatever the key", func(t *testing.T) {
		for _, key := range []string{"", "", "m", "n"} {
			a := h.add(t, token, key, entries(t, access(nil), access(nil)))
			require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
			assert.InDelta(t, 2, a.body["added"], 0)
			assert.NotContains(t, h.said(t)[0], "replayed")
		}
		assert.Len(t, h.stored(t, citizen), 5)
	})
	t.Run("another organisation's key is another", func(t *testing.T) {
		require.Equal(t, http.StatusOK, h.add(t, h.session(t, system("99999901")), "k", body).Code)
		assert.Len(t, h.stored(t, citizen), 7)
	})
}

// What is wrong in an entry fails the entry, and says which member it is, not what it holds.
func TestFailedEntries(t *testing.T) {
	h := startMinLog(t)
	token := h.session(t, system(registrarCVR))
	const good = `"system":"S","activity":"A","at":"2026-11-01T08:15:00Z","person":{"source":"CPR","id":"0202801111"},"user":{"source":"CPR","id":"0505851111"}`
	with := func(members string) string { return `{` + good + `,` + members + `}` }
	without := func(name string, replacement string) string {
		parts := map[string]string{
			"system": `"system":"S",`, "activity": `"activity":"A",`, "at": `"at":"2026-11-01T08:15:00Z",`, "person": `"person":{"source":"CPR","id":"0202801111"},`,
			"user": `,"user":{"source":"CPR","id":"0505851111"}`,
		}
		body := strings.Replace(good, parts[name], "", 1)
		if replacement != "" {
			body += "," + replacement
		}
		return `{` + body + `}`
	}
	chain := func(n int) string {
		return strings.Repeat(`{"source":`, n-1) + `{"system":"x"}` + strings.Repeat(`}`, n-1)
	}
	for _, c := range []struct{ name, entry, code, text string }{
		{"nothing at all", `{}`, "missing_value", "system is missing"},
		{"no system", without("system", ""), "missing_value", "system is missing"},
		{"a blank activity", without("activity", `"activity":" "`), "missing_value", "activity is missing"},
		{"no person", without("person", ""), "missing_value", "person is missing"},
		{"an empty person", without("person", `"person":{}`), "missing_value", "person is missing"},
		{"a person without source", without("person", `"person":{"id":"0202801111"}`), "missing_value", "person is missing"},
		{"no user", without("user", ""), "missing_value", "user is missing"},
		{"AC-5 an activity of 76 letters", without("activity", `"activity":"`+strings.Repeat("æ", 76)+`"`), "value_too_long", "activity is too long"},
		{"AC-2 an organisation by SKS", with(`"org":{"source":"SKS","id":"x"}`), "invalid_source", "org has a source that is not allowed"},
		{"a person by authorisation", without("person", `"person":{"source":"Autorisation","id":"x"}`), "invalid_source", "person has a source that is not allowed"},
		{"AC-11 no day", without("person", `"person":{"source":"CPR","id":"3102801111"}`), "invalid_person_id", "person is not a valid number"},
		{"AC-11 nobody", without("user", `"user":{"source":"CPR","id":"0000000000"}`), "invalid_person_id", "user is not a valid number"},
		{"no time", without("at", ""), "invalid_time", "from: either at or both from and to must hold a time with a zone (RFC 3339)"},
		{"AC-8 both forms of time", with(`"from":"2026-11-01T08:15:00Z"`), "invalid_time", "at: either at or both from and to must hold a time with a zone (RFC 3339)"},
		{"AC-8 half a form", without("at", `"to":"2026-11-01T08:15:00Z"`), "invalid_time", "from: either at or both from and to must hold a time with a zone (RFC 3339)"},
		{"a time without zone", without("at", `"at":"2026-11-01T08:15:00"`), "invalid_time", ""},
		{"a time with a short hour", without("at", `"at":"2026-11-01T8:15:00Z"`), "invalid_time", ""},
		{"a time with a comma", without("at", `"at":"2026-11-01T08:15:00,5Z"`), "invalid_time", ""},
		{"a zone a day away", without("at", `"at":"2026-11-01T08:15:00+24:00"`), "invalid_time", ""},
		{"a zone of 60 minutes", without("at", `"at":"2026-11-01T08:15:00+01:60"`), "invalid_time", ""},
		{"a time in small letters", without("at", `"at":"2026-11-01t08:15:00z"`), "invalid_time", ""},
		{"midnight as 24", without("at", `"at":"2026-11-01T24:00:00Z"`), "invalid_time", ""},
		{"a leap second", without("at", `"at":"2026-11-01T23:59:60Z"`), "invalid_time", ""},
		{"a day", without("at", `"at":"2026-11-01"`), "invalid_time", ""},
		{"an empty time", without("at", `"at":""`), "invalid_time", ""},
		{"AC-6 too early", without("at", `"at":"2014-12-31T23:59:59Z"`), "time_too_early", "at is before 2015"},
		{"AC-6 too old", without("at", `"at":"2015-01-01T00:00:00Z"`), "time_too_old", "at is longer ago than MinLog shows"},
		{"AC-7 too late", without("at", `"at":"2026-11-21T12:05:01Z"`), "time_in_future", "at is in the future"},
		{"the year 9999, which is 10000 elsewhere", without("at", `"at":"9999-12-31T23:59:59-01:00"`), "invalid_time", ""},
		{"too long", without("at", `"from":"2026-10-01T00:00:00Z","to":"2026-11-01T00:00:01Z"`), "period_too_long", "to is too long after from"},
		{"backwards", without("at", `"from":"2026-11-02T00:00:00Z","to":"2026-11-01T00:00:00Z"`), "invalid_period", "from is after to"},
		{"AC-8 a member twice", with(`"activity":"B"`), "duplicate_element", "activity is repeated"},
		{"a person twice", with(`"person":{"source":"CPR","id":"0202801111"}`), "duplicate_element", "person is repeated"},
		{"a source of a person twice", without("person", `"person":{"source":"CPR","source":"CPR","id":"0202801111"}`), "duplicate_element", "person is repeated"},
		{"a source twice", with(`"source":{},"source":{}`), "duplicate_element", "source is repeated"},
		{"a system of a source twice", with(`"source":{"system":"x","system":"y"}`), "duplicate_element", "source is repeated"},
		{"a source of a source twice", with(`"source":{"source":{},"source":{}}`), "duplicate_element", "source is repeated"},
		{"filters twice", with(`"filters":[],"filters":[]`), "duplicate_element", "filters is repeated"},
		{"a member that there is not", with(`"colour":{"a":["]",{"b":null}],"c":"}\""}`), "unknown_element", "the entry holds an unknown member"},
		{"a member in another case", with(`"Reason":"x"`), "unknown_element", ""},
		{"a member of the record", with(`"id":"x"`), "unknown_element", ""},
		{"a member of a person", without("person", `"person":{"source":"CPR","id":"0202801111","name":1e5}`), "unknown_element", ""},
		{"a member of a source", with(`"source":{"name":true}`), "unknown_element", ""},
		{"AC-8 eleven filters", with(`"filters":["a","b","c","d","e","f","g","h","i","j","k"]`), "too_many_filters", "filters holds more than 10"},
		{"a filter of 51 letters", with(`"filters":["` + strings.Repeat("x", 51) + `"]`), "value_too_long", "filters is too long"},
		{"a chain of 9", with(`"source":` + chain(9)), "source_too_deep", "source is nested deeper than 8"},
		{"a chain of thousands", with(`"source":` + chain(3000)), "source_too_deep", ""},
		{"a number for a text", without("system", `"system":-1.5e3`), "invalid_value", "system is not valid"},
		{"null for a text", with(`"reason":null`), "invalid_value", "reason is not valid"},
		{"a list for a text", with(`"reason":["x",[{"y":"]"}]]`), "invalid_value", ""},
		{"a text for a person", without("person", `"person":"0202801111"`), "invalid_value", "person is not valid"},
		{"null for a person", without("person", `"person":null`), "invalid_value", ""},
		{"a number as an id", without("person", `"person":{"source":"CPR","id":202801111}`), "invalid_value", "person is not valid"},
		{"a number for a time", without("at", `"at":1793520900`), "invalid_value", "at is not valid"},
		{"a text for a source", with(`"source":"x"`), "invalid_value", "source is not valid"},
		{"a number in a source", with(`"source":{"system":1}`), "invalid_value", "source is not valid"},
		{"a text for filters", with(`"filters":"Ikke borger"`), "invalid_value", "filters is not valid"},
		{"a number for a filter", with(`"filters":[1]`), "invalid_value", "filters is not valid"},
		{"a character that XML has not", with(`"reason":"a\u0001b"`), "invalid_value", "reason is not valid"},
		{"the octet 0 in a system", without("system", `"system":"a\u0000"`), "invalid_value", "system is not valid"},
		{"the octet 0 in a filter", with(`"filters":["a\u0000"]`), "invalid_value", ""},
		{"a character that is none", with(`"reason":"\uffff"`), "invalid_value", ""},
		{"half a character", with(`"reason":"\ud83d"`), "invalid_value", ""},
		{"a sequence number that is a number", with(`"sequenceNumber":8`), "invalid_value", "sequenceNumber is not valid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := h.add(t, token, "k-"+strings.ReplaceAll(c.name, " ", "-"), `{"entries":[{`+good+`,"sequenceNumber":"1"},`+c.entry+`]}`)
			require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
			assert.InDelta(t, 1, a.body["added"], 0)
			assert.InDelta(t, 1, a.body["failed"], 0)
			failures, _ := a.body["failures"].([]any)
			require.Len(t, failures, 1)
			failure, _ := failures[0].(map[string]any)
			assert.InDelta(t, 1, failure["index"], 0)
			assert.Equal(t, c.code, failure["code"])
			assert.NotContains(t, failure, "sequenceNumber")
			if c.text != "" {
				assert.Equal(t, c.text, failure["text"])
			}
		})
	}
	assert.Len(t, h.stored(t, citizen), 1, "what was good is one registration")
	letters, err := h.db.LogStore().DeadLetters(t.Context(), time.Time{})
	require.NoError(t, err)
	assert.Zero(t, letters, "whatever was counted can be read")
}

// What is wrong outside the entries refuses the whole body.
func TestBadRegistrationBody(t *testing.T) {
	h := startMinLog(t)
	token := h.session(t, system(registrarCVR))
	good := entries(t, access(nil))
	for _, c := range []struct {
		name, method, path, media, body string
		headers                         []string
		status                          int
		code                            string
	}{
		{name: "no body", body: ""},
		{name: "no object", body: `[` + good + `]`},
		{name: "a text", body: `"entries"`},
		{name: "null", body: `null`},
		{name: "no entries", body: `{}`},
		{name: "null for entries", body: `{"entries":null}`},
		{name: "an object for entries", body: `{"entries":{}}`},
		{name: "entries twice", body: `{"entries":[` + good[12:len(good)-1] + `,"entries":[]}`},
		{name: "entries in another case", body: strings.Replace(good, "entries", "Entries", 1)},
		{name: "another member", body: `{"extra":[1],` + good[1:]},
		{name: "another member after them", body: good[:len(good)-1] + `,"extra":{}}`},
		{name: "an entry that is a text", body: `{"entries":["x"]}`},
		{name: "an entry that is null", body: `{"entries":[null]}`},
		{name: "an entry that is a list", body: `{"entries":[[]]}`},
		{name: "something after it", body: good + `{}`},
		{name: "a brace after it", body: good + `}`},
		{name: "a comma too many", body: strings.Replace(good, "]}", ",]}", 1)},
		{name: "no comma", body: `{"entries":[{}{}]}`},
		{name: "no colon", body: `{"entries" [{}]}`},
		{name: "cut off", body: good[:len(good)-1]},
		{name: "cut off in an entry", body: good[:40]},
		{name: "cut off in a text", body: `{"entries":[{"system":"F\`},
		{name: "a name without quotes", body: `{entries:[]}`},
		{name: "a control character in a text", body: "{\"entries\":[{\"system\":\"a\nb\"}]}"},
		{name: "an escape that is none", body: `{"entries":[{"system":"\x41"}]}`},
		{name: "a number that is none", body: `{"entries":[{"colour":01}]}`},
		{name: "no UTF-8", body: "{\"entries\":[{\"system\":\"\xff\"}]}"},
		{name: "UTF-16", body: "{\x00\"\x00"},
		{name: "a byte order mark", body: "\ufeff" + good},
		{name: "deeply nested", body: `{"entries":[{"colour":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}]}`},
		{name: "as text", media: "text/plain", body: good},
		{name: "as XML", media: "text/xml", body: "<RegistrationRequest/>"},
		{name: "without media type", media: "-", body: good},
		{name: "a query", path: pathRegistrations + "?dry=1", body: good},
		{name: "an empty key", headers: []string{"Idempotency-Key", ""}, body: good},
		{name: "a key with blanks", headers: []string{"Idempotency-Key", "a b"}, body: good},
		{name: "two keys", headers: []string{"Idempotency-Key", "a", "Idempotency-Key", "b"}, body: good},
		{name: "a key of 257 characters", headers: []string{"Idempotency-Key", strings.Repeat("k", 257)}, body: good},
		{name: "compressed", headers: []string{"Content-Encoding", "gzip"}, body: good},
		{name: "F-6 GET", method: http.MethodGet, body: "", status: 405, code: fault.CodeHTTPMethod},
		{name: "F-6 PUT", method: http.MethodPut, body: good, status: 405, code: fault.CodeHTTPMethod},
		{name: "a number in the path", path: pathRegistrations + "/" + citizen, body: good, status: 404, code: "no_such_resource"},
		{name: "a path in capitals", path: "/api/minlog/v1/Registrations", body: good, status: 404, code: "no_such_resource"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.now = h.now.Add(time.Second)
			headers := append(bearer(token), c.headers...)
			if c.media != "-" {
				headers = append(headers, "Content-Type", cmp.Or(c.media, "application/json"))
			}
			a := h.call(t, cmp.Or(c.method, http.MethodPost), cmp.Or(c.path, pathRegistrations), c.body, headers...)
			if c.status == 0 {
				c.status, c.code = http.StatusBadRequest, fault.CodeSyntax
			}
			h.problem(t, a, c.status, c.code)
		})
	}
	assert.Empty(t, h.stored(t, citizen))
	require.Equal(t, http.StatusOK, h.add(t, token, "", good).Code, "the good one")
}
