package admitting_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

// write is a good call of an operation whose answers are kept.
func write() admitting.Call {
	c := good()
	c.Service, c.Policy.Resend = "test", admitting.Store
	c.Caller.MessageID = "m1"
	c.Payload = func() ([32]byte, error) { return [32]byte{1}, nil }
	return c
}

// token is a good call with an identity token.
func token() admitting.Call {
	c := write()
	c.Policy.Schemes = []identity.Scheme{identity.IDWS}
	c.Caller.Credential = identity.Credential{Scheme: identity.IDWS, Signer: [32]byte{9}}
	return c
}

func with(c admitting.Call, edit func(*admitting.Call)) admitting.Call {
	edit(&c)
	return c
}

func keepAfter(g *admitting.Gate) { g.KeepAfter = true }

func TestResendSteps(t *testing.T) {
	expired := fault.Error{Kind: fault.Unauthenticated, Code: fault.CodeExpired, Text: "the ID card is too old"}
	kept := []byte("kept")
	done := []string{"claim", "begin", "work", "encode", "keep data 7", "append", "commit"}
	recomputed := []string{"begin", "work", "encode", "append", "commit"}
	turnedAway := []string{"claim", "fault", "append"}
	for _, c := range []struct {
		name    string
		world   world
		call    admitting.Call
		work    error
		want    []string
		lines   []string
		told    error // nil = an answer
		refused bool
	}{
		{name: "SA-19 first", call: write(), want: done, lines: []string{"200 "}},
		{name: "SA-19 again", world: world{reply: kept}, call: write(), want: []string{"claim", "append"}, lines: []string{"200 replayed"}},
		{name: "OC-04 again, no line", world: world{reply: kept, append: []error{errSecret}}, call: write(), want: []string{"claim", "append", "fault"}, told: admitting.ErrAudit},
		{name: "SA-21 other Body", world: world{begin: ports.ErrMessageIDReused}, call: write(), want: turnedAway, lines: []string{"500 "}, told: ports.ErrMessageIDReused, refused: true},
		{name: "SA-22 card expired", world: world{reply: kept}, call: with(write(), func(c *admitting.Call) { c.Refused = expired }),
			want: []string{"fault", "append"}, lines: []string{"500 "}, told: expired, refused: true},
		{name: "SA-21 the first answer was a fault", call: write(), work: errRule,
			want: []string{"claim", "begin", "work", "roll back", "fault", "append", "drop 7"}, lines: []string{"500 "}, told: errRule},
		{name: "append fails", world: world{append: []error{errSecret}}, call: write(),
			want: []string{"claim", "begin", "work", "encode", "keep data 7", "append", "roll back", "fault", "drop 7"}, told: admitting.ErrAudit},
		{name: "commit fails", world: world{commit: &ports.CommitError{Err: errSecret}}, call: write(),
			want:  []string{"claim", "begin", "work", "encode", "keep data 7", "append", "roll back", "fault", "append", "drop 7"},
			lines: []string{"200 ", "500 rolled_back"}, told: admitting.ErrNotCommitted},
		{name: "commit unknown", world: world{commit: &ports.CommitError{Err: errSecret, Unknown: true}}, call: write(),
			want:  []string{"claim", "begin", "work", "encode", "keep data 7", "append", "roll back", "fault", "append", "drop 7"},
			lines: []string{"200 ", "500 unknown"}, told: admitting.ErrOutcomeUnknown},
		{name: "claim lost", world: world{keep: ports.ErrClaimLost}, call: write(),
			want: []string{"claim", "begin", "work", "encode", "keep data 7", "roll back", "fault", "append", "drop 7"}, lines: []string{"500 rolled_back"}, told: ports.ErrClaimLost},
		{name: "not kept", world: world{keep: errSecret}, call: write(),
			want: []string{"claim", "begin", "work", "encode", "keep data 7", "roll back", "fault", "append", "drop 7"}, lines: []string{"500 rolled_back"}, told: admitting.ErrInternal},
		{name: "SEC-31 answer as large as is kept", world: world{edit: func(g *admitting.Gate) { g.MaxReply = 4 }}, call: write(), want: done, lines: []string{"200 "}},
		{name: "SEC-31 answer too large", world: world{edit: func(g *admitting.Gate) { g.MaxReply = 3 }}, call: write(),
			want: []string{"claim", "begin", "work", "encode", "roll back", "fault", "append", "drop 7"}, lines: []string{"500 rolled_back"}, told: admitting.ErrInternal},
		{name: "kept after the commit", world: world{edit: keepAfter}, call: write(),
			want: []string{"claim", "begin", "work", "encode", "append", "commit", "keep data 7"}, lines: []string{"200 "}},
		{name: "committed, but not kept", world: world{edit: keepAfter, keep: errSecret}, call: write(),
			want: []string{"claim", "begin", "work", "encode", "append", "commit", "keep data 7", "drop 7"}, lines: []string{"200 "}},
		{name: "kept after the commit, which fails", world: world{edit: keepAfter, commit: &ports.CommitError{Err: errSecret}}, call: write(),
			want:  []string{"claim", "begin", "work", "encode", "append", "roll back", "fault", "append", "drop 7"},
			lines: []string{"200 ", "500 rolled_back"}, told: admitting.ErrNotCommitted},
		{name: "SEC-31 kept after the commit, too large", call: write(),
			world: world{edit: func(g *admitting.Gate) { g.KeepAfter, g.MaxReply = true, 3 }},
			want:  []string{"claim", "begin", "work", "encode", "roll back", "fault", "append", "drop 7"}, lines: []string{"500 rolled_back"}, told: admitting.ErrInternal},
		{name: "SA-51 reply store down, write", world: world{begin: errSecret}, call: write(), want: turnedAway, lines: []string{"500 "}, told: admitting.ErrInternal},
		{name: "SA-51 reply store down, read", world: world{begin: errSecret}, call: with(write(), func(c *admitting.Call) { c.Policy.Resend = admitting.Recompute }),
			want: recomputed, lines: []string{"200 "}},
		{name: "SEC-31 the service keeps its answers", world: world{reply: kept}, call: with(write(), func(c *admitting.Call) { c.Policy.Resend = admitting.Own }),
			want: recomputed, lines: []string{"200 "}},
		{name: "no reply store", world: world{edit: func(g *admitting.Gate) { g.Replies = nil }}, call: write(), want: []string{"fault", "append"}, lines: []string{"500 "}, told: admitting.ErrInternal},
		{name: "no MessageID", call: with(write(), func(c *admitting.Call) { c.Caller.MessageID = "" }), want: []string{"fault", "append"}, lines: []string{"500 "}, told: admitting.ErrInternal},
		{name: "no hash", call: with(write(), func(c *admitting.Call) { c.Payload = nil }), want: []string{"fault", "append"}, lines: []string{"500 "}, told: admitting.ErrInternal},
		{name: "hash fails", call: with(write(), func(c *admitting.Call) { c.Payload = func() (sum [32]byte, err error) { return sum, errSecret } }),
			want: []string{"fault", "append"}, lines: []string{"500 "}, told: admitting.ErrInternal},
		{name: "a session's write", call: with(write(), func(c *admitting.Call) {
			c.Policy.Schemes, c.Caller.Credential.Scheme = []identity.Scheme{identity.Session}, identity.Session
		}), want: done, lines: []string{"200 "}},
		{name: "a session's write again", world: world{reply: kept}, call: with(write(), func(c *admitting.Call) {
			c.Policy.Schemes, c.Caller.Credential.Scheme = []identity.Scheme{identity.Session}, identity.Session
		}), want: []string{"claim", "append"}, lines: []string{"200 replayed"}},
		{name: "an operator's write", call: with(write(), func(c *admitting.Call) {
			c.Policy.Schemes, c.Caller.Credential.Scheme = []identity.Scheme{identity.OperatorToken}, identity.OperatorToken
		}), want: recomputed, lines: []string{"200 "}},

		{name: "SA-41 token", call: token(), want: []string{"mark", "begin", "work", "encode", "append", "commit"}, lines: []string{"200 "}},
		{name: "SA-40 same MessageID again", world: world{seen: ports.ErrSeen}, call: token(), want: []string{"mark", "fault", "append"}, lines: []string{"500 "}, told: ports.ErrSeen, refused: true},
		{name: "SA-51 replay store down, IDWS", world: world{seen: errSecret}, call: token(), want: []string{"mark", "fault", "append"}, lines: []string{"500 "}, told: admitting.ErrInternal},
		{name: "SA-51 replay store down, DGWS read", world: world{seen: errSecret}, call: good(), want: recomputed, lines: []string{"200 "}},
		{name: "no replay store", world: world{edit: func(g *admitting.Gate) { g.Seen = nil }}, call: token(), want: []string{"fault", "append"}, lines: []string{"500 "}, told: admitting.ErrInternal},
		{name: "token without signer", call: with(token(), func(c *admitting.Call) { c.Caller.Credential.Signer = [32]byte{} }),
			want: []string{"fault", "append"}, lines: []string{"500 "}, told: admitting.ErrInternal},
		{name: "SEC-32 not marked where security refuses", call: with(token(), func(c *admitting.Call) { c.Refused = errRule }),
			want: []string{"fault", "append"}, lines: []string{"500 "}, told: errRule, refused: true},
		{name: "SEC-21 kind before replay", call: with(token(), func(c *admitting.Call) { c.Policy.Kinds = nil }),
			want: []string{"fault", "append"}, lines: []string{"500 "}, told: fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "this kind of caller may not use the operation"}, refused: true},

		{name: "SEC-21 grant before replay", call: with(token(), func(c *admitting.Call) { c.Policy.Grant, c.Caller.Org.CVR = "x", "99999901" }),
			want: []string{"x 99999901", "fault", "append"}, lines: []string{"500 "}, told: fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "the organisation may not use the operation"}, refused: true},
		{name: "SEC-21 grant, claim, work", world: world{held: []string{"x"}}, call: with(write(), func(c *admitting.Call) { c.Policy.Grant, c.Caller.Org.CVR = "x", "99999901" }),
			want: append([]string{"x 99999901"}, done...), lines: []string{"200 "}},
		{name: "grants down", world: world{held: []string{"x"}, noGrants: errSecret}, call: with(write(), func(c *admitting.Call) { c.Policy.Grant = "x" }),
			want: []string{"x ", "fault", "append"}, lines: []string{"500 "}, told: admitting.ErrInternal},
		{name: "no grants", world: world{edit: func(g *admitting.Gate) { g.Grants = nil }}, call: with(write(), func(c *admitting.Call) { c.Policy.Grant = "x" }),
			want: []string{"fault", "append"}, lines: []string{"500 "}, told: admitting.ErrInternal},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &c.world
			out := w.call(t, c.call, c.work)
			assert.Equal(t, c.want, w.steps)
			assert.Equal(t, c.lines, w.lines)
			assert.Equal(t, c.refused, out.Refused)
			assert.Equal(t, out.Answer.Code, out.Access.Code)
			assert.Equal(t, int64(len(out.Answer.Body)), out.Access.ResSize)
			if c.told != nil {
				require.ErrorIs(t, out.Err, c.told)
				assert.NotContains(t, string(out.Answer.Body), "secret")
				assert.NotContains(t, string(out.Answer.Body), "data")
				assert.False(t, out.Replayed)
				return
			}
			require.NoError(t, out.Err)
			assert.Equal(t, out.Replayed, c.lines[0] == "200 replayed")
			want := "data"
			if out.Replayed {
				want = "kept"
				assert.Equal(t, audit.Notes{{Component: "Test", Contexts: []audit.ContextNotes{{Context: "Open", Information: []audit.Information{audit.Outcome.Is(audit.Replayed)}}}}}, out.Notes)
			}
			assert.Equal(t, admitting.Answer{Code: 200, Body: []byte(want)}, out.Answer)
		})
	}
}

