package notifying_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// steps counts what an administration writes, and lets the process die at one of these steps: before it is done, or right after.
type steps struct {
	mu    sync.Mutex
	taken int
	dieAt int // 0 = never
	after bool
}

func (s *steps) step(do func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken++
	if s.dieAt == 0 || s.taken < s.dieAt {
		return do()
	}
	if s.taken == s.dieAt && s.after {
		_ = do()
	}
	return errSecret
}

// stepping are the stores of an administration whose steps are counted.
type stepping struct {
	ports.TopicStore
	ports.TopicAdmin
	ports.PullPointStore
	*steps
}

// Topics of the store and of the log are told apart by these two.
type (
	steppedStore struct{ stepping }
	steppedAdmin struct{ stepping }
)

func (s steppedStore) Topics(ctx context.Context) ([]nas.Topic, error) {
	return s.TopicStore.Topics(ctx)
}

func (s steppedStore) UpdateTopic(ctx context.Context, name nas.TopicName, edit func(nas.Topic) (nas.Topic, error)) error {
	return s.step(func() error { return s.TopicStore.UpdateTopic(ctx, name, edit) })
}

func (s steppedAdmin) Topics(ctx context.Context) (map[messagelog.Topic]int, error) {
	return s.TopicAdmin.Topics(ctx)
}

func (s steppedAdmin) CreateTopic(ctx context.Context, t messagelog.Topic, spec messagelog.Spec) error {
	return s.step(func() error { return s.TopicAdmin.CreateTopic(ctx, t, spec) })
}

func (s steppedAdmin) GrowTopic(ctx context.Context, t messagelog.Topic, n int) error {
	return s.step(func() error { return s.TopicAdmin.GrowTopic(ctx, t, n) })
}

func (s steppedAdmin) DeleteTopic(ctx context.Context, t messagelog.Topic) error {
	return s.step(func() error { return s.TopicAdmin.DeleteTopic(ctx, t) })
}

func (s stepping) EndTopic(ctx context.Context, name nas.TopicName, at time.Time) (n int, err error) {
	err = s.step(func() error {
		n, err = s.PullPointStore.EndTopic(ctx, name, at)
		return err
	})
	return n, err
}

// dying is an administration of the house whose process dies at a step.
func (h *house) dying(dieAt int, after bool) (*notifying.Administration, *steps) {
	s := stepping{h.db.NASTopics(), h.db.Topics(), h.db.PullPoints(), &steps{dieAt: dieAt, after: after}}
	a := *h.admin
	a.Store, a.Admin, a.PullPoints = steppedStore{s}, steppedAdmin{s}, s
	return &a, s.steps
}

// everyStep runs a case for a process that dies before and after each of the steps, of which there must be so many.
func everyStep(t *testing.T, want int, begin func(t *testing.T) *house, do func(*notifying.Administration, context.Context, identity.Caller) error,
	check func(t *testing.T, h *house),
) {
	t.Helper()
	for at := 1; ; at++ {
		done := false
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("step %d, after it %v", at, after), func(t *testing.T) {
				h := begin(t)
				a, steps := h.dying(at, after)
				err := h.administer(t, func(ctx context.Context, c identity.Caller) error { return do(a, ctx, c) })
				if steps.taken < at {
					require.NoError(t, err)
					assert.Equal(t, want, steps.taken, "steps")
					done = true
				} else {
					refusedAs(t, err, fault.Unavailable, fault.CodeProcessing)
					require.ErrorIs(t, err, errSecret)
				}
				err = h.administer(t, func(ctx context.Context, c identity.Caller) error { return do(h.admin, ctx, c) })
				if err != nil { // it was done already
					refusedAs(t, err, fault.NotFound, nas.TopicUnknown)
				}
				check(t, h)
			})
		}
		if done {
			return
		}
	}
}

// found is what Check finds.
func (h *house) found(t testing.TB) (found notifying.Findings) {
	t.Helper()
	require.NoError(t, h.administer(t, func(ctx context.Context, c identity.Caller) (err error) {
		found, err = h.admin.Check(ctx, c)
		return err
	}))
	return found
}

