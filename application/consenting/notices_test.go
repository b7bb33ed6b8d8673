package consenting_test

import (
	"context"
	"log/slog"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/application/relaying"
	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports/portstest"
)

// taken asserts that MinLog takes the notices as they are.
func taken(t require.TestingT, h *house, ns []notice.Notice) {
	rules := minlog.Rules{Interface: minlog.Interface20250312, Now: h.clock(), MaxPeriod: math.MaxInt64}
	for _, n := range ns {
		e := n.Entry
		e.SequenceNumber = n.ID
		kept, err := rules.Taken([]minlog.Entry{e})
		require.NoError(t, err)
		require.Equal(t, []minlog.Entry{e}, kept, "MinLog keeps it as it is")
		require.NotRegexp(t, `^\d{10}$`, n.Key, "a key names no person")
	}
}

// TestNotices shows what the citizen reads in MinLog of each change and each look.
func TestNotices(t *testing.T) {
	h := newHouse(t)
	ctx, me := t.Context(), token(citizenC)
	want := minlog.Entry{
		System: "MinSpærring", From: fixedNow, To: fixedNow, Person: minlog.ID{Source: minlog.CPR, Value: "0101010101"},
		User: minlog.ID{Source: minlog.CPR, Value: "0101010101"}, UserRole: "Borger", CorrelationID: messageID[:46],
	}
	one := func(activity, key string) {
		t.Helper()
		all := h.told(t)
		require.Len(t, all, 1)
		want.Activity = activity
		assert.Equal(t, want, all[0].Entry)
		assert.Equal(t, notice.MinLog, all[0].To)
		assert.Equal(t, fixedNow, all[0].Created)
		assert.Len(t, all[0].ID, 36)
		if key == "" {
			key = all[0].ID
		}
		assert.Equal(t, key, all[0].Key)
		taken(t, h, all)
	}
	for kind, texts := range map[consent.Kind][3]string{
		consent.Constraint: {"Spærring oprettet", "Spærring ændret", "Spærring ophævet"},
		consent.Positive:   {"Positivt samtykke oprettet", "Positivt samtykke ændret", "Positivt samtykke tilbagekaldt"},
	} {
		r := h.add(t, citizenC, kind, always())
		one(texts[0], r.ID.String())
		_, err := h.Modify(ctx, me, []consenting.Modification{{ID: r.ID, Citizen: citizenC, Kind: kind, Draft: always()}})
		require.NoError(t, err)
		one(texts[1], r.ID.String())
		_, err = h.Revoke(ctx, me, []consenting.Revocation{{ID: r.ID, Citizen: citizenC}})
		require.NoError(t, err)
		one(texts[2], r.ID.String())
		require.NoError(t, second(h.Get(ctx, me, citizenC)))
		one("Opslag af spærringer og samtykker", "")
		require.NoError(t, second(h.Versions(ctx, me, citizenC, r.ID)))
		one("Opslag af spærringer og samtykker", "")
		require.NoError(t, second(h.Explain(ctx, me, question(citizenC), time.Time{}, nil)))
		one("Opslag af spærringer og samtykker", "")
	}

	t.Run("CT-29 staff, from where they call", func(t *testing.T) {
		both := []consenting.Addition{addition(citizenC, consent.Constraint, nil), addition(citizenC, consent.Positive, nil)}
		require.NoError(t, second(h.Add(ctx, staff(), both)))
		all := h.told(t)
		require.Len(t, all, 2, "one each")
		taken(t, h, all)
		for _, n := range all {
			assert.Equal(t, [4]string{"SpaerAdminR8", "0101010005", "0101010101", "SOR:" + hospital},
				[4]string{n.Entry.UserRole, n.Entry.User.Value, n.Entry.Person.Value, string(n.Entry.Org.Key())})
		}
	})

	t.Run("UC-5 organisations as MinLog knows them", func(t *testing.T) {
		for _, c := range []struct {
			scheme, code, want string
		}{
			{"nsi:sor", ward, "SOR:" + ward}, {"nsi:sor", otherRegion + "0000", ":"}, {"nsi:skskode", wardSHAK, "SOR:" + ward},
			{"nsi:skskode", "9998", ":"}, {"nsi:ynumber", "012345", "YDER:012345"}, {"nsi:ynumber", "1234567", ":"}, {"nsi:ynumber", "12A", ":"},
			{"", ward, ":"}, {"nsi:other", ward, ":"}, {"nsi:sor", "", ":"},
		} {
			caller := edited(portal(granted, citizenC), func(p *identity.Caller) {
				p.HSUID.Org = identity.OrgID{Scheme: c.scheme, Code: c.code}
				p.Org.IDs = nil
			})
			require.NoError(t, second(h.Get(ctx, caller, citizenC)))
			all := h.told(t)
			require.Len(t, all, 1)
			taken(t, h, all)
			assert.Equal(t, c.want, string(all[0].Entry.Org.Key()), "%s %s", c.scheme, c.code)
		}
		card := edited(staff(), func(c *identity.Caller) { c.HSUID = nil; cardOf("medcom:ynumber", "054321")(c) })
		require.NoError(t, second(h.Get(ctx, card, citizenC)))
		assert.Equal(t, "YDER:054321", string(h.told(t)[0].Entry.Org.Key()), "without header, the card's")
	})
}

