package logkeeping

import (
	"context"
	"slices"

	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// namesAtOnce is how many persons are looked up in one call at most (ports.PersonNames): more than a page has, as a rule.
const namesAtOnce = 10_000

// fillNames gives the persons of groups the names that the registers know, where an entry came without. Names that cannot be read are left
// out: no lookup fails for them.
func (l *Reading) fillNames(ctx context.Context, groups []minlog.Group, names ports.PersonNames) {
	if names == nil {
		return
	}
	var ids []minlog.ID
	asked := map[minlog.ID]bool{}
	eachNameless(groups, func(id minlog.ID, _ *string) {
		if !asked[id] {
			asked[id] = true
			ids = append(ids, id)
		}
	})
	for some := range slices.Chunk(ids, namesAtOnce) {
		known, err := names.Names(ctx, some, l.Now())
		if err != nil {
			l.Logger.WarnContext(ctx, "names of persons are left out", "error", err)
			return
		}
		eachNameless(groups, func(id minlog.ID, name *string) { *name = known[id] })
	}
}

// eachNameless yields every person that registers may know and that comes without a name, and where the name stands.
func eachNameless(groups []minlog.Group, yield func(id minlog.ID, name *string)) {
	for i := range groups {
		for j := range groups[i].Entries {
			e := &groups[i].Entries[j].Entry
			for _, p := range [...]struct {
				id   minlog.ID
				name *string
			}{{e.Person, &e.PersonName}, {e.User, &e.UserName}, {e.OnBehalfOf, &e.OnBehalfOfName}} {
				if *p.name == "" && (p.id.Source == minlog.CPR || p.id.Source == minlog.Authorisation) {
					yield(p.id, p.name)
				}
			}
		}
	}
}
