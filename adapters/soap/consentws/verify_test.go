package consentws_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/validity"
)

const userOp, foreignersOp, dataOp = "ConsentForUserCheck", "ConsentForForeignersCheck", "ConsentForDataCheck"

// TestChecks asks, over the wire, who may see data of the citizen C: a system that shows data to professionals asks, and the national contact
// point for those of other countries.
func TestChecks(t *testing.T) {
	user := func(n, responsible, place string) message { return viewer(n, responsible, place, userOp) }
	foreigner := contactPoint(foreignersCheck())
	sor := func(code, header string) message { // the place in the message and in the header
		return message{system: true, header: acting(doctorD, `nsi:OrgUsingID"`+header, code), body: userCheck(professional(doctorD, "", ` codeSystem="SHAK">`+code))}
	}
	type ask struct {
		m    message
		want string
	}
	for _, c := range []struct {
		name string
		said []consent.Registration
		asks []ask
	}{
		{"CT-1 nothing registered", nil, []ask{{user(doctorD, "", hospital), unlimited}}},
		{"CT-2 everyone, all data", []consent.Registration{block(everyone, allData)}, []ask{{user(doctorD, "", hospital), negative}}},
		{"CT-3 one person", []consent.Registration{block(person(doctorD), allData)},
			[]ask{{user(doctorD, "", hospital), negative}, {user(anotherDoctor, "", hospital), unlimited}}},
		{"CT-4 one person, whom another helps", []consent.Registration{block(person(doctorD), allData)}, []ask{{user(helperH, doctorD, hospital), negative}}},
		{"CT-4 who helps", []consent.Registration{block(person(helperH), allData)}, []ask{{user(helperH, doctorD, hospital), negative}}},
		{"CT-5 everyone but one", []consent.Registration{block(everyone, allData), positive(person(doctorD))},
			[]ask{{user(doctorD, "", hospital), unlimited}, {user(helperH, doctorD, hospital), unlimited}, {user(helperH, "", hospital), negative}}},
		{"CT-6 an organisation with its units", []consent.Registration{block(of(hospital, true), allData)}, []ask{
			{user(doctorD, "", ward), negative}, {user(doctorD, "", hospital), negative}, {user(doctorD, "", region), unlimited}, {user(doctorD, "", otherRegion), unlimited}}},
		{"CT-6 an organisation alone", []consent.Registration{block(of(hospital, false), allData)},
			[]ask{{user(doctorD, "", ward), unlimited}, {user(doctorD, "", hospital), negative}}},
		{"CT-7 another number than that of SOR", []consent.Registration{block(of(hospital, true), allData)}, []ask{
			{user(doctorD, "", ` codeSystem="SHAK">`+wardSHAK), negative},
			{user(doctorD, "", ` codeSystem="nsi:skskode"> `+strings.ToLower(wardSHAK)), negative},
			{user(doctorD, "", ` codeSystem="SHAK">9990ZZ`), negative},
			{user(doctorD, "", ` codeSystem="urn:x">`+otherRegion), negative},
			{user(doctorD, "", ` codeSystem="">`+otherRegion), negative},
			{sor(wardSHAK, ` NameFormat="nsi:skskode`), negative},
			{sor(wardSHAK, ` x="`), negative},
			{message{system: true, header: acting(doctorD, "nsi:OrgUsingID", otherRegion), body: userCheck(professional(doctorD, "", otherRegion))}, negative}, // no NameFormat
			{message{system: true, header: acting(doctorD, `nsi:OrgUsingID" NameFormat="nsi:sor`, otherRegion), body: userCheck(professional(doctorD, "", otherRegion))}, unlimited}}},
		{"CT-8 everyone but an organisation", []consent.Registration{block(everyone, allData), positive(of(hospital, true))}, []ask{
			{user(doctorD, "", ` codeSystem="SHAK">9990ZZ`), negative}, {user(doctorD, "", ` codeSystem=" SHAK ">`+wardSHAK), unlimited}, {user(doctorD, "", ward), unlimited}}},
		{"CT-9 professionals of other countries", []consent.Registration{block(foreign, allData)}, []ask{{foreigner, negative}, {user(doctorD, "", hospital), unlimited}}},
		{"CT-9 an organisation of ours", []consent.Registration{block(of(hospital, true), allData)}, []ask{{foreigner, unlimited}}},
		{"CT-10 data of an organisation", []consent.Registration{block(everyone, from(hospital))}, []ask{{user(doctorD, "", hospital), specific}, {foreigner, specific}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFederated(t)
			s.register(t, c.said...)
			for i, a := range c.asks {
				assert.Equal(t, []string{a.want}, s.verdicts(t, a.m), "question %d", i+1)
			}
		})
	}
}

