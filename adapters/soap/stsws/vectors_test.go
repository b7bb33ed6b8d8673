package stsws_test

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws"
	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

// vector reads a published message, which is no part of the repository.
func vector(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("OPENNSP_TEST_VECTORS")
	if dir == "" {
		if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
			t.Fatal("OPENNSP_TEST_VECTORS is required and not set")
		}
		t.Skip("OPENNSP_TEST_VECTORS is not set")
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return data
}

// anyAuthority believes every certificate: the authorities of the published messages are not among them.
type anyAuthority struct{}

func (anyAuthority) Holder(_ context.Context, der []byte, at time.Time) (trust.Holder, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil || at.Before(c.NotBefore) || at.After(c.NotAfter) {
		return trust.Holder{}, trust.ErrExpired
	}
	return trust.Holder{Subject: authtrust.Subject(c), DN: "CN=x", IssuerDN: "CN=y", Serial: c.SerialNumber.String()}, nil
}

// larsLarsen is the person in the published request.
type larsLarsen struct{}

func (larsLarsen) ByCertificate(_ context.Context, s trust.Subject) (identity.Person, error) {
	if s.RID != "CVR:20921897-RID:52723247" || s.CVR != "20921897" || s.Class != trust.MOCES {
		return identity.Person{}, identity.ErrUnknown
	}
	number, err := cpr.Parse("0501792275")
	return identity.Person{
		CPR: number, GivenName: "Lars", Surname: "Larsen", Authorisations: []identity.Authorisation{{Code: "J0184", EducationCode: "7170"}},
	}, err
}

func (larsLarsen) ByCPR(context.Context, cpr.Number) (identity.Person, error) {
	return identity.Person{}, identity.ErrUnknown
}

func TestVectors(t *testing.T) {
	t.Run("SA-04 published request of a user", func(t *testing.T) {
		request := vector(t, "sts/unsealed-sts-request-1-moces-user.norm.xml")
		at := time.Date(2020, 4, 4, 9, 46, 33, 0, time.UTC)
		s := start(t, options{certificates: anyAuthority{}, people: larsLarsen{}, now: at})
		answer := s.post(t, request, "")
		tree, err := xmltree.Parse([]byte(answer), xmltree.DefaultLimits(1<<20))
		require.NoError(t, err)
		node, count := tree.ByID("IDCard")
		require.Equal(t, 1, count, answer)
		from, to := tree.Range(node)
		card, err := verify(t, []byte(answer)[from:to], xmldsig.Algorithms{})
		require.NoError(t, err)
		assert.Equal(t, "J0184", card.AuthorisationCode)
		assert.Equal(t, "7170", card.Role)
		assert.Equal(t, "Lars", card.GivenName)
		assert.Equal(t, "hRyC+neSxkdwzcYGLfF/Ww==", card.ID)
		assert.Equal(t, "VZx0Zb5RbFvLgPchoRXta2KCiHY=", card.CertHash)
		assert.Equal(t, "Kom Godt i Gang Guider", card.SystemName)
		assert.Equal(t, "Læge", card.Occupation)
		assert.Equal(t, "2020-04-04T09:41:33Z", card.Issued)
	})
	t.Run("SA-04 published request at another time, or where its authority is not trusted", func(t *testing.T) {
		request := vector(t, "sts/unsealed-sts-request-1-moces-user.norm.xml")
		s := start(t, options{certificates: anyAuthority{}, people: larsLarsen{}})
		assert.Contains(t, s.post(t, request, ""), "wst:InvalidTimeRange")
		s = start(t, options{now: time.Date(2020, 4, 4, 9, 46, 33, 0, time.UTC)})
		assert.Contains(t, s.post(t, request, ""), "wst:FailedAuthentication")
	})
	t.Run("SA-05 published request with one byte of its card changed, every one in turn", func(t *testing.T) {
		request := vector(t, "sts/unsealed-sts-request-1-moces-user.norm.xml")
		tree, err := xmltree.Parse(request, xmltree.DefaultLimits(1<<20))
		require.NoError(t, err)
		node, _ := tree.ByID("IDCard")
		from, to := tree.Range(node)
		s := start(t, options{certificates: anyAuthority{}, people: larsLarsen{}, now: time.Date(2020, 4, 4, 9, 46, 33, 0, time.UTC)})
		good := s.post(t, request, "")
		require.Contains(t, good, "RequestedSecurityToken")
		step := 1
		if testing.Short() {
			step = 37
		}
		for i := from; i < to; i += step {
			changed := append([]byte(nil), request...)
			changed[i] ^= 1
			if answer := s.post(t, changed, ""); answer != good && !strings.Contains(answer, "soap:Fault") {
				t.Errorf("byte %d of the card changed: accepted with other content", i-from)
			}
		}
	})
	t.Run("SA-04 published answer", func(t *testing.T) {
		answer := vector(t, "sts/unsealed-sts-response-1-user-level4.norm.xml")
		block, _ := pem.Decode(vector(t, "certs/SOSI_Test_Federation_funktionscertifikat_f0e7ad2a.pem"))
		signer, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		key, ok := signer.PublicKey.(*rsa.PublicKey)
		require.True(t, ok)
		tree, err := xmltree.Parse(answer, xmltree.DefaultLimits(1<<20))
		require.NoError(t, err)
		node, count := tree.ByID("IDCard")
		require.Equal(t, 1, count)
		sig, err := xmldsig.ReadEnveloped(tree, node)
		require.NoError(t, err)
		verified, err := sig.Verify(key, xmldsig.Algorithms{SHA1: true})
		require.NoError(t, err)
		card, err := dgws.ReadCard(tree, node, &verified)
		require.NoError(t, err)
		assert.Equal(t, "J0184", card.AuthorisationCode)
		assert.Equal(t, "TEST1-NSP-STS", card.Issuer)
		assert.Equal(t, "20921897", card.CVR())
	})
	t.Run("SA-04 published exchange request is no issue request", func(t *testing.T) {
		request := vector(t, "sts/ehdsi-sts-person-request.norm.xml")
		assert.Contains(t, start(t, options{}).post(t, request, ""), "<faultcode>wst:InvalidRequest</faultcode>")
	})
}
