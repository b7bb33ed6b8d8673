package consentws_test

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/consentws"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/ports/portstest"
)

// The ids of the samples.
const sampleConstraint, samplePositive, sampleConstraint2, sampleV1 consent.ID = 482910573316204, 593021684427315, 604132795538426, 715243806649537

// sampled is a service on which the citizen C has blocked the doctor D, as the samples have it.
func sampled(t testing.TB) *service {
	t.Helper()
	s := newService(t)
	s.now, s.drawn = at("2026-03-01T08:15:30.120Z"), []consent.ID{sampleConstraint, samplePositive, sampleConstraint2, sampleV1}
	s.call(t, addConstraint(who(doctor)+"<t:validFrom>2026-03-01T00:00:00Z</t:validFrom>"))
	s.now = now
	return s
}

// doctor is who has a person.
const doctor = "<t:healthProfessionalCPR>" + doctorD + "</t:healthProfessionalCPR>"

func who(content string) string  { return "<t:who>" + content + "</t:who>" }
func what(content string) string { return "<t:what>" + content + "</t:what>" }

// since and until are limits of validity.
func since(s string) string { return "<t:validFrom>" + s + "</t:validFrom>" }
func until(s string) string { return "<t:validTo>" + s + "</t:validTo>" }

const noForeigners = "<t:foreignHealthProfessionals>false</t:foreignHealthProfessionals>"

const citizenElement = "<t:citizenCPR>" + citizenC + "</t:citizenCPR>"

// additions are entries of an operation that adds, for the citizen C.
func additions(entries ...string) string {
	return "<ConsentAdditions>" + citizenElement + strings.Join(entries, "</ConsentAdditions><ConsentAdditions>"+citizenElement) + "</ConsentAdditions>"
}

func addConstraint(entries ...string) string {
	return "<m:ConsentAddConstraint>" + additions(entries...) + "</m:ConsentAddConstraint>"
}

func addPositive(entries ...string) string {
	return "<m:ConsentAddPositive>" + additions(entries...) + "</m:ConsentAddPositive>"
}

// change modifies a registration of the citizen C.
func change(operation string, id consent.ID, content string) string {
	return "<m:" + operation + "><ConsentModifications><t:consentId>" + id.String() + "</t:consentId>" + citizenElement + content +
		"</ConsentModifications></m:" + operation + ">"
}

func revoke(id consent.ID) string { return revokeOf(id.String(), citizenC) }

func revokeOf(id, citizen string) string {
	return "<m:ConsentRevoke><ConsentRevocations><t:consentId>" + id + "</t:consentId><t:citizenCPR>" + citizen + "</t:citizenCPR></ConsentRevocations></m:ConsentRevoke>"
}

// v1 is a body of the older administration.
func v1(operation, element, content string) string {
	return "<o:" + operation + "><t:" + element + ">" + content + "</t:" + element + "></o:" + operation + ">"
}

func get(citizen string) string {
	return "<m:ConsentRegistrationsGet><PatientPersonCivilRegistrationIdentifier>" + citizen +
		"</PatientPersonCivilRegistrationIdentifier></m:ConsentRegistrationsGet>"
}

var idElement = regexp.MustCompile(`<(?:t:)?consentId>(\d+)</`)

// added posts a body that adds one registration, and returns it as it is stored.
func (s *service) added(t testing.TB, body string) consent.Registration {
	t.Helper()
	answer := s.call(t, body)
	for _, r := range s.kept(t, citizenC) {
		if r.ID.String() == idElement.FindStringSubmatch(answer)[1] {
			return r
		}
	}
	require.Fail(t, "not stored", answer)
	return consent.Registration{}
}

// TestSamples sends the samples one after the other: what each answers is what the next is about.
func TestSamples(t *testing.T) {
	s := sampled(t)
	for _, name := range []string{
		"get", "add-positive", "add-constraint", "modify-positive", "modify-constraint", "revoke", "v1-add", "v1-modify", "v1-revoke",
	} {
		golden(t, name+"-response.xml", s.call(t, sample(t, name+"-request.xml")))
	}
	golden(t, "v1-get-response.xml", s.good(t, s.sendAs(t, citizenHeader(citizenB), sample(t, "v1-get-request.xml"))))
	golden(t, "all-response.xml", s.call(t, get(citizenC)))
	golden(t, "v1-all-response.xml", s.call(t, strings.ReplaceAll(sample(t, "v1-get-request.xml"), citizenB, citizenC)))
}

