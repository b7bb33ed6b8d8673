package issuing_test

import (
	"context"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/application/issuing"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
)

func TestCreate(t *testing.T) {
	t.Run("PC-1 a man born in 1978", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t, add(ecpr.Male), add(ecpr.BirthDate("1978-08-13")))
		require.Regexp(t, `^1308781[A-Z]{2}[13579]$`, p.Number.Text())
		assert.Equal(t, []ecpr.Element{ecpr.Identifier{OID: ecpr.XECPROID, Value: p.Number.Text()}}, active(p, ecpr.IdentifierKind))
		assert.True(t, p.Versions[0].Active())
		assert.Equal(t, p, h.kept(t, p.ID), "what is answered is what is kept")
		assert.Equal(t, 1, h.issued)
	})
	t.Run("PC-2 a woman born in 2005", func(t *testing.T) {
		p := newHouse(t).person(t, add(ecpr.Female), add(ecpr.BirthDate("2005-01-31")))
		require.Regexp(t, `^3101057[A-Z]{2}[02468]$`, p.Number.Text())
	})
	t.Run("PC-3 no birth date on New Year's Eve in UTC: the day of Copenhagen", func(t *testing.T) {
		h := newHouse(t)
		h.now = time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)
		p := h.person(t)
		require.Regexp(t, `^0101277[A-Z]{2}\d$`, p.Number.Text())
		assert.Equal(t, []ecpr.Element{ecpr.UnknownGender}, active(p, ecpr.GenderKind))
		assert.Empty(t, active(p, ecpr.BirthDateKind))
	})
	t.Run("PC-4 born in a month: the day of creation, and the month is kept", func(t *testing.T) {
		p := newHouse(t).person(t, add(ecpr.BirthDate("2004-11")))
		require.Regexp(t, `^0203267[A-Z]{2}\d$`, p.Number.Text())
		assert.Equal(t, []ecpr.Element{ecpr.BirthDate("2004-11")}, active(p, ecpr.BirthDateKind))
	})
	for _, birth := range []ecpr.BirthDate{"1899-12-31", "2100-01-01", "2023-02-29", "2026-03-03"} {
		t.Run("PC-5 nobody is born on "+string(birth), func(t *testing.T) {
			h := newHouse(t)
			h.ledger.OnClaim.FailFrom(1, errSecret)
			_, err := h.create(t, add(birth))
			assert.Equal(t, string(birth), refused(t, err, ecpr.ErrInvalid).Value)
			assert.Zero(t, h.issued)
		})
	}
	t.Run("PC-8 the store fails: the number is never issued again", func(t *testing.T) {
		h := newHouse(t)
		h.draw = func(int) int { return 0 }
		h.persons.OnCreate.FailFrom(1, errSecret)
		_, err := h.create(t, add(ecpr.Male), add(ecpr.BirthDate("1978-08-13")))
		down(t, err)
		h.persons.OnCreate.Heal()
		h.draw = rand.New(rand.NewPCG(3, 4)).IntN
		first := true
		next := h.draw
		h.draw = func(n int) int {
			if first {
				first = false
				return 0
			}
			return next(n)
		}
		p := h.person(t, add(ecpr.Male), add(ecpr.BirthDate("1978-08-13")))
		assert.NotEqual(t, "1308781AA1", p.Number.Text())
		assert.Equal(t, 2, h.spent(t, p.Number.Series()))
	})
	t.Run("PC-8 the call fails afterwards: the number stays spent, the registration does not stay", func(t *testing.T) {
		h := newHouse(t)
		var p ecpr.Person
		err := h.in(t, func(ctx context.Context) (err error) {
			p, err = h.Create(ctx, user(doctor), submission())
			require.NoError(t, err)
			return errSecret
		})
		require.ErrorIs(t, err, errSecret)
		assert.Equal(t, 1, h.spent(t, p.Number.Series()))
		_, found, err := h.Get(t.Context(), user(doctor), key(p))
		require.NoError(t, err)
		assert.False(t, found)
	})
	t.Run("PC-8 the ledger is down", func(t *testing.T) {
		h := newHouse(t)
		h.ledger.OnClaim.FailFrom(1, errSecret)
		_, err := h.create(t)
		down(t, err)
		h.ledger.OnClaim.Heal()
		h.ledger.OnTaken.FailFrom(1, errSecret)
		h.draw = func(int) int { return 0 }
		h.person(t)
		_, err = h.create(t)
		down(t, err)
	})
	t.Run("PC-10 no look-up, no notice; the audit log has the number, who was linked and who did it", func(t *testing.T) {
		h := newHouse(t)
		h.cpr.OnRead.FailFrom(1, errSecret)
		p := h.person(t, add(passport("ab 1234")))
		assert.Empty(t, h.events(t))
		assert.Equal(t, []string{"eCPR/CreatePerson modified-by-id=" + doctor + " modified-by-role=Læge" +
			" modified-by-organisation=900011000016001 linked-id.0=AB1234 linked-id-oid.0=" + ecpr.PassportOID +
			" person-id=" + p.Number.Text()}, h.said())
		assert.Empty(t, h.log.String())
	})
	t.Run("PC-11 a secretary without authorisation", func(t *testing.T) {
		h := newHouse(t)
		s := submission()
		s.Actor = &ecpr.Actor{Name: "Sara Sekretær", Role: "Lægesekretær", Organisation: actor().Organisation}
		_, err := h.Create(t.Context(), user(secretary), s)
		require.NoError(t, err)
	})
	t.Run("PC-23 one passport on two persons", func(t *testing.T) {
		h := newHouse(t)
		first := h.person(t, add(passport("AB1234")))
		_, err := h.create(t, add(passport("ab1234")))
		problem := refused(t, err, ecpr.ErrValueExists)
		assert.Equal(t, []string{"AB1234", ecpr.PassportOID}, []string{problem.Value, problem.OID})
		assert.Equal(t, 1, h.spent(t, first.Number.Series()), "no number is spent on what is refused")
		_, err = h.update(t, first, invalidate(ecpr.IdentifierKind, pid(t, first, passport("AB1234"))))
		require.NoError(t, err)
		h.person(t, add(passport("AB1234")))
	})
	t.Run("PC-23 another one is first by a little", func(t *testing.T) {
		h := newHouse(t)
		h.onDraw = func() { h.person(t, add(passport("AB1234"))) }
		_, err := h.create(t, add(passport("AB1234")), add(ecpr.Identifier{OID: ecpr.EHICOID, Value: "1"}))
		problem := refused(t, err, ecpr.ErrValueExists)
		assert.Equal(t, []string{"AB1234", ecpr.PassportOID}, []string{problem.Value, problem.OID})
	})
	t.Run("PC-24 one value under the OIDs of two regions, on two persons", func(t *testing.T) {
		h := newHouse(t)
		h.person(t, add(ecpr.Identifier{OID: ecpr.CentralOID, Value: "1308780QT7"}))
		h.person(t, add(ecpr.Identifier{OID: ecpr.NorthOID, Value: "1308780QT7"}))
	})
	for name, edit := range map[string]ecpr.Edit{
		"PC-25 an X-eCPR":       add(ecpr.Identifier{OID: ecpr.XECPROID, Value: "1308781QT7"}),
		"EC-21 a CPR number":    link(adult),
		"PC-26 Contact email":   {Kind: ecpr.ContactKind, Element: ecpr.Contact{Value: "a@b"}, System: "email"},
		"EC-20 an unknown OID":  add(ecpr.Identifier{OID: "1.2.3", Value: "1"}),
		"EC-20 a system of old": add(ecpr.Identifier{OID: "1.2.208.176.1.6", Value: "1"}),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			_, err := h.create(t, add(passport("AB1234")), edit)
			refused(t, err, ecpr.ErrInvalid)
			_, found, err := h.Get(t.Context(), user(doctor), passport("AB1234"))
			require.NoError(t, err)
			assert.False(t, found, "PC-17 nothing is kept")
		})
	}
}

