package kafka

import (
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/messagelog"
)

// simulated is a partition as its leader sees it.
type simulated struct {
	batches   []*sarama.RecordBatch
	aborted   []span
	committed []int64 // offsets of the records that a reader shall see
	first     int64
	end       int64
}

// span is an aborted transaction from its first record to its marker.
type span struct{ producer, first, marker int64 }

// simulate lets a few producers write batches and end transactions in any order.
func simulate(t *rapid.T) *simulated {
	first := rapid.Int64Range(0, 3).Draw(t, "first")
	s := &simulated{first: first, end: first}
	open := map[int64][]int64{} // offsets by producer
	finish := func(producer int64, commit bool) {
		offsets := open[producer]
		delete(open, producer)
		kind := byte(0)
		if commit {
			kind, s.committed = 1, append(s.committed, offsets...)
		} else {
			s.aborted = append(s.aborted, span{producer, offsets[0], s.end})
		}
		s.batches = append(s.batches, &sarama.RecordBatch{
			Version: 2, FirstOffset: s.end, Control: true, IsTransactional: true, ProducerID: producer, Records: []*sarama.Record{{Key: []byte{0, 0, 0, kind}}},
		})
		s.end++
	}
	for range rapid.IntRange(0, 20).Draw(t, "steps") {
		producer := rapid.Int64Range(1, 3).Draw(t, "producer")
		if len(open[producer]) > 0 && rapid.Bool().Draw(t, "ends") {
			finish(producer, rapid.Bool().Draw(t, "commits"))
			continue
		}
		batch := &sarama.RecordBatch{
			Version: 2, FirstOffset: s.end, LastOffsetDelta: rapid.Int32Range(0, 3).Draw(t, "delta"), ProducerID: producer,
			IsTransactional: len(open[producer]) > 0 || rapid.Bool().Draw(t, "transactional"),
		}
		for delta := range int64(batch.LastOffsetDelta) + 1 {
			if delta > 0 && rapid.IntRange(0, 3).Draw(t, "gone") == 0 {
				continue // a record that compaction has taken
			}
			batch.Records = append(batch.Records, &sarama.Record{OffsetDelta: delta})
			if batch.IsTransactional {
				open[producer] = append(open[producer], s.end+delta)
			} else {
				s.committed = append(s.committed, s.end+delta)
			}
		}
		s.batches = append(s.batches, batch)
		s.end = batch.LastOffset() + 1
	}
	for producer := int64(1); producer <= 3; producer++ {
		if len(open[producer]) > 0 {
			finish(producer, rapid.Bool().Draw(t, "commits"))
		}
	}
	return s
}

// answer is what a leader sends from a position on: the batch that holds it and up to n-1 more, and the aborted transactions that touch them.
func (s *simulated) answer(at int64, n int) *sarama.FetchResponseBlock {
	answer := &sarama.FetchResponseBlock{LastStableOffset: s.end}
	upper := at
	for _, batch := range s.batches {
		if batch.LastOffset() >= at && len(answer.RecordsSet) < n {
			answer.RecordsSet = append(answer.RecordsSet, &sarama.Records{RecordBatch: batch})
			upper = batch.LastOffset() + 1
		}
	}
	for _, a := range s.aborted {
		if a.marker >= at && a.first < upper {
			answer.AbortedTransactions = append(answer.AbortedTransactions, &sarama.AbortedTransaction{ProducerID: a.producer, FirstOffset: a.first})
		}
	}
	return answer
}

// TestNAS62EveryWayThroughALog reads simulated partitions in fetches and steps of any size.
func TestNAS62EveryWayThroughALog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := simulate(t)
		at := rapid.Int64Range(s.first, s.end).Draw(t, "from")
		to := rapid.Int64Range(-1, s.end).Draw(t, "to")
		until := to
		if to < 0 {
			until = s.end
		}
		var want, got []int64
		for _, offset := range s.committed {
			if offset >= at && offset < until {
				want = append(want, offset)
			}
		}
		var b block
		for at < until {
			require.NoError(t, b.load(s.answer(at, rapid.IntRange(1, 5).Draw(t, "batches"))))
			require.Greater(t, b.end, at)
			for at < until {
				limit := rapid.IntRange(1, 5).Draw(t, "limit")
				batch := b.step(topicPart{}, at, to, limit)
				if batch.Next == at {
					break
				}
				require.Greater(t, batch.Next, at)
				require.LessOrEqual(t, batch.Next, until)
				require.LessOrEqual(t, len(batch.Records), limit)
				for _, r := range batch.Records {
					require.GreaterOrEqual(t, r.Offset, at)
					require.Less(t, r.Offset, batch.Next)
					got = append(got, r.Offset)
				}
				at = batch.Next
			}
		}
		// Producers end their transactions in any order, but offsets only grow.
		require.ElementsMatch(t, want, got)
		require.IsIncreasing(t, append([]int64{-1}, got...))
	})
}

func TestWhatIsNoBatchIsAnError(t *testing.T) {
	good := &sarama.RecordBatch{FirstOffset: 3, LastOffsetDelta: 1, Records: []*sarama.Record{{OffsetDelta: 0}, {OffsetDelta: 1}}}
	for name, bad := range map[string]*sarama.Records{
		"messages of an old format":       {MsgSet: &sarama.MessageSet{}},
		"a batch that is cut off":         {RecordBatch: &sarama.RecordBatch{PartialTrailingRecord: true}},
		"a batch that ends before itself": {RecordBatch: &sarama.RecordBatch{LastOffsetDelta: -1}},
		"a batch before offset 0":         {RecordBatch: &sarama.RecordBatch{FirstOffset: -1}},
		"a record after its batch":        {RecordBatch: &sarama.RecordBatch{Records: []*sarama.Record{{OffsetDelta: 1}}}},
		"a marker without a kind":         {RecordBatch: &sarama.RecordBatch{Control: true, Records: []*sarama.Record{{Key: []byte{0, 0}}}}},
		"a control batch of two records": {RecordBatch: &sarama.RecordBatch{
			Control: true, LastOffsetDelta: 1, Records: []*sarama.Record{{Key: make([]byte, 4)}, {Key: make([]byte, 4), OffsetDelta: 1}},
		}},
		"a record before its batch": {RecordBatch: &sarama.RecordBatch{Records: []*sarama.Record{{OffsetDelta: -1}}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, sets := range [][]*sarama.Records{{bad}, {{RecordBatch: good}, bad}} {
				var b block
				err := b.load(&sarama.FetchResponseBlock{RecordsSet: sets})
				require.Error(t, err)
				require.False(t, transient(err))
			}
		})
	}
}

func TestLogAppendTime(t *testing.T) {
	made, stored := time.UnixMilli(1000), time.UnixMilli(2000)
	var b block
	require.NoError(t, b.load(&sarama.FetchResponseBlock{RecordsSet: []*sarama.Records{{RecordBatch: &sarama.RecordBatch{
		FirstTimestamp: made, MaxTimestamp: stored, LogAppendTime: true, Records: []*sarama.Record{{}},
	}}}}))
	require.Equal(t, []messagelog.Record{{AppendedAt: stored.UTC()}}, b.step(topicPart{}, 0, -1, 1).Records)
}
