package rest

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

type grantJSON struct {
	ID   string    `json:"id"`
	Name string    `json:"name"`
	CVR  string    `json:"cvr"`
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	Note string    `json:"note,omitempty"`
}

func grantOf(g trust.Grant) grantJSON {
	return grantJSON{ID: g.ID, Name: g.Name, CVR: g.CVR, From: g.Valid.From, To: g.Valid.To, Note: g.Note}
}

func (a *api) listGrants(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	all, err := a.Grants.List(ctx, caller)
	if err != nil {
		return reply{}, err
	}
	answer := struct {
		Grants []grantJSON `json:"grants"`
	}{make([]grantJSON, len(all))}
	for i, g := range all {
		answer.Grants[i] = grantOf(g)
	}
	return reply{status: http.StatusOK, value: answer}, nil
}

func (a *api) addGrant(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	var g trust.Grant
	if err := x.ask(members{"name": &g.Name, "cvr": &g.CVR, "from": &g.Valid.From, "to": &g.Valid.To, "note": &g.Note}); err != nil {
		return reply{}, err
	}
	added, err := a.Grants.Add(ctx, caller, g)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, value: grantOf(added)}, nil
}

func (a *api) endGrant(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	if id, err := uuid.Parse(x.id); err != nil || id.String() != x.id {
		return reply{}, errNoPath
	}
	return reply{status: http.StatusNoContent}, a.Grants.End(ctx, caller, x.id)
}

// granted has this process see at once what was changed. Where that fails the change is seen when the grants are next read.
func (a *api) granted(ctx context.Context) {
	if a.Granted == nil {
		return
	}
	if err := a.Granted(ctx); err != nil {
		a.Log.WarnContext(ctx, "changed grants cannot be read yet", "error", err)
	}
}

type anchorJSON struct {
	ID        string    `json:"id"`
	Issuers   []string  `json:"issuers"`
	SPKI      string    `json:"spki"` // SHA-256, hexadecimal, as in the file of revocations
	NotBefore time.Time `json:"notBefore,omitzero"`
	NotAfter  time.Time `json:"notAfter,omitzero"`
	State     string    `json:"state"`
}

type anchorsJSON struct {
	Anchors []anchorJSON `json:"anchors"`
}

func anchorsOf(all []trust.Anchor, now time.Time) anchorsJSON {
	answer := anchorsJSON{Anchors: make([]anchorJSON, len(all))}
	for i, n := range all {
		answer.Anchors[i] = anchorJSON{
			ID: n.ID, Issuers: n.Issuers, SPKI: hex.EncodeToString(n.SPKI[:]), NotBefore: n.Window.From, NotAfter: n.Window.To, State: stateOf(n, now),
		}
	}
	return answer
}

// stateOf tells whether the anchor counts now.
func stateOf(a trust.Anchor, now time.Time) string {
	switch {
	case a.Revoked:
		return "revoked"
	case a.Window.Contains(now):
		return "active"
	case !a.Window.To.IsZero() && !now.Before(a.Window.To):
		return "ended"
	}
	return "pending"
}

func (a *api) listAnchors(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	return anchorsReply(ctx, x, caller, a.Trust.Anchors)
}

func (a *api) reloadTrust(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	return anchorsReply(ctx, x, caller, a.Trust.ReadAgain)
}

func anchorsReply(
	ctx context.Context, x *exchange, caller identity.Caller, get func(context.Context, identity.Caller) ([]trust.Anchor, time.Time, error),
) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	anchors, at, err := get(ctx, caller)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, value: anchorsOf(anchors, at)}, nil
}

type eventJSON struct {
	At        time.Time `json:"at"`
	Service   string    `json:"service"`
	Operation string    `json:"operation,omitempty"`
	Code      string    `json:"code"`
	Cause     string    `json:"cause"`
	Anchor    string    `json:"anchor,omitempty"`
	CVR       string    `json:"cvr,omitempty"`
	Address   string    `json:"address,omitempty"`
	MessageID string    `json:"messageId,omitempty"`
}

func eventOf(r audit.Refusal) eventJSON {
	return eventJSON{
		At: r.At, Service: r.Service, Operation: r.Operation, Code: r.Code, Cause: r.Cause, Anchor: r.Anchor, CVR: r.CVR, Address: r.Addr,
		MessageID: r.MessageID,
	}
}

func (a *api) listEvents(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.noBody(); err != nil {
		return reply{}, err
	}
	since, err := x.since()
	if err != nil {
		return reply{}, err
	}
	found, err := a.Events.Since(ctx, caller, since)
	if err != nil {
		return reply{}, err
	}
	answer := struct {
		Events []eventJSON `json:"events"`
	}{make([]eventJSON, len(found))}
	for i, r := range found {
		answer.Events[i] = eventOf(r)
	}
	return reply{status: http.StatusOK, value: answer}, nil
}
