package portstest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestFailingNASStores(t *testing.T) {
	ctx, at := context.Background(), time.Time{}
	topics, points, lists := &portstest.FailingTopics{}, &portstest.FailingPullPoints{}, &portstest.FailingIDLists{}
	for _, f := range []*portstest.Failure{&topics.OnRead, &topics.OnUpdate, &points.OnRead, &points.OnCreate, &points.OnSubscribe, &points.OnSeen,
		&points.OnAdvance, &points.OnEnd, &points.OnCleanup, &lists.OnRead, &lists.OnWrite} {
		f.FailFrom(1, errDown)
	}
	_, topic := topics.Topic(ctx, "")
	_, all := topics.Topics(ctx)
	_, point := points.PullPoint(ctx, "", at)
	_, ofOwner := points.PullPoints(ctx, nas.Owner{}, at)
	_, live := points.LivePullPoints(ctx, "", 1, at)
	_, subscription := points.Subscription(ctx, "", at)
	_, ofTopic := points.EndTopic(ctx, "", at)
	_, answer := points.Answer(ctx, "", "m")
	_, expire := points.Expire(ctx, at, 1)
	_, idle := points.Idle(ctx, at, 1)
	_, _, prune := points.Prune(ctx, at, 1)
	_, put := lists.Put(ctx, nas.IDList{}, at)
	_, deleted := lists.Delete(ctx, nas.Owner{}, "")
	_, _, version := lists.Version(ctx, nas.Owner{}, "")
	_, versions := lists.Versions(ctx, nas.Owner{})
	_, _, _, load := lists.Load(ctx, nas.Owner{}, "")
	for i, err := range []error{
		topic, all, topics.UpdateTopic(ctx, "", nil), points.CreatePullPoint(ctx, nas.PullPoint{}, 1), point, ofOwner, live, points.Seen(ctx, "", at),
		points.Subscribe(ctx, nas.Subscription{}, nas.Cursor{}, 1), subscription, points.EndSubscription(ctx, "", at), points.EndPullPoint(ctx, "", at),
		ofTopic, points.Advance(ctx, nil), answer, expire, idle, prune, put, deleted, version, versions, load,
	} {
		require.ErrorIs(t, err, errDown, "call %d", i)
	}
}
