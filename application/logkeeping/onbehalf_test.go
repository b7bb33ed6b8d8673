package logkeeping_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// More people of the cases.
const (
	proxyHolder = "0707551111"
	guardian    = "0808601111"
	ward        = "1010501111"
	minor       = "0505094444" // 17 years
	oldNumber   = "0202801119" // the citizen's before
	linkedECPR  = "0202801QT7" // the citizen's
)

// family is a house with registers: the citizen is the parent of the child and of the teen, proxyHolder has proxies of the citizen, of the
// stranger (for something else), of the professional (ended today) and of a minor, and guardian is that of the ward.
type family struct {
	*house
	register *portstest.FailingCPRRegister
	access   *portstest.RecordingAccessLog
	failing  *portstest.FailingAccessLog
}

func newFamily(t *testing.T) *family {
	h := newHouse(t)
	load := func(register string, lines ...string) {
		t.Helper()
		_, err := h.db.Stamdata().Load(t.Context(), portstest.RegisterFile(t, register+".csv", strings.Join(lines, "\n")), 1, at("2026-11-01T00:00:00Z"))
		require.NoError(t, err, register)
	}
	load("cpr-person", "cpr;status;gaeldendeCPR;fornavn;efternavn;foedselsdato;navnebeskyttelsestartdato", citizen+";01;;Cille;Citizen;;",
		child+";01;;Ib;Barn;;", teen+";01;;Tea;Teen;;", minor+";01;;Mia;Minor;;", proxyHolder+";01;;Per;Proxy;;", guardian+";01;;Gurli;Guardian;;",
		ward+";01;;Vagn;Ward;;", stranger+";01;;Sanne;Stranger;;", professional+";01;;Peter;Professional;;", assistant+";01;;Ane;Assistant;;2020-01-01",
		oldNumber+";60;"+citizen+";Cille;Citizen;;")
	load("cpr-foraeldremyndighed", "cpr;typeKode;relationCpr", child+";0003;"+citizen, teen+";0003;"+citizen)
	load("cpr-barn", "cpr;barnCPR", citizen+";"+child, citizen+";"+teen)
	load("cpr-vaerge", "cpr;relationCpr", ward+";"+guardian)
	load("fuldmagt", "actor;subject;scope;validFrom;validTo", proxyHolder+";"+citizen+";minlog fmk;2026-01-01;", proxyHolder+";"+stranger+";fmk;2026-01-01;",
		proxyHolder+";"+professional+";*;2026-01-01;2026-11-21", proxyHolder+";"+minor+";*;2026-01-01;", child+";"+citizen+";*;2026-01-01;")
	f := &family{house: h, register: &portstest.FailingCPRRegister{Register: h.db.Register()}, access: &portstest.RecordingAccessLog{}}
	f.failing = &portstest.FailingAccessLog{Access: f.access}
	h.citizen.Relations, h.citizen.Citizens, h.citizen.Access, h.citizen.RelationCache = f.register, f.register, f.failing, time.Minute
	return f
}

// everyone has an entry about each of the persons, with one of the words that hide.
func (f *family) everyone(t *testing.T, persons ...string) {
	var drafts []minlog.Draft
	for _, p := range persons {
		for i, word := range []string{"Ikke borger", "Ikke forældremyndigheds-indehaver", "x"} {
			drafts = append(drafts, access(fmt.Sprintf("2026-11-01T08:0%d:00Z", i), about(p), activity(word), filter(word)))
		}
	}
	f.add(t, "m-1", drafts...)
	f.consume(t)
}

func number(t require.TestingT, digits string) cpr.Number {
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	return n
}

// claiming is the caller whose token claims to act for somebody.
func claiming(t require.TestingT, who, whom string, kind relation.Kind) identity.Caller {
	c := citizenToken(t, who)
	c.OnBehalfOf = &identity.Principal{CPR: number(t, whom), Kind: kind}
	return c
}

func requireUnavailable(t *testing.T, err error) {
	t.Helper()
	f, _ := fault.Of(err)
	require.Equal(t, fault.Error{Kind: fault.Unavailable, Code: "processing_problem", Text: "internal error"}, f)
}

