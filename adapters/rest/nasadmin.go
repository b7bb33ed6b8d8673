package rest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
)

const (
	defaultPullPoints = 100 // of an answer
	maxPullPoints     = 500
)

// What administrators of topics hear beside what the rules refuse.
var (
	errChange = syntaxError("The body must have one of active and partitions.")
	errPage   = syntaxError("The query may have after and limit, each once: the id of a pull point, and 1 to 500.")
	errForce  = syntaxError("The query may have force, true or false, once.")
)

func (a *api) topicEndpoints() []endpoint {
	policy := administrators()
	return []endpoint{
		{method: http.MethodPost, path: pathTopics, operation: "CreateTopic", policy: policy, serve: a.createTopic},
		{method: http.MethodGet, path: pathTopics, operation: "ListTopics", policy: policy, serve: a.listTopics},
		{method: http.MethodGet, path: pathTopic, operation: "ReadTopic", policy: policy, serve: a.readTopic},
		{method: http.MethodPatch, path: pathTopic, operation: "ChangeTopic", policy: policy, serve: a.changeTopic},
		{method: http.MethodDelete, path: pathTopic, operation: "DeleteTopic", policy: policy, serve: a.deleteTopic},
		{method: http.MethodPut, path: pathTopicAccess, operation: "GrantTopic", policy: policy, serve: a.grantTopic},
		{method: http.MethodDelete, path: pathTopicAccess, operation: "RevokeTopic", policy: policy, serve: a.revokeTopic},
		{method: http.MethodGet, path: pathTopicCheck, operation: "CheckTopics", policy: policy, serve: a.checkTopics},
		{method: http.MethodGet, path: pathAllPullPoints, operation: "ListAllPullPoints", policy: policy, serve: a.listAllPullPoints},
	}
}

// topicJSON is a topic with who may read it.
type topicJSON struct {
	Topic       string           `json:"topic"`
	Internal    string           `json:"internal"`
	Active      bool             `json:"active"`
	State       string           `json:"state"`
	ClosedAt    time.Time        `json:"closedAt,omitzero"`
	Partitions  int              `json:"partitions"`
	Replication int              `json:"replication,omitempty"` // 0 = the log's own choice
	Config      map[string]int64 `json:"config,omitempty"`
	Access      []readerJSON     `json:"access"`
	CreatedAt   time.Time        `json:"createdAt"`
	CreatedBy   string           `json:"createdBy"`
}

type readerJSON struct {
	Identifier string    `json:"identifier"`
	Comment    string    `json:"comment,omitempty"`
	CreatedAt  time.Time `json:"createdAt"`
}

func topicOf(t nas.Topic) topicJSON {
	j := topicJSON{
		Topic: string(t.Name), Internal: string(t.Log), Active: t.Active, State: stateOfTopic(t.State), ClosedAt: t.ClosedAt,
		Partitions: t.Spec.Partitions, Replication: t.Spec.Replication, Config: map[string]int64{}, Access: make([]readerJSON, len(t.Access)),
		CreatedAt: t.CreatedAt, CreatedBy: t.CreatedBy,
	}
	for name, value := range t.Spec.Config {
		j.Config[name] = value
	}
	if t.Spec.Retention > 0 {
		j.Config[retentionSetting] = t.Spec.Retention.Milliseconds()
	}
	for i, a := range t.Access {
		j.Access[i] = readerJSON{a.Identifier, a.Comment, a.CreatedAt}
	}
	return j
}

// retentionSetting is the one setting that every log knows.
const retentionSetting = "retention_ms"

func stateOfTopic(s nas.TopicState) string {
	switch s {
	case nas.Creating:
		return "creating"
	case nas.Ready:
		return "ready"
	}
	return "deleting"
}

func topicReply(t nas.Topic, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, value: topicOf(t)}, nil
}

func (a *api) createTopic(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	r, err := x.topicRequest()
	if err != nil {
		return reply{}, err
	}
	t, err := a.NAS.Administration.CreateTopic(ctx, caller, r)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, value: topicOf(t), location: pathTopics + "/" + string(t.Log)}, nil
}

// topicRequest reads the definition of a topic.
func (x *exchange) topicRequest() (r notifying.TopicRequest, err error) {
	err = x.ask(members{
		"topic": &r.Topic, "internal": &r.Internal, "partitions": &r.Partitions, "replication": &r.Replication, "config": (*dictionary[int64])(&r.Config),
		"access": objects(func() members {
			r.Access = append(r.Access, nas.Access{})
			granted := &r.Access[len(r.Access)-1]
			return members{"identifier": &granted.Identifier, "comment": &granted.Comment}
		}),
		"adopt": &r.Adopt,
	})
	return r, err
}

func (a *api) listTopics(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	all, err := a.NAS.Administration.AllTopics(ctx, caller)
	if err != nil {
		return reply{}, err
	}
	answer := struct {
		Topics []topicJSON `json:"topics"`
	}{make([]topicJSON, len(all))}
	for i, t := range all {
		answer.Topics[i] = topicOf(t)
	}
	return reply{status: http.StatusOK, value: answer}, nil
}

