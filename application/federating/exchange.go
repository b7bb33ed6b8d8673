package federating

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/trust"
)

// Times of tokens.
const (
	DefaultTokenLifetime = time.Hour
	MaxTokenLifetime     = 8 * time.Hour
	defaultSkew          = time.Minute               // how far the clock of an identity provider may be ahead of ours
	maxExchanged         = 24*time.Hour + backdating // lifetime of what is exchanged
)

// MinAssurance is the lowest level of assurance that a token may have (OIOSAML AssuranceLevel 3, NSIS Substantial).
const MinAssurance = 3

// Exchange asks for a token or a card in exchange for another (WS-Trust 1.3, ActAs).
type Exchange struct {
	Certificate []byte    // DER of the certificate whose key signed the request; nil if nobody signed it
	Key         [32]byte  // SHA-256 of its SubjectPublicKeyInfo
	Created     time.Time // of the message, where it is signed
	Audience    string    // who the new token is for (AppliesTo)
	Claims      Claims
}

// Claims are what the sender says of itself and asks for. They prove nothing.
type Claims struct {
	CPR               string // civil registration number
	OnBehalfOf        string // relation and number, see relation.ParseClaim
	SystemName        string // medcom:ITSystemName
	Role              string // medcom:UserRole
	AuthorisationCode string // medcom:UserAuthorizationCode
	SubjectNameID     string // sosi:SubjectNameID: how the card is to name its subject
}

// Assertion is what a token says that an identity provider signed and that was verified.
type Assertion struct {
	ID, Issuer, NameID      string
	IssuedAt                time.Time
	NotBefore, NotOnOrAfter time.Time // NotBefore may be zero
	Audiences               []string
	Holder                  [32]byte // SHA-256 of the holder's SubjectPublicKeyInfo; zero for a bearer token
	CPR                     cpr.Number
	CVR                     string // of an employee's organisation, else ""
	Organisation            string
	RID, UUID               string // which employee: the number in an OCES2 certificate, or the UUID in an OCES3 certificate
	GivenName, Surname      string
	Email                   string
	Level                   int // of assurance: 3 or 4, 0 if it names none
}

// Token is the content of an identity token (OIO IDWS, OIOSAML 2).
type Token struct {
	ID, Issuer         string
	IssuedAt           time.Time // also the beginning of its validity
	NotOnOrAfter       time.Time
	Audience           string
	Holder             []byte // DER of the holder's certificate; nil makes a bearer token
	Level              int    // of assurance
	CPR                cpr.Number
	GivenName, Surname string
	Email              string
	CVR, Organisation  string
	RID, UUID          string
	SystemName         string
	AuthorisationCode  string
	EducationCode      string
	NationalRole       string
	OnBehalfOf         string
}

// Exchanged verifies and reads the token in ActAs. It is called once the sender of the request was found good.
type Exchanged[T any] func(ctx context.Context, now time.Time) (T, error)

// Bst2Idws gives a citizen or an employee an identity token for a bootstrap token of an identity provider. The holder of the new token is
// who signed the request and the holder of the bootstrap token.
func (s *TokenService) Bst2Idws(ctx context.Context, r Exchange, actAs Exchanged[Assertion]) (token Token, err error) {
	var told record
	defer func() { s.note(ctx, audit.Bst2Idws, told, err) }()
	now := s.Now().UTC()
	a, err := s.assertion(ctx, r, actAs, &told, false, now)
	if err != nil {
		return Token{}, err
	}
	switch {
	case r.Claims.CPR == "":
		return Token{}, ErrNoCPRClaim
	case !slices.Contains(s.Audiences, r.Audience):
		return Token{}, ErrAudience
	}
	token = s.token(r, now)
	token.Level, token.CPR, token.SystemName = a.Level, a.CPR, r.Claims.SystemName
	if a.CVR != "" {
		if err := s.employee(ctx, &token, a, r.Claims); err != nil {
			return Token{}, err
		}
	}
	if token.CPR.IsZero() {
		return Token{}, ErrTokenSubject
	}
	told.person, told.authorisation = token.CPR, token.AuthorisationCode
	if claimed, err := cpr.Parse(r.Claims.CPR); err != nil || claimed != token.CPR {
		return Token{}, ErrCPRClaim
	}
	if r.Claims.OnBehalfOf != "" {
		if a.CVR != "" {
			return Token{}, ErrOnBehalfOf
		}
		if err := s.relation(ctx, token.CPR, r, &told, now); err != nil {
			return Token{}, err
		}
		token.OnBehalfOf = r.Claims.OnBehalfOf
	}
	return token, nil
}

