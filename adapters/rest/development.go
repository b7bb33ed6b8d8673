package rest

import (
	"cmp"
	"context"
	"net/http"

	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/application/securing"
	"github.com/opennsp/nsp/domain/identity"
)

// Development is what a server of the test federation offers beside, to whoever can reach it.
type Development struct {
	Samples *securing.Samples
	Issuer  Issuer
}

// Issuer makes assertions of the test federation, signed as its token service and its identity provider sign, for whoever the request names.
// An error that wraps a fault.Error is told to the caller. Safe for concurrent use.
type Issuer interface {
	Card(ctx context.Context, r federating.TestRequest) ([]byte, error)      // ID card of the token service
	Token(ctx context.Context, r federating.TestRequest) ([]byte, error)     // identity token of the token service
	Bootstrap(ctx context.Context, r federating.TestRequest) ([]byte, error) // token of the identity provider
}

// defaultHolder is the sample whose key is shown with a citizen's bootstrap token where none is named: the citizens' portal.
const defaultHolder = "portal"

// developer is who calls where nobody proves anything.
func (a *api) developer(context.Context, *exchange) (identity.Caller, error) {
	return identity.Caller{Kind: identity.System, Credential: identity.Credential{Scheme: identity.Sample}}, nil
}

func (a *api) card(ctx context.Context, x *exchange, _ identity.Caller) (reply, error) {
	var name string
	var r federating.TestRequest
	if err := x.ask(members{"sample": &name, "level": &r.Level}); err != nil {
		return reply{}, err
	}
	sample, err := a.Development.Samples.Named(name)
	if err != nil {
		return reply{}, err
	}
	r.Certificate, r.Organisation = sample.Certificate, sample.Organisation
	return assertion(a.Development.Issuer.Card(ctx, r))
}

func (a *api) token(ctx context.Context, x *exchange, _ identity.Caller) (reply, error) {
	var citizen, holder string
	var r federating.TestRequest
	if err := x.ask(members{"citizen": &citizen, "audience": &r.Audience, "holder": &holder}); err != nil {
		return reply{}, err
	}
	sample, err := a.Development.Samples.Named(holder)
	if err != nil {
		return reply{}, err
	}
	r.Holder = sample.Certificate
	if r.Citizen, err = number(citizen); err != nil {
		return reply{}, err
	}
	return assertion(a.Development.Issuer.Token(ctx, r))
}

// bootstrap has a citizen's token shown with the key of the sample holder, an employee's with the employee's own key where no holder is named.
func (a *api) bootstrap(ctx context.Context, x *exchange, _ identity.Caller) (reply, error) {
	var citizen, name, holder string
	var r federating.TestRequest
	if err := x.ask(members{"citizen": &citizen, "sample": &name, "holder": &holder, "audience": &r.Audience}); err != nil {
		return reply{}, err
	}
	if (citizen == "") == (name == "") {
		return reply{}, errJSON
	}
	var err error
	if citizen != "" {
		holder = cmp.Or(holder, defaultHolder)
		r.Citizen, err = number(citizen)
	} else {
		var sample securing.Sample
		sample, err = a.Development.Samples.Named(name)
		r.Certificate, r.Organisation = sample.Certificate, sample.Organisation
	}
	if err == nil && holder != "" {
		var sample securing.Sample
		sample, err = a.Development.Samples.Named(holder)
		r.Holder = sample.Certificate
	}
	if err != nil {
		return reply{}, err
	}
	return assertion(a.Development.Issuer.Bootstrap(ctx, r))
}

func assertion(signed []byte, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, document: signed}, nil
}
