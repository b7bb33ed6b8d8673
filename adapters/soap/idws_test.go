package soap_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

const addressing = "http://www.w3.org/2005/08/addressing"

// forTokens is a harness whose operations take tokens.
func forTokens() *harness {
	h := newHarness()
	h.policy.Schemes = append(h.policy.Schemes, identity.IDWS)
	h.policy.Kinds = append(h.policy.Kinds, identity.Citizen)
	h.policy.Audiences = []string{idwstest.Audience}
	return h
}

func citizenToken() idwstest.Token { return idwstest.CitizenToken(clock.Add(-5*time.Minute), portal()) }

// tokenMessage is a good message, changed by the edits.
func tokenMessage(edits ...func(*idwstest.Message)) idwstest.Message {
	m := idwstest.Good(citizenToken(), tokenService(), portal(), clock, openSession)
	for _, e := range edits {
		e(&m)
	}
	return m
}

func soap12(m *idwstest.Message) { m.SOAP12 = true }

// answers is how a client that pins the service checks them.
func answers() idws.Answers {
	return idws.Answers{Keys: [][32]byte{service().SPKI()}, Now: func() time.Time { return clock }}
}

// headerText returns the text of a header of WS-Addressing in an answer.
func headerText(t *testing.T, tree *xmltree.Tree, local string) string {
	t.Helper()
	header := tree.Child(tree.Root(), tree.Space(tree.Root()), "Header")
	n, err := tree.Only(header, addressing, local)
	require.NoError(t, err)
	text, err := tree.Text(n)
	require.NoError(t, err)
	return text
}

func TestIDWSAnswer(t *testing.T) {
	for _, c := range []struct {
		name string
		m    idwstest.Message
	}{
		{"SA-52 SOAP 1.1", tokenMessage()},
		{"SA-52 SOAP 1.2", tokenMessage(soap12)},
		{"SA-52 with framework", tokenMessage(func(m *idwstest.Message) { m.Framework, m.FrameworkNS = "2.0", "urn:liberty:sb:2006-08" })},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := forTokens()
			h.post(c.m.Bytes())
			caller := h.answered(t)
			assert.Equal(t, identity.Citizen, caller.Kind)
			assert.Equal(t, "192.0.2.1", caller.Addr)
			tree := parsed(t, h.last.Body.Bytes())
			require.NoError(t, answers().Check(tree, c.m.MessageID))
			assert.Equal(t, "OpenSessionResponse", headerText(t, tree, "Action"))
			assert.Equal(t, c.m.MessageID, headerText(t, tree, "RelatesTo"))
			assert.Regexp(t, "^urn:uuid:a-", headerText(t, tree, "MessageID"))
			assert.Equal(t, c.m.Framework != "", strings.Contains(h.last.Body.String(), `<sbf:Framework xmlns:sbf="urn:liberty:sb:2006-08" version="2.0"`))
			assert.Contains(t, h.last.Body.String(), "<wsu:Created>2026-11-21T10:05:30Z</wsu:Created><wsu:Expires>2026-11-21T10:10:30Z</wsu:Expires>")
			assert.Contains(t, h.last.Body.String(), "<sec:OpenSessionResponse")
			assert.NotContains(t, h.last.Body.String(), "medcom:Header")
			xmlsecVerify(t, h.last.Body.Bytes())

			require.Error(t, answers().Check(tree, "urn:uuid:other"), "an answer to another message")
			other := answers()
			other.Keys = [][32]byte{portal().SPKI()}
			require.ErrorIs(t, other.Check(tree, c.m.MessageID), idws.ErrAnswer, "a signer that is not pinned")
			late := answers()
			late.Now = func() time.Time { return clock.Add(answerLifetime) }
			require.Error(t, late.Check(tree, c.m.MessageID), "an old answer")
			changed := bytes.Replace(h.last.Body.Bytes(), []byte("c2FtcGxl"), []byte("C2FtcGxl"), 1)
			require.Error(t, answers().Check(parsed(t, changed), c.m.MessageID), "a changed answer")
		})
	}
}

const answerLifetime = 5 * time.Minute