// BST2SOSI gives an employee an ID card for a bootstrap token, whose holder signed the request.
func (s *TokenService) BST2SOSI(ctx context.Context, r Exchange, actAs Exchanged[Assertion]) (Card, error) {
	return s.cardFor(ctx, audit.BST2SOSI, r, actAs)
}

// OIOSaml2Sosi gives an employee an ID card for the token they logged in with. It may be a bearer token.
func (s *TokenService) OIOSaml2Sosi(ctx context.Context, r Exchange, actAs Exchanged[Assertion]) (Card, error) {
	return s.cardFor(ctx, audit.OIOSaml2Sosi, r, actAs)
}

func (s *TokenService) cardFor(ctx context.Context, where audit.Context, r Exchange, actAs Exchanged[Assertion]) (card Card, err error) {
	var told record
	defer func() { s.note(ctx, where, told, err) }()
	now := s.Now().UTC()
	a, err := s.assertion(ctx, r, actAs, &told, where == audit.OIOSaml2Sosi, now)
	if err != nil {
		return Card{}, err
	}
	switch {
	case !slices.Contains(s.Audiences, r.Audience) && !isCardAudience(r.Audience):
		return Card{}, ErrAudience
	case r.Claims.SystemName == "":
		return Card{}, ErrSystemName
	case r.Claims.Role != "" && r.Claims.AuthorisationCode != "":
		return Card{}, ErrRoleAndCode
	}
	person, err := s.person(ctx, a)
	if err != nil {
		return Card{}, err
	}
	card = s.dated(now)
	card.User, err = userOf(person, User{
		CPR: a.CPR, GivenName: a.GivenName, Surname: a.Surname, Email: a.Email,
		Role: r.Claims.Role, AuthorisationCode: r.Claims.AuthorisationCode,
	})
	if err != nil {
		return Card{}, err
	}
	card.ID, card.Level, card.CertHash = s.NewID(), levelUser, hashOf(r.Certificate)
	card.NameID = cmp.Or(r.Claims.SubjectNameID, a.NameID)
	card.SystemName, card.CVR, card.CareProviderName = r.Claims.SystemName, a.CVR, cmp.Or(a.Organisation, a.CVR)
	told.card(card)
	told.person, told.authorisation = card.User.CPR, card.User.AuthorisationCode
	return card, nil
}

