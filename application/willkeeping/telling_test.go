package willkeeping_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/willkeeping"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports"
)

// ready puts into the store what a citizen has for an operation to succeed.
func (h *house) ready(t testing.TB, operation string) {
	h.Rules.Closed = time.Time{}
	switch operation {
	case "createLivingWill", "createTreatmentWill":
	case "updateLivingWill", "deleteLivingWill", "getLivingWill", "hasLivingWill", "upgradeToTreatmentWill":
		h.stored(t, citizenC, will.LTR, fixedNow.AddDate(-9, 0, 0))
	default:
		h.stored(t, citizenC, will.BTR, fixedNow.AddDate(-1, 0, 0))
	}
}

func TestMinLogIsToldOfEverything(t *testing.T) {
	activities := map[string]string{
		"createLivingWill": "Oprettelse af livstestamente", "updateLivingWill": "Ændring af livstestamente",
		"deleteLivingWill":    "Sletning af livstestamente",
		"createTreatmentWill": "Oprettelse af behandlingstestamente", "updateTreatmentWill": "Ændring af behandlingstestamente",
		"upgradeToTreatmentWill": "Erstatning af livstestamente med behandlingstestamente", "deleteTreatmentWill": "Sletning af behandlingstestamente",
		"getLivingWill": "Opslag livstestamente", "getTreatmentWill": "Opslag behandlingstestamente",
		"getTreatmentWillWithOnlyForcedTreatment": "Opslag behandlingstestamente (tvang)",
		"hasLivingWill": "Kontrol af livstestamente", "hasTreatmentWill": "Kontrol af behandlingstestamente",
	}
	for _, call := range calls() {
		t.Run(call.name, func(t *testing.T) {
			h := newHouse(t)
			h.ready(t, call.name)
			require.NoError(t, call.do(h, citizen(citizenC), of(citizenC)))
			require.Len(t, h.entries, 1)
			id := h.entries[0].SequenceNumber
			assert.NotEmpty(t, id)
			c := minlog.ID{Source: "CPR", Value: "0501792275"}
			assert.Equal(t, minlog.Entry{
				System: "LTR-BTR", Activity: activities[call.name], From: fixedNow, To: fixedNow, Person: c, User: c,
				UserName: "Nancy Ann Berggren", UserRole: "Borger", CorrelationID: messageID[:46], SequenceNumber: id,
			}, h.entries[0])
		})
	}
}

func TestWhoMinLogIsToldOf(t *testing.T) {
	for _, c := range []struct {
		name   string
		caller identity.Caller
		req    willkeeping.Request
		want   minlog.Entry
	}{
		{"WA-23 a doctor by the authorisation", doctor(), of(citizenC), minlog.Entry{
			User: minlog.ID{Source: "Autorisation", Value: "0TST1"}, UserName: "Doris Doctor", UserRole: "7170",
			Org: minlog.ID{Source: "CVR", Value: otherCVR}, OrgName: "Lægehuset",
		}},
		{"an administrator by the number", staff(), admin(citizenC), minlog.Entry{
			User: minlog.ID{Source: "CPR", Value: "0101010005"}, UserName: "Sonja Staff", UserRole: adminRole,
			Org: minlog.ID{Source: "CVR", Value: sds}, OrgName: "Sundhedsdatastyrelsen",
		}},
		{"a system by whom it calls for", with(system(), func(c *identity.Caller) {
			c.OnBehalfOf = &identity.Principal{CPR: doctorD, Kind: relation.Proxy}
		}), of(citizenC), minlog.Entry{
			User: minlog.ID{Source: "CPR", Value: "0202020202"}, Org: minlog.ID{Source: "CVR", Value: sds}, OrgName: "Sundhedsdatastyrelsen",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			_, err := h.Has(t.Context(), c.caller, c.req, will.BTR)
			require.NoError(t, err)
			require.Len(t, h.entries, 1)
			want := c.want
			want.System, want.Activity, want.From, want.To = "LTR-BTR", "Kontrol af behandlingstestamente", fixedNow, fixedNow
			want.Person, want.CorrelationID = minlog.ID{Source: "CPR", Value: "0501792275"}, messageID[:46]
			want.SequenceNumber = h.entries[0].SequenceNumber
			assert.Equal(t, want, h.entries[0])
		})
	}
	t.Run("WA-27 a system without user is told of in the audit log alone", func(t *testing.T) {
		h := newHouse(t)
		h.create(t)
		h.told()
		h.said()
		h.down["minlog"] = true
		has, err := h.Has(t.Context(), system(), of(citizenC), will.BTR)
		require.NoError(t, err)
		assert.True(t, has)
		assert.Empty(t, h.told())
		assert.Len(t, h.said(), 1)
	})
	t.Run("reads that find nothing, unless they are left out", func(t *testing.T) {
		h := newHouse(t)
		for _, logs := range []bool{true, false} {
			h.LogEmptyReads = logs
			_, err := h.Get(t.Context(), doctor(), of(citizenC), will.BTR)
			refused(t, err, will.ErrNotFound)
			has, err := h.Has(t.Context(), doctor(), of(citizenC), will.LTR)
			require.NoError(t, err)
			assert.False(t, has)
			if logs {
				assert.Equal(t, []string{"Opslag behandlingstestamente", "Kontrol af livstestamente"}, h.told())
			} else {
				assert.Empty(t, h.told())
			}
		}
		h.create(t)
		h.told()
		_, err := h.Get(t.Context(), doctor(), of(citizenC), will.BTR)
		require.NoError(t, err)
		assert.Len(t, h.told(), 1)
	})
}

