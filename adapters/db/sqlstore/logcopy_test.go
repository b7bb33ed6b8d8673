package sqlstore

import (
	"context"
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

// BenchmarkPostgresCopyFrom is the peer: the same rows, made ready beforehand, into the same table by the driver's own CopyFrom.
func BenchmarkPostgresCopyFrom(b *testing.B) {
	db := openedPostgres(b, postgresDSN(b))
	require.NoError(b, db.LogMonths().MakeMonths(context.Background(), start, start.AddDate(0, 1, 0)))
	for i := range b.N {
		b.StopTimer()
		rows, err := entryRows(registrations(i*5000, 5000, persons))
		require.NoError(b, err)
		values := make([][]any, len(rows))
		for j, r := range rows {
			values[j] = []any{string(r.Entry.Person.Key()), r.at, [16]byte(r.ID), r.Entry.From.UnixMicro(), nil, r.Entry.System, r.Registrar.CVR,
				r.Registrar.ITSystem, r.Registrar.MessageID, r.Registrar.Interface, r.ReceivedAt.UnixMicro(), r.doc}
			if !r.Entry.OnBehalfOf.IsZero() {
				values[j][4] = string(r.Entry.OnBehalfOf.Key())
			}
		}
		b.StartTimer()
		require.NoError(b, db.write(context.Background(), func(t *tx) error {
			return t.raw(t.ctx, func(c *pgx.Conn) error {
				_, err := c.CopyFrom(t.ctx, pgx.Identifier{"minlog_entry"}, []string{"person_key", "at", "id", "from_at", "behalf_key", "system_name", "registrar_cvr",
					"registrar_system", "message_id", "interface", "received_at", "doc"}, pgx.CopyFromRows(values))
				return err
			})
		}))
	}
	perSecond(b, 5000)
}

// BenchmarkPostgresConsume is what a consumer does with records: decode and store them by 5,000, for so many partitions at once.
func BenchmarkPostgresConsume(b *testing.B) {
	for name, partitions := range map[string]int{"1 partition": 1, "2 partitions": 2} {
		b.Run(name, func(b *testing.B) {
			db := openedPostgres(b, postgresDSN(b))
			require.NoError(b, db.LogMonths().MakeMonths(context.Background(), start, start.AddDate(0, 1, 0)))
			for i := range b.N {
				b.StopTimer()
				values := recorded(b, registrations(i*5000*partitions, 5000*partitions, persons))
				b.StartTimer()
				var wg sync.WaitGroup
				for p := range partitions {
					wg.Go(func() {
						batch := minlog.Batch{Registrations: make([]minlog.Registration, 0, 5000)}
						for _, value := range values[p*5000 : (p+1)*5000] {
							r, _, err := minlog.DecodeRecord(value)
							require.NoError(b, err)
							batch.Registrations = append(batch.Registrations, *r)
						}
						_, err := db.LogStore().Store(context.Background(), minlog.Partition{Topic: topic, Number: p}, int64(i), int64(i+1), batch)
						require.NoError(b, err)
					})
				}
				wg.Wait()
			}
			perSecond(b, 5000*partitions)
		})
	}
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
