package soap_test

import (
	"encoding/base64"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
)

// admission is a message and how it must be answered: code "" = carried out.
type admission struct {
	name    string
	message func(t *testing.T, h *harness) []byte
	code    string
	cause   string // in the security event, where it matters which check refused
}

func (c admission) run(t *testing.T) {
	t.Run(c.name, func(t *testing.T) {
		h := newHarness()
		h.post(c.message(t, h))
		if c.code == "" {
			h.answered(t)
			return
		}
		h.refusedWith(t, c.code)
		if c.cause != "" {
			assert.Contains(t, h.log.String(), `"cause":"`+c.cause+`"`)
		}
		require.Len(t, h.observed, 1)
		assert.Equal(t, soap.Refused, h.observed[0].Outcome)
		assert.Equal(t, 1, strings.Count(h.log.String(), "security refusal"), h.log)
	})
}

// of is a message whose card is this one.
func of(c dgwstest.Card) func(*testing.T, *harness) []byte {
	return func(*testing.T, *harness) []byte { return message(c) }
}

// edited is a good message with one text replaced.
func edited(old, by string) func(*testing.T, *harness) []byte {
	return func(t *testing.T, _ *harness) []byte { return replace(t, message(userCard()), old, by) }
}

// at moves the clock.
func at(now time.Time, m func(*testing.T, *harness) []byte) func(*testing.T, *harness) []byte {
	return func(t *testing.T, h *harness) []byte { h.now = now; return m(t, h) }
}

// under changes the policy.
func under(edit func(*admitting.Policy), m func(*testing.T, *harness) []byte) func(*testing.T, *harness) []byte {
	return func(t *testing.T, h *harness) []byte { edit(&h.policy); return m(t, h) }
}

// pinned pins other anchors.
func pinned(anchors func(*testing.T) []trust.Anchor, m func(*testing.T, *harness) []byte) func(*testing.T, *harness) []byte {
	return func(t *testing.T, h *harness) []byte { h.anchors = anchors(t); return m(t, h) }
}