// TestWA29NothingWithoutMinLog shows that nothing is shown or changed that MinLog cannot be told of.
func TestWA29NothingWithoutMinLog(t *testing.T) {
	for _, call := range calls() {
		t.Run(call.name, func(t *testing.T) {
			h := newHouse(t)
			h.ready(t, call.name)
			kept := h.kept(t, citizenC)
			h.down["minlog"] = true
			err := call.do(h, citizen(citizenC), of(citizenC)) // an answer beside the error panics
			refused(t, err, willkeeping.ErrMinLog)
			assert.ErrorIs(t, err, errSecret)
			assert.Equal(t, kept, h.kept(t, citizenC))
			assert.Empty(t, h.sent(t))
			assert.NotContains(t, h.looked(), "update")
			require.Len(t, h.notes, 1)
			assert.NotContains(t, h.said()[0], "will-exists")
		})
	}
	t.Run("a doctor", func(t *testing.T) {
		h := newHouse(t)
		h.create(t)
		h.down["minlog"] = true
		for _, name := range []string{"getTreatmentWill", "hasTreatmentWill", "getTreatmentWillWithOnlyForcedTreatment"} {
			refused(t, called(name).do(h, doctor(), of(citizenC)), willkeeping.ErrMinLog)
		}
	})
}

func TestWA30MinLogIsTooSlow(t *testing.T) {
	h := newHouse(t)
	h.MinLogTimeout = time.Millisecond
	h.down["minlog late"] = true
	ctx, stop := context.WithCancel(t.Context())
	defer time.AfterFunc(5*time.Second, stop).Stop() // the caller goes, which is another error
	_, err := h.Create(ctx, citizen(citizenC), of(citizenC), will.BTR, draft)
	refused(t, err, willkeeping.ErrMinLog)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Empty(t, h.kept(t, citizenC))

	h.down["minlog late"] = false
	h.create(t)
	h.MinLogTimeout = 0 // the default
	require.NoError(t, h.Delete(t.Context(), citizen(citizenC), of(citizenC), will.BTR))
	require.Len(t, h.entries, 2)
	assert.NotEqual(t, h.entries[0].SequenceNumber, h.entries[1].SequenceNumber, "one id for each call")
}

// TestMinLogComesFirst shows that MinLog is told before the unit of work writes, and while no transaction is open.
func TestMinLogComesFirst(t *testing.T) {
	h := newHouse(t)
	undone := errors.New("undone")
	err := h.db.Units().Run(t.Context(), func(ctx context.Context) error {
		_, err := h.Create(ctx, citizen(citizenC), of(citizenC), will.BTR, draft)
		assert.True(t, ports.Written(ctx))
		return err
	}, func(context.Context) error { return undone })
	require.ErrorIs(t, err, undone)
	assert.Equal(t, []string{"register", "aliases", "store", "minlog", "update"}, h.looked())
	assert.Empty(t, h.kept(t, citizenC), "the will is in the unit")
	assert.Empty(t, h.sent(t), "the notices are in the unit")
	assert.Len(t, h.told(), 1, "MinLog is not")
	for _, name := range []string{"getTreatmentWill", "hasTreatmentWill"} {
		h.stored(t, citizenB, will.BTR, h.clock())
		h.looked()
		_ = called(name).do(h, citizen(citizenB), of(citizenB))
		assert.Equal(t, []string{"aliases", "store", "minlog"}, h.looked())
		h.now = h.now.Add(time.Second)
	}
}

