package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/nas"
)

// maxFilterBytes is how large a body with a filter may be, in octets.
const maxFilterBytes = 1 << 20

// What subscribers hear beside what the rules refuse.
var (
	errMax    = syntaxError("max must not be negative.")
	errNoIDs  = syntaxError("ids must hold one id, or be left out.")
	errNoList = fault.Error{Kind: fault.NotFound, Code: nas.CodeIDListUnknown, Text: "The id list is not known."}
)

func (a *api) subscriberEndpoints() []endpoint {
	reader := systems()
	writer, fetcher := reader, reader
	writer.Resend, fetcher.Resend = admitting.Store, admitting.Own

	all := []endpoint{
		{method: http.MethodPost, path: pathPullPoints, operation: "CreatePullPoint", policy: writer, serve: a.createPullPoint,
			status: http.StatusCreated, again: madeAgain(pathPullPoints)},
		{method: http.MethodGet, path: pathPullPoints, operation: "ListPullPoints", policy: reader, serve: a.listPullPoints},
		{method: http.MethodGet, path: pathPullPoint, operation: "ReadPullPoint", policy: reader, serve: a.readPullPoint},
		{method: http.MethodDelete, path: pathPullPoint, operation: "DestroyPullPoint", policy: writer,
			serve: ended(a.NAS.Subscriptions.DestroyPullPoint), status: http.StatusNoContent, again: doneAgain},
		{method: http.MethodPost, path: pathSubscribe, operation: "Subscribe", policy: writer, serve: a.subscribe, maxBytes: maxFilterBytes,
			status: http.StatusCreated, again: madeAgain(pathSubscriptions)},
		{method: http.MethodDelete, path: pathSubscription, operation: "Unsubscribe", policy: writer, serve: ended(a.NAS.Subscriptions.Unsubscribe),
			status: http.StatusNoContent, again: doneAgain},
		{method: http.MethodPost, path: pathFetch, operation: "GetMessages", policy: fetcher, serve: a.fetch},
		// What a PUT does is the same when it comes again.
		{method: http.MethodPut, path: pathIDList, operation: "PutIDList", policy: reader, serve: a.putIDList, maxBytes: a.nasBytes()},
		{method: http.MethodGet, path: pathIDList, operation: "ReadIDList", policy: reader, serve: a.readIDList},
		{method: http.MethodDelete, path: pathIDList, operation: "DestroyIDList", policy: writer, serve: a.destroyIDList,
			status: http.StatusNoContent, again: doneAgain},
	}
	for i := range all {
		all[i].admit, all[i].keyOptional = a.cardHolder, true
	}
	return all
}

// uuid refuses a path whose id is none.
func (x *exchange) uuid() error {
	if id, err := uuid.Parse(x.id); err != nil || id.String() != x.id {
		return errNoPath
	}
	return nil
}

// madeJSON names what was made.
type madeJSON struct {
	ID      string    `json:"id"`
	Href    string    `json:"href"`
	Expires time.Time `json:"expires,omitzero"`
}

func made(collection, id string, expires time.Time) reply {
	j := madeJSON{ID: id, Href: collection + "/" + id, Expires: expires}
	return reply{status: http.StatusCreated, value: j, location: j.Href}
}

// madeAgain is the reply that was written before.
func madeAgain(collection string) func([]byte) reply {
	return func(body []byte) reply {
		var j madeJSON
		_ = json.Unmarshal(body, &j) // what was written reads back
		return made(collection, j.ID, j.Expires)
	}
}

func (a *api) createPullPoint(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	id, err := a.NAS.Subscriptions.CreatePullPoint(ctx, caller)
	if err != nil {
		return reply{}, err
	}
	return made(pathPullPoints, string(id), time.Time{}), nil
}

// ended serves what ends a pull point or a subscription.
func ended(end func(context.Context, identity.Caller, string) error) func(context.Context, *exchange, identity.Caller) (reply, error) {
	return func(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
		if err := errors.Join(x.bare(), x.uuid()); err != nil {
			return reply{}, err
		}
		return reply{status: http.StatusNoContent}, end(ctx, caller, x.id)
	}
}

func (a *api) subscribe(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	asked, err := x.subscribing()
	if err := errors.Join(err, x.uuid()); err != nil {
		return reply{}, err
	}
	s, err := a.NAS.Subscriptions.Subscribe(ctx, caller, asked)
	if err != nil {
		return reply{}, err
	}
	return made(pathSubscriptions, string(s.ID), s.Expires), nil
}

// singleIDs are the ids of a filter, at least one: none at all would not restrict anything.
type singleIDs []nas.SingleID

func (ids *singleIDs) read(d *json.Decoder) error {
	err := objects(func() members {
		*ids = append(*ids, nas.SingleID{})
		id := &(*ids)[len(*ids)-1]
		return members{"id": &id.ID, "idType": &id.IDType}
	}).read(d)
	if err == nil && len(*ids) == 0 {
		err = errNoIDs
	}
	return err
}

