package portstest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
)

// OpenOutbox opens an outbox.
type OpenOutbox = Open[ports.Outbox]

// notices names the case's notices "<key><number>".
func notices(ids ...string) (ns []notice.Notice) {
	for _, id := range ids {
		ns = append(ns, notice.Notice{ID: id, Key: id[:1], To: notice.NAS, Created: noon, Advis: nas.Notification{
			Topic: "urn:test:Changed", ID: "of " + id, IDType: "urn:test", Payload: []byte("<changed/>")}})
	}
	return ns
}

func idsOf(ns []notice.Notice) []string {
	ids := []string{}
	for _, n := range ns {
		ids = append(ids, n.ID)
	}
	return ids
}

func requireNext(ctx context.Context, t require.TestingT, s ports.Outbox, now time.Time, want ...string) {
	got, err := s.Next(ctx, notice.NAS, now, 100)
	require.NoError(t, err)
	require.Equal(t, append([]string{}, want...), idsOf(got), "Next")
}

func requireParked(ctx context.Context, t require.TestingT, s ports.Outbox, want map[string]string) {
	got, err := s.Parked(ctx, 100)
	require.NoError(t, err)
	codes := map[string]string{}
	for _, p := range got {
		codes[p.ID] = p.Code
	}
	require.Equal(t, want, codes, "Parked")
}

func requireWaiting(ctx context.Context, t require.TestingT, s ports.Outbox, waiting, parked int, oldest time.Time) {
	gotWaiting, gotParked, gotOldest, err := s.Waiting(ctx)
	require.NoError(t, err)
	require.Equal(t, []any{waiting, parked, oldest}, []any{gotWaiting, gotParked, gotOldest}, "Waiting")
}

// Outbox runs the contract of ports.Outbox.
func Outbox(t *testing.T, open OpenOutbox) {
	outboxOrder(t, open)
	outboxParking(t, open)
	outboxUnits(t, open)
	outboxFigures(t, open)
	t.Run("it goes as a list would go", func(t *testing.T) { outboxModel(t, open) })
}

// filled opens an outbox with notices in it.
func (open Open[S]) filled(t *testing.T, put func(S) error) (context.Context, handles[S]) {
	t.Helper()
	hs, _ := open.opened(t)
	require.NoError(t, put(hs.first().Store))
	return bounded(t), hs
}

func outboxOf(t *testing.T, open OpenOutbox, ids ...string) (context.Context, handles[ports.Outbox]) {
	t.Helper()
	return open.filled(t, func(s ports.Outbox) error { return s.Put(context.Background(), notices(ids...)...) })
}

