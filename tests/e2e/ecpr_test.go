package e2e

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/ecprws"
	"github.com/opennsp/nsp/adapters/soap/scesws"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/tests/nsptest"
)

const (
	ecprSpace = ecprws.DefaultNamespace
	passport  = "2.25.276287498922580704022267390250412640307.1"
	jutland   = "1.2.208.176.1.6.1.3.181" // D-eCPR, Region Midtjylland
	south     = "1.2.208.176.1.6.1.3.183"

	// Persons of the synthetic registers.
	adult, doctorCPR, secretaryCPR = "1403800099", "2207820468", "1909851138"
	changedNumber, annulled        = "2804901808", "0803611471"
	absent                         = "0909729999"
)

// registration is a registration as an answer shows it.
type registration struct {
	Identifiers []element `xml:"Identifier"`
	Names       []element `xml:"Name"`
	Genders     []element `xml:"Gender"`
	BirthDates  []element `xml:"BirthDate"`
	Contacts    []element `xml:"Contact"`
	Addresses   []element `xml:"Address"`
}

type element struct {
	PID, OID, OIDLabel, OIDType, Value, Use, Text, FamilyName, GivenName, StreetAddressLine1 string
	ValidFrom, ValidTo                                                                       string
}

// number is the X-eCPR of the registration.
func (r registration) number() string {
	for _, i := range r.Identifiers {
		if i.OID == ecpr.XECPROID && i.ValidTo == "" {
			return i.Value
		}
	}
	return ""
}

func active(all []element) (found []element) {
	for _, e := range all {
		if e.ValidTo == "" {
			found = append(found, e)
		}
	}
	return found
}

// persons are those of an answer.
func persons(t testing.TB, a nsptest.Answer) []registration {
	t.Helper()
	var envelope struct {
		Body struct {
			Answer struct {
				XMLName xml.Name
				Person  []registration `xml:"Person"`
			} `xml:",any"`
		} `xml:"Body"`
	}
	require.Equal(t, http.StatusOK, a.Status, "%s", a.Body)
	require.NoError(t, xml.Unmarshal(a.Body, &envelope))
	return envelope.Body.Answer.Person
}

func person(t testing.TB, a nsptest.Answer) registration {
	t.Helper()
	all := persons(t, a)
	require.Len(t, all, 1, "%s", a.Body)
	return all[0]
}

const modified = `<Modified><By><Person><AuthorisationIdentifier>0TST1</AuthorisationIdentifier><Name>Tove Testlæge</Name>` +
	`<PersonIdentifier>` + doctorCPR + `</PersonIdentifier></Person><Role>Læge</Role><Organisation><Name>Testby Sygehus</Name>` +
	`<Type>Hospital</Type><Identifier><Identifier>900011000016001</Identifier><Source>SOR</Source></Identifier></Organisation></By></Modified>`

func request(operation, content string) string {
	return "<" + operation + `Request xmlns="` + ecprSpace + `">` + content + "</" + operation + "Request>"
}

func creating(elements string) string {
	return request("CreatePerson", "<Person>"+modified+elements+"</Person>")
}

func updating(number, elements string) string {
	return request("UpdatePerson", "<Person>"+modified+id(ecpr.XECPROID, number)+elements+"</Person>")
}

func merging(survivor, loser string) string {
	key := func(number string) string {
		return `<Identifier><KeyIdentifier>true</KeyIdentifier><OID>` + ecpr.XECPROID + `</OID><Value>` + number + `</Value></Identifier>`
	}
	return request("MergePersons", "<Person>"+modified+key(survivor)+"</Person><Person>"+key(loser)+"</Person>")
}

func getting(oid, value string) string { return request("GetPersonById", id(oid, value)) }

func searching(query string) string { return request("SearchPerson", "<Query>"+query+"</Query>") }

func id(oid, value string) string {
	return "<Identifier><OID>" + oid + "</OID><Value>" + value + "</Value></Identifier>"
}

func name(family, given string) string {
	return "<Name><Use>official</Use><FamilyName>" + family + "</FamilyName><GivenName>" + given + "</GivenName></Name>"
}

func born(date string) string { return "<BirthDate><Value>" + date + "</Value></BirthDate>" }

func gender(g string) string { return "<Gender><Value>" + g + "</Value></Gender>" }

