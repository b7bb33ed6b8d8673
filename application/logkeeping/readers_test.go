package logkeeping_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports/portstest"
)

// someone is a person of a world. days are year, month and day of birth, all zero where nothing tells.
type someone struct {
	numbers  []string // the first is the current one
	ecpr     string
	code     string // authorisation
	digits   [3]int // what the current number tells
	register *[3]int
	down     bool // the register does not answer about the person
}

// ids is what the person may be called, the current number more often than the others.
func (p someone) ids() []minlog.ID {
	current := cprID(p.numbers[0])
	return []minlog.ID{current, current, current, current, cprID(p.numbers[1]), ecprID(p.ecpr)}
}

// world is people, how they may act for each other, and what is registered. It is also the registers of the lookups under test.
type world struct {
	now       time.Time
	people    []someone
	relations map[[2]int][]relation.Relation // of actor and subject
	related   [][2]int
	entries   []minlog.Registration
	aliases   bool
}

func (w *world) index(number string) int {
	return slices.IndexFunc(w.people, func(p someone) bool { return slices.Contains(p.numbers, number) })
}

// Between returns what is valid, of current numbers alone.
func (w *world) Between(_ context.Context, actor, subject cpr.Number, when time.Time) (valid []relation.Relation, err error) {
	for _, r := range w.relations[[2]int{w.index(actor.Digits()), w.index(subject.Digits())}] {
		if w.people[w.index(subject.Digits())].numbers[0] == subject.Digits() && r.Valid.Contains(when) {
			valid = append(valid, r)
		}
	}
	return valid, nil
}

func (w *world) Citizen(_ context.Context, n cpr.Number) (stamdata.Citizen, error) {
	p := w.people[w.index(n.Digits())]
	switch {
	case p.down:
		return stamdata.Citizen{}, fault.Error{Kind: fault.Unavailable}
	case p.register == nil:
		return stamdata.Citizen{}, stamdata.ErrUnknown
	}
	return stamdata.Citizen{CPR: n, Registered: calendar.Day{Year: p.register[0], Month: time.Month(p.register[1]), Dom: p.register[2]}}, nil
}

func (w *world) Of(_ context.Context, n cpr.Number) (numbers []cpr.Number, linked []ecpr.Number, err error) {
	p := w.people[w.index(n.Digits())]
	numbers = []cpr.Number{n}
	for _, digits := range p.numbers {
		if other, err := cpr.Parse(digits); err == nil && other != n {
			numbers = append(numbers, other)
		}
	}
	if x, err := ecpr.ParseNumber(p.ecpr); err == nil {
		linked = append(linked, x)
	}
	return numbers, linked, nil
}

// question is somebody's, by one of the ways to read.
type question struct {
	way     string // token, card, assistants, portal
	actor   int
	asked   minlog.ID
	level   int
	vouched bool
	claim   *identity.Principal
	cvr     string
	inquiry logkeeping.Inquiry
}

// The oracle: who sees what, written once more from the rules ML-14, ML-15 and ML-21 to ML-28 and from UC-5 to UC-8, person by person and
// entry by entry.

// years is how old somebody is, -1 = nobody knows.
func (w *world) years(i int) int {
	p := w.people[i]
	born := p.digits
	if p.register != nil && !p.down {
		born = *p.register
	}
	today := w.now.In(calendar.Location())
	if born == [3]int{} {
		return -1
	}
	age := today.Year() - born[0]
	if today.Format("0102") < fmt.Sprintf("%02d%02d", born[1], born[2]) {
		age--
	}
	return age
}

// holds tells whether actor has a relation of a kind to subject now.
func (w *world) holds(actor, subject int, kind relation.Kind) bool {
	for _, r := range w.relations[[2]int{actor, subject}] {
		begun := !w.now.Before(r.Valid.From)
		ended := !r.Valid.To.IsZero() && !r.Valid.To.After(w.now)
		scoped := kind != relation.Proxy || strings.Contains("|"+strings.Join(r.Scope, "|")+"|", "|minlog|") || slices.Index(r.Scope, "*") >= 0
		if r.Kind == kind && begun && !ended && scoped {
			return true
		}
	}
	return false
}