// TestNoticesAreTaken: whatever a caller is called, MinLog takes what it is told of it.
func TestNoticesAreTaken(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("aZ0æ€-: 😀")), 0, 300, -1)
	h := newHouse(t)
	h.MaxActive = math.MaxInt
	rapid.Check(t, func(rt *rapid.T) {
		role := text.Draw(rt, "role")
		caller := edited(staff(), func(c *identity.Caller) {
			c.NationalRole, c.MessageID, c.SystemName = role, text.Draw(rt, "message"), text.Draw(rt, "system")
			c.HSUID.SystemName = "x" + text.Draw(rt, "header's system")
			scheme := rapid.SampledFrom([]string{"nsi:sor", "nsi:skskode", "nsi:ynumber", ""}).Draw(rt, "scheme")
			c.HSUID.Org = identity.OrgID{Scheme: scheme, Code: text.Draw(rt, "code")}
		})
		h.Roles = []string{role}
		stored, err := h.Add(t.Context(), caller, []consenting.Addition{addition(citizenC, consent.Positive, nil)})
		if role == "" {
			require.Error(rt, err)
			return
		}
		require.NoError(rt, err)
		assert.LessOrEqual(rt, len([]rune(stored[0].Created.System)), 200)
		require.NoError(rt, second(h.Get(t.Context(), caller, citizenC)))
		all := h.told(t)
		require.Len(rt, all, 2)
		taken(rt, h, all)
	})
}

// TestMinLogDown: the caller does not wait for MinLog, and MinLog is told in the end, once.
func TestMinLogDown(t *testing.T) {
	t.Run("CT-41 MinLog is down", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			first := h.add(t, citizenC, consent.Constraint, consent.Draft{Valid: validity.Period{From: fixedNow}})
			kept := &portstest.RecordingAccessLog{}
			access := &portstest.FailingAccessLog{Access: kept}
			access.OnLog.FailFrom(1, errSecret)
			discard := slog.New(slog.DiscardHandler)
			relay := &relaying.Relay{
				Outbox: h.db.Outbox(), Access: access, Trail: admitting.Trail{}, Now: time.Now, Log: discard,
				Runner: &scheduling.Runner{Units: h.db.Units(), Audit: &memory.AuditLog{}, Now: time.Now, NewID: h.newID, Log: discard},
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { relay.Run(ctx); close(done) }()
			time.Sleep(time.Minute) // of the bubble
			assert.Empty(t, kept.Kept())
			assert.Len(t, h.kept(t, citizenC), 1)
			access.OnLog.Heal()
			time.Sleep(10 * time.Minute)
			cancel()
			<-done
			require.Len(t, kept.Kept(), 1)
			assert.Equal(t, "Spærring oprettet", kept.Kept()[0].Activity)
			assert.Len(t, kept.Kept()[0].SequenceNumber, 36)
			assert.NotContains(t, kept.Kept()[0].SequenceNumber, first.ID.String())
			assert.Empty(t, h.told(t))
		})
	})
}
