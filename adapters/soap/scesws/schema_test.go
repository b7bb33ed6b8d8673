package scesws_test

import (
	"context"
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
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/adapters/soap/scesws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/stamdata"
)

// get fetches a document of a contract.
func (s *service) get(t testing.TB, path, query string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	s.paths[path].ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://nsp.example"+path+query, http.NoBody))
	return w
}

var (
	schemaLocation = regexp.MustCompile(`schemaLocation="[^"]*\?xsd=([^"]+)"`)
	soapAddress    = regexp.MustCompile(`<soap:address location="([^"]*)"/>`)
)

// schemas saves the schemas of a version as they are served, and returns the file of the messages.
func (s *service) schemas(t testing.TB, v scesws.Version, path string) (file string) {
	t.Helper()
	folder := t.TempDir()
	waiting := []string{"cprservice-" + v.String() + ".xsd"}
	for saved := map[string]bool{}; len(waiting) > 0; {
		name := waiting[0]
		if waiting = waiting[1:]; saved[name] {
			continue
		}
		saved[name] = true
		w := s.get(t, path, "?xsd="+name)
		require.Equal(t, http.StatusOK, w.Code, name)
		doc := w.Body.String()
		for _, m := range schemaLocation.FindAllStringSubmatch(doc, -1) {
			waiting = append(waiting, m[1])
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(schemaLocation.ReplaceAllString(doc, `schemaLocation="$1"`)), 0o600))
	}
	return filepath.Join(folder, "cprservice-"+v.String()+".xsd")
}

func TestContracts(t *testing.T) {
	s := newService(t)
	for v, path := range versions() {
		t.Run(v.String(), func(t *testing.T) {
			w := s.get(t, path, "?wsdl")
			require.Equal(t, http.StatusOK, w.Code)
			wsdl := w.Body.String()
			tree, err := xmltree.Parse([]byte(wsdl), xmltree.DefaultLimits(1<<20))
			require.NoError(t, err)
			tree.Release()
			assert.Equal(t, "http://nsp.example"+path, soapAddress.FindStringSubmatch(wsdl)[1])
			for _, part := range []string{
				`targetNamespace="` + v.Namespace() + `"`, `service name="DetGodeCPROpslagService"`, `port name="DetGodeCPROpslag"`,
				`portType name="DetGodeCPROpslag"`, `binding name="DetGodeCPROpslagBinding"`, `name="fault" element="dgws:FaultCode"`,
				`soapAction="http://rep.oio.dk/medcom.sundcom.dk/xml/wsdl/2007/06/28/getPersonInformation"`,
				`soapAction="http://rep.oio.dk/medcom.sundcom.dk/xml/wsdl/2007/06/28/getPersonWithHealthCareInformation"`,
			} {
				assert.Contains(t, wsdl, part)
			}
			for _, m := range schemaLocation.FindAllStringSubmatch(wsdl, -1) {
				assert.Equal(t, http.StatusOK, s.get(t, path, "?xsd="+m[1]).Code, m[1])
			}
			assert.NotContains(t, wsdl, "{{")
			assert.Equal(t, http.StatusNotFound, s.get(t, path, "?xsd=DetGodeCPROpslag.wsdl").Code)
			assert.Equal(t, http.StatusNotFound, s.get(t, path, "?xsd=..%2Fnames.go").Code)
		})
	}
}

// document is a message that the schema of its version must accept or refuse.
type document struct {
	name, xml string
	valid     bool
}

// validate asserts that the schema that is served accepts and refuses as the documents say.
func validate(t testing.TB, schema string, all []document) {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
			t.Fatal("xmllint is not installed")
		}
		t.Skip("xmllint is not installed: schemas are not checked")
	}
	folder := t.TempDir()
	args := []string{"--noout", "--nonet", "--schema", schema}
	for i, d := range all {
		name := strconv.Itoa(i)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(d.xml), 0o600))
		args = append(args, name)
	}
	command := exec.CommandContext(t.Context(), xmllint, args...) //nolint:gosec // the tests' own files
	command.Dir = folder
	output, _ := command.CombinedOutput() // it exits with an error because of those that are refused
	verdicts, why := map[string]bool{}, map[string]string{}
	for line := range strings.Lines(string(output)) {
		file, _, _ := strings.Cut(line, ":")
		if name, ok := strings.CutSuffix(line, " validates\n"); ok {
			verdicts[name] = true
		} else if name, ok := strings.CutSuffix(line, " fails to validate\n"); ok {
			verdicts[name] = false
		} else {
			why[file] += line
		}
	}
	for i, d := range all {
		accepted, told := verdicts[strconv.Itoa(i)]
		require.True(t, told, "xmllint says nothing of %s: %s", d.name, output)
		assert.Equal(t, d.valid, accepted, "%s: %s%s", d.name, why[strconv.Itoa(i)], d.xml)
	}
}

