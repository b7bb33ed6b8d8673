package rest_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/issuing"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

const (
	pathPersons = "/api/ecpr/v1/persons"
	pathOIDs    = "/api/ecpr/v1/oids"
	pathRoles   = "/api/ecpr/v1/roles"
	nobody      = "00000000-0000-4000-8000-000000000001"

	actorJSON = `"actor":{"name":"Sara Sekretær","role":"Lægesekretær","organisation":{"name":"Testby Sygehus","id":"900011000016001","source":"SOR"}}`
	jon       = `{` + actorJSON + `,"names":[{"family":"Prøve","given":"Jon"}],"genders":[{"value":"male"}],"birthDates":[{"value":"1978-08-13"}]}`
)

// startECPR is a server whose practice holds the grants, and whose doctor has the roles.
func startECPR(t *testing.T, change ...func(*house)) *house {
	t.Helper()
	h := start(t, change...)
	require.NoError(t, issuing.LayIn(t.Context(), h.db.OIDs(), func() string { return nobody }))
	require.NoError(t, h.db.Grants().Update(t.Context(), func(all []trust.Grant) ([]trust.Grant, error) {
		return append(all, trust.Grant{ID: "r", Name: "ecpr.read", CVR: "99999902"}, trust.Grant{ID: "w", Name: "ecpr.write", CVR: "99999902"},
			trust.Grant{ID: "s", Name: "ecpr.read", CVR: "99999901"}), nil
	}))
	require.NoError(t, h.grants.Refresh(t.Context()))
	doctor, err := cpr.Parse("0101010001")
	require.NoError(t, err)
	for _, role := range []ecpr.Role{ecpr.Coordinator, ecpr.WebAdministrator} {
		_, err := h.db.ECPRRoles().Assign(t.Context(), ecpr.Assignment{CVR: "99999902", Person: doctor, Role: role})
		require.NoError(t, err)
	}
	return h
}

// write sends a write with a key, "" for none.
func (h *house) write(t *testing.T, token, method, path, key, body string, headers ...string) answer {
	t.Helper()
	headers = append(append(headers, bearer(token)...), "Content-Type", "application/json")
	if key != "" {
		headers = append(headers, "Idempotency-Key", key)
	}
	return h.call(t, method, path, body, headers...)
}

// jonAt registers a person and returns the path of the registration and the answer.
func (h *house) jonAt(t *testing.T, token, key string) (path string, a answer) {
	t.Helper()
	a = h.write(t, token, http.MethodPost, pathPersons, key, jon)
	require.Equal(t, http.StatusCreated, a.Code, "%s", a.Body)
	return a.Header().Get("Location"), a
}

// persons of the JSON of an answer.
func elements(a answer, kind string) []map[string]any {
	var all []map[string]any
	list, _ := a.body[kind].([]any)
	for _, e := range list {
		all = append(all, e.(map[string]any))
	}
	return all
}

