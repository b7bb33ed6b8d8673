package ports

import (
	"context"
	"iter"

	"github.com/opennsp/nsp/domain/messagelog"
)

// MessageLog is the one append-only, partitioned log of MinLog and NAS: Kafka, SQL or memory. It is safe for concurrent use.
type MessageLog interface {
	// Append stores all records (of any topics) or none: at the commit of the unit of work in ctx; without one, before it returns.
	// Equal keys of one topic go to one partition, in the order given; so do records without a key that have the same Spread.
	// messagelog.ErrNoTopic where a topic is missing;
	// messagelog.ErrOutcomeUnknown if it cannot be told whether the records were stored. Nothing of recs is kept after Append returns.
	Append(ctx context.Context, recs []messagelog.Record) error
	// Bounds returns first kept offset and stable end of every partition (index = partition) of each topic; messagelog.ErrNoTopic.
	// Bounds and Read tell of what is committed, also within a unit of work that has appended.
	Bounds(ctx context.Context, topics []messagelog.Topic) (map[messagelog.Topic][]messagelog.Bounds, error)
	// Read yields committed records of one partition in offset order, from (inclusive) to (exclusive); to < 0: no end, it then stops when
	// opt.Timeout passes without a record. Batch.Next is the position after the batch; a batch may be empty but always advances.
	// A reader that waits goes on as soon as a record arrives. messagelog.ErrStalled if none arrives within opt.Timeout although
	// from < to; messagelog.ErrGone if from is below the first kept offset; messagelog.ErrNoTopic where topic or partition is missing.
	// The iterator yields an error last. Values are valid until the next step.
	Read(ctx context.Context, t messagelog.Topic, part int, from, to int64, opt messagelog.ReadOptions) iter.Seq2[messagelog.Batch, error]
}

// TopicAdmin makes and changes topics. It is safe for concurrent use.
type TopicAdmin interface {
	// CreateTopic makes an empty topic; messagelog.ErrExists. A log without a clean-up of its own keeps records until Trim, whatever
	// the spec's retention.
	CreateTopic(ctx context.Context, t messagelog.Topic, spec messagelog.Spec) error
	// GrowTopic gives a topic at least so many partitions; those that are there keep their records, and records of a key may from then
	// on go to another partition. It never takes partitions away. messagelog.ErrNoTopic.
	GrowTopic(ctx context.Context, t messagelog.Topic, partitions int) error
	// DeleteTopic deletes a topic with its records, for good; one that is not there is no error.
	DeleteTopic(ctx context.Context, t messagelog.Topic) error
	// Topics returns every topic with its number of partitions.
	Topics(ctx context.Context) (map[messagelog.Topic]int, error)
	// Trim deletes the records of a partition below offset before; the first kept offset becomes at least that (at most the end). It
	// never goes back. messagelog.ErrNoTopic where topic or partition is missing.
	Trim(ctx context.Context, t messagelog.Topic, part int, before int64) error
}
