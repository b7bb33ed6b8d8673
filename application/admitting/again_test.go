package admitting_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// server is an operation on a store: each run that is committed leaves a row.
type server struct {
	t     *testing.T
	db    *memory.DB
	audit memory.AuditLog
	time  atomic.Int64 // since arrived
	runs  atomic.Int64
	gate  admitting.Gate
}

func newServer(t *testing.T) *server {
	s := &server{t: t}
	now := func() time.Time { return arrived.Add(time.Duration(s.time.Load())) }
	s.db = memory.New(now)
	s.gate = admitting.Gate{
		Audit: &s.audit, Units: s.db.Units(), Replies: s.db.Replies(), Seen: s.db.Seen(), Now: now, Log: slog.New(slog.DiscardHandler),
	}
	return s
}

// call runs the operation, which tells the number of its run and fails with err.
func (s *server) call(g *admitting.Gate, c admitting.Call, err error) admitting.Outcome {
	var n int64
	return g.Do(s.t.Context(), c, func(ctx context.Context, _ identity.Caller) error {
		n = s.runs.Add(1)
		return cmp.Or(s.db.Grants().Update(ctx, func(all []trust.Grant) ([]trust.Grant, error) {
			return append(all, trust.Grant{ID: fmt.Sprint(n), Name: fmt.Sprint("run", n), CVR: trust.AnyCVR}), nil
		}), err)
	}, func(err error) (admitting.Answer, error) {
		if err != nil {
			f, _ := fault.Of(err)
			return admitting.Answer{Code: 500, Body: []byte(f.Text)}, nil
		}
		return admitting.Answer{Code: 200, Body: fmt.Appendf(nil, "answer of run %d", n)}, nil
	})
}

// effects are the runs that were committed.
func (s *server) effects() int {
	all, err := s.db.Grants().Grants(s.t.Context())
	require.NoError(s.t, err)
	return len(all)
}

func (s *server) lines() []string {
	var lines []string
	for _, e := range s.audit.Lines() {
		lines = append(lines, told(e))
	}
	return lines
}

