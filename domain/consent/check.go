package consent

import (
	"math"
	"time"

	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
)

// State returns the state of the registration at an instant.
func (r *Registration) State(now time.Time) State {
	switch valid := &r.Valid; {
	case !r.Active:
		return Revoked
	case now.Before(valid.From) && !valid.From.IsZero():
		return Future
	case !now.Before(valid.To) && !valid.To.IsZero():
		return Expired
	}
	return InForce
}

// Check answers whether the requester may see a citizen's data at an instant, by the citizen's registrations. It is total: every input gives
// one answer. It does not allocate.
//
// It is Positive where no constraint applies, or a positive consent to all data does; Negative where a constraint on all data applies and no
// positive consent does; DataSpecific otherwise.
func Check(regs []Registration, t *org.Tree, q Requester, at time.Time) Answer {
	var found tally
	asked := newQuestion(t, &q, at)
	for i := range regs {
		if asked.match(&regs[i]).applies() {
			found.add(&regs[i])
		}
	}
	return found.answer()
}

// tally is what the applying registrations are.
type tally struct{ constraint, allBlocked, positive, allAllowed bool }

func (f *tally) add(r *Registration) {
	all := r.What.IsZero()
	if r.Kind == Constraint {
		f.constraint, f.allBlocked = true, f.allBlocked || all
	} else {
		f.positive, f.allAllowed = true, f.allAllowed || all
	}
}

func (f *tally) answer() Answer {
	switch {
	case !f.constraint || f.allAllowed:
		return PositiveAnswer
	case f.allBlocked && !f.positive:
		return Negative
	}
	return DataSpecific
}

// question is who asks when, made ready for many registrations.
type question struct {
	*Requester
	line org.Line
	at   time.Time
}

func newQuestion(t *org.Tree, q *Requester, at time.Time) question {
	return question{Requester: q, line: t.Line(q.Org), at: at}
}

// match tells why the registration applies, or not. It is never AppliesToSomeData: what data the registration is about is not looked at.
func (q *question) match(r *Registration) Reason {
	switch r.State(q.at) {
	case Revoked:
		return ReasonRevoked
	case Future:
		return NotYet
	case Expired:
		return ReasonExpired
	}
	switch who := &r.Who; {
	case who.Foreign:
		if !q.Foreign {
			return NotForeign
		}
	case !who.Person.IsZero():
		if !q.is(r) {
			return OtherPerson
		}
	case who.Org.SOR != "":
		return q.within(r)
	}
	return AppliesToAllData
}

// applies tells whether a registration with this reason applies.
func (r Reason) applies() bool { return r >= AppliesToAllData }

// is tells whether the requester is the person of the registration. Helping a doctor neither dodges a block on either of the two, nor loses
// the doctor's consent, nor gains by the helper's own.
func (q *question) is(r *Registration) bool {
	principal := q.Acting
	if !q.Responsible.IsZero() {
		principal = q.Responsible
	}
	switch {
	case q.Foreign:
		return false
	case r.Kind == Constraint && r.Who.Person == q.Acting:
		return true
	}
	return r.Who.Person == principal
}

// within tells whether the requester is of the organisation of the registration. Where that is not known, a constraint applies and a
// positive consent does not.
func (q *question) within(r *Registration) Reason {
	if q.Foreign {
		return OtherOrganisation
	}
	switch answer := q.line.Within(r.Who.Org.SOR, r.Who.Org.SubUnits); {
	case answer == org.Yes:
		return AppliesToAllData
	case answer == org.Maybe && r.Kind == Constraint:
		return AppliesByPrecaution
	}
	return OtherOrganisation
}

// span is a period in µs, [from, to); math.MinInt64 and math.MaxInt64 are open ends.
type span struct{ from, to int64 }

func spanOf(p validity.Period) span {
	s := span{math.MinInt64, math.MaxInt64}
	if !p.From.IsZero() {
		s.from = micros(p.From)
	}
	if !p.To.IsZero() {
		s.to = micros(p.To)
	}
	return s
}

// The last seconds whose µs are an int64, short of those that stand for open ends.
const (
	minSecond = math.MinInt64/1_000_000 + 1
	maxSecond = math.MaxInt64/1_000_000 - 1
)

// micros is the instant in µs since 1970; those that no int64 holds, before the year -290307 and after 294246, are the nearest that one does.
func micros(t time.Time) int64 {
	switch s := t.Unix(); {
	case s < minSecond:
		return minSecond * 1_000_000
	case s > maxSecond:
		return maxSecond * 1_000_000
	}
	return t.UnixMicro()
}
