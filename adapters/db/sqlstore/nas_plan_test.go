package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/nas"
)

// nasID is the id of the n-th pull point, and of its subscription.
func nasID(n int) string { return fmt.Sprintf("5b1f0a52-0c0e-4f0c-9d57-%012d", n) }

// fillNAS makes n pull points with a subscription each, of which every tenth ended, and per cursors of each; and a list of n ids.
func fillNAS(t testing.TB, db *DB, n, per int) {
	t.Helper()
	numbers := func(name string, n int) string {
		return fmt.Sprintf("%[1]s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM %[1]s WHERE i < %[2]d)", name, n)
	}
	id := func(table, column string) string {
		return "'5b1f0a52-0c0e-4f0c-9d57-' || substr('000000000000' || " + table + "." + column + ", length('000000000000' || " + table + "." + column + ") - 11)"
	}
	ended := "CASE WHEN n.i % 10 = 0 THEN n.i END"
	with := "WITH RECURSIVE " + numbers("n", n)
	written(t, db,
		"INSERT INTO nas_topic (topic, internal_topic, state, active, spec, created_at, created_by) "+with+
			" SELECT 't:' || n.i, 'log-' || n.i, 'ready', TRUE, '{}', 1, '' FROM n WHERE n.i <= 500",
		"INSERT INTO nas_topic_access (topic, identifier, comment, created_at) "+with+
			" SELECT 't:' || n.i, 'ALL', '', 1 FROM n WHERE n.i <= 500",
		"INSERT INTO nas_pull_point (id, owner_cvr, owner_system, created_at, ended_at) "+with+
			" SELECT "+id("n", "i")+", '33257872', 'system ' || n.i / 3, n.i, "+ended+" FROM n",
		"INSERT INTO nas_subscription (id, pull_point_id, topic, filter, expires_at, created_at, ended_at) "+with+
			" SELECT "+id("n", "i")+", "+id("n", "i")+", 't:' || (n.i % 500 + 1), '{}', 1000000 + n.i, n.i, "+ended+" FROM n",
		"INSERT INTO nas_consumer (subscription_id, seq, pull_point_id, message_id, offsets, message_count, delivered, created_at) "+
			with+", "+numbers("m", per)+" SELECT "+id("n", "i")+", m.i, "+id("n", "i")+", 'message ' || m.i, '1,2,3', 1, '0:1', n.i * m.i FROM n CROSS JOIN m",
		"INSERT INTO nas_id_list (owner_cvr, owner_system, name, description, id_type, version, updated_at) "+with+
			" SELECT '33257872', 'system ' || n.i, 'list', '', 'cpr', n.i, 1 FROM n",
		"INSERT INTO nas_id_list_content (version, id) "+with+" SELECT 5, 'id ' || n.i FROM n UNION ALL SELECT n.i + 5, 'id' FROM n",
	)
	if db.dialector(nil).Name() == "postgres" {
		_, err := server(db).writers.ExecContext(context.Background(), "VACUUM ANALYZE nas_topic, nas_topic_access, nas_pull_point, nas_subscription, "+
			"nas_consumer, nas_id_list, nas_id_list_content")
		require.NoError(t, err)
	}
}

// nasRead is a read of the notification service's stores, with the indexes that it goes by: those of PostgreSQL, a key as SQLite calls it.
type nasRead struct {
	name    string
	call    func(ctx context.Context, db *DB) error
	text    string
	args    []any
	indexes map[string]string
}

