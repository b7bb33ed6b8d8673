package fgvhrws_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Declarations of namespaces.
const (
	space = `="http://sundhedsdatastyrelsen.dk/Fravalg-Af-Genoplivning/2023/06/01/"`
	ns    = ` xmlns:f` + space
	xsi   = ` xmlns:i="http://www.w3.org/2001/XMLSchema-instance"`
)

// Requests of the administrator, and their parts.
const (
	patient  = `<f:patientId value="0108501234"/>`
	id       = `<f:uuid value="5b1f6f0e-6a2d-4c8e-9f6b-0d2f6f1c7a11"/>`
	inError  = `<f:status value="ENTERED-IN-ERROR"/>`
	formDate = `<f:citizenCreatedDate value="2026-11-02"/>`
)

func register(content string) string { return wrapped("RegisterConsentRequest", content) }
func update(content string) string   { return wrapped("UpdateConsentRequest", content) }
func withdraw(content string) string { return wrapped("DeleteConsentRequest", content) }
func get(content string) string      { return wrapped("GetConsentRequest", content) }
func wrapped(name, content string) string {
	return "<f:" + name + ns + ">" + content + "</f:" + name + ">"
}

// asking is a request whose patientId has the given attributes.
func asking(attributes string) string { return get(`<f:patientId ` + attributes + `/>`) }

