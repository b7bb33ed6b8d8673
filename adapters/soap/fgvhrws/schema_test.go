package fgvhrws

import (
	"context"
	"errors"
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
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
)

// sample is a file of testdata.
func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".xml"))
	require.NoError(t, err)
	return strings.TrimSpace(string(b))
}

// schemaCase is a document that the schema must accept or refuse.
type schemaCase struct {
	name, xml string
	valid     bool
}

// validate asserts that the schema accepts and refuses as the cases say.
func validate(t *testing.T, all ...schemaCase) {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
			t.Fatal("xmllint is not installed")
		}
		t.Skip("xmllint is not installed: schemas are not checked")
	}
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "fgvhr.xsd"), schema, 0o600))
	args := []string{"--noout", "--nonet", "--schema", "fgvhr.xsd"}
	for i, c := range all {
		require.NoError(t, os.WriteFile(filepath.Join(folder, strconv.Itoa(i)), []byte(c.xml), 0o600))
		args = append(args, strconv.Itoa(i))
	}
	command := exec.CommandContext(t.Context(), xmllint, args...) //nolint:gosec // the tests' own files
	command.Dir = folder
	out, _ := command.CombinedOutput() // it exits with an error because of those that are refused
	for i, c := range all {
		accepted := strings.Contains("\n"+string(out), "\n"+strconv.Itoa(i)+" validates\n")
		refused := strings.Contains("\n"+string(out), "\n"+strconv.Itoa(i)+" fails to validate\n")
		require.NotEqual(t, accepted, refused, "%s: %s\n%s", c.name, c.xml, out)
		assert.Equal(t, c.valid, accepted, "%s: %s\n%s", c.name, c.xml, out)
	}
}

