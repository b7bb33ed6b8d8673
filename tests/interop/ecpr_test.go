package interop

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/ecprws"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/tests/process"
)

// coordinator is a doctor who may merge.
func coordinator(t *testing.T) *process.Client {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(server.Dir, "operator.token"))
	require.NoError(t, err)
	role, err := json.Marshal(map[string]string{"cvr": "99999902", "cpr": "0101010001", "role": string(ecpr.Coordinator)})
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+"/api/ecpr/v1/roles", bytes.NewReader(role))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusNoContent, answer.StatusCode)
	doctor, err := server.Client(t.Context(), "laege")
	require.NoError(t, err)
	return doctor
}

var modified = map[string]any{"By": map[string]any{
	"Person": map[string]any{"Name": "Tove Testlæge"}, "Role": "Læge",
	"Organisation": map[string]any{"Name": "Testby Sygehus", "Identifier": map[string]any{"Identifier": "900011000016001", "Source": "SOR"}},
}}

// about are the arguments of an operation about persons.
func about(persons ...map[string]any) map[string]any { return map[string]any{"Person": persons} }

// registered is a Person of an answer.
type registered struct {
	Identifier []struct{ PID, OID, OIDLabel, Value, ValidTo string }
	Name       []struct{ PID, Text, FamilyName, ValidTo string }
}

func personsOf(t *testing.T, answer any) []registered {
	t.Helper()
	text, err := json.Marshal(answer)
	require.NoError(t, err)
	var one struct{ Person registered }
	if json.Unmarshal(text, &one) == nil {
		return []registered{one.Person}
	}
	var all struct{ Person []registered }
	require.NoError(t, json.Unmarshal(text, &all), "%s", text)
	return all.Person
}

// number is the X-eCPR in force.
func (r registered) number() string {
	for _, id := range r.Identifier {
		if id.OID == ecpr.XECPROID && id.ValidTo == "" {
			return id.Value
		}
	}
	return ""
}

// TestNodeSOAPKeepsRegistrations has node-soap create, find, link and merge persons.
func TestNodeSOAPKeepsRegistrations(t *testing.T) {
	doctor := coordinator(t)
	family := "Prøve" + strings.ReplaceAll(uuid.NewString(), "-", "") // nobody else's: the server is there for all tests
	call := func(operation string, args map[string]any) nodeResult {
		t.Helper()
		_, results := node(t, ecprws.Path, nodeCall{operation, headers(doctor, uuid.NewString()), args})
		require.Len(t, results, 1)
		return results[0]
	}
	one := func(operation string, args map[string]any) registered {
		t.Helper()
		result := call(operation, args)
		require.NotNil(t, result.Answer, "%+v", result.Fault)
		all := personsOf(t, result.Answer)
		require.Len(t, all, 1)
		return all[0]
	}
	key := func(number string) []any {
		return []any{map[string]any{"KeyIdentifier": true, "OID": ecpr.XECPROID, "Value": number}}
	}
	named := []any{map[string]any{"Use": "official", "FamilyName": family, "GivenName": "Jon Alfa"}}

	created := one("CreatePerson", about(map[string]any{
		"Modified": modified, "Name": named, "Gender": []any{map[string]any{"Value": "male"}}, "BirthDate": []any{map[string]any{"Value": "1978-08-13"}},
	}))
	assert.Regexp(t, `^1308781[A-Z]{2}[13579]$`, created.number())
	assert.Equal(t, "X-eCPR", created.Identifier[0].OIDLabel)
	assert.Equal(t, "Jon Alfa "+family, created.Name[0].Text)

	passport := map[string]any{"OID": ecpr.PassportOID, "Value": strings.ToUpper(family)}
	updated := one("UpdatePerson", about(map[string]any{
		"Modified": modified, "Identifier": append(key(created.number()), passport),
		"Name": []any{map[string]any{"PID": created.Name[0].PID, "Use": "official", "FamilyName": family + "sen"}},
	}))
	require.Len(t, updated.Name, 2)
	assert.NotEmpty(t, updated.Name[0].ValidTo)
	assert.Equal(t, updated, one("GetPersonById", map[string]any{"Identifier": passport}))
	assert.Equal(t, updated, one("SearchPerson", map[string]any{"Query": "familyname:" + family + " AND birthdate:1978-08-13"}))

	other := one("CreatePerson", about(map[string]any{"Modified": modified, "Name": named}))
	assert.Len(t, personsOf(t, call("SearchPerson", map[string]any{"Query": "familyname:" + family}).Answer), 2)
	refused := call("CreatePerson", about(map[string]any{"Modified": modified, "Identifier": []any{passport}}))
	assert.Equal(t, "soap:Client", refused.Fault.Code)
	assert.Equal(t, "Værdien findes i forvejen ["+strings.ToUpper(family)+"]("+ecpr.PassportOID+")", refused.Fault.Text)
	assert.Contains(t, text(refused.Fault.Detail.FaultCode), "ecpr_value_exists")

	merged := one("MergePersons", about(map[string]any{"Modified": modified, "Identifier": key(created.number())}, map[string]any{"Identifier": key(other.number())}))
	assert.Equal(t, created.number(), merged.number())
	assert.Equal(t, merged, one("GetPersonById", map[string]any{"Identifier": map[string]any{"OID": ecpr.XECPROID, "Value": other.number()}}))

	oids := call("GetOIDs", map[string]any{})
	assert.Len(t, oids.Answer["OID"], 11)
}

// TestZeepKeepsRegistrations has zeep, which reads the schema, create and find a person and read a fault.
func TestZeepKeepsRegistrations(t *testing.T) {
	doctor, err := server.Client(t.Context(), "laege")
	require.NoError(t, err)
	family := "Prøve" + strings.ReplaceAll(uuid.NewString(), "-", "")
	element := map[string]any{"FamilyName": family, "GivenName": "Jon"}
	results := zeep(t, ecprws.Path,
		nodeCall{"CreatePerson", headers(doctor, uuid.NewString()), map[string]any{"Person": map[string]any{"Modified": modified, "Name": []any{element}}}},
		nodeCall{"SearchPerson", headers(doctor, uuid.NewString()), map[string]any{"Query": "familyname:" + family}},
		nodeCall{"SearchPerson", headers(doctor, uuid.NewString()), map[string]any{"Query": "gender:male"}},
		nodeCall{"GetOIDs", headers(doctor, uuid.NewString()), map[string]any{}})
	require.Len(t, results, 4)
	assert.Contains(t, text(results[0].Answer), `"Text":"Jon `+family+`"`)
	assert.Contains(t, text(results[1].Answer), `"Text":"Jon `+family+`"`)
	assert.Equal(t, []string{"ecpr_invalid"}, results[2].Fault.Codes)
	assert.Equal(t, "Søgningen er for bred", results[2].Fault.Text)
	assert.Contains(t, text(results[3].Answer), ecpr.XECPROID)
}
