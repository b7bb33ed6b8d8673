package e2e

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/tests/nsptest"
)

// TestWills has citizens make, change and end wills, and others read them.
func TestWills(t *testing.T) {
	registrars(t, nsptest.Options{}, func(t *testing.T, r *registrar) {
		long := time.Date(2018, 6, 1, 10, 0, 0, 0, time.UTC)

		t.Run("WA-01 a treatment will is made and read", func(t *testing.T) {
			c := r.adult()
			by, now := r.citizen(c), r.Clock.Now()
			made := ok(t, btr.asks(t, by, "Create", c, btr.plain()))
			assert.Equal(t, 1, made.Count(t, "CreateTreatmentWillResponse"))
			doc := string(ok(t, btr.asks(t, by, "Get", c)).Body)
			assert.Contains(t, doc, `<h:author><h:time value="`+now.Add(time.Hour).Format("20060102150405")+`+0100"`)
			assert.Contains(t, doc, `<h:value xsi:type="w:TreatmentWillV2"><w:noLifeProlongingIfDying>true</w:noLifeProlongingIfDying>`+
				`<w:noLifeProlongingIfSeverelyDegraded acceptanceNeeded="relativeAcceptanceRequired">true</w:noLifeProlongingIfSeverelyDegraded>`+
				`<w:noLifeProlongingIfSeverePain>false</w:noLifeProlongingIfSeverePain>`+
				`<w:noForcedTreatmentIfIncapable acceptanceNeeded="guardianAcceptanceRequired">true</w:noForcedTreatmentIfIncapable></h:value>`)
			living, treatment := r.has(t, c)
			assert.Equal(t, []string{"false", "true"}, []string{living, treatment})
		})

		t.Run("WA-02 there is one will", func(t *testing.T) {
			c := r.adult()
			ok(t, btr.asks(t, r.citizen(c), "Create", c, btr.plain()))
			fails(t, "will_exists", btr.asks(t, r.citizen(c), "Create", c, btr.plain()))
			assert.Len(t, r.history(t, c), 1)
			r.advised(t, c, 1)
		})

		t.Run("WA-03 also across the registers", func(t *testing.T) {
			c := r.adult()
			r.keeps(t, c, will.LTR, long)
			fails(t, "will_exists", btr.asks(t, r.citizen(c), "Create", c, btr.plain()))
			h := r.history(t, c)
			require.Len(t, h, 1)
			assert.True(t, h[0].To.IsZero())
		})

		t.Run("WA-04 a living will is replaced without a gap", func(t *testing.T) {
			c := r.adult()
			r.keeps(t, c, will.LTR, long)
			ok(t, btr.asks(t, r.citizen(c), "UpgradeTo", c, btr.plain()))
			living, treatment := r.has(t, c)
			assert.Equal(t, []string{"false", "true"}, []string{living, treatment})
			h := r.history(t, c)
			require.Len(t, h, 2)
			assert.Equal(t, h[0].To, h[1].From)
			topics := map[string]bool{}
			for _, n := range r.advised(t, c, 2) {
				_, name, _ := strings.Cut(n.Topic, "/:")
				topics[name] = true
			}
			assert.Equal(t, map[string]bool{"LivingWillUpdated": true, "TreatmentWillUpdated": true}, topics)
		})

		t.Run("WA-05 where there is one", func(t *testing.T) {
			c := r.adult()
			fails(t, "will_not_found", btr.asks(t, r.citizen(c), "UpgradeTo", c, btr.plain()))
			ok(t, btr.asks(t, r.citizen(c), "Create", c, btr.plain()))
			fails(t, "will_exists", btr.asks(t, r.citizen(c), "UpgradeTo", c, btr.plain()))
			assert.Len(t, r.history(t, c), 1)
		})

		t.Run("WA-08 changes at one instant", func(t *testing.T) {
			c := r.adult()
			by := r.citizen(c)
			ok(t, btr.asks(t, by, "Create", c, btr.plain()))
			ok(t, btr.asks(t, by, "Update", c, btr.wishes("false", "true", "false", "false")))
			h := r.history(t, c)
			require.Len(t, h, 2)
			assert.Equal(t, h[0].From.Add(time.Microsecond), h[1].From)
			assert.Equal(t, h[0].To, h[1].From)
			_, treatment := r.has(t, c)
			assert.Equal(t, "true", treatment)
			ok(t, btr.asks(t, by, "Delete", c))
			ok(t, btr.asks(t, by, "Create", c, btr.plain()))
			whole(t, r.history(t, c))
		})

		t.Run("WA-06 WA-07 an update is a new row", func(t *testing.T) {
			c := r.adult()
			by := r.citizen(c)
			ok(t, btr.asks(t, by, "Create", c, btr.plain()))
			r.Clock.Advance(time.Minute)
			ok(t, btr.asks(t, by, "Update", c, btr.plain()))
			h := r.history(t, c)
			require.Len(t, h, 2)
			assert.Equal(t, h[0].Wishes, h[1].Wishes)
			assert.Equal(t, h[0].To, h[1].From)
			assert.Equal(t, r.Clock.Now(), h[1].From)
			assert.Contains(t, string(btr.asks(t, by, "Get", c).Body), `<h:author><h:time value="`+h[1].From.Add(time.Hour).Format("20060102150405")+`+0100"`)
		})

		t.Run("WA-09 WA-10 a will ends, and another begins", func(t *testing.T) {
			c := r.adult()
			by := r.citizen(c)
			ok(t, btr.asks(t, by, "Create", c, btr.plain()))
			r.Clock.Advance(time.Minute)
			ok(t, btr.asks(t, by, "Delete", c))
			_, treatment := r.has(t, c)
			assert.Equal(t, "false", treatment)
			fails(t, "will_not_found", btr.asks(t, by, "Get", c))
			fails(t, "will_not_found", btr.asks(t, by, "Delete", c))
			assert.Len(t, r.history(t, c), 1)
			ok(t, btr.asks(t, by, "Create", c, btr.plain()))
			whole(t, r.history(t, c))
		})

		t.Run("WA-13 WA-14 WA-15 what a will may say", func(t *testing.T) {
			c := r.adult()
			by := r.citizen(c)
			for _, f := range []willForm{btr, btr2018} {
				fails(t, "invalid_will", f.asks(t, by, "Create", c, f.wishes("relative:true", "true", "true", "true")))
				fails(t, "empty_will", f.asks(t, by, "Create", c, f.wishes("false", "false", "false", "false")))
				fails(t, "empty_will", f.asks(t, by, "Create", c, f.wishes("false", "relative:false", "false", "false")))
			}
			assert.Empty(t, r.history(t, c))
			ok(t, btr.asks(t, by, "Create", c, btr.wishes("true", "relative:false", "false", "false")))
			assert.NotContains(t, string(ok(t, btr.asks(t, by, "Get", c)).Body), "acceptanceNeeded")
		})

		t.Run("WA-16 WA-17 WA-18 WA-19 how it must be said", func(t *testing.T) {
			c := r.adult()
			by := r.citizen(c)
			send := func(change func(string) string) nsptest.Answer {
				action, body := btr.message("Create", c, btr.plain())
				return by(t, btrPath, action, change(body))
			}
			replacing := func(old, replacement string) func(string) string {
				return func(s string) string {
					require.Contains(t, s, old)
					return strings.ReplaceAll(s, old, replacement)
				}
			}
			dying, pain := "<w:noLifeProlongingIfDying>true</w:noLifeProlongingIfDying>", "<w:noLifeProlongingIfSeverePain>"
			for name, change := range map[string]func(string) string{
				"WA-16 the element of an update": replacing("treatmentWillV2", "treatmentWill"),
				"WA-17 a qualified id":           func(s string) string { return strings.Replace(s, "<id ", "<b:id ", 1) },
				"WA-17 an element is missing":    replacing(dying, ""),
				"WA-17 an element twice":         replacing(dying, dying+dying),
				"WA-17 another order":            func(s string) string { return replacing(pain, dying+pain)(replacing(dying, "")(s)) },
				"no boolean":                     replacing(">false<", ">nej<"),
				"acceptance by nobody known":     replacing("guardianAcceptanceRequired", "doctorAcceptanceRequired"),
				"another type":                   replacing("<treatmentWillV2>", `<treatmentWillV2 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="w:LivingWill">`),
			} {
				a := send(change)
				assert.Equal(t, "syntax_error", a.FaultCode, "%s: %s", name, a.Body)
			}
			_, update := btr.message("Update", c, btr.plain())
			action, _ := btr.message("Update", c, "")
			fails(t, "syntax_error", by(t, btrPath, action, strings.ReplaceAll(update, "treatmentWill>", "treatmentWillV2>")))
			for name, change := range map[string]func(string) string{
				"another root":       replacing("1.2.208.176.1.2", "1.2.208.176.1.1"),
				"nine digits":        replacing(c, c[:9]),
				"31 November":        replacing(c, "3111009999"),
				"an X-eCPR":          replacing(c, "1308781QT7"),
				"no value":           replacing("<id ", `<id nullFlavor="UNK" `),
				"assigned by others": replacing(`assigningAuthorityName="CPR"`, `assigningAuthorityName="X"`),
			} {
				a := send(change)
				assert.Equal(t, "invalid_id", a.FaultCode, "WA-18 %s: %s", name, a.Body)
			}
			assert.Empty(t, r.history(t, c))
			ok(t, send(func(s string) string {
				s = strings.ReplaceAll(s, ` assigningAuthorityName="CPR"`, "")
				s = strings.ReplaceAll(s, ">true<", ">1<")
				s = strings.ReplaceAll(s, ">false<", "> 0 <")
				return strings.Replace(s, "<treatmentWillV2>", `<treatmentWillV2 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="w:TreatmentWillV2">`, 1)
			}))
			assert.Contains(t, string(ok(t, btr.asks(t, by, "Get", c)).Body), btr.plain())
		})

		t.Run("WA-20 the body says what is asked", func(t *testing.T) {
			c := r.adult()
			by := r.doctor()
			action, body := btr.message("Has", c, "")
			card := r.Doctor(doctorD, codeD)
			for _, said := range []string{`"` + action + `"`, action, `""`, "", "urn:unknown", strings.Replace(action, "#", "#Admin", 1)} {
				a := r.Post(t, btrPath, card.Message(nsptest.NewMessageID(), body), "SOAPAction", said)
				assert.Equal(t, []string{"false"}, ok(t, a).All(t, "willExists"), said)
			}
			other, _ := btr.message("Delete", c, "")
			fails(t, "syntax_error", by(t, btrPath, other, body))
		})

		t.Run("WA-21 either interface reads what the other wrote", func(t *testing.T) {
			for _, pair := range [][2]willForm{{btr2018, btr}, {btr, btr2018}} {
				c := r.adult()
				ok(t, pair[0].asks(t, r.citizen(c), "Create", c, pair[0].plain()))
				doc := string(ok(t, pair[1].asks(t, r.citizen(c), "Get", c)).Body)
				assert.Contains(t, doc, `xsi:type="w:`+pair[1].payload+`"`)
				assert.Contains(t, doc, `"`+pair[1].will+`"`)
				assert.Contains(t, doc, pair[1].plain())
			}
		})

		t.Run("WA-23 a doctor reads, and MinLog has her authorisation", func(t *testing.T) {
			c, l := r.adult(), r.adult()
			ok(t, btr.asks(t, r.citizen(c), "Create", c, btr.plain()))
			r.keeps(t, l, will.LTR, long)
			ok(t, btr.asks(t, r.doctor(), "Get", c))
			ok(t, ltr.asks(t, r.doctor(), "Get", l))
			entries := r.logged(t, l)
			require.Len(t, entries, 1)
			assert.Equal(t, "LTR-BTR", entries[0].System)
			assert.Equal(t, "Opslag livstestamente", entries[0].Activity)
			assert.Equal(t, minlog.ID{Source: minlog.Authorisation, Value: codeD}, entries[0].User)
			assert.ElementsMatch(t, []string{"Oprettelse af behandlingstestamente", "Opslag behandlingstestamente"}, activitiesOf(r.logged(t, c)))
		})

		t.Run("WA-24 others change nothing, and learn nothing", func(t *testing.T) {
			with, without := r.adult(), r.adult()
			ok(t, btr.asks(t, r.citizen(with), "Create", with, btr.plain()))
			for name, by := range map[string]calling{"a doctor": r.doctor(), "another citizen": r.citizen(r.adult())} {
				for _, op := range []string{"Create", "Update", "UpgradeTo", "Delete", "Get", "Has", "GetForced"} {
					if name == "a doctor" && (op == "Get" || op == "Has" || op == "GetForced") {
						continue
					}
					content := ""
					if op == "Create" || op == "Update" || op == "UpgradeTo" {
						content = btr.plain()
					}
					a, b := btr.asks(t, by, op, with, content), btr.asks(t, by, op, without, content)
					fails(t, "not_authorized", a)
					assert.Equal(t, faultOf(a), faultOf(b), "%s by %s", op, name)
				}
			}
			assert.Len(t, r.history(t, with), 1)
			assert.Empty(t, r.history(t, without))
		})

		t.Run("WA-25 credentials that are not enough", func(t *testing.T) {
			c := r.adult()
			ok(t, btr.asks(t, r.citizen(c), "Create", c, btr.plain()))
			for name, by := range map[string]calling{
				"no authorisation": r.carded(r.Doctor(doctorD, "")), "a system": r.system(fskCVR),
				"an authorised professional's token": r.holding(r.Employee(doctorD, codeD)),
			} {
				assert.Equal(t, "not_authorized", btr.asks(t, by, "Get", c).FaultCode, name)
			}
			low := r.UserCard(doctorD, codeD).With("sosi:AuthenticationLevel", "3")
			fails(t, "security_level_failed", btr.asks(t, r.carded(r.As(low)), "Get", c))
		})

		t.Run("WA-26 a dentist", func(t *testing.T) {
			c := r.adult()
			ok(t, btr.asks(t, r.citizen(c), "Create", c, btr.plain()))
			fails(t, "not_authorized", btr.asks(t, r.dentist(), "Get", c))
			fails(t, "not_authorized", ltr.asks(t, r.dentist(), "Get", c))
			fails(t, "not_authorized", ltr.asks(t, r.dentist(), "Has", c))
			assert.Equal(t, []string{"true"}, ok(t, btr.asks(t, r.dentist(), "Has", c)).All(t, "willExists"))
			doc := string(ok(t, btr.asks(t, r.dentist(), "GetForced", c)).Body)
			assert.Contains(t, doc, `<h:value xsi:type="w:TreatmentWillWithOnlyForcedTreatment">`+
				`<w:noForcedTreatmentIfIncapable acceptanceNeeded="guardianAcceptanceRequired">true</w:noForcedTreatmentIfIncapable></h:value>`)
			assert.NotContains(t, doc, "noLifeProlonging")
		})

		t.Run("WA-28 nobody acts for another", func(t *testing.T) {
			child, own := r.adult(), r.adult()
			parent := r.Citizen(own)
			parent = parent.With(onBehalfOf, "urn:dk:healthcare:saml:actThroughCustodyOver:cprNumberIdentifier:"+child)
			fails(t, "not_authorized", btr.asks(t, r.holding(parent), "Has", child))
			fails(t, "not_authorized", btr.asks(t, r.holding(parent), "Has", own)) // nor for herself with a token that is for another
		})

		t.Run("WA-37 administrators", func(t *testing.T) {
			c := r.adult()
			unnamed := r.adminHolder()
			unnamed.Token = unnamed.Token.Without("urn:oid:2.5.4.10")
			for name, by := range map[string]calling{
				"no role": r.carded(r.Doctor(admin, "")), "a doctor": r.doctor(), "a citizen": r.citizen(c), "a system": r.system(fskCVR),
				"no name of the organisation": r.holding(unnamed),
			} {
				assert.Equal(t, "not_authorized", btr.administers(t, by, "Create", c, btr.plain()).FaultCode, name)
			}
			assert.Empty(t, r.history(t, c))
			for _, by := range []calling{r.adminCard(), r.adminToken()} {
				ok(t, btr.administers(t, by, "Create", c, btr.plain()))
				ok(t, btr.administers(t, by, "Get", c))
				assert.Equal(t, []string{"true"}, ok(t, btr2018.administers(t, by, "Has", c)).All(t, "willExists"))
				ok(t, btr.administers(t, by, "GetForced", c))
				ok(t, btr.administers(t, by, "Update", c, btr.plain()))
				ok(t, btr.administers(t, by, "Delete", c))
				fails(t, "not_authorized", btr.asks(t, by, "Create", c, btr.plain()))
			}
		})

		t.Run("WA-36 living wills are closed", func(t *testing.T) {
			c := r.adult()
			fails(t, "register_closed", ltr.asks(t, r.citizen(c), "Create", c, ltr.plain()))
			fails(t, "register_closed", ltr.administers(t, r.adminCard(), "Create", c, ltr.plain()))
			r.keeps(t, c, will.LTR, long)
			fails(t, "register_closed", ltr.asks(t, r.citizen(c), "Update", c, ltr.plain()))
			ok(t, ltr.administers(t, r.adminCard(), "Update", c, ltr.wishes("true", "true")))
			doc := string(ok(t, ltr.asks(t, r.citizen(c), "Get", c)).Body)
			assert.Contains(t, doc, `<h:value xsi:type="w:LivingWill">`+ltr.wishes("true", "true")+`</h:value>`)
			ok(t, ltr.asks(t, r.citizen(c), "Delete", c))
		})

		t.Run("WA-34 of the dead", func(t *testing.T) {
			fails(t, "inactive_citizen", btr.asks(t, r.citizen(deceased), "Create", deceased, btr.plain()))
			r.keeps(t, deceased, will.BTR, long)
			ok(t, btr.asks(t, r.doctor(), "Get", deceased))
			ok(t, btr.asks(t, r.citizen(deceased), "Delete", deceased))
		})

		t.Run("WA-41 one person, two numbers", func(t *testing.T) {
			now := adultNo(99)
			then := now[:6] + "0999"
			r.keeps(t, then, will.LTR, long)
			assert.Equal(t, []string{"true"}, ok(t, ltr.asks(t, r.doctor(), "Has", now)).All(t, "willExists"))
			ok(t, ltr.asks(t, r.doctor(), "Get", now))
			fails(t, "will_exists", btr.asks(t, r.citizen(now), "Create", now, btr.plain()))
			r.keeps(t, now, will.BTR, long.AddDate(1, 0, 0)) // before the numbers were one person's
			for _, number := range []string{now, then} {
				assert.Equal(t, []string{"false"}, ok(t, ltr.asks(t, r.doctor(), "Has", number)).All(t, "willExists"))
				ok(t, btr.asks(t, r.doctor(), "Get", number))
			}
			assert.Equal(t, 2, openOf(r.history(t, now, then)))
			ok(t, btr.asks(t, r.citizen(now), "Update", now, btr.plain()))
			h := r.history(t, now, then)
			require.Len(t, h, 3)
			assert.Equal(t, 1, openOf(h))
			assert.Equal(t, []time.Time{h[2].From, h[2].From}, []time.Time{h[0].To, h[1].To}, "both ended where the new one begins")
		})

		t.Run("WA-12 a change against a withdrawal", func(t *testing.T) {
			c := r.adult()
			ok(t, btr.asks(t, r.citizen(c), "Create", c, btr.plain()))
			var both sync.WaitGroup
			var mu sync.Mutex
			done := map[string]int{} // by operation and outcome
			for _, op := range []string{"Update", "Delete", "Update", "Delete"} {
				content := ""
				if op == "Update" {
					content = btr.plain()
				}
				both.Go(func() {
					a := btr.asks(t, r.citizen(c), op, c, content)
					mu.Lock()
					defer mu.Unlock()
					done[op+a.FaultCode]++
				})
			}
			both.Wait()
			h := r.history(t, c)
			whole(t, h)
			assert.Zero(t, openOf(h))
			assert.Len(t, h, 1+done["Update"])
			assert.Equal(t, []int{1, 1, 2}, []int{done["Delete"], done["Deletewill_not_found"], done["Update"] + done["Updatewill_not_found"]}, done)
		})

		t.Run("WA-38 hostile messages", func(t *testing.T) {
			c := r.adult()
			_, body := btr.message("Has", c, "")
			card := r.Doctor(doctorD, codeD)
			good := string(card.Message(nsptest.NewMessageID(), body))
			for name, message := range map[string]string{
				"a DTD":        `<!DOCTYPE x [<!ENTITY e "x">]>` + strings.TrimPrefix(good, `<?xml version="1.0" encoding="UTF-8"?>`),
				"two children": strings.Replace(good, body, body+body, 1),
				"10 MB":        strings.Replace(good, body, body+strings.Repeat("<!-- x -->", 1<<20), 1),
			} {
				a := r.Post(t, btrPath, []byte(message))
				assert.Equal(t, "syntax_error", a.FaultCode, "%s: %s", name, a.Text)
			}
		})

		t.Run("WA-22 documents are as the schemas have them", func(t *testing.T) {
			for _, variant := range []string{"LivingWill", "TreatmentWill", "TreatmentWillV2", "TreatmentWillWithOnlyForcedTreatment"} {
				assert.True(t, slices.ContainsFunc(r.heard, func(a nsptest.Answer) bool {
					return strings.Contains(string(a.Body), `<ClinicalDocument classCode=`) && strings.Contains(string(a.Body), `xsi:type="w:`+variant+`"`)
				}), "%s was heard", variant)
			}
			willSchemas(t, r.Server, r.heard)
		})
	})
}

