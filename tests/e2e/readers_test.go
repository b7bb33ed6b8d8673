package e2e

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
	"github.com/opennsp/nsp/tests/nsptest"
)

// People who read for others.
const (
	birthday    = "0512114444" // a child of citizen, born on 5 December 2011
	proxyHolder = "0707551111"
	guardian    = "0808601111"
	stranger    = "0909651111"
	wardPerson  = "1010401111" // guardian's
	formerChild = "0303164445" // the number child had before
	formerProxy = "0707551112" // and proxyHolder

	hiddenFromAll     = "Ikke borger"
	hiddenFromCustody = "Ikke forældremyndigheds-indehaver"

	audience   = "https://minlog"
	noAccess   = "no access to this person's log"
	onBehalfOf = "dk:healthcare:saml:attribute:OnBehalfOf"
)

// families are registers with the people of the cases.
func families() map[string]string {
	return map[string]string{
		"cpr-person.csv": "cpr;status;koen;fornavn;efternavn;gaeldendeCPR;foedselsdato\n" +
			citizen + ";01;M;Carl;Borger;;1980-02-02\n" + child + ";01;K;Clara;Barn;;2016-03-03\n" + formerChild + ";60;K;Clara;Barn;" + child + ";2016-03-03\n" +
			teen + ";01;M;Tim;Teen;;2010-06-06\n" + birthday + ";01;M;Bent;Barn;;2011-12-05\n" + professional + ";01;K;Pia;Praksis;;1970-04-04\n" +
			formerProxy + ";60;M;Frans;Fuldmagt;" + proxyHolder + ";1955-07-07\n" + assistant + ";01;K;Asta;Assistent;;1985-05-05\n" + proxyHolder + ";01;M;Frans;Fuldmagt;;1955-07-07\n" +
			guardian + ";01;K;Vera;Værge;;1960-08-08\n" + stranger + ";01;M;Frem;Fremmed;;1965-09-09\n" + wardPerson + ";01;M;Viggo;Ward;;1940-10-10\n",
		"cpr-foraeldremyndighed.csv": "cpr;typeKode;relationCpr;validFrom;validTo\n" +
			child + ";0003;" + citizen + ";2016-03-03;\n" + teen + ";0004;" + citizen + ";2010-06-06;\n" + birthday + ";0004;" + citizen + ";2011-12-05;\n",
		"cpr-vaerge.csv": "cpr;typeKode;relationCpr;vaergesNavn;validFrom;validTo\n" + wardPerson + ";0001;" + guardian + ";;2020-01-01;\n",
		"fuldmagt.csv": "actor;subject;scope;validFrom;validTo\n" +
			proxyHolder + ";" + citizen + ";minlog fmk;2026-01-01;\n" + // in force
			proxyHolder + ";" + wardPerson + ";*;2026-01-01;2026-11-21\n" + // ended today
			proxyHolder + ";" + guardian + ";fmk;2026-01-01;\n" + // for something else
			proxyHolder + ";" + teen + ";*;2026-01-01;\n", // of somebody who is not 18
		"autorisation.csv": "autorisationsnummer;cpr;fornavn;efternavn;uddannelseskode;validFrom;validTo\nTST01;" + professional + ";Pia;Praksis;7170;2000-01-01;\n",
	}
}

// reads asks for the log of a person with the token of a citizen, which may claim to act for somebody.
func reads(t *testing.T, s *nsptest.Server, actor, person, more string, claim ...string) nsptest.Answer {
	t.Helper()
	h := s.Citizen(actor).For(audience)
	for _, c := range claim {
		h = h.With(onBehalfOf, c)
	}
	return h.Call(t, citizenLog, minlogws.ActionCitizen, ownLog(person, more))
}

