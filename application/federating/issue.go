// Package federating is the token service (STS): it turns what the holder of an OCES certificate says of itself, or a token that somebody
// else issued, into an ID card or a token that the services trust.
package federating

import (
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // OCESCertHash is SHA-1 by its definition (DGWS 1.0.1); nothing is trusted because of it
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// Times of the national STS.
const (
	DefaultLifetime = 24 * time.Hour
	timestampSkew   = 5 * time.Minute  // of the request's Timestamp, either way
	maxRequestAge   = 10 * time.Minute // of the self-signed card
	backdating      = 5 * time.Minute  // a card is valid before it was issued, for clocks that are slow
)

// The levels of an ID card (DGWS 1.0.1).
const (
	levelSystem = 3
	levelUser   = 4
)

// Card is the content of a DGWS ID card.
type Card struct {
	ID                      string // sosi:IDCardID
	Level                   int    // sosi:AuthenticationLevel
	CertHash                string // sosi:OCESCertHash
	Issuer                  string
	NameID                  string // of format medcom:other in cards that are issued
	IssuedAt                time.Time
	NotBefore, NotOnOrAfter time.Time
	User                    *User  // nil on a system card
	SystemName              string // medcom:ITSystemName
	CVR                     string // medcom:CareProviderID
	CareProviderName        string
}

// User is what a user card says of its person.
type User struct {
	CPR                cpr.Number
	GivenName, Surname string
	Email              string
	Role               string
	AuthorisationCode  string
	Occupation         string
}

// Request asks for a card. The sender proved that it has the key of Certificate by signing Card with it; nothing else is proved.
type Request struct {
	Certificate []byte    // DER
	Created     time.Time // of the message
	Card        Card      // as sent; the person's number may be empty
}

// TokenService issues ID cards and tokens. Safe for concurrent use.
type TokenService struct {
	Certificates ports.Certificates
	People       ports.People
	Relations    ports.Relations // exchanges only, like all below Lifetime
	Trail        ports.Trail
	Now          func() time.Time
	Issuer       string        // our name in Issuer
	Lifetime     time.Duration // of a card; 0 = 24 hours

	NewID         func() string // of cards and tokens
	TokenLifetime time.Duration // of a token; 0 = 1 hour, never more than 8 hours
	ClockSkew     time.Duration // how far the clock of who issued a card or token may be ahead of ours; 0 = 60 seconds
	OwnAudiences  []string      // audiences of the tokens that may be exchanged here
	Audiences     []string      // whom tokens are issued for
	AllowBearer   bool          // give a card's holder a bearer token for a request without signature; for development
}

// Issue decides whether the sender gets a card and what stands in it. It stores nothing. The error is a fault of this package, or ours.
//
// A system card goes to the holder of an organisation's or a function's certificate, a user card to that of an employee. The person is who
// the register knows as holder of the certificate; name and authorisation come from there.
func (s *TokenService) Issue(ctx context.Context, r Request) (card Card, err error) {
	var told record
	defer func() { s.note(ctx, audit.Issue, told, err) }()
	now := s.Now().UTC()
	if !timely(r.Created, now) {
		return Card{}, ErrTimeRange
	}
	holder, err := s.Certificates.Holder(ctx, r.Certificate, now)
	if err != nil {
		return Card{}, certificateFault(err)
	}
	told.signer = holder
	told.card(r.Card)
	told.cvr = holder.Subject.CVR
	if err := checkCard(r, holder, now); err != nil {
		return Card{}, err
	}
	card = s.card(r, holder, now)
	if r.Card.User == nil {
		return card, nil
	}
	card.User, err = s.user(ctx, *r.Card.User, holder)
	if err != nil {
		return Card{}, err
	}
	told.person, told.authorisation = card.User.CPR, card.User.AuthorisationCode
	return card, nil
}

// timely tells whether a message was made within 5 minutes of now.
func timely(created, now time.Time) bool {
	return !created.Before(now.Add(-timestampSkew)) && !created.After(now.Add(timestampSkew))
}

// checkCard holds the card against the certificate that signed it and against the clock.
func checkCard(r Request, h trust.Holder, now time.Time) error {
	c := r.Card
	wantClass, wantLevel := h.Subject.Class == trust.VOCES || h.Subject.Class == trust.FOCES, levelSystem
	if c.User != nil {
		wantClass, wantLevel = h.Subject.Class == trust.MOCES, levelUser
	}
	switch {
	case !wantClass:
		return ErrCardType
	case c.Level != wantLevel:
		return ErrLevel
	case !isHashOf(c.CertHash, r.Certificate):
		return ErrCertHash
	case h.Subject.CVR == "" || c.CVR != h.Subject.CVR:
		return ErrCareProvider
	case c.SystemName == "":
		return ErrSystemName
	case c.NotBefore.IsZero() || c.NotOnOrAfter.IsZero() || !c.NotBefore.Before(c.NotOnOrAfter):
		return ErrCardPeriod
	case c.IssuedAt.Before(now.Add(-maxRequestAge)), !now.Before(c.NotOnOrAfter):
		return ErrCardOld
	case c.IssuedAt.After(now.Add(timestampSkew)):
		return ErrCardEarly
	}
	return nil
}

// hashOf is the base64 of the SHA-1 of der, the form of OCESCertHash that most clients read.
func hashOf(der []byte) string {
	sum := sha1.Sum(der) //nolint:gosec // see the import
	return base64.StdEncoding.EncodeToString(sum[:])
}

// isHashOf tells whether text is the base64 of the SHA-1 (28 characters) or of the SHA-256 (44) of der.
func isHashOf(text string, der []byte) bool {
	short, long := sha1.Sum(der), sha256.Sum256(der) //nolint:gosec // see the import
	return text == base64.StdEncoding.EncodeToString(short[:]) || text == base64.StdEncoding.EncodeToString(long[:])
}

// card is the part of the issued card that does not depend on a person.
func (s *TokenService) card(r Request, h trust.Holder, now time.Time) Card {
	c := s.dated(now)
	c.ID, c.Level, c.CertHash, c.NameID = r.Card.ID, r.Card.Level, r.Card.CertHash, nameOf(h)
	c.SystemName, c.CVR, c.CareProviderName = r.Card.SystemName, h.Subject.CVR, r.Card.CareProviderName
	return c
}

// dated is a card of ours that is valid from now on, and a little before.
func (s *TokenService) dated(now time.Time) Card {
	issued := now.Add(-backdating).Truncate(time.Second)
	return Card{Issuer: s.Issuer, IssuedAt: issued, NotBefore: issued, NotOnOrAfter: issued.Add(cmp.Or(s.Lifetime, DefaultLifetime))}
}

// nameOf names the holder of a certificate as the national STS does in the cards it issues.
func nameOf(h trust.Holder) string {
	return "SubjectDN={" + h.DN + "},IssuerDN={" + h.IssuerDN + "},CertSerial={" + h.Serial + "}"
}

// user is the person as the register knows them, in the capacity that was asked for.
func (s *TokenService) user(ctx context.Context, sent User, h trust.Holder) (*User, error) {
	person, err := s.People.ByCertificate(ctx, h.Subject)
	if errors.Is(err, identity.ErrUnknown) {
		return nil, ErrNobody
	}
	if err != nil {
		return nil, fmt.Errorf("look up the certificate's holder: %w", err)
	}
	if person.CPR.IsZero() {
		return nil, ErrNobody
	}
	return userOf(person, sent)
}

// userOf is a person of the register in the capacity that was asked for. What was sent fills in for what the register does not know.
func userOf(person identity.Person, sent User) (*User, error) {
	if !sent.CPR.IsZero() && sent.CPR != person.CPR {
		return nil, ErrPerson
	}
	authority, err := person.Choose(sent.AuthorisationCode, sent.Role)
	if err != nil {
		return nil, authorisationFault(err, person)
	}
	user := &User{
		CPR: person.CPR, GivenName: cmp.Or(person.GivenName, sent.GivenName), Surname: cmp.Or(person.Surname, sent.Surname),
		Email: cmp.Or(person.Email, sent.Email), Role: authority.Role, AuthorisationCode: authority.AuthorisationCode, Occupation: sent.Occupation,
	}
	if user.GivenName == "" || user.Surname == "" {
		return nil, ErrName
	}
	return user, nil
}
