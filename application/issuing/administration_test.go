package issuing_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/issuing"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/identity"
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
