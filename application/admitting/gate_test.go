package admitting_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

var (
	errSecret = errors.New("a secret cause")
	errRule   = fault.Error{Kind: fault.Invalid, Code: "too_many_entries", Text: "2 entries, at most 1 allowed"}
	errTaken  = fault.Error{Kind: fault.Conflict, Code: "conflict", Text: "another call was first"}
	arrived   = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
)

// world is all that a call touches; steps is what happened, in order.
type world struct {
	steps    []string
	lines    []string // told of each line
	last     audit.Entry
	notReady error
	append   []error // of each Append in turn
	commit   error
	log      bytes.Buffer
	encode   error // of a good answer
	noFault  error // of every fault
	now      time.Time

	reply    []byte // that was kept; nil: the call is claimed
	begin    error
	keep     error
	seen     error
	held     []string // grants
	noGrants error
	edit     func(*admitting.Gate)
}

func (w *world) step(s string) { w.steps = append(w.steps, s) }

func (w *world) Ready(context.Context) error { return w.notReady }

func (w *world) Append(ctx context.Context, e audit.Entry) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.step("append")
	var err error
	if len(w.append) > 0 {
		err, w.append = w.append[0], w.append[1:]
	}
	if err == nil {
		w.lines, w.last = append(w.lines, told(e)), e
	}
	return err
}

func (w *world) Run(ctx context.Context, work, seal func(context.Context) error) error {
	w.step("begin")
	err := work(ctx)
	if err == nil {
		err = seal(ctx)
	}
	if err == nil && w.commit != nil {
		err = w.commit
	}
	if err != nil {
		w.step("roll back")
		return err
	}
	w.step("commit")
	return nil
}

var (
	_ ports.AuditLog   = (*world)(nil)
	_ ports.UnitOfWork = (*world)(nil)
	_ ports.ReplyStore = (*world)(nil)
	_ ports.SeenStore  = (*world)(nil)
)

