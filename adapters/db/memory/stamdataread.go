package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// Register returns the CPR register.
func (db *DB) Register() ports.CPRRegister { return cprRegister{db} }

// Aliases returns which numbers are one person's.
func (db *DB) Aliases() ports.Aliases { return aliases{db} }

// Authorisations returns the register of authorisations.
func (db *DB) Authorisations() ports.Authorisations { return authorisations{db} }

// Delegations returns the register of delegations, of which those with one of statuses count.
func (db *DB) Delegations(statuses []string) ports.Delegations {
	return delegations{db, slices.Clone(statuses)}
}

// OrgUnits returns the register of organisations.
func (db *DB) OrgUnits() ports.OrgUnits { return orgUnits{db} }

// latestOf reads the latest row of every key of a register; the lock is held.
func latestOf[T any](db *DB, name string, of func(r stamdata.Register, row stamdata.Row, opened, closed time.Time) T) []T {
	from := db.registers.registers[name]
	all := make([]T, 0, len(from.latest))
	for _, row := range from.latest {
		all = append(all, of(from.Register, row.row, row.opened, row.closed))
	}
	return all
}

// currentOf returns the current row of a key; the lock is held.
func (db *DB) currentOf(name, key string) (registerRow, bool) {
	row, ok := db.registers.registers[name].latest[key]
	return row, ok && row.current()
}

// citizen returns nil for a person whom the register does not have; the lock is held.
func (db *DB) citizen(n cpr.Number) *stamdata.Citizen {
	row, ok := db.currentOf(stamdata.CPRPerson, n.Digits())
	if !ok {
		return nil
	}
	c := stamdata.CitizenOf(row.row, row.opened, row.closed)
	return &c
}

// citizens calls f with each person whom the register has; the lock is held.
func (db *DB) citizens(f func(stamdata.Citizen)) {
	for _, row := range db.registers.registers[stamdata.CPRPerson].latest {
		if row.current() {
			f(stamdata.CitizenOf(row.row, row.opened, row.closed))
		}
	}
}

type cprRegister struct{ db *DB }

var _ ports.CPRRegister = cprRegister{}

func (s cprRegister) Citizen(ctx context.Context, n cpr.Number) (found stamdata.Citizen, err error) {
	err = s.db.read(ctx, func() error {
		c := s.db.citizen(n)
		if c == nil {
			return stamdata.ErrUnknown
		}
		found = *c
		return nil
	})
	return found, err
}

func (s cprRegister) Between(ctx context.Context, actor, subject cpr.Number, at time.Time) (all []relation.Relation, err error) {
	err = s.db.read(ctx, func() error {
		all = stamdata.Registered{
			Actor: s.db.citizen(actor), Subject: s.db.citizen(subject), Custody: latestOf(s.db, stamdata.CPRCustody, stamdata.KinOf),
			Guardians: latestOf(s.db, stamdata.CPRGuardian, stamdata.KinOf), Proxies: latestOf(s.db, stamdata.Proxies, stamdata.ProxyOf),
		}.Between(actor, subject, at)
		return nil
	})
	return all, err
}

func (s cprRegister) Family(ctx context.Context, n cpr.Number, at time.Time) (f stamdata.Family, err error) {
	err = s.db.read(ctx, func() error {
		f = stamdata.FamilyOf(n, latestOf(s.db, stamdata.CPRCustody, stamdata.KinOf), latestOf(s.db, stamdata.CPRChild, stamdata.KinOf),
			latestOf(s.db, stamdata.CPRGuardian, stamdata.KinOf), at)
		return nil
	})
	return f, err
}

func (s cprRegister) Insured(ctx context.Context, n cpr.Number) (found stamdata.Insured, err error) {
	err = s.db.read(ctx, func() error {
		row, ok := s.db.currentOf(stamdata.InsuredPersons, n.Digits())
		if !ok {
			return stamdata.ErrUnknown
		}
		found = stamdata.InsuredOf(row.row, func(number string) (stamdata.Practice, bool) {
			practice, ok := s.db.currentOf(stamdata.Practices, number)
			if !ok {
				return stamdata.Practice{}, false
			}
			return stamdata.PracticeOf(practice.row), true
		})
		return nil
	})
	return found, err
}

func (s cprRegister) Prior(ctx context.Context, n cpr.Number) (prior cpr.Number, err error) {
	err = s.db.read(ctx, func() error {
		var latest *stamdata.Citizen
		s.db.citizens(func(c stamdata.Citizen) {
			if c.Current != n || n.IsZero() || c.CPR == n {
				return
			}
			if latest == nil || latest.StatusSince.Before(c.StatusSince) ||
				latest.StatusSince == c.StatusSince && latest.CPR.Digits() < c.CPR.Digits() {
				latest = &c
			}
		})
		if latest == nil {
			return stamdata.ErrUnknown
		}
		prior = latest.CPR
		return nil
	})
	return prior, err
}

