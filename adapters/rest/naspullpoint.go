package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/nas"
)

// pullPointJSON is a pull point with its subscriptions.
type pullPointJSON struct {
	ID            string             `json:"id"`
	Href          string             `json:"href"`
	CreatedAt     time.Time          `json:"createdAt"`
	LastSeen      time.Time          `json:"lastSeen,omitzero"` // at most an hour before the owner was really seen
	Subscriptions []subscriptionJSON `json:"subscriptions"`
}

// subscriptionJSON is a subscription without the ids that it selects.
type subscriptionJSON struct {
	ID        string     `json:"id"`
	Href      string     `json:"href"`
	Topic     string     `json:"topic"`
	IDList    string     `json:"idList,omitempty"`
	IDs       int        `json:"idCount,omitempty"` // single ids
	XPath     *nas.XPath `json:"xpath,omitempty"`
	CreatedAt time.Time  `json:"createdAt"`
	Expires   time.Time  `json:"expires,omitzero"`
	Lag       *int64     `json:"lag"` // messages of the topic that are yet to be read; null = not known
}

func pullPointOf(p notifying.Owned) pullPointJSON {
	j := pullPointJSON{
		ID: string(p.ID), Href: pathPullPoints + "/" + string(p.ID), CreatedAt: p.CreatedAt, LastSeen: p.LastSeen,
		Subscriptions: make([]subscriptionJSON, len(p.Subscriptions)),
	}
	for i, s := range p.Subscriptions {
		j.Subscriptions[i] = subscriptionJSON{
			ID: string(s.ID), Href: pathSubscriptions + "/" + string(s.ID), Topic: string(s.Topic), IDList: s.Filter.List, IDs: len(s.Filter.IDs),
			XPath: s.Filter.XPath, CreatedAt: s.CreatedAt, Expires: s.Expires, Lag: known(p.Lags[i]),
		}
	}
	return j
}

func (a *api) listPullPoints(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	all, err := a.NAS.Subscriptions.PullPoints(ctx, caller)
	if err != nil {
		return reply{}, err
	}
	answer := struct {
		PullPoints []pullPointJSON `json:"pullPoints"`
	}{make([]pullPointJSON, len(all))}
	for i, p := range all {
		answer.PullPoints[i] = pullPointOf(p)
	}
	return reply{status: http.StatusOK, value: answer}, nil
}

func (a *api) readPullPoint(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := errors.Join(x.bare(), x.uuid()); err != nil {
		return reply{}, err
	}
	p, err := a.NAS.Subscriptions.PullPoint(ctx, caller, x.id)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, value: pullPointOf(p)}, nil
}