// eyes tells with whose eyes a citizen's question is answered: "" = not at all.
func (w *world) eyes(q question) (whose int, eyes string) {
	if q.level < map[string]int{"token": 3, "card": 4}[q.way] || q.vouched {
		return -1, ""
	}
	whose = slices.IndexFunc(w.people, func(p someone) bool {
		if q.asked.Source == "eCPR" {
			return w.aliases && p.ecpr == q.asked.Value
		}
		return slices.Contains(p.numbers, q.asked.Value)
	})
	if whose < 0 {
		return -1, ""
	}
	current := w.people[whose].numbers[0] == q.asked.Value
	if whose == q.actor && (current || w.aliases && q.way == "token") {
		if q.claim == nil && w.years(whose) >= 15 {
			return whose, "self"
		}
		return -1, ""
	}
	if q.way == "card" || !current || w.years(q.actor) < 18 {
		return -1, ""
	}
	child := w.years(whose) >= 0 && w.years(whose) < 15 && w.holds(q.actor, whose, relation.Custody)
	grown := w.years(whose) >= 18 && (w.holds(q.actor, whose, relation.Guardian) || w.holds(q.actor, whose, relation.Proxy))
	switch {
	case q.claim != nil && (q.claim.Kind != relation.Custody || q.claim.CPR.Digits() != q.asked.Value || !child):
		return -1, ""
	case grown:
		return whose, "for a grown-up"
	case child:
		return whose, "for a child"
	}
	return -1, ""
}

// sees returns the activities that answer a question, oldest first, and with whose eyes; "" = refused.
func (w *world) sees(q question) (seen []string, eyes string) {
	whose := -1
	me := w.people[q.actor]
	switch q.way {
	case "assistants":
		if q.level >= 4 && !q.vouched && me.code != "" && (q.asked.Value == me.numbers[0] || q.asked.Value == me.code) {
			eyes = "professional"
		}
	case "portal":
		if q.level >= 3 && q.cvr == "33257872" {
			whose, eyes = w.index(q.asked.Value), "portal"
		}
	default:
		whose, eyes = w.eyes(q)
	}
	if eyes == "" {
		return nil, ""
	}
	for _, r := range w.entries {
		e := r.Entry
		if !e.To.After(w.now.AddDate(-2, 0, 0)) || !w.about(&e, q, eyes, whose) || hiddenFrom(&e, eyes) || !inWindow(&e, q) {
			continue
		}
		if len(q.inquiry.Pass) > 0 && e.System != q.inquiry.Pass[0].Value {
			continue
		}
		seen = append(seen, e.Activity)
	}
	return seen, eyes
}

func (w *world) about(e *minlog.Entry, q question, eyes string, whose int) bool {
	if eyes == "professional" {
		me := w.people[q.actor]
		mine := func(id minlog.ID) bool {
			return id == minlog.ID{Source: "CPR", Value: me.numbers[0]} || id == minlog.ID{Source: "Autorisation", Value: me.code}
		}
		return mine(e.OnBehalfOf) && !mine(e.User)
	}
	p := w.people[whose]
	if w.aliases {
		return e.Person.Source == "CPR" && slices.Contains(p.numbers, e.Person.Value) || e.Person.Source == "eCPR" && e.Person.Value == p.ecpr
	}
	asked := q.asked.Value
	return e.Person.Source == "CPR" && e.Person.Value == asked
}

func hiddenFrom(e *minlog.Entry, eyes string) bool {
	for _, f := range e.Filters {
		switch strings.ToLower(strings.Trim(f, " ")) {
		case "ikke borger":
			return eyes != "professional"
		case "ikke forældremyndigheds-indehaver":
			if eyes == "for a child" || eyes == "portal" {
				return true
			}
		}
	}
	return false
}

func inWindow(e *minlog.Entry, q question) bool {
	from, to := q.inquiry.From, q.inquiry.To
	if q.way == "portal" {
		return (from.IsZero() || e.To.Compare(from) >= 0) && (to.IsZero() || e.From.Compare(to) <= 0)
	}
	return (from.IsZero() || e.To.Compare(from) >= 0) && (to.IsZero() || e.From.Compare(to) < 0) && (to.IsZero() || !from.Equal(to))
}