// internal reads which topic the path names.
func (x *exchange) internal() (messagelog.Topic, error) {
	if nas.CheckInternal(messagelog.Topic(x.id)) != nil {
		return "", errNoPath
	}
	return messagelog.Topic(x.id), nil
}

func (a *api) readTopic(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	topic, err := x.internal()
	if err := errors.Join(err, x.bare()); err != nil {
		return reply{}, err
	}
	return topicReply(a.NAS.Administration.Topic(ctx, caller, topic))
}

func (a *api) changeTopic(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	topic, err := x.internal()
	if err != nil {
		return reply{}, err
	}
	active, partitions, err := x.topicChange()
	switch {
	case err != nil:
		return reply{}, err
	case partitions != nil:
		return topicReply(a.NAS.Administration.GrowPartitions(ctx, caller, topic, *partitions))
	case *active:
		return topicReply(a.NAS.Administration.OpenTopic(ctx, caller, topic))
	}
	return topicReply(a.NAS.Administration.CloseTopic(ctx, caller, topic))
}

// topicChange reads what is to change: one of the two is there.
func (x *exchange) topicChange() (active *bool, partitions *int, err error) {
	if err := x.ask(members{"active": &active, "partitions": &partitions}); err != nil {
		return nil, nil, err
	}
	if (active == nil) == (partitions == nil) {
		return nil, nil, errChange
	}
	return active, partitions, nil
}

func (a *api) deleteTopic(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	topic, err := x.internal()
	if err := errors.Join(err, x.noBody()); err != nil {
		return reply{}, err
	}
	force, err := x.force()
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent}, a.NAS.Administration.DeleteTopic(ctx, caller, topic, force)
}

// force reads the one parameter force of the query.
func (x *exchange) force() (bool, error) {
	query, err := url.ParseQuery(x.http.URL.RawQuery)
	values := query["force"]
	switch {
	case err != nil || len(query) > 1 || len(query) == 1 && len(values) != 1:
		return false, errForce
	case len(values) == 0 || values[0] == "false":
		return false, nil
	case values[0] != "true":
		return false, errForce
	}
	return true, nil
}

// accessed reads whom to which topic the path names.
func (x *exchange) accessed() (topic messagelog.Topic, identifier string, err error) {
	if topic, err = x.internal(); err != nil {
		return "", "", err
	}
	if identifier, err = x.parameter(x.other); err != nil {
		return "", "", err
	}
	return topic, identifier, nas.CheckAccess(identifier)
}

func (a *api) grantTopic(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	var comment string
	topic, identifier, err := x.accessed()
	if err := errors.Join(err, x.ask(members{"comment": &comment})); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent}, a.NAS.Administration.Grant(ctx, caller, topic, identifier, comment)
}

func (a *api) revokeTopic(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	topic, identifier, err := x.accessed()
	if err := errors.Join(err, x.bare()); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent}, a.NAS.Administration.Revoke(ctx, caller, topic, identifier)
}

func (a *api) checkTopics(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	found, err := a.NAS.Administration.Check(ctx, caller)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, value: struct {
		Findings notifying.Findings `json:"findings"`
	}{found}}, nil
}

// overviewJSON is a pull point as administrators see it.
type overviewJSON struct {
	notifying.Overviewed
	Subscriptions []overviewedJSON `json:"subscriptions"`
}

type overviewedJSON struct {
	notifying.OverviewedSubscription
	Lag *int64 `json:"lag"` // null = it cannot be told
}

func (a *api) listAllPullPoints(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	after, limit, err := x.page()
	if err != nil {
		return reply{}, err
	}
	found, err := a.NAS.Administration.Overview(ctx, caller, after, limit)
	if err != nil {
		return reply{}, err
	}
	answer := struct {
		PullPoints []overviewJSON `json:"pullPoints"`
		Next       string         `json:"next,omitempty"` // what to ask after for more
	}{PullPoints: make([]overviewJSON, len(found))}
	for i, p := range found {
		j := overviewJSON{p, make([]overviewedJSON, len(p.Subscriptions))}
		for k, s := range p.Subscriptions {
			j.Subscriptions[k] = overviewedJSON{s, known(s.Lag)}
		}
		answer.PullPoints[i] = j
	}
	if len(found) == limit {
		answer.Next = string(found[limit-1].ID)
	}
	return reply{status: http.StatusOK, value: answer}, nil
}

// known is a lag, nil if it is not known.
func known(lag int64) *int64 {
	if lag < 0 {
		return nil
	}
	return &lag
}

// page reads which pull points are asked for.
func (x *exchange) page() (after nas.PullPointID, limit int, err error) {
	if err := x.noBody(); err != nil {
		return "", 0, err
	}
	query, err := url.ParseQuery(x.http.URL.RawQuery)
	if err != nil {
		return "", 0, errPage
	}
	limit = defaultPullPoints
	for name, values := range query {
		ok := false
		switch name {
		case "after":
			after, ok = nas.PullPointOf(values[0])
		case "limit":
			limit, err = strconv.Atoi(values[0])
			ok = err == nil && limit >= 1 && limit <= maxPullPoints
		}
		if !ok || len(values) != 1 {
			return "", 0, errPage
		}
	}
	return after, limit, nil
}

func (a *api) runNASCleanup(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusAccepted}, a.NAS.Cleaning.Run(ctx, caller)
}
