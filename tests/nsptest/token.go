package nsptest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/bootstrap/devfed"
)

// Holder calls a server with one identity token, which the server's own token service could have issued, and the key it is bound to.
type Holder struct {
	server *Server
	Token  idwstest.Token
	Key    *idwstest.Key
	SOAP12 bool
}

// Citizen is a person with a token for [Audience], bound to the key of the sample portal.
func (s *Server) Citizen(cpr string) Holder {
	h := s.holder(idwstest.CitizenToken)
	h.Token = h.Token.With("dk:gov:saml:attribute:CprNumberIdentifier", cpr)
	return h
}

// Employee is an authorised professional with a token, likewise.
func (s *Server) Employee(cpr, code string) Holder {
	h := s.holder(idwstest.ProfessionalToken)
	h.Token = h.Token.With("dk:gov:saml:attribute:CprNumberIdentifier", cpr).With("dk:healthcare:saml:attribute:UserAuthorizationCode", code)
	return h
}

// Organisation is a system with a token, likewise.
func (s *Server) Organisation(cvr string) Holder {
	h := s.holder(idwstest.SystemToken)
	h.Token = h.Token.With("dk:gov:saml:attribute:CvrNumberIdentifier", cvr)
	return h
}

func (s *Server) holder(token func(issued time.Time, holder *idwstest.Key) idwstest.Token) Holder {
	h := Holder{server: s, Token: token(s.Clock.Now(), s.portal), Key: s.portal}
	h.Token.Issuer, h.Token.Audiences = devfed.STSIssuer, []string{Audience}
	return h
}

// For returns the holder with a token for other audiences.
func (h Holder) For(audiences ...string) Holder {
	h.Token.Audiences = audiences
	return h
}

// With returns the holder with an attribute of the token set.
func (h Holder) With(name, value string) Holder {
	h.Token = h.Token.With(name, value)
	return h
}

// Envelope is the message of the holder that carries body, not signed yet.
func (h Holder) Envelope(messageID, body string) idwstest.Message {
	m := idwstest.Good(h.Token, h.server.stsKey, h.Key, h.server.Clock.Now(), func(w *xmlout.Writer) { w.Raw([]byte(body)) })
	m.MessageID, m.SOAP12 = messageID, h.SOAP12
	return m
}

// Message is the signed message of the holder that carries body.
func (h Holder) Message(messageID, body string) []byte { return h.Envelope(messageID, body).Bytes() }

// Call posts body with a new message id, for an action.
func (h Holder) Call(t testing.TB, path, action, body string) Answer {
	t.Helper()
	m := h.Envelope(NewMessageID(), body)
	m.Action = action
	return h.server.Post(t, path, m.Bytes())
}

// loadKeys loads the keys that sign in place of others: the token service's, and the one of the sample portal.
func (s *Server) loadKeys(t testing.TB) {
	t.Helper()
	portal, err := s.Federation.Sample("portal")
	require.NoError(t, err)
	s.portal = &idwstest.Key{Private: portal.Key, Certificate: portal.Certificate.Raw}
	s.sts = tokenService(t, s.Federation)
	s.stsKey = &idwstest.Key{Private: s.sts.Key, Certificate: s.sts.Certificate}
}
