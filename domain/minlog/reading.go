package minlog

import (
	"time"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/relation"
)

// adult is the age, in whole years, from which on somebody reads for another, and from which on nobody holds custody of a person.
const adult = 18

// service is the word for MinLog in the scope of a proxy.
const service = "minlog"

// Birth is the day somebody was born. The zero Birth is not known, and fails every rule of age.
type Birth struct {
	Day   calendar.Day
	Known bool
}

// BirthOf returns the birth that the digits of a number tell.
func BirthOf(n cpr.Number) Birth {
	day, known := n.Birth()
	return Birth{day, known}
}

// age returns the whole years on the Copenhagen day of now. ok is false where the birth is not known or is yet to come.
func (b Birth) age(now time.Time) (years int, ok bool) {
	if !b.Known {
		return 0, false
	}
	years = calendar.AgeOn(b.Day, calendar.DayOf(now))
	return years, years >= 0
}

func (b Birth) atLeast(years int, now time.Time) bool {
	age, ok := b.age(now)
	return ok && age >= years
}

func (b Birth) under(years int, now time.Time) bool {
	age, ok := b.age(now)
	return ok && age < years
}

// Ages are the ages, in whole years, that decide who reads a log (nspop.dk, "E07 Minlog2").
type Ages struct {
	Self    int // from which on citizens read their own
	Custody int // below which holders of custody read a child's
}

// ReadsOwn tells whether somebody is old enough at now to read the own log.
func (a Ages) ReadsOwn(b Birth, now time.Time) bool { return b.atLeast(a.Self, now) }

// ReadsOnBehalf returns the view that the relations of an actor to a subject give at now, the one that shows most; ok is false if none does.
func (a Ages) ReadsOnBehalf(found []relation.Relation, actor, subject Birth, now time.Time) (view View, ok bool) {
	if !actor.atLeast(adult, now) {
		return Self, false
	}
	grown, child := subject.atLeast(adult, now), subject.under(a.Custody, now)
	for _, candidate := range [...]struct {
		view  View
		holds bool
		kind  relation.Kind
	}{{Guardian, grown, relation.Guardian}, {Proxy, grown, relation.Proxy}, {Custody, child, relation.Custody}} {
		for _, r := range found {
			if candidate.holds && r.Kind == candidate.kind && r.Valid.Contains(now) && r.Covers(service) {
				return candidate.view, true
			}
		}
	}
	return Self, false
}