// ECPR is a server with people who may write and read registrations.
type ecprActors struct {
	s                         *nsptest.Server
	doctor, secretary, merger nsptest.Actor
	system, unlisted          nsptest.Actor
	operator                  nsptest.Client
}

func newECPR(t *testing.T, s *nsptest.Server) ecprActors {
	t.Helper()
	a := ecprActors{
		s: s, doctor: s.Doctor(doctorCPR, "0TST1"), secretary: s.Doctor(secretaryCPR, ""), merger: s.Doctor("0101010001", "TST01"),
		system: s.System("99999901"), operator: s.Operator(t),
		unlisted: s.As(s.UserCard(doctorCPR, "0TST1").With("medcom:CareProviderID", "12345678")),
	}
	answer := a.operator.Do(t, http.MethodPut, "/api/ecpr/v1/roles",
		map[string]string{"cvr": "99999902", "cpr": "0101010001", "role": string(ecpr.Coordinator)}, nil)
	require.Contains(t, []int{http.StatusOK, http.StatusCreated, http.StatusNoContent}, answer.StatusCode)
	return a
}

func (a ecprActors) call(t testing.TB, body string) nsptest.Answer {
	t.Helper()
	return a.doctor.Call(t, ecprws.Path, body)
}

func (a ecprActors) create(t testing.TB, elements string) registration {
	t.Helper()
	return person(t, a.call(t, creating(elements)))
}

func (a ecprActors) refused(t testing.TB, code, text string, answer nsptest.Answer) {
	t.Helper()
	assert.Equal(t, http.StatusInternalServerError, answer.Status, "%s", answer.Body)
	assert.Equal(t, code, answer.FaultCode)
	if text != "" {
		assert.Equal(t, text, answer.Text)
	}
}

// ecprGrants let organisation 99999902 write and read, 99999901 read.
var ecprGrants = map[string]string{
	"grants": "ecpr.write=99999902,ecpr.read=99999902,ecpr.read=99999901,sces=99999901",
}

