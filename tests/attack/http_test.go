package attack

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
)

// TestHeadersOfHTTP: what HTTP says of a message never decides who calls, and never has the message read in another way.
func TestHeadersOfHTTP(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	m := s.material()
	original := s.send(t, []byte(m.message)).ran
	require.Len(t, original, 1)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write([]byte(m.message))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	multipart := "--b\r\nContent-Type: text/xml\r\n\r\n" + m.message + "\r\n--b\r\nContent-ID: <x>\r\n\r\n99999903\r\n--b--\r\n"
	syntax := []string{fault.CodeSyntax}
	for _, c := range []struct {
		name    string
		message string
		headers []string
		want    []string
	}{
		{"Content-Type of SOAP 1.2 for SOAP 1.1", m.message, []string{"Content-Type", "application/soap+xml"}, accepted},
		{"Content-Type of SOAP 1.1 for SOAP 1.2", as12(m.message), []string{"Content-Type", "text/xml"}, accepted},
		{"Content-Type JSON", m.message, []string{"Content-Type", "application/json"}, accepted},
		{"Content-Type of a form", m.message, []string{"Content-Type", "application/x-www-form-urlencoded"}, accepted},
		{"Content-Type nonsense", m.message, []string{"Content-Type", ";;;=\"/"}, accepted},
		{"charset ISO-8859-1", m.message, []string{"Content-Type", "text/xml; charset=iso-8859-1"}, accepted},
		{"charset UTF-16", m.message, []string{"Content-Type", "text/xml; charset=utf-16"}, accepted},
		{"charset UTF-7 with forged content", "+ADw-x+AD4-" + m.message, []string{"Content-Type", "text/xml; charset=utf-7"}, syntax},
		{"multipart", multipart, []string{"Content-Type", `multipart/related; boundary=b; type="text/xml"`}, syntax},
		{"XOP", multipart, []string{"Content-Type", `multipart/related; boundary=b; type="application/xop+xml"; start-info="text/xml"`}, syntax},
		{"gzip", zipped.String(), []string{"Content-Encoding", "gzip"}, syntax},
		{"gzip that is not said", zipped.String(), nil, syntax},
		{"gzip that is none", m.message, []string{"Content-Encoding", "gzip"}, syntax},
		{"identity", m.message, []string{"Content-Encoding", "identity"}, accepted},
		{"two encodings", m.message, []string{"Content-Encoding", "identity, gzip"}, syntax},
		{"fast infoset", "\xe0\x00\x00\x01" + m.message, []string{"Content-Type", "application/fastinfoset"}, syntax},
		{"another method asked for", m.message, []string{"X-HTTP-Method-Override", "DELETE"}, accepted},
		{"SOAPAction that nobody knows", m.message, []string{"SOAPAction", "urn:forged"}, accepted},
		{"SOAPAction with a line of its own", m.message, []string{"SOAPAction", "\"OpenSession\"\t"}, accepted},
		{"session of somebody else", m.message, []string{"Authorization", "Bearer " + strings.Repeat("a", 43)}, accepted},
		{"basic authentication", forged.Replace(m.message), []string{"Authorization", "Basic OTk5OTk5MDM6eA=="}, []string{fault.CodeSignature}},
		{"certificate of a client in a header", strings.Replace(m.message, "99999902", "99999903", 1), []string{"X-Client-Cert", "MIID", "X-SSL-Client-S-DN", "CN=99999903"}, []string{fault.CodeSignature}},
	} {
		t.Run("SA-28 "+c.name, func(t *testing.T) {
			v := s.send(t, []byte(c.message), c.headers...)
			if len(c.want) > 0 && c.want[0] == accepted[0] {
				harmless(t, v, original[0])
				return
			}
			refused(t, v, c.want...)
		})
	}
	t.Run("SA-45 address forged by who is no proxy", func(t *testing.T) {
		for _, value := range []string{"10.0.0.1", "10.0.0.1, 127.0.0.1", "::ffff:10.0.0.1", "nonsense", `"10.0.0.1"`} {
			v := s.send(t, []byte(m.message), "X-Forwarded-For", value, "Forwarded", "for="+value, "X-Real-IP", value)
			harmless(t, v, original[0])
			assert.Equal(t, "127.0.0.1", v.ran[0].caller.Addr)
		}
	})
	t.Run("SA-18 other methods carry no call", func(t *testing.T) {
		before := len(s.operation.Callers())
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "PROPFIND", "post"} {
			answer := s.Do(t, method, s.path, strings.NewReader(m.message))
			assert.Equal(t, http.StatusMethodNotAllowed, answer.Status, method)
		}
		assert.Len(t, s.operation.Callers(), before)
	})
	t.Run("SA-28 other spellings of the path carry no call of another service", func(t *testing.T) {
		for _, path := range []string{"/test//service", "/test/service/", "/TEST/service", "/test/./service", "/test/x/../service", "/test/service%2f", "/%74est/service", "/test/service;x=1"} {
			before := len(s.operation.Callers())
			conn := s.dial(t, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: nsp.test\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", path, len(m.message), m.message))
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			answer.Body.Close()
			for _, c := range s.operation.Callers()[before:] {
				assert.Equal(t, neutral(original[0].caller), neutral(c), path)
			}
		}
	})
}

// TestSmuggledRequests: a request that says in two ways how long its body is (Linhart et al., "HTTP Request Smuggling", 2005) is refused;
// what stands inside it can at most be the next request on the connection, which needs a signature like any other.
func TestSmuggledRequests(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	m := s.material()
	original := s.send(t, []byte(m.message)).ran
	require.Len(t, original, 1)
	request := func(message string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", s.path, len(message), message)
	}
	for _, message := range []string{m.message, forged.Replace(m.message)} {
		inner := request(message)
		for name, head := range map[string]string{
			"length and chunks":          "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
			"two lengths":                fmt.Sprintf("Content-Length: 0\r\nContent-Length: %d\r\n\r\n%s", len(inner), inner),
			"two codings":                "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + inner,
			"a coding that nobody knows": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner,
			"a negative length":          "Content-Length: -1\r\n\r\n" + inner,
			"a length that runs over":    "Content-Length: 18446744073709551616\r\n\r\n" + inner,
			"a blank before the colon":   "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + inner,
			"a folded header":            "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + inner,
		} {
			t.Run("SA-28 "+name, func(t *testing.T) {
				before := len(s.operation.Callers())
				conn := s.dial(t, "POST "+s.path+" HTTP/1.1\r\nHost: nsp.test\r\n"+head)
				in := bufio.NewReader(conn)
				answer, err := http.ReadResponse(in, nil)
				require.NoError(t, err)
				answer.Body.Close()
				assert.Contains(t, []int{400, 413, 500, 501}, answer.StatusCode)
				_, _ = io.Copy(io.Discard, in) // until the server hangs up
				for _, c := range s.operation.Callers()[before:] {
					assert.Equal(t, neutral(original[0].caller), neutral(c))
					assert.Equal(t, m.message, message, "a forged message was carried out")
				}
			})
		}
	}
}
