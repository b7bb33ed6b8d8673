package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/tests/nsptest"
)

// mayRead is what the registers of families let a citizen read at the start of the clock: each view of each log, written down by hand.
var mayRead = map[[2]string]string{
	{citizen, citizen}: "self", {teen, teen}: "self", {professional, professional}: "self", {guardian, guardian}: "self", {wardPerson, wardPerson}: "self",
	{proxyHolder, proxyHolder}: "self", {stranger, stranger}: "self", {assistant, assistant}: "self",
	{citizen, child}: "custody", {citizen, birthday}: "custody", // not teen, who is 16
	{guardian, wardPerson}: "guardian", {proxyHolder, citizen}: "proxy",
}

// hides tells whether one of the filters hides an entry in a view.
func hides(view string, filters []string) bool {
	for _, f := range filters {
		switch strings.ToLower(strings.TrimSpace(f)) {
		case "ikke borger":
			if view != "assistant" {
				return true
			}
		case "ikke forældremyndigheds-indehaver":
			if view == "custody" || view == "portal" {
				return true
			}
		}
	}
	return false
}

// TestNoReaderSeesWhatIsHidden registers what chance brings and has everybody ask for everybody's log in every way there is.
func TestNoReaderSeesWhatIsHidden(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	onEveryStore(t, nsptest.Options{Registers: families(), Set: map[string]string{"grants": "minlog.minlog1=" + cvr}}, func(t *testing.T, s *nsptest.Server) {
		r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // not a secret
		pick := func(from ...string) string { return from[r.IntN(len(from))] }
		everybody := []string{citizen, child, teen, birthday, professional, assistant, proxyHolder, guardian, stranger, wardPerson}
		words := []string{"Ikke borger", " ikke BORGER ", "Ikke forældremyndigheds-indehaver", "IKKE FORÆLDREMYNDIGHEDS-INDEHAVER", "Ikke borgere", "Andet"}
		var all []entry
		for i := range 400 {
			e := entry{
				activity: fmt.Sprint("E", i), person: pick(everybody...), user: pick(assistant, professional, stranger), behalf: pick("", "TST01", "tst01", "TST02"),
				time: time.Date(2026, 11, 1+r.IntN(18), 10, 0, 0, 0, time.UTC).Format(time.RFC3339),
			}
			if r.IntN(6) == 0 {
				e.behalf, e.behalfSource = pick(professional, citizen), "CPR"
			}
			if r.IntN(2) == 0 {
				e.filters = []string{pick(words...)}
			}
			if r.IntN(4) == 0 {
				e.filters = append(e.filters, pick(words...))
			}
			all = append(all, e)
		}
		registered(t, s, all...)
		// check compares an answer with what a reader with the view may see; "" is nothing.
		check := func(who, view string, answer nsptest.Answer, seen []string, about func(e entry) bool) {
			t.Helper()
			if view == "" {
				assert.Equal(t, "not_authorized", answer.FaultCode, "%s", who)
				assert.NotContains(t, string(answer.Body), "Activity", "%s", who)
				return
			}
			require.Equal(t, http.StatusOK, answer.Status, "%s: %s", who, answer.Body)
			var want []string
			for _, e := range all {
				if about(e) && !hides(view, e.filters) {
					want = append(want, e.activity)
				}
			}
			assert.ElementsMatch(t, want, seen, "%s", who)
		}
		const early = "<l:ToDateTime>2026-11-20T00:00:00Z</l:ToDateTime>" // without the lookups themselves
		of := func(person string) func(entry) bool { return func(e entry) bool { return e.person == person } }
		found := func(a nsptest.Answer) []string {
			if a.Status != http.StatusOK {
				return nil
			}
			return activities(t, a)
		}
		for _, actor := range everybody {
			for _, person := range everybody {
				view := mayRead[[2]string{actor, person}]
				answer := reads(t, s, actor, person, early)
				check("token", view, answer, found(answer), of(person))
				if actor == person {
					card := s.Doctor(actor, "TST03").Call(t, citizenLog, ownLog(person, early))
					check("card", view, card, found(card), of(person))
					continue
				}
				if view != "custody" {
					view = ""
				}
				answer = reads(t, s, actor, person, early, relation.ClaimCustody+person)
				check("claim", view, answer, found(answer), of(person))
			}
		}
		for _, p := range []struct {
			actor, code string
			view        string
		}{{professional, "TST01", "assistant"}, {citizen, "TST02", "assistant"}, {professional, "", ""}} {
			mine := func(e entry) bool {
				byNumber := e.behalfSource == "CPR" && e.behalf == p.actor
				byCode := e.behalfSource == "" && e.behalf != "" && strings.EqualFold(e.behalf, p.code)
				return (byNumber || byCode) && e.user != p.actor
			}
			for _, id := range [][2]string{{"CPR", p.actor}, {"Autorisation", or(p.code, "TST01")}} {
				answer := s.Doctor(p.actor, p.code).Call(t, assistants, behalfLog(id[0], id[1], early))
				check("assistants", p.view, answer, found(answer), mine)
				if p.code != "" {
					answer = s.Employee(p.actor, p.code).For(audience).Call(t, assistants, minlogws.ActionAssistants, behalfLog(id[0], id[1], early))
					check("assistants by token", p.view, answer, found(answer), mine)
				}
			}
		}
		for _, person := range everybody {
			answer := s.System(cvr).Call(t, portal, portalLog(person, "", "2026-11-20T00:00:00Z"))
			seen := answer.All(t, "handling")
			check("portal", "portal", answer, seen, of(person))
			assert.True(t, slices.IsSorted(answer.All(t, "tidspunkt")), "oldest first")
		}
	})
}