func TestRegistration(t *testing.T) {
	h := startECPR(t)
	doctor := h.as(t, "laege")
	path, created := h.jonAt(t, doctor, "k-1")
	id := strings.TrimPrefix(path, pathPersons+"/")
	assert.Equal(t, id, created.body["id"])
	assert.Equal(t, `"1"`, created.Header().Get("ETag"))
	assert.InDelta(t, 1, created.body["version"], 0)
	assert.Regexp(t, `^1308781[A-Z]{2}[13579]$`, created.body["ecpr"])
	assert.Nil(t, created.body["cpr"])
	assert.Contains(t, created.body, "mergedInto")
	for kind, n := range map[string]int{"identifiers": 1, "names": 1, "genders": 1, "birthDates": 1, "contacts": 0, "addresses": 0} {
		assert.Len(t, created.body[kind], n, kind)
	}
	number := elements(created, "identifiers")[0]
	pid := number["pid"]
	assert.Equal(t, map[string]any{
		"pid": pid, "oid": ecpr.XECPROID, "label": "X-eCPR", "type": "eCPR-nummer", "value": created.body["ecpr"], "validFrom": "2026-11-21T12:00:00Z",
	}, number)
	assert.Equal(t, audit.ECPR, h.line(t).Route)
	assert.Contains(t, h.said(t)[0], "eCPR/CreatePerson modified-by-role=Lægesekretær modified-by-organisation=900011000016001")

	t.Run("read by its id", func(t *testing.T) {
		read := h.get(t, doctor, path)
		assert.Equal(t, created.body, read.body)
		assert.Equal(t, `"1"`, read.Header().Get("ETag"))
	})
	t.Run("PC-14 an edit", func(t *testing.T) {
		h.now = h.now.Add(1500 * time.Millisecond)
		named := elements(created, "names")[0]["pid"].(string)
		a := h.write(t, doctor, http.MethodPatch, path, "k-2", `{`+actorJSON+`,"names":[{"pid":"`+strings.ToUpper(named)+`","use":"official","family":"Ny"}],
			"identifiers":[{"oid":"`+ecpr.PassportOID+`","value":"pp 1","validity":5,"expiry":"2030-01-01"}],"contacts":[{"system":"phone","value":"+45 1"}],
			"addresses":[{"lines":["Prøvevej 1","","Bag"],"city":"Testby","country":"DK","postBox":"7"}]}`, "If-Match", `"1"`)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.Equal(t, `"2"`, a.Header().Get("ETag"))
		names := elements(a, "names")
		require.Len(t, names, 2)
		assert.Equal(t, named, names[0]["pid"])
		assert.Equal(t, "2026-11-21T12:00:01.5Z", names[0]["validTo"])
		assert.Equal(t, map[string]any{"pid": names[1]["pid"], "use": "official", "text": "Ny", "family": "Ny", "validFrom": "2026-11-21T12:00:01.5Z"}, names[1])
		passport := elements(a, "identifiers")[1]
		assert.Equal(t, []any{"PP1", 5.0, "2030-01-01", "Pas"}, []any{passport["value"], passport["validity"], passport["expiry"], passport["label"]})
		assert.Equal(t, []any{"Prøvevej 1", "", "Bag"}, elements(a, "addresses")[0]["lines"])
		assert.Equal(t, "phone", elements(a, "contacts")[0]["system"])
	})
	t.Run("looked up, with and without history", func(t *testing.T) {
		ask := func(more string) answer {
			return h.post(t, doctor, pathPersons+"/lookup", `{"oid":"`+ecpr.XECPROID+`","value":"`+created.body["ecpr"].(string)+`"`+more+`}`)
		}
		for more, names := range map[string]int{"": 2, `,"history":true`: 2, `,"history":false`: 1} {
			a := ask(more)
			require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
			assert.Len(t, elements(a, "names"), names, more)
			assert.Equal(t, `"2"`, a.Header().Get("ETag"))
		}
		h.problem(t, h.post(t, doctor, pathPersons+"/lookup", `{"oid":"`+ecpr.PassportOID+`","value":"none"}`), http.StatusNotFound, "ecpr_not_found")
	})
	t.Run("searched", func(t *testing.T) {
		a := h.post(t, doctor, pathPersons+"/search", `{"query":"familyname:prøve AND birthdate:1978-08-13"}`)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.Equal(t, false, a.body["truncated"])
		require.Len(t, a.body["persons"], 1)
		assert.Equal(t, id, a.body["persons"].([]any)[0].(map[string]any)["id"])
		a = h.post(t, doctor, pathPersons+"/search", `{"query":"familyname:ingen"}`)
		assert.JSONEq(t, `{"persons":[],"truncated":false}`, a.Body.String())
	})
	t.Run("PC-32 merged", func(t *testing.T) {
		other, gone := h.jonAt(t, doctor, "k-3")
		body := `{` + actorJSON + `,"loser":"` + strings.TrimPrefix(other, pathPersons+"/") + `"}`
		secretary := h.as(t, "sekretaer")
		h.problem(t, h.write(t, secretary, http.MethodPost, path+"/merge", "k-4", body), http.StatusForbidden, fault.CodeNotAuthorized)
		h.now = h.now.Add(time.Second)
		a := h.write(t, doctor, http.MethodPost, path+"/merge", "k-4", body)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.Equal(t, `"3"`, a.Header().Get("ETag"))
		assert.Contains(t, a.Body.String(), gone.body["ecpr"])
		left := h.get(t, doctor, other)
		assert.Equal(t, id, left.body["mergedInto"])
		h.problem(t, h.write(t, doctor, http.MethodPost, path+"/merge", "k-5", body), http.StatusConflict, "ecpr_conflict")
		a = h.write(t, doctor, http.MethodPatch, other, "k-6", `{`+actorJSON+`}`)
		assert.Equal(t, id, a.body["id"], "an edit of who was merged away is one of the survivor")
	})
}

