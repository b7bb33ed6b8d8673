package portstest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/ports"
)

// OpenJobRuns opens a store of what jobs did.
type OpenJobRuns = Open[ports.JobRuns]

func requireRuns(ctx context.Context, t *testing.T, s ports.JobRuns, want ...job.Run) {
	t.Helper()
	got, err := s.Runs(ctx)
	require.NoError(t, err)
	require.Len(t, got, len(want), "Runs")
	for i := range want {
		require.Equal(t, want[i], got[i], "Runs[%d]", i)
	}
}

// JobRuns runs the contract of ports.JobRuns.
func JobRuns(t *testing.T, open OpenJobRuns) {
	started := job.Run{Name: "j", StartedAt: noon}
	finished := job.Run{Name: "j", StartedAt: noon, FinishedAt: noon.Add(time.Minute), SucceededAt: noon.Add(time.Minute), OK: true,
		Detail: `{"rowsDeleted":12,"text":"æ \"%_\\' 😀"}`}

	t.Run("Keep replaces the run of a name, whole", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		requireRuns(ctx, t, hs.first().Store)
		failed := job.Run{Name: "j", StartedAt: noon.Add(time.Hour), FinishedAt: noon.Add(2 * time.Hour), Detail: `{"error":"disk full"}`}
		for i, r := range []job.Run{started, finished, started, finished, failed, started, {Name: "j"}} {
			require.NoError(t, hs.nth(i).Store.Keep(ctx, r))
			requireRuns(ctx, t, hs.nth(i+1).Store, r)
		}
	})

	t.Run("Runs are ordered by name, octet by octet", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		names := []string{"", "A", "B", "a", "a b", "a%", "a-b", "a/1", "a/10", "a/2", "aB", "a_b", "ab", "z", "æ"}
		want := make([]job.Run, len(names))
		for i, name := range names {
			want[i] = finished
			want[i].Name = name
		}
		for i := range names {
			require.NoError(t, hs.nth(i).Store.Keep(ctx, want[(i*7)%len(names)]))
		}
		requireRuns(ctx, t, hs.last().Store, want...)
	})

	t.Run("times are cut to microseconds and are UTC; no time stays none", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, zone := bounded(t), time.FixedZone("CET", 3600)
		r := job.Run{Name: "j", StartedAt: noon.Add(1999).In(zone), FinishedAt: noon.Add(2*tick + 1).In(zone), SucceededAt: noon.Add(3*tick + 500).In(zone)}
		require.NoError(t, hs.first().Store.Keep(ctx, r))
		requireRuns(ctx, t, hs.last().Store,
			job.Run{Name: "j", StartedAt: noon.Add(tick), FinishedAt: noon.Add(2 * tick), SucceededAt: noon.Add(3 * tick)})
		require.NoError(t, hs.first().Store.Keep(ctx, started))
		requireRuns(ctx, t, hs.last().Store, started)
	})

	t.Run("a long detail is kept", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, r := bounded(t), finished
		r.Detail = `{"detail":"` + strings.Repeat("ø", 100_000) + `"}`
		require.NoError(t, hs.first().Store.Keep(ctx, r))
		requireRuns(ctx, t, hs.last().Store, r)
	})

	t.Run("Keep joins the unit of work", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		require.NoError(t, s.Keep(ctx, started))
		change := func(ctx context.Context) {
			require.NoError(t, s.Keep(ctx, finished))
			requireRuns(ctx, t, s, finished)
		}
		rolledBack(ctx, t, hs.first().Units, change)
		requireRuns(ctx, t, hs.last().Store, started)
		committed(ctx, t, hs.first().Units, change)
		requireRuns(ctx, t, hs.last().Store, finished)
	})

	t.Run("runs that are kept at once are all there", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		var all sync.WaitGroup
		want := make([]job.Run, 20)
		for i := range want {
			want[i] = job.Run{Name: fmt.Sprintf("j%02d", i), StartedAt: noon, Detail: "{}"}
			all.Go(func() { assert.NoError(t, hs.nth(i).Store.Keep(ctx, want[i])) })
		}
		all.Wait()
		requireRuns(ctx, t, hs.last().Store, want...)
	})

	t.Run("the caller owns what Runs returns", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		require.NoError(t, s.Keep(ctx, finished))
		got, err := s.Runs(ctx)
		require.NoError(t, err)
		got[0].Name = "spoilt"
		requireRuns(ctx, t, s, finished)
	})

	t.Run("a context that has ended changes nothing", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		require.NoError(t, s.Keep(ctx, started))
		require.ErrorIs(t, s.Keep(ended(), finished), context.Canceled)
		_, err := s.Runs(ended())
		require.ErrorIs(t, err, context.Canceled)
		requireRuns(ctx, t, hs.last().Store, started)
	})
}