func TestOnBehalf(t *testing.T) {
	onEveryStore(t, nsptest.Options{Registers: families()}, func(t *testing.T, s *nsptest.Server) {
		var all []entry
		for _, person := range []string{citizen, child, teen, birthday, guardian, wardPerson} {
			all = append(all, entry{person: person, activity: "Shown"}, entry{person: person, activity: "Hidden", filters: []string{hiddenFromAll}},
				entry{person: person, activity: "Not custody", filters: []string{hiddenFromCustody}})
		}
		registered(t, s, all...)
		sees := func(t *testing.T, want []string, answer nsptest.Answer) {
			t.Helper()
			assert.ElementsMatch(t, want, activities(t, answer))
			s.Consumed(t)
		}
		// Lookups before are in the answers of those that come later: they are left out here.
		first := "<l:ToDateTime>2026-11-02T00:00:00Z</l:ToDateTime>"
		allButHidden := []string{"Shown", "Not custody"}

		t.Run("AC-24 a parent does not see what is hidden from holders of custody, and is seen looking", func(t *testing.T) {
			answer := reads(t, s, citizen, child, first)
			sees(t, []string{"Shown"}, answer)
			assert.NotContains(t, string(answer.Body), assistant, "users' numbers are masked")
			rows := stored(t, s, "CPR:"+child)
			own := slices.IndexFunc(rows, func(r minlog.Registration) bool { return r.Entry.System == "MinLog" })
			require.GreaterOrEqual(t, own, 0, "the lookup is registered")
			assert.Equal(t, "Opslag i MinLog", rows[own].Entry.Activity)
			assert.Equal(t, "Forældremyndighedsindehaver", rows[own].Entry.UserRole)
			assert.Equal(t, citizen, rows[own].Entry.User.Value)
			assert.Equal(t, "99999903", rows[own].Registrar.CVR)
			s.Clock.Advance(time.Second)
			before := "<l:ToDateTime>" + s.Clock.Now().Format(time.RFC3339) + "</l:ToDateTime>" // without this lookup
			sees(t, []string{"Shown", "Opslag i MinLog"}, reads(t, s, citizen, child, before))
		})
		t.Run("AC-24 with the claim that the register confirms", func(t *testing.T) {
			sees(t, []string{"Shown"}, reads(t, s, citizen, child, first, relation.ClaimCustody+child))
		})
		t.Run("AC-25 a teen's parent", func(t *testing.T) {
			refused(t, reads(t, s, citizen, teen, ""), "not_authorized", noAccess)
		})
		t.Run("AC-26 teen and child by token", func(t *testing.T) {
			sees(t, allButHidden, reads(t, s, teen, teen, ""))
			refused(t, reads(t, s, child, child, ""), "not_authorized", noAccess)
		})
		t.Run("AC-27 proxies", func(t *testing.T) {
			sees(t, allButHidden, reads(t, s, proxyHolder, citizen, first))
			for _, person := range []string{wardPerson, guardian, teen} {
				refused(t, reads(t, s, proxyHolder, person, ""), "not_authorized", noAccess)
			}
		})
		t.Run("AC-28 guardian, stranger, claims", func(t *testing.T) {
			sees(t, allButHidden, reads(t, s, guardian, wardPerson, first))
			for _, answer := range []nsptest.Answer{
				reads(t, s, stranger, citizen, ""), reads(t, s, stranger, child, ""), reads(t, s, stranger, "1111801111", ""),
				reads(t, s, stranger, child, "", relation.ClaimCustody+child),
				reads(t, s, citizen, child, "", relation.ClaimCustody+birthday),
				reads(t, s, proxyHolder, citizen, "", relation.ClaimProxy+citizen),
				reads(t, s, guardian, wardPerson, "", relation.ClaimProxy+wardPerson),
				reads(t, s, citizen, citizen, "", relation.ClaimCustody+child),
			} {
				refused(t, answer, "not_authorized", noAccess)
			}
		})
		t.Run("AC-28 nobody is seen looking who was refused", func(t *testing.T) {
			for _, r := range stored(t, s, "CPR:"+child) {
				assert.NotEqual(t, stranger, r.Entry.User.Value)
			}
		})
		t.Run("AC-30 a card is for one's own log, whatever the relation", func(t *testing.T) {
			refused(t, s.Doctor(citizen, "TST02").Call(t, citizenLog, ownLog(child, "")), "not_authorized", noAccess)
		})
		t.Run("AC-25 the day before the 15th birthday, and the day itself", func(t *testing.T) {
			s.Clock.Set(time.Date(2026, 12, 4, 22, 59, 59, 0, time.UTC)) // midnight in Copenhagen is at 23
			sees(t, []string{"Shown"}, reads(t, s, citizen, birthday, first))
			refused(t, reads(t, s, birthday, birthday, ""), "not_authorized", noAccess)
			s.Clock.Advance(time.Second)
			refused(t, reads(t, s, citizen, birthday, ""), "not_authorized", noAccess)
			sees(t, append(allButHidden, "Opslag i MinLog"), reads(t, s, birthday, birthday, ""))
		})
		s.Stop()
		for _, number := range []string{citizen, child, teen, birthday, guardian, proxyHolder, stranger, wardPerson} {
			assert.NotContains(t, s.Logs(), number, "AC-43 no number in the log")
		}
	})
}

