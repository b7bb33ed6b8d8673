package idws_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
)

const (
	claimCPR       = "dk:gov:saml:attribute:CprNumberIdentifier"
	claimCVR       = "dk:gov:saml:attribute:CvrNumberIdentifier"
	claimRID       = "dk:gov:saml:attribute:RidNumberIdentifier"
	claimPID       = "dk:gov:saml:attribute:PidNumberIdentifier"
	claimAssurance = "dk:gov:saml:attribute:AssuranceLevel"
	claimCode      = "dk:healthcare:saml:attribute:UserAuthorizationCode"
	claimEducation = "dk:healthcare:saml:attribute:UserEducationCode"
	claimOnBehalf  = "dk:healthcare:saml:attribute:OnBehalfOf"
	claimList      = "dk:healthcare:saml:attribute:UserAuthorizations"
	claimRole      = "urn:oasis:names:tc:xacml:2.0:subject:role"
	claimPurpose   = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
	claimProvider  = "urn:ihe:iti:xua:2017:subject:provider-identifier"

	claimCPR3    = "https://data.gov.dk/model/core/eid/cprNumber"
	claimCVR3    = "https://data.gov.dk/model/core/eid/professional/cvr"
	claimOrg3    = "https://data.gov.dk/model/core/eid/professional/orgName"
	claimPerson3 = "https://data.gov.dk/model/core/eid/professional/uuid/persistent"
	claimLoA     = "https://data.gov.dk/concept/core/nsis/loa"
)

func professional() idwstest.Token {
	return idwstest.ProfessionalToken(clock, portal())
}

func system() idwstest.Token { return idwstest.SystemToken(clock, portal()) }

func number(t *testing.T, s string) cpr.Number {
	t.Helper()
	n, err := cpr.Parse(s)
	require.NoError(t, err)
	return n
}

// list is the value of UserAuthorizations: codes and education codes in turn.
func list(codes ...string) string {
	s := `<l:UserAuthorizationList xmlns:l="urn:dk:healthcare:saml:user_authorization_profile:1.0">`
	for i := 0; i < len(codes); i += 2 {
		s += fmt.Sprintf("<l:UserAuthorization><l:AuthorizationCode>%s</l:AuthorizationCode><l:EducationCode>%s</l:EducationCode>"+
			"<l:EducationType>Læge</l:EducationType></l:UserAuthorization>", codes[i], codes[i+1])
	}
	return s + "</l:UserAuthorizationList>"
}

func role(code string) string {
	return `<Role xmlns="urn:hl7-org:v3" code="` + code + `" codeSystem="1.2.208.176.1.3" displayName="Læge"/>`
}

func purpose(code, system string) string {
	return `<PurposeOfUse xmlns="urn:hl7-org:v3" code="` + code + `" codeSystem="` + system + `"/>`
}

const xspa = "urn:oasis:names:tc:xspa:1.0"

// facts is what a token says of its caller.
type facts struct {
	kind               identity.Kind
	cpr                string
	name, code, edu    string
	national, raw      string
	cvr, org, system   string
	level              int
	override           bool
	behalf             string // CPR number of who is acted for
	relation           relation.Kind
	orgScheme, orgCode string
}

func factsOf(c identity.Caller) facts {
	f := facts{
		kind: c.Kind, cpr: c.CPR.Digits(), name: c.Name, code: c.AuthorisationCode, edu: c.EducationCode, national: c.NationalRole, raw: c.RawRole,
		cvr: c.Org.CVR, org: c.Org.Name, system: c.SystemName, level: c.Credential.Level, override: c.Override,
	}
	if c.OnBehalfOf != nil {
		f.behalf, f.relation = c.OnBehalfOf.CPR.Digits(), c.OnBehalfOf.Kind
	}
	if len(c.Org.IDs) > 0 {
		f.orgScheme, f.orgCode = c.Org.IDs[0].Scheme, c.Org.IDs[0].Code
	}
	return f
}

