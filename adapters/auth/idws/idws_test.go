package idws_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

// clock is the instant of the committed samples.
var clock = time.Date(2026, 11, 21, 10, 5, 30, 0, time.UTC)

// Keys for all tests of the package: the token service, who holds tokens, somebody else.
var (
	sts      = sync.OnceValue(func() *idwstest.Key { return idwstest.NewKey(2048, "Test STS") })
	portal   = sync.OnceValue(func() *idwstest.Key { return idwstest.NewKey(2048, "Test portal") })
	stranger = sync.OnceValue(func() *idwstest.Key { return idwstest.NewKey(2048, "Test portal") })
)

var policy = admitting.Policy{Audiences: []string{"https://other", idwstest.Audience}}

type source struct{ set *trust.Set }

func (s source) Trust(context.Context) (*trust.Set, error) { return s.set, nil }

func openSession(w *xmlout.Writer) {
	w.Elem("sec:OpenSession", "", "xmlns:sec", "urn:opennsp:security:1")
}

func citizen() idwstest.Token { return idwstest.CitizenToken(clock.Add(-5*time.Minute), portal()) }

// message is a good message that carries the token.
func message(tk idwstest.Token) idwstest.Message {
	return idwstest.Good(tk, sts(), portal(), clock, openSession)
}

func now() time.Time { return clock }

// bodyWithIDs is a body whose elements repeat ids.
func bodyWithIDs(w *xmlout.Writer) {
	w.Start("x:Doc", "xmlns:x", "urn:x", "id", "same")
	w.Elem("x:Part", "", "id", "same", "ID", "same")
	w.End()
}

// certificateAfter returns the certificate in the first element with this name after a text.
func certificateAfter(t *testing.T, doc []byte, after, name string) *x509.Certificate {
	t.Helper()
	s := from(from(string(doc), after), "<"+name)
	text, _, _ := strings.Cut(strings.TrimPrefix(from(s, ">"), ">"), "<")
	der, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return c
}

// sampleAnchor pins whoever signed the token of the committed request.
func sampleAnchor(t *testing.T, doc []byte) trust.Anchor {
	t.Helper()
	key := certificateAfter(t, doc, "<saml:Issuer>", "ds:X509Certificate").RawSubjectPublicKeyInfo
	return trust.Anchor{ID: "sample", Uses: []trust.Use{trust.Token}, Issuers: []string{"OPENNSP-DEV-STS"}, Key: key, SPKI: sha256.Sum256(key)}
}

func binaryTokenKey(t *testing.T, doc []byte) [32]byte {
	t.Helper()
	return sha256.Sum256(certificateAfter(t, doc, "<wsse:Security", "wsse:BinarySecurityToken").RawSubjectPublicKeyInfo)
}

// tryVerify verifies what may not even be XML.
func tryVerify(doc []byte, set *trust.Set) (identity.Caller, error) {
	tree, err := xmltree.Parse(doc, xmltree.DefaultLimits(1<<20))
	if err != nil {
		return identity.Caller{}, err
	}
	defer tree.Release()
	if set == nil {
		set = &trust.Set{Anchors: []trust.Anchor{sts().Anchor()}}
	}
	schemes := auth.Schemes{IDWS: &idws.Verifier{Trust: source{set}, Now: now}}
	return schemes.Admit(context.Background(), frame(tree), policy)
}

func with[T any](v T, edit func(*T)) T {
	edit(&v)
	return v
}

// frame finds the parts of a message as the router does.
func frame(t *xmltree.Tree) *auth.Message {
	root := t.Root()
	space := t.Space(root)
	m := &auth.Message{Tree: t, Path: "/test/Service", SOAP12: strings.HasSuffix(space, "soap-envelope")}
	m.Header, m.Body = t.Child(root, space, "Header"), t.Child(root, space, "Body")
	m.Security = t.Child(m.Header, auth.NSSecurity, "Security")
	return m
}

