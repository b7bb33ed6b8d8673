package interop

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/soap/fgvhrws"
	"github.com/opennsp/nsp/adapters/soap/willws"
	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

const testator = "2512489996" // old enough for an opt-out too

// signing is a portal between a client that knows no IDWS and the server: it puts each message that it gets into one that is signed, with the
// token of a citizen who logged in, and hands the answer back as it is.
func signing(t *testing.T, citizen string) *httptest.Server {
	t.Helper()
	token, err := server.Token(t.Context(), citizen, "https://fsk")
	require.NoError(t, err)
	portal, err := server.Federation().Sample("portal")
	require.NoError(t, err)
	pass := func(r *http.Request) (*http.Response, error) {
		message, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body, err := bodyOf(message)
		if err != nil {
			return nil, err
		}
		signed, err := idws.Request{
			Created: time.Now(), Token: token, Action: strings.Trim(r.Header.Get("SOAPAction"), `"`), MessageID: "urn:uuid:" + uuid.NewString(),
			To: server.URL + r.URL.Path, Body: func(w *xmlout.Writer) { w.Raw(body) },
			Sign: func(hash crypto.Hash, digest []byte) ([]byte, error) {
				return rsa.SignPKCS1v15(rand.Reader, portal.Key, hash, digest)
			},
		}.Bytes()
		if err != nil {
			return nil, err
		}
		req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, server.URL+r.URL.Path, bytes.NewReader(signed))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "text/xml; charset=utf-8")
		req.Header.Set("SOAPAction", r.Header.Get("SOAPAction"))
		return http.DefaultClient.Do(req)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := pass(r)
		if !assert.NoError(t, err) {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
		w.WriteHeader(answer.StatusCode)
		_, err = io.Copy(w, answer.Body)
		assert.NoError(t, err)
	}))
	t.Cleanup(s.Close)
	return s
}

// bodyOf is the element in the Body of a message, with every namespace that it may use.
func bodyOf(message []byte) ([]byte, error) {
	tree, err := xmltree.Parse(message, xmltree.DefaultLimits(1<<20))
	if err != nil {
		return nil, err
	}
	defer tree.Release()
	body, err := tree.Only(tree.Root(), tree.Space(tree.Root()), "Body")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = c14n.Write(&out, tree, tree.First(body), c14n.Options{Method: c14n.Inclusive})
	return out.Bytes(), err
}

// citizenArgs are the arguments of an operation on a citizen.
func citizenArgs(citizen string) map[string]any {
	return map[string]any{"id": map[string]any{"attributes": map[string]any{
		"root": "1.2.208.176.1.2", "extension": citizen, "assigningAuthorityName": "CPR",
	}}}
}

// saying are those of one with a will in it.
func saying(citizen, element string, will map[string]any) map[string]any {
	args := citizenArgs(citizen)
	args[element] = will
	return args
}

// wish is one that is declined, and depends on somebody unless needs is "".
func wish(needs string) any {
	if needs == "" {
		return true
	}
	return map[string]any{"attributes": map[string]any{"acceptanceNeeded": needs}, "$value": true}
}

// treatmentWill declines what somebody accepts, and nothing when in pain.
func treatmentWill(degraded, forced string) map[string]any {
	return map[string]any{
		"noLifeProlongingIfDying": true, "noLifeProlongingIfSeverelyDegraded": wish(degraded), "noLifeProlongingIfSeverePain": false,
		"noForcedTreatmentIfIncapable": wish(forced),
	}
}

// shownWill is the document of an answer.
type shownWill struct {
	registered string
	citizen    string
	title      string
	value      string // as JSON
}

func willOf(t *testing.T, r nodeResult) shownWill {
	t.Helper()
	require.NotNil(t, r.Answer, "%+v", r.Fault)
	type attributes struct {
		Value     string `json:"value"`
		Extension string `json:"extension"`
	}
	type node struct{ Attributes attributes }
	d := as[struct {
		ClinicalDocument struct {
			Title        string
			RecordTarget struct{ PatientRole struct{ ID node } }
			Author       struct{ Time node }
			Component    struct {
				StructuredBody struct {
					Component struct {
						Section struct {
							Entry struct{ Observation struct{ Value any } }
						}
					}
				}
			}
		}
	}](t, r.Answer).ClinicalDocument
	return shownWill{
		d.Author.Time.Attributes.Value, d.RecordTarget.PatientRole.ID.Attributes.Extension, d.Title,
		text(d.Component.StructuredBody.Component.Section.Entry.Observation.Value),
	}
}

