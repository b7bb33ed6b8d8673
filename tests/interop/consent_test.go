package interop

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/hsuid"
	"github.com/opennsp/nsp/adapters/soap/consentws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/tests/process"
)

const (
	blocked    = "0202020002" // a doctor
	hospital   = "900011000016001"
	department = "900021000016003" // of the hospital
	practice   = "900041000016007"
)

// portal is the sample portal, whose word about its users counts.
type portal struct {
	t *testing.T
	*process.Client
}

func openPortal(t *testing.T) portal {
	t.Helper()
	client, err := server.Client(t.Context(), "portal")
	require.NoError(t, err)
	return portal{t, client}
}

// headers are those of a message whose HSUID header says who uses the portal.
func (p portal) headers(user identity.HSUID) []string {
	var w xmlout.Writer
	hsuid.Write(&w, user, time.Now())
	return append(headers(p.Client, uuid.NewString()), string(w.Bytes()))
}

// citizen calls an operation for a citizen who logged in.
func (p portal) citizen(digits, operation string, args map[string]any) nodeCall {
	p.t.Helper()
	return nodeCall{operation, p.headers(identity.HSUID{Issuer: "Test", UserType: "nsi:Citizen", Acting: p.number(digits), SystemName: "Testportal"}), args}
}

// doctor calls an operation for a doctor.
func (p portal) doctor(digits, operation string, args map[string]any) nodeCall {
	p.t.Helper()
	return nodeCall{operation, p.headers(identity.HSUID{
		Issuer: "Test", UserType: "nsi:HealthcareProfessional", Acting: p.number(digits), SystemName: "Testportal",
		Org: identity.OrgID{Scheme: hsuid.SOR, Code: department},
	}), args}
}

func (p portal) number(digits string) cpr.Number {
	p.t.Helper()
	n, err := cpr.Parse(digits)
	require.NoError(p.t, err)
	return n
}

// shown is a registration of an answer.
type shown struct {
	ID      string `json:"consentId"`
	Type    string `json:"consentType"`
	Citizen string `json:"citizenCPR"`
	Active  bool   `json:"active"`
	Who     *struct {
		Person   string `json:"healthProfessionalCPR"`
		Org      string `json:"healthcareOrganization"`
		SubUnits bool   `json:"includeSubOrganizations"`
	} `json:"who"`
	What *struct {
		Origin string `json:"originatingOrganization"`
	} `json:"what"`
	ValidTo    string `json:"validTo"`
	CreatedIn  string `json:"creatingSystemName"`
	ModifiedBy string `json:"modifiedBy"`
}

// as reads an answer.
func as[T any](t *testing.T, answer any) (v T) {
	t.Helper()
	require.NotNil(t, answer)
	require.NoError(t, json.Unmarshal([]byte(text(answer)), &v), "%s", text(answer))
	return v
}

func registrationsOf(t *testing.T, answer any) []shown {
	t.Helper()
	return as[struct {
		ConsentRegistrations struct {
			All []shown `json:"consentRegistration"`
		}
	}](t, answer).ConsentRegistrations.All
}

// idOf is the one id of an answer, which may be a list.
func idOf(t *testing.T, result nodeResult) string {
	t.Helper()
	require.NotNil(t, result.Answer, "%+v", result.Fault)
	id := result.Answer["consentId"]
	if list, ok := id.([]any); ok && len(list) == 1 {
		id = list[0]
	}
	return fmt.Sprint(id)
}

