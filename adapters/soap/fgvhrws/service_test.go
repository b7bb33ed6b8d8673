package fgvhrws_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/adapters/soap/fgvhrws"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/notice"
)

const secondID = "0c0f2a3b-7d1e-4b5a-8c9d-1e2f3a4b5c6d" // of the samples, as that of the row that replaced the first

// golden asserts that an answer is the sample octet by octet, but for the ids of the rows that there are.
func (s *service) golden(t testing.TB, name, answer string) {
	t.Helper()
	for i, o := range s.history(t) {
		answer = strings.ReplaceAll(answer, o.ID, []string{sampleID, secondID}[i])
	}
	require.Equal(t, sample(t, name), answer)
}

func TestAnswers(t *testing.T) {
	t.Run("FA-01 a citizen registers and looks, and a system does", func(t *testing.T) {
		s := newService(t)
		get := sample(t, "get-request")
		s.golden(t, "get-none-response", s.call(t, citizen(citizenC).as(get)))
		s.golden(t, "register-response", s.call(t, citizen(citizenC).as(sample(t, "register-request"))))
		s.golden(t, "get-response", s.call(t, citizen(citizenC).as(get)))
		s.golden(t, "get-none-response", s.call(t, system().as(get)))
		s.now = at("2026-11-28T22:05:09.999999Z")
		s.golden(t, "get-none-response", s.call(t, system().as(get)))
		s.now = at("2026-11-28T22:05:10Z")
		s.golden(t, "get-in-force-response", s.call(t, system().as(get)))
		s.golden(t, "get-in-force-response", s.call(t, citizen(citizenC).as(get)))
	})
	t.Run("FA-08 an administrator registers a paper form", func(t *testing.T) {
		s := newService(t)
		s.golden(t, "register-form-response", s.call(t, administrator().as(sample(t, "register-form-request"))))
		want := strings.ReplaceAll(sample(t, "register-form-response"), "Register", "Get")
		s.golden(t, "register-form-response", strings.ReplaceAll(s.call(t, citizen(citizenC).as(sample(t, "get-request"))), "Get", "Register"))
		s.now = s.now.Add(7 * 24 * time.Hour)
		want = strings.NewReplacer(sampleID, s.head(t), `"false"`, `"true"`, `<f:citizenCreatedDate value="2026-11-01"></f:citizenCreatedDate>`, "").Replace(want)
		assert.Equal(t, want, s.call(t, system().as(sample(t, "get-request"))), "a system is not shown the form")
	})
	t.Run("FA-10 an administrator finds that a registration was in error", func(t *testing.T) {
		s := newService(t)
		s.call(t, citizen(citizenC).as(sample(t, "register-request")))
		s.golden(t, "update-response", s.call(t, administrator().as(s.changing(t, "update-request"))))
		want := strings.NewReplacer("Update", "Get", `<f:replaces value="`+sampleID+`"></f:replaces>`, "", secondID, s.head(t)).Replace(sample(t, "update-response"))
		assert.Equal(t, want, s.call(t, citizen(citizenC).as(sample(t, "get-request"))), "a citizen is not told of the row before")
	})
	t.Run("an administrator corrects the date on the form", func(t *testing.T) {
		s := newService(t)
		s.call(t, administrator().as(sample(t, "register-form-request")))
		s.golden(t, "update-date-response", s.call(t, administrator().as(s.changing(t, "update-date-request"))))
	})
	t.Run("FA-05 a citizen withdraws, with immediate effect", func(t *testing.T) {
		s := newService(t)
		s.call(t, citizen(citizenC).as(sample(t, "register-request")))
		s.now = s.now.Add(30 * 24 * time.Hour)
		s.golden(t, "delete-response", s.call(t, citizen(citizenC).as(sample(t, "delete-request"))))
		s.golden(t, "get-none-response", s.call(t, system().as(sample(t, "get-request"))))
		assert.Contains(t, s.call(t, citizen(citizenC).as(sample(t, "get-request"))), `<f:status value="INACTIVE"></f:status>`)
	})
}

