package bootstrap

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/tests/kafkatest"
	"github.com/opennsp/nsp/tests/postgrestest"
)

// records of a topic, by the partition that they are in, without what the log itself says of them.
func recordsOf(t *testing.T, log ports.MessageLog, topic messagelog.Topic) (byKey map[string][]string, n int) {
	t.Helper()
	bounds, err := log.Bounds(t.Context(), []messagelog.Topic{topic})
	require.NoError(t, err)
	byKey = map[string][]string{}
	for part, b := range bounds[topic] {
		for batch, err := range log.Read(t.Context(), topic, part, b.First, b.End, messagelog.ReadOptions{Timeout: time.Minute}) {
			require.NoError(t, err)
			for _, r := range batch.Records {
				byKey[string(r.Key)] = append(byKey[string(r.Key)], fmt.Sprintf("%s %q %x", r.Topic, r.Headers, r.Value))
				n++
			}
		}
	}
	return byKey, n
}

// notificationTopic makes a topic of two partitions that notifications are published on, and returns its name in the message log.
func notificationTopic(t *testing.T, db *sqlstore.DB) messagelog.Topic {
	t.Helper()
	made := nas.Topic{Name: "urn:test:Copied", Log: messagelog.Topic("nas-copy-" + uuid.NewString()), State: nas.Ready, Active: true,
		Spec: messagelog.Spec{Partitions: 2}, CreatedAt: time.Now()}
	require.NoError(t, db.NASTopics().UpdateTopic(t.Context(), made.Name, func(nas.Topic) (nas.Topic, error) { return made, nil }))
	require.NoError(t, db.Topics().CreateTopic(t.Context(), made.Log, made.Spec))
	return made.Log
}

