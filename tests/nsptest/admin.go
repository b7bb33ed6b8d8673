package nsptest

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/domain/trust"
)

// Client calls the JSON API with a bearer token.
type Client struct {
	server *Server
	Token  string
	header http.Header // further ones
}

// Saying returns the client with a header on every request.
func (c Client) Saying(name, value string) Client {
	c.header = c.header.Clone()
	if c.header == nil {
		c.header = http.Header{}
	}
	c.header.Set(name, value)
	return c
}

// Operator is who runs the server: it knows the token in the data directory.
func (s *Server) Operator(t testing.TB) Client {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(s.Dir, "operator.token"))
	require.NoError(t, err)
	return Client{server: s, Token: strings.TrimSpace(string(token))}
}

// Do sends a JSON request; body nil sends none. answer, if not nil, is filled from the body of a good answer.
func (c Client) Do(t testing.TB, method, path string, body, answer any) *http.Response {
	t.Helper()
	return c.DoKeyed(t, method, path, "", body, answer)
}

// DoKeyed is Do with an Idempotency-Key.
func (c Client) DoKeyed(t testing.TB, method, path, key string, body, answer any) *http.Response {
	t.Helper()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		require.NoError(t, err)
		sent = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, c.server.URL+path, sent)
	require.NoError(t, err)
	maps.Copy(req.Header, c.header)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	resp, err := c.server.client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	if c.server.Heard != nil {
		c.server.Heard(Answer{Status: resp.StatusCode, Header: resp.Header, Body: text})
	}
	if answer != nil && resp.StatusCode < 300 {
		require.NoError(t, json.Unmarshal(text, answer), "%s", text)
	}
	return resp
}

// Grant gives a grant to an organisation and returns its id.
func (c Client) Grant(t testing.TB, name, cvr string) string {
	t.Helper()
	var granted struct{ ID string }
	resp := c.Do(t, http.MethodPost, "/api/security/v1/grants", map[string]string{"name": name, "cvr": cvr}, &granted)
	require.Equal(t, http.StatusCreated, resp.StatusCode)
	return granted.ID
}

// End ends a grant.
func (c Client) End(t testing.TB, id string) {
	t.Helper()
	require.Less(t, c.Do(t, http.MethodDelete, "/api/security/v1/grants/"+id, nil, nil).StatusCode, 300)
}

// SignedBy returns the server with another key in place of its token service's, for cards and tokens that tests make.
func (s *Server) SignedBy(key *idwstest.Key) *Server {
	other := *s
	other.stsKey, other.sts = key, &dgwstest.Federation{Key: key.Private, Certificate: key.Certificate}
	return &other
}

// SPKI is the SHA-256 of the public key of the server's token service.
func (s *Server) SPKI() [32]byte { return s.stsKey.SPKI() }

// ServiceKey is the SHA-256 of the public key that the server signs answers with.
func (s *Server) ServiceKey(t testing.TB) [32]byte {
	t.Helper()
	raw, err := os.ReadFile(s.Federation.SigningKeys()[trust.Service].Certificate)
	require.NoError(t, err)
	block, _ := pem.Decode(raw)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
}

// PEM encodes a block.
func PEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// Session opens a session of the JSON API with the actor's card.
func (a Actor) Session(t testing.TB) Client {
	t.Helper()
	return a.server.session(t, a.Message(NewMessageID(), OperationBody))
}

// Session opens a session of the JSON API with the holder's token.
func (h Holder) Session(t testing.TB) Client {
	t.Helper()
	return h.server.session(t, h.Message(NewMessageID(), OperationBody))
}

func (s *Server) session(t testing.TB, message []byte) Client {
	t.Helper()
	answer := s.Post(t, "/api/security/v1/sessions", message)
	require.Equal(t, http.StatusCreated, answer.Status, "%s", answer.Body)
	var opened struct{ Token string }
	require.NoError(t, json.Unmarshal(answer.Body, &opened))
	return Client{server: s, Token: opened.Token}
}
