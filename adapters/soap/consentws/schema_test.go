package consentws_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/consentws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
)

// contracted is a service that has the contracts of all three.
func contracted(t testing.TB) *service {
	t.Helper()
	s := newService(t)
	s.mount(t, consentws.Verification(&consenting.Verification{}, &profile{}))
	return s
}

// document fetches a document of a contract.
func (s *service) document(t testing.TB, path, query string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	s.paths[path].ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://nsp.example"+path+query, http.NoBody))
	return w
}

var schemaLocation = regexp.MustCompile(`schemaLocation="[^"]*\?xsd=([^"]+)"`)

func TestContracts(t *testing.T) {
	s := contracted(t)
	for path, c := range map[string]struct {
		service, space string
		operations     []string
	}{
		consentws.PathAdministration: {"ConsentAdministrationService", nsNew, []string{
			"ConsentRegistrationsGet", "ConsentAddPositive", "ConsentAddConstraint", "ConsentModifyPositive", "ConsentModifyConstraint", "ConsentRevoke",
		}},
		consentws.PathAdministrationV1: {"ConsentAdministrationServiceV1", nsOld, []string{
			"ConsentRegistrationsGet", "ConsentAdd", "ConsentModify", "ConsentRevoke",
		}},
		consentws.PathVerification: {"ConsentVerificationService", nsV, []string{"ConsentForUserCheck", "ConsentForForeignersCheck", "ConsentForDataCheck"}},
	} {
		t.Run(path, func(t *testing.T) {
			w := s.document(t, path, "?wsdl")
			require.Equal(t, http.StatusOK, w.Code)
			wsdl := w.Body.String()
			tree, err := xmltree.Parse([]byte(wsdl), xmltree.DefaultLimits(1<<20))
			require.NoError(t, err)
			tree.Release()
			for _, part := range []string{
				`targetNamespace="` + c.space + `"`, `service name="` + c.service + `"`, `port name="` + c.service + `Port"`,
				`<soap:address location="http://nsp.example` + path + `"/>`, `element="hsuid:HsuidHeader"`,
			} {
				assert.Contains(t, wsdl, part)
			}
			for _, operation := range c.operations {
				assert.Contains(t, wsdl, `<soap:operation soapAction="`+operation+`"`)
			}
			assert.Equal(t, len(c.operations), strings.Count(wsdl, "<soap:operation "))
			imports := schemaLocation.FindAllStringSubmatch(wsdl, -1)
			assert.Len(t, imports, 4)
			for _, m := range imports {
				assert.Equal(t, http.StatusOK, s.document(t, path, "?xsd="+m[1]).Code, m[1])
			}
			assert.Equal(t, http.StatusNotFound, s.document(t, path, "?xsd=3").Code)
		})
	}
}

// schemaCase is a document that the schema of its service must accept or refuse.
type schemaCase struct {
	name, xml string
	valid     bool
}

// bound declares the prefixes of a body at its root, as the envelope of its request does.
func bound(body string) string {
	end := strings.IndexAny(body, " >/")
	declared := body[end : strings.Index(body, ">")+1]
	var all strings.Builder
	for prefix, space := range map[string]string{"m": nsNew, "o": nsOld, "v": nsV, "t": nsT} {
		if !strings.Contains(declared, "xmlns:"+prefix+"=") {
			all.WriteString(" xmlns:" + prefix + `="` + space + `"`)
		}
	}
	return body[:end] + all.String() + body[end:]
}

// validate asserts that the schemas that are served accept and refuse as the cases say.
func (s *service) validate(t *testing.T, all ...schemaCase) {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
			t.Fatal("xmllint is not installed")
		}
		t.Skip("xmllint is not installed: schemas are not checked")
	}
	byPath := map[string][]schemaCase{}
	for _, c := range all {
		path := pathOf(c.xml)
		byPath[path] = append(byPath[path], c)
	}
	for path, cases := range byPath {
		folder := t.TempDir()
		for _, name := range []string{"1", "2"} {
			doc := s.document(t, path, "?xsd="+name).Body.String()
			require.NoError(t, os.WriteFile(filepath.Join(folder, name+".xsd"), []byte(schemaLocation.ReplaceAllString(doc, `schemaLocation="$1.xsd"`)), 0o600))
		}
		args := []string{"--noout", "--nonet", "--schema", "1.xsd"}
		for i, c := range cases {
			require.NoError(t, os.WriteFile(filepath.Join(folder, strconv.Itoa(i)), []byte(bound(c.xml)), 0o600))
			args = append(args, strconv.Itoa(i))
		}
		command := exec.CommandContext(t.Context(), xmllint, args...) //nolint:gosec // the tests' own files
		command.Dir = folder
		out, _ := command.CombinedOutput() // it exits with an error because of those that are refused
		for i, c := range cases {
			accepted := strings.Contains("\n"+string(out), "\n"+strconv.Itoa(i)+" validates\n")
			refused := strings.Contains("\n"+string(out), "\n"+strconv.Itoa(i)+" fails to validate\n")
			require.NotEqual(t, accepted, refused, "%s: %s\n%s", c.name, c.xml, out)
			assert.Equal(t, c.valid, accepted, "%s: %s\n%s", c.name, c.xml, out)
		}
	}
}

