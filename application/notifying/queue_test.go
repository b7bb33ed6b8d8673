package notifying

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/nas"
)

// TestQueue: one at a time, and no more than a few who wait.
func TestQueue(t *testing.T) {
	var q queue
	at := place{nas.Owner{CVR: "33257872", System: "EPJ"}, "a"}
	leave, err := q.enter(t.Context(), at)
	require.NoError(t, err)
	waiting, give := context.WithCancel(t.Context())
	ended := make(chan error)
	for range crowd - 1 {
		go func() {
			_, err := q.enter(waiting, at)
			ended <- err
		}()
	}
	require.Eventually(t, func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.places[at].users == crowd
	}, time.Minute, time.Millisecond)
	_, err = q.enter(t.Context(), at)
	require.ErrorIs(t, err, errCrowd)
	elsewhere, err := q.enter(t.Context(), place{at.Owner, "b"})
	require.NoError(t, err, "another pull point")
	elsewhere()

	give()
	for range crowd - 1 {
		require.ErrorIs(t, <-ended, context.Canceled)
	}
	leave()
	assert.Empty(t, q.places, "nothing is kept of who has left")
	again, err := q.enter(t.Context(), at)
	require.NoError(t, err)
	again()
}