func TestAdmission(t *testing.T) {
	issued := clock.Add(-5 * time.Minute)
	ends := issued.Add(24 * time.Hour)
	window := func(issued, from, to string) dgwstest.Card {
		c := userCard()
		c.Issued, c.NotBefore, c.NotOnOrAfter = issued, from, to
		return c
	}
	stamp := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	starts := func(from time.Time) dgwstest.Card {
		return window(stamp(issued), stamp(from), stamp(from.Add(time.Hour)))
	}
	local := func(issued, from, to string) dgwstest.Card {
		return window(issued, from, to).With("sosi:IDCardVersion", "1.0")
	}
	halfHour := func(p *admitting.Policy) { p.MaxCardAge = 30 * time.Minute }
	for _, c := range []admission{
		{"SA-09 self-signed card", func(*testing.T, *harness) []byte { return withCard(stranger().Sign(userCard()), 4) }, fault.CodeCertificate, "signer not pinned"},

		{"SA-10 one second before NotOnOrAfter", at(ends.Add(-time.Second), of(userCard())), "", ""},
		{"SA-10 at NotOnOrAfter", at(ends, of(userCard())), fault.CodeExpired, "expired"},
		{"SA-10 one second after NotOnOrAfter", at(ends.Add(time.Second), of(userCard())), fault.CodeExpired, "expired"},

		{"SA-11 NotBefore 60 s ahead", of(starts(clock.Add(60 * time.Second))), "", ""},
		{"SA-11 NotBefore 61 s ahead", of(starts(clock.Add(61 * time.Second))), fault.CodeIDCard, "not yet valid"},
		{"SA-11 lifetime 24 h 5 min", of(window(stamp(issued), stamp(issued), stamp(ends.Add(5*time.Minute)))), "", ""},
		{"SA-11 lifetime 25 h", of(window(stamp(issued), stamp(issued), stamp(ends.Add(time.Hour)))), fault.CodeIDCard, "lifetime"},
		{"SA-11 times reversed", of(window(stamp(issued), stamp(ends), stamp(issued))), fault.CodeIDCard, "times reversed"},
		{"SA-11 no NotBefore", of(window(stamp(issued), "", stamp(ends))), fault.CodeIDCard, "times unreadable"},
		{"SA-11 no NotOnOrAfter", of(window(stamp(issued), stamp(issued), "")), fault.CodeIDCard, "times unreadable"},
		{"SA-11 issued 60 s ahead", of(window(stamp(clock.Add(60*time.Second)), stamp(issued), stamp(ends))), "", ""},
		{"SA-11 issued 61 s ahead", of(window(stamp(clock.Add(61*time.Second)), stamp(issued), stamp(ends))), fault.CodeIDCard, "issued in the future"},
		{"SA-11 IssueInstant unreadable", of(window("now", stamp(issued), stamp(ends))), fault.CodeIDCard, "times unreadable"},
		{"SA-11 fractions and offsets", of(window("2026-11-21T11:00:30.123456789+01:00", "2026-11-21T11:00:30.5+01:00", "2026-11-21T12:00:00.000+02:00")), fault.CodeIDCard, "times reversed"},
		{"SA-11 fractions and offsets in order", of(window("2026-11-21T11:00:30.123456789+01:00", "2026-11-21T11:00:30.5+01:00", "2026-11-22T12:00:00.000+02:00")), "", ""},

		// The repeated hour of 25 October 2026 is 00:00Z to 02:00Z: 02:30 is 00:30Z and 01:30Z.
		{"SA-12 1.0: NotBefore in the repeated hour, a second before the later reading", at(time.Date(2026, 10, 25, 1, 28, 59, 0, time.UTC),
			of(local("2026-10-25T02:00:00", "2026-10-25T02:30:00", "2026-10-25T09:00:00"))), fault.CodeIDCard, "not yet valid"},
		{"SA-12 1.0: NotBefore in the repeated hour, at the later reading", at(time.Date(2026, 10, 25, 1, 29, 0, 0, time.UTC),
			of(local("2026-10-25T02:00:00", "2026-10-25T02:30:00", "2026-10-25T09:00:00"))), "", ""},
		{"SA-12 1.0: NotOnOrAfter in the repeated hour, a second before the earlier reading", at(time.Date(2026, 10, 25, 0, 29, 59, 0, time.UTC),
			of(local("2026-10-24T09:00:00", "2026-10-24T09:00:00", "2026-10-25T02:30:00"))), "", ""},
		{"SA-12 1.0: NotOnOrAfter in the repeated hour, at the earlier reading", at(time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC),
			of(local("2026-10-24T09:00:00", "2026-10-24T09:00:00", "2026-10-25T02:30:00"))), fault.CodeExpired, "expired"},
		{"SA-12 1.0: a time in the spring gap", at(time.Date(2026, 3, 29, 2, 0, 0, 0, time.UTC),
			of(local("2026-03-29T01:00:00", "2026-03-29T02:30:00", "2026-03-29T09:00:00"))), fault.CodeIDCard, "times unreadable"},
		{"SA-12 1.0: over the spring night", at(time.Date(2026, 3, 29, 2, 0, 0, 0, time.UTC),
			of(local("2026-03-29T01:00:00", "2026-03-29T01:00:00", "2026-03-29T09:00:00"))), "", ""},
		{"SA-12 1.0 with a zone", of(window(stamp(issued), stamp(issued), stamp(ends)).With("sosi:IDCardVersion", "1.0")), fault.CodeIDCard, "times unreadable"},
		{"SA-12 1.0.1 without a zone", of(window("2026-11-21T11:00:30", "2026-11-21T11:00:30", "2026-11-22T11:00:30")), fault.CodeIDCard, "times unreadable"},
		{"SA-12 version 2", of(userCard().With("sosi:IDCardVersion", "2.0")), fault.CodeIDCard, "card version"},

		{"SA-13 29:59 old of 30 min", at(issued.Add(30*time.Minute-time.Second), under(halfHour, edited("<medcom:Linking>", "<medcom:TimeOut>1440</medcom:TimeOut><medcom:Linking>"))), "", ""},
		{"SA-13 30:00 old of 30 min", at(issued.Add(30*time.Minute), under(halfHour, edited("<medcom:Linking>", "<medcom:TimeOut>1440</medcom:TimeOut><medcom:Linking>"))), fault.CodeExpired, "too old"},

		{"SA-14 header level absent", edited("<medcom:SecurityLevel>4</medcom:SecurityLevel>", ""), "", ""},
		{"SA-14 header level 3 with a card of level 4", edited("<medcom:SecurityLevel>4<", "<medcom:SecurityLevel>3<"), "", ""},
		{"SA-14 header level 4 with a card of level 3", func(*testing.T, *harness) []byte { return withCard(card(systemCard()), 4) }, fault.CodeSecurityLevel, "level claimed in the header"},
		{"SA-14 header level 5", edited("<medcom:SecurityLevel>4<", "<medcom:SecurityLevel>5<"), fault.CodeSecurityLevel, "level 5"},
		{"SA-14 header level 6", edited("<medcom:SecurityLevel>4<", "<medcom:SecurityLevel>6<"), fault.CodeSyntax, ""},
		{"SA-14 header level as text", edited("<medcom:SecurityLevel>4<", "<medcom:SecurityLevel>four<"), fault.CodeSyntax, ""},

		{"SA-15 system card where level 4 is needed", under(func(p *admitting.Policy) { p.MinLevel = 4 }, of(systemCard())), fault.CodeSecurityLevel, "level too low"},
		{"SA-15 user card of level 3", of(userCard().With("sosi:AuthenticationLevel", "3")), fault.CodeSecurityLevel, "level of the card's type"},
		{"SA-15 system card of level 4", of(systemCard().With("sosi:AuthenticationLevel", "4")), fault.CodeSecurityLevel, "level of the card's type"},
		{"SA-15 signed card of level 2", of(userCard().With("sosi:AuthenticationLevel", "2")), fault.CodeSecurityLevel, "level of the card's type"},
		{"SA-15 unsigned card of level 1", func(*testing.T, *harness) []byte {
			return withCard(systemCard().With("sosi:AuthenticationLevel", "1").Unsigned(), 1)
		}, fault.CodeSecurityLevel, "unsigned card of level 1 or 2"},
		{"SA-15 card without level", of(userCard().Without("sosi:AuthenticationLevel")), fault.CodeIDCard, "no type or level"},
		{"SA-15 card of an unknown type", of(userCard().With("sosi:IDCardType", "robot")), fault.CodeIDCard, "card type"},
		{"SA-15 wrong level before expired", at(ends, of(userCard().With("sosi:AuthenticationLevel", "3"))), fault.CodeSecurityLevel, ""},
		{"SA-15 a kind that the policy does not take", under(func(p *admitting.Policy) { p.Kinds = []identity.Kind{identity.System} }, of(userCard())), fault.CodeNotAuthorized, ""},
		{"SA-15 a scheme that the policy does not take", under(func(p *admitting.Policy) { p.Schemes = []identity.Scheme{identity.IDWS} }, of(userCard())), fault.CodeNotAuthorized, ""},

		{"SA-16 no Security", func(t *testing.T, _ *harness) []byte {
			m, _ := cutOut(t, message(userCard()), "wsse:Security")
			return m
		}, fault.CodeMissingHeader, "no Security header"},
		{"SA-16 no Header at all", func(t *testing.T, _ *harness) []byte { m, _ := cutOut(t, message(userCard()), "soap:Header"); return m }, fault.CodeMissingHeader, "no Security header"},
		{"SA-16 no Assertion", func(*testing.T, *harness) []byte { return withCard(nil, 4) }, fault.CodeMissingHeader, "no Assertion"},
		{"SA-16 no medcom:Header", func(t *testing.T, _ *harness) []byte {
			m, _ := cutOut(t, message(userCard()), "medcom:Header")
			return m
		}, fault.CodeMissingHeader, "no medcom:Header"},
		{"SA-16 no Linking", func(t *testing.T, _ *harness) []byte {
			m, _ := cutOut(t, message(userCard()), "medcom:Linking")
			return m
		}, fault.CodeMissingHeader, "no Linking"},
		{"SA-16 no MessageID", edited("<medcom:MessageID>m-1</medcom:MessageID>", ""), fault.CodeMissingHeader, "no MessageID"},
		{"SA-16 empty MessageID", edited("<medcom:MessageID>m-1<", "<medcom:MessageID> \n<"), fault.CodeMissingHeader, "no MessageID"},
		{"SA-16 no Timestamp", func(t *testing.T, _ *harness) []byte {
			m, _ := cutOut(t, message(userCard()), "wsu:Timestamp")
			return m
		}, fault.CodeMissingHeader, "no Timestamp"},
		{"SA-16 no Created", func(t *testing.T, _ *harness) []byte { m, _ := cutOut(t, message(userCard()), "wsu:Created"); return m }, fault.CodeMissingHeader, "no Timestamp"},
		{"SA-16 Created is no time", edited("<wsu:Created>2026-11-21T10:05:30Z<", "<wsu:Created>yesterday<"), fault.CodeSyntax, "Timestamp"},
		{"SA-16 Created is old", edited("<wsu:Created>2026-11-21T10:05:30Z<", "<wsu:Created>1999-01-01T00:00:00Z<"), "", ""},
		{"SA-16 two medcom:Header", edited("</medcom:Header>", "</medcom:Header><x:Header xmlns:x=\"http://svn.medcom.dk/svn/releases/Standarder/DGWS/Schemas/medcom-1.0.1.xsd\"/>"), fault.CodeSyntax, "two medcom:Header"},
		{"SA-16 two MessageIDs", edited("<medcom:MessageID>", "<medcom:MessageID>m-0</medcom:MessageID><medcom:MessageID>"), fault.CodeSyntax, ""},
		{"SA-16 MessageID of 256 characters", edited(">m-1<", ">"+strings.Repeat("æ", 256)+"<"), "", ""},
		{"SA-16 MessageID of 257 characters", edited(">m-1<", ">"+strings.Repeat("æ", 257)+"<"), fault.CodeSyntax, "MessageID too long"},
		{"SA-16 the other medcom namespace", edited("\""+dgws.NSMedcom+"\"", "\"http://svn.medcom.dk/svn/releases/Standarder/DGWS/Schemas/medcom-1.0.1.xsd\""), "", ""},

		{"SA-17 receipt wanted", edited("<medcom:RequireNonRepudiationReceipt>no<", "<medcom:RequireNonRepudiationReceipt>yes<"), fault.CodeNonRepudiation, ""},
		{"SA-17 receipt perhaps", edited("<medcom:RequireNonRepudiationReceipt>no<", "<medcom:RequireNonRepudiationReceipt>perhaps<"), fault.CodeSyntax, ""},

		{"SA-23 rsa-sha1 under an anchor with rsa-sha1", pinned(func(*testing.T) []trust.Anchor {
			a := federation().Anchor
			a.Algorithms = []string{trust.RSASHA1}
			return []trust.Anchor{a}
		}, of(sha1Card())), "", ""},
		{"SA-23 rsa-sha1 under an anchor without rsa-sha1", of(sha1Card()), fault.CodeSignature, "signature algorithm"},

		{"SA-26 own certificate with the names of the token service", func(*testing.T, *harness) []byte { return withCard(stranger().Sign(userCard()), 4) }, fault.CodeCertificate, "signer not pinned"},
		{"SA-26 pinned certificate, other key", func(*testing.T, *harness) []byte {
			f := *stranger()
			f.Certificate = federation().Certificate
			return withCard(f.Sign(userCard()), 4)
		}, fault.CodeSignature, "signature value"},
		{"SA-26 pinned key, other Issuer", func(*testing.T, *harness) []byte {
			c := userCard()
			c.Issuer = "OTHER-STS"
			return message(c)
		}, fault.CodeCertificate, "signer not pinned"},
		{"SA-26 no certificate, anchors of the Issuer are tried", func(_ *testing.T, h *harness) []byte {
			h.anchors = []trust.Anchor{stranger().Anchor, federation().Anchor}
			c := userCard()
			c.NoKeyInfo = true
			return message(c)
		}, "", ""},
		{"SA-26 no certificate, no anchor fits", func(_ *testing.T, h *harness) []byte {
			h.anchors = []trust.Anchor{stranger().Anchor}
			c := userCard()
			c.NoKeyInfo = true
			return message(c)
		}, fault.CodeSignature, "signature value"},
		{"SA-26 the pinned key may not sign cards", pinned(func(*testing.T) []trust.Anchor {
			a := federation().Anchor
			a.Uses = []trust.Use{trust.Token, trust.Bootstrap}
			return []trust.Anchor{a}
		}, of(userCard())), fault.CodeCertificate, "signer not pinned"},
		{"SA-26 no anchors", pinned(func(*testing.T) []trust.Anchor { return nil }, of(userCard())), fault.CodeCertificate, "signer not pinned"},
		{"SA-26 revoked anchor", pinned(func(*testing.T) []trust.Anchor {
			a := federation().Anchor
			a.Revoked = true
			return []trust.Anchor{a}
		}, of(userCard())), fault.CodeCertificate, "signer revoked"},
		{"SA-26 anchor that has ended", pinned(windowed(validity.Period{To: clock}), of(userCard())), fault.CodeCertificate, "outside the anchor's window"},
		{"SA-26 anchor that began after the card was issued", pinned(windowed(validity.Period{From: issued.Add(time.Second)}), of(userCard())), fault.CodeCertificate, "outside the anchor's window"},
		{"SA-26 anchor that began when the card was issued", pinned(windowed(validity.Period{From: issued}), of(userCard())), "", ""},
	} {
		c.run(t)
	}
}

