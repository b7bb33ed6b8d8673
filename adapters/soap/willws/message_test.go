package willws_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/willws"
	"github.com/opennsp/nsp/domain/will"
)

// editions are the interfaces, with the prefix of their messages in tests, their will in a request and the form that it is read in.
var editions = []struct {
	name, space, prefix, noun, date string
	create, update                  func(wishes string) string
	wishes, valueType, payload      string
}{
	{"living wills of 2018", nsL, "l:", "LivingWill", "_2018_05_01", createL, updateL, wishesL, "LivingWill", payL},
	{"treatment wills of 2018", ns2018, "o:", "TreatmentWill", "_2018_05_01", create2018, update2018, wishes2018, "TreatmentWill", pay2018},
	{"treatment wills of 2020", ns2020, "b:", "TreatmentWill", "_2020_03_16", create2020, update2020, wishes2020, "TreatmentWillV2", pay2020},
}

// answer is a response as it is written.
func answer(space, operation, content string) string {
	return "<b:" + operation + `Response xmlns:b="` + space + `">` + content + "</b:" + operation + "Response>"
}

func exists(is string) string { return "<willExists>" + is + "</willExists>" }

var (
	authorTime = regexp.MustCompile(`<h:author><h:time value="([^"]*)">`)
	valueOf    = regexp.MustCompile(`<h:value xsi:type="w:(\w+)">(.*)</h:value>`)
	payloadOf  = regexp.MustCompile(`xmlns:w="([^"]*)"`)
)

// read returns the form of the will in a document, the namespace of its prefix, the wishes and since when they are so.
func read(t testing.TB, body string) (valueType, payload, wishes, since string) {
	t.Helper()
	value, space, registered := valueOf.FindStringSubmatch(body), payloadOf.FindStringSubmatch(body), authorTime.FindStringSubmatch(body)
	require.Len(t, value, 3, body)
	require.Len(t, space, 2, body)
	require.Len(t, registered, 2, body)
	return value[1], space[1], value[2], registered[1]
}

// TestDay: a will is made, found, read, changed and withdrawn by each interface.
func TestDay(t *testing.T) {
	for _, e := range editions {
		t.Run(e.name, func(t *testing.T) {
			s := newService(t)
			s.keeper.Rules.Closed = s.now.AddDate(1, 0, 0)
			written := regexp.MustCompile(`(</?)\w+:`).ReplaceAllString(e.wishes, "${1}w:")

			assert.Equal(t, answer(e.space, "Has"+e.noun, exists("false")), s.call(t, on(e.prefix+"Has"+e.noun)))
			assert.Equal(t, answer(e.space, "Create"+e.noun, ""), s.call(t, e.create(e.wishes)))
			assert.Equal(t, answer(e.space, "Has"+e.noun, exists("true")), s.call(t, on(e.prefix+"Has"+e.noun)))

			body := s.call(t, on(e.prefix+"Get"+e.noun))
			assert.True(t, strings.HasPrefix(body, "<b:Get"+e.noun+`Response xmlns:b="`+e.space+`"><ClinicalDocument `), "%s", body)
			valueType, payload, wishes, since := read(t, body)
			assert.Equal(t, []string{e.valueType, e.payload, written, "20261121230510+0100"}, []string{valueType, payload, wishes, since})
			assert.Contains(t, body, `<h:id root="1.2.208.176.1.2" extension="`+citizenC+`" assigningAuthorityName="CPR">`)

			s.now = s.now.Add(90 * 60 * 1e9)
			assert.Equal(t, answer(e.space, "Update"+e.noun, ""), s.call(t, e.update(e.wishes)))
			body = s.call(t, on(e.prefix+"Get"+e.noun))
			_, _, _, since = read(t, body)
			assert.Equal(t, "20261122003510+0100", since)
			assert.Equal(t, answer(e.space, "Delete"+e.noun, ""), s.call(t, on(e.prefix+"Delete"+e.noun)))
			assert.Equal(t, answer(e.space, "Has"+e.noun, exists("false")), s.call(t, on(e.prefix+"Has"+e.noun)))
		})
	}
}

