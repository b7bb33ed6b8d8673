package minlogws_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

func (s *service) get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://nsp.example"+path, nil)
	w := httptest.NewRecorder()
	s.paths[strings.SplitN(path, "?", 2)[0]].ServeHTTP(w, r)
	return w
}

var (
	schemaLocation = regexp.MustCompile(`schemaLocation="\?xsd=([^"]+)"`)
	soapAddress    = regexp.MustCompile(`<soap:address location="([^"]*)"/>`)
)

func TestContracts(t *testing.T) {
	s := newService(t)
	for path := range s.paths {
		t.Run("AC-41 "+path, func(t *testing.T) {
			w := s.get(t, path+"?wsdl")
			require.Equal(t, http.StatusOK, w.Code)
			wsdl := w.Body.String()
			tree, err := xmltree.Parse([]byte(wsdl), xmltree.DefaultLimits(1<<20))
			require.NoError(t, err)
			tree.Release()
			assert.Equal(t, "http://nsp.example"+path, soapAddress.FindStringSubmatch(wsdl)[1])
			imports := schemaLocation.FindAllStringSubmatch(wsdl, -1)
			require.NotEmpty(t, imports)
			for _, i := range imports {
				w := s.get(t, path+"?xsd="+i[1])
				require.Equal(t, http.StatusOK, w.Code, i[1])
				tree, err := xmltree.Parse(w.Body.Bytes(), xmltree.DefaultLimits(1<<20))
				require.NoError(t, err, i[1])
				tree.Release()
			}
			assert.Equal(t, http.StatusNotFound, s.get(t, path+"?xsd=other.xsd").Code)
		})
	}
	t.Run("AC-41 names", func(t *testing.T) {
		for path, names := range map[string][]string{
			newest: {`portType name="RegisterServicePort"`, `port name="RegisterServicePort"`, `binding name="RegisterServiceBinding"`, `service name="RegisterService"`, `soapAction="AddRegistrations"`},
			older:  {`portType name="RegisterServicePort"`, `service name="RegisterService"`, `element="dgws:FaultCode"`, `<soap:header message="tns:DGWSHeader" part="Security"`},
			citizenPath: {`portType name="LookupidServicePort"`, `binding name="LookupidServiceBinding"`, `service name="LookupidService"`,
				`soapAction="GetLogStatementsForCPRPersonWithID"`},
			assistantsPath: {`portType name="LookupServicePort"`, `binding name="LookupServiceBinding"`, `service name="LookupService"`, `soapAction="GetLogStatementsOnBehalfOf"`},
		} {
			wsdl := s.get(t, path+"?wsdl").Body.String()
			for _, name := range names {
				assert.Contains(t, wsdl, name, path)
			}
		}
	})
}

const (
	xsd2025   = "minlog2-registration_20250312.xsd"
	xsd2023   = "minlog2-registration_20230425.xsd"
	xsdLookup = "minlog2-lookup_20250312.xsd"
)

// document is one message that a schema must accept or refuse.
type document struct {
	name, schema, xml string
	valid             bool
}

func TestSchemas(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
			t.Fatal("xmllint is not installed")
		}
		t.Skip("xmllint is not installed: schemas are not checked")
	}
	folder := t.TempDir()
	bySchema := map[string][]string{}
	wanted := map[string]document{}
	for i, d := range documents(t) {
		file := filepath.Join(folder, fmt.Sprintf("%d.xml", i))
		require.NoError(t, os.WriteFile(file, []byte(d.xml), 0o600))
		bySchema[d.schema] = append(bySchema[d.schema], file)
		wanted[file] = d
	}
	for schema, files := range bySchema {
		// It exits with an error because of those that are refused.
		out, _ := exec.CommandContext(t.Context(), xmllint, append([]string{"--noout", "--schema", filepath.Join("contract", schema)}, files...)...).CombinedOutput() //nolint:gosec // the tests' own files
		for _, file := range files {
			d := wanted[file]
			t.Run("AC-41 "+d.name+"/"+schema, func(t *testing.T) {
				accepted, refused := strings.Contains(string(out), file+" validates\n"), strings.Contains(string(out), file+" fails to validate\n")
				require.NotEqual(t, accepted, refused, "xmllint says nothing of it: %s", out)
				assert.Equal(t, d.valid, accepted, d.xml)
			})
		}
	}
}

