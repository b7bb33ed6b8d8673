package portstest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/validity"
)

// requireSearch requires that a query finds these, in order.
func (r *registry) requireSearch(ctx context.Context, query string, want ...ecpr.Person) {
	r.t.Helper()
	found, truncated := r.search(ctx, query, 100)
	require.False(r.t, truncated, query)
	require.Equal(r.t, personIDs(want), personIDs(found), query)
	if len(want) > 0 {
		require.Equal(r.t, want, found, query)
	}
}

func (r *registry) search(ctx context.Context, query string, limit int) ([]ecpr.Person, bool) {
	r.t.Helper()
	q, err := ecpr.ParseQuery(query)
	require.NoError(r.t, err, query)
	found, truncated, err := r.two().Search(ctx, q, limit)
	require.NoError(r.t, err, query)
	return found, truncated
}

func personIDs(ps []ecpr.Person) []ecpr.PersonID {
	all := []ecpr.PersonID{}
	for _, p := range ps {
		all = append(all, p.ID)
	}
	return all
}

func born(day string) ecpr.Edit {
	return ecpr.Edit{Kind: ecpr.BirthDateKind, Element: ecpr.BirthDate(day)}
}

func personSearch(t *testing.T, open OpenPersonStore) {
	t.Run("PC-28 a registration is found by words, beginnings of words, phrases and birth dates, among them those of the past", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		p := r.created(ctx, 0, named("Jon Alfa", "Prøve"), born("1978-12-12"), living("Testby", "Lange Vej 12"), phone("+45 12345678"))
		q := r.created(ctx, 1, named("Åse-Lis", "Prøvesen"), born("1980-12-12"), living("Østby", "Vejen 12", "Lange Vej 13"))
		p = r.updated(ctx, 2, p.ID, instead(p, living("Testby", "Lange Vej 12"), living("Nyby", "Torvet 1")))
		for query, want := range map[string][]ecpr.Person{
			`familyname:prøve*`:                             {p, q},
			`familyname:PRØVE`:                              {p},
			`familyname:"prove*"`:                           nil,
			`givenname:"jon alfa"`:                          {p},
			`givenname:"alfa jon"`:                          nil,
			`givenname:alfa AND givenname:jon`:              {p},
			`givenname:åse-l*`:                              {q},
			"givenname:A\u030ase-lis":                       {q},
			`streetaddress:"Vej 12"`:                        {p},
			`streetaddress:"lange vej"`:                     {p, q},
			`streetaddress:"la* vej" AND city:nyby`:         {p},
			`streetaddressline1:"lange vej"`:                {p},
			`streetaddressline2:"vej 13"`:                   {q},
			`city:testby AND city:nyby`:                     {p},
			`city:østby AND familyname:prøve`:               nil,
			`familyname:prøve* AND birthdate:12-12`:         {p, q},
			`familyname:prøve* AND birthdate:1978`:          {p},
			`familyname:prøve* AND birthdate:1980-12*`:      {q},
			`birthdate:1980-12-12`:                          {q},
			`birthdate:1980-12-13`:                          nil,
			`contact:12345678`:                              {p},
			`contact:+45 AND familyname:prøve`:              {p},
			`contact:1234567`:                               nil,
			`contact:"45 12345678" AND contactsystem:phone`: {p},
			`familyname:pr*sen AND gender:unknown`:          {q},
			`familyname:pr*sex`:                             nil,
			`familyname:zz*`:                                nil,
		} {
			r.requireSearch(ctx, query, want...)
		}
	})

	t.Run("EC-28 words of different versions together find a registration, words of different registrations do not", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		p := r.created(ctx, 0, named("Jon", "Prøve"), living("Testby", "Vej 1"))
		r.created(ctx, 1, named("Bo", "Prøve"), living("Testby", "Vej 2"))
		p = r.updated(ctx, 2, p.ID, instead(p, named("Jon", "Prøve"), named("Ib", "Nielsen")))
		r.requireSearch(ctx, "givenname:jon AND familyname:nielsen", p)
		r.requireSearch(ctx, "givenname:bo AND familyname:nielsen")
		r.requireSearch(ctx, `streetaddress:"vej 1" AND familyname:prøve`, p)
	})

	t.Run("PC-29 the latest change comes first, then the X-eCPR; at most max, and truncated tells that there are more", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		var all []ecpr.Person
		committed(ctx, t, r.first().Units, func(ctx context.Context) {
			for i := range 150 {
				all = append(all, r.created(ctx, i%40, named(fmt.Sprint("Nr", i), "Prøve"))) // several at one time
			}
			r.created(ctx, 50, named("Nr1", "Anden"))
		})
		all[7] = r.updated(ctx, 60, all[7].ID, phone("1"))
		slices.SortFunc(all, func(a, b ecpr.Person) int {
			return cmp.Or(b.Changed.Compare(a.Changed), cmp.Compare(a.Number.Text(), b.Number.Text()))
		})
		for _, limit := range []int{1, 100, 149, 150, 1000} {
			found, truncated := r.search(ctx, "familyname:prøve", limit)
			require.Equal(t, personIDs(all[:min(limit, 150)]), personIDs(found), "max %d", limit)
			require.Equal(t, limit < 150, truncated, "max %d", limit)
		}
		found, truncated := r.search(ctx, "familyname:prøve AND givenname:nr7", 1)
		require.Equal(t, all[:1], found)
		require.False(t, truncated)
	})

	t.Run("PC-31 what was merged away is not found, the survivor is by the names of both", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		a, b, c := r.created(ctx, 5, named("Jon", "Prøve")), r.created(ctx, 0, named("Johan", "Nielsen")), r.created(ctx, 0, named("Jo", "Nielsen"))
		require.NoError(t, r.merge(ctx, r.one(), 6, a.ID, b.ID))
		a = r.byID(ctx, a.ID)
		r.requireSearch(ctx, "familyname:nielsen", a, c)
		r.requireSearch(ctx, "familyname:prøve", a)
		require.NoError(t, r.merge(ctx, r.one(), 7, c.ID, a.ID))
		c = r.byID(ctx, c.ID)
		r.requireSearch(ctx, "givenname:johan AND familyname:prøve", c)
		r.requireSearch(ctx, "familyname:nielsen AND givenname:jo*", c)
	})

	t.Run("EC-30 a query is too broad if its rarest word has more than 10,000 candidates", func(t *testing.T) {
		if testing.Short() {
			t.Skip("10,000 words take the race detector too long")
		}
		r, ctx := registryOf(t, open)
		many := func(first, n int) func(p *ecpr.Person, act ecpr.Act) {
			return func(p *ecpr.Person, act ecpr.Act) {
				for i := range n {
					p.Versions = append(p.Versions, ecpr.Version{PID: r.pid(), Opened: act.ID, Valid: validity.Period{From: noon},
						Element: ecpr.Contact{Value: fmt.Sprintf("11%05d", first+i)}})
				}
			}
		}
		crowd := func(hours int, family string, fill func(*ecpr.Person, ecpr.Act)) ecpr.Person {
			act := r.act(hours)
			p := r.person(act, named("Jon", family))
			fill(&p, act)
			require.NoError(t, r.one().Create(ctx, p, act))
			return r.byID(ctx, p.ID)
		}
		p := crowd(0, "Prøve", many(0, ecpr.MaxCandidates-1))
		q := crowd(1, "Nielsen", many(20_000, 1))
		r.requireSearch(ctx, "contact:11*", q, p)
		r.created(ctx, 2, named("Jon", "Hansen"), phone("1130000"))
		broad, err := ecpr.ParseQuery("contact:11*")
		require.NoError(t, err)
		_, _, err = r.two().Search(ctx, broad, 100)
		require.ErrorIs(t, err, ecpr.ErrTooBroad)
		r.requireSearch(ctx, "contact:11* AND familyname:nielsen", q)
		r.requireSearch(ctx, "contact:1100* AND familyname:prøve", p)
	})

	t.Run("Search sees what its unit of work wrote", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		rolledBack(ctx, t, r.first().Units, func(ctx context.Context) {
			p := r.created(ctx, 0, named("Jon", "Prøve"))
			q, err := ecpr.ParseQuery("familyname:prøve")
			require.NoError(t, err)
			found, _, err := r.one().Search(ctx, q, 10)
			require.NoError(t, err)
			require.Equal(t, []ecpr.Person{p}, found)
		})
		r.requireSearch(ctx, "familyname:prøve")
	})
}
