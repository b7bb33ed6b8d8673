package sqlstore

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/trust"
)

// Who deletes a topic waits for those that append to it, and leaves nothing of theirs.
func TestPostgresDeleteTopicWaits(t *testing.T) {
	ctx, dsn, done := t.Context(), postgresDSN(t), make(chan error, 1)
	one, two := openedPostgres(t, dsn), openedPostgres(t, dsn)
	require.NoError(t, one.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
	require.NoError(t, one.Units().Run(ctx, func(inside context.Context) error {
		require.NoError(t, one.MessageLog().Append(inside, records(3)))
		go func() { done <- two.Topics().DeleteTopic(ctx, topic) }()
		waitsForLock(t, one)
		return nil
	}, nothing))
	require.NoError(t, soon(t, done))
	left, _, err := side{one, one.reading.pool}.first(ctx, "SELECT count(*) FROM log_record")
	require.NoError(t, err)
	require.Zero(t, left, "records")
	require.NoError(t, two.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
	require.NoError(t, one.MessageLog().Append(ctx, records(1)))
}

func TestPostgresMessageLogOfSeveralProcesses(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 45*time.Second)
	defer cancel()
	dsn := postgresDSN(t)
	one, two := openedPostgres(t, dsn), openedPostgres(t, dsn)

	t.Run("a reader that waits finds what another process appends", func(t *testing.T) {
		require.NoError(t, one.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
		waiting, found := make(chan struct{}), make(chan int)
		var once sync.Once
		one.observe = func(statement string) {
			if strings.Contains(statement, "FROM log_partition") { // it found no record
				once.Do(func() { close(waiting) })
			}
		}
		go func() {
			defer close(found)
			for batch, err := range one.MessageLog().Read(ctx, topic, 0, 0, -1, messagelog.ReadOptions{Timeout: 5 * time.Second}) {
				assert.NoError(t, err)
				found <- len(batch.Records)
				return
			}
		}()
		<-waiting
		require.NoError(t, two.MessageLog().Append(ctx, records(2)))
		assert.Equal(t, 2, <-found)
	})

	t.Run("NAS-66 what several processes append at once gets offsets in the order of the commits: no reader passes a lower one", func(t *testing.T) {
		const name, writers, each = messagelog.Topic("several"), 6, 20
		require.NoError(t, one.Topics().CreateTopic(ctx, name, messagelog.Spec{Partitions: 2}))
		batch := func(i int) []messagelog.Record {
			return []messagelog.Record{{Topic: name, Key: []byte{byte(i)}}, {Topic: name, Key: []byte{byte(i + 1)}}}
		}
		want := make([]int64, 2)
		for i := range each {
			for _, r := range batch(i) {
				want[r.PartitionOf(2)] += writers
			}
		}
		var all sync.WaitGroup
		for w := range writers {
			db := []*DB{one, two}[w%2]
			all.Go(func() {
				for i := range each {
					recs := batch(i)
					assert.NoError(t, db.Units().Run(ctx, func(ctx context.Context) error { return db.MessageLog().Append(ctx, recs) }, nothing))
				}
			})
		}
		for part := range 2 {
			all.Go(func() {
				next := int64(0)
				for batch, err := range two.MessageLog().Read(ctx, name, part, 0, want[part], messagelog.ReadOptions{Timeout: 5 * time.Second, MaxRecords: 7}) {
					if !assert.NoError(t, err) {
						return
					}
					for _, r := range batch.Records {
						assert.Equal(t, next, r.Offset)
						next++
					}
				}
				assert.Equal(t, want[part], next, "partition %d", part)
			})
		}
		all.Wait()
	})

	t.Run("NAS-66 who appends to a partition waits for the one that did before, and not for other partitions", func(t *testing.T) {
		const name = messagelog.Topic("waits")
		require.NoError(t, one.Topics().CreateTopic(ctx, name, messagelog.Spec{Partitions: 2}))
		keys := map[int][]byte{}
		for i := 0; len(keys) < 2; i++ {
			keys[(&messagelog.Record{Key: []byte{byte(i)}}).PartitionOf(2)] = []byte{byte(i)}
		}
		done := make(chan error, 1)
		require.NoError(t, one.Units().Run(ctx, func(inside context.Context) error {
			require.NoError(t, one.MessageLog().Append(inside, []messagelog.Record{{Topic: name, Key: keys[0], Value: []byte("first")}}))
			require.NoError(t, two.MessageLog().Append(ctx, []messagelog.Record{{Topic: name, Key: keys[1]}}))
			go func() {
				done <- two.MessageLog().Append(ctx, []messagelog.Record{{Topic: name, Key: keys[0], Value: []byte("second")}})
			}()
			waitsForLock(t, one)
			return nil
		}, nothing))
		require.NoError(t, <-done)
		var got []string
		for batch, err := range one.MessageLog().Read(ctx, name, 0, 0, 2, messagelog.ReadOptions{}) {
			require.NoError(t, err)
			for _, r := range batch.Records {
				got = append(got, string(r.Value))
			}
		}
		assert.Equal(t, []string{"first", "second"}, got)
	})

	t.Run("a topic that two make at once is made once, and grows to the larger of two", func(t *testing.T) {
		const name, n = messagelog.Topic("made"), 8
		var all sync.WaitGroup
		made := atomic.Int64{}
		for i := range n {
			db := []*DB{one, two}[i%2]
			all.Go(func() {
				if err := db.Topics().CreateTopic(ctx, name, messagelog.Spec{Partitions: 3}); err == nil {
					made.Add(1)
				} else {
					assert.ErrorIs(t, err, messagelog.ErrExists)
				}
			})
		}
		all.Wait()
		assert.Equal(t, int64(1), made.Load())
		for i := range n {
			db := []*DB{one, two}[i%2]
			all.Go(func() { assert.NoError(t, db.Topics().GrowTopic(ctx, name, 4+i)) })
		}
		all.Wait()
		topics, err := one.Topics().Topics(ctx)
		require.NoError(t, err)
		assert.Equal(t, 3+n, topics[name])
	})

	t.Run("the first kept offset never goes back, whoever trims", func(t *testing.T) {
		const name = messagelog.Topic("trimmed")
		require.NoError(t, one.Topics().CreateTopic(ctx, name, messagelog.Spec{Partitions: 1}))
		recs := make([]messagelog.Record, 40)
		for i := range recs {
			recs[i].Topic = name
		}
		require.NoError(t, one.MessageLog().Append(ctx, recs))
		var all sync.WaitGroup
		for i := range 40 {
			db := []*DB{one, two}[i%2]
			all.Go(func() { assert.NoError(t, db.Topics().Trim(ctx, name, 0, int64(40-i))) })
		}
		all.Wait()
		bounds, err := one.MessageLog().Bounds(ctx, []messagelog.Topic{name})
		require.NoError(t, err)
		assert.Equal(t, []messagelog.Bounds{{First: 40, End: 40}}, bounds[name])
	})
}

// A row that is used again while the clean-up waits for it stays.
func TestPostgresPurgeLooksAgain(t *testing.T) {
	ctx := context.Background()
	db := openedPostgres(t, postgresDSN(t))
	require.NoError(t, db.Sessions().Put(ctx, hash(1), identity.Caller{}, start))
	purged := make(chan error, 1)
	require.NoError(t, db.Units().Run(ctx, func(inside context.Context) error {
		require.NoError(t, db.Sessions().Put(inside, hash(1), identity.Caller{}, start.Add(time.Hour)))
		go func() {
			_, err := db.Sessions().Purge(ctx, start, 10)
			purged <- err
		}()
		waitsForLock(t, db)
		return nil
	}, nothing))
	require.NoError(t, <-purged)
	_, _, err := db.Sessions().Get(ctx, hash(1), start)
	require.NoError(t, err)
}

func TestPostgresUnsynced(t *testing.T) {
	ctx := context.Background()
	db := openedPostgres(t, postgresDSN(t))
	server(db).writers.SetMaxOpenConns(1) // so that each looks at the connection of the other
	const level = "INSERT INTO minlog_job (name, ok, detail) SELECT ?::text, true, current_setting('synchronous_commit')"
	for name, run := range map[string]func(context.Context, string, ...any) (int64, error){"off": db.unsynced, "on": db.once} {
		changed, err := run(ctx, level, name)
		require.NoError(t, err)
		assert.Equal(t, int64(1), changed)
		assert.Equal(t, "on", show(t, server(db).writing, "synchronous_commit"), "after "+name)
	}
	runs, err := db.JobRuns().Runs(ctx)
	require.NoError(t, err)
	for _, r := range runs {
		assert.Equal(t, r.Name, r.Detail, "synchronous_commit within")
	}

	t.Run("a statement that fails changes nothing, and the connection waits again", func(t *testing.T) {
		_, err := db.unsynced(ctx, "INSERT INTO minlog_job (name, ok, detail) VALUES (?, true, NULL)", "bad")
		require.Error(t, err)
		assert.Equal(t, "on", show(t, server(db).writing, "synchronous_commit"))
	})

	t.Run("Begin and Drop do not wait, Mark does: it is to outlast a loss of power", func(t *testing.T) {
		var said []string
		db.observe = func(statement string) { said = append(said, strings.Fields(statement)[0]) }
		claim := begun(t, db, 1)
		require.NoError(t, db.Replies().Drop(ctx, claim))
		require.NoError(t, db.Seen().Mark(ctx, hash(1), "m-1", time.Now().Add(time.Hour)))
		db.observe = nil
		assert.Equal(t, []string{"SELECT", "INSERT", "SELECT", "DELETE", "INSERT"}, said)
	})
}

func TestPostgresStatementsPerCall(t *testing.T) {
	ctx := context.Background()
	db := openedPostgres(t, postgresDSN(t))
	require.NoError(t, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
	until := time.Now().Add(time.Hour)
	const kept = 4711
	require.NoError(t, db.Replies().Keep(ctx, begun(t, db, kept), nil))
	next := 0
	unit := func(before bool) func() error {
		next++
		claim := begun(t, db, next)
		return func() error {
			return db.Units().Run(ctx, func(ctx context.Context) error {
				if before {
					require.NoError(t, db.Sessions().Put(ctx, hash(1), identity.Caller{}, until))
				}
				return db.Replies().Keep(ctx, claim, []byte("reply"))
			}, nothing)
		}
	}
	for _, c := range []struct {
		name string
		call func() error
		want int
	}{
		{"Append of 1: begin, partitions, records and position, commit", func() error { return db.MessageLog().Append(ctx, records(1)) }, 4},
		{"Append of 1,001", func() error { return db.MessageLog().Append(ctx, records(1001)) }, 4},
		{"Append in a unit of work that has written: with a savepoint", func() error {
			return db.Units().Run(ctx, func(ctx context.Context) error {
				require.NoError(t, db.Sessions().Put(ctx, hash(1), identity.Caller{}, until))
				return db.MessageLog().Append(ctx, records(1))
			}, nothing)
		}, 7},
		{"Begin of a new key: the claim that does not wait for the disk, two statements sent at once", func() error { begun(t, db, 1000); return nil }, 2},
		{"Begin of a kept reply: no claim, the reply", func() error {
			_, _, err := db.Replies().Begin(ctx, hash(kept), hash(kept), until)
			return err
		}, 3},
		{"Keep in a unit of work: begin, reply, commit", unit(false), 3},
		{"Keep in a unit of work that has written: the reply and no savepoint", unit(true), 4},
		{"Mark of a new id", func() error { return db.Seen().Mark(ctx, hash(1), "m-1", until) }, 1},
		{"Get of a session", func() error { _, _, err := db.Sessions().Get(ctx, hash(1), start); return err }, 1},
		{"Update of one grant: begin, lock, all, insert, commit", func() error {
			return db.Grants().Update(ctx, func(all []trust.Grant) ([]trust.Grant, error) { return append(all, trust.Grant{ID: "1"}), nil })
		}, 5},
		{"Record of 50 events: begin, insert, commit", func() error { return db.SecurityEvents().Record(ctx, until, make([]audit.Refusal, 50)...) }, 3},
		{"Purge", func() error { _, err := db.Seen().Purge(ctx, start, 1000); return err }, 1},
		{"Acquire of a lease", func() error { _, err := db.Leases().Acquire(ctx, "j", "a", start, time.Minute); return err }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := count(db, "")
			err := c.call()
			db.observe = nil
			require.NoError(t, err)
			assert.Equal(t, c.want, n())
		})
	}
}

// No search of a hot path reads a whole table.
func TestPostgresSearches(t *testing.T) {
	ctx := context.Background()
	db := openedPostgres(t, postgresDSN(t))
	for name, c := range map[string]struct {
		text string
		args []any
		want string
	}{
		"read the message log": {readRecords, []any{string(topic), 0, 0, 10, 10}, "Index Scan using log_record_pkey"},
		"find a reply":         {findReply, []any{[]byte{1}, 1}, "Index Scan using security_reply_pkey"},
		"keep a reply":         {keepReply, []any{[]byte{1}, []byte{1}, 1, 1}, "Index Scan using security_reply_pkey"},
		"find a session":       {findSession, []any{[]byte{1}, 1}, "Index Scan using security_session_pkey"},
		"find events":          {findEvents, []any{1, 10}, "Index Scan Backward using security_event_at"},
		"purge replies":        {purgeReplies, []any{1, 10, 1}, "security_reply_until"},
		"purge message ids":    {purgeSeen, []any{1, 10, 1}, "security_seen_until"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := server(db).writers.Conn(ctx)
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			_, err = conn.ExecContext(ctx, "SET enable_seqscan = off") // the tables are empty
			require.NoError(t, err)
			rows, err := conn.QueryContext(ctx, "EXPLAIN "+db.bind(c.text), c.args...)
			require.NoError(t, err)
			var plan []string
			for rows.Next() {
				var line string
				require.NoError(t, rows.Scan(&line))
				plan = append(plan, line)
			}
			require.NoError(t, rows.Err())
			got := strings.Join(plan, "\n")
			assert.Contains(t, got, c.want)
			assert.NotContains(t, got, "Seq Scan")
		})
	}
}