// row is a topic as the store has it.
func (h *house) row(t testing.TB, name nas.TopicName) nas.Topic {
	t.Helper()
	got, err := h.db.NASTopics().Topic(t.Context(), name)
	require.NoError(t, err)
	return got
}

var wanted = notifying.TopicRequest{Topic: cardChanged, Internal: "dk.example.CardChanged", Partitions: 4,
	Config: map[string]int64{"retention_ms": 86_400_000, "segment_bytes": 1 << 20}, Access: []nas.Access{{Identifier: "CVR:33257872", Comment: "FMK"}}}

func TestCreateTopic(t *testing.T) {
	create := func(r notifying.TopicRequest) func(*notifying.Administration, context.Context, identity.Caller) error {
		return func(a *notifying.Administration, ctx context.Context, c identity.Caller) error {
			_, err := a.CreateTopic(ctx, c, r)
			return err
		}
	}
	try := func(t *testing.T, h *house, r notifying.TopicRequest) error {
		return h.administer(t, func(ctx context.Context, c identity.Caller) error { return create(r)(h.admin, ctx, c) })
	}
	changed := func(change func(*notifying.TopicRequest)) notifying.TopicRequest {
		r := wanted
		change(&r)
		return r
	}

	t.Run("a topic is made as asked for, and open", func(t *testing.T) {
		h := newHouse(t)
		require.NoError(t, try(t, h, wanted))
		assert.Equal(t, nas.Topic{Name: cardChanged, Log: "dk.example.CardChanged", State: nas.Ready, Active: true,
			Spec:   messagelog.Spec{Partitions: 4, Retention: 24 * time.Hour, Config: map[string]int64{"segment_bytes": 1 << 20}},
			Access: []nas.Access{{Identifier: "CVR:33257872", Comment: "FMK", CreatedAt: fixedNow}}, CreatedAt: fixedNow, CreatedBy: "operator/99999901",
		}, h.row(t, cardChanged))
		there, err := h.db.Topics().Topics(t.Context())
		require.NoError(t, err)
		assert.Equal(t, map[messagelog.Topic]int{"dk.example.CardChanged": 4}, there)
		assert.Equal(t, []string{"CreateTopic user=operator/99999901 topic=" + cardChanged +
			" internal-topic=dk.example.CardChanged partitions=4 access-identifier.0=CVR:33257872"}, h.audited())
		assert.Empty(t, h.found(t))
	})

	t.Run("what is not asked for has its default", func(t *testing.T) {
		h := newHouse(t)
		require.NoError(t, try(t, h, notifying.TopicRequest{Topic: cardChanged}))
		got := h.row(t, cardChanged)
		assert.Equal(t, messagelog.Spec{Partitions: 6, Retention: 14 * 24 * time.Hour}, got.Spec)
		assert.Equal(t, nas.InternalTopic(cardChanged), got.Log)
		assert.Empty(t, got.Access, "nobody may read it")
	})

	t.Run("T50 a process that dies at any step: the same call again makes the one topic", func(t *testing.T) {
		everyStep(t, 3, func(t *testing.T) *house { return newHouse(t) }, create(wanted), func(t *testing.T, h *house) {
			got := h.row(t, cardChanged)
			assert.True(t, got.Open())
			assert.Equal(t, "CVR:33257872", got.Access[0].Identifier)
			all, err := h.db.NASTopics().Topics(t.Context())
			require.NoError(t, err)
			assert.Len(t, all, 1)
			there, err := h.db.Topics().Topics(t.Context())
			require.NoError(t, err)
			assert.Equal(t, map[messagelog.Topic]int{"dk.example.CardChanged": 4}, there)
			assert.Empty(t, h.found(t))
			require.NoError(t, h.publish(t.Context(), publisher(), about(cardChanged, personA)))
		})
	})

	t.Run("T50 one that is not made to its end takes nothing, and Check lists it", func(t *testing.T) {
		h := newHouse(t)
		a, _ := h.dying(2, true) // the log has its topic
		require.Error(t, h.administer(t, func(ctx context.Context, c identity.Caller) error { return create(wanted)(a, ctx, c) }))
		undelivered(t, h.publish(t.Context(), publisher(), about(cardChanged, personA)), nas.InvalidTopicExpression, nas.TopicClosed)
		assert.Equal(t, notifying.Findings{{Kind: notifying.FindingCreating, Topic: cardChanged, Internal: "dk.example.CardChanged"}}, h.found(t))
	})

	t.Run("T50 another definition is a conflict, whether it was made to its end or not", func(t *testing.T) {
		for _, dieAt := range []int{0, 2} {
			h := newHouse(t)
			a, _ := h.dying(dieAt, false)
			_ = h.administer(t, func(ctx context.Context, c identity.Caller) error { return create(wanted)(a, ctx, c) })
			before := h.row(t, cardChanged)
			for what, r := range map[string]notifying.TopicRequest{
				"partitions":    changed(func(r *notifying.TopicRequest) { r.Partitions = 5 }),
				"replication":   changed(func(r *notifying.TopicRequest) { r.Replication = 2 }),
				"retention":     changed(func(r *notifying.TopicRequest) { r.Config = map[string]int64{"segment_bytes": 1 << 20} }),
				"config":        changed(func(r *notifying.TopicRequest) { r.Config = map[string]int64{"retention_ms": 86_400_000} }),
				"internal":      changed(func(r *notifying.TopicRequest) { r.Internal = "dk.example.Other" }),
				"access":        changed(func(r *notifying.TopicRequest) { r.Access = []nas.Access{{Identifier: "ALL"}} }),
				"another topic": changed(func(r *notifying.TopicRequest) { r.Topic = moved }),
			} {
				r.Adopt = true
				err := try(t, h, r)
				if f, _ := fault.Of(err); f.Kind != fault.Conflict {
					t.Errorf("%s, died at %d: got %v, want a conflict", what, dieAt, err)
				}
			}
			assert.Equal(t, before, h.row(t, cardChanged))
			require.NoError(t, try(t, h, wanted))
			require.NoError(t, try(t, h, wanted), "and again")
		}
	})

	t.Run("a topic of the log that is there is taken only where that is asked for, and never with fewer partitions", func(t *testing.T) {
		h := newHouse(t)
		require.NoError(t, h.db.Topics().CreateTopic(t.Context(), wanted.Internal, messagelog.Spec{Partitions: 4}))
		refusedAs(t, try(t, h, wanted), fault.Conflict, notifying.CodeConflict)
		_, err := h.db.NASTopics().Topic(t.Context(), cardChanged)
		require.ErrorIs(t, err, nas.ErrNoTopic, "it leaves nothing")
		refusedAs(t, try(t, h, changed(func(r *notifying.TopicRequest) { r.Adopt, r.Partitions = true, 5 })), fault.Conflict, notifying.CodeConflict)
		_, err = h.db.NASTopics().Topic(t.Context(), cardChanged)
		require.ErrorIs(t, err, nas.ErrNoTopic, "it leaves nothing")
		require.NoError(t, try(t, h, changed(func(r *notifying.TopicRequest) { r.Adopt, r.Partitions = true, 3 })))
		assert.True(t, h.row(t, cardChanged).Open())
	})

	t.Run("a definition that breaks a rule makes nothing", func(t *testing.T) {
		h := newHouse(t)
		for what, r := range map[string]notifying.TopicRequest{
			"no name":            changed(func(r *notifying.TopicRequest) { r.Topic = " " }),
			"a name with blanks": changed(func(r *notifying.TopicRequest) { r.Topic = "a b" }),
			"internal":           changed(func(r *notifying.TopicRequest) { r.Internal = "a/b" }),
			"Kafka's own":        changed(func(r *notifying.TopicRequest) { r.Internal = "__consumer_offsets" }),
			"another service's":  changed(func(r *notifying.TopicRequest) { r.Internal, r.Adopt = "minlog.registrations.v1", true }),
			"partitions":         changed(func(r *notifying.TopicRequest) { r.Partitions = -1 }),
			"many partitions":    changed(func(r *notifying.TopicRequest) { r.Partitions = 1001 }),
			"replication":        changed(func(r *notifying.TopicRequest) { r.Replication = -1 }),
			"a setting":          changed(func(r *notifying.TopicRequest) { r.Config = map[string]int64{"cleanup_policy": 1} }),
			"no retention":       changed(func(r *notifying.TopicRequest) { r.Config = map[string]int64{"retention_ms": 0} }),
			"a long retention":   changed(func(r *notifying.TopicRequest) { r.Config = map[string]int64{"retention_ms": 1 << 62} }),
			"a small segment":    changed(func(r *notifying.TopicRequest) { r.Config = map[string]int64{"segment_bytes": 0} }),
			"access":             changed(func(r *notifying.TopicRequest) { r.Access = []nas.Access{{Identifier: "all"}} }),
			"a long comment": changed(func(r *notifying.TopicRequest) {
				r.Access = []nas.Access{{Identifier: "ALL", Comment: strings.Repeat("æ", 1001)}}
			}),
		} {
			f, _ := fault.Of(try(t, h, r))
			if f.Kind != fault.Invalid && f.Kind != fault.Conflict {
				t.Errorf("%s: got %v, want invalid", what, f)
			}
		}
		all, err := h.db.NASTopics().Topics(t.Context())
		require.NoError(t, err)
		assert.Empty(t, all)
		require.NoError(t, try(t, h, changed(func(r *notifying.TopicRequest) { r.Config = map[string]int64{"retention_ms": -1} })))
		assert.Zero(t, h.row(t, cardChanged).Spec.Retention, "kept until deleted")
	})
}

