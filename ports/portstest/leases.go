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
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/ports"
)

// OpenLeases opens a store of leases.
type OpenLeases = Open[ports.Leases]

const leaseTTL = 30 * time.Second

func acquired(ctx context.Context, t require.TestingT, s ports.Leases, job, holder string, now time.Time) bool {
	got, err := s.Acquire(ctx, job, holder, now, leaseTTL)
	require.NoError(t, err)
	return got
}

func requireHolders(ctx context.Context, t require.TestingT, s ports.Leases, prefix string, now time.Time, want map[string]string) {
	got, err := s.Held(ctx, prefix, now)
	require.NoError(t, err)
	require.Len(t, got, len(want), "Held(%q)", prefix)
	for job, holder := range want {
		require.Equal(t, holder, got[job], "Held(%q)[%q]", prefix, job)
	}
}

// Leases runs the contract of ports.Leases.
func Leases(t *testing.T, open OpenLeases) {
	t.Run("a lease is one holder's until it has run out", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, a, b := bounded(t), hs.first().Store, hs.last().Store
		require.True(t, acquired(ctx, t, a, "j", "a", noon))
		require.False(t, acquired(ctx, t, b, "j", "b", noon))
		require.False(t, acquired(ctx, t, b, "j", "b", noon.Add(leaseTTL-tick)))
		requireHolders(ctx, t, b, "", noon.Add(leaseTTL-tick), map[string]string{"j": "a"})
		requireHolders(ctx, t, b, "", noon.Add(leaseTTL), nil)
		require.True(t, acquired(ctx, t, b, "j", "b", noon.Add(leaseTTL)))
		requireHolders(ctx, t, a, "", noon.Add(leaseTTL), map[string]string{"j": "b"})
		require.False(t, acquired(ctx, t, a, "j", "a", noon.Add(leaseTTL)), "who lost it does not have it back")
	})

	t.Run("its holder prolongs it", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		for i := range 5 { // from the third on it had run out, and nobody had taken it
			require.True(t, acquired(ctx, t, hs.nth(i).Store, "j", "a", noon.Add(time.Duration(i*i)*leaseTTL/3)))
		}
		end := noon.Add(16*leaseTTL/3 + leaseTTL)
		require.False(t, acquired(ctx, t, hs.last().Store, "j", "b", end.Add(-tick)))
		require.True(t, acquired(ctx, t, hs.last().Store, "j", "b", end))
	})

	t.Run("jobs have nothing to do with one another", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		jobs := []string{"j", "J", "j ", "j%", "j_", "jx", `j\`, `j\%`, "j'", "j\"", "jæ", "JÆ", "job/1", "job/10"}
		want := map[string]string{}
		for i, job := range jobs {
			require.True(t, acquired(ctx, t, hs.nth(i).Store, job, fmt.Sprint(i), noon), "%q", job)
			want[job] = fmt.Sprint(i)
		}
		requireHolders(ctx, t, hs.last().Store, "", noon, want)
		require.NoError(t, hs.first().Store.Release(ctx, "j%", "3"))
		delete(want, "j%")
		requireHolders(ctx, t, hs.last().Store, "", noon, want)
	})

	t.Run("Release gives up the holder's lease, and no other", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		require.NoError(t, s.Release(ctx, "j", "a"), "of a job that nobody has")
		require.True(t, acquired(ctx, t, s, "j", "a", noon))
		require.True(t, acquired(ctx, t, s, "k", "a", noon))
		require.NoError(t, hs.last().Store.Release(ctx, "j", "b"))
		require.False(t, acquired(ctx, t, hs.last().Store, "j", "b", noon))
		require.NoError(t, s.Release(ctx, "j", "a"))
		require.NoError(t, s.Release(ctx, "j", "a"))
		requireHolders(ctx, t, hs.last().Store, "", noon, map[string]string{"k": "a"})
		require.True(t, acquired(ctx, t, hs.last().Store, "j", "b", noon))
		require.NoError(t, s.Release(ctx, "j", "a"), "late")
		requireHolders(ctx, t, hs.last().Store, "", noon, map[string]string{"j": "b", "k": "a"})
	})

	t.Run("Held has the jobs whose name begins with prefix, every character as it is", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		jobs := []string{"a", "ab", "a%", "a%b", "a_", "a_b", "axb", "A%B", `a\`, `a\%`, "a[b", "a'", "aæ", "aæb", "b"}
		for _, job := range jobs {
			require.True(t, acquired(ctx, t, hs.first().Store, job, "h", noon))
		}
		for _, prefix := range append([]string{"", "aÆ", "%", "_", "a?", "a*", "abc", "\U0010FFFF"}, jobs...) {
			want := map[string]string{}
			for _, job := range jobs {
				if strings.HasPrefix(job, prefix) {
					want[job] = "h"
				}
			}
			requireHolders(ctx, t, hs.last().Store, prefix, noon, want)
		}
	})

	t.Run("times are cut to microseconds, whatever their zone", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		got, err := s.Acquire(ctx, "j", "a", noon.Add(500).In(time.FixedZone("CET", 3600)), 2*tick+700)
		require.NoError(t, err)
		require.True(t, got)
		require.False(t, acquired(ctx, t, hs.last().Store, "j", "b", noon.Add(3*tick-1).In(time.FixedZone("x", -3600))))
		requireHolders(ctx, t, hs.last().Store, "j", noon.Add(3*tick-1), map[string]string{"j": "a"})
		requireHolders(ctx, t, hs.last().Store, "j", noon.Add(3*tick), nil)
		require.True(t, acquired(ctx, t, hs.last().Store, "j", "b", noon.Add(3*tick)))
	})

	t.Run("of 20 that acquire at once one gets it", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		for round, at := range []time.Time{noon, noon.Add(leaseTTL), noon.Add(2 * leaseTTL)} { // free, then run out
			var all sync.WaitGroup
			got := make([]bool, 20)
			for i := range got {
				all.Go(func() {
					var err error
					got[i], err = hs.nth(i).Store.Acquire(ctx, "j", fmt.Sprint("h", i), at, leaseTTL)
					assert.NoError(t, err)
				})
			}
			all.Wait()
			var holders []string
			for i, yes := range got {
				if yes {
					holders = append(holders, fmt.Sprint("h", i))
				}
			}
			require.Len(t, holders, 1, "holders in round %d", round)
			requireHolders(ctx, t, hs.last().Store, "j", at, map[string]string{"j": holders[0]})
		}
	})

	t.Run("every method is a transaction of its own", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		require.True(t, acquired(ctx, t, s, "k", "a", noon))
		rolledBack(ctx, t, hs.first().Units, func(ctx context.Context) {
			require.True(t, acquired(ctx, t, s, "j", "a", noon))
			require.NoError(t, s.Release(ctx, "k", "a"))
			requireHolders(ctx, t, s, "", noon, map[string]string{"j": "a"})
			requireHolders(bounded(t), t, hs.last().Store, "", noon, map[string]string{"j": "a"})
		})
		requireHolders(ctx, t, hs.last().Store, "", noon, map[string]string{"j": "a"})
	})

	t.Run("a context that has ended changes nothing", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		require.True(t, acquired(ctx, t, s, "j", "a", noon))
		require.ErrorIs(t, s.Release(ended(), "j", "a"), context.Canceled)
		got, err := s.Acquire(ended(), "k", "a", noon, leaseTTL)
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, got)
		_, err = s.Held(ended(), "", noon)
		require.ErrorIs(t, err, context.Canceled)
		requireHolders(ctx, t, hs.last().Store, "", noon, map[string]string{"j": "a"})
	})

	t.Run("any run of calls answers as a naive store does", func(t *testing.T) { leasesModel(t, open) })
}

// naiveLease is a lease of a store written for the eye.
type naiveLease struct {
	holder string
	until  time.Time
}

func leasesModel(t *testing.T, open OpenLeases) {
	rapid.Check(t, func(r *rapid.T) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		hs, clock := open.opened(t)
		rows := map[string]naiveLease{}
		store := func(r *rapid.T) ports.Leases { return hs.nth(rapid.IntRange(0, 1).Draw(r, "handle")).Store }
		job, holder := rapid.SampledFrom([]string{"a", "a/1", "b"}), rapid.SampledFrom([]string{"x", "y", "z"})
		times := rapid.SampledFrom([]time.Duration{tick, time.Second, leaseTTL})
		r.Repeat(map[string]func(*rapid.T){
			"acquire": func(r *rapid.T) {
				s, job, holder, ttl, now := store(r), job.Draw(r, "job"), holder.Draw(r, "holder"), times.Draw(r, "ttl"), clock.now()
				row, known := rows[job]
				want := !known || row.holder == holder || !row.until.After(now)
				got, err := s.Acquire(ctx, job, holder, now, ttl)
				require.NoError(r, err)
				require.Equal(r, want, got, "Acquire(%q, %q)", job, holder)
				if want {
					rows[job] = naiveLease{holder, now.Add(ttl)}
				}
			},
			"release": func(r *rapid.T) {
				s, job, holder := store(r), job.Draw(r, "job"), holder.Draw(r, "holder")
				require.NoError(r, s.Release(ctx, job, holder))
				if rows[job].holder == holder {
					delete(rows, job)
				}
			},
			"held": func(r *rapid.T) {
				s, prefix := store(r), rapid.SampledFrom([]string{"", "a", "a/", "b", "c"}).Draw(r, "prefix")
				want := map[string]string{}
				for job, row := range rows {
					if strings.HasPrefix(job, prefix) && row.until.After(clock.now()) {
						want[job] = row.holder
					}
				}
				requireHolders(ctx, r, s, prefix, clock.now(), want)
			},
			"wait": func(r *rapid.T) { clock.advance(times.Draw(r, "for")) },
		})
	})
}