func TestOnBehalf(t *testing.T) {
	f := newFamily(t)
	f.everyone(t, citizen, child, teen, minor, stranger, professional, ward)
	const hidden, custodyHidden, other = "Ikke borger", "Ikke forældremyndigheds-indehaver", "x"
	vouched, weak, noToken := citizenToken(t, citizen), citizenToken(t, citizen), citizenToken(t, citizen)
	vouched.Vouched, weak.Credential.Level, noToken.Credential.Scheme = true, 2, identity.DGWS
	session := citizenToken(t, citizen)
	session.Credential.Scheme, session.Credential.Origin = identity.Session, identity.IDWS
	for _, c := range []struct {
		name   string
		caller identity.Caller
		person string
		view   minlog.View // Self = refused
	}{
		{"AC-24 parent", citizenToken(t, citizen), child, minlog.Custody},
		{"parent in a session", session, child, minlog.Custody},
		{"parent, number with hyphen", citizenToken(t, citizen), "030316-4444", minlog.Custody},
		{"parent who claims it", claiming(t, citizen, child, relation.Custody), child, minlog.Custody},
		{"AC-25 parent of a teen", citizenToken(t, citizen), teen, minlog.Self},
		{"AC-27 proxy", citizenToken(t, proxyHolder), citizen, minlog.Proxy},
		{"AC-27 proxy that ended today", citizenToken(t, proxyHolder), professional, minlog.Self},
		{"AC-27 proxy for something else", citizenToken(t, proxyHolder), stranger, minlog.Self},
		{"AC-27 proxy of a person of 17 years", citizenToken(t, proxyHolder), minor, minlog.Self},
		{"proxy held by a child", citizenToken(t, child), citizen, minlog.Self},
		{"AC-28 guardian", citizenToken(t, guardian), ward, minlog.Guardian},
		{"AC-28 guardian who claims custody", claiming(t, guardian, ward, relation.Custody), ward, minlog.Self},
		{"guardian who claims to be one", claiming(t, guardian, ward, relation.Guardian), ward, minlog.Self},
		{"proxy who claims to be one", claiming(t, proxyHolder, citizen, relation.Proxy), citizen, minlog.Self},
		{"claim of no kind", claiming(t, citizen, child, relation.None), child, minlog.Self},
		{"AC-28 stranger", citizenToken(t, stranger), child, minlog.Self},
		{"AC-28 stranger with a claim of custody", claiming(t, stranger, child, relation.Custody), child, minlog.Self},
		{"AC-28 claim for another number", claiming(t, citizen, teen, relation.Custody), child, minlog.Self},
		{"claim, and one's own number", claiming(t, citizen, child, relation.Custody), citizen, minlog.Self},
		{"claim of oneself", claiming(t, citizen, citizen, relation.Custody), citizen, minlog.Self},
		{"the other way around", citizenToken(t, ward), guardian, minlog.Self},
		{"nobody's number", citizenToken(t, citizen), "0101014444", minlog.Self},
		{"no number", citizenToken(t, citizen), "x", minlog.Self},
		{"parent with a card", employee(t, citizen, ""), child, minlog.Self},
		{"parent as a system says", vouched, child, minlog.Self},
		{"parent with too low assurance", weak, child, minlog.Self},
		{"parent without a token", noToken, child, minlog.Self},
		{"old number of one's own, aliases off", citizenToken(t, citizen), oldNumber, minlog.Self},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(f.access.Kept())
			page, err := f.citizen.Find(t.Context(), c.caller, logkeeping.Inquiry{Person: cprID(c.person), Chronologic: true})
			registered := f.access.Kept()[before:]
			if c.view == minlog.Self {
				requireRefused(t, err, "no access to this person's log")
				assert.Empty(t, page)
				assert.Empty(t, registered)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.view, page.View)
			want := []string{custodyHidden, other}
			if c.view == minlog.Custody {
				want = []string{other}
			}
			assert.Equal(t, want, activities(page))
			require.Len(t, registered, 1)
			assert.Equal(t, minlog.Entry{
				System: "MinLog", Activity: "Opslag i MinLog", From: now, To: now, Person: cprID(number(t, c.person).Digits()),
				User:     cprID(c.caller.CPR.Digits()),
				UserRole: map[minlog.View]string{minlog.Custody: "Forældremyndighedsindehaver", minlog.Guardian: "Værge", minlog.Proxy: "Fuldmagtshaver"}[c.view],
			}, registered[0])
		})
	}
	t.Run("without a register of relations nobody reads for another", func(t *testing.T) {
		f.citizen.Relations = nil
		_, err := f.citizen.Find(t.Context(), citizenToken(t, citizen), logkeeping.Inquiry{Person: cprID(child)})
		requireRefused(t, err, "no access to this person's log")
	})
	t.Run("AC-26 with a birth date of the register", func(t *testing.T) {
		f := newFamily(t)
		changed := "cpr;status;foedselsdato\n" + teen + ";01;2016-06-06\n" + child + ";01;2008-01-01\n" + citizen + ";01;\n"
		_, err := f.db.Stamdata().Load(t.Context(), portstest.RegisterFile(t, "cpr-person.csv", changed), 1, now)
		require.NoError(t, err)
		ask := func(who, whom string) error {
			_, err := f.citizen.Find(t.Context(), citizenToken(t, who), logkeeping.Inquiry{Person: cprID(whom)})
			return err
		}
		requireRefused(t, ask(teen, teen), "no access to this person's log")
		require.NoError(t, ask(child, child))
		require.NoError(t, ask(citizen, teen))
		requireRefused(t, ask(citizen, child), "no access to this person's log")
		f.citizen.Citizens = nil
		require.NoError(t, ask(teen, teen), "digits")
		requireRefused(t, ask(child, child), "no access to this person's log")
		f.citizen.Citizens = f.register
		f.register.OnRead.FailFrom(1, errors.New("connection refused"))
		require.NoError(t, ask(teen, teen), "digits where the register does not answer")
		requireRefused(t, ask(child, child), "no access to this person's log")
	})
}

