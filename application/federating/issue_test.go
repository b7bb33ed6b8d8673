package federating_test

import (
	"context"
	"crypto/sha1" //nolint:gosec // OCESCertHash is SHA-1 by its definition
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

var now = time.Date(2026, 11, 21, 10, 5, 30, 500_000_000, time.UTC)

var der = []byte("certificate")

func number(t *testing.T, digits string) cpr.Number {
	t.Helper()
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	return n
}

// holders knows the one certificate.
type holders struct {
	holder trust.Holder
	err    error
}

func (h holders) Holder(_ context.Context, c []byte, at time.Time) (trust.Holder, error) {
	if string(c) != string(der) || !at.Equal(now) {
		return trust.Holder{}, errors.New("asked about something else")
	}
	return h.holder, h.err
}

type people struct {
	person identity.Person
	err    error
}

func (p people) ByCertificate(context.Context, trust.Subject) (identity.Person, error) {
	return p.person, p.err
}
func (p people) ByCPR(context.Context, cpr.Number) (identity.Person, error) { return p.person, p.err }

type trail struct{ notes audit.Notes }

func (t *trail) Note(_ context.Context, c audit.Component, where audit.Context, info ...audit.Information) {
	t.notes.Add(c, where, info...)
}

// fixture is a request that is granted, and the service that grants it.
type fixture struct {
	certificates holders
	people       people
	request      federating.Request
	trail        trail
}

func hash() string {
	sum := sha1.Sum(der) //nolint:gosec // see the import
	return base64.StdEncoding.EncodeToString(sum[:])
}

func user(t *testing.T) *fixture {
	t.Helper()
	doctor := number(t, "0101010001")
	return &fixture{
		certificates: holders{holder: trust.Holder{
			Subject: trust.Subject{Class: trust.MOCES, CVR: "99999902", RID: "CVR:99999902-RID:1001"}, DN: "CN=A", IssuerDN: "CN=B", Serial: "42",
		}},
		people: people{person: identity.Person{
			CPR: doctor, GivenName: "Test", Surname: "Laege", Authorisations: []identity.Authorisation{{Code: "TST01", EducationCode: "7170"}},
		}},
		request: federating.Request{
			Certificate: der, Created: now,
			Card: federating.Card{
				ID: "id", Level: 4, CertHash: hash(), IssuedAt: now.Add(-5 * time.Minute), NotBefore: now.Add(-5 * time.Minute),
				NotOnOrAfter: now.Add(time.Hour), SystemName: "EPJ", CVR: "99999902", CareProviderName: "House",
				User: &federating.User{CPR: doctor, GivenName: "Sent", Surname: "Sent", Email: "sent@example.org", Occupation: "Overlaege"},
			},
		},
	}
}

func system(t *testing.T) *fixture {
	f := user(t)
	f.certificates.holder.Subject = trust.Subject{Class: trust.FOCES, CVR: "99999902", RID: "CVR:99999902-FID:1"}
	f.request.Card.Level, f.request.Card.User = 3, nil
	return f
}

func (f *fixture) issue() (federating.Card, error) {
	s := &federating.TokenService{
		Certificates: f.certificates, People: f.people, Trail: &f.trail, Now: func() time.Time { return now }, Issuer: "STS",
	}
	return s.Issue(context.Background(), f.request)
}

func TestIssue(t *testing.T) {
	t.Run("SU-2 user card", func(t *testing.T) {
		f := user(t)
		card, err := f.issue()
		require.NoError(t, err)
		issued := time.Date(2026, 11, 21, 10, 0, 30, 0, time.UTC)
		assert.Equal(t, federating.Card{
			ID: "id", Level: 4, CertHash: hash(), Issuer: "STS", NameID: "SubjectDN={CN=A},IssuerDN={CN=B},CertSerial={42}",
			IssuedAt: issued, NotBefore: issued, NotOnOrAfter: issued.Add(24 * time.Hour),
			SystemName: "EPJ", CVR: "99999902", CareProviderName: "House",
			User: &federating.User{
				CPR: number(t, "0101010001"), GivenName: "Test", Surname: "Laege", Email: "sent@example.org", Role: "7170",
				AuthorisationCode: "TST01", Occupation: "Overlaege",
			},
		}, card)
		require.Len(t, f.trail.notes, 1)
		var keys []string
		for _, i := range f.trail.notes[0].Contexts[0].Information {
			keys = append(keys, i.Key)
		}
		assert.Equal(t, []string{
			"subject-cpr", "subject-cvr", "idcard-id", "idcard-type", "level", "certificate-serial", "certificate-issuer", "authorisation-code", "status",
		}, keys, "in the order of the audit log's contract")
	})
	t.Run("SU-2 system card", func(t *testing.T) {
		card, err := system(t).issue()
		require.NoError(t, err)
		assert.Nil(t, card.User)
		assert.Equal(t, 3, card.Level)
	})
	t.Run("SU-2 SHA-256 certificate hash is kept", func(t *testing.T) {
		f := system(t)
		sum := sha256.Sum256(der)
		f.request.Card.CertHash = base64.StdEncoding.EncodeToString(sum[:])
		card, err := f.issue()
		require.NoError(t, err)
		assert.Equal(t, f.request.Card.CertHash, card.CertHash)
	})
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		base   func(*testing.T) *fixture
		change func(*fixture)
		want   error
	}{
		{"SU-2 Timestamp 5 minutes old", system, func(f *fixture) { f.request.Created = now.Add(-5 * time.Minute) }, nil},
		{"SU-2 Timestamp older", system, func(f *fixture) { f.request.Created = now.Add(-5*time.Minute - 1) }, federating.ErrTimeRange},
		{"SU-2 Timestamp ahead", system, func(f *fixture) { f.request.Created = now.Add(5*time.Minute + 1) }, federating.ErrTimeRange},
		{"SU-2 certificate not trusted", system, func(f *fixture) { f.certificates.err = trust.ErrUntrusted }, federating.ErrCertificate},
		{"SU-2 certificate expired", system, func(f *fixture) { f.certificates.err = trust.ErrExpired }, federating.ErrCertificateExpired},
		{"SU-2 certificate revoked", system, func(f *fixture) { f.certificates.err = trust.ErrRevoked }, federating.ErrCertificateRevoked},
		{"SU-2 revocation list out of date", system, func(f *fixture) { f.certificates.err = trust.ErrStaleCRL }, federating.ErrRevocationList},
		{"SU-2 VOCES takes a system card", system, func(f *fixture) { f.certificates.holder.Subject.Class = trust.VOCES }, nil},
		{"SU-2 MOCES takes no system card", system, func(f *fixture) { f.certificates.holder.Subject.Class = trust.MOCES }, federating.ErrCardType},
		{"SU-2 FOCES takes no user card", user, func(f *fixture) { f.certificates.holder.Subject.Class = trust.FOCES }, federating.ErrCardType},
		{"SU-2 POCES takes no card", user, func(f *fixture) { f.certificates.holder.Subject.Class = trust.POCES }, federating.ErrCardType},
		{"SU-2 unknown class", system, func(f *fixture) { f.certificates.holder.Subject.Class = trust.UnknownClass }, federating.ErrCardType},
		{"SU-2 user card of level 3", user, func(f *fixture) { f.request.Card.Level = 3 }, federating.ErrLevel},
		{"SU-2 system card of level 4", system, func(f *fixture) { f.request.Card.Level = 4 }, federating.ErrLevel},
		{"SU-2 hash of another certificate", system, func(f *fixture) { f.request.Card.CertHash = base64.StdEncoding.EncodeToString(make([]byte, 20)) }, federating.ErrCertHash},
		{"SU-2 no hash", system, func(f *fixture) { f.request.Card.CertHash = "" }, federating.ErrCertHash},
		{"SU-2 another CVR", system, func(f *fixture) { f.request.Card.CVR = "99999901" }, federating.ErrCareProvider},
		{"SU-2 no CVR at all", system, func(f *fixture) { f.request.Card.CVR, f.certificates.holder.Subject.CVR = "", "" }, federating.ErrCareProvider},
		{"SU-2 no system name", system, func(f *fixture) { f.request.Card.SystemName = "" }, federating.ErrSystemName},
		{"SU-2 validity reversed", system, func(f *fixture) { f.request.Card.NotOnOrAfter = f.request.Card.NotBefore }, federating.ErrCardPeriod},
		{"SU-2 card 10 minutes old", system, func(f *fixture) { f.request.Card.IssuedAt = now.Add(-10 * time.Minute) }, nil},
		{"SU-2 card older", system, func(f *fixture) { f.request.Card.IssuedAt = now.Add(-10*time.Minute - 1) }, federating.ErrCardOld},
		{"SU-2 card expired", system, func(f *fixture) { f.request.Card.NotOnOrAfter = now }, federating.ErrCardOld},
		{"SU-2 card of the future", system, func(f *fixture) { f.request.Card.IssuedAt = now.Add(5*time.Minute + 1) }, federating.ErrCardEarly},
		{"SU-2 person unknown", user, func(f *fixture) { f.people.err = identity.ErrUnknown }, federating.ErrNobody},
		{"SU-2 register without number", user, func(f *fixture) { f.people.person.CPR = cpr.Number{} }, federating.ErrNobody},
		{"SU-2 another person's number", user, func(f *fixture) {
			f.people.person.CPR, f.people.person.Surname = f.request.Card.User.CPR, "x"
			f.request.Card.User.CPR = other
		}, federating.ErrPerson},
		{"SU-2 no name anywhere", user, func(f *fixture) { f.people.person.Surname, f.request.Card.User.Surname = "", "" }, federating.ErrName},
		{"SU-2 number not sent", user, func(f *fixture) { f.request.Card.User.CPR = cpr.Number{} }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := c.base(t)
			c.change(f)
			card, err := f.issue()
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, c.want)
			assert.Equal(t, federating.Card{}, card)
			told, _ := fault.Of(err)
			last := f.trail.notes[0].Contexts[0].Information
			assert.Equal(t, audit.Information{Key: "status", Class: audit.NPI, Value: told.Code}, last[len(last)-1])
		})
	}
}

