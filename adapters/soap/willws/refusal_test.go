package willws_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/willws"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports/portstest"
)

// untouched asserts that a call left nothing behind: no will, no notice, nothing told to MinLog.
func (s *service) untouched(t testing.TB, had will.History) {
	t.Helper()
	assert.Equal(t, append(will.History{}, had...), append(will.History{}, s.history(t, citizenC)...))
	assert.Empty(t, s.told.Kept())
	n, err := s.db.Outbox().Next(t.Context(), notice.NAS, s.now.Add(time.Hour), 10)
	require.NoError(t, err)
	assert.Empty(t, n)
}

// TestMisreadRequests: what is not as the schema has it is refused, with the name of what is wrong, and nothing is done.
func TestMisreadRequests(t *testing.T) {
	const (
		dying    = "<w:noLifeProlongingIfDying>true</w:noLifeProlongingIfDying>"
		degraded = `<w:noLifeProlongingIfSeverelyDegraded acceptanceNeeded="relativeAcceptanceRequired">true</w:noLifeProlongingIfSeverelyDegraded>`
		pain     = "<w:noLifeProlongingIfSeverePain>false</w:noLifeProlongingIfSeverePain>"
		forced   = `<w:noForcedTreatmentIfIncapable acceptanceNeeded="guardianAcceptanceRequired">true</w:noForcedTreatmentIfIncapable>`

		ifDying, ifDegraded, ifPain, ifForced = "noLifeProlongingIfDying", "noLifeProlongingIfSeverelyDegraded", "noLifeProlongingIfSeverePain", "noForcedTreatmentIfIncapable"

		create, v2 = "CreateTreatmentWillRequest", "treatmentWillV2"
	)
	require.Equal(t, wishes2020, dying+degraded+pain+forced)
	create2020With := func(id, will string) string { return request("b:CreateTreatmentWill", id+will) }
	inV2 := func(attributes string) string {
		return create2020With(id(citizenC), "<treatmentWillV2 "+attributes+">"+wishes2020+"</treatmentWillV2>")
	}
	inID := func(attributes, content string) string {
		return create2020With(`<id root="1.2.208.176.1.2" extension="`+citizenC+`" `+attributes+`>`+content+`</id>`, "<treatmentWillV2>"+wishes2020+"</treatmentWillV2>")
	}
	wish := func(attributes, content string) string {
		return create2020("<w:noLifeProlongingIfDying" + attributes + ">" + content + "</w:noLifeProlongingIfDying>" + degraded + pain + forced)
	}
	for _, c := range []struct{ name, body, where string }{
		{"WA-16 treatmentWillV2 in an update of 2020", request("b:UpdateTreatmentWill", id(citizenC)+"<treatmentWillV2>"+wishes2020+"</treatmentWillV2>"), "treatmentWill"},
		{"WA-16 treatmentWill in a creation of 2020", request("b:CreateTreatmentWill", id(citizenC)+"<treatmentWill>"+wishes2020+"</treatmentWill>"), v2},
		{"treatmentWill in an upgrade", request("b:UpgradeToTreatmentWill", id(citizenC)+"<treatmentWill>"+wishes2020+"</treatmentWill>"), v2},
		{"treatmentWillV2 in 2018", request("o:CreateTreatmentWill", id(citizenC)+"<treatmentWillV2>"+wishes2018+"</treatmentWillV2>"), "treatmentWill"},
		{"wishes of 2018 in 2020", create2020(wishes2018), ifDying}, {"wishes of 2020 in 2018", create2018(wishes2020), ifDying},
		{"wishes of a living will in a treatment will", create2020(wishesL), ifDying},
		{"wishes of a treatment will in a living will", createL(wishes2020), ifDying},
		{"more wishes than a living will has", createL(wishesL + "<wl:noLifeProlongingIfSeverePain>true</wl:noLifeProlongingIfSeverePain>"), "livingWill"},
		{"a living will in an answer's element", request("l:CreateLivingWill", id(citizenC)+"<treatmentWill>"+wishesL+"</treatmentWill>"), "livingWill"},
		{"an answer's operation", "<b:CreateTreatmentWillResponse/>", ""},

		{"WA-17 a qualified id", request("b:GetTreatmentWill", strings.NewReplacer("<id", "<b:id").Replace(id(citizenC))), "id"},
		{"an id of HL7", request("b:GetTreatmentWill", strings.NewReplacer("<id", "<h:id").Replace(id(citizenC))), "id"},
		{"WA-17 a qualified will", create2020With(id(citizenC), "<b:treatmentWillV2>"+wishes2020+"</b:treatmentWillV2>"), v2},
		{"unqualified wishes", create2020(strings.ReplaceAll(wishes2020, "w:", "")), ifDying},
		{"WA-17 nothing", request("b:GetTreatmentWill", ""), "id"}, {"WA-17 nothing to create", request("b:CreateTreatmentWill", ""), "id"},
		{"WA-17 no id", create2020With("", "<treatmentWillV2>"+wishes2020+"</treatmentWillV2>"), "id"},
		{"WA-17 no will", on("b:CreateTreatmentWill"), v2}, {"no living will", on("l:CreateLivingWill"), "livingWill"},
		{"WA-17 no first wish", create2020(degraded + pain + forced), ifDying}, {"WA-17 no second wish", create2020(dying + pain + forced), ifDegraded},
		{"WA-17 no third wish", create2020(dying + degraded + forced), ifPain}, {"WA-17 no fourth wish", create2020(dying + degraded + pain), ifForced},
		{"no second wish of a living will", createL("<wl:noLifeProlongingIfDying>true</wl:noLifeProlongingIfDying>"), ifDegraded},
		{"no wishes", create2020(""), ifDying},
		{"WA-17 will before id", request("b:CreateTreatmentWill", "<treatmentWillV2>"+wishes2020+"</treatmentWillV2>"+id(citizenC)), "id"},
		{"WA-17 wishes in another order", create2020(degraded + dying + pain + forced), ifDying},
		{"WA-17 the last wishes in another order", create2020(dying + degraded + forced + pain), ifPain},
		{"WA-17 id twice", request("b:GetTreatmentWill", id(citizenC)+id(citizenC)), "GetTreatmentWillRequest"},
		{"id of another twice", request("b:DeleteTreatmentWill", id(citizenC)+id(citizenB)), "DeleteTreatmentWillRequest"},
		{"id twice before a will", create2020With(id(citizenC)+id(citizenC), "<treatmentWillV2>"+wishes2020+"</treatmentWillV2>"), v2},
		{"WA-17 will twice", create2020With(id(citizenC), strings.Repeat("<treatmentWillV2>"+wishes2020+"</treatmentWillV2>", 2)), create},
		{"WA-17 a wish twice", create2020(dying + dying + degraded + pain + forced), ifDegraded},
		{"WA-17 the last wish twice", create2020(wishes2020 + forced), v2},
		{"a will where there is none", request("b:DeleteTreatmentWill", id(citizenC)+"<treatmentWillV2>"+wishes2020+"</treatmentWillV2>"), "DeleteTreatmentWillRequest"},
		{"something unknown after the id", request("b:HasTreatmentWill", id(citizenC)+"<more/>"), "HasTreatmentWillRequest"},
		{"something unknown after the wishes", create2020(wishes2020 + "<w:more>true</w:more>"), v2},

		{"text beside the id", request("b:GetTreatmentWill", "x"+id(citizenC)), "GetTreatmentWillRequest"},
		{"text beside wishes", create2020(wishes2020 + "x"), v2},
		{"text in the id", inID("", "x"), "id"}, {"an element in the id", inID("", "<x/>"), "id"},
		{"an attribute of the request", strings.Replace(on("b:GetTreatmentWill"), "<b:GetTreatmentWillRequest", `<b:GetTreatmentWillRequest id="x"`, 1), "GetTreatmentWillRequest"},
		{"an attribute of the id", inID(`codeSystem="x"`, ""), "id"}, {"displayable", inID(`displayable="yes"`, ""), "displayable"},
		{"the id of another type", inID(`xsi:type="h:bl"`, ""), "id"}, {"the id is nil", inID(`xsi:nil="true"`, ""), "id"},
		{"an attribute of the will", inV2(`code="x"`), v2}, {"acceptance of the will", inV2(`acceptanceNeeded="relativeAcceptanceRequired"`), v2},
		{"xsi:type of 2018", inV2(`xsi:type="wo:TreatmentWill"`), v2}, {"xsi:type of another name", inV2(`xsi:type="w:TreatmentWillWithOnlyForcedTreatment"`), v2},
		{"xsi:type of another namespace", inV2(`xsi:type="b:TreatmentWillV2"`), v2}, {"xsi:type in no namespace", inV2(`xsi:type="TreatmentWillV2"`), v2},
		{"xsi:type with an unknown prefix", inV2(`xsi:type="unknown:TreatmentWillV2"`), v2}, {"xsi:type is empty", inV2(`xsi:type=""`), v2},
		{"the will is nil", inV2(`xsi:nil="true"`), v2}, {"the will is not nil", inV2(`xsi:nil="false"`), v2},

		{"a wish in another case", wish("", "True"), ifDying}, {"a wish of another word", wish("", "yes"), ifDying}, {"a number", wish("", "2"), ifDying},
		{"an empty wish", wish("", ""), ifDying}, {"white space", wish("", " \n"), ifDying}, {"two words", wish("", "true false"), ifDying},
		{"a non-breaking space", wish("", "true\u00a0"), ifDying}, {"an element in a wish", wish("", "true<w:x/>"), ifDying},
		{"an element before a wish's text", wish("", "<x/>true"), ifDying},
		{"a wish is nil", wish(` xsi:nil="true"`, ""), ifDying}, {"a wish is nil, and holds something", wish(` xsi:nil="1"`, "true"), ifDying},
		{"an attribute of a wish", wish(` nullFlavor="NI"`, "true"), ifDying}, {"acceptance misspelt", wish(` AcceptanceNeeded="relativeAcceptanceRequired"`, "true"), ifDying},
		{"a wish of another type", wish(` xsi:type="xsd:string"`, "true"), ifDying},
		{"acceptance of nobody known", create2020(strings.Replace(wishes2020, "relativeAcceptanceRequired", "doctorAcceptanceRequired", 1)), "acceptanceNeeded"},
		{"acceptance in another case", create2020(strings.Replace(wishes2020, "relativeAcceptanceRequired", "RelativeAcceptanceRequired", 1)), "acceptanceNeeded"},
		{"acceptance of nobody", create2020(strings.Replace(wishes2020, "relativeAcceptanceRequired", "", 1)), "acceptanceNeeded"},
		{"acceptance of nobody known of what is not declined", create2020(strings.Replace(wishes2020, "<w:noLifeProlongingIfSeverePain>", `<w:noLifeProlongingIfSeverePain acceptanceNeeded="x">`, 1)), "acceptanceNeeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			s.keeper.Rules.Closed = s.now.AddDate(1, 0, 0)
			w := s.send(t, c.body)
			if c.where == "" {
				refused(t, w, "syntax_error", "The element in the SOAP Body is no operation of this service.")
			} else {
				unread(t, w, c.where)
			}
			s.untouched(t, nil)
		})
	}
}

