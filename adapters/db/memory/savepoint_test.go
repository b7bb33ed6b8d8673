package memory

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A write that fails halfway within a unit of work is taken back alone.
func TestSavepoint(t *testing.T) {
	db, boom := New(time.Now), errors.New("boom")
	kept, committed := map[string]int{}, 0
	write := func(ctx context.Context, key string, err error) error {
		return db.write(ctx, func(u *unit) error {
			put(u, kept, "first", 1)
			put(u, kept, key, 1)
			u.onCommit = append(u.onCommit, func() { committed++ })
			return err
		})
	}
	require.NoError(t, db.Units().Run(context.Background(), func(ctx context.Context) error {
		require.NoError(t, write(ctx, "before", nil))
		require.ErrorIs(t, write(ctx, "failed", boom), boom)
		require.NoError(t, write(ctx, "after", nil))
		return nil
	}, func(context.Context) error { return nil }))
	assert.Equal(t, map[string]int{"first": 1, "before": 1, "after": 1}, kept)
	assert.Equal(t, 2, committed)
	require.ErrorIs(t, write(context.Background(), "alone", boom), boom)
	assert.Equal(t, map[string]int{"first": 1, "before": 1, "after": 1}, kept)
	assert.Equal(t, 2, committed)
}
