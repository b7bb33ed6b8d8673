package notifying

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
)

// What Check finds.
const (
	FindingNoLogTopic     = "no_log_topic"    // a topic that the log does not have
	FindingNoTopic        = "no_topic"        // a topic of the log that belongs to none, and to no other service
	FindingPartitionsLost = "partitions_lost" // the log's topic has fewer partitions than a subscription has read
	FindingCreating       = "creating"        // a topic that was not made to its end
	FindingDeleting       = "deleting"        // one that was not taken away to its end
	FindingNoIDList       = "id_list_unknown" // a filter names a list that there is not: it selects nothing
)

// Finding is one thing that an administrator has to look at.
type Finding struct {
	Kind         string             `json:"kind"`
	Topic        nas.TopicName      `json:"topic,omitempty"`
	Internal     messagelog.Topic   `json:"internal,omitempty"`
	PullPoint    nas.PullPointID    `json:"pullPoint,omitempty"`
	Subscription nas.SubscriptionID `json:"subscription,omitempty"`
	List         string             `json:"list,omitempty"`
}

// Findings are what Check found, topics first; none is well.
type Findings []Finding

// The page of pull points that is read at once, and at most shown.
const (
	pageSize        = 500
	defaultPageSize = 100
)

// Check looks for what does not fit: leftovers of calls that were cut off, topics on one side alone, subscriptions that cannot be read.
func (a *Administration) Check(ctx context.Context, caller identity.Caller) (Findings, error) {
	if err := a.administers(ctx, audit.CheckTopics, caller); err != nil {
		return nil, err
	}
	all, err := a.all(ctx)
	if err != nil {
		return nil, err
	}
	there, err := a.Admin.Topics(ctx)
	if err != nil {
		return nil, unavailable("list topics of the log", err)
	}
	found := Findings{}
	mapped := map[messagelog.Topic]bool{}
	for _, t := range all {
		mapped[t.Log] = true
		state := map[nas.TopicState]string{nas.Creating: FindingCreating, nas.Deleting: FindingDeleting}[t.State]
		if state != "" {
			found = append(found, Finding{Kind: state, Topic: t.Name, Internal: t.Log})
		}
		if _, ok := there[t.Log]; !ok && t.State == nas.Ready {
			found = append(found, Finding{Kind: FindingNoLogTopic, Topic: t.Name, Internal: t.Log})
		}
	}
	for _, t := range slices.Sorted(maps.Keys(there)) {
		if !mapped[t] && !slices.Contains(a.Others, t) {
			found = append(found, Finding{Kind: FindingNoTopic, Internal: t})
		}
	}
	lists := map[nas.Owner]map[string]int64{}
	for after := nas.PullPointID(""); ; {
		page, err := a.PullPoints.LivePullPoints(ctx, after, pageSize, a.Now())
		if err != nil {
			return nil, unavailable("read pull points", err)
		}
		for _, p := range page {
			if _, ok := lists[p.Owner]; !ok {
				if lists[p.Owner], err = a.Lists.Versions(ctx, p.Owner); err != nil {
					return nil, unavailable("read id lists", err)
				}
			}
			found = append(found, checkSubscriptions(p, there, lists[p.Owner])...)
		}
		if len(page) < pageSize {
			break
		}
		after = page[len(page)-1].ID
	}
	a.Trail.Note(ctx, audit.NAS, audit.CheckTopics, audit.Result.Is(strconv.Itoa(len(found))))
	return found, nil
}

func checkSubscriptions(p nas.PullPoint, partitions map[messagelog.Topic]int, lists map[string]int64) (found []Finding) {
	for _, s := range p.Subscriptions {
		f := Finding{Topic: s.Topic, Internal: s.Log, PullPoint: p.ID, Subscription: s.ID}
		if n, ok := partitions[s.Log]; ok && n < len(s.Cursor.Offsets) {
			f.Kind = FindingPartitionsLost
			found = append(found, f)
		}
		if _, ok := lists[s.Filter.List]; s.Filter.List != "" && !ok {
			f.Kind, f.List = FindingNoIDList, s.Filter.List
			found = append(found, f)
		}
	}
	return found
}