func TestMessagesAreValid(t *testing.T) {
	s := newService(t)
	for v, path := range versions() {
		t.Run("PC-37 "+v.String(), func(t *testing.T) {
			var all []document
			for number, name := range golden() {
				for health := range operations() {
					all = append(all, document{name, s.ask(t, path, request(v, health, number)), true})
				}
			}
			for health, op := range operations() {
				for number, valid := range map[string]bool{
					child: true, "0000000000": true, "2902041111": true, "3002041111": false, "3104041111": false, "9999999999": false, "1308781QT7": false,
					"": false, "090512-4643": false, "090512464": false, "09051246431": false,
				} {
					all = append(all, document{op + " of " + number, request(v, health, number), valid})
				}
				all = append(all, document{op + " of nobody", "<" + op + `In xmlns="` + v.Namespace() + `"/>`, false})
			}
			validate(t, s.schemas(t, v, path), all)
		})
	}
}

// TestSchemasRefuse changes good answers in one place.
func TestSchemasRefuse(t *testing.T) {
	s := newService(t)
	everywhere := []struct {
		number, old, new string
		valid            bool
	}{
		{"2101194638", "<d0302:PersonMiddleName>Prøve</d0302:PersonMiddleName>", "", true},
		{"2101194638", "<d0302:PersonGivenName>Ida</d0302:PersonGivenName>", "", false},
		{"2101194638", ">Ida<", "><", false},
		{"2101194638", ">Ida<", ">" + strings.Repeat("å", 50) + "<", true},
		{"2101194638", ">Ida<", ">" + strings.Repeat("å", 51) + "<", false},
		{"2101194638", ">Prøve<", ">" + strings.Repeat("å", 41) + "<", false},
		{"2101194638", "PersonSurnameName>Testesen<", "PersonSurnameName>" + strings.Repeat("å", 41) + "<", false},
		{"2101194638", ">Ida Prøve Testesen<", ">" + strings.Repeat("å", 35) + "<", false},
		{"2101194638", ">female<", ">kvinde<", false},
		{"2101194638", ">female<", ">unknown<", true},
		{"2101194638", "StatusCode>01<", "StatusCode>02<", false},
		{"2101194638", "StatusCode>01<", "StatusCode>80<", true},
		{"2101194638", "BirthDate>2019-01-21<", "BirthDate>21-01-2019<", false},
		{"2101194638", ">Tove Testlæge<", ">" + strings.Repeat("å", 35) + "<", false},
		{"2101194638", "<i0506:CareOfName>Tove Testlæge</i0506:CareOfName>", "", true},
		{"2101194638", "MunicipalityCode>0099<", "MunicipalityCode>99<", false},
		{"2101194638", "StreetCode>0012<", "StreetCode>12<", false},
		{"2101194638", "BuildingIdentifier>12A<", "BuildingIdentifier>012A<", false},
		{"2101194638", "BuildingIdentifier>12A<", "BuildingIdentifier>999Z<", true},
		{"2101194638", "BuildingIdentifier>12A<", "BuildingIdentifier>1000<", false},
		{"2101194638", "FloorIdentifier>1<", "FloorIdentifier>01<", false},
		{"2101194638", "FloorIdentifier>1<", "FloorIdentifier>k2<", true},
		{"2101194638", "FloorIdentifier>1<", "FloorIdentifier>St<", false},
		{"2101194638", "SuiteIdentifier>tv<", "SuiteIdentifier>midtf<", false},
		{"2101194638", ">Testlund<", ">" + strings.Repeat("å", 35) + "<", false},
		{"2101194638", "PostCodeIdentifier>0900<", "PostCodeIdentifier>900<", false},
		{"2101194638", "StreetName>Prøvevej<", "StreetName>" + strings.Repeat("å", 41) + "<", false},
		{"2101194638", "DistrictName>Testby<", "DistrictName>" + strings.Repeat("å", 21) + "<", false},
		{"2101194638", "CountyCode>0000<", "CountyCode>99<", true},
		{"2101194638", "CountyCode>0000<", "CountyCode>98<", false},
		{"2101194638", "<CountyCode>0000</CountyCode>", "", false},
		{"0310710721", "<c0609:PersonInformationProtectionStartDate>2020-01-01</c0609:PersonInformationProtectionStartDate>", "", true},
		{"1403800099", "PractitionerIdentifier>19002<", "PractitionerIdentifier>1234567<", false},
		{"1403800099", ">Lægehuset Prøveby<", ">" + strings.Repeat("å", 71) + "<", false},
		{"1403800099", ">Anden Vej 2<", "><", true},
		{"1403800099", ">Anden Vej 2<", ">" + strings.Repeat("å", 151) + "<", false},
		{"1403800099", ">12345678</d0509", ">+4512345678</d0509", false},
		{"1403800099", "<d0509:TelephoneSubscriberIdentifier>12345678</d0509:TelephoneSubscriberIdentifier>", "", true},
		{"1403800099", ">post@laegehuset.test<", ">post<", false},
		{"1403800099", "GroupStartDate>2012-02-03<", "GroupStartDate>20120203<", false},
		{"1403800099", "sygesikringsgruppe_", "gruppe_", false},
		{"2101194638", "sygesikringsgruppe_1", "sygesikringsgruppe_3", false},
	}
	own := map[scesws.Version][]struct {
		number, old, new string
		valid            bool
	}{
		scesws.V102: {
			{"2101194638", "sygesikringsgruppe_1", "sygesikringsgruppe_0", false},
			{"2101194638", "c0601:RegularCPRPerson", "RegularCPRPerson", false},
			{"2101194638", "</PersonAddressStructure>", "</PersonAddressStructure><PersonCustodyStructure/>", false},
			{"0905124643", "UKENDT", "By", true},
		},
		scesws.V103: {
			{"2101194638", "sygesikringsgruppe_1", "sygesikringsgruppe_0", false},
			{"2101194638", "<PersonCustodyStructure><PersonCustodyIdentifier>2207820468</PersonCustodyIdentifier></PersonCustodyStructure>", "", true},
			{"2101194638", "</PersonCustodyIdentifier>", "</PersonCustodyIdentifier><PersonCustodyRelation>mor</PersonCustodyRelation>", false},
			{"1403800099", "PublicHealthInsuranceStatus>D<", "PublicHealthInsuranceStatus>X<", false},
		},
		scesws.V104: {
			{"1403800099", "<PriorPersonCivilRegistrationIdentifier>2804901808</PriorPersonCivilRegistrationIdentifier>", "", true},
			{"1403800099", "CVRnumberIdentifier>12345678<", "CVRnumberIdentifier>1234567<", false},
			{"1403800099", "PublicHealthInsuranceStatus>D<", "PublicHealthInsuranceStatus>X<", false},
			{"2101194638", "Relation>mor<", "Relation>moder<", false},
			{"2207820468", "Relation>barn<", "Relation>mor<", false},
			{"2101194638", "<PersonCustodyRelation>mor</PersonCustodyRelation>", "", false},
		},
	}
	for v, path := range versions() {
		t.Run("PC-37 "+v.String(), func(t *testing.T) {
			var all []document
			for _, c := range append(everywhere, own[v]...) {
				answer := s.ask(t, path, request(v, true, c.number))
				require.Contains(t, answer, c.old)
				all = append(all, document{c.old + " becomes " + c.new, strings.ReplaceAll(answer, c.old, c.new), c.valid})
			}
			validate(t, s.schemas(t, v, path), all)
		})
	}
}

