package consent

import (
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/org"
)

// CheckItems judges items as [Check] judges a citizen's data as a whole: an item is denied where a constraint that applies covers it and no
// positive consent that applies does. It writes to dst, which is made longer where it is too short for the items, and returns dst[:len(items)]:
// true is allowed. Its allocations do not grow with the items.
//
// A registration covers an item whose period and origin fit. Where the item does not tell its period or its origin, a constraint covers it by
// precaution, and a positive consent does not.
func CheckItems(dst []bool, regs []Registration, t *org.Tree, q Requester, at time.Time, items []Item) []bool {
	dst = slices.Grow(dst[:0], len(items))[:len(items)]
	c := compile(regs, t, &q, at)
	for i := range items {
		p := pieceOf(&c.areas, &items[i])
		dst[i] = !c.blocks(p) || c.permits(p)
	}
	return dst
}

// compiled is the applying registrations, made ready for many items.
type compiled struct {
	areas                  org.Areas
	constraints, positives []rule
}

// rule is what data a registration is about.
type rule struct {
	data   span
	origin org.Area
}

func ruleOf(areas *org.Areas, w *What) rule {
	r := rule{data: spanOf(w.Data), origin: org.Everywhere()}
	if w.Origin.SOR != "" {
		r.origin = areas.Of(w.Origin.SOR, w.Origin.SubUnits)
	}
	return r
}

func compile(regs []Registration, t *org.Tree, q *Requester, at time.Time) compiled {
	asked, areas := newQuestion(t, q, at), t.Areas()
	rules := make([]rule, len(regs)) // constraints from the front, positives from the back
	low, high := 0, len(rules)
	for i := range regs {
		r := &regs[i]
		switch {
		case !asked.match(r).applies():
		case r.Kind == Constraint:
			rules[low] = ruleOf(&areas, &r.What)
			low++
		default:
			high--
			rules[high] = ruleOf(&areas, &r.What)
		}
	}
	return compiled{areas: areas, constraints: rules[:low], positives: rules[high:]}
}

func (c *compiled) blocks(p piece) bool {
	for i := range c.constraints {
		if c.constraints[i].blocks(p) {
			return true
		}
	}
	return false
}

func (c *compiled) permits(p piece) bool {
	for i := range c.positives {
		if c.positives[i].permits(p) {
			return true
		}
	}
	return false
}

// piece is an item with its place in the tree. An instant lasts for one µs, and a period that tells nothing from the first instant to the last:
// so it overlaps every period, and is contained in none but the one that is open at both ends.
type piece struct {
	data  span
	place org.Place
}

func pieceOf(areas *org.Areas, item *Item) piece {
	p := piece{data: spanOf(item.Data), place: areas.Place(item.Origin)}
	switch {
	case p.data.from > p.data.to:
		p.data = spanOf(Item{}.Data)
	case p.data.from == p.data.to:
		p.data.to++
	}
	return p
}

// blocks tells whether a constraint covers the piece: it is, or may be, of the origin, which most are not, and their periods overlap.
func (r *rule) blocks(p piece) bool {
	return r.origin.MayHave(p.place) && r.data.from < p.data.to && p.data.from < r.data.to
}

// permits tells whether a positive consent covers the piece: its period contains that of the piece, and the piece is of the origin.
func (r *rule) permits(p piece) bool {
	return r.origin.Has(p.place) && r.data.from <= p.data.from && p.data.to <= r.data.to
}
