package notifying_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
)

func TestCheck(t *testing.T) {
	t.Run("T50 leftovers on either side are listed, and nothing of other services", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, moved)
		h.topic(t, cardChanged)
		for _, name := range []messagelog.Topic{"b.left", "a.left", "minlog.registrations.v1"} {
			require.NoError(t, h.db.Topics().CreateTopic(t.Context(), name, messagelog.Spec{Partitions: 1}))
		}
		require.NoError(t, h.db.Topics().DeleteTopic(t.Context(), nas.InternalTopic(cardChanged)))
		assert.Equal(t, notifying.Findings{
			{Kind: notifying.FindingNoLogTopic, Topic: cardChanged, Internal: nas.InternalTopic(cardChanged)},
			{Kind: notifying.FindingNoTopic, Internal: "a.left"},
			{Kind: notifying.FindingNoTopic, Internal: "b.left"},
		}, h.found(t))
	})

	t.Run("subscriptions that cannot be read, or select nothing", func(t *testing.T) {
		h := newHouse(t)
		internal := h.topic(t, cardChanged).Log
		h.subscribed(t, cardChanged, nas.Filter{List: "ward-7"})
		at := notifying.Finding{Kind: notifying.FindingNoIDList, Topic: cardChanged, Internal: internal, PullPoint: pointID, Subscription: subID, List: "ward-7"}
		assert.Equal(t, notifying.Findings{at}, h.found(t))
		_, err := h.db.IDLists().Put(t.Context(), nas.IDList{Owner: owner, Name: "ward-7", IDType: typeCPR, IDs: []string{personA}}, h.clock())
		require.NoError(t, err)
		assert.Empty(t, h.found(t))
		require.NoError(t, h.db.Topics().DeleteTopic(t.Context(), internal))
		require.NoError(t, h.db.Topics().CreateTopic(t.Context(), internal, messagelog.Spec{Partitions: 2}))
		at.Kind, at.List = notifying.FindingPartitionsLost, ""
		assert.Equal(t, notifying.Findings{at}, h.found(t))
	})
}

func TestOverview(t *testing.T) {
	h := newHouse(t)
	topic := h.topic(t, cardChanged)
	sub := h.subscribed(t, cardChanged, nas.Filter{})
	store := h.db.PullPoints()
	other := nas.PullPoint{ID: "ffffffff-7a38-4b1e-9a53-2f1f5f1c9e10", Owner: nas.Owner{CVR: "12345678", System: "Lab"}, CreatedAt: h.clock()}
	require.NoError(t, store.CreatePullPoint(t.Context(), other, 10))
	require.NoError(t, store.Seen(t.Context(), pointID, fixedNow.Add(time.Minute)))
	for range 3 {
		require.NoError(t, h.publish(t.Context(), publisher(), about(cardChanged, personA), about(cardChanged, "")))
	}
	overview := func(after nas.PullPointID, n int) (all []notifying.Overviewed) {
		require.NoError(t, h.administer(t, func(ctx context.Context, c identity.Caller) (err error) {
			all, err = h.admin.Overview(ctx, c, after, n)
			return err
		}))
		return all
	}
	first := notifying.Overviewed{ID: pointID, OwnerCVR: owner.CVR, OwnerSystem: owner.System, CreatedAt: fixedNow, LastSeen: fixedNow.Add(time.Minute),
		Subscriptions: []notifying.OverviewedSubscription{{ID: sub.ID, Topic: cardChanged, CreatedAt: fixedNow, LastFetched: fixedNow, Lag: 6}}}
	second := notifying.Overviewed{ID: other.ID, OwnerCVR: "12345678", OwnerSystem: "Lab", CreatedAt: fixedNow,
		Subscriptions: []notifying.OverviewedSubscription{}}
	assert.Equal(t, []notifying.Overviewed{first, second}, overview("", 0))
	assert.Equal(t, []notifying.Overviewed{first}, overview("", 1))
	assert.Equal(t, []notifying.Overviewed{second}, overview(pointID, 1))
	require.NoError(t, h.db.Topics().DeleteTopic(t.Context(), topic.Log))
	assert.EqualValues(t, -1, overview("", 1)[0].Subscriptions[0].Lag, "the log has lost the topic")
	h.nobodyNamed(t)
}
