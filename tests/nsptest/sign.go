package nsptest

import "github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"

// SignAssertion signs an assertion that was written by hand, such as a card that is wrong in some way, with the key of the server's token
// service.
func (s *Server) SignAssertion(assertion []byte) []byte {
	return s.sts.SignAssertion(assertion, dgwstest.Card{})
}