func TestEnsure(t *testing.T) {
	t.Run("processes that start at once make it once", func(t *testing.T) {
		h := newHouse(t)
		var wg sync.WaitGroup
		for range 8 {
			a := *h.admin
			wg.Go(func() { assert.NoError(t, a.Ensure(context.Background(), cardChanged, []string{"ALL"})) })
		}
		wg.Wait()
		got := h.row(t, cardChanged)
		assert.True(t, got.Open())
		assert.Equal(t, "ALL", got.Access[0].Identifier)
		assert.Equal(t, "configuration", got.CreatedBy)
		assert.Empty(t, h.found(t))
	})

	t.Run("one that was cut off is made to its end", func(t *testing.T) {
		for at := 1; at <= 3; at++ {
			for _, after := range []bool{false, true} {
				h := newHouse(t)
				a, _ := h.dying(at, after)
				require.ErrorIs(t, a.Ensure(t.Context(), cardChanged, nil), errSecret)
				require.NoError(t, h.admin.Ensure(t.Context(), cardChanged, nil))
				assert.True(t, h.row(t, cardChanged).Open())
				assert.Empty(t, h.found(t))
			}
		}
	})

	t.Run("one that is there stays as it is", func(t *testing.T) {
		h := newHouse(t)
		made := h.topic(t, cardChanged)
		require.NoError(t, h.administer(t, func(ctx context.Context, c identity.Caller) error {
			_, err := h.admin.CloseTopic(ctx, c, made.Log)
			return err
		}))
		before := h.row(t, cardChanged)
		require.NoError(t, h.admin.Ensure(t.Context(), cardChanged, []string{"ALL"}))
		assert.Equal(t, before, h.row(t, cardChanged))
	})

	t.Run("what cannot be is told of", func(t *testing.T) {
		h := newHouse(t)
		require.Error(t, h.admin.Ensure(t.Context(), "a b", nil))
		require.Error(t, h.admin.Ensure(t.Context(), cardChanged, []string{"nobody"}))
		h.topics.fail(errSecret)
		require.ErrorIs(t, h.admin.Ensure(t.Context(), cardChanged, nil), errSecret)
	})
}

