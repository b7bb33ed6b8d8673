package interop

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/consentws"
	"github.com/opennsp/nsp/adapters/soap/ecprws"
	"github.com/opennsp/nsp/adapters/soap/fgvhrws"
	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/adapters/soap/willws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/tests/process"
)

var update = flag.Bool("update", false, "write the golden files anew")

// nodeCall is one operation for testdata/node/client.mjs to call.
type nodeCall struct {
	Operation string   `json:"operation"`
	Headers   []string `json:"headers"` // nil = none
	Args      any      `json:"args"`    // node-soap writes an element's children in their order: that of a map is by name
}

// nodeResult is what became of it: an answer, or a fault with its HTTP status.
type nodeResult struct {
	Answer map[string]any `json:"answer"`
	Status int            `json:"status"`
	Fault  struct {
		Code   string `json:"faultcode"`
		Text   string `json:"faultstring"`
		Detail struct {
			FaultCode any `json:"FaultCode"`
		} `json:"detail"`
	} `json:"fault"`
}

// node has node-soap make a client from the WSDL of path and call it. names are the services, ports and operations that it found.
func node(t *testing.T, path string, calls ...nodeCall) (names json.RawMessage, results []nodeResult) {
	t.Helper()
	return nodeAt(t, server.URL+path+"?wsdl", server.URL+path, calls...)
}

// nodeAt is node for a WSDL at another address than its service, which may be reached through somebody else.
func nodeAt(t *testing.T, wsdl, endpoint string, calls ...nodeCall) (names json.RawMessage, results []nodeResult) {
	t.Helper()
	dir := nodeFolder(t)
	program, err := filepath.Abs("testdata/node/client.mjs")
	require.NoError(t, err)
	input, err := json.Marshal(map[string]any{"wsdl": wsdl, "endpoint": endpoint, "calls": append([]nodeCall{}, calls...)})
	require.NoError(t, err)
	var answer struct {
		Describe json.RawMessage `json:"describe"`
		Results  []nodeResult    `json:"results"`
	}
	require.NoError(t, json.Unmarshal([]byte(output(t, dir, input, "node", program)), &answer))
	return answer.Describe, answer.Results
}

// headers are the SOAP headers of a DGWS message, each with the namespaces it uses.
func headers(client *process.Client, messageID string) []string {
	var security, medcom xmlout.Writer
	security.Start("wsse:Security",
		"xmlns:wsse", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
		"xmlns:wsu", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd")
	security.Start("wsu:Timestamp")
	security.Elem("wsu:Created", time.Now().UTC().Format(time.RFC3339))
	security.End()
	security.Raw(client.Card())
	security.End()
	medcom.Start("medcom:Header", "xmlns:medcom", "http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd")
	medcom.Elem("medcom:SecurityLevel", strconv.Itoa(client.Level()))
	medcom.Start("medcom:Linking")
	medcom.Elem("medcom:FlowID", uuid.NewString())
	medcom.Elem("medcom:MessageID", messageID)
	medcom.End()
	medcom.End()
	return []string{string(security.Bytes()), string(medcom.Bytes())}
}

// TestNodeSOAPNames compares what node-soap generates from each WSDL with what it generated before: a client that was generated then still fits.
func TestNodeSOAPNames(t *testing.T) {
	for _, path := range []string{
		minlogws.PathRegistration20250312, minlogws.PathRegistration20230425, minlogws.PathCitizen20250312, minlogws.PathAssistants20250312,
		minlogws.PathRegistration1, minlogws.PathPortal, ecprws.Path,
		consentws.PathAdministration, consentws.PathAdministrationV1, consentws.PathVerification,
		nasws.PathBroker, nasws.PathManager, nasws.PathFactory, nasPullPoint, nasws.PathIDList, willws.PathLTR, willws.PathBTR, fgvhrws.Path,
	} {
		name := strings.ReplaceAll(strings.Trim(strings.TrimSuffix(path, nasPullPointID), "/"), "/", "-")
		t.Run("AC-41 "+name, func(t *testing.T) {
			names, _ := node(t, path)
			golden := filepath.Join("testdata", "names", name+".json")
			if *update {
				var indented any
				require.NoError(t, json.Unmarshal(names, &indented))
				content, err := json.MarshalIndent(indented, "", " ")
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(golden, append(content, '\n'), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.JSONEq(t, string(want), string(names))
		})
	}
}

func id(source, value string) map[string]any {
	return map[string]any{"attributes": map[string]any{"source": source}, "$value": value}
}

// TestNodeSOAPRegistersAndLooksUp sends a signed registration with node-soap, reads the answer, finds the entry again and reads a fault.
func TestNodeSOAPRegistersAndLooksUp(t *testing.T) {
	doctor, err := server.Client(t.Context(), "laege")
	require.NoError(t, err)
	system, err := server.Client(t.Context(), "epj")
	require.NoError(t, err)
	correlation := uuid.NewString()
	at := time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)
	good := map[string]any{"Destination": map[string]any{
		"SystemName": "FMK", "Activity": "Opslag på medicinkort", "DateTime": at, "PersonIdentifier": id("CPR", "0101010001"),
		"CorrelationId": correlation, "SequenceNumber": "1", "UserPersonIdentifier": id("CPR", "0505851111"), "UserRole": "Sygeplejerske",
		"OnBehalfOfPersonIdentifier": id("Autorisation", "TST01"),
	}}
	bad := map[string]any{"Destination": map[string]any{
		"SystemName": "FMK", "Activity": "Opslag", "DateTime": at, "PersonIdentifier": id("CPR", "3102801111"), "SequenceNumber": "2",
		"UserPersonIdentifier": id("CPR", "0505851111"),
	}}
	request := map[string]any{"LogDataEntry": []any{good, bad}}
	broken := headers(system, uuid.NewString())
	broken[0] = strings.Replace(broken[0], "99999901", "99999902", 1)
	_, results := node(t, minlogws.PathRegistration20250312,
		nodeCall{"AddRegistrations", headers(system, uuid.NewString()), request},
		nodeCall{"AddRegistrations", broken, request})
	require.Len(t, results, 2)
	assert.EqualValues(t, 1, results[0].Answer["NumberAdded"])
	assert.EqualValues(t, 1, results[0].Answer["NumberFailed"])
	failed, ok := results[0].Answer["FailedLogDataEntries"].([]any)
	require.True(t, ok)
	require.Len(t, failed, 1)
	assert.Equal(t, "invalid_person_id", failed[0].(map[string]any)["FaultCode"])
	assert.Equal(t, "2", failed[0].(map[string]any)["SequenceNumber"])

	assert.Equal(t, 500, results[1].Status)
	assert.Equal(t, "soap:Server", results[1].Fault.Code)
	assert.Contains(t, text(results[1].Fault.Detail.FaultCode), "invalid_signature")

	lookup := map[string]any{"PersonId": id("CPR", "0101010001"), "Grouping": "None", "Details": "All"}
	require.Eventually(t, func() bool {
		_, found := node(t, minlogws.PathCitizen20250312, nodeCall{"GetLogStatementsForCPRPersonWithID", headers(doctor, uuid.NewString()), lookup})
		require.Len(t, found, 1)
		return strings.Contains(text(found[0].Answer), correlation)
	}, 30*time.Second, 100*time.Millisecond)
}

// text is a JSON value as text.
func text(v any) string {
	s, _ := json.Marshal(v)
	return string(s)
}
