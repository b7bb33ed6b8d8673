package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
)

// people makes registrations that are not kept yet.
type people struct {
	t     testing.TB
	ids   atomic.Int64
	table ecpr.Table
	men   ecpr.Series
}

func newPeople(t testing.TB) *people {
	t.Helper()
	p := &people{t: t}
	var err error
	p.men, err = ecpr.NewSeries("1978-08-13", ecpr.Male, calendar.DayOf(start))
	require.NoError(t, err)
	p.table = ecpr.NewTable(ecpr.DefaultOIDs(p.id))
	return p
}

func (p *people) id() string    { return fmt.Sprintf("5b1f0a52-0c0e-4f0c-9d57-%012x", p.ids.Add(1)) }
func (p *people) pid() ecpr.PID { return ecpr.PID(p.id()) }

func (p *people) act() ecpr.Act {
	return ecpr.Act{ID: p.id(), At: start, Caller: "33257872/1403800099", Actor: ecpr.Actor{Name: "Tove Testlæge", Person: "2207820468", Role: "Læge",
		Organisation: ecpr.Organisation{Name: "Testby Sygehus", ID: "900011000016001", Source: "SOR"}}}
}

// one is the registration number n of the series.
func (p *people) one(n int, act ecpr.Act) ecpr.Person {
	p.t.Helper()
	made, err := ecpr.NewPerson(ecpr.PersonID(p.id()), p.men.At(n), []ecpr.Edit{
		{Kind: ecpr.NameKind, Element: ecpr.Name{Given: "Jon Alfa", Family: fmt.Sprint("Prøve", n)}},
		{Kind: ecpr.GenderKind, Element: ecpr.Male},
		{Kind: ecpr.BirthDateKind, Element: ecpr.BirthDate("1978-08-13")},
		{Kind: ecpr.ContactKind, Element: ecpr.Contact{Value: fmt.Sprintf("+45 %08d", n)}},
		{Kind: ecpr.AddressKind, Element: ecpr.Address{Lines: [10]string{"Vej 12"}, City: "Testby"}},
	}, p.table, act, p.pid)
	require.NoError(p.t, err)
	return made
}

// created keeps it.
func (p *people) created(ctx context.Context, db *DB, n int) ecpr.Person {
	p.t.Helper()
	act := p.act()
	made := p.one(n, act)
	require.NoError(p.t, db.Persons().Create(ctx, made, act))
	return made
}

// edit has p edited by one that adds and changes.
func (p *people) edit(ctx context.Context, db *DB, id ecpr.PersonID, ns []notice.Notice, edits ...ecpr.Edit) error {
	act := p.act()
	return db.Persons().Update(ctx, act, []ecpr.PersonID{id}, func(ps []ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
		next, _, err := ps[0].Apply(edits, p.table, act, p.pid)
		return []ecpr.Person{next}, ns, err
	})
}

func renamed(p ecpr.Person, given string) ecpr.Edit {
	return ecpr.Edit{Kind: ecpr.NameKind, Element: ecpr.Name{Given: given, Family: "Prøve"}, PID: p.Versions[1].PID}
}

func query(t testing.TB, text string) ecpr.Query {
	t.Helper()
	q, err := ecpr.ParseQuery(text)
	require.NoError(t, err)
	return q
}

func TestRegistrationStatements(t *testing.T) {
	for engine, open := range map[string]func(*testing.T) *DB{
		"sqlite":   func(t *testing.T) *DB { return opened(t) },
		"postgres": func(t *testing.T) *DB { return openedPostgres(t, postgresDSN(t)) },
	} {
		t.Run(engine, func(t *testing.T) {
			ctx, db, p := context.Background(), open(t), newPeople(t)
			a, b, c := p.created(ctx, db, 1), p.created(ctx, db, 2), p.created(ctx, db, 3)
			created := 10
			locks := map[string]int{"postgres": 1}[engine]
			advis := []notice.Notice{{ID: p.id(), Key: string(a.ID), To: notice.NAS, Created: start,
				Advis: nas.Notification{Topic: "urn:x:y", Payload: []byte("<a/>")}}}
			for _, c := range []struct {
				name string
				call func() error
				want int
			}{
				{"Claim", func() error { _, err := db.Ledger().Claim(ctx, p.men.At(1), start); return err }, 1},
				{"Taken", func() error { _, err := db.Ledger().Taken(ctx, p.men); return err }, 1},
				{"Get by number", func() error {
					_, err := db.Persons().Get(ctx, ecpr.Identifier{OID: ecpr.XECPROID, Value: a.Number.Text()})
					return err
				}, 1},
				{"Get by another identifier", func() error {
					_, err := db.Persons().Get(ctx, ecpr.Identifier{OID: ecpr.PassportOID, Value: "P1"})
					assert.ErrorIs(t, err, ecpr.ErrPersonUnknown)
					return nil
				}, 1},
				{"ByID", func() error { _, err := db.Persons().ByID(ctx, a.ID); return err }, 1},
				{"Create: begin, person, alias, actor, versions, words, the lock of changes, changes, commit", func() error {
					created++
					act := p.act()
					return db.Persons().Create(ctx, p.one(created, act), act)
				}, 8 + locks},
				{"Update that changes nothing: begin, lock, read, commit", func() error {
					return db.Persons().Update(ctx, p.act(), []ecpr.PersonID{a.ID}, func(ps []ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
						return ps, nil, nil
					})
				}, 3 + locks},
				{"Update of a name: begin, lock, read, person, close, actor, version, words, notice, lock, changes, commit", func() error {
					return p.edit(ctx, db, a.ID, advis, renamed(a, "Ny"))
				}, 10 + 2*locks},
				{"Merge: the alias, the words of the loser and five more closed versions", func() error {
					act := p.act()
					return db.Persons().Update(ctx, act, []ecpr.PersonID{b.ID, c.ID}, func(ps []ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
						kept, gone, err := ecpr.Merge(ps[0], ps[1], act, p.pid)
						return []ecpr.Person{kept, gone}, nil, err
					})
				}, 4 + 2 + 2 + 6 + 3 + 2*locks},
				{"Search: a count for each word, the candidates, a batch", func() error {
					found, _, err := db.Persons().Search(ctx, query(t, "familyname:prøve* AND givenname:jon"), 100)
					assert.NotEmpty(t, found)
					return err
				}, 4},
				{"Search of a word that nobody has", func() error {
					_, _, err := db.Persons().Search(ctx, query(t, "familyname:nobody AND givenname:jon"), 100)
					return err
				}, 1},
				{"Changes", func() error { _, err := db.Persons().Changes(ctx, 0, 100); return err }, 1},
				{"OIDs", func() error { _, err := db.OIDs().OIDs(ctx); return err }, 1},
				{"Has", func() error {
					_, err := db.ECPRRoles().Has(ctx, "33257872", cpr.Number{}, ecpr.Coordinator)
					return err
				}, 1},
			} {
				t.Run(c.name, func(t *testing.T) {
					var statements []string
					db.observe = func(statement string) { statements = append(statements, statement) }
					require.NoError(t, c.call())
					assert.Len(t, statements, c.want)
					db.observe = nil
				})
			}
		})
	}
}

