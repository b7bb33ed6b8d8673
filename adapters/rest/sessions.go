package rest

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
)

// sessionJSON is a session that was opened: the one answer that holds its token.
type sessionJSON struct {
	Token   string     `json:"token"`
	Expires time.Time  `json:"expires"`
	Caller  callerJSON `json:"caller"`
}

// callerJSON is what a caller may hear of itself; nobody else hears it.
type callerJSON struct {
	Kind          string         `json:"kind"`
	CPR           string         `json:"cpr,omitempty"`
	Name          string         `json:"name,omitempty"`
	Authorisation string         `json:"authorisation,omitempty"`
	Role          string         `json:"role,omitempty"`
	CVR           string         `json:"cvr,omitempty"`
	System        string         `json:"system,omitempty"`
	Level         int            `json:"level"`
	Scheme        string         `json:"scheme"` // of the credential that opened the session
	OnBehalfOf    *principalJSON `json:"onBehalfOf,omitempty"`
	Vouched       bool           `json:"vouched"`
}

type principalJSON struct {
	CPR      string `json:"cpr"`
	Relation string `json:"relation"`
}

func callerOf(c identity.Caller) callerJSON {
	j := callerJSON{
		Kind: c.Kind.String(), CPR: c.CPR.Digits(), Name: c.Name, Authorisation: c.AuthorisationCode,
		Role: cmp.Or(c.NationalRole, c.EducationCode), CVR: c.Org.CVR, System: c.SystemName, Level: c.Credential.Level,
		Scheme: c.Credential.Scheme.String(), Vouched: c.Vouched,
	}
	if c.Credential.Scheme == identity.Session {
		j.Scheme = c.Credential.Origin.String()
	}
	if p := c.OnBehalfOf; p != nil {
		j.OnBehalfOf = &principalJSON{CPR: p.CPR.Digits(), Relation: relationOf(p.Kind)}
	}
	return j
}

func relationOf(k relation.Kind) string {
	return map[relation.Kind]string{relation.Custody: "custody", relation.Guardian: "guardian", relation.Proxy: "proxy"}[k]
}

// opener tells who opens a session: the sender of an envelope, or in development whoever is named.
func (a *api) opener(ctx context.Context, x *exchange) (identity.Caller, error) {
	if x.envelope() {
		caller, err := a.Envelopes.Admit(ctx, x.http, x.body, &x.access)
		x.messageID = cmp.Or(caller.MessageID, x.access.SOAPHeaders["MessageID"], x.access.SOAPHeaders["w3MessageID"])
		return caller, err
	}
	if a.Development == nil {
		return identity.Caller{}, errOpening
	}
	return a.named(ctx, x)
}

// named reads whose session a developer asks for.
func (a *api) named(ctx context.Context, x *exchange) (identity.Caller, error) {
	var sample, system, citizen, onBehalfOf string
	if err := x.decode(members{"sample": &sample, "system": &system, "citizen": &citizen, "onBehalfOf": &onBehalfOf}); err != nil {
		return identity.Caller{}, err
	}
	if sample != "" && citizen == "" && onBehalfOf == "" {
		return a.Development.Samples.Sample(ctx, sample, system)
	}
	actor, err := number(citizen)
	if err != nil || sample != "" || system != "" {
		return identity.Caller{}, errJSON
	}
	var subject cpr.Number
	if onBehalfOf != "" {
		if subject, err = number(onBehalfOf); err != nil {
			return identity.Caller{}, err
		}
	}
	return a.Development.Samples.Citizen(ctx, actor, subject)
}

// number reads a civil registration number. The error does not tell it.
func number(text string) (cpr.Number, error) {
	n, err := cpr.Parse(text)
	if err != nil {
		return n, errJSON
	}
	return n, nil
}

func (a *api) openSession(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.noQuery(); err != nil {
		return reply{}, err
	}
	s, err := a.Sessions.Open(ctx, caller)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, value: sessionJSON{Token: s.Token, Expires: s.Expires, Caller: callerOf(s.Caller)}}, nil
}

func (a *api) readSession(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	a.Sessions.Read(ctx, caller)
	return reply{status: http.StatusOK, value: callerOf(caller)}, nil
}

func (a *api) closeSession(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent}, a.Sessions.Close(ctx, caller, x.bearer)
}
