package attack

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

const nsHSUID = "http://www.nsi.dk/hsuid/2016/08/hsuid-1.1.xsd"

// hsuidHeader is an HSUID header with attributes, names and values in turn.
func hsuidHeader(attributes ...string) string {
	var b strings.Builder
	b.WriteString(`<h:HsuidHeader xmlns:h="` + nsHSUID + `"><h:Assertion IssueInstant="2026-11-21T12:00:00Z" Version="2.0" id="HSUID"><h:Issuer>x</h:Issuer><h:AttributeStatement id="HSUIDdata">`)
	for i := 0; i < len(attributes); i += 2 {
		b.WriteString(`<h:Attribute Name="` + attributes[i] + `"><h:AttributeValue>` + attributes[i+1] + `</h:AttributeValue></h:Attribute>`)
	}
	return b.String() + "</h:AttributeStatement></h:Assertion></h:HsuidHeader>"
}

// TestWordOfASystem: the HSUID header is not signed. It makes a user only of a system whose organisation is trusted with that, and never
// another user of one who has a credential.
func TestWordOfASystem(t *testing.T) {
	t.Parallel()
	const trusted = "99999904"
	r := newRouter(func(s *setting) {
		s.policy.HSUID, s.policy.Kinds = admitting.Optional, []identity.Kind{identity.Professional, identity.Citizen}
		s.gate.Grants = func(_ context.Context, name, cvr string) (bool, error) {
			return name == trust.HSUIDGrant && cvr == trusted, nil
		}
	})
	m := r.material()
	doctor := hsuidHeader("nsi:UserType", "nsi:HealthcareProfessional", "nsi:ActingUserCivilRegistrationNumber", "0202020002",
		"nsi:ResponsibleUserCivilRegistrationNumber", "0202020002", "nsi:ResponsibleUserAuthorizationCode", "TST99")
	citizen := hsuidHeader("nsi:UserType", "nsi:Citizen", "nsi:ActingUserCivilRegistrationNumber", "2512489996")
	with := func(card dgwstest.Card, headers string) string {
		return swap(t, messageWith(m.sign(card), card.Level()), "</soap:Header>", headers+"</soap:Header>")
	}
	portalCard := systemCard().With("medcom:CareProviderID", trusted)
	user := func(edit func(string) string) string {
		return swap(t, m.message, "</soap:Header>", edit(doctor)+"</soap:Header>")
	}
	same := func(s string) string { return s }
	denied, syntax := []string{fault.CodeNotAuthorized}, []string{fault.CodeSyntax}
	for _, c := range []struct {
		name, message string
		want          []string
	}{
		{"system that is not trusted, as a doctor", with(systemCard(), doctor), denied},
		{"system that is not trusted, as a citizen", with(systemCard(), citizen), denied},
		{"system that is not trusted, names a trusted one", with(systemCard(), strings.Replace(citizen, ">x<", ">"+trusted+"<", 1)), denied},
		{"system whose card names the trusted number in another register", func() string {
			c := systemCard()
			c.System = []dgwstest.Attribute{c.System[0], {Name: "medcom:CareProviderID", Format: "medcom:ynumber", Value: trusted}, c.System[2]}
			return with(c, citizen)
		}(), denied},
		{"user, as another", user(same), denied},
		{"user, as another by a number with a hyphen", user(func(s string) string { return strings.ReplaceAll(s, "0202020002", "020202-0002") }), denied},
		{"two headers", with(portalCard, citizen+doctor), syntax},
		{"two assertions", with(portalCard, strings.Replace(citizen, "</h:Assertion>", "</h:Assertion><h:Assertion/>", 1)), syntax},
		{"a name twice, once without prefix", with(portalCard, hsuidHeader("nsi:UserType", "nsi:Citizen", "UserType", "nsi:HealthcareProfessional")), syntax},
		{"a name twice, once with a blank", with(portalCard, hsuidHeader("nsi:UserType", "nsi:Citizen", " nsi:UserType", "nsi:HealthcareProfessional")), syntax},
		{"number of nobody", with(portalCard, hsuidHeader("nsi:UserType", "nsi:Citizen", "nsi:ActingUserCivilRegistrationNumber", "0000000000")), syntax},
		{"trusted system without header", with(portalCard, ""), denied},
		{"trusted system, header in the Body", swap(t, with(portalCard, ""), openBody, strings.Replace(openBody, "<sec:System>", citizen+"<sec:System>", 1)), denied},
		{"trusted system, header inside another header", with(portalCard, `<x:W xmlns:x="urn:x">`+citizen+"</x:W>"), denied},
		{"trusted system, header of another namespace", with(portalCard, strings.Replace(citizen, nsHSUID, nsHSUID+"#", 1)), denied},
		{"trusted system, header with the id of the card", with(portalCard, strings.Replace(citizen, `id="HSUID"`, `id="IDCard"`, 1)), []string{fault.CodeSignature}},
		{"trusted system's card on a message of another", strings.Replace(with(portalCard, citizen), m.sign(portalCard), m.other, 1), denied},
	} {
		t.Run("SA-43 "+c.name, func(t *testing.T) { refused(t, r.send(t, []byte(c.message)), c.want...) })
	}
	t.Run("SA-43 trusted system, as a citizen", func(t *testing.T) {
		v := r.send(t, []byte(with(portalCard, citizen)))
		require.Len(t, v.ran, 1, "%s", v.body)
		caller := v.ran[0].caller
		assert.True(t, caller.Vouched)
		assert.Equal(t, identity.Citizen, caller.Kind)
		assert.Equal(t, trusted, caller.Org.CVR)
		assert.False(t, caller.MayActFor(caller.CPR), "nobody may act for a citizen on a system's word alone")
	})
	t.Run("SA-43 user, as oneself with another authorisation", func(t *testing.T) {
		v := r.send(t, []byte(user(func(s string) string { return strings.ReplaceAll(s, "0202020002", "0101010001") })))
		require.Len(t, v.ran, 1, "%s", v.body)
		caller := v.ran[0].caller
		assert.Equal(t, "TST01", caller.AuthorisationCode)
		assert.False(t, caller.Vouched)
		assert.Equal(t, "99999902", caller.Org.CVR)
	})
	t.Run("SA-43 citizen's token, header added", func(t *testing.T) {
		good := r.kit().good()
		refused(t, r.send(t, []byte(swap(t, good, "</soap:Header>", doctor+"</soap:Header>"))), fault.CodeSignature)
	})
}
