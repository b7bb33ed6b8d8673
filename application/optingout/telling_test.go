package optingout_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/relation"
)

// TestAudit: what the audit log is told of each call (nspop.dk, FGVHR audit log).
func TestAudit(t *testing.T) {
	const (
		patient = " patient-id(RPI)=0108501234 patient-id-source(RPI)=CPR"
		self    = patient + " actor-role(NPI)=CITIZEN actor-id(NPI)=0108501234 actor-id-source(NPI)=CPR"
		admin   = patient + " actor-role(NPI)=ADMIN actor-id(NPI)=0101010005 actor-id-source(NPI)=CPR"
	)
	h := newHouse()
	ctx := t.Context()
	t.Run("FA-06 delete without opt-out: it was looked up", func(t *testing.T) {
		require.Error(t, h.Delete(ctx, citizen(citizenC), citizenC, ""))
		assert.Equal(t, []string{"FGVHR/getConsent" + patient}, h.said())
	})
	t.Run("FA-13 register", func(t *testing.T) {
		h.register(t, citizen(citizenC), citizenC)
		assert.Equal(t, []string{"FGVHR/registerConsent" + self + " consent-status(SPI)=ACTIVE valid-from(RPI)=7"}, h.said())
	})
	t.Run("FA-13 register refused: no status", func(t *testing.T) {
		_, err := h.Register(ctx, citizen(citizenC), optingout.Registration{Citizen: citizenC})
		require.Error(t, err)
		assert.Equal(t, []string{"FGVHR/registerConsent" + self}, h.said())
	})
	t.Run("FA-13 get", func(t *testing.T) {
		for _, c := range []identity.Caller{citizen(citizenC), staff(), system()} {
			h.sees(t, c, citizenC)
			assert.Equal(t, []string{"FGVHR/getConsent" + patient}, h.said())
		}
	})
	t.Run("FG-11 update of an active one", func(t *testing.T) {
		h.set(fixedNow.Add(3 * 24 * time.Hour))
		v, err := h.Update(ctx, staff(), citizenC, fgvhr.Change{ID: h.kept(t, citizenC)[0].ID, CitizenCreated: formDate})
		require.NoError(t, err)
		assert.Equal(t, []string{"FGVHR/getConsent" + patient, "FGVHR/updateConsent" + admin + " consent-status(SPI)=ACTIVE valid-from(RPI)=4"}, h.said())
		h.set(fixedNow.AddDate(0, 1, 0))
		_, err = h.Update(ctx, staff(), citizenC, fgvhr.Change{ID: v.ID, CitizenCreated: formDate})
		require.NoError(t, err)
		assert.Equal(t, []string{"FGVHR/getConsent" + patient, "FGVHR/updateConsent" + admin + " consent-status(SPI)=ACTIVE valid-from(RPI)=0"}, h.said())
	})
	t.Run("FA-13 update refused: it was looked up", func(t *testing.T) {
		for _, c := range []fgvhr.Change{{ID: "x", Status: fgvhr.EnteredInError}, {CitizenCreated: day(2040, 1, 1)}} {
			_, err := h.Update(ctx, staff(), citizenC, c)
			require.Error(t, err)
			assert.Equal(t, []string{"FGVHR/getConsent" + patient}, h.said())
		}
	})
	t.Run("FA-13 delete", func(t *testing.T) {
		require.NoError(t, h.Delete(ctx, citizen(citizenC), citizenC, ""))
		assert.Equal(t, []string{"FGVHR/getConsent" + patient, "FGVHR/deleteConsent" + self + " consent-status(SPI)=INACTIVE"}, h.said())
	})
	t.Run("FA-13 update to entered in error: no days", func(t *testing.T) {
		_, err := h.Update(ctx, staff(), citizenC, fgvhr.Change{ID: h.get(t, staff(), citizenC).ID, Status: fgvhr.EnteredInError})
		require.NoError(t, err)
		assert.Equal(t, []string{
			"FGVHR/getConsent" + patient + patient, "FGVHR/updateConsent" + admin + " consent-status(SPI)=ENTERED-IN-ERROR",
		}, h.said(), "keys are repeated, not overwritten")
	})
	t.Run("FA-18 own rows alone", func(t *testing.T) {
		h.down["aliases"] = errSecret
		h.sees(t, system(), citizenC)
		assert.Equal(t, []string{"FGVHR/getConsent" + patient + " aliases(NPI)=unavailable"}, h.said())
		_, err := h.Register(ctx, citizen(citizenC), optingout.Registration{Citizen: citizenC})
		require.Error(t, err)
		assert.Equal(t, []string{"FGVHR/registerConsent" + self + " aliases(NPI)=unavailable"}, h.said())
	})
}

