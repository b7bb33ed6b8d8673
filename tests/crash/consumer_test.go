package crash

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
	"github.com/opennsp/nsp/tests/postgrestest"
)

const consumerTopic messagelog.Topic = "minlog.registrations.v1"

// mortal is the log store of a consumer that dies in Store, as its parts say: before anything is written, between the writes and their commit,
// or after the commit and before it hears of that.
type mortal struct {
	portstest.FailingLogStore
	units portstest.FailingUnitOfWork
	die   context.CancelCauseFunc
}

var errDead = errors.New("the consumer dies")

// Store writes in a unit of work of its own.
func (m *mortal) Store(ctx context.Context, p minlog.Partition, from, to int64, b minlog.Batch) (inserted int, err error) {
	err = m.units.Run(ctx, func(ctx context.Context) error {
		inserted, err = m.FailingLogStore.Store(ctx, p, from, to, b)
		return err
	}, func(context.Context) error { return nil })
	if err != nil {
		m.die(err)
	}
	return inserted, err
}

// TestAC19ConsumerDiesBetweenInsertAndCommit has a consumer die at 100 random points. Another one goes on each time, and in the end every record
// is stored and counted once, and the position is the end of the log.
func TestAC19ConsumerDiesBetweenInsertAndCommit(t *testing.T) {
	for _, c := range []struct {
		name string
		open func(t *testing.T) sqlstore.Options
	}{
		{"SQLite", func(t *testing.T) sqlstore.Options {
			return sqlstore.Options{Path: filepath.Join(t.TempDir(), "store.db")}
		}},
		{"PostgreSQL", func(t *testing.T) sqlstore.Options { return sqlstore.Options{DSN: postgres(t)} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, err := sqlstore.Open(t.Context(), c.open(t))
			require.NoError(t, err)
			defer db.Close()
			dieAgainAndAgain(t, db)
		})
	}
}

// postgres returns a database with the schema.
func postgres(t *testing.T) (dsn string) {
	t.Helper()
	return postgrestest.Database(t, "nsp", func(ctx context.Context, dsn string) error {
		db, err := sqlstore.Open(ctx, sqlstore.Options{DSN: dsn})
		if err != nil {
			return err
		}
		return db.Close()
	})
}

func dieAgainAndAgain(t *testing.T, db *sqlstore.DB) {
	const deaths, batch, stores = 100, 5, 4
	now := time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	consumer := func(s ports.LogStore) *logkeeping.Consumer {
		return &logkeeping.Consumer{
			Log: db.MessageLog(), Topics: db.Topics(), Store: s, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler),
			Topic: consumerTopic, Spec: messagelog.Spec{Partitions: 1}, Batch: batch, BatchWait: time.Second, RetentionYears: 2,
		}
	}
	require.NoError(t, logkeeping.EnsureTopic(t.Context(), db.Topics(), consumerTopic, messagelog.Spec{Partitions: 1}))
	sent := map[minlog.RegistrationID]bool{}
	how := map[string]int{}
	for death := range deaths {
		send(t, db, now, death, stores*batch, sent)
		ctx, die := context.WithCancelCause(t.Context())
		m := &mortal{FailingLogStore: portstest.FailingLogStore{Log: db.LogStore()}, units: portstest.FailingUnitOfWork{Units: db.Units()}, die: die}
		point, at := rand.IntN(3), 1+rand.IntN(stores) // what was sent takes at least so many steps
		[]*portstest.Failure{&m.OnStore, &m.units.OnCommit, &m.units.OnOutcome}[point].FailFrom(at, errDead)
		consumer(m).Run(ctx)
		require.ErrorIs(t, context.Cause(ctx), errDead)
		how[[]string{"before the insert", "between insert and commit", "after the commit"}[point]]++
	}
	last := consumer(db.LogStore())
	for n := 1; n > 0; {
		var err error
		last.BatchWait = time.Millisecond
		n, err = last.Step(t.Context(), 0)
		require.NoError(t, err)
	}

	person := minlog.ID{Source: minlog.CPR, Value: doctor}
	stored, err := db.LogStore().ByPerson(t.Context(), person.Key(), minlog.Query{Chronologic: true}, minlog.Cursor{}, 2*len(sent))
	require.NoError(t, err)
	found := map[minlog.RegistrationID]int{}
	for _, r := range stored {
		found[r.ID]++
	}
	for id := range sent {
		assert.Equal(t, 1, found[id], "how often a record is stored")
	}
	assert.Len(t, stored, len(sent))
	day := calendar.DayOf(now)
	counts, err := db.LogStore().Daily(t.Context(), day, calendar.DayOf(now.AddDate(0, 0, 1)), "")
	require.NoError(t, err)
	require.Len(t, counts, 1)
	assert.EqualValues(t, len(sent), counts[0].Stored, "the count of the day")
	bounds, err := db.MessageLog().Bounds(t.Context(), []messagelog.Topic{consumerTopic})
	require.NoError(t, err)
	next, _, err := db.LogStore().NextOffset(t.Context(), minlog.Partition{Topic: consumerTopic})
	require.NoError(t, err)
	assert.Equal(t, bounds[consumerTopic][0].End, next, "the position is the end of the log")
	t.Logf("%d deaths %v: %d records sent, %d stored, duplicates = %d", deaths, how, len(sent), len(stored), len(stored)-len(found))
}

// send appends n registrations and notes their ids.
func send(t *testing.T, db *sqlstore.DB, now time.Time, message, n int, sent map[minlog.RegistrationID]bool) {
	t.Helper()
	recorder, err := minlog.NewRecorder(minlog.Registrar{CVR: "33257872", MessageID: fmt.Sprint(message)}, now)
	require.NoError(t, err)
	records := make([]messagelog.Record, n)
	for i := range records {
		value, id, err := recorder.AppendRegistration(nil, i, &minlog.Entry{
			System: "FMK", Activity: "Opslag på medicinkort", From: now, To: now, Person: minlog.ID{Source: minlog.CPR, Value: doctor},
			User: minlog.ID{Source: minlog.CPR, Value: "0505851111"},
		})
		require.NoError(t, err)
		records[i] = messagelog.Record{Topic: consumerTopic, Key: []byte("k"), Value: value}
		sent[id] = true
	}
	require.NoError(t, db.MessageLog().Append(t.Context(), records))
}
