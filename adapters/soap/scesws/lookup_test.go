package scesws_test

import (
	"errors"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/scesws"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden are the persons whose answers stand in testdata, in every version, with practice and insurance.
func golden() map[string]string {
	return map[string]string{
		child: "child", "2101194638": "younger-child", "2207820468": "mother", "1403800099": "guardian", "2804901808": "replaced",
		"1702553083": "ward", "2508480706": "dead", "0310710721": "protected", "1112660712": "abroad", "1606752533": "abroad-without-address",
		"0803611471": "annulled",
	}
}

// indented puts every element on a line of its own, as people read it.
func indented(xml string) string {
	return strings.NewReplacer("><", ">\n<", " xmlns:", "\n  xmlns:").Replace(xml) + "\n"
}

func TestAnswers(t *testing.T) {
	s := newService(t)
	for number, name := range golden() {
		for v, path := range versions() {
			t.Run("PC-37 "+name+" in "+v.String(), func(t *testing.T) {
				whole := s.ask(t, path, request(v, true, number))
				file := filepath.Join("testdata", name+"-"+v.String()+".xml")
				if *update {
					require.NoError(t, os.WriteFile(file, []byte(indented(whole)), 0o600))
				}
				want, err := os.ReadFile(file)
				require.NoError(t, err)
				assert.Equal(t, string(want), indented(whole))

				// Both operations tell the same of the person.
				_, person, _ := strings.Cut(whole, "<PersonWithHealthCareInformationStructure>")
				person, _, _ = strings.Cut(person, "<PersonHealthCareInformationStructure>")
				short := s.ask(t, path, request(v, false, number))
				assert.True(t, strings.HasPrefix(short, `<getPersonInformationOut xmlns="`+v.Namespace()+`"`), short)
				assert.Contains(t, short, ">"+person+"</getPersonInformationOut>")
			})
		}
	}
}

func TestAnyVersionOnAnyPath(t *testing.T) {
	s := newService(t)
	for v := range versions() {
		for _, path := range versions() {
			assert.Contains(t, s.ask(t, path, request(v, false, child)), `<getPersonInformationOut xmlns="`+v.Namespace()+`"`, path)
		}
	}
	other := strings.ReplaceAll(request(scesws.V104, false, child), "1.0.4", "1.0.0")
	assert.Contains(t, s.post(t, scesws.Path104, other).Body.String(), "<medcom:FaultCode>syntax_error</medcom:FaultCode>")
}

func TestCensored(t *testing.T) {
	s := newService(t)
	for v, path := range versions() {
		t.Run("PC-38 "+v.String(), func(t *testing.T) {
			answer := s.ask(t, path, request(v, true, "0310710721"))
			assert.Contains(t, answer, "<c0503:PersonCivilRegistrationIdentifier>0310710721</c0503:PersonCivilRegistrationIdentifier>")
			assert.Contains(t, answer, "<c0511:PersonInformationProtectionIndicator>true<")
			assert.Contains(t, answer, "<c0609:PersonInformationProtectionStartDate>2020-01-01<")
			for _, secret := range []string{"Hemmelig", "Skjult", "Person<", "Hos Nogen", "Testby", "0900", "female", "1971", "900001", "19002", "gruppe_2", ">05<"} {
				assert.NotContains(t, answer, secret)
			}
			_, told := s.said(t)
			assert.Equal(t, map[string]string{"requested-cpr": "0310710721", "client-cvr": listed, "result": "found"}, told)
		})
		t.Run("PC-39 "+v.String(), func(t *testing.T) {
			answer := s.ask(t, path, request(v, false, "2508480706"))
			assert.Contains(t, answer, "<d0503:StreetName>UKENDT</d0503:StreetName>")
			assert.NotContains(t, answer, "Prøvevej")
		})
	}
}

func TestRefusals(t *testing.T) {
	const (
		pattern = "The value &apos;%&apos; of element &apos;PersonCivilRegistrationIdentifier&apos; is not valid."
		blank   = "PersonCivilRegistrationIdentifier was not set in request, but is required."
	)
	for _, c := range []struct {
		name, number, cvr string
		code, text        string
		detail            string
		told              map[string]string
	}{
		{"PC-40 nobody has the number", "0909729999", listed, "Client", "Ingen data fundet", "",
			map[string]string{"requested-cpr": "0909729999", "client-cvr": listed, "result": "not-found"}},
		{"EC-01 the number that is nobody's", "0000000000", listed, "Client", "Ingen data fundet", "",
			map[string]string{"requested-cpr": "0000000000", "client-cvr": listed, "result": "not-found"}},
		{"PC-40 no number", "9999999999", listed, "Client", pattern, "", map[string]string{"requested-cpr": "9999999999", "client-cvr": listed}},
		{"PC-40 an X-eCPR", "1308781QT7", listed, "Client", pattern, "", map[string]string{"requested-cpr": "1308781QT7", "client-cvr": listed}},
		{"EC-01 a hyphen", "090512-4643", listed, "Client", pattern, "", map[string]string{"requested-cpr": "090512-4643", "client-cvr": listed}},
		{"EC-01 a blank before it", " 0905124643", listed, "Client", pattern, "", map[string]string{"requested-cpr": " 0905124643", "client-cvr": listed}},
		{"a number that is markup", "</faultstring>", listed, "Client", pattern, "", map[string]string{"requested-cpr": "</faultstring>", "client-cvr": listed}},
		{"PC-40 nothing", "", listed, "Client", blank, "", map[string]string{"client-cvr": listed}},
		{"PC-40 blanks", " \n ", listed, "Client", blank, "", map[string]string{"requested-cpr": " \n ", "client-cvr": listed}},
		{"PC-40 an organisation that is not listed", child, unlisted, "Server", "The request CVR number is not authorized to use this service.",
			"not_authorized", map[string]string{"requested-cpr": child, "client-cvr": unlisted}},
		{"the grant comes before the form of the number", "x", unlisted, "Server", "The request CVR number is not authorized to use this service.",
			"not_authorized", map[string]string{"requested-cpr": "x", "client-cvr": unlisted}},
		{"an organisation without CVR number", child, "", "Server", "The request CVR number is not authorized to use this service.",
			"not_authorized", map[string]string{"requested-cpr": child}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			s.caller.Org.CVR = c.cvr
			for v, path := range versions() {
				for health := range operations() {
					w := s.post(t, path, request(v, health, c.number))
					text := strings.ReplaceAll(strings.ReplaceAll(c.text, "%", strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(c.number)), "&apos;", "'")
					requireFault(t, w, c.code, text, c.detail)
					where, told := s.said(t)
					assert.Equal(t, c.told, told)
					assert.Equal(t, map[bool]audit.Context{false: audit.PersonInformation, true: audit.PersonHealthInformation}[health], where)
				}
			}
			if c.number != "" && c.number != "x" {
				assert.NotContains(t, s.log.String(), c.number)
			}
			for _, o := range s.observed {
				assert.NotContains(t, o.Fault.Text, "'"+c.number+"'", "metrics and logs hold no number")
			}
		})
	}
}

