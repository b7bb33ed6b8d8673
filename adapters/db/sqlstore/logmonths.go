package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/ports"
)

// logMonths keeps each month of registrations in a partition of minlog_entry.
type logMonths struct {
	db       *DB
	patience time.Duration // how long DropMonth waits for others
}

var _ ports.LogMonths = logMonths{}

// monthPatience is how long those who use registrations may have to wait for the clean-up: they queue behind it.
const monthPatience = 5 * time.Second

// LogMonths returns the months of the store of registrations, nil where the database does not keep them apart: SQLite.
func (db *DB) LogMonths() ports.LogMonths {
	if _, ok := db.engine.(*postgresEngine); !ok {
		return nil
	}
	return logMonths{db, monthPatience}
}

// month counts calendar months of UTC: year * 12 + month - 1.
type month int

func monthOf(t time.Time) month {
	year, m, _ := t.UTC().Date()
	return month(year*12 + int(m) - 1)
}

// start returns the first instant of the month.
func (m month) start() time.Time {
	return time.Date(int(m)/12, time.Month(int(m)%12+1), 1, 0, 0, 0, 0, time.UTC)
}

const (
	monthPrefix = "minlog_entry_"
	monthForm   = "200601"
)

// monthsOf returns the months of rows, which are in the order of months.
func monthsOf(rows []entryRow) (months []month) {
	for i := range rows {
		if n := len(months); n == 0 || months[n-1] != rows[i].month {
			months = append(months, rows[i].month)
		}
	}
	return months
}

// table returns the name of the partition: minlog_entry_yyyymm.
func (m month) table() string { return monthPrefix + m.start().Format(monthForm) }

// MakeMonths makes the partitions that are missing.
func (l logMonths) MakeMonths(ctx context.Context, from, to time.Time) error {
	var wanted []month
	for m := monthOf(from); m <= monthOf(to); m++ {
		wanted = append(wanted, m)
	}
	if err := l.db.write(ctx, func(t *tx) error { return t.makeMonths(wanted) }); err != nil {
		return fmt.Errorf("make months of registrations: %w", err)
	}
	return nil
}

// makeMonths makes the partitions that are missing. They are attached to the table, which those who read and write it do not notice; making
// them as partitions would lock them out.
func (t *tx) makeMonths(wanted []month) error {
	missing, err := t.missing(wanted)
	if err != nil || len(missing) == 0 {
		return err
	}
	// Another one may make them just now: whoever attaches a partition has this lock.
	if err := t.script("LOCK TABLE minlog_entry IN SHARE UPDATE EXCLUSIVE MODE"); err != nil {
		return err
	}
	if missing, err = t.missing(wanted); err != nil {
		return err
	}
	for _, m := range missing {
		if err := t.script(fmt.Sprintf("CREATE TABLE %[1]s (LIKE minlog_entry); ALTER TABLE minlog_entry ATTACH PARTITION %[1]s FOR VALUES FROM (%d) TO (%d)",
			m.table(), m.start().UnixMicro(), (m + 1).start().UnixMicro())); err != nil {
			return err
		}
	}
	return nil
}

// missing returns which of the months have no partition.
func (t *tx) missing(wanted []month) ([]month, error) {
	made, err := t.months()
	return slices.DeleteFunc(slices.Clone(wanted), func(m month) bool { return slices.Contains(made, m) }), err
}

// months returns the months that have a partition, the oldest first. Partitions of other names are not the program's.
func (t *tx) months() (made []month, err error) {
	err = t.query(t.ctx, func(rows *sql.Rows) error {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		if at, err := time.Parse(monthForm, strings.TrimPrefix(name, monthPrefix)); err == nil {
			made = append(made, monthOf(at))
		}
		return nil
	}, "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'minlog_entry'::regclass")
	slices.Sort(made)
	return made, err
}

// DropMonth detaches and drops the oldest partition. Who reads or writes the table meanwhile waits for the end of the transaction, and it for
// them, as long as its patience lasts.
func (l logMonths) DropMonth(ctx context.Context, cutoff time.Time) (first time.Time, ok bool, err error) {
	err = l.db.write(ctx, func(t *tx) error {
		made, err := t.months()
		if err != nil || len(made) == 0 || (made[0] + 1).start().After(cutoff) {
			return err
		}
		first, ok = made[0].start(), true
		return t.script(fmt.Sprintf("SET LOCAL lock_timeout = '%dms'; ALTER TABLE minlog_entry DETACH PARTITION %[2]s; DROP TABLE %[2]s; SET LOCAL lock_timeout TO DEFAULT",
			l.patience.Milliseconds(), made[0].table()))
	})
	switch {
	case code(err) == postgresLocked:
		return time.Time{}, false, ports.ErrMonthBusy
	case err != nil:
		return time.Time{}, false, fmt.Errorf("drop a month of registrations: %w", err)
	}
	return first, ok, nil
}

// expireEntries deletes from the partitions that hold anything so old: as a rule the one that the cutoff is in, since older ones are dropped.
// Its rows lie about in the order of time, so that those of the last two days are close together; what is left of earlier days is looked for
// when they are gone.
func (*postgresEngine) expireEntries(t *tx, cutoff, limit int64) (removed int64, err error) {
	made, err := t.months()
	if err != nil {
		return 0, err
	}
	// The index of ranges is slower than a scan only where nothing is to be found.
	if err := t.script("SET LOCAL enable_seqscan = off"); err != nil {
		return 0, err
	}
	for _, m := range made {
		for _, since := range []int64{cutoff - expireRecent.Microseconds(), math.MinInt64} {
			if m.start().UnixMicro() > cutoff || removed == limit {
				break
			}
			n, err := t.exec(t.ctx, expireMonth(m), since, cutoff, limit-removed)
			if err != nil {
				return removed, err
			}
			removed += n
		}
	}
	return removed, t.script("SET LOCAL enable_seqscan TO DEFAULT")
}

const expireRecent = 48 * time.Hour

// expireMonth is the statement that deletes some rows of a month, of a time and after another.
func expireMonth(m month) string {
	return fmt.Sprintf("DELETE FROM %[1]s WHERE ctid = ANY(ARRAY(SELECT ctid FROM %[1]s WHERE at > ? AND at <= ? LIMIT ?))", m.table())
}
