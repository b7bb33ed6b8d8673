package minlogws_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/ports/portstest"
)

const child = "0303164444"

// newFamily is a service in which the citizen is the parent of the child, of whom there are three registrations.
func newFamily(t *testing.T) *service {
	s := newService(t)
	load := func(register, columns, row string) {
		_, err := s.db.Stamdata().Load(t.Context(), portstest.RegisterFile(t, register+".csv", columns+"\n"+row), 1, at("2026-11-01T00:00:00Z"))
		require.NoError(t, err)
	}
	load("cpr-person", "cpr;status;gaeldendeCPR;fornavn;efternavn;foedselsdato;navnebeskyttelsestartdato", child+";01;;Ib;Barn;;\n"+citizen+";01;;Cille;Citizen;;")
	load("cpr-foraeldremyndighed", "cpr;typeKode;relationCpr", child+";0003;"+citizen)
	load("cpr-barn", "cpr;barnCPR", citizen+";"+child)
	s.citizens.Relations, s.citizens.Citizens, s.citizens.RelationCache = s.db.Register(), s.db.Register(), time.Minute
	s.citizens.Access = &logkeeping.AccessLog{Registrar: s.registrar, CVR: "99999903", NewID: func() string { return "an-id" }}
	about := func(word string) func(*minlog.Entry) {
		return func(e *minlog.Entry) { e.Person, e.Filters = cprID(child), []string{word} }
	}
	s.keep(t, stored(id1, "2026-11-01T08:15:00Z", about("x")), stored(id2, "2026-11-01T08:16:00Z", about("Ikke borger")),
		stored(id3, "2026-11-01T08:17:00Z", about("Ikke forældremyndigheds-indehaver")))
	s.caller = citizenToken(citizen)
	return s
}

// citizenToken is who holds an identity token of a citizen.
func citizenToken(number string) identity.Caller {
	return identity.Caller{Kind: identity.Citizen, CPR: employee(number, "").CPR, Credential: identity.Credential{Scheme: identity.IDWS, Level: 3, Signer: [32]byte{1}}}
}

func TestOnBehalfOnTheWire(t *testing.T) {
	aboutChild := strings.Replace(question("<l:Grouping>None</l:Grouping><l:Chronologic>true</l:Chronologic>"), citizen, child, 1)
	for space, body := range map[string]string{"2025": aboutChild, "2023": strings.ReplaceAll(aboutChild, "2025/03/12", "2023/04/25")} {
		t.Run("AC-24 a parent, in the namespace of "+space, func(t *testing.T) {
			s := newFamily(t)
			answer := s.call(t, citizenPath, body)
			assert.Contains(t, answer, id1)
			assert.NotContains(t, answer, id2)
			assert.NotContains(t, answer, id3)
			assert.Contains(t, answer, `<l:PersonIdentifier source="CPR">`+child+`</l:PersonIdentifier>`)
			assert.NotContains(t, answer, assistant, "the user's number is left out")

			s.consume(t)
			s.caller = system()
			answer = s.call(t, portal, strings.Replace(portalRequest("<fraDato>2026-11-21T00:00:00Z</fraDato>"), citizen, child, 1))
			assert.Contains(t, answer, "<bruger>"+citizen+"</bruger><system>MinLog</system><handling>Opslag i MinLog</handling>")
		})
	}
	t.Run("AC-24 the parent's own lookup is shown with the role", func(t *testing.T) {
		s := newFamily(t)
		s.call(t, citizenPath, aboutChild)
		s.consume(t)
		assert.Contains(t, s.call(t, citizenPath, aboutChild), "<l:Activity>Opslag i MinLog</l:Activity>")
		assert.Contains(t, s.call(t, citizenPath, aboutChild), "<l:UserRole>Forældremyndighedsindehaver</l:UserRole>")
	})
	t.Run("AC-28 who may not read hears the same, whatever is asked", func(t *testing.T) {
		s := newFamily(t)
		claim := citizenToken(assistant)
		claim.OnBehalfOf = &identity.Principal{CPR: employee(child, "").CPR, Kind: relation.Custody}
		bodies := []string{aboutChild, strings.Replace(aboutChild, child, professional, 1), strings.Replace(aboutChild, child, "3102801111", 1),
			strings.Replace(aboutChild, `source="CPR">`+child, `source="eCPR">0202801QT7`, 1)}
		for _, caller := range []identity.Caller{citizenToken(assistant), claim, employee(citizen, ""), employee(assistant, "")} {
			s.caller = caller
			for _, body := range bodies {
				w := s.post(t, citizenPath, envelope(s.messageID(), body))
				assert.Equal(t, "no access to this person's log", requireFault(t, w, http.StatusInternalServerError, "not_authorized"))
			}
		}
		assert.Empty(t, s.stored(t))
	})
	t.Run("AC-29 the lookup cannot be registered", func(t *testing.T) {
		s := newFamily(t)
		failing := &portstest.FailingAccessLog{Access: s.citizens.Access}
		failing.OnLog.FailFrom(1, assert.AnError)
		s.citizens.Access = failing
		w := s.post(t, citizenPath, envelope("m-1", aboutChild))
		requireFault(t, w, http.StatusInternalServerError, "processing_problem")
		assert.NotContains(t, w.Body.String(), "LogData")
	})
	t.Run("a number that is no alias of the citizen's", func(t *testing.T) {
		s := newFamily(t)
		s.citizens.Aliases = s.db.Aliases()
		body := strings.Replace(question(""), `source="CPR">`+citizen, `source="eCPR">0202801QT7`, 1)
		requireFault(t, s.post(t, citizenPath, envelope("m-1", body)), http.StatusInternalServerError, "not_authorized")
	})
}
