package sqlstore

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports/portstest"
)

var nasOwner = nas.Owner{CVR: "33257872", System: "Demo EPJ"}

// subscribedTo makes a topic, and a pull point with n subscriptions to it.
func subscribedTo(t testing.TB, db *DB, n int) nas.PullPoint {
	t.Helper()
	ctx, p := context.Background(), nas.PullPoint{ID: nas.PullPointID(nasID(1)), Owner: nasOwner, CreatedAt: start}
	require.NoError(t, db.NASTopics().UpdateTopic(ctx, "t:x", func(nas.Topic) (nas.Topic, error) {
		return nas.Topic{Name: "t:x", Log: "log", State: nas.Ready, Active: true, Access: []nas.Access{{Identifier: "ALL"}}}, nil
	}))
	require.NoError(t, db.PullPoints().CreatePullPoint(ctx, p, 100))
	for i := range n {
		s := nas.Subscription{ID: nas.SubscriptionID(nasID(i)), PullPoint: p.ID, Topic: "t:x", CreatedAt: start}
		require.NoError(t, db.PullPoints().Subscribe(ctx, s, nas.Cursor{Offsets: nas.Offsets{1, 2, 3}, CreatedAt: start}, n))
	}
	p, err := db.PullPoints().PullPoint(ctx, p.ID, start)
	require.NoError(t, err)
	require.Len(t, p.Subscriptions, n)
	return p
}

// movedOn are the next cursors of all subscriptions of a pull point.
func movedOn(p nas.PullPoint, messageID string) (rows []nas.Cursor) {
	for _, s := range p.Subscriptions {
		c := s.Cursor
		c.Seq, c.MessageID, c.CreatedAt = c.Seq+1, messageID, start.Add(time.Hour)
		rows = append(rows, c)
	}
	return rows
}

func listOf(kind string, n int) nas.IDList {
	l := nas.IDList{Owner: nasOwner, Name: "list", IDType: "cpr"}
	for i := range n {
		l.IDs = append(l.IDs, fmt.Sprint(kind, i))
	}
	return l
}

func TestNASStatements(t *testing.T) {
	ctx, db := context.Background(), opened(t)
	p := subscribedTo(t, db, 3)
	points, lists := db.PullPoints(), db.IDLists()
	for _, c := range []struct {
		name string
		call func() error
		want int
	}{
		{"PullPoint: everything at once", func() error { _, err := points.PullPoint(ctx, p.ID, start); return err }, 1},
		{"Visit: the same, and whether a call was answered", func() error { _, _, err := points.Visit(ctx, p.ID, start, "m"); return err }, 1},
		{"Answer", func() error { _, err := points.Answer(ctx, p.ID, "m"); return err }, 1},
		{"Advance: begin, what has ended, an insert of all, commit", func() error { return points.Advance(ctx, movedOn(p, "m")) }, 4},
		{"Seen", func() error { return points.Seen(ctx, p.ID, start) }, 1},
		{"Topic with its access", func() error { _, err := db.NASTopics().Topic(ctx, "t:x"); return err }, 1},
		{"Put of 12,000 new ids: an insert for each 5,000", func() error { _, err := lists.Put(ctx, listOf("a", 12_000), start); return err }, 4 + 3},
		{"Put of others: the old ones are deleted", func() error { _, err := lists.Put(ctx, listOf("b", 12), start); return err }, 4 + 1 + 1},
		{"Load: list and ids at once", func() error { _, _, _, err := lists.Load(ctx, nasOwner, "list"); return err }, 1},
		{"Versions", func() error { _, err := lists.Versions(ctx, nasOwner); return err }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := count(db, "")
			require.NoError(t, c.call())
			assert.Equal(t, c.want, n())
		})
	}
	left, _, err := side{db, db.reading.pool}.first(ctx, "SELECT count(*) FROM nas_id_list_content")
	require.NoError(t, err)
	require.EqualValues(t, 12, left, "ids of the one version that is there")
	_, err = lists.Delete(ctx, nasOwner, "list")
	require.NoError(t, err)
	left, _, err = side{db, db.reading.pool}.first(ctx, "SELECT count(*) FROM nas_id_list_content")
	require.NoError(t, err)
	require.Zero(t, left)
}

