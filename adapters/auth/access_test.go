package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
)

// systemCertificate returns a certificate with the subject of an OCES system certificate.
func systemCertificate(t *testing.T) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "EPJ", SerialNumber: "CVR:99999901-FID:1008"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return c
}

func TestAccessOf(t *testing.T) {
	const serial, cvr = "X-NSI-SubjectSerialNumber", "X-NSI-ClientCVR"
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	own := systemCertificate(t)
	for _, c := range []struct {
		name, peer string
		verified   bool
		claimed    string // CVR number in the header, "" = none
		want       map[string]string
		of         *x509.Certificate
	}{
		{"no certificate", "192.0.2.1:9", false, "", map[string]string{}, nil},
		{"OC-39 a verified certificate is told of", "192.0.2.1:9", true, "", map[string]string{serial: "CVR:99999901-FID:1008", cvr: "99999901"}, own},
		{"a stranger's header is dropped", "192.0.2.1:9", false, "99999902", map[string]string{}, nil},
		{"a stranger's header does not hide the certificate", "192.0.2.1:9", true, "99999902", map[string]string{serial: "CVR:99999901-FID:1008", cvr: "99999901"}, own},
		{"a trusted proxy's header is believed", "10.0.0.1:9", false, "99999902", map[string]string{cvr: "99999902"}, nil},
		{"the certificate of a trusted proxy is not the client's", "10.0.0.1:9", true, "99999902", map[string]string{cvr: "99999902"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/x", http.NoBody)
			r.RemoteAddr, r.TLS = c.peer, &tls.ConnectionState{PeerCertificates: []*x509.Certificate{own}}
			if c.verified {
				r.TLS.VerifiedChains = [][]*x509.Certificate{{own}}
			}
			if c.claimed != "" {
				r.Header.Set(cvr, c.claimed)
			}
			a := auth.AccessOf(r, "call", time.Now(), proxies)
			assert.Equal(t, c.want, a.HTTPHeaders)
			assert.Equal(t, "https", a.Protocol)
			assert.Equal(t, c.of, auth.ClientCertificate(r, proxies))
		})
	}
}