// xmlsecVerify verifies a signed answer with xmlsec1 and the service's certificate.
func xmlsecVerify(t *testing.T, answer []byte) {
	t.Helper()
	xmlsec, err := exec.LookPath("xmlsec1")
	if err != nil {
		if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
			t.Fatal("xmlsec1 is not installed")
		}
		t.Log("xmlsec1 is not installed: the answer is verified by our own code alone")
		return
	}
	dir := t.TempDir()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: service().Certificate})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "service.pem"), certificate, 0o600))
	verify := func(doc []byte) error {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "answer.xml"), doc, 0o600))
		args := []string{"--verify", "--enabled-key-data", "key-name", "--pubkey-cert-pem", "service.pem"}
		for _, name := range []string{
			"http://schemas.xmlsoap.org/soap/envelope/:Body", "http://www.w3.org/2003/05/soap-envelope:Body", addressing + ":Action",
			addressing + ":MessageID", addressing + ":RelatesTo", "urn:liberty:sb:2006-08:Framework",
			"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd:Timestamp",
			"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd:BinarySecurityToken",
		} {
			args = append(args, "--id-attr:Id", name)
		}
		cmd := exec.CommandContext(t.Context(), xmlsec, append(args, "answer.xml")...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			return errors.New(string(out))
		}
		return nil
	}
	require.NoError(t, verify(answer))
	require.Error(t, verify(bytes.Replace(answer, []byte("sec:Expires"), []byte("sec:Expired"), 2)), "xmlsec1 verifies a changed answer")
}

func TestIDWSRefused(t *testing.T) {
	type msg = idwstest.Message
	token := func(tk idwstest.Token, sts *idwstest.Key) msg {
		return idwstest.Good(tk, sts, portal(), clock, openSession)
	}
	for _, c := range []struct {
		name       string
		edit       func(*harness)
		m          msg
		code, wsse string
		signed     bool
	}{
		{"SA-39 bearer", nil, token(bearer(), tokenService()), fault.CodeIDCard, "wsse:InvalidSecurityToken", false},
		{"SA-16 no MessageID", nil, tokenMessage(func(m *msg) { m.MessageID = "" }), fault.CodeMissingHeader, "wsse:InvalidSecurity", false},
		{"SA-40 too old", nil, tokenMessage(func(m *msg) { m.Created = "2026-11-21T10:00:29Z" }), fault.CodeExpired, "wsse:MessageExpired", false},
		{"SA-39 Action unsigned", nil, tokenMessage(func(m *msg) { m.Unreferenced = []string{idwstest.Action} }), fault.CodeSignature, "wsse:FailedCheck", false},
		{"SA-26 stranger's token", nil, token(citizenToken(), portal()), fault.CodeCertificate, "wsse:FailedAuthentication", false},
		{"SA-38 other audience", func(h *harness) { h.policy.Audiences = []string{"https://fsk"} }, tokenMessage(), fault.CodeNotAuthorized, "wsse:InvalidSecurityToken", false},
		{"SA-38 no audience configured", func(h *harness) { h.policy.Audiences = nil }, tokenMessage(), fault.CodeNotAuthorized, "wsse:InvalidSecurityToken", false},
		{"assurance level", nil, token(citizenToken().With("dk:gov:saml:attribute:AssuranceLevel", "2"), tokenService()), fault.CodeSecurityLevel, "wsse:FailedAuthentication", false},
		{"SA-43 two HSUID headers", nil, tokenMessage(func(m *msg) {
			m.HSUID, m.Extra = "<x/>", `<h:HsuidHeader xmlns:h="http://www.nsi.dk/hsuid/2016/08/hsuid-1.1.xsd"/>`
		}), fault.CodeSyntax, "wsse:InvalidSecurity", false},
		{"kind, after authentication", func(h *harness) { h.policy.Kinds = []identity.Kind{identity.System} }, tokenMessage(), fault.CodeNotAuthorized, "wsse:FailedAuthentication", true},
		{"scheme, after authentication", func(h *harness) { h.policy.Schemes = []identity.Scheme{identity.DGWS} }, tokenMessage(), fault.CodeNotAuthorized, "wsse:FailedAuthentication", true},
	} {
		for _, version := range []string{"1.1", "1.2"} {
			t.Run(c.name+", SOAP "+version, func(t *testing.T) {
				h := forTokens()
				if c.edit != nil {
					c.edit(h)
				}
				c.m.SOAP12 = version == "1.2"
				h.post(c.m.Bytes())
				f := h.fault(t)
				want := []any{c.code, c.wsse, "", http.StatusInternalServerError}
				if c.m.SOAP12 {
					want = []any{c.code, "soap:Sender", c.wsse, http.StatusBadRequest}
				}
				assert.Equal(t, want, []any{f.Code, f.FaultCode, f.Subcode, f.Status}, "log: %s", h.log)
				err := answers().Check(parsed(t, h.last.Body.Bytes()), tokenMessage().MessageID)
				if c.signed {
					require.NoError(t, err, "faults after authentication are signed")
				} else {
					require.ErrorIs(t, err, idws.ErrUnsigned)
				}
				body := h.last.Body.String()
				assert.NotContains(t, body, "medcom:Header")
				assert.Empty(t, h.callers)
				assert.Empty(t, h.units.committed)
				assert.Len(t, h.audit.lines, 1)
				for _, secret := range []string{"2512489996", "_t1", tokenMessage().MessageID + "<"} {
					assert.NotContains(t, h.log.String(), secret)
					if !c.signed {
						assert.NotContains(t, body, secret)
					}
				}
			})
		}
	}
}