// refused asserts that a call was answered with a fault of the contract.
func refused(t *testing.T, r nodeResult, code string) {
	t.Helper()
	assert.Equal(t, 500, r.Status, "%+v", r.Answer)
	assert.Contains(t, []string{"soap:Server", "wsse:FailedAuthentication"}, r.Fault.Code, r.Fault.Text)
	assert.Contains(t, text(r.Fault.Detail.FaultCode), code)
}

// accepted asserts that a call was answered with a message that holds nothing.
func accepted(t *testing.T, r nodeResult) {
	t.Helper()
	assert.Zero(t, r.Status, "%+v", r.Fault)
	assert.Empty(t, r.Answer)
}

// exists is what an answer to Has tells, of a type that node-soap takes for text.
func exists(t *testing.T, r nodeResult) bool {
	t.Helper()
	require.NotNil(t, r.Answer, "%+v", r.Fault)
	require.Contains(t, []any{"true", "false"}, r.Answer["willExists"])
	return r.Answer["willExists"] == "true"
}

// TestNodeSOAPWillsOfACitizen has node-soap, which a portal signs for, do all that citizens do with their wills.
func TestNodeSOAPWillsOfACitizen(t *testing.T) {
	portal := signing(t, testator)
	call := func(wsdl, path string, calls ...nodeCall) []nodeResult {
		t.Helper()
		_, results := nodeAt(t, server.URL+wsdl, portal.URL+path, calls...)
		require.Len(t, results, len(calls))
		return results
	}
	of := func(operation string) nodeCall { return nodeCall{operation, nil, citizenArgs(testator)} }
	with := func(operation, element string, will map[string]any) nodeCall {
		return nodeCall{operation, nil, saying(testator, element, will)}
	}
	living := map[string]any{"noLifeProlongingIfDying": true, "noLifeProlongingIfSeverelyDegraded": false}
	const degraded, forced = "relativeAcceptanceRequired", "guardianAcceptanceRequired"
	started := time.Now().Truncate(time.Second)

	results := call(willws.PathWSDLLTRIDWS, willws.PathLTR,
		of("HasLivingWill_2018_05_01"), with("CreateLivingWill_2018_05_01", "livingWill", living), of("HasLivingWill_2018_05_01"),
		of("GetLivingWill_2018_05_01"), with("UpdateLivingWill_2018_05_01", "livingWill", living),
		with("CreateLivingWill_2018_05_01", "livingWill", living),
		nodeCall{"HasLivingWill_2018_05_01", nil, citizenArgs("0511804817")})
	assert.False(t, exists(t, results[0]))
	accepted(t, results[1])
	assert.True(t, exists(t, results[2]))
	will := willOf(t, results[3])
	assert.Equal(t, [2]string{testator, "Livstestamente"}, [2]string{will.citizen, will.title})
	assert.JSONEq(t, `{"attributes":{"xsi:type":"w:LivingWill"},"noLifeProlongingIfDying":true,"noLifeProlongingIfSeverelyDegraded":false}`, will.value)
	accepted(t, results[4])
	refused(t, results[5], "will_exists")
	refused(t, results[6], "not_authorized")

	results = call(willws.PathWSDLBTRIDWS, willws.PathBTR,
		with("CreateTreatmentWill_2020_03_16", "treatmentWillV2", treatmentWill(degraded, forced)),
		with("UpgradeToTreatmentWill_2020_03_16", "treatmentWillV2", treatmentWill(degraded, forced)),
		of("HasTreatmentWill_2020_03_16"), of("GetTreatmentWill_2020_03_16"),
		with("UpdateTreatmentWill_2020_03_16", "treatmentWill", treatmentWill("", forced)),
		of("GetTreatmentWillWithOnlyForcedTreatment_2020_03_16"),
		with("UpgradeToTreatmentWill_2020_03_16", "treatmentWillV2", treatmentWill(degraded, forced)),
		of("DeleteTreatmentWill_2020_03_16"), of("HasTreatmentWill_2020_03_16"), of("GetTreatmentWill_2020_03_16"), of("DeleteTreatmentWill_2020_03_16"))
	refused(t, results[0], "will_exists")
	accepted(t, results[1])
	assert.True(t, exists(t, results[2]))
	will = willOf(t, results[3])
	assert.Equal(t, [2]string{testator, "Behandlingstestamente"}, [2]string{will.citizen, will.title})
	assert.JSONEq(t, `{"attributes":{"xsi:type":"w:TreatmentWillV2"},"noLifeProlongingIfDying":true,
		"noLifeProlongingIfSeverelyDegraded":{"attributes":{"acceptanceNeeded":"relativeAcceptanceRequired"},"$value":"true"},
		"noLifeProlongingIfSeverePain":"false",
		"noForcedTreatmentIfIncapable":{"attributes":{"acceptanceNeeded":"guardianAcceptanceRequired"},"$value":"true"}}`, will.value)
	at, err := time.Parse("20060102150405-0700", will.registered)
	require.NoError(t, err)
	assert.WithinRange(t, at, started, time.Now())
	accepted(t, results[4])
	assert.JSONEq(t, `{"attributes":{"xsi:type":"w:TreatmentWillWithOnlyForcedTreatment"},
		"noForcedTreatmentIfIncapable":{"attributes":{"acceptanceNeeded":"guardianAcceptanceRequired"},"$value":"true"}}`, willOf(t, results[5]).value)
	refused(t, results[6], "will_exists")
	accepted(t, results[7])
	assert.False(t, exists(t, results[8]))
	refused(t, results[9], "will_not_found")
	refused(t, results[10], "will_not_found")

	results = call(willws.PathWSDLBTRIDWS+"?version=20180501", willws.PathBTR,
		with("CreateTreatmentWill_2018_05_01", "treatmentWill", map[string]any{
			"noLifeProlongingIfDying": wish(degraded), "noLifeProlongingIfSeverelyDegraded": true, "noLifeProlongingIfSeverePain": false,
			"noForcedTreatmentIfIncapable": false,
		}),
		with("CreateTreatmentWill_2018_05_01", "treatmentWill", map[string]any{
			"noLifeProlongingIfDying": false, "noLifeProlongingIfSeverelyDegraded": false, "noLifeProlongingIfSeverePain": false,
			"noForcedTreatmentIfIncapable": false,
		}),
		with("CreateTreatmentWill_2018_05_01", "treatmentWill", treatmentWill(degraded, "")),
		of("GetTreatmentWill_2018_05_01"), of("DeleteTreatmentWill_2018_05_01"))
	refused(t, results[0], "invalid_will")
	refused(t, results[1], "empty_will")
	accepted(t, results[2])
	assert.Contains(t, willOf(t, results[3]).value, `"w:TreatmentWill"`)
	accepted(t, results[4])
}