// TestSampleFaults: what the contract says of each operation that is refused.
func TestSampleFaults(t *testing.T) {
	s := sampled(t)
	s.added(t, sample(t, "add-positive-request.xml"))
	block := s.added(t, addConstraint(since("2026-03-02")))
	s.call(t, revoke(block.ID))
	draft := since("2026-03-02")
	for _, c := range []struct{ name, body, code, text string }{
		{"CT-28 Get of another", get(citizenB), "not_authorized", "The caller may not act for this citizen"},
		{"CT-28 Get of another, older", sample(t, "v1-get-request.xml"), "not_authorized", "The caller may not act for this citizen"},
		{"CT-20 a positive consent without end", addPositive(draft), "invalid_validity", "Entry 1: a positive consent must have an end"},
		{"CT-20 an organisation that is not known", addConstraint(what("<t:originatingOrganization>999999000016003</t:originatingOrganization>") + draft),
			"unknown_organization", "Entry 1: what.originatingOrganization is not a known SOR unit"},
		{"CT-22 two targets", v1("ConsentAdd", "ConsentAdditions", citizenElement+"<t:consentType>Negative</t:consentType>"+
			who(doctor+"<t:foreignHealthProfessionals>true</t:foreignHealthProfessionals>")+draft), "invalid_who", "Entry 1: who names more than one target"},
		{"CT-20 a block as a positive consent", change("ConsentModifyPositive", sampleConstraint, draft+until("2026-04-01")),
			"consent_type_mismatch", "Entry 1: the registration is not a positive consent"},
		{"a positive consent as a block", change("ConsentModifyConstraint", samplePositive, draft), "consent_type_mismatch", "Entry 1: the registration is not a constraint"},
		{"CT-18 modify what was revoked", change("ConsentModifyConstraint", block.ID, draft), "consent_inactive", "Entry 1: the registration has been revoked"},
		{"CT-18 revoke what was revoked", revoke(block.ID), "consent_inactive", "Entry 1: the registration has been revoked"},
		{"CT-19 an id of nobody", revokeOf("999999999999999", citizenC), "consent_not_found", "Entry 1: no such registration for this citizen"},
		{"CT-19 an id of nobody, older", v1("ConsentModify", "ConsentModifications", "<t:consentId>999999999999999</t:consentId>"+citizenElement+
			"<t:consentType>Negative</t:consentType>"+draft), "consent_not_found", "Entry 1: no such registration for this citizen"},
		{"an id that is none", v1("ConsentRevoke", "ConsentRevocations", "<t:consentId>12345</t:consentId>"+citizenElement),
			"syntax_error", "Entry 1: consentId is not a number of 15 digits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := s.kept(t, citizenC)
			refused(t, s.send(t, c.body), c.code, c.text)
			assert.Equal(t, before, s.kept(t, citizenC))
		})
	}
	t.Run("CT-19 another citizen's id", func(t *testing.T) {
		of := func(id string) string {
			return faultElement.FindString(s.sendAs(t, citizenHeader(citizenB), revokeOf(id, citizenB)).Body.String())
		}
		require.Contains(t, of("999999999999999"), "consent_not_found")
		assert.Equal(t, of("999999999999999"), of(sampleConstraint.String()), "whether it is another's, or nobody's, is not told")
	})
}

// TestValidity is CT-20 and CT-21 as messages.
func TestValidity(t *testing.T) {
	s := newService(t)
	for name, entry := range map[string]string{
		"CT-20 no end":                    since("2026-03-02"),
		"CT-20 an end at the beginning":   since("2026-04-01T00:00:00Z") + until("2026-04-01T00:00:00Z"),
		"CT-20 an end in the past":        since("2026-01-01") + until("2026-03-01"),
		"an end more than ten years away": since("2026-03-02") + until("2036-03-02"),
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, "invalid_validity", code(t, s.send(t, addPositive(entry)))) })
	}
	t.Run("CT-21 a block without end, and without beginning", func(t *testing.T) {
		assert.True(t, s.added(t, addConstraint(since("2026-03-02"))).Valid.To.IsZero())
		refused(t, s.send(t, addConstraint("")), "invalid_request", "Entry 1: validFrom is missing")
	})
}

