package ports

import "context"

type (
	unitKey    struct{ of any }
	writtenKey struct{}
)

// WithUnit returns ctx for a unit of work of somebody, such as a database: a pointer. written tells whether the unit has written.
func WithUnit(ctx context.Context, of, unit any, written func() bool) context.Context {
	either := func() bool { return written() || Written(ctx) }
	return context.WithValue(context.WithValue(ctx, unitKey{of}, unit), writtenKey{}, either)
}

// Unit returns the unit of work of somebody in ctx, nil if there is none.
func Unit(ctx context.Context, of any) any { return ctx.Value(unitKey{of}) }

// Written tells whether a unit of work in ctx has written, so that it may hold what another transaction waits for.
func Written(ctx context.Context) bool {
	written, ok := ctx.Value(writtenKey{}).(func() bool)
	return ok && written()
}

// Apart returns ctx without its units of work: what is done with it is in a transaction of its own.
func Apart(ctx context.Context) context.Context { return apart{ctx} }

type apart struct{ context.Context }

// Value hides units of work.
func (a apart) Value(key any) any {
	switch key.(type) {
	case unitKey, writtenKey:
		return nil
	}
	return a.Context.Value(key)
}