// documents returns the samples, and for every facet and cardinality of a schema one that it must refuse.
func documents(t *testing.T) []document {
	long := func(n int) string { return strings.Repeat("å", n) }
	var all []document
	for _, c := range []struct{ name, schema string }{
		{"registration-request.xml", xsd2025}, {"registration-response.xml", xsd2025}, {"citizen-request.xml", xsdLookup}, {"citizen-response.xml", xsdLookup},
		{"assistants-request.xml", xsdLookup}, {"assistants-response.xml", xsdLookup},
	} {
		all = append(all, document{c.name, c.schema, sample(t, c.name), true})
	}
	change := func(schema, base string, valid bool, cases ...[3]string) {
		for _, c := range cases {
			changed := strings.Replace(base, c[1], c[2], 1)
			require.NotEqual(t, base, changed, c[0])
			all = append(all, document{c[0], schema, changed, valid})
		}
	}
	full := request(ns2025, entry(`<Source><CorrelationId>c</CorrelationId><SystemName>S</SystemName><Source><SystemName>T</SystemName></Source></Source>`+
		`<Destination><SystemName>FMK</SystemName><Activity>Opslag</Activity><Reason>r</Reason><Addition>Ingen</Addition><Criticality>Høj</Criticality>`+
		`<FromDateTime>2026-11-01T08:15:00Z</FromDateTime><ToDateTime>2026-11-01T08:16:00Z</ToDateTime><OrganisationId source="SOR">1</OrganisationId>`+
		`<OrganisationName>o</OrganisationName><PersonIdentifier source="CPR">0202801111</PersonIdentifier><PersonName>p</PersonName><CorrelationId>d</CorrelationId>`+
		`<SequenceNumber>7</SequenceNumber><UserPersonIdentifier source="Autorisation">TST01</UserPersonIdentifier><UserPersonName>u</UserPersonName><UserRole>l</UserRole>`+
		`<OnBehalfOfPersonIdentifier source="CPR">0404701111</OnBehalfOfPersonIdentifier><OnBehalfOfPersonName>b</OnBehalfOfPersonName><OnBehalfOfUserRole>br</OnBehalfOfUserRole>`+
		`<Filter>Ikke borger</Filter><Filter>x</Filter></Destination>`))
	for schema, space := range map[string]string{xsd2025: ns2025, xsd2023: ns2023} {
		base := strings.Replace(full, ns2025, space, 1)
		all = append(all, document{"every element", schema, base, true})
		change(schema, base, true,
			[3]string{"longest activity", "Opslag", long(75)}, [3]string{"first instant of 2015", "2026-11-01T08:15:00Z", "2015-01-01T00:00:00Z"},
			[3]string{"eCPR", `PersonIdentifier source="CPR">0202801111`, `PersonIdentifier source="eCPR">X`})
		for _, c := range []struct {
			element, value string
			limit          int
		}{
			{"SystemName", "FMK", 25}, {"Activity", "Opslag", 75}, {"Reason", "r", 50}, {"Addition", "Ingen", 50}, {"Criticality", "Høj", 50}, {"OrganisationName", "o", 200},
			{"PersonName", "p", 50}, {"CorrelationId", "d", 46}, {"SequenceNumber", "7", 36}, {"UserPersonName", "u", 50}, {"UserRole", "l", 200}, {"OnBehalfOfPersonName", "b", 50},
			{"OnBehalfOfUserRole", "br", 200}, {"Filter", "x", 50}, {"CorrelationId", "c", 46}, {"SystemName", "S", 25},
		} {
			open, end := "<"+c.element+">", "</"+c.element+">"
			change(schema, base, true, [3]string{c.element + " at its longest", open + c.value + end, open + long(c.limit) + end})
			change(schema, base, false,
				[3]string{c.element + " too long", open + c.value + end, open + long(c.limit+1) + end},
				[3]string{c.element + " empty", open + c.value + end, open + end})
			if c.element != "Filter" {
				change(schema, base, false, [3]string{c.element + " twice", open + c.value + end, open + c.value + end + open + c.value + end})
			}
		}
		for _, c := range []struct{ element, value string }{
			{"OrganisationId", `source="SOR">1`}, {"PersonIdentifier", `source="CPR">0202801111`}, {"UserPersonIdentifier", `source="Autorisation">TST01`},
			{"OnBehalfOfPersonIdentifier", `source="CPR">0404701111`},
		} {
			open, end := "<"+c.element+" ", "</"+c.element+">"
			whole := open + c.value + end
			limit := 51
			if c.element == "OrganisationId" {
				limit = 201
			}
			change(schema, base, false,
				[3]string{c.element + " twice", whole, whole + whole},
				[3]string{c.element + " empty", whole, open + c.value[:strings.Index(c.value, ">")+1] + end},
				[3]string{c.element + " too long", whole, open + c.value[:strings.Index(c.value, ">")+1] + long(limit) + end},
				[3]string{c.element + " without source", whole, "<" + c.element + ">x" + end},
				[3]string{c.element + " with an empty source", whole, open + `source="">x` + end})
			if c.element != "OrganisationId" {
				change(schema, base, false, [3]string{c.element + " of an unknown source", whole, open + `source="SKS">x` + end})
			}
		}
		change(schema, base, false,
			[3]string{"no SystemName", "<SystemName>FMK</SystemName>", ""}, [3]string{"no Activity", "<Activity>Opslag</Activity>", ""},
			[3]string{"no PersonIdentifier", `<PersonIdentifier source="CPR">0202801111</PersonIdentifier>`, ""},
			[3]string{"no UserPersonIdentifier", `<UserPersonIdentifier source="Autorisation">TST01</UserPersonIdentifier>`, ""},
			[3]string{"person of source Autorisation", `<PersonIdentifier source="CPR">`, `<PersonIdentifier source="Autorisation">`},
			[3]string{"user of source eCPR", `source="Autorisation"`, `source="eCPR"`},
			[3]string{"before 2015", "2026-11-01T08:15:00Z", "2014-12-31T23:59:59Z"}, [3]string{"end before 2015", "2026-11-01T08:16:00Z", "2014-12-31T23:59:59Z"},
			[3]string{"no time", "2026-11-01T08:15:00Z", "2026-11-01"}, [3]string{"no end", "<ToDateTime>2026-11-01T08:16:00Z</ToDateTime>", ""},
			[3]string{"instant and period", "<FromDateTime>", "<DateTime>2026-11-01T08:15:00Z</DateTime><FromDateTime>"},
			[3]string{"two sources", "</Source><Destination>", "</Source><Source/><Destination>"}, [3]string{"two sources in one", "<Source><SystemName>T", "<Source/><Source><SystemName>T"},
			[3]string{"no entry", full[strings.Index(full, "<LogDataEntry>"):strings.LastIndex(full, "</r:")], ""},
			[3]string{"no destination", full[strings.Index(full, "<Destination>"):strings.LastIndex(full, "</LogDataEntry>")], ""},
			[3]string{"another element", "<Reason>", "<Other/><Reason>"})
		change(schema, strings.Replace(base, "FromDateTime>2026-11-01T08:15:00Z</FromDateTime><ToDateTime>2026-11-01T08:16:00Z</ToDateTime", "DateTime>2026-11-01T08:15:00Z</DateTime", 1), false,
			[3]string{"instant before 2015", "2026-11-01T08:15:00Z", "2014-12-31T23:59:59Z"},
			[3]string{"two instants", "<DateTime>2026-11-01T08:15:00Z</DateTime>", "<DateTime>2026-11-01T08:15:00Z</DateTime><DateTime>2026-11-01T08:15:00Z</DateTime>"})
		answer := strings.Replace(sample(t, "registration-response.xml"), ns2025, space, 1)
		change(schema, answer, true, [3]string{"no text and no sequence number", "<FaultText>FromDateTime is after ToDateTime</FaultText><SequenceNumber>8</SequenceNumber>", ""})
		change(schema, answer, false,
			[3]string{"no code", "<FaultCode>invalid_period</FaultCode>", ""}, [3]string{"no number added", "<NumberAdded>1</NumberAdded>", ""},
			[3]string{"no number failed", "<NumberFailed>1</NumberFailed>", ""}, [3]string{"no number", "<NumberFailed>1", "<NumberFailed>x"},
			[3]string{"two codes", "<FaultCode>", "<FaultCode>x</FaultCode><FaultCode>"}, [3]string{"two texts", "<FaultText>", "<FaultText>x</FaultText><FaultText>"},
			[3]string{"sequence number of an answer too long", "<SequenceNumber>8", "<SequenceNumber>" + long(37)},
			[3]string{"sequence number of an answer empty", "<SequenceNumber>8", "<SequenceNumber>"})
	}
	sor := `<OrganisationId source="SOR">`
	change(xsd2025, full, true, [3]string{"YDER", sor, `<OrganisationId source="YDER">`}, [3]string{"CVR", sor, `<OrganisationId source="CVR">`},
		[3]string{"European organisation", sor, `<OrganisationId source="EuropeanHealthcareOrganisation">`},
		[3]string{"European professional", `source="Autorisation"`, `source="EuropeanHealthcareProfessional"`})
	change(xsd2025, full, false, [3]string{"organisation of source SKS", sor, `<OrganisationId source="SKS">`}, [3]string{"organisation of source Yder", sor, `<OrganisationId source="Yder">`})
	full2023 := strings.Replace(full, ns2025, ns2023, 1)
	change(xsd2023, full2023, true, [3]string{"organisation of any source", sor, `<OrganisationId source="XYZ">`})
	change(xsd2023, full2023, false, [3]string{"European professional", `source="Autorisation"`, `source="EuropeanHealthcareProfessional"`},
		[3]string{"organisation source too long", sor, `<OrganisationId source="` + long(201) + `">`})
	return append(all, lookupDocuments(t, change, func() []document { d := all; all = nil; return d })...)
}

