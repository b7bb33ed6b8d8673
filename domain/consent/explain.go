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
	areas := t.Areas()
	rules := make([]rule, len(regs))
	for i := range regs {
		rules[i] = ruleOf(&areas, &regs[i].What)
	}
	for i := range items {
		e.Items[i] = explainItem(e.Registrations, rules, pieceOf(&areas, &items[i]))
	}
	return e
}

func explainItem(regs []Explained, rules []rule, p piece) (e ExplainedItem) {
	for i := range regs {
		switch r := &regs[i]; {
		case !r.Applies:
		case r.Kind == Constraint && rules[i].blocks(p):
			e.Constraints = append(e.Constraints, r.ID)
		case r.Kind == Positive && rules[i].permits(p):
			e.Positives = append(e.Positives, r.ID)
		}
	}
	e.Allowed = len(e.Constraints) == 0 || len(e.Positives) > 0
	return e
}