// TestNodeSOAPAdministersConsent has node-soap register, change and revoke, in both generations of the service.
func TestNodeSOAPAdministersConsent(t *testing.T) {
	for _, c := range []struct {
		name, path, citizen      string
		addBlock, addPositive    string
		changeBlock, changeOther string
		typed                    bool // entries tell their kind
	}{
		{
			"newer", consentws.PathAdministration, "0101010101",
			"ConsentAddConstraint", "ConsentAddPositive", "ConsentModifyConstraint", "ConsentModifyPositive", false,
		},
		{"older", consentws.PathAdministrationV1, "0404040404", "ConsentAdd", "ConsentAdd", "ConsentModify", "ConsentModify", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := openPortal(t)
			entry := func(kind string, more map[string]any) []any {
				e := map[string]any{}
				if id, ok := more["consentId"]; ok {
					e["consentId"] = id
				}
				e["citizenCPR"] = c.citizen
				if c.typed {
					e["consentType"] = kind
				}
				for _, name := range []string{"who", "what", "validFrom", "validTo"} {
					if v, ok := more[name]; ok {
						e[name] = v
					}
				}
				return []any{e}
			}
			call := func(operation, of string, entries []any) nodeCall {
				return p.citizen(c.citizen, operation, map[string]any{of: entries})
			}
			get := p.citizen(c.citizen, "ConsentRegistrationsGet", map[string]any{"PatientPersonCivilRegistrationIdentifier": c.citizen})
			_, results := node(t, c.path,
				call(c.addBlock, "ConsentAdditions", entry("Negative", map[string]any{
					"who":       map[string]any{"healthProfessionalCPR": blocked},
					"what":      map[string]any{"originatingOrganization": hospital, "includeSubOrganizations": true},
					"validFrom": "2026-03-02",
				})),
				call(c.addPositive, "ConsentAdditions", entry("Positive", map[string]any{
					"who":       map[string]any{"healthcareOrganization": hospital, "includeSubOrganizations": true},
					"validFrom": time.Now().UTC().Format(time.RFC3339), "validTo": time.Now().AddDate(1, 0, 0).UTC().Format(time.RFC3339),
				})),
				get)
			require.Len(t, results, 3)
			block, positive := idOf(t, results[0]), idOf(t, results[1])
			all := registrationsOf(t, results[2].Answer)
			require.Len(t, all, 2)
			assert.Equal(t, []string{block, positive}, []string{all[0].ID, all[1].ID})
			assert.Equal(t, []string{"Negative", "Positive"}, []string{all[0].Type, all[1].Type})
			assert.Equal(t, blocked, all[0].Who.Person)
			assert.Equal(t, hospital, all[0].What.Origin)
			assert.Equal(t, hospital, all[1].Who.Org)
			assert.True(t, all[1].Who.SubUnits)
			assert.Equal(t, c.citizen, all[0].Citizen)
			assert.Equal(t, "Testportal", all[0].CreatedIn)

			_, results = node(t, c.path,
				call(c.changeBlock, "ConsentModifications", entry("Negative", map[string]any{"consentId": block, "validFrom": "2026-03-02"})),
				call(c.changeOther, "ConsentModifications", entry("Positive", map[string]any{
					"consentId": positive, "validFrom": time.Now().Format(time.DateOnly), "validTo": time.Now().AddDate(2, 0, 0).Format(time.DateOnly),
				})),
				call("ConsentRevoke", "ConsentRevocations", []any{map[string]any{"consentId": positive, "citizenCPR": c.citizen}}),
				call("ConsentRevoke", "ConsentRevocations", []any{map[string]any{"consentId": positive, "citizenCPR": c.citizen}}),
				get)
			require.Len(t, results, 5)
			assert.Equal(t, block, idOf(t, results[0]))
			assert.Equal(t, positive, idOf(t, results[1]))
			assert.Equal(t, positive, idOf(t, results[2]))
			assert.Equal(t, 500, results[3].Status)
			assert.Equal(t, "Entry 1: the registration has been revoked", results[3].Fault.Text)
			assert.Contains(t, text(results[3].Fault.Detail.FaultCode), "consent_inactive")
			all = registrationsOf(t, results[4].Answer)
			require.Len(t, all, 2)
			assert.Nil(t, all[0].Who, "everyone")
			assert.True(t, all[0].Active)
			assert.False(t, all[1].Active)
			assert.Equal(t, c.citizen, all[1].ModifiedBy)
		})
	}
}

// asks are the arguments of a check of what a doctor of the department may see.
func asks(citizen string, items ...map[string]any) map[string]any {
	args := map[string]any{
		"citizenCPR": citizen,
		"healthProfessional": map[string]any{
			"healthProfessionalCPR": blocked,
			"organization":          map[string]any{"attributes": map[string]any{"codeSystem": "SHAK"}, "$value": "990101"},
		},
	}
	if len(items) > 0 {
		args["dataItem"] = items
	}
	return args
}

