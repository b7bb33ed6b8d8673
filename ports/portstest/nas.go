package portstest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// NASStores are the stores of notifications of one backend.
type NASStores interface {
	NASTopics() ports.TopicStore
	PullPoints() ports.PullPointStore
	IDLists() ports.IDListStore
}

// OpenNASStores opens stores of notifications.
type OpenNASStores = Open[NASStores]

const modified nas.TopicName = "http://sundhedsdatastyrelsen.dk/eCPR/2020/01/01:PersonIdentifierModification"

// nasCase are the stores of one case. It makes ids; it is safe for concurrent use.
type nasCase struct {
	handles[NASStores]
	t   require.TestingT
	ctx context.Context //nolint:containedctx // of one case
	ids atomic.Int64
}

func nasCaseOf(t *testing.T, open OpenNASStores) *nasCase {
	t.Helper()
	hs, _ := open.opened(t)
	return &nasCase{handles: hs, t: t, ctx: bounded(t)}
}

func (c *nasCase) units() ports.UnitOfWork { return c.first().Units }

// anOwner is the n-th owner.
func anOwner(n int) nas.Owner { return nas.Owner{CVR: "33257872", System: fmt.Sprint("Demo EPJ ", n)} }

// storing is an edit that stores a topic, whatever there is.
func storing(t nas.Topic) func(nas.Topic) (nas.Topic, error) {
	return func(nas.Topic) (nas.Topic, error) { return t, nil }
}

// aTopic is a topic that is ready and that nobody may read.
func aTopic(name nas.TopicName, log messagelog.Topic) nas.Topic {
	return nas.Topic{Name: name, Log: log, State: nas.Ready, Active: true, Spec: messagelog.Spec{Partitions: 3}, CreatedAt: noon, CreatedBy: "admin"}
}

// wholeTopic has every field.
func wholeTopic() nas.Topic {
	t := aTopic(modified, "nas.PersonIdentifierModification.0a1b2c3d")
	t.State, t.Active, t.ClosedAt, t.CreatedBy = nas.Deleting, false, later(2), "portal 33257872"
	t.Spec = messagelog.Spec{Partitions: 6, Retention: 14 * 24 * time.Hour, Replication: 3, Config: map[string]int64{"segment_bytes": 1 << 30}}
	t.Access = []nas.Access{
		{Identifier: "ALL", Comment: "under prøve", CreatedAt: later(1)},
		{Identifier: "CVR:33257872-FID:22933922", CreatedAt: later(1)},
		{Identifier: "CVR:33257872-UID:x", Comment: "c", CreatedAt: noon},
	}
	return t
}

func (c *nasCase) putTopic(t nas.Topic) {
	require.NoError(c.t, c.first().Store.NASTopics().UpdateTopic(c.ctx, t.Name, storing(t)))
}

func (c *nasCase) requireTopics(want ...nas.Topic) {
	got, err := c.last().Store.NASTopics().Topics(c.ctx)
	require.NoError(c.t, err)
	require.Equal(c.t, want, got)
	for _, t := range want {
		got, err := c.last().Store.NASTopics().Topic(c.ctx, t.Name)
		require.NoError(c.t, err)
		require.Equal(c.t, t, got)
	}
}