func bearer() idwstest.Token {
	tk := citizenToken()
	tk.Method = idwstest.Bearer
	return tk
}

// TestWSSECodes holds the table of faultcodes: what is not in it is the service's own.
func TestWSSECodes(t *testing.T) {
	replayed, _ := fault.Of(ports.ErrSeen)
	for _, c := range []struct {
		name           string
		err            fault.Error
		code, subcode  string // SOAP 1.1 and 1.2
		code12         string
		status12, want int
	}{
		{"replayed", replayed, "wsse:InvalidSecurity", "wsse:InvalidSecurity", "soap:Sender", 400, 500},
		{"internal", fault.Error{Kind: fault.Internal, Code: fault.CodeProcessing, Text: "x"}, "soap:Server", "", "soap:Receiver", 500, 500},
		{"store down", fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "x"}, "soap:Server", "", "soap:Receiver", 500, 500},
		{"the service's own", fault.Error{Kind: fault.NotFound, Code: "no_such_consent", Text: "x"}, "soap:Server", "", "soap:Receiver", 500, 500},
		{"person", fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "x"}, "wsse:FailedAuthentication", "wsse:FailedAuthentication", "soap:Sender", 400, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, version := range []string{"1.1", "1.2"} {
				h := forTokens()
				h.serve = func(context.Context, soap.Request) (soap.Reply, error) { return nil, c.err }
				m := tokenMessage()
				m.SOAP12 = version == "1.2"
				h.post(m.Bytes())
				f := h.fault(t)
				assert.Equal(t, c.err.Code, f.Code)
				if version == "1.1" {
					assert.Equal(t, []any{c.code, "", c.want}, []any{f.FaultCode, f.Subcode, f.Status})
				} else {
					assert.Equal(t, []any{c.code12, c.subcode, c.status12}, []any{f.FaultCode, f.Subcode, f.Status})
				}
				tree := parsed(t, h.last.Body.Bytes())
				require.NoError(t, answers().Check(tree, m.MessageID))
				assert.Equal(t, "http://www.w3.org/2005/08/addressing/soap/fault", headerText(t, tree, "Action"))
				changedFault(t, h.last.Body.Bytes())
			}
		})
	}
}

// changedFault requires that the signature covers the fault.
func changedFault(t *testing.T, doc []byte) {
	t.Helper()
	changed := bytes.Replace(doc, []byte("medcom:FaultCode>"), []byte("medcom:Faultcode>"), 2)
	require.NotEqual(t, doc, changed)
	require.Error(t, answers().Check(parsed(t, changed), tokenMessage().MessageID), "a changed fault")
}

// brokenSigner has a certificate and no key.
type brokenSigner struct{ ports.Signer }

func (brokenSigner) Sign(context.Context, trust.Use, crypto.Hash, []byte) ([]byte, error) {
	return nil, errTest
}