// TestNodeSOAPVerifiesConsent has node-soap ask for a doctor, of items, and for a foreigner.
func TestNodeSOAPVerifiesConsent(t *testing.T) {
	const citizen = "0505050505"
	p := openPortal(t)
	foreign := map[string]any{
		"citizenCPR": citizen, "foreignHealthProfessional": map[string]any{"countryCode": "SE", "identifier": "SE-TEST-1"},
	}
	_, results := node(t, consentws.PathAdministration,
		p.citizen(citizen, "ConsentAddConstraint", map[string]any{"ConsentAdditions": []any{map[string]any{
			"citizenCPR": citizen, "who": map[string]any{"healthProfessionalCPR": blocked},
			"what":      map[string]any{"originatingOrganization": hospital, "includeSubOrganizations": true},
			"validFrom": "2026-03-02",
		}, map[string]any{
			"citizenCPR": citizen, "who": map[string]any{"foreignHealthProfessionals": true}, "validFrom": "2026-03-02",
		}}}))
	require.Len(t, results, 1)
	require.NotNil(t, results[0].Answer, "%+v", results[0].Fault)
	require.Len(t, results[0].Answer["consentId"], 2)

	sor := func(code string) map[string]any {
		return map[string]any{"attributes": map[string]any{"codeSystem": "SOR"}, "$value": code}
	}
	_, results = node(t, consentws.PathVerification,
		p.doctor(blocked, "ConsentForUserCheck", asks(citizen)),
		p.doctor(blocked, "ConsentForDataCheck", asks(citizen,
			map[string]any{"itemId": "here", "originatingOrganization": sor(department)},
			map[string]any{"itemId": "there", "dataPeriodFrom": "2024-05-01T08:00:00Z", "originatingOrganization": sor(practice)},
			map[string]any{"itemId": "anywhere"})),
		p.doctor(blocked, "ConsentForForeignersCheck", foreign),
		p.doctor("0101010001", "ConsentForUserCheck", asks(citizen)))
	require.Len(t, results, 4)
	assert.Equal(t, "DataSpecific", results[0].Answer["consentCheckResult"], "%+v", results[0].Fault)
	assert.Equal(t, []map[string]string{
		{"itemId": "here", "access": "Denied"}, {"itemId": "there", "access": "Allowed"}, {"itemId": "anywhere", "access": "Denied"},
	}, as[struct{ DataItemResult []map[string]string }](t, results[1].Answer).DataItemResult)
	assert.Equal(t, "Negative", results[2].Answer["consentCheckResult"], "%+v", results[2].Fault)
	assert.Equal(t, 500, results[3].Status, "the header names another doctor")
	assert.Contains(t, text(results[3].Fault.Detail.FaultCode), "hsuid_mismatch")
}

// TestZeepAdministersAndVerifiesConsent has zeep, which reads the schema, register, ask and read a fault.
func TestZeepAdministersAndVerifiesConsent(t *testing.T) {
	const citizen = "0606060606"
	p := openPortal(t)
	block := map[string]any{
		"citizenCPR": citizen, "who": map[string]any{"healthcareOrganization": hospital, "includeSubOrganizations": true}, "validFrom": "2026-03-02T00:00:00Z",
	}
	wrong := map[string]any{"citizenCPR": citizen, "who": block["who"], "validFrom": "2026-03-02T00:00:00Z", "validTo": "2026-03-01T00:00:00Z"}
	results := zeep(t, consentws.PathAdministration,
		p.citizen(citizen, "ConsentAddConstraint", map[string]any{"ConsentAdditions": []any{block}}),
		p.citizen(citizen, "ConsentAddConstraint", map[string]any{"ConsentAdditions": []any{block, wrong}}),
		p.citizen(citizen, "ConsentRegistrationsGet", map[string]any{"PatientPersonCivilRegistrationIdentifier": citizen}))
	require.Len(t, results, 3)
	assert.Regexp(t, `[1-9][0-9]{14}`, text(results[0].Answer))
	assert.Equal(t, []string{"invalid_validity"}, results[1].Fault.Codes)
	assert.Regexp(t, "^Entry 2: ", results[1].Fault.Text)
	assert.Equal(t, 1, strings.Count(text(results[2].Answer), `"healthcareOrganization":"`+hospital+`"`), "%s", text(results[2].Answer))
	results = zeep(t, consentws.PathVerification, p.doctor(blocked, "ConsentForUserCheck", map[string]any{
		"citizenCPR": citizen,
		"healthProfessional": map[string]any{
			"healthProfessionalCPR": blocked, "organization": map[string]any{"_value_1": "990101", "codeSystem": "SHAK"},
		},
	}))
	require.Len(t, results, 1)
	assert.Contains(t, text(results[0].Answer), "Negative")
}
