package willws

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
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/cda"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/will"
)

// schemaFile is the schema of an edition's messages.
func (e edition) schemaFile() string {
	parts := strings.Split(strings.TrimSuffix(e.space, "/"), "/")
	return strings.Join(parts[len(parts)-4:len(parts)-3], "") + "-" + strings.Join(parts[len(parts)-3:], "") + ".xsd"
}

// Parts of the samples.
const (
	sampleCitizen = "0501792275"
	sampleID      = `<id root="1.2.208.176.1.2" extension="` + sampleCitizen + `" assigningAuthorityName="CPR"/>`
	sampleWill    = `<w:noLifeProlongingIfDying>true</w:noLifeProlongingIfDying>` +
		`<w:noLifeProlongingIfSeverelyDegraded acceptanceNeeded="relativeAcceptanceRequired">true</w:noLifeProlongingIfSeverelyDegraded>` +
		`<w:noLifeProlongingIfSeverePain>false</w:noLifeProlongingIfSeverePain>` +
		`<w:noForcedTreatmentIfIncapable acceptanceNeeded="guardianAcceptanceRequired">true</w:noForcedTreatmentIfIncapable>`
	sampleLivingWill = `<w:noLifeProlongingIfDying>true</w:noLifeProlongingIfDying>` +
		`<w:noLifeProlongingIfSeverelyDegraded>false</w:noLifeProlongingIfSeverelyDegraded>`
)

func message(e edition, name, content string) string {
	return "<b:" + name + ` xmlns:b="` + e.space + `" xmlns:w="` + e.value.Space() + `">` + content + "</b:" + name + ">"
}

func sampleDocument(t *testing.T, v cda.Value) string {
	t.Helper()
	citizen, err := cpr.Parse(sampleCitizen)
	require.NoError(t, err)
	at := time.Date(2026, 11, 21, 22, 5, 10, 0, time.UTC)
	var w xmlout.Writer
	cda.Document{Value: v, Citizen: citizen, Registered: at, Created: at, Wishes: will.Wishes{
		IfDying: will.Wish{Declined: true}, IfSeverelyDegraded: will.Wish{Declined: true, Needs: will.Relative},
		NoForcedTreatment: will.Wish{Declined: true, Needs: will.TrustedAgent},
	}}.Append(&w)
	return string(w.Bytes())
}

// sampleMessages are a request and an answer of everything that can be done in an edition, by the names of their elements.
func sampleMessages(t *testing.T, e edition) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, act := range e.acts() {
		request, response := sampleID, ""
		if draws(act) {
			holds := sampleWill
			if e == ltr2018 {
				holds = sampleLivingWill
			}
			request += "<" + e.element(act) + ">" + holds + "</" + e.element(act) + ">"
		}
		switch act {
		case actGet:
			response = sampleDocument(t, e.value)
		case actGetForced:
			response = sampleDocument(t, cda.OnlyForcedTreatment)
		case actHas:
			response = "<willExists>true</willExists>"
		}
		for suffix, content := range map[string]string{suffixRequest: request, suffixResponse: response} {
			name := e.operation(act) + suffix
			all[name] = message(e, name, content)
		}
	}
	return all
}

// schemaCase is a document that the schema of its edition must accept or refuse.
type schemaCase struct {
	edition   edition
	name, xml string
	valid     bool
}

