package logkeeping_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/ports/portstest"
)

func cprID(number string) minlog.ID { return minlog.ID{Source: minlog.CPR, Value: number} }

func codeID(c string) minlog.ID { return minlog.ID{Source: minlog.Authorisation, Value: c} }

func about(person string) func(*minlog.Entry) {
	return func(e *minlog.Entry) { e.Person = cprID(person) }
}

func activity(text string) func(*minlog.Entry) {
	return func(e *minlog.Entry) { e.Activity = text }
}

func by(user, behalf minlog.ID) func(*minlog.Entry) {
	return func(e *minlog.Entry) { e.User, e.OnBehalfOf = user, behalf }
}

func filter(words ...string) func(*minlog.Entry) {
	return func(e *minlog.Entry) { e.Filters = words }
}

// activities are those of the entries of a page, in order.
func activities(p logkeeping.Page) []string {
	all := []string{}
	for _, g := range p.Groups {
		for _, r := range g.Entries {
			all = append(all, r.Entry.Activity)
		}
	}
	return all
}

func requireRefused(t *testing.T, err error, text string) {
	t.Helper()
	f, _ := fault.Of(err)
	require.Equal(t, fault.Error{Kind: fault.Forbidden, Code: "not_authorized", Text: text}, f)
}

func requireSyntax(t *testing.T, err error) {
	t.Helper()
	f, _ := fault.Of(err)
	require.Equal(t, "syntax_error", f.Code, "%v", err)
}

func own(t *testing.T, h *house, q logkeeping.Inquiry) logkeeping.Page {
	t.Helper()
	q.Person = cprID(citizen)
	p, err := h.citizen.Find(t.Context(), employee(t, citizen, ""), q)
	require.NoError(t, err)
	return p
}

func TestCitizenAccess(t *testing.T) {
	level3, vouched, wrongKind, token := employee(t, citizen, ""), employee(t, citizen, ""), employee(t, citizen, ""), employee(t, citizen, "")
	level3.Credential.Level, vouched.Vouched, wrongKind.Kind, token.Credential.Scheme = 3, true, identity.System, identity.IDWS
	onBehalf, weak, carded := citizenToken(t, citizen), citizenToken(t, citizen), citizenToken(t, citizen)
	onBehalf.OnBehalfOf = &identity.Principal{CPR: citizenToken(t, stranger).CPR, Kind: relation.Custody}
	session := citizenToken(t, citizen)
	session.Credential.Scheme, session.Credential.Origin = identity.Session, identity.IDWS
	weak.Credential.Level, carded.Credential.Scheme = 2, identity.Session
	for _, c := range []struct {
		name   string
		caller identity.Caller
		person minlog.ID
		ok     bool
	}{
		{"AC-30 own number", employee(t, citizen, ""), cprID(citizen), true},
		{"unnamed: the caller", employee(t, citizen, ""), minlog.ID{}, true},
		{"own number with hyphen", employee(t, citizen, ""), cprID("020280-1111"), true},
		{"AC-30 another number", employee(t, citizen, ""), cprID(stranger), false},
		{"AC-30 level 3 card", level3, cprID(citizen), false},
		{"AC-30 citizen's token", citizenToken(t, citizen), cprID(citizen), true},
		{"AC-30 citizen's token, another number", citizenToken(t, citizen), cprID(stranger), false},
		{"AC-26 child's token", citizenToken(t, child), cprID(child), false},
		{"token on behalf of another, own number", onBehalf, cprID(citizen), false},
		{"token on behalf of another, that number", onBehalf, cprID(stranger), false},
		{"token of too low assurance", weak, cprID(citizen), false},
		{"citizen without token", carded, cprID(citizen), false},
		{"citizen in a session that a token opened", session, cprID(citizen), true},
		{"AC-26 teen", employee(t, teen, ""), cprID(teen), true},
		{"AC-26 child", employee(t, child, ""), cprID(child), false},
		{"eCPR", employee(t, citizen, ""), minlog.ID{Source: minlog.ECPR, Value: citizen}, false},
		{"no number", employee(t, citizen, ""), cprID("x"), false},
		{"system", wrongKind, cprID(citizen), false},
		{"token of an employee", token, cprID(citizen), false},
		{"only vouched for", vouched, cprID(citizen), false},
		{"nobody", identity.Caller{}, cprID(citizen), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.add(t, "m-1", access("2026-11-01T08:15:00Z", about(citizen)), access("2026-11-01T08:15:00Z", about(teen)),
				access("2026-11-01T08:15:00Z", about(child)), access("2026-11-01T08:15:00Z", about(stranger)))
			h.consume(t)
			p, err := h.citizen.Find(t.Context(), c.caller, logkeeping.Inquiry{Person: c.person})
			if c.ok {
				require.NoError(t, err)
				assert.Len(t, p.Groups, 1)
				assert.Equal(t, minlog.Self, p.View)
				return
			}
			requireRefused(t, err, "no access to this person's log")
			assert.Empty(t, p.Groups)
		})
	}
	t.Run("cards are not taken where that is configured", func(t *testing.T) {
		h := newHouse(t)
		h.citizen.OwnByCard = false
		_, err := h.citizen.Find(t.Context(), employee(t, citizen, ""), logkeeping.Inquiry{Person: cprID(citizen)})
		requireRefused(t, err, "no access to this person's log")
	})
}

