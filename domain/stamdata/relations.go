package stamdata

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/relation"
)

// Type codes of custody (CPR-kontoret).
const (
	TypeMother = "0003"
	TypeFather = "0004"
	TypeOther1 = "0005"
	TypeOther2 = "0006"
)

// Registered is what the registers tell of two persons: their rows, nil where there is none, and the relations of the one to the other. Rows of
// others do not count.
type Registered struct {
	Actor, Subject *Citizen
	Custody        []Kin // of the subject
	Guardians      []Kin // of the subject
	Proxies        []Proxy
}

// Between returns how actor may act for subject at an instant: by custody, as guardian, by proxy.
func (r Registered) Between(actor, subject cpr.Number, at time.Time) []relation.Relation {
	var all []relation.Relation
	if r.Actor != nil && r.Subject != nil && r.Actor.CPR == actor && r.Subject.CPR == subject {
		all = append(all, Custody(*r.Actor, *r.Subject, r.Custody, at)...)
		all = append(all, Guardianship(*r.Actor, *r.Subject, r.Guardians, at)...)
	}
	for _, p := range r.Proxies {
		if p.Actor == actor && p.Subject == subject && !actor.IsZero() && p.Relation.Valid.Contains(at) {
			all = append(all, p.Relation)
		}
	}
	slices.SortStableFunc(all, func(a, b relation.Relation) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), a.Valid.From.Compare(b.Valid.From), slices.Compare(a.Scope, b.Scope))
	})
	return all
}

// Custody returns the custody that holder has of child at an instant: by a row that is valid then, of a child under 18, both alive (PI-03). It
// ends when the child is 18. A child whose age is not known is in nobody's custody.
func Custody(holder, child Citizen, rows []Kin, at time.Time) []relation.Relation {
	age, err := child.Age(calendar.DayOf(at))
	if err != nil || age >= adult || holder.Dead() || child.Dead() {
		return nil
	}
	birth, _ := child.Birth() // it has an age
	end := calendar.Day{Year: birth.Year + adult, Month: birth.Month, Dom: birth.Dom}.Start()
	return between(holder, child, rows, at, func(k Kin) relation.Relation {
		if k.Type < TypeMother || k.Type > TypeOther2 || len(k.Type) != len(TypeMother) {
			return relation.Relation{}
		}
		return relation.Relation{Kind: relation.Custody, Valid: k.Valid.End(end)}
	})
}

// Guardianship returns the guardianship that guardian has of ward at an instant: by a row with the guardian's number that is valid then, both
// alive (PI-04). A guardian who is known by name alone is nobody.
func Guardianship(guardian, ward Citizen, rows []Kin, at time.Time) []relation.Relation {
	if guardian.Dead() || ward.Dead() {
		return nil
	}
	return between(guardian, ward, rows, at, func(k Kin) relation.Relation {
		return relation.Relation{Kind: relation.Guardian, Valid: k.Valid}
	})
}

// between makes relations of the rows of subject that name actor and are valid at an instant.
func between(actor, subject Citizen, rows []Kin, at time.Time, of func(Kin) relation.Relation) []relation.Relation {
	if actor.CPR.IsZero() || subject.CPR.IsZero() {
		return nil
	}
	var all []relation.Relation
	for _, k := range rows {
		if k.Citizen != subject.CPR || k.CPR != actor.CPR || !k.Valid.Contains(at) {
			continue
		}
		if r := of(k); r.Kind != relation.None {
			all = append(all, r)
		}
	}
	return all
}

// FamilyOf returns the family of n at an instant from the rows of the three registers that name n on either side, oldest row first.
func FamilyOf(n cpr.Number, custody, children, guardians []Kin, at time.Time) Family {
	return Family{
		Holders: above(n, custody, at), Guardians: above(n, guardians, at), Children: below(n, custody, at), Wards: below(n, guardians, at),
		Born: above(n, children, at), Parents: below(n, children, at),
	}
}

// above returns whom the rows of n name, below whose rows name n.
func above(n cpr.Number, rows []Kin, at time.Time) []Relative {
	var all []Relative
	for _, k := range rows {
		if k.Citizen == n && k.Valid.Contains(at) {
			all = append(all, k.Relative)
		}
	}
	return sorted(all)
}

func below(n cpr.Number, rows []Kin, at time.Time) []Relative {
	var all []Relative
	for _, k := range rows {
		if k.CPR == n && k.Valid.Contains(at) {
			all = append(all, Relative{CPR: k.Citizen, Type: k.Type, Valid: k.Valid})
		}
	}
	return sorted(all)
}

func sorted(all []Relative) []Relative {
	slices.SortFunc(all, func(a, b Relative) int {
		return cmp.Or(a.Valid.From.Compare(b.Valid.From), cmp.Compare(a.CPR.Digits(), b.CPR.Digits()), cmp.Compare(a.Type, b.Type),
			cmp.Compare(a.Name, b.Name))
	})
	return all
}

// NormalAuthorisation returns the number of an authorisation as the register has it.
func NormalAuthorisation(number string) string { return strings.ToUpper(strings.TrimSpace(number)) }

// Counts tells whether the delegation lets delegate, of the organisation cvr, act for delegator at an instant: it is valid then and its status
// is one that counts (PI-08).
func (d Delegation) Counts(delegator, delegate cpr.Number, cvr string, statuses []string, at time.Time) bool {
	return !delegator.IsZero() && d.Delegator == delegator && !delegate.IsZero() && d.Delegate == delegate &&
		(d.DelegateCVR == "" || d.DelegateCVR == cvr) && slices.Contains(statuses, d.Status) && d.Valid.Contains(at)
}
