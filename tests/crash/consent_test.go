package crash

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/hsuid"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/tests/minlogtest"
	"github.com/opennsp/nsp/tests/process"
)

// TestCT16BlockBindsEveryProcess has citizens block all their data at one of two processes on one database, and revoke it. Once that is
// answered, the other process says so to a doctor who asks, every time.
func TestCT16BlockBindsEveryProcess(t *testing.T) {
	skipIfShort(t)
	const clients = 8
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
				blockAndRevoke(t, portal.At(servers[i%2].URL), asking.At(servers[1-i%2].URL), consenting.Question{
					Citizen: citizens[i], Acting: acting, Org: place,
				})
			}
		})
	}
	all.Wait()
}

// blockAndRevoke has the citizen of the question block everybody at one process and revoke it; another one is asked after each.
func blockAndRevoke(t *testing.T, portal, asking *process.Client, q consenting.Question) {
	t.Helper()
	administration := portal.For(identity.HSUID{UserType: "nsi:Citizen", Acting: q.Citizen, SystemName: "Test"}).Consent()
	ids, err := administration.AddConstraint(t.Context(), []consenting.Addition{{
		Citizen: q.Citizen, Draft: consent.Draft{Valid: validity.Period{From: time.Now().Truncate(time.Millisecond)}},
	}})
	if !assert.NoError(t, err) || !assert.Len(t, ids, 1) {
		return
	}
	answer, err := asking.Consent().UserCheck(t.Context(), q)
	assert.NoError(t, err)
	assert.Equal(t, consent.Negative, answer, "what is blocked is not shown")
	_, err = administration.Revoke(t.Context(), []consenting.Revocation{{ID: ids[0], Citizen: q.Citizen}})
	assert.NoError(t, err)
	answer, err = asking.Consent().UserCheck(t.Context(), q)
	assert.NoError(t, err)
	assert.Equal(t, consent.PositiveAnswer, answer, "what was revoked blocks no more")
}

func number(t *testing.T, digits string) cpr.Number {
	t.Helper()
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	return n
}
