package memory

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// nasRows is what the stores of notifications keep. What is in a map is never changed, but replaced.
type nasRows struct {
	topics        map[nas.TopicName]nas.Topic
	internal      map[messagelog.Topic]nas.TopicName
	points        map[nas.PullPointID]pointRow
	subscriptions map[nas.SubscriptionID]subscriptionRow
	cursors       map[nas.SubscriptionID][]nas.Cursor // by Seq
	answers       map[answerKey]nas.Cursor
	lists         map[listKey]listRow
	version       int64 // of the latest list; never given back
}

type pointRow struct {
	nas.PullPoint                      // Subscriptions is nil
	all           []nas.SubscriptionID // ended ones too
	ended         time.Time
}

type subscriptionRow struct {
	nas.Subscription // Cursor is zero
	ended            time.Time
}

type answerKey struct {
	subscription nas.SubscriptionID
	messageID    string
}

type listKey struct {
	owner nas.Owner
	name  string
}

type listRow struct {
	list    nas.IDList
	version int64
}

func newNASRows() nasRows {
	return nasRows{
		topics: map[nas.TopicName]nas.Topic{}, internal: map[messagelog.Topic]nas.TopicName{},
		points: map[nas.PullPointID]pointRow{}, subscriptions: map[nas.SubscriptionID]subscriptionRow{},
		cursors: map[nas.SubscriptionID][]nas.Cursor{}, answers: map[answerKey]nas.Cursor{}, lists: map[listKey]listRow{},
	}
}

// NASTopics returns the store of topics and of who may read them.
func (db *DB) NASTopics() ports.TopicStore { return nasTopics{db} }

// IDLists returns the store of id lists.
func (db *DB) IDLists() ports.IDListStore { return idLists{db} }

type nasTopics struct{ db *DB }

var _ ports.TopicStore = nasTopics{}

func (s nasTopics) Topic(ctx context.Context, name nas.TopicName) (t nas.Topic, err error) {
	err = s.db.read(ctx, func() error {
		var known bool
		if t, known = s.db.nas.topics[name]; !known {
			return nas.ErrNoTopic
		}
		t = keptTopic(t)
		return nil
	})
	return t, err
}

func (s nasTopics) Topics(ctx context.Context) (all []nas.Topic, err error) {
	err = s.db.read(ctx, func() error {
		for _, name := range slices.Sorted(maps.Keys(s.db.nas.topics)) {
			all = append(all, keptTopic(s.db.nas.topics[name]))
		}
		return nil
	})
	return all, err
}

var errTopicName = errors.New("a topic was given another name")

func (s nasTopics) UpdateTopic(ctx context.Context, name nas.TopicName, edit func(nas.Topic) (nas.Topic, error)) error {
	return s.db.write(ctx, func(u *unit) error {
		rows := &s.db.nas
		old, known := rows.topics[name]
		edited, err := edit(keptTopic(old))
		if err != nil {
			return err
		}
		if known {
			drop(u, rows.internal, old.Log)
		}
		if edited.Name == "" {
			if known {
				drop(u, rows.topics, name)
				s.db.endTopic(u, name, instant(s.db.now()))
			}
			return nil
		}
		edited = keptTopic(edited)
		switch _, taken := rows.internal[edited.Log]; {
		case edited.Name != name:
			return errTopicName
		case taken:
			return nas.ErrTaken
		}
		put(u, rows.internal, edited.Log, name)
		put(u, rows.topics, name, edited)
		return nil
	})
}

// keptTopic is t as a store keeps it.
func keptTopic(t nas.Topic) nas.Topic {
	t.ClosedAt, t.CreatedAt = instant(t.ClosedAt), instant(t.CreatedAt)
	t.Spec.Config = clonedMap(t.Spec.Config)
	t.Access = cloned(t.Access)
	for i := range t.Access {
		t.Access[i].CreatedAt = instant(t.Access[i].CreatedAt)
	}
	slices.SortFunc(t.Access, func(a, b nas.Access) int { return strings.Compare(a.Identifier, b.Identifier) })
	return t
}

// cloned is a copy of s, nil if it is empty.
func cloned[S ~[]E, E any](s S) S {
	if len(s) == 0 {
		return nil
	}
	return slices.Clone(s)
}

func clonedMap[K comparable, V any](m map[K]V) map[K]V {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
}

type idLists struct{ db *DB }

var _ ports.IDListStore = idLists{}

func (s idLists) Put(ctx context.Context, l nas.IDList, _ time.Time) (replaced bool, err error) {
	err = s.db.write(ctx, func(u *unit) error {
		rows, key := &s.db.nas, listKey{l.Owner, l.Name}
		_, replaced = rows.lists[key]
		l.IDs = cloned(l.IDs)
		rows.version++
		put(u, rows.lists, key, listRow{l, rows.version})
		return nil
	})
	return replaced && err == nil, err
}

func (s idLists) Delete(ctx context.Context, o nas.Owner, name string) (existed bool, err error) {
	err = s.db.write(ctx, func(u *unit) error {
		key := listKey{o, name}
		if _, existed = s.db.nas.lists[key]; existed {
			drop(u, s.db.nas.lists, key)
		}
		return nil
	})
	return existed, err
}

func (s idLists) Version(ctx context.Context, o nas.Owner, name string) (version int64, ok bool, err error) {
	err = s.db.read(ctx, func() error {
		var row listRow
		row, ok = s.db.nas.lists[listKey{o, name}]
		version = row.version
		return nil
	})
	return version, ok, err
}

func (s idLists) Versions(ctx context.Context, o nas.Owner) (map[string]int64, error) {
	all := map[string]int64{}
	err := s.db.read(ctx, func() error {
		for key, row := range s.db.nas.lists {
			if key.owner == o {
				all[key.name] = row.version
			}
		}
		return nil
	})
	return all, err
}

func (s idLists) Load(ctx context.Context, o nas.Owner, name string) (l nas.IDList, version int64, ok bool, err error) {
	err = s.db.read(ctx, func() error {
		var row listRow
		row, ok = s.db.nas.lists[listKey{o, name}]
		l, version = row.list, row.version
		l.IDs = cloned(l.IDs)
		return nil
	})
	return l, version, ok, err
}

// oldest orders by creation, and then by id.
func oldest[ID ~string](at, other time.Time, id, otherID ID) int {
	return cmp.Or(at.Compare(other), cmp.Compare(id, otherID))
}
