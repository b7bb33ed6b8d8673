package consent

import (
	"slices"

	"github.com/opennsp/nsp/domain/cpr"
)

// Follows tells whether a store can keep c, where latest are the latest versions of all registrations of the citizen with these numbers: Put holds
// first versions under one of the numbers, and of registrations of latest that are active the next version, one each, with the same number, kind
// and creation.
func (c Change) Follows(latest []Registration, numbers []cpr.Number) bool {
	for i := range c.Put {
		r := &c.Put[i]
		if r.Version == 1 {
			if !slices.Contains(numbers, r.Citizen) {
				return false
			}
			continue
		}
		same := func(other Registration) bool { return other.ID == r.ID }
		at := slices.IndexFunc(latest, same)
		if at < 0 || slices.ContainsFunc(c.Put[:i], same) || !r.follows(&latest[at]) {
			return false
		}
	}
	return true
}

func (r *Registration) follows(before *Registration) bool {
	return before.Active && r.Version == before.Version+1 && r.Citizen == before.Citizen && r.Kind == before.Kind && r.Created == before.Created
}
