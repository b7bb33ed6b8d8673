package optingout

import (
	"context"

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
		r.note(ctx, where, patient(citizen), actor(caller, r.administers(caller)))
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
			return fgvhr.ErrNotAuthorized
		}
	default:
		return fgvhr.ErrNotAuthorized
	}
	switch {
	case citizen.IsZero():
		return fgvhr.ErrCitizen
	case self && !c.Is(citizen):
		return fgvhr.ErrNotAuthorized
	}
	return nil
}

func (r *Registrar) administers(c identity.Caller) bool { return c.Administers(r.AdminRoles) }

// Roles of actors (CITIZEN: nspop.dk, FGVHR audit log).
const (
	roleCitizen      = "CITIZEN"
	roleAdmin        = "ADMIN"
	roleProfessional = "HEALTHCARE_PROFESSIONAL"
	roleSystem       = "SYSTEM"
)

// actor is who made a row: the citizen, or an administrator.
func (r *Registrar) actor(c identity.Caller) fgvhr.Actor {
	a := fgvhr.Actor{Role: roleCitizen, ID: c.CPR.Digits(), Source: cprSource, Org: c.Org.CVR, Name: c.Org.Name}
	if r.administers(c) {
		a.Role = roleAdmin
	}
	return a
}

// cprSource is what CPR numbers are from.
const cprSource = "CPR"

// note says in the audit log what was done, or tried.
func (r *Registrar) note(ctx context.Context, where audit.Context, parts ...[]audit.Information) {
	var info []audit.Information
	for _, p := range parts {
		info = append(info, p...)
	}
	r.Trail.Note(ctx, audit.FGVHR, where, info...)
}

// patient is what the audit log tells of whom a call is about.
func patient(n cpr.Number) []audit.Information {
	source := ""
	if !n.IsZero() {
		source = cprSource
	}
	return []audit.Information{audit.PatientID.Is(n.Digits()), audit.PatientIDSource.Is(source)}
}

// actor is what the audit log tells of who calls.
func actor(c identity.Caller, administers bool) []audit.Information {
	role, id, source := "", c.CPR.Digits(), cprSource
	switch c.Kind {
	case identity.Citizen:
		role = roleCitizen
	case identity.Professional:
		role = roleProfessional
		switch {
		case administers:
			role = roleAdmin
		case c.Authorised():
			id, source = c.AuthorisationCode, "AUTH"
		}
	case identity.System:
		role, id, source = roleSystem, c.Org.CVR, "CVR"
	case identity.Unknown, identity.Operator:
	}
	if id == "" {
		source = ""
	}
	return []audit.Information{audit.ActorRole.Is(role), audit.ActorID.Is(id), audit.ActorIDSource.Is(source)}
}