var other, _ = cpr.Parse("0101010009")

func TestDependencyDown(t *testing.T) {
	broken := errors.New("connection refused")
	for name, change := range map[string]func(*fixture){
		"SU-2 register down": func(f *fixture) { f.people.err = broken },
		"SU-2 trust down":    func(f *fixture) { f.certificates.err = broken },
	} {
		t.Run(name, func(t *testing.T) {
			f := user(t)
			change(f)
			_, err := f.issue()
			assert.ErrorIs(t, err, broken)
			_, told := fault.Of(err)
			assert.False(t, told, "nothing of it is for the caller")
		})
	}
}

func TestAuthorisationTexts(t *testing.T) {
	two := []identity.Authorisation{{Code: "TST02", EducationCode: "7170"}, {Code: "TST03", EducationCode: "5166"}}
	for _, c := range []struct {
		name  string
		owned []identity.Authorisation
		code  string
		text  string
	}{
		{"SU-3 several", two, "", "Authentication failed: multiple authorizations found (TST02:7170, TST03:5166)"},
		{"SU-3 not owned", two, "XXXXX", "Authentication failed: authorization not found (available TST02:7170, TST03:5166)"},
		{"SU-3 none", nil, "XXXXX", "Authentication failed: missing authorization"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := user(t)
			f.people.person.Authorisations = c.owned
			f.request.Card.User.AuthorisationCode = c.code
			_, err := f.issue()
			told, ok := fault.Of(err)
			require.True(t, ok)
			assert.Equal(t, fault.Error{Kind: fault.Unauthenticated, Code: federating.CodeAuthorisation, Text: c.text}, told)
		})
	}
}
