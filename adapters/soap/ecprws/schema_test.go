package ecprws_test

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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/ecprws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/ecpr"
)

// document is a message that the schema of a namespace must accept or refuse.
type document struct {
	name, schema, xml string
	valid             bool
}

func (s *service) get(t testing.TB, query string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	s.router.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://nsp.example"+ecprws.Path+query, nil))
	return w
}

var (
	schemaLocation = regexp.MustCompile(`schemaLocation="[^"]*\?xsd=([^"]+)"`)
	soapAddress    = regexp.MustCompile(`<soap:address location="([^"]*)"/>`)
)

func TestContract(t *testing.T) {
	s := newService(t)
	w := s.get(t, "?wsdl")
	require.Equal(t, http.StatusOK, w.Code)
	wsdl := w.Body.String()
	assert.Equal(t, "http://nsp.example"+ecprws.Path, soapAddress.FindStringSubmatch(wsdl)[1])
	imports := schemaLocation.FindAllStringSubmatch(wsdl, -1)
	require.Len(t, imports, 3)
	for _, i := range append(imports, []string{"", "dgws-1.0.xsd"}) {
		w := s.get(t, "?xsd="+i[1])
		require.Equal(t, http.StatusOK, w.Code, i[1])
		tree, err := xmltree.Parse(w.Body.Bytes(), xmltree.DefaultLimits(1<<20))
		require.NoError(t, err, i[1])
		tree.Release()
	}
	assert.Equal(t, http.StatusNotFound, s.get(t, "?xsd=other.xsd").Code)
	for _, op := range s.service.Operations {
		for _, text := range []string{
			`<wsdl:operation name="` + op.Label + `">`, `soapAction="` + op.Actions[0] + `"`, `element="e:` + op.Name.Local + `"`,
		} {
			assert.Contains(t, wsdl, text)
		}
	}
	assert.Equal(t, 12, strings.Count(wsdl, `<soap:header message="e:DGWSHeader" part="Security" use="literal"/>`), "in and out of six operations")
	assert.Equal(t, 12, strings.Count(wsdl, `<soap:header message="e:DGWSHeader" part="Header" use="literal"/>`))
	assert.Equal(t, 6, strings.Count(wsdl, `<soap:fault name="DGWSFault" use="literal"/>`))

	t.Run("a namespace of the configuration", func(t *testing.T) {
		const other = `urn:ecpr?a=1&b="2"`
		service := ecprws.Service(s.registry, other, nil)
		all := append([]byte{}, service.Contract.WSDL...)
		all = append(all, service.Contract.Files["ecpr.xsd"]...)
		assert.NotContains(t, string(all), space)
		for _, text := range []string{`targetNamespace="urn:ecpr?a=1&amp;b=&quot;2&quot;"`, `xmlns:e="urn:ecpr?a=1&amp;b=&quot;2&quot;"`} {
			assert.Equal(t, 2, strings.Count(string(all), text), text)
		}
		assert.Equal(t, other+":CreatePerson", service.Operations[0].Actions[0])
	})
}

// checkDocuments asserts that the schemas that are served accept and refuse as the documents say.
func checkDocuments(t *testing.T, s *service, all []document) {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
			t.Fatal("xmllint is not installed")
		}
		t.Skip("xmllint is not installed: schemas are not checked")
	}
	folder := t.TempDir()
	for schema, documents := range map[string][]document{"ecpr.xsd": nil, "dgws-1.0.xsd": nil} {
		for _, d := range all {
			if d.schema == schema {
				documents = append(documents, d)
			}
		}
		if len(documents) == 0 {
			continue
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, schema), s.get(t, "?xsd="+schema).Body.Bytes(), 0o600))
		args := []string{"--noout", "--schema", schema}
		for i, d := range documents {
			file := strconv.Itoa(i)
			require.NoError(t, os.WriteFile(filepath.Join(folder, file), []byte(d.xml), 0o600))
			args = append(args, file)
		}
		command := exec.CommandContext(t.Context(), xmllint, args...) //nolint:gosec // the tests' own files
		command.Dir = folder
		out, _ := command.CombinedOutput() // it exits with an error because of those that are refused
		for i, d := range documents {
			accepted := strings.Contains("\n"+string(out), "\n"+strconv.Itoa(i)+" validates\n")
			told := accepted || strings.Contains("\n"+string(out), "\n"+strconv.Itoa(i)+" fails to validate\n")
			require.True(t, told, "xmllint says nothing of %s: %s", d.name, d.xml)
			assert.Equal(t, d.valid, accepted, "%s: %s\n%s", d.name, d.xml, out)
		}
	}
}