// TestIssue shows what becomes of a series that fills.
func TestIssue(t *testing.T) {
	born, man := add(ecpr.BirthDate("1978-08-13")), add(ecpr.Male)
	series, err := ecpr.ParseNumber("1308781AA1")
	require.NoError(t, err)
	fill := func(t *testing.T, h *house, n int) {
		for i := range n {
			claimed, err := h.db.Ledger().Claim(t.Context(), series.Series().At(i), h.now)
			require.NoError(t, err)
			require.True(t, claimed)
		}
	}
	t.Run("PC-7 the last number, and then none", func(t *testing.T) {
		h := newHouse(t)
		fill(t, h, 3379)
		assert.Equal(t, "1308781ZZ9", h.person(t, born, man).Number.Text())
		_, err := h.create(t, born, man)
		require.Equal(t, ecpr.ErrExhausted, err)
		refusedAs(t, err, fault.Conflict, "ecpr_exhausted")
		assert.Equal(t, []int{0, 0}, h.told)
		assert.Equal(t, 1, h.empty)
		assert.Equal(t, 3380, h.spent(t, series.Series()))
		h.person(t, born, add(ecpr.Female))
	})
	t.Run("PC-7 either sex has the numbers of both", func(t *testing.T) {
		h := newHouse(t)
		fill(t, h, 3380)
		p := h.person(t, born, add(ecpr.Other))
		assert.Regexp(t, `[02468]$`, p.Number.Text())
	})
	t.Run("EC-09 a spent number is drawn again", func(t *testing.T) {
		h := newHouse(t)
		fill(t, h, 2)
		h.ledger.OnTaken.FailFrom(1, errSecret)
		drawn := []int{0, 1, 7}
		h.draw = func(int) (n int) { n, drawn = drawn[0], drawn[1:]; return n }
		assert.Equal(t, series.Series().At(7), h.person(t, born, man).Number)
	})
	t.Run("EC-09 after 20 draws the free ones are looked for", func(t *testing.T) {
		h := newHouse(t)
		fill(t, h, 5)
		draws := 0
		h.draw = func(n int) int {
			draws++
			if n == 3380 {
				return 0
			}
			return n - 1 // among the free ones
		}
		assert.Equal(t, "1308781ZZ9", h.person(t, born, man).Number.Text())
		assert.Equal(t, 21, draws)
	})
	t.Run("EC-09 a warning at 80 percent, and what was drawn is issued though nobody can count", func(t *testing.T) {
		h := newHouse(t)
		fill(t, h, 2703)
		drawn := []int{0, 1, 2, 3000, 0, 1, 2, 3001}
		h.draw = func(int) (n int) { n, drawn = drawn[0], drawn[1:]; return n }
		h.person(t, born, man)
		assert.Equal(t, []int{676}, h.told)
		assert.Contains(t, h.log.String(), "a series of eCPR numbers is nearly spent")
		assert.NotContains(t, h.log.String(), "130878", "whose birth date it is stands nowhere")
		h.ledger.OnTaken.FailFrom(1, errSecret)
		h.person(t, born, man)
	})
	t.Run("EC-09 no warning below", func(t *testing.T) {
		h := newHouse(t)
		fill(t, h, 2702)
		drawn := []int{0, 1, 2, 3000}
		h.draw = func(int) (n int) { n, drawn = drawn[0], drawn[1:]; return n }
		h.person(t, born, man)
		assert.Equal(t, []int{677}, h.told)
		assert.Empty(t, h.log.String())
	})
	t.Run("EC-09 no chance, no number", func(t *testing.T) {
		h := newHouse(t)
		h.Draw = func(int) (int, error) { return 0, errSecret }
		_, err := h.create(t)
		down(t, err)
	})
}

