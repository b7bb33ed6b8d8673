package fgvhr_test

import (
	"fmt"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fgvhr"
)

// A citizen of 70 declines resuscitation. It is in force a week later, when the clocks show the same time, and no more when it is withdrawn.
func Example() {
	now := time.Date(2026, time.October, 18, 0, 30, 0, 0, time.UTC)
	rules := fgvhr.Rules{MinAge: 60, WaitDays: 7, Active: []string{"01", "03", "05", "07"}}
	if err := rules.Eligible(calendar.Day{Year: 1956, Month: time.May, Dom: 5}, "01", now); err != nil {
		fmt.Println(err)
		return
	}
	var h fgvhr.History
	after := func(next fgvhr.OptOut, err error) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if h, err = h.Apply(next); err != nil { // what a store does with it
			fmt.Println(err)
		}
	}

	after(h.Register(fgvhr.OptOut{ID: "1"}, rules, now))
	after(h.Register(fgvhr.OptOut{ID: "2"}, rules, now))
	head, _ := h.Head()
	fmt.Println(head.Status, head.ValidFrom.In(calendar.Location()), fgvhr.DaysUntil(now, head.ValidFrom))
	fmt.Println(head.InForce(head.ValidFrom.Add(-time.Microsecond)), head.InForce(head.ValidFrom))

	after(h.Delete(fgvhr.OptOut{ID: "3"}, head.ValidFrom.Add(time.Hour)))
	head, _ = h.Head()
	fmt.Println(head.Status, head.Replaces, head.InForce(head.ValidFrom.Add(time.Hour)))
	// Output:
	// consent_exists: an active opt-out exists already
	// ACTIVE 2026-10-25 02:30:00 +0100 CET 7
	// false true
	// INACTIVE 1 false
}
