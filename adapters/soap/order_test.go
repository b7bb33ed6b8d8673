package soap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/ports"
)

// ours requires a processing fault that tells nothing of its cause, and that nothing was stored.
func ours(t *testing.T, h *harness, text string) {
	t.Helper()
	f := h.fault(t)
	assert.Equal(t, http.StatusInternalServerError, h.last.Code)
	assert.Equal(t, fault.CodeProcessing, f.Code)
	assert.Equal(t, text, f.FaultString)
	assert.NotContains(t, h.last.Body.String(), "secret")
	assert.NotContains(t, h.last.Body.String(), "Token", "data was told")
	assert.Empty(t, h.units.committed)
	h.noPersons(t)
}

func TestOrderOfCall(t *testing.T) {
	t.Run("a good call: line and row", func(t *testing.T) {
		h := newHarness()
		h.post(message(userCard()))
		h.answered(t)
		assert.Equal(t, []string{"m-1"}, h.units.committed)
		require.Len(t, h.audit.lines, 1)
		assert.Equal(t, audit.Notes{{Component: "Test", Contexts: []audit.ContextNotes{{
			Context: "open", Information: []audit.Information{{Key: "system", Class: audit.NPI, Value: "TestEPJ"}},
		}}}}, h.audit.lines[0].Notes)
		require.Len(t, h.observed, 1)
		o := h.observed[0]
		assert.Equal(t, soap.OK, o.Outcome)
		assert.Equal(t, "OpenSession", o.Operation)
		assert.Equal(t, "test", o.Service)
		assert.Equal(t, h.audit.lines[0].Access, o.Access)
		assert.Equal(t, h.audit.lines[0].Notes, o.Notes)
		h.noPersons(t)
	})
	t.Run("OC-03 bad signature", func(t *testing.T) {
		h := newHarness()
		h.post(replace(t, message(userCard()), "99999902", "99999901"))
		h.refusedWith(t, fault.CodeSignature)
		line := h.audit.lines[0]
		assert.Empty(t, line.Notes)
		assert.Equal(t, audit.Component("Test"), line.Route)
		assert.Equal(t, map[string]string{}, line.Access.IDCardAttributes)
		assert.Equal(t, http.StatusInternalServerError, line.Access.Code)
		assert.Equal(t, "m-1", line.Access.SOAPHeaders["MessageID"])
	})
	t.Run("a card that is refused after its signature was verified is told of", func(t *testing.T) {
		h := newHarness()
		h.now = clock.Add(48 * time.Hour)
		h.post(message(userCard()))
		h.refusedWith(t, fault.CodeExpired)
		assert.Equal(t, "99999902", h.audit.lines[0].Access.IDCardAttributes["medcom:CareProviderID"])
		assert.Contains(t, h.log.String(), `"anchor":"test","cvr":"99999902"`)
	})
	for _, c := range []struct {
		name  string
		told  fault.Error
		close bool
	}{
		{"OC-37 too many calls", soap.ErrOverloaded, false},
		{"OC-25 the server stops", soap.ErrDraining, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness()
			h.enter = func(context.Context, string, int64) (func(), error) { return nil, c.told }
			h.post(message(userCard()))
			h.turnedAway(t, c.told.Text)
			assert.Equal(t, c.close, h.last.Header().Get("Connection") == "close")
			assert.Equal(t, "30", h.last.Header().Get("Retry-After"))
		})
	}
	t.Run("OC-38 an address that was refused too often", func(t *testing.T) {
		h := newHarness()
		h.screen = func(netip.Addr) error { return soap.ErrRateLimited }
		h.enter = func(context.Context, string, int64) (func(), error) {
			t.Error("it gets no place, which its body could hold")
			return func() {}, nil
		}
		h.post(message(userCard()))
		h.turnedAway(t, "Too many calls from this caller.")
		assert.Equal(t, soap.Limited, h.observed[0].Outcome)
	})
	t.Run("OC-07 append fails: write", func(t *testing.T) {
		h := newHarness()
		h.audit.fails = errTest
		h.post(message(userCard()))
		require.Len(t, h.callers, 1)
		ours(t, h, "The audit log cannot be written. The call was not carried out.")
		assert.Equal(t, "30", h.last.Header().Get("Retry-After"))
		assert.Equal(t, soap.AuditFailed, h.observed[0].Outcome)
	})
	t.Run("OC-08 append fails: read", func(t *testing.T) {
		h := newHarness()
		h.audit.fails = errTest
		h.post(bytes.ReplaceAll(message(userCard()), []byte("OpenSession"), []byte("ReadSession")), "SOAPAction", "")
		require.Len(t, h.callers, 1)
		ours(t, h, "The audit log cannot be written. The call was not carried out.")
	})
	t.Run("append fails: security refusal", func(t *testing.T) {
		h := newHarness()
		h.audit.fails = errTest
		h.post(withCard(stranger().Sign(userCard()), 4))
		ours(t, h, "The audit log cannot be written. The call was not carried out.")
	})
	t.Run("OC-09 commit fails after append", func(t *testing.T) {
		h := newHarness()
		h.units.commit = &ports.CommitError{Err: errTest}
		h.post(message(userCard()))
		ours(t, h, "The call could not be completed. Nothing was changed.")
		require.Len(t, h.audit.lines, 2)
		assert.Equal(t, http.StatusOK, h.audit.lines[0].Access.Code)
		assert.Equal(t, http.StatusInternalServerError, h.audit.lines[1].Access.Code)
		assert.Equal(t, "rolled_back", outcome(h.audit.lines[1]))
	})
	t.Run("OC-09 commit fails, nobody knows how", func(t *testing.T) {
		h := newHarness()
		h.units.commit = &ports.CommitError{Err: errTest, Unknown: true}
		h.post(message(userCard()))
		ours(t, h, "The outcome is not known.")
		require.Len(t, h.audit.lines, 2)
		assert.Equal(t, "unknown", outcome(h.audit.lines[1]))
	})
	t.Run("OC-10 not ready: refused before security work", func(t *testing.T) {
		h := newHarness()
		h.audit.notReady = errTest
		h.post([]byte("not even XML"))
		ours(t, h, "The audit log cannot be written. The call was not carried out.")
		assert.Empty(t, h.callers)
		assert.Empty(t, h.audit.lines, "only the access log tells of it")
		require.Len(t, h.observed, 1)
		assert.Equal(t, soap.AuditFailed, h.observed[0].Outcome)
		assert.NotContains(t, h.log.String(), "security refusal")
		assert.Zero(t, h.observed[0].Access.Stats.SecurityRequest)
	})
	t.Run("OC-44 panic in the use case", func(t *testing.T) {
		h := newHarness()
		h.serve = func(context.Context, soap.Request) (soap.Reply, error) { panic("a secret 0202801111") }
		h.post(message(userCard()))
		ours(t, h, "Internal error.")
		require.Len(t, h.audit.lines, 1)
		assert.Equal(t, http.StatusInternalServerError, h.audit.lines[0].Access.Code)
		assert.Equal(t, "rolled_back", outcome(h.audit.lines[0]))
		assert.Contains(t, h.log.String(), "stack")
		h.serve = nil
		h.post(message(userCard()))
		h.answered(t)
	})
	t.Run("OC-44 panic while the answer is written", func(t *testing.T) {
		h := newHarness()
		h.serve = func(context.Context, soap.Request) (soap.Reply, error) {
			return func(*xmlout.Writer) { panic("a secret 0202801111") }, nil
		}
		h.post(message(userCard()))
		ours(t, h, "Internal error.")
		require.Len(t, h.audit.lines, 1)
		assert.Equal(t, "rolled_back", outcome(h.audit.lines[0]))
	})
	t.Run("an error of ours", func(t *testing.T) {
		h := newHarness()
		h.serve = func(context.Context, soap.Request) (soap.Reply, error) { return nil, errTest }
		h.post(message(userCard()))
		ours(t, h, "Internal error.")
		assert.Contains(t, h.log.String(), errTest.Error())
	})
	t.Run("an error for the caller", func(t *testing.T) {
		h := newHarness()
		h.serve = func(context.Context, soap.Request) (soap.Reply, error) {
			return nil, fmt.Errorf("%w: %w", fault.Error{Kind: fault.TooLarge, Code: "too_many_entries", Text: "2 entries, at most 1 allowed"}, errTest)
		}
		h.post(message(userCard()))
		assert.Equal(t, http.StatusInternalServerError, h.last.Code, "a service's own fault is no 413")
		assert.Equal(t, "too_many_entries", h.fault(t).Code)
		assert.Equal(t, "2 entries, at most 1 allowed", h.fault(t).FaultString)
		assert.Equal(t, soap.Faulted, h.observed[0].Outcome)
		assert.Empty(t, h.units.committed)
		require.Len(t, h.audit.lines, 1)
		assert.Empty(t, outcome(h.audit.lines[0]), "nothing was undone")
	})
	t.Run("the call takes too long", func(t *testing.T) {
		h := newHarness()
		h.call = time.Millisecond
		h.serve = func(ctx context.Context, _ soap.Request) (soap.Reply, error) { <-ctx.Done(); return nil, ctx.Err() }
		h.post(message(userCard()))
		ours(t, h, "The call took too long. Nothing was changed.")
		assert.Equal(t, soap.TimedOut, h.observed[0].Outcome)
	})
	t.Run("the client goes away: the line is written", func(t *testing.T) {
		h := newHarness()
		ctx, cancel := context.WithCancel(t.Context())
		h.serve = func(context.Context, soap.Request) (soap.Reply, error) {
			cancel()
			return func(w *xmlout.Writer) { w.Elem("ok", "") }, nil
		}
		h.do(httptest.NewRequest(http.MethodPost, "http://nsp.test/", bytes.NewReader(message(userCard()))).WithContext(ctx))
		assert.Len(t, h.audit.lines, 1)
	})
	t.Run("the call id reaches the use case", func(t *testing.T) {
		h := newHarness()
		var id string
		h.serve = func(ctx context.Context, _ soap.Request) (soap.Reply, error) {
			id = ports.CallID(ctx)
			return func(w *xmlout.Writer) { w.Elem("ok", "") }, nil
		}
		h.post(message(userCard()))
		h.answered(t)
		assert.Equal(t, h.last.Header().Get("X-OpenNSP-Call"), id)
		assert.Equal(t, id, h.audit.lines[0].Access.CallID)
	})
}