func TestRegistrationAgain(t *testing.T) {
	h := startECPR(t)
	doctor := h.as(t, "laege")
	t.Run("PC-9 the same key: one registration and one answer", func(t *testing.T) {
		_, one := h.jonAt(t, doctor, "k")
		_, two := h.jonAt(t, h.as(t, "laege"), "k")
		assert.Equal(t, one.Body.String(), two.Body.String())
		for _, name := range []string{"ETag", "Location", "Content-Type"} {
			assert.NotEmpty(t, one.Header().Get(name))
			assert.Equal(t, one.Header().Get(name), two.Header().Get(name), name)
		}
		assert.Contains(t, h.said(t), "eCPR/CreatePerson outcome=replayed")
		found := h.post(t, doctor, pathPersons+"/search", `{"query":"familyname:prøve"}`)
		assert.Len(t, found.body["persons"], 1)
	})
	path, _ := h.jonAt(t, doctor, "k-1")
	edit := `{` + actorJSON + `,"contacts":[{"value":"+45 1"}]}`
	t.Run("the same edit: its answer as it was", func(t *testing.T) {
		one := h.write(t, doctor, http.MethodPatch, path, "k-2", edit)
		h.write(t, doctor, http.MethodPatch, path, "k-3", `{`+actorJSON+`,"contacts":[{"value":"+45 2"}]}`)
		two := h.write(t, doctor, http.MethodPatch, path, "k-2", edit)
		assert.Equal(t, one.Body.String(), two.Body.String())
		assert.Equal(t, `"2"`, two.Header().Get("ETag"))
		assert.Empty(t, two.Header().Get("Location"))
	})
	t.Run("the same key for something else", func(t *testing.T) {
		for _, other := range []func() answer{
			func() answer { return h.write(t, doctor, http.MethodPatch, path, "k-2", `{`+actorJSON+`}`) },
			func() answer { return h.write(t, doctor, http.MethodPatch, path, "k-2", edit, "If-Match", `"2"`) },
			func() answer { return h.write(t, doctor, http.MethodPatch, pathPersons+"/"+nobody, "k-2", edit) },
			func() answer { return h.write(t, doctor, http.MethodPost, pathPersons, "k-2", edit) },
		} {
			h.problem(t, other(), http.StatusBadRequest, fault.CodeSyntax)
		}
	})
	t.Run("the same key of another person", func(t *testing.T) {
		_, one := h.jonAt(t, doctor, "k-4")
		_, two := h.jonAt(t, h.as(t, "sekretaer"), "k-4")
		assert.NotEqual(t, one.body["id"], two.body["id"])
	})
	t.Run("no key", func(t *testing.T) {
		h.problem(t, h.write(t, doctor, http.MethodPost, pathPersons, "", jon), http.StatusBadRequest, fault.CodeSyntax)
		h.problem(t, h.write(t, doctor, http.MethodPatch, path, "", edit), http.StatusBadRequest, fault.CodeSyntax)
		h.problem(t, h.write(t, doctor, http.MethodPost, path+"/merge", "", `{}`), http.StatusBadRequest, fault.CodeSyntax)
	})
	t.Run("a version that is old", func(t *testing.T) {
		a := h.write(t, doctor, http.MethodPatch, path, "k-5", edit, "If-Match", `"1"`)
		h.problem(t, a, http.StatusPreconditionFailed, "ecpr_conflict")
		assert.Empty(t, a.Header().Get("ETag"))
		assert.Equal(t, http.StatusOK, h.write(t, doctor, http.MethodPatch, path, "k-6", edit, "If-Match", `"3"`).Code)
		assert.Equal(t, http.StatusOK, h.write(t, doctor, http.MethodPatch, path, "k-7", edit, "If-Match", `*`).Code)
		for _, tag := range []string{"3", `W/"3"`, `"03"`, `"x"`, `"3", "4"`, `""`, ` `} {
			h.problem(t, h.write(t, doctor, http.MethodPatch, path, "k-8", edit, "If-Match", tag), http.StatusBadRequest, fault.CodeSyntax)
		}
		h.problem(t, h.write(t, doctor, http.MethodPatch, path, "k-9", edit, "If-Match", `"3"`, "If-Match", `"3"`), http.StatusBadRequest, fault.CodeSyntax)
	})
}

// tokenSessions are sessions that tokens of IDWS opened.
type tokenSessions struct{ ports.SessionStore }

func (s tokenSessions) Get(ctx context.Context, token [32]byte, now time.Time) (identity.Caller, time.Time, error) {
	c, until, err := s.SessionStore.Get(ctx, token, now)
	c.Credential.Origin = identity.IDWS
	return c, until, err
}