func TestDeleteTopic(t *testing.T) {
	remove := func(internal messagelog.Topic, force bool) func(*notifying.Administration, context.Context, identity.Caller) error {
		return func(a *notifying.Administration, ctx context.Context, c identity.Caller) error {
			return a.DeleteTopic(ctx, c, internal, force)
		}
	}
	closeTopic := func(t *testing.T, h *house, internal messagelog.Topic) {
		require.NoError(t, h.administer(t, func(ctx context.Context, c identity.Caller) error {
			_, err := h.admin.CloseTopic(ctx, c, internal)
			return err
		}))
	}
	gone := func(t *testing.T, h *house) {
		_, err := h.db.NASTopics().Topic(t.Context(), cardChanged)
		require.ErrorIs(t, err, nas.ErrNoTopic)
		there, err := h.db.Topics().Topics(t.Context())
		require.NoError(t, err)
		assert.Empty(t, there)
		point, err := h.db.PullPoints().PullPoint(t.Context(), pointID, h.clock())
		require.NoError(t, err)
		assert.Empty(t, point.Subscriptions)
		assert.Empty(t, h.found(t))
		undelivered(t, h.publish(t.Context(), publisher(), about(cardChanged, personA)), nas.InvalidTopicExpression, nas.TopicUnknown)
	}
	begin := func(t *testing.T) *house {
		h := newHouse(t)
		h.topic(t, cardChanged)
		h.subscribed(t, cardChanged, nas.Filter{})
		require.NoError(t, h.publish(t.Context(), publisher(), about(cardChanged, personA)))
		return h
	}
	internal := nas.InternalTopic(cardChanged)
	try := func(t *testing.T, h *house, force bool) error {
		return h.administer(t, func(ctx context.Context, c identity.Caller) error { return remove(internal, force)(h.admin, ctx, c) })
	}

	t.Run("T51 an open one, and one closed for a day, stay; one closed for 14 days goes with its subscriptions", func(t *testing.T) {
		h := begin(t)
		refusedAs(t, try(t, h, false), fault.Conflict, notifying.CodeOpen)
		closeTopic(t, h, internal)
		h.pass(24 * time.Hour)
		refusedAs(t, try(t, h, false), fault.Conflict, notifying.CodeOpen)
		closeTopic(t, h, internal)
		h.pass(13*24*time.Hour - 1)
		refusedAs(t, try(t, h, false), fault.Conflict, notifying.CodeOpen)
		assert.Len(t, h.stored(t, cardChanged), 1)
		h.pass(1)
		require.NoError(t, try(t, h, false), "closed again it is closed since the first time")
		gone(t, h)
		refusedAs(t, try(t, h, false), fault.NotFound, nas.TopicUnknown)
	})

	t.Run("T51 one that was opened meanwhile is closed for a new time", func(t *testing.T) {
		h := begin(t)
		closeTopic(t, h, internal)
		h.pass(14 * 24 * time.Hour)
		require.NoError(t, h.administer(t, func(ctx context.Context, c identity.Caller) error {
			_, err := h.admin.OpenTopic(ctx, c, internal)
			return err
		}))
		refusedAs(t, try(t, h, false), fault.Conflict, notifying.CodeOpen)
		closeTopic(t, h, internal)
		refusedAs(t, try(t, h, false), fault.Conflict, notifying.CodeOpen)
	})

	t.Run("T51 by force an open one goes with its subscriptions; the same call again ends what a process that died began", func(t *testing.T) {
		everyStep(t, 4, begin, remove(internal, true), gone)
	})

	t.Run("one that is being taken away is not opened, grown, granted or made again", func(t *testing.T) {
		h := begin(t)
		a, _ := h.dying(2, false)
		require.Error(t, h.administer(t, func(ctx context.Context, c identity.Caller) error { return remove(internal, true)(a, ctx, c) }))
		assert.Equal(t, notifying.Findings{{Kind: notifying.FindingDeleting, Topic: cardChanged, Internal: internal}}, h.found(t))
		undelivered(t, h.publish(t.Context(), publisher(), about(cardChanged, personA)), nas.InvalidTopicExpression, nas.TopicClosed)
		for what, do := range map[string]func(ctx context.Context, c identity.Caller) error{
			"open": func(ctx context.Context, c identity.Caller) error {
				_, err := h.admin.OpenTopic(ctx, c, internal)
				return err
			},
			"close": func(ctx context.Context, c identity.Caller) error {
				_, err := h.admin.CloseTopic(ctx, c, internal)
				return err
			},
			"grow": func(ctx context.Context, c identity.Caller) error {
				_, err := h.admin.GrowPartitions(ctx, c, internal, 9)
				return err
			},
			"grant": func(ctx context.Context, c identity.Caller) error { return h.admin.Grant(ctx, c, internal, "ALL", "") },
			"make": func(ctx context.Context, c identity.Caller) error {
				_, err := h.admin.CreateTopic(ctx, c, notifying.TopicRequest{Topic: cardChanged, Partitions: 3})
				return err
			},
		} {
			f, _ := fault.Of(h.administer(t, do))
			assert.Equal(t, notifying.CodeNotReady, f.Code, what)
		}
		require.NoError(t, h.admin.Ensure(t.Context(), cardChanged, nil))
		require.NoError(t, try(t, h, false), "without force too: that was asked for")
		gone(t, h)
	})

	t.Run("one that was not made to its end goes by force alone", func(t *testing.T) {
		h := newHouse(t)
		a, _ := h.dying(2, false)
		require.Error(t, a.Ensure(t.Context(), cardChanged, nil))
		h.pass(30 * 24 * time.Hour)
		refusedAs(t, try(t, h, false), fault.Conflict, notifying.CodeOpen)
		require.NoError(t, try(t, h, true))
	})
}

