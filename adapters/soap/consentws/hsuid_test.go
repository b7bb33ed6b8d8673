package consentws_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/trust"
)

// TestHSUID: what the header may say, of whom, and whose word it is.
func TestHSUID(t *testing.T) {
	const (
		userType, actor = "nsi:UserType", "nsi:ActingUserCivilRegistrationNumber"
		responsible     = "nsi:ResponsibleUserCivilRegistrationNumber"
		code            = "nsi:ResponsibleUserAuthorizationCode"
		place           = "nsi:OrgUsingID"
		system          = "nsi:SystemName"
		citizen         = "nsi:CitizenCivilRegistrationNumber"
		overriding      = "nsi:ConsentOverride"
		professionalIs  = "nsi:HealthcareProfessional"
	)
	asked := userCheck(professional(doctorD, "", region))
	viewed := func(header string) message { return message{system: true, header: header, body: asked} }
	good := acting(doctorD)
	t.Run("taken", func(t *testing.T) {
		s := newFederated(t)
		s.register(t, block(person(doctorD), allData))
		for name, m := range map[string]message{
			"CT-32 no NameFormat":               viewed(good),
			"CT-32 an empty NameFormat":         viewed(strings.ReplaceAll(good, `"><h:AttributeValue`, `" NameFormat=""><h:AttributeValue`)),
			"CT-32 a NameFormat of others":      viewed(strings.ReplaceAll(good, `"><h:AttributeValue`, `" NameFormat="urn:x"><h:AttributeValue`)),
			"CT-32 no prefix":                   viewed(strings.ReplaceAll(good, `Name="nsi:`, `Name="`)),
			"CT-32 an issuer with spaces":       viewed(strings.Replace(good, "OpenNSP-test", " The test portal ", 1)),
			"HS-1 other prefixes":               viewed(strings.NewReplacer("<h:", "<x:", "</h:", "</x:", "xmlns:h=", "xmlns:x=").Replace(good)),
			"HS-3 any order, blanks":            viewed(userHeader(system, " TestViewer ", actor, "\n0202020202 ", userType, " "+professionalIs)),
			"HS-3 what is not known":            viewed(acting(doctorD, "nsi:Future", "1", "nsi:Future", "2")),
			"HS-4 the type in any case":         viewed(strings.Replace(good, professionalIs, "NSI:healthcarePROFESSIONAL", 1)),
			"HS-4 the type without prefix":      viewed(strings.Replace(good, professionalIs, "HealthcareProfessional", 1)),
			"HS-5 the organisation of SOR":      viewed(acting(doctorD, place+`" NameFormat="nsi:sorcode`, region)),
			"HS-5 an organisation of no scheme": viewed(acting(doctorD, place, "Sygehuset")),
			"HS-6 a code in small letters":      viewed(acting(doctorD, responsible, doctorD, code, "tst01")),
			"HS-6 no override":                  viewed(acting(doctorD, overriding, "0")),
			"HS-7 no instant, another version":  viewed(strings.NewReplacer(` IssueInstant="2026-03-02T10:00:00Z"`, "", `Version="2.0"`, `Version="1.0"`).Replace(good)),
			"HS-7 an old instant without zone":  viewed(strings.Replace(good, "2026-03-02T10:00:00Z", "1999-01-01T00:00:00", 1)),
			"HS-8 the citizen of the request":   viewed(acting(doctorD, citizen, citizenC)),
			"HS-8 the user of the ID card":      {header: good, body: asked},
			"HS-2 a header beside a token":      {token: new(s.doctorToken()), header: good, body: asked},
			"HS-2 a token without header":       {token: new(s.doctorToken()), body: asked},
		} {
			t.Run(name, func(t *testing.T) { assert.Equal(t, []string{negative}, s.verdicts(t, m)) })
		}
	})
	h := newFederated(t)
	withoutCode := func(c dgwstest.Card) dgwstest.Card { return c.Without("medcom:UserAuthorizationCode") }
	for _, c := range []struct {
		name string
		m    message
		code string
		text string // "" = any
	}{
		{"CT-30 an ID card without header", message{system: true, body: asked}, fault.CodeMissingHeader, ""},
		{"CT-30 an ID card of a user without header", message{body: asked}, fault.CodeMissingHeader, ""},
		{"CT-30 two headers", viewed(good + good), fault.CodeSyntax, ""},
		{"CT-30 no user type", viewed(userHeader(actor, doctorD, system, "TestViewer")), "invalid_request", "The HSUID header has no UserType"},
		{"CT-30 no user type beside a card", message{header: userHeader(actor, doctorD, system, "TestViewer"), body: asked}, "invalid_request",
			"The HSUID header has no UserType"},
		{"CT-31 another acting user than the card's", message{header: acting(helperH), body: asked}, fault.CodeNotAuthorized, ""},
		{"CT-31 another acting user than the card's, in the message", message{header: good, body: userCheck(professional(helperH, doctorD, region))},
			"hsuid_mismatch", "HSUID and request name different users"},
		{"CT-31 another acting user than the token's", message{token: new(h.doctorToken()), header: acting(helperH), body: asked}, fault.CodeNotAuthorized, ""},
		{"CT-31 another acting user than the token's, in the message", message{token: new(h.doctorToken()), body: userCheck(professional(helperH, "", region))},
			"hsuid_mismatch", ""},
		{"HS-1 no assertion", viewed(`<h:HsuidHeader xmlns:h="` + hsuidNS + `"/>`), fault.CodeSyntax, ""},
		{"HS-3 an attribute twice", viewed(acting(doctorD, "nsi:SystemName", "Other")), fault.CodeSyntax, ""},
		{"HS-3 an attribute twice, once without prefix", viewed(acting(doctorD, "ActingUserCivilRegistrationNumber", doctorD)), fault.CodeSyntax, ""},
		{"HS-4 a type of others", viewed(strings.Replace(good, professionalIs, "nsi:Robot", 1)), fault.CodeSyntax, ""},
		{"HS-4 nobody acts", viewed(userHeader(userType, professionalIs, system, "TestViewer")), "invalid_request",
			"The HSUID header has no ActingUserCivilRegistrationNumber"},
		{"HS-4 no system", viewed(userHeader(userType, professionalIs, actor, doctorD)), "invalid_request", "The HSUID header has no SystemName"},
		{"HS-4 a number that is none", viewed(acting("3102801111")), fault.CodeSyntax, ""},
		{"HS-6 an override that says nothing", viewed(acting(doctorD, overriding, "yes")), fault.CodeSyntax, ""},
		{"HS-6 a code that is none", viewed(acting(doctorD, responsible, doctorD, code, "TST0")), "invalid_request", ""},
		{"HS-8 another citizen", viewed(acting(doctorD, citizen, citizenB)), "hsuid_mismatch", "HSUID and request name different citizens"},
		{"HS-8 another user", message{system: true, header: acting(helperH), body: asked}, "hsuid_mismatch", "HSUID and request name different users"},
		{"HS-8 another responsible user", message{system: true, header: acting(helperH, responsible, anotherDoctor),
			body: userCheck(professional(helperH, doctorD, region))}, "hsuid_mismatch", "HSUID and request name different users"},
		{"HS-8 another organisation", viewed(acting(doctorD, place+`" NameFormat="nsi:sor`, otherRegion)), "hsuid_mismatch",
			"HSUID and request name different organisations"},
		{"HS-8 another organisation, once both are known", message{system: true, header: acting(doctorD, place+`" NameFormat="nsi:skskode`, "9990a1"),
			body: userCheck(professional(doctorD, "", region))}, "hsuid_mismatch", "HSUID and request name different organisations"},
		{"HS-8 another organisation than the token's", message{token: new(h.doctorToken().WithXML("urn:ihe:iti:xua:2017:subject:provider-identifier",
			`<id xmlns="urn:hl7-org:v3" extension="`+otherRegion+`" root="1.2.208.176.1.1"/>`)), body: asked}, "hsuid_mismatch", ""},
		{"HS-8 a citizen's header beside a professional's card", message{header: userHeader(userType, "nsi:Citizen", actor, doctorD, system, "TestViewer"), body: asked},
			fault.CodeNotAuthorized, ""},
		{"AU-5 an authorised professional for another", message{header: good, body: userCheck(professional(doctorD, anotherDoctor, region))}, fault.CodeNotAuthorized, ""},
		{"AU-6 a helper of nobody", message{card: withoutCode, header: good, body: asked}, fault.CodeNotAuthorized, ""},
		{"AU-7 a system's token", message{token: new(idwstest.SystemToken(h.now, keys().holder)), header: good, body: asked}, fault.CodeNotAuthorized, ""},
		{"AU-7 a system's token without header", message{token: new(idwstest.SystemToken(h.now, keys().holder)), body: asked}, fault.CodeNotAuthorized, ""},
		{"AU-8 a professional of ours asks for a foreigner", message{header: good, body: foreignersCheck()}, fault.CodeNotAuthorized, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, got := h.fault(t, c.m)
			assert.Equal(t, c.code, got, text)
			if c.text != "" {
				assert.Equal(t, c.text, text)
			}
		})
	}
	t.Run("the same organisation in two schemes", func(t *testing.T) {
		s := newFederated(t)
		s.register(t, block(of(hospital, true), allData), positive(of(ward, false)))
		m := message{system: true, header: acting(doctorD, place+`" NameFormat="nsi:skskode`, "9990a1"), body: userCheck(professional(doctorD, "", ward))}
		assert.Equal(t, []string{unlimited}, s.verdicts(t, m))
	})
	t.Run("HS-8 every refusal is audited, and none tells a number", func(t *testing.T) {
		assert.NotEmpty(t, h.audit.Lines())
		for _, n := range []string{citizenC, citizenB, doctorD, helperH} {
			assert.NotContains(t, h.log.String(), n)
		}
	})
}