func TestECPRCreate(t *testing.T) {
	onEveryStore(t, nsptest.Options{Set: ecprGrants}, func(t *testing.T, s *nsptest.Server) {
		a := newECPR(t, s)
		t.Run("PC-1 a man of the last century", func(t *testing.T) {
			r := a.create(t, name("Prøve", "Jon Alfa")+gender("male")+born("1978-08-13"))
			require.Len(t, r.Identifiers, 1)
			assert.Regexp(t, `^1308781[A-Z]{2}[13579]$`, r.Identifiers[0].Value)
			assert.Equal(t, ecpr.XECPROID, r.Identifiers[0].OID)
			assert.Equal(t, "X-eCPR", r.Identifiers[0].OIDLabel)
			assert.Empty(t, r.Identifiers[0].ValidTo)
			assert.Equal(t, "Jon Alfa Prøve", r.Names[0].Text)
		})
		t.Run("PC-2 a woman of this century", func(t *testing.T) {
			assert.Regexp(t, `^3101057[A-Z]{2}[02468]$`, a.create(t, gender("female")+born("2005-01-31")).number())
		})
		t.Run("PC-4 a birth date without day: the day of creation", func(t *testing.T) {
			r := a.create(t, born("2004-11"))
			assert.Regexp(t, `^2111267[A-Z]{2}\d$`, r.number())
			assert.Equal(t, "2004-11", r.BirthDates[0].Value)
		})
		t.Run("PC-5 dates that no person of this time has", func(t *testing.T) {
			for _, date := range []string{"1899-12-31", "2100-01-01", "2023-02-29", "2026-11-22", "1978-13-08"} {
				a.refused(t, "ecpr_invalid", "", a.call(t, creating(born(date))))
			}
			a.refused(t, "ecpr_invalid", "Fødselsdatoen er ugyldig [1978-13-08]", a.call(t, creating(born("1978-13-08"))))
		})
		t.Run("PC-6 200 at once get 200 numbers", func(t *testing.T) {
			var mu sync.Mutex
			numbers := map[string]bool{}
			var callers sync.WaitGroup
			for range 20 {
				callers.Go(func() {
					for range 10 {
						n := person(t, a.call(t, creating(gender("male")+born("1950-05-05")))).number()
						mu.Lock()
						numbers[n] = true
						mu.Unlock()
					}
				})
			}
			callers.Wait()
			assert.Len(t, numbers, 200)
		})
		t.Run("PC-9 a message that comes again gets the same answer", func(t *testing.T) {
			message := a.doctor.Message(nsptest.NewMessageID(), creating(gender("female")+born("1961-02-03")))
			first, again := s.Post(t, ecprws.Path, message), s.Post(t, ecprws.Path, message)
			assert.Equal(t, string(first.Body), string(again.Body))
			assert.NotEmpty(t, person(t, first).number())
		})
		t.Run("PC-10 the audit log has operation, number and caller", func(t *testing.T) {
			r := a.create(t, name("Revision", "Rut"))
			lines := s.AuditLines(t)
			last := lines[len(lines)-1]
			assert.Contains(t, last, "CreatePerson")
			assert.Contains(t, last, r.number())
			assert.NotContains(t, strings.Join(lines, "\n"), "RegistrationRequest", "MinLog is not told")
		})
		t.Run("PC-11 who may create", func(t *testing.T) {
			assert.NotEmpty(t, person(t, a.secretary.Call(t, ecprws.Path, creating(gender("male")))).number())
			a.refused(t, "not_authorized", "Kalderen har ikke adgang til operationen", a.unlisted.Call(t, ecprws.Path, creating("")))
			answer := a.system.Call(t, ecprws.Path, creating(""))
			assert.Contains(t, []string{"not_authorized", "security_level_failed"}, answer.FaultCode, "a system is nobody who creates")
			citizen := s.Citizen("2512489996").Call(t, ecprws.Path, ecprSpace+":CreatePerson", creating(""))
			assert.NotEqual(t, http.StatusOK, citizen.Status)
		})
		t.Run("PC-12 an authorisation of somebody else", func(t *testing.T) {
			other := strings.Replace(creating(""), "<PersonIdentifier>"+doctorCPR, "<PersonIdentifier>"+secretaryCPR, 1)
			a.refused(t, "ecpr_invalid", "", a.call(t, other))
		})
		t.Run("PC-25 nobody brings an X-eCPR", func(t *testing.T) {
			a.refused(t, "ecpr_invalid", "", a.call(t, creating(id(ecpr.XECPROID, "1308781QT7"))))
		})
		t.Run("PC-26 forms that are not permitted", func(t *testing.T) {
			for _, element := range []string{
				"<Contact><System>email</System><Value>x@example.test</Value></Contact>",
				"<Address><Type>postal</Type><City>Testby</City></Address>",
				"<Name><Use>nickname</Use><FamilyName>Prøve</FamilyName></Name>",
			} {
				a.refused(t, "ecpr_invalid", "", a.call(t, creating(element)))
			}
		})
		t.Run("PC-35 another namespace, none, children in any order", func(t *testing.T) {
			body := creating(born("1980-01-02") + gender("male") + name("Orden", "Uden"))
			for _, space := range []string{"urn:example:other", ""} {
				answer := a.call(t, strings.Replace(body, ecprSpace, space, 1))
				assert.NotEmpty(t, person(t, answer).number())
				want := `CreatePersonResponse xmlns="` + space + `"`
				if space == "" {
					want = "CreatePersonResponse>"
				}
				assert.Contains(t, string(answer.Body), want)
			}
		})
		t.Run("PC-36 no document type, no broken text", func(t *testing.T) {
			message := string(a.doctor.Message(nsptest.NewMessageID(), creating("")))
			dtd := s.Post(t, ecprws.Path, []byte(strings.Replace(message, "<soap:Envelope", `<!DOCTYPE x [<!ENTITY a "b">]><soap:Envelope`, 1)))
			assert.Equal(t, "syntax_error", dtd.FaultCode)
			broken := s.Post(t, ecprws.Path, []byte(strings.Replace(message, "Testl\u00e6ge", "Test\xe6", 1)))
			assert.Equal(t, "syntax_error", broken.FaultCode)
		})
	})
}

// TestPC3 creates in the evening of a year of UTC, which is the next year's first hour in Copenhagen.
func TestPC3(t *testing.T) {
	onEveryStore(t, nsptest.Options{}, func(t *testing.T, s *nsptest.Server) {
		s.Clock.Set(time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC))
		assert.Regexp(t, `^0101277[A-Z]{2}\d$`, newECPR(t, s).create(t, name("Nytår", "Nikolaj")).number())
	})
}