func outboxOrder(t *testing.T, open OpenOutbox) {
	t.Run("an empty outbox has nothing to deliver", func(t *testing.T) {
		ctx, hs := outboxOf(t, open)
		requireNext(ctx, t, hs.last().Store, noon.AddDate(100, 0, 0))
		requireParked(ctx, t, hs.last().Store, map[string]string{})
		requireWaiting(ctx, t, hs.last().Store, 0, 0, time.Time{})
	})

	t.Run("a notice comes back with every field, times cut to microseconds and in UTC", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, at := bounded(t), noon.Add(1999).In(time.FixedZone("CET", 3600))
		put := []notice.Notice{
			{ID: "0c6b2a52-0c0e-4f0c-9d57-0f6a1f2d0001", Key: "a", To: notice.NAS, Created: at, Attempts: 7, Advis: nas.Notification{
				Topic: "urn:tést:Ændret", ID: "æ\"<&>'\\", IDType: "urn:oid:1.2", System: true, Payload: []byte("<a xmlns='urn:x'>\r\n\tø<![CDATA[&]]></a>\xff")}},
			{ID: "0c6b2a52-0c0e-4f0c-9d57-0f6a1f2d0002", Key: "b", To: notice.NAS, Created: noon, Advis: nas.Notification{Topic: "t", Payload: []byte("<b/>")}},
			{ID: "0c6b2a52-0c0e-4f0c-9d57-0f6a1f2d0003", Key: "c", To: notice.MinLog, Created: at, Entry: minlog.Entry{
				Source: &minlog.Chain{System: "Praksis-A", Source: &minlog.Chain{CorrelationID: "1"}}, System: "FMK", Activity: "Opslag <på> \"kort\"",
				From: at, To: at.Add(time.Hour), Org: minlog.ID{Source: minlog.SOR, Value: "1"}, Person: minlog.ID{Source: minlog.CPR, Value: "2512489996"},
				User: minlog.ID{Source: minlog.Authorisation, Value: "TST01"}, UserRole: "læge", Filters: []string{"a", "b"}}},
		}
		require.NoError(t, hs.first().Store.Put(ctx, put...))
		got, err := hs.last().Store.Next(ctx, notice.NAS, noon, 10)
		require.NoError(t, err)
		entries, err := hs.last().Store.Next(ctx, notice.MinLog, noon, 10)
		require.NoError(t, err)
		cut := noon.Add(tick)
		put[0].Created, put[0].Attempts, put[2].Created = cut, 0, cut
		put[2].Entry.From, put[2].Entry.To = cut, cut.Add(time.Hour)
		require.Equal(t, put, append(got, entries...))
	})

	t.Run("notices to one target are given and ordered whatever waits for another", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, ns := bounded(t), notices("a1", "a2", "b1", "a3", "c1", "a4")
		for _, i := range []int{1, 3, 4} {
			ns[i].To, ns[i].Advis = notice.MinLog, nas.Notification{}
		}
		require.NoError(t, hs.first().Store.Put(ctx, ns...))
		require.NoError(t, hs.first().Store.Later(ctx, "a1", noon.Add(time.Hour)))
		next := func(to notice.Target, n int) []string {
			got, err := hs.last().Store.Next(ctx, to, noon, n)
			require.NoError(t, err)
			return idsOf(got)
		}
		assert.Equal(t, []string{"b1"}, next(notice.NAS, 1))
		assert.Equal(t, []string{"b1"}, next(notice.NAS, 10))
		assert.Equal(t, []string{"a2"}, next(notice.MinLog, 1))
		assert.Equal(t, []string{"a2", "c1"}, next(notice.MinLog, 10))
		assert.Empty(t, next("nobody", 10))
		require.NoError(t, hs.first().Store.Done(ctx, "a2", noon))
		assert.Equal(t, []string{"a3", "c1"}, next(notice.MinLog, 10))
		assert.Equal(t, []string{"b1"}, next(notice.NAS, 10))
		requireWaiting(ctx, t, hs.last().Store, 5, 0, noon)
	})

	t.Run("Next gives the oldest of each key, new ones oldest first", func(t *testing.T) {
		ctx, hs := outboxOf(t, open, "c1", "a1", "a2", "b1", "c2", "d1")
		requireNext(ctx, t, hs.last().Store, noon, "c1", "a1", "b1", "d1")
	})

	t.Run("what failed comes after what was never tried, by the time to which it was put off", func(t *testing.T) {
		ctx, hs := outboxOf(t, open, "a1", "b1", "c1", "d1", "e1")
		for id, wait := range map[string]time.Duration{"a1": 3, "b1": 1, "d1": 2} {
			require.NoError(t, hs.first().Store.Later(ctx, id, noon.Add(wait*time.Second)))
		}
		requireNext(ctx, t, hs.last().Store, noon.Add(time.Minute), "c1", "e1", "b1", "d1", "a1")
	})

	t.Run("Next gives at most n", func(t *testing.T) {
		ctx, hs := outboxOf(t, open, "a1", "a2", "b1", "c1")
		for n, want := range [][]string{{}, {"a1"}, {"a1", "b1"}, {"a1", "b1", "c1"}, {"a1", "b1", "c1"}} {
			got, err := hs.last().Store.Next(ctx, notice.NAS, noon, n)
			require.NoError(t, err)
			require.Equal(t, want, idsOf(got), "Next of %d", n)
		}
		got, err := hs.last().Store.Next(ctx, notice.NAS, noon, -1)
		require.NoError(t, err)
		require.Empty(t, got)
	})

	t.Run("PC-27 a notice comes again until it is done, then the next of its key", func(t *testing.T) {
		ctx, hs := outboxOf(t, open, "a1", "b1", "a2", "a3")
		for i := range 3 {
			requireNext(ctx, t, hs.nth(i).Store, noon, "a1", "b1")
		}
		require.NoError(t, hs.last().Store.Done(ctx, "a1", noon))
		requireNext(ctx, t, hs.first().Store, noon, "b1", "a2")
		require.NoError(t, hs.first().Store.Done(ctx, "b1", noon))
		require.NoError(t, hs.first().Store.Done(ctx, "a2", noon))
		requireNext(ctx, t, hs.last().Store, noon, "a3")
		require.NoError(t, hs.last().Store.Done(ctx, "a3", noon))
		requireNext(ctx, t, hs.first().Store, noon)
	})

	t.Run("PC-27 a notice that is put off holds its key, and no other, until its time", func(t *testing.T) {
		ctx, hs := outboxOf(t, open, "a1", "a2", "b1")
		require.NoError(t, hs.first().Store.Later(ctx, "a1", noon.Add(time.Second)))
		requireNext(ctx, t, hs.last().Store, noon, "b1")
		requireNext(ctx, t, hs.last().Store, noon.Add(time.Second-tick), "b1")
		requireNext(ctx, t, hs.last().Store, noon.Add(time.Second), "b1", "a1")
		require.NoError(t, hs.first().Store.Later(ctx, "a1", noon.Add(time.Minute)))
		got, err := hs.last().Store.Next(ctx, notice.NAS, noon.Add(time.Hour), 2)
		require.NoError(t, err)
		require.Equal(t, 2, got[1].Attempts)
		require.NoError(t, hs.last().Store.Done(ctx, "a1", noon))
		requireNext(ctx, t, hs.last().Store, noon, "a2", "b1")
	})

	t.Run("a notice with a known id is ignored, whatever became of the first", func(t *testing.T) {
		ctx, hs := outboxOf(t, open, "a1", "b1", "c1")
		require.NoError(t, hs.first().Store.Done(ctx, "b1", noon))
		require.NoError(t, hs.first().Store.Park(ctx, "c1", "code"))
		again := notices("a1", "b1", "c1", "d1", "d1")
		again[0].Advis.Topic, again[4].Key = "another", "e"
		require.NoError(t, hs.last().Store.Put(ctx, again...))
		requireNext(ctx, t, hs.last().Store, noon, "a1", "d1")
		got, err := hs.last().Store.Next(ctx, notice.NAS, noon, 10)
		require.NoError(t, err)
		require.Equal(t, notices("a1", "d1"), got)
		requireWaiting(ctx, t, hs.last().Store, 2, 1, noon)
	})

	t.Run("a notice for an unknown target is refused, and with it all of its Put", func(t *testing.T) {
		ctx, hs := outboxOf(t, open)
		bad := notices("a1", "b1")
		bad[1].To = "nobody"
		require.ErrorIs(t, hs.first().Store.Put(ctx, bad...), notice.ErrTarget)
		requireNext(ctx, t, hs.last().Store, noon)
	})

	t.Run("many notices of one Put keep their order", func(t *testing.T) {
		ids := []string{}
		for i := range 230 {
			ids = append(ids, fmt.Sprintf("a%03d", i))
		}
		ctx, hs := outboxOf(t, open, ids...)
		for _, id := range ids[:30] {
			requireNext(ctx, t, hs.last().Store, noon, id)
			require.NoError(t, hs.first().Store.Done(ctx, id, noon))
		}
	})

	t.Run("the caller owns what it puts and what it gets", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, mine := bounded(t), notices("a1")
		require.NoError(t, hs.first().Store.Put(ctx, mine...))
		mine[0].Advis.Payload[1] = '!'
		got, err := hs.first().Store.Next(ctx, notice.NAS, noon, 1)
		require.NoError(t, err)
		require.Equal(t, notices("a1"), got)
		got[0].Advis.Payload[1] = '!'
		got, err = hs.first().Store.Next(ctx, notice.NAS, noon, 1)
		require.NoError(t, err)
		require.Equal(t, notices("a1"), got)
	})
}