// parsed reads a document for the length of a test.
func parsed(t *testing.T, doc []byte) *xmltree.Tree {
	t.Helper()
	tree, err := xmltree.Parse(doc, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	t.Cleanup(tree.Release)
	return tree
}

// verify verifies a message under the anchors, the token service's own where none is given.
func verify(t *testing.T, doc []byte, set *trust.Set, edit ...func(*auth.Message)) (identity.Caller, *auth.Message, error) {
	t.Helper()
	tree := parsed(t, doc)
	if set == nil {
		set = &trust.Set{Anchors: []trust.Anchor{sts().Anchor()}}
	}
	m := frame(tree)
	for _, e := range edit {
		e(m)
	}
	v := &idws.Verifier{Trust: source{set}, Now: now}
	caller, err := v.Verify(t.Context(), m, policy)
	return caller, m, err
}

// assertCode requires a refusal with a code.
func assertCode(t *testing.T, code string, err error) {
	t.Helper()
	var refusal *auth.Refusal
	if assert.ErrorAs(t, err, &refusal) {
		assert.Equal(t, code, refusal.Fault.Code, "%v", err)
		assert.NotEmpty(t, refusal.Cause)
		assert.NotContains(t, err.Error(), "2512489996")
	}
}

func TestAccepted(t *testing.T) {
	for _, c := range []struct {
		name string
		m    idwstest.Message
	}{
		{"SA-38 citizen token", message(citizen())},
		{"SA-04 SOAP 1.2", with(message(citizen()), func(m *idwstest.Message) { m.SOAP12 = true })},
		{"SOAP 1.2 without Action", with(message(citizen()), func(m *idwstest.Message) { m.SOAP12, m.Action = true, "" })},
		{"all headers", with(message(citizen()), func(m *idwstest.Message) {
			m.To, m.ReplyTo, m.FaultTo = "https://nsp.test/test/Service", "http://www.w3.org/2005/08/addressing/anonymous", "https://elsewhere"
			m.RelatesTo, m.Framework, m.HSUID, m.Expires = "urn:x", "2.0", "<x/>", "2026-11-21T10:10:30Z"
		})},
		{"Liberty of 2006", with(message(citizen()), func(m *idwstest.Message) { m.Framework, m.FrameworkNS = "2.0", "urn:liberty:sb:2006-08" })},
		{"SA-32 plain digest of the token", with(message(citizen()), func(m *idwstest.Message) { m.PlainSTR = true })},
		{"SA-32 token in the default namespace", message(with(citizen(), func(tk *idwstest.Token) { tk.DefaultNamespace = true }))},
		{"token without KeyInfo", message(with(citizen(), func(tk *idwstest.Token) { tk.NoKeyInfo = true }))},
		{"KeyInfo by URI", with(message(citizen()), func(m *idwstest.Message) { m.KeyInfo = idwstest.ByURI })},
		{"KeyInfo with the holder's certificate", with(message(citizen()), func(m *idwstest.Message) { m.KeyInfo = idwstest.X509 })},
		{"KeyInfo with the holder's key in a BinarySecurityToken", with(message(citizen()), func(m *idwstest.Message) { m.KeyInfo = idwstest.BinaryToken })},
		{"no KeyInfo", with(message(citizen()), func(m *idwstest.Message) { m.KeyInfo = idwstest.NoInfo })},
		{"several audiences", message(with(citizen(), func(tk *idwstest.Token) { tk.Audiences = []string{"https://fsk", idwstest.Audience} }))},
		{"SA-40 Created 5:00 before", with(message(citizen()), func(m *idwstest.Message) { m.Created = "2026-11-21T10:00:30Z" })},
		{"SA-40 Created 5:00 after", with(message(citizen()), func(m *idwstest.Message) { m.Created = "2026-11-21T10:10:30Z" })},
		{"token that begins in 60 s", message(with(citizen(), func(tk *idwstest.Token) { tk.NotBefore = "2026-11-21T10:06:30Z" }))},
		{"token of 24 hours", message(with(citizen(), func(tk *idwstest.Token) { tk.NotOnOrAfter = "2026-11-22T10:00:30Z" }))},
	} {
		t.Run(c.name, func(t *testing.T) {
			caller, _, err := verify(t, c.m.Bytes(), nil)
			require.NoError(t, err)
			assert.Equal(t, identity.Citizen, caller.Kind)
			assert.Equal(t, "2512489996", caller.CPR.Digits())
			assert.Equal(t, idwstest.Audience, caller.Audience)
			assert.Equal(t, "urn:uuid:11111111-2222-4333-8444-555555555555", caller.MessageID)
			cred := caller.Credential
			assert.Equal(t, identity.IDWS, cred.Scheme)
			assert.Equal(t, 3, cred.Level)
			assert.Equal(t, "_t1", cred.ID)
			assert.Equal(t, idwstest.Issuer, cred.Issuer)
			assert.Equal(t, base64.StdEncoding.EncodeToString(cred.Signer[:]), cred.CertHash, "SEC-25 SHA-256 of the holder's certificate")
			assert.Len(t, cred.CertHash, 44)
			assert.Contains(t, cred.X509Subject, "SERIALNUMBER=UI:DK-O:G:")
			assert.False(t, cred.NotOnOrAfter.IsZero() || cred.NotBefore.IsZero() || cred.IssuedAt.IsZero())
		})
	}
}

// TestClockSkew: how far the clock of the token service may be ahead can be set.
func TestClockSkew(t *testing.T) {
	for _, c := range []struct {
		skew   time.Duration
		begins string
		ok     bool
	}{{0, "2026-11-21T10:06:30Z", true}, {0, "2026-11-21T10:06:31Z", false}, {5 * time.Second, "2026-11-21T10:05:35Z", true}, {5 * time.Second, "2026-11-21T10:05:36Z", false}} {
		m := message(with(citizen(), func(tk *idwstest.Token) { tk.NotBefore = c.begins }))
		v := &idws.Verifier{Trust: source{&trust.Set{Anchors: []trust.Anchor{sts().Anchor()}}}, Now: now, ClockSkew: c.skew}
		_, err := v.Verify(t.Context(), frame(parsed(t, m.Bytes())), policy)
		assert.Equal(t, c.ok, err == nil, "skew %s, NotBefore %s: %v", c.skew, c.begins, err)
	}
}

func TestRefused(t *testing.T) {
	revoked := &trust.Set{Anchors: []trust.Anchor{sts().Anchor()}, Revoked: trust.Revocations{SPKIs: map[[32]byte]bool{portal().SPKI(): true}}}
	cards := sts().Anchor()
	cards.Uses = []trust.Use{trust.IDCard, trust.Bootstrap}
	cards.Algorithms = []string{trust.RSASHA1}
	type msg = idwstest.Message
	type tok = idwstest.Token
	edit := func(e func(*msg)) msg { return with(message(citizen()), e) }
	token := func(e func(*tok)) msg { return message(with(citizen(), e)) }
	without := func(part string) msg {
		return edit(func(m *msg) {
			m.To, m.ReplyTo, m.FaultTo = "https://nsp.test/test/Service", "http://www.w3.org/2005/08/addressing/anonymous", "https://elsewhere"
			m.RelatesTo, m.Framework, m.HSUID = "urn:x", "2.0", "<x/>"
			m.Unreferenced = []string{part}
		})
	}
	for _, c := range []struct {
		name string
		m    msg
		set  *trust.Set
		code string
	}{
		{"SA-16 no MessageID", edit(func(m *msg) { m.MessageID = "" }), nil, fault.CodeMissingHeader},
		{"SA-16 no Timestamp", edit(func(m *msg) { m.Created = "" }), nil, fault.CodeMissingHeader},
		{"no Action in SOAP 1.1", edit(func(m *msg) { m.Action = "" }), nil, fault.CodeMissingHeader},
		{"MessageID too long", edit(func(m *msg) { m.MessageID = strings.Repeat("x", 257) }), nil, fault.CodeSyntax},
		{"two MessageIDs", edit(func(m *msg) { m.Extra = `<wsa:MessageID>urn:y</wsa:MessageID>` }), nil, fault.CodeSyntax},
		{"SA-43 two HSUID headers", edit(func(m *msg) {
			m.HSUID, m.Extra = "<x/>", `<h:HsuidHeader xmlns:h="http://www.nsi.dk/hsuid/2016/08/hsuid-1.1.xsd"/>`
		}), nil, fault.CodeSyntax},
		{"two frameworks", edit(func(m *msg) {
			m.Framework, m.Extra = "2.0", `<f:Framework xmlns:f="urn:liberty:sb:2006-08" version="2.0"/>`
		}), nil, fault.CodeSyntax},
		{"framework 1.0", edit(func(m *msg) { m.Framework = "1.0" }), nil, fault.CodeSyntax},
		{"To of another service", edit(func(m *msg) { m.To = "https://nsp.test/test/Other" }), nil, fault.CodeSyntax},
		{"ReplyTo elsewhere", edit(func(m *msg) { m.ReplyTo = "https://elsewhere" }), nil, fault.CodeSyntax},
		{"SA-40 Created 5:01 before", edit(func(m *msg) { m.Created = "2026-11-21T10:00:29Z" }), nil, fault.CodeExpired},
		{"SA-40 Created 5:01 after", edit(func(m *msg) { m.Created = "2026-11-21T10:10:31Z" }), nil, fault.CodeIDCard},
		{"SA-40 Expires past", edit(func(m *msg) { m.Created, m.Expires = "2026-11-21T10:05:00Z", "2026-11-21T10:05:30Z" }), nil, fault.CodeExpired},
		{"SA-40 Expires before Created", edit(func(m *msg) { m.Created, m.Expires = "2026-11-21T10:05:32Z", "2026-11-21T10:05:31Z" }), nil, fault.CodeSyntax},
		{"Created without zone", edit(func(m *msg) { m.Created = "2026-11-21T10:05:30" }), nil, fault.CodeSyntax},

		{"SA-38 audience of another service", token(func(tk *tok) { tk.Audiences = []string{"https://fsk"} }), nil, fault.CodeNotAuthorized},
		{"SA-38 audience in other letters", token(func(tk *tok) { tk.Audiences = []string{"https://MINLOG"} }), nil, fault.CodeNotAuthorized},
		{"SA-38 no audience", token(func(tk *tok) { tk.Audiences = nil }), nil, fault.CodeNotAuthorized},
		{"SA-38 empty audience", token(func(tk *tok) { tk.Audiences = []string{""} }), nil, fault.CodeNotAuthorized},
		{"SA-39 bearer token", token(func(tk *tok) { tk.Method = idwstest.Bearer }), nil, fault.CodeIDCard},
		{"SA-39 bearer token without certificate", token(func(tk *tok) { tk.Method, tk.Holder = idwstest.Bearer, nil }), nil, fault.CodeIDCard},
		{"SA-39 holder-of-key without certificate", token(func(tk *tok) { tk.Holder = nil }), nil, fault.CodeIDCard},
		{"SA-39 signed by another key", edit(func(m *msg) { m.Key = stranger() }), nil, fault.CodeSignature},
		{"SA-39 signed by another key, its certificate in KeyInfo", edit(func(m *msg) { m.Key, m.KeyInfo = stranger(), idwstest.X509 }), nil, fault.CodeSignature},
		{"SA-39 signed by another key, its BinarySecurityToken", edit(func(m *msg) { m.Key, m.KeyInfo = stranger(), idwstest.BinaryToken }), nil, fault.CodeSignature},
		{"SA-39 BinarySecurityToken of another key", edit(func(m *msg) { m.KeyInfo, m.Named = idwstest.BinaryToken, stranger() }), nil, fault.CodeSignature},
		{"SA-39 certificate of another key in KeyInfo", edit(func(m *msg) { m.KeyInfo, m.Named = idwstest.X509, stranger() }), nil, fault.CodeSignature},
		{"SA-39 KeyInfo of another kind", edit(func(m *msg) { m.KeyInfo = idwstest.KeyNameAlone }), nil, fault.CodeSignature},
		{"SA-39 token not referenced", without(idwstest.TokenSTR), nil, fault.CodeSignature},
		{"SA-39 token referenced without STR", edit(func(m *msg) { m.DirectToken = true }), nil, fault.CodeSignature},
		{"SA-39 Action unsigned", without(idwstest.Action), nil, fault.CodeSignature},
		{"MessageID unsigned", without(idwstest.MessageID), nil, fault.CodeSignature},
		{"To unsigned", without(idwstest.To), nil, fault.CodeSignature},
		{"ReplyTo unsigned", without(idwstest.ReplyTo), nil, fault.CodeSignature},
		{"FaultTo unsigned", without(idwstest.FaultTo), nil, fault.CodeSignature},
		{"RelatesTo unsigned", without(idwstest.RelatesTo), nil, fault.CodeSignature},
		{"Framework unsigned", without(idwstest.Framework), nil, fault.CodeSignature},
		{"SEC-24 HSUID unsigned", without(idwstest.HSUID), nil, fault.CodeSignature},
		{"Timestamp unsigned", without(idwstest.Timestamp), nil, fault.CodeSignature},
		{"Body unsigned", without(idwstest.Body), nil, fault.CodeSignature},
		{"SA-23 rsa-sha1 message", edit(func(m *msg) { m.SHA1 = true }), nil, fault.CodeSignature},
		{"SA-23 rsa-sha1 token", token(func(tk *tok) { tk.SHA1 = true }), nil, fault.CodeSignature},
		{"SEC-43 holder's key revoked", message(citizen()), revoked, fault.CodeCertificate},
		{"SEC-41 anchor for cards and bootstrap tokens", message(citizen()), &trust.Set{Anchors: []trust.Anchor{cards}}, fault.CodeCertificate},
		{"SEC-40 no anchors", message(citizen()), &trust.Set{}, fault.CodeCertificate},
		{"SA-26 token signed by a stranger", idwstest.Good(citizen(), stranger(), portal(), clock, openSession), nil, fault.CodeCertificate},
		{"Issuer of another service", token(func(tk *tok) { tk.Issuer = "OTHER-STS" }), nil, fault.CodeCertificate},

		{"token expired", token(func(tk *tok) { tk.NotOnOrAfter = "2026-11-21T10:05:30Z" }), nil, fault.CodeExpired},
		{"token begins in 61 s", token(func(tk *tok) { tk.NotBefore = "2026-11-21T10:06:31Z" }), nil, fault.CodeIDCard},
		{"SEC-13 token without NotBefore", token(func(tk *tok) { tk.NotBefore = "" }), nil, fault.CodeIDCard},
		{"token without NotOnOrAfter", token(func(tk *tok) { tk.NotOnOrAfter = "" }), nil, fault.CodeIDCard},
		{"token issued in 61 s", token(func(tk *tok) { tk.Issued = "2026-11-21T10:06:31Z" }), nil, fault.CodeIDCard},
		{"SEC-13 token of 24 hours and a second", token(func(tk *tok) { tk.NotOnOrAfter = "2026-11-22T10:00:31Z" }), nil, fault.CodeIDCard},
		{"times without zone", token(func(tk *tok) { tk.NotOnOrAfter = "2026-11-21T11:00:30" }), nil, fault.CodeIDCard},
		{"confirmation expired", token(func(tk *tok) { tk.ConfirmedUntil = "2026-11-21T10:05:30Z" }), nil, fault.CodeExpired},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := verify(t, c.m.Bytes(), c.set)
			assertCode(t, c.code, err)
		})
	}
}
