package ecpr_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
)

var start = time.Date(2026, 3, 2, 9, 15, 0, 123_456_789, time.UTC)

// counting gives PIDs that follow each other.
func counting(prefix string) func() ecpr.PID {
	n := 0
	return func() ecpr.PID { n++; return ecpr.PID(fmt.Sprintf("%s%03d", prefix, n)) }
}

func act(n int) ecpr.Act {
	return ecpr.Act{ID: fmt.Sprintf("act%d", n), At: start.Add(time.Duration(n) * time.Hour)}
}

func add(e ecpr.Element) ecpr.Edit { return ecpr.Edit{Kind: e.Kind(), Element: e} }

func change(pid ecpr.PID, e ecpr.Element) ecpr.Edit {
	return ecpr.Edit{Kind: e.Kind(), PID: pid, Element: e}
}

func invalidate(k ecpr.Kind, pid ecpr.PID) ecpr.Edit { return ecpr.Edit{Kind: k, PID: pid} }

func passport(value string) ecpr.Identifier {
	return ecpr.Identifier{OID: ecpr.PassportOID, Value: value}
}

// jon is a registration with every kind of element.
func jon(t require.TestingT) ecpr.Person {
	p, err := ecpr.NewPerson("jon", number(t, "1308781QT7"), []ecpr.Edit{
		add(ecpr.Name{Family: "Prøve", Given: "Jon Alfa"}), add(ecpr.Male), add(ecpr.BirthDate("1978-08-13")),
		add(passport("AB1234")), add(ecpr.Contact{Value: "12345678"}), add(ecpr.Address{Lines: [10]string{"Prøvevej 12"}, City: "Testby"}),
	}, table(), act(0), counting("jon"))
	require.NoError(t, err)
	return p
}

// active returns the only element of a kind in force.
func active(t require.TestingT, p ecpr.Person, k ecpr.Kind, oid string) ecpr.Version {
	var found []ecpr.Version
	for _, v := range p.Versions {
		id, _ := v.Element.(ecpr.Identifier)
		if v.Element.Kind() == k && v.Active() && id.OID == oid {
			found = append(found, v)
		}
	}
	require.Len(t, found, 1)
	return found[0]
}

func pid(t require.TestingT, p ecpr.Person, k ecpr.Kind, oid string) ecpr.PID {
	return active(t, p, k, oid).PID
}

func TestNewPerson(t *testing.T) {
	p := jon(t)
	from := time.Date(2026, 3, 2, 9, 15, 0, 123e6, time.UTC)
	assert.Equal(t, ecpr.PersonID("jon"), p.ID)
	var elements []ecpr.Element
	for _, v := range p.Versions {
		assert.Equal(t, from, v.Valid.From)
		assert.True(t, v.Active())
		assert.Equal(t, "act0", v.Opened)
		elements = append(elements, v.Element)
	}
	assert.Equal(t, []ecpr.Element{
		ecpr.Identifier{OID: ecpr.XECPROID, Value: "1308781QT7"}, passport("AB1234"),
		ecpr.Name{Text: "Jon Alfa Prøve", Family: "Prøve", Given: "Jon Alfa"}, ecpr.Male, ecpr.BirthDate("1978-08-13"),
		ecpr.Contact{Value: "12345678"}, ecpr.Address{Lines: [10]string{"Prøvevej 12"}, City: "Testby"},
	}, elements, "in the order of kinds")
	assert.Len(t, p.Active(from), 7)
	assert.Empty(t, p.Active(from.Add(-time.Millisecond)))

	bare, err := ecpr.NewPerson("bare", number(t, "0203267ZK4"), nil, table(), act(0), counting("b"))
	require.NoError(t, err)
	assert.Equal(t, ecpr.UnknownGender, active(t, bare, ecpr.GenderKind, "").Element)
	assert.Len(t, bare.Versions, 2, "no birth date is kept where none is known")

	draft, err := ecpr.NewPerson("d", ecpr.Number{}, []ecpr.Edit{add(ecpr.Female)}, table(), act(0), counting("d"))
	require.NoError(t, err)
	assert.Len(t, draft.Versions, 1, "no number, no X-eCPR")
}

