package consent_test

import (
	"time"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/validity"
)

// oracle answers as the rules read, one sentence at a time, with nothing made ready beforehand. It knows the organisations by the unit above
// each, "" at the top.
type oracle map[string]string

// truth is how sure something is. Of two that must both hold, the lesser counts.
type truth int

const (
	no truth = iota
	maybe
	yes
)

func sure(b bool) truth {
	if b {
		return yes
	}
	return no
}

// within: whether unit a is b or, with subs, lies below b.
func (o oracle) within(a, b string, subs bool) truth {
	if a == "" {
		return maybe // not resolved
	}
	if a == b {
		return yes // known or not
	}
	if !subs {
		return no
	}
	for {
		above, known := o[a]
		if !known {
			return maybe // the chain ends before b
		}
		if above == "" {
			return no
		}
		if above == b {
			if _, known := o[b]; known {
				return yes
			}
			return maybe // b itself is what is missing
		}
		a = above
	}
}

func isConstraint(r consent.Registration) bool { return r.Kind == 0 }

// matches: whether who asks is whom the registration is about.
func (o oracle) matches(r consent.Registration, q consent.Requester) bool {
	switch {
	case r.Who == consent.Who{}:
		return true
	case r.Who.Foreign:
		return q.Foreign
	case q.Foreign:
		return false // no number, and an organisation outside
	case r.Who.Person != cpr.Number{}:
		principal := q.Responsible
		if principal == (cpr.Number{}) {
			principal = q.Acting
		}
		if isConstraint(r) {
			return r.Who.Person == q.Acting || r.Who.Person == q.Responsible
		}
		return r.Who.Person == principal
	}
	in := o.within(q.Org, r.Who.Org.SOR, r.Who.Org.SubUnits)
	return in == yes || in == maybe && isConstraint(r)
}

func inForce(r consent.Registration, at time.Time) bool {
	started := r.Valid.From.IsZero() || !at.Before(r.Valid.From)
	ended := !r.Valid.To.IsZero() && !at.Before(r.Valid.To)
	return r.Active && started && !ended
}

func (o oracle) applying(regs []consent.Registration, q consent.Requester, at time.Time) (constraints, positives []consent.Registration) {
	for _, r := range regs {
		if !inForce(r, at) || !o.matches(r, q) {
			continue
		}
		if isConstraint(r) {
			constraints = append(constraints, r)
		} else {
			positives = append(positives, r)
		}
	}
	return constraints, positives
}

func anyOfAllData(regs []consent.Registration) bool {
	for _, r := range regs {
		if (r.What == consent.What{}) {
			return true
		}
	}
	return false
}

func (o oracle) check(regs []consent.Registration, q consent.Requester, at time.Time) consent.Answer {
	constraints, positives := o.applying(regs, q, at)
	if len(constraints) == 0 {
		return consent.PositiveAnswer
	}
	if anyOfAllData(positives) {
		return consent.PositiveAnswer
	}
	if anyOfAllData(constraints) && len(positives) == 0 {
		return consent.Negative
	}
	return consent.DataSpecific
}

// bounds of a period, with ends instead of open ones.
func bounds(p validity.Period) (from, to time.Time) {
	from, to = p.From, p.To
	if from.IsZero() {
		from = time.Unix(-1<<50, 0)
	}
	if to.IsZero() {
		to = time.Unix(1<<50, 0)
	}
	return from, to
}

func inPeriod(r consent.Registration, item consent.Item) truth {
	if r.What.Data == (validity.Period{}) {
		return yes
	}
	rFrom, rTo := bounds(r.What.Data)
	iFrom, iTo := bounds(item.Data)
	switch {
	case item.Data == validity.Period{} || iFrom.After(iTo):
		return maybe
	case iFrom.Equal(iTo):
		return sure(!iFrom.Before(rFrom) && iFrom.Before(rTo))
	case isConstraint(r):
		return sure(rFrom.Before(iTo) && iFrom.Before(rTo))
	}
	return sure(!rFrom.After(iFrom) && !iTo.After(rTo))
}

func (o oracle) covers(r consent.Registration, item consent.Item) bool {
	origin := yes
	if r.What.Origin != (consent.Organisation{}) {
		origin = o.within(item.Origin, r.What.Origin.SOR, r.What.Origin.SubUnits)
	}
	both := min(inPeriod(r, item), origin)
	return both == yes || both == maybe && isConstraint(r)
}

func (o oracle) covering(regs []consent.Registration, item consent.Item) (ids []consent.ID) {
	for _, r := range regs {
		if o.covers(r, item) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func (o oracle) allows(regs []consent.Registration, q consent.Requester, at time.Time, item consent.Item) bool {
	constraints, positives := o.applying(regs, q, at)
	return len(o.covering(constraints, item)) == 0 || len(o.covering(positives, item)) > 0
}
