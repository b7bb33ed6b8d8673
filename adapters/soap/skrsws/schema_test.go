package skrsws_test

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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/skrsws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/validity"
)

// document is one message that the schemas must accept or refuse.
type document struct {
	name, xml string
	valid     bool
}

// checkDocuments asserts that the schemas accept and refuse as the documents say.
func checkDocuments(t *testing.T, all []document) {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
			t.Fatal("xmllint is not installed")
		}
		t.Skip("xmllint is not installed: schemas are not checked")
	}
	contract, err := filepath.Abs("contract")
	require.NoError(t, err)
	folder := t.TempDir()
	both := filepath.Join(folder, "both.xsd") // as a reader of the WSDL has them
	require.NoError(t, os.WriteFile(both, []byte(`<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">`+
		`<xs:import namespace="`+space+`" schemaLocation="`+contract+`/stamdata-krs.xsd"/>`+
		`<xs:import namespace="http://www.w3.org/2005/Atom" schemaLocation="`+contract+`/atom.xsd"/></xs:schema>`), 0o600))
	args := []string{"--noout", "--schema", both}
	for i, d := range all {
		file := strconv.Itoa(i)
		require.NoError(t, os.WriteFile(filepath.Join(folder, file), []byte(d.xml), 0o600))
		args = append(args, file)
	}
	command := exec.CommandContext(t.Context(), xmllint, args...) //nolint:gosec // the tests' own files
	command.Dir = folder
	out, _ := command.CombinedOutput() // it exits with an error because of those that are refused
	for i, d := range all {
		accepted := strings.Contains(string(out), "\n"+strconv.Itoa(i)+" validates\n") || strings.HasPrefix(string(out), strconv.Itoa(i)+" validates\n")
		refused := strings.Contains("\n"+string(out), "\n"+strconv.Itoa(i)+" fails to validate\n")
		require.NotEqual(t, accepted, refused, "%s: %s\n%s", d.name, d.xml, out)
		assert.Equal(t, d.valid, accepted, "%s: %s\n%s", d.name, d.xml, out)
	}
}

func TestSchemas(t *testing.T) {
	request, response := golden(t, "replicate-request.xml"), golden(t, "replicate-response.xml")
	fault := golden(t, "offset-fault.xml")
	detail := fault[strings.Index(fault, "<k:"):strings.Index(fault, "</detail>")]
	all := []document{
		{"request", request, true}, {"response", response, true}, {"empty", golden(t, "empty-response.xml"), true}, {"fault", detail, true},
	}
	change := func(doc, name string, valid bool, oldnew ...string) {
		changed := strings.NewReplacer(oldnew...).Replace(doc)
		require.NotEqual(t, doc, changed, name)
		all = append(all, document{name, changed, valid})
	}
	for _, element := range []string{"register", "datatype", "version", "offset"} {
		one := regexp.MustCompile("<" + element + ">[^<]*</" + element + ">").FindString(request)
		change(request, "without "+element, false, one, "")
		change(request, "twice "+element, false, one, one+one)
		change(request, "qualified "+element, false, "<"+element+">", "<k:"+element+">", "</"+element+">", "</k:"+element+">")
	}
	change(request, "without maxRecords", true, "<maxRecords>500</maxRecords>", "")
	change(request, "another element", false, "<maxRecords>500</maxRecords>", "<other/>")
	change(request, "another order", false, "<datatype>birthdate</datatype>", "", "<version>1</version>", "<version>1</version><datatype>birthdate</datatype>")
	for _, number := range []string{"0", "4294967295", "0001"} {
		change(request, "version "+number, true, "<version>1", "<version>"+number)
	}
	for _, number := range []string{"-1", "+1", "4294967296", "", "1.0", "x"} {
		change(request, "version "+number, false, "<version>1", "<version>"+number)
		change(request, "maxRecords "+number, false, "<maxRecords>500", "<maxRecords>"+number)
	}
	change(response, "feed twice", false, "</atom:feed>", `</atom:feed><atom:feed xmlns:atom="http://www.w3.org/2005/Atom"/>`)
	change(response, "no feed of Atom", false, "http://www.w3.org/2005/Atom", "urn:other")
	change(response, "no author", false, "<atom:author><atom:name>National Sundheds IT</atom:name></atom:author>", "")
	change(response, "no title", false, "<atom:title></atom:title>", "")
	change(response, "no offset", false, "/17724456000000000001<", "/1<")
	change(response, "no time", false, "2026-03-02T10:00:00.000Z", "now")
	change(response, "another type", false, "application/xml", "text/xml")
	change(response, "no content", false, "atom:content ", "atom:summary ", "</atom:content>", "</atom:summary>")
	checkDocuments(t, all)
}

