package e2e

import (
	"bytes"
	"context"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
	"github.com/opennsp/nsp/tests/nsptest"
)

// raw writes body as it is.
func raw(body string) func(*xmlout.Writer) { return func(w *xmlout.Writer) { w.Raw([]byte(body)) } }

// healthy checks that nothing was stored and that the next good call works.
func healthy(t *testing.T, s *nsptest.Server) {
	t.Helper()
	bounds, err := s.MessageLog.Bounds(t.Context(), nsptest.Topics())
	require.NoError(t, err)
	for _, b := range bounds[nsptest.Topic] {
		assert.Zero(t, b.End, "nothing is in the message log")
	}
	answer := s.System(cvr).Call(t, citizenLog, ownLog(citizen, ""))
	assert.Equal(t, "security_level_failed", answer.FaultCode, "the server still answers")
	contract := s.Do(t, http.MethodGet, register+"?wsdl", nil)
	assert.Equal(t, http.StatusOK, contract.Status)
}

func TestBadInput(t *testing.T) {
	onEveryStore(t, nsptest.Options{}, func(t *testing.T, s *nsptest.Server) {
		epj := s.System(cvr)
		good := string(epj.Message("m-1", bulk(entry{})))
		edited := func(old, by string) []byte {
			require.Contains(t, good, old)
			return []byte(strings.Replace(good, old, by, 1))
		}
		card := func(c dgwstest.Card) []byte { return s.As(c).Message("m-2", bulk(entry{})) }
		now := s.Clock.Now()
		issued := func(at time.Time) dgwstest.Card {
			c := dgwstest.SystemCard(at)
			c.Issuer = devfed.STSIssuer
			return c
		}
		stranger := dgwstest.New(2048)
		strangersCard := func() []byte {
			c := issued(now)
			return dgwstest.Message(stranger.Sign(c), now, 3, "m-3", raw(bulk(entry{})))
		}
		withoutElement := func(name string) []byte {
			from := strings.Index(good, "<"+name)
			end := strings.Index(good, "</"+name+">") + len("</"+name+">")
			require.Positive(t, from)
			return []byte(good[:from] + good[end:])
		}
		for _, c := range []struct {
			name    string
			message []byte
			status  int
			code    string
		}{
			{"AC-12 DTD", []byte(`<!DOCTYPE x [<!ENTITY e "e">]>` + good), 500, "syntax_error"},
			{"AC-12 truncated XML", []byte(good[:len(good)-30]), 500, "syntax_error"},
			{"AC-12 other root", []byte("<r:RegistrationRequest xmlns:r='" + registration2025 + "'/>"), 500, "syntax_error"},
			{"AC-12 11 MiB", append([]byte(good), bytes.Repeat([]byte(" "), 11<<20)...), 413, "syntax_error"},
			{"AC-12 unknown operation", edited(registration2025, "urn:other"), 500, "syntax_error"},
			{"AC-3 1001 entries", epj.Message("m-4", bulk(make([]entry, 1001)...)), 500, "too_many_entries"},
			{"AC-13 level 2 card", card(s.SystemCard(cvr).With("sosi:AuthenticationLevel", "2")), 500, "security_level_failed"},
			{"AC-13 no card", withoutElement("saml:Assertion"), 500, "missing_required_header"},
			{"AC-13 expired card", card(issued(now.Add(-24 * time.Hour))), 500, "expired_idcard"},
			{"SA-09 SA-26 key that is not pinned, subject and issuer of the STS", strangersCard(), 500, "invalid_certificate"},
			{"SA-11 card of the future", card(issued(now.Add(61 * time.Second))), 500, "invalid_idcard"},
			{"SA-14 header level 5", edited("<medcom:SecurityLevel>3", "<medcom:SecurityLevel>5"), 500, "security_level_failed"},
			{"SA-16 no Security", withoutElement("wsse:Security"), 500, "missing_required_header"},
			{"SA-16 no medcom:Header", withoutElement("medcom:Header"), 500, "missing_required_header"},
			{"SA-16 no MessageID", withoutElement("medcom:MessageID"), 500, "missing_required_header"},
			{"SA-16 no Timestamp", withoutElement("wsu:Timestamp"), 500, "missing_required_header"},
			{"SA-17 receipt wanted", edited("Receipt>no<", "Receipt>yes<"), 500, "nonrepudiation_not_supported"},
			{"SA-33 content changed", edited(">33257872<", ">33257873<"), 500, "invalid_signature"},
			{"SA-35 comment in a header", edited("</medcom:Header>", "<!-- --></medcom:Header>"), 500, "syntax_error"},
		} {
			t.Run(c.name, func(t *testing.T) {
				answer := s.Post(t, register, c.message)
				assert.Equal(t, c.status, answer.Status, "%s", answer.Body)
				assert.Equal(t, c.code, answer.FaultCode, "%s", answer.Body)
				healthy(t, s)
			})
		}
		for _, w := range dgwstest.Wrappings(string(epj.Card), strings.NewReplacer(cvr, "99999901")) {
			t.Run("SA-27 "+w.Name, func(t *testing.T) {
				message := strings.Replace(good, string(epj.Card), w.Security, 1)
				message = strings.Replace(message, "</soap:Header>", w.AtEnd+"</soap:Header>", 1)
				answer := s.Post(t, register, []byte(message))
				assert.Equal(t, http.StatusInternalServerError, answer.Status)
				assert.Contains(t, []string{"invalid_signature", "invalid_idcard", "missing_required_header"}, answer.FaultCode)
				healthy(t, s)
			})
		}
		t.Run("SA-18 other methods", func(t *testing.T) {
			for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
				answer := s.Do(t, method, register, nil)
				assert.Equal(t, http.StatusMethodNotAllowed, answer.Status)
				assert.Equal(t, "illegal_http_method", answer.FaultCode)
				assert.NotEmpty(t, answer.Header.Get("Allow"))
			}
			healthy(t, s)
		})
		t.Run("SA-36 compressed body", func(t *testing.T) {
			answer := s.Post(t, register, []byte(good), "Content-Encoding", "gzip")
			assert.Equal(t, "syntax_error", answer.FaultCode)
			healthy(t, s)
		})
		t.Run("one entry is bad, the rest is stored", func(t *testing.T) {
			answer := epj.Call(t, register, bulk(entry{person: "1234567890"}, entry{time: "2026-11-21T13:00:00Z"}, entry{extra: "<Shoe>46</Shoe>"}))
			assert.Equal(t, []string{"invalid_person_id", "time_in_future", "unknown_element"}, answer.All(t, "FaultCode"))
			assert.Equal(t, []string{"3"}, answer.All(t, "NumberFailed"))
			assert.Empty(t, stored(t, s, "CPR:"+citizen))
		})
	})
}