// TestRefused shows what no request may say: in a new registration, and as an addition to one.
func TestRefused(t *testing.T) {
	contact := ecpr.Contact{Value: "12345678"}
	home := ecpr.Address{City: "Testby"}
	with := func(e ecpr.Edit, edit func(*ecpr.Edit)) ecpr.Edit { edit(&e); return e }
	for _, c := range []struct {
		name string
		edit ecpr.Edit
	}{
		{"PC-25 an X-eCPR", add(ecpr.Identifier{OID: ecpr.XECPROID, Value: "1308781QT7"})},
		{"PC-26 Contact System email", with(add(contact), func(e *ecpr.Edit) { e.System = "email" })},
		{"PC-26 Address Type", with(add(home), func(e *ecpr.Edit) { e.Type = "postal" })},
		{"PC-26 Address Use work", with(add(home), func(e *ecpr.Edit) { e.Use = "work" })},
		{"PC-26 Name Use nickname", with(add(ecpr.Name{Given: "Jon"}), func(e *ecpr.Edit) { e.Use = "nickname" })},
		{"EC-20 an unknown OID", add(ecpr.Identifier{OID: "1.2.9", Value: "1"})},
		{"EC-20 no value", add(passport(""))},
		{"a validity that is no number", add(ecpr.Identifier{OID: ecpr.PassportOID, Value: "1", Validity: "2,5"})},
		{"an expiry that is no day", add(ecpr.Identifier{OID: ecpr.PassportOID, Value: "1", Expiry: "2026-02-30"})},
		{"EC-23 a gender that is none", add(ecpr.Gender("Male"))},
		{"EC-23 a birth date that is none", add(ecpr.BirthDate("1978-13-08"))},
		{"EC-07 a birth date to come", add(ecpr.BirthDate("2026-03-03"))},
		{"an empty name", add(ecpr.Name{Given: " "})},
		{"a long name", add(ecpr.Name{Given: strings.Repeat("å", 201)})},
		{"an empty contact", add(ecpr.Contact{})},
		{"a long contact", add(ecpr.Contact{Value: strings.Repeat("1", 201)})},
		{"a contact until no day", add(ecpr.Contact{Value: "1", Expiry: "tomorrow"})},
		{"an empty address", add(ecpr.Address{Lines: [10]string{"\u00a0"}, Expiry: "2030-01-01"})},
		{"a long line", add(ecpr.Address{Lines: [10]string{9: strings.Repeat("å", 46)}})},
		{"EC-23 a long country", add(ecpr.Address{Country: strings.Repeat("a", 81)})},
		{"a control character", add(ecpr.Name{Given: "Jon\x00"})},
		{"bad UTF-8", add(ecpr.Address{City: "Testby\xff"})},
		{"another kind than it says", with(add(contact), func(e *ecpr.Edit) { e.Kind = ecpr.NameKind })},
		{"nothing", ecpr.Edit{Kind: ecpr.ContactKind}},
		{"no kind", ecpr.Edit{Kind: 77}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ecpr.NewPerson("p", number(t, "0203267ZK4"), []ecpr.Edit{c.edit}, table(), act(0), counting("x"))
			requireProblem(t, err, ecpr.ErrInvalid)
			p := jon(t)
			_, _, err = p.Apply([]ecpr.Edit{add(ecpr.Contact{Value: "87654321"}), c.edit}, table(), act(1), counting("x"))
			requireProblem(t, err, ecpr.ErrInvalid)
			assert.Equal(t, jon(t), p, "PC-17 nothing is done of what else was asked for")
		})
	}
	t.Run("EC-21 a CPR number in a new registration", func(t *testing.T) {
		_, err := ecpr.NewPerson("p", number(t, "0203267ZK4"),
			[]ecpr.Edit{add(ecpr.Identifier{OID: ecpr.CPROID, Value: "1403800099"})}, table(), act(0), counting("x"))
		requireProblem(t, err, ecpr.ErrInvalid)
	})
	t.Run("more elements than a request may have", func(t *testing.T) {
		edits := make([]ecpr.Edit, 501)
		for i := range edits {
			edits[i] = add(ecpr.Contact{Value: fmt.Sprint(i)})
		}
		_, _, err := jon(t).Apply(edits, table(), act(1), counting("x"))
		requireProblem(t, err, ecpr.ErrInvalid)
		_, _, err = jon(t).Apply(edits[:500], table(), act(1), counting("x"))
		require.NoError(t, err)
	})
}

