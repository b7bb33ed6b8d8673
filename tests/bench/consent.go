package main

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
)

const (
	consentUnits         = 60_000 // of the tree, as SOR has them
	consentRegistrations = 100    // of the citizen
	consentItems         = 10_000
	consentLimit         = 5 * time.Millisecond // for all items
)

// consentCheck measures what it costs to answer whether a professional may see a citizen's data, beside the verification of one RSA signature,
// and what it costs to judge items, beside a limit. No registration can be left out: all apply, and none decides alone.
func consentCheck(context.Context, options) []figure {
	check := figure{name: "consent-check", goal: goal{atMost: 0.2}}
	judge, allocated := figure{name: "consent-items", goal: goal{atMost: 1}}, figure{name: "consent-items/allocations", goal: goal{atMost: 0.001}}
	w, err := newConsentWorld(rand.New(rand.NewPCG(1, 2)))
	message, key, _, keyErr := signedMessage()
	if err = errors.Join(err, keyErr); err == nil {
		err = w.examine()
	}
	digest := sha256.Sum256(message)
	var signature []byte
	if err == nil {
		signature, err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	}
	if check.err, judge.err, allocated.err = err, err, err; err != nil {
		return []figure{check, judge, allocated}
	}
	verified := true
	m := interleaved(
		func() { w.check() },
		func() {
			verified = verified && rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature) == nil
		},
		func() { w.judge(consentItems) })
	if !verified {
		check.err = errors.New("a signature is not good")
	}
	check.value, check.peer, check.ratio = micros(m[0]), "crypto/rsa "+micros(m[1]), m[0]/m[1]
	judge.value, judge.peer, judge.ratio = millis(m[2]), "limit "+millis(consentLimit.Seconds()), m[2]/consentLimit.Seconds()
	const few = consentItems / 10
	all, some := testing.AllocsPerRun(50, func() { w.judge(consentItems) }), testing.AllocsPerRun(50, func() { w.judge(few) })
	allocated.value = fmt.Sprintf("%.0f for %d items", all, consentItems)
	allocated.peer, allocated.ratio = fmt.Sprintf("%.0f for %d; an item", some, few), (all-some)/(consentItems-few)
	return []figure{check, judge, allocated}
}

// consentWorld is a tree, a citizen's registrations, a professional who asks, and items.
type consentWorld struct {
	tree  *org.Tree
	regs  []consent.Registration
	q     consent.Requester
	at    time.Time
	items []consent.Item
	dst   []bool
}

func (w *consentWorld) check() consent.Answer { return consent.Check(w.regs, w.tree, w.q, w.at) }

func (w *consentWorld) judge(n int) []bool {
	w.dst = consent.CheckItems(w.dst, w.regs, w.tree, w.q, w.at, w.items[:n])
	return w.dst
}

// newConsentWorld has all registrations apply to whoever asks. Half are constraints, of which only the last covers most items; positive
// consents, which are about as narrow, let few of them be seen.
func newConsentWorld(random *rand.Rand) (*consentWorld, error) {
	w := &consentWorld{at: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), dst: make([]bool, 0, consentItems)}
	units, departments, sections := consentTree()
	var err error
	if w.tree, _, err = org.NewTree(units); err != nil {
		return nil, err
	}
	citizen, err := cpr.Parse("0101010101")
	if err != nil {
		return nil, err
	}
	if w.q.Acting, err = cpr.Parse("0202020202"); err != nil {
		return nil, err
	}
	w.q.Org = sections[len(sections)/2]
	above := w.tree.Lineage(w.q.Org)
	wide := validity.Period{From: w.at.AddDate(-20, 0, 0), To: w.at}
	for i := range consentRegistrations {
		r := consent.Registration{
			ID: consent.MinID + consent.ID(i), Version: 1, Citizen: citizen, Active: true, Valid: validity.Period{From: w.at.AddDate(-1, 0, -i), To: w.at.AddDate(1, 0, i)},
			Who:  consent.Who{Org: consent.Organisation{SOR: above[i%len(above)], SubUnits: true}},
			What: consent.What{Data: wide, Origin: consent.Organisation{SOR: departments[random.IntN(len(departments))], SubUnits: true}},
		}
		switch {
		case i%2 == 1:
			r.Kind = consent.Positive
		case i == consentRegistrations-2:
			r.What.Origin = consent.Organisation{}
		}
		w.regs = append(w.regs, r)
	}
	for range consentItems {
		from := w.at.Add(-time.Duration(random.Int64N(int64(10 * 365 * 24 * time.Hour))))
		w.items = append(w.items, consent.Item{Data: validity.Period{From: from, To: from.Add(time.Hour)}, Origin: sections[random.IntN(len(sections))]})
	}
	return w, nil
}

// examine makes sure that what is measured is what is claimed.
func (w *consentWorld) examine() error {
	if got := w.check(); got != consent.DataSpecific {
		return fmt.Errorf("the answer is %d", got)
	}
	allowed := 0
	for _, ok := range w.judge(consentItems) {
		if ok {
			allowed++
		}
	}
	if allowed == 0 || allowed > consentItems/20 {
		return fmt.Errorf("%d of %d items may be seen", allowed, consentItems)
	}
	return nil
}

// consentTree is regions with hospitals, departments and sections, in the numbers that Denmark has of units.
func consentTree() (units []org.Unit, departments, sections []string) {
	const regions, hospitals, inHospital = 5, 100, 50
	add := func(parent string) string {
		sor := fmt.Sprintf("%d016000", 900_000_000+len(units))
		units = append(units, org.Unit{SOR: sor, Parent: parent})
		return sor
	}
	var above []string
	for range regions {
		above = append(above, add(""))
	}
	for i := range hospitals {
		hospital := add(above[i%regions])
		for range inHospital {
			departments = append(departments, add(hospital))
		}
	}
	for i := 0; len(units) < consentUnits; i++ {
		sections = append(sections, add(departments[i%len(departments)]))
	}
	return units, departments, sections
}
