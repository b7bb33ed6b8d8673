package consenting

import (
	"context"
	"strconv"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/identity"
)

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
	limit := a.MaxItems
	if limit == 0 {
		limit = defaultMaxItems
	}
	if len(items) > limit {
		return consent.Explanation{}, tooMany(limit, "items")
	}
	if at.IsZero() {
		at = a.Now()
	}
	all, err := a.Store.All(ctx, q.Citizen)
	if err != nil {
		return consent.Explanation{}, unavailable("read registrations", err)
	}
	tree := a.Trees.Current()
	explained = consent.Explain(all, tree, q.Requester(tree, at), at, resolved(items, tree, at))
	if err := a.tell(ctx, caller, q.Citizen); err != nil {
		return consent.Explanation{}, err
	}
	return explained, nil
}
