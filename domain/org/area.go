package org

// Area is a unit, alone or with those below it, for the question which of many places lie in it. Areas and places of different trees do not
// compare.
type Area struct {
	sor     string
	in, end int32 // the places in it; none where the unit is not known
	subs    bool
}

// Area returns the area of a unit. "" is a unit that could not be resolved.
func (t *Tree) Area(sor string, subs bool) Area { return t.Place(sor).area(subs) }

func (p Place) area(subs bool) Area {
	a := Area{sor: p.sor, in: p.in, end: p.out, subs: subs}
	if !subs && p.in > 0 {
		a.end = p.in + 1
	}
	return a
}

// Has answers as [Tree.Within] does for the place and the unit of the area. It does not allocate.
func (a *Area) Has(p *Place) Answer {
	if a.in <= p.in && p.in < a.end {
		return Yes
	}
	if p.settled && a.sor != "" {
		return No
	}
	return a.unsettled(p)
}

// unsettled is Has for a place that is not in the tree as a whole.
func (a *Area) unsettled(p *Place) Answer {
	switch {
	case p.sor == "" || a.sor == "":
		return Maybe
	case p.sor == a.sor:
		return Yes
	case a.subs:
		return Maybe
	}
	return No
}

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
		if l.units[i] == a {
			return Yes
		}
	}
	if l.open {
		return Maybe
	}
	return No
}