// TestNodeSOAPOptOutOfACitizen has node-soap, which a portal signs for, do all that citizens do with the opt-out of resuscitation.
func TestNodeSOAPOptOutOfACitizen(t *testing.T) {
	portal := signing(t, testator)
	patient := map[string]any{"patientId": map[string]any{"attributes": map[string]any{"value": testator, "source": "CPR"}}}
	get := nodeCall{"GetConsent", nil, patient}
	_, results := nodeAt(t, server.URL+fgvhrws.Path+"?wsdl", portal.URL+fgvhrws.Path,
		get, nodeCall{"RegisterConsent", nil, patient}, get, nodeCall{"RegisterConsent", nil, patient},
		nodeCall{"DeleteConsent", nil, patient}, get, nodeCall{"DeleteConsent", nil, patient})
	require.Len(t, results, 7)
	accepted(t, results[0])
	registered, found := optOutOf(t, results[1]), optOutOf(t, results[2])
	assert.Equal(t, registered, found)
	assert.Equal(t, [3]string{testator, "ACTIVE", "false"}, [3]string{found.patient, found.status, found.inForce})
	from, err := time.Parse(time.RFC3339, found.validFrom)
	require.NoError(t, err)
	assert.WithinRange(t, from, time.Now().AddDate(0, 0, 6), time.Now().AddDate(0, 0, 8))
	refused(t, results[3], "consent_exists")
	accepted(t, results[4])
	assert.Equal(t, [2]string{"INACTIVE", "false"}, [2]string{optOutOf(t, results[5]).status, optOutOf(t, results[5]).inForce})
	refused(t, results[6], "consent_not_found")

	type value struct {
		Attributes map[string]string `json:"attributes"`
	}
	type change struct {
		Patient value `json:"patientId"`
		UUID    value `json:"uuid"`
		Status  value `json:"status"`
	}
	_, results = nodeAt(t, server.URL+fgvhrws.Path+"?wsdl", portal.URL+fgvhrws.Path, nodeCall{"UpdateConsent", nil, change{
		value{map[string]string{"value": testator}}, value{map[string]string{"value": registered.uuid}},
		value{map[string]string{"value": "ENTERED-IN-ERROR"}},
	}})
	require.Len(t, results, 1)
	refused(t, results[0], "not_authorized")
}

// shownOptOut is the consent of an answer.
type shownOptOut struct{ uuid, patient, status, validFrom, inForce string }