func TestSameMessageAgain(t *testing.T) {
	another := func(edit func(*admitting.Call)) admitting.Call { return with(write(), edit) }
	t.Run("SA-19 same MessageID and Body twice, OC-04 two lines", func(t *testing.T) {
		s := newServer(t)
		first, second := s.call(&s.gate, write(), nil), s.call(&s.gate, write(), nil)
		require.NoError(t, first.Err)
		require.NoError(t, second.Err)
		assert.Equal(t, first.Answer, second.Answer)
		assert.Equal(t, "answer of run 1", string(second.Answer.Body))
		assert.Equal(t, 1, s.effects())
		assert.EqualValues(t, 1, s.runs.Load())
		assert.Equal(t, []string{"200 ", "200 replayed"}, s.lines())
		assert.False(t, first.Replayed)
		assert.True(t, second.Replayed)
	})
	t.Run("SA-21 other Body", func(t *testing.T) {
		s := newServer(t)
		require.NoError(t, s.call(&s.gate, write(), nil).Err)
		out := s.call(&s.gate, another(func(c *admitting.Call) { c.Payload = func() ([32]byte, error) { return [32]byte{2}, nil } }), nil)
		require.ErrorIs(t, out.Err, ports.ErrMessageIDReused)
		f, _ := fault.Of(out.Err)
		assert.Equal(t, fault.CodeSyntax, f.Code)
		assert.True(t, out.Refused)
		assert.Equal(t, 1, s.effects())
	})
	t.Run("SA-21 other caller or service", func(t *testing.T) {
		s := newServer(t)
		calls := []admitting.Call{
			write(),
			another(func(c *admitting.Call) { c.Caller.Org.CVR = "99999902" }),
			another(func(c *admitting.Call) { c.Caller.SystemName = "other" }),
			another(func(c *admitting.Call) { c.Caller.CPR = number(t, "0101010001") }),
			another(func(c *admitting.Call) { c.Caller.MessageID = "m2" }),
			another(func(c *admitting.Call) { c.Service = "other" }),
			another(func(c *admitting.Call) { c.Caller.Org.CVR, c.Caller.SystemName = "9", "9999902" }),
		}
		answers := map[string]bool{}
		for _, c := range calls {
			out := s.call(&s.gate, c, nil)
			require.NoError(t, out.Err)
			answers[string(out.Answer.Body)] = true
		}
		assert.Len(t, answers, len(calls), "each ran")
		for _, c := range calls {
			assert.True(t, s.call(&s.gate, c, nil).Replayed)
		}
		assert.Equal(t, len(calls), s.effects())
	})
	t.Run("SA-21 first answer was a fault", func(t *testing.T) {
		s := newServer(t)
		require.ErrorIs(t, s.call(&s.gate, write(), errRule).Err, errRule)
		s.audit.Fail(nil, errSecret)
		require.ErrorIs(t, s.call(&s.gate, write(), nil).Err, admitting.ErrAudit)
		s.audit.Fail(nil, nil)
		assert.Zero(t, s.effects())
		out := s.call(&s.gate, write(), nil)
		require.NoError(t, out.Err)
		assert.Equal(t, "answer of run 3", string(out.Answer.Body))
		assert.Equal(t, 1, s.effects())
	})
	t.Run("SA-22 resend with the card now expired", func(t *testing.T) {
		s := newServer(t)
		require.NoError(t, s.call(&s.gate, write(), nil).Err)
		expired := fault.Error{Kind: fault.Unauthenticated, Code: fault.CodeExpired, Text: "the ID card is too old"}
		out := s.call(&s.gate, another(func(c *admitting.Call) { c.Refused = expired }), nil)
		require.ErrorIs(t, out.Err, expired)
		assert.NotContains(t, string(out.Answer.Body), "run")
		assert.False(t, out.Replayed)
	})
	t.Run("SEC-31 kept 24 h", func(t *testing.T) {
		s := newServer(t)
		require.NoError(t, s.call(&s.gate, write(), nil).Err)
		s.time.Store(int64(24*time.Hour - 1))
		assert.True(t, s.call(&s.gate, write(), nil).Replayed)
		s.time.Store(int64(24 * time.Hour))
		assert.False(t, s.call(&s.gate, write(), nil).Replayed)
	})
	t.Run("SA-40 token again, again after 15 min", func(t *testing.T) {
		s := newServer(t)
		require.NoError(t, s.call(&s.gate, token(), nil).Err)
		for _, at := range []time.Duration{0, time.Minute, 15*time.Minute - 1} {
			s.time.Store(int64(at))
			out := s.call(&s.gate, token(), nil)
			require.ErrorIs(t, out.Err, ports.ErrSeen, "after %v", at)
			assert.True(t, out.Refused)
		}
		require.NoError(t, s.call(&s.gate, with(token(), func(c *admitting.Call) { c.Caller.Credential.Signer = [32]byte{8} }), nil).Err, "another signer")
		assert.Equal(t, 2, s.effects())
		s.time.Store(int64(15 * time.Minute))
		assert.NoError(t, s.call(&s.gate, token(), nil).Err, "its Created is too old by now, which is checked before")
	})
	t.Run("SA-40 token again after its call failed", func(t *testing.T) {
		s := newServer(t)
		require.ErrorIs(t, s.call(&s.gate, token(), errRule).Err, errRule)
		require.ErrorIs(t, s.call(&s.gate, token(), nil).Err, ports.ErrSeen, "it was used all the same")
	})
}

