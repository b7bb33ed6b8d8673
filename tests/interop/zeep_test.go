package interop

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/minlogws"
)

// zeepResult is what became of a call: an answer, or a fault with its HTTP status.
type zeepResult struct {
	Answer any `json:"answer"`
	Status int `json:"status"`
	Fault  struct {
		Code  string   `json:"faultcode"`
		Text  string   `json:"faultstring"`
		Codes []string `json:"codes"`
	} `json:"fault"`
}

// zeep has zeep make a client from the WSDL of path and call it.
func zeep(t *testing.T, path string, calls ...nodeCall) []zeepResult {
	t.Helper()
	python := zeepPython(t)
	program, err := filepath.Abs("testdata/zeep/client.py")
	require.NoError(t, err)
	input, err := json.Marshal(map[string]any{"wsdl": server.URL + path + "?wsdl", "endpoint": server.URL + path, "calls": calls})
	require.NoError(t, err)
	var answer struct {
		Results []zeepResult `json:"results"`
	}
	require.NoError(t, json.Unmarshal([]byte(output(t, t.TempDir(), input, python, program)), &answer))
	return answer.Results
}

func zeepID(source, value string) map[string]any {
	return map[string]any{"_value_1": value, "source": source}
}

// TestZeep registers with a system card, looks up with a user card and reads a fault.
func TestZeep(t *testing.T) {
	system, err := server.Client(t.Context(), "epj")
	require.NoError(t, err)
	doctor, err := server.Client(t.Context(), "laege")
	require.NoError(t, err)
	correlation := uuid.NewString()
	request := map[string]any{"LogDataEntry": []any{map[string]any{"Destination": map[string]any{
		"SystemName": "FMK", "Activity": "Opslag på medicinkort", "DateTime": time.Now().UTC().Add(-time.Hour).Format(time.RFC3339),
		"PersonIdentifier": zeepID("CPR", "0101010001"), "CorrelationId": correlation, "SequenceNumber": "1",
		"UserPersonIdentifier": zeepID("CPR", "0505851111"),
	}}}}
	broken := headers(system, uuid.NewString())
	broken[0] = strings.Replace(broken[0], "99999901", "99999902", 1)
	results := zeep(t, minlogws.PathRegistration20250312,
		nodeCall{"AddRegistrations", headers(system, uuid.NewString()), request},
		nodeCall{"AddRegistrations", broken, request})
	require.Len(t, results, 2)
	assert.Contains(t, text(results[0].Answer), `"NumberAdded":1`)
	assert.Equal(t, 500, results[1].Status)
	assert.Equal(t, []string{"invalid_signature"}, results[1].Fault.Codes)

	lookup := map[string]any{"PersonId": zeepID("CPR", "0101010001"), "Grouping": "None", "Details": "All"}
	require.Eventually(t, func() bool {
		found := zeep(t, minlogws.PathCitizen20250312, nodeCall{"GetLogStatementsForCPRPersonWithID", headers(doctor, uuid.NewString()), lookup})
		require.Len(t, found, 1)
		return strings.Contains(text(found[0].Answer), correlation)
	}, 30*time.Second, 100*time.Millisecond)
}
