package issuing

import (
	"context"
	"fmt"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

// Administration is who has which role, and the table of identifier systems. Its caller is an administrator of the server, or has the role of a
// web administrator. It is safe for concurrent use.
type Administration struct {
	Roles    ports.ECPRRoles
	OIDTable ports.OIDTable
	Trail    ports.Trail
	NewID    func() string // a UUID
}

// List returns who has which role, ordered by CVR number, CPR number and role.
func (a *Administration) List(ctx context.Context, caller identity.Caller) ([]ecpr.Assignment, error) {
	a.Trail.Note(ctx, audit.ECPR, audit.ListRoles)
	if err := a.administers(ctx, caller); err != nil {
		return nil, err
	}
	all, err := a.Roles.Roles(ctx)
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	return all, nil
}

// Assign gives a role; added is false where it was given before.
func (a *Administration) Assign(ctx context.Context, caller identity.Caller, as ecpr.Assignment) (added bool, err error) {
	if err := a.admit(ctx, audit.AssignRole, caller, as); err != nil {
		return false, err
	}
	if added, err = a.Roles.Assign(ctx, as); err != nil {
		return false, fmt.Errorf("assign role: %w", err)
	}
	return added, nil
}

// End takes a role away; ended is false where nobody had it.
func (a *Administration) End(ctx context.Context, caller identity.Caller, as ecpr.Assignment) (ended bool, err error) {
	if err := a.admit(ctx, audit.EndRole, caller, as); err != nil {
		return false, err
	}
	if ended, err = a.Roles.End(ctx, as); err != nil {
		return false, fmt.Errorf("end role: %w", err)
	}
	return ended, nil
}

// PutOID adds or replaces the row of o.OID. Its UUID is given here, or stays.
func (a *Administration) PutOID(ctx context.Context, caller identity.Caller, o ecpr.OID) error {
	a.Trail.Note(ctx, audit.ECPR, audit.PutOID, audit.OID.Is(o.OID))
	if err := a.administers(ctx, caller); err != nil {
		return err
	}
	if err := o.Check(); err != nil {
		return err
	}
	o.UUID = a.NewID()
	if err := a.OIDTable.PutOID(ctx, o); err != nil {
		return fmt.Errorf("keep OID: %w", err)
	}
	return nil
}

// LayIn adds the rows of a new server to the table that has none of their OIDs. It is done at every start.
func LayIn(ctx context.Context, table ports.OIDTable, newID func() string) error {
	rows, err := table.OIDs(ctx)
	if err != nil {
		return fmt.Errorf("read table of OIDs: %w", err)
	}
	known := ecpr.NewTable(rows)
	for _, o := range ecpr.DefaultOIDs(newID) {
		if _, ok := known.Row(o.OID); ok {
			continue
		}
		if err := table.PutOID(ctx, o); err != nil {
			return fmt.Errorf("keep OID %s: %w", o.OID, err)
		}
	}
	return nil
}

func (a *Administration) admit(ctx context.Context, where audit.Context, caller identity.Caller, as ecpr.Assignment) error {
	a.Trail.Note(ctx, audit.ECPR, where, audit.RoleName.Is(string(as.Role)), audit.RoleCVR.Is(as.CVR),
		audit.RoleHolder.Is(as.Person.Digits()))
	if err := a.administers(ctx, caller); err != nil {
		return err
	}
	return as.Check()
}

func (a *Administration) administers(ctx context.Context, caller identity.Caller) error {
	if caller.Administrator {
		return nil
	}
	return hasRole(ctx, a.Roles, caller, ecpr.WebAdministrator)
}

// hasRole is ErrNotAuthorised unless the caller, a person at work by its own credential, has the role in its organisation.
func hasRole(ctx context.Context, roles ports.ECPRRoles, caller identity.Caller, role ecpr.Role) error {
	if caller.Kind != identity.Professional || caller.Vouched || caller.CPR == (cpr.Number{}) || caller.Org.CVR == "" {
		return ErrNotAuthorised
	}
	has, err := roles.Has(ctx, caller.Org.CVR, caller.CPR, role)
	switch {
	case err != nil:
		return fmt.Errorf("read roles: %w", err)
	case !has:
		return ErrNotAuthorised
	}
	return nil
}