func TestAnswersAndRequestsAreValid(t *testing.T) {
	s := sampled(t)
	var all []document
	for name, body := range map[string]string{
		"all": askFor("birthdate", "0", ""), "one": askFor("birthdate", "0", "<maxRecords>1</maxRecords>"), "none": askFor("address", "0", ""),
	} {
		all = append(all, document{"answer with " + name, s.call(t, body), true})
	}
	s.copies.Validity = false
	all = append(all, document{"answer without periods", s.call(t, askFor("birthdate", "0", "")), true})
	c := skrsws.Client{Send: func(_ context.Context, _ string, body func(*xmlout.Writer)) (*soap.Response, error) {
		var w xmlout.Writer
		body(&w)
		all = append(all, document{"the client's request", string(w.Bytes()), true})
		return nil, errBoom
	}}
	for _, records := range []int{skrsws.All, 0, 7} {
		_, err := c.Replicate(t.Context(), stamdata.ECPRView("name"), stamdata.Offset{Seconds: 1, PID: 2}, records)
		require.ErrorIs(t, err, errBoom)
	}
	checkDocuments(t, all)
}

func TestContract(t *testing.T) {
	s := newService(t)
	get := func(query string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.router.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://nsp.example"+skrsws.Path+query, nil))
		return w
	}
	w := get("?wsdl")
	require.Equal(t, http.StatusOK, w.Code)
	wsdl := w.Body.String()
	for _, holds := range []string{
		`<soap:address location="http://nsp.example/stamdata-batch-copy-ws/service/StamdataReplication"/>`, `service name="StamdataReplicationService"`,
		`portType name="StamdataReplication"`, `binding name="StamdataReplicationSoap11Binding"`, `operation name="replicate"`,
		`soapAction="http://nsi.dk/2011/10/21/StamdataKrs/replicate"`, `element="k:ReplicationFault"`,
	} {
		assert.Contains(t, wsdl, holds)
	}
	imports := regexp.MustCompile(`schemaLocation="[^"]*\?xsd=([^"]+)"`).FindAllStringSubmatch(wsdl, -1)
	require.Len(t, imports, 4)
	for _, i := range imports {
		w := get("?xsd=" + i[1])
		require.Equal(t, http.StatusOK, w.Code, i[1])
		tree, err := xmltree.Parse(w.Body.Bytes(), xmltree.DefaultLimits(1<<20))
		require.NoError(t, err, i[1])
		tree.Release()
	}
}

func TestNothingIsMadeForEachRow(t *testing.T) {
	op := skrsws.Service
	allocations := func(n int) float64 {
		s := newService(t)
		var rows []stamdata.CopyRow
		for i := range n {
			rows = append(rows, born(strconv.Itoa(i), "1978-08-13", validity.Period{From: begun}))
		}
		s.add(t, now, rows...)
		serve := op(s.copies, nil).Operations[0].Serve
		tree, err := xmltree.Parse([]byte(askFor("birthdate", "0", "")), xmltree.DefaultLimits(1<<20))
		require.NoError(t, err)
		defer tree.Release()
		reply, err := serve(t.Context(), soap.Request{Caller: s.caller, Tree: tree, Body: tree.Root()})
		require.NoError(t, err)
		buf := make([]byte, 0, 4<<20)
		return testing.AllocsPerRun(10, func() {
			var w xmlout.Writer
			w.Reset(buf)
			reply(&w)
		})
	}
	assert.InDelta(t, allocations(10), allocations(2000), 1, "writing 10 rows and 2,000")
}
