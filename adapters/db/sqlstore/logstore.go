package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// logStore keeps registrations in minlog_entry, ordered by person and time.
type logStore struct{ db *DB }

var _ ports.LogStore = logStore{}

var (
	errMoved = fault.Error{Kind: fault.Conflict, Code: fault.CodeProcessing, Text: "another consumer went on"}
	errBack  = errors.New("log store: a step backwards")
)

// NextOffset reads minlog_offset.
func (s logStore) NextOffset(ctx context.Context, p minlog.Partition) (next int64, ok bool, err error) {
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		ok = true
		return rows.Scan(&next)
	}, "SELECT next_offset FROM minlog_offset WHERE topic = ? AND partition = ?", string(p.Topic), p.Number)
	return next, ok, translate(err)
}

// Store compares and sets the offset, inserts the rows, and counts those that were new.
func (s logStore) Store(ctx context.Context, p minlog.Partition, from, to int64, b minlog.Batch) (inserted int, err error) {
	if to < from {
		return 0, errBack
	}
	rows, err := entryRows(b.Registrations)
	if err != nil {
		return 0, fmt.Errorf("store registrations: %w", err)
	}
	err = s.db.write(ctx, func(t *tx) error {
		moved, err := t.exec(t.ctx, `INSERT INTO minlog_offset (topic, partition, next_offset, updated_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset, updated_at = excluded.updated_at
			WHERE minlog_offset.next_offset = ?`, string(p.Topic), p.Number, to, s.db.now().UnixMicro(), from)
		if err != nil {
			return err
		}
		if moved == 0 {
			return errMoved
		}
		counts := &dailyCounts{}
		if inserted, err = s.db.insertEntries(t, rows, counts); err != nil {
			return err
		}
		for _, tally := range b.Tallies {
			for system, n := range tally.Rejected {
				counts.of(tally.ReceivedAt, tally.Registrar.CVR, system).Rejected += int64(n)
			}
		}
		if err := t.count(counts, p.Number); err != nil {
			return err
		}
		return t.bury(p, b.DeadLetters)
	})
	if err != nil {
		return 0, fmt.Errorf("store registrations: %w", err)
	}
	return inserted, nil
}

// entryRow is a registration as it is stored.
type entryRow struct {
	*minlog.Registration
	doc   string // the entry as JSON
	at    int64  // the entry's To
	month month
}

// entryRows returns the registrations by month, and within it in the order of the primary key: neighbours are then written to the same page,
// and every transaction inserts in the same order.
func entryRows(rs []minlog.Registration) ([]entryRow, error) {
	rows := make([]entryRow, len(rs))
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	for i := range rs {
		r := &rs[i]
		rows[i] = entryRow{r, r.Recorded, r.Entry.To.UnixMicro(), monthOf(r.Entry.To)}
		if r.Recorded != "" {
			continue
		}
		buffer.Reset()
		if err := encoder.Encode(&r.Entry); err != nil {
			return nil, err
		}
		rows[i].doc = strings.TrimSuffix(buffer.String(), "\n")
	}
	slices.SortFunc(rows, func(a, b entryRow) int {
		p, q := &a.Entry.Person, &b.Entry.Person
		return cmp.Or(cmp.Compare(a.month, b.month), cmp.Compare(p.Source, q.Source), cmp.Compare(p.Value, q.Value), cmp.Compare(a.at, b.at), a.ID.Compare(b.ID))
	})
	return rows, nil
}

// insertEntry takes one row: it tells whether the row was new, and unlike a statement of many rows it keeps no journal of its own, which
// for rows that lie all over the file costs more than the statements (a third of the processor time, measured).
const insertEntry = "INSERT INTO minlog_entry (" + entryColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"

// insertEntries inserts what is not known yet, and counts it.
func (*sqliteEngine) insertEntries(t *tx, rows []entryRow, counts *dailyCounts) (inserted int, err error) {
	for i := range rows {
		r := &rows[i]
		var behalf any
		if !r.Entry.OnBehalfOf.IsZero() {
			behalf = string(r.Entry.OnBehalfOf.Key())
		}
		n, err := t.exec(t.ctx, insertEntry, string(r.Entry.Person.Key()), r.at, r.ID[:], r.Entry.From.UnixMicro(), behalf, r.Entry.System,
			r.Registrar.CVR, r.Registrar.ITSystem, r.Registrar.MessageID, r.Registrar.Interface, r.ReceivedAt.UnixMicro(), r.doc)
		if err != nil {
			return inserted, err
		}
		if n == 1 {
			counts.stored(r)
			inserted++
		}
	}
	return inserted, nil
}

// dailyCount is a row of minlog_daily.
type dailyCount struct {
	Day          string
	RegistrarCVR string `gorm:"column:registrar_cvr"`
	SystemName   string
	Shard        int
	Stored       int64
	Rejected     int64
}

func (dailyCount) TableName() string { return "minlog_daily" }

// dailyCounts sums before anything is written. Its keys have neither shard nor counts.
type dailyCounts struct {
	sums map[dailyCount]*dailyCount
	at   time.Time // of the latest receipt; those of a bulk are equal
	day  string
}

// stored counts a row that was new.
func (c *dailyCounts) stored(r *entryRow) {
	c.of(r.ReceivedAt, r.Registrar.CVR, r.Entry.System).Stored++
}

