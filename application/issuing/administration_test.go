package issuing_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/issuing"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestAdministration(t *testing.T) {
	h := newHouse(t)
	a := &issuing.Administration{Roles: h.db.ECPRRoles(), OIDTable: h.db.OIDs(), Trail: h, NewID: h.newID}
	administrator, operator := user(doctor), identity.Caller{Kind: identity.Operator, Administrator: true}
	_, err := h.db.ECPRRoles().Assign(t.Context(), ecpr.Assignment{CVR: clinic, Person: number(doctor), Role: ecpr.WebAdministrator})
	require.NoError(t, err)
	h.coordinator(t, secretary)
	role := ecpr.Assignment{CVR: "12345678", Person: number(adult), Role: ecpr.Coordinator}
	row := ecpr.OID{OID: "1.2.3", Label: "L", Type: "T"}
	calls := func(caller identity.Caller) (errs []error) {
		ctx := t.Context()
		_, err := a.List(ctx, caller)
		errs = append(errs, err)
		_, err = a.Assign(ctx, caller, role)
		errs = append(errs, err)
		_, err = a.End(ctx, caller, role)
		return append(errs, err, a.PutOID(ctx, caller, row))
	}
	citizen := administrator
	citizen.Kind = identity.Citizen
	for _, caller := range []identity.Caller{{}, user(secretary), user(adult), citizen} {
		for i, err := range calls(caller) {
			assert.Equal(t, issuing.ErrNotAuthorised, err, i)
		}
	}
	for _, caller := range []identity.Caller{administrator, operator} {
		for i, err := range calls(caller) {
			assert.NoError(t, err, i)
		}
	}
	h.said()
	added, err := a.Assign(t.Context(), operator, role)
	require.NoError(t, err)
	assert.True(t, added)
	assert.Equal(t, []string{"eCPR/AssignRole role=eCPR-koordinator role-cvr=12345678 role-holder=" + adult}, h.said())
	all, err := a.List(t.Context(), operator)
	require.NoError(t, err)
	assert.Contains(t, all, role)
	ended, err := a.End(t.Context(), operator, role)
	require.NoError(t, err)
	assert.True(t, ended)
	_, err = a.Assign(t.Context(), operator, ecpr.Assignment{CVR: "1", Person: number(adult), Role: ecpr.Coordinator})
	refused(t, err, ecpr.ErrInvalid)
	refused(t, a.PutOID(t.Context(), operator, ecpr.OID{OID: "1.2.3", Label: "L", Type: "T", Pattern: "("}), ecpr.ErrInvalid)

	before, err := h.db.OIDs().OIDs(t.Context())
	require.NoError(t, err)
	require.NoError(t, issuing.LayIn(t.Context(), h.db.OIDs(), h.newID))
	after, err := h.db.OIDs().OIDs(t.Context())
	require.NoError(t, err)
	assert.Equal(t, before, after, "what is there stays as it is")
	assert.Len(t, after, 12)
}

// TestStoresDown shows that a store that fails gives nobody a right and takes nobody's away: the call fails, and the caller does not hear why.
func TestStoresDown(t *testing.T) {
	h := newHouse(t)
	h.coordinator(t, doctor)
	p, other := h.person(t), h.person(t)
	roles := &portstest.FailingECPRRoles{Store: h.db.ECPRRoles()}
	table := &portstest.FailingOIDTable{Table: h.db.OIDs()}
	h.Roles, h.OIDTable = roles, table
	a := &issuing.Administration{Roles: roles, OIDTable: table, Trail: h, NewID: h.newID}
	operator := identity.Caller{Kind: identity.Operator, Administrator: true}
	role := ecpr.Assignment{CVR: clinic, Person: number(adult), Role: ecpr.Coordinator}
	ctx := t.Context()
	ours := func(what string, err error) {
		t.Helper()
		require.ErrorIs(t, err, errSecret, what)
		_, told := fault.Of(err)
		assert.False(t, told, what)
	}

	roles.OnRead.FailFrom(1, errSecret)
	_, err := h.merge(t, p, other)
	ours("a merge", err)
	_, err = a.List(ctx, user(doctor))
	ours("roles of a web administrator", err)
	_, err = a.List(ctx, operator)
	ours("roles", err)
	roles.OnRead.Heal()

	roles.OnWrite.FailFrom(1, errSecret)
	_, err = a.Assign(ctx, operator, role)
	ours("assign", err)
	_, err = a.End(ctx, operator, role)
	ours("end", err)

	table.OnWrite.FailFrom(1, errSecret)
	ours("put", a.PutOID(ctx, operator, ecpr.OID{OID: "1.2.3", Label: "L", Type: "T"}))
	table.OnRead.FailFrom(1, errSecret)
	ours("lay in", issuing.LayIn(ctx, table, h.newID))
	_, err = h.OIDs(ctx)
	ours("the table", err)
	_, _, err = h.Get(ctx, user(doctor), key(p))
	ours("a registration", err)
	_, err = h.create(t)
	ours("a new one", err)
	_, err = h.update(t, p, add(ecpr.Male))
	ours("a change", err)
	_, err = h.merge(t, p, other)
	ours("a merge", err)
	assert.Equal(t, 2, h.issued)
}

// TestClaimComesFirst shows that a number is spent on its own, before anything is written: a call that wrote before gets none.
func TestClaimComesFirst(t *testing.T) {
	h := newHouse(t)
	err := h.in(t, func(ctx context.Context) error {
		require.NoError(t, h.db.OIDs().PutOID(ctx, ecpr.OID{OID: "1.2.3", Label: "L", Type: "T"}))
		_, err := h.Create(ctx, user(doctor), submission())
		return err
	})
	refusedAs(t, err, fault.Unavailable, fault.CodeProcessing)
	assert.Zero(t, h.issued)
}