// requireProblem is an error that says what it is about without telling it in its text.
func requireProblem(t *testing.T, err, want error) *ecpr.Problem {
	t.Helper()
	p := (*ecpr.Problem)(nil)
	require.ErrorIs(t, err, want)
	require.ErrorAs(t, err, &p)
	for _, value := range []string{p.Value, p.OID, string(p.PID)} {
		if value = strings.TrimSpace(value); len(value) > 3 {
			assert.NotContains(t, p.Error()+p.Text, value)
		}
	}
	return p
}

func TestApply(t *testing.T) {
	t.Run("PC-13 what is so already writes nothing", func(t *testing.T) {
		p := jon(t)
		next, changed, err := p.Apply([]ecpr.Edit{
			add(ecpr.Male), add(ecpr.BirthDate("1978-08-13")), add(passport(" ab 12 34")), add(ecpr.Contact{Value: " 12345678"}),
			{Kind: ecpr.AddressKind, Element: ecpr.Address{Lines: [10]string{"Prøvevej  12"}, City: "Testby"}, Use: "HOME"},
			change(pid(t, p, ecpr.NameKind, ""), ecpr.Name{Text: "Jon Alfa Prøve", Family: "Prøve", Given: "Jon Alfa"}),
		}, table(), act(1), counting("new"))
		require.NoError(t, err)
		assert.Empty(t, changed)
		assert.Equal(t, p.Versions, next.Versions)
	})
	t.Run("PC-14 a name changed by PID is closed where its successor begins", func(t *testing.T) {
		p := jon(t)
		old := active(t, p, ecpr.NameKind, "")
		next, changed, err := p.Apply([]ecpr.Edit{change(old.PID, ecpr.Name{Family: "Prøvesen", Given: "Jon Alfa"})}, table(), act(1), counting("new"))
		require.NoError(t, err)
		assert.Equal(t, []ecpr.Kind{ecpr.NameKind}, changed)
		now := active(t, next, ecpr.NameKind, "")
		assert.Equal(t, ecpr.Name{Text: "Jon Alfa Prøvesen", Family: "Prøvesen", Given: "Jon Alfa"}, now.Element)
		assert.NotEqual(t, old.PID, now.PID)
		closed := next.Versions[2]
		old.Valid.To, old.Closed = now.Valid.From, "act1"
		assert.Equal(t, old, closed)
		assert.Equal(t, now, next.Versions[3], "the successor follows it")
	})
	t.Run("EC-15 a name without PID replaces the one in force", func(t *testing.T) {
		next, _, err := jon(t).Apply([]ecpr.Edit{add(ecpr.Name{Text: "Jon"}), add(ecpr.Female), add(ecpr.BirthDate("1979"))}, table(), act(1), counting("n"))
		require.NoError(t, err)
		for k, want := range map[ecpr.Kind]ecpr.Element{
			ecpr.NameKind: ecpr.Name{Text: "Jon"}, ecpr.GenderKind: ecpr.Female, ecpr.BirthDateKind: ecpr.BirthDate("1979"),
		} {
			assert.Equal(t, want, active(t, next, k, "").Element)
		}
		assert.Equal(t, "1308781QT7", next.Number.Text(), "EC-06 a correction never changes the number")
	})
	t.Run("PC-15 a PID that was closed is a conflict", func(t *testing.T) {
		p := jon(t)
		old := pid(t, p, ecpr.NameKind, "")
		next, _, err := p.Apply([]ecpr.Edit{change(old, ecpr.Name{Given: "A"})}, table(), act(1), counting("a"))
		require.NoError(t, err)
		for _, e := range []ecpr.Edit{change(old, ecpr.Name{Given: "B"}), invalidate(ecpr.NameKind, old)} {
			_, _, err = next.Apply([]ecpr.Edit{e}, table(), act(2), counting("b"))
			assert.Equal(t, old, requireProblem(t, err, ecpr.ErrElementClosed).PID)
			assert.True(t, fault.Is(err, fault.Conflict))
		}
	})
	t.Run("EC-13 a PID of nobody, or of another kind, is not found", func(t *testing.T) {
		p := jon(t)
		for _, e := range []ecpr.Edit{
			invalidate(ecpr.ContactKind, "nobody's"), change(pid(t, p, ecpr.GenderKind, ""), ecpr.Name{Given: "B"}),
			change("nobody's", passport("1")), {Kind: ecpr.IdentifierKind, PID: "nobody's", Element: ecpr.Identifier{Value: "1"}},
		} {
			_, _, err := p.Apply([]ecpr.Edit{e}, table(), act(1), counting("b"))
			assert.Equal(t, e.PID, requireProblem(t, err, ecpr.ErrElementUnknown).PID)
			assert.True(t, fault.Is(err, fault.NotFound))
		}
	})
	t.Run("EC-13 one PID twice", func(t *testing.T) {
		p := jon(t)
		old := pid(t, p, ecpr.ContactKind, "")
		_, _, err := p.Apply([]ecpr.Edit{invalidate(ecpr.ContactKind, old), change(old, ecpr.Contact{Value: "1"})}, table(), act(1), counting("b"))
		assert.Equal(t, old, requireProblem(t, err, ecpr.ErrInvalid).PID)
	})
	t.Run("EC-15 two names in one request", func(t *testing.T) {
		_, _, err := jon(t).Apply([]ecpr.Edit{add(ecpr.Name{Given: "A"}), add(ecpr.Name{Given: "B"})}, table(), act(1), counting("b"))
		requireProblem(t, err, ecpr.ErrInvalid)
	})
	t.Run("PC-16 a PID alone closes a contact, which stays in the history", func(t *testing.T) {
		p := jon(t)
		next, changed, err := p.Apply([]ecpr.Edit{invalidate(ecpr.ContactKind, pid(t, p, ecpr.ContactKind, ""))}, table(), act(1), counting("b"))
		require.NoError(t, err)
		assert.Equal(t, []ecpr.Kind{ecpr.ContactKind}, changed)
		assert.Len(t, next.Versions, len(p.Versions))
		assert.Equal(t, ecpr.Instant(act(1).At), next.Versions[5].Valid.To)
	})
	t.Run("PC-16 a PID alone does not close a gender", func(t *testing.T) {
		p := jon(t)
		_, _, err := p.Apply([]ecpr.Edit{invalidate(ecpr.GenderKind, pid(t, p, ecpr.GenderKind, ""))}, table(), act(1), counting("b"))
		requireProblem(t, err, ecpr.ErrInvalid)
	})
	t.Run("EC-16 a birth date becomes unknown", func(t *testing.T) {
		p := jon(t)
		next, _, err := p.Apply([]ecpr.Edit{invalidate(ecpr.BirthDateKind, pid(t, p, ecpr.BirthDateKind, ""))}, table(), act(1), counting("b"))
		require.NoError(t, err)
		for _, v := range next.Active(act(1).At) {
			assert.NotEqual(t, ecpr.BirthDateKind, v.Element.Kind())
		}
	})
	t.Run("PC-25 an X-eCPR is neither changed nor invalidated nor a value", func(t *testing.T) {
		p := jon(t)
		own := pid(t, p, ecpr.IdentifierKind, ecpr.XECPROID)
		for _, e := range []ecpr.Edit{
			invalidate(ecpr.IdentifierKind, own), change(own, passport("1")),
			{Kind: ecpr.IdentifierKind, PID: own, Element: ecpr.Identifier{Value: "1308781QT9"}},
			change(pid(t, p, ecpr.IdentifierKind, ecpr.PassportOID), ecpr.Identifier{OID: ecpr.XECPROID, Value: "1308781QT9"}),
		} {
			_, _, err := p.Apply([]ecpr.Edit{e}, table(), act(1), counting("b"))
			requireProblem(t, err, ecpr.ErrInvalid)
		}
	})
	t.Run("PC-24 a second identifier with one OID is sent with the PID of the first", func(t *testing.T) {
		p := jon(t)
		old := pid(t, p, ecpr.IdentifierKind, ecpr.PassportOID)
		_, _, err := p.Apply([]ecpr.Edit{add(passport("CD5678"))}, table(), act(1), counting("b"))
		assert.Equal(t, ecpr.PassportOID, requireProblem(t, err, ecpr.ErrOIDExists).OID)
		for _, e := range []ecpr.Edit{change(old, passport("CD5678")), {Kind: ecpr.IdentifierKind, PID: old, Element: ecpr.Identifier{Value: "cd5678"}}} {
			next, _, err := p.Apply([]ecpr.Edit{e}, table(), act(1), counting("b"))
			require.NoError(t, err)
			assert.Equal(t, passport("CD5678"), active(t, next, ecpr.IdentifierKind, ecpr.PassportOID).Element)
		}
		next, _, err := p.Apply([]ecpr.Edit{add(passport("CD5678")), invalidate(ecpr.IdentifierKind, old)}, table(), act(1), counting("b"))
		require.NoError(t, err, "one goes and one comes, in any order")
		assert.Equal(t, passport("CD5678"), active(t, next, ecpr.IdentifierKind, ecpr.PassportOID).Element)
		_, _, err = p.Apply([]ecpr.Edit{
			add(ecpr.Identifier{OID: ecpr.EHICOID, Value: "1"}), change(old, ecpr.Identifier{OID: ecpr.EHICOID, Value: "2"}),
		}, table(), act(1), counting("b"))
		requireProblem(t, err, ecpr.ErrOIDExists)
	})
	t.Run("EC-20 one that expired stays in force, and expiry is data", func(t *testing.T) {
		p := jon(t)
		expired := ecpr.Identifier{OID: ecpr.PassportOID, Value: "AB1234", Expiry: "2001-01-01", Validity: "12"}
		_, _, err := p.Apply([]ecpr.Edit{add(expired)}, table(), act(1), counting("b"))
		requireProblem(t, err, ecpr.ErrOIDExists)
		next, _, err := p.Apply([]ecpr.Edit{change(pid(t, p, ecpr.IdentifierKind, ecpr.PassportOID), expired)}, table(), act(1), counting("b"))
		require.NoError(t, err)
		assert.Equal(t, expired, active(t, next, ecpr.IdentifierKind, ecpr.PassportOID).Element)
	})
	t.Run("two contacts change places", func(t *testing.T) {
		one, two := ecpr.Contact{Value: "11111111"}, ecpr.Contact{Value: "22222222"}
		p, err := ecpr.NewPerson("p", number(t, "0203267ZK4"), []ecpr.Edit{add(one), add(two), add(two)}, table(), act(0), counting("p"))
		require.NoError(t, err)
		require.Len(t, p.Versions, 4, "EC-15 an equal one is written once")
		next, _, err := p.Apply([]ecpr.Edit{change(p.Versions[2].PID, two), change(p.Versions[3].PID, one)}, table(), act(1), counting("q"))
		require.NoError(t, err)
		assert.ElementsMatch(t, []ecpr.Element{one, two}, elementsOf(next, ecpr.ContactKind))
		next, _, err = p.Apply([]ecpr.Edit{change(p.Versions[2].PID, two)}, table(), act(1), counting("q"))
		require.NoError(t, err)
		assert.Equal(t, []ecpr.Element{two}, elementsOf(next, ecpr.ContactKind), "one changed into another is that")
	})
	t.Run("EC-11 time goes on though the clock does not", func(t *testing.T) {
		p := jon(t)
		at := p.Versions[0].Valid.From
		for i, family := range []string{"A", "B", "C"} {
			var err error
			back := ecpr.Act{ID: "back", At: start.Add(-time.Hour)}
			p, _, err = p.Apply([]ecpr.Edit{add(ecpr.Name{Family: family})}, table(), back, counting(family))
			require.NoError(t, err)
			at = at.Add(time.Millisecond)
			require.Equal(t, at, active(t, p, ecpr.NameKind, "").Valid.From, i)
		}
	})
	t.Run("one that was merged away is not changed", func(t *testing.T) {
		p := jon(t)
		p.MergedTo = "other"
		_, _, err := p.Apply([]ecpr.Edit{add(ecpr.Female)}, table(), act(1), counting("b"))
		requireProblem(t, err, ecpr.ErrMerged)
	})
}