func TestCitizenLookup(t *testing.T) {
	t.Run("AC-22 window", func(t *testing.T) {
		h := newHouse(t)
		h.add(t, "m-1",
			access("2026-11-01T08:00:00Z", activity("begin")), access("2026-11-01T09:00:00Z", activity("end")),
			period(access("2026-11-01T08:00:00Z", activity("period")), "2026-11-01T07:00:00Z", "2026-11-01T08:10:00Z"))
		h.consume(t)
		window := logkeeping.Inquiry{From: at("2026-11-01T08:00:00Z"), To: at("2026-11-01T09:00:00Z")}
		assert.Equal(t, []string{"period", "begin"}, activities(own(t, h, window)))
		window.Chronologic = true
		assert.Equal(t, []string{"begin", "period"}, activities(own(t, h, window)))
		assert.Empty(t, own(t, h, logkeeping.Inquiry{From: at("2026-11-01T08:00:00Z"), To: at("2026-11-01T08:00:00Z")}).Groups)
		_, err := h.citizen.Find(t.Context(), employee(t, citizen, ""), logkeeping.Inquiry{Person: cprID(citizen), From: now, To: now.Add(-1000)})
		requireSyntax(t, err)
	})
	t.Run("AC-23 filters", func(t *testing.T) {
		h := newHouse(t)
		h.add(t, "m-1", access("2026-11-01T08:00:00Z", activity("a"), filter("Ikke borger")),
			access("2026-11-01T08:01:00Z", activity("b"), filter("Ikke forældremyndigheds-indehaver")), access("2026-11-01T08:02:00Z", activity("c"), filter("x")))
		h.consume(t)
		assert.Equal(t, []string{"c", "b"}, activities(own(t, h, logkeeping.Inquiry{})))
	})
	t.Run("AC-38 an expired row is not shown", func(t *testing.T) {
		h := newHouse(t)
		h.add(t, "m-1", access("2024-11-21T12:00:01Z"))
		h.consume(t)
		assert.Len(t, own(t, h, logkeeping.Inquiry{}).Groups, 1)
		h.citizen.Now = func() time.Time { return now.Add(time.Second) }
		assert.Empty(t, own(t, h, logkeeping.Inquiry{}).Groups)
	})
	t.Run("users' numbers are masked", func(t *testing.T) {
		h := newHouse(t)
		h.add(t, "m-1", access("2026-11-01T08:00:00Z", by(cprID(assistant), codeID(code))), access("2026-11-01T08:01:00Z", by(codeID(code), cprID(professional))))
		h.consume(t)
		p := own(t, h, logkeeping.Inquiry{Chronologic: true})
		for i, want := range []minlog.Entry{{OnBehalfOf: codeID(code)}, {User: codeID(code)}} {
			for _, e := range []minlog.Entry{p.Groups[i].Head, p.Groups[i].Entries[0].Entry} {
				assert.Equal(t, [2]minlog.ID{want.User, want.OnBehalfOf}, [2]minlog.ID{e.User, e.OnBehalfOf})
			}
		}
		h.citizen.MaskUserCPR = false
		p = own(t, h, logkeeping.Inquiry{Chronologic: true})
		assert.Equal(t, cprID(assistant), p.Groups[0].Head.User)
	})
	t.Run("conditions and details", func(t *testing.T) {
		h := newHouse(t)
		h.add(t, "m-1", access("2026-11-01T08:00:00Z", activity("a")), access("2026-11-01T08:01:00Z", activity("b")))
		h.consume(t)
		q := logkeeping.Inquiry{Pass: []minlog.Condition{{Field: "Activity", Value: "a"}}, Details: "None"}
		p := own(t, h, q)
		assert.Equal(t, []string{"a"}, activities(p))
		assert.False(t, p.Details)
		q = logkeeping.Inquiry{Stop: []minlog.Condition{{Field: "Activity", Value: "a"}}, Details: "whatever"}
		p = own(t, h, q)
		assert.Equal(t, []string{"b"}, activities(p))
		assert.True(t, p.Details)
		q.Person, q.Stop[0].Field = cprID(citizen), "PersonIdentifier"
		_, err := h.citizen.Find(t.Context(), employee(t, citizen, ""), q)
		requireSyntax(t, err)
	})
	t.Run("database away", func(t *testing.T) {
		h := newHouse(t)
		h.breakStore()
		_, err := h.citizen.Find(t.Context(), employee(t, citizen, ""), logkeeping.Inquiry{Person: cprID(citizen)})
		f, _ := fault.Of(err)
		assert.Equal(t, fault.Error{Kind: fault.Unavailable, Code: "processing_problem", Text: "internal error"}, f)
	})
	t.Run("unknown grouping", func(t *testing.T) {
		h := newHouse(t)
		own(t, h, logkeeping.Inquiry{Grouping: citizen})
		assert.Contains(t, h.log.String(), "unknown grouping")
		assert.NotContains(t, h.log.String(), citizen)
	})
}