func TestOnBehalfAges(t *testing.T) {
	f := newFamily(t)
	for when, allowed := range map[string]bool{"2031-03-02T22:59:59Z": true, "2031-03-02T23:00:00Z": false} {
		t.Run("AC-25 the day before and on the 15th birthday "+when, func(t *testing.T) {
			f.citizen.Now = func() time.Time { return at(when) }
			_, err := f.citizen.Find(t.Context(), citizenToken(t, citizen), logkeeping.Inquiry{Person: cprID(child)})
			if allowed {
				require.NoError(t, err)
			} else {
				requireRefused(t, err, "no access to this person's log")
			}
			_, err = f.citizen.Find(t.Context(), citizenToken(t, child), logkeeping.Inquiry{Person: cprID(child)})
			assert.Equal(t, allowed, err != nil, "and then the child reads it")
		})
	}
}

// TestLookupForAnotherIsSeen registers into the message log, as a server does.
func TestLookupForAnotherIsSeen(t *testing.T) {
	f := newFamily(t)
	f.citizen.Access = &logkeeping.AccessLog{Registrar: f.registrar, CVR: "33257872", NewID: func() string { return "id" }}
	caller := citizenToken(t, proxyHolder)
	caller.MessageID = strings.Repeat("æ", 50)
	for range 2 { // at the same time: the same, once more
		page, err := f.citizen.Find(t.Context(), caller, logkeeping.Inquiry{Person: cprID(citizen)})
		require.NoError(t, err)
		assert.Empty(t, page.Groups)
	}
	f.consume(t)
	t.Run("AC-24 by the one who is looked up", func(t *testing.T) {
		page := own(t, f.house, logkeeping.Inquiry{})
		require.Len(t, page.Groups, 1)
		e := page.Groups[0].Entries[0].Entry
		assert.Equal(t, "Fuldmagtshaver", e.UserRole)
		assert.Equal(t, strings.Repeat("æ", 46), e.CorrelationID)
		assert.Equal(t, "Opslag i MinLog", e.Activity)
	})
	caller.MessageID = "m-2"
	f.citizen.Now = func() time.Time { return now.Add(time.Second) }
	_, err := f.citizen.Find(t.Context(), caller, logkeeping.Inquiry{Person: cprID(citizen)})
	require.NoError(t, err)
	f.consume(t)
	assert.Len(t, f.stored(t, citizen), 2)
}