// TestSchemas: the samples are valid, and what is not as the contract says is not.
func TestSchemas(t *testing.T) {
	s := contracted(t)
	files, err := filepath.Glob("testdata/*-re*.xml")
	require.NoError(t, err)
	require.Len(t, files, 28)
	var all []schemaCase
	for _, file := range files {
		all = append(all, schemaCase{file, sample(t, filepath.Base(file)), true})
	}
	changed := func(file, name string, valid bool, oldnew ...string) {
		xml := strings.NewReplacer(oldnew...).Replace(sample(t, file))
		require.NotEqual(t, sample(t, file), xml, name)
		all = append(all, schemaCase{file + ", " + name, xml, valid})
	}
	for file, must := range map[string][]string{
		"add-positive-request.xml": {"t:citizenCPR", "t:validFrom"}, "modify-constraint-request.xml": {"t:consentId", "t:citizenCPR", "t:validFrom"},
		"revoke-request.xml": {"t:consentId", "t:citizenCPR"}, "get-request.xml": {"PatientPersonCivilRegistrationIdentifier"},
		"v1-add-request.xml":    {"t:citizenCPR", "t:consentType", "t:validFrom"},
		"v1-modify-request.xml": {"t:consentId", "t:citizenCPR", "t:consentType", "t:validFrom"}, "v1-revoke-request.xml": {"t:consentId", "t:citizenCPR"},
		"v1-get-request.xml":     {"t:PatientPersonCivilRegistrationIdentifier"},
		"user-check-request.xml": {"t:citizenCPR", "t:healthProfessionalCPR", "t:organization"}, "foreigners-check-request.xml": {"t:countryCode", "t:identifier"},
		"data-check-request.xml": {"t:citizenCPR", "t:itemId"},
	} {
		for _, name := range must {
			one := regexp.MustCompile("<" + name + "[ >][^<]*</" + name + ">").FindString(sample(t, file))
			require.NotEmpty(t, one, file+name)
			changed(file, "without "+name, false, one, "")
			changed(file, "twice "+name, false, one, one+one)
			changed(file, "misspelt "+name, false, "<"+name+">", "<"+name+"x>", "</"+name+">", "</"+name+"x>", "<"+name+" ", "<"+name+"x ")
		}
	}
	const add, v1 = "add-positive-request.xml", "v1-add-request.xml"
	for _, cpr := range []string{"010101-0101", " 0101010101\n"} {
		changed(add, "the citizen "+cpr, true, citizenC, cpr)
	}
	for _, cpr := range []string{"", "01010101", "0101-010101", "0101010101x"} {
		changed(add, "the citizen "+cpr, false, citizenC, cpr)
	}
	changed(add, "CT-23 dataPeriodFrm", false, "dataPeriodFrom", "dataPeriodFrm")
	changed(add, "children qualified", false, "<ConsentA", "<m:ConsentA", "</ConsentA", "</m:ConsentA")
	changed(v1, "children not qualified", false, "<t:ConsentA", "<ConsentA", "</t:ConsentA", "</ConsentA")
	changed(add, "consentType where the operation tells it", false, "<t:who>", "<t:consentType>Positive</t:consentType><t:who>")
	changed(add, "two targets, which the service refuses", true, "<t:healthcareO", doctor+"<t:healthcareO")
	changed(add, "no end, which the service refuses", true, "<t:validTo>2026-06-02T00:00:00Z</t:validTo>", "")
	changed(add, "an empty flag", true, "</t:who>", "<t:foreignHealthProfessionals/></t:who>")
	changed(add, "a flag that is none", false, "</t:who>", "<t:foreignHealthProfessionals>x</t:foreignHealthProfessionals></t:who>")
	changed(add, "a SHAK number", false, region, "9990A1")
	changed(add, "a time without zone", true, "2026-06-02T00:00:00Z", "2026-06-02T00:00:00.123")
	changed(add, "a day that is none", false, "2024-12-31", "2024-13-01")
	changed(add, "another order", false, "<t:citizenCPR>0101010101</t:citizenCPR>", "", "</ConsentA", "<t:citizenCPR>0101010101</t:citizenCPR></ConsentA")
	changed(add, "another operation", false, "ConsentAddPositive", "ConsentAdd")
	changed(v1, "a type that is none", false, "Negative", "negative")
	changed("revoke-request.xml", "an id of 14 digits", false, sampleConstraint.String(), sampleConstraint.String()[1:])
	changed("revoke-request.xml", "an id that begins with 0", false, sampleConstraint.String(), "0"+sampleConstraint.String()[1:])
	changed("foreigners-check-request.xml", "a country", false, ">SE<", ">se<")
	changed("user-check-request.xml", "a foreigner too", false, "<t:healthProfessional>", "<t:foreignHealthProfessional><t:countryCode>SE</t:countryCode>"+
		"<t:identifier>1</t:identifier></t:foreignHealthProfessional><t:healthProfessional>")
	changed("user-check-request.xml", "another codeSystem", true, `"SOR"`, `"urn:x"`)
	changed("user-check-response.xml", "another answer", false, "DataSpecific", "data_specific")
	changed("data-check-response.xml", "another verdict", false, "Denied", "denied")
	changed("data-check-request.xml", "a long id", false, "doc-1", strings.Repeat("x", 129))
	all = append(all, schemaCase{"100 entries", addConstraint(strings.Split(strings.Repeat(since("2026-03-02")+",", 99)+since("2026-03-02"), ",")...), true},
		schemaCase{"101 entries", addConstraint(strings.Split(strings.Repeat(since("2026-03-02")+",", 100)+since("2026-03-02"), ",")...), false})
	s.validate(t, all...)
}

