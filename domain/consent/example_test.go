package consent_test

import (
	"fmt"
	"time"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
)

// A citizen blocks the data that a hospital made. A doctor of the region asks whether he may see her data, then which of them, and the citizen
// asks why.
func Example() {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	person := func(s string) cpr.Number {
		n, err := cpr.Parse(s)
		must(err)
		return n
	}
	const region, hospital, ward = "999001000016002", "999002000016000", "999003000016001"
	tree, _, err := org.NewTree([]org.Unit{{SOR: region}, {SOR: hospital, Parent: region}, {SOR: ward, Parent: hospital}})
	must(err)
	citizen, doctor := person("0101010101"), person("0202020202")
	now := time.Date(2026, time.March, 2, 10, 0, 0, 0, time.UTC)

	rules := consent.Rules{Tree: tree, MaxActive: 1000, PositiveYears: 10}
	block, err := rules.Add(nil, citizen, consent.Constraint, consent.Draft{
		What:  consent.What{Origin: consent.Organisation{SOR: hospital, SubUnits: true}},
		Valid: validity.Period{From: now},
	}, 604132795538426, consent.Stamp{At: now, System: "TestPortal", User: citizen.Digits()})
	must(err)
	registered := []consent.Registration{block}

	asks := consent.Requester{Acting: doctor, Org: region}
	fmt.Println("may see:", consent.Check(registered, tree, asks, now))

	items := []consent.Item{{Origin: ward}, {Origin: region}, {}} // the last tells nothing of itself
	fmt.Println("items:", consent.CheckItems(nil, registered, tree, asks, now, items))

	why := consent.Explain(registered, tree, asks, now, items)
	fmt.Println(why.Registrations[0].ID, why.Registrations[0].Reason)
	for i, item := range why.Items {
		fmt.Println(i, "blocked by", item.Constraints)
	}

	_, err = rules.Add(registered, citizen, consent.Positive, consent.Draft{Valid: validity.Period{From: now}}, 593021684427315, block.Created)
	fmt.Println(err)
	// Output:
	// may see: data_specific
	// items: [false true false]
	// 604132795538426 applies_to_some_data
	// 0 blocked by [604132795538426]
	// 1 blocked by []
	// 2 blocked by [604132795538426]
	// invalid_validity: a positive consent must have an end
}