// TestWA01: what was created is read and found, in its register alone.
func TestWA01(t *testing.T) {
	s := newService(t)
	s.call(t, create2020(wishes2020))
	_, _, wishes, since := read(t, s.call(t, on("b:GetTreatmentWill")))
	assert.Equal(t, wishes2020, wishes)
	assert.Equal(t, "20261121230510+0100", since)
	assert.Contains(t, s.call(t, on("b:HasTreatmentWill")), exists("true"))
	assert.Contains(t, s.call(t, on("l:HasLivingWill")), exists("false"))
}

// TestHistory: what was is kept, one will follows the other, and subscribers are told of each change once.
func TestHistory(t *testing.T) {
	notices := func(s *service) int {
		n, _, _, err := s.db.Outbox().Waiting(t.Context())
		require.NoError(t, err)
		return n
	}
	s := newService(t)
	s.call(t, create2020(wishes2020))
	t.Run("WA-02 a second will is refused, and makes neither row nor notice", func(t *testing.T) {
		refused(t, s.send(t, create2020(wishes2020)), "will_exists", "the citizen already has a valid will")
		assert.Len(t, s.history(t, citizenC), 1)
		assert.Len(t, s.told.Kept(), 1)
		assert.Equal(t, 1, notices(s))
	})
	t.Run("WA-07 WA-08 an update at the same instant that says the same is a row of its own", func(t *testing.T) {
		s.call(t, update2020(wishes2020))
		h := s.history(t, citizenC)
		require.Len(t, h, 2)
		assert.Equal(t, h[0].From.Add(time.Microsecond), h[1].From)
		assert.Equal(t, h[0].To, h[1].From)
		assert.Contains(t, s.call(t, on("b:HasTreatmentWill")), exists("true"))
	})
	t.Run("WA-09 WA-10 a will that was withdrawn is kept, and may be followed by another", func(t *testing.T) {
		s.call(t, on("b:DeleteTreatmentWill"))
		s.call(t, create2018(wishes2018))
		h := s.history(t, citizenC)
		require.Len(t, h, 3)
		assert.False(t, h[1].To.IsZero())
		assert.False(t, h[2].From.Before(h[1].To))
	})
	t.Run("WA-04 subscribers to both registers are told of an upgrade", func(t *testing.T) {
		assert.Equal(t, 4, notices(s))
		s := newService(t)
		s.given(t, will.LTR, livingWishes)
		s.call(t, upgrade2020(wishes2020))
		assert.Equal(t, 2, notices(s))
	})
}

// TestForcedTreatment: who asks for treatment by force alone is told of nothing else.
func TestForcedTreatment(t *testing.T) {
	s := newService(t)
	s.call(t, create2020(wishes2020))
	body := s.as(professional(dentistT, dentistsEducation)).call(t, on("b:GetTreatmentWillWithOnlyForcedTreatment"))
	assert.True(t, strings.HasPrefix(body, `<b:GetTreatmentWillWithOnlyForcedTreatmentResponse xmlns:b="`+ns2020+`">`), "%s", body)
	valueType, payload, wishes, _ := read(t, body)
	assert.Equal(t, []string{"TreatmentWillWithOnlyForcedTreatment", pay2020}, []string{valueType, payload})
	assert.Equal(t, `<w:noForcedTreatmentIfIncapable acceptanceNeeded="guardianAcceptanceRequired">true</w:noForcedTreatmentIfIncapable>`, wishes)
	assert.NotContains(t, body, "noLifeProlonging")
}

// TestUpgrade: WA-04: a treatment will follows a living will, at one instant.
func TestUpgrade(t *testing.T) {
	s := newService(t)
	s.given(t, will.LTR, livingWishes)
	assert.Equal(t, answer(ns2020, "UpgradeToTreatmentWill", ""), s.call(t, upgrade2020(wishes2020)))
	assert.Contains(t, s.call(t, on("l:HasLivingWill")), exists("false"))
	assert.Contains(t, s.call(t, on("b:HasTreatmentWill")), exists("true"))
	h := s.history(t, citizenC)
	require.Len(t, h, 2)
	assert.Equal(t, []will.Register{will.LTR, will.BTR}, []will.Register{h[0].Register, h[1].Register})
	assert.Equal(t, h[0].To, h[1].From)
	assert.Equal(t, sampleWishes, h[1].Wishes)
}