func TestOnBehalfFailures(t *testing.T) {
	f := newFamily(t)
	f.everyone(t, child)
	secret := errors.New("connection refused")
	ask := func(caller identity.Caller, q logkeeping.Inquiry) (logkeeping.Page, error) {
		q.Person = cprID(child)
		return f.citizen.Find(t.Context(), caller, q)
	}
	t.Run("AC-29 relations down", func(t *testing.T) {
		f.citizen.Relations = &register{err: secret}
		for _, caller := range []identity.Caller{citizenToken(t, citizen), claiming(t, citizen, child, relation.Custody), citizenToken(t, stranger)} {
			page, err := ask(caller, logkeeping.Inquiry{})
			requireUnavailable(t, err)
			assert.Empty(t, page)
		}
		assert.Empty(t, f.access.Kept())
		f.citizen.Relations = f.register
	})
	t.Run("AC-29 the lookup cannot be registered", func(t *testing.T) {
		for _, cause := range []error{secret, minlog.Refusal{Code: minlog.CodeMissing}, ports.ErrLateLog} {
			f.failing.OnLog.FailFrom(1, cause)
			page, err := ask(citizenToken(t, citizen), logkeeping.Inquiry{})
			requireUnavailable(t, err)
			require.ErrorIs(t, err, cause)
			assert.Empty(t, page)
		}
		f.failing.OnLog.Heal()
		f.failing.OnAnswer.FailFrom(1, secret)
		page, err := ask(citizenToken(t, citizen), logkeeping.Inquiry{})
		requireUnavailable(t, err)
		assert.Empty(t, page)
		f.failing.OnAnswer.Heal()
	})
	t.Run("AC-29 it is registered before anything is read", func(t *testing.T) {
		reads := &portstest.FailingLogStore{Log: f.db.LogStore()}
		reads.OnRead.FailFrom(1, secret)
		store := f.citizen.Store
		f.citizen.Store = reads
		before := len(f.access.Kept())
		_, err := ask(citizenToken(t, citizen), logkeeping.Inquiry{})
		requireUnavailable(t, err)
		assert.Len(t, f.access.Kept(), before+1)
		f.failing.OnLog.FailFrom(1, errors.New("append"))
		_, err = ask(citizenToken(t, citizen), logkeeping.Inquiry{})
		assert.NotErrorIs(t, err, secret, "nothing is read")
		f.failing.OnLog.Heal()
		f.citizen.Store = store
	})
	t.Run("what nobody can answer is not registered", func(t *testing.T) {
		before := len(f.access.Kept())
		for _, q := range []logkeeping.Inquiry{{PageSize: size(0)}, {PageToken: "x"}, {From: now, To: now.Add(-time.Hour)}, {Pass: []minlog.Condition{{Field: "x"}}}} {
			_, err := ask(citizenToken(t, citizen), q)
			requireSyntax(t, err)
		}
		assert.Len(t, f.access.Kept(), before)
	})
	t.Run("each page is registered", func(t *testing.T) {
		f.add(t, "m-2", access("2026-11-02T08:00:00Z", about(child)))
		f.consume(t)
		before := len(f.access.Kept())
		first, err := ask(citizenToken(t, citizen), logkeeping.Inquiry{PageSize: size(1)})
		require.NoError(t, err)
		second, err := ask(citizenToken(t, citizen), logkeeping.Inquiry{PageSize: size(1), PageToken: first.Next})
		require.NoError(t, err)
		assert.Equal(t, []string{"x"}, activities(second))
		assert.Empty(t, second.Next)
		assert.Len(t, f.access.Kept(), before+2)
		_, err = f.citizen.Find(t.Context(), citizenToken(t, citizen), logkeeping.Inquiry{Person: cprID(citizen), PageSize: size(1), PageToken: first.Next})
		requireSyntax(t, err)
	})
}

// register is a register of relations and aliases that says what it is told to.
type register struct {
	found   []relation.Relation
	numbers []cpr.Number // of one person
	linked  []ecpr.Number
	err     error
	asked   int
}

func (r *register) Between(context.Context, cpr.Number, cpr.Number, time.Time) ([]relation.Relation, error) {
	r.asked++
	return r.found, r.err
}