// TestSchema: the samples are valid, and what is not as the contract says is not.
func TestSchema(t *testing.T) {
	files, err := filepath.Glob("testdata/*.xml")
	require.NoError(t, err)
	require.Len(t, files, 14)
	var all []schemaCase
	for _, file := range files {
		all = append(all, schemaCase{file, sample(t, strings.TrimSuffix(filepath.Base(file), ".xml")), true})
	}
	changed := func(file, name string, valid bool, oldnew ...string) {
		xml := strings.NewReplacer(oldnew...).Replace(sample(t, file))
		require.NotEqual(t, sample(t, file), xml, name)
		all = append(all, schemaCase{file + ", " + name, xml, valid})
	}
	const patient, form = `<f:patientId value="0108501234"/>`, `<f:citizenCreatedDate value="2026-11-02"/>`
	const id = `<f:uuid value="5b1f6f0e-6a2d-4c8e-9f6b-0d2f6f1c7a11"/>`
	for _, file := range []string{"update-request", "update-date-request", "delete-request", "get-request"} {
		changed(file, "without patientId", false, patient, "")
		changed(file, "patientId twice", false, patient, patient+patient)
		changed(file, "FA-14 patientId without namespace", false, "<f:patientId", "<patientId")
		changed(file, "a request without its suffix, which the service takes", false, "Request", "")
		changed(file, "something else at the end", false, "</f:", "<f:reason/></f:")
		changed(file, "text", false, patient, patient+"x")
		changed(file, "an attribute of another namespace", true, "<f:patientId", `<f:patientId xmlns:x="urn:x" x:y=""`)
		changed(file, "an attribute that is not known", false, "<f:patientId", `<f:patientId system="x"`)
		changed(file, "white space", true, `"0108501234"`, `" 0108501234 "`, "<f:patientId", "\n<f:patientId")
		changed(file, "FA-14 an X-eCPR", false, patient, `<f:patientId value="0108501234" source="eCPR"/>`)
		changed(file, "FA-14 a hyphen", false, "0108501234", "010850-1234")
		changed(file, "no value", false, ` value="0108501234"`, "")
		changed(file, "content", false, patient, `<f:patientId value="0108501234">0108501234</f:patientId>`)
	}
	for _, file := range []string{"update-request", "update-date-request"} {
		changed(file, "without uuid", false, id, "")
		changed(file, "uuid before patientId", false, patient+id, id+patient)
		changed(file, "uuid twice", false, id, id+id)
		changed(file, "a uuid in braces", false, "5b1f6f0e-6a2d-4c8e-9f6b-0d2f6f1c7a11", "{5b1f6f0e-6a2d-4c8e-9f6b-0d2f6f1c7a11}")
		changed(file, "a uuid in upper case", true, "5b1f6f0e", "5B1F6F0E")
	}
	const status = `<f:status value="ENTERED-IN-ERROR"/>`
	changed("update-request", "nothing to change", false, status, "")
	changed("update-request", "both changes", true, status, status+form)
	changed("update-request", "both changes in the other order", false, status, form+status)
	changed("update-request", "the status twice", false, status, status+status)
	changed("update-request", "a status that is none", false, "ENTERED-IN-ERROR", "entered-in-error")
	changed("update-date-request", "a date that is none", false, "2026-11-02", "2026-11-31")
	changed("update-date-request", "an instant", false, "2026-11-02", "2026-11-02T00:00:00Z")
	changed("update-date-request", "a date with a zone", true, "2026-11-02", "2026-11-02+01:00")
	changed("register-form-request", "the date first", false, `<f:patientId value="0108501234" source="CPR"/><f:citizenCreatedDate value="2026-11-01"/>`,
		`<f:citizenCreatedDate value="2026-11-01"/><f:patientId value="0108501234" source="CPR"/>`)
	for _, name := range []string{"uuid", "patientId", "status", "createdDate", "validFrom", "inForce"} {
		changed("update-response", "without "+name, false, regexp.MustCompile(`<f:`+name+` [^>]*></f:`+name+`>`).FindString(sample(t, "update-response")), "")
	}
	changed("register-response", "no opt-out", false, sample(t, "register-response"), strings.ReplaceAll(sample(t, "get-none-response"), "Get", "Register"))
	changed("register-response", "an instant that is not of UTC", false, "2026-11-21T22:05:10Z", "2026-11-21T23:05:10+01:00")
	changed("register-response", "an instant without zone", false, "2026-11-21T22:05:10Z", "2026-11-21T22:05:10")
	changed("register-response", "inForce that is no boolean", false, `"false"`, `"no"`)
	changed("delete-response", "something", false, "></", ">x</")
	validate(t, all...)
}

// TestClientsRequestsAreValid: what the client sends is what the contract says.
func TestClientsRequestsAreValid(t *testing.T) {
	var all []schemaCase
	sent := errors.New("not sent")
	c := Client{Send: func(_ context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		var w xmlout.Writer
		body(&w)
		all = append(all, schemaCase{action, string(w.Bytes()), true})
		return nil, sent
	}}
	ctx, day := t.Context(), calendar.Day{Year: 2026, Month: 11, Dom: 1}
	citizen, err := cpr.Parse("0108501234")
	require.NoError(t, err)
	for _, paper := range []calendar.Day{{}, day} {
		_, err = c.Register(ctx, citizen, paper)
		require.ErrorIs(t, err, sent)
	}
	const id = "5b1f6f0e-6a2d-4c8e-9f6b-0d2f6f1c7a11"
	for _, change := range []fgvhr.Change{{ID: id, Status: fgvhr.EnteredInError}, {ID: id, CitizenCreated: day}, {ID: id, Status: fgvhr.Active, CitizenCreated: day}} {
		_, err = c.Update(ctx, citizen, change)
		require.ErrorIs(t, err, sent)
	}
	require.ErrorIs(t, c.Delete(ctx, citizen), sent)
	_, _, err = c.Get(ctx, citizen)
	require.ErrorIs(t, err, sent)
	assert.Len(t, all, 7)
	validate(t, all...)
}