// TestAnswersAreValid: what is written is what the contract says, whatever was sent.
func TestAnswersAreValid(t *testing.T) {
	s := contracted(t)
	for i, limits := range []string{
		who(""), who(doctor), who("<t:foreignHealthProfessionals>1</t:foreignHealthProfessionals>"),
		who("<t:includeSubOrganizations>1</t:includeSubOrganizations><t:healthcareOrganization>" + ward + "</t:healthcareOrganization>"),
		what("<t:dataPeriodFrom>0001-01-01T00:00:00.001Z</t:dataPeriodFrom>"), what("<t:dataPeriodTo>9999-12-31T23:59:59.9999Z</t:dataPeriodTo>"),
		what("<t:originatingOrganization>"+region+"</t:originatingOrganization>") + until("2027-01-01"),
	} {
		r := s.added(t, addConstraint(limits+since("2026-03-02")))
		if i%2 == 1 {
			s.call(t, change("ConsentModifyConstraint", r.ID, since("2026-03-02T10:00:00.001")))
			s.call(t, revoke(r.ID))
		}
	}
	of := strings.ReplaceAll(sample(t, "v1-get-request.xml"), citizenB, citizenC)
	s.validate(t,
		schemaCase{"newer", s.call(t, get(citizenC)), true}, schemaCase{"older", s.call(t, of), true},
		schemaCase{"nothing", s.good(t, s.sendAs(t, citizenHeader(citizenB), get(citizenB))), true},
	)
}

func TestClientsRequestsAreValid(t *testing.T) {
	s := contracted(t)
	var all []schemaCase
	sent := errors.New("not sent")
	c := consentws.Client{Send: func(_ context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		var w xmlout.Writer
		body(&w)
		all = append(all, schemaCase{action, string(w.Bytes()), true})
		return nil, sent
	}}
	ctx, citizen := t.Context(), number(citizenC)
	valid := validity.Period{From: now, To: now.Add(time.Millisecond)}
	drafts := []consent.Draft{
		{Valid: validity.Period{From: now}}, {Who: consent.Who{Person: number(doctorD)}, What: consent.What{Data: valid}, Valid: valid},
		{Who: consent.Who{Org: consent.Organisation{SOR: ward, SubUnits: true}}, What: consent.What{Origin: consent.Organisation{SOR: ward, SubUnits: true}}, Valid: valid},
		{Who: consent.Who{Foreign: true}, What: consent.What{Data: validity.Period{To: now}}, Valid: valid},
	}
	for _, d := range drafts {
		addition, modification := []consenting.Addition{{Citizen: citizen, Draft: d}}, []consenting.Modification{{ID: sampleConstraint, Citizen: citizen, Draft: d}}
		_, err := c.AddPositive(ctx, addition)
		require.ErrorIs(t, err, sent)
		_, err = c.AddConstraint(ctx, addition)
		require.ErrorIs(t, err, sent)
		_, err = c.ModifyPositive(ctx, modification)
		require.ErrorIs(t, err, sent)
		_, err = c.ModifyConstraint(ctx, modification)
		require.ErrorIs(t, err, sent)
	}
	_, err := c.Get(ctx, citizen)
	require.ErrorIs(t, err, sent)
	_, err = c.Revoke(ctx, []consenting.Revocation{{ID: sampleConstraint, Citizen: citizen}, {ID: samplePositive, Citizen: citizen}})
	require.ErrorIs(t, err, sent)
	question := consenting.Question{
		Citizen: citizen, Acting: number(helperH), Responsible: number(doctorD), Org: org.ID{Code: "9990A1", Scheme: org.SHAK}, Country: "SE", Identifier: "1",
	}
	_, err = c.UserCheck(ctx, question)
	require.ErrorIs(t, err, sent)
	_, err = c.ForeignersCheck(ctx, question)
	require.ErrorIs(t, err, sent)
	_, err = c.DataCheck(ctx, question, []consentws.Item{{ID: "1"}, {ID: "2", Item: consenting.Item{Data: valid, Origin: org.ID{Code: ward, Scheme: org.SOR}}}})
	require.ErrorIs(t, err, sent)
	assert.Len(t, all, 21)
	s.validate(t, all...)
}