// No statement alters a cursor: each is inserted, and deleted one day.
func TestCursorsAreNeverAltered(t *testing.T) {
	ctx, db := context.Background(), opened(t)
	db.observe = func(statement string) {
		assert.NotContains(t, strings.ReplaceAll(statement, "\n", " "), "UPDATE nas_consumer")
		assert.False(t, strings.Contains(statement, "INTO nas_consumer") && strings.Contains(statement, "CONFLICT"), statement)
	}
	p := subscribedTo(t, db, 2)
	points := db.PullPoints()
	require.NoError(t, points.Advance(ctx, movedOn(p, "m")))
	require.ErrorIs(t, points.Advance(ctx, movedOn(p, "m")), nas.ErrMoved)
	_, err := points.Expire(ctx, start, 10)
	require.NoError(t, err)
	require.NoError(t, points.EndSubscription(ctx, p.Subscriptions[0].ID, start))
	require.NoError(t, points.EndPullPoint(ctx, p.ID, start))
	_, _, err = points.Prune(ctx, start.AddDate(1, 0, 0), 10)
	require.NoError(t, err)
}

// Of two units of work that move on from one cursor, the second waits for the first; it has lost where that one commits, and only there.
func TestPostgresAdvanceWaits(t *testing.T) {
	open := postgresOf(t, 2)
	for name, commits := range map[string]bool{"T33 that commits": true, "T42 that rolls back": false} {
		t.Run(name, func(t *testing.T) {
			ctx, dbs, done := context.Background(), open(time.Now), make(chan error, 1)
			one, two := dbs[0], dbs[1]
			p := subscribedTo(t, one, 2)
			var seal error
			if !commits {
				seal = context.Canceled
			}
			err := one.Units().Run(ctx, func(ctx context.Context) error {
				require.NoError(t, one.PullPoints().Advance(ctx, movedOn(p, "first")))
				go func() {
					done <- two.Units().Run(context.Background(), func(ctx context.Context) error {
						err := two.PullPoints().Advance(ctx, movedOn(p, "second"))
						if commits {
							assert.ErrorIs(t, err, nas.ErrMoved)
							p, err := two.PullPoints().PullPoint(ctx, p.ID, start)
							assert.NoError(t, err)
							return two.PullPoints().Advance(ctx, movedOn(p, "second"))
						}
						return err
					}, nothing)
				}()
				waitsForLock(t, one)
				return nil
			}, func(context.Context) error { return seal })
			require.ErrorIs(t, err, seal)
			require.NoError(t, soon(t, done))
			now, err := one.PullPoints().PullPoint(ctx, p.ID, start)
			require.NoError(t, err)
			for _, s := range now.Subscriptions {
				require.Equal(t, "second", s.Cursor.MessageID)
				require.Equal(t, map[bool]int64{true: 2, false: 1}[commits], s.Cursor.Seq)
			}
		})
	}
}