// breakStore has the store fail from now on.
func (h *house) breakStore() {
	s := &portstest.FailingLogStore{Log: h.db.LogStore()}
	s.OnRead.FailFrom(1, errors.New("connection refused"))
	h.citizen.Store = s
}

// pages follows the tokens of a lookup to its end; between is called after each page.
func pages(t *testing.T, h *house, q logkeeping.Inquiry, between func()) (all []logkeeping.Page) {
	t.Helper()
	for {
		p := own(t, h, q)
		all = append(all, p)
		if p.Next == "" {
			return all
		}
		q.PageToken = p.Next
		between()
	}
}

func size(n int) *int { return &n }

// altered returns a token with another character in its middle.
func altered(token string) string {
	b := []byte(token)
	b[len(b)/2] ^= 1
	return string(b)
}

func TestPaging(t *testing.T) {
	t.Run("AC-32 1,250 entries in pages of 500 while others arrive", func(t *testing.T) {
		h := newHouse(t)
		drafts := many(1250)
		h.add(t, "m-1", drafts[:1000]...)
		h.add(t, "m-2", drafts[1000:]...)
		h.consume(t)
		seen := map[string]bool{}
		var sizes []int
		arrivals := 0
		for _, p := range pages(t, h, logkeeping.Inquiry{}, func() {
			arrivals++
			h.add(t, "m-3", access("2026-11-20T08:00:00Z", sequence(5000+arrivals)))
			h.consume(t)
		}) {
			sizes = append(sizes, len(p.Groups))
			for _, g := range p.Groups {
				require.False(t, seen[g.Entries[0].ID.String()], "a registration came twice")
				seen[g.Entries[0].ID.String()] = true
			}
		}
		assert.Equal(t, []int{500, 500, 250}, sizes)
		assert.Len(t, seen, 1250)
		assert.Equal(t, 2, arrivals)
	})
	t.Run("AC-32 token", func(t *testing.T) {
		h := newHouse(t)
		h.add(t, "m-1", access("2026-11-01T08:00:00Z", about(citizen)), access("2026-11-01T08:01:00Z", about(citizen)),
			access("2026-11-01T08:00:00Z", about(teen)), access("2026-11-01T08:01:00Z", about(teen)))
		h.consume(t)
		token := own(t, h, logkeeping.Inquiry{PageSize: size(1)}).Next
		for name, ask := range map[string]struct {
			who string
			q   logkeeping.Inquiry
		}{
			"altered":             {citizen, logkeeping.Inquiry{PageToken: altered(token)}},
			"of another caller":   {teen, logkeeping.Inquiry{PageToken: token}},
			"of another order":    {citizen, logkeeping.Inquiry{PageToken: token, Chronologic: true}},
			"of another window":   {citizen, logkeeping.Inquiry{PageToken: token, From: at("2026-10-01T00:00:00Z")}},
			"of another end":      {citizen, logkeeping.Inquiry{PageToken: token, To: at("2026-12-01T00:00:00Z")}},
			"of another groups":   {citizen, logkeeping.Inquiry{PageToken: token, Grouping: "Day"}},
			"of other filters":    {citizen, logkeeping.Inquiry{PageToken: token, Stop: []minlog.Condition{{Field: "Activity", Value: "x"}}}},
			"of no lookup at all": {citizen, logkeeping.Inquiry{PageToken: "x"}},
		} {
			t.Run(name, func(t *testing.T) {
				ask.q.Person = cprID(ask.who)
				_, err := h.citizen.Find(t.Context(), employee(t, ask.who, ""), ask.q)
				requireSyntax(t, err)
			})
		}
		assert.Len(t, own(t, h, logkeeping.Inquiry{PageToken: token, PageSize: size(7), Details: "None"}).Groups, 1)
	})
	t.Run("page sizes", func(t *testing.T) {
		h := newHouse(t)
		h.citizen.PageSize, h.citizen.MaxPageSize = 2, 3
		h.add(t, "m-1", many(10)...)
		h.consume(t)
		assert.Len(t, own(t, h, logkeeping.Inquiry{}).Groups, 2)
		assert.Len(t, own(t, h, logkeeping.Inquiry{PageSize: size(1)}).Groups, 1)
		assert.Len(t, own(t, h, logkeeping.Inquiry{PageSize: size(9)}).Groups, 3)
		_, err := h.citizen.Find(t.Context(), employee(t, citizen, ""), logkeeping.Inquiry{Person: cprID(citizen), PageSize: size(0)})
		requireSyntax(t, err)
	})
	t.Run("the last page has no token", func(t *testing.T) {
		h := newHouse(t)
		h.add(t, "m-1", append(many(4), access("2026-11-01T00:00:00Z", filter("Ikke borger")))...)
		h.consume(t)
		var sizes []int
		for _, p := range pages(t, h, logkeeping.Inquiry{PageSize: size(2)}, func() {}) {
			sizes = append(sizes, len(p.Groups))
		}
		assert.Equal(t, []int{2, 2}, sizes)
	})
	t.Run("a page ends when enough rows were read", func(t *testing.T) {
		h := newHouse(t)
		h.citizen.ScanBudget = 100
		drafts := many(950)
		for i := range drafts {
			if i%300 != 0 {
				drafts[i].Entry.Filters = []string{"Ikke borger"}
			}
		}
		h.add(t, "m-1", drafts...)
		h.consume(t)
		all := pages(t, h, logkeeping.Inquiry{PageSize: size(3)}, func() {})
		var seen []string
		for _, p := range all {
			seen = append(seen, activities(p)...)
		}
		assert.Len(t, seen, 4)
		assert.GreaterOrEqual(t, len(all), 10)
	})
}

