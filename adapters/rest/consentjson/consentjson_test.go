package consentjson_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/adapters/rest/consentjson"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
)

var now = time.Date(2026, time.March, 2, 10, 0, 0, 0, time.UTC)

func number(t require.TestingT, digits string) cpr.Number {
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	return n
}

// registrations are any that the API may answer with.
func registrations(t *rapid.T) consent.Registration {
	at := func(label string) time.Time {
		return time.UnixMilli(rapid.Int64Range(-1e12, 4e12).Draw(t, label)).UTC()
	}
	maybe := func(label string) time.Time {
		if rapid.Bool().Draw(t, label+" is open") {
			return time.Time{}
		}
		return at(label)
	}
	unit := func(label string) consent.Organisation {
		if rapid.Bool().Draw(t, "no "+label) {
			return consent.Organisation{}
		}
		return consent.Organisation{SOR: rapid.StringMatching(`[0-9]{6,18}`).Draw(t, label), SubUnits: rapid.Bool().Draw(t, "subs")}
	}
	r := consent.Registration{
		ID:      consent.ID(rapid.Int64Range(int64(consent.MinID), int64(consent.MaxID)).Draw(t, "id")),
		Version: rapid.IntRange(1, 1000).Draw(t, "version"), Citizen: number(t, "0101010101"),
		Kind:  rapid.SampledFrom([]consent.Kind{consent.Constraint, consent.Positive}).Draw(t, "kind"),
		What:  consent.What{Data: validity.Period{From: maybe("data from"), To: maybe("data to")}, Origin: unit("origin")},
		Valid: validity.Period{From: at("from"), To: maybe("to")}, Active: rapid.Bool().Draw(t, "active"),
		Created: consent.Stamp{At: at("created"), System: "sundhed.dk", User: "0101010101"},
	}
	switch rapid.IntRange(0, 3).Draw(t, "who") {
	case 1:
		r.Who.Person = number(t, "0202020202")
	case 2:
		r.Who.Org = unit("organisation")
	case 3:
		r.Who.Foreign = true
	}
	if r.Version > 1 {
		r.Modified = consent.Stamp{At: at("modified"), System: "ø", User: "0101010101"}
	}
	return r
}

// What the API answers is read as what it was.
func TestAnswersReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(registrations), 0, 3).Draw(t, "registrations")
		told := []consentjson.Registration{}
		for i := range want {
			told = append(told, consentjson.RegistrationOf(&want[i], now))
		}
		text, err := json.Marshal(map[string]any{"registrations": told, "requester": struct{}{}})
		require.NoError(t, err)
		got, err := consentjson.ReadCase(text)
		require.NoError(t, err, "%s", text)
		require.Len(t, got.Registrations, len(want))
		for i := range want {
			assert.Equal(t, want[i], got.Registrations[i])
		}
	})
}

const piped = `"registrations":[
	{"id":"100000000000001","version":1,"citizen":"0101010101","kind":"constraint","what":{"origin":{"sor":"999002000016000","subUnits":true}},
		"validFrom":"2026-03-01T00:00:00Z","state":"in_force","created":{"at":"2026-03-01T08:15:30.12Z","system":"TestPortal","by":"0101010101"}},
	{"id":"100000000000002","version":2,"kind":"constraint","validFrom":"2026-03-01T00:00:00Z","state":"revoked"},
	{"id":"100000000000003","version":1,"kind":"positive","who":{"organisation":{"sor":"999002000016000","subUnits":true}},
		"what":{"dataFrom":"2024-01-01T00:00:00Z"},"validFrom":"2026-03-01T00:00:00Z","validTo":"2027-03-01T00:00:00Z","state":"in_force"}]`

