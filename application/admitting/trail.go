package admitting

import (
	"context"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/ports"
)

// Trail is the ports.Trail that the gate's calls carry in their context.
type Trail struct{}

var _ ports.Trail = Trail{}

type notesKey struct{}

// Note adds info to the audit line of the call in ctx.
func (Trail) Note(ctx context.Context, c audit.Component, where audit.Context, info ...audit.Information) {
	if notes, ok := ctx.Value(notesKey{}).(*audit.Notes); ok {
		notes.Add(c, where, info...)
	}
}