// TestWho is CT-22 as messages.
func TestWho(t *testing.T) {
	s := newService(t)
	const hospitals = "<t:healthcareOrganization>" + hospital + "</t:healthcareOrganization>"
	const subs, noSubs = "<t:includeSubOrganizations>true</t:includeSubOrganizations>", "<t:includeSubOrganizations>0</t:includeSubOrganizations>"
	const foreign = "<t:foreignHealthProfessionals>1</t:foreignHealthProfessionals>"
	draft := since("2026-03-02")
	for _, c := range []struct {
		name, who string
		want      consent.Who
	}{
		{"a person", doctor, consent.Who{Person: number(doctorD)}},
		{"a person, with a hyphen", strings.Replace(doctor, doctorD, "020202-0202", 1), consent.Who{Person: number(doctorD)}},
		{"an organisation", hospitals, consent.Who{Org: consent.Organisation{SOR: hospital}}},
		{"an organisation and what is below it", subs + hospitals, consent.Who{Org: consent.Organisation{SOR: hospital, SubUnits: true}}},
		{"foreigners", foreign, consent.Who{Foreign: true}},
		{"a person, and no foreigners", noForeigners + doctor, consent.Who{Person: number(doctorD)}},
		{"CT-22 both flags false", noSubs + noForeigners, consent.Who{}},
		{"CT-22 an empty flag", "<t:foreignHealthProfessionals/>", consent.Who{}},
		{"nothing", "", consent.Who{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, s.added(t, addConstraint(who(c.who)+draft)).Who)
		})
	}
	for name, content := range map[string]string{
		"CT-22 person and organisation": doctor + hospitals, "CT-22 sub-units of nothing": subs, "person and foreigners": doctor + foreign,
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, "invalid_who", code(t, s.send(t, addConstraint(who(content)+draft))))
		})
	}
	t.Run("what with sub-units of nothing", func(t *testing.T) {
		assert.Equal(t, "invalid_what", code(t, s.send(t, addConstraint(what(subs)+draft))))
	})
}

// TestMisspeltLimitsAreRefused: whatever of a registration is not understood would let see more, or less, than the citizen means.
func TestMisspeltLimitsAreRefused(t *testing.T) {
	s := newService(t)
	r := s.added(t, addConstraint(since("2026-03-02")))
	told := s.told(t)
	draft := since("2026-03-02")
	cases := map[string]string{
		"CT-23 dataPeriodFrm in what":         addConstraint(what("<t:dataPeriodFrm>2024-01-01</t:dataPeriodFrm>") + draft),
		"misspelt in who":                     addConstraint(who("<t:healthProfessionalCpr>"+doctorD+"</t:healthProfessionalCpr>") + draft),
		"who in another namespace":            addConstraint(`<x:who xmlns:x="urn:x">` + doctor + `</x:who>` + draft),
		"a person in another namespace":       addConstraint(who(`<x:healthProfessionalCPR xmlns:x="urn:x">`+doctorD+`</x:healthProfessionalCPR>`) + draft),
		"misspelt in ConsentAdditions":        addConstraint("<t:Who>" + doctor + "</t:Who>" + draft),
		"misspelt in ConsentModifications":    change("ConsentModifyConstraint", r.ID, "<t:whatever/>"+draft),
		"misspelt in ConsentRevocations":      strings.Replace(revoke(r.ID), "</ConsentRevocations>", "<t:reason/></ConsentRevocations>", 1),
		"validFrom in ConsentRevocations":     strings.Replace(revoke(r.ID), "</ConsentRevocations>", draft+"</ConsentRevocations>", 1),
		"consentType, which the element says": addConstraint("<t:consentType>Negative</t:consentType>" + draft),
		"consentId of what is new":            addConstraint("<t:consentId>" + r.ID.String() + "</t:consentId>" + draft),
		"text in who":                         addConstraint(who(doctorD) + draft),
		"text in what":                        addConstraint(what("2024") + draft),
		"text beside an element in who":       addConstraint(who(noForeigners+doctorD) + draft),
		"text among the parts of an entry":    addConstraint("until further notice" + draft),
		"text that is written as CDATA":       addConstraint(who("<![CDATA["+doctorD+"]]>"+noForeigners) + draft),
		"an element in a number":              addConstraint(who("<t:healthProfessionalCPR><t:x/></t:healthProfessionalCPR>") + draft),
		"who twice":                           addConstraint(who(doctor) + who(doctor) + draft),
		"a person twice":                      addConstraint(who(doctor+doctor) + draft),
		"validTo twice, one nil":              addConstraint(draft + until("2026-04-01") + `<t:validTo xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>`),
		"the same element in two namespaces":  addConstraint(draft + until("2026-04-01") + `<validTo>2026-05-01</validTo>`),
		"what the citizen is, twice":          addConstraint(citizenElement + draft),
		"a nil who that holds something":      addConstraint(`<t:who xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true">` + doctor + `</t:who>` + draft),
		"a nil end that holds something":      addConstraint(draft + `<t:validTo xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="1">2026-04-01</t:validTo>`),
		"nil that is neither true nor false":  addConstraint(draft + `<t:validTo xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="maybe"/>`),
		"an empty end":                        addConstraint(draft + "<t:validTo/>"),
		"an empty person":                     addConstraint(who("<t:healthProfessionalCPR/>") + draft),
		"an empty organisation":               addConstraint(who("<t:healthcareOrganization> </t:healthcareOrganization>") + draft),
		"an empty origin":                     addConstraint(what("<t:originatingOrganization/>") + draft),
		"an empty includeSubOrganizations":    addConstraint(who("<t:healthcareOrganization>"+hospital+"</t:healthcareOrganization><t:includeSubOrganizations/>") + draft),
		"a boolean that is none":              addConstraint(who("<t:foreignHealthProfessionals>yes</t:foreignHealthProfessionals>") + draft),
		"a number that is none":               addConstraint(who("<t:healthProfessionalCPR>3202020202</t:healthProfessionalCPR>") + draft),
		"a citizen who is none":               strings.Replace(addConstraint(draft), citizenC, "0101", 1),
		"a date that is none":                 addConstraint(since("2026-13-01")),
		"the year 0":                          addConstraint(since("2026-03-02") + until("0001-01-01T00:00:00")),
		"the first instant, which is no end":  addConstraint(since("2026-03-02") + until("0001-01-01T00:00:00Z")),
		"the year 10000":                      addConstraint(since("2026-03-02") + until("9999-12-31T24:00:00Z")),
		"a type that is none":                 v1("ConsentAdd", "ConsentAdditions", citizenElement+"<t:consentType>negative</t:consentType>"+draft),
		"Get of two":                          strings.Replace(get(citizenC), "</m:", "<PatientPersonCivilRegistrationIdentifier>"+citizenB+"</PatientPersonCivilRegistrationIdentifier></m:", 1),
	}
	for name, body := range cases {
		t.Run(name, func(t *testing.T) { assert.Equal(t, "syntax_error", code(t, s.send(t, body))) })
	}
	t.Run("CT-23 nothing stored", func(t *testing.T) {
		assert.Equal(t, []consent.Registration{r}, s.kept(t, citizenC))
		assert.Equal(t, told, s.told(t))
	})
}