func TestAudit(t *testing.T) {
	patient := " patient-id(RPI)=0501792275 patient-id-source(RPI)=CPR"
	own := patient + " actor-role(NPI)=CITIZEN actor-id(NPI)=0501792275 actor-id-source(NPI)=CPR"
	for _, call := range calls() {
		t.Run(call.name, func(t *testing.T) {
			h := newHouse(t)
			h.ready(t, call.name)
			require.NoError(t, call.do(h, citizen(citizenC), of(citizenC)))
			line := "LTR-BTR/" + call.name + own + " register(NPI)="
			switch call.name {
			case "createLivingWill", "updateLivingWill", "deleteLivingWill":
				line += "LTR"
			case "getLivingWill", "hasLivingWill":
				line += "LTR will-exists(SPI)=true"
			case "getTreatmentWill", "getTreatmentWillWithOnlyForcedTreatment", "hasTreatmentWill":
				line += "BTR will-exists(SPI)=true"
			default:
				line += "BTR"
			}
			assert.Equal(t, []string{line}, h.said())
		})
	}
	for _, c := range []struct {
		name, operation string
		caller          identity.Caller
		req             willkeeping.Request
		want            string
	}{
		{"a doctor", "getTreatmentWill", doctor(), of(citizenC),
			patient + " actor-role(NPI)=HEALTHCARE_PROFESSIONAL actor-id(NPI)=0TST1 actor-id-source(NPI)=AUTH register(NPI)=BTR will-exists(SPI)=false"},
		{"a system", "hasLivingWill", system(), of(citizenC),
			patient + " actor-role(NPI)=SYSTEM actor-id(NPI)=33257872 actor-id-source(NPI)=CVR register(NPI)=LTR will-exists(SPI)=false"},
		{"an administrator", "deleteTreatmentWill", staff(), admin(citizenC),
			patient + " actor-role(NPI)=ADMIN actor-id(NPI)=0101010005 actor-id-source(NPI)=CPR register(NPI)=BTR"},
		{"a citizen who names nobody", "getTreatmentWill", citizen(citizenC), willkeeping.Request{},
			" actor-role(NPI)=CITIZEN actor-id(NPI)=0501792275 actor-id-source(NPI)=CPR"},
		{"a refused citizen", "getTreatmentWill", citizen(citizenB), of(citizenC),
			patient + " actor-role(NPI)=CITIZEN actor-id(NPI)=0108501234 actor-id-source(NPI)=CPR"},
		{"a refused doctor", "updateTreatmentWill", doctor(), of(citizenC),
			patient + " actor-role(NPI)=HEALTHCARE_PROFESSIONAL actor-id(NPI)=0TST1 actor-id-source(NPI)=AUTH"},
		{"a doctor among administrators", "deleteTreatmentWill", doctor(), admin(citizenC),
			patient + " actor-role(NPI)=HEALTHCARE_PROFESSIONAL actor-id(NPI)=0TST1 actor-id-source(NPI)=AUTH"},
		{"a refused administrator", "getLivingWill", staff(), of(citizenC),
			patient + " actor-role(NPI)=HEALTHCARE_PROFESSIONAL actor-id(NPI)=0101010005 actor-id-source(NPI)=CPR"},
		{"nobody", "hasTreatmentWill", identity.Caller{}, of(citizenC), patient},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			_ = called(c.operation).do(h, c.caller, c.req)
			assert.Equal(t, []string{"LTR-BTR/" + c.operation + c.want}, h.said())
		})
	}
	t.Run("both registers in one call", func(t *testing.T) {
		h := newHouse(t)
		h.create(t)
		h.said()
		h.has(t)
		assert.Equal(t, []string{
			"LTR-BTR/hasLivingWill" + own + " register(NPI)=LTR will-exists(SPI)=false",
			"LTR-BTR/hasTreatmentWill" + own + " register(NPI)=BTR will-exists(SPI)=true",
		}, h.said())
	})
}