// Who subscribes waits for who ends the pull point, or deletes the topic, and the other way round: nothing is subscribed that is gone.
func TestPostgresSubscribeWaits(t *testing.T) {
	open := postgresOf(t, 2)
	fresh := nas.Subscription{ID: nas.SubscriptionID(nasID(99)), PullPoint: nas.PullPointID(nasID(1)), Topic: "t:x", CreatedAt: start}
	first := nas.Cursor{Offsets: nas.Offsets{0}, CreatedAt: start}
	deleteTopic := func(ctx context.Context, db *DB) error {
		return db.NASTopics().UpdateTopic(ctx, "t:x", func(nas.Topic) (nas.Topic, error) { return nas.Topic{}, nil })
	}
	endPoint := func(ctx context.Context, db *DB) error {
		return db.PullPoints().EndPullPoint(ctx, fresh.PullPoint, start)
	}
	subscribe := func(ctx context.Context, db *DB) error { return db.PullPoints().Subscribe(ctx, fresh, first, 9) }
	oneOfTwo := func(s nas.Subscription) func(context.Context, *DB) error {
		return func(ctx context.Context, db *DB) error { return db.PullPoints().Subscribe(ctx, s, first, 2) }
	}
	other := fresh
	other.ID = nas.SubscriptionID(nasID(98))
	for name, c := range map[string]struct {
		before, after func(context.Context, *DB) error
		want          error
	}{
		"a pull point that ends":      {endPoint, subscribe, nas.ErrUnknown},
		"T51 a topic that is deleted": {deleteTopic, subscribe, nas.ErrNoTopic},
		"the end of a pull point":     {subscribe, endPoint, nil},
		"T51 the deletion of a topic": {subscribe, deleteTopic, nil},
		"another that makes one more": {oneOfTwo(other), oneOfTwo(fresh), nas.ErrTooMany},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, dbs, done := context.Background(), open(time.Now), make(chan error, 1)
			one, two := dbs[0], dbs[1]
			subscribedTo(t, one, 1)
			require.NoError(t, one.Units().Run(ctx, func(ctx context.Context) error {
				require.NoError(t, c.before(ctx, one))
				go func() { done <- c.after(context.Background(), two) }()
				waitsForLock(t, one)
				return nil
			}, nothing))
			require.ErrorIs(t, soon(t, done), c.want)
			_, err := one.PullPoints().Subscription(ctx, fresh.ID, start)
			require.ErrorIs(t, err, nas.ErrUnknown)
			active, _, err := side{one, one.reading.pool}.first(ctx, "SELECT count(*) FROM nas_subscription WHERE ended_at IS NULL")
			require.NoError(t, err)
			require.Equal(t, map[bool]int64{true: 2, false: 0}[name == "another that makes one more"], active)
		})
	}
}

// T53 at full size: whoever reads meanwhile sees the old list or the new one.
func TestT53BigIDListReplaced(t *testing.T) {
	skipIfShort(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db := opened(t)
	portstest.IDListReplaced(ctx, t, []portstest.Handle[portstest.NASStores]{{Store: db, Units: db.Units()}}, 200_000, 1)
}

// A copy has all topics, pull points, subscriptions, cursors and lists, and goes on.
func TestCopyOfNAS(t *testing.T) {
	ctx, from := context.Background(), opened(t)
	p := subscribedTo(t, from, 2)
	require.NoError(t, from.PullPoints().Advance(ctx, movedOn(p, "m")))
	_, err := from.IDLists().Put(ctx, listOf("a", 3), start)
	require.NoError(t, err)
	p, err = from.PullPoints().PullPoint(ctx, p.ID, start)
	require.NoError(t, err)
	for name, target := range targets() {
		t.Run(name, func(t *testing.T) {
			to := openedAt(t, target(t))
			_, err := Copy(ctx, from, to, CopyOptions{})
			require.NoError(t, err)
			got, err := to.PullPoints().PullPoint(ctx, p.ID, start)
			require.NoError(t, err)
			require.Equal(t, p, got)
			answer, err := to.PullPoints().Answer(ctx, p.ID, "m")
			require.NoError(t, err)
			require.Len(t, answer, 2)
			topic, err := to.NASTopics().Topic(ctx, "t:x")
			require.NoError(t, err)
			require.Equal(t, []nas.Access{{Identifier: "ALL"}}, topic.Access)
			l, _, ok, err := to.IDLists().Load(ctx, nasOwner, "list")
			require.NoError(t, err)
			require.True(t, ok)
			require.ElementsMatch(t, listOf("a", 3).IDs, l.IDs)
			require.NoError(t, to.PullPoints().Advance(ctx, movedOn(got, "n")))
		})
	}
}

// T43 a store that is opened anew has what was committed before.
func TestNASIsOnTheDisk(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "store.db")
	db, err := Open(ctx, Options{Path: path})
	require.NoError(t, err)
	p := subscribedTo(t, db, 2)
	require.NoError(t, db.PullPoints().Advance(ctx, movedOn(p, "m")))
	require.NoError(t, db.Close())
	answer, err := openedAt(t, Options{Path: path}).PullPoints().Answer(ctx, p.ID, "m")
	require.NoError(t, err)
	require.Equal(t, movedOn(p, "m"), answer)
}