// TestGrants: a system's word counts where its organisation holds the grants of it (HS-8, AU-6 to AU-8).
func TestGrants(t *testing.T) {
	withoutCode := func(c dgwstest.Card) dgwstest.Card { return c.Without("medcom:UserAuthorizationCode") }
	user := viewer(doctorD, "", region, userOp)
	foreigner := contactPoint(foreignersCheck())
	helper := message{card: withoutCode, header: acting(doctorD), body: userCheck(professional(doctorD, anotherDoctor, region))}
	doctor := message{header: acting(doctorD), body: userCheck(professional(doctorD, "", region))}
	citizen := message{
		system: true, body: userCheck(professional(doctorD, "", region)),
		header: userHeader("nsi:UserType", "nsi:Citizen", "nsi:ActingUserCivilRegistrationNumber", citizenC, "nsi:SystemName", "Portal"),
	}
	citizen.body = strings.Replace(citizen.body, doctorD, citizenC, 1)
	for _, c := range []struct {
		name  string
		m     message
		needs []string
	}{
		{"AU-5 an authorised professional", doctor, nil},
		{"AU-6 a helper", helper, []string{consenting.GrantVerification}},
		{"AU-7 a system for a professional", user, []string{trust.HSUIDGrant, consenting.GrantVerification}},
		{"AU-8 the national contact point", foreigner, []string{trust.HSUIDGrant, consenting.GrantForeign}},
		{"AU-2 a portal for a citizen", citizen, []string{trust.HSUIDGrant, consenting.GrantAdmin}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFederated(t)
			all := s.grants
			s.grants = c.needs
			require.Equal(t, []string{unlimited}, s.verdicts(t, c.m))
			for _, need := range c.needs {
				s.grants = slices.DeleteFunc(slices.Clone(all), func(g string) bool { return g == need })
				_, code := s.fault(t, c.m)
				assert.Equal(t, fault.CodeNotAuthorized, code, "without %s", need)
			}
		})
	}
	t.Run("AU-11 a card of too low a level", func(t *testing.T) {
		s := newFederated(t)
		m := user
		m.card = func(c dgwstest.Card) dgwstest.Card { return c.With("sosi:AuthenticationLevel", "2") }
		_, code := s.fault(t, m)
		assert.Equal(t, fault.CodeSecurityLevel, code)
	})
}

// TestCT44CitizensAsk: the citizen C asks about herself, and about B.
func TestCT44CitizensAsk(t *testing.T) {
	s := newFederated(t)
	s.register(t, block(everyone, allData))
	ask := func(about string) message {
		body := strings.Replace(userCheck(professional(citizenC, "", region)), "<t:citizenCPR>"+citizenC, "<t:citizenCPR>"+about, 1)
		return message{token: new(s.citizenToken(citizenC)), body: body}
	}
	assert.Equal(t, []string{unlimited}, s.verdicts(t, ask(citizenC)))
	_, code := s.fault(t, ask(citizenB))
	assert.Equal(t, fault.CodeNotAuthorized, code)

	other := s.citizenToken(citizenC)
	other.Audiences = []string{"https://other"}
	m := ask(citizenC)
	m.token = &other
	w := s.send(t, m)
	assert.Contains(t, w.Body.String(), "not_authorized", "AU-1 a token for another service")

	items := dataCheck(professional(citizenC, "", region), item("a", ""), item("b", ""))
	assert.Equal(t, []string{allowed, allowed}, s.verdicts(t, message{token: new(s.citizenToken(citizenC)), body: items}))
}