func outboxParking(t *testing.T, open OpenOutbox) {
	t.Run("a parked notice does not hold up its key", func(t *testing.T) {
		ctx, hs := outboxOf(t, open, "a1", "a2", "a3", "b1")
		require.NoError(t, hs.first().Store.Park(ctx, "a1", "topic_unknown"))
		requireNext(ctx, t, hs.last().Store, noon, "a2", "b1")
		require.NoError(t, hs.first().Store.Park(ctx, "a2", "too_large"))
		requireNext(ctx, t, hs.last().Store, noon, "a3", "b1")
		requireParked(ctx, t, hs.last().Store, map[string]string{"a1": "topic_unknown", "a2": "too_large"})
	})

	t.Run("Parked gives what is parked, oldest first, at most n", func(t *testing.T) {
		ctx, hs := outboxOf(t, open, "a1", "b1", "c1")
		require.NoError(t, hs.first().Store.Later(ctx, "b1", noon))
		for _, id := range []string{"c1", "a1", "b1"} {
			require.NoError(t, hs.first().Store.Park(ctx, id, "code of "+id))
		}
		want := []notice.Parked{}
		for _, n := range notices("a1", "b1", "c1") {
			want = append(want, notice.Parked{Notice: n, Code: "code of " + n.ID})
		}
		want[1].Attempts = 1
		for n := range 4 {
			got, err := hs.last().Store.Parked(ctx, n)
			require.NoError(t, err)
			require.Len(t, got, n)
			for i := range got {
				require.Equal(t, want[i], got[i])
			}
		}
	})

	t.Run("Done, Later and Park do nothing to what is done, parked or unknown", func(t *testing.T) {
		ctx, hs := outboxOf(t, open, "a1", "b1")
		require.NoError(t, hs.first().Store.Done(ctx, "a1", noon))
		require.NoError(t, hs.first().Store.Park(ctx, "b1", "first"))
		for _, id := range []string{"a1", "b1", "z1"} {
			require.NoError(t, hs.last().Store.Done(ctx, id, noon.Add(time.Hour)))
			require.NoError(t, hs.last().Store.Later(ctx, id, noon))
			require.NoError(t, hs.last().Store.Park(ctx, id, "second"))
		}
		requireNext(ctx, t, hs.last().Store, noon.AddDate(1, 0, 0))
		requireParked(ctx, t, hs.last().Store, map[string]string{"b1": "first"})
		_, err := hs.first().Store.Forget(ctx, noon, 10)
		require.NoError(t, err)
		require.NoError(t, hs.first().Store.Put(ctx, notices("a1", "b1")...))
		requireNext(ctx, t, hs.last().Store, noon, "a1") // it was delivered at the first time, and is forgotten
	})

	t.Run("Retry has a parked notice delivered again, before what waits of its key", func(t *testing.T) {
		ctx, hs := outboxOf(t, open, "a1", "a2", "a3", "b1")
		require.NoError(t, hs.first().Store.Later(ctx, "a1", noon))
		require.NoError(t, hs.first().Store.Park(ctx, "a1", "code"))
		require.NoError(t, hs.first().Store.Done(ctx, "a2", noon))
		require.NoError(t, hs.last().Store.Retry(ctx, "a1", noon.Add(time.Second)))
		requireParked(ctx, t, hs.last().Store, map[string]string{})
		requireNext(ctx, t, hs.last().Store, noon, "b1")
		requireNext(ctx, t, hs.last().Store, noon.Add(time.Second), "b1", "a1")
		got, err := hs.last().Store.Next(ctx, notice.NAS, noon.Add(time.Second), 2)
		require.NoError(t, err)
		require.Zero(t, got[1].Attempts)
		require.NoError(t, hs.last().Store.Done(ctx, "a1", noon))
		requireNext(ctx, t, hs.last().Store, noon, "a3", "b1")
	})

	t.Run("Drop removes a parked notice", func(t *testing.T) {
		ctx, hs := outboxOf(t, open, "a1", "a2")
		require.NoError(t, hs.first().Store.Park(ctx, "a1", "code"))
		require.NoError(t, hs.last().Store.Drop(ctx, "a1"))
		requireParked(ctx, t, hs.last().Store, map[string]string{})
		requireNext(ctx, t, hs.last().Store, noon, "a2")
		requireWaiting(ctx, t, hs.first().Store, 1, 0, noon)
	})

	t.Run("Retry and Drop find only what is parked", func(t *testing.T) {
		ctx, hs := outboxOf(t, open, "a1", "b1")
		require.NoError(t, hs.first().Store.Done(ctx, "b1", noon))
		for _, id := range []string{"a1", "b1", "z1", ""} {
			for name, err := range map[string]error{"Retry": hs.last().Store.Retry(ctx, id, noon), "Drop": hs.last().Store.Drop(ctx, id)} {
				require.ErrorIs(t, err, notice.ErrNotParked, "%s of %q", name, id)
				require.True(t, fault.Is(err, fault.NotFound), "%s of %q: %v", name, id, err)
			}
		}
		requireNext(ctx, t, hs.last().Store, noon, "a1")
	})
}