// oneRow is a register of one person, and of relatives who all are the same.
type oneRow struct {
	citizen, relative stamdata.Citizen
	family            stamdata.Family
	insured           *stamdata.Insured
}

var errNone = fault.Error{Kind: fault.NotFound, Code: "none", Text: "none"}

func (r *oneRow) Citizen(_ context.Context, n cpr.Number) (stamdata.Citizen, error) {
	if n == r.citizen.CPR {
		return r.citizen, nil
	}
	c := r.relative
	c.CPR = n
	return c, nil
}

func (r *oneRow) Between(context.Context, cpr.Number, cpr.Number, time.Time) ([]relation.Relation, error) {
	return nil, nil
}

func (r *oneRow) Family(context.Context, cpr.Number, time.Time) (stamdata.Family, error) {
	return r.family, nil
}

func (r *oneRow) Insured(context.Context, cpr.Number) (stamdata.Insured, error) {
	if r.insured == nil {
		return stamdata.Insured{}, errNone
	}
	return *r.insured, nil
}

func (r *oneRow) Prior(context.Context, cpr.Number) (cpr.Number, error) { return cpr.Number{}, errNone }

func (r *oneRow) Deceased(context.Context, time.Time, cpr.Number, int) ([]cpr.Number, error) {
	return nil, nil
}

