package portstest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestFailingECPRStores(t *testing.T) {
	ctx := context.Background()
	ledger, persons := &portstest.FailingNumberLedger{}, &portstest.FailingPersonStore{}
	oids, roles := &portstest.FailingOIDTable{}, &portstest.FailingECPRRoles{}
	for _, f := range []*portstest.Failure{&ledger.OnClaim, &ledger.OnTaken, &persons.OnRead, &persons.OnCreate, &persons.OnUpdate, &oids.OnRead,
		&oids.OnWrite, &roles.OnRead, &roles.OnWrite} {
		f.FailFrom(1, errDown)
	}
	_, claim := ledger.Claim(ctx, ecpr.Number{}, time.Time{})
	_, taken := ledger.Taken(ctx, ecpr.Series{})
	_, get := persons.Get(ctx, ecpr.Identifier{})
	_, byID := persons.ByID(ctx, "")
	_, _, search := persons.Search(ctx, ecpr.Query{}, 1)
	_, changes := persons.Changes(ctx, 0, 1)
	_, read := oids.OIDs(ctx)
	_, has := roles.Has(ctx, "", cpr.Number{}, "")
	_, all := roles.Roles(ctx)
	_, assign := roles.Assign(ctx, ecpr.Assignment{})
	_, end := roles.End(ctx, ecpr.Assignment{})
	for i, err := range []error{claim, taken, get, byID, search, changes, persons.Create(ctx, ecpr.Person{}, ecpr.Act{}),
		persons.Update(ctx, ecpr.Act{}, nil, nil), read, oids.PutOID(ctx, ecpr.OID{}), has, all, assign, end} {
		require.ErrorIs(t, err, errDown, "call %d", i)
	}
}