// elementsOf are the elements of a kind in force.
func elementsOf(p ecpr.Person, k ecpr.Kind) (found []ecpr.Element) {
	for _, v := range p.Versions {
		if v.Active() && v.Element.Kind() == k {
			found = append(found, v.Element)
		}
	}
	return found
}

func TestMerge(t *testing.T) {
	phone, road := ecpr.Contact{Value: "12345678"}, ecpr.Address{Lines: [10]string{"Andenvej 1"}}
	other := func(t *testing.T, edits ...ecpr.Edit) ecpr.Person {
		p, err := ecpr.NewPerson("other", number(t, "0203267ZK4"), edits, table(), act(1), counting("other"))
		require.NoError(t, err)
		return p
	}
	t.Run("PC-32 the survivor has all identifiers, contacts and addresses, and the newest of the rest", func(t *testing.T) {
		survivor := jon(t)
		loser := other(t, add(ecpr.Name{Given: "Jo"}), add(ecpr.Male), add(passport("CD5678")), add(phone), add(road))
		kept, gone, err := ecpr.Merge(survivor, loser, act(2), counting("m"))
		require.NoError(t, err)
		at := ecpr.Instant(act(2).At)

		assert.Equal(t, ecpr.PersonID("jon"), gone.MergedTo)
		for _, v := range gone.Versions {
			assert.Equal(t, at, v.Valid.To)
		}
		assert.Equal(t, []ecpr.Element{
			ecpr.Identifier{OID: ecpr.XECPROID, Value: "1308781QT7"}, passport("AB1234"), passport("CD5678"),
		}, elementsOf(kept, ecpr.IdentifierKind), "two passports: a merge may leave several of one OID")
		assert.Equal(t, []ecpr.Element{ecpr.Name{Text: "Jo", Given: "Jo"}}, elementsOf(kept, ecpr.NameKind), "the loser's is newer")
		assert.Equal(t, []ecpr.Element{ecpr.Male}, elementsOf(kept, ecpr.GenderKind))
		assert.Equal(t, []ecpr.Element{ecpr.BirthDate("1978-08-13")}, elementsOf(kept, ecpr.BirthDateKind), "the loser has none")
		assert.Equal(t, []ecpr.Element{phone}, elementsOf(kept, ecpr.ContactKind), "an equal one once")
		assert.Len(t, elementsOf(kept, ecpr.AddressKind), 2)

		var issued ecpr.Version
		for _, v := range kept.Versions {
			if v.Element == (ecpr.Identifier{OID: ecpr.XECPROID, Value: "0203267ZK4"}) {
				issued = v
			}
		}
		assert.Equal(t, ecpr.Instant(act(1).At), issued.Valid.From, "the loser's number as it was issued")
		assert.Equal(t, at, issued.Valid.To)
		assert.NotEqual(t, pid(t, loser, ecpr.IdentifierKind, ecpr.XECPROID), issued.PID)

		next, _, err := kept.Apply([]ecpr.Edit{{Kind: ecpr.IdentifierKind, PID: kept.Versions[1].PID,
			Element: ecpr.Identifier{Value: "EF1"}}}, table(), act(3), counting("n"))
		require.NoError(t, err, "one of two passports can still be changed by its PID")
		assert.Contains(t, elementsOf(next, ecpr.IdentifierKind), passport("EF1"))
	})
	t.Run("PC-31 a name that is not kept is history of the survivor", func(t *testing.T) {
		survivor := jon(t)
		survivor, _, err := survivor.Apply([]ecpr.Edit{add(ecpr.Name{Given: "Ny"})}, table(), act(2), counting("s"))
		require.NoError(t, err)
		loser, _, err := other(t, add(ecpr.Name{Given: "Gammel"})).Apply([]ecpr.Edit{add(ecpr.BirthDate("1978"))}, table(), act(1), counting("l"))
		require.NoError(t, err)
		kept, gone, err := ecpr.Merge(survivor, loser, act(3), counting("m"))
		require.NoError(t, err)
		assert.Equal(t, []ecpr.Element{ecpr.Name{Text: "Ny", Given: "Ny"}}, elementsOf(kept, ecpr.NameKind))
		q, err := ecpr.ParseQuery("givenname:gammel")
		require.NoError(t, err)
		assert.True(t, q.Match(kept))
		assert.False(t, q.Match(gone))
		for _, v := range kept.Versions {
			if v.TakenOver() {
				assert.False(t, v.Active())
			}
		}
	})
	t.Run("of two equally new the survivor's is kept", func(t *testing.T) {
		a, b := jon(t), jon(t)
		b.ID, b.Number = "b", number(t, "1308781QT9")
		b.Versions[2].Element = ecpr.Name{Text: "B", Given: "B"}
		kept, _, err := ecpr.Merge(a, b, act(1), counting("m"))
		require.NoError(t, err)
		assert.Equal(t, a.Versions[2].Element, elementsOf(kept, ecpr.NameKind)[0])
	})
	t.Run("PC-33 what cannot be merged", func(t *testing.T) {
		linked := func(id ecpr.PersonID, cpr string) ecpr.Person {
			p := jon(t)
			p.ID = id
			next, _, err := p.Apply([]ecpr.Edit{add(ecpr.Identifier{OID: ecpr.CPROID, Value: cpr})}, table(), act(1), counting(cpr))
			require.NoError(t, err)
			return next
		}
		merged := jon(t)
		merged.ID, merged.MergedTo = "merged", "x"
		for _, c := range []struct {
			name string
			a, b ecpr.Person
			want error
		}{
			{"with itself", jon(t), jon(t), ecpr.ErrMergeImpossible},
			{"a survivor that is merged", merged, jon(t), ecpr.ErrMerged},
			{"a loser that is merged", jon(t), merged, ecpr.ErrMerged},
			{"two CPR numbers", linked("a", "1403800099"), linked("b", "2207820468"), ecpr.ErrMergeImpossible},
		} {
			_, _, err := ecpr.Merge(c.a, c.b, act(2), counting("m"))
			requireProblem(t, err, c.want)
			assert.True(t, fault.Is(err, fault.Conflict), c.name)
		}
		_, _, err := ecpr.Merge(linked("a", "1403800099"), func() ecpr.Person { p := jon(t); p.ID = "b"; return p }(), act(2), counting("m"))
		assert.NoError(t, err, "one CPR number is no hindrance")
	})
}