// schemaSets are folders with the schemas as they are served, and, where OPENNSP_TEST_CDA_XSD names the folder with HL7's CDA_SDTC.xsd, with
// that one in the place of ours.
func schemaSets(t *testing.T) map[string]string {
	t.Helper()
	sets := map[string]string{"ours": "cda-view.xsd"}
	if folder := os.Getenv("OPENNSP_TEST_CDA_XSD"); folder != "" {
		full, err := filepath.Abs(filepath.Join(folder, "CDA_SDTC.xsd"))
		require.NoError(t, err)
		require.FileExists(t, full)
		sets["HL7's"] = full
	}
	for name, cdaSchema := range sets {
		folder := t.TempDir()
		for _, c := range []soap.Contract{ltrContract(), btrContract()} {
			for file := range c.Files {
				doc := served(t, soap.NewRouter(soap.Service{Contract: c}, soap.Deps{}), "/btr/x", "?xsd="+file)
				doc = strings.ReplaceAll(schemaLocation.ReplaceAllString(doc, `schemaLocation="$1"`), `"cda-view.xsd"`, `"`+cdaSchema+`"`)
				require.NoError(t, os.WriteFile(filepath.Join(folder, file), []byte(doc), 0o600))
			}
		}
		sets[name] = folder
	}
	return sets
}

var schemaLocation = regexp.MustCompile(`schemaLocation="http://nsp\.example/btr/x\?xsd=([^"]+)"`)

// served is a document that h gives.
func served(t *testing.T, h http.Handler, path, query string) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://nsp.example"+path+query, http.NoBody))
	require.Equal(t, http.StatusOK, w.Code, path+query)
	return w.Body.String()
}

// validate asserts that the schemas accept and refuse as the cases say.
func validate(t *testing.T, all ...schemaCase) {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
			t.Fatal("xmllint is not installed")
		}
		t.Skip("xmllint is not installed: schemas are not checked")
	}
	for set, folder := range schemaSets(t) {
		for _, e := range []edition{ltr2018, btr2018, btr2020} {
			args := []string{"--noout", "--nonet", "--schema", e.schemaFile()}
			for i, c := range all {
				if c.edition == e {
					require.NoError(t, os.WriteFile(filepath.Join(folder, strconv.Itoa(i)), []byte(c.xml), 0o600))
					args = append(args, strconv.Itoa(i))
				}
			}
			if len(args) == 4 {
				continue
			}
			command := exec.CommandContext(t.Context(), xmllint, args...) //nolint:gosec // the tests' own files
			command.Dir = folder
			out, _ := command.CombinedOutput() // it exits with an error because of those that are refused
			for i, c := range all {
				if c.edition != e {
					continue
				}
				accepted := strings.Contains("\n"+string(out), "\n"+strconv.Itoa(i)+" validates\n")
				refused := strings.Contains("\n"+string(out), "\n"+strconv.Itoa(i)+" fails to validate\n")
				require.NotEqual(t, accepted, refused, "%s, %s: %s\n%s", set, c.name, c.xml, out)
				assert.Equal(t, c.valid, accepted, "%s, %s: %s\n%s", set, c.name, c.xml, out)
			}
		}
	}
}

