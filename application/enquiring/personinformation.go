package enquiring

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// ErrNoPerson is returned where the register has no such person, or does not have, or may not tell, what was asked for.
var ErrNoPerson error = fault.Error{Kind: fault.NotFound, Code: "no_person", Text: "There is no such person."}

// MaxDeceased is how many numbers of the dead are told at once.
const MaxDeceased = 2000

// PersonInformation answers single questions about a person. Whether the caller may ask, its policy says. It is safe for concurrent use; its
// fields are not changed after the first call.
type PersonInformation struct {
	Register       ports.CPRRegister
	Trail          ports.Trail
	Now            func() time.Time
	ActiveStatuses []string // of persons who are active (PI-01)
}

// CustodyOver is whom a person has custody of, oldest row first.
type CustodyOver struct {
	Children []stamdata.InCustody
	Wards    []cpr.Number
}

// Exists returns the number of a person that the register has, whatever the status.
func (p *PersonInformation) Exists(ctx context.Context, caller identity.Caller, number string) (cpr.Number, error) {
	c, err := p.citizen(ctx, caller, number)
	return c.CPR, err
}

// Status returns the status of a person, two digits.
func (p *PersonInformation) Status(ctx context.Context, caller identity.Caller, number string) (string, error) {
	c, err := p.citizen(ctx, caller, number)
	return c.Status, err
}

// Active tells whether a person is active.
func (p *PersonInformation) Active(ctx context.Context, caller identity.Caller, number string) (bool, error) {
	c, err := p.citizen(ctx, caller, number)
	return err == nil && c.Active(p.ActiveStatuses), err
}

// Age returns the whole years of a person today, or at death; ErrNoPerson where they cannot be told.
func (p *PersonInformation) Age(ctx context.Context, caller identity.Caller, number string) (int, error) {
	c, err := p.citizen(ctx, caller, number)
	if err != nil {
		return 0, err
	}
	age, err := c.Age(calendar.DayOf(p.Now()))
	if err != nil {
		return 0, ErrNoPerson
	}
	return age, nil
}

// Birthday returns the birth date of a person; ErrNoPerson where it is not known.
func (p *PersonInformation) Birthday(ctx context.Context, caller identity.Caller, number string) (calendar.Day, error) {
	c, err := p.citizen(ctx, caller, number)
	if err != nil {
		return calendar.Day{}, err
	}
	birth, ok := c.Birth()
	if !ok {
		return calendar.Day{}, ErrNoPerson
	}
	return birth, nil
}

// Custody returns whom a person has custody or guardianship of.
func (p *PersonInformation) Custody(ctx context.Context, caller identity.Caller, number string) (over CustodyOver, err error) {
	r := stamdata.Record{}
	if r.Citizen, err = p.citizen(ctx, caller, number); err != nil {
		return over, err
	}
	now := p.Now()
	if r.Family, r.Relatives, err = family(ctx, p.Register, r.Citizen.CPR, now); err != nil {
		return over, either(err, nil)
	}
	over.Children, over.Wards = r.CustodyOver(now)
	return over, nil
}

// Name returns the name of a person; ErrNoPerson where it is protected or not known.
func (p *PersonInformation) Name(ctx context.Context, caller identity.Caller, number string) (stamdata.Name, error) {
	c, err := p.citizen(ctx, caller, number)
	if err == nil && (c.Protected(p.Now()) || c.Name == stamdata.Name{}) {
		err = ErrNoPerson
	}
	if err != nil {
		return stamdata.Name{}, err
	}
	return c.Name, nil
}

// Address returns the address of a person; ErrNoPerson where it is protected, not known, or there is none.
func (p *PersonInformation) Address(ctx context.Context, caller identity.Caller, number string) (stamdata.Address, error) {
	c, err := p.citizen(ctx, caller, number)
	if err != nil {
		return stamdata.Address{}, err
	}
	a, ok := c.HomeAddress()
	if !ok || c.Protected(p.Now()) {
		return stamdata.Address{}, ErrNoPerson
	}
	return a, nil
}

// Deceased returns the next numbers, at most MaxDeceased, of persons who are dead since a day, after a number, in the order of their digits.
func (p *PersonInformation) Deceased(ctx context.Context, caller identity.Caller, since calendar.Day, after cpr.Number) ([]cpr.Number, error) {
	p.Trail.Note(ctx, audit.SDM, audit.DeceasedLookup, audit.ClientCVR.Is(caller.Org.CVR))
	all, err := p.Register.Deceased(ctx, since.Start(), after, MaxDeceased)
	if err != nil {
		return nil, either(err, nil)
	}
	return all, nil
}

// citizen returns the row of a person. It says in the audit log who asks for whom: whether there is such a person, not whether that person is
// protected.
func (p *PersonInformation) citizen(ctx context.Context, caller identity.Caller, number string) (c stamdata.Citizen, err error) {
	defer func() { p.Trail.Note(ctx, audit.SDM, audit.PersonLookup, asked(caller, number, err)...) }()
	n, err := cpr.Parse(number)
	if err != nil || n.Digits() != number {
		return c, ErrNoPerson
	}
	c, err = p.Register.Citizen(ctx, n)
	switch {
	case fault.Is(err, fault.NotFound):
		return stamdata.Citizen{}, ErrNoPerson
	case err != nil:
		return stamdata.Citizen{}, either(err, nil)
	}
	return c, nil
}
