package minlogws_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/minlog"
)

func TestSchemas(t *testing.T) {
	var all []document
	for _, c := range []struct{ name, schema string }{
		{"registration-request.xml", xsd2025}, {"registration-response.xml", xsd2025}, {"citizen-request.xml", xsdLookup}, {"citizen-response.xml", xsdLookup},
		{"assistants-request.xml", xsdLookup}, {"assistants-response.xml", xsdLookup},
		{"register1-request.xml", xsd1}, {"register1-response.xml", xsd1}, {"portal-request.xml", xsdPortal}, {"portal-response.xml", xsdPortal},
	} {
		all = append(all, document{c.name, c.schema, sample(t, c.name), true})
	}
	declared, instants, refused := messages()
	for _, m := range declared {
		all = append(all, m.documents()...)
	}
	for _, m := range instants {
		// The rest is as with a period.
		all = append(all, slices.DeleteFunc(m.documents(), func(d document) bool { return !strings.Contains(d.name, "DateTime") })...)
	}
	for i, m := range refused {
		all = append(all, document{m.name + ", times " + strconv.Itoa(i), m.schema, m.qualify(m.root.full(), m.qualified), false})
	}
	all = append(all, document{"1,001 entries of MinLog1", xsd1, request1(strings.Repeat(statement(), 1001)), false})
	checkDocuments(t, all)
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
	folder := t.TempDir()
	bySchema := map[string][]document{}
	for _, d := range all {
		bySchema[d.schema] = append(bySchema[d.schema], d)
	}
	for schema, documents := range bySchema {
		t.Run("AC-41 "+schema, func(t *testing.T) {
			// A file is named by its number: short names, for there are many in one call.
			require.NoError(t, os.Mkdir(filepath.Join(folder, schema), 0o700))
			path, err := filepath.Abs(filepath.Join("contract", schema))
			require.NoError(t, err)
			args := []string{"--noout", "--schema", path}
			for i, d := range documents {
				file := strconv.Itoa(i)
				require.NoError(t, os.WriteFile(filepath.Join(folder, schema, file), []byte(d.xml), 0o600))
				args = append(args, file)
			}
			command := exec.CommandContext(t.Context(), xmllint, args...) //nolint:gosec // the tests' own files
			command.Dir = filepath.Join(folder, schema)
			out, _ := command.CombinedOutput() // it exits with an error because of those that are refused
			verdicts := map[string]bool{}
			for line := range strings.Lines(string(out)) {
				if file, ok := strings.CutSuffix(line, " validates\n"); ok {
					verdicts[file] = true
				} else if file, ok := strings.CutSuffix(line, " fails to validate\n"); ok {
					verdicts[file] = false
				}
			}
			for i, d := range documents {
				accepted, told := verdicts[strconv.Itoa(i)]
				require.True(t, told, "xmllint says nothing of %s: %s", d.name, d.xml)
				assert.Equal(t, d.valid, accepted, "%s: %s", d.name, d.xml)
			}
		})
	}
}

// fullEntry is an access with every element, as the client sends it and the lookups show it.
func fullEntry(e *minlog.Entry) {
	for i := range 8 {
		e.Source = &minlog.Chain{CorrelationID: "c", System: "S" + strconv.Itoa(i), Source: e.Source}
	}
	e.From, e.Reason, e.Addition, e.Criticality = at("2026-11-01T08:00:00Z"), "r", "a", "k"
	e.Org, e.OrgName, e.PersonName, e.CorrelationID, e.SequenceNumber = minlog.ID{Source: "SOR", Value: "1"}, "o", "p", "d", "7"
	e.UserName, e.UserRole, e.Filters = "u", "ur", []string{"x", "y"}
	e.OnBehalfOf, e.OnBehalfOfName, e.OnBehalfOfRole = minlog.ID{Source: minlog.Authorisation, Value: code}, "b", "br"
}

