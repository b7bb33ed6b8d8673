package portstest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
)

// TopicAdmin runs the contract of ports.TopicAdmin.
func TopicAdmin(t *testing.T, open OpenMessageLog) {
	t.Run("CreateTopic makes an empty topic that Topics lists with its partitions", func(t *testing.T) {
		log, admin, _ := open(t)
		ctx := bounded(t)
		got, err := admin.Topics(ctx)
		require.NoError(t, err)
		assert.Empty(t, got)
		require.NoError(t, admin.CreateTopic(ctx, "a", messagelog.Spec{Partitions: 1}))
		require.NoError(t, admin.CreateTopic(ctx, "b", messagelog.Spec{Partitions: 12, Retention: 14 * 24 * time.Hour}))
		got, err = admin.Topics(ctx)
		require.NoError(t, err)
		assert.Equal(t, map[messagelog.Topic]int{"a": 1, "b": 12}, got)
		bounds, err := log.Bounds(ctx, []messagelog.Topic{"b"})
		require.NoError(t, err)
		assert.Equal(t, make([]messagelog.Bounds, 12), bounds["b"])
	})

	t.Run("CreateTopic of a topic that is there is ErrExists and changes nothing", func(t *testing.T) {
		log, admin, _ := open(t)
		ctx := bounded(t)
		fill(ctx, t, log, admin, 3)
		require.ErrorIs(t, admin.CreateTopic(ctx, topic, messagelog.Spec{Partitions: 2}), messagelog.ErrExists)
		assert.Equal(t, []string{"0", "1", "2"}, values(between(ctx, t, log, topic, bounds(ctx, t, log))))
	})

	t.Run("a topic has at least one partition", func(t *testing.T) {
		_, admin, _ := open(t)
		require.Error(t, admin.CreateTopic(bounded(t), topic, messagelog.Spec{}))
	})

	t.Run("GrowTopic adds partitions, keeps records and never takes partitions away", func(t *testing.T) {
		log, admin, _ := open(t)
		ctx := bounded(t)
		require.ErrorIs(t, admin.GrowTopic(ctx, topic, 2), messagelog.ErrNoTopic)
		fill(ctx, t, log, admin, 3)
		for _, c := range []struct{ asked, want int }{{3, 3}, {3, 3}, {2, 3}, {5, 5}} {
			require.NoError(t, admin.GrowTopic(ctx, topic, c.asked))
			got, err := admin.Topics(ctx)
			require.NoError(t, err)
			assert.Equal(t, c.want, got[topic], "partitions after GrowTopic(%d)", c.asked)
		}
		assert.Equal(t, []string{"0", "1", "2"}, values(all(ctx, t, log, 0)))
		var recs []messagelog.Record
		for i := range 100 {
			recs = append(recs, record(fmt.Sprint("key-", i), fmt.Sprint(i)))
		}
		require.NoError(t, log.Append(ctx, recs))
		n := 0
		for part := range 5 {
			got := len(all(ctx, t, log, part))
			assert.NotZero(t, got, "records of partition %d", part)
			n += got
		}
		assert.Equal(t, 103, n)
	})

	t.Run("Trim deletes below the offset, at most to the end, and never goes back", func(t *testing.T) {
		log, admin, _ := open(t)
		ctx := bounded(t)
		fill(ctx, t, log, admin, 10)
		at, end := offsets(all(ctx, t, log, 0)), end(ctx, t, log)
		for _, c := range []struct {
			before, first int64
			left          int
		}{{0, 0, 10}, {at[4], at[4], 6}, {at[2], at[4], 6}, {at[4], at[4], 6}, {end + 99, end, 0}} {
			require.NoError(t, admin.Trim(ctx, topic, 0, c.before))
			got := bounds(ctx, t, log)
			assert.Equal(t, messagelog.Bounds{First: c.first, End: end}, got, "after Trim(%d)", c.before)
			assert.Len(t, between(ctx, t, log, topic, got), c.left, "after Trim(%d)", c.before)
		}
		require.NoError(t, log.Append(ctx, []messagelog.Record{record("k", "new")}))
		got := between(ctx, t, log, topic, bounds(ctx, t, log))
		assert.Equal(t, []string{"new"}, values(got))
		assert.GreaterOrEqual(t, got[0].Offset, end, "offsets go on after a trim")
	})

	t.Run("Trim of a missing topic or partition is ErrNoTopic", func(t *testing.T) {
		log, admin, _ := open(t)
		ctx := bounded(t)
		fill(ctx, t, log, admin, 1)
		require.ErrorIs(t, admin.Trim(ctx, "missing", 0, 1), messagelog.ErrNoTopic)
		require.ErrorIs(t, admin.Trim(ctx, topic, 1, 1), messagelog.ErrNoTopic)
	})

	t.Run("DeleteTopic deletes a topic with its records, and no other", func(t *testing.T) {
		log, admin, _ := open(t)
		ctx := bounded(t)
		fill(ctx, t, log, admin, 12)
		require.NoError(t, admin.CreateTopic(ctx, "other", messagelog.Spec{Partitions: 1}))
		require.NoError(t, log.Append(ctx, []messagelog.Record{{Topic: "other", Value: []byte("kept")}}))
		require.NoError(t, admin.DeleteTopic(ctx, topic))
		got, err := admin.Topics(ctx)
		require.NoError(t, err)
		assert.Equal(t, map[messagelog.Topic]int{"other": 1}, got)
		require.ErrorIs(t, log.Append(ctx, []messagelog.Record{record("k", "v")}), messagelog.ErrNoTopic)
		require.ErrorIs(t, readError(ctx, log, topic, 0, 0, -1, now), messagelog.ErrNoTopic)
		require.ErrorIs(t, readError(ctx, log, topic, 0, 3, 12, now), messagelog.ErrNoTopic)
		_, err = log.Bounds(ctx, []messagelog.Topic{topic})
		require.ErrorIs(t, err, messagelog.ErrNoTopic)
		require.ErrorIs(t, admin.GrowTopic(ctx, topic, 2), messagelog.ErrNoTopic)
		require.ErrorIs(t, admin.Trim(ctx, topic, 0, 1), messagelog.ErrNoTopic)
		bounds, err := log.Bounds(ctx, []messagelog.Topic{"other"})
		require.NoError(t, err)
		assert.Equal(t, []string{"kept"}, values(between(ctx, t, log, "other", bounds["other"][0])))
	})

	t.Run("DeleteTopic of a topic that is not there is no error", func(t *testing.T) {
		_, admin, _ := open(t)
		ctx := bounded(t)
		require.NoError(t, admin.DeleteTopic(ctx, "missing"))
		require.NoError(t, admin.CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
		require.NoError(t, admin.DeleteTopic(ctx, topic))
		require.NoError(t, admin.DeleteTopic(ctx, topic))
	})

	t.Run("a deleted topic may be made again, and is empty", func(t *testing.T) {
		log, admin, _ := open(t)
		ctx := bounded(t)
		fill(ctx, t, log, admin, 9)
		require.NoError(t, admin.DeleteTopic(ctx, topic))
		require.NoError(t, admin.CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
		made := bounds(ctx, t, log)
		assert.Empty(t, between(ctx, t, log, topic, made))
		require.NoError(t, log.Append(ctx, []messagelog.Record{record("k", "new")}))
		assert.Equal(t, []string{"new"}, values(between(ctx, t, log, topic, bounds(ctx, t, log))))
	})

	t.Run("one of several that create a topic at once makes it", func(t *testing.T) {
		_, admin, _ := open(t)
		ctx := bounded(t)
		errs := make(chan error)
		for range 8 {
			go func() { errs <- admin.CreateTopic(ctx, topic, messagelog.Spec{Partitions: 3}) }()
		}
		made := 0
		for range 8 {
			if err := <-errs; err == nil {
				made++
			} else {
				assert.ErrorIs(t, err, messagelog.ErrExists)
			}
		}
		assert.Equal(t, 1, made)
	})
}