// TopicStore runs the contract of ports.TopicStore.
func TopicStore(t *testing.T, open OpenNASStores) {
	t.Run("every field of a topic is kept, with its access by identifier", func(t *testing.T) {
		c, want := nasCaseOf(t, open), wholeTopic()
		given := want
		given.Access = slices.Clone(want.Access)
		slices.Reverse(given.Access)
		c.putTopic(given)
		c.requireTopics(want)
		want.State, want.Active, want.ClosedAt, want.Access, want.Log = nas.Ready, true, time.Time{}, nil, "nas.other"
		want.Spec.Config = nil
		c.putTopic(want)
		c.requireTopics(want)
	})

	t.Run("times are cut to microseconds", func(t *testing.T) {
		c, fine := nasCaseOf(t, open), wholeTopic()
		want, more := wholeTopic(), 1999*time.Nanosecond
		zone := time.FixedZone("CET", 3600)
		fine.ClosedAt, fine.CreatedAt = fine.ClosedAt.Add(more).In(zone), fine.CreatedAt.Add(more).In(zone)
		want.ClosedAt, want.CreatedAt = want.ClosedAt.Add(tick), want.CreatedAt.Add(tick)
		for i := range fine.Access {
			fine.Access[i].CreatedAt = fine.Access[i].CreatedAt.Add(more).In(zone)
			want.Access[i].CreatedAt = want.Access[i].CreatedAt.Add(tick)
		}
		c.putTopic(fine)
		c.requireTopics(want)
	})

	t.Run("a topic that is not there is ErrNoTopic", func(t *testing.T) {
		c := nasCaseOf(t, open)
		c.putTopic(aTopic("t:x", "x"))
		for _, name := range []nas.TopicName{"t:X", "t:x ", "t", ""} {
			_, err := c.last().Store.NASTopics().Topic(c.ctx, name)
			require.ErrorIs(t, err, nas.ErrNoTopic, "Topic(%q)", name)
		}
	})

	t.Run("Topics returns all, ordered by name octet by octet", func(t *testing.T) {
		c := nasCaseOf(t, open)
		c.requireTopics([]nas.Topic(nil)...)
		names := []nas.TopicName{"B:x", "a:x", "a:x:y", "a:y", "z", "é", "ø", "𝄞"}
		var want []nas.Topic
		for i, name := range names {
			topic := aTopic(name, messagelog.Topic(fmt.Sprint("log-", i)))
			topic.Access = []nas.Access{{Identifier: "ALL"}, {Identifier: "CVR:33257872"}}
			want = append(want, topic)
		}
		for _, i := range []int{5, 0, 7, 2, 4, 1, 6, 3} {
			c.putTopic(want[i])
		}
		c.requireTopics(want...)
	})

	t.Run("edit is given the topic, or the zero one if there is none", func(t *testing.T) {
		c, s := nasCaseOf(t, open), ports.TopicStore(nil)
		s = c.first().Store.NASTopics()
		var given nas.Topic
		look := func(t nas.Topic) (nas.Topic, error) {
			given = t
			return t, nil
		}
		require.NoError(t, s.UpdateTopic(c.ctx, modified, look))
		require.Equal(t, nas.Topic{}, given)
		c.requireTopics([]nas.Topic(nil)...)
		c.putTopic(wholeTopic())
		require.NoError(t, s.UpdateTopic(c.ctx, modified, look))
		require.Equal(t, wholeTopic(), given)
	})

	t.Run("a zero result deletes the topic and its access", func(t *testing.T) {
		c := nasCaseOf(t, open)
		c.putTopic(wholeTopic())
		c.putTopic(aTopic("t:x", "x"))
		require.NoError(t, c.first().Store.NASTopics().UpdateTopic(c.ctx, modified, storing(nas.Topic{})))
		c.requireTopics(aTopic("t:x", "x"))
		again := aTopic(modified, wholeTopic().Log)
		c.putTopic(again)
		c.requireTopics(again, aTopic("t:x", "x"))
	})

	t.Run("T51 what subscribes to a topic ends with it", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, sub := c.subscribed()
		require.NoError(t, c.first().Store.NASTopics().UpdateTopic(c.ctx, modified, storing(nas.Topic{})))
		c.putTopic(aTopic(modified, "another"))
		c.requirePoint(p.ID, later(1))
		_, err := c.points().Subscription(c.ctx, sub.ID, later(1))
		require.ErrorIs(t, err, nas.ErrUnknown)
	})

	t.Run("if edit fails nothing changes, and its error is returned as it is", func(t *testing.T) {
		c := nasCaseOf(t, open)
		c.putTopic(wholeTopic())
		err := c.first().Store.NASTopics().UpdateTopic(c.ctx, modified, func(nas.Topic) (nas.Topic, error) { return nas.Topic{}, errBoom })
		require.Equal(t, errBoom, err)
		c.requireTopics(wholeTopic())
	})

	t.Run("a topic keeps its name", func(t *testing.T) {
		c := nasCaseOf(t, open)
		c.putTopic(wholeTopic())
		require.Error(t, c.first().Store.NASTopics().UpdateTopic(c.ctx, modified, storing(aTopic("t:x", "x"))))
		c.requireTopics(wholeTopic())
	})

	t.Run("an internal topic of another topic is ErrTaken, and changes nothing", func(t *testing.T) {
		c := nasCaseOf(t, open)
		one, two := aTopic("t:1", "one"), aTopic("t:2", "two")
		c.putTopic(one)
		s := c.first().Store.NASTopics()
		require.ErrorIs(t, s.UpdateTopic(c.ctx, "t:2", storing(aTopic("t:2", "one"))), nas.ErrTaken)
		c.requireTopics(one)
		c.putTopic(two)
		taken := aTopic("t:2", "one")
		taken.Access = []nas.Access{{Identifier: "ALL"}}
		require.ErrorIs(t, s.UpdateTopic(c.ctx, "t:2", storing(taken)), nas.ErrTaken)
		c.requireTopics(one, two)
		committed(c.ctx, t, c.units(), func(ctx context.Context) {
			require.ErrorIs(t, s.UpdateTopic(ctx, "t:2", storing(taken)), nas.ErrTaken)
			require.NoError(t, s.UpdateTopic(ctx, "t:1", storing(nas.Topic{})))
			require.NoError(t, s.UpdateTopic(ctx, "t:3", storing(aTopic("t:3", "three"))))
			require.ErrorIs(t, s.UpdateTopic(ctx, "t:3", storing(aTopic("t:3", "two"))), nas.ErrTaken)
			require.NoError(t, s.UpdateTopic(ctx, "t:2", storing(taken)))
		})
		c.requireTopics(taken, aTopic("t:3", "three"))
	})

	t.Run("UpdateTopic joins the unit of work", func(t *testing.T) {
		c := nasCaseOf(t, open)
		s := c.first().Store.NASTopics()
		change := func(ctx context.Context) {
			require.NoError(t, s.UpdateTopic(ctx, modified, storing(wholeTopic())))
			got, err := s.Topic(ctx, modified)
			require.NoError(t, err)
			require.Equal(t, wholeTopic(), got, "within the unit")
		}
		rolledBack(c.ctx, t, c.units(), change)
		c.requireTopics([]nas.Topic(nil)...)
		committed(c.ctx, t, c.units(), change)
		c.requireTopics(wholeTopic())
		rolledBack(c.ctx, t, c.units(), func(ctx context.Context) {
			require.NoError(t, s.UpdateTopic(ctx, modified, storing(nas.Topic{})))
		})
		c.requireTopics(wholeTopic())
	})

	t.Run("returned memory is the caller's, and so is what was given", func(t *testing.T) {
		c, given := nasCaseOf(t, open), wholeTopic()
		c.putTopic(given)
		spoil := func(topic nas.Topic) {
			topic.Access[0].Identifier = "spoilt"
			topic.Spec.Config["spoilt"] = 1
		}
		spoil(given)
		got, err := c.first().Store.NASTopics().Topic(c.ctx, modified)
		require.NoError(t, err)
		spoil(got)
		all, err := c.first().Store.NASTopics().Topics(c.ctx)
		require.NoError(t, err)
		spoil(all[0])
		require.Equal(t, errBoom, c.first().Store.NASTopics().UpdateTopic(c.ctx, modified, func(t nas.Topic) (nas.Topic, error) {
			spoil(t)
			return t, errBoom
		}))
		c.requireTopics(wholeTopic())
	})

	t.Run("no other UpdateTopic of the name happens in between", func(t *testing.T) {
		c := nasCaseOf(t, open)
		const n = 12
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				assert.NoError(t, c.nth(i).Store.NASTopics().UpdateTopic(c.ctx, modified, func(old nas.Topic) (nas.Topic, error) {
					topic := aTopic(modified, "log")
					topic.Spec.Partitions = old.Spec.Partitions + 1
					topic.Access = append(slices.Clone(old.Access), nas.Access{Identifier: fmt.Sprintf("CVR:%08d", i)})
					return topic, nil
				}))
			})
		}
		all.Wait()
		got, err := c.last().Store.NASTopics().Topic(c.ctx, modified)
		require.NoError(t, err)
		require.Equal(t, n, got.Spec.Partitions)
		require.Len(t, got.Access, n)
	})

	t.Run("of several topics that want one internal topic at once, one gets it", func(t *testing.T) {
		c := nasCaseOf(t, open)
		const n = 6
		errs := make(chan error)
		for i := range n {
			name := nas.TopicName(fmt.Sprint("t:", i))
			go func() { errs <- c.nth(i).Store.NASTopics().UpdateTopic(c.ctx, name, storing(aTopic(name, "log"))) }()
		}
		got := 0
		for range n {
			if err := <-errs; err == nil {
				got++
			} else {
				assert.ErrorIs(t, err, nas.ErrTaken)
			}
		}
		require.Equal(t, 1, got)
	})
}