func outcome(e audit.Entry) string {
	if len(e.Notes) == 0 {
		return ""
	}
	info := e.Notes[0].Contexts[0].Information
	if last := info[len(info)-1]; last.Key == "outcome" {
		return last.Value
	}
	return ""
}

func TestAccess(t *testing.T) {
	t.Run("OC-19 quoted SOAPAction and a level 4 user card", func(t *testing.T) {
		h := newHarness()
		m := replace(t, message(userCard()), "</soap:Header>", `<a:Action xmlns:a="http://www.w3.org/2005/08/addressing"> OpenSession </a:Action>`+
			`<b:To xmlns:b="http://schemas.xmlsoap.org/ws/2004/08/addressing">http://nsp.test</b:To><b:To xmlns:b="http://schemas.xmlsoap.org/ws/2004/08/addressing">second</b:To></soap:Header>`)
		h.post(m, "X-Forwarded-For", "203.0.113.9", "X-NSI-Original-IP", "203.0.113.9", "X-NSI-ClientCVR", "99999902", "Authorization", "secret", "SSLSessionID", "s1")
		h.answered(t)
		a := h.audit.lines[0].Access
		assert.Equal(t, map[string]string{
			"Content-Type": "text/xml; charset=utf-8", "SOAPAction": `"OpenSession"`, "X-Forwarded-For": "203.0.113.9",
			"X-NSI-Original-IP": "203.0.113.9", "SSLSessionID": "s1",
		}, a.HTTPHeaders, "what a stranger says of a certificate is not logged")
		assert.Equal(t, map[string]string{
			"medcom:CareProviderID": "99999902", "medcom:CareProviderName": "Testhuset", "medcom:ITSystemName": "TestEPJ",
			"medcom:UserAuthorizationCode": "TST01", "medcom:UserOccupation": "Overlæge", "medcom:UserRole": "7170",
			"sosi:AuthenticationLevel": "4", "sosi:IDCardID": "dGVzdC1jYXJkLTAwMDE=", "sosi:IDCardType": "user", "sosi:IDCardVersion": "1.0.1",
		}, a.IDCardAttributes, "all but the civil registration number")
		assert.Equal(t, map[string]string{
			"FlowID": "f-1", "MessageID": "m-1", "Issuer": "TEST-STS", "NameID": "SubjectDN={CN=Test},IssuerDN={CN=Test CA},CertSerial={1}",
			"w3Action": "OpenSession", "To": "http://nsp.test",
		}, a.SOAPHeaders)
		redacted := audit.Redact(a)
		assert.Equal(t, "[id]", redacted.IDCardAttributes["medcom:UserAuthorizationCode"])
		assert.NotContains(t, fmt.Sprint(redacted), "0101010001")
	})
	t.Run("what the request was", func(t *testing.T) {
		h := newHarness()
		r := httptest.NewRequest(http.MethodPost, "http://nsp.test:8080/test/Service?x=1", bytes.NewReader(message(systemCard())))
		h.do(r)
		h.answered(t)
		a := h.audit.lines[0].Access
		assert.Equal(t, "nsp.test", a.HTTPHost)
		assert.Equal(t, 8080, a.Port)
		assert.Equal(t, "/test/Service", a.Path)
		assert.Equal(t, "x=1", a.Query)
		assert.Equal(t, "POST", a.Method)
		assert.Equal(t, "http", a.Protocol)
		assert.Equal(t, int64(len(message(systemCard()))), a.ReqSize)
		assert.Equal(t, int64(h.last.Body.Len()), a.ResSize)
		assert.Equal(t, http.StatusOK, a.Code)
		assert.Equal(t, clock, a.Arrived)
		assert.Equal(t, 1, a.Stats.InFlight)
		assert.Equal(t, map[string]string{"FlowID": "f-1", "Issuer": "TEST-STS", "MessageID": "m-1", "NameID": "SubjectDN={CN=Test},IssuerDN={CN=Test CA},CertSerial={1}"}, a.SOAPHeaders)
	})
	t.Run("port of the listener where the host names none", func(t *testing.T) {
		h := newHarness()
		server := httptest.NewServer(h.build())
		defer server.Close()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, bytes.NewReader(message(userCard())))
		require.NoError(t, err)
		r.Host = "nsp.test"
		resp, err := server.Client().Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, "nsp.test", h.audit.lines[0].Access.HTTPHost)
		assert.Contains(t, server.URL, fmt.Sprint(h.audit.lines[0].Access.Port))
	})
	t.Run("a long header is cut", func(t *testing.T) {
		h := newHarness()
		h.post(message(userCard()), "X-NSI-LB-UID", strings.Repeat("æ", 5000))
		assert.LessOrEqual(t, len(h.audit.lines[0].Access.HTTPHeaders["X-NSI-LB-UID"]), 2003)
	})
}