func TestCase(t *testing.T) {
	const tree = `"units":[{"sor":"999001000016002"},{"sor":"999002000016000","parent":"999001000016002"},
		{"sor":"999003000016001","parent":"999002000016000","shak":"9990A1"},{"sor":"999010000016008","yder":"012345"}]`
	explained := func(t *testing.T, text string) consentjson.Explanation {
		t.Helper()
		c, err := consentjson.ReadCase([]byte(text))
		require.NoError(t, err)
		e, err := c.Explain(now)
		require.NoError(t, err)
		return e
	}
	reasons := func(e consentjson.Explanation) (all []string) {
		for _, r := range e.Registrations {
			all = append(all, r.Reason)
		}
		return all
	}
	t.Run("CT-45 an answer and its reasons", func(t *testing.T) {
		e := explained(t, `{`+piped+`,`+tree+`,"requester":{"acting":"0202020202","organisation":{"code":"9990A1","scheme":"SHAK"}},"items":[
			{"id":"a","from":"2024-05-01T08:00:00Z","to":"2024-05-01T09:00:00Z","origin":{"code":"999003000016001","scheme":"SOR"}},
			{"id":"b","to":"2023-01-01T00:00:00Z","origin":{"code":"999003000016001"}},
			{"id":"c","origin":{"code":"12345","scheme":"YDER"}}]}`)
		assert.Equal(t, consentjson.Explanation{
			Answer: "data_specific",
			Registrations: []consentjson.Explained{
				{ID: "100000000000001", Version: 1, Kind: "constraint", Applies: true, Reason: "applies_to_some_data"},
				{ID: "100000000000002", Version: 2, Kind: "constraint", Reason: "revoked"},
				{ID: "100000000000003", Version: 1, Kind: "positive", Applies: true, Reason: "applies_to_some_data"},
			},
			Items: []consentjson.ExplainedItem{
				{Verdict: consentjson.Verdict{ID: "a", Access: "allowed"}, Constraints: []string{"100000000000001"}, Positives: []string{"100000000000003"}},
				{Verdict: consentjson.Verdict{ID: "b", Access: "denied"}, Constraints: []string{"100000000000001"}, Positives: []string{}},
				{Verdict: consentjson.Verdict{ID: "c", Access: "allowed"}, Constraints: []string{}, Positives: []string{}},
			},
		}, e)
	})
	t.Run("the time of the case, else now", func(t *testing.T) {
		assert.Equal(t, []string{"not_yet", "revoked", "not_yet"},
			reasons(explained(t, `{`+piped+`,`+tree+`,"at":"2026-02-28T23:59:59Z","requester":{"acting":"0202020202"}}`)))
	})
	t.Run("without a tree no unit is known but by its number", func(t *testing.T) {
		e := explained(t, `{`+piped+`,"requester":{"acting":"0202020202","organisation":{"code":"9990A1","scheme":"SHAK"}}}`)
		assert.Equal(t, []string{"applies_to_some_data", "revoked", "other_organisation"}, reasons(e))
		e = explained(t, `{`+piped+`,"requester":{"acting":"0202020202","organisation":{"code":"999002000016000"}}}`)
		assert.Equal(t, "applies_to_some_data", reasons(e)[2])
	})
	t.Run("a professional of another country", func(t *testing.T) {
		e := explained(t, `{`+piped+`,"requester":{"foreign":{"country":"SE","identifier":"1"}}}`)
		assert.Equal(t, "other_organisation", reasons(e)[2])
	})
	t.Run("units that are no tree", func(t *testing.T) {
		c, err := consentjson.ReadCase([]byte(`{"requester":{},"units":[{"sor":"999001000016002","parent":"999001000016002"}]}`))
		require.NoError(t, err)
		_, err = c.Explain(now)
		assert.ErrorIs(t, err, org.ErrCycle)
	})
	t.Run("what is wrong, by its place", func(t *testing.T) {
		for text, want := range map[string]string{
			`{}`:                               "requester is missing.",
			`{` + piped + `}`:                  "requester is missing.",
			`{"requester":{}} 1`:               "The text is not JSON: octet 18.",
			`{"requester":{},}`:                "The text is not JSON: octet 17.",
			`{"requester":{},"override":true}`: "The JSON text has a member that is not known.",
			`{"requester":{},"units":[{"sor":"999001000016002"},{"parent":"123456"}]}`:                                                       "units[1].sor is missing.",
			`{"requester":{},"units":[{"sor":"x","name":"y"}]}`:                                                                              "units[0].sor is not a SOR code of 6 to 18 digits.",
			`{"requester":{},"units":[{"sor":"999001000016002","name":"y"}]}`:                                                                "units[0] has a member that is not known.",
			`{"requester":{},"registrations":[{}]}`:                                                                                          "registrations[0].id is missing.",
			`{"requester":{},"registrations":[{"id":"1"}]}`:                                                                                  "registrations[0].id is not a number of 15 digits.",
			`{"requester":{},"registrations":[{"version":1.5}]}`:                                                                             "registrations[0].version is not a whole number from 1.",
			`{"requester":{},"registrations":[{"version":"1"}]}`:                                                                             "registrations[0].version is not a whole number from 1.",
			`{"requester":{},"registrations":[{"version":0}]}`:                                                                               "registrations[0].version is not a whole number from 1.",
			`{"requester":{},"registrations":[{"state":"active"}]}`:                                                                          "registrations[0].state is none of the words that it may be.",
			`{"requester":{},"registrations":[{"change":"add"}]}`:                                                                            "registrations[0] has a member that is not known.",
			`{"requester":{},"registrations":[{"who":{"organisation":{}}}]}`:                                                                 "registrations[0].who.organisation.sor is missing.",
			`{"requester":{},"registrations":[{"created":{"at":"2026-03-01"}}]}`:                                                             "registrations[0].created.at is not a time with a zone (RFC 3339) of the years 1 to 9999.",
			`{"requester":{},"registrations":[{"id":"100000000000001","version":1,"kind":"constraint","validFrom":"2026-03-01T00:00:00Z"}]}`: "registrations[0].state is missing.",
		} {
			_, err := consentjson.ReadCase([]byte(text))
			f, _ := fault.Of(err)
			assert.Equal(t, want, f.Text, text)
		}
	})
}

// Items beyond what a call may hold are read, and not kept: whoever counts finds one too many.
func TestItemsAreBounded(t *testing.T) {
	q, err := consentjson.ReadItemsCheck([]byte(`{"items":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"}]}`), 2)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b", "c"}, q.IDs)
	assert.Len(t, q.Items, 3)
	_, err = consentjson.ReadItemsCheck([]byte(`{"items":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":""}]}`), 2)
	assert.Error(t, err)
}

// What is cut: instants to milliseconds, in what is read as in what is told.
func TestMilliseconds(t *testing.T) {
	got, ok := consentjson.Instant("2026-03-01T08:15:30.1239999+01:00")
	assert.True(t, ok)
	assert.Equal(t, time.Date(2026, time.March, 1, 7, 15, 30, 123e6, time.UTC), got)
	told := consentjson.OverrideOf(&consent.Override{At: time.Date(2026, time.March, 1, 7, 15, 30, 123999e3, time.UTC)})
	assert.Equal(t, got, told.At)
}