// TestCopyToKafka goes over from one file to PostgreSQL and Kafka, and back.
func TestCopyToKafka(t *testing.T) {
	const records, consumed = 2*moveBatch + 500, 700
	brokers := kafkatest.Apache(t)
	dsn, file := postgrestest.Database(t, "", nil), filepath.Join(t.TempDir(), "store.db")
	topic := messagelog.Topic("copy-" + uuid.NewString())
	load := func(dir string, more ...Setting) Config {
		cfg, err := Load(Sources{File: os.DevNull, Flags: append([]Setting{
			{Key: "data_dir", Value: dir}, {Key: "instance", Value: "copytest"}, {Key: "minlog.topic", Value: string(topic)},
			{Key: "messagelog.brokers", Value: brokers[0]}, {Key: "messagelog.key_secret", Value: "of a test"},
			{Key: "messagelog.kafka.replication", Value: "1"}, {Key: "messagelog.kafka.min_insync", Value: "1"},
		}, more...)})
		require.NoError(t, err)
		return cfg
	}
	dir := t.TempDir()
	lone := load(dir, Setting{Key: "store.dsn", Value: file})
	shared := load(dir, Setting{Key: "store.driver", Value: "postgres"}, Setting{Key: "store.dsn", Value: dsn},
		Setting{Key: "messagelog.driver", Value: "kafka"})
	later := load(t.TempDir())
	ignore := func(sqlstore.Progress) {}

	db, err := sqlstore.Open(t.Context(), sqlstore.Options{Path: file})
	require.NoError(t, err)
	require.NoError(t, db.Topics().CreateTopic(t.Context(), topic, messagelog.Spec{Partitions: 1}))
	var all []messagelog.Record
	for i := range records {
		all = append(all, messagelog.Record{
			Topic: topic, Key: fmt.Append(nil, "key ", i%7), Value: fmt.Append(nil, "value\x00", i),
			Headers: []messagelog.Header{{Key: "nsp-format", Value: "1"}, {Key: "nsp-call", Value: fmt.Sprint("æ", i)}},
		})
	}
	require.NoError(t, db.MessageLog().Append(t.Context(), all))
	told := notificationTopic(t, db)
	require.NoError(t, db.MessageLog().Append(t.Context(), []messagelog.Record{{Topic: told, Value: []byte("a notification")}}))
	_, err = db.LogStore().Store(t.Context(), minlog.Partition{Topic: topic}, 0, consumed, minlog.Batch{
		Tallies: []minlog.Tally{{ReceivedAt: time.Now(), Registrar: minlog.Registrar{CVR: "99999901"}, Rejected: map[string]int{"FMK": 3}}},
	})
	require.NoError(t, err)
	want := map[string][]string{}
	for _, r := range all[consumed:] {
		want[string(r.Key)] = append(want[string(r.Key)], fmt.Sprintf("%s %q %x", r.Topic, r.Headers, r.Value))
	}
	require.NoError(t, db.Close())

	cluster, err := openKafka(t.Context(), &shared, nil)
	require.NoError(t, err)
	defer cluster.Close()
	made, err := CopyStore(t.Context(), lone, shared, ignore)
	require.NoError(t, err)
	assert.Equal(t, map[messagelog.Topic]int64{topic: records - consumed}, made.Moved, "notifications stay behind")
	there, err := cluster.Topics().Topics(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, there[told], "partitions of the topic of notifications")
	var got map[string][]string
	require.Eventually(t, func() bool { // Kafka shows what was committed a little later
		var n int
		got, n = recordsOf(t, readOnly{cluster}, topic)
		return n == records-consumed
	}, time.Minute, 10*time.Millisecond)
	assert.Equal(t, want, got, "keys, headers, values, and the order of each key")
	for _, table := range made.Tables {
		assert.NotContains(t, []string{"minlog_offset", "log_partition", "log_record"}, table.Table)
	}

	t.Run("a commit that fails, and a topic with records", func(t *testing.T) {
		other := shared
		other.Store.DSN, other.MinLog.Topic = postgrestest.Database(t, "", nil), string(topic)+"-other"
		file := filepath.Join(t.TempDir(), "store.db")
		db, err := sqlstore.Open(t.Context(), sqlstore.Options{Path: file})
		require.NoError(t, err)
		require.NoError(t, db.Topics().CreateTopic(t.Context(), messagelog.Topic(other.MinLog.Topic), messagelog.Spec{Partitions: 1}))
		require.NoError(t, db.MessageLog().Append(t.Context(), []messagelog.Record{{Topic: messagelog.Topic(other.MinLog.Topic), Key: []byte("k")}}))
		_, err = db.LogStore().Store(t.Context(), minlog.Partition{Topic: "x"}, 0, 1, minlog.Batch{
			Tallies: []minlog.Tally{{ReceivedAt: time.Now(), Rejected: map[string]int{"FMK": 3}}},
		})
		require.NoError(t, err)
		require.NoError(t, db.Close())
		from := lone
		from.Store.DSN = file
		_, err = MigrateStore(t.Context(), other, false)
		require.NoError(t, err)
		pg, err := sql.Open("pgx", other.Store.DSN)
		require.NoError(t, err)
		defer pg.Close()
		_, err = pg.ExecContext(t.Context(), `CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fault'; END $$;
			CREATE CONSTRAINT TRIGGER fault AFTER INSERT ON minlog_daily DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fault()`)
		require.NoError(t, err)
		_, err = CopyStore(t.Context(), from, other, ignore)
		require.ErrorContains(t, err, "commit")
		require.ErrorContains(t, err, "delete its topics ["+other.MinLog.Topic+"]")
		require.Eventually(t, func() bool { // Kafka shows what was committed a little later
			_, n := recordsOf(t, readOnly{cluster}, messagelog.Topic(other.MinLog.Topic))
			return n == 1
		}, time.Minute, 10*time.Millisecond)
		_, err = CopyStore(t.Context(), from, other, ignore)
		require.ErrorIs(t, err, sqlstore.ErrNotEmpty)
		assert.ErrorContains(t, err, "delete the topic")
	})
	t.Run("positions among notifications are refused", func(t *testing.T) {
		from, other := lone, shared
		from.Store.DSN, other.Store.DSN = filepath.Join(t.TempDir(), "store.db"), postgrestest.Database(t, "", nil)
		db, err := sqlstore.Open(t.Context(), sqlstore.Options{Path: from.Store.DSN})
		require.NoError(t, err)
		notificationTopic(t, db)
		now, p := time.Now(), nas.PullPoint{ID: "0d6f2c1e-7a38-4b1e-9a53-2f1f5f1c9e10", Owner: nas.Owner{CVR: "33257872", System: "EPJ"}}
		p.CreatedAt = now
		require.NoError(t, db.PullPoints().CreatePullPoint(t.Context(), p, 1))
		sub := nas.Subscription{ID: "5b0c8d4a-1f63-4c7e-8d0e-6f2b7a9c3d21", PullPoint: p.ID, Owner: p.Owner, Topic: "urn:test:Copied", CreatedAt: now}
		first := nas.Cursor{Subscription: sub.ID, PullPoint: p.ID, Offsets: nas.Offsets{0, 0}, CreatedAt: now}
		require.NoError(t, db.PullPoints().Subscribe(t.Context(), sub, first, 1))
		require.NoError(t, db.Close())
		_, err = CopyStore(t.Context(), from, other, ignore)
		require.ErrorIs(t, err, ErrFollowed)
	})
	t.Run("a topic with records is refused", func(t *testing.T) {
		other := shared
		other.Store.DSN = postgrestest.Database(t, "", nil)
		_, err := CopyStore(t.Context(), lone, other, ignore)
		require.ErrorIs(t, err, sqlstore.ErrNotEmpty)
		assert.ErrorContains(t, err, "delete the topic")
		_, n := recordsOf(t, readOnly{cluster}, topic)
		assert.Equal(t, records-consumed, n, "it is left alone")
	})
	t.Run("consumed a bit, and back", func(t *testing.T) {
		db, err := sqlstore.Open(t.Context(), sqlstore.Options{DSN: dsn})
		require.NoError(t, err)
		_, known, err := db.LogStore().NextOffset(t.Context(), minlog.Partition{Topic: topic})
		require.NoError(t, err)
		assert.False(t, known, "a position of the old log means nothing in the new one")
		bounds, err := cluster.Bounds(t.Context(), []messagelog.Topic{topic})
		require.NoError(t, err)
		part := (&messagelog.Record{Key: []byte("key 3")}).PartitionOf(len(bounds[topic]))
		b := bounds[topic][part]
		_, err = db.LogStore().Store(t.Context(), minlog.Partition{Topic: topic, Number: part}, b.First, b.End, minlog.Batch{})
		require.NoError(t, err)
		require.NoError(t, db.Close())
		for key := range want {
			if (&messagelog.Record{Key: []byte(key)}).PartitionOf(len(bounds[topic])) == part {
				delete(want, key)
			}
		}
		_, err = CopyStore(t.Context(), shared, later, ignore)
		require.NoError(t, err)
		back, err := sqlstore.Open(t.Context(), sqlstore.Options{Path: later.Store.DSN})
		require.NoError(t, err)
		defer back.Close()
		got, _ := recordsOf(t, back.MessageLog(), topic)
		assert.Equal(t, want, got)
		_, known, err = back.LogStore().NextOffset(t.Context(), minlog.Partition{Topic: topic})
		require.NoError(t, err)
		assert.False(t, known)
	})
}
