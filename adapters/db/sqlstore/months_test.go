package sqlstore

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/minlog"
)

// A month goes at once, however many rows it has: no row of it is read or deleted.
func TestPostgresMonthIsDroppedAsAWhole(t *testing.T) {
	db := openedPostgres(t, postgresDSN(t))
	ctx := context.Background()
	_, err := db.LogStore().Store(ctx, minlog.Partition{Topic: topic}, 0, 1, minlog.Batch{Registrations: registrations(0, 3, 1)})
	require.NoError(t, err)
	var mu sync.Mutex
	var texts []string
	db.observe = func(text string) {
		mu.Lock()
		defer mu.Unlock()
		texts = append(texts, text)
	}
	_, ok, err := db.LogMonths().DropMonth(ctx, start.AddDate(0, 1, 0))
	require.NoError(t, err)
	require.True(t, ok)
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, texts, 4, "with its beginning and its end")
	assert.Contains(t, texts[1], "pg_inherits")
	assert.Equal(t, "SET LOCAL lock_timeout = '5000ms'; ALTER TABLE minlog_entry DETACH PARTITION minlog_entry_202611; DROP TABLE minlog_entry_202611; "+
		"SET LOCAL lock_timeout TO DEFAULT", texts[2])
	assert.Equal(t, 5*time.Second, monthPatience)
}
