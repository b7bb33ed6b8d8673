package org

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxDepth is how many units lie above one another at most, itself counted.
const maxDepth = 24

// Why units form no tree.
var (
	ErrCycle     = errors.New("units lie within themselves")
	ErrDepth     = fmt.Errorf("more than %d units lie above one another", maxDepth)
	ErrDuplicate = errors.New("a unit is there twice")
	ErrNumber    = errors.New("the number of a unit is not 1 to 18 digits")
)

// Answer to whether one unit is within another. Maybe: the register does not tell.
type Answer uint8

// The answers.
const (
	No Answer = iota
	Maybe
	Yes
)

// Tree is the units by their numbers and who is inside whom. It is immutable and safe for concurrent use. The zero Tree is empty, and so is a
// nil one.
type Tree struct {
	units  []Unit
	nodes  []node
	bySOR  map[sorKey]spot
	byCode map[ID][]int32 // SHAK and Yder
}

// node is the place of a unit: in a walk that visits a unit before those below it, they are the ones from in to out.
type node struct {
	in, out int32
	parent  int32 // -1 at the top
	open    bool  // a unit above it is missing
}

// NewTree builds a tree of units, which the caller leaves alone from then on. missing are the units whose parent is not there: they are tops.
// The error is ErrCycle, ErrDepth, ErrDuplicate or ErrNumber.
func NewTree(units []Unit) (t *Tree, missing []string, err error) {
	t = &Tree{units: units, nodes: make([]node, len(units)), bySOR: make(map[sorKey]spot, len(units)), byCode: map[ID][]int32{}}
	for i, u := range units {
		key, ok := keyOf(u.SOR)
		if !ok {
			return nil, nil, ErrNumber
		}
		if _, twice := t.bySOR[key]; twice {
			return nil, nil, ErrDuplicate
		}
		t.bySOR[key] = spot{unit: int32(i)} // fewer than 2^31
		for _, id := range []ID{{u.SHAK, SHAK}, {u.Yder, Yder}} {
			if id, ok := id.normal(); ok {
				t.byCode[id] = append(t.byCode[id], int32(i))
			}
		}
	}
	below, tops := make([][]int32, len(units)), []int32(nil)
	for i, u := range units {
		parent, ok := t.find(u.Parent)
		switch {
		case ok:
			t.nodes[i].parent = parent
			below[parent] = append(below[parent], int32(i))
			continue
		case u.Parent != "":
			t.nodes[i].open = true
			missing = append(missing, u.SOR)
		}
		t.nodes[i].parent = -1
		tops = append(tops, int32(i))
	}
	placed, err := t.place(below, tops)
	if err != nil {
		return nil, nil, err
	}
	if int(placed) < len(units) {
		return nil, nil, ErrCycle
	}
	for key, s := range t.bySOR {
		if s.in = t.nodes[s.unit].in; t.nodes[s.unit].open {
			s.in = ^s.in
		}
		t.bySOR[key] = s
	}
	return t, missing, nil
}

// place walks down from the tops and tells how many units it met: those of a cycle hang below no top.
func (t *Tree) place(below [][]int32, tops []int32) (placed int32, err error) {
	var walk func(i int32, depth int) error
	walk = func(i int32, depth int) error {
		if depth > maxDepth {
			return ErrDepth
		}
		n := &t.nodes[i]
		if n.parent >= 0 {
			n.open = t.nodes[n.parent].open
		}
		n.in = placed
		placed++
		for _, child := range below[i] {
			if err := walk(child, depth+1); err != nil {
				return err
			}
		}
		n.out = placed
		return nil
	}
	for _, top := range tops {
		if err := walk(top, 1); err != nil {
			return placed, err
		}
	}
	return placed, nil
}

// Len returns how many units there are.
func (t *Tree) Len() int {
	if t == nil {
		return 0
	}
	return len(t.units)
}

// find returns where the unit with a SOR number stands.
func (t *Tree) find(sor string) (i int32, ok bool) {
	s, ok := t.spot(sor)
	return s.unit, ok
}

func (t *Tree) spot(sor string) (s spot, ok bool) {
	if t == nil {
		return spot{}, false
	}
	key, ok := keyOf(sor)
	if !ok {
		return spot{}, false
	}
	s, ok = t.bySOR[key]
	return s, ok
}

// spot is where a unit is in the lists, and its place in the walk: the complement of it where a unit above is missing. With it most questions
// need no more than the one look.
type spot struct{ unit, in int32 }

// sorKey is a SOR number as the tree finds it: a 1 and then its digits. A text would lie elsewhere in memory, which takes longer than all else.
type sorKey uint64

const maxSOR = 18 // digits

func keyOf(sor string) (k sorKey, ok bool) {
	if sor == "" || len(sor) > maxSOR {
		return 0, false
	}
	k = 1
	for i := range len(sor) {
		digit := sor[i] - '0'
		if digit > 9 {
			return 0, false
		}
		k = 10*k + sorKey(digit)
	}
	return k, true
}

// Unit returns the unit with a SOR number.
func (t *Tree) Unit(sor string) (Unit, bool) {
	i, ok := t.find(sor)
	if !ok {
		return Unit{}, false
	}
	return t.units[i], true
}

// Resolve returns the SOR number of the unit that id names at an instant. A SOR number names itself, known or not. A SHAK or yder number names
// the one unit that has it and is valid then: with none, or several, it is not resolved. Other schemes name no unit.
func (t *Tree) Resolve(id ID, at time.Time) (sor string, ok bool) {
	id, ok = id.normal()
	if !ok {
		return "", false
	}
	if id.Scheme == SOR {
		return id.Code, true
	}
	if t == nil {
		return "", false
	}
	for _, i := range t.byCode[id] {
		if !t.units[i].Valid.Contains(at) {
			continue
		}
		if sor != "" {
			return "", false
		}
		sor = t.units[i].SOR
	}
	return sor, sor != ""
}

// Lineage returns the unit and those above it, up to the top, or to where one is missing. A unit that is not known is alone.
func (t *Tree) Lineage(sor string) []string {
	if sor == "" {
		return nil
	}
	line := []string{sor}
	for i, ok := t.find(sor); ok && t.nodes[i].parent >= 0; {
		i = t.nodes[i].parent
		line = append(line, t.units[i].SOR)
	}
	return line
}

// Within tells whether the unit u is the unit a or, with subs, lies below it. Units that could not be resolved are "". Maybe: one of them could
// not; or, with subs, u is not known, or a unit above u is missing. It does not allocate.
func (t *Tree) Within(u, a string, subs bool) Answer {
	line := t.Line(u)
	return line.Within(a, subs)
}

// normal returns the id as the tree has it: SHAK codes in upper case, yder numbers of six digits. ok is false for what cannot be one.
func (id ID) normal() (_ ID, ok bool) {
	switch id.Scheme {
	case SOR:
		return id, len(id.Code) >= 6 && len(id.Code) <= 18 && digits(id.Code)
	case SHAK:
		if len(id.Code) < 4 || len(id.Code) > 7 {
			return id, false
		}
		id.Code = strings.ToUpper(id.Code)
		return id, !strings.ContainsFunc(id.Code, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') })
	case Yder:
		if id.Code == "" || len(id.Code) > 6 || !digits(id.Code) {
			return id, false
		}
		id.Code = "000000"[len(id.Code):] + id.Code
		return id, true
	case CVR, PNR, EAN:
	}
	return id, false
}

func digits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}