func TestGrowPartitions(t *testing.T) {
	grow := func(n int) func(*notifying.Administration, context.Context, identity.Caller) error {
		return func(a *notifying.Administration, ctx context.Context, c identity.Caller) error {
			_, err := a.GrowPartitions(ctx, c, nas.InternalTopic(cardChanged), n)
			return err
		}
	}
	begin := func(t *testing.T) *house {
		h := newHouse(t)
		h.topic(t, cardChanged)
		return h
	}
	everyStep(t, 2, begin, grow(5), func(t *testing.T, h *house) {
		assert.Equal(t, 5, h.row(t, cardChanged).Spec.Partitions)
		there, err := h.db.Topics().Topics(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 5, there[nas.InternalTopic(cardChanged)])
	})
	t.Run("only upwards", func(t *testing.T) {
		h := begin(t)
		try := func(n int) error {
			return h.administer(t, func(ctx context.Context, c identity.Caller) error { return grow(n)(h.admin, ctx, c) })
		}
		refusedAs(t, try(2), fault.Conflict, notifying.CodeConflict)
		refusedAs(t, try(0), fault.Conflict, notifying.CodeConflict)
		refusedAs(t, try(1001), fault.Invalid, notifying.CodeInvalid)
		require.NoError(t, try(3))
	})
}