func TestClaimIsGivenBack(t *testing.T) {
	for name, work := range map[string]func(cancel func()) error{
		"after a panic":                func(func()) error { panic("a secret cause") },
		"when the client went away":    func(cancel func()) error { cancel(); return errSecret },
		"when the client was too slow": func(func()) error { return context.DeadlineExceeded },
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := w.do(ctx, write(), func(context.Context, identity.Caller) error { return work(cancel) })
			require.Error(t, out.Err)
			assert.Equal(t, "drop 7", w.steps[len(w.steps)-1])
			assert.NotContains(t, w.log.String(), "not dropped")
		})
	}
}

func TestAnswerIsGivenAgainWithItsStatus(t *testing.T) {
	call := with(write(), func(c *admitting.Call) { c.Status = 201 })
	created := func(error) (admitting.Answer, error) { return admitting.Answer{Code: 201, Body: []byte("data")}, nil }
	nothing := func(context.Context, identity.Caller) error { return nil }
	first := (&world{}).gate().Do(t.Context(), call, nothing, created)
	require.NoError(t, first.Err)
	again := (&world{reply: []byte("data")}).gate().Do(t.Context(), call, nothing, created)
	assert.True(t, again.Replayed)
	assert.Equal(t, first.Answer, again.Answer)
}

