package optingout

import (
	"context"
	"slices"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/identity"
)

// admit tells whether the caller may do something with a citizen's opt-out (the matrix of nspop.dk's user types: a citizen with her own, but not
// Update; administrators with everybody's; systems with the grant read). It is the same whether there is one or not. A refusal is noted.
func (r *Registrar) admit(ctx context.Context, where audit.Context, caller identity.Caller, citizen cpr.Number) error {
	err := r.may(ctx, where, caller, citizen)
	if err != nil {
		r.note(ctx, where, patient(citizen), r.calls(caller))
	}
	return err
}

func (r *Registrar) may(ctx context.Context, where audit.Context, c identity.Caller, citizen cpr.Number) error {
	self := c.InPerson() && where != audit.UpdateConsent
	switch {
	case self, r.administers(c):
	case where == audit.GetConsent && c.Unattended():
		granted, err := r.Granted(ctx, GrantRead, c.Org.CVR)
		if err != nil {
			return down("read grants", err)
		}
		if !granted {
			return ErrNotAuthorized
		}
	default:
		return ErrNotAuthorized
	}
	switch {
	case citizen.IsZero():
		return ErrCitizen
	case self && !c.Is(citizen):
		return ErrNotAuthorized
	}
	return nil
}

func (r *Registrar) administers(c identity.Caller) bool { return c.Administers(r.AdminRoles) }

// actor is who made a row: the citizen, or an administrator.
func (r *Registrar) actor(c identity.Caller) fgvhr.Actor {
	who := c.Actor(r.administers(c))
	return fgvhr.Actor{Role: who.Role, ID: who.ID, Source: who.Source, Org: c.Org.CVR, Name: c.Org.Name}
}

// note says in the audit log what was done, or tried.
func (r *Registrar) note(ctx context.Context, where audit.Context, parts ...[]audit.Information) {
	r.Trail.Note(ctx, audit.FGVHR, where, slices.Concat(parts...)...)
}

// patient is what the audit log tells of whom a call is about.
func patient(n cpr.Number) []audit.Information {
	source := ""
	if !n.IsZero() {
		source = "CPR"
	}
	return []audit.Information{audit.PatientID.Is(n.Digits()), audit.PatientIDSource.Is(source)}
}

// calls is what the audit log tells of who calls.
func (r *Registrar) calls(c identity.Caller) []audit.Information {
	who := c.Actor(r.administers(c))
	return []audit.Information{audit.ActorRole.Is(who.Role), audit.ActorID.Is(who.ID), audit.ActorIDSource.Is(who.Source)}
}