// TestNotices: each change is told once, with the day of Copenhagen and nothing of what it says.
func TestNotices(t *testing.T) {
	h := newHouse()
	ctx := t.Context()
	first := h.stored(t, formerC, fixedNow.AddDate(0, -1, 0), func(o *fgvhr.OptOut) { o.Status = fgvhr.Inactive })
	h.linked = true
	for _, c := range []struct {
		name string
		at   string
		date string
		do   func() error
	}{
		{"FA-16 register", "2026-11-21T22:05:10Z", "2026-11-21", func() error {
			_, err := h.Register(ctx, citizen(citizenC), optingout.Registration{Citizen: citizenC})
			return err
		}},
		{"FA-16 update", "2026-11-21T23:30:00Z", "2026-11-22", func() error {
			_, err := h.Update(ctx, staff(), citizenC, fgvhr.Change{ID: h.kept(t, citizenC)[0].ID, CitizenCreated: formDate})
			return err
		}},
		{"FA-16 delete", "2027-06-30T22:00:00Z", "2027-07-01", func() error { return h.Delete(ctx, citizen(citizenC), citizenC, "") }},
		{"FA-16 refused", "2027-06-30T22:00:01Z", "", func() error {
			if err := h.Delete(ctx, citizen(citizenC), citizenC, ""); err == nil {
				t.Error("got nil, want a refusal")
			}
			return nil
		}},
		{"FA-16 get", "2027-06-30T22:00:02Z", "", func() error { _, _, err := h.Get(ctx, citizen(citizenC), citizenC); return err }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.set(utc(c.at))
			require.NoError(t, c.do())
			sent := h.sent(t)
			if c.date == "" {
				assert.Empty(t, sent)
				return
			}
			require.Len(t, sent, 1)
			assert.NotEmpty(t, sent[0].ID)
			assert.Equal(t, notice.Notice{
				ID: sent[0].ID, Key: first.ID, To: notice.NAS, Created: utc(c.at),
				Advis: nas.Notification{
					Topic:  "http://sundhedsdatastyrelsen.dk/Fravalg-Af-Genoplivning/2023/06/01/:ConsentUpdatedNotification",
					ID:     "0108501234",
					IDType: "cpr",
					Payload: []byte(`<f:ConsentUpdatedNotification xmlns:f="http://sundhedsdatastyrelsen.dk/Fravalg-Af-Genoplivning/2023/06/01/">` +
						`<f:date value="` + c.date + `"/></f:ConsentUpdatedNotification>`),
				},
			}, sent[0])
		})
	}

	t.Run("the key of the first row is its own", func(t *testing.T) {
		h := newHouse()
		v := h.register(t, citizen(citizenC), citizenC)
		sent := h.sent(t)
		require.Len(t, sent, 1)
		assert.Equal(t, v.ID, sent[0].Key)
		assert.NotEqual(t, v.ID, sent[0].ID)
	})
	t.Run("a namespace is written as XML", func(t *testing.T) {
		h := newHouse()
		h.Topic = optingout.Topic{Name: "urn:t:T", IDType: "x", Namespace: `urn:a"&<`, Element: "E"}
		h.register(t, citizen(citizenC), citizenC)
		assert.Equal(t, `<f:E xmlns:f="urn:a&#34;&amp;&lt;"><f:date value="2026-11-21"/></f:E>`, string(h.sent(t)[0].Advis.Payload))
	})
}

// TestMinLog: what MinLog is told, before anything is changed or shown.
func TestMinLog(t *testing.T) {
	for i, op := range operations {
		activity := []string{
			"Registrering af fravalg af genoplivning", "Rettelse af fravalg af genoplivning", "Sletning af fravalg af genoplivning",
			"Opslag af fravalg af genoplivning",
		}[i]
		t.Run("MinLog "+op.name, func(t *testing.T) {
			h, id := prepared(t, op.name)
			h.before = func(what string) {
				if what == "minlog" {
					assert.NotContains(t, h.touched, "update", "it is told too late")
				}
			}
			require.NoError(t, op.do(h, staff(), citizenC, id))
			require.Len(t, h.entries, 1)
			e := h.entries[0]
			assert.NotEmpty(t, e.SequenceNumber)
			assert.Equal(t, minlog.Entry{
				System: "FGVHR", Activity: activity, From: fixedNow, To: fixedNow, Person: minlog.ID{Source: "CPR", Value: "0108501234"},
				User: minlog.ID{Source: "CPR", Value: "0101010005"}, UserName: "Sonja Staff", UserRole: adminRole,
				Org: minlog.ID{Source: "CVR", Value: sds}, OrgName: "Sundhedsdatastyrelsen", CorrelationID: messageID[:46],
				SequenceNumber: e.SequenceNumber,
			}, e)
		})
		t.Run("fgvhr.minlog off: "+op.name, func(t *testing.T) {
			h, id := prepared(t, op.name)
			h.Access = nil
			require.NoError(t, op.do(h, staff(), citizenC, id))
			assert.Empty(t, h.told())
		})
	}

	t.Run("a look that finds nothing", func(t *testing.T) {
		h := newHouse()
		assert.False(t, h.sees(t, citizen(citizenC), citizenC))
		assert.Len(t, h.told(), 1)
	})
	t.Run("a look by a system, without a person and for one", func(t *testing.T) {
		h, _ := prepared(t, "getConsent")
		assert.True(t, h.sees(t, system(), citizenC))
		assert.Empty(t, h.told())
		h.down["minlog"] = errSecret
		assert.True(t, h.sees(t, system(), citizenC), "MinLog is not needed")
		delete(h.down, "minlog")

		person := with(system(), func(c *identity.Caller) {
			c.OnBehalfOf = &identity.Principal{CPR: citizenB, Kind: relation.Proxy}
		})
		assert.True(t, h.sees(t, person, citizenC))
		require.Len(t, h.entries, 1)
		assert.Equal(t, minlog.ID{Source: "CPR", Value: citizenB.Digits()}, h.entries[0].User)
		h.down["minlog"] = errSecret
		_, ok, err := h.Get(t.Context(), person, citizenC)
		refused(t, optingout.ErrMinLog, err)
		assert.False(t, ok)
	})
	t.Run("it takes too long", func(t *testing.T) {
		h := newHouse()
		h.MinLogTimeout = time.Nanosecond // over before it is asked
		_, err := h.Register(t.Context(), citizen(citizenC), optingout.Registration{Citizen: citizenC})
		refused(t, optingout.ErrMinLog, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Empty(t, h.kept(t, citizenC))
	})
}