func TestCaller(t *testing.T) {
	nancy := facts{kind: identity.Citizen, cpr: "2512489996", level: 3}
	doctor := facts{
		kind: identity.Professional, cpr: "0101010001", name: "Test Laege", code: "TST01", edu: "7170", cvr: "99999902", org: "Testhuset", level: 3,
	}
	bare := professional().Without(claimCode).Without(claimEducation)
	unauthorised := with(doctor, func(f *facts) { f.code, f.edu = "", "" })
	eid := idwstest.CitizenToken(clock, portal()).Without(claimCPR).Without(claimAssurance)
	const custody = "urn:dk:healthcare:saml:actThroughCustodyOver:cprNumberIdentifier:"
	for _, c := range []struct {
		name  string
		token idwstest.Token
		want  facts
	}{
		{"SEC-02 citizen", citizen(), nancy},
		{"SEC-02 professional", professional(), doctor},
		{"SEC-02 system", system(), facts{kind: identity.System, cvr: "99999904", system: "TestPortal", level: 3}},
		{"SEC-02 RID with CVR number", system().With(claimRID, "1001"), facts{kind: identity.Professional, cvr: "99999904", system: "TestPortal", level: 3}},
		{"OIOSAML 3 citizen, Substantial", eid.With(claimCPR3, "2512489996").With(claimLoA, "Substantial"), nancy},
		{"OIOSAML 3 citizen, High", eid.With(claimCPR3, "2512489996").With(claimLoA, "High"), with(nancy, func(f *facts) { f.level = 4 })},
		{"OIOSAML 3 professional with UUID alone", eid.With(claimCVR3, "99999902").With(claimOrg3, "Testhuset").With(claimPerson3, "u").With(claimLoA, "High"),
			facts{kind: identity.Professional, cvr: "99999902", org: "Testhuset", level: 4}},
		{"OIOSAML 2 and 3 that agree", citizen().With(claimCPR3, "2512489996").With(claimLoA, "High"), nancy},
		{"assurance level 4", citizen().With(claimAssurance, "4"), with(nancy, func(f *facts) { f.level = 4 })},
		{"SEC-03 the NameID counts for nothing", with(citizen(), func(tk *idwstest.Token) { tk.NameID = claimCPR + ":0511804817" }), nancy},
		{"surname alone", citizen().With("urn:oid:2.5.4.4", "Berggren"), with(nancy, func(f *facts) { f.name = "Berggren" })},
		{"unknown attributes, also twice", with(citizen(), func(tk *idwstest.Token) {
			tk.Attributes = append(tk.Attributes, idwstest.Attribute{Name: "x"}, idwstest.Attribute{Name: "x", XML: "<y/>"}, idwstest.Attribute{Name: claimPID, Value: "1"})
		}), nancy},

		{"one authorisation in the list", bare.WithXML(claimList, list("TST01", "7170")), doctor},
		{"several, one chosen", bare.WithXML(claimList, list("TST02", "5166", "TST01", "7170")).With(claimCode, "TST01"), doctor},
		{"several, none chosen: not authorised", bare.WithXML(claimList, list("TST02", "5166", "TST01", "7170")), unauthorised},
		{"several, a role chooses none", bare.WithXML(claimList, list("TST02", "5166", "TST01", "7170")).WithXML(claimRole, role("7170")), with(unauthorised, func(f *facts) { f.raw = "7170" })},
		{"empty list", bare.WithXML(claimList, list()), unauthorised},
		{"education code of the role", bare.With(claimCode, "TST01").WithXML(claimRole, role("7170")), with(doctor, func(f *facts) { f.raw = "7170" })},
		{"SEC-04 national role", bare.WithXML(claimRole, role("SpaerAdminR8")), with(unauthorised, func(f *facts) { f.raw, f.national = "SpaerAdminR8", "SpaerAdminR8" })},
		{"SEC-04 national role as URN", bare.WithXML(claimRole, role("urn:dk:healthcare:national-federation-role:code:41002:value:SundAssistR2")),
			with(unauthorised, func(f *facts) {
				f.raw, f.national = "urn:dk:healthcare:national-federation-role:code:41002:value:SundAssistR2", "SundAssistR2"
			})},
		{"SEC-04 no role", bare.WithXML(claimRole, role("urn:dk:healthcare:no-role")), with(unauthorised, func(f *facts) { f.raw = "urn:dk:healthcare:no-role" })},
		{"a citizen's authorisation does not count", citizen().With(claimCode, "TST01"), nancy},

		{"SEC-07 emergency", professional().WithXML(claimPurpose, purpose("EMERGENCY", xspa)), with(doctor, func(f *facts) { f.override = true })},
		{"SEC-07 treatment", professional().WithXML(claimPurpose, purpose("TREATMENT", xspa)), doctor},
		{"SEC-07 emergency of another system", professional().WithXML(claimPurpose, purpose("EMERGENCY", "urn:x")), doctor},
		{"SEC-07 emergency as text", professional().With(claimPurpose, "EMERGENCY"), doctor},
		{"organisation", professional().WithXML(claimProvider, `<id xmlns="urn:hl7-org:v3" extension="8041000016000^Sydvestjysk Sygehus" root="1.2.208.176.1.1"/>`),
			with(doctor, func(f *facts) { f.orgScheme, f.orgCode = "1.2.208.176.1.1", "8041000016000" })},

		{"SA-42 custody", citizen().With(claimOnBehalf, custody+"1101116171"), with(nancy, func(f *facts) { f.behalf, f.relation = "1101116171", relation.Custody })},
		{"SA-42 parental custody", citizen().With(claimOnBehalf, "urn:dk:healthcare:saml:actThrough:ParentalCustody:cprNumberIdentifier:1101116171"),
			with(nancy, func(f *facts) { f.behalf, f.relation = "1101116171", relation.Custody })},
		{"SA-42 ward custody", citizen().With(claimOnBehalf, "urn:dk:healthcare:saml:actThrough:WardCustody:cprNumberIdentifier:1101116171"),
			with(nancy, func(f *facts) { f.behalf, f.relation = "1101116171", relation.Custody })},
		{"SA-42 partly ward custody", citizen().With(claimOnBehalf, "urn:dk:healthcare:saml:actThrough:PartlyWardCustody:cprNumberIdentifier:1101116171"),
			with(nancy, func(f *facts) { f.behalf, f.relation = "1101116171", relation.Custody })},
		{"SA-42 procuration", citizen().With(claimOnBehalf, "urn:dk:healthcare:saml:actThroughProcurationBy:cprNumberIdentifier:0511804817"),
			with(nancy, func(f *facts) { f.behalf, f.relation = "0511804817", relation.Proxy })},
	} {
		t.Run(c.name, func(t *testing.T) {
			caller, m, err := verify(t, message(c.token).Bytes(), nil)
			require.NoError(t, err)
			assert.Equal(t, c.want, factsOf(caller))
			assert.Equal(t, c.want.cpr, m.Attributes[claimCPR])
			assert.Contains(t, m.Attributes["X509Subject"], "CN=Test portal")
		})
	}
}

