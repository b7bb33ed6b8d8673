package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/identity"
)

// The outbox's paths.
const (
	pathParked      = "/api/outbox/v1/parked"
	pathDropParked  = "/api/outbox/v1/parked/:id"
	pathRetryParked = "/api/outbox/v1/parked/:id/retry"
	pathOutbox      = "/api/outbox/v1/status"
)

// outboxEndpoints are those of the outbox, none where this server has none.
func (a *api) outboxEndpoints(policy admitting.Policy) []endpoint {
	if a.Outbox == nil {
		return nil
	}
	return []endpoint{
		{method: http.MethodGet, path: pathParked, operation: "ListParked", policy: policy, serve: a.listParked},
		{method: http.MethodPost, path: pathRetryParked, operation: "RetryParked", policy: policy, serve: parkedNotice(a.Outbox.Retry)},
		{method: http.MethodDelete, path: pathDropParked, operation: "DropParked", policy: policy, serve: parkedNotice(a.Outbox.Drop)},
		{method: http.MethodGet, path: pathOutbox, operation: "ReadOutbox", policy: policy, serve: a.readOutbox},
	}
}

// parkedJSON tells of a notice, and not whom it is about.
type parkedJSON struct {
	ID       string    `json:"id"`
	Target   string    `json:"target"`
	Topic    string    `json:"topic,omitempty"`
	Code     string    `json:"code"` // why it was refused
	Created  time.Time `json:"created"`
	Attempts int       `json:"attempts"` // that failed before
}

func (a *api) listParked(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	parked, err := a.Outbox.Parked(ctx, caller)
	if err != nil {
		return reply{}, err
	}
	answer := struct {
		Parked []parkedJSON `json:"parked"`
	}{make([]parkedJSON, len(parked))}
	for i, p := range parked {
		answer.Parked[i] = parkedJSON{ID: p.ID, Target: string(p.To), Topic: p.Advis.Topic, Code: p.Code, Created: p.Created, Attempts: p.Attempts}
	}
	return reply{status: http.StatusOK, value: answer}, nil
}

// parkedNotice serves what is done to one parked notice.
func parkedNotice(do func(context.Context, identity.Caller, string) error) func(context.Context, *exchange, identity.Caller) (reply, error) {
	return func(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
		if err := x.bare(); err != nil {
			return reply{}, err
		}
		if id, err := uuid.Parse(x.id); err != nil || id.String() != x.id {
			return reply{}, errNoPath
		}
		return reply{status: http.StatusNoContent}, do(ctx, caller, x.id)
	}
}

func (a *api) readOutbox(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	f, err := a.Outbox.Status(ctx, caller)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, value: struct {
		Waiting int     `json:"waiting"`
		Parked  int     `json:"parked"`
		Oldest  float64 `json:"oldestSeconds"`
	}{f.Waiting, f.Parked, f.Oldest.Seconds()}}, nil
}