func TestRegisterDown(t *testing.T) {
	secret := errors.New("secret cause")
	for n := 1; n <= 8; n++ {
		s := newService(t)
		s.register.OnRead.FailFrom(n, secret)
		w := s.post(t, scesws.Path104, request(scesws.V104, true, "2101194638"))
		if w.Code == http.StatusOK {
			assert.Greater(t, n, 4, "PC-40 person, prior number, family and insurance are read")
			return
		}
		requireFault(t, w, "Server", "Internal Server Error", "processing_problem")
		_, told := s.said(t)
		assert.Equal(t, map[string]string{"requested-cpr": "2101194638", "client-cvr": listed, "outcome": "rolled_back"}, told,
			"PC-40 neither found nor not found")
		assert.NotContains(t, s.log.String(), "2101194638")
		assert.Contains(t, s.log.String(), secret.Error())
	}
	t.Fail()
}

func TestGrantsDown(t *testing.T) {
	s := newService(t)
	for _, err := range []error{admitting.ErrGrants, errors.New("secret cause")} {
		s.grants = err
		requireFault(t, s.post(t, scesws.Path104, request(scesws.V104, false, child)), "Server", "Internal Server Error", "processing_problem")
	}
}

func TestRequestsThatAreNotUnderstood(t *testing.T) {
	const number = `<PersonCivilRegistrationIdentifier xmlns="http://rep.oio.dk/cpr.dk/xml/schemas/core/2005/03/18/">0905124643</PersonCivilRegistrationIdentifier>`
	s := newService(t)
	for name, content := range map[string]string{
		"two numbers":       number + number,
		"another element":   "<Other/>",
		"an element more":   number + "<Other/>",
		"another namespace": "<m:PersonCivilRegistrationIdentifier>0905124643</m:PersonCivilRegistrationIdentifier>",
		"elements in it":    strings.Replace(number, "0905124643", "<x/>", 1),
	} {
		w := s.post(t, scesws.Path103, `<m:getPersonInformationIn xmlns:m="urn:oio:medcom:cprservice:1.0.3">`+content+`</m:getPersonInformationIn>`)
		requireFault(t, w, "Client", "The request holds more than PersonCivilRegistrationIdentifier.", "")
		assert.NotContains(t, s.log.String(), "0905124643", name)
	}
	w := s.post(t, scesws.Path103, `<m:getPersonInformationIn xmlns:m="urn:oio:medcom:cprservice:1.0.3"> </m:getPersonInformationIn>`)
	requireFault(t, w, "Client", "PersonCivilRegistrationIdentifier was not set in request, but is required.", "")
}

func TestWhoMayAsk(t *testing.T) {
	s := newService(t)
	n, err := cpr.Parse("2207820468")
	require.NoError(t, err)
	for name, change := range map[string]func(*identity.Caller){
		"a professional": func(c *identity.Caller) { c.Kind, c.CPR, c.Credential.Level = identity.Professional, n, 4 },
		"a citizen":      func(c *identity.Caller) { c.Kind, c.CPR = identity.Citizen, n },
		"a token":        func(c *identity.Caller) { c.Credential.Scheme = identity.IDWS },
		"an address":     func(c *identity.Caller) { c.Credential.Scheme = identity.Address },
	} {
		t.Run(name, func(t *testing.T) {
			s.caller = system()
			change(&s.caller)
			w := s.post(t, scesws.Path104, request(scesws.V104, false, child))
			assert.Contains(t, w.Body.String(), "<medcom:FaultCode>not_authorized</medcom:FaultCode>")
			assert.NotContains(t, w.Body.String(), "Testesen")
		})
	}
	for _, op := range s.ops {
		assert.Equal(t, 3, op.Policy.MinLevel)
		assert.Equal(t, admitting.Recompute, op.Policy.Resend)
		assert.Empty(t, op.Policy.Grant, "the use case says it in the contract's words")
	}
}

func TestFaultTextsHoldNoNumber(t *testing.T) {
	s := newService(t)
	s.post(t, scesws.Path104, request(scesws.V104, false, "1308781QT7"))
	last := s.observed[len(s.observed)-1]
	assert.Equal(t, fault.Invalid, last.Fault.Kind)
	assert.NotContains(t, last.Fault.Error(), "1308781QT7")
}
