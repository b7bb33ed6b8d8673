package admitting

import "context"

type endingKey struct{}

// ending is what is to be done once a call has ended.
type ending struct {
	committed bool
	funcs     []func(committed bool)
}

// AtEnd has f run once the call in ctx has ended: after its commit, or after nothing was done. Outside a call f runs at once, as if that were
// committed. f runs in the goroutine of the call, before its answer is sent, and must not wait. Calls of one ctx must not be concurrent.
func AtEnd(ctx context.Context, f func(committed bool)) {
	e, ok := ctx.Value(endingKey{}).(*ending)
	if !ok {
		f(true)
		return
	}
	e.funcs = append(e.funcs, f)
}

// run runs what was put last first.
func (e *ending) run() {
	for i := len(e.funcs) - 1; i >= 0; i-- {
		e.funcs[i](e.committed)
	}
}