func TestECPRUpdate(t *testing.T) {
	onEveryStore(t, nsptest.Options{Set: ecprGrants}, func(t *testing.T, s *nsptest.Server) {
		a := newECPR(t, s)
		tick := func() { s.Clock.Advance(time.Second) }
		update := func(t *testing.T, n, elements string) registration {
			return person(t, a.call(t, updating(n, elements)))
		}
		t.Run("PC-13 equal values write nothing", func(t *testing.T) {
			r := a.create(t, name("Ens", "Erik")+gender("male")+born("1970-01-02"))
			before := outboxWaiting(t, a)
			tick()
			assert.Equal(t, r, update(t, r.number(), name("Ens", "Erik")+gender("male")))
			assert.Equal(t, before, outboxWaiting(t, a))
		})
		t.Run("PC-14 PC-15 a name changed by its PID, once", func(t *testing.T) {
			r := a.create(t, name("Gammel", "Gerda"))
			tick()
			change := "<Name><PID>" + r.Names[0].PID + "</PID><Use>official</Use><FamilyName>Ny</FamilyName><GivenName>Gerda</GivenName></Name>"
			after := update(t, r.number(), change)
			require.Len(t, after.Names, 2)
			assert.Equal(t, after.Names[1].ValidFrom, after.Names[0].ValidTo)
			assert.NotEqual(t, after.Names[0].PID, after.Names[1].PID)
			a.refused(t, "ecpr_conflict", "Elementet er ikke længere gyldigt ["+r.Names[0].PID+"]", a.call(t, updating(r.number(), change)))
			a.refused(t, "ecpr_not_found", "", a.call(t, updating(r.number(), strings.Replace(change, r.Names[0].PID, "5b1f0a52-0c0e-4f0c-9d57-0f6a1f2dffff", 1))))
		})
		t.Run("PC-15 two at once: one wins", func(t *testing.T) {
			r := a.create(t, name("Kappe", "Kirsten"))
			tick()
			var answers [2]nsptest.Answer
			var both sync.WaitGroup
			for i := range answers {
				both.Go(func() {
					answers[i] = a.call(t, updating(r.number(), fmt.Sprintf("<Name><PID>%s</PID><FamilyName>Nr%d</FamilyName></Name>", r.Names[0].PID, i)))
				})
			}
			both.Wait()
			codes := []string{answers[0].FaultCode, answers[1].FaultCode}
			slices.Sort(codes)
			assert.Equal(t, []string{"", "ecpr_conflict"}, codes)
		})
		t.Run("PC-16 a PID alone ends an element, but no gender", func(t *testing.T) {
			r := a.create(t, gender("other")+"<Contact><System>phone</System><Value>+45 70 12 34 56</Value></Contact>")
			tick()
			after := update(t, r.number(), "<Contact><PID>"+r.Contacts[0].PID+"</PID></Contact>")
			require.Len(t, after.Contacts, 1)
			assert.NotEmpty(t, after.Contacts[0].ValidTo)
			a.refused(t, "ecpr_invalid", "", a.call(t, updating(r.number(), "<Gender><PID>"+r.Genders[0].PID+"</PID></Gender>")))
		})
		t.Run("PC-17 one bad element of five: nothing", func(t *testing.T) {
			r := a.create(t, name("Fem", "Freja"))
			tick()
			a.refused(t, "ecpr_invalid", "", a.call(t, updating(r.number(), name("Seks", "Freja")+gender("female")+born("2001-01-02")+
				"<Contact><Value>12345678</Value></Contact><Contact><System>fax</System><Value>1</Value></Contact>")))
			assert.Equal(t, r, person(t, a.call(t, getting(ecpr.XECPROID, r.number()))))
		})
		t.Run("PC-18 a CPR number is linked, and told", func(t *testing.T) {
			r := a.create(t, name("Kobling", "Karl"))
			before := outboxWaiting(t, a)
			tick()
			after := update(t, r.number(), id(ecpr.CPROID, adult[:6]+"-"+adult[6:]))
			assert.Equal(t, adult, after.Identifiers[slices.IndexFunc(after.Identifiers, func(e element) bool { return e.OID == ecpr.CPROID })].Value)
			assert.Equal(t, before+1, outboxWaiting(t, a))
			assert.Equal(t, r.number(), person(t, a.call(t, getting(ecpr.CPROID, adult))).number())
			t.Run("PC-21 by its older number it exists already", func(t *testing.T) {
				other := a.create(t, "")
				a.refused(t, "ecpr_value_exists", "", a.call(t, updating(other.number(), id(ecpr.CPROID, changedNumber))))
				end := after.Identifiers[slices.IndexFunc(after.Identifiers, func(e element) bool { return e.OID == ecpr.CPROID })].PID
				tick()
				update(t, r.number(), "<Identifier><PID>"+end+"</PID></Identifier>")
				linked := update(t, other.number(), id(ecpr.CPROID, changedNumber))
				assert.Contains(t, identifiers(linked), ecpr.CPROID+" "+adult)
			})
		})
		t.Run("PC-19 PC-22 a number that the register lacks, or annulled", func(t *testing.T) {
			r := a.create(t, "")
			a.refused(t, "ecpr_cpr_unknown", "CPR-nummeret findes ikke ["+absent+"]", a.call(t, updating(r.number(), id(ecpr.CPROID, absent))))
			a.refused(t, "ecpr_cpr_unknown", "CPR-nummeret findes ikke ["+annulled+"]", a.call(t, updating(r.number(), id(ecpr.CPROID, annulled))))
			a.refused(t, "ecpr_invalid", "CPR-nummeret er ugyldigt [3002801234]", a.call(t, updating(r.number(), id(ecpr.CPROID, "3002801234"))))
		})
		t.Run("PC-23 one passport, one person", func(t *testing.T) {
			first, second := a.create(t, id(passport, "DK 123456")), a.create(t, "")
			a.refused(t, "ecpr_value_exists", "Værdien findes i forvejen [DK123456]("+passport+")", a.call(t, updating(second.number(), id(passport, "dk123456"))))
			a.refused(t, "ecpr_value_exists", "", a.call(t, creating(id(passport, "DK123456"))))
			tick()
			update(t, first.number(), "<Identifier><PID>"+first.Identifiers[slices.IndexFunc(first.Identifiers, func(e element) bool { return e.OID == passport })].PID+"</PID></Identifier>")
			assert.Contains(t, identifiers(update(t, second.number(), id(passport, "dk123456"))), passport+" DK123456")
			t.Run("two at once", func(t *testing.T) {
				var answers [2]nsptest.Answer
				var both sync.WaitGroup
				for i := range answers {
					both.Go(func() { answers[i] = a.call(t, creating(id(passport, "RACE1"))) })
				}
				both.Wait()
				codes := []string{answers[0].FaultCode, answers[1].FaultCode}
				slices.Sort(codes)
				assert.Equal(t, []string{"", "ecpr_value_exists"}, codes)
			})
		})
		t.Run("PC-24 one number of a source", func(t *testing.T) {
			r, other := a.create(t, id(jutland, "1308780AB1")), a.create(t, id(south, "1308780AB1"))
			assert.NotEmpty(t, other.number())
			a.refused(t, "ecpr_oid_exists", "", a.call(t, updating(r.number(), id(jutland, "1308780AB3"))))
		})
		t.Run("PC-25 an X-eCPR is the key and never changed", func(t *testing.T) {
			r := a.create(t, "")
			a.refused(t, "ecpr_invalid", "", a.call(t, updating(r.number(), "<Identifier><PID>"+r.Identifiers[0].PID+"</PID><OID>"+ecpr.XECPROID+"</OID><Value>1308781QT7</Value></Identifier>")))
		})
		t.Run("an unknown person", func(t *testing.T) {
			a.refused(t, "ecpr_not_found", "Personen findes ikke [1308781ZZ9]("+ecpr.XECPROID+")", a.call(t, updating("1308781ZZ9", "")))
			assert.Empty(t, persons(t, a.call(t, getting(ecpr.XECPROID, "1308781ZZ9"))))
			a.refused(t, "ecpr_invalid", "Ukendt OID [1.2.3]", a.call(t, getting("1.2.3", "x")))
		})
		s.Stop()
		for _, number := range append(numbersIssued(s.AuditLines(t)), adult, changedNumber, absent, doctorCPR, "1308781ZZ9", "DK123456") {
			assert.NotContains(t, s.AccessLog(t), number, "no number in the access log")
			assert.NotContains(t, s.Logs(), number, "no number in the log")
		}
	})
}