func TestAnswerOfAnotherStatusIsNotKept(t *testing.T) {
	w := &world{}
	out := w.gate().Do(t.Context(), write(), func(context.Context, identity.Caller) error { return nil }, func(err error) (admitting.Answer, error) {
		if err != nil {
			return admitting.Answer{Code: 500}, nil
		}
		return admitting.Answer{Code: 202}, nil
	})
	require.ErrorIs(t, out.Err, admitting.ErrInternal)
	assert.Equal(t, []string{"claim", "begin", "roll back", "append", "drop 7"}, w.steps, "nothing has an effect whose answer is not kept")
}

func TestAdmittedCallerReachesWork(t *testing.T) {
	call := good()
	call.Caller.HSUID = &identity.HSUID{UserType: "nsi:Citizen", Acting: number(t, "2512489996")}
	call.Caller.Org.CVR = "99999904"
	call.Policy.HSUID, call.Policy.Kinds = admitting.Required, []identity.Kind{identity.Citizen}
	w := &world{held: []string{"hsuid"}}
	var got identity.Caller
	out := w.do(t.Context(), call, func(_ context.Context, c identity.Caller) error { got = c; return nil })
	require.NoError(t, out.Err)
	assert.Equal(t, identity.Citizen, got.Kind)
	assert.True(t, got.Vouched)
	assert.True(t, got.Is(number(t, "2512489996")))

	w = &world{}
	out = w.do(t.Context(), call, func(context.Context, identity.Caller) error { return errors.New("not reached") })
	assert.True(t, fault.Is(out.Err, fault.Forbidden), "SA-43 without the grant: %v, want Forbidden", out.Err)
	assert.Equal(t, []string{"hsuid 99999904", "fault", "append"}, w.steps)
}