func (c *dailyCounts) of(receivedAt time.Time, cvr, system string) *dailyCount {
	if receivedAt != c.at || c.day == "" {
		c.at, c.day = receivedAt, calendar.DayOf(receivedAt).String()
	}
	key := dailyCount{Day: c.day, RegistrarCVR: cvr, SystemName: system}
	sum := c.sums[key]
	if sum == nil {
		if c.sums == nil {
			c.sums = map[dailyCount]*dailyCount{}
		}
		sum = &dailyCount{Day: c.day, RegistrarCVR: cvr, SystemName: system}
		c.sums[key] = sum
	}
	return sum
}

// count adds the counts, in the order of their key.
func (t *tx) count(counts *dailyCounts, shard int) error {
	if len(counts.sums) == 0 {
		return nil
	}
	rows := make([]dailyCount, 0, len(counts.sums))
	for _, c := range counts.sums {
		c.Shard = shard
		rows = append(rows, *c)
	}
	slices.SortFunc(rows, func(a, b dailyCount) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.RegistrarCVR, b.RegistrarCVR), cmp.Compare(a.SystemName, b.SystemName))
	})
	return t.orm.WithContext(t.ctx).Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "day"}, {Name: "registrar_cvr"}, {Name: "system_name"}, {Name: "shard"}},
		DoUpdates: clause.Assignments(map[string]any{
			"stored": gorm.Expr("minlog_daily.stored + excluded.stored"), "rejected": gorm.Expr("minlog_daily.rejected + excluded.rejected"),
		}),
	}).CreateInBatches(rows, chunk).Error
}

// deadLetter is a row of minlog_deadletter.
type deadLetter struct {
	Topic     string
	Partition int
	Offs      int64
	Error     string
	Payload   []byte
	CreatedAt int64 `gorm:"autoCreateTime:false"`
}

func (deadLetter) TableName() string { return "minlog_deadletter" }

func (t *tx) bury(p minlog.Partition, letters []minlog.DeadLetter) error {
	if len(letters) == 0 {
		return nil
	}
	rows := make([]deadLetter, len(letters))
	for i, d := range letters {
		rows[i] = deadLetter{string(p.Topic), p.Number, d.Offset, d.Reason, d.Payload, d.At.UnixMicro()}
	}
	return t.orm.WithContext(t.ctx).Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(rows, chunk).Error
}

// expireChunk is how many rows one Expire removes: about a tenth of a second.
func (*sqliteEngine) expireChunk() int64   { return 2_000 }
func (*postgresEngine) expireChunk() int64 { return 10_000 }

const (
	expireLetters = `DELETE FROM minlog_deadletter WHERE (topic, partition, offs) IN
		(SELECT topic, partition, offs FROM minlog_deadletter WHERE created_at <= ? LIMIT ?)`
	expireCounts = `DELETE FROM minlog_daily WHERE (day, registrar_cvr, system_name, shard) IN
		(SELECT day, registrar_cvr, system_name, shard FROM minlog_daily WHERE day < ? LIMIT ?)`
)

// Expire removes at most expireChunk rows, so that nobody waits long for the transaction that writes.
func (s logStore) Expire(ctx context.Context, cutoff time.Time) (removed int64, done bool, err error) {
	limit := s.db.expireChunk()
	err = s.db.write(ctx, func(t *tx) error {
		if removed, err = s.db.expireEntries(t, cutoff.UnixMicro(), limit); err != nil {
			return err
		}
		letters, err := t.exec(t.ctx, expireLetters, cutoff.UnixMicro(), limit-removed)
		if err != nil {
			return err
		}
		removed += letters
		counts, err := t.exec(t.ctx, expireCounts, calendar.DayOf(cutoff).String(), limit-removed)
		done = removed+counts < limit
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("expire registrations: %w", err)
	}
	return removed, done, nil
}

func (*sqliteEngine) expireEntries(t *tx, cutoff, limit int64) (int64, error) {
	return t.exec(t.ctx, `DELETE FROM minlog_entry WHERE (person_key, at, id) IN
		(SELECT person_key, at, id FROM minlog_entry WHERE at <= ? LIMIT ?)`, cutoff, limit)
}

const (
	findDaily   = "SELECT day, registrar_cvr, system_name, SUM(stored), SUM(rejected) FROM minlog_daily WHERE day >= ? AND day < ?"
	dailyOfOne  = " AND registrar_cvr = ?"
	daysOfDaily = " GROUP BY day, registrar_cvr, system_name ORDER BY day, registrar_cvr, system_name"
)

// Daily sums the shards of minlog_daily.
func (s logStore) Daily(ctx context.Context, from, to calendar.Day, cvr string) (all []minlog.Count, err error) {
	text, args := findDaily+daysOfDaily, []any{from.String(), to.String()}
	if cvr != "" {
		text, args = findDaily+dailyOfOne+daysOfDaily, append(args, cvr)
	}
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		var c minlog.Count
		var day string
		if err := rows.Scan(&day, &c.CVR, &c.System, &c.Stored, &c.Rejected); err != nil {
			return err
		}
		var err error
		c.Day, err = calendar.ParseDay(day)
		all = append(all, c)
		return err
	}, text, args...)
	if err != nil {
		return nil, fmt.Errorf("daily counts: %w", translate(err))
	}
	return all, nil
}

// DeadLetters counts minlog_deadletter.
func (s logStore) DeadLetters(ctx context.Context, since time.Time) (n int64, err error) {
	err = s.db.read(ctx).orm.WithContext(ctx).Model(&deadLetter{}).Where("created_at >= ?", ceilMicro(since)).Count(&n).Error
	return n, translate(err)
}