// numbersIssued are the numbers that an audit log tells of.
func numbersIssued(lines []string) (found []string) {
	for _, line := range lines {
		found = append(found, regexp.MustCompile(`\b\d{6}[17][A-Z]{2}\d\b`).FindAllString(line, -1)...)
	}
	return found
}

// identifiers are the active ones, as "OID value".
func identifiers(r registration) (found []string) {
	for _, e := range active(r.Identifiers) {
		found = append(found, e.OID+" "+e.Value)
	}
	return found
}

// outboxWaiting is how many notices wait for a service that takes them.
func outboxWaiting(t testing.TB, a ecprActors) int {
	t.Helper()
	var status struct{ Waiting int }
	require.Equal(t, http.StatusOK, a.operator.Do(t, http.MethodGet, "/api/outbox/v1/status", nil, &status).StatusCode)
	return status.Waiting
}

func TestECPRSearch(t *testing.T) {
	onEveryStore(t, nsptest.Options{Set: ecprGrants}, func(t *testing.T, s *nsptest.Server) {
		a := newECPR(t, s)
		r := a.create(t, name("Prøvesen", "Jon Alfa")+born("1978-12-12")+
			"<Address><Use>home</Use><StreetAddressLine1>Søndre Vej 12</StreetAddressLine1><City>Testby</City></Address>")
		s.Clock.Advance(time.Second)
		person(t, a.call(t, updating(r.number(), "<Address><PID>"+r.Addresses[0].PID+"</PID><StreetAddressLine1>Nyvej 1</StreetAddressLine1></Address>")))
		found := func(t *testing.T, query string) (numbers []string) {
			t.Helper()
			for _, p := range persons(t, a.call(t, searching(query))) {
				numbers = append(numbers, p.number())
			}
			return numbers
		}
		t.Run("PC-28 by parts of a name, an old address, a birthday", func(t *testing.T) {
			for _, query := range []string{
				"familyname:prøve*", `streetaddress:"Vej 12"`, `STREETADDRESSLINE1:"søndre vej"`, "familyname:PRØVESEN AND birthdate:12-12",
				"birthdate:1978-12-12", "givenname:alfa and city:testby",
			} {
				assert.Equal(t, []string{r.number()}, found(t, query), query)
			}
			assert.Empty(t, found(t, "familyname:prøvesen AND city:andenby"))
			a.refused(t, "ecpr_invalid", "Søgningen er for bred", a.call(t, searching("birthdate:12-12")))
		})
		t.Run("PC-30 what is no query", func(t *testing.T) {
			for _, query := range []string{"foo:bar", "givenname:", "(a)", "a:*", "givenname:a*", ""} {
				a.refused(t, "ecpr_invalid", "", a.call(t, searching(query)))
			}
		})
		t.Run("PC-29 of 150 hits 100, and it is told", func(t *testing.T) {
			var callers sync.WaitGroup
			for range 10 {
				callers.Go(func() {
					for range 15 {
						a.create(t, name("Mangetal", "Mads"))
					}
				})
			}
			callers.Wait()
			assert.Len(t, found(t, "familyname:mangetal"), 100)
			lines := s.AuditLines(t)
			last := lines[len(lines)-1]
			assert.Contains(t, last, "truncated")
			assert.Regexp(t, regexp.MustCompile(`"truncated"[^}]*true`), last)
		})
		t.Run("who may search", func(t *testing.T) {
			assert.NotEqual(t, http.StatusOK, a.system.Call(t, ecprws.Path, searching("familyname:prøve*")).Status)
			a.refused(t, "not_authorized", "", a.unlisted.Call(t, ecprws.Path, searching("familyname:prøve*")))
			assert.Len(t, persons(t, a.system.Call(t, ecprws.Path, getting(ecpr.XECPROID, r.number()))), 1, "a system may get")
		})
	})
}