// TestDataCheck asks about pieces of data.
func TestDataCheck(t *testing.T) {
	doctor := professional(doctorD, "", hospital)
	check := func(items ...string) message {
		return message{system: true, header: acting(doctorD), body: dataCheck(doctor, items...)}
	}
	t.Run("CT-10 origin", func(t *testing.T) {
		s := newFederated(t)
		s.register(t, block(everyone, from(hospital)))
		items := []string{
			item("a", origin(ward)), item("b", origin(otherRegion)), item("c", ""), item("d", origin(` codeSystem="SHAK">9990ZZ`)),
			item("e", origin(` codeSystem="YDER">017`)), item("f", origin(` codeSystem="nsi:sor">`+region)), item("g", origin(` codeSystem="other">`+otherRegion)),
		}
		want := []string{denied, allowed, denied, denied, denied, allowed, denied}
		assert.Equal(t, want, s.verdicts(t, check(items...)))
		foreigner := contactPoint(dataCheck(someone, items...))
		assert.Equal(t, want, s.verdicts(t, foreigner), "a professional of another country")
	})
	t.Run("CT-38 periods", func(t *testing.T) {
		s := newFederated(t)
		s.register(t, block(everyone, data2024))
		assert.Equal(t, []string{allowed, denied, denied, denied, allowed, denied, denied, denied, allowed, denied}, s.verdicts(t, check(
			item("before", period("2023-05-01", "2023-12-31")), item("the last day counts", period("2023-05-01", "2024-01-01")),
			item("one day", period("2024-12-31", "2024-12-31")),
			item("from after to", period("2023-05-01", "2022-05-01")), item("to alone", "<t:dataPeriodTo>2023-01-01</t:dataPeriodTo>"),
			item("from alone", "<t:dataPeriodFrom>2023-01-01</t:dataPeriodFrom>"), item("no period", ""),
			item("an instant", period("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z")), item("the next instant", period("2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z")),
			item("the last day is the one before the first", period("2023-05-02", "2023-05-01")),
		)))
		for _, bad := range []string{period("2024-13-01", "2024-12-01"), period("2024-01-01", "now"), period("", "")} {
			text, code := s.fault(t, check(item("good", ""), item("bad", bad)))
			assert.Equal(t, fault.CodeSyntax, code)
			assert.Regexp(t, "^Entry 2: dataPeriod(From|To) is not a date", text)
		}
	})
	t.Run("CT-37 10,000 items, one more, none, and the same id again", func(t *testing.T) {
		s := newFederated(t)
		s.register(t, block(everyone, from(hospital)))
		items := make([]string, 10_001)
		for i := range items {
			place := otherRegion
			if i%3 == 0 {
				place = ward
			}
			items[i] = item(fmt.Sprintf("doc-%d", i%5000), origin(place))
		}
		answer := s.call(t, check(items[:10_000]...))
		var want strings.Builder
		for i := range 10_000 {
			access := allowed
			if i%3 == 0 {
				access = denied
			}
			fmt.Fprintf(&want, "<t:dataItemResult><t:itemId>doc-%d</t:itemId><t:access>%s</t:access></t:dataItemResult>", i%5000, access)
		}
		assert.True(t, strings.Contains(answer, want.String()), "order, ids and answers of all items")
		text, code := s.fault(t, check(items...))
		assert.Equal(t, [2]string{"too_many", "At most 10000 items per request"}, [2]string{code, text})
		assert.Equal(t, "<v:ConsentForDataCheckResponse"+spaces+"></v:ConsentForDataCheckResponse>", s.call(t, check()))
		assert.Equal(t, []string{denied, denied}, s.verdicts(t, check(item("same", ""), item("same", ""))))

		s.use.MaxItems = 3
		text, code = s.fault(t, check(items[:4]...))
		assert.Equal(t, [2]string{"too_many", "At most 3 items per request"}, [2]string{code, text})
		text, code = s.fault(t, check(append(slices.Clone(items[:8]), item("bad", period("x", "y")))...))
		assert.Equal(t, [2]string{fault.CodeSyntax, "Entry 9: dataPeriodFrom is not a date or a date and time"}, [2]string{code, text},
			"what cannot be read comes before what is too much")
		s.grants = nil
		_, code = s.fault(t, check(items[:4]...))
		assert.Equal(t, fault.CodeNotAuthorized, code, "who may not ask hears nothing of limits")
	})
	t.Run("ids", func(t *testing.T) {
		s := newFederated(t)
		long := strings.Repeat("ø", 128)
		assert.Contains(t, s.call(t, check(item(" "+long+" ", ""))), "<t:itemId>"+long+"</t:itemId>")
		assert.Contains(t, s.call(t, check(item("<![CDATA[<a&b>]]>", ""))), "<t:itemId>&lt;a&amp;b&gt;</t:itemId>")
		for content, want := range map[string][2]string{
			"<t:itemId>" + long + "ø</t:itemId>":           {fault.CodeSyntax, "Entry 1: itemId is too long"},
			"<t:itemId> </t:itemId>":                       {fault.CodeSyntax, "Entry 1: itemId is empty"},
			"<t:itemId>a</t:itemId><t:itemId>a</t:itemId>": {fault.CodeSyntax, "Entry 1: itemId is repeated"},
			"": {"invalid_request", "Entry 1: itemId is missing"},
			`<t:itemId xsi:nil="1" xmlns:xsi="` + xsi + `"/>`: {"invalid_request", "Entry 1: itemId is missing"},
		} {
			text, code := s.fault(t, check("<t:dataItem>"+content+"</t:dataItem>"))
			assert.Equal(t, want, [2]string{code, text}, content)
		}
	})
}

