package nas

import (
	"encoding/json"
	"strconv"
)

// The lines of statistics, JSON without the prefix "STATISTIK: ". Actions and members of createPullPoint, getmessages, notify and offsets are those
// of the national service (nspop.dk, NAS2 - Driftvejledning); the other actions are ours. No line holds an id of a person.

type statistic struct {
	Action string `json:"action"`
	Info   any    `json:"info"`
}

func line(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("nas: statistics are not JSON: " + err.Error()) // texts and numbers always are
	}
	return string(b)
}

type ownerInfo struct {
	PullPointID   PullPointID `json:"pullPointId"`
	OwnerITSystem string      `json:"ownerItSystem"`
	OwnerCVR      string      `json:"ownerCvr"`
}

// StatisticNotify tells of the notifications of one topic in a request.
func StatisticNotify(quota int, topic string) string {
	return line(statistic{"notify", struct {
		Quota int    `json:"quota"`
		Topic string `json:"topic"`
	}{quota, topic}})
}

// StatisticAnonymousNotify tells of a request to publish without a credential, and of the address that it came from.
func StatisticAnonymousNotify(remote string) string {
	return line(statistic{"notify", struct {
		DGWS   bool   `json:"dgws"`
		Remote string `json:"remote"`
	}{false, remote}})
}

// StatisticCreatePullPoint tells of a new pull point.
func StatisticCreatePullPoint(o Owner, id PullPointID) string {
	return line(statistic{"createPullPoint", ownerInfo{id, o.System, o.CVR}})
}

// StatisticDestroyPullPoint tells that a pull point was ended.
func StatisticDestroyPullPoint(o Owner, id PullPointID) string {
	return line(statistic{"destroyPullPoint", ownerInfo{id, o.System, o.CVR}})
}

// StatisticGetMessages tells of a fetch: quota is how many messages it might give, subs the active subscriptions.
func StatisticGetMessages(id PullPointID, subs []SubscriptionID, quota int, replay bool) string {
	if subs == nil {
		subs = []SubscriptionID{}
	}
	return line(statistic{"getmessages", struct {
		PullPointID     PullPointID      `json:"pullPointId"`
		SubscriptionIDs []SubscriptionID `json:"subscriptionIds"`
		Quota           int              `json:"quota"`
		Replay          bool             `json:"replay"`
	}{id, subs, quota, replay}})
}

// StatisticOffsets tells how far a subscription is behind: the ends of its topic's partitions, and what is left of each. The member that names the
// owner is one text, CVR number and system without a space between.
func StatisticOffsets(o Owner, s Subscription, ends Offsets, deltas []int64) string {
	var most int64
	for _, d := range deltas {
		most = max(most, d)
	}
	return line(struct {
		Action         string           `json:"action"`
		Owner          []string         `json:"owner"`
		EndOffsets     []string         `json:"endOffsets"`
		MaxOffsetDelta []string         `json:"maxOffsetDelta"`
		PullPointID    []PullPointID    `json:"pullPointId"`
		DeltaOffsets   []string         `json:"deltaOffsets"`
		Topic          []TopicName      `json:"topic"`
		SubscriptionID []SubscriptionID `json:"subscriptionId"`
	}{
		"offsets", []string{o.CVR + o.System}, decimals(ends), decimals([]int64{most}), []PullPointID{s.PullPoint}, decimals(deltas),
		[]TopicName{s.Topic}, []SubscriptionID{s.ID},
	})
}

func decimals(ns []int64) []string {
	texts := make([]string, len(ns))
	for i, n := range ns {
		texts[i] = strconv.FormatInt(n, 10)
	}
	return texts
}

type subscriptionInfo struct {
	SubscriptionID SubscriptionID `json:"subscriptionId"`
	PullPointID    PullPointID    `json:"pullPointId"`
	Topic          TopicName      `json:"topic"`
}

// StatisticSubscribe tells of a new subscription.
func StatisticSubscribe(s Subscription) string {
	return line(statistic{"subscribe", subscriptionInfo{s.ID, s.PullPoint, s.Topic}})
}

// StatisticUnsubscribe tells that a subscription was ended.
func StatisticUnsubscribe(s Subscription) string {
	return line(statistic{"unsubscribe", subscriptionInfo{s.ID, s.PullPoint, s.Topic}})
}

// StatisticCreateIDList tells that an id list was made or replaced, and of how many ids.
func StatisticCreateIDList(ids int, replaced bool) string {
	return line(statistic{"createIdList", struct {
		IDs      int  `json:"idCount"`
		Replaced bool `json:"replaced"`
	}{ids, replaced}})
}

// StatisticDestroyIDList tells that an id list was asked to be destroyed, and whether there was one.
func StatisticDestroyIDList(existed bool) string {
	return line(statistic{"destroyIdList", struct {
		Existed bool `json:"existed"`
	}{existed}})
}

// StatisticRetentionGap tells that records were no longer kept when a subscription came to them, by partition.
func StatisticRetentionGap(s Subscription, gaps []Range) string {
	type gap struct {
		Partition int   `json:"partition"`
		From      int64 `json:"from"`
		To        int64 `json:"to"`
	}
	list := make([]gap, len(gaps))
	for i, g := range gaps {
		list[i] = gap(g)
	}
	return line(statistic{"retentionGap", struct {
		subscriptionInfo
		Gaps []gap `json:"gaps"`
	}{subscriptionInfo{s.ID, s.PullPoint, s.Topic}, list}})
}

// StatisticCleanup tells what a clean-up took away: cursors, pull points and subscriptions that ended long ago; subscriptions that expired; idle
// pull points; records of the message log.
func StatisticCleanup(deleted, expired, idle int, records int64) string {
	return line(statistic{"cleanup", struct {
		Deleted int   `json:"deleted"`
		Expired int   `json:"expired"`
		Idle    int   `json:"idle"`
		Records int64 `json:"records"`
	}{deleted, expired, idle, records}})
}