func TestECPRMerge(t *testing.T) {
	onEveryStore(t, nsptest.Options{Set: ecprGrants}, func(t *testing.T, s *nsptest.Server) {
		a := newECPR(t, s)
		merge := func(survivor, loser string) nsptest.Answer {
			return a.merger.Call(t, ecprws.Path, merging(survivor, loser))
		}
		one := a.create(t, name("Overlevende", "Olga")+gender("female")+"<Contact><Value>11111111</Value></Contact>")
		s.Clock.Advance(time.Second)
		two := a.create(t, name("Taberby", "Olga")+id(passport, "X1")+"<Contact><Value>22222222</Value></Contact>")
		s.Clock.Advance(time.Second)
		t.Run("PC-32 the coordinator alone", func(t *testing.T) {
			a.refused(t, "not_authorized", "", a.call(t, merging(one.number(), two.number())))
		})
		t.Run("PC-33 what cannot be merged", func(t *testing.T) {
			a.refused(t, "ecpr_conflict", "", merge(one.number(), one.number()))
		})
		t.Run("PC-32 the survivor holds all", func(t *testing.T) {
			before := outboxWaiting(t, a)
			r := person(t, merge(one.number(), two.number()))
			assert.Equal(t, one.number(), r.number())
			assert.Contains(t, identifiers(r), passport+" X1")
			assert.Len(t, active(r.Contacts), 2)
			assert.Equal(t, "Taberby", active(r.Names)[0].FamilyName, "the newest")
			var closed []string
			for _, e := range r.Identifiers {
				if e.ValidTo != "" {
					closed = append(closed, e.Value)
				}
			}
			assert.Equal(t, []string{two.number()}, closed)
			assert.Equal(t, r, person(t, a.call(t, getting(ecpr.XECPROID, two.number()))), "by the loser's number too")
			assert.Equal(t, before+2, outboxWaiting(t, a), "Deleted and Updated")
			t.Run("PC-31 it is found once", func(t *testing.T) {
				for _, query := range []string{"familyname:taberby", "familyname:overlevende"} {
					all := persons(t, a.call(t, searching(query)))
					require.Len(t, all, 1, query)
					assert.Equal(t, one.number(), all[0].number())
				}
			})
			t.Run("PC-33 a merged key", func(t *testing.T) {
				third := a.create(t, "")
				a.refused(t, "ecpr_conflict", "", merge(third.number(), two.number()))
			})
		})
		t.Run("PC-33 two different CPR numbers", func(t *testing.T) {
			x, y := a.create(t, ""), a.create(t, "")
			s.Clock.Advance(time.Second)
			person(t, a.call(t, updating(x.number(), id(ecpr.CPROID, adult))))
			person(t, a.call(t, updating(y.number(), id(ecpr.CPROID, "2902044063"))))
			a.refused(t, "ecpr_conflict", "Personerne har forskellige CPR-numre", merge(x.number(), y.number()))
		})
		t.Run("PC-34 a merge and an update of the loser at once lose nothing", func(t *testing.T) {
			for i := range 8 {
				x, y := a.create(t, ""), a.create(t, "")
				s.Clock.Advance(time.Second)
				phone := fmt.Sprintf("3000%04d", i)
				var both sync.WaitGroup
				var updated nsptest.Answer
				both.Go(func() { updated = a.call(t, updating(y.number(), "<Contact><Value>"+phone+"</Value></Contact>")) })
				both.Go(func() { merge(x.number(), y.number()) })
				both.Wait()
				require.Equal(t, http.StatusOK, updated.Status, "%s", updated.Body)
				r := person(t, a.call(t, getting(ecpr.XECPROID, y.number())))
				assert.Equal(t, x.number(), r.number())
				require.Len(t, active(r.Contacts), 1)
				assert.Equal(t, phone, active(r.Contacts)[0].Value)
			}
		})
	})
}