// TestOnBehalfWithoutHelp has what a lookup on behalf needs fail.
func TestOnBehalfWithoutHelp(t *testing.T) {
	register := &portstest.FailingCPRRegister{}
	log := &portstest.FailingMessageLog{}
	onEveryStore(t, nsptest.Options{
		Registers:  families(),
		Set:        map[string]string{"minlog.relation_cache": "0s"},
		Register:   func(r ports.CPRRegister) ports.CPRRegister { register.Register = r; return register },
		MessageLog: func(l ports.MessageLog) ports.MessageLog { log.Log = l; return log },
	}, func(t *testing.T, s *nsptest.Server) {
		defer register.OnRead.Heal()
		defer log.OnAppend.Heal()
		registered(t, s, entry{person: child, activity: "Shown"}, entry{activity: "Own"})
		down := func(answer nsptest.Answer) {
			t.Helper()
			refused(t, answer, "processing_problem", "")
			assert.NotContains(t, string(answer.Body), "Shown")
		}
		t.Run("AC-29 relations down", func(t *testing.T) {
			register.OnRead.FailFrom(1, errors.New("down"))
			down(reads(t, s, citizen, child, ""))
			down(reads(t, s, citizen, child, "", relation.ClaimCustody+child))
			assert.Equal(t, []string{"Own"}, activities(t, reads(t, s, citizen, citizen, "")), "the own log needs no relation")
			register.OnRead.Heal()
		})
		t.Run("AC-29 nothing is shown on behalf while looking cannot be registered", func(t *testing.T) {
			log.OnAppend.FailFrom(1, errors.New("down"))
			down(reads(t, s, citizen, child, ""))
			assert.Equal(t, []string{"Own"}, activities(t, reads(t, s, citizen, citizen, "")))
			log.OnAppend.Heal()
			assert.Equal(t, []string{"Shown"}, activities(t, reads(t, s, citizen, child, "<l:ToDateTime>2026-11-02T00:00:00Z</l:ToDateTime>")))
		})
	})
}

// TestOnBehalfRegisteredElsewhere has lookups registered by another server, which may be down.
func TestOnBehalfRegisteredElsewhere(t *testing.T) {
	central := nsptest.Start(t, nsptest.Options{})
	sample := filepath.Join(central.Federation.Dir, "samples", "epj")
	s := nsptest.Start(t, nsptest.Options{Registers: families(), Set: map[string]string{
		"minlog.remote.url": central.URL + minlogws.PathRegistration, "minlog.remote.sts": central.URL + stsws.PathNew,
		"minlog.remote.cert": sample + ".pem", "minlog.remote.key": sample + ".key", "minlog.remote.timeout": "1m",
	}})
	registered(t, s, entry{person: child, activity: "Shown"})
	assert.Equal(t, []string{"Shown"}, activities(t, reads(t, s, citizen, child, "")))
	rows := stored(t, central, "CPR:"+child)
	require.Len(t, rows, 1)
	assert.Equal(t, "Opslag i MinLog", rows[0].Entry.Activity)
	assert.Equal(t, "99999901", rows[0].Registrar.CVR, "whose system registered")
	assert.Len(t, stored(t, s, "CPR:"+child), 1, "nothing of it is here")
	central.Stop()
	refused(t, reads(t, s, citizen, child, ""), "processing_problem", "")
	assert.NotContains(t, s.Logs(), child)
}

// TestOnePersonUnderSeveralNumbers reads what was registered under numbers that a person had before, and tells who looked by name.
func TestOnePersonUnderSeveralNumbers(t *testing.T) {
	set := map[string]string{"minlog.aliases": "true", "minlog.names": "true"}
	onEveryStore(t, nsptest.Options{Registers: families(), Set: set}, func(t *testing.T, s *nsptest.Server) {
		registered(t, s, entry{person: formerChild, activity: "Before"}, entry{person: child, activity: "After"},
			entry{person: formerProxy, activity: "Before", system: "FMK", correlation: "s-1", time: "2026-11-01T08:00:00Z"},
			entry{person: proxyHolder, activity: "After", system: "Journal-B", correlation: "s-1", time: "2026-11-01T09:30:00Z"})
		const first = "<l:ToDateTime>2026-11-02T00:00:00Z</l:ToDateTime>"
		t.Run("a child's, to the parent", func(t *testing.T) {
			answer := reads(t, s, citizen, child, first)
			assert.ElementsMatch(t, []string{"Before", "After"}, activities(t, answer))
			assert.Contains(t, answer.All(t, "UserPersonName"), "Asta Assistent")
			assert.NotContains(t, string(answer.Body), assistant, "the number is masked")
		})
		t.Run("one's own, by either number", func(t *testing.T) {
			for _, number := range []string{proxyHolder, formerProxy} {
				assert.ElementsMatch(t, []string{"Before", "After"}, activities(t, reads(t, s, proxyHolder, number, "")))
			}
			refused(t, reads(t, s, stranger, formerProxy, ""), "not_authorized", noAccess)
		})
		t.Run("AC-40 a call that went through two systems is one group", func(t *testing.T) {
			answer := reads(t, s, proxyHolder, proxyHolder, "<l:Grouping>CorrelationId</l:Grouping><l:Details>None</l:Details>")
			assert.Equal(t, []string{"2"}, answer.All(t, "NumberOfLogDataEntries"), "%s", answer.Body)
			assert.Empty(t, answer.All(t, "SystemName"))
			assert.Equal(t, []string{"2026-11-01T08:00:00.000Z"}, answer.All(t, "FromDateTime"))
			assert.Equal(t, []string{"2026-11-01T09:30:00.000Z"}, answer.All(t, "ToDateTime"))
		})
	})
}