// TestWishes: what a will may ask for.
func TestWishes(t *testing.T) {
	const dying = "<w:noLifeProlongingIfDying>true"
	const dyingIf = `<w:noLifeProlongingIfDying acceptanceNeeded="relativeAcceptanceRequired">true`
	conditional := strings.Replace(wishes2020, dying, dyingIf, 1)
	t.Run("WA-13 acceptance of a wish that cannot have one", func(t *testing.T) {
		s := newService(t)
		for _, body := range []string{create2020(conditional), create2018(strings.ReplaceAll(conditional, "w:", "wo:"))} {
			refused(t, s.send(t, body), "invalid_will", "acceptance cannot be required for this wish")
		}
		s.given(t, will.BTR, sampleWishes)
		for _, body := range []string{update2020(conditional), update2018(strings.ReplaceAll(conditional, "w:", "wo:"))} {
			refused(t, s.send(t, body), "invalid_will", "acceptance cannot be required for this wish")
		}
		assert.Len(t, s.history(t, citizenC), 1)
		assert.Empty(t, s.told.Kept())
	})
	t.Run("WA-13 no wish of a living will has one", func(t *testing.T) {
		s := newService(t)
		s.keeper.Rules.Closed = s.now.AddDate(1, 0, 0)
		for _, name := range []string{"noLifeProlongingIfDying", "noLifeProlongingIfSeverelyDegraded"} {
			body := createL(strings.Replace(wishesL, "<wl:"+name+">", "<wl:"+name+` acceptanceNeeded="guardianAcceptanceRequired">`, 1))
			refused(t, s.send(t, body), "invalid_will", "acceptance cannot be required for this wish")
		}
		assert.Empty(t, s.history(t, citizenC))
	})
	t.Run("WA-14 nothing is declined", func(t *testing.T) {
		s := newService(t)
		none := strings.ReplaceAll(wishes2020, "true", "false")
		for _, body := range []string{create2020(none), create2018(strings.ReplaceAll(none, "w:", "wo:")), upgrade2020(none)} {
			refused(t, s.send(t, body), "empty_will", "the will holds no wishes")
		}
		assert.Empty(t, s.history(t, citizenC))
	})
	t.Run("WA-15 acceptance of what is not declined is dropped", func(t *testing.T) {
		s := newService(t)
		s.call(t, create2020(strings.Replace(wishes2020, "<w:noLifeProlongingIfSeverePain>", `<w:noLifeProlongingIfSeverePain acceptanceNeeded="trustedAgentAcceptanceRequired">`, 1)))
		_, _, wishes, _ := read(t, s.call(t, on("b:GetTreatmentWill")))
		assert.Equal(t, wishes2020, wishes)
	})
	t.Run("whoever must accept is kept as it is asked for", func(t *testing.T) {
		for _, needs := range []string{"relative", "guardian", "trustedAgent"} {
			s := newService(t)
			asked := strings.ReplaceAll(wishes2020, "relativeAcceptanceRequired", needs+"AcceptanceRequired")
			s.call(t, create2020(asked))
			assert.Equal(t, will.Acceptance(needs), s.history(t, citizenC)[0].IfSeverelyDegraded.Needs)
			_, _, wishes, _ := read(t, s.call(t, on("b:GetTreatmentWill")))
			assert.Equal(t, asked, wishes)
		}
	})
	t.Run("each wish is read as itself", func(t *testing.T) {
		for i, want := range []will.Wishes{
			{IfDying: will.Wish{Declined: true}}, {IfSeverelyDegraded: will.Wish{Declined: true}},
			{IfSeverePain: will.Wish{Declined: true}}, {NoForcedTreatment: will.Wish{Declined: true}},
		} {
			content := ""
			for j, name := range []string{
				"noLifeProlongingIfDying", "noLifeProlongingIfSeverelyDegraded", "noLifeProlongingIfSeverePain", "noForcedTreatmentIfIncapable",
			} {
				content += "<w:" + name + ">" + map[bool]string{true: "true", false: "false"}[i == j] + "</w:" + name + ">"
			}
			s := newService(t)
			s.call(t, create2020(content))
			assert.Equal(t, want, s.history(t, citizenC)[0].Wishes)
		}
	})
}