// cprRegister counts what a server asks of the CPR register, and can be down.
type cprRegister struct {
	ports.CPRRegister
	down  atomic.Bool
	asked atomic.Int64
}

func (r *cprRegister) Citizen(ctx context.Context, n cpr.Number) (stamdata.Citizen, error) {
	r.asked.Add(1)
	if r.down.Load() {
		return stamdata.Citizen{}, fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "away"}
	}
	return r.CPRRegister.Citizen(ctx, n)
}

func TestRegisterDown(t *testing.T) {
	var r *cprRegister
	options := nsptest.Options{Set: ecprGrants, Register: func(real ports.CPRRegister) ports.CPRRegister {
		r = &cprRegister{CPRRegister: real}
		return r
	}}
	onEveryStore(t, options, func(t *testing.T, s *nsptest.Server) {
		a := newECPR(t, s)
		before := r.asked.Load()
		p := a.create(t, "")
		assert.Equal(t, before, r.asked.Load(), "PC-10 creating asks nobody")
		s.Clock.Advance(time.Second)
		t.Run("PC-20 nothing is linked, and the rest goes on", func(t *testing.T) {
			r.down.Store(true)
			defer r.down.Store(false)
			a.refused(t, "processing_problem", "Internal Server Error", a.call(t, updating(p.number(), name("Ikke", "Skrevet")+id(ecpr.CPROID, adult))))
			assert.Equal(t, p, person(t, a.call(t, getting(ecpr.XECPROID, p.number()))))
			assert.Len(t, person(t, a.call(t, updating(p.number(), name("Uden", "Nummer")))).Names, 1)
		})
		t.Run("PC-40 a register that is away knows everybody", func(t *testing.T) {
			r.down.Store(true)
			defer r.down.Store(false)
			answer := s.System("99999901").Call(t, scesws.Path104, asking("1.0.4", "getPersonInformation", absent))
			assert.Equal(t, "Internal Server Error", answer.Text)
		})
		t.Run("PC-18 the register is asked once", func(t *testing.T) {
			before := r.asked.Load()
			person(t, a.call(t, updating(p.number(), id(ecpr.CPROID, adult))))
			assert.Equal(t, before+1, r.asked.Load())
		})
	})
}

