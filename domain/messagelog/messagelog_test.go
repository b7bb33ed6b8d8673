package messagelog_test

import (
	"hash/fnv"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
)

// TestKindsOfErrors fixes what a caller of the log can tell apart.
func TestKindsOfErrors(t *testing.T) {
	assert.True(t, fault.Is(messagelog.ErrExists, fault.Conflict))
	assert.True(t, fault.Is(messagelog.ErrNoTopic, fault.NotFound))
	assert.True(t, fault.Is(messagelog.ErrGone, fault.Gone))
	for _, ours := range []error{messagelog.ErrStalled, messagelog.ErrOutcomeUnknown} {
		_, told := fault.Of(ours)
		assert.False(t, told, "%v is not told to a client", ours)
	}
}

// TestPartitionOf fixes the partition of a record. Records that are stored depend on it: another choice would part those of one key.
func TestPartitionOf(t *testing.T) {
	const partitions = 6
	for _, c := range []struct {
		name string
		r    messagelog.Record
		want int
	}{
		{"FNV-1a of the key, whose value is published (0xe40c292c for a)", messagelog.Record{Key: []byte("a")}, 0xe40c292c % partitions},
		{"FNV-1a of a longer key (0xbf9cf968 for foobar)", messagelog.Record{Key: []byte("foobar")}, 0xbf9cf968 % partitions},
		{"a key counts before Spread", messagelog.Record{Key: []byte("a"), Spread: 1}, 0xe40c292c % partitions},
		{"Spread without a key", messagelog.Record{Spread: 13}, 1},
		{"Spread where the key is empty", messagelog.Record{Key: []byte{}, Spread: 13}, 1},
		{"Spread of more bits than a sign leaves", messagelog.Record{Spread: math.MaxUint64}, 3},
		{"neither", messagelog.Record{}, 0},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, c.r.PartitionOf(partitions)) })
	}
	t.Run("it is one that there is, the key's or Spread's alone", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			r := messagelog.Record{Key: rapid.SliceOf(rapid.Byte()).Draw(t, "key"), Spread: rapid.Uint64().Draw(t, "spread")}
			n := rapid.IntRange(1, 1000).Draw(t, "partitions")
			got := r.PartitionOf(n)
			require.True(t, 0 <= got && got < n, "PartitionOf(%d) = %d", n, got)
			want := int(r.Spread % uint64(n)) //nolint:gosec // small
			if len(r.Key) > 0 {
				h := fnv.New32a()
				h.Write(r.Key)
				want = int(h.Sum32() % uint32(n)) //nolint:gosec // small
			}
			require.Equal(t, want, got)
			r.Value, r.Topic, r.Partition, r.Offset = []byte("x"), "t", 7, 9
			require.Equal(t, got, r.PartitionOf(n))
		})
	})
	t.Run("running numbers go round", func(t *testing.T) {
		var n [partitions]int
		for i := range 10 * partitions {
			r := messagelog.Record{Spread: uint64(i)} //nolint:gosec // small
			n[r.PartitionOf(partitions)]++
		}
		for p, got := range n {
			assert.Equal(t, 10, got, "partition %d", p)
		}
	})
}
