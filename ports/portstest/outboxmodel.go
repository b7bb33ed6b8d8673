package portstest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
)

// modelNotice is a notice as the model of the outbox knows it.
type modelNotice struct {
	id     string
	to     notice.Target
	next   time.Time
	parked string
}

// outboxModel does the same to an outbox and to a list, in whatever order, and compares what they say.
func outboxModel(t *testing.T, open OpenOutbox) {
	if testing.Short() {
		t.Skip("the cases above are its essence")
	}
	hs, _ := open.opened(t)
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	t.Cleanup(cancel)
	targets := [...]notice.Target{notice.NAS, notice.MinLog}
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		requireEmptied(ctx, t, hs.first().Store, targets[:])
		var left []modelNotice // what is not delivered, in order
		taken := 0
		name := func(key string) string { return fmt.Sprintf("%s/%d/%d", key, run, taken) }
		any := func() int { return rapid.IntRange(0, len(left)-1).Draw(t, "which") }
		steps := rapid.IntRange(1, 12).Draw(t, "steps")
		at := noon
		for range steps {
			s := hs.nth(rapid.IntRange(0, 1).Draw(t, "handle")).Store
			what := rapid.SampledFrom([]string{"put", "done", "later", "park", "retry", "drop", "wait"}).Draw(t, "what")
			if len(left) == 0 {
				what = "put"
			}
			switch what {
			case "put":
				taken++
				id := name(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key"))
				ns := notices(id)
				if ns[0].To = rapid.SampledFrom(targets[:]).Draw(t, "to"); ns[0].To != notice.NAS {
					ns[0].Advis = nas.Notification{}
				}
				require.NoError(t, s.Put(ctx, ns...))
				left = append(left, modelNotice{id: id, to: ns[0].To})
			case "wait":
				at = at.Add(time.Second)
			case "retry", "drop":
				i := any()
				if left[i].parked == "" {
					require.ErrorIs(t, s.Retry(ctx, left[i].id, at), notice.ErrNotParked)
					continue
				}
				if what == "retry" {
					require.NoError(t, s.Retry(ctx, left[i].id, at))
					left[i].parked, left[i].next = "", at
					continue
				}
				require.NoError(t, s.Drop(ctx, left[i].id))
				left = slices.Delete(left, i, i+1)
			default:
				i := any()
				isParked := left[i].parked != ""
				switch what {
				case "done":
					require.NoError(t, s.Done(ctx, left[i].id, at))
					if !isParked {
						left = slices.Delete(left, i, i+1)
					}
				case "later":
					require.NoError(t, s.Later(ctx, left[i].id, at.Add(2*time.Second)))
					if !isParked {
						left[i].next = at.Add(2 * time.Second)
					}
				case "park":
					require.NoError(t, s.Park(ctx, left[i].id, what))
					left[i].parked = what
				}
			}
			parked := map[string]string{}
			type lane struct {
				key byte
				to  notice.Target
			}
			heads := map[lane]bool{}
			var due []modelNotice
			for _, n := range left {
				switch {
				case n.parked != "":
					parked[n.id] = n.parked
				case !heads[lane{n.id[0], n.to}]:
					heads[lane{n.id[0], n.to}] = true
					if !n.next.After(at) {
						due = append(due, n)
					}
				}
			}
			slices.SortStableFunc(due, func(a, b modelNotice) int { return a.next.Compare(b.next) })
			for _, to := range targets {
				want := []string{}
				for _, n := range due {
					if n.to == to {
						want = append(want, n.id)
					}
				}
				got, err := hs.last().Store.Next(ctx, to, at, 100)
				require.NoError(t, err)
				require.Equal(t, want, idsOf(got), "Next to %s", to)
			}
			requireParked(ctx, t, hs.last().Store, parked)
			waiting, parkedNow, _, err := hs.last().Store.Waiting(ctx)
			require.NoError(t, err)
			require.Equal(t, []int{len(left) - len(parked), len(parked)}, []int{waiting, parkedNow}, "Waiting")
		}
	})
}

// requireEmptied takes away what an earlier run left, however it ended.
func requireEmptied(ctx context.Context, t require.TestingT, s ports.Outbox, targets []notice.Target) {
	parked, err := s.Parked(ctx, 1000)
	require.NoError(t, err)
	for _, p := range parked {
		require.NoError(t, s.Drop(ctx, p.ID))
	}
	for {
		left := 0
		for _, to := range targets {
			due, err := s.Next(ctx, to, noon.AddDate(100, 0, 0), 1000)
			require.NoError(t, err)
			left += len(due)
			for _, n := range due {
				require.NoError(t, s.Done(ctx, n.ID, noon))
			}
		}
		if left == 0 {
			return
		}
	}
}
