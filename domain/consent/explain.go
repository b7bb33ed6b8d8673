package consent

import (
	"time"

	"github.com/opennsp/nsp/domain/org"
)

// Explain answers as [Check] and [CheckItems] do, and tells what each registration has to do with it.
func Explain(regs []Registration, t *org.Tree, q Requester, at time.Time, items []Item) Explanation {
	asked := newQuestion(t, &q, at)
	e := Explanation{Registrations: make([]Explained, len(regs)), Items: make([]ExplainedItem, len(items))}
	var found tally
	for i := range regs {
		r := &regs[i]
		reason := asked.match(r)
		if reason.applies() {
			found.add(r)
		}
		if reason == AppliesToAllData && !r.What.IsZero() {
			reason = AppliesToSomeData
		}
		e.Registrations[i] = Explained{ID: r.ID, Version: r.Version, Kind: r.Kind.normal(), Applies: reason.applies(), Reason: reason}
	}
	e.Answer = found.answer()
	for i := range items {
		e.Items[i] = explainItem(regs, e.Registrations, t, &items[i])
	}
	return e
}

func explainItem(regs []Registration, explained []Explained, t *org.Tree, item *Item) (e ExplainedItem) {
	piece := pieceOf(t, item)
	for i := range regs {
		covering := ruleOf(t, &regs[i].What)
		switch {
		case !explained[i].Applies:
		case regs[i].Kind == Constraint && covering.blocks(&piece):
			e.Constraints = append(e.Constraints, regs[i].ID)
		case regs[i].Kind != Constraint && covering.permits(&piece):
			e.Positives = append(e.Positives, regs[i].ID)
		}
	}
	e.Allowed = len(e.Constraints) == 0 || len(e.Positives) > 0
	return e
}