func TestSchema(t *testing.T) {
	s := newService(t)
	var all []document
	add := func(name, xml string, valid bool) {
		all = append(all, document{name: name, schema: "ecpr.xsd", xml: xml, valid: valid})
	}
	for _, operation := range []string{"create", "update", "get", "search", "merge", "oids"} {
		add(operation+" request", sample(t, operation+"-request.xml"), true)
		add(operation+" response", sample(t, operation+"-response.xml"), true)
	}
	full := create("<Identifier><KeyIdentifier>0</KeyIdentifier><PID>p</PID><OID>1.2</OID><OIDLabel>l</OIDLabel><OIDType>t</OIDType><Value>v</Value>"+
		"<Validity>5</Validity><Expiry>2030-01-01</Expiry><ValidFrom>2026-03-02T09:15:00.123Z</ValidFrom><ValidTo>2026-03-02T09:15:00.123Z</ValidTo></Identifier>",
		"<Name><PID>p</PID><Use>official</Use><Text>t</Text></Name>", "<Name/>", "<Gender><Value>other</Value></Gender>", "<BirthDate><Value>1978</Value></BirthDate>",
		"<Contact><PID>p</PID><System>phone</System><Use>home</Use><Value>1</Value></Contact>", "<Address><PID>p</PID><Use>home</Use><Type>x</Type></Address>")
	add("everything", full, true)
	add("month of birth", create("<BirthDate><Value>1978-08</Value></BirthDate>"), true)
	add("nothing found", s.call(t, get(passport, "none")), true)
	for name, xml := range map[string]string{
		"no person":               request("CreatePerson", ""),
		"two persons":             request("UpdatePerson", "<Person/><Person/>"),
		"one person to merge":     request("MergePersons", "<Person/>"),
		"no query":                request("SearchPerson", ""),
		"an empty query":          search(""),
		"a long query":            search(strings.Repeat("ø", 1001)),
		"an id without OID":       request("GetPersonById", "<Identifier><Value>1</Value></Identifier>"),
		"content of GetOIDs":      request("GetOIDs", "<OID/>"),
		"a gender":                create("<Gender><Value>Male</Value></Gender>"),
		"a birth date":            create("<BirthDate><Value>13-08-1978</Value></BirthDate>"),
		"another order":           create("<BirthDate/>", "<Name/>"),
		"an unknown element":      create("<Nickname/>"),
		"a long family name":      create(name("", strings.Repeat("ø", 201))),
		"a long value":            create(identifier(passport, strings.Repeat("ø", 51))),
		"a long line":             create("<Address><StreetAddressLine1>" + strings.Repeat("ø", 46) + "</StreetAddressLine1></Address>"),
		"an eleventh line":        create("<Address><StreetAddressLine11>x</StreetAddressLine11></Address>"),
		"a source":                strings.Replace(create(), ">SOR<", ">Sor<", 1),
		"an actor without name":   strings.Replace(create(), "<Name>Sara Sekretær</Name>", "", 1),
		"a day of no calendar":    create("<Contact><Expiry>2030-02-30</Expiry></Contact>"),
		"another namespace":       strings.Replace(create(), space, "urn:another", 1),
		"a mark that says no bit": create("<Identifier><KeyIdentifier>ja</KeyIdentifier></Identifier>"),
	} {
		add(name, xml, false)
	}
	checkDocuments(t, s, all)
}

// TestAnswersAreValid: what is written is what the contract says, whatever was sent.
func TestAnswersAreValid(t *testing.T) {
	s := newService(t)
	var all []document
	answer := func(name, xml string) {
		all = append(all, document{name: name, schema: "ecpr.xsd", xml: xml, valid: true})
	}
	long := func(n int) string { return strings.Repeat("ø", n) }
	number, created := s.created(t, name(long(200), long(200)), "<Gender><Value>unknown</Value></Gender>", "<BirthDate><Value>1978-08</Value></BirthDate>",
		"<Identifier><OID>"+passport+"</OID><Value>"+long(50)+"</Value><Validity>-5</Validity><Expiry>2030-01-01</Expiry></Identifier>",
		"<Contact><Value>&lt;&amp;]]&gt;&quot;</Value></Contact>", "<Address><Country>DK</Country></Address>")
	answer("create", created)
	assert.Contains(t, created, "<Text>"+long(200)+" "+long(200)+"</Text>")
	answer("update", s.call(t, update(number, "<Name><PID>"+pid(t, created, "Name")+"</PID><Text>A &amp; B</Text></Name>",
		"<BirthDate><PID>"+pid(t, created, "BirthDate")+"</PID></BirthDate>")))
	other, _ := s.created(t, name("Jon", "Prøve"))
	answer("search", s.call(t, search("familyname:prøve")))
	answer("nothing found", s.call(t, search("familyname:ingen")))
	answer("get", s.call(t, get(passport, long(50))))
	answer("merge", s.call(t, merge(identifier(ecpr.XECPROID, number), identifier(ecpr.XECPROID, other))))
	answer("oids", s.call(t, request("GetOIDs", "")))
	w := s.send(t, create("<Gender><Value>x</Value></Gender>"))
	code := faultOf(t, w)[2]
	all = append(all, document{name: "fault", schema: "dgws-1.0.xsd", valid: true,
		xml: `<medcom:FaultCode xmlns:medcom="http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd">` + code + `</medcom:FaultCode>`})
	checkDocuments(t, s, all)
}

func TestClientsRequestsAreValid(t *testing.T) {
	s := newService(t)
	var all []document
	sent := errors.New("not sent")
	c := ecprws.Client{Send: func(_ context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		var w xmlout.Writer
		body(&w)
		all = append(all, document{action, "ecpr.xsd", string(w.Bytes()), true})
		return nil, sent
	}}
	_, err := c.CreatePerson(t.Context(), fullActor(), everyEdit())
	require.ErrorIs(t, err, sent)
	_, err = c.CreatePerson(t.Context(), actor(), nil)
	require.ErrorIs(t, err, sent)
	n, err := ecpr.ParseNumber(first)
	require.NoError(t, err)
	_, err = c.UpdatePerson(t.Context(), n, actor(), append(everyEdit(), ecpr.Edit{Kind: ecpr.NameKind, PID: "p"}))
	require.ErrorIs(t, err, sent)
	_, err = c.MergePersons(t.Context(), actor(), n, n)
	require.ErrorIs(t, err, sent)
	_, _, err = c.GetPersonByID(t.Context(), ecpr.Identifier{OID: passport, Value: "1"})
	require.ErrorIs(t, err, sent)
	_, err = c.SearchPerson(t.Context(), "familyname:prøve")
	require.ErrorIs(t, err, sent)
	_, err = c.GetOIDs(t.Context())
	require.ErrorIs(t, err, sent)
	checkDocuments(t, s, all)
}
