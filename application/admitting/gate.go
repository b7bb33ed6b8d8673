package admitting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
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
	// ErrRunning answers a message that came again while the first is still being carried out.
	ErrRunning = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "A message with the same MessageID is being processed."}
)

// Call is one call as the transport handed it over. A nil Refused means that its credential was verified and Caller is who calls.
type Call struct {
	Service   string          // name of the service; MessageIDs of different services have nothing to do with each other
	Route     audit.Component // the component that owns the path
	Operation string          // name of the operation, "" if it was not recognised
	Policy    Policy
	Caller    identity.Caller
	Refused   error // why security turned the call away
	// Payload returns the SHA-256 of what the call asks for: a message that comes again asks for the same. nil where no answers are kept.
	Payload func() ([32]byte, error)
	Status  int          // HTTP status of a good answer that is kept; 0 = 200
	Access  audit.Access // all but Code, ResSize, Duration and the stats of use case and answer
}

func (c *Call) status() int { return cmp.Or(c.Status, http.StatusOK) }

// Answer is what goes back to the caller, encoded.
type Answer struct {
	Code int // HTTP status
	Body []byte
}

// Encode encodes the answer to a call: the result that work kept where Encode finds it, or the fault that err is (it always wraps a
// fault.Error). It may run again for a fault after it encoded a result.
type Encode func(err error) (Answer, error)

// Outcome is how a call ended.
type Outcome struct {
	Answer   Answer
	Err      error        // what the caller is told, nil for a good answer; it wraps a fault.Error
	Refused  bool         // by security or policy, or as a message that was used before: the use case did not run
	Replayed bool         // the answer of an earlier call was given again: the use case did not run
	Access   audit.Access // complete
	Notes    audit.Notes
}

// Gate carries a call out in the one order: admission by policy, replay and resend, use case in a unit of work, answer encoded, reply kept,
// audit line durable, commit, answer sent.
type Gate struct {
	Audit    ports.AuditLog
	Units    ports.UnitOfWork
	Grants   Granted          // nil: no operation may ask for a grant
	Replies  ports.ReplyStore // nil: no operation may have the mode Store
	Seen     ports.SeenStore  // nil: no IDWS token is admitted
	Now      func() time.Time
	Log      *slog.Logger
	Window   time.Duration // in which a signed message is taken once; 0 = 15 minutes
	Wait     time.Duration // for the answer to a message that came again while the first is carried out; 0 = 30 s
	KeepFor  time.Duration // a reply is given again; 0 = 24 hours
	MaxReply int           // octets of a reply that is kept; a call with a larger answer fails; 0 = 1 MiB
	// KeepAfter: Units and Replies are not of one database, so that a reply is kept after the commit. If that fails, a message that comes
	// again is carried out again: its effect must be the same then.
	KeepAfter bool
}

// Granted tells whether the organisation cvr holds the grant name now. An error is ours.
type Granted func(ctx context.Context, name, cvr string) (bool, error)

// Ready answers ErrAudit while the audit log cannot be written: a call is then refused before any security work, and leaves no audit line.
func (g *Gate) Ready(ctx context.Context) error {
	if err := g.Audit.Ready(ctx); err != nil {
		g.Log.ErrorContext(ctx, "audit log not ready", "error", err)
		return ErrAudit
	}
	return nil
}

// Do carries out one call: admits it by its policy, gives a reply again or runs work in a unit of work, and encodes the answer. When Do
// returns the answer may be sent: its effect is committed and its audit line durable, or it is a fault without effect.
func (g *Gate) Do(ctx context.Context, call Call, work func(context.Context, identity.Caller) error, encode Encode) Outcome {
	var notes audit.Notes
	var ending ending
	r := run{gate: g, call: call, encode: encode, notes: &notes, ending: &ending}
	ctx = context.WithValue(WithNotes(ctx, &notes), endingKey{}, &ending)
	defer ending.run()
	caller, err := r.admit(ctx)
	if err != nil {
		return r.refuse(ctx, err)
	}
	reply, replayed, err := r.begin(ctx, caller)
	switch {
	case err != nil:
		return r.refuse(ctx, err)
	case replayed:
		return r.replay(ctx, reply)
	}
	defer r.drop(ctx)
	return r.carryOut(ctx, caller, work)
}

// admit returns who calls, or why the call is turned away.
func (r *run) admit(ctx context.Context) (identity.Caller, error) {
	if r.call.Refused != nil {
		return identity.Caller{}, r.call.Refused
	}
	cvr := r.call.Caller.Org.CVR
	return r.call.Policy.Admit(r.call.Caller, func(grant string) (bool, error) {
		if r.gate.Grants == nil {
			return false, errNoGrants
		}
		return r.gate.Grants(ctx, grant, cvr)
	})
}

// refuse answers a call whose use case does not run.
func (r *run) refuse(ctx context.Context, err error) Outcome {
	told := r.told(ctx, err)
	out := r.fail(ctx, told)
	out.Refused = r.call.Refused != nil || !ours(told)
	return out
}