func TestCheckedActor(t *testing.T) {
	good := ecpr.Actor{
		Authorisation: "0tst1", Name: " Tove  Testlæge", Person: "2207820468", Role: "Læge",
		Organisation: ecpr.Organisation{Name: "Testby Sygehus", Type: "Hospital", ID: "900011000016001", Source: "SOR"},
	}
	got, err := good.Checked()
	require.NoError(t, err)
	want := good
	want.Authorisation, want.Name = "0TST1", "Tove Testlæge"
	assert.Equal(t, want, got)
	for _, c := range []struct {
		name string
		edit func(*ecpr.Actor)
	}{
		{"no name", func(a *ecpr.Actor) { a.Name = "" }},
		{"no organisation", func(a *ecpr.Actor) { a.Organisation.Name = " " }},
		{"no number of the organisation", func(a *ecpr.Actor) { a.Organisation.ID = "" }},
		{"a number of nowhere", func(a *ecpr.Actor) { a.Organisation.Source = "sor" }},
		{"a long authorisation", func(a *ecpr.Actor) { a.Authorisation = strings.Repeat("1", 21) }},
		{"a long role", func(a *ecpr.Actor) { a.Role = strings.Repeat("å", 101) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := good
			c.edit(&a)
			_, err := a.Checked()
			requireProblem(t, err, ecpr.ErrInvalid)
		})
	}
}

func TestCheckAssignment(t *testing.T) {
	n := mustCPR(t, "1403800099")
	assert.NoError(t, ecpr.Assignment{CVR: "12345678", Person: n, Role: ecpr.Coordinator}.Check())
	for _, a := range []ecpr.Assignment{
		{CVR: "1234567", Person: n, Role: ecpr.Coordinator}, {CVR: "1234567x", Person: n, Role: ecpr.WebAdministrator},
		{CVR: "12345678", Role: ecpr.Coordinator}, {CVR: "12345678", Person: n, Role: "Læge"}, {CVR: "12345678", Person: n},
	} {
		assert.True(t, fault.Is(a.Check(), fault.Invalid))
	}
}