// TestWA19: what differs and means the same is taken.
func TestWA19(t *testing.T) {
	will2020 := "<treatmentWillV2>" + wishes2020 + "</treatmentWillV2>"
	with := func(id, will string) string { return request("b:CreateTreatmentWill", id+will) }
	typed := func(attributes string) string {
		return strings.Replace(will2020, "<treatmentWillV2", "<treatmentWillV2 "+attributes, 1)
	}
	unprefixed := `<CreateTreatmentWillRequest xmlns="` + ns2020 + `">` + strings.Replace(id(citizenC), "<id ", `<id xmlns="" `, 1) + `<treatmentWillV2 xmlns="">` +
		strings.NewReplacer("<w:no", `<no`, "</w:", "</").Replace(regexp.MustCompile(`(<w:\w+)`).ReplaceAllString(wishes2020, `$1 xmlns="`+pay2020+`"`)) +
		"</treatmentWillV2></CreateTreatmentWillRequest>"
	for _, c := range []struct{ name, body string }{
		{"as in the sample", with(id(citizenC), will2020)},
		{"WA-19 id without assigningAuthorityName", with(`<id root="1.2.208.176.1.2" extension="`+citizenC+`"/>`, will2020)},
		{"displayable", with(`<id displayable="false" root="1.2.208.176.1.2" extension="`+citizenC+`"></id>`, will2020)},
		{"white space in an id", with("<id\n root=' 1.2.208.176.1.2 ' extension='\t"+citizenC+" ' assigningAuthorityName=' CPR'> </id>", will2020)},
		{"id of its type", with(`<id xsi:type="h:II" root="1.2.208.176.1.2" extension="`+citizenC+`"/>`, will2020)},
		{"WA-19 booleans 1 and 0", with(id(citizenC), strings.NewReplacer(">true<", ">1<", ">false<", ">0<").Replace(will2020))},
		{"white space around booleans", with(id(citizenC), strings.NewReplacer(">true<", ">\n true\t<", ">false<", "> false <").Replace(will2020))},
		{"white space around who must accept", with(id(citizenC), strings.Replace(will2020, `"relative`, `" relative`, 1))},
		{"WA-19 the right xsi:type", with(id(citizenC), typed(`xsi:type="w:TreatmentWillV2"`))},
		{"xsi:type by a prefix of its own, with white space", with(id(citizenC), typed(`xmlns:æ="urn:hl7-org:btrv2" xsi:type=" æ:TreatmentWillV2 "`))},
		{"a wish of its type", with(id(citizenC), strings.Replace(will2020, "<w:noLifeProlongingIfDying>", `<w:noLifeProlongingIfDying xsi:type="xsd:boolean">`, 1))},
		{"attributes of others", with(strings.Replace(id(citizenC), "<id ", `<id xmlns:x="urn:x" x:extension="y" xsi:schemaLocation="a b" `, 1), typed(`xmlns:x="urn:x" x:nullFlavor="NI"`))},
		{"white space between elements, and comments", with("\n\t"+id(citizenC)+"<!-- c -->\n", strings.ReplaceAll(will2020, "><", ">\r\n <!--c--> <"))},
		{"a comment within a text", with(id(citizenC), strings.ReplaceAll(will2020, ">true<", ">tr<!-- not -->ue<"))},
		{"CDATA and references", with(id(citizenC), strings.ReplaceAll(will2020, ">true<", "><![CDATA[tr]]>u&#101;<"))},
		{"other prefixes", with(id(citizenC), strings.NewReplacer("<w:", "<noWill:", "</w:", "</noWill:", "<treatmentWillV2", `<treatmentWillV2 xmlns:noWill="`+pay2020+`"`).Replace(will2020))},
		{"no prefixes", unprefixed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			s.call(t, c.body)
			require.Len(t, s.history(t, citizenC), 1)
			assert.Equal(t, sampleWishes, s.history(t, citizenC)[0].Wishes)
		})
	}
}