func TestAccess(t *testing.T) {
	h := newHouse(t)
	internal := h.topic(t, cardChanged).Log
	grant := func(id, comment string) error {
		return h.administer(t, func(ctx context.Context, c identity.Caller) error {
			return h.admin.Grant(ctx, c, internal, id, comment)
		})
	}
	revoke := func(id string) error {
		return h.administer(t, func(ctx context.Context, c identity.Caller) error { return h.admin.Revoke(ctx, c, internal, id) })
	}
	require.NoError(t, grant("CVR:33257872-FID:abc", "first"))
	h.pass(time.Hour)
	require.NoError(t, grant("CVR:33257872-FID:ABC", "again"))
	require.NoError(t, grant(" CVR:12345678 ", ""))
	assert.Equal(t, []nas.Access{
		{Identifier: "CVR:12345678", CreatedAt: fixedNow.Add(time.Hour)},
		{Identifier: "CVR:33257872-FID:ABC", Comment: "again", CreatedAt: fixedNow},
	}, h.row(t, cardChanged).Access)
	refusedAs(t, grant("CVR:1", ""), fault.Invalid, "invalid_access_identifier")

	t.Run("T23 what is taken back counts at once where it was taken back, in whatever case it is written", func(t *testing.T) {
		before, err := h.directory.Topic(t.Context(), cardChanged)
		require.NoError(t, err)
		require.True(t, before.Readable("33257872", "CVR:33257872-FID:abc"))
		require.NoError(t, revoke("CVR:33257872-FID:abc"))
		require.NoError(t, revoke("CVR:33257872-FID:abc"), "idempotent")
		after, err := h.directory.Topic(t.Context(), cardChanged)
		require.NoError(t, err)
		assert.False(t, after.Readable("33257872", "CVR:33257872-FID:abc"))
		assert.True(t, after.Readable("12345678", ""))
	})
}