func sha1Card() dgwstest.Card {
	c := userCard()
	c.SHA1 = true
	return c
}

func windowed(p validity.Period) func(*testing.T) []trust.Anchor {
	return func(*testing.T) []trust.Anchor {
		a := federation().Anchor
		a.Window = p
		return []trust.Anchor{a}
	}
}

// TestCallers reads the caller from the card alone.
func TestCallers(t *testing.T) {
	t.Run("SA-04 the committed sample at its clock", func(t *testing.T) {
		h := newHarness()
		sample, err := os.ReadFile("../auth/dgws/testdata/01-dgws-request.xml")
		require.NoError(t, err)
		h.anchors = []trust.Anchor{dgwstest.AnchorOf(certificateIn(t, sample), "sample", "OPENNSP-DEV-STS")}
		h.post(sample)
		c := h.answered(t)
		assert.Equal(t, identity.Professional, c.Kind)
		assert.Equal(t, "0101010001", c.CPR.Digits())
		assert.Equal(t, "Test Laege", c.Name)
		assert.Equal(t, "TST01", c.AuthorisationCode)
		assert.Equal(t, "7170", c.EducationCode)
		assert.Equal(t, "7170", c.RawRole)
		assert.Empty(t, c.NationalRole)
		assert.Equal(t, identity.Organisation{CVR: "99999902", Name: "Testhuset"}, c.Org)
		assert.Equal(t, "TestEPJ", c.SystemName)
		assert.Equal(t, "m-1", c.MessageID)
		assert.Equal(t, "192.0.2.1", c.Addr)
		assert.False(t, c.Administrator)
		assert.Equal(t, identity.Credential{
			Scheme: identity.DGWS, Level: 4, Issuer: "OPENNSP-DEV-STS", ID: "c2FtcGxlLWNhcmQtMDAwMQ==", CertHash: "4OmbmLe8BRYnvmFm+3KJWbP45/g=",
			IssuedAt: clock.Add(-330 * time.Second), NotBefore: clock.Add(-330 * time.Second), NotOnOrAfter: clock.Add(-330*time.Second + 24*time.Hour),
		}, c.Credential)
	})
	t.Run("system card", func(t *testing.T) {
		h := newHarness()
		h.post(message(systemCard()))
		c := h.answered(t)
		assert.Equal(t, identity.System, c.Kind)
		assert.True(t, c.CPR.IsZero())
		assert.Equal(t, 3, c.Credential.Level)
	})
	t.Run("administrator", func(t *testing.T) {
		h := newHarness()
		h.post(message(userCard().With("medcom:UserRole", "urn:dk:healthcare:role:value:NspAdministrator").Without("medcom:UserAuthorizationCode")))
		c := h.answered(t)
		assert.True(t, c.Administrator)
		assert.Equal(t, "NspAdministrator", c.NationalRole)
	})
	t.Run("administrator of another organisation", func(t *testing.T) {
		h := newHarness()
		h.post(message(userCard().With("medcom:UserRole", "NspAdministrator").With("medcom:CareProviderID", "99999901")))
		assert.False(t, h.answered(t).Administrator)
	})
}