func (w *world) gate() *admitting.Gate {
	g := &admitting.Gate{
		Audit: w, Units: w, Grants: w.grant, Replies: w, Seen: w,
		Now: func() time.Time { w.now = w.now.Add(time.Millisecond); return w.now }, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	if w.edit != nil {
		w.edit(g)
	}
	return g
}

func (w *world) grant(_ context.Context, name, cvr string) (bool, error) {
	w.step(name + " " + cvr)
	return slices.Contains(w.held, name), w.noGrants
}

func (w *world) Begin(context.Context, ports.ReplyKey, [32]byte, time.Time) ([]byte, *ports.ReplyClaim, error) {
	w.step("claim")
	if w.begin != nil || w.reply != nil {
		return w.reply, nil, w.begin
	}
	return nil, &ports.ReplyClaim{Token: 7}, nil
}

func (w *world) Keep(_ context.Context, claim ports.ReplyClaim, reply []byte) error {
	w.step(fmt.Sprintf("keep %s %d", reply, claim.Token))
	return w.keep
}

func (w *world) Drop(ctx context.Context, claim ports.ReplyClaim) error {
	w.step(fmt.Sprint("drop ", claim.Token))
	return ctx.Err()
}

func (w *world) Mark(context.Context, [32]byte, string, time.Time) error {
	w.step("mark")
	return w.seen
}

func (w *world) Purge(context.Context, time.Time, int) (bool, error) { return true, nil }

// call is a good call whose use case says where it was and returns err.
func (w *world) call(t *testing.T, c admitting.Call, err error) admitting.Outcome {
	t.Helper()
	return w.do(t.Context(), c, func(ctx context.Context, _ identity.Caller) error {
		w.step("work")
		admitting.Trail{}.Note(ctx, "Test", "open", audit.Information{Key: "k", Class: audit.NPI, Value: "v"})
		return err
	})
}

func (w *world) do(ctx context.Context, c admitting.Call, work func(context.Context, identity.Caller) error) admitting.Outcome {
	w.now = arrived
	return w.gate().Do(ctx, c, work, func(err error) (admitting.Answer, error) {
		if err == nil {
			w.step("encode")
			return admitting.Answer{Code: 200, Body: []byte("data")}, w.encode
		}
		f, ok := fault.Of(err)
		if !ok {
			panic("a fault that is none")
		}
		w.step("fault")
		return admitting.Answer{Code: 500, Body: []byte(f.Text)}, w.noFault
	})
}

func good() admitting.Call {
	return admitting.Call{
		Route: "Test", Operation: "Open",
		Policy: admitting.Policy{Schemes: []identity.Scheme{identity.DGWS}, Kinds: []identity.Kind{identity.System}},
		Caller: identity.Caller{Kind: identity.System, Credential: identity.Credential{Scheme: identity.DGWS}},
		Access: audit.Access{Arrived: arrived},
	}
}

// told is the status and the outcome that a line tells.
func told(e audit.Entry) string {
	said := ""
	if len(e.Notes) > 0 {
		info := e.Notes[0].Contexts[0].Information
		if last := info[len(info)-1]; last.Key == "outcome" {
			said = last.Value
		}
	}
	return fmt.Sprintf("%d %s", e.Access.Code, said)
}

func TestDo(t *testing.T) {
	refused := good()
	refused.Refused = fault.Error{Kind: fault.Unauthenticated, Code: fault.CodeSignature, Text: "bad signature"}
	internal := good()
	internal.Refused = errSecret
	citizen := good()
	citizen.Caller.Kind = identity.Citizen
	for _, c := range []struct {
		name  string
		world world
		call  admitting.Call
		work  error
		want  []string // steps
		lines []string // status and outcome of the audit lines
		told  error    // nil = the data
	}{
		{name: "good call", call: good(), want: []string{"begin", "work", "encode", "append", "commit"}, lines: []string{"200 "}},
		{name: "OC-03 refused by security", call: refused, want: []string{"fault", "append"}, lines: []string{"500 "}, told: refused.Refused},
		{name: "refused because of ours", call: internal, want: []string{"fault", "append"}, lines: []string{"500 "}, told: admitting.ErrInternal},
		{name: "refused by policy", call: citizen, want: []string{"fault", "append"}, lines: []string{"500 "},
			told: fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "this kind of caller may not use the operation"}},
		{name: "refused, no line", world: world{append: []error{errSecret}}, call: refused, want: []string{"fault", "append", "fault"}, told: admitting.ErrAudit},
		{name: "against a rule", call: good(), work: fmt.Errorf("check: %w", errRule), want: []string{"begin", "work", "roll back", "fault", "append"}, lines: []string{"500 "}, told: errRule},
		{name: "error of ours", call: good(), work: errSecret, want: []string{"begin", "work", "roll back", "fault", "append"}, lines: []string{"500 rolled_back"}, told: admitting.ErrInternal},
		{name: "too late", call: good(), work: context.DeadlineExceeded, want: []string{"begin", "work", "roll back", "fault", "append"}, lines: []string{"500 rolled_back"}, told: admitting.ErrTimeout},
		{name: "dependency down", call: good(), work: fault.Error{Kind: fault.Unavailable, Code: "processing_problem", Text: "internal error"},
			want: []string{"begin", "work", "roll back", "fault", "append"}, lines: []string{"500 rolled_back"}, told: fault.Error{Kind: fault.Unavailable, Code: "processing_problem", Text: "internal error"}},
		{name: "OC-07 append fails", world: world{append: []error{errSecret}}, call: good(),
			want: []string{"begin", "work", "encode", "append", "roll back", "fault"}, told: admitting.ErrAudit},
		{name: "OC-09 commit fails", world: world{commit: &ports.CommitError{Err: errSecret}}, call: good(),
			want: []string{"begin", "work", "encode", "append", "roll back", "fault", "append"}, lines: []string{"200 ", "500 rolled_back"}, told: admitting.ErrNotCommitted},
		{name: "OC-09 commit fails with the service's own fault", world: world{commit: &ports.CommitError{Err: errTaken}}, call: good(),
			want: []string{"begin", "work", "encode", "append", "roll back", "fault", "append"}, lines: []string{"200 ", "500 rolled_back"}, told: errTaken},
		{name: "OC-09 commit unknown", world: world{commit: &ports.CommitError{Err: errTaken, Unknown: true}}, call: good(),
			want: []string{"begin", "work", "encode", "append", "roll back", "fault", "append"}, lines: []string{"200 ", "500 unknown"}, told: admitting.ErrOutcomeUnknown},
		{name: "OC-09 commit fails, no second line", world: world{commit: &ports.CommitError{Err: errSecret}, append: []error{nil, errSecret}}, call: good(),
			want: []string{"begin", "work", "encode", "append", "roll back", "fault", "append", "fault"}, lines: []string{"200 "}, told: admitting.ErrAudit},
		{name: "OC-09 commit unknown, no second line", world: world{commit: &ports.CommitError{Err: errTaken, Unknown: true}, append: []error{nil, errSecret}}, call: good(),
			want: []string{"begin", "work", "encode", "append", "roll back", "fault", "append"}, lines: []string{"200 "}, told: admitting.ErrOutcomeUnknown},
		{name: "answer not encoded", world: world{encode: errSecret}, call: good(),
			want: []string{"begin", "work", "encode", "roll back", "fault", "append"}, lines: []string{"500 rolled_back"}, told: admitting.ErrInternal},
		{name: "not even the fault encoded", world: world{encode: errSecret, noFault: errSecret}, call: good(),
			want: []string{"begin", "work", "encode", "roll back", "fault", "append"}, lines: []string{"500 rolled_back"}, told: admitting.ErrInternal},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &c.world
			out := w.call(t, c.call, c.work)
			assert.Equal(t, c.want, w.steps)
			assert.Equal(t, c.lines, w.lines)
			assert.Equal(t, len(w.steps) > 0 && w.steps[0] == "fault", out.Refused)
			assert.Equal(t, out.Answer.Code, out.Access.Code)
			assert.Equal(t, int64(len(out.Answer.Body)), out.Access.ResSize)
			if c.told == nil {
				require.NoError(t, out.Err)
				assert.Equal(t, admitting.Answer{Code: 200, Body: []byte("data")}, out.Answer)
				return
			}
			require.ErrorIs(t, out.Err, c.told)
			assert.Equal(t, 500, out.Answer.Code)
			assert.NotContains(t, string(out.Answer.Body), "secret")
			assert.NotContains(t, string(out.Answer.Body), "data")
		})
	}
}