func TestGroupedLookup(t *testing.T) {
	t.Run("groups in pages", func(t *testing.T) {
		h := newHouse(t)
		var drafts []minlog.Draft
		for d := range 5 {
			for range d + 1 {
				drafts = append(drafts, access(time.Date(2026, 11, 1+d, 10, 0, len(drafts), 0, time.UTC).Format(time.RFC3339)))
			}
		}
		h.add(t, "m-1", drafts...)
		h.consume(t)
		for chronologic, want := range map[bool][]int{false: {5, 4, 3, 2, 1}, true: {1, 2, 3, 4, 5}} {
			var counts []int
			var sizes []int
			for _, p := range pages(t, h, logkeeping.Inquiry{Grouping: "Day", PageSize: size(2), Chronologic: chronologic}, func() {}) {
				sizes = append(sizes, len(p.Groups))
				for _, g := range p.Groups {
					counts = append(counts, len(g.Entries))
				}
			}
			assert.Equal(t, want, counts)
			assert.Equal(t, []int{2, 2, 1}, sizes)
		}
	})
	t.Run("users' numbers are masked, but keep groups apart", func(t *testing.T) {
		h := newHouse(t)
		h.add(t, "m-1", access("2026-11-01T08:00:00Z", by(cprID(assistant), minlog.ID{})), access("2026-11-01T08:01:00Z", by(cprID(professional), minlog.ID{})))
		h.consume(t)
		p := own(t, h, logkeeping.Inquiry{Grouping: "Day"})
		require.Len(t, p.Groups, 2)
		assert.True(t, p.Groups[0].Head.User.IsZero() && p.Groups[1].Head.User.IsZero())
	})
	t.Run("too many registrations", func(t *testing.T) {
		h := newHouse(t)
		h.add(t, "m-1", many(1000)...)
		h.add(t, "m-2", access("2026-11-01T07:00:00Z", filter("Ikke borger")))
		h.consume(t)
		h.citizen.MaxEntries = 1000
		assert.Len(t, own(t, h, logkeeping.Inquiry{Grouping: "Day"}).Groups, 1)
		h.citizen.MaxEntries = 999
		tooMany := func() {
			_, err := h.citizen.Find(t.Context(), employee(t, citizen, ""), logkeeping.Inquiry{Person: cprID(citizen), Grouping: "Day"})
			f, _ := fault.Of(err)
			assert.Equal(t, "too_many_results", f.Code)
		}
		tooMany()
		assert.Len(t, own(t, h, logkeeping.Inquiry{Grouping: "Day", To: at("2026-11-01T08:16:00Z")}).Groups, 1)
		h.citizen.MaxEntries, h.citizen.ScanBudget = 10000, 1000
		tooMany()
	})
}