func TestSlowBody(t *testing.T) {
	s := nsptest.Start(t, nsptest.Options{Set: map[string]string{"http.read_timeout": "200ms"}})
	t.Run("SA-36 a byte now and then", func(t *testing.T) {
		body, sender := io.Pipe()
		defer sender.Close()
		go func() { _, _ = sender.Write([]byte("<soap:Envelope")) }() // and nothing more
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+register, body)
		require.NoError(t, err)
		resp, err := (&http.Client{Timeout: 9 * time.Second}).Do(req) // the server's own limit without the setting is 10 s
		if err == nil {
			defer resp.Body.Close()
			assert.Equal(t, http.StatusInternalServerError, resp.StatusCode)
		} else {
			assert.NotErrorIs(t, err, context.DeadlineExceeded, "the server breaks off by itself")
		}
		body.Close()
		healthy(t, s)
	})
}

func TestNoPersonInLogs(t *testing.T) {
	s := nsptest.Start(t, nsptest.Options{Store: "sqlite", Set: map[string]string{"log.level": "debug"}})
	me := s.Doctor(professional, "TST01")
	registered(t, s, entry{}, entry{person: professional, behalf: "TST01"})
	s.System(cvr).Call(t, register, bulk(entry{person: "0202801112", time: "2030-01-01T00:00:00Z"}))
	me.Call(t, citizenLog, ownLog(professional, ""))
	me.Call(t, citizenLog, ownLog(citizen, ""))
	me.Call(t, assistants, behalfLog("CPR", citizen, ""))
	s.Post(t, register, []byte("<0202801111/>"))
	s.Post(t, register+"?person="+citizen, me.Message(citizen, bulk(entry{})))
	metrics := s.Fetch(t, "/metrics")
	s.Stop()
	t.Run("AC-43 SA-53 no CPR number but in the audit log's classified values", func(t *testing.T) {
		for name, text := range map[string]string{"application log": s.Logs(), "access log": s.AccessLog(t), "metrics": metrics} {
			require.NotEmpty(t, text, name)
			for _, number := range []string{citizen, professional, assistant, "0202801112"} {
				assert.NotContains(t, text, number, name)
			}
			assert.NotContains(t, text, "Laege", name)
		}
	})
}

func TestUnpinnedSubject(t *testing.T) {
	s := nsptest.Start(t, nsptest.Options{})
	t.Run("SA-26 certificate with the subject of the STS", func(t *testing.T) {
		attacker := dgwstest.WithKey(dgwstest.New(2048).Key, pkix.Name{CommonName: "OpenNSP Test STS"})
		message := dgwstest.Message(attacker.Sign(s.SystemCard(cvr)), s.Clock.Now(), 3, "m-1", raw(bulk(entry{})))
		assert.Equal(t, "invalid_certificate", s.Post(t, register, message).FaultCode)
		healthy(t, s)
	})
}