// aList is a list of an owner with n ids.
func aList(o nas.Owner, name, kind string, n int) nas.IDList {
	l := nas.IDList{Owner: o, Name: name, Description: "liste " + kind, IDType: "http://nsi.dk/advis/v10/CPR"}
	for i := range n {
		l.IDs = append(l.IDs, fmt.Sprintf("%s-%06d", kind, i))
	}
	return l
}

func (c *nasCase) putList(l nas.IDList) (replaced bool) {
	replaced, err := c.first().Store.IDLists().Put(c.ctx, l, noon)
	require.NoError(c.t, err)
	return replaced
}

// requireList requires that a list is there, and returns its version.
func (c *nasCase) requireList(want nas.IDList) int64 {
	got, loaded, ok, err := c.last().Store.IDLists().Load(c.ctx, want.Owner, want.Name)
	require.NoError(c.t, err)
	require.True(c.t, ok)
	slices.Sort(got.IDs)
	want.IDs = slices.Clone(want.IDs)
	slices.Sort(want.IDs)
	require.Equal(c.t, want, got)
	version, ok, err := c.last().Store.IDLists().Version(c.ctx, want.Owner, want.Name)
	require.NoError(c.t, err)
	require.True(c.t, ok)
	require.Equal(c.t, version, loaded, "Version and Load")
	return version
}