func TestEntries(t *testing.T) {
	s := newService(t)
	draft := since("2026-03-02")
	t.Run("CT-24 three additions, the second bad: nothing stored", func(t *testing.T) {
		refused(t, s.send(t, addConstraint(draft, draft+until("2026-03-01"), draft)), "invalid_validity", "Entry 2: validTo is not after validFrom")
		refused(t, s.send(t, addConstraint(draft, who("<t:x/>")+draft, draft)), "syntax_error", "Entry 2: who holds something unknown")
		assert.Empty(t, s.kept(t, citizenC))
		assert.Zero(t, s.told(t), "no MinLog entry")
	})
	many := func(n int) string { return addConstraint(strings.Split(strings.Repeat(draft+",", n-1)+draft, ",")...) }
	t.Run("CT-25 two citizens in one call", func(t *testing.T) {
		body := strings.Replace(addConstraint(draft, draft), "<t:citizenCPR>"+citizenC, "<t:citizenCPR>"+citizenB, 2)
		body = strings.Replace(body, "<t:citizenCPR>"+citizenB, "<t:citizenCPR>"+citizenC, 1)
		refused(t, s.send(t, body), "invalid_request", "Entry 2: the request is about several citizens")
	})
	t.Run("CT-25 101 additions, and many more", func(t *testing.T) {
		refused(t, s.send(t, many(101)), "too_many", "At most 100 entries per request")
		refused(t, s.send(t, many(5000)), "too_many", "At most 100 entries per request")
		assert.Equal(t, "syntax_error", code(t, s.send(t, addConstraint(strings.Split(strings.Repeat(draft+",", 101)+who("<t:x/>"), ",")...))), "syntax is before limits")
		assert.Empty(t, s.kept(t, citizenC))
	})
	t.Run("CT-25 the 1,001st active registration", func(t *testing.T) {
		s := newService(t)
		s.admin.MaxActive = 150 // as 1,000, in less time
		assert.Len(t, idElement.FindAllString(s.call(t, many(100)), -1), 100)
		assert.Equal(t, "too_many", code(t, s.send(t, many(51))))
		assert.Len(t, s.kept(t, citizenC), 100)
		s.call(t, many(50))
	})
	t.Run("no entry, and one that is nil", func(t *testing.T) {
		for _, content := range []string{"", "<ConsentAddition/>", `<ConsentAdditions xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>`} {
			assert.Equal(t, "invalid_request", code(t, s.send(t, "<m:ConsentAddConstraint>"+content+"</m:ConsentAddConstraint>")), content)
		}
	})
	t.Run("the same id twice", func(t *testing.T) {
		r := s.added(t, addConstraint(draft))
		entry := regexp.MustCompile("<ConsentRevocations>.*</ConsentRevocations>").FindString(revoke(r.ID))
		assert.Equal(t, "invalid_request", code(t, s.send(t, "<m:ConsentRevoke>"+entry+entry+"</m:ConsentRevoke>")))
		assert.True(t, s.kept(t, citizenC)[0].Active)
	})
	t.Run("what is merely missing", func(t *testing.T) {
		for body, text := range map[string]string{
			"<m:ConsentAddConstraint><ConsentAdditions>" + draft + "</ConsentAdditions></m:ConsentAddConstraint>": "Entry 1: citizenCPR is missing",
			strings.Replace(revokeOf("x", citizenC), "<t:consentId>x</t:consentId>", "", 1):                       "Entry 1: consentId is missing",
			v1("ConsentAdd", "ConsentAdditions", citizenElement+draft):                                            "Entry 1: consentType is missing",
			"<m:ConsentRegistrationsGet/>": "citizenCPR is missing",
		} {
			refused(t, s.send(t, body), "invalid_request", text)
		}
	})
}