// partsError is a contract's own error with more than a fault has.
type partsError struct{ undelivered int }

func (e *partsError) Error() string { return "some were not delivered" }
func (e *partsError) Unwrap() error { return errRule }

func TestOwnErrorReachesEncoder(t *testing.T) {
	w := &world{}
	out := w.call(t, good(), fmt.Errorf("notify: %w", &partsError{undelivered: 3}))
	var parts *partsError
	require.ErrorAs(t, out.Err, &parts)
	assert.Equal(t, 3, parts.undelivered)
}

func TestPanic(t *testing.T) {
	t.Run("OC-44 in the use case", func(t *testing.T) {
		w := &world{}
		out := w.do(t.Context(), good(), func(context.Context, identity.Caller) error { panic("a secret cause") })
		require.ErrorIs(t, out.Err, admitting.ErrInternal)
		assert.Equal(t, []string{"begin", "roll back", "fault", "append"}, w.steps)
		assert.Contains(t, w.log.String(), "goroutine", "the stack")
		assert.NotContains(t, w.log.String(), "a secret cause")
	})
}

func TestClientGone(t *testing.T) {
	w := &world{}
	ctx, cancel := context.WithCancel(t.Context())
	out := w.do(ctx, good(), func(context.Context, identity.Caller) error { cancel(); return nil })
	require.NoError(t, out.Err)
	assert.Len(t, w.lines, 1, "a client that went away does not take the line back")
}

func TestStats(t *testing.T) {
	w := &world{}
	out := w.call(t, good(), nil)
	for name, d := range map[string]time.Duration{
		"duration": out.Access.Duration, "handler": out.Access.Stats.Handler, "answer": out.Access.Stats.ResponseContent,
	} {
		assert.Positive(t, d, name)
	}
	assert.Equal(t, w.last.Notes, out.Notes)
}

func TestReady(t *testing.T) {
	w := &world{}
	require.NoError(t, w.gate().Ready(t.Context()))
	w.notReady = errSecret
	err := w.gate().Ready(t.Context())
	require.ErrorIs(t, err, admitting.ErrAudit)
	assert.NotErrorIs(t, err, errSecret)
	assert.Contains(t, w.log.String(), "a secret cause")
}

func TestTrailOutsideACall(t *testing.T) {
	admitting.Trail{}.Note(t.Context(), "Test", "open") // does nothing
}
