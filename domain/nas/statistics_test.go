package nas_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/nas"
)

func TestStatistics(t *testing.T) {
	const pullPoint, subscription = "0d6f2c1e-7a38-4b1e-9a53-2f1f5f1c9e10", "5b0c8d4a-1f63-4c7e-8d0e-6f2b7a9c3d21"
	owner := nas.Owner{CVR: "33257872", System: "Demo EPJ"}
	s := nas.Subscription{ID: subscription, PullPoint: pullPoint, Topic: "TOPIC-1"}
	for _, c := range []struct{ name, got, want string }{
		{
			"a new pull point", nas.StatisticCreatePullPoint(owner, pullPoint),
			`{"action":"createPullPoint","info":{"pullPointId":"` + pullPoint + `","ownerItSystem":"Demo EPJ","ownerCvr":"33257872"}}`,
		},
		{
			"a fetch", nas.StatisticGetMessages(pullPoint, []nas.SubscriptionID{subscription}, 20, false),
			`{"action":"getmessages","info":{"pullPointId":"` + pullPoint + `","subscriptionIds":["` + subscription + `"],"quota":20,"replay":false}}`,
		},
		{
			"a fetch without subscriptions, again", nas.StatisticGetMessages(pullPoint, nil, 0, true),
			`{"action":"getmessages","info":{"pullPointId":"` + pullPoint + `","subscriptionIds":[],"quota":0,"replay":true}}`,
		},
		{"notifications", nas.StatisticNotify(1, "TOPIC-1"), `{"action":"notify","info":{"quota":1,"topic":"TOPIC-1"}}`},
		{
			"T20 Notify without a credential", nas.StatisticAnonymousNotify("10.0.0.7"),
			`{"action":"notify","info":{"dgws":false,"remote":"10.0.0.7"}}`,
		},
		{
			"offsets", nas.StatisticOffsets(owner, s, nas.Offsets{146, 72, 72}, []int64{17, 16, 17}),
			`{"action":"offsets","owner":["33257872Demo EPJ"],"endOffsets":["146","72","72"],"maxOffsetDelta":["17"],"pullPointId":["` + pullPoint +
				`"],"deltaOffsets":["17","16","17"],"topic":["TOPIC-1"],"subscriptionId":["` + subscription + `"]}`,
		},
		{
			"a new subscription", nas.StatisticSubscribe(s),
			`{"action":"subscribe","info":{"subscriptionId":"` + subscription + `","pullPointId":"` + pullPoint + `","topic":"TOPIC-1"}}`,
		},
		{
			"a subscription that was ended", nas.StatisticUnsubscribe(s),
			`{"action":"unsubscribe","info":{"subscriptionId":"` + subscription + `","pullPointId":"` + pullPoint + `","topic":"TOPIC-1"}}`,
		},
		{
			"a pull point that was ended", nas.StatisticDestroyPullPoint(owner, pullPoint),
			`{"action":"destroyPullPoint","info":{"pullPointId":"` + pullPoint + `","ownerItSystem":"Demo EPJ","ownerCvr":"33257872"}}`,
		},
		{"an id list", nas.StatisticCreateIDList(3, true), `{"action":"createIdList","info":{"idCount":3,"replaced":true}}`},
		{"an id list that was destroyed", nas.StatisticDestroyIDList(false), `{"action":"destroyIdList","info":{"existed":false}}`},
		{
			"T37 a gap", nas.StatisticRetentionGap(s, []nas.Range{{Partition: 2, From: 5, To: 9}}),
			`{"action":"retentionGap","info":{"subscriptionId":"` + subscription + `","pullPointId":"` + pullPoint +
				`","topic":"TOPIC-1","gaps":[{"partition":2,"from":5,"to":9}]}}`,
		},
		{"a clean-up", nas.StatisticCleanup(1, 2, 3, 4), `{"action":"cleanup","info":{"deleted":1,"expired":2,"idle":3,"records":4}}`},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, c.got) })
	}
	t.Run("a line stays one, and JSON, whatever the texts hold", func(t *testing.T) {
		for _, text := range []string{"a\"b\\c", "x\ny\u2028z", "Ærø", "\xff", "<&>", "\x00"} {
			got := nas.StatisticCreatePullPoint(nas.Owner{CVR: "33257872", System: text}, pullPoint)
			require.True(t, json.Valid([]byte(got)), "%q", text)
			assert.NotContains(t, got, "\n")
			assert.NotContains(t, got, "\u2028")
		}
	})
}
