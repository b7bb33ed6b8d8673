package will_test

import (
	"fmt"
	"time"

	"github.com/opennsp/nsp/domain/will"
)

// A citizen makes a treatment will, changes her mind at the same tick of the clock, and withdraws it. Nothing of it is lost.
func Example() {
	now := time.Date(2026, time.November, 21, 22, 5, 10, 0, time.UTC)
	rules := will.Rules{MinAge: 18, Active: []string{"01", "03", "05", "07"}}
	var h will.History
	after := func(change will.Change, err error) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if h, err = h.Apply(change); err != nil { // what a store does with it
			fmt.Println(err)
		}
	}

	kept, err := rules.Check(will.BTR, will.Draft{Wishes: will.Wishes{
		IfDying:            will.Wish{Declined: true},
		IfSeverelyDegraded: will.Wish{Declined: true, Needs: will.Relative},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	after(h.Create(will.Registration{ID: "1", Register: will.BTR, Wishes: kept}, now))
	after(h.Create(will.Registration{ID: "2", Register: will.LTR, Wishes: kept}, now))
	kept.IfSeverelyDegraded.Needs = will.Guardian
	after(h.Update(will.Registration{ID: "3", Register: will.BTR, Wishes: kept}, now))
	after(h.Delete(will.BTR, now.Add(time.Hour)))

	const clock = "15:04:05.000000"
	for _, r := range h {
		fmt.Println(r.ID, r.From.Format(clock), r.To.Format(clock), r.IfSeverelyDegraded.Needs)
	}
	_, ok := h.Valid()
	fmt.Println("valid:", ok)
	// Output:
	// will_exists: the citizen already has a valid will
	// 1 22:05:10.000000 22:05:10.000001 relative
	// 3 22:05:10.000001 23:05:10.000000 guardian
	// valid: false
}

// A living will, made before its register was closed, becomes a treatment will: there is no instant between them.
func ExampleHistory_UpgradeTo() {
	made := time.Date(2017, time.May, 5, 10, 0, 0, 0, time.UTC)
	h := will.History{{ID: "1", Register: will.LTR, Wishes: will.Wishes{IfDying: will.Wish{Declined: true}}, From: made}}

	change, err := h.UpgradeTo(will.Registration{ID: "2", Wishes: h[0].Wishes}, time.Date(2026, time.November, 21, 22, 5, 10, 0, time.UTC))
	if err != nil {
		fmt.Println(err)
		return
	}
	h, err = h.Apply(change)
	fmt.Println(err, h.Has(will.LTR), h.Has(will.BTR), h[0].To.Equal(h[1].From))
	then, _ := h.ValidAt(time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC))
	fmt.Println(then.Register)
	// Output:
	// <nil> false true true
	// LTR
}