func TestAdministrators(t *testing.T) {
	h := newHouse(t)
	internal := h.topic(t, cardChanged).Log
	other := system("33257872", "FMK", "m1")
	before := h.row(t, cardChanged)
	for what, do := range map[string]func(ctx context.Context, c identity.Caller) error{
		"CreateTopic": func(ctx context.Context, c identity.Caller) error {
			_, err := h.admin.CreateTopic(ctx, c, notifying.TopicRequest{Topic: moved})
			return err
		},
		"ReadTopics": func(ctx context.Context, c identity.Caller) error { _, err := h.admin.AllTopics(ctx, c); return err },
		"ReadTopics one": func(ctx context.Context, c identity.Caller) error {
			_, err := h.admin.Topic(ctx, c, internal)
			return err
		},
		"OpenTopic": func(ctx context.Context, c identity.Caller) error {
			_, err := h.admin.OpenTopic(ctx, c, internal)
			return err
		},
		"CloseTopic": func(ctx context.Context, c identity.Caller) error {
			_, err := h.admin.CloseTopic(ctx, c, internal)
			return err
		},
		"DeleteTopic": func(ctx context.Context, c identity.Caller) error { return h.admin.DeleteTopic(ctx, c, internal, true) },
		"GrowTopic": func(ctx context.Context, c identity.Caller) error {
			_, err := h.admin.GrowPartitions(ctx, c, internal, 9)
			return err
		},
		"GrantTopic":  func(ctx context.Context, c identity.Caller) error { return h.admin.Grant(ctx, c, internal, "ALL", "") },
		"RevokeTopic": func(ctx context.Context, c identity.Caller) error { return h.admin.Revoke(ctx, c, internal, "ALL") },
		"CheckTopics": func(ctx context.Context, c identity.Caller) error { _, err := h.admin.Check(ctx, c); return err },
		"ReadPullPoints": func(ctx context.Context, c identity.Caller) error {
			_, err := h.admin.Overview(ctx, c, "", 0)
			return err
		},
	} {
		refusedAs(t, h.call(t.Context(), other, do), fault.Forbidden, "not_authorized")
		lines := h.audited()
		assert.True(t, strings.HasPrefix(lines[len(lines)-1], strings.Fields(what)[0]+" user=system/33257872"), "%s: %s", what, lines[len(lines)-1])
		assert.NoError(t, h.administer(t, func(ctx context.Context, c identity.Caller) error {
			if what == "DeleteTopic" {
				return nil
			}
			return do(ctx, c)
		}), what)
		if what != "GrowTopic" {
			continue
		}
		before.Spec.Partitions = 9
	}
	got := h.row(t, cardChanged)
	got.Access, got.Active, got.ClosedAt, got.Spec.Partitions = nil, true, time.Time{}, before.Spec.Partitions
	before.Access = nil
	assert.Equal(t, before, got)
	refusedAs(t, h.administer(t, func(ctx context.Context, c identity.Caller) error {
		_, err := h.admin.Topic(ctx, c, "nas.other")
		return err
	}), fault.NotFound, nas.TopicUnknown)
}

// The pull point and the subscription of the cases.
const (
	pointID = nas.PullPointID("0d6f2c1e-7a38-4b1e-9a53-2f1f5f1c9e10")
	subID   = nas.SubscriptionID("5b0c8d4a-1f63-4c7e-8d0e-6f2b7a9c3d21")
)

var owner = nas.Owner{CVR: "33257872", System: "Demo EPJ"}

// subscribed makes the pull point with a subscription from the topic's first notification on.
func (h *house) subscribed(t testing.TB, topic nas.TopicName, f nas.Filter) nas.Subscription {
	t.Helper()
	store := h.db.PullPoints()
	require.NoError(t, store.CreatePullPoint(t.Context(), nas.PullPoint{ID: pointID, Owner: owner, CreatedAt: h.clock()}, 10))
	s := nas.Subscription{ID: subID, PullPoint: pointID, Owner: owner, Topic: topic, Log: h.row(t, topic).Log, Filter: f, CreatedAt: h.clock()}
	first := nas.Cursor{Subscription: subID, PullPoint: pointID, Offsets: nas.Offsets{0, 0, 0}, CreatedAt: h.clock()}
	require.NoError(t, store.Subscribe(t.Context(), s, first, 10))
	return s
}
