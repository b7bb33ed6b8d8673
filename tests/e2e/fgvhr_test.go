package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	uuidgen "github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/tests/nsptest"
)

// Where the opt-out of resuscitation is served (nspop.dk).
const (
	fgvhrPath  = "/fgvhr/20230601/service"
	fgvhrSpace = "http://sundhedsdatastyrelsen.dk/Fravalg-Af-Genoplivning/2023/06/01/"
)

// optOut sends a request about a citizen; content follows the citizen's number.
func (r *registrar) optOut(t *testing.T, by calling, operation, citizen, content string) nsptest.Answer {
	t.Helper()
	return by(t, fgvhrPath, operation, `<f:`+operation+`Request xmlns:f="`+fgvhrSpace+`"><f:patientId value="`+citizen+`" source="CPR"/>`+content+
		`</f:`+operation+`Request>`)
}

// one is the value of an element of an answer, "" if it is not there.
func one(t *testing.T, a nsptest.Answer, element string) string {
	t.Helper()
	_, rest, found := strings.Cut(string(a.Body), "<f:"+element+` value="`)
	if !found {
		return ""
	}
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// inForce tells how an opt-out looks to a caller: "" if none is visible, else inForce.
func (r *registrar) inForce(t *testing.T, by calling, citizen string) string {
	t.Helper()
	a := ok(t, r.optOut(t, by, "GetConsent", citizen, ""))
	assert.Equal(t, 1, a.Count(t, "GetConsentResponse"))
	return one(t, a, "inForce")
}

func (r *registrar) rows(t *testing.T, numbers ...string) fgvhr.History {
	t.Helper()
	var person []cpr.Number
	for _, n := range numbers {
		person = append(person, numbered(n))
	}
	h, err := r.optOuts.History(t.Context(), person)
	require.NoError(t, err)
	return h
}

// audited is the information of the last audit line of an operation, which was answered with a code of HTTP, by context: key and type, and the value of what is no person's.
func (r *registrar) audited(t *testing.T, code int) (contexts map[string][]string, order []string) {
	t.Helper()
	lines := r.AuditLines(t)
	var line struct {
		Category string
		Access   struct{ Code int }
		Audit    struct {
			Components []struct {
				Component string
				Contexts  []struct {
					Context     string
					Information []struct{ Key, Type, Value string }
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &line))
	assert.Equal(t, "dk.sds.nsp.audit.log.fgvhr", line.Category)
	assert.Equal(t, code, line.Access.Code)
	contexts = map[string][]string{}
	for _, c := range line.Audit.Components {
		assert.Equal(t, "FGVHR", c.Component)
		for _, x := range c.Contexts {
			order = append(order, x.Context)
			for _, i := range x.Information {
				contexts[x.Context] = append(contexts[x.Context], i.Key+" "+i.Type+" "+i.Value)
			}
		}
	}
	return contexts, order
}

// TestOptOuts has citizens decline resuscitation, and others ask.
func TestOptOuts(t *testing.T) {
	registrars(t, nsptest.Options{}, func(t *testing.T, r *registrar) {
		fsk := r.system(fskCVR)
		person := func(c, role, by, source string) []string {
			return []string{"patient-id RPI " + c, "patient-id-source RPI CPR", "actor-role NPI " + role, "actor-id NPI " + by, "actor-id-source NPI " + source}
		}

		t.Run("FA-13 what the audit log has of it", func(t *testing.T) {
			c := r.elder()
			a := ok(t, r.optOut(t, r.citizen(c), "RegisterConsent", c, ""))
			assert.Equal(t, "2026-11-28T22:05:10Z", one(t, a, "validFrom"))
			said, order := r.audited(t, http.StatusOK)
			assert.Equal(t, []string{"registerConsent"}, order)
			assert.Equal(t, append(person(c, "CITIZEN", c, "CPR"), "consent-status SPI ACTIVE", "valid-from RPI 7"), said["registerConsent"])
			ok(t, r.optOut(t, r.citizen(c), "GetConsent", c, ""))
			said, order = r.audited(t, http.StatusOK)
			assert.Equal(t, []string{"getConsent"}, order)
			assert.Equal(t, person(c, "", "", "")[:2], said["getConsent"])
			ok(t, r.optOut(t, r.citizen(c), "DeleteConsent", c, ""))
			said, order = r.audited(t, http.StatusOK)
			assert.Equal(t, []string{"getConsent", "deleteConsent"}, order)
			assert.Equal(t, append(person(c, "CITIZEN", c, "CPR"), "consent-status SPI INACTIVE"), said["deleteConsent"])
		})

		t.Run("FA-06 there is nothing to withdraw", func(t *testing.T) {
			c := r.elder()
			a := r.optOut(t, r.citizen(c), "DeleteConsent", c, "")
			fails(t, "consent_not_found", a)
			said, order := r.audited(t, http.StatusInternalServerError)
			assert.Equal(t, []string{"getConsent"}, order)
			assert.Equal(t, person(c, "", "", "")[:2], said["getConsent"])
		})

		t.Run("FA-04 there is one", func(t *testing.T) {
			c := r.elder()
			var mu sync.Mutex
			codes := map[string]int{}
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					a := r.optOut(t, r.citizen(c), "RegisterConsent", c, "")
					mu.Lock()
					defer mu.Unlock()
					codes[a.FaultCode]++
				})
			}
			all.Wait()
			assert.Equal(t, map[string]int{"": 1, "consent_exists": 19}, codes)
			assert.Len(t, r.rows(t, c), 1)
		})

		t.Run("FA-07 withdrawn and made again", func(t *testing.T) {
			c := r.elder()
			first := one(t, ok(t, r.optOut(t, r.citizen(c), "RegisterConsent", c, "")), "uuid")
			ok(t, r.optOut(t, r.citizen(c), "DeleteConsent", c, ""))
			r.Clock.Advance(time.Hour)
			again := ok(t, r.optOut(t, r.citizen(c), "RegisterConsent", c, ""))
			assert.NotEqual(t, first, one(t, again, "uuid"))
			h := r.rows(t, c)
			require.Len(t, h, 3)
			assert.Equal(t, fgvhr.Inactive, h[1].Status)
			assert.Equal(t, []string{h[0].ID, h[1].ID}, []string{h[1].Replaces, h[2].Replaces})
			assert.Equal(t, h[2].Created.AddDate(0, 0, 7), h[2].ValidFrom)
			assert.Equal(t, []time.Time{h[1].Created, h[2].Created}, []time.Time{h[0].Superseded, h[1].Superseded})
		})

		t.Run("FA-08 FA-09 the paper form", func(t *testing.T) {
			c := r.elder()
			tomorrow := dayOf(r.Clock.Now().AddDate(0, 0, 1)).String()
			fails(t, "invalid_date", r.optOut(t, r.citizen(c), "RegisterConsent", c, `<f:citizenCreatedDate value="2026-11-01"/>`))
			fails(t, "invalid_date", r.optOut(t, r.adminCard(), "RegisterConsent", c, `<f:citizenCreatedDate value="`+tomorrow+`"/>`))
			assert.Empty(t, r.rows(t, c))
			now := r.Clock.Now()
			a := ok(t, r.optOut(t, r.adminCard(), "RegisterConsent", c, `<f:citizenCreatedDate value="2026-11-01"/>`))
			assert.Equal(t, "2026-11-01", one(t, a, "citizenCreatedDate"))
			assert.Equal(t, now.AddDate(0, 0, 7), r.rows(t, c)[0].ValidFrom)
			assert.Equal(t, "2026-11-01", one(t, r.optOut(t, r.citizen(c), "GetConsent", c, ""), "citizenCreatedDate"))
		})

		t.Run("FA-10 what administrators correct", func(t *testing.T) {
			c := r.elder()
			by := r.adminToken()
			first := one(t, ok(t, r.optOut(t, by, "RegisterConsent", c, "")), "uuid")
			status := func(id, status string) nsptest.Answer {
				return r.optOut(t, by, "UpdateConsent", c, `<f:uuid value="`+id+`"/><f:status value="`+status+`"/>`)
			}
			fails(t, "registration_changed", status(uuidgen.NewString(), "ENTERED-IN-ERROR"))
			a := ok(t, status(first, "ENTERED-IN-ERROR"))
			assert.Equal(t, []string{"ENTERED-IN-ERROR", first, "false"}, []string{one(t, a, "status"), one(t, a, "replaces"), one(t, a, "inForce")})
			fails(t, "registration_changed", status(first, "ENTERED-IN-ERROR"))
			fails(t, "invalid_status", status(one(t, a, "uuid"), "ACTIVE"))
			assert.Len(t, r.rows(t, c), 2)
		})

		t.Run("FA-11 who may not", func(t *testing.T) {
			c := r.elder()
			id := one(t, ok(t, r.optOut(t, r.citizen(c), "RegisterConsent", c, "")), "uuid")
			for name, a := range map[string]nsptest.Answer{
				"a citizen corrects":        r.optOut(t, r.citizen(c), "UpdateConsent", c, `<f:uuid value="`+id+`"/><f:status value="ENTERED-IN-ERROR"/>`),
				"a system registers":        r.optOut(t, fsk, "RegisterConsent", c, ""),
				"a system withdraws":        r.optOut(t, fsk, "DeleteConsent", c, ""),
				"a doctor asks":             r.optOut(t, r.doctor(), "GetConsent", c, ""),
				"a doctor withdraws":        r.optOut(t, r.doctor(), "DeleteConsent", c, ""),
				"another citizen asks":      r.optOut(t, r.citizen(r.elder()), "GetConsent", c, ""),
				"another citizen withdraws": r.optOut(t, r.citizen(r.elder()), "DeleteConsent", c, ""),
				"no role":                   r.optOut(t, r.carded(r.Doctor(admin, "")), "GetConsent", c, ""),
			} {
				assert.Equal(t, "not_authorized", a.FaultCode, name)
			}
			assert.Len(t, r.rows(t, c), 1)
		})

		t.Run("FA-12 other tokens", func(t *testing.T) {
			c := r.elder()
			body := `<f:GetConsentRequest xmlns:f="` + fgvhrSpace + `"><f:patientId value="` + c + `"/></f:GetConsentRequest>`
			before := len(r.AuditLines(t))
			fails(t, "not_authorized", r.Citizen(c).For("https://minlog").Call(t, fgvhrPath, "GetConsent", body))
			h := r.Citizen(c).For(fskAudience)
			h.Token.NotOnOrAfter = r.Clock.Now().Add(-time.Hour).Format(time.RFC3339)
			fails(t, "invalid_idcard", h.Call(t, fgvhrPath, "GetConsent", body))
			for _, line := range r.AuditLines(t)[before:] {
				assert.NotContains(t, line, `"context":"getConsent"`, "nothing was looked up")
			}
		})

		t.Run("FA-14 messages that are none", func(t *testing.T) {
			c := r.elder()
			ask := func(patient string) nsptest.Answer {
				return r.citizen(c)(t, fgvhrPath, "GetConsent", `<f:GetConsentRequest xmlns:f="`+fgvhrSpace+`">`+patient+`</f:GetConsentRequest>`)
			}
			fails(t, "syntax_error", ask(`<patientId value="`+c+`"/>`))
			fails(t, "invalid_id", ask(`<f:patientId value="`+c+`" source="eCPR"/>`))
			fails(t, "invalid_id", ask(`<f:patientId value="`+c[:6]+"-"+c[6:]+`"/>`))
			ok(t, ask(`<f:patientId value="`+c+`"/>`))
		})

		t.Run("FA-15 how the operation is named", func(t *testing.T) {
			for _, said := range []string{"DeleteConsent", `"DeleteConsent"`} {
				c := r.elder()
				ok(t, r.optOut(t, r.citizen(c), "RegisterConsent", c, ""))
				message := r.adminActor().Message(nsptest.NewMessageID(), `<f:DeleteConsentRequest xmlns:f="`+fgvhrSpace+`"><f:patientId value="`+c+`"/></f:DeleteConsentRequest>`)
				ok(t, r.Post(t, fgvhrPath, message, "SOAPAction", said))
			}
			c := r.elder()
			ok(t, r.citizen(c)(t, fgvhrPath, " GetConsent\n", `<f:GetConsent xmlns:f="`+fgvhrSpace+`"><f:patientId value="`+c+`"/></f:GetConsent>`))
		})

		t.Run("FA-17 who went abroad", func(t *testing.T) {
			fails(t, "inactive_citizen", r.optOut(t, r.citizen(settled), "RegisterConsent", settled, ""))
			r.declines(t, settled, r.Clock.Now().AddDate(-1, 0, 0))
			assert.Equal(t, "true", r.inForce(t, fsk, settled))
			ok(t, r.optOut(t, r.citizen(settled), "DeleteConsent", settled, ""))
			assert.Empty(t, r.inForce(t, fsk, settled))
		})

		t.Run("FA-18 one person, two numbers", func(t *testing.T) {
			now := elderNo(99)
			then := now[:6] + "0999"
			r.declines(t, then, r.Clock.Now().AddDate(-1, 0, 0))
			assert.Equal(t, "true", r.inForce(t, fsk, now))
			assert.Equal(t, "true", r.inForce(t, r.citizen(now), now))
			fails(t, "consent_exists", r.optOut(t, r.citizen(now), "RegisterConsent", now, ""))
			ok(t, r.optOut(t, r.citizen(now), "DeleteConsent", now, ""))
			assert.Empty(t, r.inForce(t, fsk, then))
		})

		t.Run("FA-01 seven days", func(t *testing.T) {
			c := r.elder()
			from := r.Clock.Now().AddDate(0, 0, 7)
			ok(t, r.optOut(t, r.citizen(c), "RegisterConsent", c, ""))
			assert.Equal(t, "false", r.inForce(t, r.citizen(c), c))
			assert.Empty(t, r.inForce(t, fsk, c))
			r.Clock.Set(from.Add(-time.Microsecond))
			assert.Empty(t, r.inForce(t, r.system(fskCVR), c)) // with a card of that time
			r.Clock.Set(from)
			for _, by := range []calling{r.system(fskCVR), r.citizen(c), r.adminCard(), r.holding(r.Organisation(fskCVR))} {
				assert.Equal(t, "true", r.inForce(t, by, c))
			}
		})

		t.Run("FA-05 withdrawal counts at once", func(t *testing.T) {
			for _, days := range []int{3, 30} {
				c := r.elder()
				r.declines(t, c, r.Clock.Now().AddDate(0, 0, -days))
				want := map[bool]string{true: "true", false: ""}[days >= 7]
				assert.Equal(t, want, r.inForce(t, r.system(fskCVR), c))
				ok(t, r.optOut(t, r.citizen(c), "DeleteConsent", c, ""))
				assert.Empty(t, r.inForce(t, r.system(fskCVR), c))
				assert.Equal(t, "false", r.inForce(t, r.citizen(c), c), "the citizen sees what was")
			}
		})

		t.Run("FA-16 each change is told", func(t *testing.T) {
			c := r.elder()
			r.Clock.Set(time.Date(2026, 11, 30, 23, 30, 0, 0, time.UTC))
			id := one(t, ok(t, r.optOut(t, r.adminCard(), "RegisterConsent", c, "")), "uuid")
			id = one(t, ok(t, r.optOut(t, r.adminCard(), "UpdateConsent", c, `<f:uuid value="`+id+`"/><f:citizenCreatedDate value="2026-11-01"/>`)), "uuid")
			ok(t, r.optOut(t, r.adminCard(), "UpdateConsent", c, `<f:uuid value="`+id+`"/><f:status value="ENTERED-IN-ERROR"/>`))
			ok(t, r.optOut(t, r.adminCard(), "RegisterConsent", c, ""))
			ok(t, r.optOut(t, r.adminCard(), "DeleteConsent", c, ""))
			fails(t, "consent_not_found", r.optOut(t, r.adminCard(), "DeleteConsent", c, ""))
			for _, n := range r.advised(t, c, 5) {
				assert.Equal(t, "http://sundhedsdatastyrelsen.dk/Fravalg-Af-Genoplivning/2023/06/01/:ConsentUpdatedNotification", n.Topic)
				assert.Equal(t, "cpr", n.IDType)
				assert.Equal(t, `<f:ConsentUpdatedNotification xmlns:f="`+fgvhrSpace+`"><f:date value="2026-12-01"></f:date></f:ConsentUpdatedNotification>`,
					strings.ReplaceAll(string(n.Payload), "/>", "></f:date>"))
			}
			assert.ElementsMatch(t, []string{"Registrering af fravalg af genoplivning", "Rettelse af fravalg af genoplivning", "Rettelse af fravalg af genoplivning",
				"Registrering af fravalg af genoplivning", "Sletning af fravalg af genoplivning"},
				activitiesOf(r.logged(t, c)))
		})
	})
}