// TestWA20: the element in the Body decides; a SOAPAction may not name another operation.
func TestWA20(t *testing.T) {
	const action2020 = "http://sundhedsdatastyrelsen.dk/behandlingstestamente/2020/03/16#"
	const action2018 = "http://sundhedsdatastyrelsen.dk/behandlingstestamente/2018/05/01#"
	const actionL = "http://sundhedsdatastyrelsen.dk/livstestamente/2018/05/01#"
	s := newService(t)
	want := s.call(t, on("b:HasTreatmentWill"))
	for _, c := range []struct{ name, action string }{
		{"WA-20 quoted", `"` + action2020 + `HasTreatmentWill"`}, {"WA-20 bare", action2020 + "HasTreatmentWill"}, {"WA-20 empty", ""},
		{"WA-20 empty quotes", `""`}, {"WA-20 unknown", `"urn:unknown"`}, {"with the word of the administration", action2020 + "AdminHasTreatmentWill"},
		{"with the slash", "http://sundhedsdatastyrelsen.dk/behandlingstestamente/2020/03/16/#HasTreatmentWill"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, want, s.call(t, on("b:HasTreatmentWill"), c.action))
			assert.Equal(t, want, s.good(t, s.as(administrator()).sendTo(t, willws.PathBTRAdmin, on("b:HasTreatmentWill"), c.action)))
			s.as(citizen(citizenC))
		})
	}
	for _, c := range []struct{ name, action string }{
		{"WA-20 of another operation", action2020 + "DeleteTreatmentWill"}, {"of another operation, with the word", `"` + action2020 + `AdminDeleteTreatmentWill"`},
		{"of the other interface", action2018 + "HasTreatmentWill"}, {"of the other register", actionL + "HasLivingWill"},
		{"of the other register, with the word", actionL + "AdminHasLivingWill"},
	} {
		t.Run(c.name, func(t *testing.T) {
			const text = "The SOAPAction names another operation than the element in the SOAP Body."
			refused(t, s.send(t, on("b:HasTreatmentWill"), c.action), "syntax_error", text)
			refused(t, s.as(administrator()).sendTo(t, willws.PathBTRAdmin, on("b:HasTreatmentWill"), c.action), "syntax_error", text)
			s.as(citizen(citizenC))
		})
	}
}

// TestWA21: both interfaces of treatment wills have the same wills.
func TestWA21(t *testing.T) {
	for _, c := range []struct {
		name, create, get, valueType, payload string
	}{
		{"WA-21 created by that of 2018, read by that of 2020", create2018(wishes2018), on("b:GetTreatmentWill"), "TreatmentWillV2", pay2020},
		{"WA-21 created by that of 2020, read by that of 2018", create2020(wishes2020), on("o:GetTreatmentWill"), "TreatmentWill", pay2018},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			s.call(t, c.create)
			body := s.call(t, c.get)
			valueType, payload, wishes, _ := read(t, body)
			assert.Equal(t, []string{c.valueType, c.payload, wishes2020}, []string{valueType, payload, wishes})
			assert.Contains(t, s.call(t, strings.Replace(c.get, "Get", "Has", 2)), exists("true"))
		})
	}
	t.Run("a will is changed and withdrawn by either", func(t *testing.T) {
		s := newService(t)
		s.call(t, create2018(wishes2018))
		s.call(t, update2020(wishes2020))
		s.call(t, update2018(wishes2018))
		s.call(t, on("b:DeleteTreatmentWill"))
		assert.Len(t, s.history(t, citizenC), 3)
		refused(t, s.send(t, on("o:DeleteTreatmentWill")), "will_not_found", "the citizen has no valid will")
	})
	t.Run("the older interface has not what came later", func(t *testing.T) {
		s := newService(t)
		for _, operation := range []string{"o:UpgradeToTreatmentWill", "o:GetTreatmentWillWithOnlyForcedTreatment"} {
			refused(t, s.send(t, on(operation)), "syntax_error", "The element in the SOAP Body is no operation of this service.")
		}
	})
}

func TestSOAP12(t *testing.T) {
	s := newService(t)
	as12 := func(body string) *httptest.ResponseRecorder {
		return s.post(t, willws.PathBTR, strings.Replace(envelope("m-"+strconv.Itoa(len(body)), body), "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope", 1))
	}
	w := as12(on("b:HasTreatmentWill"))
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), exists("false"))
	w = as12(on("b:DeleteTreatmentWill"))
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.Contains(t, w.Body.String(), `<soap:Text xml:lang="en">the citizen has no valid will</soap:Text></soap:Reason><soap:Detail><medcom:FaultCode>will_not_found</medcom:FaultCode></soap:Detail>`)
}