// atOnce makes n calls at once over two gates on one store.
func (s *server) atOnce(n int, c admitting.Call) []admitting.Outcome {
	second := s.gate
	outs := make([]admitting.Outcome, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range outs {
		g := &s.gate
		if i%2 == 1 {
			g = &second
		}
		wg.Go(func() {
			<-start
			outs[i] = s.call(g, c, nil)
		})
	}
	close(start)
	wg.Wait()
	return outs
}

func TestAtOnce(t *testing.T) {
	t.Run("SA-20 50 with one MessageID", func(t *testing.T) {
		s := newServer(t)
		for _, out := range s.atOnce(50, write()) {
			require.NoError(t, out.Err)
			assert.Equal(t, "answer of run 1", string(out.Answer.Body))
		}
		assert.EqualValues(t, 1, s.runs.Load())
		assert.Equal(t, 1, s.effects())
		lines := s.lines()
		slices.Sort(lines)
		assert.Equal(t, append([]string{"200 "}, slices.Repeat([]string{"200 replayed"}, 49)...), lines)
	})
	t.Run("SA-41 100 copies of one token message", func(t *testing.T) {
		s := newServer(t)
		accepted := 0
		for _, out := range s.atOnce(100, token()) {
			if out.Err == nil {
				accepted++
				continue
			}
			require.ErrorIs(t, out.Err, ports.ErrSeen)
		}
		assert.Equal(t, 1, accepted)
		assert.Equal(t, 1, s.effects())
	})
}

func TestTwinWaits(t *testing.T) {
	// first starts a call that has claimed its message when first returns, and ends with the error that end is given.
	first := func(s *server) (end func(error) admitting.Outcome) {
		begun, release, ended := make(chan struct{}), make(chan error), make(chan admitting.Outcome)
		go func() {
			ended <- s.gate.Do(t.Context(), write(), func(context.Context, identity.Caller) error {
				close(begun)
				return <-release
			}, func(err error) (admitting.Answer, error) {
				if err != nil {
					return admitting.Answer{Code: 500}, nil
				}
				return admitting.Answer{Code: 200, Body: []byte("first")}, nil
			})
		}()
		<-begun
		return func(err error) admitting.Outcome {
			release <- err
			return <-ended
		}
	}
	twin := func(s *server) <-chan admitting.Outcome {
		out := make(chan admitting.Outcome, 1)
		go func() { out <- s.call(&s.gate, write(), nil) }()
		return out
	}
	t.Run("SEC-31 for the answer of the first", func(t *testing.T) {
		s := newServer(t)
		end := first(s)
		out := twin(s)
		require.NoError(t, end(nil).Err)
		got := <-out
		require.NoError(t, got.Err)
		assert.Equal(t, "first", string(got.Answer.Body))
		assert.True(t, got.Replayed)
	})
	t.Run("SEC-31 and runs where the first failed", func(t *testing.T) {
		s := newServer(t)
		end := first(s)
		out := twin(s)
		require.ErrorIs(t, end(errRule).Err, errRule)
		got := <-out
		require.NoError(t, got.Err)
		assert.Equal(t, "answer of run 1", string(got.Answer.Body))
		assert.False(t, got.Replayed)
	})
	t.Run("SEC-31 not for ever", func(t *testing.T) {
		s := newServer(t)
		s.gate.Wait = time.Millisecond
		end := first(s)
		got := <-twin(s)
		require.ErrorIs(t, got.Err, admitting.ErrRunning)
		f, _ := fault.Of(got.Err)
		assert.Equal(t, fault.CodeProcessing, f.Code)
		assert.False(t, got.Refused, "it is no fault of the caller's")
		require.NoError(t, end(nil).Err)
		assert.Equal(t, "first", string((<-twin(s)).Answer.Body), "the claim of the first was left alone")
	})
}

func TestStoresDown(t *testing.T) {
	s := newServer(t)
	replies, seen := &portstest.FailingReplyStore{Replies: s.db.Replies()}, &portstest.FailingSeenStore{Seen: s.db.Seen()}
	s.gate.Replies, s.gate.Seen = replies, seen
	replies.OnBegin.FailFrom(1, errSecret)
	seen.OnMark.FailFrom(1, errSecret)
	read := with(write(), func(c *admitting.Call) { c.Policy.Resend = admitting.Recompute })
	for _, c := range []struct {
		name string
		call admitting.Call
		code string // of the fault
	}{
		{"SA-51 reply store down: DGWS write", write(), fault.CodeProcessing},
		{"SA-51 reply store down: DGWS read", read, ""},
		{"SA-51 replay store down: IDWS", token(), fault.CodeProcessing},
		{"SA-51 replay store down: DGWS read", read, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := s.runs.Load()
			out := s.call(&s.gate, c.call, nil)
			f, _ := fault.Of(out.Err)
			assert.Equal(t, c.code, f.Code)
			assert.Equal(t, c.code == "", s.runs.Load() > before, "the use case runs where the call is answered")
			assert.False(t, out.Refused)
		})
	}
	t.Run("SA-51 reply store down while the call runs", func(t *testing.T) {
		replies.OnBegin.Heal()
		replies.OnKeep.FailFrom(1, errSecret)
		before := s.effects()
		require.ErrorIs(t, s.call(&s.gate, write(), nil).Err, admitting.ErrInternal)
		assert.Equal(t, before, s.effects(), "no effect without its kept answer")
		replies.OnKeep.Heal()
		require.NoError(t, s.call(&s.gate, write(), nil).Err)
		assert.True(t, s.call(&s.gate, write(), nil).Replayed)
		assert.Equal(t, before+1, s.effects())
	})
	t.Run("SEC-31 a claim that was not given back lapses", func(t *testing.T) {
		c := with(write(), func(c *admitting.Call) { c.Caller.MessageID = "m2" })
		replies.OnDrop.FailFrom(1, errSecret)
		require.ErrorIs(t, s.call(&s.gate, c, errRule).Err, errRule)
		s.gate.Wait = time.Millisecond
		require.ErrorIs(t, s.call(&s.gate, c, nil).Err, admitting.ErrRunning)
		s.time.Store(int64(2 * time.Minute))
		require.NoError(t, s.call(&s.gate, c, nil).Err)
	})
}
