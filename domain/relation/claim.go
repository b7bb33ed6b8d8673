package relation

import (
	"errors"
	"strings"

	"github.com/opennsp/nsp/domain/cpr"
)

// Prefixes of a claim to act for somebody; the person's civil registration number follows (national token service, attribute
// dk:healthcare:saml:attribute:OnBehalfOf).
const (
	ClaimCustody = "urn:dk:healthcare:saml:actThroughCustodyOver:cprNumberIdentifier:"
	ClaimProxy   = "urn:dk:healthcare:saml:actThroughProcurationBy:cprNumberIdentifier:"
)

// ErrClaim: a text is no claim to act for somebody.
var ErrClaim = errors.New("not a claim to act for somebody")

// ParseClaim reads a claim to act for somebody: a known prefix and a civil registration number of ten digits.
func ParseClaim(text string) (Kind, cpr.Number, error) {
	for _, known := range [...]struct {
		prefix string
		kind   Kind
	}{
		{ClaimCustody, Custody},
		{"urn:dk:healthcare:saml:actThrough:ParentalCustody:cprNumberIdentifier:", Custody},
		{"urn:dk:healthcare:saml:actThrough:WardCustody:cprNumberIdentifier:", Custody},
		{"urn:dk:healthcare:saml:actThrough:PartlyWardCustody:cprNumberIdentifier:", Custody},
		{ClaimProxy, Proxy},
	} {
		digits, ok := strings.CutPrefix(text, known.prefix)
		if !ok {
			continue
		}
		number, err := cpr.Parse(digits)
		if err != nil || len(digits) != 10 {
			return None, cpr.Number{}, ErrClaim
		}
		return known.kind, number, nil
	}
	return None, cpr.Number{}, ErrClaim
}

// Admits tells whether the relation supports a claim of a kind: custody is also a guardian's.
func (r Relation) Admits(claimed Kind) bool {
	return r.Kind != None && (r.Kind == claimed || r.Kind == Guardian && claimed == Custody)
}