// TestWhoMayRegister: the callers of the SOAP service, by their sessions.
func TestWhoMayRegister(t *testing.T) {
	h := startECPR(t)
	path, created := h.jonAt(t, h.as(t, "laege"), "k")
	lookup := `{"oid":"` + ecpr.XECPROID + `","value":"` + created.body["ecpr"].(string) + `"}`
	role := `{"cvr":"99999902","cpr":"0101010004","role":"eCPR-koordinator"}`
	operations := []struct{ name, method, path, body string }{
		{"create", http.MethodPost, pathPersons, `{` + actorJSON + `}`},
		{"edit", http.MethodPatch, path, `{` + actorJSON + `}`},
		{"merge", http.MethodPost, path + "/merge", `{` + actorJSON + `,"loser":"` + nobody + `"}`},
		{"read", http.MethodGet, path, ""},
		{"look up", http.MethodPost, pathPersons + "/lookup", lookup},
		{"search", http.MethodPost, pathPersons + "/search", `{"query":"familyname:prøve"}`},
		{"oids", http.MethodGet, pathOIDs, ""},
		{"put oid", http.MethodPut, pathOIDs + "/1.2.3", `{"label":"l","type":"t"}`},
		{"roles", http.MethodGet, pathRoles, ""},
		{"assign", http.MethodPut, pathRoles, role},
		{"end", http.MethodDelete, pathRoles, role},
	}
	operator := func(*testing.T) string { return operatorToken }
	sample := func(name string) func(*testing.T) string { return func(t *testing.T) string { return h.as(t, name) } }
	for caller, c := range []struct {
		name  string
		token func(*testing.T) string
		may   string
	}{
		{"a doctor with the roles", sample("laege"), "create edit merge read look up search oids put oid roles assign end"},
		{"PC-11 a secretary without authorisation", sample("sekretaer"), "create edit read look up search oids"},
		{"a system that may read", sample("epj"), "read look up oids"},
		{"PC-11 a person whose organisation has no grant", sample("spaerringsadm"), "oids"},
		{"PC-11 a citizen", sample(nancy), ""},
		{"an administrator of the server", sample("administrator"), "oids put oid roles assign end"},
		{"the operator", operator, "put oid roles assign end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			token := c.token(t)
			for i, o := range operations {
				h.now = h.now.Add(time.Second)
				a := h.write(t, token, o.method, o.path, strconv.Itoa(caller)+"-"+strconv.Itoa(i), o.body)
				may := strings.Contains(" "+c.may+" ", " "+o.name+" ") && (o.name != "oids" || c.name != "the operator")
				if !may {
					code := fault.CodeNotAuthorized
					if c.name == "a system that may read" {
						code = fault.CodeSecurityLevel // the rest is for persons, with cards of level 4
					}
					h.problem(t, a, http.StatusForbidden, code)
					continue
				}
				want := map[string]int{"create": 201, "merge": 404, "put oid": 204, "assign": 204, "end": 204}[o.name]
				if want == 0 {
					want = 200
				}
				assert.Equal(t, want, a.Code, "%s: %s", o.name, a.Body)
			}
		})
	}
	t.Run("PC-11 nobody", func(t *testing.T) {
		for _, o := range operations {
			h.problem(t, h.write(t, "", o.method, o.path, "k", o.body), http.StatusUnauthorized, fault.CodeMissingHeader)
		}
	})
	t.Run("a session that a token opened", func(t *testing.T) {
		h.sessions.Sessions = tokenSessions{h.sessions.Sessions}
		for _, o := range operations {
			h.problem(t, h.write(t, h.as(t, "laege"), o.method, o.path, "t-"+o.name[:2], o.body), http.StatusForbidden, fault.CodeNotAuthorized)
		}
	})
}