// TestRefusalEvents: what an attacker repeats is logged ten times a second for each cause.
func TestRefusalEvents(t *testing.T) {
	h := newHarness()
	forged := withCard(stranger().Sign(userCard()), 4)
	for range 25 {
		h.post(forged)
	}
	h.post(message(userCard().With("sosi:AuthenticationLevel", "3")))
	assert.Equal(t, 10, strings.Count(h.log.String(), "signer not pinned"))
	assert.Equal(t, 1, strings.Count(h.log.String(), "level of the card's type"))
	h.now = h.now.Add(time.Second)
	h.post(forged)
	assert.Equal(t, 11, strings.Count(h.log.String(), "signer not pinned"))
	assert.Contains(t, h.log.String(), `"suppressed":15`)
	assert.Len(t, h.audit.lines, 27, "every refusal has its audit line")
	require.Len(t, h.events, 12, "events are as many as lines")
	assert.Equal(t, audit.Refusal{
		At: clock, Service: "test", Operation: "OpenSession", Code: fault.CodeCertificate, Cause: "signer not pinned", Addr: "192.0.2.1",
		MessageID: h.events[0].MessageID,
	}, h.events[0])
	assert.NotEmpty(t, h.events[0].MessageID)
}

func certificateIn(t testing.TB, message []byte) []byte {
	t.Helper()
	s := string(message)
	_, rest, ok := strings.Cut(s, "<ds:X509Certificate>")
	require.True(t, ok)
	text, _, _ := strings.Cut(rest, "<")
	der, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	return der
}