func TestIDWSSignerDown(t *testing.T) {
	for name, signer := range map[string]ports.Signer{"signing fails": brokenSigner{service().Signer()}, "no key for answers": noKey{}} {
		for _, version := range []string{"1.1", "1.2"} {
			t.Run(name+", good call, SOAP "+version, func(t *testing.T) {
				h := forTokens()
				h.signer = signer
				m := tokenMessage()
				m.SOAP12 = version == "1.2"
				h.post(m.Bytes())
				f := h.fault(t)
				assert.Equal(t, fault.CodeProcessing, f.Code)
				assert.Equal(t, http.StatusInternalServerError, f.Status)
				assert.Empty(t, h.units.committed, "an answer that cannot be signed has no effect")
				assert.NotContains(t, h.last.Body.String(), "secret")
				require.ErrorIs(t, answers().Check(parsed(t, h.last.Body.Bytes()), m.MessageID), idws.ErrUnsigned)
			})
		}
		t.Run(name+", fault", func(t *testing.T) {
			h := forTokens()
			h.signer = signer
			h.serve = func(context.Context, soap.Request) (soap.Reply, error) {
				return nil, fault.Error{Kind: fault.NotFound, Code: "no_such_consent", Text: "the answer"}
			}
			h.post(tokenMessage().Bytes())
			f := h.fault(t)
			assert.Equal(t, fault.CodeProcessing, f.Code, "nothing is told unsigned that must be signed")
		})
	}
}

type noKey struct{ ports.Signer }

func (noKey) Certificate(trust.Use) *x509.Certificate { return nil }

func TestIDWSUnsigned(t *testing.T) {
	h := forTokens()
	h.signer, h.unsigned = nil, true
	h.post(tokenMessage().Bytes())
	h.answered(t)
	tree := parsed(t, h.last.Body.Bytes())
	require.ErrorIs(t, answers().Check(tree, tokenMessage().MessageID), idws.ErrUnsigned)
	assert.Equal(t, tokenMessage().MessageID, headerText(t, tree, "RelatesTo"))
	assert.NotContains(t, h.last.Body.String(), "BinarySecurityToken")
}

// TestSchemeOfAnswer: the form of an answer is that of its request.
func TestSchemeOfAnswer(t *testing.T) {
	bothIDs := bytes.Replace(tokenMessage().Bytes(), []byte(` ID="_t1"`), []byte(` ID="_t1" id="IDCard"`), 1)
	for _, c := range []struct {
		name string
		m    []byte
		want string // faultcode
		code string
	}{
		{"not well-formed", []byte("<a>"), "soap:Server", fault.CodeSyntax},
		{"no Security header", replaceAll(message(systemCard()), "wsse:Security", "wsse:Insecurity"), "soap:Server", fault.CodeMissingHeader},
		{"both ids", bothIDs, "soap:Server", fault.CodeIDCard},
		{"token, unknown operation", bytes.ReplaceAll(tokenMessage().Bytes(), []byte("sec:OpenSession"), []byte("sec:NoSession")), "wsse:InvalidSecurity", fault.CodeSyntax},
		{"card, unknown operation", replaceAll(message(systemCard()), "sec:OpenSession", "sec:NoSession"), "soap:Server", fault.CodeSyntax},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := forTokens()
			h.post(c.m)
			f := h.fault(t)
			assert.Equal(t, c.code, f.Code)
			assert.Equal(t, c.want, f.FaultCode)
			assert.Equal(t, strings.HasPrefix(c.want, "soap"), strings.Contains(h.last.Body.String(), "medcom:Header>"))
		})
	}
	t.Run("a card is answered as DGWS does", func(t *testing.T) {
		h := forTokens()
		h.post(message(systemCard()))
		h.answered(t)
		assert.Contains(t, h.last.Body.String(), "<medcom:FlowStatus>")
	})
}