func (r *register) Of(_ context.Context, n cpr.Number) ([]cpr.Number, []ecpr.Number, error) {
	r.asked++
	if i := slices.Index(r.numbers, n); i >= 0 {
		return append([]cpr.Number{n}, slices.Delete(slices.Clone(r.numbers), i, i+1)...), r.linked, r.err
	}
	return []cpr.Number{n}, nil, r.err
}

func TestRelationsAreRemembered(t *testing.T) {
	f := newFamily(t)
	proxy := relation.Relation{Kind: relation.Proxy, Scope: []string{"minlog"}}
	guardianship := relation.Relation{Kind: relation.Guardian}
	custody := relation.Relation{Kind: relation.Custody}
	r := &register{}
	f.citizen.Relations = r
	clock := now
	f.citizen.Now = func() time.Time { return clock }
	// allowed tells whether a caller reads somebody's log some time after now, and whether the register was asked.
	allowed := func(caller identity.Caller, whom string, after time.Duration) (ok, asked bool) {
		t.Helper()
		clock, r.asked = now.Add(after), 0
		_, err := f.citizen.Find(t.Context(), caller, logkeeping.Inquiry{Person: cprID(whom)})
		if err != nil {
			requireRefused(t, err, "no access to this person's log")
		}
		return err == nil, r.asked > 0
	}
	for _, c := range []struct {
		name       string
		caller     identity.Caller
		person     string
		first      []relation.Relation
		then       []relation.Relation // what the register says the second time
		after      time.Duration
		was, is    bool
		askedAgain bool
	}{
		{"a relation counts for a minute", citizenToken(t, proxyHolder), citizen, []relation.Relation{proxy}, nil, time.Minute - 1, true, true, false},
		{"and no longer", citizenToken(t, proxyHolder), stranger, []relation.Relation{proxy}, nil, time.Minute, true, false, true},
		{"that there is none does not", citizenToken(t, guardian), citizen, nil, []relation.Relation{proxy}, 0, false, true, true},
		{"nor one that lets nobody in", citizenToken(t, assistant), citizen, []relation.Relation{{Kind: relation.Proxy, Scope: []string{"fmk"}}},
			[]relation.Relation{proxy}, 0, false, true, true},
		{"AC-27 not beyond its own end", citizenToken(t, guardian), stranger,
			[]relation.Relation{{Kind: relation.Guardian, Valid: validity.Period{To: now.Add(30 * time.Second)}}}, nil, 30 * time.Second, true, false, true},
		{"up to its own end", citizenToken(t, guardian), professional,
			[]relation.Relation{{Kind: relation.Guardian, Valid: validity.Period{To: now.Add(30 * time.Second)}}}, nil, 30*time.Second - 1, true, true, false},
		{"not before it was asked for", citizenToken(t, ward), citizen, []relation.Relation{proxy}, nil, -1, true, false, true},
		{"of another caller it says nothing", citizenToken(t, stranger), citizen, nil, nil, 0, false, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.found = c.first
			ok, asked := allowed(c.caller, c.person, 0)
			assert.True(t, asked)
			assert.Equal(t, c.was, ok)
			r.found = c.then
			ok, asked = allowed(c.caller, c.person, c.after)
			assert.Equal(t, c.askedAgain, asked)
			assert.Equal(t, c.is, ok)
		})
	}
	t.Run("a guardianship that is remembered answers no claim of custody", func(t *testing.T) {
		r.found = []relation.Relation{guardianship}
		ok, _ := allowed(citizenToken(t, professional), ward, 0)
		assert.True(t, ok)
		ok, asked := allowed(claiming(t, professional, ward, relation.Custody), ward, 0)
		assert.False(t, ok)
		assert.True(t, asked)
	})
	t.Run("AC-25 ages are checked every time", func(t *testing.T) {
		r.found = []relation.Relation{custody}
		f.citizen.RelationCache = 24 * time.Hour
		birthday := at("2031-03-02T23:00:00Z").Sub(now)
		ok, _ := allowed(citizenToken(t, professional), child, birthday-1)
		assert.True(t, ok)
		ok, _ = allowed(citizenToken(t, professional), child, birthday)
		assert.False(t, ok)
	})
	t.Run("none is remembered for no time", func(t *testing.T) {
		f.citizen.RelationCache = 0
		r.found = []relation.Relation{proxy}
		for range 2 {
			ok, asked := allowed(citizenToken(t, teen), citizen, 2*365*24*time.Hour)
			assert.True(t, ok && asked)
		}
	})
}

