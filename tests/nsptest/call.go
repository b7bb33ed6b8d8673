package nsptest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/auth/hsuid"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/identity"
)

// Actor calls a server with one ID card, which the server's own token service could have issued.
type Actor struct {
	server *Server
	Card   []byte          // the signed assertion
	HSUID  *identity.HSUID // what it says of its user; nil = nothing
	level  int
}

// SystemCard is a good system card of the organisation cvr, issued now.
func (s *Server) SystemCard(cvr string) dgwstest.Card {
	c := dgwstest.SystemCard(s.Clock.Now()).With("medcom:CareProviderID", cvr)
	c.Issuer = devfed.STSIssuer
	return c
}

// UserCard is a good card of level 4 of the person cpr with the authorisation code, issued now; code "" leaves the code and role out.
func (s *Server) UserCard(cpr, code string) dgwstest.Card {
	c := dgwstest.UserCard(s.Clock.Now()).With("medcom:UserCivilRegistrationNumber", cpr).With("medcom:UserAuthorizationCode", code)
	c.Issuer = devfed.STSIssuer
	if code == "" {
		c = c.Without("medcom:UserAuthorizationCode").With("medcom:UserRole", "urn:dk:healthcare:no-role")
	}
	return c
}

// As returns the actor that holds card, signed by the server's token service.
func (s *Server) As(card dgwstest.Card) Actor {
	return Actor{server: s, Card: s.sts.Sign(card), level: card.Level()}
}

// System is an actor with a good system card.
func (s *Server) System(cvr string) Actor { return s.As(s.SystemCard(cvr)) }

// Doctor is an actor with a good user card of level 4.
func (s *Server) Doctor(cpr, code string) Actor { return s.As(s.UserCard(cpr, code)) }

var messages atomic.Int64

// NewMessageID returns an id that no other message has.
func NewMessageID() string { return fmt.Sprintf("m-%d", messages.Add(1)) }

// For returns the actor with an HSUID header.
func (a Actor) For(h identity.HSUID) Actor {
	a.HSUID = &h
	return a
}

// Message is the DGWS message of the actor that carries body, the element of an operation.
func (a Actor) Message(messageID, body string) []byte {
	r := dgws.Request{
		Created: a.server.Clock.Now(), Card: a.Card, SecurityLevel: a.level, FlowID: "f-1", MessageID: messageID,
		Body: func(w *xmlout.Writer) { w.Raw([]byte(body)) },
	}
	if a.HSUID != nil {
		r.Headers = func(w *xmlout.Writer) { hsuid.Write(w, *a.HSUID, r.Created) }
	}
	return r.Bytes()
}

// Call posts body with a new message id.
func (a Actor) Call(t testing.TB, path, body string) Answer {
	t.Helper()
	return a.server.Post(t, path, a.Message(NewMessageID(), body))
}

// Answer is what came back.
type Answer struct {
	Status    int
	Header    http.Header
	Body      []byte
	FaultCode string // detail/medcom:FaultCode
	Text      string // faultstring
}

// Post sends a message; headers are pairs of name and value.
func (s *Server) Post(t testing.TB, path string, message []byte, headers ...string) Answer {
	t.Helper()
	return s.Do(t, http.MethodPost, path, bytes.NewReader(message), headers...)
}

// Do sends any request.
func (s *Server) Do(t testing.TB, method, path string, body io.Reader, headers ...string) Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	a := Answer{Status: resp.StatusCode, Header: resp.Header}
	a.Body, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	a.FaultCode = strings.Join(a.All(t, "FaultCode"), " ")
	if faults := append(a.All(t, "faultstring"), a.All(t, "Text")...); len(faults) > 0 && strings.Contains(string(a.Body), ":Fault>") {
		a.Text = faults[0]
	}
	if s.Heard != nil {
		s.Heard(a)
	}
	return a
}

// Fetch gets a page of the admin listener.
func (s *Server) Fetch(t testing.TB, path string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Admin+path, http.NoBody)
	require.NoError(t, err)
	resp, err := s.client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

// All returns the text of every element with the local name, in document order; nothing if the answer is no XML.
func (a Answer) All(t testing.TB, local string) []string {
	t.Helper()
	tree, err := xmltree.Parse(a.Body, xmltree.DefaultLimits(32<<20))
	if err != nil {
		return nil
	}
	defer tree.Release()
	var found []string
	var walk func(n xmltree.Node)
	walk = func(n xmltree.Node) {
		if tree.Local(n) == local {
			text, err := tree.Text(n)
			if err == nil {
				found = append(found, text)
			}
		}
		for c := range tree.Children(n) {
			walk(c)
		}
	}
	walk(tree.Root())
	return found
}

// Count returns how many elements have the local name.
func (a Answer) Count(t testing.TB, local string) int {
	t.Helper()
	tree, err := xmltree.Parse(a.Body, xmltree.DefaultLimits(32<<20))
	require.NoError(t, err)
	defer tree.Release()
	return count(tree, tree.Root(), local)
}

func count(tree *xmltree.Tree, n xmltree.Node, local string) (found int) {
	if tree.Local(n) == local {
		found++
	}
	for c := range tree.Children(n) {
		found += count(tree, c, local)
	}
	return found
}

// Clock is the time of a server under test. It stands still until it is moved.
type Clock struct{ now atomic.Pointer[time.Time] }

// NewClock starts at t.
func NewClock(t time.Time) *Clock {
	c := &Clock{}
	c.Set(t)
	return c
}

// Now returns the time.
func (c *Clock) Now() time.Time { return *c.now.Load() }

// Set moves the clock to t.
func (c *Clock) Set(t time.Time) { c.now.Store(&t) }

// Advance moves the clock by d.
func (c *Clock) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }
