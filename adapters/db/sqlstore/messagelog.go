package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports"
)

// messageLog is the message log in tables of the store. The position after the last record of a partition is raised within the transaction
// that appends, and one transaction writes at a time: the order of commits is the order of offsets, and offsets have no gaps.
type messageLog struct{ db *DB }

var _ ports.MessageLog = messageLog{}

// place is one partition.
type place struct {
	Topic messagelog.Topic
	Part  int
}

// logPartition is a row of log_partition.
type logPartition struct {
	Topic    messagelog.Topic
	Part     int
	FirstOff int64
	NextOff  int64
}

func (logPartition) TableName() string { return "log_partition" }

// Append inserts the records and raises the positions of their partitions.
func (l messageLog) Append(ctx context.Context, recs []messagelog.Record) error {
	if len(recs) == 0 {
		return ctx.Err()
	}
	err := l.db.write(ctx, func(t *tx) error { return t.append(recs) })
	var commit *ports.CommitError
	switch {
	case errors.As(err, &commit) && commit.Unknown:
		return fmt.Errorf("append to the message log: %w: %w", messagelog.ErrOutcomeUnknown, err)
	case err != nil:
		return fmt.Errorf("append to the message log: %w", err)
	}
	return nil
}

func (t *tx) append(recs []messagelog.Record) error {
	var topics []messagelog.Topic
	for i := range recs {
		if !slices.Contains(topics, recs[i].Topic) {
			topics = append(topics, recs[i].Topic)
		}
	}
	partitions, err := t.partitions(t.ctx, topics)
	if err != nil {
		return err
	}
	insert := inserter{tx: t, into: "log_record (topic, part, off, appended_at, key, headers, value)", columns: 7}
	now := t.db.now().UnixMicro()
	var headers headerText
	touched := map[place]bool{}
	for i := range recs {
		r := &recs[i]
		of := partitions[r.Topic]
		if of == nil {
			return messagelog.ErrNoTopic
		}
		p := &of[messagelog.PartitionOf(r.Key, len(of))]
		text, err := headers.of(r.Headers)
		if err != nil {
			return err
		}
		if err := insert.row(string(p.Topic), int64(p.Part), p.NextOff, now, r.Key, text, r.Value); err != nil {
			return err
		}
		p.NextOff++
		touched[place{p.Topic, p.Part}] = true
	}
	if err := insert.flush(); err != nil {
		return err
	}
	for where := range touched {
		p := partitions[where.Topic][where.Part]
		if _, err := t.exec(t.ctx, "UPDATE log_partition SET next_off = ? WHERE topic = ? AND part = ?", p.NextOff, string(p.Topic), p.Part); err != nil {
			return err
		}
	}
	t.onCommit = append(t.onCommit, func() {
		for where := range touched {
			t.db.grown.wake(where)
		}
	})
	return nil
}

// partitions returns the rows of the topics that are there, in the order of their partitions.
func (s session) partitions(ctx context.Context, topics []messagelog.Topic) (map[messagelog.Topic][]logPartition, error) {
	var rows []logPartition
	if err := s.orm.WithContext(ctx).Where("topic IN ?", topics).Order("topic, part").Find(&rows).Error; err != nil {
		return nil, err
	}
	found := map[messagelog.Topic][]logPartition{}
	for _, r := range rows {
		found[r.Topic] = append(found[r.Topic], r)
	}
	return found, nil
}

// headerText turns headers into the text of their column. Records that are appended together mostly have equal headers.
type headerText struct {
	last []messagelog.Header
	text any // nil for no headers
}

func (h *headerText) of(headers []messagelog.Header) (any, error) {
	if h.text == nil && len(headers) == 0 || h.text != nil && slices.Equal(h.last, headers) {
		return h.text, nil
	}
	h.last, h.text = headers, nil
	if len(headers) == 0 {
		return nil, nil
	}
	pairs := make([][2]string, len(headers))
	for i, p := range headers {
		pairs[i] = [2]string{p.Key, p.Value}
	}
	text, err := json.Marshal(pairs)
	h.text = string(text)
	return h.text, err
}

func headersFrom(text sql.NullString) ([]messagelog.Header, error) {
	if !text.Valid {
		return nil, nil
	}
	var pairs [][2]string
	if err := json.Unmarshal([]byte(text.String), &pairs); err != nil {
		return nil, fmt.Errorf("headers of a record: %w", err)
	}
	headers := make([]messagelog.Header, len(pairs))
	for i, p := range pairs {
		headers[i] = messagelog.Header{Key: p[0], Value: p[1]}
	}
	return headers, nil
}