func TestAssistants(t *testing.T) {
	h := newHouse(t)
	h.add(t, "m-1",
		access("2026-11-01T08:00:00Z", activity("by number"), by(cprID(assistant), cprID(professional)), filter("Ikke borger")),
		access("2026-11-01T08:01:00Z", activity("by code"), by(cprID(assistant), codeID("tst01"))),
		access("2026-11-01T08:02:00Z", activity("own act"), by(codeID(code), cprID(professional))),
		access("2026-11-01T08:03:00Z", activity("own act by number"), by(cprID(professional), codeID(code))),
		access("2026-11-01T08:04:00Z", activity("for another"), by(cprID(assistant), codeID("TST02"))),
		access("2026-11-01T08:05:00Z", activity("another citizen"), about(stranger), by(cprID(assistant), cprID(professional))))
	h.consume(t)
	level3, token, unauthorised, vouched := employee(t, professional, code), employee(t, professional, code), employee(t, professional, ""), employee(t, professional, code)
	level3.Credential.Level = 3
	token.Credential = identity.Credential{Scheme: identity.IDWS, Level: 3}
	unauthorised.Credential, vouched.Credential = token.Credential, token.Credential
	vouched.Vouched = true
	for _, c := range []struct {
		name   string
		caller identity.Caller
		person minlog.ID
		ok     bool
	}{
		{"AC-31 by number", employee(t, professional, code), cprID(professional), true},
		{"AC-31 by code", employee(t, professional, code), codeID("tst01"), true},
		{"by token", token, cprID(professional), true},
		{"unnamed: the caller", employee(t, professional, code), minlog.ID{}, true},
		{"unnamed, without authorisation", employee(t, professional, ""), minlog.ID{}, false},
		{"token without authorisation", unauthorised, cprID(professional), false},
		{"vouched for only", vouched, cprID(professional), false},
		{"AC-31 by the code of another", employee(t, professional, code), codeID("TST02"), false},
		{"AC-31 card without authorisation", employee(t, professional, ""), cprID(professional), false},
		{"by the number of another", employee(t, professional, code), cprID(assistant), false},
		{"AC-30 level 3 card", level3, cprID(professional), false},
		{"system", system("m-1"), cprID(professional), false},
		{"nobody", identity.Caller{}, minlog.ID{Source: minlog.CPR}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := h.assistants.Find(t.Context(), c.caller, logkeeping.Inquiry{Person: c.person})
			if !c.ok {
				requireRefused(t, err, "OnBehalfOfPersonId is not the caller")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, []string{"another citizen", "by code", "by number"}, activities(p))
			assert.Equal(t, cprID(assistant), p.Groups[0].Head.User, "not masked")
			assert.Equal(t, minlog.Assistant, p.View)
		})
	}
	t.Run("in pages, over both identifiers", func(t *testing.T) {
		for _, chronologic := range []bool{false, true} {
			q := logkeeping.Inquiry{Person: codeID(code), PageSize: size(1), Chronologic: chronologic}
			var all []string
			for {
				p, err := h.assistants.Find(t.Context(), employee(t, professional, code), q)
				require.NoError(t, err)
				all = append(all, activities(p)...)
				if q.PageToken = p.Next; q.PageToken == "" {
					break
				}
			}
			want := []string{"another citizen", "by code", "by number"}
			if chronologic {
				slices.Reverse(want)
			}
			assert.Equal(t, want, all)
		}
	})
}

