package portstest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports"
)

// OpenMessageLog returns an empty message log, its administration and the unit of work that Append joins.
type OpenMessageLog func(*testing.T) (ports.MessageLog, ports.TopicAdmin, ports.UnitOfWork)

const topic messagelog.Topic = "portstest.records.v1"

// now reads everything that is there; ever waits for longer than any case.
var (
	now  = messagelog.ReadOptions{}
	ever = messagelog.ReadOptions{Timeout: time.Hour}
)

// MessageLog runs the contract of ports.MessageLog. Offsets need not be dense: a log may use some for marks of its own.
func MessageLog(t *testing.T, open OpenMessageLog) {
	t.Run("append", func(t *testing.T) { messageLogAppend(t, open) })
	t.Run("unit of work", func(t *testing.T) { messageLogUnits(t, open) })
	t.Run("read", func(t *testing.T) { messageLogRead(t, open) })
	t.Run("waiting", func(t *testing.T) { messageLogWaiting(t, open) })
	t.Run("concurrency", func(t *testing.T) { messageLogConcurrency(t, open) })
}

func messageLogAppend(t *testing.T, open OpenMessageLog) {
	t.Run("Append stores key, headers and value before it returns", func(t *testing.T) {
		log, ctx := made(t, open, 1)
		before := time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)
		require.NoError(t, log.Append(ctx, []messagelog.Record{
			{Topic: topic, Key: []byte{0, 1, 0xff}, Value: []byte("{\"æ\":1}"), Headers: []messagelog.Header{{Key: "nsp-format", Value: "1"}, {Key: "b", Value: ""}}},
			{Topic: topic, Key: []byte("k"), Value: []byte{}},
		}))
		got := all(ctx, t, log, 0)
		require.Len(t, got, 2)
		assert.Equal(t, []byte{0, 1, 0xff}, got[0].Key)
		assert.Equal(t, "{\"æ\":1}", string(got[0].Value))
		assert.Equal(t, []messagelog.Header{{Key: "nsp-format", Value: "1"}, {Key: "b", Value: ""}}, got[0].Headers)
		assert.Empty(t, got[1].Value)
		assert.Empty(t, got[1].Headers)
		assert.Less(t, got[0].Offset, got[1].Offset)
		for i, r := range got {
			assert.Equal(t, topic, r.Topic)
			assert.Equal(t, 0, r.Partition)
			assert.GreaterOrEqual(t, r.Offset, int64(i))
			assert.True(t, r.AppendedAt.After(before), "AppendedAt = %v", r.AppendedAt)
			assert.Equal(t, time.UTC, r.AppendedAt.Location())
		}
	})

	t.Run("equal keys go to one partition in the order given", func(t *testing.T) {
		log, ctx := made(t, open, 4)
		var recs []messagelog.Record
		for i := range 200 {
			recs = append(recs, record(fmt.Sprintf("key-%d", i%20), fmt.Sprintf("%03d", i)))
		}
		require.NoError(t, log.Append(ctx, recs[:100]))
		require.NoError(t, log.Append(ctx, recs[100:]))
		home, last, used, total := map[string]int{}, map[string]string{}, map[int]bool{}, 0
		for part := range 4 {
			for _, r := range all(ctx, t, log, part) {
				key, value := string(r.Key), string(r.Value)
				if p, known := home[key]; known {
					require.Equal(t, p, part, "partition of %s", key)
				}
				require.Less(t, last[key], value, "order of %s", key)
				home[key], last[key], used[part] = part, value, true
				total++
			}
		}
		assert.Equal(t, 200, total)
		assert.Greater(t, len(used), 1, "20 keys share one of 4 partitions")
	})

	t.Run("records without a key go to the partition of their Spread, those of one Spread in the order given", func(t *testing.T) {
		log, ctx := made(t, open, 4)
		spreads := []uint64{0, 1, 2, 3, 4, 7, 1 << 32, 1<<63 + 1, 1<<64 - 1}
		var recs []messagelog.Record
		for i := range 90 {
			s := spreads[i%len(spreads)]
			recs = append(recs, messagelog.Record{Topic: topic, Spread: s, Value: fmt.Appendf(nil, "%d/%03d", s, i)})
		}
		require.NoError(t, log.Append(ctx, recs[:45]))
		require.NoError(t, log.Append(ctx, recs[45:]))
		last, total := map[uint64]int{}, 0
		for part := range 4 {
			for _, r := range all(ctx, t, log, part) {
				var spread uint64
				var n int
				_, err := fmt.Sscanf(string(r.Value), "%d/%d", &spread, &n)
				require.NoError(t, err)
				require.Equal(t, int(spread%4), part, "partition of Spread %d", spread) //nolint:gosec // below 4
				require.GreaterOrEqual(t, n, last[spread], "order of Spread %d", spread)
				require.Empty(t, r.Key)
				last[spread] = n
				total++
			}
		}
		assert.Equal(t, 90, total)
	})

	t.Run("the key decides where there is one, whatever the Spread", func(t *testing.T) {
		log, ctx := made(t, open, 4)
		var recs []messagelog.Record
		for i := range 16 {
			recs = append(recs, messagelog.Record{Topic: topic, Key: []byte("k"), Spread: uint64(i), Value: []byte("v")}) //nolint:gosec // few
		}
		require.NoError(t, log.Append(ctx, recs))
		var used []int
		for part := range 4 {
			if n := len(all(ctx, t, log, part)); n > 0 {
				used = append(used, n)
			}
		}
		assert.Equal(t, []int{16}, used, "records of each partition that has any")
	})

	t.Run("Append of several topics stores all", func(t *testing.T) {
		log, admin, _ := open(t)
		ctx := bounded(t)
		require.NoError(t, admin.CreateTopic(ctx, "b", messagelog.Spec{Partitions: 1}))
		require.NoError(t, admin.CreateTopic(ctx, "a", messagelog.Spec{Partitions: 1}))
		require.NoError(t, log.Append(ctx, []messagelog.Record{{Topic: "b", Value: []byte("1")}, {Topic: "a", Value: []byte("2")}, {Topic: "b", Value: []byte("3")}}))
		bounds, err := log.Bounds(ctx, []messagelog.Topic{"a", "b"})
		require.NoError(t, err)
		require.Len(t, bounds, 2)
		for topic, want := range map[messagelog.Topic][]string{"a": {"2"}, "b": {"1", "3"}} {
			require.Len(t, bounds[topic], 1)
			assert.Equal(t, want, values(between(ctx, t, log, topic, bounds[topic][0])))
		}
	})

	t.Run("Append to a missing topic stores none", func(t *testing.T) {
		log, ctx := made(t, open, 1)
		err := log.Append(ctx, []messagelog.Record{record("k", "1"), {Topic: "missing", Value: []byte("2")}})
		require.ErrorIs(t, err, messagelog.ErrNoTopic)
		assert.Empty(t, all(ctx, t, log, 0))
	})

	t.Run("Append of nothing stores nothing", func(t *testing.T) {
		log, ctx := made(t, open, 1)
		require.NoError(t, log.Append(ctx, nil))
		assert.Empty(t, all(ctx, t, log, 0))
	})

	t.Run("Append keeps nothing of the records after it returns", func(t *testing.T) {
		log, ctx := made(t, open, 1)
		recs := []messagelog.Record{{Topic: topic, Key: []byte("key"), Value: []byte("value"), Headers: []messagelog.Header{{Key: "h", Value: "v"}}}}
		require.NoError(t, log.Append(ctx, recs))
		copy(recs[0].Key, "xxx")
		copy(recs[0].Value, "xxxxx")
		recs[0].Headers[0].Value = "x"
		got := all(ctx, t, log, 0)
		require.Len(t, got, 1)
		assert.Equal(t, "key", string(got[0].Key))
		assert.Equal(t, "value", string(got[0].Value))
		assert.Equal(t, "v", got[0].Headers[0].Value)
	})

	for _, n := range []int{1, 99, 100, 101, 1001, 5003} {
		t.Run(fmt.Sprintf("Append of %d records keeps each", n), func(t *testing.T) {
			log, ctx := made(t, open, 1)
			recs := make([]messagelog.Record, n)
			for i := range recs {
				recs[i] = record("k", fmt.Sprint(i))
			}
			require.NoError(t, log.Append(ctx, recs))
			got := all(ctx, t, log, 0)
			require.Len(t, got, n)
			last := int64(-1)
			for i, r := range got {
				require.Greater(t, r.Offset, last)
				require.Equal(t, fmt.Sprint(i), string(r.Value))
				last = r.Offset
			}
			assert.Less(t, last, end(ctx, t, log))
		})
	}
}