// TestFaults: every fault of the contract, by a request that is read, with nothing stored.
func TestFaults(t *testing.T) {
	register, change, withdraw, get := sample(t, "register-request"), sample(t, "update-request"), sample(t, "delete-request"), sample(t, "get-request")
	form := sample(t, "register-form-request")
	noAccess, internal := [2]string{"not_authorized", "no access"}, [2]string{"processing_problem", "internal error"}
	minLog := [2]string{"minlog_unavailable", "MinLog is unavailable, nothing was done"}
	changed := [2]string{"registration_changed", "the registration was changed by someone else"}
	status := [2]string{"invalid_status", "status change not allowed"}
	date := [2]string{"invalid_date", "date not allowed"}
	audited := [2]string{admitting.ErrAudit.Code, admitting.ErrAudit.Text}
	down := errors.New("down")
	for _, c := range []struct {
		name       string
		registered bool
		before     func(s *service)
		send       message
		want       [2]string
	}{
		{"FA-11 a citizen updates", true, nil, citizen(citizenC).as(change), noAccess},
		{"FA-11 a system registers", false, nil, system().as(register), noAccess},
		{"FA-11 a system withdraws", true, nil, system().as(withdraw), noAccess},
		{"FA-11 a doctor looks", true, nil, doctor().as(get), noAccess},
		{"a system whose organisation is not listed looks", true, func(s *service) { s.granted = false }, system().as(get), noAccess},
		{"a citizen looks at another's", true, nil, citizen(citizenB).as(get), noAccess},
		{"a citizen looks at another's that is not there", false, nil, citizen(citizenB).as(get), noAccess},
		{"a citizen registers another", false, nil, citizen(citizenB).as(register), noAccess},
		{"a citizen withdraws another's", true, nil, citizen(citizenB).as(withdraw), noAccess},
		{"an administrator when nobody may be one", false, func(s *service) { s.use.AdminRoles = nil }, administrator().as(register), noAccess},
		{"the store is down, look", true, func(s *service) { s.store.down = down }, citizen(citizenC).as(get), internal},
		{"the store is down, register", false, func(s *service) { s.store.down = down }, citizen(citizenC).as(register), internal},
		{"the CPR register is down", false, func(s *service) { s.down = down }, citizen(citizenC).as(register), internal},
		{"MinLog is down, register", false, func(s *service) { s.access.OnLog.FailFrom(1, down) }, citizen(citizenC).as(register), minLog},
		{"MinLog is down, look", true, func(s *service) { s.access.OnLog.FailFrom(1, down) }, citizen(citizenC).as(get), minLog},
		{"the audit log is down", false, func(s *service) { s.audit.Fail(down, nil) }, citizen(citizenC).as(get), audited},
		{"the audit log breaks", false, func(s *service) { s.audit.Fail(nil, down) }, citizen(citizenC).as(register), audited},
		{"no number", false, nil, citizen(citizenC).as(strings.Replace(get, citizenC, "0000000000", 1)), [2]string{"invalid_id", "the citizen's id is not valid"}},
		{"a citizen of 47", false, nil, citizen(young).as(strings.Replace(register, citizenC, young, 1)), [2]string{"not_eligible", "the citizen is too young"}},
		{"FA-17 a citizen who emigrated", false, func(s *service) { s.status = "80" }, citizen(citizenC).as(register),
			[2]string{"inactive_citizen", "the CPR number is not active"}},
		{"FA-04 twice", true, nil, citizen(citizenC).as(register), [2]string{"consent_exists", "an active opt-out exists already"}},
		{"FA-06 nothing to withdraw", false, nil, citizen(citizenC).as(withdraw), [2]string{"consent_not_found", "there is no active opt-out"}},
		{"FA-10 another uuid", true, nil, administrator().as(change), changed},
		{"FA-10 to ACTIVE", true, nil, administrator().as(strings.Replace(change, "ENTERED-IN-ERROR", "ACTIVE", 1)), status},
		{"to INACTIVE", true, nil, administrator().as(strings.Replace(change, "ENTERED-IN-ERROR", "INACTIVE", 1)), status},
		{"FA-09 a citizen sends a date", false, nil, citizen(citizenC).as(form), date},
		{"FA-09 an administrator sends tomorrow's", false, nil, administrator().as(strings.Replace(form, "2026-11-01", "2026-11-22", 1)), date},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			if c.registered {
				s.call(t, citizen(citizenC).as(register))
			}
			if strings.HasPrefix(c.name, "FA-10 to") || strings.HasPrefix(c.name, "to ") {
				c.send.body = strings.ReplaceAll(c.send.body, sampleID, s.head(t))
			}
			if c.before != nil {
				c.before(s)
			}
			before, notices := s.history(t), s.notices(t)
			assert.Equal(t, c.want, refused(t, s.send(t, c.send)))
			assert.Equal(t, before, s.history(t))
			assert.Equal(t, notices, s.notices(t))
			assert.NotContains(t, s.log.String(), citizenC)
		})
	}
}