// TestTolerance: what clients do otherwise than the samples changes nothing.
func TestTolerance(t *testing.T) {
	s := sampled(t)
	valid := since("2026-03-01T00:00:00Z") + until("2027-03-01T00:00:00Z")
	want := sample(t, "modify-constraint-response.xml")
	for name, body := range map[string]string{
		"CT-26 as the sample":                 sample(t, "modify-constraint-request.xml"),
		"CT-26 line breaks around all values": regexp.MustCompile(`>([^<>\s][^<>]*)<`).ReplaceAllString(sample(t, "modify-constraint-request.xml"), ">\r\n\t $1 \n<"),
		"CT-26 prefixes declared again": `<m:ConsentModifyConstraint><ConsentModifications><a:consentId xmlns:a="` + nsT + `">482910573316204</a:consentId>` +
			`<citizenCPR xmlns="` + nsT + `">` + citizenC + `</citizenCPR><b:who xmlns:b="` + nsT + `"><c:healthProfessionalCPR xmlns:c="` + nsT + `">` + doctorD +
			`</c:healthProfessionalCPR></b:who><t:validFrom xmlns:t="` + nsT + `">2026-03-01T00:00:00Z</t:validFrom>` + until("2027-03-01T00:00:00Z") +
			`</ConsentModifications></m:ConsentModifyConstraint>`,
		"CT-26 children qualified": strings.NewReplacer("<ConsentM", "<m:ConsentM", "</ConsentM", "</m:ConsentM").Replace(sample(t, "modify-constraint-request.xml")),
		"children in the types' namespace": strings.NewReplacer("<ConsentM", "<t:ConsentM", "</ConsentM", "</t:ConsentM").
			Replace(sample(t, "modify-constraint-request.xml")),
		"CT-26 nothing qualified": strings.NewReplacer("<t:", "<", "</t:", "</").Replace(sample(t, "modify-constraint-request.xml")),
		"all in the wrapper's namespace": strings.NewReplacer("<t:", "<m:", "</t:", "</m:", "<ConsentM", "<m:ConsentM", "</ConsentM", "</m:ConsentM").
			Replace(sample(t, "modify-constraint-request.xml")),
		"another order": "<m:ConsentModifyConstraint><ConsentModifications>" + valid + who(doctor) + citizenElement +
			"<t:consentId>482910573316204</t:consentId></ConsentModifications></m:ConsentModifyConstraint>",
		"nil for absent": change("ConsentModifyConstraint", sampleConstraint, who(doctor+`<t:healthcareOrganization xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>`)+
			`<t:what xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil=" true "/>`+valid),
		"attributes, and elements beside the entries": strings.NewReplacer("<ConsentModifications", `<Audit><t:who/></Audit><ConsentModifications a="b"`, "<t:who", `<t:who m:b=""`).
			Replace(change("ConsentModifyConstraint", sampleConstraint, who(doctor)+valid)),
		"comments": change("ConsentModifyConstraint", sampleConstraint, who("<!-- D -->"+doctor)+valid),
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, want, s.call(t, body))
			r := s.kept(t, citizenC)[0]
			assert.Equal(t, consent.Draft{Who: consent.Who{Person: number(doctorD)}, Valid: r.Valid}, consent.Draft{Who: r.Who, What: r.What, Valid: r.Valid})
			assert.Equal(t, [2]string{"2026-03-01T00:00:00Z", "2027-03-01T00:00:00Z"},
				[2]string{r.Valid.From.Format("2006-01-02T15:04:05Z07:00"), r.Valid.To.Format("2006-01-02T15:04:05Z07:00")})
		})
	}
}

