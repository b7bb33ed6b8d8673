// Package messagelog holds what the one message log carries: an append-only, partitioned log of opaque records, on Kafka, SQL or in memory.
package messagelog

import (
	"errors"
	"hash/fnv"
	"time"

	"github.com/opennsp/nsp/domain/fault"
)

// Topic is the name of a stream.
type Topic string

// Header is one keyed value beside a record. It never holds a person's id.
type Header struct{ Key, Value string }

// Record is one message. Records with equal Key go to the same partition and keep their order. Partition, Offset and AppendedAt are set by the log.
type Record struct {
	Topic      Topic
	Partition  int
	Offset     int64
	AppendedAt time.Time
	Key        []byte
	Headers    []Header
	Value      []byte
	Spread     uint64 // where Key is empty: chooses the partition, modulo their number. The log does not keep it
}

// Bounds are the first kept offset and the stable end (the offset after the last committed record) of a partition.
type Bounds struct{ First, End int64 }

// Batch is a run of committed records. Next is the position after it, also past records that are no longer there.
type Batch struct {
	Records []Record
	Next    int64
}

// Spec is how a topic is made.
type Spec struct {
	Partitions  int              `json:"partitions"`            // at least 1
	Retention   time.Duration    `json:"retention,omitempty"`   // 0 = kept until deleted
	Replication int              `json:"replication,omitempty"` // 0 = the log's own choice. A log without copies does not look at it, nor at Config
	Config      map[string]int64 `json:"config,omitempty"`      // further settings of a topic in Kafka, such as segment_bytes
}

// ReadOptions bound one step of a read.
type ReadOptions struct {
	MaxRecords int           // a batch holds at most so many records; 0 = the log's own choice
	Timeout    time.Duration // how long to wait for the first record when from is the end
	CatchUp    bool          // much will be read: fetch large pieces
}

// ErrExists: the topic is there already.
var ErrExists error = fault.Error{Kind: fault.Conflict, Code: fault.CodeProcessing, Text: "the topic exists"}

// ErrNoTopic: there is no such topic.
var ErrNoTopic error = fault.Error{Kind: fault.NotFound, Code: fault.CodeProcessing, Text: "no such topic"}

// ErrGone: the wanted offset is below the first kept one.
var ErrGone error = fault.Error{Kind: fault.Gone, Code: fault.CodeProcessing, Text: "the records are no longer kept"}

// ErrStalled: records exist but none arrived in time.
var ErrStalled = errors.New("message log: no record arrived in time")

// ErrOutcomeUnknown: whether the records were stored cannot be told.
var ErrOutcomeUnknown = errors.New("message log: outcome unknown")

// PartitionOf is the partition of so many, at least 1, that the record goes to: FNV-1a of 32 bits of its key, or Spread where it has none, modulo.
func (r *Record) PartitionOf(partitions int) int {
	if len(r.Key) == 0 {
		return int(r.Spread % uint64(partitions)) //nolint:gosec // a count of partitions is small and positive
	}
	h := fnv.New32a()
	h.Write(r.Key)
	return int(h.Sum32() % uint32(partitions)) //nolint:gosec // a count of partitions is small and positive
}
