package kafka

import (
	"encoding/binary"
	"time"

	"github.com/IBM/sarama"

	"github.com/opennsp/nsp/domain/messagelog"
)

const (
	batchFrame  = 61 // bytes of a batch without its records
	recordFrame = 5*binary.MaxVarintLen32 + binary.MaxVarintLen64 + 1
	headerFrame = 2 * binary.MaxVarintLen32
)

// entry is a record on its way to a partition.
type entry struct {
	target
	record sarama.Record
	size   int // at most, without compression
}

// batch is what is stored in one partition with one request.
type batch struct {
	target
	sarama.RecordBatch
	size int
	err  error // of the latest attempt
}

// size is the most bytes that r takes in a batch.
func size(r messagelog.Record) int {
	n := recordFrame + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += headerFrame + len(h.Key) + len(h.Value)
	}
	return n
}

// entries returns copies of recs for their partitions.
func entries(recs []messagelog.Record, counts map[messagelog.Topic]int) []entry {
	headers, bytes := 0, 0
	for _, r := range recs {
		headers += len(r.Headers)
		bytes += size(r)
	}
	all := make([]entry, len(recs))
	values := make([]sarama.RecordHeader, headers)
	pointers := make([]*sarama.RecordHeader, headers)
	room := make(arena, 0, bytes)
	for i, r := range recs {
		e := &all[i]
		e.topic, e.id = string(r.Topic), int32(r.PartitionOf(counts[r.Topic])) //nolint:gosec // a partition of the topic
		e.record.Key, e.record.Value, e.size = copied(&room, r.Key), copied(&room, r.Value), size(r)
		n := len(r.Headers)
		for j, h := range r.Headers {
			values[j] = sarama.RecordHeader{Key: copied(&room, h.Key), Value: copied(&room, h.Value)}
			pointers[j] = &values[j]
		}
		e.record.Headers, values, pointers = pointers[:n:n], values[n:], pointers[n:]
	}
	return all
}

// arena is memory that what is copied shares: one allocation for all.
type arena []byte

// copied returns a copy of p; of nil, which Kafka tells from empty, nil.
func copied[T string | []byte](a *arena, p T) []byte {
	if b, ok := any(p).([]byte); ok && b == nil {
		return nil
	}
	from := len(*a)
	*a = append(*a, p...)
	return (*a)[from:len(*a):len(*a)]
}

// batches puts what calls append into batches, in their order.
func batches(calls []*call, config *sarama.Config, now time.Time) []*batch {
	var all []*batch
	last := map[target]*batch{}
	for _, c := range calls {
		for i := range c.entries {
			e := &c.entries[i]
			b := last[e.target]
			if b == nil || b.size+e.size > maxMessage {
				b = &batch{target: e.target, size: batchFrame}
				b.Version, b.IsTransactional = 2, true
				b.Codec, b.CompressionLevel = config.Producer.Compression, config.Producer.CompressionLevel
				b.FirstTimestamp, b.MaxTimestamp = now, now
				last[e.target] = b
				all = append(all, b)
			}
			e.record.OffsetDelta = int64(len(b.Records))
			b.LastOffsetDelta = int32(len(b.Records)) //nolint:gosec // maxMessage bounds it
			b.Records = append(b.Records, &e.record)
			b.size += e.size
		}
	}
	return all
}

// firsts takes the first batch of each partition out of all, whose order it keeps.
func firsts(all []*batch) (first, rest []*batch) {
	taken := make(map[target]bool, len(all))
	for _, b := range all {
		if taken[b.target] {
			rest = append(rest, b)
			continue
		}
		taken[b.target] = true
		first = append(first, b)
	}
	return first, rest
}
