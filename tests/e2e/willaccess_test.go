package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	uuidgen "github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/tests/nsptest"
)

// credential is one that calls may come with: by SOAP, and by the session of the JSON API that it opens.
type credential struct {
	name    string
	as      string // capacities in the tables of who may what: C, P, D, S, or A; none = it is good for nothing
	by      calling
	session nsptest.Client
}

func (r *registrar) credentials(t *testing.T, citizen, other string) (all []credential) {
	t.Helper()
	card := func(name, as string, c nsptest.Actor) {
		all = append(all, credential{name, as, r.carded(c), c.Session(t)})
	}
	token := func(name, as string, h nsptest.Holder) {
		all = append(all, credential{name, as, r.holding(h), h.For(fskAudience).Session(t)})
	}
	token("the citizen's token", "C", r.Citizen(citizen))
	token("another citizen's token", "", r.Citizen(other))
	card("a doctor's card", "P", r.Doctor(doctorD, codeD))
	card("a dentist's card", "D", r.As(r.UserCard(helperH, codeH).With("medcom:UserRole", "5433")))
	card("a card without authorisation", "", r.Doctor(doctorD, ""))
	token("a doctor's token", "", r.Employee(doctorD, codeD))
	card("an administrator's card", "A", r.adminActor())
	token("an administrator's token", "A", r.adminHolder())
	nameless := r.adminHolder()
	nameless.Token = nameless.Token.Without("urn:oid:2.5.4.10")
	token("WA-37 the token of an administrator of nobody known", "", nameless)
	card("a system's card", "S", r.System(fskCVR))
	token("a system's token", "S", r.Organisation(fskCVR))
	card("another system's card", "", r.System("99999901"))
	return all
}

// oneRegistrar runs f where anybody who may could make a living will: who may what does not depend on the store.
func oneRegistrar(t *testing.T, f func(t *testing.T, r *registrar)) {
	t.Helper()
	r := &registrar{}
	r.Server = nsptest.Start(t, notifying(nsptest.Options{
		Set: map[string]string{
			"wills.ltr_closed_from": "2030-01-01", "grants": "wills.has=" + fskCVR + ",fgvhr.read=" + fskCVR,
			"wills.admin_roles": "WillAdmin", "fgvhr.admin_roles": "WillAdmin",
		},
		Registers: townsfolk(), Now: time.Date(2026, 11, 21, 22, 5, 10, 0, time.UTC),
		Wills:   func(s ports.WillStore) ports.WillStore { r.wills = s; return s },
		OptOuts: func(s ports.OptOutStore) ports.OptOutStore { r.optOuts = s; return s },
	}, r))
	f(t, r)
}

// TestWillCredentials has every kind of credential try all that there is, where the will it takes is there: who may is served, and who may not is
// told no more than that.
func TestWillCredentials(t *testing.T) {
	oneRegistrar(t, func(t *testing.T, r *registrar) {
		c := r.elder()
		credentials := r.credentials(t, c, r.elder())

		// stands has the citizen have a will of a register, or none.
		stands := func(t *testing.T, reg will.Register) {
			t.Helper()
			r.Clock.Advance(time.Millisecond)
			change := will.Change{At: r.Clock.Now()}
			if reg != "" {
				change.New = &will.Registration{
					ID: uuidgen.NewString(), Citizen: numbered(c), Register: reg, From: change.At, Wishes: will.Wishes{IfDying: will.Wish{Declined: true}},
				}
			}
			require.NoError(t, r.wills.Update(t.Context(), []cpr.Number{numbered(c)}, func(will.History) (will.Change, []notice.Notice, error) {
				return change, nil, nil
			}))
			r.Clock.Advance(time.Millisecond)
		}
		const living, treatment = `{"ifDying":{"declined":true},"ifSeverelyDegraded":{"declined":false}}`,
			`{"ifDying":{"declined":true},"ifSeverelyDegraded":{"declined":true},"ifSeverePain":{"declined":false},"noForcedTreatment":{"declined":false}}`
		for _, op := range []struct {
			form                    willForm
			operation               string
			needs                   will.Register
			method, path, body, may string // the same in the JSON API
		}{
			{ltr, "Create", "", http.MethodPost, "living-will", living, "C"},
			{ltr, "Update", will.LTR, http.MethodPut, "living-will", living, "C"},
			{ltr, "Delete", will.LTR, http.MethodDelete, "living-will", "", "C"},
			{ltr, "Get", will.LTR, http.MethodGet, "living-will", "", "CP"},
			{ltr, "Has", will.LTR, http.MethodGet, "existence", "", "CPS"},
			{btr, "Create", "", http.MethodPost, "treatment-will", treatment, "C"},
			{btr, "UpgradeTo", will.LTR, http.MethodPost, "treatment-will/upgrade", treatment, "C"},
			{btr, "Update", will.BTR, http.MethodPut, "treatment-will", treatment, "C"},
			{btr, "Delete", will.BTR, http.MethodDelete, "treatment-will", "", "C"},
			{btr, "Get", will.BTR, http.MethodGet, "treatment-will", "", "CP"},
			{btr, "GetForced", will.BTR, http.MethodGet, "treatment-will?view=forced-treatment", "", "CPD"},
			{btr, "Has", will.BTR, "", "", "", "CPDS"},
		} {
			content := ""
			if op.body != "" {
				content = op.form.plain()
			}
			action, body := op.form.message(op.operation, c, content)
			for _, by := range credentials {
				for _, admin := range []bool{false, true} {
					path, client, may := op.form.path, by.session.Saying("Citizen-Id", c), op.may
					if admin {
						path, client, may = op.form.admin, client.Saying("Surface", "admin"), "A"
					}
					allowed := by.as != "" && strings.Contains(may, by.as)
					name := op.operation + op.form.kind + " by " + by.name + " at " + path
					stands(t, op.needs)
					a := by.by(t, path, action, body)
					assert.Equal(t, allowed, a.Status == http.StatusOK, "%s: %s", name, a.FaultCode)
					assert.Equal(t, !allowed, a.FaultCode == "not_authorized", "%s: %s", name, a.FaultCode)
					if op.method == "" || by.as == "" { // adapters/rest shows more of those
						continue
					}
					stands(t, op.needs)
					status := client.Do(t, op.method, "/api/wills/v1/"+op.path, jsonOf(op.body), nil).StatusCode
					assert.Equal(t, allowed, status < 300, "%s, JSON: %d", name, status)
					assert.Equal(t, !allowed, status == http.StatusForbidden, "%s, JSON: %d", name, status)
				}
			}
		}
	})
}