// notifier keeps what it is told, and can be down.
type notifier struct {
	mu   sync.Mutex
	down bool
	got  []nas.Notification
}

func (n *notifier) set(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = down
}

func (n *notifier) reset() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.got = nil
}

func (n *notifier) Notify(_ context.Context, ns []nas.Notification) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down {
		return errors.New("away")
	}
	n.got = append(n.got, ns...)
	return nil
}

func (n *notifier) told() []nas.Notification {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.got)
}

// TestPC27 has the notification service away while registrations change.
func TestPC27(t *testing.T) {
	var n *notifier
	for _, store := range []string{"memory", "sqlite", "postgres"} {
		t.Run(store, func(t *testing.T) {
			n = &notifier{down: true}
			s := nsptest.Start(t, nsptest.Options{Store: store, Notifier: n, Set: map[string]string{"outbox.poll": "10ms"}})
			a := newECPR(t, s)
			first, second := a.create(t, ""), a.create(t, "")
			s.Clock.Advance(time.Second)
			for i := range 3 {
				person(t, a.call(t, updating(first.number(), name("Nummer", fmt.Sprint(i)))))
				s.Clock.Advance(time.Second)
			}
			person(t, a.merger.Call(t, ecprws.Path, merging(first.number(), second.number())))
			assert.Empty(t, n.told())
			n.set(false)
			require.Eventually(t, func() bool {
				s.Clock.Advance(time.Second)
				return outboxWaiting(t, a) == 0
			}, time.Minute, 10*time.Millisecond)
			var ofFirst, ofSecond []string
			for _, told := range n.told() {
				assert.Equal(t, ecprSpace+":PersonIdentifierModification", told.Topic)
				assert.Equal(t, "urn:oid:"+ecpr.XECPROID, told.IDType)
				action := regexp.MustCompile(`<Action>(.*)</Action>`).FindStringSubmatch(string(told.Payload))[1]
				if told.ID == first.number() {
					ofFirst = append(ofFirst, action)
				} else {
					assert.Equal(t, second.number(), told.ID)
					ofSecond = append(ofSecond, action)
				}
			}
			assert.Equal(t, []string{"Updated", "Updated", "Updated", "Updated"}, ofFirst, "once for each change")
			assert.Equal(t, []string{"Deleted"}, ofSecond)
		})
	}
}

// TestRemoteLookup links numbers that another server's CPR look-up knows.
func TestRemoteLookup(t *testing.T) {
	register := nsptest.Start(t, nsptest.Options{})
	sample := filepath.Join(register.Federation.Dir, "samples", "epj")
	s := nsptest.Start(t, nsptest.Options{Set: map[string]string{
		"ecpr.cprcheck.mode": "sces", "ecpr.cprcheck.url": register.URL + scesws.Path104, "ecpr.cprcheck.sts": register.URL + stsws.PathNew,
		"ecpr.cprcheck.cert": sample + ".pem", "ecpr.cprcheck.key": sample + ".key",
	}})
	a := newECPR(t, s)
	link := func(number string) nsptest.Answer {
		r := a.create(t, "")
		s.Clock.Advance(time.Second)
		return a.call(t, updating(r.number(), id(ecpr.CPROID, number)))
	}
	assert.Contains(t, identifiers(person(t, link(adult))), ecpr.CPROID+" "+adult)
	a.refused(t, "ecpr_value_exists", "", link(changedNumber))
	a.refused(t, "ecpr_cpr_unknown", "", link(absent))
	a.refused(t, "ecpr_cpr_unknown", "", link(annulled))
	register.Stop()
	a.refused(t, "processing_problem", "Internal Server Error", link("2902044063"))
}
