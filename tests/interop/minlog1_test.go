package interop

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/tests/process"
)

// statement are the arguments of a LogEntry of MinLog1 about nobody else's citizen: the server is there for all tests.
func statement(session string, organisation map[string]any) map[string]any {
	return map[string]any{
		"regKode": session[:8], "cprNrBorger": "0303164444", "bruger": "0505851111", "ansvarlig": "TST01", "brugerOrganisation": organisation,
		"system": "Journal-B", "handling": "Opslag i journal", "sessionsId": session, "tidspunkt": time.Now().UTC().Add(-time.Hour).Format(time.RFC3339),
	}
}

// TestMinLog1 has node-soap and zeep register with MinLog1, and each find what both registered.
func TestMinLog1(t *testing.T) {
	system, err := server.Client(t.Context(), "epj")
	require.NoError(t, err)
	registered := minLog1Registrations(t, system)
	consumed, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, server.Consumed(consumed))
	list := func() nodeCall {
		return nodeCall{"ListLogStatements", headers(system, uuid.NewString()), map[string]any{
			"cprNR": "0303164444", "fraDato": time.Now().UTC().Add(-2 * time.Hour).Format(time.RFC3339), "tilDato": time.Now().UTC().Format(time.RFC3339),
		}}
	}
	wrong := list()
	wrong.Args = map[string]any{"cprNR": "3102801111"}

	t.Run("AC-34 node-soap lists", func(t *testing.T) {
		_, results := node(t, minlogws.PathPortal, list(), wrong)
		require.Len(t, results, 2)
		require.NotNil(t, results[0].Answer, "%+v", results[0].Fault)
		found := map[string]map[string]any{}
		for _, e := range results[0].Answer["LogEntry"].([]any) {
			entry := e.(map[string]any)
			found[entry["sessionsId"].(string)] = entry
		}
		for session, format := range registered {
			require.Contains(t, found, session)
			assert.Equal(t, "TST01", found[session]["ansvarlig"])
			assert.Equal(t, map[string]any{"attributes": map[string]any{"NameFormat": format}, "$value": "999000000000001"}, found[session]["brugerOrganisation"])
		}
		assert.Equal(t, map[string]any{"cprNrBorger": "0303164444"}, results[0].Answer["attributes"])
		assert.Equal(t, 500, results[1].Status)
		assert.Contains(t, text(results[1].Fault.Detail.FaultCode), "syntax_error")
	})
	t.Run("AC-34 zeep lists", func(t *testing.T) {
		results := zeep(t, minlogws.PathPortal, list(), wrong)
		require.Len(t, results, 2)
		for session, format := range registered {
			assert.Contains(t, text(results[0].Answer), `"sessionsId":"`+session+`"`)
			assert.Contains(t, text(results[0].Answer), `"NameFormat":"`+format+`"`)
		}
		assert.Contains(t, text(results[0].Answer), `"cprNrBorger":"0303164444"`)
		assert.Equal(t, []string{"syntax_error"}, results[1].Fault.Codes)
	})
}

// minLog1Registrations has each of them register an access, and another that is refused. It returns the sessions with what the
// organisation's NameFormat is.
func minLog1Registrations(t *testing.T, system *process.Client) map[string]string {
	ofNode, ofZeep := uuid.NewString(), uuid.NewString()
	refused := statement(uuid.NewString(), nil)
	delete(refused, "brugerOrganisation")
	refused["tidspunkt"], refused["regKode"] = "2014-12-31T23:59:59Z", "9"
	calls := func(good map[string]any) nodeCall {
		return nodeCall{"RegisterLogStatements", headers(system, uuid.NewString()), map[string]any{"LogEntry": []any{good, refused}}}
	}
	_, results := node(t, minlogws.PathRegistration1,
		calls(statement(ofNode, map[string]any{"attributes": map[string]any{"NameFormat": "medcom:sor"}, "$value": "999000000000001"})))
	require.Len(t, results, 1)
	require.NotNil(t, results[0].Answer, "%+v", results[0].Fault)
	assert.EqualValues(t, 1, results[0].Answer["antalTilfoejet"])
	assert.EqualValues(t, 1, results[0].Answer["antalFejlet"])
	assert.JSONEq(t, `[{"kode":"time_too_early","tekst":"tidspunkt is before 2015","regKode":"9"}]`, text(results[0].Answer["Fejl"]))

	answers := zeep(t, minlogws.PathRegistration1, calls(statement(ofZeep, map[string]any{"NameFormat": "medcom:skscode", "_value_1": "999000000000001"})))
	require.Len(t, answers, 1)
	assert.Contains(t, text(answers[0].Answer), `"antalTilfoejet":1`)
	assert.Contains(t, text(answers[0].Answer), `"kode":"time_too_early"`)
	return map[string]string{ofNode: "medcom:sor", ofZeep: "medcom:shak"}
}