// rows draws what a register may say, and more: texts of any length and letters.
func rows(number cpr.Number) *rapid.Generator[*oneRow] {
	return rapid.Custom(func(t *rapid.T) *oneRow {
		text := rapid.OneOf(rapid.Just(""), rapid.String(), rapid.StringN(30, 200, -1), rapid.StringMatching(`[0-9]{1,7}[A-Z]?`), rapid.StringMatching(`[a-zæøå0-9 .@]{0,30}`))
		draw := func(name string) string { return text.Draw(t, name) }
		date := func(name string) calendar.Day {
			if rapid.Bool().Draw(t, name+" is known") {
				return calendar.DayOf(now.AddDate(0, 0, -rapid.IntRange(-100, 30000).Draw(t, name)))
			}
			return calendar.Day{}
		}
		relatives := func(name string, digits ...string) (all []stamdata.Relative) {
			for _, d := range digits {
				if n, err := cpr.Parse(d); err == nil && rapid.Bool().Draw(t, name) {
					all = append(all, stamdata.Relative{CPR: n, Type: rapid.SampledFrom([]string{"0003", "0004", "0005", "0006"}).Draw(t, name)})
				}
			}
			return all
		}
		practice := func(name string) *stamdata.Practice {
			if rapid.Bool().Draw(t, name) {
				return nil
			}
			return &stamdata.Practice{
				Number: draw("number"), Name: draw("name"), Address: draw("address"), PostCode: draw("post code"), District: draw("district"),
				Phone: draw("phone"), Email: draw("email"), CVR: draw("cvr"),
			}
		}
		status := rapid.SampledFrom([]string{"01", "03", "05", "07", "20", "30", "50", "60", "70", "80", "90"})
		sex := rapid.SampledFrom([]stamdata.Sex{stamdata.UnknownSex, stamdata.Male, stamdata.Female})
		r := &oneRow{
			citizen: stamdata.Citizen{
				CPR: number, Status: status.Draw(t, "status"), StatusSince: date("status date"), Sex: sex.Draw(t, "sex"),
				Name: stamdata.Name{Given: draw("given"), Middle: draw("middle"), Surname: draw("surname")},
				Address: stamdata.Address{
					CareOf: draw("care of"), Locality: draw("locality"), Street: draw("street"), House: draw("house"), Floor: draw("floor"), Door: draw("door"),
					Town: draw("town"), PostCode: draw("post code"), District: draw("district"), StreetCode: draw("street code"), MunicipalityCode: draw("municipality"),
				},
				Registered: date("birth"), BirthUncertain: rapid.Bool().Draw(t, "uncertain"), Protection: date("protection"),
			},
			relative: stamdata.Citizen{Status: status.Draw(t, "relative's status"), Sex: sex.Draw(t, "relative's sex"), Registered: date("relative's birth")},
			family: stamdata.Family{
				Holders: relatives("holders", "2207820468", "1403800099", "1909851138"), Guardians: relatives("guardians", "0611809735"),
				Children: relatives("children", "2101194638"), Wards: relatives("wards", "3011064116"), Born: relatives("born", "2101194638", "2902044063"),
				Parents: relatives("parents", "2207820468", "1702553083"),
			},
		}
		if rapid.Bool().Draw(t, "insured") {
			r.insured = &stamdata.Insured{
				CPR: number, Group: rapid.SampledFrom([]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", ""}).Draw(t, "group"), GroupSince: date("group date"),
				Status: rapid.SampledFrom([]string{"", "D", "G", "U", "V", "X"}).Draw(t, "insurance status"), Practice: practice("practice"), Prior: practice("prior"),
			}
		}
		return r
	})
}

// TestEveryAnswerIsValid: whatever a register says, the answer is one that the schema allows.
func TestEveryAnswerIsValid(t *testing.T) {
	s := newService(t)
	number, err := cpr.Parse(child)
	require.NoError(t, err)
	answers := map[scesws.Version][]document{}
	rapid.Check(t, func(rt *rapid.T) {
		s.lookup.Register = rows(number).Draw(rt, "rows")
		s.lookup.CountyCode = rapid.SampledFrom([]string{"", "1084", "99"}).Draw(rt, "county")
		for v, path := range versions() {
			for health := range operations() {
				answers[v] = append(answers[v], document{"drawn", s.ask(t, path, request(v, health, child)), true})
			}
		}
	})
	for v, path := range versions() {
		validate(t, s.schemas(t, v, path), answers[v])
	}
}

func TestClientsRequestsAreValid(t *testing.T) {
	s := newService(t)
	for v, path := range versions() {
		var all []document
		c := clientOf("")
		c.Send = capture(&all)
		for health := range operations() {
			_, err := c.Person(t.Context(), v, child, health)
			require.ErrorIs(t, err, errNone)
		}
		validate(t, s.schemas(t, v, path), all)
	}
}

// written returns what body writes.
func written(body func(*xmlout.Writer)) string {
	var w xmlout.Writer
	body(&w)
	return string(w.Bytes())
}
