package federating

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// RegisteredPeople are the persons of the CPR register and the register of authorisations; a list says who of them holds a certificate. What a
// register tells counts, whatever the list says: the name where there is one, and every authorisation. E-mail addresses and national roles are
// in no register and come from the list, as does the name of a person whom the CPR register does not know. It is safe for concurrent use.
type RegisteredPeople struct {
	List           ports.People
	Citizens       ports.Citizens
	Authorisations ports.Authorisations
	Now            func() time.Time
}

var _ ports.People = (*RegisteredPeople)(nil)

// ByCertificate returns the person whom the list names for the certificate.
func (p *RegisteredPeople) ByCertificate(ctx context.Context, subject trust.Subject) (identity.Person, error) {
	listed, err := p.List.ByCertificate(ctx, subject)
	if err != nil {
		return identity.Person{}, err
	}
	return p.registered(ctx, listed, true)
}

// ByCPR returns the person with a number, whom the list or the CPR register knows.
func (p *RegisteredPeople) ByCPR(ctx context.Context, n cpr.Number) (identity.Person, error) {
	listed, err := p.List.ByCPR(ctx, n)
	if errors.Is(err, identity.ErrUnknown) {
		return p.registered(ctx, identity.Person{CPR: n}, false)
	}
	if err != nil {
		return identity.Person{}, err
	}
	return p.registered(ctx, listed, true)
}

// registered is a person as the registers have them now. Who is dead, or whose number is annulled or was replaced, is nobody.
func (p *RegisteredPeople) registered(ctx context.Context, person identity.Person, listed bool) (identity.Person, error) {
	if person.CPR.IsZero() {
		return identity.Person{}, identity.ErrUnknown
	}
	citizen, err := p.Citizens.Citizen(ctx, person.CPR)
	switch {
	case err != nil && !fault.Is(err, fault.NotFound):
		return identity.Person{}, fmt.Errorf("read the CPR register: %w", err)
	case err != nil && !listed:
		return identity.Person{}, identity.ErrUnknown
	case err == nil && slices.Contains([]string{stamdata.StatusDead, stamdata.StatusAnnulled, stamdata.StatusDeleted, stamdata.StatusNewNumber}, citizen.Status):
		return identity.Person{}, identity.ErrUnknown
	case err == nil:
		given := citizen.Name.Given
		if citizen.Name.Middle != "" {
			given += " " + citizen.Name.Middle
		}
		person.GivenName, person.Surname = cmp.Or(given, person.GivenName), cmp.Or(citizen.Name.Surname, person.Surname)
	}
	authorisations, err := p.Authorisations.ByPerson(ctx, person.CPR, p.Now())
	if err != nil {
		return identity.Person{}, fmt.Errorf("read the register of authorisations: %w", err)
	}
	person.Authorisations = nil
	for _, a := range authorisations {
		person.Authorisations = append(person.Authorisations, identity.Authorisation{Code: a.Number, EducationCode: a.Education})
	}
	return person, nil
}