// TestPC6 200 creations at once of one birth date and gender.
func TestPC6EveryoneGetsANumber(t *testing.T) {
	h := newHouse(t)
	h.draw = func(n int) int { return rand.IntN(min(n, 250)) } // so that many draw the same
	var all sync.Map
	var group sync.WaitGroup
	for range 200 {
		group.Go(func() {
			p, err := h.create(t, add(ecpr.BirthDate("1978-08-13")), add(ecpr.Male))
			if assert.NoError(t, err) {
				_, twice := all.LoadOrStore(p.Number, true)
				assert.False(t, twice, "one number twice")
			}
		})
	}
	group.Wait()
	n := 0
	all.Range(func(any, any) bool { n++; return true })
	assert.Equal(t, 200, n)
}

// TestNoNumberTwice shows for any draws, any births and any failures that no number is issued twice, nor one that a failed call spent.
func TestNoNumberTwice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t)
		narrow := rapid.IntRange(1, 30).Draw(rt, "numbers drawn")
		seen := map[ecpr.Number]bool{}
		births := rapid.SampledFrom([]ecpr.BirthDate{"1978-08-13", "2005-01-31"})
		sexes := rapid.SampledFrom([]ecpr.Gender{ecpr.Male, ecpr.Female, ecpr.Other})
		for range rapid.IntRange(1, 40).Draw(rt, "calls") {
			h.draw = func(n int) int { return rapid.IntRange(0, min(n, narrow)-1).Draw(rt, "drawn") }
			if rapid.IntRange(0, 4).Draw(rt, "fails") == 0 {
				h.persons.OnCreate.FailFrom(1, errSecret)
			}
			b, s := births.Draw(rt, "birth"), sexes.Draw(rt, "sex")
			p, err := h.create(t, add(b), add(s))
			h.persons.OnCreate.Heal()
			if err != nil {
				require.ErrorIs(rt, err, errSecret)
				line := strings.Join(h.said(), "\n")
				n, err := ecpr.ParseNumber(regexp.MustCompile(`person-id=(\S+)`).FindStringSubmatch(line)[1])
				require.NoError(rt, err)
				require.False(rt, seen[n])
				seen[n] = true
				continue
			}
			h.said()
			require.False(rt, seen[p.Number], "one number twice")
			seen[p.Number] = true
		}
	})
}

