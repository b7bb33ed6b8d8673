package securing

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
)

// What is answered about names that the test federation does not know.
var (
	errNoSample   = fault.Error{Kind: fault.Invalid, Code: "no_such_sample", Text: "The test federation has no such sample."}
	errNoRelation = fault.Error{Kind: fault.Unauthenticated, Code: fault.CodeIDCard, Text: "The citizen may not act for that person."}
)

// Sample is a certificate of the test federation.
type Sample struct {
	Certificate  []byte // DER
	Organisation string // name of the holder's organisation
}

// Samples makes callers of names of the test federation. A name proves nothing: it is for development alone. Safe for concurrent use.
type Samples struct {
	Issuer *federating.TestIssuer
	Find   func(name string) (Sample, error) // an error: there is none
}

// Named returns the sample of a name.
func (s *Samples) Named(name string) (Sample, error) {
	sample, err := s.Find(name)
	if err != nil {
		return Sample{}, fmt.Errorf("%w: %w", errNoSample, err)
	}
	return sample, nil
}

// Sample returns the caller that the holder of a sample would be with an ID card of the token service, in the system of the given name.
func (s *Samples) Sample(ctx context.Context, name, system string) (identity.Caller, error) {
	sample, err := s.Named(name)
	if err != nil {
		return identity.Caller{}, err
	}
	card, err := s.Issuer.Card(ctx, federating.TestRequest{Certificate: sample.Certificate, Organisation: sample.Organisation, SystemName: system})
	if err != nil {
		return identity.Caller{}, err
	}
	c := identity.Caller{
		Kind: identity.System, SystemName: card.SystemName, Org: identity.Organisation{CVR: card.CVR, Name: card.CareProviderName},
		Credential: identity.Credential{
			Scheme: identity.Sample, Level: card.Level, Issuer: card.Issuer, ID: card.ID, CertHash: card.CertHash,
			IssuedAt: card.IssuedAt, NotBefore: card.NotBefore, NotOnOrAfter: card.NotOnOrAfter,
		},
	}
	u := card.User
	if u == nil {
		return c, nil
	}
	c.Kind, c.CPR, c.Name, c.Email, c.Occupation = identity.Professional, u.CPR, u.GivenName+" "+u.Surname, u.Email, u.Occupation
	c.AuthorisationCode, c.RawRole = u.AuthorisationCode, u.Role
	switch {
	case u.AuthorisationCode != "":
		c.EducationCode = u.Role
	case u.Role != identity.NoRole:
		c.NationalRole = identity.NationalRoleName(u.Role)
	}
	return c, nil
}

// Citizen returns the caller that a citizen would be with an identity token; on behalf of another, where onBehalfOf is not empty, if a
// relation of theirs allows it now.
func (s *Samples) Citizen(ctx context.Context, citizen, onBehalfOf cpr.Number) (identity.Caller, error) {
	p, err := s.Issuer.People.ByCPR(ctx, citizen)
	switch {
	case errors.Is(err, identity.ErrUnknown):
		return identity.Caller{}, federating.ErrTestCitizen
	case err != nil:
		return identity.Caller{}, fmt.Errorf("find citizen: %w", err)
	}
	now := s.Issuer.Now().UTC()
	c := identity.Caller{
		Kind: identity.Citizen, CPR: citizen, Name: p.GivenName + " " + p.Surname,
		Credential: identity.Credential{
			Scheme: identity.Sample, Level: federating.MinAssurance, Issuer: s.Issuer.Issuer, IssuedAt: now, NotBefore: now,
			NotOnOrAfter: now.Add(federating.DefaultTokenLifetime),
		},
	}
	if onBehalfOf.IsZero() {
		return c, nil
	}
	related, err := s.Issuer.Relations.Between(ctx, citizen, onBehalfOf, now)
	if err != nil {
		return identity.Caller{}, fmt.Errorf("find relations: %w", err)
	}
	for _, kind := range [...]relation.Kind{relation.Custody, relation.Proxy} {
		if citizen != onBehalfOf && slices.ContainsFunc(related, func(r relation.Relation) bool {
			// A session is not for one audience, as a token is: a proxy must be for everything.
			return r.Admits(kind) && r.Valid.Contains(now) && (kind != relation.Proxy || slices.Contains(r.Scope, "*"))
		}) {
			c.OnBehalfOf = &identity.Principal{CPR: onBehalfOf, Kind: kind}
			return c, nil
		}
	}
	return identity.Caller{}, errNoRelation
}