// anyWorld draws people around the ages that matter, relations around now, and registrations around the bounds of time.
func anyWorld(r *rand.Rand) *world {
	w := &world{relations: map[[2]int][]relation.Relation{}, aliases: one(r, []bool{false, true}),
		now: at(one(r, []string{"2026-11-21T12:00:00Z", "2026-11-21T22:59:30Z", "2026-11-21T23:00:00Z", "2026-03-01T00:00:00Z", "2028-02-29T21:59:59Z"}))}
	for i := range 5 {
		w.people = append(w.people, anyone(r, w.now, i))
	}
	open := time.Time{}
	from := []time.Time{open, w.now.Add(-time.Hour), w.now, w.now.Add(30 * time.Second)}
	to := []time.Time{open, w.now.Add(time.Hour), w.now.Add(3 * time.Minute), w.now.Add(2 * time.Minute), w.now.Add(time.Minute), w.now}
	for range 10 + r.IntN(20) {
		who := [2]int{one(r, []int{0, 1, 2, 3, 4}), one(r, []int{0, 1, 2, 3, 4})}
		w.related = append(w.related, who)
		w.relations[who] = append(w.relations[who], relation.Relation{
			Kind:  one(r, []relation.Kind{relation.Custody, relation.Custody, relation.Guardian, relation.Proxy}),
			Valid: validity.Period{From: one(r, from), To: one(r, to)},
			Scope: one(r, [][]string{{"minlog"}, {"*"}, {"fmk", "minlog"}, {"fmk"}, nil}),
		})
	}
	for i := range 30 + r.IntN(30) {
		w.entries = append(w.entries, w.anyEntry(r, i))
	}
	slices.SortFunc(w.entries, func(a, b minlog.Registration) int { return a.Cursor().Compare(b.Cursor()) })
	return w
}

// one draws one of all, each as likely: rapid's own draws like the first ones better.
func one[T any](r *rand.Rand, all []T) T { return all[r.IntN(len(all))] }

// anyone draws a person of about the ages that matter, whom the register may know otherwise than the number does.
func anyone(r *rand.Rand, now time.Time, i int) someone {
	born := func() [3]int {
		day := now.In(calendar.Location())
		day = time.Date(day.Year()-one(r, []int{40, 40, 40, 5, 5, 14, 15, 18}), day.Month(), day.Day()+one(r, []int{-1, 0, 1}),
			0, 0, 0, 0, time.UTC)
		return [3]int{day.Year(), int(day.Month()), day.Day()}
	}
	p := someone{digits: born(), down: r.IntN(6) == 0, ecpr: fmt.Sprintf("0101801AB%d", i),
		code: one(r, []string{"", fmt.Sprintf("TST0%d", i)})}
	century := 1
	if p.digits[0] >= 2000 {
		century = 4
	}
	p.numbers = []string{fmt.Sprintf("%02d%02d%02d%d00%d", p.digits[2], p.digits[1], p.digits[0]%100, century, i), fmt.Sprintf("010180111%d", i)}
	switch one(r, []int{0, 1, 2, 3}) {
	case 0:
		other := born()
		p.register = &other
	case 1:
		p.register = &p.digits
	case 2: // no such day: the digits tell nothing
		p.numbers[0], p.digits = fmt.Sprintf("290201000%d", i), [3]int{}
	}
	return p
}

func (w *world) anyEntry(r *rand.Rand, i int) minlog.Registration {
	cutoff := w.now.AddDate(-2, 0, 0)
	to := one(r, []time.Time{w.now, w.now, w.now.Add(-time.Hour), w.now.Add(-2 * time.Hour), cutoff, cutoff.Add(time.Microsecond),
		cutoff.Add(10 * time.Second), cutoff.Add(-time.Hour)})
	length := one(r, []time.Duration{0, 0, time.Hour, 2*time.Hour + time.Microsecond})
	user := func() minlog.ID {
		p := one(r, w.people)
		return one(r, []minlog.ID{{}, cprID(p.numbers[0]), cprID(p.numbers[0]), codeID(max(p.code, "TST00"))})
	}
	e := minlog.Entry{System: one(r, []string{"FMK", "Labka"}), Activity: fmt.Sprint("activity ", i), From: to.Add(-length), To: to,
		Person: one(r, one(r, w.people).ids()),
		User:   user(), OnBehalfOf: user(), Filters: one(r, [][]string{nil, nil, nil, {"Ikke borger"}, {"x", " ikke BORGER"}, {"x"},
			{"Ikke forældremyndigheds-indehaver"}, {"IKKE FORÆLDREMYNDIGHEDS-INDEHAVER ", "x"}})}
	return minlog.Registration{ID: minlog.RegistrationID{byte(i)}, ReceivedAt: to, Entry: e, Registrar: minlog.Registrar{CVR: "33257872"}}
}