// TestActor shows whose word counts of who changed a registration (Modified/By).
func TestActor(t *testing.T) {
	with := func(edit func(*ecpr.Actor)) *ecpr.Actor { a := actor(); edit(a); return a }
	for _, c := range []struct {
		name   string
		actor  *ecpr.Actor
		policy issuing.ActorPolicy
		good   bool
	}{
		{"the doctor", actor(), issuing.Enforce, true},
		{"any case", with(func(a *ecpr.Actor) { a.Authorisation = "0tst1" }), issuing.Enforce, true},
		{"nobody", nil, issuing.Off, false},
		{"no name", with(func(a *ecpr.Actor) { a.Name = "" }), issuing.Off, false},
		{"no organisation", with(func(a *ecpr.Actor) { a.Organisation = ecpr.Organisation{} }), issuing.Off, false},
		{"PC-12 another's authorisation", with(func(a *ecpr.Actor) { a.Person = secretary }), issuing.Enforce, false},
		{"PC-12 another's, logged", with(func(a *ecpr.Actor) { a.Person = secretary }), issuing.Log, true},
		{"PC-12 another's, not asked", with(func(a *ecpr.Actor) { a.Person = secretary }), issuing.Off, true},
		{"PC-12 a policy that is not set is the strict one", with(func(a *ecpr.Actor) { a.Person = secretary }), "", false},
		{"one that ended", with(func(a *ecpr.Actor) { a.Authorisation = "0TST2" }), issuing.Enforce, false},
		{"one that nobody has", with(func(a *ecpr.Actor) { a.Authorisation = "0TST9" }), issuing.Enforce, false},
		{"of whoever it is", with(func(a *ecpr.Actor) { a.Person = "" }), issuing.Enforce, true},
		{"of somebody without CPR number", with(func(a *ecpr.Actor) { a.Person = "X1" }), issuing.Enforce, false},
		{"a person without authorisation", with(func(a *ecpr.Actor) { a.Authorisation = "" }), issuing.Enforce, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.Policy = c.policy
			p, err := h.Create(t.Context(), user(secretary), issuing.Submission{Actor: c.actor})
			logged := h.log.String()
			assert.Equal(t, c.policy == issuing.Log, logged != "")
			assert.NotContains(t, logged, secretary)
			assert.NotContains(t, logged, "0TST1")
			if c.good {
				require.NoError(t, err)
				return
			}
			refused(t, err, ecpr.ErrInvalid)
			assert.Zero(t, p)
			other := h.person(t)
			_, err = h.Update(t.Context(), user(doctor), key(other), issuing.Submission{Actor: c.actor, Edits: []ecpr.Edit{add(ecpr.Male)}})
			refused(t, err, ecpr.ErrInvalid)
		})
	}
}

func TestActorWhileTheRegisterIsDown(t *testing.T) {
	h := newHouse(t)
	h.doctors.OnRead.FailFrom(1, errSecret)
	_, err := h.create(t)
	down(t, err)
	assert.Zero(t, h.issued)
	h.Policy = issuing.Log
	h.person(t)
	assert.Contains(t, h.log.String(), errSecret.Error())
}