func (c *nasCase) requireNoList(o nas.Owner, name string) {
	l, _, ok, err := c.last().Store.IDLists().Load(c.ctx, o, name)
	require.NoError(c.t, err)
	require.False(c.t, ok)
	require.Equal(c.t, nas.IDList{}, l)
	_, ok, err = c.last().Store.IDLists().Version(c.ctx, o, name)
	require.NoError(c.t, err)
	require.False(c.t, ok)
}

// IDListStore runs the contract of ports.IDListStore.
func IDListStore(t *testing.T, open OpenNASStores) {
	t.Run("T3 Put replaces the list of the owner with this name, whole", func(t *testing.T) {
		c := nasCaseOf(t, open)
		l := aList(anOwner(1), "børn", "a", 3)
		require.False(t, c.putList(l))
		c.requireList(l)
		l = nas.IDList{Owner: l.Owner, Name: l.Name, Description: "", IDType: "cpr", IDs: []string{"b-1", "a-000001", "é", "x y"}}
		require.True(t, c.putList(l))
		c.requireList(l)
		l.IDs = nil
		require.True(t, c.putList(l))
		c.requireList(l)
	})

	t.Run("T4 lists of two owners, and of two names, are independent", func(t *testing.T) {
		c := nasCaseOf(t, open)
		lists := []nas.IDList{aList(anOwner(1), "l", "a", 2), aList(anOwner(2), "l", "b", 2), aList(anOwner(1), "L", "c", 2),
			aList(nas.Owner{CVR: "20921897", System: anOwner(1).System}, "l", "d", 2)}
		for _, l := range lists {
			require.False(t, c.putList(l))
		}
		versions := map[int64]bool{}
		for _, l := range lists {
			versions[c.requireList(l)] = true
		}
		require.Len(t, versions, len(lists))
		existed, err := c.first().Store.IDLists().Delete(c.ctx, anOwner(1), "l")
		require.NoError(t, err)
		require.True(t, existed)
		c.requireNoList(anOwner(1), "l")
		for _, l := range lists[1:] {
			c.requireList(l)
		}
	})

	t.Run("T4 Delete removes a list; there was none the second time", func(t *testing.T) {
		c, s := nasCaseOf(t, open), ports.IDListStore(nil)
		s = c.first().Store.IDLists()
		c.putList(aList(anOwner(1), "l", "a", 2))
		for _, want := range []bool{true, false} {
			existed, err := s.Delete(c.ctx, anOwner(1), "l")
			require.NoError(t, err)
			require.Equal(t, want, existed)
			c.requireNoList(anOwner(1), "l")
		}
		require.False(t, c.putList(aList(anOwner(1), "l", "a", 2)))
	})

	t.Run("a version is that of one content, and never comes again", func(t *testing.T) {
		c, l := nasCaseOf(t, open), aList(anOwner(1), "l", "a", 2)
		seen := map[int64]bool{}
		for i := range 6 {
			if i == 3 {
				_, err := c.first().Store.IDLists().Delete(c.ctx, l.Owner, l.Name)
				require.NoError(t, err)
			}
			c.putList(l)
			version := c.requireList(l)
			require.Equal(t, version, c.requireList(l), "it stays while the content does")
			require.False(t, seen[version], "version %d came before", version)
			seen[version] = true
		}
	})

	t.Run("Versions returns the version of each list of the owner", func(t *testing.T) {
		c, want := nasCaseOf(t, open), map[string]int64{}
		versions := func() map[string]int64 {
			got, err := c.last().Store.IDLists().Versions(c.ctx, anOwner(1))
			require.NoError(t, err)
			return got
		}
		require.Empty(t, versions())
		for _, name := range []string{"a", "b", "ø"} {
			l := aList(anOwner(1), name, name, 1)
			c.putList(l)
			want[name] = c.requireList(l)
		}
		c.putList(aList(anOwner(2), "theirs", "t", 1))
		require.Equal(t, want, versions())
		_, err := c.first().Store.IDLists().Delete(c.ctx, anOwner(1), "b")
		require.NoError(t, err)
		maps.DeleteFunc(want, func(name string, _ int64) bool { return name == "b" })
		require.Equal(t, want, versions())
	})

	t.Run("Put and Delete join the unit of work", func(t *testing.T) {
		c, old, l := nasCaseOf(t, open), aList(anOwner(1), "l", "old", 2), aList(anOwner(1), "l", "new", 3)
		s := c.first().Store.IDLists()
		c.putList(old)
		before := c.requireList(old)
		replace := func(ctx context.Context) {
			replaced, err := s.Put(ctx, l, later(1))
			require.NoError(t, err)
			require.True(t, replaced)
			got, _, ok, err := s.Load(ctx, l.Owner, l.Name)
			require.NoError(t, err)
			require.True(t, ok)
			require.ElementsMatch(t, l.IDs, got.IDs, "within the unit")
		}
		rolledBack(c.ctx, t, c.units(), replace)
		require.Equal(t, before, c.requireList(old))
		committed(c.ctx, t, c.units(), replace)
		c.requireList(l)
		remove := func(ctx context.Context) {
			existed, err := s.Delete(ctx, l.Owner, l.Name)
			require.NoError(t, err)
			require.True(t, existed)
			_, ok, err := s.Version(ctx, l.Owner, l.Name)
			require.NoError(t, err)
			require.False(t, ok, "within the unit")
		}
		rolledBack(c.ctx, t, c.units(), remove)
		c.requireList(l)
		committed(c.ctx, t, c.units(), remove)
		c.requireNoList(l.Owner, l.Name)
	})

	t.Run("returned memory is the caller's, and so is what was given", func(t *testing.T) {
		c, l := nasCaseOf(t, open), aList(anOwner(1), "l", "a", 3)
		c.putList(l)
		l.IDs[0] = "spoilt"
		got, _, _, err := c.first().Store.IDLists().Load(c.ctx, l.Owner, l.Name)
		require.NoError(t, err)
		got.IDs[1] = "spoilt"
		c.requireList(aList(anOwner(1), "l", "a", 3))
	})

	t.Run("of two that come at once both succeed, and one stays, whole", func(t *testing.T) {
		c := nasCaseOf(t, open)
		for range 3 {
			var all sync.WaitGroup
			for i, kind := range []string{"a", "b", "c"} {
				all.Go(func() {
					_, err := c.nth(i).Store.IDLists().Put(c.ctx, aList(anOwner(1), "l", kind, 20), noon)
					assert.NoError(t, err)
				})
			}
			all.Wait()
			got, _, _, err := c.last().Store.IDLists().Load(c.ctx, anOwner(1), "l")
			require.NoError(t, err)
			require.Len(t, got.IDs, 20)
			kind := got.IDs[0][:1]
			c.requireList(aList(anOwner(1), "l", kind, 20))
			_, err = c.first().Store.IDLists().Delete(c.ctx, anOwner(1), "l")
			require.NoError(t, err)
		}
	})

	t.Run("T53 whoever reads meanwhile sees the old list or the new one", func(t *testing.T) {
		IDListReplaced(bounded(t), t, open(t, time.Now), 5_001, 3)
	})
}

