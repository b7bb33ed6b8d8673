package e2e

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/tests/nsptest"
)

const (
	otherBody = `<sec:OpenSession xmlns:sec="urn:opennsp:security:1"> </sec:OpenSession>`
	otherCVR  = "99999902"
)

// TestMessagesThatComeAgain sends messages more than once.
func TestMessagesThatComeAgain(t *testing.T) {
	operation := &nsptest.Operation{}
	var failing atomic.Bool
	operation.Before = func(context.Context, identity.Caller) error {
		if failing.Load() {
			return fault.Error{Kind: fault.Conflict, Code: "test_conflict", Text: "not now"}
		}
		return nil
	}
	onEveryStore(t, nsptest.Options{Services: operation.Services}, func(t *testing.T, s *nsptest.Server) {
		system := s.System("99999901")
		ran := func() int { return len(operation.Callers()) }
		t.Run("SA-19 the same message twice", func(t *testing.T) {
			before, message := ran(), system.Message("again-1", nsptest.OperationBody)
			lines := len(s.AuditLines(t))
			first, second := s.Post(t, nsptest.WritePath, message), s.Post(t, nsptest.WritePath, message)
			require.Equal(t, http.StatusOK, first.Status, "%s", first.Body)
			assert.Equal(t, http.StatusOK, second.Status)
			assert.Equal(t, string(first.Body), string(second.Body), "the answer that was kept, octet for octet")
			assert.Equal(t, first.Header.Get("Content-Type"), second.Header.Get("Content-Type"))
			assert.Equal(t, before+1, ran())
			t.Run("OC-04 two lines, the second replayed", func(t *testing.T) {
				told := s.AuditLines(t)[lines:]
				require.Len(t, told, 2)
				assert.NotContains(t, told[0], "replayed")
				assert.Contains(t, told[1], `{"key":"outcome","type":"NPI","value":"replayed"}`)
			})
		})
		t.Run("SA-20 50 at once", func(t *testing.T) {
			before, message := ran(), system.Message("again-50", nsptest.OperationBody)
			answers := make([]nsptest.Answer, 50)
			var all sync.WaitGroup
			for i := range answers {
				all.Go(func() { answers[i] = s.Post(t, nsptest.WritePath, message) })
			}
			all.Wait()
			assert.Equal(t, before+1, ran())
			for _, a := range answers {
				assert.Equal(t, http.StatusOK, a.Status)
				assert.True(t, bytes.Equal(answers[0].Body, a.Body), "%s", a.Body)
			}
		})
		t.Run("SA-21 another body", func(t *testing.T) {
			require.Equal(t, http.StatusOK, s.Post(t, nsptest.WritePath, system.Message("again-2", nsptest.OperationBody)).Status)
			before := ran()
			answer := s.Post(t, nsptest.WritePath, system.Message("again-2", otherBody))
			assert.Equal(t, fault.CodeSyntax, answer.FaultCode)
			assert.Equal(t, "MessageID already used", answer.Text)
			assert.Equal(t, before, ran())
		})
		t.Run("SA-21 another organisation", func(t *testing.T) {
			require.Equal(t, http.StatusOK, s.Post(t, nsptest.WritePath, system.Message("again-3", nsptest.OperationBody)).Status)
			before := ran()
			require.Equal(t, http.StatusOK, s.Post(t, nsptest.WritePath, s.System(otherCVR).Message("again-3", nsptest.OperationBody)).Status)
			assert.Equal(t, before+1, ran())
		})
		t.Run("SA-21 the first answer was a fault", func(t *testing.T) {
			message, before := system.Message("again-4", nsptest.OperationBody), ran()
			failing.Store(true)
			assert.Equal(t, "test_conflict", s.Post(t, nsptest.WritePath, message).FaultCode)
			failing.Store(false)
			assert.Equal(t, http.StatusOK, s.Post(t, nsptest.WritePath, message).Status)
			assert.Equal(t, before+1, ran())
		})
		t.Run("a read is carried out again", func(t *testing.T) {
			message, before := system.Message("again-5", nsptest.OperationBody), ran()
			first, second := s.Post(t, nsptest.OperationPath, message), s.Post(t, nsptest.OperationPath, message)
			assert.Equal(t, []int{200, 200}, []int{first.Status, second.Status})
			assert.Equal(t, before+2, ran())
		})
		t.Run("the answer is forgotten after a day", func(t *testing.T) {
			at := s.Clock.Now()
			defer s.Clock.Set(at)
			require.Equal(t, http.StatusOK, s.Post(t, nsptest.WritePath, system.Message("again-6", nsptest.OperationBody)).Status)
			s.Clock.Set(at.Add(24 * time.Hour))
			before := ran()
			require.Equal(t, http.StatusOK, s.Post(t, nsptest.WritePath, s.System("99999901").Message("again-6", nsptest.OperationBody)).Status)
			assert.Equal(t, before+1, ran())
		})
		t.Run("SA-22 the card has expired since", func(t *testing.T) {
			at := s.Clock.Now()
			defer s.Clock.Set(at)
			message := system.Message("again-7", nsptest.OperationBody)
			first := s.Post(t, nsptest.WritePath, message)
			require.Equal(t, http.StatusOK, first.Status)
			s.Clock.Set(at.Add(24 * time.Hour))
			before, second := ran(), s.Post(t, nsptest.WritePath, message)
			assert.Equal(t, fault.CodeExpired, second.FaultCode)
			assert.NotContains(t, string(second.Body), "Token", "not the answer that was kept")
			assert.Equal(t, before, ran())
		})
	})
}

// down is a store of which nothing can be read or written.
type (
	noReplies struct{ ports.ReplyStore }
	noSeen    struct{ ports.SeenStore }
)

var errDown = errors.New("the store is down")

func (noReplies) Begin(context.Context, ports.ReplyKey, [32]byte, time.Time) ([]byte, *ports.ReplyClaim, error) {
	return nil, nil, errDown
}

func (noSeen) Mark(context.Context, [32]byte, string, time.Time) error { return errDown }

func TestStoresOfSecurityDown(t *testing.T) {
	operation := &nsptest.Operation{}
	s := nsptest.Start(t, nsptest.Options{
		Services: operation.Services,
		Replies:  func(r ports.ReplyStore) ports.ReplyStore { return noReplies{r} },
		Seen:     func(r ports.SeenStore) ports.SeenStore { return noSeen{r} },
	})
	system := s.System("99999901")
	t.Run("SA-51 DGWS write", func(t *testing.T) {
		answer := s.Post(t, nsptest.WritePath, system.Message("down-1", nsptest.OperationBody))
		assert.Equal(t, fault.CodeProcessing, answer.FaultCode)
		assert.Empty(t, operation.Callers())
		assert.False(t, strings.Contains(string(answer.Body), errDown.Error()))
	})
	t.Run("SA-51 IDWS", func(t *testing.T) {
		answer := s.Post(t, nsptest.OperationPath, s.Citizen("2512489996").Message("down-2", nsptest.OperationBody))
		assert.Equal(t, fault.CodeProcessing, answer.FaultCode)
		assert.Empty(t, operation.Callers())
	})
	t.Run("SA-51 DGWS read", func(t *testing.T) {
		assert.Equal(t, http.StatusOK, s.Post(t, nsptest.OperationPath, system.Message("down-3", nsptest.OperationBody)).Status)
		assert.Len(t, operation.Callers(), 1)
	})
}