// jsonOf is a body as a client sends it, nil for none.
func jsonOf(body string) any {
	if body == "" {
		return nil
	}
	return json.RawMessage(body)
}

// TestOptOutCredentials does the same with the opt-out of resuscitation.
func TestOptOutCredentials(t *testing.T) {
	oneRegistrar(t, func(t *testing.T, r *registrar) {
		c := r.elder()
		for _, by := range r.credentials(t, c, r.elder()) {
			// stands has the citizen have an opt-out that is in force, or one that was withdrawn.
			stands := func(status fgvhr.Status) (id string) {
				r.Clock.Advance(time.Millisecond)
				row := fgvhr.OptOut{
					ID: uuidgen.NewString(), Citizen: numbered(c), Status: status, Created: r.Clock.Now(), ValidFrom: r.Clock.Now().AddDate(0, 0, -1),
					Actor: fgvhr.Actor{Role: "CITIZEN", ID: c, Source: "CPR"},
				}
				require.NoError(t, r.optOuts.Update(t.Context(), []cpr.Number{numbered(c)}, func(h fgvhr.History) (fgvhr.OptOut, []notice.Notice, error) {
					if head, ok := h.Head(); ok {
						row.Replaces = head.ID
					}
					return row, nil, nil
				}))
				return row.ID
			}
			const inError = "ENTERED-IN-ERROR"
			for _, op := range []struct {
				operation, content string
				needs              fgvhr.Status
				method, body, may  string
			}{
				{"RegisterConsent", "", fgvhr.Inactive, http.MethodPost, "", "CA"},
				{"UpdateConsent", `<f:status value="` + inError + `"/>`, fgvhr.Active, http.MethodPatch, `{"status":"` + inError + `"}`, "A"},
				{"GetConsent", "", fgvhr.Active, http.MethodGet, "", "CAS"},
				{"DeleteConsent", "", fgvhr.Active, http.MethodDelete, "", "CA"},
			} {
				allowed, name := by.as != "" && strings.Contains(op.may, by.as), op.operation+" by "+by.name
				content, id := op.content, stands(op.needs)
				if content != "" {
					content = `<f:uuid value="` + id + `"/>` + content
				}
				a := r.optOut(t, by.by, op.operation, c, content)
				assert.Equal(t, allowed, a.Status == http.StatusOK, "%s: %s", name, a.FaultCode)
				assert.Equal(t, !allowed, a.FaultCode == "not_authorized", "%s: %s", name, a.FaultCode)
				client := by.session.Saying("Citizen-Id", c)
				if id = stands(op.needs); op.body != "" {
					client = client.Saying("If-Match", `"`+id+`"`)
				}
				status := client.Do(t, op.method, "/api/fgvhr/v1/opt-out", jsonOf(op.body), nil).StatusCode
				assert.Equal(t, allowed, status < 300, "%s, JSON: %d", name, status)
				assert.Equal(t, !allowed, status == http.StatusForbidden, "%s, JSON: %d", name, status)
			}
		}
	})
}