// IDListReplaced replaces a list of n ids several times by one of half as many others and back, while others read it.
func IDListReplaced(ctx context.Context, t *testing.T, hs []Handle[NASStores], n, times int) {
	t.Helper()
	kinds := map[string]nas.IDList{"a": aList(anOwner(1), "l", "a", n), "b": aList(anOwner(1), "l", "b", n/2)}
	put := func(i int) {
		kind := []string{"a", "b"}[i%2]
		_, err := hs[0].Store.IDLists().Put(ctx, kinds[kind], noon)
		require.NoError(t, err)
	}
	put(0)
	var done atomic.Bool
	var readers sync.WaitGroup
	for i := range 2 {
		readers.Go(func() {
			seen := map[int64]string{} // what a version is of
			s := hs[(i+1)%len(hs)].Store.IDLists()
			for last := false; !last; {
				last = done.Load()
				l, version, ok, err := s.Load(ctx, anOwner(1), "l")
				if !assert.NoError(t, err) || !assert.True(t, ok) || !assert.NotEmpty(t, l.IDs) {
					return
				}
				kind := l.IDs[0][:1]
				parts := slices.ContainsFunc(l.IDs, func(id string) bool { return id[:1] != kind })
				if !assert.False(t, parts, "ids of both lists") || !assert.Len(t, l.IDs, len(kinds[kind].IDs)) ||
					!assert.Equal(t, kinds[kind].Description, l.Description) {
					return
				}
				if of, known := seen[version]; known && !assert.Equal(t, of, kind, "version %d is of two lists", version) {
					return
				}
				seen[version] = kind
			}
		})
	}
	for i := range times {
		put(i + 1)
	}
	done.Store(true)
	readers.Wait()
}