// TestSecrets: SA-53 for what an attacker can put anywhere: MessageID and FlowID that look like a person's number.
func TestSecrets(t *testing.T) {
	t.Run("SA-53 a person's number as MessageID", func(t *testing.T) {
		h := newHarness()
		m := replaceAll(withCard(stranger().Sign(userCard()), 4), ">m-1<", ">x 0202801111<", ">f-1<", ">020280-1111<")
		h.post(m)
		assert.Equal(t, fault.CodeCertificate, h.fault(t).Code)
		assert.NotContains(t, h.log.String(), "0202801111")
		assert.Contains(t, h.log.String(), `"messageId":"x [cpr]"`)
	})
	t.Run("SA-53 a caller prints as nobody", func(t *testing.T) {
		h := newHarness()
		h.post(message(userCard()))
		c := h.answered(t)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			printed := fmt.Sprintf(verb, c)
			assert.NotContains(t, printed, "0101010001")
			assert.NotContains(t, printed, "Laege")
		}
	})
}

func TestClient(t *testing.T) {
	answering := func(t *testing.T, status int, body string) *soap.Client {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(server.Close)
		return &soap.Client{URL: server.URL, HTTP: server.Client()}
	}
	t.Run("an envelope is not sent on to where the server points", func(t *testing.T) {
		elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the message came here") }))
		defer elsewhere.Close()
		for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
			server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, status))
			_, err := (&soap.Client{URL: server.URL, HTTP: server.Client()}).Call(t.Context(), "Issue", []byte("<a/>"))
			assert.ErrorContains(t, err, strconv.Itoa(status))
			server.Close()
		}
	})
	t.Run("a fault with an actor and HTTP status 200", func(t *testing.T) {
		c := answering(t, http.StatusOK, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>wst:InvalidRequest</faultcode><faultstring>CPR claim missing</faultstring><faultactor>dk:sosi:sts:its</faultactor></s:Fault></s:Body></s:Envelope>`)
		_, err := c.Call(t.Context(), "Issue", []byte("<a/>"))
		var f *soap.Fault
		require.ErrorAs(t, err, &f)
		f.Raw = nil
		assert.Equal(t, &soap.Fault{Status: 200, FaultCode: "wst:InvalidRequest", FaultString: "CPR claim missing", Actor: "dk:sosi:sts:its"}, f)
		assert.Equal(t, "soap fault wst:InvalidRequest: CPR claim missing", f.Error())
	})
	for name, body := range map[string]string{
		"no XML": "Bad Gateway", "no SOAP": "<html/>", "no Body": `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>`,
		"empty Body": `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := answering(t, http.StatusBadGateway, body).Call(t.Context(), "x", []byte("<a/>"))
			require.ErrorContains(t, err, "HTTP status 502")
			assert.False(t, errors.As(err, new(*soap.Fault)))
		})
	}
}
