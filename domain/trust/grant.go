package trust

import (
	"time"

	"github.com/opennsp/nsp/domain/validity"
)

// AnyCVR in a grant means every authenticated organisation.
const AnyCVR = "*"

// HSUIDGrant is the grant of systems whose word about their users counts (HSUID header).
const HSUIDGrant = "hsuid"

// Grant is an organisation's right, such as "consent.admin".
type Grant struct {
	ID        string
	Name      string // "<service>.<right>", or HSUIDGrant
	CVR       string // 8 digits, or AnyCVR
	Valid     validity.Period
	Note      string
	CreatedBy string
}

// Grants answers who holds what. It is immutable.
type Grants struct{ holders map[holding][]validity.Period }

type holding struct{ name, cvr string }

// NewGrants indexes all.
func NewGrants(all []Grant) *Grants {
	g := &Grants{holders: map[holding][]validity.Period{}}
	for _, a := range all {
		key := holding{a.Name, a.CVR}
		g.holders[key] = append(g.holders[key], a.Valid)
	}
	return g
}

// Has tells whether the organisation cvr holds the grant name at an instant. Without a CVR number nothing is held.
func (g *Grants) Has(name, cvr string, at time.Time) bool {
	if name == "" || cvr == "" || cvr == AnyCVR {
		return false
	}
	for _, c := range []string{cvr, AnyCVR} {
		for _, p := range g.holders[holding{name, c}] {
			if p.Contains(at) {
				return true
			}
		}
	}
	return false
}
