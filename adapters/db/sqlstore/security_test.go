package sqlstore

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/ports/portstest"
)

// openedBy opens so many handles on one new file.
func openedBy(t *testing.T, now func() time.Time, handles int) []*DB {
	t.Helper()
	file, err := empty()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "store.db")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	dbs := make([]*DB, handles)
	for i := range dbs {
		dbs[i], err = Open(context.Background(), Options{Path: path, Now: now})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, dbs[i].Close()) })
		if handles > 1 { // one waits for the other no longer than a case has patience
			_, err := lite(dbs[i]).conn.ExecContext(context.Background(), "PRAGMA busy_timeout = 1000")
			require.NoError(t, err)
		}
	}
	return dbs
}

// sharedBy opens a store with so many handles.
func sharedBy[S any](handles int, store func(*DB) S) portstest.Open[S] {
	return func(t *testing.T, now func() time.Time) (hs []portstest.Handle[S]) {
		for _, db := range openedBy(t, now, handles) {
			hs = append(hs, portstest.Handle[S]{Store: store(db), Units: db.Units()})
		}
		return hs
	}
}

func TestReplies(t *testing.T)        { portstest.ReplyStore(t, sharedBy(1, (*DB).Replies)) }
func TestSeen(t *testing.T)           { portstest.SeenStore(t, sharedBy(1, (*DB).Seen)) }
func TestGrants(t *testing.T)         { portstest.GrantStore(t, sharedBy(1, (*DB).Grants)) }
func TestSessions(t *testing.T)       { portstest.SessionStore(t, sharedBy(1, (*DB).Sessions)) }
func TestLeases(t *testing.T)         { portstest.Leases(t, sharedBy(1, (*DB).Leases)) }
func TestJobRuns(t *testing.T)        { portstest.JobRuns(t, sharedBy(1, (*DB).JobRuns)) }
func TestSecurityEvents(t *testing.T) { portstest.SecurityEvents(t, sharedBy(1, (*DB).SecurityEvents)) }

// Two handles know nothing of each other but what is in the file: as for two processes, who waits is not woken.
func TestSharedFile(t *testing.T) {
	if testing.Short() {
		t.Skip("as long as the suites on one handle")
	}
	t.Run("replies", func(t *testing.T) { portstest.ReplyStore(t, sharedBy(2, (*DB).Replies)) })
	t.Run("seen", func(t *testing.T) { portstest.SeenStore(t, sharedBy(2, (*DB).Seen)) })
	t.Run("leases", func(t *testing.T) { portstest.Leases(t, sharedBy(2, (*DB).Leases)) })
	t.Run("grants", func(t *testing.T) { portstest.GrantStore(t, sharedBy(2, (*DB).Grants)) })
}