func outboxUnits(t *testing.T, open OpenOutbox) {
	t.Run("notices are there if their unit of work commits, and not if it is rolled back", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		put := func(ctx context.Context) { require.NoError(t, s.Put(ctx, notices("a1", "b1")...)) }
		rolledBack(ctx, t, hs.first().Units, put)
		requireNext(ctx, t, hs.last().Store, noon)
		committed(ctx, t, hs.first().Units, put)
		requireNext(ctx, t, hs.last().Store, noon, "a1", "b1")
	})

	t.Run("a Put that fails takes back no more than itself", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		committed(ctx, t, hs.first().Units, func(ctx context.Context) {
			require.NoError(t, s.Put(ctx, notices("a1")...))
			require.Error(t, s.Put(ctx, append(notices("b1"), notice.Notice{ID: "c1"})...))
			require.NoError(t, s.Put(ctx, notices("d1")...))
		})
		requireNext(ctx, t, hs.last().Store, noon, "a1", "d1")
	})

	for name, c := range map[string]struct {
		change func(context.Context, ports.Outbox) error
		next   []string // at noon once it is committed
		parked map[string]string
	}{
		"Done":  {func(ctx context.Context, s ports.Outbox) error { return s.Done(ctx, "a1", noon) }, []string{"a2"}, map[string]string{"p1": "code"}},
		"Later": {func(ctx context.Context, s ports.Outbox) error { return s.Later(ctx, "a1", noon.Add(tick)) }, nil, map[string]string{"p1": "code"}},
		"Park":  {func(ctx context.Context, s ports.Outbox) error { return s.Park(ctx, "a1", "c") }, []string{"a2"}, map[string]string{"p1": "code", "a1": "c"}},
		"Retry": {func(ctx context.Context, s ports.Outbox) error { return s.Retry(ctx, "p1", noon) }, []string{"a1", "p1"}, map[string]string{}},
		"Drop":  {func(ctx context.Context, s ports.Outbox) error { return s.Drop(ctx, "p1") }, []string{"a1"}, map[string]string{}},
	} {
		t.Run(name+" joins the unit of work", func(t *testing.T) {
			ctx, hs := outboxOf(t, open, "a1", "a2", "p1")
			require.NoError(t, hs.first().Store.Park(ctx, "p1", "code"))
			change := func(ctx context.Context) { require.NoError(t, c.change(ctx, hs.first().Store)) }
			rolledBack(ctx, t, hs.first().Units, change)
			requireNext(ctx, t, hs.last().Store, noon, "a1")
			requireParked(ctx, t, hs.last().Store, map[string]string{"p1": "code"})
			committed(ctx, t, hs.first().Units, change)
			requireNext(ctx, t, hs.last().Store, noon, c.next...)
			requireParked(ctx, t, hs.last().Store, c.parked)
		})
	}

	t.Run("of 20 that put at once nothing is lost, and each key is in order", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		const writers, each = 20, 5
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range each {
					n := notices(fmt.Sprintf("%c%d", 'a'+w, i))
					assert.NoError(t, hs.nth(w).Store.Put(ctx, n...))
				}
			})
		}
		all.Wait()
		for i := range each {
			due, err := hs.last().Store.Next(ctx, notice.NAS, noon, 100)
			require.NoError(t, err)
			require.Len(t, due, writers)
			for _, n := range due {
				require.Equal(t, fmt.Sprint(i), n.ID[1:], "of key %s", n.Key)
				require.NoError(t, hs.first().Store.Done(ctx, n.ID, noon))
			}
		}
	})

	t.Run("a context that has ended changes nothing", func(t *testing.T) {
		ctx, hs := outboxOf(t, open, "a1", "p1")
		s := hs.first().Store
		require.NoError(t, s.Park(ctx, "p1", "code"))
		_, next := s.Next(ended(), notice.NAS, noon, 1)
		_, parked := s.Parked(ended(), 1)
		_, _, _, waiting := s.Waiting(ended())
		_, forget := s.Forget(ended(), noon, 1)
		for i, err := range []error{s.Put(ended(), notices("b1")...), s.Put(ended()), s.Done(ended(), "a1", noon), s.Later(ended(), "a1", noon.Add(time.Hour)),
			s.Park(ended(), "a1", "code"), s.Retry(ended(), "p1", noon), s.Drop(ended(), "p1"), next, parked, waiting, forget} {
			require.ErrorIs(t, err, context.Canceled, "call %d", i)
		}
		requireNext(ctx, t, hs.last().Store, noon, "a1")
		requireParked(ctx, t, hs.last().Store, map[string]string{"p1": "code"})
	})
}