func optOutOf(t *testing.T, r nodeResult) shownOptOut {
	t.Helper()
	require.NotNil(t, r.Answer, "%+v", r.Fault)
	type value struct {
		Attributes struct {
			Value any `json:"value"`
		} `json:"attributes"`
	}
	c := as[struct {
		Consent struct{ UUID, PatientID, Status, ValidFrom, InForce value }
	}](t, r.Answer).Consent
	of := func(v value) string { return fmt.Sprint(v.Attributes.Value) }
	return shownOptOut{of(c.UUID), of(c.PatientID), of(c.Status), of(c.ValidFrom), of(c.InForce)}
}

// TestNodeSOAPWillsOfADoctor has node-soap read wills as a doctor does, and be refused what is the citizen's alone.
func TestNodeSOAPWillsOfADoctor(t *testing.T) {
	const citizen = "0611809735"
	portal := signing(t, citizen)
	_, results := nodeAt(t, server.URL+willws.PathWSDLBTRIDWS, portal.URL+willws.PathBTR, nodeCall{
		"CreateTreatmentWill_2020_03_16", nil, saying(citizen, "treatmentWillV2", treatmentWill("trustedAgentAcceptanceRequired", "")),
	})
	require.Len(t, results, 1)
	accepted(t, results[0])

	doctor, err := server.Client(t.Context(), "laege")
	require.NoError(t, err)
	require.Equal(t, 4, doctor.Level())
	of := func(operation string, args map[string]any) nodeCall {
		return nodeCall{operation, headers(doctor, uuid.NewString()), args}
	}
	_, results = node(t, willws.PathBTR,
		of("HasTreatmentWill_2020_03_16", citizenArgs(citizen)), of("GetTreatmentWill_2020_03_16", citizenArgs(citizen)),
		of("GetTreatmentWillWithOnlyForcedTreatment_2020_03_16", citizenArgs(citizen)),
		of("DeleteTreatmentWill_2020_03_16", citizenArgs(citizen)),
		of("UpdateTreatmentWill_2020_03_16", saying(citizen, "treatmentWill", treatmentWill("", ""))),
		of("GetTreatmentWill_2020_03_16", citizenArgs("0101010006")), of("HasTreatmentWill_2020_03_16", citizenArgs("0101010006")),
		of("GetTreatmentWill_2020_03_16", citizenArgs("3111009999")))
	require.Len(t, results, 8)
	assert.True(t, exists(t, results[0]))
	assert.Contains(t, willOf(t, results[1]).value, `"trustedAgentAcceptanceRequired"`)
	assert.JSONEq(t, `{"attributes":{"xsi:type":"w:TreatmentWillWithOnlyForcedTreatment"},"noForcedTreatmentIfIncapable":"true"}`, willOf(t, results[2]).value)
	refused(t, results[3], "not_authorized")
	refused(t, results[4], "not_authorized")
	refused(t, results[5], "will_not_found")
	assert.False(t, exists(t, results[6]))
	refused(t, results[7], "invalid_id")

	_, results = node(t, willws.PathLTR, of("HasLivingWill_2018_05_01", citizenArgs(citizen)), of("GetLivingWill_2018_05_01", citizenArgs(citizen)))
	require.Len(t, results, 2)
	assert.False(t, exists(t, results[0]))
	refused(t, results[1], "will_not_found")
	_, results = node(t, fgvhrws.Path, of("GetConsent", map[string]any{"patientId": map[string]any{"attributes": map[string]any{"value": citizen}}}))
	require.Len(t, results, 1)
	refused(t, results[0], "not_authorized")
}

// TestNodeSOAPNamesOfIDWS: the contract that tells nothing of credentials makes the same client as the one that does.
func TestNodeSOAPNamesOfIDWS(t *testing.T) {
	for dgws, idws := range map[string]string{willws.PathWSDLLTRDGWS: willws.PathWSDLLTRIDWS, willws.PathWSDLBTRDGWS: willws.PathWSDLBTRIDWS} {
		with, _ := nodeAt(t, server.URL+dgws, server.URL)
		without, _ := nodeAt(t, server.URL+idws, server.URL)
		assert.JSONEq(t, string(with), string(without))
	}
}

// TestCXFTakesTheContractsOfWills: Java has classes of all that is in them.
func TestCXFTakesTheContractsOfWills(t *testing.T) {
	cxf(t, t.TempDir(), server.URL+willws.PathLTR+"?wsdl", server.URL+willws.PathWSDLBTRIDWS, server.URL+willws.PathBTRAdmin+"?wsdl&version=20180501",
		server.URL+fgvhrws.Path+"?wsdl")
}