// TestNotices shows what subscribers are told of a change: whose, and nothing of the will (WA-31: it waits in the outbox).
func TestNotices(t *testing.T) {
	const (
		treatment = `<t:TreatmentWillUpdated xmlns:t="http://sundhedsdatastyrelsen.dk/behandlingstestamente/2022/08/01/">` +
			`<t:type>http://sundhedsdatastyrelsen.dk/MessageDefinition/Treatmentwill-notification</t:type>` +
			`<t:date>2026-11-21</t:date><t:version>1</t:version></t:TreatmentWillUpdated>`
		livingWill = `<t:LivingWillUpdated xmlns:t="http://sundhedsdatastyrelsen.dk/livstestamente/2022/08/01/">` +
			`<t:type>http://sundhedsdatastyrelsen.dk/MessageDefinition/Livingwill-notification</t:type>` +
			`<t:date>2026-11-21</t:date><t:version>1</t:version></t:LivingWillUpdated>`
	)
	btr := nas.Notification{
		Topic: "http://sundhedsdatastyrelsen.dk/behandlingstestamente/2018/05/01/:TreatmentWillUpdated",
		ID:    "0501792275", IDType: "http://nsi.dk/advis/v10/CPR", Payload: []byte(treatment),
	}
	ltr := nas.Notification{
		Topic: "http://sundhedsdatastyrelsen.dk/livstestamente/2018/05/01/:LivingWillUpdated",
		ID:    "0501792275", IDType: "http://nsi.dk/advis/v10/CPR", Payload: []byte(livingWill),
	}
	for _, c := range []struct {
		operation string
		want      []nas.Notification
	}{
		{"createTreatmentWill", []nas.Notification{btr}},
		{"updateTreatmentWill", []nas.Notification{btr}},
		{"deleteTreatmentWill", []nas.Notification{btr}},
		{"upgradeToTreatmentWill", []nas.Notification{ltr, btr}},
		{"createLivingWill", []nas.Notification{ltr}},
		{"updateLivingWill", []nas.Notification{ltr}},
		{"deleteLivingWill", []nas.Notification{ltr}},
		{"getTreatmentWill", nil},
		{"hasLivingWill", nil},
	} {
		t.Run("WA-31 "+c.operation, func(t *testing.T) {
			h := newHouse(t)
			h.ready(t, c.operation)
			require.NoError(t, called(c.operation).do(h, citizen(citizenC), of(citizenC)))
			oldest := h.kept(t, citizenC)[0].ID
			var got []nas.Notification
			ids := map[string]bool{}
			for _, n := range h.sent(t) {
				_, err := n.Advis.Checked()
				require.NoError(t, err)
				assert.Equal(t, []any{notice.NAS, oldest, fixedNow}, []any{n.To, n.Key, n.Created})
				got, ids[n.ID] = append(got, n.Advis), true
			}
			assert.Equal(t, c.want, got)
			assert.Len(t, ids, len(c.want), "an id of its own for each")
		})
	}
	t.Run("the date is that of Copenhagen", func(t *testing.T) {
		h := newHouse(t)
		h.pass(85 * time.Minute) // 2026-11-21T23:30:10Z
		h.create(t)
		assert.Contains(t, string(h.sent(t)[0].Advis.Payload), "<t:date>2026-11-22</t:date>")
	})
	t.Run("they come in the order of the changes, whatever the register", func(t *testing.T) {
		h := newHouse(t)
		h.ready(t, "upgradeToTreatmentWill")
		require.NoError(t, called("updateLivingWill").do(h, citizen(citizenC), of(citizenC)))
		require.NoError(t, called("upgradeToTreatmentWill").do(h, citizen(citizenC), of(citizenC)))
		require.NoError(t, called("deleteTreatmentWill").do(h, citizen(citizenC), of(citizenC)))
		assert.Equal(t, []string{"LivingWillUpdated", "LivingWillUpdated", "TreatmentWillUpdated", "TreatmentWillUpdated"}, topics(h.sent(t)))
	})
	t.Run("topics are configured, and stay XML", func(t *testing.T) {
		h := newHouse(t)
		h.Topics.BTR = willkeeping.Topic{Name: "urn:x:Y", IDType: "cpr", Namespace: `urn:"&<`, Element: "Y", Type: "a&b"}
		h.create(t)
		advis := h.sent(t)[0].Advis
		assert.Equal(t, []string{"urn:x:Y", "cpr"}, []string{advis.Topic, advis.IDType})
		assert.Equal(t, `<t:Y xmlns:t="urn:&#34;&amp;&lt;"><t:type>a&amp;b</t:type><t:date>2026-11-21</t:date><t:version>1</t:version></t:Y>`,
			string(advis.Payload))
	})
}
