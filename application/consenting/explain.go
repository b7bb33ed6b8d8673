package consenting

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/identity"
)

// maxFindings is how many times an explanation may name a registration beside an item: that is up to 100 MiB until it is sent.
const maxFindings = 1_000_000

// Explain tells the citizen what a professional would be answered at an instant (zero = now), and why, by the registrations of today. There is no
// override of it. Professionals never see it.
func (a *Administration) Explain(ctx context.Context, caller identity.Caller, q Question, at time.Time, items []Item,
) (explained consent.Explanation, err error) {
	defer func() { a.note(ctx, audit.ConsentExplain, caller, q.Citizen, audit.Items.Is(strconv.Itoa(len(items)))) }()
	if err := a.reader(ctx, caller, q.Citizen, false); err != nil {
		return consent.Explanation{}, err
	}
	if err := q.Complete(); err != nil {
		return consent.Explanation{}, err
	}
	if limit := cmp.Or(a.MaxItems, DefaultMaxItems); len(items) > limit {
		return consent.Explanation{}, tooMany(limit, "items")
	}
	if at.IsZero() {
		at = a.Now()
	}
	all, err := a.Store.All(ctx, q.Citizen)
	if err != nil {
		return consent.Explanation{}, unavailable("read registrations", err)
	}
	if most := maxFindings / max(countActive(all), 1); len(items) > most {
		return consent.Explanation{}, tooMany(most, "items")
	}
	tree := a.Trees.Current()
	explained = consent.Explain(all, tree, q.Requester(tree, at), at, resolved(items, tree, at))
	if err := a.tell(ctx, caller, q.Citizen); err != nil {
		return consent.Explanation{}, err
	}
	return explained, nil
}

func countActive(all []consent.Registration) (n int) {
	for i := range all {
		if all[i].Active {
			n++
		}
	}
	return n
}
