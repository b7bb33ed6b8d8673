package sqlstore

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
)

// A record that is committed after a reader looked and before it waits wakes it up as well.
func TestNoWakeUpIsMissed(t *testing.T) {
	ctx := context.Background()
	db := opened(t)
	require.NoError(t, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
	var done atomic.Bool
	db.observe = func(statement string) {
		// The reader found no record, and has asked where the log ends.
		if strings.Contains(statement, "FROM `log_partition`") && done.CompareAndSwap(false, true) {
			assert.NoError(t, db.MessageLog().Append(ctx, records(1)))
		}
	}
	found := false
	for batch, err := range db.MessageLog().Read(ctx, topic, 0, 0, -1, messagelog.ReadOptions{Timeout: 5 * time.Second}) {
		require.NoError(t, err)
		found = len(batch.Records) == 1
		break
	}
	assert.True(t, found, "the reader slept over the record")
}