// A store whose one transaction that writes is taken says so instead of waiting for itself.
func TestClaimWithinUnitThatHasWritten(t *testing.T) {
	for engine, open := range map[string]func(*testing.T) *DB{
		"sqlite":   func(t *testing.T) *DB { return opened(t) },
		"postgres": func(t *testing.T) *DB { return openedPostgres(t, postgresDSN(t)) },
	} {
		t.Run(engine, func(t *testing.T) {
			db, p := open(t), newPeople(t)
			require.NoError(t, db.Units().Run(context.Background(), func(ctx context.Context) error {
				p.created(ctx, db, 1)
				_, err := db.Ledger().Claim(ctx, p.men.At(2), start)
				assert.ErrorIs(t, err, errHeld)
				return nil
			}, nothing))
			free, err := db.Ledger().Claim(context.Background(), p.men.At(2), start)
			require.NoError(t, err)
			require.True(t, free, "what was refused is not spent")
		})
	}
}

// What somebody did is kept with it, as evidence.
func TestActsAreKept(t *testing.T) {
	ctx, db, p := context.Background(), opened(t), newPeople(t)
	a := p.created(ctx, db, 1)
	require.NoError(t, p.edit(ctx, db, a.ID, nil, renamed(a, "Ny")))
	require.Error(t, p.edit(ctx, db, a.ID, nil, renamed(a, "Nyere")), "it is closed")
	var acts []string
	require.NoError(t, db.reading.query(ctx, func(rows *sql.Rows) error {
		var actor, caller string
		var at int64
		err := rows.Scan(&actor, &caller, &at)
		acts = append(acts, fmt.Sprint(actor, caller, time.UnixMicro(at).UTC().Equal(start)))
		return err
	}, "SELECT a.actor, a.caller, a.at FROM ecpr_version v JOIN ecpr_actor a ON a.id = v.closed_by OR a.id = v.opened_by GROUP BY a.id"))
	const act = `{"name":"Tove Testlæge","person":"2207820468","role":"Læge","organisation":{"name":"Testby Sygehus","id":"900011000016001","source":"SOR"}}` +
		"33257872/1403800099true"
	assert.Equal(t, []string{act, act}, acts)
	var n int
	require.NoError(t, db.reading.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&n) }, "SELECT count(*) FROM ecpr_actor"))
	assert.Equal(t, 2, n)
}

// A number that was issued is not issued again by a copy, and what changes there is told after what was copied.
func TestEC08CopyOfNumbers(t *testing.T) {
	ctx, from, p := context.Background(), opened(t), newPeople(t)
	a := p.created(ctx, from, 1)
	for n := range 300 {
		_, err := from.Ledger().Claim(ctx, p.men.At(n), start)
		require.NoError(t, err)
	}
	told, err := from.Persons().Changes(ctx, 0, 100)
	require.NoError(t, err)
	for name, target := range targets() {
		t.Run(name, func(t *testing.T) {
			to := openedAt(t, target(t))
			_, err := Copy(ctx, from, to, CopyOptions{})
			require.NoError(t, err)
			for n := range 300 {
				free, err := to.Ledger().Claim(ctx, p.men.At(n), start)
				require.NoError(t, err)
				require.False(t, free)
			}
			got, err := to.Persons().Get(ctx, ecpr.Identifier{OID: ecpr.XECPROID, Value: a.Number.Text()})
			require.NoError(t, err)
			require.Equal(t, a.ID, got.ID)
			p.created(ctx, to, 500)
			more, err := to.Persons().Changes(ctx, 0, 100)
			require.NoError(t, err)
			require.Equal(t, told, more[:len(told)])
			require.Len(t, more, 2*len(told))
			found, _, err := to.Persons().Search(ctx, query(t, "familyname:prøve*"), 10)
			require.NoError(t, err)
			require.Len(t, found, 2)
		})
	}
}