func TestAnswersAreValid(t *testing.T) {
	s := newService(t)
	var all []document
	answer := func(name, schema, xml string, holds ...string) {
		for _, h := range holds {
			require.Contains(t, xml, h, name)
		}
		all = append(all, document{name, schema, xml, true})
	}
	failed, unnumbered := entry(destination("Opslag", "")), entry(destination("Opslag", "", "<SequenceNumber>7</SequenceNumber>", ""))
	for schema, v := range map[string]struct{ path, space string }{xsd2025: {newest, ns2025}, xsd2023: {older, ns2023}} {
		answer("added", schema, s.call(t, v.path, request(v.space, entry(destination()))), "<NumberAdded>1<")
		answer("failed", schema, s.call(t, v.path, request(v.space, failed, unnumbered)), "<NumberAdded>0<", "<NumberFailed>2<", "<SequenceNumber>")
		answer("both", schema, s.call(t, v.path, request(v.space, entry(destination()), failed, entry(""))), "<NumberAdded>1<", "<NumberFailed>2<")
	}
	fault := func(name, path, body string) {
		w := s.post(t, path, envelope("m-1", body))
		code := requireFault(t, w, http.StatusInternalServerError, "syntax_error")
		require.NotEmpty(t, code)
		_, rest, _ := strings.Cut(w.Body.String(), "<detail><medcom:FaultCode>")
		rest, _, _ = strings.Cut(rest, "</detail>")
		answer(name, xsdDGWS, `<medcom:FaultCode xmlns:medcom="`+nsDGWS+`">`+rest, "syntax_error</medcom:FaultCode>")
	}
	fault("refused registration", older, request(ns2023))
	fault("refused registration of MinLog1", path1, request1())
	fault("refused question of a portal", portal, portalRequest("<fraDato/>"))
	unnumbered1 := statement("Opslag", "", "<regKode>7</regKode>", "")
	answer("added, MinLog1", xsd1, s.call(t, path1, request1(statement())), "<antalTilfoejet>1<")
	answer("failed, MinLog1", xsd1, s.call(t, path1, request1(statement("Opslag", ""), unnumbered1)), "<Fejl>", "<tekst>entry 2", "<regKode>", "<antalFejlet>2<")
	answer("nothing, portal", xsdPortal, s.call(t, portal, strings.ReplaceAll(portalRequest(""), citizen, "0000000000")), ` cprNrBorger="0000000000"`)
	s.caller = employee(citizen, "")
	fault("refused lookup", citizenPath, question("<l:PageSize>0</l:PageSize>"))

	s = newService(t)
	older2023 := strings.ReplaceAll(nsLookup, "2025/03/12", "2023/04/25")
	assistants := strings.NewReplacer("LogStatementForCPRPersonRequest", "LogStatementOnBehalfOfRequest",
		`PersonId source="CPR">0202801111`, `OnBehalfOfPersonId source="Autorisation">TST01`, "/l:PersonId", "/l:OnBehalfOfPersonId")
	ask := func(name, more string, holds ...string) {
		s.caller = employee(citizen, "")
		answer("citizen, "+name, xsdLookup, s.call(t, citizenPath, question(more)), holds...)
		// The older namespace is the same but for its date.
		old := s.call(t, citizenPath, strings.ReplaceAll(question(more), nsLookup, older2023))
		answer("citizen in the older namespace, "+name, xsdLookup, strings.ReplaceAll(old, older2023, nsLookup), holds...)
		s.caller = employee(professional, code)
		answer("assistants, "+name, xsdLookup, s.call(t, assistantsPath, assistants.Replace(question(more))), holds...)
	}
	ask("nothing", "")
	behalf := func(e *minlog.Entry) { e.OnBehalfOf = minlog.ID{Source: minlog.Authorisation, Value: code} }
	european := func(e *minlog.Entry) { e.Org = minlog.ID{Source: minlog.EuropeanHealthOrganisation, Value: "e"} }
	s.keep(t, stored(id1, "2026-11-01T08:15:00Z", fullEntry), stored(id2, "2026-11-01T10:00:00Z", behalf), stored(id3, "2026-11-01T11:00:00Z", european))
	s.caller = system()
	answer("everything, portal", xsdPortal, s.call(t, portal, portalRequest("")), `"medcom:sor"`, `"medcom:other"`, "<ansvarlig>", "<sessionsId>")
	for _, grouping := range []string{"None", "CorrelationId", "Day"} {
		for _, details := range []string{"All", "None"} {
			ask(grouping+" "+details, "<l:Grouping>"+grouping+"</l:Grouping><l:Details>"+details+"</l:Details>", "<l:LogDataGroup>")
		}
	}
	ask("first page", "<l:PageSize>1</l:PageSize>", "<l:NextPageToken>")
	ask("instant and period", "", "<l:DateTime>", "<l:OnBehalfOfUserRole>", "<l:Source><l:CorrelationId>")
	checkDocuments(t, all)
}

func TestClientsRequestsAreValid(t *testing.T) {
	var all []document
	var schema string
	sent := errors.New("not sent")
	client := minlogws.Client{Send: func(_ context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		var w xmlout.Writer
		body(&w)
		all = append(all, document{action, schema, string(w.Bytes()), true})
		return nil, sent
	}}
	entries := []minlog.Entry{stored(id1, "2026-11-01T08:15:00Z", fullEntry).Entry, stored(id2, "2026-11-01T08:15:00Z").Entry}
	for version, xsd := range map[string]string{minlog.Interface20250312: xsd2025, minlog.Interface20230425: xsd2023} {
		schema = xsd
		_, err := client.Register(t.Context(), version, entries)
		require.ErrorIs(t, err, sent)
	}
	schema = xsd1
	_, err := client.Register1(t.Context(), entries)
	require.ErrorIs(t, err, sent)
	schema = xsdPortal
	for _, from := range []time.Time{{}, at("2026-11-01T08:15:00.5Z")} {
		_, err = client.List(t.Context(), citizen, from, from)
		require.ErrorIs(t, err, sent)
	}
	schema = xsdLookup
	full := minlogws.Question{
		Person: cprID(citizen), Grouping: "Day", Details: "None", Chronologic: true, From: at("2026-11-01T08:15:00.5Z"), To: now, PageSize: 1,
		Pass: []minlog.Condition{{Field: "SystemName", Value: "FMK"}}, Stop: []minlog.Condition{{Field: "Activity", Value: "x"}}, PageToken: "t",
	}
	for _, q := range []minlogws.Question{full, {Person: cprID(citizen)}} {
		_, err := client.Citizens(t.Context(), q)
		require.ErrorIs(t, err, sent)
		_, err = client.Assistants(t.Context(), q)
		require.ErrorIs(t, err, sent)
	}
	checkDocuments(t, all)
}