// Sosi2OIOSaml gives the holder of an ID card of ours an identity token. The request is signed with the key that the card was issued to;
// where bearer tokens are allowed it may have no signature.
func (s *TokenService) Sosi2OIOSaml(ctx context.Context, r Exchange, actAs Exchanged[Card]) (token Token, err error) {
	var told record
	defer func() { s.note(ctx, audit.Sosi2OIOSaml, told, err) }()
	now := s.Now().UTC()
	if r.Certificate == nil && !s.AllowBearer {
		return Token{}, ErrUnsigned
	}
	if r.Certificate != nil {
		if err := s.signer(ctx, r, &told, now); err != nil {
			return Token{}, err
		}
	}
	card, err := actAs(ctx, now)
	if err != nil {
		return Token{}, err
	}
	told.card(card)
	told.audience = r.Audience
	switch {
	case !card.NotBefore.Before(card.NotOnOrAfter) || card.NotOnOrAfter.Sub(card.NotBefore) > maxExchanged:
		return Token{}, ErrTokenPeriod
	case !now.Before(card.NotOnOrAfter):
		return Token{}, ErrTokenExpired
	case now.Before(card.NotBefore.Add(-s.clockSkew())) || card.IssuedAt.After(now.Add(s.clockSkew())):
		return Token{}, ErrTokenEarly
	case r.Certificate != nil && !isHashOf(card.CertHash, r.Certificate):
		return Token{}, ErrTokenHolder
	case !slices.Contains(s.Audiences, r.Audience):
		return Token{}, ErrAudience
	}
	token = s.token(r, now)
	if card.NotOnOrAfter.Before(token.NotOnOrAfter) {
		token.NotOnOrAfter = card.NotOnOrAfter
	}
	token.Level, token.CVR, token.Organisation, token.SystemName = levelSystem, card.CVR, card.CareProviderName, card.SystemName
	if u := card.User; u != nil {
		token.Level, token.CPR, token.GivenName, token.Surname, token.Email = levelUser, u.CPR, u.GivenName, u.Surname, u.Email
		token.capacity(identity.Authority{Role: u.Role, AuthorisationCode: u.AuthorisationCode})
		told.person, told.authorisation = u.CPR, u.AuthorisationCode
	}
	return token, nil
}

// isCardAudience tells whether an audience stands for the services that take ID cards: requests for one name it in AppliesTo, though a card
// names no audience. These are what published clients of the national STS send.
func isCardAudience(audience string) bool {
	return audience == "https://audience.nspop.dk/dgws" || audience == "http://sosi.dk"
}

// signer judges who signed the request.
func (s *TokenService) signer(ctx context.Context, r Exchange, told *record, now time.Time) error {
	if !timely(r.Created, now) {
		return ErrTimeRange
	}
	holder, err := s.Certificates.Holder(ctx, r.Certificate, now)
	if err != nil {
		return certificateFault(err)
	}
	switch holder.Subject.Class {
	case trust.MOCES, trust.VOCES, trust.FOCES:
	default:
		return ErrSigner
	}
	told.signer, told.audience = holder, r.Audience
	return nil
}

// assertion judges who signed the request and then the token in ActAs, which must be theirs.
func (s *TokenService) assertion(
	ctx context.Context, r Exchange, actAs Exchanged[Assertion], told *record, bearer bool, now time.Time,
) (Assertion, error) {
	if r.Certificate == nil {
		return Assertion{}, ErrUnsigned
	}
	if err := s.signer(ctx, r, told, now); err != nil {
		return Assertion{}, err
	}
	a, err := actAs(ctx, now)
	if err != nil {
		return Assertion{}, err
	}
	told.person, told.cvr = a.CPR, a.CVR
	from := a.NotBefore
	if from.IsZero() {
		from = a.IssuedAt
	}
	switch {
	case !from.Before(a.NotOnOrAfter) || a.NotOnOrAfter.Sub(from) > maxExchanged:
		return Assertion{}, ErrTokenPeriod
	case !now.Before(a.NotOnOrAfter):
		return Assertion{}, ErrTokenExpired
	case now.Before(from.Add(-s.clockSkew())) || a.IssuedAt.After(now.Add(s.clockSkew())):
		return Assertion{}, ErrTokenEarly
	case !slices.ContainsFunc(a.Audiences, func(x string) bool { return slices.Contains(s.OwnAudiences, x) }):
		return Assertion{}, ErrTokenAudience
	case a.Holder == [32]byte{} && !bearer:
		return Assertion{}, ErrTokenBearer
	case a.Holder != [32]byte{} && a.Holder != r.Key:
		return Assertion{}, ErrTokenHolder
	case a.Level < MinAssurance:
		return Assertion{}, ErrTokenLevel
	}
	return a, nil
}

