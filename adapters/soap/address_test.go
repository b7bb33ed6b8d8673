package soap_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/allowlist"
	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

const plain = `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><sec:OpenSession xmlns:sec="` + testNS + `"/></soap:Body></soap:Envelope>`

// TestAddress: calls without credential, from addresses on a list.
func TestAddress(t *testing.T) {
	bad := bytes.Replace(message(systemCard()), []byte("99999902"), []byte("99999903"), 1)
	for _, c := range []struct {
		name, peer, forwarded string
		message               []byte
		want                  string // address, "" = refused
		code                  string
	}{
		{"SA-45 allowed peer", "10.0.0.7:99", "", []byte(plain), "10.0.0.7", ""},
		{"SA-45 another peer", "192.0.2.1:99", "", []byte(plain), "", fault.CodeNotAuthorized},
		{"SA-45 X-Forwarded-For forged by an untrusted peer", "192.0.2.1:99", "10.0.0.7", []byte(plain), "", fault.CodeNotAuthorized},
		{"SA-45 chain through a trusted proxy", "172.16.0.1:99", "127.0.0.1, 10.0.0.7, 172.16.0.2", []byte(plain), "10.0.0.7", ""},
		{"SA-45 forged before a trusted proxy", "172.16.0.1:99", "10.0.0.7, 192.0.2.1", []byte(plain), "", fault.CodeNotAuthorized},
		{"SA-45 ::ffff:127.0.0.1", "[::ffff:127.0.0.1]:99", "", []byte(plain), "127.0.0.1", ""},
		{"SA-45 unreadable", "172.16.0.1:99", "unknown", []byte(plain), "", fault.CodeNotAuthorized},
		{"SA-45 headers present but bad", "10.0.0.7:99", "", bad, "", fault.CodeSignature},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness()
			h.policy.Schemes = append(h.policy.Schemes, identity.Address)
			h.policy.Addresses, h.policy.MinLevel = "publishers", 0
			h.proxies = []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")}
			h.lists = map[string]allowlist.List{"publishers": {
				{Network: netip.MustParsePrefix("10.0.0.0/8"), Name: "fmk"}, {Network: netip.MustParsePrefix("127.0.0.0/8"), Name: "local"},
			}}
			r := httptest.NewRequest(http.MethodPost, "http://nsp.test/test", bytes.NewReader(c.message))
			r.RemoteAddr = c.peer
			if c.forwarded != "" {
				r.Header.Set("X-Forwarded-For", c.forwarded)
			}
			h.do(r)
			if c.want == "" {
				h.refusedWith(t, c.code)
				return
			}
			caller := h.answered(t)
			assert.Equal(t, c.want, caller.Addr)
			assert.Equal(t, identity.Address, caller.Credential.Scheme)
			assert.Len(t, caller.MessageID, 16, "the id of the call")
			assert.Contains(t, h.last.Body.String(), "<medcom:FlowStatus>", "answered as DGWS does")
		})
	}
}

// TestBoundToTLS: cards and tokens of one certificate over a connection of another.
func TestBoundToTLS(t *testing.T) {
	certificate := func(k *idwstest.Key) *x509.Certificate {
		c, err := x509.ParseCertificate(k.Certificate)
		require.NoError(t, err)
		return c
	}
	for _, c := range []struct {
		name    string
		message []byte
		client  *x509.Certificate
		code    string
	}{
		{"SA-46 token over the holder's connection", tokenMessage().Bytes(), certificate(portal()), ""},
		{"SA-46 token over another's connection", tokenMessage().Bytes(), certificate(service()), fault.CodeNotAuthorized},
		{"SA-46 token without client certificate", tokenMessage().Bytes(), nil, fault.CodeNotAuthorized},
		{"SA-46 card over another's connection", message(systemCard()), certificate(portal()), fault.CodeNotAuthorized},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := forTokens()
			h.bind = true
			r := httptest.NewRequest(http.MethodPost, "https://nsp.test/test", bytes.NewReader(c.message))
			r.TLS = &tls.ConnectionState{}
			if c.client != nil {
				r.TLS.PeerCertificates = []*x509.Certificate{c.client}
				r.TLS.VerifiedChains = [][]*x509.Certificate{{c.client}}
			}
			h.do(r)
			if c.code == "" {
				h.answered(t)
				return
			}
			assert.Equal(t, c.code, h.fault(t).Code)
			assert.Empty(t, h.callers)
		})
	}
}
