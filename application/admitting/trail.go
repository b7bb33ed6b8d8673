package admitting

import (
	"context"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/ports"
)

// Trail is the ports.Trail of the gate's calls, and of jobs, which carry their notes in the context.
type Trail struct{}

var _ ports.Trail = Trail{}

type notesKey struct{}

// WithNotes returns ctx with where a [Trail] adds what is said.
func WithNotes(ctx context.Context, notes *audit.Notes) context.Context {
	return context.WithValue(ctx, notesKey{}, notes)
}

// Note adds info to the audit line of the call, or job, in ctx.
func (Trail) Note(ctx context.Context, c audit.Component, where audit.Context, info ...audit.Information) {
	if notes, ok := ctx.Value(notesKey{}).(*audit.Notes); ok {
		notes.Add(c, where, info...)
	}
}