// person is the employee that a token names, as the register knows them.
func (s *TokenService) person(ctx context.Context, a Assertion) (person identity.Person, err error) {
	subject := trust.Subject{Class: trust.MOCES, CVR: a.CVR}
	switch {
	case a.CVR == "":
		return person, ErrNotEmployee
	case a.UUID != "":
		subject.RID = "UI:DK-E:G:" + a.UUID
	case a.RID != "":
		subject.RID = "CVR:" + a.CVR + "-RID:" + a.RID
	case a.CPR.IsZero():
		return person, ErrNotEmployee
	}
	if subject.RID != "" {
		person, err = s.People.ByCertificate(ctx, subject)
	} else {
		person, err = s.People.ByCPR(ctx, a.CPR)
	}
	switch {
	case errors.Is(err, identity.ErrUnknown), err == nil && person.CPR.IsZero():
		return identity.Person{}, ErrUnknownPerson
	case err != nil:
		return identity.Person{}, fmt.Errorf("look up the token's person: %w", err)
	case !a.CPR.IsZero() && a.CPR != person.CPR:
		return identity.Person{}, ErrPerson
	}
	return person, nil
}

// employee fills in what the register knows of the employee in a. Who has several authorisations and chooses none gets none.
func (s *TokenService) employee(ctx context.Context, token *Token, a Assertion, c Claims) error {
	person, err := s.person(ctx, a)
	if err != nil {
		return err
	}
	authority, err := person.Choose(c.AuthorisationCode, c.Role)
	if err != nil && (c.AuthorisationCode != "" || !errors.Is(err, identity.ErrAuthorisationAmbiguous)) {
		return authorisationFault(err, person)
	}
	token.CPR, token.GivenName, token.Surname = person.CPR, cmp.Or(person.GivenName, a.GivenName), cmp.Or(person.Surname, a.Surname)
	token.Email = cmp.Or(person.Email, a.Email)
	token.CVR, token.Organisation, token.RID, token.UUID = a.CVR, a.Organisation, a.RID, a.UUID
	token.capacity(authority)
	return nil
}

// capacity says in which capacity the person acts: with an authorisation, in a national role, or in none.
func (t *Token) capacity(a identity.Authority) {
	switch {
	case a.AuthorisationCode != "":
		t.AuthorisationCode, t.EducationCode = a.AuthorisationCode, a.Role
	case a.Role != identity.NoRole:
		t.NationalRole = identity.NationalRoleName(a.Role)
	}
}

// relation requires that actor may now act for the person in the claim, with the relation it names. A proxy must be for the audience, or for
// everything.
func (s *TokenService) relation(ctx context.Context, actor cpr.Number, r Exchange, told *record, now time.Time) error {
	kind, subject, err := relation.ParseClaim(r.Claims.OnBehalfOf)
	if err != nil || subject == actor {
		return ErrOnBehalfOf
	}
	told.onBehalfOf = subject
	relations, err := s.Relations.Between(ctx, actor, subject, now)
	if err != nil {
		return fmt.Errorf("look up relations: %w", err)
	}
	if !slices.ContainsFunc(relations, func(x relation.Relation) bool {
		covers := x.Kind != relation.Proxy || slices.Contains(x.Scope, "*") || slices.Contains(x.Scope, r.Audience)
		return x.Admits(kind) && x.Valid.Contains(now) && covers
	}) {
		return ErrRelation
	}
	return nil
}

// token is the part of a new token that does not depend on its subject.
func (s *TokenService) token(r Exchange, now time.Time) Token {
	issued := now.Add(-backdating).Truncate(time.Second)
	lifetime := min(cmp.Or(s.TokenLifetime, DefaultTokenLifetime), MaxTokenLifetime)
	return Token{
		ID: "_" + s.NewID(), Issuer: s.Issuer, IssuedAt: issued, NotOnOrAfter: issued.Add(lifetime), Audience: r.Audience, Holder: r.Certificate,
	}
}

func (s *TokenService) clockSkew() time.Duration { return cmp.Or(s.ClockSkew, defaultSkew) }