// TestSchemas: the samples are valid, and what is not as the contract says is not.
func TestSchemas(t *testing.T) {
	var all []schemaCase
	for _, e := range []edition{ltr2018, btr2018, btr2020} {
		for name, xml := range sampleMessages(t, e) {
			all = append(all, schemaCase{e, name, xml, true})
		}
	}
	require.Len(t, all, 10+10+14)
	changed := func(e edition, message, name string, valid bool, oldnew ...string) {
		was := sampleMessages(t, e)[message]
		xml := strings.NewReplacer(oldnew...).Replace(was)
		require.NotEqual(t, was, xml, name)
		all = append(all, schemaCase{e, message + ", " + name, xml, valid})
	}
	const (
		create, update, get, has = "CreateTreatmentWillRequest", "UpdateTreatmentWillRequest", "GetTreatmentWillResponse", "HasTreatmentWillResponse"
		forced, living           = "GetTreatmentWillWithOnlyForcedTreatmentResponse", "CreateLivingWillRequest"
		onDying                  = `<w:noLifeProlongingIfDying acceptanceNeeded="relativeAcceptanceRequired">`
		dying                    = `<w:noLifeProlongingIfDying>true</w:noLifeProlongingIfDying>`
		pain                     = `<w:noLifeProlongingIfSeverePain>false</w:noLifeProlongingIfSeverePain>`
	)
	changed(btr2020, create, "WA-13 an acceptance if dying", false, "<w:noLifeProlongingIfDying>", onDying)
	changed(btr2020, get, "WA-13 an acceptance if dying", false, "<w:noLifeProlongingIfDying>", onDying)
	changed(btr2018, create, "WA-13 an acceptance if dying", true, "<w:noLifeProlongingIfDying>", onDying)
	changed(ltr2018, living, "WA-13 an acceptance if dying", false, "<w:noLifeProlongingIfDying>", onDying)
	changed(btr2020, update, "WA-16 the will as in Create", false, "treatmentWill>", "treatmentWillV2>")
	changed(btr2020, create, "WA-16 the will as in Update", false, "treatmentWillV2>", "treatmentWill>")
	changed(btr2018, create, "the will of 2020", false, "treatmentWill>", "treatmentWillV2>")
	changed(btr2018, create, "the wishes of 2020", false, `"urn:hl7-org:btr"`, `"urn:hl7-org:btrv2"`)
	for _, e := range []edition{btr2018, btr2020} {
		changed(e, create, "WA-17 a qualified id", false, "<id ", "<b:id ")
		changed(e, create, "WA-17 an element less", false, pain, "")
		changed(e, create, "WA-17 an element twice", false, pain, pain+pain)
		changed(e, create, "WA-17 another order", false, dying, "", pain, pain+dying)
		changed(e, create, "an unknown wish", false, pain, pain+"<w:other>true</w:other>")
		changed(e, create, "a will that is not qualified", false, "w:noLife", "noLife")
		changed(e, create, "an acceptance that is none", false, "relativeAcceptanceRequired", "relative")
		changed(e, create, "no boolean", false, ">false<", ">no<")
		changed(e, create, "WA-19 a number for a boolean", true, ">false<", "> 0 <")
		changed(e, create, "WA-19 no authority", true, ` assigningAuthorityName="CPR"`, "")
		changed(e, create, "WA-19 the type", true, "<"+e.element(actCreate)+">",
			"<"+e.element(actCreate)+` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="w:`+e.value.Type()+`">`)
		changed(e, create, "another type", false, "<"+e.element(actCreate)+">",
			"<"+e.element(actCreate)+` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="w:Other">`)
		changed(e, create, "a null will, which the service refuses", true, "<"+e.element(actCreate)+">", "<"+e.element(actCreate)+` nullFlavor="UNK">`)
		changed(e, create, "an unknown attribute", false, "<id ", `<id other="x" `)
		changed(e, create, "no id", false, sampleID, "")
		changed(e, create, "two ids", false, sampleID, sampleID+sampleID)
		changed(e, has, "a number for the answer", false, ">true<", ">1<")
		changed(e, has, "no answer", false, "<willExists>true</willExists>", "")
		changed(e, has, "another answer", false, ">true<", ">yes<")
		changed(e, get, "a value without type", false, ` xsi:type="w:`+e.value.Type()+`"`, "")
		changed(e, get, "an empty value without type", false, regexp.MustCompile("<h:value .*</h:value>").FindString(sampleMessages(t, e)[get]), "<h:value/>")
		changed(e, get, "a value of another type", false, `"w:`+e.value.Type()+`"`, `"w:Other"`)
		changed(e, get, "a qualified document", false, "<ClinicalDocument ", "<h:ClinicalDocument ", "</ClinicalDocument>", "</h:ClinicalDocument>")
		changed(e, get, "children in no namespace", false, "h:title", "title")
		changed(e, get, "another order", false, `<h:realmCode code="DK"></h:realmCode>`, "", "<h:title>", `<h:realmCode code="DK"></h:realmCode><h:title>`)
		changed(e, get, "no author", false, "h:author", "h:writer")
		changed(e, get, "no time", false, "<h:time ", "<h:tim ", "</h:time>", "</h:tim>")
		changed(e, get, "a wish less", false, pain, "")
	}
	changed(btr2020, forced, "a wish more", false, "<w:noForced", dying+"<w:noForced")
	changed(btr2020, forced, "the type of a whole will", false, "w:TreatmentWillWithOnlyForcedTreatment", "w:TreatmentWillV2")
	validate(t, all...)
}

