package ports

import "context"

type callKey struct{}

// WithCallID returns ctx with the id of the call it serves: 16 hex digits that log lines, the audit line and the records of the message log
// share.
func WithCallID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, callKey{}, id)
}

// CallID returns the id of the call that ctx serves, "" outside a call.
func CallID(ctx context.Context) string {
	id, _ := ctx.Value(callKey{}).(string)
	return id
}
