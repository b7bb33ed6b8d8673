package auth_test

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/allowlist"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

// good is a verifier that finds every credential to be of one caller.
type good identity.Caller

func (g good) Verify(context.Context, *auth.Message, admitting.Policy) (identity.Caller, error) {
	return identity.Caller(g), nil
}

const (
	securityOpen = `<w:Security xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" xmlns:s="urn:oasis:names:tc:SAML:2.0:assertion">`
	cardHeader   = securityOpen + `<s:Assertion id="IDCard"/></w:Security>`
	tokenHeader  = securityOpen + `<s:Assertion ID="_1"/></w:Security>`
	hsuidHeader  = `<h:HsuidHeader xmlns:h="http://www.nsi.dk/hsuid/2016/08/hsuid-1.1.xsd"><h:Assertion><h:AttributeStatement>` +
		`<h:Attribute Name="nsi:SystemName"><h:AttributeValue>Portal</h:AttributeValue></h:Attribute></h:AttributeStatement></h:Assertion></h:HsuidHeader>`
)

// message is a message with these headers.
func message(t *testing.T, headers string) *auth.Message {
	t.Helper()
	tree, err := xmltree.Parse([]byte("<e><h>"+headers+"</h><b/></e>"), xmltree.DefaultLimits(1<<16))
	require.NoError(t, err)
	t.Cleanup(tree.Release)
	m := &auth.Message{Tree: tree, Header: tree.First(tree.Root())}
	m.Body = tree.Next(m.Header)
	m.Security = tree.Child(m.Header, auth.NSSecurity, "Security")
	return m
}

func codeOf(err error) string {
	var refusal *auth.Refusal
	if !errors.As(err, &refusal) || refusal.Cause == "" {
		return ""
	}
	return refusal.Fault.Code
}

func TestSchemes(t *testing.T) {
	card, token := good{Credential: identity.Credential{Scheme: identity.DGWS}}, good{Credential: identity.Credential{Scheme: identity.IDWS}}
	for _, c := range []struct {
		name, headers string
		schemes       auth.Schemes
		want          identity.Scheme
		code          string
	}{
		{"card", cardHeader, auth.Schemes{DGWS: card, IDWS: token}, identity.DGWS, ""},
		{"token", tokenHeader, auth.Schemes{DGWS: card, IDWS: token}, identity.IDWS, ""},
		{"tokens not offered", tokenHeader, auth.Schemes{DGWS: card}, 0, fault.CodeNotAuthorized},
		{"cards not offered", cardHeader, auth.Schemes{IDWS: token}, 0, fault.CodeNotAuthorized},
		{"SA-16 no Security", "", auth.Schemes{DGWS: card}, 0, fault.CodeMissingHeader},
		{"SA-16 no Assertion", securityOpen + "</w:Security>", auth.Schemes{DGWS: card}, 0, fault.CodeMissingHeader},
		{"both ids", securityOpen + `<s:Assertion id="IDCard" ID="_1"/></w:Security>`, auth.Schemes{DGWS: card, IDWS: token}, 0, fault.CodeIDCard},
		{"no id", securityOpen + `<s:Assertion/></w:Security>`, auth.Schemes{DGWS: card, IDWS: token}, 0, fault.CodeIDCard},
		{"two Assertions", securityOpen + `<s:Assertion id="IDCard"/><s:Assertion ID="_1"/></w:Security>`, auth.Schemes{DGWS: card, IDWS: token}, 0, fault.CodeIDCard},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := message(t, c.headers)
			caller, err := c.schemes.Admit(t.Context(), m, admitting.Policy{})
			if c.code != "" {
				assert.Equal(t, c.code, codeOf(err), "%v", err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, caller.Credential.Scheme)
			assert.Equal(t, c.want, auth.SchemeOf(m))
		})
	}
}

func TestAddressList(t *testing.T) {
	s := auth.Schemes{
		DGWS: good{Kind: identity.Professional, Credential: identity.Credential{Scheme: identity.DGWS, Level: 4}},
		Lists: map[string]allowlist.List{
			"publishers": {{Network: netip.MustParsePrefix("10.0.0.0/8"), Name: "fmk"}, {Network: netip.MustParsePrefix("127.0.0.0/8"), Name: "local"}},
		},
	}
	for _, c := range []struct {
		name, headers, list, addr, code string
		want                            identity.Scheme
	}{
		{"SA-45 allowed peer", "", "publishers", "10.0.0.1", "", identity.Address},
		{"SA-45 ::ffff:127.0.0.1", "", "publishers", "::ffff:127.0.0.1", "", identity.Address},
		{"SA-45 another peer", "", "publishers", "192.0.2.1", fault.CodeNotAuthorized, 0},
		{"SA-45 address that cannot be read", "", "publishers", "", fault.CodeNotAuthorized, 0},
		{"SA-45 list that is not there", "", "others", "10.0.0.1", fault.CodeNotAuthorized, 0},
		{"SA-45 operation without list", "", "", "10.0.0.1", fault.CodeMissingHeader, 0},
		{"SA-45 headers present but bad", securityOpen + "</w:Security>", "publishers", "10.0.0.1", fault.CodeMissingHeader, 0},
		{"SA-45 token present but not offered", tokenHeader, "publishers", "10.0.0.1", fault.CodeNotAuthorized, 0},
		{"SA-45 headers present and good", cardHeader, "publishers", "10.0.0.1", "", identity.DGWS},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := message(t, c.headers)
			m.Addr, _ = netip.ParseAddr(c.addr)
			caller, err := s.Admit(t.Context(), m, admitting.Policy{Addresses: c.list})
			if c.code != "" {
				assert.Equal(t, c.code, codeOf(err), "%v", err)
				assert.Equal(t, identity.Unknown, caller.Kind)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, caller.Credential.Scheme)
			if c.want == identity.Address {
				assert.Equal(t, identity.System, caller.Kind)
				assert.Zero(t, caller.Credential.Level)
				assert.Empty(t, caller.Org.CVR, "an address has no organisation, and so no grants")
				assert.NotEmpty(t, caller.SystemName)
				assert.NotEmpty(t, caller.Addr)
			}
		})
	}
}

