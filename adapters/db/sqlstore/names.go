package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// PersonNames returns the names of persons.
func (db *DB) PersonNames() ports.PersonNames {
	return personNames{db, registerNamed(stamdata.CPRPerson), registerNamed(stamdata.Authorisations)}
}

// personNames reads the names of persons.
type personNames struct {
	db                     *DB
	person, authorisations registerTable
}

var _ ports.PersonNames = personNames{}

// namesEngine is what finding many keys at once differs in between the databases.
type namesEngine interface {
	// among is the condition that a column is one of any number of values, which are one parameter.
	among(column string, values []string) (where string, arg any, err error)
}

func (*sqliteEngine) among(column string, values []string) (string, any, error) {
	list, err := json.Marshal(values)
	return column + " IN (SELECT value FROM json_each(?))", string(list), err
}

func (*postgresEngine) among(column string, values []string) (string, any, error) {
	return column + " = ANY(?)", values, nil
}

// Names reads the register of authorisations first: those who have them may have protected names.
func (s personNames) Names(ctx context.Context, ids []minlog.ID, at time.Time) (map[minlog.ID]string, error) {
	persons, numbers := []string{}, []string{}
	for _, id := range ids {
		switch id.Source {
		case minlog.CPR:
			persons = append(persons, id.Value)
		case minlog.Authorisation:
			numbers = append(numbers, stamdata.NormalAuthorisation(id.Value))
		}
	}
	rows, err := s.find(ctx, s.authorised, numbers)
	if err != nil {
		return nil, fmt.Errorf("find the names of professionals: %w", err)
	}
	var authorisations []stamdata.Authorisation
	for _, r := range rows {
		a := stamdata.AuthorisationOf(s.authorisations.Register, r.Row, r.opened, r.closed)
		authorisations = append(authorisations, a)
		persons = append(persons, a.CPR.Digits())
	}
	rows, err = s.find(ctx, s.current, persons)
	if err != nil {
		return nil, fmt.Errorf("find the names of persons: %w", err)
	}
	var citizens []stamdata.Citizen
	for _, r := range rows {
		citizens = append(citizens, stamdata.CitizenOf(r.Row, r.opened, r.closed))
	}
	return stamdata.NamesOf(ids, authorisations, citizens, at), nil
}

// authorised picks the authorisations with numbers.
func (s personNames) authorised(numbers []string) (pick, error) {
	where, arg, err := s.db.among("o.autorisationsnummer", numbers)
	p := s.authorisations.latest(where)
	p.args = []any{arg}
	return p, err
}

// current picks the rows of persons.
func (s personNames) current(persons []string) (pick, error) {
	where, arg, err := s.db.among("o.cpr", persons)
	return pick{s.person, "o.valid_to IS NULL AND " + where, []any{arg}}, err
}

// find returns what picked picks, each value once, and asks nothing where there are none.
func (s personNames) find(ctx context.Context, picked func([]string) (pick, error), values []string) ([]registerRow, error) {
	if len(values) == 0 {
		return nil, ctx.Err()
	}
	slices.Sort(values)
	p, err := picked(slices.Compact(values))
	if err != nil {
		return nil, err
	}
	found, err := s.db.read(ctx).pick(ctx, p)
	return found[0], err
}