// TestClientChecksAnswers: a client believes no answer that its check refuses.
func TestClientChecksAnswers(t *testing.T) {
	h := forTokens()
	server := httptest.NewServer(h.build())
	defer server.Close()
	now := func() time.Time { return clock }
	request := idws.Request{
		Created: clock, Token: citizenToken().Sign(tokenService()), Action: "OpenSession", MessageID: "urn:uuid:22222222-2222-4333-8444-555555555555",
		To: server.URL + "/test", Sign: portal().Sign, Body: openSession,
	}
	call := func(key [32]byte, r idws.Request) (*soap.Response, error) {
		m, err := r.Bytes()
		require.NoError(t, err)
		check := idws.Answers{Keys: [][32]byte{key}, Now: now}
		client := &soap.Client{URL: server.URL + "/test", HTTP: server.Client(), Check: func(t *xmltree.Tree) error { return check.Check(t, r.MessageID) }}
		return client.Call(t.Context(), r.Action, m)
	}
	got, err := call(service().SPKI(), request)
	require.NoError(t, err)
	assert.Equal(t, "OpenSessionResponse", got.Tree.Local(got.Body))
	got.Tree.Release()

	_, err = call(service().SPKI(), request)
	var f *soap.Fault
	require.ErrorAs(t, err, &f, "SA-40 same MessageID again")
	assert.Equal(t, fault.CodeSignature, f.Code)
	assert.Equal(t, "wsse:InvalidSecurity", f.FaultCode)

	request.MessageID, request.SOAP12 = "urn:uuid:32222222-2222-4333-8444-555555555555", true
	got, err = call(service().SPKI(), request)
	require.NoError(t, err)
	got.Tree.Release()

	request.MessageID = "urn:uuid:42222222-2222-4333-8444-555555555555"
	_, err = call(portal().SPKI(), request)
	require.ErrorIs(t, err, idws.ErrAnswer)

	request.To = "https://elsewhere.test/other"
	_, err = call(portal().SPKI(), request)
	require.ErrorAs(t, err, &f, "a fault that is not signed is told")
	assert.Equal(t, fault.CodeSyntax, f.Code)
}

func TestIDWSAccess(t *testing.T) {
	t.Run("OC-03 citizen by token", func(t *testing.T) {
		h := forTokens()
		h.post(tokenMessage(func(m *idwstest.Message) { m.To = "http://nsp.test/test/Service" }).Bytes())
		h.answered(t)
		a := h.audit.lines[0].Access
		assert.Equal(t, map[string]string{
			"dk:gov:saml:attribute:CprNumberIdentifier": "2512489996", "dk:gov:saml:attribute:AssuranceLevel": "3",
			"dk:gov:saml:attribute:SpecVer": "DK-SAML-2.0",
			"X509Subject":                   "CN=Test portal,SERIALNUMBER=UI:DK-O:G:00000000-0000-4000-8000-000000000004,O=Testhuset,2.5.4.97=NTRDK-99999904,C=DK",
		}, a.IDCardAttributes)
		assert.Equal(t, map[string]string{
			"w3Action": "OpenSession", "w3MessageID": tokenMessage().MessageID, "w3To": "http://nsp.test/test/Service",
			"Issuer": idwstest.Issuer, "NameID": "dk:gov:saml:attribute:CprNumberIdentifier:2512489996", "Audience": idwstest.Audience,
		}, a.SOAPHeaders)
	})
	t.Run("OC-03 bad token signature", func(t *testing.T) {
		h := forTokens()
		h.post(bytes.Replace(tokenMessage().Bytes(), []byte(">2512489996<"), []byte(">2512489997<"), 1))
		h.fault(t)
		assert.Empty(t, h.audit.lines[0].Access.IDCardAttributes)
	})
	t.Run("expired token", func(t *testing.T) {
		h := forTokens()
		h.now = clock.Add(2 * time.Hour)
		h.post(tokenMessage(func(m *idwstest.Message) { m.Created = "2026-11-21T12:05:30Z" }).Bytes())
		assert.Equal(t, fault.CodeExpired, h.fault(t).Code)
		assert.Equal(t, "3", h.audit.lines[0].Access.IDCardAttributes["dk:gov:saml:attribute:AssuranceLevel"], "the signature is good")
		require.Len(t, h.events, 1)
		assert.Equal(t, "test", h.events[0].Anchor)
	})
}

// TestIDWSPolicy: the caller that the use case gets.
func TestIDWSPolicy(t *testing.T) {
	h := forTokens()
	h.policy.HSUID = admitting.Optional
	h.post(tokenMessage(func(m *idwstest.Message) {
		m.HSUID = `<hsuid:Assertion><hsuid:AttributeStatement><hsuid:Attribute Name="nsi:ActingUserCivilRegistrationNumber">` +
			`<hsuid:AttributeValue>0511804817</hsuid:AttributeValue></hsuid:Attribute></hsuid:AttributeStatement></hsuid:Assertion>`
	}).Bytes())
	assert.Equal(t, fault.CodeNotAuthorized, h.fault(t).Code, "SA-43 another acting user than the citizen")
}
