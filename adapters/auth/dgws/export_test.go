package dgws

import (
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

// Assertion verifies a card wherever it stands and admits it, without the headers of a message.
func (v *Verifier) Assertion(t *xmltree.Tree, assertion xmltree.Node, set *trust.Set, p admitting.Policy, now time.Time) (identity.Caller, error) {
	verified, _, err := v.verify(t, assertion, set, now)
	if err != nil {
		return identity.Caller{}, err
	}
	c, err := ReadCard(t, assertion, &verified)
	if err != nil {
		return identity.Caller{}, err
	}
	return v.admit(&c, header{}, p, now)
}

// Authenticate is what a message costs before its caller is built.
func (v *Verifier) Authenticate(m *auth.Message, set *trust.Set, now time.Time) error {
	_, err := v.authenticate(m, set, now)
	return err
}