const xsi = "http://www.w3.org/2001/XMLSchema-instance"

// TestVerificationSamples answers the samples of the contract.
func TestVerificationSamples(t *testing.T) {
	s := newFederated(t)
	s.register(t, block(everyone, from(hospital)), block(foreign, allData))
	for _, c := range []struct {
		name string
		m    message
	}{
		{"user-check", message{system: true, header: acting(helperH, "nsi:ResponsibleUserCivilRegistrationNumber", doctorD)}},
		{"foreigners-check", contactPoint("")},
		{"data-check", message{system: true, header: acting(doctorD, `nsi:OrgUsingID" NameFormat="nsi:sor`, region)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.m.body = sample(t, c.name+"-request.xml")
			assert.Equal(t, sample(t, c.name+"-response.xml"), s.call(t, c.m))
		})
	}
	t.Run("the HSUID header as the contract prints it", func(t *testing.T) {
		m := message{system: true, header: sample(t, "hsuid.xml"), body: sample(t, "data-check-request.xml")}
		assert.Equal(t, []string{denied, denied}, s.verdicts(t, m))
	})
}

// TestCT39EqualAnswersAreEqualOctets: an answer tells nothing of why, nor of by how many.
func TestCT39EqualAnswersAreEqualOctets(t *testing.T) {
	answers := map[string]bool{}
	for _, n := range []int{1, 50} {
		s := newFederated(t)
		for range n {
			s.register(t, block(everyone, allData))
		}
		ask := viewer(doctorD, "", hospital, userOp)
		ask.id = "m-1"
		answer := s.send(t, ask).Body.String()
		require.Contains(t, answer, ">Negative<")
		answers[answer] = true
	}
	assert.Len(t, answers, 1, "the whole envelope, even")
}

