package rest

import (
	"context"
	"errors"
	"net/http"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/allowlist"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/nas"
)

// NAS is what a server with the notification service does. A use case that is nil has no paths.
type NAS struct {
	Broker         *notifying.Broker
	Subscriptions  *notifying.Subscriptions
	Fetching       *notifying.Fetching
	Administration *notifying.Administration
	Cleaning       *notifying.Cleaning

	// Appending is the gate of publishing, whose effect is in the message log; nil = that of every call.
	Appending       *admitting.Gate
	Publishers      allowlist.List // where notifications may come from, with a session or without
	SessionRequired bool           // of publishers
	MaxBytes        int64          // of a body with notifications or ids, in octets; 0 = 10 MiB
}

// Paths of the notification service. The id is that of the pull point or subscription, the name of an id list, and the internal topic; the other
// is whom a topic may be read by.
const (
	pathNotifications       = "/api/nas/v1/notifications"
	pathPullPoints          = "/api/nas/v1/pullpoints"
	pathPullPoint           = "/api/nas/v1/pullpoints/:id"
	pathSubscribe           = "/api/nas/v1/pullpoints/:id/subscriptions"
	pathFetch               = "/api/nas/v1/pullpoints/:id/fetch"
	pathSubscriptions       = "/api/nas/v1/subscriptions"
	pathSubscription        = "/api/nas/v1/subscriptions/:id"
	pathIDList              = "/api/nas/v1/idlists/:id"
	pathTopics              = "/api/nas/v1/admin/topics"
	pathTopic               = "/api/nas/v1/admin/topics/:id"
	pathTopicAccess         = "/api/nas/v1/admin/topics/:id/access/:other"
	pathTopicCheck          = "/api/nas/v1/admin/check"
	pathAllPullPoints       = "/api/nas/v1/admin/pullpoints"
	pathNASCleanup          = "/api/nas/v1/admin/cleanup"
	defaultNASBytes   int64 = 10 << 20
)

// errNoNotification: what publishers hear of a body with nothing in it.
var errNoNotification = syntaxError("At least one notification is required.")

// nasEndpoints are for the callers of the SOAP services, by sessions that their ID cards opened, and for publishers by their address; those
// below /admin are for administrators. Who of them may, the use cases decide.
func (a *api) nasEndpoints() []endpoint {
	n := a.NAS
	if n == nil {
		return nil
	}
	var all []endpoint
	if n.Broker != nil {
		all = append(all, a.publishingEndpoint())
	}
	if n.Subscriptions != nil && n.Fetching != nil {
		all = append(all, a.subscriberEndpoints()...)
	}
	if n.Administration != nil {
		all = append(all, a.topicEndpoints()...)
	}
	if n.Cleaning != nil {
		all = append(all, endpoint{method: http.MethodPost, path: pathNASCleanup, operation: "RunNASCleanup", policy: administrators(),
			serve: a.runNASCleanup})
	}
	for i := range all {
		all[i].component = audit.NAS
	}
	return all
}

// systems may use the notification service: those of the SOAP services.
func systems() admitting.Policy {
	return admitting.Policy{
		Schemes: []identity.Scheme{identity.Session}, MinLevel: 3, Kinds: []identity.Kind{identity.System, identity.Professional},
	}
}

func (a *api) publishingEndpoint() endpoint {
	policy := systems()
	policy.Schemes = append(policy.Schemes, identity.Address)
	policy.Resend = admitting.Store
	return endpoint{method: http.MethodPost, path: pathNotifications, operation: "Notify", policy: policy, admit: a.publisher, serve: a.notify,
		gate: a.NAS.Appending, maxBytes: a.nasBytes(), keyOptional: true, status: http.StatusNoContent, again: doneAgain}
}

func (a *api) nasBytes() int64 {
	if a.NAS.MaxBytes > 0 {
		return a.NAS.MaxBytes
	}
	return defaultNASBytes
}

// doneAgain is the reply without body that was given before.
func doneAgain([]byte) reply { return reply{status: http.StatusNoContent} }

// publisher tells who hands in notifications: whoever calls from a listed address, with a session that an ID card opened or without any.
func (a *api) publisher(ctx context.Context, x *exchange) (identity.Caller, error) {
	listed, ok := a.NAS.Publishers.Find(x.addr)
	if !ok {
		return identity.Caller{}, &auth.Refusal{Fault: auth.ErrNotListed, Cause: "address"}
	}
	if len(x.http.Header.Values("Authorization")) > 0 || a.NAS.SessionRequired {
		caller, err := a.cardHolder(ctx, x)
		caller.Topics = listed.Topics
		return caller, err
	}
	return identity.Caller{
		Kind: identity.System, SystemName: listed.Name, Topics: listed.Topics,
		Credential: identity.Credential{Scheme: identity.Address, ID: listed.Name},
	}, nil
}

// notificationJSON is a notification as publishers hand it in. Its content is one XML element.
type notificationJSON struct {
	topic, id, idType, content string
	system                     bool
}

func (a *api) notify(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.noQuery(); err != nil {
		return reply{}, err
	}
	sent, err := x.notifications(a.NAS.Broker.MaxMessages)
	if err != nil {
		return reply{}, err
	}
	x.undone = func(err error) error { return a.NAS.Broker.Failed(len(sent), err) }
	messages := make([]notifying.Message, len(sent))
	for i, n := range sent {
		if messages[i], err = a.message(n); err != nil {
			return reply{}, err
		}
	}
	return reply{status: http.StatusNoContent}, a.NAS.Broker.Notify(ctx, caller, messages)
}

// notifications reads the notifications of the body. Of more than limit it keeps one more than limit.
func (x *exchange) notifications(limit int) ([]notificationJSON, error) {
	var read []notificationJSON
	err := x.decode(members{"notifications": objects(func() members {
		if len(read) <= limit {
			read = append(read, notificationJSON{})
		}
		n := &read[len(read)-1]
		return members{"topic": &n.topic, "id": &n.id, "idType": &n.idType, "system": &n.system, "content": &n.content}
	})})
	if err == nil && len(read) == 0 {
		err = errNoNotification
	}
	return read, err
}

// message encloses the content of a notification. The use case refuses one without.
func (a *api) message(n notificationJSON) (notifying.Message, error) {
	m := notifying.Message{Topic: n.topic, ID: n.id, IDType: n.idType, System: n.system}
	content, err := a.NAS.Broker.Contents.Enclose(nas.Notification{
		Topic: n.topic, ID: n.id, IDType: n.idType, System: n.system, Payload: []byte(n.content),
	})
	if errors.Is(err, nas.ErrRefused) {
		return m, nil
	}
	m.Content = content
	return m, err
}

// notifications adds what err tells of notifications and of topics.
func (p *problemJSON) notifications(err error) {
	if e, ok := errors.AsType[*nas.Error](err); ok {
		for _, u := range e.Undelivered {
			p.Undelivered = append(p.Undelivered, undeliveredJSON{u.Position, u.Code})
		}
	}
	if denied, ok := errors.AsType[nas.NoAccess](err); ok {
		p.Type, p.Title, p.Topic = typePrefix+nas.CodeTopicAccess, title(nas.CodeTopicAccess), string(denied.Topic)
	}
}

type undeliveredJSON struct {
	Position int    `json:"position"` // from 1
	Code     string `json:"code"`
}