// faultOf is an answer without what is each message's own.
func faultOf(a nsptest.Answer) string {
	body := string(a.Body)
	if i := strings.Index(body, ":Fault"); i >= 0 {
		return body[i:]
	}
	return body
}

// TestWillsClosing has the register of living wills close while the server runs.
func TestWillsClosing(t *testing.T) {
	now := time.Date(2026, 11, 21, 22, 59, 59, 0, time.UTC)
	o := nsptest.Options{Now: now, Set: map[string]string{"wills.ltr_closed_from": "2026-11-22"}}
	registrars(t, o, func(t *testing.T, r *registrar) {
		t.Run("WA-11 one of fifty wins", func(t *testing.T) {
			c := r.adult()
			var mu sync.Mutex
			codes := map[string]int{}
			var all sync.WaitGroup
			for i := range 50 {
				f := ltr
				if i%2 == 0 {
					f = btr
				}
				all.Go(func() {
					a := f.asks(t, r.citizen(c), "Create", c, f.plain())
					mu.Lock()
					defer mu.Unlock()
					codes[a.FaultCode]++
				})
			}
			all.Wait()
			assert.Equal(t, map[string]int{"": 1, "will_exists": 49}, codes)
			assert.Len(t, r.history(t, c), 1)
		})

		before, after := r.adult(), r.adult()
		ok(t, ltr.asks(t, r.citizen(before), "Create", before, ltr.plain()))
		t.Run("WA-33 the day before the birthday", func(t *testing.T) {
			fails(t, "not_eligible", btr.asks(t, r.citizen(nearlyAdult), "Create", nearlyAdult, btr.plain()))
		})
		r.Clock.Set(time.Date(2026, 11, 21, 23, 0, 0, 0, time.UTC))
		t.Run("WA-36 midnight closes the register", func(t *testing.T) {
			fails(t, "register_closed", ltr.asks(t, r.citizen(after), "Create", after, ltr.plain()))
		})
		t.Run("WA-33 the birthday", func(t *testing.T) {
			ok(t, btr.asks(t, r.citizen(nearlyAdult), "Create", nearlyAdult, btr.plain()))
		})
	})
}

// TestWillsGrants has grants as production has them.
func TestWillsGrants(t *testing.T) {
	o := nsptest.Options{Set: map[string]string{"grants": "wills.has=" + fskCVR + ",fgvhr.read=" + fskCVR}}
	registrars(t, o, func(t *testing.T, r *registrar) {
		t.Run("WA-27 a system learns whether, not what", func(t *testing.T) {
			c := r.adult()
			ok(t, btr.asks(t, r.citizen(c), "Create", c, btr.plain()))
			for _, by := range []calling{r.system(fskCVR), r.holding(r.Organisation(fskCVR))} {
				assert.Equal(t, []string{"true"}, ok(t, btr.asks(t, by, "Has", c)).All(t, "willExists"))
				assert.Equal(t, []string{"false"}, ok(t, ltr.asks(t, by, "Has", c)).All(t, "willExists"))
				fails(t, "not_authorized", btr.asks(t, by, "Get", c))
			}
			fails(t, "not_authorized", btr.asks(t, r.system("99999901"), "Has", c))
			assert.Len(t, r.logged(t, c), 1, "MinLog is of persons who look")
		})
	})
}
