package nsptest

import (
	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
)

// SignAssertion signs a card that was written by hand, such as one that is wrong in some way, with the key of the server's token service.
func (s *Server) SignAssertion(card []byte) []byte { return s.sts.SignAssertion(card, dgwstest.Card{}) }

// TokenService is the key that the server's token service signs tokens with.
func (s *Server) TokenService() *idwstest.Key {
	return &idwstest.Key{Private: s.sts.Key, Certificate: s.sts.Certificate}
}