func TestRoles(t *testing.T) {
	h := startECPR(t)
	const role = `{"cvr":"99999902","cpr":"010101-0004","role":"eCPR-koordinator"}`
	send := func(method, body string) answer { return h.write(t, operatorToken, method, pathRoles, "", body) }
	assert.Equal(t, http.StatusNoContent, send(http.MethodPut, role).Code)
	assert.Equal(t, http.StatusNoContent, send(http.MethodPut, role).Code, "a role is given once")
	a := send(http.MethodGet, "")
	require.Equal(t, http.StatusOK, a.Code)
	assert.JSONEq(t, `{"roles":[{"cvr":"99999902","cpr":"0101010001","role":"Web-administrator"},{"cvr":"99999902","cpr":"0101010001","role":"eCPR-koordinator"},
		{"cvr":"99999902","cpr":"0101010004","role":"eCPR-koordinator"}]}`, a.Body.String())
	assert.Equal(t, http.StatusNoContent, send(http.MethodDelete, role).Code)
	h.problem(t, send(http.MethodDelete, role), http.StatusNotFound, "no_such_role")
	for _, bad := range []string{
		`{"cvr":"999","cpr":"0101010004","role":"eCPR-koordinator"}`, `{"cvr":"99999902","cpr":"3101","role":"eCPR-koordinator"}`,
		`{"cvr":"99999902","cpr":"0101010004","role":"chef"}`, `{}`,
	} {
		h.problem(t, send(http.MethodPut, bad), http.StatusUnprocessableEntity, "ecpr_invalid")
		h.problem(t, send(http.MethodDelete, bad), http.StatusUnprocessableEntity, "ecpr_invalid")
	}
}

func TestOIDs(t *testing.T) {
	h := startECPR(t)
	put := func(oid, body string) answer {
		return h.write(t, operatorToken, http.MethodPut, pathOIDs+"/"+oid, "", body)
	}
	assert.Equal(t, http.StatusNoContent, put("1.2.3", `{"label":"L","secondary":"S","pattern":"^A+$","type":"T"}`).Code)
	a := h.get(t, h.as(t, "epj"), pathOIDs)
	require.Equal(t, http.StatusOK, a.Code)
	assert.Len(t, a.body["oids"], 12)
	assert.Contains(t, a.Body.String(), `{"oid":"1.2.3","label":"L","secondary":"S","pattern":"^A+$","type":"T"}`)
	assert.Contains(t, a.Body.String(), `{"oid":"1.2.208.176.1.2","label":"CPR","pattern":"^\\d{6}\\d{4}$","type":"CPR-nummer"}`)
	for _, bad := range [][2]string{{"x", `{"label":"L","type":"T"}`}, {"1.2.3", `{"type":"T"}`}, {"1.2.3", `{"label":"L","type":"T","pattern":"("}`}} {
		h.problem(t, put(bad[0], bad[1]), http.StatusUnprocessableEntity, "ecpr_invalid")
	}
}

