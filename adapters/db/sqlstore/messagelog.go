package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm/clause"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports"
)

// messageLog is the message log in tables of the store. The position after the last record of a partition is raised within the transaction
// that appends, and no other one appends to the partition before that ends: the order of commits is the order of offsets, and offsets have no
// gaps.
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
	err := l.db.write(ctx, func(t *tx) error {
		grown, err := l.db.append(t, recs)
		if err != nil {
			return err
		}
		t.onCommit = append(t.onCommit, func() {
			for _, where := range grown {
				l.db.grown.wake(where)
			}
		})
		return nil
	})
	var commit *ports.CommitError
	switch {
	case errors.As(err, &commit) && commit.Unknown:
		return fmt.Errorf("append to the message log: %w: %w", messagelog.ErrOutcomeUnknown, err)
	case err != nil:
		return fmt.Errorf("append to the message log: %w", err)
	}
	return nil
}

// append inserts the records and raises the positions of their partitions, which nobody else changes meanwhile.
func (*sqliteEngine) append(t *tx, recs []messagelog.Record) (grown []place, err error) {
	partitions, err := t.partitions(t.ctx, topicsOf(recs))
	if err != nil {
		return nil, err
	}
	insert := inserter{tx: t, into: "log_record (topic, part, off, appended_at, key, headers, value)", columns: 7}
	now := t.db.now().UnixMicro()
	var headers headerText
	for i := range recs {
		r := &recs[i]
		of := partitions[r.Topic]
		if of == nil {
			return nil, messagelog.ErrNoTopic
		}
		p := &of[r.PartitionOf(len(of))]
		text, err := headers.of(r.Headers)
		if err != nil {
			return nil, err
		}
		if err := insert.row(string(p.Topic), int64(p.Part), p.NextOff, now, r.Key, text, r.Value); err != nil {
			return nil, err
		}
		p.NextOff++
		if where := (place{p.Topic, p.Part}); !slices.Contains(grown, where) {
			grown = append(grown, where)
		}
	}
	if err := insert.flush(); err != nil {
		return nil, err
	}
	for _, where := range grown {
		p := partitions[where.Topic][where.Part]
		if _, err := t.exec(t.ctx, "UPDATE log_partition SET next_off = ? WHERE topic = ? AND part = ?", p.NextOff, string(p.Topic), p.Part); err != nil {
			return nil, err
		}
	}
	return grown, nil
}

// appendRecords raises the position of a partition, of which it holds the row to the end of the transaction, and inserts records from there on.
const appendRecords = `WITH grown AS (UPDATE log_partition SET next_off = next_off + ? WHERE topic = ? AND part = ? RETURNING topic, part, next_off)
	INSERT INTO log_record (topic, part, off, appended_at, key, headers, value)
	SELECT grown.topic, grown.part, grown.next_off - ?::bigint + r.n - 1, ?::bigint, r.key, r.headers, r.value
	FROM grown, unnest(?::bytea[], ?::text[], ?::bytea[]) WITH ORDINALITY AS r (key, headers, value, n)`

// append takes the partitions in their order, so that two that append to the same ones do not wait for each other.
func (*postgresEngine) append(t *tx, recs []messagelog.Record) (grown []place, err error) {
	type columns struct {
		keys, values [][]byte
		headers      []any
	}
	partitions := map[messagelog.Topic]int{}
	err = t.query(t.ctx, func(rows *sql.Rows) error {
		var topic messagelog.Topic
		var n int
		err := rows.Scan(&topic, &n)
		partitions[topic] = n
		return err
	}, "SELECT topic, count(*) FROM log_partition WHERE topic = ANY (?) GROUP BY topic", topicsOf(recs))
	if err != nil {
		return nil, err
	}
	var headers headerText
	batches := map[place]*columns{}
	for i := range recs {
		r := &recs[i]
		if partitions[r.Topic] == 0 {
			return nil, messagelog.ErrNoTopic
		}
		where := place{r.Topic, r.PartitionOf(partitions[r.Topic])}
		batch := batches[where]
		if batch == nil {
			batch = &columns{}
			batches[where] = batch
			grown = append(grown, where)
		}
		text, err := headers.of(r.Headers)
		if err != nil {
			return nil, err
		}
		batch.keys, batch.headers, batch.values = append(batch.keys, r.Key), append(batch.headers, text), append(batch.values, r.Value)
	}
	slices.SortFunc(grown, func(a, b place) int { return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Part, b.Part)) })
	now := t.db.now().UnixMicro()
	sent := &pgx.Batch{} // all at once: others wait for these partitions
	for _, where := range grown {
		batch := batches[where]
		n := len(batch.keys)
		t.db.seen(appendRecords)
		sent.Queue(t.db.bind(appendRecords), n, string(where.Topic), where.Part, n, now, batch.keys, batch.headers, batch.values).
			Exec(func(tag pgconn.CommandTag) error {
				if tag.RowsAffected() != int64(n) {
					return messagelog.ErrNoTopic // it is gone since
				}
				return nil
			})
	}
	return grown, t.raw(t.ctx, func(c *pgx.Conn) error { return c.SendBatch(t.ctx, sent).Close() })
}