// notices is how many NAS is to be told of.
func (s *service) notices(t testing.TB) int {
	t.Helper()
	due, err := s.db.Outbox().Next(t.Context(), notice.NAS, s.now.Add(time.Hour), 100)
	require.NoError(t, err)
	return len(due)
}

// TestRefusalsTellNothing: who may not look is told the same whether there is something or not.
func TestRefusalsTellNothing(t *testing.T) {
	for name, m := range map[string]message{"doctor": doctor(), "system": system()} {
		t.Run(name, func(t *testing.T) {
			var answers []string
			for _, registered := range []bool{false, true} {
				s := newService(t)
				if registered {
					s.call(t, citizen(citizenC).as(sample(t, "register-request")))
				}
				s.granted, s.store.asked, m.id = false, 0, "m-1"
				answers = append(answers, content(t, s.send(t, m.as(sample(t, "get-request")))))
				assert.Zero(t, s.store.asked)
			}
			assert.Equal(t, answers[0], answers[1])
		})
	}
}

func TestSecurity(t *testing.T) {
	for name, edit := range map[string]func(tk *idwstest.Token){
		"FA-12 a token for another service": func(tk *idwstest.Token) { tk.Audiences = []string{"https://minlog"} },
		"FA-12 an expired token": func(tk *idwstest.Token) {
			tk.Issued, tk.NotBefore, tk.NotOnOrAfter = "2026-11-21T20:00:00Z", "2026-11-21T20:00:00Z", "2026-11-21T21:00:00Z"
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			m := citizen(citizenC).as(sample(t, "get-request"))
			m.token = func(tk idwstest.Token) idwstest.Token { edit(&tk); return tk }
			w := s.send(t, m)
			assert.Equal(t, http.StatusInternalServerError, w.Code, w.Body.String())
			assert.Contains(t, w.Body.String(), "<faultcode>wsse:")
			assert.Zero(t, s.store.asked, "nothing is looked up")
		})
	}
}