// TestClientsRequestsAreValid: what the client sends is what the contract says.
func TestClientsRequestsAreValid(t *testing.T) {
	citizen, err := cpr.Parse(sampleCitizen)
	require.NoError(t, err)
	sent := errors.New("not sent")
	var all []schemaCase
	var actions []string
	for i, want := range map[Interface][]string{LTR2018: ltr2018.acts(), BTR2018: btr2018.acts(), BTR2020: btr2020.acts()} {
		e := i.edition()
		c := Client{Interface: i, Send: func(_ context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
			var w xmlout.Writer
			body(&w)
			actions = append(actions, action)
			all = append(all, schemaCase{e, action, string(w.Bytes()), true})
			return nil, sent
		}}
		wishes := will.Wishes{IfDying: will.Wish{Declined: true}}
		if i != LTR2018 {
			wishes.IfSeverePain = will.Wish{Declined: true, Needs: will.TrustedAgent}
		}
		ctx := t.Context()
		_, getErr := c.Get(ctx, citizen)
		_, hasErr := c.Has(ctx, citizen)
		for _, err := range []error{c.Create(ctx, citizen, wishes), c.Update(ctx, citizen, wishes), c.Delete(ctx, citizen), getErr, hasErr} {
			require.ErrorIs(t, err, sent)
		}
		_, forcedErr := c.GetForced(ctx, citizen)
		for _, err := range []error{c.UpgradeTo(ctx, citizen, wishes), forcedErr} {
			if i == BTR2020 {
				require.ErrorIs(t, err, sent)
			} else {
				require.ErrorIs(t, err, ErrInterface)
			}
		}
		for _, act := range want {
			assert.Contains(t, actions, e.action(e.operation(act)))
		}
	}
	assert.Len(t, all, 5+5+7)
	validate(t, all...)
}

// operations are the names that a document declares.
func operations(wsdl, pattern string) (all []string) {
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(wsdl, -1) {
		all = append(all, m[1])
	}
	return all
}

func TestContracts(t *testing.T) {
	for _, c := range []struct {
		name     string
		contract soap.Contract
		path     string
		query    string
		edition  edition
	}{
		{"living wills", ltrContract(), PathLTR, "?wsdl", ltr2018},
		{"the newest of treatment wills", btrContract(), PathBTR, "?wsdl", btr2020},
		{"that of 2020", btrContract(), PathBTR, "?wsdl&version=20200316", btr2020},
		{"that of 2018", btrContract(), PathBTRAdmin, "?version=20180501&WSDL", btr2018},
	} {
		t.Run(c.name, func(t *testing.T) {
			router := soap.NewRouter(soap.Service{Contract: c.contract}, soap.Deps{PublicURL: "https://nsp.example"})
			wsdl := served(t, router, c.path, c.query)
			wellFormed(t, wsdl)
			kind := c.edition.will
			for _, part := range []string{
				`targetNamespace="` + c.edition.space + `"`, `portType name="` + kind + `PortType"`, `binding name="` + kind + `Binding"`,
				`service name="` + kind + `Service"`, `port name="` + kind + `Port"`, `location="https://nsp.example` + c.path + `"`,
				`element="dgws:FaultCode"`,
			} {
				assert.Contains(t, wsdl, part)
			}
			var actions, names, messages []string
			for _, act := range c.edition.acts() {
				operation := c.edition.operation(act)
				actions = append(actions, c.edition.action(operation))
				names = append(names, operation+c.edition.date)
				for _, suffix := range []string{suffixRequest, suffixResponse} {
					messages = append(messages, operation+suffix+c.edition.date)
					assert.Contains(t, wsdl, `<wsdl:part name="`+operation+suffix+`" element="w:`+operation+suffix+`"/>`)
				}
			}
			assert.Equal(t, actions, operations(wsdl, `soapAction="([^"]+)"`))
			assert.Equal(t, append(names, names...), operations(wsdl, `<wsdl:operation name="([^"]+)"`))
			assert.Equal(t, append(messages, "DGWSHeader", "DGWSFault"), operations(wsdl, `<wsdl:message name="([^"]+)"`))
			reach(t, router, c.path, wsdl, map[string]bool{})
		})
	}
	w := httptest.NewRecorder()
	soap.NewRouter(soap.Service{Contract: btrContract()}, soap.Deps{}).
		ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, PathBTR+"?wsdl&version=20190101", http.NoBody))
	assert.Equal(t, http.StatusNotFound, w.Code)
}

