package trust

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/validity"
)

// AnyCVR in a grant means every organisation that authenticated with a CVR number.
const AnyCVR = "*"

// HSUIDGrant is the grant of systems whose word about their users counts (HSUID header).
const HSUIDGrant = "hsuid"

const maxGrantName = 128

// Why grants cannot be edited so.
var (
	ErrGrantName error = fault.Error{Kind: fault.Invalid, Code: "invalid_grant",
		Text: "the name of a grant is lower-case letters, digits, - and _, in parts separated by dots"}
	ErrGrantCVR    error = fault.Error{Kind: fault.Invalid, Code: "invalid_grant", Text: "a grant is for a CVR number of 8 digits, or *"}
	ErrGrantWindow error = fault.Error{Kind: fault.Invalid, Code: "invalid_grant", Text: "a grant ends after it begins"}
	ErrGrantExists error = fault.Error{Kind: fault.Conflict, Code: "grant_exists", Text: "there is such a grant"}
	ErrNoGrant     error = fault.Error{Kind: fault.NotFound, Code: "no_such_grant", Text: "there is no such grant"}
)

// Grant is an organisation's right, such as "consent.admin".
type Grant struct {
	ID        string
	Name      string // "<service>.<right>", "<service>" where it has one right, or HSUIDGrant
	CVR       string // 8 digits, or AnyCVR
	Valid     validity.Period
	Note      string
	CreatedBy string
}

// Compare orders grants by name, CVR number, beginning (none first) and id.
func (g Grant) Compare(h Grant) int {
	return cmp.Or(cmp.Compare(g.Name, h.Name), cmp.Compare(g.CVR, h.CVR), g.Valid.From.Compare(h.Valid.From), cmp.Compare(g.ID, h.ID))
}

// Validate tells what is wrong with the grant: ErrGrantName, ErrGrantCVR or ErrGrantWindow.
func (g Grant) Validate() error {
	switch {
	case !isGrantName(g.Name):
		return ErrGrantName
	case g.CVR != AnyCVR && !isCVR(g.CVR):
		return ErrGrantCVR
	case g.Valid.Empty():
		return ErrGrantWindow
	}
	return nil
}

func isGrantName(s string) bool {
	if len(s) > maxGrantName {
		return false
	}
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}) {
			return false
		}
	}
	return true
}

// Add returns all with g. The error is that of Validate, or ErrGrantExists where one without end has the same name and CVR number or any
// has the same ID. all is not changed.
func Add(all []Grant, g Grant) ([]Grant, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(all, func(a Grant) bool {
		return a.ID == g.ID || a.Name == g.Name && a.CVR == g.CVR && a.Valid.To.IsZero()
	}) {
		return nil, ErrGrantExists
	}
	return append(slices.Clone(all), g), nil
}

// End returns all with the grant id ended at an instant; one that ended before stays as it is, one that had not begun never will. ErrNoGrant
// if there is none with the id. all is not changed.
func End(all []Grant, id string, at time.Time) ([]Grant, error) {
	i := slices.IndexFunc(all, func(a Grant) bool { return a.ID == id })
	if i < 0 {
		return nil, ErrNoGrant
	}
	all = slices.Clone(all)
	all[i].Valid = all[i].Valid.End(at)
	return all, nil
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

// Has tells whether the organisation cvr holds the grant name at an instant. Without a CVR number of 8 digits nothing is held.
func (g *Grants) Has(name, cvr string, at time.Time) bool {
	return isCVR(cvr) && (g.holds(name, cvr, at) || g.holds(name, AnyCVR, at))
}

func (g *Grants) holds(name, cvr string, at time.Time) bool {
	return slices.ContainsFunc(g.holders[holding{name, cvr}], func(p validity.Period) bool { return p.Contains(at) })
}