// Bounds reads the partitions as they are committed.
func (l messageLog) Bounds(ctx context.Context, topics []messagelog.Topic) (map[messagelog.Topic][]messagelog.Bounds, error) {
	found, err := l.db.reading.partitions(ctx, topics)
	if err != nil {
		return nil, fmt.Errorf("bounds of the message log: %w", translate(err))
	}
	all := map[messagelog.Topic][]messagelog.Bounds{}
	for _, t := range topics {
		if found[t] == nil {
			return nil, messagelog.ErrNoTopic
		}
		all[t] = make([]messagelog.Bounds, len(found[t]))
		for i, p := range found[t] {
			all[t][i] = messagelog.Bounds{First: p.FirstOff, End: p.NextOff}
		}
	}
	return all, nil
}

type topicAdmin struct{ db *DB }

var _ ports.TopicAdmin = topicAdmin{}

// CreateTopic inserts a row for each partition. The retention is not kept: records are there until Trim.
func (a topicAdmin) CreateTopic(ctx context.Context, t messagelog.Topic, spec messagelog.Spec) error {
	if spec.Partitions < 1 {
		return fmt.Errorf("create topic %s: %d partitions", t, spec.Partitions)
	}
	return a.db.write(ctx, func(tx *tx) error {
		there, err := tx.partitions(tx.ctx, []messagelog.Topic{t})
		if err != nil {
			return err
		}
		if there[t] != nil {
			return messagelog.ErrExists
		}
		return tx.makePartitions(t, 0, spec.Partitions)
	})
}

// GrowTopic inserts the rows of the partitions that are missing.
func (a topicAdmin) GrowTopic(ctx context.Context, t messagelog.Topic, partitions int) error {
	return a.db.write(ctx, func(tx *tx) error {
		there, err := tx.partitions(tx.ctx, []messagelog.Topic{t})
		if err != nil {
			return err
		}
		if there[t] == nil {
			return messagelog.ErrNoTopic
		}
		return tx.makePartitions(t, len(there[t]), partitions)
	})
}

// makePartitions inserts the empty partitions from..to.
func (t *tx) makePartitions(topic messagelog.Topic, from, to int) error {
	var rows []logPartition
	for i := from; i < to; i++ {
		rows = append(rows, logPartition{Topic: topic, Part: i})
	}
	if len(rows) == 0 {
		return nil
	}
	return t.orm.WithContext(t.ctx).CreateInBatches(rows, chunk).Error
}

// Topics counts the partitions of every topic.
func (a topicAdmin) Topics(ctx context.Context) (map[messagelog.Topic]int, error) {
	all := map[messagelog.Topic]int{}
	err := a.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		var t messagelog.Topic
		var n int
		err := rows.Scan(&t, &n)
		all[t] = n
		return err
	}, "SELECT topic, count(*) FROM log_partition GROUP BY topic")
	return all, translate(err)
}

// trimChunk is how many records one transaction deletes, so that nobody waits long for the one that writes.
const trimChunk = 5_000

// Trim deletes in several transactions, unless it joins a unit of work.
func (a topicAdmin) Trim(ctx context.Context, t messagelog.Topic, part int, before int64) error {
	for done := false; !done; {
		err := a.db.write(ctx, func(tx *tx) error {
			found, err := tx.partitions(tx.ctx, []messagelog.Topic{t})
			if err != nil {
				return err
			}
			if part < 0 || part >= len(found[t]) {
				return messagelog.ErrNoTopic
			}
			p := found[t][part]
			target := min(before, p.NextOff)
			step := min(target, p.FirstOff+trimChunk)
			done = step >= target
			if step <= p.FirstOff {
				return nil
			}
			if _, err := tx.exec(tx.ctx, "UPDATE log_partition SET first_off = ? WHERE topic = ? AND part = ?", step, string(t), part); err != nil {
				return err
			}
			_, err = tx.exec(tx.ctx, "DELETE FROM log_record WHERE topic = ? AND part = ? AND off < ?", string(t), part, step)
			return err
		})
		if err != nil {
			return fmt.Errorf("trim the message log: %w", err)
		}
	}
	return nil
}