func (r *registrar) adminActor() nsptest.Actor {
	return r.As(r.UserCard(admin, "").With("medcom:UserRole", "WillAdmin"))
}

// declines puts an opt-out into the store that was registered at an instant.
func (r *registrar) declines(t *testing.T, number string, at time.Time) {
	t.Helper()
	row := fgvhr.OptOut{
		ID: uuidgen.NewString(), Citizen: numbered(number), Status: fgvhr.Active, Created: at, ValidFrom: at.AddDate(0, 0, 7),
		Actor: fgvhr.Actor{Role: "CITIZEN", ID: number, Source: "CPR"},
	}
	require.NoError(t, r.optOuts.Update(t.Context(), []cpr.Number{numbered(number)}, func(fgvhr.History) (fgvhr.OptOut, []notice.Notice, error) {
		return row, nil, nil
	}))
}

// TestOptOutTimes has clocks change between registration and effect, and a birthday at midnight.
func TestOptOutTimes(t *testing.T) {
	o := nsptest.Options{Now: time.Date(2026, 11, 21, 22, 59, 59, 0, time.UTC)}
	registrars(t, o, func(t *testing.T, r *registrar) {
		fails(t, "not_eligible", r.optOut(t, r.citizen(nearlySixty), "RegisterConsent", nearlySixty, ""))
		r.Clock.Set(time.Date(2026, 11, 21, 23, 0, 0, 0, time.UTC))
		t.Run("FA-03 the birthday", func(t *testing.T) {
			ok(t, r.optOut(t, r.citizen(nearlySixty), "RegisterConsent", nearlySixty, ""))
		})
		t.Run("FA-02 seven days on the clock of the wall", func(t *testing.T) {
			for _, c := range [][2]string{ // the clock only goes forward
				{"2027-03-21T01:30:00Z", "2027-03-28T01:30:00Z"}, {"2027-03-22T00:30:00Z", "2027-03-28T23:30:00Z"},
				{"2027-10-24T00:30:00Z", "2027-10-31T01:30:00Z"}, {"2027-11-21T22:05:10Z", "2027-11-28T22:05:10Z"},
			} {
				now, err := time.Parse(time.RFC3339, c[0])
				require.NoError(t, err)
				r.Clock.Set(now)
				e := r.elder()
				assert.Equal(t, c[1], one(t, ok(t, r.optOut(t, r.citizen(e), "RegisterConsent", e, "")), "validFrom"), c[0])
			}
		})
	})
}