func TestActions(t *testing.T) {
	named := func(action string) *string { return &action }
	for name, action := range map[string]*string{
		"none": nil, "FA-15 bare": named("DeleteConsent"), "FA-15 quoted": named(`"DeleteConsent"`), "empty": named(""), "quoted and empty": named(`""`),
		"unknown": named("urn:x"),
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			s.call(t, citizen(citizenC).as(sample(t, "register-request")))
			m := administrator().as(sample(t, "delete-request")) // in a message with a token the SOAPAction, if any, is the wsa:Action
			m.action = action
			s.golden(t, "delete-response", s.call(t, m))
		})
	}
	for _, action := range []*string{nil, named("DeleteConsent"), named(`"DeleteConsent"`), named(`""`)} {
		t.Run("FA-15 wsa:Action with white space", func(t *testing.T) {
			s := newService(t)
			s.call(t, citizen(citizenC).as(sample(t, "register-request")))
			m := citizen(citizenC).as(sample(t, "delete-request"))
			m.action, m.intent = action, "\n  DeleteConsent\t"
			w := s.send(t, m)
			require.Equal(t, http.StatusOK, w.Code, w.Body.String())
			assert.Regexp(t, `<wsa:Action [^>]*>DeleteConsentResponse</wsa:Action>`, w.Body.String())
		})
	}
	t.Run("that of another operation", func(t *testing.T) {
		for _, m := range []message{
			{user: citizenC, action: named("RegisterConsent")}, {user: citizenC, action: named(`"RegisterConsent"`)}, {user: citizenC, intent: " GetConsent "},
		} {
			s := newService(t)
			s.call(t, citizen(citizenC).as(sample(t, "register-request")))
			w := s.send(t, m.as(sample(t, "delete-request")))
			assert.Contains(t, w.Body.String(), ">syntax_error<")
			assert.Len(t, s.history(t), 1)
		}
	})
}

// TestResend: a message that comes again is answered as before, and changes nothing again; a look is made again.
func TestResend(t *testing.T) {
	s := newService(t)
	look := administrator().as(sample(t, "get-request"))
	look.id = "look"
	assert.NotContains(t, s.call(t, look), "consent>")
	write := administrator().as(sample(t, "register-request"))
	write.id = "again"
	first := s.call(t, write)
	s.now = s.now.Add(time.Second)
	assert.Equal(t, first, s.call(t, write))
	assert.Len(t, s.history(t), 1)
	assert.Contains(t, s.call(t, look), "<f:consent>")
	correct := administrator().as(s.changing(t, "update-date-request"))
	correct.id = "corrected"
	first = s.call(t, correct)
	assert.Equal(t, first, s.call(t, correct))
	assert.Len(t, s.history(t), 2)

	withdraw := administrator().as(sample(t, "delete-request"))
	withdraw.id = "withdrawn"
	s.call(t, withdraw)
	s.call(t, withdraw)
	assert.Len(t, s.history(t), 3)
}

func TestContract(t *testing.T) {
	s := newService(t)
	get := func(query string) *httptest.ResponseRecorder {
		return s.serve(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://nsp.example"+fgvhrws.Path+query, http.NoBody))
	}
	for query, imports := range map[string]int{"?wsdl": 3, "?wsdl&version=idws": 2} {
		w := get(query)
		require.Equal(t, http.StatusOK, w.Code)
		for _, part := range []string{
			`targetNamespace="http://sundhedsdatastyrelsen.dk/Fravalg-Af-Genoplivning/2023/06/01/"`, `portType name="FgvhrPortType"`, `binding name="FgvhrBinding"`,
			`service name="FgvhrService"`, `port name="FgvhrPort"`, `<soap:address location="http://nsp.example/fgvhr/20230601/service"/>`,
		} {
			assert.Contains(t, w.Body.String(), part, query)
		}
		for _, operation := range []string{"RegisterConsent", "UpdateConsent", "DeleteConsent", "GetConsent"} {
			assert.Contains(t, w.Body.String(), `<soap:operation soapAction="`+operation+`"`)
		}
		assert.Equal(t, 4, strings.Count(w.Body.String(), "<soap:operation "))
		parts := strings.Split(w.Body.String(), `schemaLocation="http://nsp.example/fgvhr/20230601/service`)[1:]
		assert.Len(t, parts, imports)
		for _, part := range parts {
			location, _, _ := strings.Cut(part, `"`)
			assert.Equal(t, http.StatusOK, get(location).Code, location)
		}
	}
	assert.Equal(t, http.StatusNotFound, get("?xsd=none").Code)
}