func messageLogUnits(t *testing.T, open OpenMessageLog) {
	t.Run("records become readable at the commit, not before", func(t *testing.T) {
		log, admin, units := open(t)
		outer := bounded(t)
		require.NoError(t, admin.CreateTopic(outer, topic, messagelog.Spec{Partitions: 1}))
		require.NoError(t, units.Run(outer, func(ctx context.Context) error {
			require.NoError(t, log.Append(ctx, []messagelog.Record{record("k", "1")}))
			require.NoError(t, log.Append(ctx, []messagelog.Record{record("k", "2")}))
			assert.Empty(t, all(ctx, t, log, 0), "Read within the unit")
			bounds, err := log.Bounds(ctx, []messagelog.Topic{topic})
			require.NoError(t, err)
			assert.Equal(t, messagelog.Bounds{}, bounds[topic][0], "Bounds within the unit")
			return nil
		}, nothing))
		assert.Equal(t, []string{"1", "2"}, values(all(outer, t, log, 0)))
	})

	t.Run("a rollback leaves nothing and takes no offset that a reader waits for", func(t *testing.T) {
		log, admin, units := open(t)
		ctx := bounded(t)
		require.NoError(t, admin.CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
		err := units.Run(ctx, func(ctx context.Context) error {
			return log.Append(ctx, []messagelog.Record{record("k", "lost")})
		}, func(context.Context) error { return errBoom })
		require.Equal(t, errBoom, err)
		assert.Empty(t, all(ctx, t, log, 0))
		require.NoError(t, log.Append(ctx, []messagelog.Record{record("k", "kept")}))
		assert.Equal(t, []string{"kept"}, values(all(ctx, t, log, 0)))
		assert.Equal(t, []string{"kept"}, values(between(ctx, t, log, topic, bounds(ctx, t, log))))
	})

	t.Run("what is appended apart from the unit is stored by itself, and stays when the unit rolls back", func(t *testing.T) {
		log, admin, units := open(t)
		ctx := bounded(t)
		require.NoError(t, admin.CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
		require.ErrorIs(t, units.Run(ctx, func(ctx context.Context) error {
			require.NoError(t, log.Append(ports.Apart(ctx), []messagelog.Record{record("k", "apart")}))
			require.False(t, ports.Written(ctx), "the unit has not written")
			require.NoError(t, log.Append(ctx, []messagelog.Record{record("k", "lost")}))
			require.True(t, ports.Written(ctx), "the unit has written")
			return errBoom
		}, nothing), errBoom)
		assert.Equal(t, []string{"apart"}, values(all(ctx, t, log, 0)))
	})

	t.Run("an Append that fails leaves the unit as it was", func(t *testing.T) {
		log, admin, units := open(t)
		ctx := bounded(t)
		require.NoError(t, admin.CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
		require.NoError(t, units.Run(ctx, func(ctx context.Context) error {
			require.NoError(t, log.Append(ctx, []messagelog.Record{record("k", "1")}))
			require.ErrorIs(t, log.Append(ctx, []messagelog.Record{record("k", "2"), {Topic: "missing"}}), messagelog.ErrNoTopic)
			return log.Append(ctx, []messagelog.Record{record("k", "3")})
		}, nothing))
		assert.Equal(t, []string{"1", "3"}, values(all(ctx, t, log, 0)))
	})
}

func messageLogRead(t *testing.T, open OpenMessageLog) {
	t.Run("Read yields from (inclusive) to (exclusive) in offset order", func(t *testing.T) {
		log, ctx := filled(t, open, 10)
		at := append(offsets(all(ctx, t, log, 0)), end(ctx, t, log))
		for _, c := range []struct {
			from, to int // indices of at
			want     []string
		}{
			{0, 10, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}},
			{3, 5, []string{"3", "4"}},
			{9, 10, []string{"9"}},
			{7, -1, []string{"7", "8", "9"}},
			{10, -1, nil},
			{4, 4, nil},
			{5, 4, nil},
		} {
			var got []messagelog.Record
			from, to, opt := at[c.from], int64(-1), now
			if c.to >= 0 {
				to, opt = at[c.to], ever
			}
			for batch, err := range log.Read(ctx, topic, 0, from, to, opt) {
				require.NoError(t, err)
				if to >= 0 {
					require.LessOrEqual(t, batch.Next, to)
				}
				got = append(got, clone(batch.Records)...)
			}
			assert.Equal(t, c.want, values(got), "Read(%d, %d)", c.from, c.to)
		}
	})

	t.Run("Next always advances and a batch holds at most MaxRecords", func(t *testing.T) {
		log, ctx := filled(t, open, 25)
		at, n, end := int64(0), 0, end(ctx, t, log)
		for batch, err := range log.Read(ctx, topic, 0, 0, end, messagelog.ReadOptions{MaxRecords: 4, Timeout: time.Hour}) {
			require.NoError(t, err)
			require.Greater(t, batch.Next, at)
			require.LessOrEqual(t, len(batch.Records), 4)
			for _, r := range batch.Records {
				require.GreaterOrEqual(t, r.Offset, at)
				require.Less(t, r.Offset, batch.Next)
			}
			at, n = batch.Next, n+len(batch.Records)
		}
		assert.Equal(t, end, at)
		assert.Equal(t, 25, n)
	})

	t.Run("a reader that stops can go on at Next", func(t *testing.T) {
		log, ctx := filled(t, open, 7)
		var got []string
		at := int64(0)
		for len(got) < 7 && ctx.Err() == nil {
			for batch, err := range log.Read(ctx, topic, 0, at, -1, messagelog.ReadOptions{MaxRecords: 3}) {
				require.NoError(t, err)
				got = append(got, values(clone(batch.Records))...)
				at = batch.Next
				break
			}
		}
		for batch, err := range log.Read(ctx, topic, 0, at, -1, now) {
			require.NoError(t, err)
			assert.Empty(t, batch.Records)
		}
		assert.Equal(t, []string{"0", "1", "2", "3", "4", "5", "6"}, got)
	})

	t.Run("a missing topic or partition is ErrNoTopic", func(t *testing.T) {
		log, ctx := filled(t, open, 1)
		require.ErrorIs(t, readError(ctx, log, "missing", 0, 0, -1, now), messagelog.ErrNoTopic)
		require.ErrorIs(t, readError(ctx, log, topic, 7, 0, -1, now), messagelog.ErrNoTopic)
		require.ErrorIs(t, readError(ctx, log, topic, -1, 0, -1, now), messagelog.ErrNoTopic)
		_, err := log.Bounds(ctx, []messagelog.Topic{topic, "missing"})
		require.ErrorIs(t, err, messagelog.ErrNoTopic)
	})

	t.Run("records below the first kept offset are ErrGone", func(t *testing.T) {
		log, admin, _ := open(t)
		ctx := bounded(t)
		fill(ctx, t, log, admin, 6)
		at, end := offsets(all(ctx, t, log, 0)), end(ctx, t, log)
		require.NoError(t, admin.Trim(ctx, topic, 0, at[4]))
		for _, from := range []int64{0, at[3]} {
			require.ErrorIs(t, readError(ctx, log, topic, 0, from, -1, now), messagelog.ErrGone, "Read(%d, end)", from)
			require.ErrorIs(t, readError(ctx, log, topic, 0, from, end, now), messagelog.ErrGone, "Read(%d, %d)", from, end)
		}
		require.NoError(t, readError(ctx, log, topic, 0, at[4], end, ever))
		require.NoError(t, admin.Trim(ctx, topic, 0, end))
		require.ErrorIs(t, readError(ctx, log, topic, 0, at[5], -1, now), messagelog.ErrGone, "all trimmed")
		require.NoError(t, readError(ctx, log, topic, 0, end, -1, now))
	})
}

func messageLogWaiting(t *testing.T, open OpenMessageLog) {
	t.Run("a read without end waits for the timeout at the end and stops", func(t *testing.T) {
		log, ctx := filled(t, open, 2)
		const timeout = 50 * time.Millisecond
		started, n := time.Now(), 0
		for batch, err := range log.Read(ctx, topic, 0, 0, -1, messagelog.ReadOptions{Timeout: timeout}) {
			require.NoError(t, err)
			n += len(batch.Records)
		}
		assert.Equal(t, 2, n)
		assert.GreaterOrEqual(t, time.Since(started), timeout)
	})

	t.Run("a reader that waits goes on at once when a record arrives", func(t *testing.T) {
		log, ctx := filled(t, open, 2)
		end := end(ctx, t, log)
		got := make(chan string)
		go func() {
			defer close(got)
			n := 0
			for batch, err := range log.Read(ctx, topic, 0, end, -1, ever) {
				if err != nil {
					return
				}
				for _, r := range batch.Records {
					select {
					case got <- string(r.Value):
						n++
					case <-ctx.Done():
					}
				}
				if n == 2 {
					return
				}
			}
		}()
		for _, want := range []string{"x", "y"} {
			require.NoError(t, log.Append(ctx, []messagelog.Record{record("k", want)}))
			select {
			case value := <-got:
				assert.Equal(t, want, value)
			case <-ctx.Done():
				t.Fatalf("Read sleeps over the record %q", want)
			}
		}
		_, more := <-got
		assert.False(t, more)
	})

	t.Run("a read to an offset that is not there is ErrStalled after the timeout", func(t *testing.T) {
		log, ctx := filled(t, open, 2)
		n, err := 0, error(nil)
		for batch, e := range log.Read(ctx, topic, 0, 0, end(ctx, t, log)+1, messagelog.ReadOptions{Timeout: 10 * time.Millisecond}) {
			n, err = n+len(batch.Records), e
		}
		require.ErrorIs(t, err, messagelog.ErrStalled)
		assert.Equal(t, 2, n, "records before the error")
	})

	t.Run("a context that ends ends the wait", func(t *testing.T) {
		log, ctx := filled(t, open, 1)
		end := end(ctx, t, log)
		ctx, cancel := context.WithCancel(ctx)
		done := make(chan error)
		go func() { done <- readError(ctx, log, topic, 0, end, -1, ever) }()
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
}

func messageLogConcurrency(t *testing.T, open OpenMessageLog) {
	t.Run("the order of commits is the order of offsets: no reader passes a lower one", func(t *testing.T) {
		log, admin, units := open(t)
		ctx := bounded(t)
		require.NoError(t, admin.CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
		const writers, each, size = 6, 8, 3
		want := 0
		for i := range writers * each {
			if i%each%3 != 2 {
				want += size
			}
		}
		type seen struct {
			values []string
			err    error
		}
		read := make(chan seen)
		go func() { // reads from the start while the units commit
			var s seen
			last := int64(-1)
			for batch, err := range log.Read(ctx, topic, 0, 0, -1, messagelog.ReadOptions{Timeout: patience, MaxRecords: 5}) {
				if err != nil {
					s.err = err
					break
				}
				for _, r := range batch.Records {
					if r.Offset <= last {
						s.err = fmt.Errorf("offset %d after %d", r.Offset, last)
					}
					last = r.Offset
					s.values = append(s.values, string(r.Value))
				}
				if len(s.values) >= want {
					break
				}
			}
			read <- s
		}()
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					_ = units.Run(ctx, func(ctx context.Context) error {
						recs := make([]messagelog.Record, size)
						for j := range recs {
							recs[j] = record("k", fmt.Sprintf("%d/%03d/%d", w, i, j))
						}
						return log.Append(ctx, recs)
					}, func(context.Context) error {
						if i%3 == 2 {
							return errBoom
						}
						return nil
					})
				}
			})
		}
		wg.Wait()
		got := <-read
		require.NoError(t, got.err)
		assert.Equal(t, values(all(ctx, t, log, 0)), got.values, "what the reader saw on the way is what is there")
		require.Len(t, got.values, want)
		perWriter := map[byte]string{}
		for _, v := range got.values {
			require.Less(t, perWriter[v[0]], v, "order within a writer")
			perWriter[v[0]] = v
		}
	})
}

func made(t *testing.T, open OpenMessageLog, partitions int) (ports.MessageLog, context.Context) {
	t.Helper()
	log, admin, _ := open(t)
	ctx := bounded(t)
	require.NoError(t, admin.CreateTopic(ctx, topic, messagelog.Spec{Partitions: partitions}))
	return log, ctx
}

func filled(t *testing.T, open OpenMessageLog, n int) (ports.MessageLog, context.Context) {
	t.Helper()
	log, admin, _ := open(t)
	ctx := bounded(t)
	fill(ctx, t, log, admin, n)
	return log, ctx
}

// fill makes the topic with one partition and the records "0", "1", …
func fill(ctx context.Context, t *testing.T, log ports.MessageLog, admin ports.TopicAdmin, n int) {
	t.Helper()
	require.NoError(t, admin.CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
	recs := make([]messagelog.Record, n)
	for i := range recs {
		recs[i] = record("k", fmt.Sprint(i))
	}
	require.NoError(t, log.Append(ctx, recs))
}

func record(key, value string) messagelog.Record {
	return messagelog.Record{Topic: topic, Key: []byte(key), Value: []byte(value)}
}

// all reads what a partition holds from 0 to its end.
func all(ctx context.Context, t *testing.T, log ports.MessageLog, part int) (recs []messagelog.Record) {
	t.Helper()
	for batch, err := range log.Read(ctx, topic, part, 0, -1, now) {
		require.NoError(t, err)
		recs = append(recs, clone(batch.Records)...)
	}
	return recs
}

// between reads b, which are the bounds of partition 0 of a topic, to its end, which is reached without waiting.
func between(ctx context.Context, t *testing.T, log ports.MessageLog, topic messagelog.Topic, b messagelog.Bounds) (recs []messagelog.Record) {
	t.Helper()
	next := b.First
	for batch, err := range log.Read(ctx, topic, 0, b.First, b.End, ever) {
		require.NoError(t, err)
		recs, next = append(recs, clone(batch.Records)...), batch.Next
	}
	require.Equal(t, b.End, next, "where a read to the end ends")
	return recs
}

// bounds are those of the one partition of the topic.
func bounds(ctx context.Context, t *testing.T, log ports.MessageLog) messagelog.Bounds {
	t.Helper()
	bounds, err := log.Bounds(ctx, []messagelog.Topic{topic})
	require.NoError(t, err)
	require.Len(t, bounds[topic], 1)
	return bounds[topic][0]
}

func end(ctx context.Context, t *testing.T, log ports.MessageLog) int64 {
	t.Helper()
	return bounds(ctx, t, log).End
}

func offsets(recs []messagelog.Record) (all []int64) {
	for _, r := range recs {
		all = append(all, r.Offset)
	}
	return all
}

func readError(ctx context.Context, log ports.MessageLog, t messagelog.Topic, part int, from, to int64, opt messagelog.ReadOptions) (err error) {
	for _, err = range log.Read(ctx, t, part, from, to, opt) {
		if err != nil {
			return err
		}
	}
	return nil
}

// clone copies records, whose values are valid until the next step only.
func clone(recs []messagelog.Record) []messagelog.Record {
	recs = slices.Clone(recs)
	for i := range recs {
		recs[i].Key, recs[i].Value, recs[i].Headers = slices.Clone(recs[i].Key), slices.Clone(recs[i].Value), slices.Clone(recs[i].Headers)
	}
	return recs
}

func values(recs []messagelog.Record) (vs []string) {
	for _, r := range recs {
		vs = append(vs, string(r.Value))
	}
	return vs
}