// TestBadRegistrations: what is refused changes nothing, and no value of it is told.
func TestBadRegistrations(t *testing.T) {
	h := startECPR(t)
	doctor := h.as(t, "laege")
	path, created := h.jonAt(t, doctor, "k")
	with := func(members string) string { return `{` + actorJSON + `,` + members + `}` }
	lines := strings.TrimSuffix(strings.Repeat(`"x",`, 11), ",")
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code, detail             string
	}{
		{"nobody did it", "POST", pathPersons, `{}`, 422, "ecpr_invalid", "Modified/By/Person/Name mangler"},
		{"an unknown member", "POST", pathPersons, with(`"nickname":"x"`), 400, "syntax_error", ""},
		{"an unknown member of the actor", "POST", pathPersons, `{"actor":{"name":"x","cpr":"y"}}`, 400, "syntax_error", ""},
		{"an unknown member of an element", "POST", pathPersons, with(`"names":[{"family":"x","label":"y"}]`), 400, "syntax_error", ""},
		{"a member of an element twice", "POST", pathPersons, with(`"names":[{"family":"x","family":"y"}]`), 400, "syntax_error", ""},
		{"a member of an element in another case", "POST", pathPersons, with(`"names":[{"Family":"x"}]`), 400, "syntax_error", ""},
		{"null for an element", "POST", pathPersons, with(`"names":[null]`), 400, "syntax_error", ""},
		{"null for a list", "POST", pathPersons, with(`"names":null`), 400, "syntax_error", ""},
		{"an object for a list", "POST", pathPersons, with(`"names":{}`), 400, "syntax_error", ""},
		{"a list for an object", "POST", pathPersons, `{"actor":[]}`, 400, "syntax_error", ""},
		{"a list that is cut off", "POST", pathPersons, `{"names":[{}`, 400, "syntax_error", ""},
		{"a number for a text", "POST", pathPersons, with(`"genders":[{"value":1}]`), 400, "syntax_error", ""},
		{"a text for a number", "POST", pathPersons, with(`"identifiers":[{"oid":"1.2","value":"x","validity":"5"}]`), 400, "syntax_error", ""},
		{"an edit of a list that is none", "PATCH", path, with(`"contacts":[[]]`), 400, "syntax_error", ""},
		{"PC-5 a birth date", "POST", pathPersons, with(`"birthDates":[{"value":"1978-13-08"}]`), 422, "ecpr_invalid", "Fødselsdatoen er ugyldig"},
		{"PC-26 a nickname", "POST", pathPersons, with(`"names":[{"use":"nickname","family":"x"}]`), 422, "ecpr_invalid", "Name/Use er ugyldig"},
		{"an eleventh line", "POST", pathPersons, with(`"addresses":[{"lines":[` + lines + `]}]`), 422, "ecpr_invalid", "Address har for mange linjer"},
		{"an unknown OID", "POST", pathPersons, with(`"identifiers":[{"oid":"1.2.3","value":"x"}]`), 422, "ecpr_invalid", "Ukendt OID"},
		{"PC-25 an X-eCPR", "POST", pathPersons, with(`"identifiers":[{"oid":"` + ecpr.XECPROID + `","value":"1308781AA1"}]`), 422, "ecpr_invalid",
			"Et X-eCPR-nummer kan ikke sættes eller ændres"},
		{"PC-19 a CPR number that is not known", "PATCH", path, with(`"identifiers":[{"oid":"` + ecpr.CPROID + `","value":"0909729999"}]`), 422, "ecpr_cpr_unknown", "CPR-nummeret findes ikke"},
		{"an element that is not known", "PATCH", path, with(`"names":[{"pid":"x"}]`), 404, "ecpr_not_found", "Elementet findes ikke"},
		{"a person that is not known", "PATCH", pathPersons + "/" + nobody, `{` + actorJSON + `}`, 404, "ecpr_not_found", "Personen findes ikke"},
		{"a number in the path", "PATCH", pathPersons + "/" + created.body["ecpr"].(string), `{` + actorJSON + `}`, 404, "ecpr_not_found", "Personen findes ikke"},
		{"a person that is not known, read", "GET", pathPersons + "/" + nobody, "", 404, "ecpr_not_found", "Personen findes ikke"},
		{"a path in capitals", "GET", "/api/ecpr/v1/Persons", "", 404, "no_such_resource", ""},
		{"a merge with nobody", "POST", path + "/merge", with(`"loser":"x"`), 404, "ecpr_not_found", "Personen findes ikke"},
		{"PC-33 a merge with itself", "POST", path + "/merge", with(`"loser":"` + created.body["id"].(string) + `"`), 409, "ecpr_conflict",
			"En person kan ikke flettes med sig selv"},
		{"PC-28 a search for too many", "POST", pathPersons + "/search", `{"query":"birthdate:12-12"}`, 422, "ecpr_invalid", "Søgningen er for bred"},
		{"PC-30 a search for what is not searched", "POST", pathPersons + "/search", `{"query":"foo:bar"}`, 422, "ecpr_invalid", "Query: ukendt nøgle"},
		{"a search that says nothing", "POST", pathPersons + "/search", `{}`, 422, "ecpr_invalid", ""},
		{"a query", "GET", path + "?history=false", "", 400, "syntax_error", ""},
		{"a body of a read", "GET", path, "{}", 400, "syntax_error", ""},
		{"another method", "PUT", path, "{}", 405, "illegal_http_method", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := h.write(t, doctor, c.method, c.path, "key", c.body)
			h.problem(t, a, c.status, c.code)
			if c.detail != "" {
				assert.Equal(t, c.detail, a.body["detail"])
			}
		})
	}
	assert.Equal(t, created.body, h.get(t, doctor, path).body)
	found := h.post(t, doctor, pathPersons+"/search", `{"query":"familyname:prøve OR givenname:jon"}`)
	h.problem(t, found, http.StatusUnprocessableEntity, "ecpr_invalid")
	for _, value := range []string{"1978-13-08", "nickname", "1308781", "0909729999", "Prøve"} {
		assert.NotContains(t, h.log.String(), value)
	}
}

// A server without registrations has no paths for them, one without the API no others.
func TestMountECPR(t *testing.T) {
	h := start(t, func(h *house) { h.deps.ECPR = nil })
	h.problem(t, h.get(t, operatorToken, pathRoles), http.StatusNotFound, "no_such_resource")
	h = startECPR(t)
	h.echo = echo.New()
	rest.MountECPR(h.echo, h.deps)
	assert.Equal(t, http.StatusOK, h.get(t, operatorToken, pathRoles).Code)
	for _, route := range h.echo.Routes() {
		assert.Contains(t, route.Path, "/api/ecpr/v1/")
	}
	assert.Equal(t, admitting.OK, h.observed[0].Outcome)
}