// TestBadInput: whoever sends it, what is not as the contract says is refused by the name of the element, and nothing is looked up.
func TestBadInput(t *testing.T) {
	syntax := func(name string) [2]string { return [2]string{"syntax_error", "request not understood: " + name} }
	invalid := [2]string{"invalid_id", "the citizen's id is not valid"}
	frame := [2]string{"syntax_error", ""}
	for _, c := range []struct {
		name, body string
		want       [2]string
	}{
		{"FA-14 patientId without namespace", get(strings.ReplaceAll(patient, "f:", "")), syntax("GetConsentRequest")},
		{"FA-14 an X-eCPR", asking(`value="0108501234" source="eCPR"`), invalid},
		{"FA-14 a hyphen", asking(`value="010850-1234"`), invalid},
		{"an X-eCPR number", asking(`value="010850AB12"`), invalid},
		{"nine digits", asking(`value="010850123"`), invalid},
		{"eleven digits", asking(`value="01085012345"`), invalid},
		{"the 31st of November", asking(`value="3111009999"`), invalid},
		{"digits that are none of ASCII", asking(`value="010850123٤"`), invalid},
		{"no value", asking(``), invalid},
		{"an empty value", asking(`value=""`), invalid},
		{"an empty source", asking(`value="0108501234" source=""`), invalid},
		{"the source in lower case", asking(`value="0108501234" source="cpr"`), invalid},
		{"the value in the namespace of the contract", asking(`f:value="0108501234"`), syntax("patientId")},
		{"an attribute that is not known", asking(`value="0108501234" system="x"`), syntax("patientId")},
		{"a type of the schema, another one", asking(`value="0108501234"` + xsi + ` i:type="f:UuidType"`), syntax("patientId")},
		{"a type of no namespace", asking(`value="0108501234"` + xsi + ` i:type="PatientIdType"`), syntax("patientId")},
		{"a type whose prefix is not bound", asking(`value="0108501234"` + xsi + ` i:type="x:PatientIdType"`), syntax("patientId")},
		{"nil", asking(`value="0108501234"` + xsi + ` i:nil="true"`), syntax("patientId")},
		{"nil that is no boolean", asking(`value="0108501234"` + xsi + ` i:nil="x"`), syntax("patientId")},
		{"text in patientId", get(`<f:patientId value="0108501234">x</f:patientId>`), syntax("patientId")},
		{"an element in patientId", get(`<f:patientId value="0108501234"><f:uuid/></f:patientId>`), syntax("patientId")},
		{"patientId in another namespace", get(`<x:patientId xmlns:x="urn:x" value="0108501234"/>`), syntax("GetConsentRequest")},
		{"no patientId", get(""), syntax("patientId")},
		{"patientId twice", get(patient + patient), syntax("GetConsentRequest")},
		{"text beside patientId", get(patient + "x"), syntax("GetConsentRequest")},
		{"an element that is not known", withdraw(patient + `<f:reason value="x"/>`), syntax("DeleteConsentRequest")},
		{"an element of another operation", get(patient + formDate), syntax("GetConsentRequest")},
		{"an attribute of the root", strings.Replace(get(patient), ns, ns+` version="1"`, 1), syntax("GetConsentRequest")},
		{"a type of the root", strings.Replace(get(patient), ns, ns+xsi+` i:type="f:X"`, 1), syntax("GetConsentRequest")},
		{"the date before patientId", register(formDate + patient), syntax("patientId")},
		{"the date twice", register(patient + formDate + formDate), syntax("RegisterConsentRequest")},
		{"a date that is none", register(patient + `<f:citizenCreatedDate value="2026-02-29"/>`), syntax("citizenCreatedDate")},
		{"an instant as date", register(patient + `<f:citizenCreatedDate value="2026-11-02T00:00:00Z"/>`), syntax("citizenCreatedDate")},
		{"a Danish date", register(patient + `<f:citizenCreatedDate value="02-11-2026"/>`), syntax("citizenCreatedDate")},
		{"a date as text", register(patient + `<f:citizenCreatedDate>2026-11-02</f:citizenCreatedDate>`), syntax("citizenCreatedDate")},
		{"a date without value", register(patient + `<f:citizenCreatedDate/>`), syntax("citizenCreatedDate")},
		{"no uuid", update(patient + inError), syntax("uuid")},
		{"uuid first", update(id + patient + inError), syntax("patientId")},
		{"uuid twice", update(patient + id + id + inError), syntax("UpdateConsentRequest")},
		{"a uuid in braces", update(patient + `<f:uuid value="{5b1f6f0e-6a2d-4c8e-9f6b-0d2f6f1c7a11}"/>` + inError), syntax("uuid")},
		{"a uuid that is too short", update(patient + `<f:uuid value="5b1f6f0e-6a2d-4c8e-9f6b-0d2f6f1c7a1"/>` + inError), syntax("uuid")},
		{"a uuid without hyphens", update(patient + `<f:uuid value="5b1f6f0ea6a2da4c8ea9f6ba0d2f6f1c7a11"/>` + inError), syntax("uuid")},
		{"a uuid that is not hexadecimal", update(patient + `<f:uuid value="5b1f6f0e-6a2d-4c8e-9f6b-0d2f6f1c7a1g"/>` + inError), syntax("uuid")},
		{"an empty uuid", update(patient + `<f:uuid value=""/>` + inError), syntax("uuid")},
		{"a status that is none", update(patient + id + `<f:status value="DELETED"/>`), syntax("status")},
		{"a status in lower case", update(patient + id + `<f:status value="active"/>`), syntax("status")},
		{"an empty status", update(patient + id + `<f:status value=""/>`), syntax("status")},
		{"the date before the status", update(patient + id + formDate + inError), syntax("UpdateConsentRequest")},
		{"nothing to change", update(patient + id), syntax("UpdateConsentRequest")},
		{"an operation that is none", wrapped("ListConsentsRequest", patient), frame},
		{"an answer", wrapped("GetConsentResponse", ""), frame},
		{"the operation in another namespace", strings.Replace(get(patient), "2023/06/01", "2023/06/02", 1), frame},
		{"the operation without namespace", `<GetConsentRequest><patientId value="0108501234"/></GetConsentRequest>`, frame},
		{"two operations", get(patient) + get(patient), frame},
		{"no operation", "", frame},
		{"a message that is not well-formed", get(patient) + "<", frame},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			m := message{card: administrator().card, body: c.body}
			got := refused(t, s.send(t, m))
			if c.want == frame {
				got[1] = ""
			}
			assert.Equal(t, c.want, got)
			assert.Zero(t, s.store.asked)
			assert.NotContains(t, s.log.String(), citizenC)
		})
	}
	t.Run("a document type", func(t *testing.T) {
		s := newService(t)
		m := administrator().as(get(patient))
		envelope := append([]byte(`<!DOCTYPE a [<!ENTITY x "y">]>`), s.envelope(m)...)
		assert.Equal(t, "syntax_error", refused(t, s.post(t, envelope, nil))[0])
	})
	t.Run("who may not is told so, whatever number is sent", func(t *testing.T) {
		s := newService(t)
		assert.Equal(t, [2]string{"not_authorized", "no access"}, refused(t, s.send(t, doctor().as(asking(`value="x"`)))))
	})
}

