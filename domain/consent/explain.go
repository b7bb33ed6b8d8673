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
	areas := t.Areas()
	var applying []explainedRule
	for i := range regs {
		r := &regs[i]
		reason := asked.match(r)
		if reason.applies() {
			found.add(r)
			applying = append(applying, explainedRule{ruleOf(&areas, &r.What), r.ID, r.Kind == Constraint})
		}
		if reason == AppliesToAllData && !r.What.IsZero() {
			reason = AppliesToSomeData
		}
		e.Registrations[i] = Explained{ID: r.ID, Version: r.Version, Kind: r.Kind.normal(), Applies: reason.applies(), Reason: reason}
	}
	e.Answer = found.answer()
	for i := range items {
		e.Items[i] = explainItem(applying, pieceOf(&areas, &items[i]))
	}
	return e
}

// explainedRule is a rule of a registration that applies.
type explainedRule struct {
	rule
	id         ID
	constraint bool
}

func explainItem(applying []explainedRule, p piece) (e ExplainedItem) {
	for i := range applying {
		switch r := &applying[i]; {
		case r.constraint && r.blocks(p):
			e.Constraints = append(e.Constraints, r.id)
		case !r.constraint && r.permits(p):
			e.Positives = append(e.Positives, r.id)
		}
	}
	e.Allowed = len(e.Constraints) == 0 || len(e.Positives) > 0
	return e
}
