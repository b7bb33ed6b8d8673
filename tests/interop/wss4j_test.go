package interop

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/trust"
)

// TestWSS4J has Apache WSS4J call as a citizen: it signs the message, and verifies that our answer is signed.
func TestWSS4J(t *testing.T) {
	classes := wss4jClasses(t)
	dir, files := t.TempDir(), server.Federation()
	holder := filepath.Join(files.Dir, "samples", "portal.p12")
	service := files.SigningKeys()[trust.Service].Certificate
	call := func(t *testing.T, citizen, audience, version, holder, signer string) (string, error) {
		t.Helper()
		token, err := server.Token(t.Context(), citizen, audience)
		require.NoError(t, err)
		body := `<l:LogStatementForCPRPersonRequest xmlns:l="http://www.sundhedsdatastyrelsen.dk/minlog/xml.schema/2025/03/12/minlog2-lookup.xsd">` +
			`<l:PersonId source="CPR">2512489996</l:PersonId></l:LogStatementForCPRPersonRequest>`
		return attempt(t, dir, []byte(body), "java", "-cp", classes, "Idws", server.URL+minlogws.PathCitizen20250312, minlogws.ActionCitizen,
			write(t, dir, "token.xml", token), holder, devfed.Password, signer, version)
	}
	for _, c := range []struct{ name, version, covered string }{
		{"SA-52 SOAP 1.1", "11", "Action MessageID RelatesTo Framework BinarySecurityToken Timestamp Body"},
		{"SA-52 SOAP 1.2", "12", "Action MessageID RelatesTo BinarySecurityToken Timestamp Body"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := call(t, "2512489996", "https://minlog", c.version, holder, service)
			require.NoError(t, err, out)
			lines := strings.SplitN(out, "\n", 3)
			require.Len(t, lines, 3)
			assert.Equal(t, "200", lines[0])
			assert.Equal(t, c.covered, lines[1], "what the signature of the answer covers")
			assert.Contains(t, lines[2], "ListLogStatementsResponse")
		})
	}
	t.Run("a signed fault for another person's log", func(t *testing.T) {
		out, err := call(t, "0511804817", "https://minlog", "11", holder, service)
		require.NoError(t, err, out)
		assert.Contains(t, out, "not_authorized")
		assert.Contains(t, out, "RelatesTo")
	})
	t.Run("SA-38 a token for another service", func(t *testing.T) {
		out, _ := call(t, "2512489996", "https://fsk", "11", holder, service)
		assert.Contains(t, out, "500\n")
		assert.NotContains(t, out, "ListLogStatementsResponse")
	})
	t.Run("SA-39 a message signed with another key than the token's", func(t *testing.T) {
		out, _ := call(t, "2512489996", "https://minlog", "11", filepath.Join(files.Dir, "samples", "epj.p12"), service)
		assert.Contains(t, out, "500\n")
		assert.NotContains(t, out, "ListLogStatementsResponse")
	})
	t.Run("an answer signed with another key is not believed", func(t *testing.T) {
		out, err := call(t, "2512489996", "https://minlog", "11", holder, filepath.Join(files.Dir, "sts.pem"))
		require.Error(t, err, out)
	})
}