// TestTolerance: how a request is written does not matter.
func TestTolerance(t *testing.T) {
	want := ""
	for _, c := range []struct{ name, body string }{
		{"as the sample", sample(t, "get-request")},
		{"the root without suffix", wrapped("GetConsent", patient)},
		{"no prefix", `<GetConsentRequest xmlns` + space + `><patientId value="0108501234"/></GetConsentRequest>`},
		{"another prefix", strings.NewReplacer("f:", "fravalg:", "xmlns:f=", "xmlns:fravalg=").Replace(get(patient))},
		{"prefixes of each element", strings.Replace(get(patient), "<f:patientId", `<g:patientId xmlns:g`+space, 1)},
		{"white space between elements", get("\n  " + patient + "\n")},
		{"white space around values", asking(`value=" 0108501234&#10;" source=" CPR "`)},
		{"comments", get("<!-- x -->" + strings.Replace(patient, "/>", "><!-- y --></f:patientId>", 1))},
		{"references", asking(`value="010850123&#52;"`)},
		{"an end tag", get(`<f:patientId source='CPR' value='0108501234'> </f:patientId>`)},
		{"attributes of other namespaces", asking(`xmlns:x="urn:x" x:source="eCPR" value="0108501234" x:value="1"`)},
		{"where the schema is", strings.Replace(get(patient), ns, ns+xsi+` i:schemaLocation="urn:x y"`, 1)},
		{"the type of the schema", asking(`value="0108501234"` + xsi + ` i:type="f:PatientIdType" i:nil="false"`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			s.call(t, citizen(citizenC).as(sample(t, "register-request")))
			got := s.call(t, citizen(citizenC).as(c.body))
			if want == "" {
				want = got
			}
			require.Contains(t, got, "<f:consent>")
			assert.Equal(t, want, got)
		})
	}
	for _, c := range []struct {
		name string
		with func(id string) string
	}{
		{"a uuid in upper case", func(id string) string {
			return update(patient + `<f:uuid value="` + strings.ToUpper(id) + `"/>` + inError)
		}},
		{"white space around all values", func(id string) string {
			return update(patient + `<f:uuid value=" ` + id + ` "/><f:status value="&#9;ENTERED-IN-ERROR"/><f:citizenCreatedDate value=" 2026-11-02 "/>`)
		}},
		{"a date with a zone", func(id string) string {
			return update(patient + `<f:uuid value="` + id + `"/>` + inError + `<f:citizenCreatedDate value="2026-11-02+14:00"/>`)
		}},
		{"a root without suffix", func(id string) string {
			return wrapped("UpdateConsent", patient+`<f:uuid value="`+id+`"/>`+inError+formDate)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			s.call(t, citizen(citizenC).as(wrapped("RegisterConsent", patient)))
			got := s.call(t, administrator().as(c.with(s.head(t))))
			assert.Contains(t, got, `<f:status value="ENTERED-IN-ERROR">`)
			if c.name != "a uuid in upper case" {
				assert.Contains(t, got, `<f:citizenCreatedDate value="2026-11-02">`, "the day as it stands on the form")
			}
		})
	}
	t.Run("a withdrawal without suffix", func(t *testing.T) {
		s := newService(t)
		s.call(t, citizen(citizenC).as(wrapped("RegisterConsent", patient)))
		s.golden(t, "delete-response", s.call(t, citizen(citizenC).as(wrapped("DeleteConsent", patient))))
	})
}
