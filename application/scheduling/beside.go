package scheduling

import (
	"context"

	"github.com/opennsp/nsp/domain/audit"
)

// Beside does a part of work that goes on beside the jobs, with an order of its own: work runs in a unit of work, what it notes in the audit log
// is durable before its effect is committed, and a part that notes nothing leaves no line. Nothing is begun while the audit log is not ready.
// name is that of the work in the audit log.
func (r *Runner) Beside(ctx context.Context, name string, route audit.Component, work func(context.Context) error) error {
	if err := r.Audit.Ready(ctx); err != nil {
		return err
	}
	_, err := r.step(ctx, Job{Name: name, Route: route}, besideWork(work))
	return err
}

// besideWork is a part of work as a step.
type besideWork func(context.Context) error

// Step does the part.
func (w besideWork) Step(ctx context.Context) (bool, error) { return true, w(ctx) }

// End tells nothing.
func (besideWork) End(error) any { return nil }