// Overviewed is a pull point as administrators see it.
type Overviewed struct {
	ID            nas.PullPointID          `json:"id"`
	OwnerCVR      string                   `json:"ownerCvr"`
	OwnerSystem   string                   `json:"ownerSystem"`
	CreatedAt     time.Time                `json:"createdAt"`
	LastSeen      time.Time                `json:"lastSeen,omitzero"` // at most an hour before it was really
	Subscriptions []OverviewedSubscription `json:"subscriptions"`
}

// OverviewedSubscription is a subscription as administrators see it.
type OverviewedSubscription struct {
	ID          nas.SubscriptionID `json:"id"`
	Topic       nas.TopicName      `json:"topic"`
	CreatedAt   time.Time          `json:"createdAt"`
	Expires     time.Time          `json:"expires,omitzero"`
	LastFetched time.Time          `json:"lastFetched"` // when its position moved last
	Lag         int64              `json:"lag"`         // notifications behind, of whatever filter; -1: its position fits the log no longer
}

// Overview returns at most n pull points of all owners with an id after the one given, by id; n = 0 are 100, and there are never more than 500.
func (a *Administration) Overview(ctx context.Context, caller identity.Caller, after nas.PullPointID, n int) ([]Overviewed, error) {
	if err := a.administers(ctx, audit.ReadPullPoints, caller, audit.Filter.Is(string(after))); err != nil {
		return nil, err
	}
	if n <= 0 {
		n = defaultPageSize
	}
	page, err := a.PullPoints.LivePullPoints(ctx, after, min(n, pageSize), a.Now())
	if err != nil {
		return nil, unavailable("read pull points", err)
	}
	bounds, err := a.bounds(ctx, page)
	if err != nil {
		return nil, err
	}
	seen := make([]Overviewed, len(page))
	for i, p := range page {
		seen[i] = Overviewed{ID: p.ID, OwnerCVR: p.Owner.CVR, OwnerSystem: p.Owner.System, CreatedAt: p.CreatedAt, LastSeen: p.LastSeen,
			Subscriptions: make([]OverviewedSubscription, len(p.Subscriptions))}
		for j, s := range p.Subscriptions {
			seen[i].Subscriptions[j] = OverviewedSubscription{ID: s.ID, Topic: s.Topic, CreatedAt: s.CreatedAt, Expires: s.Expires,
				LastFetched: s.Cursor.CreatedAt, Lag: lag(s, bounds)}
		}
	}
	a.Trail.Note(ctx, audit.NAS, audit.ReadPullPoints, audit.Result.Is(strconv.Itoa(len(seen))))
	return seen, nil
}

// bounds returns those of the topics that the pull points subscribe to and the log has.
func (a *Administration) bounds(ctx context.Context, page []nas.PullPoint) (map[messagelog.Topic][]messagelog.Bounds, error) {
	there, err := a.Admin.Topics(ctx)
	if err != nil {
		return nil, unavailable("list topics of the log", err)
	}
	wanted := map[messagelog.Topic]bool{}
	for _, p := range page {
		for _, s := range p.Subscriptions {
			if _, ok := there[s.Log]; ok {
				wanted[s.Log] = true
			}
		}
	}
	bounds, err := a.Log.Bounds(ctx, slices.Sorted(maps.Keys(wanted)))
	if err != nil && !errors.Is(err, messagelog.ErrNoTopic) { // one was deleted meanwhile
		return nil, unavailable("read bounds", err)
	}
	return bounds, nil
}

// lag is how many notifications a subscription is behind; -1 if that cannot be told.
func lag(s nas.Subscription, bounds map[messagelog.Topic][]messagelog.Bounds) int64 {
	b, ok := bounds[s.Log]
	if !ok {
		return -1
	}
	position, err := s.Cursor.Offsets.Against(b)
	if err != nil {
		return -1
	}
	return position.Lag
}
