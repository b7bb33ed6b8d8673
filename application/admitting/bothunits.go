package admitting

import (
	"context"

	"github.com/opennsp/nsp/ports"
)

// BothUnits is a unit of work of calls each of which writes either to the store or to the message log. What they append is committed before what
// they write, which for either kind of call is nothing.
type BothUnits struct{ Store, Log ports.UnitOfWork }

var _ ports.UnitOfWork = BothUnits{}

// Run carries out work in both.
func (u BothUnits) Run(ctx context.Context, work, seal func(context.Context) error) error {
	return u.Store.Run(ctx, func(ctx context.Context) error { return u.Log.Run(ctx, work, seal) }, func(context.Context) error { return nil })
}
