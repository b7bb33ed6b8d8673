package federating

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/trust"
)

// TestIssuer says what stands in credentials for test persons, without any proof that whoever asks is that person. It is for development
// alone. Safe for concurrent use.
type TestIssuer struct {
	*TokenService
	IdentityProvider string // Issuer of bootstrap tokens
}

// TestRequest asks for the credential of a test person. Exactly one of Citizen and Certificate is given.
type TestRequest struct {
	Citizen           cpr.Number
	Certificate       []byte // DER of the certificate of an employee or, for a card, of a system
	Organisation      string // of the certificate's holder; "" = its CVR number
	SystemName        string // "" = "OpenNSP"
	Role              string
	AuthorisationCode string
	Level             int        // of a card; 0 = what its type has
	Holder            []byte     // DER of the certificate whose key is shown together with a token; nil = Certificate
	Audience          string     // of a token; of a bootstrap token "" = the token service
	OnBehalfOf        cpr.Number // whom the citizen acts for with the token; empty = nobody
}

const testSystem = "OpenNSP"

// Why a test credential is not made.
var (
	ErrTestSubject = fault.Error{Kind: fault.Invalid, Code: CodeInvalidRequest, Text: "Name either a citizen or a certificate"}
	ErrTestCitizen = fault.Error{Kind: fault.Invalid, Code: CodeInvalidRequest, Text: "The citizen is not one of the test persons"}
	ErrTestHolder  = fault.Error{Kind: fault.Invalid, Code: CodeInvalidRequest, Text: "Name the certificate whose key is shown with the token"}
)

// Card returns the ID card that the holder of the certificate would get.
func (s *TestIssuer) Card(ctx context.Context, r TestRequest) (card Card, err error) {
	var told record
	defer func() { s.note(ctx, audit.TestIssue, told, err) }()
	now := s.Now().UTC()
	if !r.Citizen.IsZero() || r.Certificate == nil {
		return Card{}, ErrTestSubject
	}
	h, err := s.Certificates.Holder(ctx, r.Certificate, now)
	if err != nil {
		return Card{}, certificateFault(err)
	}
	card = s.dated(now)
	card.ID, card.Level, card.CertHash, card.NameID = s.NewID(), levelSystem, hashOf(r.Certificate), nameOf(h)
	card.SystemName, card.CVR = cmp.Or(r.SystemName, testSystem), h.Subject.CVR
	card.CareProviderName = cmp.Or(r.Organisation, h.Subject.CVR)
	switch h.Subject.Class {
	case trust.VOCES, trust.FOCES:
	case trust.MOCES:
		card.Level = levelUser
		if card.User, err = s.user(ctx, User{Role: r.Role, AuthorisationCode: r.AuthorisationCode}, h); err != nil {
			return Card{}, err
		}
		told.person, told.authorisation = card.User.CPR, card.User.AuthorisationCode
	default:
		return Card{}, ErrSigner
	}
	if r.Level != 0 && r.Level != card.Level {
		return Card{}, ErrLevel
	}
	told.card(card)
	return card, nil
}

// Token returns the identity token that a citizen would get, without asking an identity provider.
func (s *TestIssuer) Token(ctx context.Context, r TestRequest) (token Token, err error) {
	told := record{audience: r.Audience}
	defer func() { s.note(ctx, audit.TestIssue, told, err) }()
	now := s.Now().UTC()
	if r.Citizen.IsZero() || r.Certificate != nil {
		return Token{}, ErrTestSubject
	}
	if r.Holder == nil {
		return Token{}, ErrTestHolder
	}
	if err := s.known(ctx, r.Citizen); err != nil {
		return Token{}, err
	}
	if !slices.Contains(s.Audiences, r.Audience) {
		return Token{}, ErrAudience
	}
	told.person = r.Citizen
	token = s.token(Exchange{Audience: r.Audience, Certificate: r.Holder}, now)
	token.Level, token.CPR = MinAssurance, r.Citizen
	if !r.OnBehalfOf.IsZero() {
		told.onBehalfOf = r.OnBehalfOf
		if token.OnBehalfOf, err = s.claim(ctx, r.Citizen, r.OnBehalfOf, now); err != nil {
			return Token{}, err
		}
	}
	return token, nil
}

// Bootstrap returns what an identity provider would say of a citizen or an employee who logged in. Its Holder is empty: the token's is
// HolderOf.
func (s *TestIssuer) Bootstrap(ctx context.Context, r TestRequest) (a Assertion, err error) {
	var told record
	defer func() { s.note(ctx, audit.TestIssue, told, err) }()
	now := s.Now().UTC()
	if r.Citizen.IsZero() == (r.Certificate == nil) {
		return Assertion{}, ErrTestSubject
	}
	if r.HolderOf() == nil {
		return Assertion{}, ErrTestHolder
	}
	issued := now.Truncate(time.Second)
	a = Assertion{
		ID: "_" + s.NewID(), Issuer: s.IdentityProvider, IssuedAt: issued, NotOnOrAfter: issued.Add(DefaultTokenLifetime),
		Audiences: []string{cmp.Or(r.Audience, s.Issuer)}, Level: MinAssurance,
	}
	if r.Certificate == nil {
		if err := s.known(ctx, r.Citizen); err != nil {
			return Assertion{}, err
		}
		a.CPR, told.person = r.Citizen, r.Citizen
		return a, nil
	}
	h, err := s.Certificates.Holder(ctx, r.Certificate, now)
	if err != nil {
		return Assertion{}, certificateFault(err)
	}
	if h.Subject.Class != trust.MOCES {
		return Assertion{}, ErrNotEmployee
	}
	a.CVR, a.Organisation, a.Level = h.Subject.CVR, cmp.Or(r.Organisation, h.Subject.CVR), levelUser
	var known bool
	if a.UUID, known = strings.CutPrefix(h.Subject.RID, "UI:DK-E:G:"); !known {
		a.UUID = ""
		_, a.RID, _ = strings.Cut(h.Subject.RID, "-RID:")
	}
	told.cvr, told.signer = a.CVR, h
	return a, nil
}

// HolderOf returns the DER of the certificate whose key is shown together with a token.
func (r *TestRequest) HolderOf() []byte {
	if r.Holder != nil {
		return r.Holder
	}
	return r.Certificate
}

// known tells whether n is a test person's number; nil = it is.
func (s *TestIssuer) known(ctx context.Context, n cpr.Number) error {
	_, err := s.People.ByCPR(ctx, n)
	switch {
	case errors.Is(err, identity.ErrUnknown):
		return ErrTestCitizen
	case err != nil:
		return fmt.Errorf("look up test person: %w", err)
	}
	return nil
}

// claim is the claim by which actor may act for subject now.
func (s *TestIssuer) claim(ctx context.Context, actor, subject cpr.Number, now time.Time) (string, error) {
	relations, err := s.Relations.Between(ctx, actor, subject, now)
	if err != nil {
		return "", fmt.Errorf("look up relations: %w", err)
	}
	for _, known := range [...]struct {
		kind   relation.Kind
		prefix string
	}{{relation.Custody, relation.ClaimCustody}, {relation.Proxy, relation.ClaimProxy}} {
		for _, x := range relations {
			if x.Admits(known.kind) && x.Valid.Contains(now) {
				return known.prefix + subject.Digits(), nil
			}
		}
	}
	return "", ErrRelation
}
