package willkeeping

import (
	"context"
	"slices"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/will"
)

// callers is a set of capacities in which somebody may call.
type callers uint8

// The capacities. Who has none is nobody.
const (
	citizens      callers = 1 << iota // with a token of their own
	professionals                     // authorised, with an ID card of level 4
	dentists                          // professionals whose education is a dentist's, and who are allowed less
	systems                           // without user
	administrators

	nobody callers = 0
)

// operation is one that may be called.
type operation struct {
	where    audit.Context
	activity string // as the citizen reads it in MinLog
	register will.Register
	may      callers // at the ordinary surface; at that of administrators they alone may, and everything
}

// in returns one of two values by the register that something is in.
func in[T any](reg will.Register, ltr, btr T) T {
	if reg == will.LTR {
		return ltr
	}
	return btr
}

func named(activity string, reg will.Register) string {
	return activity + " " + in(reg, "livstestamente", "behandlingstestamente")
}

func creating(reg will.Register) operation {
	return operation{in(reg, audit.CreateLivingWill, audit.CreateTreatmentWill), named("Oprettelse af", reg), reg, citizens}
}

func updating(reg will.Register) operation {
	return operation{in(reg, audit.UpdateLivingWill, audit.UpdateTreatmentWill), named("Ændring af", reg), reg, citizens}
}

func deleting(reg will.Register) operation {
	return operation{in(reg, audit.DeleteLivingWill, audit.DeleteTreatmentWill), named("Sletning af", reg), reg, citizens}
}

func upgrading() operation {
	return operation{audit.UpgradeToTreatmentWill, "Erstatning af livstestamente med behandlingstestamente", will.BTR, citizens}
}

func getting(reg will.Register) operation {
	return operation{in(reg, audit.GetLivingWill, audit.GetTreatmentWill), named("Opslag", reg), reg, citizens | professionals}
}

func gettingForced() operation {
	return operation{audit.GetForcedTreatment, named("Opslag", will.BTR) + " (tvang)", will.BTR, citizens | professionals | dentists}
}

func asking(reg will.Register) operation {
	may := citizens | professionals | systems
	return operation{in(reg, audit.HasLivingWill, audit.HasTreatmentWill), named("Kontrol af", reg), reg, in(reg, may, may|dentists)}
}

// admit tells whether the caller may use the operation for the citizen of the request. Nothing of the citizen is looked at.
func (k *Keeper) admit(ctx context.Context, c identity.Caller, req Request, op operation) error {
	as, may := k.capacity(c, req.Surface), op.may
	if req.Surface == will.Admin {
		may = administrators
	}
	if as&may == nobody {
		return ErrNotAuthorized
	}
	if as == systems {
		granted, err := k.Granted(ctx, GrantHas, c.Org.CVR)
		switch {
		case err != nil:
			return down("read grants", err)
		case !granted:
			return ErrNotAuthorized
		}
	}
	switch {
	case req.Citizen.IsZero():
		return ErrCitizen
	case as == citizens && !c.Is(req.Citizen):
		return ErrNotAuthorized
	}
	return nil
}

// capacity is in which capacity the caller calls at a surface.
func (k *Keeper) capacity(c identity.Caller, s will.Surface) callers {
	switch {
	case s == will.Admin:
		if c.Administers(k.AdminRoles) {
			return administrators
		}
	case c.InPerson():
		return citizens
	case c.Carded():
		return k.profession(c.EducationCode)
	case c.Unattended():
		return systems
	}
	return nobody
}

// profession is what a professional with an education is.
func (k *Keeper) profession(education string) callers {
	switch {
	case len(k.Educations) > 0 && !slices.Contains(k.Educations, education):
		return nobody
	case slices.Contains(k.DentistEducations, education):
		return dentists
	}
	return professionals
}