func TestLookupsForOthersAtOnce(t *testing.T) {
	f := newFamily(t)
	f.everyone(t, citizen, child, ward)
	var wg sync.WaitGroup
	for range 4 {
		for who, whom := range map[string]string{citizen: child, proxyHolder: citizen, guardian: ward} {
			wg.Go(func() {
				page, err := f.citizen.Find(t.Context(), citizenToken(t, who), logkeeping.Inquiry{Person: cprID(whom)})
				assert.NoError(t, err)
				assert.Equal(t, cprID(whom), page.Groups[0].Head.Person)
			})
		}
	}
	wg.Wait()
	assert.Len(t, f.access.Kept(), 12)
}

// TestRelationsAreForgotten shows that what is remembered is bounded.
func TestRelationsAreForgotten(t *testing.T) {
	f := newFamily(t)
	r := &register{found: []relation.Relation{{Kind: relation.Guardian}}}
	f.citizen.Relations, f.citizen.Citizens, f.citizen.Trail = r, nil, silent{}
	caller := citizenToken(t, guardian)
	ask := func(whom string) {
		_, err := f.citizen.Find(t.Context(), caller, logkeeping.Inquiry{Person: cprID(whom)})
		require.NoError(t, err)
	}
	for i := range 4000 {
		ask(fmt.Sprintf("010150%04d", i))
	}
	ask("0101500000")
	assert.Equal(t, 4000, r.asked)
	ask("0201500000")
	ask("0101500000")
	assert.Equal(t, 4002, r.asked, "asked for again")
}

// silent is a trail that keeps nothing.
type silent struct{}

func (silent) Note(context.Context, audit.Component, audit.Context, ...audit.Information) {}

// counting counts what is asked of the registers.
type counting struct {
	ports.CPRRegister
	births, relations int
}

func (c *counting) Citizen(ctx context.Context, n cpr.Number) (stamdata.Citizen, error) {
	c.births++
	return c.CPRRegister.Citizen(ctx, n)
}

func (c *counting) Between(ctx context.Context, actor, subject cpr.Number, when time.Time) ([]relation.Relation, error) {
	c.relations++
	return c.CPRRegister.Between(ctx, actor, subject, when)
}

// TestRefusalsAreAlike shows that neither the text nor the work tells why somebody is refused.
func TestRefusalsAreAlike(t *testing.T) {
	f := newFamily(t)
	for name, c := range map[string]struct{ who, whom string }{
		"AC-28 a stranger": {stranger, child}, "AC-28 nobody knows the person": {stranger, "0101014444"}, "AC-28 the child is too old": {citizen, teen},
		"AC-28 the proxy is for something else": {proxyHolder, stranger}, "AC-28 the caller is a child": {child, citizen},
	} {
		t.Run(name, func(t *testing.T) {
			asked := &counting{CPRRegister: f.db.Register()}
			f.citizen.Relations, f.citizen.Citizens = asked, asked
			_, err := f.citizen.Find(t.Context(), citizenToken(t, c.who), logkeeping.Inquiry{Person: cprID(c.whom)})
			requireRefused(t, err, "no access to this person's log")
			assert.Equal(t, [2]int{2, 1}, [2]int{asked.births, asked.relations})
		})
	}
	t.Run("who reads the own log asks for one birth", func(t *testing.T) {
		asked := &counting{CPRRegister: f.db.Register()}
		f.citizen.Relations, f.citizen.Citizens = asked, asked
		own(t, f.house, logkeeping.Inquiry{})
		assert.Equal(t, [2]int{1, 0}, [2]int{asked.births, asked.relations})
	})
}

func ecprID(number string) minlog.ID { return minlog.ID{Source: minlog.ECPR, Value: number} }

