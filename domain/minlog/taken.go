package minlog

import "github.com/opennsp/nsp/domain/fault"

// MaxLogged is how many accesses our own services register at once.
const MaxLogged = 1000

// Taken returns the entries, 1 to MaxLogged, in their canonical form, or the Refusal of the first that is refused.
func (r *Rules) Taken(entries []Entry) ([]Entry, error) {
	if f, bad := fault.Of(CheckBulk(len(entries), MaxLogged)); bad {
		return nil, Refusal{f.Code}
	}
	taken := make([]Entry, len(entries))
	for i, e := range entries {
		checked, why, ok := r.Check(&Draft{Entry: e, From: Instant(e.From), To: Instant(e.To), FilterCount: len(e.Filters)})
		if !ok {
			return nil, Refusal{why.Code}
		}
		taken[i] = checked
	}
	return taken, nil
}