func wellFormed(t *testing.T, xml string) {
	t.Helper()
	tree, err := xmltree.Parse([]byte(xml), xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	tree.Release()
}

// reach follows every schemaLocation of doc.
func reach(t *testing.T, h http.Handler, path, doc string, seen map[string]bool) {
	t.Helper()
	for _, location := range operations(doc, `schemaLocation="https://nsp\.example`+path+`([^"]+)"`) {
		if !seen[location] {
			seen[location] = true
			reach(t, h, path, served(t, h, path, location), seen)
		}
	}
	assert.NotEmpty(t, seen)
	assert.NotContains(t, doc, soap.AddressPlaceholder)
}

// TestDocuments: at the published paths a contract is told as that of its service. That of IDWS tells nothing of credentials.
func TestDocuments(t *testing.T) {
	all := Documents("https://nsp.example/")
	require.Len(t, all, 4)
	for path, c := range map[string]struct {
		contract soap.Contract
		service  string
		idws     bool
	}{
		"/btr/wsdl/ltr/dgws": {ltrContract(), PathLTR, false}, "/btr/wsdl/ltr/idws": {ltrContract(), PathLTR, true},
		"/btr/wsdl/btr/dgws": {btrContract(), PathBTR, false}, "/btr/wsdl/btr/idws": {btrContract(), PathBTR, true},
	} {
		for _, query := range []string{"", "?wsdl", "?version=20180501", "?wsdl&version=20180501"} {
			t.Run(path+query, func(t *testing.T) {
				router := soap.NewRouter(soap.Service{Contract: c.contract}, soap.Deps{PublicURL: "https://nsp.example"})
				want := served(t, router, c.service, "?wsdl&"+strings.TrimPrefix(query, "?"))
				got := served(t, all[path], path, query)
				wellFormed(t, got)
				reach(t, router, c.service, got, map[string]bool{})
				if !c.idws {
					assert.Equal(t, want, got)
					return
				}
				for _, foreign := range []string{"dgws", "DGWS", "wsse", "soap:header", "soap:fault", "wsdl:fault"} {
					assert.NotContains(t, got, foreign)
				}
				for _, kept := range []string{`soapAction="([^"]+)"`, `<wsdl:operation name="([^"]+)"`, `<soap:body parts="([^"]+)"`, `location="([^"]+)"/>\n    </wsdl:port>`} {
					assert.Equal(t, operations(want, kept), operations(got, kept))
				}
			})
		}
	}
	w := httptest.NewRecorder()
	all["/btr/wsdl/ltr/idws"].ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/btr/wsdl/ltr/idws?version=1", http.NoBody))
	assert.Equal(t, http.StatusNotFound, w.Code)
}

// ValidAnswers asserts that answers are as the schemas have them.
func ValidAnswers(t *testing.T, bodies ...string) {
	t.Helper()
	var all []schemaCase
	for _, body := range bodies {
		for _, e := range []edition{ltr2018, btr2018, btr2020} {
			if strings.Contains(body, `xmlns:b="`+e.space+`"`) {
				all = append(all, schemaCase{e, "an answer", body, true})
			}
		}
	}
	require.Len(t, all, len(bodies))
	validate(t, all...)
}
