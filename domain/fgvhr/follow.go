package fgvhr

import (
	"slices"

	"github.com/opennsp/nsp/domain/cpr"
)

// Follows returns the history that o makes of h, a person's with the numbers; as Apply, and ErrConflict also if o is under none of them, or no row
// at all: without ID, of an unknown status, or never in force.
func (o OptOut) Follows(h History, person []cpr.Number) (History, error) {
	known := slices.Contains([]Status{Active, Inactive, EnteredInError}, o.Status)
	if o.ID == "" || !known || o.ValidFrom.IsZero() || !slices.Contains(person, o.Citizen) {
		return nil, ErrConflict
	}
	return h.Apply(o)
}