func TestLookupsAreAudited(t *testing.T) {
	h := newHouse(t)
	own(t, h, logkeeping.Inquiry{Grouping: "Day", Chronologic: true, From: at("2026-11-01T00:00:00Z"), PageSize: size(100),
		Pass: []minlog.Condition{{Field: "SystemName", Value: "FMK"}}})
	_, err := h.citizen.Find(t.Context(), employee(t, citizen, ""), logkeeping.Inquiry{Person: cprID(stranger)})
	require.Error(t, err)
	_, err = h.assistants.Find(t.Context(), employee(t, professional, code), logkeeping.Inquiry{Person: codeID(code)})
	require.NoError(t, err)
	assert.Equal(t, audit.Notes{{Component: "MinLog2", Contexts: []audit.ContextNotes{
		{Context: "LookupRequest", Information: []audit.Information{
			{Key: "Caller", Class: audit.SPI, Value: citizen},
			{Key: "Parameters", Class: audit.SPI, Value: `{"person":{"source":"CPR","id":"0202801111"},"grouping":"Day","chronologic":true,` +
				`"from":"2026-11-01T00:00:00Z","pageSize":100,"pass":[{"field":"SystemName","value":"FMK"}]}`},
			{Key: "Caller", Class: audit.SPI, Value: citizen},
			{Key: "Parameters", Class: audit.SPI, Value: `{"person":{"source":"CPR","id":"0909651111"}}`},
		}},
		{Context: "OnBehalfOfLookupRequest", Information: []audit.Information{
			{Key: "Caller", Class: audit.SPI, Value: professional},
			{Key: "Parameters", Class: audit.SPI, Value: `{"person":{"source":"Autorisation","id":"TST01"}}`},
		}},
	}}}, h.notes.all)
}

func TestErrorsHoldNoPerson(t *testing.T) {
	h := newHouse(t)
	h.breakStore()
	ask := func(who, whom string) error {
		_, err := h.citizen.Find(t.Context(), employee(t, who, ""), logkeeping.Inquiry{Person: cprID(whom), PageToken: whom})
		return err
	}
	t.Run("AC-43 texts", func(t *testing.T) {
		for _, err := range []error{ask(citizen, stranger), ask(child, child), ask(citizen, citizen)} {
			require.Error(t, err)
			for _, n := range []string{citizen, stranger, child, strings.ToLower(code)} {
				assert.NotContains(t, err.Error(), n)
			}
		}
		assert.NotContains(t, h.log.String(), citizen)
	})
}
