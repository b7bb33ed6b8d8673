package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// postgresLog opens a store of registrations for one case after the other, each without any month.
func postgresLog(t *testing.T) func() *DB {
	open := postgresOf(t, 1)
	return func() *DB {
		db := open(time.Now)[0]
		dropMonths(t, db)
		return db
	}
}

func dropMonths(t testing.TB, db *DB) {
	t.Helper()
	require.NoError(t, db.write(context.Background(), func(tx *tx) error {
		made, err := tx.months()
		if err != nil {
			return err
		}
		for _, m := range made {
			if err := tx.script("DROP TABLE " + m.table()); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestPostgresStatementsPerStore(t *testing.T) {
	ctx := context.Background()
	db := postgresLog(t)()
	p := minlog.Partition{Topic: topic}
	next := 0
	store := func(rs []minlog.Registration) func() {
		return func() {
			_, err := db.LogStore().Store(ctx, p, int64(next), int64(next+1), minlog.Batch{Registrations: rs})
			require.NoError(t, err)
			next++
		}
	}
	store(registrations(0, 10, 5))()
	for _, c := range []struct {
		name string
		call func()
		want int
	}{
		{"begin, offset, savepoint, copy, release, counts, commit", store(registrations(10, 500, 100)), 7},
		{"known ids: back, savepoint, table beside, copy, insert", store(registrations(0, 511, 100)), 7 + 6},
		{"nothing to store", store(nil), 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := count(db, "")
			c.call()
			assert.Equal(t, c.want, n())
		})
	}
}

// recorded returns records of registrations as a consumer reads them.
func recorded(b testing.TB, rs []minlog.Registration) (values [][]byte) {
	for _, r := range rs {
		w, err := minlog.NewRecorder(r.Registrar, r.ReceivedAt)
		require.NoError(b, err)
		value, _, err := w.AppendRegistration(nil, 0, &r.Entry)
		require.NoError(b, err)
		values = append(values, value)
	}
	return values
}

// BenchmarkPostgresConsume is what consumers do with records, which they decode and store by 5,000, beside one CopyFrom of the driver that has the
// same rows ready. Both take turns, so that what else the machine does troubles them alike.
func BenchmarkPostgresConsume(b *testing.B) {
	for _, partitions := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("%d partitions at once", partitions), func(b *testing.B) {
			ctx := context.Background()
			db, peer := openedPostgres(b, postgresDSN(b)), openedPostgres(b, postgresDSN(b))
			for _, each := range []*DB{db, peer} {
				require.NoError(b, each.LogMonths().MakeMonths(ctx, start, start.AddDate(0, 1, 0)))
			}
			const size, steps = 5_000, 4
			var consumed, copied time.Duration
			for i := range b.N {
				rs := registrations(i*size*steps, size*steps, persons)
				values, rows := recorded(b, rs), copyable(b, rs)
				began := time.Now()
				var wg sync.WaitGroup
				for p := range partitions {
					wg.Go(func() {
						for step := p; step < steps; step += partitions {
							batch := minlog.Batch{Registrations: make([]minlog.Registration, 0, size)}
							for _, value := range values[step*size : (step+1)*size] {
								r, _, err := minlog.DecodeRecord(value)
								require.NoError(b, err)
								batch.Registrations = append(batch.Registrations, *r)
							}
							from := int64(i*steps + step)
							_, err := db.LogStore().Store(ctx, minlog.Partition{Topic: topic, Number: int(from)}, from, from+1, batch)
							require.NoError(b, err)
						}
					})
				}
				wg.Wait()
				consumed += time.Since(began)
				began = time.Now()
				require.NoError(b, peer.write(ctx, func(t *tx) error {
					return t.raw(ctx, func(c *pgx.Conn) error {
						_, err := c.CopyFrom(ctx, pgx.Identifier{"minlog_entry"}, strings.Split(entryColumns, ", "), pgx.CopyFromRows(rows))
						return err
					})
				}))
				copied += time.Since(began)
			}
			n := float64(b.N * size * steps)
			b.ReportMetric(n/consumed.Seconds(), "consumed/s")
			b.ReportMetric(n/copied.Seconds(), "copied/s")
			b.ReportMetric(copied.Seconds()/consumed.Seconds(), "ratio")
		})
	}
}

// copyable returns what the driver copies of registrations, in the order of the key.
func copyable(b *testing.B, rs []minlog.Registration) [][]any {
	rows, err := entryRows(rs)
	require.NoError(b, err)
	values := make([][]any, len(rows))
	for i, r := range rows {
		var behalf any
		if !r.Entry.OnBehalfOf.IsZero() {
			behalf = string(r.Entry.OnBehalfOf.Key())
		}
		values[i] = []any{string(r.Entry.Person.Key()), r.at, [16]byte(r.ID), r.Entry.From.UnixMicro(), behalf, r.Entry.System, r.Registrar.CVR,
			r.Registrar.ITSystem, r.Registrar.MessageID, r.Registrar.Interface, r.ReceivedAt.UnixMicro(), r.doc}
	}
	return values
}

func BenchmarkPostgresNewest50(b *testing.B) {
	db := openedPostgres(b, postgresDSN(b))
	fill(b, db, 100_000)
	b.ResetTimer()
	for i := range b.N {
		got, err := db.LogStore().ByPerson(context.Background(), personKey(i*31%1000), minlog.Query{Cutoff: planStart}, minlog.Cursor{}, 50)
		require.NoError(b, err)
		require.Len(b, got, 50)
	}
}

func TestPostgresLogStore(t *testing.T) {
	open := postgresLog(t)
	portstest.LogStore(t, func(*testing.T) (ports.LogStore, ports.UnitOfWork) {
		db := open()
		return db.LogStore(), db.Units()
	})
}

func TestPostgresLogMonths(t *testing.T) {
	open := postgresLog(t)
	portstest.LogMonths(t, func(*testing.T) (ports.LogStore, ports.LogMonths, ports.UnitOfWork) {
		db := open()
		return db.LogStore(), logMonths{db, 50 * time.Millisecond}, db.Units()
	})
}