// TestVerificationForms sends requests as clients write them.
func TestVerificationForms(t *testing.T) {
	s := newFederated(t)
	s.register(t, block(person(doctorD), allData), block(foreign, allData))
	plain := userCheck(professional(doctorD, "", hospital))
	for _, op := range []struct {
		name string
		m    message
	}{
		{userOp, message{system: true, header: acting(doctorD), body: plain}},
		{foreignersOp, contactPoint(foreignersCheck())},
		{dataOp, message{system: true, header: acting(doctorD), body: dataCheck(professional(doctorD, "", hospital), item("a", ""))}},
	} {
		want := s.call(t, op.m)
		for _, suffix := range []string{"V2", "Request", "V2Request"} {
			t.Run("CT-27 "+op.name+suffix, func(t *testing.T) {
				m := op.m
				m.body = strings.ReplaceAll(m.body, op.name, op.name+suffix)
				assert.Equal(t, want, s.call(t, m))
			})
		}
		for action, ok := range map[string]bool{
			`"` + op.name + `"`: true, op.name: true, op.name + "V2": true, `"` + op.name + `_20201104"`: true, `""`: true, "urn:other": true,
			userOp: op.name == userOp, `"` + foreignersOp + `"`: op.name == foreignersOp, dataOp + "V2": op.name == dataOp,
		} {
			t.Run("CT-27 "+op.name+" as "+action, func(t *testing.T) {
				m := op.m
				m.action = action
				if ok {
					assert.Equal(t, want, s.call(t, m))
					return
				}
				_, code := s.fault(t, m)
				assert.Equal(t, fault.CodeSyntax, code)
			})
		}
	}
	asked := func(body string) message { return message{system: true, header: acting(doctorD), body: body} }
	for name, body := range map[string]string{
		"children without namespace":       strings.NewReplacer("<t:", "<", "</t:", "</").Replace(plain),
		"children of the wrapper's":        strings.NewReplacer("<t:", "<v:", "</t:", "</v:").Replace(plain),
		"no prefixes":                      strings.NewReplacer("<t:", "<", "</t:", "</", "<v:", "<", "</v:", "</", "xmlns:v=", "xmlns=").Replace(plain),
		"blanks":                           strings.NewReplacer(">0", ">\n 0", "2</t:", "2\t</t:").Replace(plain),
		"a hyphen":                         strings.ReplaceAll(plain, doctorD, "020202-0202"),
		"what is not known":                strings.Replace(plain, "<t:citizenCPR>", "<t:future>x</t:future><x:citizenCPR xmlns:x='urn:x'>y</x:citizenCPR><t:citizenCPR new='1'>", 1),
		"what is not known, further below": strings.Replace(plain, "<t:organization", "<t:future><a/></t:future><t:organization new='1'", 1),
		"nobody helped":                    strings.Replace(plain, "<t:organization", "<t:responsibleHealthProfessionalCPR xsi:nil='true' xmlns:xsi='"+xsi+"'/><t:organization", 1),
		"himself helped":                   userCheck(professional(doctorD, doctorD, hospital)),
		"the citizen last":                 wrappedLast(userOp, professional(doctorD, "", hospital)),
	} {
		t.Run("CT-26 "+name, func(t *testing.T) { assert.Equal(t, []string{negative}, s.verdicts(t, asked(body))) })
	}
	for name, c := range map[string]struct{ body, code, text string }{
		"no citizen": {strings.Replace(plain, "<t:citizenCPR>"+citizenC+"</t:citizenCPR>", "", 1), "invalid_request", "citizenCPR is missing"},
		"two citizens": {strings.Replace(plain, "<t:citizenCPR>", "<t:citizenCPR>"+citizenB+"</t:citizenCPR><t:citizenCPR>", 1), fault.CodeSyntax,
			"citizenCPR is repeated"},
		"a citizen that is none":      {strings.Replace(plain, citizenC, "3102801111", 1), fault.CodeSyntax, "citizenCPR is not a civil registration number"},
		"no professional":             {userCheck(""), "invalid_request", "healthProfessionalCPR is missing"},
		"a professional without name": {userCheck("<t:healthProfessional/>"), "invalid_request", "healthProfessionalCPR is missing"},
		"no organisation": {userCheck("<t:healthProfessional><t:healthProfessionalCPR>" + doctorD + "</t:healthProfessionalCPR></t:healthProfessional>"),
			"invalid_request", "organization is missing"},
		"an empty organisation": {userCheck(professional(doctorD, "", " ")), fault.CodeSyntax, "organization is empty"},
		"a long organisation":   {userCheck(professional(doctorD, "", strings.Repeat("9", 51))), fault.CodeSyntax, "organization is too long"},
		"a long origin": {dataCheck(professional(doctorD, "", hospital), item("a", "<t:originatingOrganization>"+strings.Repeat("9", 51)+"</t:originatingOrganization>")),
			fault.CodeSyntax, "Entry 1: originatingOrganization is too long"},
		"two professionals": {userCheck(professional(doctorD, "", hospital) + professional(doctorD, "", hospital)), fault.CodeSyntax,
			"healthProfessional is repeated"},
		"a user check of a foreigner":     {userCheck(someone), "invalid_request", "healthProfessionalCPR is missing"},
		"a data check of nobody":          {dataCheck("", item("a", "")), "invalid_request", "healthProfessionalCPR is missing"},
		"a data check of two":             {dataCheck(professional(doctorD, "", hospital) + someone), fault.CodeSyntax, "healthProfessional stands beside foreignHealthProfessional"},
		"a number that is an element":     {userCheck(professional("<t:x/>", "", hospital)), fault.CodeSyntax, "healthProfessionalCPR is not text"},
		"another operation of the domain": {strings.ReplaceAll(plain, userOp, "ConsentRevoke"), fault.CodeSyntax, ""},
		"CT-45 Explain is no operation":   {strings.ReplaceAll(plain, userOp, "ConsentExplain"), fault.CodeSyntax, ""},
		"an operation of nobody":          {strings.ReplaceAll(plain, "consentverification", "consentother"), fault.CodeSyntax, ""},
	} {
		t.Run(name, func(t *testing.T) {
			text, code := s.fault(t, asked(c.body))
			assert.Equal(t, c.code, code)
			if c.text != "" {
				assert.Equal(t, c.text, text)
			}
		})
	}
	abroad := func(content string) message {
		return contactPoint(wrapped(foreignersOp, "<t:foreignHealthProfessional>"+content+"</t:foreignHealthProfessional>"))
	}
	named := "<t:countryCode>SE</t:countryCode><t:identifier>" + strings.Repeat("å", 200) + "</t:identifier>"
	assert.Equal(t, []string{negative}, s.verdicts(t, abroad(named+"<t:organizationName>"+strings.Repeat("å", 200)+"</t:organizationName>")))
	for name, c := range map[string]struct {
		m          message
		code, text string
	}{
		"a small country":     {abroad("<t:countryCode>se</t:countryCode>"), fault.CodeSyntax, "countryCode is not two capital letters"},
		"a long country":      {abroad("<t:countryCode>SWE</t:countryCode>"), fault.CodeSyntax, "countryCode is not two capital letters"},
		"a long identifier":   {abroad(strings.Replace(named, "å", "åå", 1)), fault.CodeSyntax, "identifier is too long"},
		"a long organisation": {abroad(named + "<t:organizationName>" + strings.Repeat("å", 201) + "</t:organizationName>"), fault.CodeSyntax, "organizationName is too long"},
		"no country":          {abroad("<t:identifier>1</t:identifier>"), "invalid_request", "foreignHealthProfessional has no countryCode or no identifier"},
		"no identifier":       {abroad("<t:countryCode>SE</t:countryCode>"), "invalid_request", "foreignHealthProfessional has no countryCode or no identifier"},
		"nobody":              {contactPoint(wrapped(foreignersOp, "")), "invalid_request", "foreignHealthProfessional has no countryCode or no identifier"},
		"a professional of ours": {contactPoint(wrapped(foreignersOp, professional(doctorD, "", hospital))), "invalid_request",
			"foreignHealthProfessional has no countryCode or no identifier"},
	} {
		t.Run(name, func(t *testing.T) {
			text, code := s.fault(t, c.m)
			assert.Equal(t, [2]string{c.code, c.text}, [2]string{code, text})
		})
	}
}

