package issuing

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/identity"
)

// Get returns the registration with an X-eCPR, of a merged one the survivor's, or with another identifier in force; false if there is none.
func (r *Registry) Get(ctx context.Context, _ identity.Caller, id ecpr.Identifier) (ecpr.Person, bool, error) {
	r.Trail.Note(ctx, audit.ECPR, audit.GetPerson)
	table, err := r.Table(ctx)
	if err != nil {
		return ecpr.Person{}, false, err
	}
	if id, err = table.Normalise(id); err != nil {
		return ecpr.Person{}, false, err
	}
	p, found, err := maybe(r.find(ctx, id))
	if err != nil {
		return ecpr.Person{}, false, err
	}
	if found {
		r.Trail.Note(ctx, audit.ECPR, audit.GetPerson, audit.PersonID.Is(p.Number.Text()))
	}
	if !found || p.Number.Text() != id.Value { // what was asked for
		r.noteLinked(ctx, audit.GetPerson, []ecpr.Identifier{id})
	}
	return p, found, nil
}

// ByID returns the registration with an id, also one that was merged away; false if there is none.
func (r *Registry) ByID(ctx context.Context, _ identity.Caller, id ecpr.PersonID) (ecpr.Person, bool, error) {
	r.Trail.Note(ctx, audit.ECPR, audit.GetPerson)
	p, found, err := maybe(r.byID(ctx, id))
	if found {
		r.Trail.Note(ctx, audit.ECPR, audit.GetPerson, audit.PersonID.Is(p.Number.Text()))
	}
	return p, found, err
}

// maybe takes a registration that is not there for no error.
func maybe(p ecpr.Person, err error) (ecpr.Person, bool, error) {
	if errors.Is(err, ecpr.ErrPersonUnknown) {
		return ecpr.Person{}, false, nil
	}
	return p, err == nil, err
}

// Search returns the registrations that match a query, at most SearchMax, latest change first; truncated tells that there are more. What is
// wrong with the query is a [ecpr.Problem], or ecpr.ErrTooBroad.
func (r *Registry) Search(ctx context.Context, _ identity.Caller, query string) (found []ecpr.Person, truncated bool, err error) {
	r.Trail.Note(ctx, audit.ECPR, audit.SearchPerson, audit.Query.Is(query))
	q, err := ecpr.ParseQuery(query)
	if err != nil {
		return nil, false, err
	}
	most := r.SearchMax
	if most <= 0 {
		most = defaultMax
	}
	found, truncated, err = r.Persons.Search(ctx, q, most)
	if err != nil {
		return nil, false, fmt.Errorf("search registrations: %w", err)
	}
	numbers := make([]string, len(found))
	for i, p := range found {
		numbers[i] = p.Number.Text()
	}
	r.Trail.Note(ctx, audit.ECPR, audit.SearchPerson, audit.Hits.Is(strconv.Itoa(len(found))),
		audit.Truncated.Is(strconv.FormatBool(truncated)),
		audit.Information{Key: audit.HitID.Name, Class: audit.HitID.Class, List: numbers})
	return found, truncated, nil
}