func (w *world) anyQuestion(t *rapid.T, r *rand.Rand) question {
	q := question{actor: one(r, []int{0, 1, 2, 3, 4}), level: one(r, []int{2, 3, 4, 4, 4, 4, 4, 4}),
		way:     one(r, []string{"token", "token", "token", "token", "token", "token", "card", "assistants", "portal"}),
		vouched: r.IntN(12) == 0, cvr: one(r, []string{"33257872", "33257872", "99999902"})}
	whom := w.people[one(r, []int{0, 1, 2, 3, 4})]
	if r.IntN(4) > 0 {
		who := one(r, w.related)
		q.actor, whom = who[0], w.people[who[1]]
	}
	q.asked = one(r, whom.ids())
	switch q.way {
	case "token":
		if r.IntN(4) == 0 {
			claimed := one(r, []string{whom.numbers[0], whom.numbers[0], w.people[0].numbers[0]})
			kind := one(r, []relation.Kind{relation.Custody, relation.Custody, relation.Proxy, relation.None})
			q.claim = &identity.Principal{CPR: number(t, claimed), Kind: kind}
		}
	case "assistants":
		me := w.people[q.actor]
		whom = one(r, []someone{whom, me, me, me})
		q.asked = one(r, []minlog.ID{cprID(whom.numbers[0]), codeID(max(whom.code, "TST97"))})
	case "portal":
		q.asked = cprID(q.asked.Value)
		if w.index(q.asked.Value) < 0 {
			q.asked = cprID(whom.numbers[0])
		}
	}
	bounds := []time.Time{{}, {}, {}, {}, {}, {}, w.now.Add(-2 * time.Hour), w.now.Add(-time.Hour), w.now}
	q.inquiry = logkeeping.Inquiry{Person: q.asked, Chronologic: one(r, []bool{false, true}), From: one(r, bounds), To: one(r, bounds),
		PageSize: size(1 + r.IntN(4)), Grouping: one(r, []string{"", "None", "Day", "CorrelationId"})}
	if !q.inquiry.To.IsZero() && q.inquiry.To.Before(q.inquiry.From) {
		q.inquiry.From, q.inquiry.To = q.inquiry.To, q.inquiry.From
	}
	if r.IntN(5) == 0 {
		q.inquiry.Pass = []minlog.Condition{{Field: "SystemName", Value: "FMK"}}
	}
	if q.way == "portal" {
		q.inquiry.Pass = nil
	}
	return q
}

// caller is who asks, with the credential of the way.
func (w *world) caller(t *rapid.T, q question) identity.Caller {
	me := w.people[q.actor]
	c := identity.Caller{Kind: identity.Professional, CPR: number(t, me.numbers[0]), AuthorisationCode: me.code, Vouched: q.vouched, OnBehalfOf: q.claim,
		Org: identity.Organisation{CVR: q.cvr}, Credential: identity.Credential{Scheme: identity.DGWS, Level: q.level}}
	if q.way == "token" {
		c.Kind, c.Credential.Scheme = identity.Citizen, identity.IDWS
	}
	return c
}

// readers are the lookups of a world.
type readers struct {
	citizen    *logkeeping.CitizenLookup
	assistants *logkeeping.AssistantLookup
	portal     *logkeeping.PortalLookup
	access     *portstest.RecordingAccessLog
}

