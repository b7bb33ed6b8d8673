package issuing

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

const (
	draws    = 20 // from a series before its free numbers are counted
	crowded  = 3  // draws behind which it is looked how full the series is
	nearFull = 80 // percent
)

// Create registers a person and issues a number, which is never issued again, whatever comes after (EC-08). The number is claimed before the
// unit of work in ctx writes. What is wrong is a [ecpr.Problem]; ecpr.ErrExhausted if the series has no number left.
func (r *Registry) Create(ctx context.Context, caller identity.Caller, s Submission) (ecpr.Person, error) {
	r.noteActor(ctx, audit.CreatePerson, s.Actor)
	act, err := r.act(ctx, caller, s.Actor)
	if err != nil {
		return ecpr.Person{}, err
	}
	table, err := r.Table(ctx)
	if err != nil {
		return ecpr.Person{}, err
	}
	id := ecpr.PersonID(r.NewID())
	draft, err := ecpr.NewPerson(id, ecpr.Number{}, s.Edits, table, act, r.newPID)
	if err != nil {
		return ecpr.Person{}, err
	}
	linked := opened(ecpr.Person{}, draft)
	r.noteLinked(ctx, audit.CreatePerson, linked)
	if err := r.free(ctx, id, linked); err != nil {
		return ecpr.Person{}, err
	}
	series, err := seriesOf(draft, act.At)
	if err != nil {
		return ecpr.Person{}, err
	}
	n, err := r.issue(ctx, series, act.At)
	if err != nil {
		return ecpr.Person{}, err
	}
	r.Trail.Note(ctx, audit.ECPR, audit.CreatePerson, audit.PersonID.Is(n.Text()))
	p, err := ecpr.NewPerson(id, n, s.Edits, table, act, r.newPID)
	if err != nil {
		return ecpr.Person{}, err
	}
	if err := r.Persons.Create(ctx, p, act); err != nil {
		if _, ok := fault.Of(err); !ok {
			return ecpr.Person{}, unavailable("keep registration", err)
		}
		return ecpr.Person{}, r.told(ctx, err, id, linked)
	}
	return p, nil
}

// seriesOf is the series that the number of p is drawn from (EC-06).
func seriesOf(p ecpr.Person, at time.Time) (ecpr.Series, error) {
	var birth ecpr.BirthDate
	gender := ecpr.UnknownGender
	for _, v := range p.Active(at) {
		switch e := v.Element.(type) {
		case ecpr.BirthDate:
			birth = e
		case ecpr.Gender:
			gender = e
		}
	}
	return ecpr.NewSeries(birth, gender, calendar.DayOf(at))
}

// issue claims a number of the series (EC-09).
func (r *Registry) issue(ctx context.Context, s ecpr.Series, at time.Time) (ecpr.Number, error) {
	for drawn := range draws {
		i, err := r.Draw(s.Space())
		if err != nil {
			return ecpr.Number{}, unavailable("draw number", err)
		}
		n := s.At(i)
		claimed, err := r.Ledger.Claim(ctx, n, at)
		if err != nil {
			return ecpr.Number{}, unavailable("claim number", err)
		}
		if claimed {
			if drawn >= crowded {
				r.measure(ctx, s)
			}
			r.countIssued()
			return n, nil
		}
	}
	return r.scan(ctx, s, at)
}

// scan claims one of the numbers that are left, from a place nobody can foresee on.
func (r *Registry) scan(ctx context.Context, s ecpr.Series, at time.Time) (ecpr.Number, error) {
	free, err := r.left(ctx, s)
	if err != nil {
		return ecpr.Number{}, unavailable("read numbers of the series", err)
	}
	start := 0
	if len(free) > 0 {
		if start, err = r.Draw(len(free)); err != nil {
			return ecpr.Number{}, unavailable("draw number", err)
		}
	}
	for i := range free {
		n := free[(start+i)%len(free)]
		claimed, err := r.Ledger.Claim(ctx, n, at)
		if err != nil {
			return ecpr.Number{}, unavailable("claim number", err)
		}
		if claimed {
			r.tellLeft(ctx, s, len(free)-i-1)
			r.countIssued()
			return n, nil
		}
	}
	r.tellLeft(ctx, s, 0)
	if r.Exhausted != nil {
		r.Exhausted()
	}
	return ecpr.Number{}, ecpr.ErrExhausted
}

// left returns the numbers of the series that are not spent.
func (r *Registry) left(ctx context.Context, s ecpr.Series) ([]ecpr.Number, error) {
	taken, err := r.Ledger.Taken(ctx, s)
	if err != nil {
		return nil, err
	}
	spent := make(map[ecpr.Number]bool, len(taken))
	for _, n := range taken {
		spent[n] = true
	}
	var free []ecpr.Number
	for i := range s.Space() {
		if n := s.At(i); !spent[n] {
			free = append(free, n)
		}
	}
	return free, nil
}

// measure tells how full the series is. It does not hold up who got a number.
func (r *Registry) measure(ctx context.Context, s ecpr.Series) {
	free, err := r.left(ctx, s)
	if err != nil {
		r.Logger.WarnContext(ctx, "numbers of a series not counted", "error", err)
		return
	}
	r.tellLeft(ctx, s, len(free))
}

func (r *Registry) tellLeft(ctx context.Context, s ecpr.Series, left int) {
	if r.Left != nil {
		r.Left(left)
	}
	if 100*(s.Space()-left) >= nearFull*s.Space() {
		r.Logger.WarnContext(ctx, "a series of eCPR numbers is nearly spent", "left", left, "space", s.Space())
	}
}

func (r *Registry) countIssued() {
	if r.Issued != nil {
		r.Issued()
	}
}
