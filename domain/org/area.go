package org

import "math"

// Areas make areas of one tree, for the question which of many places lie in which of them. They are for one goroutine at a time.
type Areas struct {
	tree  *Tree
	alien map[string]int32 // where units of areas lie that the tree does not know
}

// Area is a unit, alone or with those below it: so many places from in on, and those of which that may be so.
type Area struct {
	in    int32
	many  uint32
	doubt doubts
}

// Place is where a unit lies.
type Place struct {
	in    int32 // in the walk of the tree; below 0 are units that it does not know
	doubt doubts
}

// doubts are what is not known. A place may lie in an area where they share one.
type doubts uint8

const (
	whichArea  doubts = 1 << iota // the unit of the area could not be resolved; of every place
	whichUnit                     // the unit of the place could not be resolved; of every area
	whatsAbove                    // the place is not known, or a unit above it is missing; of areas with what lies below
)

// nowhere is where a unit lies that neither the tree nor an area knows.
const nowhere = math.MinInt32

// Areas returns areas of the tree, none yet.
func (t *Tree) Areas() Areas { return Areas{tree: t} }

// Everywhere is an area that has every place.
func Everywhere() Area { return Area{in: nowhere, many: math.MaxUint32} }

// Of returns the area of a unit, which is "" where it could not be resolved.
func (s *Areas) Of(sor string, subs bool) Area {
	if sor == "" {
		return Area{doubt: whichArea}
	}
	a := Area{doubt: whichUnit}
	if subs {
		a.doubt |= whatsAbove
	}
	if i, ok := s.tree.find(sor); ok {
		n := &s.tree.nodes[i]
		a.in, a.many = n.in, 1
		if subs {
			a.many = uint32(n.out - n.in)
		}
		return a
	}
	in, ok := s.alien[sor]
	if !ok {
		if s.alien == nil {
			s.alien = map[string]int32{}
		}
		in = int32(-1 - len(s.alien)) // fewer than 2^31
		s.alien[sor] = in
	}
	a.in, a.many = in, 1
	return a
}

// Place returns the place of a unit, which is "" where it could not be resolved, for the areas made so far. It does not allocate.
func (s *Areas) Place(sor string) Place {
	if sor == "" {
		return Place{in: nowhere, doubt: whichArea | whichUnit | whatsAbove}
	}
	if at, ok := s.tree.spot(sor); ok {
		if at.in < 0 {
			return Place{in: ^at.in, doubt: whichArea | whatsAbove}
		}
		return Place{in: at.in, doubt: whichArea}
	}
	if in, ok := s.alien[sor]; ok {
		return Place{in: in, doubt: whichArea | whatsAbove}
	}
	return Place{in: nowhere, doubt: whichArea | whatsAbove}
}

// Has tells whether the unit of the place is, or lies below, that of the area, as [Tree.Within] answers Yes. It does not allocate.
func (a *Area) Has(p Place) bool {
	return uint32(p.in)-uint32(a.in) < a.many // a.in <= p.in && p.in < a.in+a.many, in one comparison
}

// MayHave tells whether that is so, or not known, as [Tree.Within] answers Yes or Maybe. It does not allocate.
func (a *Area) MayHave(p Place) bool { return a.Has(p) || a.doubt&p.doubt != 0 }

// Line is a unit with those above it, for the question in which of many units it lies. The zero Line is of a unit that could not be resolved.
type Line struct {
	units [maxDepth]string // from the unit up
	n     int
	open  bool // what is above the last is not known
}

// Line returns the line of a unit, of a unit that could not be resolved for "". It does not allocate.
func (t *Tree) Line(sor string) (l Line) {
	if sor == "" {
		return l
	}
	l.units[0], l.n, l.open = sor, 1, true
	i, ok := t.find(sor)
	if !ok {
		return l
	}
	l.open = t.nodes[i].open
	for i = t.nodes[i].parent; i >= 0; i = t.nodes[i].parent {
		l.units[l.n] = t.units[i].SOR
		l.n++
	}
	return l
}

// Within answers as [Tree.Within] does for the unit of the line. It does not allocate.
func (l *Line) Within(a string, subs bool) Answer {
	switch {
	case l.n == 0 || a == "":
		return Maybe
	case l.units[0] == a:
		return Yes
	case !subs:
		return No
	}
	for i := 1; i < l.n; i++ {
		if u := l.units[i]; u[len(u)-1] == a[len(a)-1] && u == a { // the check digit tells most apart
			return Yes
		}
	}
	if l.open {
		return Maybe
	}
	return No
}