// TestNames is CT-27.
func TestNames(t *testing.T) {
	bodies := func(s *service) map[string]string {
		s.drawn = []consent.ID{sampleConstraint, samplePositive, sampleConstraint2, sampleV1}
		s.call(t, addConstraint(since("2026-03-01")))
		s.call(t, sample(t, "add-positive-request.xml"))
		return map[string]string{
			"m:ConsentRegistrationsGet": get(citizenC), "m:ConsentAddPositive": sample(t, "add-positive-request.xml"),
			"m:ConsentAddConstraint": sample(t, "add-constraint-request.xml"), "m:ConsentModifyPositive": sample(t, "modify-positive-request.xml"),
			"m:ConsentModifyConstraint": sample(t, "modify-constraint-request.xml"), "m:ConsentRevoke": sample(t, "revoke-request.xml"),
			"o:ConsentRegistrationsGet": strings.ReplaceAll(sample(t, "v1-get-request.xml"), citizenB, citizenC), "o:ConsentAdd": sample(t, "v1-add-request.xml"),
			"o:ConsentModify": strings.ReplaceAll(sample(t, "v1-modify-request.xml"), sampleV1.String(), sampleConstraint.String()),
			"o:ConsentRevoke": strings.ReplaceAll(sample(t, "v1-revoke-request.xml"), sampleV1.String(), sampleConstraint.String()),
		}
	}
	for operation := range bodies(newService(t)) {
		_, name, _ := strings.Cut(operation, ":")
		other := "ConsentRevoke"
		if name == other {
			other = "ConsentRegistrationsGet"
		}
		for _, suffix := range []string{"", "V2", "Request", "V2Request"} {
			t.Run("CT-27 "+operation+suffix, func(t *testing.T) {
				s := newService(t)
				body := strings.NewReplacer("<"+operation+" ", "<"+operation+suffix+" ", "<"+operation+">", "<"+operation+suffix+">", "/"+operation+">", "/"+operation+suffix+">").
					Replace(bodies(s)[operation])
				require.Contains(t, body, "<"+operation+suffix)
				for _, action := range []string{other, `"` + other + `"`, other + "V2", other + "_20201104"} {
					refused(t, s.send(t, body, action), "syntax_error", "The SOAPAction names another operation than the element in the SOAP Body.")
				}
				action := [][]string{{`"` + name + `"`}, {name + "_20201104"}, {`"` + name + `V2"`}, nil}[len(suffix)%4]
				assert.True(t, strings.HasPrefix(s.call(t, body, action...), "<"+operation+"Response "))
			})
		}
	}
	t.Run("an operation of the other generation", func(t *testing.T) {
		s := newService(t)
		w := s.post(t, consentws.PathAdministration, envelope("m-1", citizenHeader(citizenC), sample(t, "v1-get-request.xml")))
		assert.Equal(t, "syntax_error", code(t, w))
		w = s.post(t, consentws.PathAdministrationV1, envelope("m-2", citizenHeader(citizenC), get(citizenC)))
		assert.Equal(t, "syntax_error", code(t, w))
	})
}

