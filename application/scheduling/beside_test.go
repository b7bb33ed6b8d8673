package scheduling_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/job"
)

func TestBeside(t *testing.T) {
	keeps := func(b *bench, note bool) func(context.Context) error {
		return func(ctx context.Context) error {
			if note {
				admitting.Trail{}.Note(ctx, audit.Admin, audit.Deliver, audit.Delivered.Is("1"))
			}
			return b.db.JobRuns().Keep(ctx, job.Run{Name: "kept", OK: true})
		}
	}

	t.Run("work and its line take effect together", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			require.NoError(t, b.Beside(t.Context(), "outbox", audit.Admin, keeps(b, true)))
			assert.True(t, b.run(t, "kept").OK)
			lines := b.audit.Lines()
			require.Len(t, lines, 1)
			assert.Equal(t, "job:outbox", lines[0].Access.Path)
			assert.Equal(t, audit.Admin, lines[0].Route)
		})
	})

	t.Run("work that notes nothing leaves no line", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			require.NoError(t, b.Beside(t.Context(), "outbox", audit.Admin, keeps(b, false)))
			assert.True(t, b.run(t, "kept").OK)
			assert.Empty(t, b.audit.Lines())
		})
	})

	t.Run("without its line it has no effect", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.audit.Fail(nil, errBoom)
			require.ErrorIs(t, b.Beside(t.Context(), "outbox", audit.Admin, keeps(b, true)), errBoom)
			assert.False(t, b.run(t, "kept").OK)
		})
	})

	t.Run("it is not begun while the audit log is not ready", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.audit.Fail(errBoom, nil)
			require.ErrorIs(t, b.Beside(t.Context(), "outbox", audit.Admin, func(context.Context) error {
				t.Error("begun")
				return nil
			}), errBoom)
		})
	})

	t.Run("a panic is an error, and takes the effect back", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			require.Error(t, b.Beside(t.Context(), "outbox", audit.Admin, func(ctx context.Context) error {
				if err := keeps(b, false)(ctx); err != nil {
					return err
				}
				panic("boom")
			}))
			assert.False(t, b.run(t, "kept").OK)
		})
	})
}
