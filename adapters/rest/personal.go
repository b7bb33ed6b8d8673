package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
)

// personal makes the endpoints of a service about one citizen, for the callers of its SOAP service, by sessions: tokens for one of the audiences
// opened them, or, where there is none, ID cards alone. Who of the callers may, the use cases decide. Citizens' registrations have no number in
// a path and their ids are entity tags.
func (a *api) personal(c audit.Component, audiences []string, all []endpoint) []endpoint {
	for i := range all {
		e := &all[i]
		e.component, e.keyOptional = c, true
		e.policy = admitting.Policy{
			Schemes: []identity.Scheme{identity.Session}, MinLevel: 3, Audiences: audiences,
			Kinds: []identity.Kind{identity.Citizen, identity.Professional, identity.System},
		}
		if e.method != http.MethodGet {
			e.policy.Resend = admitting.Store
		}
		if len(audiences) == 0 {
			e.admit = a.cardHolder
		}
	}
	return all
}

// errFresh: what callers hear of If-Match where there is nothing to match.
var errFresh = syntaxError("What is made has no entity tag before: If-Match must not be there.")

// person reads whom the call is about: who the header names, in ten digits as in messages (no hyphen), else a citizen who calls. Zero = it says
// nobody, or not rightly, of which the use case tells those alone who may call.
func (x *exchange) person(caller identity.Caller) cpr.Number {
	values := x.http.Header.Values(headerCitizen)
	switch {
	case len(values) == 0 && caller.Kind == identity.Citizen:
		return caller.CPR
	case len(values) != 1:
		return cpr.Number{}
	}
	n, _ := cpr.Parse(values[0])
	if n.Digits() != values[0] {
		return cpr.Number{}
	}
	return n
}

// serving is what endpoint.serve is.
type serving = func(ctx context.Context, x *exchange, caller identity.Caller) (reply, error)

// fresh serves what makes something that has no entity tag yet: it refuses If-Match, rather than not to obey it.
func fresh(serve serving) serving {
	return func(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
		if len(x.http.Header.Values("If-Match")) > 0 {
			return reply{}, errFresh
		}
		return serve(ctx, x, caller)
	}
}

// match reads the header If-Match: the id of a registration; "" = any, or it is not there.
func (x *exchange) match() (id string, err error) {
	values := x.http.Header.Values("If-Match")
	if len(values) == 0 || len(values) == 1 && values[0] == "*" {
		return "", nil
	}
	id, _ = strings.CutPrefix(strings.TrimSuffix(values[0], `"`), `"`)
	if known, err := uuid.Parse(id); err != nil || known.String() != id || len(values) > 1 || idTag(id) != values[0] {
		return "", errTag
	}
	return id, nil
}

// idTag is the entity tag of a registration.
func idTag(id string) string { return `"` + id + `"` }

// kept is the reply with a registration, which was made at a path, "" where it was there before.
func kept(path, id string, value any) reply {
	r := reply{status: http.StatusOK, value: value, etag: idTag(id)}
	if path != "" {
		r.status, r.location = http.StatusCreated, path
	}
	return r
}

// keptAgain is the reply with a registration that was written before.
func keptAgain(path string) func(body []byte) reply {
	return func(body []byte) reply {
		var j struct {
			ID string `json:"id"`
		}
		_ = json.Unmarshal(body, &j) // what was written reads back
		return kept(path, j.ID, json.RawMessage(body))
	}
}
