package soap_test

import (
	"bytes"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
)

// FuzzRouter: whatever is posted, the router answers with a fault that can be read, or carries the call out for the one caller whose card is
// signed. The card is the committed sample's, so that found inputs can be run again.
func FuzzRouter(f *testing.F) {
	sample, err := os.ReadFile("../auth/dgws/testdata/01-dgws-request.xml")
	require.NoError(f, err)
	for _, m := range [][]byte{
		sample, as12(sample), sample[:len(sample)/2], nil, []byte("<a/>"),
		bytes.Replace(sample, []byte("99999902"), []byte("99999901"), 1),
		bytes.Replace(sample, []byte("<soap:Body>"), []byte("<soap:Body><!-- c -->"), 1),
		bytes.Replace(sample, []byte("<wsse:Security>"), []byte("<wsse:Security><saml:Assertion/>"), 1),
		bytes.Replace(sample, []byte(`id="IDCard"`), []byte(`ID="IDCard"`), 1),
	} {
		f.Add(m, "OpenSession")
	}
	anchor := dgwstest.AnchorOf(certificateIn(f, sample), "sample", "OPENNSP-DEV-STS")
	f.Fuzz(func(t *testing.T, m []byte, action string) {
		h := trusting(anchor)
		h.post(m, "SOAPAction", action)
		require.NotContains(t, h.log.String(), "panic")
		switch h.last.Code {
		case http.StatusOK:
			c := h.answered(t)
			require.Equal(t, "99999902", c.Org.CVR)
			require.Equal(t, "TST01", c.AuthorisationCode)
			require.Equal(t, "0101010001", c.CPR.Digits())
			parsed(t, h.last.Body.Bytes())
		case http.StatusInternalServerError, http.StatusRequestEntityTooLarge:
			h.fault(t)
			require.Empty(t, h.callers)
			require.Empty(t, h.units.committed)
		default:
			t.Fatalf("status %d", h.last.Code)
		}
	})
}