// TestTimes is CO-41.
func TestTimes(t *testing.T) {
	s := newService(t)
	s.now = at("2025-01-01T00:00:00Z")
	for _, c := range []struct{ name, from, to, wantFrom, wantTo string }{
		{"CT-48 an end on the day when the clock changes", "2026-03-29", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"CT-48 an hour that spring leaves out", "2026-03-29T02:30:00", "2026-03-30", "2026-03-29T01:30:00Z", "2026-03-30T22:00:00Z"},
		{"the hour that autumn repeats", "2026-10-25T02:30:00", "2026-10-25", "2026-10-25T00:30:00Z", "2026-10-25T23:00:00Z"},
		{"with a zone", "2026-10-25T02:30:00+01:00", "2026-10-26T00:00:00-02:00", "2026-10-25T01:30:00Z", "2026-10-26T02:00:00Z"},
		{"cut to milliseconds", "2026-03-02T10:00:00.1239999Z", "2026-03-02T10:00:00.9Z", "2026-03-02T10:00:00.123Z", "2026-03-02T10:00:00.900Z"},
		{"less than a millisecond", "2026-03-02T10:00:00.0009Z", "2026-03-02T10:00:01Z", "2026-03-02T10:00:00Z", "2026-03-02T10:00:01Z"},
		{"a date with the zone that a client is in", "2026-03-02Z", "2026-03-02+01:00", "2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z"},
		{"the end of a month, and of a year", "2026-02-28", "2026-12-31", "2026-02-27T23:00:00Z", "2026-12-31T23:00:00Z"},
		{"the last day of all", "2026-02-28", "9999-12-31", "2026-02-27T23:00:00Z", "9999-12-31T23:00:00Z"},
		{"white space", "\n\t2026-03-02 ", " 2026-03-02T24:00:00Z\r\n", "2026-03-01T23:00:00Z", "2026-03-03T00:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.added(t, addConstraint(what("<t:dataPeriodFrom>"+c.from+"</t:dataPeriodFrom><t:dataPeriodTo>"+c.to+"</t:dataPeriodTo>")+since(c.from)+until(c.to)))
			assert.Equal(t, [2]string{c.wantFrom, c.wantTo}, [2]string{instant(r.Valid.From), instant(r.Valid.To)})
			assert.Equal(t, r.Valid, r.What.Data)
			answer := s.call(t, get(citizenC))
			assert.Contains(t, answer, since(c.wantFrom)+until(c.wantTo))
			assert.Contains(t, answer, "<t:dataPeriodFrom>"+c.wantFrom+"</t:dataPeriodFrom><t:dataPeriodTo>"+c.wantTo+"</t:dataPeriodTo>")
			s.call(t, revoke(r.ID))
		})
	}
}

// TestHeader is CT-30 and what of CT-31 is about the administration.
func TestHeader(t *testing.T) {
	t.Run("CT-30 none, two, no UserType", func(t *testing.T) {
		s := newService(t)
		one := citizenHeader(citizenC)
		assert.Equal(t, "missing_required_header", code(t, s.sendAs(t, "", get(citizenC))))
		assert.Equal(t, "syntax_error", code(t, s.sendAs(t, one+one, get(citizenC))))
		assert.Equal(t, "invalid_request", code(t, s.sendAs(t, header("", citizenC), get(citizenC))))
		assert.Equal(t, "invalid_request", code(t, s.sendAs(t, header("nsi:Citizen", ""), get(citizenC))))
		assert.Equal(t, "syntax_error", code(t, s.sendAs(t, header("nsi:Robot", citizenC), get(citizenC))))
		s.good(t, s.sendAs(t, one, get(citizenC)))
	})
	t.Run("CT-31 an ID card of D, and a header of H", func(t *testing.T) {
		s := newService(t)
		s.caller = card(doctorD)
		assert.Equal(t, "not_authorized", code(t, s.sendAs(t, header("nsi:HealthcareProfessional", helperH), get(citizenC))))
	})
	t.Run("CT-28 a header of C, for B", func(t *testing.T) {
		s := newService(t)
		draft := since("2026-03-02")
		for _, body := range []string{get(citizenB), strings.ReplaceAll(addConstraint(draft), citizenC, citizenB), revokeOf(sampleConstraint.String(), citizenB)} {
			refused(t, s.send(t, body), "not_authorized", "The caller may not act for this citizen")
		}
	})
	t.Run("another citizen in the header than in the body", func(t *testing.T) {
		s := newService(t)
		assert.Equal(t, "hsuid_mismatch", code(t, s.sendAs(t, header("nsi:Citizen", citizenC, "CitizenCivilRegistrationNumber", citizenB), get(citizenC))))
	})
}

// TestStaff is what of CT-29 is about the administration.
func TestStaff(t *testing.T) {
	draft := since("2026-03-02")
	t.Run("CT-29 an organisation without grant; a doctor; staff; staff with an authorisation code", func(t *testing.T) {
		s := newService(t)
		s.caller.Org.CVR = "99999902"
		assert.Equal(t, "not_authorized", code(t, s.send(t, addConstraint(draft))))
		as := header("nsi:HealthcareProfessional", staffS)
		s.caller = card(staffS)
		s.caller.AuthorisationCode = "0TST1"
		assert.Equal(t, "not_authorized", code(t, s.sendAs(t, as, addConstraint(draft))))
		s.caller.NationalRole = "SpaerAdminR8"
		assert.Equal(t, "not_authorized", code(t, s.sendAs(t, as, addConstraint(draft))))
		s.caller.AuthorisationCode = ""
		s.good(t, s.sendAs(t, as, addConstraint(draft)))
		r := s.kept(t, citizenC)
		require.Len(t, r, 1)
		assert.Equal(t, consent.Stamp{At: now, System: "TestPortal", User: staffS}, r[0].Created)
	})
}

