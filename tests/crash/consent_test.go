package crash

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/hsuid"
	"github.com/opennsp/nsp/adapters/soap/consentws"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/tests/minlogtest"
)

// TestCT16BlockBindsEveryProcess has citizens block all their data at one of two processes on one database, and some revoke it. Once that is
// answered, the other process says so to a doctor who asks, every time.
func TestCT16BlockBindsEveryProcess(t *testing.T) {
	skipIfShort(t)
	const clients, revoking = 8, 4 // every fourth revokes
	citizens := make([]cpr.Number, 1000)
	for i := range citizens {
		citizens[i] = number(t, minlogtest.Nobody(i))
	}
	servers, _ := pair(t)
	portal, err := servers[0].Client(t.Context(), "portal")
	require.NoError(t, err)
	acting := number(t, doctor)
	place := org.ID{Code: "900021000016003", Scheme: org.SOR}
	asking := portal.For(identity.HSUID{
		UserType: "nsi:HealthcareProfessional", Acting: acting, SystemName: "Test", Org: identity.OrgID{Scheme: hsuid.SOR, Code: place.Code},
	})
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			for i := client; i < len(citizens) && !t.Failed(); i += clients {
				q := consenting.Question{Citizen: citizens[i], Acting: acting, Org: place}
				administration := portal.At(servers[i%2].URL).For(identity.HSUID{UserType: "nsi:Citizen", Acting: q.Citizen, SystemName: "Test"}).Consent()
				verification := asking.At(servers[1-i%2].URL).Consent()
				block := blockAll(t, administration, q.Citizen)
				wantAnswer(t, verification, q, consent.Negative)
				if i/clients%revoking == 0 {
					_, err := administration.Revoke(t.Context(), []consenting.Revocation{{ID: block, Citizen: q.Citizen}})
					assert.NoError(t, err)
					wantAnswer(t, verification, q, consent.PositiveAnswer)
				}
			}
		})
	}
	all.Wait()
}

// blockAll has a citizen block everybody.
func blockAll(t *testing.T, administration *consentws.Client, citizen cpr.Number) consent.ID {
	t.Helper()
	ids, err := administration.AddConstraint(t.Context(), []consenting.Addition{{
		Citizen: citizen, Draft: consent.Draft{Valid: validity.Period{From: time.Now().Truncate(time.Millisecond)}},
	}})
	if !assert.NoError(t, err) || !assert.Len(t, ids, 1) {
		return 0
	}
	return ids[0]
}

func wantAnswer(t *testing.T, verification *consentws.Client, q consenting.Question, want consent.Answer) {
	t.Helper()
	got, err := verification.UserCheck(t.Context(), q)
	assert.NoError(t, err)
	assert.Equal(t, want, got)
}

func number(t *testing.T, digits string) cpr.Number {
	t.Helper()
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	return n
}
