package portstest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/ports"
)

// OpenSecurityEvents opens a store of refusals.
type OpenSecurityEvents = Open[ports.SecurityEvents]

// refusal is one with every field, so many seconds after noon.
func refusal(seconds int, id string) audit.Refusal {
	return audit.Refusal{At: noon.Add(time.Duration(seconds) * time.Second), Service: "minlog", Operation: "AddRegistrations", Code: "invalid_signature",
		Cause: "digest differs <Æ>", Anchor: "sts", CVR: "33257872", Addr: "192.0.2.1", MessageID: id}
}

// SecurityEvents runs the contract of ports.SecurityEvents.
func SecurityEvents(t *testing.T, open OpenSecurityEvents) {
	until := noon.Add(90 * day)
	requireSince := func(ctx context.Context, t *testing.T, s ports.SecurityEvents, since time.Time, n int, want ...audit.Refusal) {
		t.Helper()
		got, err := s.Since(ctx, since, n)
		require.NoError(t, err)
		if len(want)+len(got) > 0 {
			require.Equal(t, want, got, "Since(%s, %d)", since, n)
		}
	}

	t.Run("Since returns the events at or after since, newest first, at most n", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.last().Store
		requireSince(ctx, t, s, noon, 10)
		a, b, c, d := refusal(0, "a"), refusal(2, "b"), refusal(1, "c"), refusal(3, "d")
		require.NoError(t, hs.first().Store.Record(ctx, until, a, b))
		require.NoError(t, hs.first().Store.Record(ctx, until))
		require.NoError(t, hs.last().Store.Record(ctx, until, c))
		require.NoError(t, hs.first().Store.Record(ctx, until, d))
		requireSince(ctx, t, s, time.Time{}, 10, d, b, c, a)
		requireSince(ctx, t, s, noon, 10, d, b, c, a)
		requireSince(ctx, t, s, c.At, 10, d, b, c)
		requireSince(ctx, t, s, c.At.Add(tick), 10, d, b)
		requireSince(ctx, t, s, noon, 3, d, b, c)
		requireSince(ctx, t, s, noon, 0)
		requireSince(ctx, t, s, d.At.Add(tick), 10)
	})

	t.Run("of one time the last recorded is first", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		require.NoError(t, hs.first().Store.Record(ctx, until, refusal(0, "a"), refusal(0, "b")))
		require.NoError(t, hs.first().Store.Record(ctx, until, refusal(0, "c")))
		requireSince(ctx, t, hs.last().Store, noon, 2, refusal(0, "c"), refusal(0, "b"))
	})

	t.Run("an event with nothing but a time, cut to microseconds, UTC", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		require.NoError(t, hs.first().Store.Record(ctx, until, audit.Refusal{At: noon.Add(1999).In(time.FixedZone("CET", 3600))}))
		requireSince(ctx, t, hs.last().Store, noon, 1, audit.Refusal{At: noon.Add(tick)})
	})

	t.Run("an event of texts that are none keeps no other out", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		strange := audit.Refusal{At: noon, Service: "a\x00b", Operation: "\xff", Code: "\xc3(", Cause: "\x00", Anchor: "\xed\xa0\x80", CVR: "\xf8", Addr: "\x80", MessageID: "ok"}
		require.NoError(t, hs.first().Store.Record(ctx, until, refusal(1, "before"), strange, refusal(1, "after")))
		got, err := hs.last().Store.Since(ctx, noon, 10)
		require.NoError(t, err)
		require.Len(t, got, 3)
		assert.Equal(t, "ok", got[2].MessageID)
	})

	t.Run("more events at once than fit a statement", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		var events []audit.Refusal
		for i := range 1001 {
			events = append(events, refusal(i, fmt.Sprint(i)))
		}
		require.NoError(t, hs.first().Store.Record(ctx, until, events...))
		slices.Reverse(events)
		requireSince(ctx, t, hs.last().Store, noon, 2000, events...)
	})

	t.Run("no event of 20 Records at once is lost", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		errs := make(chan error)
		for i := range 20 {
			go func() { errs <- hs.nth(i).Store.Record(ctx, until, refusal(i, fmt.Sprint(i))) }()
		}
		for range 20 {
			require.NoError(t, <-errs)
		}
		got, err := hs.last().Store.Since(ctx, noon, 100)
		require.NoError(t, err)
		assert.Len(t, got, 20)
	})

	t.Run("Record is a transaction of its own", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		rolledBack(ctx, t, hs.first().Units, func(ctx context.Context) {
			require.NoError(t, hs.first().Store.Record(ctx, until, refusal(0, "a")))
		})
		requireSince(ctx, t, hs.last().Store, noon, 10, refusal(0, "a"))
	})

	t.Run("a context that has ended records nothing", func(t *testing.T) {
		hs, _ := open.opened(t)
		require.ErrorIs(t, hs.first().Store.Record(ended(), until, refusal(0, "a")), context.Canceled)
		requireSince(bounded(t), t, hs.last().Store, noon, 10)
	})

	t.Run("purge", func(t *testing.T) {
		purger(t, func(t *testing.T) purged {
			hs, _ := open.opened(t)
			s := hs.first().Store
			return purged{s, hs.first().Units,
				func(ctx context.Context, row int, until time.Time) {
					require.NoError(t, s.Record(ctx, until, refusal(0, fmt.Sprint(row))))
				},
				func(ctx context.Context, row int) bool {
					got, err := hs.last().Store.Since(ctx, noon, 100)
					require.NoError(t, err)
					return slices.ContainsFunc(got, func(e audit.Refusal) bool { return e.MessageID == fmt.Sprint(row) })
				}}
		})
	})
}