func outboxFigures(t *testing.T, open OpenOutbox) {
	t.Run("Waiting counts what waits and what is parked, and finds the oldest that waits", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s, ns := bounded(t), hs.first().Store, notices("a1", "a2", "b1", "c1")
		for i := range ns {
			ns[i].Created = noon.Add(time.Duration(i) * time.Hour)
		}
		require.NoError(t, s.Put(ctx, ns[1], ns[0], ns[2], ns[3]))
		requireWaiting(ctx, t, hs.last().Store, 4, 0, noon)
		require.NoError(t, s.Park(ctx, "a1", "code"))
		requireWaiting(ctx, t, hs.last().Store, 3, 1, noon.Add(time.Hour))
		require.NoError(t, s.Later(ctx, "a2", noon.AddDate(1, 0, 0)))
		requireWaiting(ctx, t, hs.last().Store, 3, 1, noon.Add(time.Hour))
		require.NoError(t, s.Done(ctx, "a2", noon))
		require.NoError(t, s.Done(ctx, "b1", noon))
		requireWaiting(ctx, t, hs.last().Store, 1, 1, noon.Add(3*time.Hour))
		require.NoError(t, s.Done(ctx, "c1", noon))
		requireWaiting(ctx, t, hs.last().Store, 0, 1, time.Time{})
	})

	t.Run("Forget deletes what was delivered at or before a time, and nothing else", func(t *testing.T) {
		ctx, hs := outboxOf(t, open, "a1", "b1", "c1", "w1", "p1")
		s := hs.first().Store
		require.NoError(t, s.Park(ctx, "p1", "code"))
		for i, id := range []string{"a1", "b1", "c1"} {
			require.NoError(t, s.Done(ctx, id, noon.Add(time.Duration(i)*time.Hour)))
		}
		done, err := s.Forget(ctx, noon.Add(-tick), 10)
		require.NoError(t, err)
		require.True(t, done, "nothing was delivered so early")
		done, err = s.Forget(ctx, noon.Add(time.Hour), 10)
		require.NoError(t, err)
		require.True(t, done)
		require.NoError(t, s.Put(ctx, notices("a1", "b1", "c1")...))
		requireNext(ctx, t, hs.last().Store, noon, "w1", "a1", "b1")
		requireWaiting(ctx, t, hs.last().Store, 3, 1, noon)
	})

	t.Run("Forget deletes at most n, and is done when none is left", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		const rows, n = 25, 10
		for i := range rows {
			id := fmt.Sprintf("a%d", i)
			require.NoError(t, s.Put(ctx, notices(id)...))
			require.NoError(t, s.Done(ctx, id, noon))
		}
		for left := rows; left > 0; left -= n {
			done, err := s.Forget(ctx, noon, n)
			require.NoError(t, err)
			require.Equal(t, left <= n, done, "Forget of %d with %d there", n, left)
		}
	})

	t.Run("Forget is a transaction of its own", func(t *testing.T) {
		ctx, hs := outboxOf(t, open, "a1")
		require.NoError(t, hs.first().Store.Done(ctx, "a1", noon))
		rolledBack(ctx, t, hs.first().Units, func(ctx context.Context) {
			_, err := hs.first().Store.Forget(ctx, noon, 10)
			require.NoError(t, err)
		})
		require.NoError(t, hs.first().Store.Put(ctx, notices("a1")...))
		requireNext(ctx, t, hs.last().Store, noon, "a1")
	})
}
