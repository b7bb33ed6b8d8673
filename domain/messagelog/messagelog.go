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
	Partitions int           // at least 1
	Retention  time.Duration // 0 = kept until deleted
}

// ReadOptions bound one step of a read.
type ReadOptions struct {
	MaxRecords int           // a batch holds at most so many records; 0 = the log's own choice
	Timeout    time.Duration // how long to wait for the first record when from is the end
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

// PartitionOf is the partition of so many, at least 1, that records with this key go to: FNV-1a of 32 bits, modulo.
func PartitionOf(key []byte, partitions int) int {
	h := fnv.New32a()
	h.Write(key)
	return int(h.Sum32() % uint32(partitions)) //nolint:gosec // a count of partitions is small and positive
}
