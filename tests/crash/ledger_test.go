package crash

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/tests/process"
)

// fate is what the client of a bulk knows of it.
type fate int

const (
	refused      fate = iota // with certainty: nothing of it may be found
	doubtful                 // all of it may be found, or nothing
	acknowledged             // all of it has to be found, once
)

// fateOf tells what an answer to a registration, or none, says of the bulk.
func fateOf(added int, err error) fate {
	var f *soap.Fault
	switch {
	case err == nil && added == bulkEntries:
		return acknowledged
	case errors.As(err, &f) && f.FaultString != admitting.ErrOutcomeUnknown.Text, errors.Is(err, syscall.ECONNREFUSED):
		return refused
	default:
		return doubtful
	}
}

// ledger is what the clients of a test know of their bulks. It is safe for concurrent use.
type ledger struct {
	mu     sync.Mutex
	bulks  map[string]fate // by message id
	counts map[fate]int    // of the answers
	codes  map[string]int  // of the faults
}

func newLedger() *ledger {
	return &ledger{bulks: map[string]fate{}, counts: map[fate]int{}, codes: map[string]int{}}
}

// note adds the answer to an attempt. What was acknowledged, or is in doubt, stays so whatever a later attempt says.
func (l *ledger) note(id string, f fate, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bulks[id] = max(l.bulks[id], f)
	l.counts[f]++
	var fault *soap.Fault
	if errors.As(err, &fault) {
		l.codes[fault.Code]++
	}
}

// count returns how many answers there were of a kind.
func (l *ledger) count(f fate) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts[f]
}

// atLeast waits until n more answers of a kind have come.
func (l *ledger) atLeast(t *testing.T, n int, f fate, while string) {
	t.Helper()
	before := l.count(f)
	require.Eventually(t, func() bool { return l.count(f) >= before+n }, time.Minute, 10*time.Millisecond, "%s: answers of the wanted kind", while)
}

// register sends bulks until ctx ends, one after the other, each up to attempts times to any of the clients' servers until it is acknowledged.
func (l *ledger) register(ctx context.Context, attempts int, clients ...*process.Client) {
	for ctx.Err() == nil {
		id := uuid.NewString()
		message := body(id)
		for range attempts {
			added, err := clients[rand.IntN(len(clients))].Register(ctx, id, message)
			f := fateOf(added, err)
			l.note(id, f, err)
			if f == acknowledged {
				break
			}
			select {
			case <-time.After(20 * time.Millisecond): // as a client that was refused waits a little
			case <-ctx.Done():
			}
		}
	}
}

// verify holds what was found, by correlation id, against what the clients know.
func (l *ledger) verify(t *testing.T, found map[string]int) {
	t.Helper()
	bulks := map[fate]int{}
	entries, all, doubled := 0, 0, 0
	for id, f := range l.bulks {
		bulks[f]++
		n := 0
		for i := range bulkEntries {
			times := found[entryID(id, i)]
			all += times
			if times > 0 {
				n++
			}
			if times > 1 {
				doubled++
			}
		}
		switch f {
		case acknowledged:
			entries += n
			assert.Equal(t, bulkEntries, n, "entries found of an acknowledged bulk")
		case refused:
			assert.Zero(t, n, "entries found of a refused bulk")
		default:
			assert.Contains(t, []int{0, bulkEntries}, n, "a bulk is stored as a whole or not at all")
		}
	}
	assert.Zero(t, doubled, "duplicates")
	total := 0
	for _, n := range found {
		total += n
	}
	assert.Equal(t, total, all, "nothing is found that nobody sent")
	assert.NotContains(t, l.codes, "", "every fault has a code")
	delete(l.codes, "processing_problem")
	assert.Empty(t, l.codes, "whoever is refused for our sake hears processing_problem")
	require.NotZero(t, bulks[acknowledged], "nothing was acknowledged: the test shows nothing")
	t.Logf("acknowledged = found = %d entries, duplicates = %d; bulks: %d acknowledged, %d refused, %d in doubt",
		entries, doubled, bulks[acknowledged], bulks[refused], bulks[doubtful])
}

// counted tells how often each correlation id is in the log of the sample doctor.
func counted(t *testing.T, reader *process.Client) map[string]int {
	t.Helper()
	ids, err := reader.CorrelationIDs(t.Context(), doctor)
	require.NoError(t, err)
	found := map[string]int{}
	for _, id := range ids {
		found[id]++
	}
	return found
}