// TestWA18: an id that is none of a citizen.
func TestWA18(t *testing.T) {
	withID := func(attributes string) string {
		return request("b:CreateTreatmentWill", "<id "+attributes+"/><treatmentWillV2>"+wishes2020+"</treatmentWillV2>")
	}
	const root = `root="1.2.208.176.1.2" `
	for _, c := range []struct{ name, attributes string }{
		{"WA-18 another root", `root="1.2.208.176.1.3" extension="` + citizenC + `"`}, {"no root", `extension="` + citizenC + `"`},
		{"WA-18 nine digits", root + `extension="050179227"`}, {"eleven digits", root + `extension="05017922755"`},
		{"WA-18 a day that there is not", root + `extension="3111009999"`}, {"a month that there is not", root + `extension="0113792275"`},
		{"WA-18 X-eCPR", root + `extension="010190ABC1"`}, {"another issuer of X-eCPR", `root="1.2.208.176.1.6.1.3.231" extension="` + citizenC + `"`},
		{"with a hyphen", root + `extension="050179-2275"`}, {"with a space", root + `extension="050179 2275"`},
		{"other digits", root + `extension="٠٥٠١٧٩٢٢٧٥"`}, {"no extension", root}, {"an empty extension", root + `extension=""`}, {"nothing", ""},
		{"WA-18 nullFlavor", root + `extension="` + citizenC + `" nullFlavor="NI"`}, {"nullFlavor alone", `nullFlavor="UNK"`},
		{"an empty nullFlavor", root + `extension="` + citizenC + `" nullFlavor=""`},
		{"another authority", root + `extension="` + citizenC + `" assigningAuthorityName="SOR"`},
		{"an empty authority", root + `extension="` + citizenC + `" assigningAuthorityName=""`},
		{"the authority in another case", root + `extension="` + citizenC + `" assigningAuthorityName="cpr"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			refused(t, s.send(t, withID(c.attributes)), "invalid_id", "the citizen's id is not valid")
			refused(t, s.send(t, request("b:GetTreatmentWill", "<id "+c.attributes+"/>")), "invalid_id", "the citizen's id is not valid")
			s.untouched(t, nil)
			t.Run("who may not call hears nothing else", func(t *testing.T) {
				refused(t, s.as(system(listed)).send(t, withID(c.attributes)), "not_authorized", "no access")
			})
		})
	}
}

// TestWA38: messages that are meant to harm.
func TestWA38(t *testing.T) {
	s := newService(t)
	const unknown = "The element in the SOAP Body is no operation of this service."
	for _, c := range []struct{ name, message, text string }{
		{"WA-38 two body children", envelope("m", on("b:HasTreatmentWill")+on("b:HasTreatmentWill")), "The SOAP Body must hold exactly one element."},
		{"no body child", envelope("m", ""), "The SOAP Body must hold exactly one element."},
		{"an unknown operation", envelope("m", on("b:RemoveTreatmentWill")), unknown},
		{"an operation of the other register", envelope("m", on("l:HasLivingWill")), unknown},
		{"an operation in no namespace", envelope("m", on("HasTreatmentWill")), unknown},
		{"the namespace without its slash", strings.Replace(envelope("m", on("b:HasTreatmentWill")), "2020/03/16/", "2020/03/16", 1), unknown},
		{"an operation without its suffix", envelope("m", "<b:HasTreatmentWill>"+id(citizenC)+"</b:HasTreatmentWill>"), unknown},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, s.post(t, willws.PathBTR, c.message), "syntax_error", c.text) })
	}
	for name, message := range map[string]string{
		"WA-38 a document type": `<!DOCTYPE x [<!ENTITY a "b">]>` + envelope("m", on("b:HasTreatmentWill")),
		"bad UTF-8":             envelope("m", request("b:HasTreatmentWill", id("\xf8"))),
		"not closed":            strings.TrimSuffix(envelope("m", on("b:HasTreatmentWill")), ">"),
		"depth":                 envelope("m", request("b:HasTreatmentWill", strings.Repeat("<x>", 100)+strings.Repeat("</x>", 100))),
	} {
		t.Run(name, func(t *testing.T) {
			w := s.post(t, willws.PathBTR, message)
			assert.Equal(t, http.StatusInternalServerError, w.Code)
			assert.Contains(t, w.Body.String(), "<medcom:FaultCode>syntax_error</medcom:FaultCode>")
		})
	}
	t.Run("WA-38 10 MB", func(t *testing.T) {
		message := envelope("m", create2020(strings.Repeat(" ", 10<<20)))
		w := s.post(t, willws.PathBTR, message)
		assert.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
		assert.Contains(t, w.Body.String(), "<medcom:FaultCode>syntax_error</medcom:FaultCode>")
	})
	s.untouched(t, nil)
}

// TestFaults: every fault of the contract, of each operation that has it.
func TestFaults(t *testing.T) {
	const (
		exists, existsText     = "will_exists", "the citizen already has a valid will"
		none, noneText         = "will_not_found", "the citizen has no valid will"
		closed, closedText     = "register_closed", "living wills can no longer be created or changed"
		no, noText             = "not_authorized", "no access"
		down, downText         = "processing_problem", "internal error"
		minlog, minlogText     = "minlog_unavailable", "MinLog is unavailable, nothing was done"
		young, youngText       = "not_eligible", "the citizen is too young"
		inactive, inactiveText = "inactive_citizen", "the CPR number is not active"
		invalid, invalidText   = "invalid_will", "acceptance cannot be required for this wish"
		empty, emptyText       = "empty_will", "the will holds no wishes"
	)
	living := will.LTR
	treatment := will.BTR
	null := strings.Replace(create2020(wishes2020), "<treatmentWillV2>", `<treatmentWillV2 nullFlavor="NI">`, 1)
	asB := func(s *service) { s.caller = citizen(citizenB) }
	asChild := func(s *service) { s.caller = citizen(childA) }
	asAway := func(s *service) { s.caller = citizen(awayE) }
	open := func(s *service) { s.keeper.Rules.Closed = time.Time{} }
	noMinLog := func(s *service) { s.access.OnLog.FailFrom(1, errDown) }
	noRegister := func(s *service) { s.down = true }
	noStore := func(s *service) {
		down := &portstest.FailingWills{Store: s.keeper.Store}
		down.OnRead.FailFrom(1, errDown)
		s.keeper.Store = down
	}
	of := func(who, body string) string { return strings.ReplaceAll(body, citizenC, who) }
	for _, c := range []struct {
		name, body string
		had        *will.Register
		given      func(*service)
		code, text string
	}{
		{"a treatment will beside one", create2020(wishes2020), &treatment, nil, exists, existsText},
		{"one of 2018 beside one", create2018(wishes2018), &treatment, nil, exists, existsText},
		{"WA-03 a treatment will beside a living will", create2020(wishes2020), &living, nil, exists, existsText},
		{"a living will beside a treatment will", createL(wishesL), &treatment, open, exists, existsText},
		{"WA-05 an upgrade of a treatment will", upgrade2020(wishes2020), &treatment, nil, exists, existsText},
		{"WA-05 an upgrade of nothing", upgrade2020(wishes2020), nil, nil, none, noneText},
		{"an update of nothing", update2020(wishes2020), nil, nil, none, noneText},
		{"an update of 2018 of nothing", update2018(wishes2018), nil, nil, none, noneText},
		{"an update of a living will as a treatment will", update2020(wishes2020), &living, nil, none, noneText},
		{"an update of a treatment will as a living will", updateL(wishesL), &treatment, open, none, noneText},
		{"WA-09 a withdrawal of nothing", on("b:DeleteTreatmentWill"), nil, nil, none, noneText},
		{"a withdrawal of 2018 of nothing", on("o:DeleteTreatmentWill"), nil, nil, none, noneText},
		{"a withdrawal of a treatment will as a living will", on("l:DeleteLivingWill"), &treatment, nil, none, noneText},
		{"WA-36 a new living will", createL(wishesL), nil, nil, closed, closedText},
		{"WA-36 a citizen's update of a living will", updateL(wishesL), &living, nil, closed, closedText},
		{"nullFlavor of a will", null, nil, nil, invalid, invalidText},
		{"WA-14 nothing is declined", create2020(strings.ReplaceAll(wishes2020, "true", "false")), nil, nil, empty, emptyText},
		{"an update to nothing", update2020(strings.ReplaceAll(wishes2020, "true", "0")), &treatment, nil, empty, emptyText},
		{"a living will without wish", createL(strings.ReplaceAll(wishesL, "true", "false")), nil, open, empty, emptyText},
		{"a child", of(childA, create2020(wishes2020)), nil, asChild, young, youngText},
		{"WA-34 somebody who emigrated", of(awayE, create2020(wishes2020)), nil, asAway, inactive, inactiveText},
		{"WA-24 another citizen", create2020(wishes2020), nil, asB, no, noText},
		{"WA-24 another citizen has a will", create2020(wishes2020), &treatment, asB, no, noText},
		{"WA-24 another citizen's will is read", on("b:GetTreatmentWill"), &treatment, asB, no, noText},
		{"WA-24 a doctor creates", create2020(wishes2020), nil, func(s *service) { s.caller = professional(doctorD, "7170") }, no, noText},
		{"WA-26 a dentist reads all", on("b:GetTreatmentWill"), &treatment, func(s *service) { s.caller = professional(dentistT, dentistsEducation) }, no, noText},
		{"WA-26 a dentist reads a living will", on("l:GetLivingWill"), &living, func(s *service) { s.caller = professional(dentistT, dentistsEducation) }, no, noText},
		{"WA-27 a system reads", on("b:GetTreatmentWill"), &treatment, func(s *service) { s.caller = system(listed) }, no, noText},
		{"WA-27 another system asks", on("b:HasTreatmentWill"), &treatment, func(s *service) { s.caller = system("99999903") }, no, noText},
		{"WA-25 no authorisation", on("b:GetTreatmentWill"), &treatment, func(s *service) { s.caller = administrator() }, no, noText},
		{"WA-29 MinLog is down, Create", create2020(wishes2020), nil, noMinLog, minlog, minlogText},
		{"MinLog is down, Update", update2020(wishes2020), &treatment, noMinLog, minlog, minlogText},
		{"MinLog is down, UpgradeTo", upgrade2020(wishes2020), &living, noMinLog, minlog, minlogText},
		{"WA-29 MinLog is down, Delete", on("b:DeleteTreatmentWill"), &treatment, noMinLog, minlog, minlogText},
		{"WA-29 MinLog is down, Get", on("b:GetTreatmentWill"), &treatment, noMinLog, minlog, minlogText},
		{"MinLog is down, Get of treatment by force", on("b:GetTreatmentWillWithOnlyForcedTreatment"), &treatment, noMinLog, minlog, minlogText},
		{"WA-29 MinLog is down, Has", on("b:HasTreatmentWill"), &treatment, noMinLog, minlog, minlogText},
		{"WA-35 the CPR register is down", create2020(wishes2020), nil, noRegister, down, downText},
		{"the store is down, Create", create2020(wishes2020), nil, noStore, down, downText},
		{"the store is down, Get", on("b:GetTreatmentWill"), &treatment, noStore, down, downText},
		{"the store is down, Has", on("b:HasTreatmentWill"), &treatment, noStore, down, downText},
		{"the store is down, Delete", on("b:DeleteTreatmentWill"), &treatment, noStore, down, downText},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			if c.had != nil {
				s.given(t, *c.had, livingWishes)
			}
			had := s.history(t, citizenC)
			if c.given != nil {
				c.given(s)
			}
			refused(t, s.send(t, c.body), c.code, c.text)
			s.untouched(t, had)
		})
	}
	t.Run("WA-09 no will is read, of any kind", func(t *testing.T) {
		for _, operation := range []string{"l:GetLivingWill", "o:GetTreatmentWill", "b:GetTreatmentWill", "b:GetTreatmentWillWithOnlyForcedTreatment"} {
			s := newService(t)
			refused(t, s.send(t, on(operation)), none, noneText)
			assert.Len(t, s.told.Kept(), 1, "a look that found nothing is told too")
		}
	})
	t.Run("what the gate says of a call stays as it is", func(t *testing.T) {
		s := newService(t)
		s.audit.Fail(nil, errDown)
		w := s.send(t, create2020(wishes2020))
		assert.NotContains(t, w.Body.String(), downText)
		assert.Contains(t, w.Body.String(), "<medcom:FaultCode>processing_problem</medcom:FaultCode>")
		assert.Empty(t, s.history(t, citizenC))
	})
}
