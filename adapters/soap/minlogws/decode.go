package minlogws

import (
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/minlog"
)

// DecodeRegistration reads the entries of a RegistrationRequest, at most limit, as they were sent. What is wrong in one entry is said in its
// draft; what is wrong outside them, or their number, is a fault.
func DecodeRegistration(t *xmltree.Tree, request xmltree.Node, limit int) ([]minlog.Draft, error) {
	return bindRegistration(t, request, limit)
}