func TestAliases(t *testing.T) {
	f := newFamily(t)
	f.add(t, "m-1", access("2026-11-01T08:00:00Z", activity("a")), access("2026-11-01T08:01:00Z", activity("b"), about(oldNumber)),
		access("2026-11-01T08:02:00Z", activity("c"), func(e *minlog.Entry) { e.Person = ecprID(linkedECPR) }),
		access("2026-11-01T08:03:00Z", activity("d")), access("2026-11-01T08:04:00Z", activity("e"), about(oldNumber), filter("Ikke borger")),
		access("2026-11-01T08:05:00Z", activity("f"), about(stranger)), access("2026-11-01T08:06:00Z", activity("g"), about(oldNumber)))
	f.consume(t)
	linked, err := ecpr.ParseNumber(linkedECPR)
	require.NoError(t, err)
	r := &register{numbers: []cpr.Number{number(t, citizen), number(t, oldNumber)}, linked: []ecpr.Number{linked}}
	ask := func(caller identity.Caller, q logkeeping.Inquiry) ([]string, error) {
		page, err := f.citizen.Find(t.Context(), caller, q)
		return activities(page), err
	}
	all := []string{"a", "b", "c", "d", "g"}
	t.Run("off", func(t *testing.T) {
		got, err := ask(citizenToken(t, citizen), logkeeping.Inquiry{Chronologic: true})
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "d"}, got)
		for _, id := range []minlog.ID{ecprID(linkedECPR), cprID(oldNumber)} {
			_, err = ask(citizenToken(t, citizen), logkeeping.Inquiry{Person: id})
			requireRefused(t, err, "no access to this person's log")
		}
	})
	f.citizen.Aliases = r
	t.Run("one's own numbers are one log", func(t *testing.T) {
		for _, id := range []minlog.ID{{}, cprID(citizen), cprID(oldNumber), ecprID(linkedECPR), ecprID(strings.ToLower(linkedECPR))} {
			got, err := ask(citizenToken(t, citizen), logkeeping.Inquiry{Person: id, Chronologic: true})
			require.NoError(t, err)
			assert.Equal(t, all, got)
		}
		got, err := ask(employee(t, citizen, ""), logkeeping.Inquiry{Person: cprID(citizen), Chronologic: true})
		require.NoError(t, err)
		assert.Equal(t, all, got, "with a card")
	})
	t.Run("in pages, in both orders", func(t *testing.T) {
		for _, chronologic := range []bool{true, false} {
			q := logkeeping.Inquiry{Person: ecprID(linkedECPR), PageSize: size(2), Chronologic: chronologic}
			var got []string
			for {
				page, err := f.citizen.Find(t.Context(), citizenToken(t, citizen), q)
				require.NoError(t, err)
				got = append(got, activities(page)...)
				if q.PageToken = page.Next; q.PageToken == "" {
					break
				}
			}
			want := slices.Clone(all)
			if !chronologic {
				slices.Reverse(want)
			}
			assert.Equal(t, want, got)
		}
	})
	t.Run("who acts for a person reads them too", func(t *testing.T) {
		got, err := ask(citizenToken(t, proxyHolder), logkeeping.Inquiry{Person: cprID(citizen), Chronologic: true})
		require.NoError(t, err)
		assert.Equal(t, all, got)
	})
	t.Run("by one's own alone", func(t *testing.T) {
		for _, c := range []struct {
			caller identity.Caller
			id     minlog.ID
		}{
			{citizenToken(t, stranger), ecprID(linkedECPR)}, {citizenToken(t, proxyHolder), ecprID(linkedECPR)}, {citizenToken(t, stranger), cprID(oldNumber)},
			{employee(t, citizen, ""), ecprID(linkedECPR)}, {employee(t, citizen, ""), cprID(oldNumber)},
			{claiming(t, citizen, child, relation.Custody), ecprID(linkedECPR)}, {citizenToken(t, citizen), ecprID("0202801QT8")},
			{citizenToken(t, citizen), ecprID(citizen)}, {citizenToken(t, citizen), codeID(code)},
		} {
			_, err := ask(c.caller, logkeeping.Inquiry{Person: c.id})
			requireRefused(t, err, "no access to this person's log")
		}
	})
	t.Run("AC-29 when the aliases cannot be read nothing is", func(t *testing.T) {
		r.err = errors.New("connection refused")
		for _, id := range []minlog.ID{cprID(citizen), cprID(child)} {
			got, err := ask(citizenToken(t, citizen), logkeeping.Inquiry{Person: id})
			requireUnavailable(t, err)
			assert.Empty(t, got)
		}
	})
}