// wrappedLast has the citizen at the end.
func wrappedLast(operation, content string) string {
	citizen := "<t:citizenCPR>" + citizenC + "</t:citizenCPR>"
	return strings.Replace(strings.Replace(wrapped(operation, content), citizen, "", 1), "</v:", citizen+"</v:", 1)
}

// TestVerificationSize: a data check may be larger than other messages.
func TestVerificationSize(t *testing.T) {
	s := newFederated(t)
	pad := "<!--" + strings.Repeat("x", 1<<20) + "-->"
	assert.Equal(t, http.StatusRequestEntityTooLarge, s.send(t, viewer(doctorD, "", hospital, userOp, pad)).Code)
	assert.Empty(t, s.verdicts(t, viewer(doctorD, "", hospital, dataOp, strings.Repeat(pad, 7))))
	assert.Equal(t, http.StatusRequestEntityTooLarge, s.send(t, viewer(doctorD, "", hospital, dataOp, strings.Repeat(pad, 8))).Code)
}

// TestVerificationAgain: a message that comes again is answered by what is registered now.
func TestVerificationAgain(t *testing.T) {
	s := newFederated(t)
	m := viewer(doctorD, "", hospital, userOp)
	m.id = "m-again"
	assert.Equal(t, []string{unlimited}, s.verdicts(t, m))
	s.register(t, block(everyone, allData))
	assert.Equal(t, []string{negative}, s.verdicts(t, m))
}

