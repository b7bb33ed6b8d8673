package admitting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

// What the caller is told when the order of a call breaks.
var (
	ErrAudit = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing,
		Text: "The audit log cannot be written. The call was not carried out."}
	ErrNotCommitted = fault.Error{Kind: fault.Internal, Code: fault.CodeProcessing,
		Text: "The call could not be completed. Nothing was changed."}
	ErrOutcomeUnknown = fault.Error{Kind: fault.Internal, Code: fault.CodeProcessing, Text: "The outcome is not known."}
	ErrTimeout        = fault.Error{Kind: fault.Timeout, Code: fault.CodeProcessing,
		Text: "The call took too long. Nothing was changed."}
	ErrInternal = fault.Error{Kind: fault.Internal, Code: fault.CodeProcessing, Text: "Internal error."}
)

// Call is one call as the transport handed it over. The zero Refused means that its credential was verified and Caller is who calls.
type Call struct {
	Route     audit.Component // the component that owns the path
	Operation string          // name of the operation, "" if it was not recognised
	Policy    Policy
	Caller    identity.Caller
	Refused   error        // why security turned the call away
	Access    audit.Access // all but Code, ResSize, Duration and the stats of the use case
}

// Answer is what goes back to the caller, encoded.
type Answer struct {
	Code int // HTTP status
	Body []byte
}

// Gate carries a call out in the one order: use case in a unit of work, answer encoded, audit line durable, commit, answer sent.
type Gate struct {
	Audit ports.AuditLog
	Units ports.UnitOfWork
	Now   func() time.Time
	Log   *slog.Logger
}

// Ready answers ErrAudit while the audit log cannot be written: a call is then refused before any security work, and leaves no audit line.
func (g *Gate) Ready(ctx context.Context) error {
	if err := g.Audit.Ready(ctx); err != nil {
		g.Log.ErrorContext(ctx, "audit log not ready", "error", err)
		return ErrAudit
	}
	return nil
}

// Do carries out one call: admits it, runs work in a unit of work and returns what encode makes of its outcome (nil, or the error for the
// caller, always a fault.Error). work keeps its result where encode finds it; encode may run again for a fault after it encoded a success.
// The answer may be sent when Do returns: its effect is committed and its audit line durable, or it is a fault without effect.
func (g *Gate) Do(ctx context.Context, call Call, work func(context.Context) error, encode func(error) Answer) (Answer, audit.Notes) {
	var notes audit.Notes
	ctx = context.WithValue(ctx, notesKey{}, &notes)
	refused := call.Refused
	if refused == nil {
		refused = call.Policy.Admit(call.Caller)
	}
	if refused != nil {
		return g.fail(ctx, call, &notes, refused, encode), notes
	}
	var answer Answer
	sealed, appended := false, false
	started := g.Now()
	err := g.Units.Run(ctx, func(ctx context.Context) error {
		return g.guarded(ctx, work)
	}, func(ctx context.Context) error {
		sealed = true
		call.Access.Stats.Handler = g.Now().Sub(started)
		answer = encode(nil)
		if err := g.append(ctx, call, notes, answer); err != nil {
			return fmt.Errorf("%w: %w", ErrAudit, err)
		}
		appended = true
		return nil
	})
	if err == nil {
		return answer, notes
	}
	var commit *ports.CommitError
	switch {
	case appended:
		// The first line tells of an effect that did not come: the second line corrects it.
		outcome, told := audit.RolledBack, ErrNotCommitted
		if errors.As(err, &commit) && commit.Unknown {
			outcome, told = audit.OutcomeUnknown, ErrOutcomeUnknown
		}
		g.Log.ErrorContext(ctx, "commit failed", "operation", call.Operation, "error", err)
		if f, ok := fault.Of(err); ok && outcome == audit.RolledBack {
			told = f
		}
		notes.SetOutcome(outcome)
		return g.fail(ctx, call, &notes, told, encode), notes
	case sealed:
		g.Log.ErrorContext(ctx, "audit append failed", "operation", call.Operation, "error", err)
		return encode(ErrAudit), notes
	default:
		told := g.told(ctx, call, err)
		if told.Kind == fault.Internal || told.Kind == fault.Unavailable || told.Kind == fault.Timeout {
			notes.SetOutcome(audit.RolledBack)
		}
		return g.fail(ctx, call, &notes, told, encode), notes
	}
}

// fail encodes the fault and writes its audit line; without the line the caller hears the audit fault instead.
func (g *Gate) fail(ctx context.Context, call Call, notes *audit.Notes, told error, encode func(error) Answer) Answer {
	answer := encode(told)
	if err := g.append(ctx, call, *notes, answer); err != nil {
		g.Log.ErrorContext(ctx, "audit append failed", "operation", call.Operation, "error", err)
		return encode(ErrAudit)
	}
	return answer
}

func (g *Gate) append(ctx context.Context, call Call, notes audit.Notes, answer Answer) error {
	call.Access.Code, call.Access.ResSize = answer.Code, int64(len(answer.Body))
	call.Access.Duration = g.Now().Sub(call.Access.Arrived)
	// The line is evidence of what happened: a client that went away does not take it back.
	return g.Audit.Append(context.WithoutCancel(ctx), audit.Entry{Route: call.Route, Notes: notes, Access: call.Access})
}

// guarded turns a panic of the use case into an error, so that the unit rolls back and the process lives.
func (g *Gate) guarded(ctx context.Context, work func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			g.Log.ErrorContext(ctx, "panic in a use case", "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %T", p)
		}
	}()
	return work(ctx)
}

// told is what the caller hears of err.
func (g *Gate) told(ctx context.Context, call Call, err error) fault.Error {
	f, ok := fault.Of(err)
	switch {
	case ok:
	case errors.Is(err, context.DeadlineExceeded):
		f = ErrTimeout
	default:
		f = ErrInternal
	}
	if !ok || f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		g.Log.ErrorContext(ctx, "call failed", "operation", call.Operation, "error", err)
	}
	return f
}
