package stsws_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/soap"
)

// authorities are a root and an authority below it, as those of OCES are.
type authorities struct {
	root, issuing       *x509.Certificate
	rootKey, issuingKey *rsa.PrivateKey
}

func newAuthorities(t *testing.T) authorities {
	t.Helper()
	var a authorities
	var err error
	a.rootKey, err = rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	a.issuingKey, err = rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	authority := func(name string, key *rsa.PrivateKey, parent *x509.Certificate, signer *rsa.PrivateKey) *x509.Certificate {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: clock.AddDate(-1, 0, 0), NotAfter: clock.AddDate(1, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}
		if parent == nil {
			parent = template
		}
		return signed(t, template, parent, key, signer)
	}
	a.root = authority("OCES root", a.rootKey, nil, a.rootKey)
	a.issuing = authority("OCES issuing", a.issuingKey, a.root, a.rootKey)
	return a
}

func signed(t *testing.T, template, parent *x509.Certificate, key, signer *rsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return c
}

// TestChains issues cards for certificates below an intermediate authority, by the files that say whom to trust.
func TestChains(t *testing.T) {
	a := newAuthorities(t)
	const serial = 4711
	list := func(next time.Time, serials ...int64) []byte {
		template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: clock.AddDate(0, 0, -2), NextUpdate: next}
		for _, s := range serials {
			template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
				x509.RevocationListEntry{SerialNumber: big.NewInt(s), RevocationTime: template.ThisUpdate})
		}
		der, err := x509.CreateRevocationList(rand.Reader, template, a.issuing, a.issuingKey)
		require.NoError(t, err)
		return der
	}
	tomorrow, before := clock.AddDate(0, 0, 1), clock.Add(-24*time.Hour)
	for _, tt := range []struct {
		name, sample string
		incomplete   bool // the intermediate is not known
		list         []byte
		production   bool
		want         string // text of the fault
	}{
		{"SA-08 OCES2 employee", "laege", false, list(tomorrow), true, ""},
		{"SA-08 OCES3 employee", "sygeplejerske", false, list(tomorrow), true, ""},
		{"SA-08 OCES2 company", "region", false, list(tomorrow), true, ""},
		{"SA-08 OCES2 function", "epj", false, list(tomorrow), true, ""},
		{"SA-08 OCES3 organisation", "portal", false, list(tomorrow), true, ""},
		{"SA-08 without revocation list", "laege", false, nil, true, ""},
		{"SA-08 intermediate not known", "laege", true, nil, true, "Authentication failed: the certificate is not trusted"},
		{"SA-08 on the revocation list", "laege", false, list(tomorrow, 1, serial), true, "Authentication failed: the certificate is revoked"},
		{"SA-08 on the revocation list, in development", "epj", false, list(tomorrow, serial), false, "Authentication failed: the certificate is revoked"},
		{"SEC-43 production: revocation list out of date", "laege", false, list(before), true,
			"Authentication failed: the revocation list of the certificate's authority is out of date"},
		{"SEC-43 development: revocation list out of date", "laege", false, list(before), false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := func(name string, data []byte) {
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
			}
			certificate := func(c *x509.Certificate) []byte {
				return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
			}
			yaml := "anchors: []\noces: {roots: [root.pem], crl_dir: crl"
			file("root.pem", certificate(a.root))
			file("crl/.keep", nil)
			if !tt.incomplete {
				yaml += ", intermediates: [issuing.pem]"
				file("issuing.pem", certificate(a.issuing))
			}
			if tt.list != nil {
				file("crl/issuing.crl", tt.list)
			}
			file("trust.yaml", []byte(yaml+"}\n"))
			source, err := authtrust.Open(filepath.Join(dir, "trust.yaml"))
			require.NoError(t, err)
			s := start(t, options{certificates: &authtrust.Holders{Source: source, RefuseStaleCRL: tt.production}})

			cred := credential(t, tt.sample)
			cred.Certificate = signed(t, &x509.Certificate{
				SerialNumber: big.NewInt(serial), RawSubject: cred.Certificate.RawSubject, NotBefore: clock.AddDate(-1, 0, 0), NotAfter: clock.AddDate(1, 0, 0),
			}, a.issuing, cred.Key, a.issuingKey)
			issued, err := s.client().Issue(t.Context(), cred)
			if tt.want == "" {
				require.NoError(t, err)
				assert.Contains(t, issued.Card.NameID, "IssuerDN={CN=OCES issuing}")
				return
			}
			var fault *soap.Fault
			require.ErrorAs(t, err, &fault)
			assert.Equal(t, "wst:FailedAuthentication", fault.FaultCode)
			assert.Equal(t, tt.want, fault.FaultString)
		})
	}
}