func nasReads() []nasRead {
	at := time.UnixMicro(600_000)
	owner := nas.Owner{CVR: "33257872", System: "system 7"}
	const (
		pointKey, subKey, cursorKey = "nas_pull_point_pkey", "nas_subscription_pkey", "nas_consumer_pkey"
		topicKey, accessKey         = "nas_topic_pkey", "nas_topic_access_pkey"
		listKey, contentKey         = "nas_id_list_pkey", "nas_id_list_content_pkey"
		ofPoint, ofOwners           = "nas_subscription_pull_point", "nas_pull_point_owner"
	)
	active := map[string]string{ofPoint: "pull_point_id=? AND ended_at=?", topicKey: "topic=?", cursorKey: "subscription_id=? AND seq=?"}
	with := func(more ...string) map[string]string {
		all := map[string]string{}
		for index, search := range active {
			all[index] = search
		}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	return []nasRead{
		{"PullPoint", func(ctx context.Context, db *DB) error {
			_, err := db.PullPoints().PullPoint(ctx, nas.PullPointID(nasID(21)), at)
			return err
		}, onePoint, []any{at.UnixMicro(), at.UnixMicro(), nasID(21)}, with(pointKey, "id=?")},
		{"Visit", func(ctx context.Context, db *DB) error {
			_, _, err := db.PullPoints().Visit(ctx, nas.PullPointID(nasID(21)), at, "message 3")
			return err
		}, visited, []any{"message 3", at.UnixMicro(), at.UnixMicro(), nasID(21)},
			with(pointKey, "id=?", "nas_consumer_message", "pull_point_id=? AND message_id=?", subKey, "id=?")},
		{"PullPoints", func(ctx context.Context, db *DB) error {
			_, err := db.PullPoints().PullPoints(ctx, owner, at)
			return err
		}, ofOwner, []any{at.UnixMicro(), at.UnixMicro(), owner.CVR, owner.System}, with(ofOwners, "owner_cvr=? AND owner_system=?")},
		{"Subscription", func(ctx context.Context, db *DB) error {
			_, err := db.PullPoints().Subscription(ctx, nas.SubscriptionID(nasID(21)), at)
			return err
		}, oneSubscription, []any{nasID(21), at.UnixMicro(), at.UnixMicro()},
			map[string]string{subKey: "id=?", pointKey: "id=?", topicKey: "topic=?", cursorKey: "subscription_id=? AND seq=?"}},
		{"Answer", func(ctx context.Context, db *DB) error {
			_, err := db.PullPoints().Answer(ctx, nas.PullPointID(nasID(21)), "message 3")
			return err
		}, answer, []any{nasID(21), "message 3"},
			map[string]string{pointKey: "id=?", "nas_consumer_message": "pull_point_id=? AND message_id=?", subKey: "id=?"}},
		{"Topic", func(ctx context.Context, db *DB) error { _, err := db.NASTopics().Topic(ctx, "t:5"); return err }, oneTopic, []any{"t:5"},
			map[string]string{topicKey: "topic=?", accessKey: "topic=?"}},
		{"Version", func(ctx context.Context, db *DB) error {
			_, _, err := db.IDLists().Version(ctx, owner, "list")
			return err
		}, listVersion,
			[]any{owner.CVR, owner.System, "list"}, map[string]string{listKey: "owner_cvr=? AND owner_system=? AND name=?"}},
		{"Versions", func(ctx context.Context, db *DB) error { _, err := db.IDLists().Versions(ctx, owner); return err }, listVersions,
			[]any{owner.CVR, owner.System}, map[string]string{listKey: "owner_cvr=? AND owner_system=?"}},
		{"Load", func(ctx context.Context, db *DB) error {
			_, _, _, err := db.IDLists().Load(ctx, owner, "list")
			return err
		}, loadList,
			[]any{owner.CVR, owner.System, "list"}, map[string]string{listKey: "owner_cvr=? AND owner_system=? AND name=?", contentKey: "version=?"}},
	}
}

// nasWrites are statements that change a few rows of many, each with its indexes.
func nasWrites() map[string]struct {
	text    string
	args    []any
	indexes []string
} {
	return map[string]struct {
		text    string
		args    []any
		indexes []string
	}{
		"count an owner's":       {countPoints, []any{"33257872", "system 7"}, []string{"nas_pull_point_owner"}},
		"count a pull point's":   {countActive, []any{nasID(21), 9, 9}, []string{"nas_subscription_pull_point"}},
		"end of a pull point":    {endOfPoint, []any{9, nasID(21)}, []string{"nas_subscription_pull_point"}},
		"end of a topic":         {endTopic, []any{9, "t:5"}, []string{"nas_subscription_topic"}},
		"expire":                 {expire, []any{9, 9, 10}, []string{"nas_subscription_expires"}},
		"not ended":              {notEnded + values(2, 1), []any{nasID(21), nasID(22)}, []string{"nas_subscription_pkey", "nas_pull_point_pkey"}},
		"prune cursors":          {pruneCursors, []any{100, 10}, []string{"nas_consumer_created", "nas_consumer_pkey"}},
		"prune cursors of ended": {pruneCursorsOfEnded, []any{100, 10}, []string{"nas_subscription_ended", "nas_consumer_pkey"}},
		"prune subscriptions":    {pruneSubscriptions, []any{100, 10}, []string{"nas_subscription_ended", "nas_consumer_pkey"}},
		"prune pull points":      {prunePoints, []any{100, 10}, []string{"nas_pull_point_ended", "nas_subscription_pull_point"}},
		"delete content":         {deleteContent, []any{7}, []string{"nas_id_list_content_pkey"}},
	}
}

func TestPostgresNASPlans(t *testing.T) {
	skipIfShort(t)
	db := openedPostgres(t, postgresDSN(t))
	fillNAS(t, db, 4000, 12)
	server(db).readers.SetMaxOpenConns(1) // its prepared statements are looked at
	for _, r := range nasReads() {
		t.Run(r.name, func(t *testing.T) {
			require.NoError(t, r.call(t.Context(), db))
			used := map[string]bool{}
			for _, s := range explain(t, db, r.text, r.args).steps() {
				assert.False(t, strings.HasSuffix(s.Type, "Seq Scan"), "%s of %s", s.Type, s.Table)
				if s.Index != "" {
					used[s.Index] = true
					assert.NotEmpty(t, s.Cond, "%s is searched, not read as a whole", s.Index)
				}
			}
			for index := range r.indexes {
				assert.True(t, used[index], "%s is not used, but %v", index, used)
			}
			assert.Len(t, used, len(r.indexes))
		})
	}
	for name, c := range nasWrites() {
		t.Run(name, func(t *testing.T) {
			got := explained(t, db, c.text, c.args)
			for _, index := range c.indexes {
				assert.Contains(t, got, index)
			}
			assert.NotContains(t, got, "Seq Scan")
		})
	}
}

// explained tells how PostgreSQL would carry out what writes.
func explained(t *testing.T, db *DB, text string, args []any) string {
	t.Helper()
	lines, err := server(db).writers.QueryContext(t.Context(), "EXPLAIN "+db.bind(text), args...)
	require.NoError(t, err)
	defer func() { _ = lines.Close() }()
	var got strings.Builder
	for lines.Next() {
		var line string
		require.NoError(t, lines.Scan(&line))
		fmt.Fprintln(&got, line)
	}
	require.NoError(t, lines.Err())
	return got.String()
}

// SQLite plans without a look at how many rows there are.
func TestSQLiteNASPlans(t *testing.T) {
	skipIfShort(t)
	db := opened(t)
	requireSearch := func(t *testing.T, got, index, search string) {
		t.Helper()
		if strings.HasSuffix(index, "_pkey") {
			index = "PRIMARY KEY"
		}
		found := false
		for line := range strings.Lines(got) {
			found = found || strings.Contains(line, index) && strings.Contains(line, search)
		}
		assert.True(t, found, "%s (%s) is not searched:\n%s", index, search, got)
	}
	for _, r := range nasReads() {
		t.Run(r.name, func(t *testing.T) {
			got := plan(t, db, r.text, r.args...)
			for index, search := range r.indexes {
				requireSearch(t, got, index, search)
			}
			requireNoScan(t, got)
		})
	}
	for name, c := range nasWrites() {
		t.Run(name, func(t *testing.T) {
			got := plan(t, db, c.text, c.args...)
			for _, index := range c.indexes {
				requireSearch(t, got, index, "")
			}
			requireNoScan(t, got)
		})
	}
}

// requireNoScan requires that a plan of SQLite reads no table as a whole, but the one row that the statement itself makes.
func requireNoScan(t *testing.T, got string) {
	t.Helper()
	for line := range strings.Lines(got) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "SCAN") {
			assert.Equal(t, "SCAN l", line, got)
		}
	}
}