// carryOut runs the use case: its effect, the kept reply, the audit line and the answer, or nothing but a fault.
func (r *run) carryOut(ctx context.Context, caller identity.Caller, work func(context.Context, identity.Caller) error) Outcome {
	g := r.gate
	started := g.Now()
	var answer Answer
	var step step
	err := g.Units.Run(ctx, func(ctx context.Context) error {
		defer func() { r.call.Access.Stats.Handler = g.Now().Sub(started) }()
		return r.guarded(ctx, func() error { return work(ctx, caller) })
	}, func(ctx context.Context) (err error) {
		step = sealing
		if answer, err = r.encoded(ctx, nil); err != nil {
			return fmt.Errorf("encode answer: %w", err)
		}
		if err := r.keepable(answer); err != nil {
			return err
		}
		if !g.KeepAfter {
			if err := r.keep(ctx, answer); err != nil {
				return err
			}
		}
		step = auditing
		if err := r.append(ctx, answer); err != nil {
			return err
		}
		step = committing
		return nil
	})
	switch {
	case err == nil && g.KeepAfter:
		r.ending.committed = true
		r.keepCommitted(ctx, answer)
		return r.outcome(answer, nil)
	case err == nil:
		r.ending.committed = true
		r.claim = nil // it ended with the reply
		return r.outcome(answer, nil)
	case step == committing:
		// The first line tells of an effect that did not come: a second line corrects it.
		outcome, told := audit.RolledBack, error(ErrNotCommitted)
		var commit *ports.CommitError
		if errors.As(err, &commit) && commit.Unknown {
			outcome, told = audit.OutcomeUnknown, ErrOutcomeUnknown
		} else if _, ok := fault.Of(err); ok {
			told = err
		}
		g.Log.ErrorContext(ctx, "commit failed", "operation", r.call.Operation, "error", err)
		r.notes.SetOutcome(outcome)
		return r.fail(ctx, told)
	case step == auditing:
		g.Log.ErrorContext(ctx, "audit append failed", "operation", r.call.Operation, "error", err)
		return r.outcome(r.fault(ctx, ErrAudit), ErrAudit)
	}
	told := r.told(ctx, err)
	if step == sealing || ours(told) {
		r.notes.SetOutcome(audit.RolledBack)
	}
	return r.fail(ctx, told)
}

// ours tells whether a call failed because of the server rather than the caller.
func ours(told error) bool {
	return fault.Is(told, fault.Internal) || fault.Is(told, fault.Unavailable) || fault.Is(told, fault.Timeout)
}

// step is how far a call came.
type step uint8

const (
	working    step = iota
	sealing         // the use case is done
	auditing        // the answer is encoded, and kept where it is to be
	committing      // the audit line is durable
)

// run is one call on its way.
type run struct {
	gate   *Gate
	call   Call
	encode Encode
	notes  *audit.Notes
	ending *ending
	claim  *ports.ReplyClaim // to give the answer, nil where none is kept
}

// fail encodes the fault and writes its audit line; without the line the caller hears the audit fault instead, unless it is not known that
// nothing was done.
func (r *run) fail(ctx context.Context, told error) Outcome {
	answer := r.fault(ctx, told)
	if err := r.append(ctx, answer); err != nil {
		r.gate.Log.ErrorContext(ctx, "audit append failed", "operation", r.call.Operation, "error", err)
		if !errors.Is(told, ErrOutcomeUnknown) {
			told = ErrAudit
			answer = r.fault(ctx, told)
		}
	}
	return r.outcome(answer, told)
}

// fault encodes a fault. One that cannot be encoded is an answer without body.
func (r *run) fault(ctx context.Context, told error) Answer {
	answer, err := r.encoded(ctx, told)
	if err != nil {
		r.gate.Log.ErrorContext(ctx, "fault not encoded", "operation", r.call.Operation, "error", err)
		return Answer{Code: http.StatusInternalServerError}
	}
	return answer
}

func (r *run) encoded(ctx context.Context, told error) (answer Answer, err error) {
	started := r.gate.Now()
	err = r.guarded(ctx, func() (err error) {
		answer, err = r.encode(told)
		return err
	})
	r.call.Access.Stats.ResponseContent = r.gate.Now().Sub(started)
	return answer, err
}

func (r *run) append(ctx context.Context, answer Answer) error {
	r.complete(answer)
	// The line is evidence of what happened: a client that went away does not take it back.
	return r.gate.Audit.Append(context.WithoutCancel(ctx), audit.Entry{Route: r.call.Route, Notes: *r.notes, Access: r.call.Access})
}

func (r *run) complete(answer Answer) {
	a := &r.call.Access
	a.Code, a.ResSize, a.Duration = answer.Code, int64(len(answer.Body)), r.gate.Now().Sub(a.Arrived)
}

func (r *run) outcome(answer Answer, told error) Outcome {
	r.complete(answer)
	return Outcome{Answer: answer, Err: told, Access: r.call.Access, Notes: *r.notes}
}

// guarded turns a panic into an error, so that the unit rolls back and the process lives.
func (r *run) guarded(ctx context.Context, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.gate.Log.ErrorContext(ctx, "panic in a call", "operation", r.call.Operation, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %T", p)
		}
	}()
	return f()
}

// told is what the caller hears of err: err itself where it wraps a fault.Error, so that a contract's own error keeps its parts.
func (r *run) told(ctx context.Context, err error) error {
	told := err
	f, ok := fault.Of(err)
	switch {
	case ok:
	case errors.Is(err, context.DeadlineExceeded):
		f, told = ErrTimeout, ErrTimeout
	default:
		f, told = ErrInternal, ErrInternal
	}
	if !ok || f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		r.gate.Log.ErrorContext(ctx, "call failed", "operation", r.call.Operation, "error", err)
	}
	return told
}