func TestResend(t *testing.T) {
	t.Run("CT-43 the same message again: the same bytes, one row", func(t *testing.T) {
		s := newService(t)
		message := envelope("m-again", citizenHeader(citizenC), addConstraint(since("2026-03-02")))
		one, two := s.post(t, consentws.PathAdministration, message), s.post(t, consentws.PathAdministration, message)
		require.Equal(t, http.StatusOK, one.Code, one.Body)
		assert.Equal(t, one.Body.String(), two.Body.String())
		assert.Len(t, s.kept(t, citizenC), 1)
		assert.Equal(t, 1, s.told(t))
	})
	t.Run("a look is computed again", func(t *testing.T) {
		s := newService(t)
		message := envelope("m-again", citizenHeader(citizenC), get(citizenC))
		s.post(t, consentws.PathAdministration, message)
		s.call(t, addConstraint(since("2026-03-02")))
		assert.Contains(t, s.post(t, consentws.PathAdministration, message).Body.String(), "consentRegistration>")
	})
}

// TestDown: a caller hears that nothing was done, and not why.
func TestDown(t *testing.T) {
	s := newService(t)
	store := &portstest.FailingConsents{Store: s.db.Consents(false)}
	store.OnRead.FailFrom(1, errors.New("a secret cause"))
	store.OnUpdate.FailFrom(1, errors.New("a secret cause"))
	s.admin.Store = store
	t.Run("CT-40 the database is down", func(t *testing.T) {
		for _, body := range []string{get(citizenC), addConstraint(since("2026-03-02")), revoke(sampleConstraint)} {
			refused(t, s.send(t, body), "processing_problem", "The service cannot answer now")
		}
	})
	s.admin.Store = nil // panics
	refused(t, s.send(t, get(citizenC)), "processing_problem", "The service cannot answer now")
}

func TestHostileMessages(t *testing.T) {
	s := newService(t)
	for name, message := range map[string]string{
		"document type":         `<!DOCTYPE x [<!ENTITY a "b">]>` + envelope("m", "", get(citizenC)),
		"bad UTF-8":             envelope("m", citizenHeader(citizenC), get("\xf8")),
		"not closed":            strings.TrimSuffix(envelope("m", citizenHeader(citizenC), get(citizenC)), ">"),
		"another operation":     envelope("m", citizenHeader(citizenC), "<m:ConsentDelete/>"),
		"an answer":             envelope("m", citizenHeader(citizenC), sample(t, "get-response.xml")),
		"the older form's name": envelope("m", citizenHeader(citizenC), "<m:ConsentAdd/>"),
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, "syntax_error", code(t, s.post(t, consentws.PathAdministration, message)))
		})
	}
	t.Run("nothing but GET and POST; no message of more than 1 MiB", func(t *testing.T) {
		w := s.post(t, consentws.PathAdministration, envelope("m", citizenHeader(citizenC), addConstraint(strings.Repeat(" ", 1<<20))))
		assert.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	})
}

func TestSOAP12(t *testing.T) {
	s := newService(t)
	as12 := func(body string) string {
		return strings.Replace(envelope("m-"+strconv.Itoa(len(body)), citizenHeader(citizenC), body), "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope", 1)
	}
	w := s.post(t, consentws.PathAdministration, as12(addConstraint(since("2026-03-02"))))
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), `<consentId>100000000000001</consentId>`)
	w = s.post(t, consentws.PathAdministration, as12(addConstraint("")))
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.Contains(t, w.Body.String(), "<soap:Fault><soap:Code><soap:Value>soap:Receiver</soap:Value></soap:Code>"+
		`<soap:Reason><soap:Text xml:lang="en">Entry 1: validFrom is missing</soap:Text></soap:Reason><soap:Detail><medcom:FaultCode>invalid_request</medcom:FaultCode></soap:Detail>`)
}

// instant is an instant as answers have it.
func instant(t time.Time) string {
	return strings.Replace(t.Format("2006-01-02T15:04:05.000Z07:00"), ".000", "", 1)
}
