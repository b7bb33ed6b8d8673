package ports

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/stamdata"
)

// The ports of this file read registers. They are safe for concurrent use. What is not there is fault.NotFound where a method returns one
// thing, and nothing where it returns several; a register that cannot be read is fault.Unavailable: the two always differ. The caller owns
// what is returned.

// Citizens reads the CPR register.
type Citizens interface {
	// Citizen returns the current row of n, whatever its status; stamdata.ErrUnknown if there is none.
	Citizen(ctx context.Context, n cpr.Number) (stamdata.Citizen, error)
}

// Relations tells who may act for whom.
type Relations interface {
	// Between returns the relations of actor to subject that are valid at an instant, none if there are none, as stamdata.Registered has them
	// (custody of a living child under 18 by a living person; guardianship; proxies).
	Between(ctx context.Context, actor, subject cpr.Number, at time.Time) ([]relation.Relation, error)
}

// Aliases tells which numbers are one person's.
type Aliases interface {
	// Of returns every CPR number that the person with n has or had, n first (also where the register does not know it), the others in the
	// order of their digits: numbers that were replaced, in both directions (of current rows); and the X-eCPR numbers of registrations with one
	// of them as an active identifier, ordered.
	Of(ctx context.Context, n cpr.Number) ([]cpr.Number, []ecpr.Number, error)
}

// CPRRegister is what the CPR look-up and person information read.
type CPRRegister interface {
	Citizens
	Relations
	// Family returns the relations of n whose rows are valid at an instant, oldest row first, as stamdata.FamilyOf has them.
	Family(ctx context.Context, n cpr.Number, at time.Time) (stamdata.Family, error)
	// Insured returns the current row of n with its practices (stamdata.InsuredOf); stamdata.ErrUnknown if there is none.
	Insured(ctx context.Context, n cpr.Number) (stamdata.Insured, error)
	// Prior returns the number whose current row has n, another one, as its current number; of several the latest by status date (none
	// first) and digits. stamdata.ErrUnknown if there is none.
	Prior(ctx context.Context, n cpr.Number) (cpr.Number, error)
	// Deceased returns at most n numbers of persons who are dead since the day of an instant or a later one (stamdata.Citizen.DeceasedSince),
	// after the number after, in the order of their digits.
	Deceased(ctx context.Context, since time.Time, after cpr.Number, n int) ([]cpr.Number, error)
}

// Authorisations reads the register of authorisations.
type Authorisations interface {
	// ByNumber returns the authorisation with a number that is valid at an instant; of several educations the first by code. The number is
	// taken in any case (stamdata.NormalAuthorisation). stamdata.ErrUnknown if there is none.
	ByNumber(ctx context.Context, number string, at time.Time) (stamdata.Authorisation, error)
	// ByPerson returns the authorisations of n that are valid at an instant, ordered by number and education.
	ByPerson(ctx context.Context, n cpr.Number, at time.Time) ([]stamdata.Authorisation, error)
}

// Delegations reads the register of delegations.
type Delegations interface {
	// Between returns the delegations from delegator to delegate that are valid at an instant, have a status that counts, and are for
	// delegates of the organisation cvr or of any (stamdata.Delegation.Counts), ordered by code.
	Between(ctx context.Context, delegator, delegate cpr.Number, cvr string, at time.Time) ([]stamdata.Delegation, error)
}

// OrgUnits reads the SOR register as a whole.
type OrgUnits interface {
	// Units returns the latest row of every unit, closed ones too, in no order.
	Units(ctx context.Context) ([]org.Unit, error)
	// Loaded tells which state of the register is current: another number after every load that changed it.
	Loaded(ctx context.Context) (int64, error)
}

// OrgTrees gives the tree of organisations.
type OrgTrees interface {
	// Current returns the tree: immutable, never nil, maybe empty. It is replaced as a whole when the register is loaded.
	Current() *org.Tree
}