func TestClaimsRefused(t *testing.T) {
	bare := professional().Without(claimCode).Without(claimEducation)
	twice := func(name, value string) idwstest.Token {
		return with(professional(), func(tk *idwstest.Token) {
			tk.Attributes = append(tk.Attributes, idwstest.Attribute{Name: name, Value: value})
		})
	}
	const custody = "urn:dk:healthcare:saml:actThroughCustodyOver:cprNumberIdentifier:"
	for _, c := range []struct {
		name  string
		token idwstest.Token
		code  string
	}{
		{"nobody named", citizen().Without(claimCPR), fault.CodeIDCard},
		{"bad CPR number", citizen().With(claimCPR, "9999999999"), fault.CodeIDCard},
		{"empty CPR number beside a CVR number", professional().With(claimCPR, ""), fault.CodeIDCard},
		{"bad CVR number", professional().With(claimCVR, "9999990"), fault.CodeIDCard},
		{"empty CVR number", citizen().With(claimCVR, ""), fault.CodeIDCard},
		{"two CPR numbers by two names", citizen().With(claimCPR3, "0511804817"), fault.CodeIDCard},
		{"two CVR numbers by two names", professional().With(claimCVR3, "99999901"), fault.CodeIDCard},
		{"CPR number twice", twice(claimCPR, "0101010001"), fault.CodeIDCard},
		{"authorisation code twice", twice(claimCode, "TST01"), fault.CodeIDCard},
		{"two values", citizen().WithXML(claimCPR, `</saml:AttributeValue><saml:AttributeValue>0511804817`), fault.CodeIDCard},
		{"element as value", citizen().WithXML(claimCPR, `<x/>2512489996`), fault.CodeIDCard},
		{"assurance level 2", citizen().With(claimAssurance, "2"), fault.CodeSecurityLevel},
		{"assurance level missing", citizen().Without(claimAssurance), fault.CodeSecurityLevel},
		{"assurance level unreadable", citizen().With(claimAssurance, "NIST 3"), fault.CodeSecurityLevel},
		{"NSIS Low", citizen().Without(claimAssurance).With(claimLoA, "Low"), fault.CodeSecurityLevel},
		{"NSIS Low beside level 3", citizen().With(claimLoA, "Low"), fault.CodeSecurityLevel},
		{"authorisation not in the list", bare.WithXML(claimList, list("TST02", "5166")).With(claimCode, "TST01"), fault.CodeIDCard},
		{"bad authorisation code", bare.With(claimCode, "tst01"), fault.CodeIDCard},
		{"bad education code", professional().With(claimEducation, "71700"), fault.CodeIDCard},
		{"list of another namespace", bare.WithXML(claimList, `<UserAuthorizationList/>`), fault.CodeIDCard},
		{"list without codes", bare.WithXML(claimList, `<l:UserAuthorizationList xmlns:l="urn:dk:healthcare:saml:user_authorization_profile:1.0"><l:UserAuthorization/></l:UserAuthorizationList>`), fault.CodeIDCard},
		{"two roles", professional().WithXML(claimRole, role("7170")+role("5166")), fault.CodeIDCard},
		{"SA-42 unknown prefix", citizen().With(claimOnBehalf, "urn:x:1101116171"), fault.CodeIDCard},
		{"SA-42 own CPR", citizen().With(claimOnBehalf, custody+"2512489996"), fault.CodeIDCard},
		{"SA-42 own CPR with a hyphen", citizen().With(claimOnBehalf, custody+"251248-9996"), fault.CodeIDCard},
		{"SA-42 no CPR", citizen().With(claimOnBehalf, custody), fault.CodeIDCard},
		{"SA-42 two values", citizen().WithXML(claimOnBehalf, custody+`1101116171</saml:AttributeValue><saml:AttributeValue>`+custody+`0511804817`), fault.CodeIDCard},
		{"SA-42 empty", citizen().With(claimOnBehalf, ""), fault.CodeIDCard},
		{"SA-42 nobody acts", system().With(claimOnBehalf, custody+"1101116171"), fault.CodeIDCard},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := verify(t, message(c.token).Bytes(), nil)
			assertCode(t, c.code, err)
		})
	}
	for name, statements := range map[string]string{
		"no AttributeStatement":   "",
		"two AttributeStatements": "<saml:AttributeStatement></saml:AttributeStatement><saml:AttributeStatement>",
	} {
		t.Run(name, func(t *testing.T) {
			tk := citizen()
			assertion, at := tk.Unsigned()
			changed := replaceOnce(t, assertion, "<saml:AttributeStatement>", statements)
			if statements == "" {
				changed = replaceOnce(t, assertion, "AttributeStatement>", "Statement>", "AttributeStatement>", "Statement>")
			}
			m := message(tk)
			m.Token = tk.SignAssertion(sts(), changed, at)
			_, _, err := verify(t, m.Bytes(), nil)
			assertCode(t, fault.CodeIDCard, err)
		})
	}
}
