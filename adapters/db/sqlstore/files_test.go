package sqlstore

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
)

// TestFilesGone: nothing is acknowledged that would be written to a file nobody finds again.
func TestFilesGone(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "store.db")
	db, err := Open(ctx, Options{Path: path, Now: func() time.Time { return time.Unix(0, 0) }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
	for _, file := range []string{path, path + "-wal"} {
		t.Run(filepath.Base(file), func(t *testing.T) {
			refused := func(what string) {
				t.Helper()
				err := db.MessageLog().Append(ctx, records(1))
				assert.True(t, fault.Is(err, fault.Unavailable), "Append(%s) = %v, want unavailable", what, err)
				assert.Error(t, db.Ping(ctx), what)
			}
			require.NoError(t, os.Rename(file, file+".moved"))
			refused("moved")
			require.NoError(t, os.WriteFile(file, nil, 0o600))
			refused("another file in its place")
			require.NoError(t, os.Rename(file+".moved", file))
			require.NoError(t, db.MessageLog().Append(ctx, records(1)))
			assert.NoError(t, db.Ping(ctx))
		})
	}
}