// topicsOf returns each topic once.
func topicsOf(recs []messagelog.Record) (topics []messagelog.Topic) {
	for i := range recs {
		if !slices.Contains(topics, recs[i].Topic) {
			topics = append(topics, recs[i].Topic)
		}
	}
	return topics
}

// partitions returns the rows of the topics that are there, in the order of their partitions.
func (s session) partitions(ctx context.Context, topics []messagelog.Topic) (map[messagelog.Topic][]logPartition, error) {
	found := map[messagelog.Topic][]logPartition{}
	if len(topics) == 0 {
		return found, ctx.Err()
	}
	n := 1 // a power of two, so that there are few texts to be kept prepared; the last topic is named again
	for n < len(topics) {
		n *= 2
	}
	args := make([]any, n)
	for i := range args {
		args[i] = string(topics[min(i, len(topics)-1)])
	}
	err := s.query(ctx, func(rows *sql.Rows) error {
		var p logPartition
		err := rows.Scan(&p.Topic, &p.Part, &p.FirstOff, &p.NextOff)
		found[p.Topic] = append(found[p.Topic], p)
		return err
	}, "SELECT topic, part, first_off, next_off FROM log_partition WHERE topic IN "+values(n, 1)+" ORDER BY topic, part", args...)
	if err != nil {
		return nil, err
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

func headersFrom(text []byte) ([]messagelog.Header, error) {
	if len(text) == 0 {
		return nil, nil
	}
	var pairs [][2]string
	if err := json.Unmarshal(text, &pairs); err != nil {
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
		if err := tx.makePartitions(t, 0, spec.Partitions); errors.Is(translate(err), errDuplicate) {
			return messagelog.ErrExists // another process made it meanwhile
		} else if err != nil {
			return err
		}
		return nil
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
		return tx.makePartitions(t, len(there[t]), partitions, clause.OnConflict{DoNothing: true})
	})
}

// makePartitions inserts the empty partitions from..to, with which may go on where one is there already.
func (t *tx) makePartitions(topic messagelog.Topic, from, to int, with ...clause.Expression) error {
	var rows []logPartition
	for i := from; i < to; i++ {
		rows = append(rows, logPartition{Topic: topic, Part: i})
	}
	if len(rows) == 0 {
		return nil
	}
	return t.orm.WithContext(t.ctx).Clauses(with...).CreateInBatches(rows, chunk).Error
}

// DeleteTopic deletes the records in several transactions, as Trim does, and what came meanwhile with the partitions, whose rows go first: who
// appends holds them.
func (a topicAdmin) DeleteTopic(ctx context.Context, t messagelog.Topic) error {
	there, err := a.db.read(ctx).partitions(ctx, []messagelog.Topic{t})
	if err != nil {
		return fmt.Errorf("delete topic %s: %w", t, translate(err))
	}
	for _, p := range there[t] {
		if err := a.Trim(ctx, t, p.Part, p.NextOff); err != nil && !errors.Is(err, messagelog.ErrNoTopic) {
			return err
		}
	}
	return a.db.write(ctx, func(tx *tx) error {
		for _, text := range []string{"DELETE FROM log_partition WHERE topic = ?", "DELETE FROM log_record WHERE topic = ?"} {
			if _, err := tx.exec(tx.ctx, text, string(t)); err != nil {
				return fmt.Errorf("delete topic %s: %w", t, err)
			}
		}
		return nil
	})
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
			if _, err := tx.exec(tx.ctx, "DELETE FROM log_record WHERE topic = ? AND part = ? AND off < ?", string(t), part, step); err != nil {
				return err
			}
			_, err = tx.exec(tx.ctx, "UPDATE log_partition SET first_off = ? WHERE topic = ? AND part = ? AND first_off < ?", step, string(t), part, step)
			return err
		})
		if err != nil {
			return fmt.Errorf("trim the message log: %w", err)
		}
	}
	return nil
}
