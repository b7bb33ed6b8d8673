package will

import (
	"slices"

	"github.com/opennsp/nsp/domain/cpr"
)

// Follows returns the history that c makes of h, a person's with the numbers; as Apply, and ErrConflict also if the new registration is under none
// of them or has wishes that its register does not keep (Rules.Check).
func (c Change) Follows(h History, person []cpr.Number) (History, error) {
	if r := c.New; r != nil {
		kept, err := Rules{}.Check(r.Register, Draft{Wishes: r.Wishes})
		if err != nil || kept != r.Wishes || r.ID == "" || r.Register != LTR && r.Register != BTR || !slices.Contains(person, r.Citizen) {
			return nil, ErrConflict
		}
	}
	return h.Apply(c)
}
