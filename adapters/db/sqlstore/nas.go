package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// NASTopics returns the store of topics and of who may read them.
func (db *DB) NASTopics() ports.TopicStore { return nasTopics{db} }

// nasTopics keeps topics in nas_topic and who may read them in nas_topic_access. Who changes a topic locks its name first.
type nasTopics struct{ db *DB }

var _ ports.TopicStore = nasTopics{}

const (
	allTopics = `SELECT t.topic, t.internal_topic, t.state, t.active, t.closed_at, t.spec, t.created_at, t.created_by, a.identifier, a.comment, a.created_at
		FROM nas_topic AS t LEFT JOIN nas_topic_access AS a ON a.topic = t.topic`
	topicOrder = " ORDER BY t.topic, a.identifier"
	oneTopic   = allTopics + " WHERE t.topic = ?" + topicOrder
)

// topicStates are the texts of the column.
func topicStates() map[nas.TopicState]string {
	return map[nas.TopicState]string{nas.Creating: "creating", nas.Ready: "ready", nas.Deleting: "deleting"}
}

func (s nasTopics) Topic(ctx context.Context, name nas.TopicName) (nas.Topic, error) {
	found, err := s.db.read(ctx).nasTopics(ctx, oneTopic, string(name))
	switch {
	case err != nil:
		return nas.Topic{}, fmt.Errorf("find a topic: %w", translate(err))
	case len(found) == 0:
		return nas.Topic{}, nas.ErrNoTopic
	}
	return found[0], nil
}

func (s nasTopics) Topics(ctx context.Context) ([]nas.Topic, error) {
	found, err := s.db.read(ctx).nasTopics(ctx, allTopics+topicOrder)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", translate(err))
	}
	return found, nil
}

// nasTopics returns topics whose rows follow one another, one for each of their identifiers.
func (s session) nasTopics(ctx context.Context, text string, args ...any) (all []nas.Topic, err error) {
	states := map[string]nas.TopicState{}
	for state, text := range topicStates() {
		states[text] = state
	}
	err = s.query(ctx, func(rows *sql.Rows) error {
		var t nas.Topic
		var state string
		var spec []byte
		var identifier, comment sql.NullString
		var closed, created, since sql.NullInt64
		if err := rows.Scan(&t.Name, &t.Log, &state, &t.Active, &closed, &spec, &created, &t.CreatedBy, &identifier, &comment, &since); err != nil {
			return err
		}
		if len(all) == 0 || all[len(all)-1].Name != t.Name {
			t.State, t.ClosedAt, t.CreatedAt = states[state], fromMicros(closed), fromMicros(created)
			if err := json.Unmarshal(spec, &t.Spec); err != nil {
				return fmt.Errorf("spec of a topic: %w", err)
			}
			all = append(all, t)
		}
		if last := &all[len(all)-1]; identifier.Valid {
			last.Access = append(last.Access, nas.Access{Identifier: identifier.String, Comment: comment.String, CreatedAt: fromMicros(since)})
		}
		return nil
	}, text, args...)
	return all, err
}

var errTopicName = errors.New("a topic was given another name")

func (s nasTopics) UpdateTopic(ctx context.Context, name nas.TopicName, edit func(nas.Topic) (nas.Topic, error)) error {
	return s.db.edit(ctx, func(t *tx) error {
		if err := t.db.lockName(t, "topic "+string(name)); err != nil {
			return fmt.Errorf("lock a topic: %w", err)
		}
		found, err := t.nasTopics(t.ctx, oneTopic, string(name))
		if err != nil {
			return fmt.Errorf("find a topic: %w", err)
		}
		var old nas.Topic
		if len(found) > 0 {
			old = found[0]
		}
		edited, err := edit(old)
		switch {
		case err != nil:
			return err
		case edited.Name == "":
			err = t.deleteNASTopic(name)
		case edited.Name != name:
			return errTopicName
		default:
			err = t.putNASTopic(&edited)
		}
		if err != nil {
			return fmt.Errorf("change a topic: %w", err)
		}
		return nil
	})
}

// deleteNASTopic deletes the row before it ends subscriptions: who subscribes meanwhile holds the row, and is seen.
func (t *tx) deleteNASTopic(name nas.TopicName) error {
	for _, text := range []string{"DELETE FROM nas_topic WHERE topic = ?", "DELETE FROM nas_topic_access WHERE topic = ?"} {
		if _, err := t.exec(t.ctx, text, string(name)); err != nil {
			return err
		}
	}
	_, err := t.exec(t.ctx, endTopic, t.db.now().UnixMicro(), string(name))
	return err
}

const putNASTopic = `INSERT INTO nas_topic (topic, internal_topic, state, active, closed_at, spec, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (topic) DO UPDATE SET internal_topic = excluded.internal_topic, state = excluded.state, active = excluded.active,
	closed_at = excluded.closed_at, spec = excluded.spec, created_at = excluded.created_at, created_by = excluded.created_by`

func (t *tx) putNASTopic(topic *nas.Topic) error {
	spec, err := json.Marshal(topic.Spec)
	if err != nil {
		return err
	}
	_, err = t.exec(t.ctx, putNASTopic, string(topic.Name), string(topic.Log), topicStates()[topic.State], topic.Active, micros(topic.ClosedAt),
		string(spec), topic.CreatedAt.UnixMicro(), topic.CreatedBy)
	if errors.Is(translate(err), errDuplicate) {
		return nas.ErrTaken
	}
	if err != nil {
		return err
	}
	if _, err := t.exec(t.ctx, "DELETE FROM nas_topic_access WHERE topic = ?", string(topic.Name)); err != nil {
		return err
	}
	in := inserter{tx: t, into: "nas_topic_access (topic, identifier, comment, created_at)", columns: 4}
	for i := range topic.Access {
		a := &topic.Access[i]
		if err := in.row(string(topic.Name), a.Identifier, a.Comment, a.CreatedAt.UnixMicro()); err != nil {
			return err
		}
	}
	return in.flush()
}