// lookupDocuments returns those of the lookups. change adds to a list that take empties.
func lookupDocuments(t *testing.T, change func(string, string, bool, ...[3]string), take func() []document) []document {
	all := take()
	long := func(n int) string { return strings.Repeat("å", n) }
	base := question(`<l:Grouping>Day</l:Grouping><l:Details>None</l:Details><l:Chronologic>true</l:Chronologic><l:FromDateTime>2026-11-01T00:00:00</l:FromDateTime>` +
		`<l:ToDateTime>2026-11-02T00:00:00Z</l:ToDateTime><l:PageSize>1</l:PageSize><l:FilterPass field="SystemName">FMK</l:FilterPass><l:FilterPass field="UserRole">x</l:FilterPass>` +
		`<l:FilterStop field="Activity">y</l:FilterStop><l:FilterStop field="Addition">y</l:FilterStop><l:PageToken>t</l:PageToken>`)
	assistants := strings.NewReplacer("LogStatementForCPRPersonRequest", "LogStatementOnBehalfOfRequest", "PersonId", "OnBehalfOfPersonId").Replace(base)
	all = append(all, document{"every element", xsdLookup, base, true}, document{"every element of the assistants", xsdLookup, assistants, true})
	for _, b := range []string{base, assistants} {
		change(xsdLookup, b, true, [3]string{"longest filter", ">FMK<", ">" + long(200) + "<"}, [3]string{"longest person", "0202801111", long(50)},
			[3]string{"other fields", `"SystemName"`, `"Criticality"`}, [3]string{"name of the organisation", `"SystemName"`, `"OrganisationName"`})
		change(xsdLookup, b, false,
			[3]string{"person too long", "0202801111", long(51)}, [3]string{"person empty", "0202801111", ""}, [3]string{"person without source", ` source="CPR"`, ""},
			[3]string{"person of another source", `"CPR"`, `"SOR"`}, [3]string{"no boolean", "true", "ja"}, [3]string{"no beginning", "2026-11-01T00:00:00", "2026-11-01"},
			[3]string{"no end", "2026-11-02T00:00:00Z", "x"}, [3]string{"page of none", ">1<", ">0<"}, [3]string{"no number", ">1<", ">x<"}, [3]string{"filter empty", ">FMK<", "><"},
			[3]string{"filter too long", ">FMK<", ">" + long(201) + "<"}, [3]string{"filter without field", ` field="SystemName"`, ""},
			[3]string{"filter of an unknown field", `"SystemName"`, `"PersonName"`}, [3]string{"stop of an unknown field", `"Activity"`, `"PersonName"`},
			[3]string{"token empty", ">t<", "><"}, [3]string{"token twice", "<l:PageToken>", "<l:PageToken>x</l:PageToken><l:PageToken>"},
			[3]string{"grouping twice", "<l:Grouping>", "<l:Grouping>x</l:Grouping><l:Grouping>"}, [3]string{"details twice", "<l:Details>", "<l:Details>x</l:Details><l:Details>"},
			[3]string{"order twice", "<l:Chronologic>", "<l:Chronologic>true</l:Chronologic><l:Chronologic>"},
			[3]string{"beginning twice", "<l:FromDateTime>", "<l:FromDateTime>2026-11-01T00:00:00</l:FromDateTime><l:FromDateTime>"},
			[3]string{"end twice", "<l:ToDateTime>", "<l:ToDateTime>2026-11-01T00:00:00</l:ToDateTime><l:ToDateTime>"},
			[3]string{"page size twice", "<l:PageSize>", "<l:PageSize>1</l:PageSize><l:PageSize>"}, [3]string{"not qualified", "<l:Grouping>Day</l:Grouping>", "<Grouping>Day</Grouping>"})
	}
	change(xsdLookup, base, true, [3]string{"eCPR", `"CPR"`, `"eCPR"`})
	change(xsdLookup, base, false, [3]string{"citizen by authorisation", `"CPR"`, `"Autorisation"`}, [3]string{"no person", `<l:PersonId source="CPR">0202801111</l:PersonId>`, ""},
		[3]string{"two persons", `<l:PersonId source="CPR">0202801111</l:PersonId>`, strings.Repeat(`<l:PersonId source="CPR">0202801111</l:PersonId>`, 2)})
	change(xsdLookup, assistants, true, [3]string{"by authorisation", `"CPR"`, `"Autorisation"`})
	change(xsdLookup, assistants, false, [3]string{"assistants by eCPR", `"CPR"`, `"eCPR"`},
		[3]string{"no professional", `<l:OnBehalfOfPersonId source="CPR">0202801111</l:OnBehalfOfPersonId>`, ""})

	answer := compact(sample(t, "citizen-response.xml"))
	period := `<l:DateTime>2026-11-01T08:15:00.000Z</l:DateTime>`
	change(xsdLookup, answer, true, [3]string{"last page", "</l:ListLogStatementsResponse>", "<l:NextPageToken>t</l:NextPageToken></l:ListLogStatementsResponse>"},
		[3]string{"no group", answer[strings.Index(answer, "<l:LogDataGroup>"):strings.LastIndex(answer, "</l:")], ""},
		[3]string{"source of a group", "<l:Destination>", "<l:Source><l:SystemName>S</l:SystemName><l:CorrelationId>c</l:CorrelationId></l:Source><l:Destination>"},
		[3]string{"period of an entry", period, `<l:FromDateTime>2026-11-01T08:15:00.000Z</l:FromDateTime><l:ToDateTime>2026-11-01T08:15:00.000Z</l:ToDateTime>`})
	change(xsdLookup, answer, false, [3]string{"no count", "<l:NumberOfLogDataEntries>1</l:NumberOfLogDataEntries>", ""},
		[3]string{"count of none", "<l:NumberOfLogDataEntries>1", "<l:NumberOfLogDataEntries>0"}, [3]string{"no begin of a group", "<l:FromDateTime>2026-11-01T08:15:00.000Z</l:FromDateTime>", ""},
		[3]string{"no end of a group", "<l:ToDateTime>2026-11-01T08:15:00.000Z</l:ToDateTime>", ""}, [3]string{"no registration id", "<l:RegistrationId>" + id1 + "</l:RegistrationId>", ""},
		[3]string{"registration id in capitals", "0b1f6d0e", "0B1F6D0E"}, [3]string{"identifier without source", ` source="CPR"`, ""}, [3]string{"no time of an entry", period, ""},
		[3]string{"two times of an entry", period, period + period}, [3]string{"empty token", "</l:ListLogStatementsResponse>", "<l:NextPageToken/></l:ListLogStatementsResponse>"},
		[3]string{"two tokens", "</l:ListLogStatementsResponse>", "<l:NextPageToken>t</l:NextPageToken><l:NextPageToken>t</l:NextPageToken></l:ListLogStatementsResponse>"},
		[3]string{"two destinations of a group", "<l:LogDataEntry>", "<l:Destination><l:FromDateTime>2026-11-01T08:15:00.000Z</l:FromDateTime><l:ToDateTime>2026-11-01T08:15:00.000Z</l:ToDateTime></l:Destination><l:LogDataEntry>"})
	return append(all, take()...)
}

func TestAnswersAreValid(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
			t.Fatal("xmllint is not installed")
		}
		t.Skip("xmllint is not installed: answers are not checked")
	}
	s := newService(t)
	answers := map[string]string{
		xsd2025: s.call(t, newest, request(ns2025, entry(destination()), entry(destination("Opslag", "")), entry(""))),
		xsd2023: s.call(t, older, request(ns2023, entry(destination()), entry(destination("Opslag", "")))),
	}
	s.keep(t, stored(id2, "2026-11-01T10:00:00Z"))
	s.consume(t)
	s.caller = employee(citizen, "")
	answers[xsdLookup] = s.call(t, citizenPath, question("<l:PageSize>1</l:PageSize>"))
	for schema, xml := range answers {
		file := filepath.Join(t.TempDir(), "answer.xml")
		require.NoError(t, os.WriteFile(file, []byte(xml), 0o600))
		out, err := exec.CommandContext(t.Context(), xmllint, "--noout", "--schema", filepath.Join("contract", schema), file).CombinedOutput() //nolint:gosec // the tests' own files
		assert.NoError(t, err, string(out))
	}
}