func TestBindToTLS(t *testing.T) {
	own := systemCertificate(t)
	other := systemCertificate(t)
	short, long := sha1.Sum(own.Raw), sha256.Sum256(own.Raw)
	for _, c := range []struct {
		name, hash string
		tls        *x509.Certificate
		code       string
	}{
		{"SA-46 SHA-1 of the certificate", base64.StdEncoding.EncodeToString(short[:]), own, ""},
		{"SA-46 SHA-256 of the certificate", base64.StdEncoding.EncodeToString(long[:]), own, ""},
		{"SA-46 card of another", base64.StdEncoding.EncodeToString(short[:]), other, fault.CodeNotAuthorized},
		{"SA-46 no client certificate", base64.StdEncoding.EncodeToString(short[:]), nil, fault.CodeNotAuthorized},
		{"SA-46 card without hash", "", own, fault.CodeNotAuthorized},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := auth.Schemes{DGWS: good{Credential: identity.Credential{CertHash: c.hash}}, BindToTLS: true}
			m := message(t, cardHeader)
			m.TLS = c.tls
			_, err := s.Admit(t.Context(), m, admitting.Policy{})
			assert.Equal(t, c.code, codeOf(err), "%v", err)
			s.BindToTLS = false
			_, err = s.Admit(t.Context(), m, admitting.Policy{})
			assert.NoError(t, err, "off")
		})
	}
}

func TestHSUIDIsRead(t *testing.T) {
	s := auth.Schemes{DGWS: good{}, IDWS: good{}}
	for _, credential := range []string{cardHeader, tokenHeader} {
		caller, err := s.Admit(t.Context(), message(t, credential+hsuidHeader), admitting.Policy{})
		require.NoError(t, err)
		require.NotNil(t, caller.HSUID)
		assert.Equal(t, "Portal", caller.HSUID.SystemName)
		caller, err = s.Admit(t.Context(), message(t, credential), admitting.Policy{})
		require.NoError(t, err)
		assert.Nil(t, caller.HSUID)
		_, err = s.Admit(t.Context(), message(t, credential+hsuidHeader+hsuidHeader), admitting.Policy{})
		assert.Equal(t, fault.CodeSyntax, codeOf(err), "SA-43 two HSUID")
	}
	s.NoHSUID = true
	caller, err := s.Admit(t.Context(), message(t, cardHeader+hsuidHeader+hsuidHeader), admitting.Policy{})
	require.NoError(t, err)
	assert.Nil(t, caller.HSUID)
}

// TestListed: an operation may ask for an address on a list beside the credential.
func TestListed(t *testing.T) {
	lists := map[string]allowlist.List{"publishers": {
		{Network: netip.MustParsePrefix("10.0.0.0/8"), Name: "fmk", Topics: []string{"a", "b"}}, {Network: netip.MustParsePrefix("127.0.0.0/8"), Name: "local"},
	}}
	schemes := auth.Schemes{DGWS: good{Credential: identity.Credential{Scheme: identity.DGWS}}, Lists: lists}
	both := admitting.Policy{Listed: "publishers", Addresses: "publishers"}
	for _, c := range []struct {
		name, headers, addr string
		policy              admitting.Policy
		scheme              identity.Scheme
		topics              []string
		code                string
	}{
		{"card from a listed address", cardHeader, "10.0.0.7", both, identity.DGWS, []string{"a", "b"}, ""},
		{"card from a listed address without limits", cardHeader, "127.0.0.1", both, identity.DGWS, nil, ""},
		{"card from another address", cardHeader, "192.0.2.1", both, 0, nil, fault.CodeNotAuthorized},
		{"no card from a listed address", "", "10.0.0.7", both, identity.Address, []string{"a", "b"}, ""},
		{"no card from another address", "", "192.0.2.1", both, 0, nil, fault.CodeNotAuthorized},
		{"no card where one is needed", "", "10.0.0.7", admitting.Policy{Listed: "publishers"}, 0, nil, fault.CodeMissingHeader},
		{"a list that there is not", cardHeader, "10.0.0.7", admitting.Policy{Listed: "others"}, 0, nil, fault.CodeNotAuthorized},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := message(t, c.headers)
			m.Addr = netip.MustParseAddr(c.addr)
			caller, err := schemes.Admit(t.Context(), m, c.policy)
			assert.Equal(t, c.code, codeOf(err))
			assert.Equal(t, c.scheme, caller.Credential.Scheme)
			assert.Equal(t, c.topics, caller.Topics)
			assert.Equal(t, c.code != "" && c.code != fault.CodeMissingHeader, errors.Is(err, auth.ErrNotListed))
		})
	}
}