func TestAuditOrder(t *testing.T) {
	var log *portstest.FailingAuditLog
	var units []*portstest.FailingUnitOfWork // of the store, and of the message log where that is elsewhere
	o := nsptest.Options{
		AuditLog: func(l ports.AuditLog) ports.AuditLog { log = &portstest.FailingAuditLog{Log: l}; return log },
		Units: func(u ports.UnitOfWork) ports.UnitOfWork {
			failing := &portstest.FailingUnitOfWork{Units: u}
			units = append(units, failing)
			return failing
		},
	}
	onEveryStore(t, o, func(t *testing.T, s *nsptest.Server) {
		const auditFault = "The audit log cannot be written. The call was not carried out."
		epj, me := s.System(cvr), s.Doctor(professional, "TST01")
		broken := errors.New("disk full")
		t.Run("OC-07 append fails at a bulk of 1000", func(t *testing.T) {
			log.OnLine.FailFrom(1, broken)
			refused(t, epj.Call(t, register, bulk(make([]entry, 1000)...)), "processing_problem", auditFault)
			log.OnLine.Heal()
			healthy(t, s)
		})
		t.Run("OC-10 not ready: refused before security work", func(t *testing.T) {
			log.OnReady.FailFrom(1, broken)
			before := len(s.AuditLines(t))
			refused(t, s.Post(t, register, []byte("no XML at all")), "processing_problem", auditFault)
			log.OnReady.Heal()
			assert.Len(t, s.AuditLines(t), before)
			healthy(t, s)
		})
		t.Run("OC-09 commit fails after the audit line", func(t *testing.T) {
			before := len(s.AuditLines(t))
			for _, u := range units {
				u.OnCommit.FailFrom(1, broken)
			}
			answer := epj.Call(t, register, bulk(entry{}))
			for _, u := range units {
				u.OnCommit.Heal()
			}
			refused(t, answer, "processing_problem", "The call could not be completed. Nothing was changed.")
			lines := s.AuditLines(t)[before:]
			require.Len(t, lines, 2)
			assert.Contains(t, lines[0], `"access":{"code":200,`)
			assert.Contains(t, lines[1], `"access":{"code":500,`)
			assert.Contains(t, lines[1], `{"key":"outcome","type":"NPI","value":"rolled_back"}`)
			healthy(t, s)
		})
		registered(t, s, entry{person: professional})
		t.Run("OC-08 append fails at a read", func(t *testing.T) {
			log.OnLine.FailFrom(1, broken)
			refused(t, me.Call(t, citizenLog, ownLog(professional, "")), "processing_problem", auditFault)
			log.OnLine.Heal()
			assert.Len(t, activities(t, me.Call(t, citizenLog, ownLog(professional, ""))), 1)
		})
	})
}

func TestAuditLines(t *testing.T) {
	s := nsptest.Start(t, nsptest.Options{})
	line := func(t *testing.T, call func()) []string {
		t.Helper()
		before := len(s.AuditLines(t))
		call()
		return s.AuditLines(t)[before:]
	}
	t.Run("OC-03 bad signature", func(t *testing.T) {
		message := strings.Replace(string(s.System(cvr).Message("m-1", bulk(entry{}))), ">33257872<", ">33257873<", 1)
		lines := line(t, func() { s.Post(t, register, []byte(message)) })
		require.Len(t, lines, 1)
		assert.Contains(t, lines[0], `"category":"dk.sds.nsp.audit.log.minlog2"`)
		assert.Contains(t, lines[0], `"components":[]`)
		assert.Contains(t, lines[0], `"idCardAttributes":{}`)
	})
	t.Run("OC-05 contracts, status and metrics leave no line", func(t *testing.T) {
		assert.Empty(t, line(t, func() {
			for _, path := range []string{register + "?wsdl", "/minlog2-registration/status", "/minlog2-registration/version"} {
				assert.Equal(t, http.StatusOK, s.Do(t, http.MethodGet, path, nil).Status, path)
			}
			s.Fetch(t, "/metrics")
		}))
	})
	t.Run("OC-19 quoted SOAPAction and a level 4 card", func(t *testing.T) {
		me := s.Doctor(professional, "TST01")
		lines := line(t, func() { s.Post(t, register, me.Message("m-2", bulk(entry{})), "SOAPAction", `"AddRegistrations"`) })
		require.Len(t, lines, 1)
		assert.Contains(t, lines[0], `"SOAPAction":"\"AddRegistrations\""`)
		assert.Contains(t, lines[0], `"medcom:UserAuthorizationCode":"TST01"`)
		assert.NotContains(t, lines[0], professional)
		assert.Contains(t, lines[0], `{"key":"NumberAdded","type":"NPI","value":"1"},{"key":"NumberFailed","type":"NPI","value":"0"},{"key":"System","type":"NPI","value":"TestEPJ"},{"key":"Interface","type":"NPI","value":"20250312"},{"key":"PayloadSha256"`)
	})
	t.Run("lookups say who asked for what", func(t *testing.T) {
		me := s.Doctor(professional, "TST01")
		lines := line(t, func() { me.Call(t, citizenLog, ownLog(professional, "")) })
		require.Len(t, lines, 1)
		assert.Contains(t, lines[0], `"context":"LookupRequest","information":[{"key":"Caller","type":"SPI","value":"`+professional+`"},{"key":"Parameters","type":"SPI"`)
	})
}