func (w *world) readers(t *rapid.T) readers {
	clock := func() time.Time { return w.now }
	db := memory.New(clock)
	_, err := db.LogStore().Store(context.Background(), minlog.Partition{Topic: topic}, 0, 1, minlog.Batch{Registrations: w.entries})
	require.NoError(t, err)
	reading := logkeeping.Reading{Store: db.LogStore(), Trail: silent{}, Now: clock, Logger: slog.New(slog.DiscardHandler), TokenKey: []byte("key"),
		PageSize: 500, MaxPageSize: 1000, MaxEntries: 10000, ScanBudget: 50000, MaxPeriod: 744 * time.Hour, RetentionYears: 2}
	r := readers{access: &portstest.RecordingAccessLog{}}
	r.citizen = &logkeeping.CitizenLookup{Reading: reading, Relations: w, Citizens: w, Access: r.access, Ages: minlog.Ages{Self: 15, Custody: 15},
		RelationCache: time.Minute, OwnByCard: true, MaskUserCPR: true}
	r.assistants = &logkeeping.AssistantLookup{Reading: reading}
	r.portal = &logkeeping.PortalLookup{Reading: reading, Granted: func(_ context.Context, name, cvr string) (bool, error) {
		return name == "minlog.minlog1" && cvr == "33257872", nil
	}}
	if w.aliases {
		r.citizen.Aliases, r.portal.Aliases = w, w
	}
	return r
}

// answer asks a question to the end; ok = false: refused.
func (r readers) answer(t *rapid.T, q question, caller identity.Caller) (all []minlog.Entry, pages int, ok bool) {
	ctx := context.Background()
	if q.way == "portal" {
		rows, err := r.portal.List(ctx, caller, q.asked.Value, q.inquiry.From, q.inquiry.To)
		for i := range rows {
			all = append(all, rows[i].Entry)
		}
		return all, 0, allowed(t, err)
	}
	for find := r.citizen.Find; ; {
		if q.way == "assistants" {
			find = r.assistants.Find
		}
		page, err := find(ctx, caller, q.inquiry)
		if !allowed(t, err) {
			return nil, 0, false
		}
		pages++
		for _, g := range page.Groups {
			for i := range g.Entries {
				all = append(all, g.Entries[i].Entry)
			}
		}
		if q.inquiry.PageToken = page.Next; page.Next == "" {
			return all, pages, true
		}
	}
}

func allowed(t *rapid.T, err error) bool {
	if err != nil {
		f, _ := fault.Of(err)
		require.Equal(t, "not_authorized", f.Code, "%v", err)
	}
	return err == nil
}

// TestNoReaderSeesWhatIsHidden asks every reader and the oracle the same, while time passes.
func TestNoReaderSeesWhatIsHidden(t *testing.T) {
	worlds, told := 0, map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		worlds++
		dice := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)) //nolint:gosec // a test
		w := anyWorld(dice)
		r := w.readers(t)
		var onBehalf question // the last that was answered
		for range 30 {
			w.now = w.now.Add(one(dice, []time.Duration{0, 0, time.Second, 30 * time.Second}))
			q := w.anyQuestion(t, dice)
			if onBehalf.way != "" && dice.IntN(2) == 0 { // what is remembered must not tell more
				if q = onBehalf; dice.IntN(3) == 0 {
					q.claim = &identity.Principal{CPR: number(t, q.asked.Value), Kind: relation.Custody}
				}
			}
			want, eyes := w.sees(q)
			before := len(r.access.Kept())
			entries, pages, ok := r.answer(t, q, w.caller(t, q))
			require.Equal(t, eyes != "", ok, "answered, with the eyes %q", eyes)
			got := []string{}
			for i := range entries {
				got = append(got, entries[i].Activity)
				shown := entries[i].User.Source == minlog.CPR || entries[i].OnBehalfOf.Source == minlog.CPR
				require.False(t, shown && eyes != "professional" && eyes != "portal", "a user's number is shown")
			}
			if grouped := q.way != "portal" && q.inquiry.Grouping == "Day"; grouped {
				slices.Sort(got)
				slices.Sort(want)
			} else if q.way != "portal" && !q.inquiry.Chronologic {
				slices.Reverse(want)
			}
			require.Equal(t, append([]string{}, want...), got, "with the eyes %q", eyes)
			registered := 0
			if strings.HasPrefix(eyes, "for a ") {
				registered, onBehalf = pages, q
			}
			require.Equal(t, registered, len(r.access.Kept())-before, "lookups that are registered")
			told[eyes] += len(want)
		}
	})
	if worlds < 100 { // some eyes see something in one of ten
		return
	}
	for _, eyes := range []string{"self", "for a grown-up", "for a child", "professional", "portal"} {
		require.Positive(t, told[eyes], "no world shows anything to %q", eyes)
	}
}