// TestCT40VerificationDown: what does not answer never lets anything be seen.
func TestCT40VerificationDown(t *testing.T) {
	s := newFederated(t)
	s.store.OnRead.FailFrom(1, errors.New("a secret cause"))
	for _, m := range []message{
		viewer(doctorD, "", hospital, userOp), viewer(doctorD, "", hospital, dataOp, item("a", "")), contactPoint(foreignersCheck()),
	} {
		text, code := s.fault(t, m)
		assert.Equal(t, [2]string{fault.CodeProcessing, "The service cannot answer now"}, [2]string{code, text})
	}
	assert.Contains(t, s.log.String(), "a secret cause", "why stands in the log")
	for _, n := range []string{citizenC, doctorD} {
		assert.NotContains(t, s.log.String(), n)
	}
}

// TestVerificationOverride breaks through what the citizen said.
func TestVerificationOverride(t *testing.T) {
	override := func(operation string, items ...string) message {
		return message{header: acting(doctorD, "nsi:ConsentOverride", "true"), body: wrapped(operation, professional(doctorD, "", hospital)+strings.Join(items, ""))}
	}
	kept := func(t *testing.T, s *federated) []consent.Override {
		all, err := s.overrides.ByCitizen(t.Context(), number(citizenC), validity.Period{}, "", 10)
		require.NoError(t, err)
		return all
	}
	t.Run("CT-33 by an authorised professional", func(t *testing.T) {
		s := newFederated(t)
		assert.Equal(t, []string{unlimited}, s.verdicts(t, override(userOp)), "nothing is blocked")
		s.register(t, block(everyone, allData))
		s.now = s.now.Add(time.Second)
		assert.Equal(t, []string{unlimited}, s.verdicts(t, override(userOp)))
		s.now = s.now.Add(time.Second)
		assert.Equal(t, []string{allowed, allowed}, s.verdicts(t, override(dataOp, item("a", ""), item("b", ""))))
		all := kept(t, s)
		require.Len(t, all, 3)
		assert.Equal(t, dataOp, all[0].Operation)
		assert.Equal(t, userOp, all[2].Operation)
		assert.Equal(t, "TST01", all[2].AuthorisationCode)
		assert.Equal(t, "m-1", all[2].MessageID)
	})
	t.Run("CT-36 a value that says nothing", func(t *testing.T) {
		s := newFederated(t)
		m := viewer(doctorD, "", hospital, userOp)
		m.header = acting(doctorD, "nsi:ConsentOverride", "maybe")
		_, code := s.fault(t, m)
		assert.Equal(t, fault.CodeSyntax, code)
	})
	t.Run("CT-36 EMERGENCY in a token", func(t *testing.T) {
		s := newFederated(t)
		s.register(t, block(everyone, allData))
		tk := s.doctorToken().WithXML("urn:oasis:names:tc:xspa:1.0:subject:purposeofuse",
			`<PurposeOfUse xmlns="urn:hl7-org:v3" code="EMERGENCY" codeSystem="urn:oasis:names:tc:xspa:1.0"/>`)
		m := message{token: &tk, body: userCheck(professional(doctorD, "", hospital))}
		assert.Equal(t, []string{unlimited}, s.verdicts(t, m))
		require.Len(t, kept(t, s), 1)

		plain := s.doctorToken()
		m.token = &plain
		assert.Equal(t, []string{negative}, s.verdicts(t, m), "without it")
		m.header = acting(doctorD, "nsi:ConsentOverride", "1")
		assert.Equal(t, []string{unlimited}, s.verdicts(t, m), "the header says so")
		require.Len(t, kept(t, s), 2)
	})
	t.Run("CT-34 who may not", func(t *testing.T) {
		s := newFederated(t)
		s.register(t, block(everyone, allData), block(foreign, allData))
		for name, m := range map[string]message{
			"a helper without the code of whom he helps": {
				card:   func(c dgwstest.Card) dgwstest.Card { return c.Without("medcom:UserAuthorizationCode") },
				header: acting(doctorD, "nsi:ConsentOverride", "true"), body: userCheck(professional(doctorD, anotherDoctor, hospital)),
			},
			"a system that says no code": {system: true, header: acting(doctorD, "nsi:ConsentOverride", "true"), body: userCheck(professional(doctorD, "", hospital))},
			"the contact point": {
				system: true, body: foreignersCheck(),
				header: userHeader("nsi:UserType", "nsi:HealthcareProfessional", "nsi:SystemName", "NCPeH", "nsi:ConsentOverride", "true"),
			},
		} {
			_, code := s.fault(t, m)
			assert.Equal(t, fault.CodeNotAuthorized, code, name)
		}
		assert.Empty(t, kept(t, s))
		assert.Len(t, s.audit.Lines(), 3)
	})
	t.Run("CT-35 what cannot be kept does not happen", func(t *testing.T) {
		s := newFederated(t)
		s.overrides.OnAppend.FailFrom(1, errors.New("full"))
		text, code := s.fault(t, override(userOp))
		assert.Equal(t, [2]string{fault.CodeProcessing, "The service cannot answer now"}, [2]string{code, text})
	})
}
