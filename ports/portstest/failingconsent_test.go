package portstest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestFailingConsentStores(t *testing.T) {
	ctx, n := context.Background(), cpr.Number{}
	store, log := &portstest.FailingConsents{}, &portstest.FailingOverrides{}
	for _, f := range []*portstest.Failure{&store.OnRead, &store.OnUpdate, &store.OnExpire, &log.OnAppend, &log.OnRead, &log.OnExpire} {
		f.FailFrom(1, errDown)
	}
	_, active := store.Active(ctx, n)
	_, all := store.All(ctx, n)
	_, versions := store.Versions(ctx, n, 1)
	_, _, expireRevoked := store.ExpireRevoked(ctx, time.Time{}, 1)
	_, found := log.ByCitizen(ctx, n, validity.Period{}, "", 1)
	_, _, expire := log.Expire(ctx, time.Time{}, 1)
	for i, err := range []error{active, all, versions, store.Update(ctx, n, nil), expireRevoked, log.Append(ctx, consent.Override{}), found, expire} {
		require.ErrorIs(t, err, errDown, "call %d", i)
	}
}