// subscribing reads what a subscriber asks for.
func (x *exchange) subscribing() (notifying.Subscribing, error) {
	var topic, list *string
	var filter nas.IDFilter
	var xpath *nas.XPathFilter
	asked := notifying.Subscribing{Consumer: x.id}
	err := x.ask(members{
		"topic": &topic, "idList": &list, "expires": &asked.Termination, "ids": (*singleIDs)(&filter.IDs),
		"xpath": object(func() members {
			xpath = &nas.XPathFilter{Version: "1.0"}
			return members{"expression": &xpath.Expression, "namespaces": (*dictionary[string])(&xpath.Namespaces)}
		}),
	})
	if err != nil {
		return asked, err
	}
	if topic != nil {
		asked.Filter.Topics = []nas.TopicExpression{{Text: *topic}}
	}
	if list != nil {
		filter.Lists = []string{*list}
	}
	if xpath != nil {
		filter.XPaths = []nas.XPathFilter{*xpath}
	}
	if list != nil || xpath != nil || filter.IDs != nil {
		asked.Filter.Content = []nas.MessageContent{{Dialect: nas.IDDialect, Filter: &filter}}
	}
	return asked, nil
}

// messageJSON is a message for a subscription. Its content is the one XML element that was published.
type messageJSON struct {
	Subscription string    `json:"subscription"`
	Topic        string    `json:"topic"`
	ID           string    `json:"id,omitempty"`
	IDType       string    `json:"idType,omitempty"`
	System       bool      `json:"system"`
	Published    time.Time `json:"published"`
	Content      string    `json:"content"`
}

func (a *api) fetch(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	quota, err := x.quota()
	if err := errors.Join(err, x.uuid()); err != nil {
		return reply{}, err
	}
	if !x.keyed() {
		caller.MessageID = "" // nobody can ask for the answer again
	}
	got, err := a.NAS.Fetching.GetMessages(ctx, caller, x.id, quota)
	if err != nil {
		return reply{}, err
	}
	answer := struct {
		Messages []messageJSON `json:"messages"`
		More     bool          `json:"more"`
		Replay   bool          `json:"replay"`
	}{make([]messageJSON, len(got.Messages)), got.More, got.Replay}
	for i, m := range got.Messages {
		content, err := payloadOf(m.Content)
		if err != nil {
			return reply{}, fmt.Errorf("read a stored notification: %w", err)
		}
		answer.Messages[i] = messageJSON{
			Subscription: string(m.Subscription), Topic: string(m.Topic), ID: m.ID, IDType: m.IDType, System: m.System, Published: m.Published.UTC(),
			Content: content,
		}
	}
	return reply{status: http.StatusOK, value: answer}, nil
}

// quota reads how many messages are asked for.
func (x *exchange) quota() (int, error) {
	quota := notifying.NoQuota
	var asked *int
	if err := x.ask(members{"max": &asked}); err != nil {
		return 0, err
	}
	if asked != nil {
		if quota = *asked; quota < 0 {
			return 0, errMax
		}
	}
	return quota, nil
}

// parameter is a parameter of the path as it was meant, where it may hold what a path cannot.
func (x *exchange) parameter(value string) (string, error) {
	if x.http.URL.RawPath == "" {
		return value, nil
	}
	value, err := url.PathUnescape(value)
	if err != nil || !utf8.ValidString(value) {
		return "", errNoPath
	}
	return value, nil
}

func (a *api) putIDList(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	name, err := x.parameter(x.id)
	if err != nil {
		return reply{}, err
	}
	list := nas.IDList{Name: name}
	if err := x.ask(members{"description": &list.Description, "idType": &list.IDType, "ids": &list.IDs}); err != nil {
		return reply{}, err
	}
	replaced, err := a.NAS.Subscriptions.CreateIDList(ctx, caller, list)
	if err != nil {
		return reply{}, err
	}
	r := reply{status: http.StatusCreated, location: "/api/nas/v1/idlists/" + url.PathEscape(name)}
	if replaced {
		r = reply{status: http.StatusOK}
	}
	r.value = struct {
		Replaced bool `json:"replaced"`
	}{replaced}
	return r, nil
}

func (a *api) readIDList(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	name, err := x.parameter(x.id)
	if err != nil {
		return reply{}, err
	}
	description, idType, count, err := a.NAS.Subscriptions.IDList(ctx, caller, name)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, value: struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		IDType      string `json:"idType"`
		Count       int    `json:"count"`
	}{name, description, idType, count}}, nil
}

func (a *api) destroyIDList(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	name, err := x.parameter(x.id)
	if err != nil {
		return reply{}, err
	}
	existed, err := a.NAS.Subscriptions.DestroyIDList(ctx, caller, name)
	if err == nil && !existed {
		err = errNoList
	}
	return reply{status: http.StatusNoContent}, err
}