func (s cprRegister) Deceased(ctx context.Context, since time.Time, after cpr.Number, n int) (dead []cpr.Number, err error) {
	err = s.db.read(ctx, func() error {
		day := calendar.DayOf(since)
		s.db.citizens(func(c stamdata.Citizen) {
			if c.DeceasedSince(day) && c.CPR.Digits() > after.Digits() {
				dead = append(dead, c.CPR)
			}
		})
		sortNumbers(dead)
		return nil
	})
	return dead[:min(len(dead), max(n, 0))], err
}

func sortNumbers(all []cpr.Number) {
	slices.SortFunc(all, func(a, b cpr.Number) int { return cmp.Compare(a.Digits(), b.Digits()) })
}

type aliases struct{ db *DB }

var _ ports.Aliases = aliases{}

func (s aliases) Of(ctx context.Context, n cpr.Number) (numbers []cpr.Number, linked []ecpr.Number, err error) {
	err = s.db.read(ctx, func() error {
		numbers = s.db.numbersOf(n)
		linked = s.linked(numbers)
		return nil
	})
	return numbers, linked, err
}

// numbersOf returns a number and every other one that its person has or had, ordered; the lock is held.
func (db *DB) numbersOf(n cpr.Number) []cpr.Number {
	replaced := map[cpr.Number][]cpr.Number{} // both ways
	db.citizens(func(c stamdata.Citizen) {
		if !c.Current.IsZero() {
			replaced[c.CPR] = append(replaced[c.CPR], c.Current)
			replaced[c.Current] = append(replaced[c.Current], c.CPR)
		}
	})
	numbers := []cpr.Number{n}
	for i := 0; i < len(numbers); i++ {
		for _, other := range replaced[numbers[i]] {
			if !slices.Contains(numbers, other) {
				numbers = append(numbers, other)
			}
		}
	}
	sortNumbers(numbers[1:])
	return numbers
}

// linked returns the replacement numbers of registrations that have one of numbers as an active identifier; the lock is held.
func (s aliases) linked(numbers []cpr.Number) (linked []ecpr.Number) {
	for _, n := range numbers {
		id, ok := s.db.ecpr.active[identifier{ecpr.CPROID, n.Digits()}]
		if ok {
			linked = append(linked, s.db.ecpr.persons[id].Number)
		}
	}
	slices.SortFunc(linked, func(a, b ecpr.Number) int { return cmp.Compare(a.Text(), b.Text()) })
	return slices.Compact(linked)
}

type authorisations struct{ db *DB }

var _ ports.Authorisations = authorisations{}

func (s authorisations) ByNumber(ctx context.Context, number string, at time.Time) (stamdata.Authorisation, error) {
	number = stamdata.NormalAuthorisation(number)
	all, err := s.valid(ctx, at, func(a stamdata.Authorisation) bool { return a.Number == number })
	if err == nil && len(all) == 0 {
		err = stamdata.ErrUnknown
	}
	if err != nil {
		return stamdata.Authorisation{}, err
	}
	return all[0], nil
}

func (s authorisations) ByPerson(ctx context.Context, n cpr.Number, at time.Time) ([]stamdata.Authorisation, error) {
	return s.valid(ctx, at, func(a stamdata.Authorisation) bool { return a.CPR == n && !n.IsZero() })
}

func (s authorisations) valid(ctx context.Context, at time.Time, wanted func(stamdata.Authorisation) bool) (all []stamdata.Authorisation, err error) {
	err = s.db.read(ctx, func() error {
		for _, a := range latestOf(s.db, stamdata.Authorisations, stamdata.AuthorisationOf) {
			if wanted(a) && a.Valid.Contains(at) {
				all = append(all, a)
			}
		}
		return nil
	})
	slices.SortFunc(all, func(a, b stamdata.Authorisation) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Education, b.Education))
	})
	return all, err
}

type delegations struct {
	db       *DB
	statuses []string
}

var _ ports.Delegations = delegations{}

func (s delegations) Between(ctx context.Context, delegator, delegate cpr.Number, cvr string, at time.Time) (all []stamdata.Delegation, err error) {
	err = s.db.read(ctx, func() error {
		for _, d := range latestOf(s.db, stamdata.Delegations, stamdata.DelegationOf) {
			if d.Counts(delegator, delegate, cvr, s.statuses, at) {
				all = append(all, d)
			}
		}
		return nil
	})
	slices.SortFunc(all, func(a, b stamdata.Delegation) int { return cmp.Compare(a.Code, b.Code) })
	return all, err
}

type orgUnits struct{ db *DB }

var _ ports.OrgUnits = orgUnits{}

func (s orgUnits) Units(ctx context.Context) (units []org.Unit, err error) {
	err = s.db.read(ctx, func() error {
		units = latestOf(s.db, stamdata.OrgUnits, stamdata.UnitOf)
		return nil
	})
	return units, err
}

func (s orgUnits) Loaded(ctx context.Context) (state int64, err error) {
	err = s.db.read(ctx, func() error {
		state = s.db.registers.units
		return nil
	})
	return state, err
}