// TestOptOutsDown takes away what opt-outs depend on.
func TestOptOutsDown(t *testing.T) {
	others := &aliases{}
	o := nsptest.Options{Aliases: func(a ports.Aliases) ports.Aliases { *others = aliases{Aliases: a}; return others }}
	registrars(t, o, func(t *testing.T, r *registrar) {
		t.Run("the store is down", func(t *testing.T) {
			c, other, store := r.elder(), r.elder(), r.failingOptOuts
			ok(t, r.optOut(t, r.citizen(c), "RegisterConsent", c, ""))
			store.OnRead.FailFrom(1, errAway)
			fails(t, "processing_problem", r.optOut(t, r.citizen(c), "GetConsent", c, ""))
			fails(t, "processing_problem", r.optOut(t, r.citizen(c), "DeleteConsent", c, ""))
			store.OnRead.Heal()
			store.OnUpdate.FailFrom(1, errAway)
			fails(t, "processing_problem", r.optOut(t, r.citizen(c), "DeleteConsent", c, ""))
			fails(t, "processing_problem", r.optOut(t, r.citizen(other), "RegisterConsent", other, ""))
			store.OnUpdate.Heal()
			assert.Len(t, r.rows(t, c), 1)
			assert.Empty(t, r.rows(t, other))
			r.advised(t, c, 1)
			assert.Empty(t, r.about(other), "nobody was told of what did not happen")
		})

		t.Run("FA-18 nobody knows other numbers", func(t *testing.T) {
			now := elderNo(99)
			then := now[:6] + "0999"
			r.declines(t, then, r.Clock.Now().AddDate(-1, 0, 0))
			others.gone = true
			assert.Empty(t, r.inForce(t, r.citizen(now), now))
			assert.Equal(t, "true", r.inForce(t, r.citizen(then), then))
			fails(t, "processing_problem", r.optOut(t, r.citizen(now), "RegisterConsent", now, ""))
			assert.Empty(t, r.rows(t, now))
			ok(t, r.optOut(t, r.citizen(then), "DeleteConsent", then, ""))
		})
	})
}
