package portstest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

// Registrations is a store of registrations with the outbox that its notices go to.
type Registrations interface {
	Persons() ports.PersonStore
	Outbox() ports.Outbox
}

// OpenPersonStore opens a store of registrations.
type OpenPersonStore = Open[Registrations]

// registry is a store of registrations under test. It makes ids and numbers; it is safe for concurrent use.
type registry struct {
	handles[Registrations]
	t       *testing.T
	ids     atomic.Int64
	table   ecpr.Table
	series  ecpr.Series
	numbers atomic.Int64
}

func registryOf(t *testing.T, open OpenPersonStore) (*registry, context.Context) {
	t.Helper()
	hs, _ := open.opened(t)
	r := &registry{handles: hs, t: t, series: seriesOf(t, "1978-08-13", ecpr.Male)}
	r.table = ecpr.NewTable(ecpr.DefaultOIDs(r.id))
	return r, bounded(t)
}

func (r *registry) id() string             { return uuid(int(r.ids.Add(1))) }
func (r *registry) pid() ecpr.PID          { return ecpr.PID(r.id()) }
func (r *registry) one() ports.PersonStore { return r.first().Store.Persons() }
func (r *registry) two() ports.PersonStore { return r.last().Store.Persons() }

// act is what somebody does some hours after noon.
func (r *registry) act(hours int) ecpr.Act {
	return ecpr.Act{ID: r.id(), At: later(hours), Caller: "33257872/1403800099", Actor: ecpr.Actor{Name: "Tove Testlæge", Authorisation: "0TST1",
		Person: "2207820468", Role: "Læge", Organisation: ecpr.Organisation{Name: "Testby Sygehus", ID: "900011000016001", Source: "SOR"}}}
}

// named, phone, passport and living are edits that add.
func named(given, family string) ecpr.Edit {
	return ecpr.Edit{Kind: ecpr.NameKind, Element: ecpr.Name{Given: given, Family: family}}
}

func phone(value string) ecpr.Edit {
	return ecpr.Edit{Kind: ecpr.ContactKind, Element: ecpr.Contact{Value: value}}
}

func passport(value string) ecpr.Edit { return holding(ecpr.PassportOID, value) }

func holding(oid, value string) ecpr.Edit {
	return ecpr.Edit{Kind: ecpr.IdentifierKind, Element: ecpr.Identifier{OID: oid, Value: value}}
}

func living(city string, lines ...string) ecpr.Edit {
	a := ecpr.Address{City: city}
	copy(a.Lines[:], lines)
	return ecpr.Edit{Kind: ecpr.AddressKind, Element: a}
}

// instead is an edit of the version of p that is in force and equal to the element of old, to that of e; without a kind it invalidates it.
func instead(p ecpr.Person, old, e ecpr.Edit) ecpr.Edit {
	e.Kind = old.Kind
	for _, v := range p.Versions {
		if v.Active() && v.Element.Kind() == old.Kind && sameText(v.Element, old.Element) {
			e.PID = v.PID
		}
	}
	return e
}

// sameText compares two elements without what an edit need not tell.
func sameText(a, b ecpr.Element) bool {
	plain := func(e ecpr.Element) ecpr.Element {
		switch e := e.(type) {
		case ecpr.Name:
			return ecpr.Name{Given: e.Given, Family: e.Family}
		case ecpr.Identifier:
			return ecpr.Identifier{OID: e.OID, Value: e.Value}
		}
		return e
	}
	return plain(a) == plain(b)
}

// without invalidates.
func without(p ecpr.Person, old ecpr.Edit) ecpr.Edit { return instead(p, old, ecpr.Edit{}) }

// person returns a registration that is nowhere kept yet.
func (r *registry) person(act ecpr.Act, edits ...ecpr.Edit) ecpr.Person {
	r.t.Helper()
	p, err := ecpr.NewPerson(ecpr.PersonID(r.id()), r.series.At(int(r.numbers.Add(1))), edits, r.table, act, r.pid)
	require.NoError(r.t, err)
	return p
}

// created keeps a new registration and returns it as the store tells it.
func (r *registry) created(ctx context.Context, hours int, edits ...ecpr.Edit) ecpr.Person {
	r.t.Helper()
	act := r.act(hours)
	p := r.person(act, edits...)
	require.NoError(r.t, r.one().Create(ctx, p, act))
	p.Revision = 1
	return p
}

// update applies edits to one registration.
func (r *registry) update(ctx context.Context, s ports.PersonStore, hours int, id ecpr.PersonID, edits ...ecpr.Edit) error {
	act := r.act(hours)
	return s.Update(ctx, act, []ecpr.PersonID{id}, func(ps []ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
		next, _, err := ps[0].Apply(edits, r.table, act, r.pid)
		return []ecpr.Person{next}, nil, err
	})
}

// updated applies edits and returns the registration as the store tells it.
func (r *registry) updated(ctx context.Context, hours int, id ecpr.PersonID, edits ...ecpr.Edit) ecpr.Person {
	r.t.Helper()
	require.NoError(r.t, r.update(ctx, r.one(), hours, id, edits...))
	return r.byID(ctx, id)
}

func (r *registry) byID(ctx context.Context, id ecpr.PersonID) ecpr.Person {
	r.t.Helper()
	p, err := r.two().ByID(ctx, id)
	require.NoError(r.t, err)
	return p
}

// merge merges loser into survivor.
func (r *registry) merge(ctx context.Context, s ports.PersonStore, hours int, survivor, loser ecpr.PersonID) error {
	act := r.act(hours)
	return s.Update(ctx, act, []ecpr.PersonID{survivor, loser}, func(ps []ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
		kept, gone, err := ecpr.Merge(ps[0], ps[1], act, r.pid)
		return []ecpr.Person{kept, gone}, []notice.Notice{r.notice(loser), r.notice(survivor)}, err
	})
}

func (r *registry) notice(id ecpr.PersonID) notice.Notice {
	return notice.Notice{ID: r.id(), Key: string(id), To: notice.NAS, Created: noon, Advis: nas.Notification{Topic: "urn:x:y", Payload: []byte("<a/>")}}
}

// waiting returns the keys of the notices that wait.
func (r *registry) waiting(ctx context.Context) (keys []string) {
	r.t.Helper()
	due, err := r.last().Store.Outbox().Next(ctx, notice.NAS, later(1000), 1000)
	require.NoError(r.t, err)
	for _, n := range due {
		keys = append(keys, n.Key)
	}
	return keys
}

// requireFound requires that an identifier leads to p.
func (r *registry) requireFound(ctx context.Context, s ports.PersonStore, oid, value string, want ecpr.Person) {
	r.t.Helper()
	got, err := s.Get(ctx, ecpr.Identifier{OID: oid, Value: value})
	require.NoError(r.t, err)
	require.Equal(r.t, want, got)
}

func (r *registry) requireUnknown(ctx context.Context, oid, value string) {
	r.t.Helper()
	for _, h := range r.handles {
		_, err := h.Store.Persons().Get(ctx, ecpr.Identifier{OID: oid, Value: value})
		require.True(r.t, fault.Is(err, fault.NotFound), "Get: %v", err)
	}
}

// changes returns what changed after seq, in steps.
func (r *registry) changes(ctx context.Context, seq int64, step int) (all []ecpr.Change) {
	r.t.Helper()
	for {
		got, err := r.two().Changes(ctx, seq, step)
		require.NoError(r.t, err)
		require.LessOrEqual(r.t, len(got), step)
		for _, c := range got {
			require.Greater(r.t, c.Seq, seq)
			seq = c.Seq
		}
		all = append(all, got...)
		if len(got) < step {
			return all
		}
	}
}

// everything has an element of each kind with each field.
func everything() []ecpr.Edit {
	return []ecpr.Edit{
		{Kind: ecpr.IdentifierKind, Element: ecpr.Identifier{OID: ecpr.PassportOID, Value: "P1234567", Validity: "3", Expiry: "2030-12-31"}},
		holding(ecpr.CapitalOID, "1308780AB1"),
		{Kind: ecpr.NameKind, Element: ecpr.Name{Text: "Dr. Jon Prøve", Given: "Jon Alfa", Family: "Prøve \"<&>\" \u2028😀"}},
		{Kind: ecpr.GenderKind, Element: ecpr.Male},
		{Kind: ecpr.BirthDateKind, Element: ecpr.BirthDate("1978-08-13")},
		{Kind: ecpr.ContactKind, Element: ecpr.Contact{Value: "+45 12345678", Expiry: "2027-01-01"}},
		phone("87654321"),
		{Kind: ecpr.AddressKind, Element: ecpr.Address{Lines: [10]string{"c/o Ærø", "Vej 12", "", "4", "5", "6", "7", "8", "9", "10"},
			City: "Testby", District: "Nord", State: "Ø", PostalCode: "9900", Country: "DK", Box: "Boks 7", Expiry: "2028-02-29"}},
		living("Prøvestad"),
	}
}

// PersonStore runs the contract of ports.PersonStore.
func PersonStore(t *testing.T, open OpenPersonStore) {
	personKeeping(t, open)
	personEditing(t, open)
	personMerging(t, open)
	personChanges(t, open)
	personSearch(t, open)
	personsAtOnce(t, open)
}

func personKeeping(t *testing.T, open OpenPersonStore) {
	t.Run("EC-22 a registration is found by its number, by an active identifier and by its id, with every field", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		p := r.created(ctx, 0, everything()...)
		r.created(ctx, 0, named("Anden", "Person"), passport("P7654321"))
		require.Len(t, p.Versions, 1+len(everything()))
		r.requireFound(ctx, r.one(), ecpr.XECPROID, p.Number.Text(), p)
		r.requireFound(ctx, r.two(), ecpr.XECPROID, p.Number.Text(), p)
		r.requireFound(ctx, r.two(), ecpr.PassportOID, "P1234567", p)
		r.requireFound(ctx, r.two(), ecpr.CapitalOID, "1308780AB1", p)
		require.Equal(t, p, r.byID(ctx, p.ID))
	})

	t.Run("what there is no registration with is fault.NotFound", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		p := r.created(ctx, 0, passport("P1234567"))
		for _, id := range []ecpr.Identifier{{OID: ecpr.XECPROID, Value: r.series.At(99).Text()}, {OID: ecpr.XECPROID, Value: "P1234567"}, {OID: ecpr.XECPROID},
			{OID: ecpr.EHICOID, Value: "P1234567"}, {OID: ecpr.PassportOID, Value: p.Number.Text()}, {OID: ecpr.PassportOID, Value: "P123456"},
			{OID: ecpr.PassportOID, Value: "p1234567"}, {}} {
			r.requireUnknown(ctx, id.OID, id.Value)
		}
		for _, id := range []ecpr.PersonID{ecpr.PersonID(r.id()), ecpr.PersonID(p.Versions[0].PID), "", "no uuid"} {
			_, err := r.two().ByID(ctx, id)
			require.True(t, fault.Is(err, fault.NotFound), "ByID: %v", err)
			err = r.one().Update(ctx, r.act(1), []ecpr.PersonID{p.ID, id}, func([]ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
				t.Error("edit of what is not there")
				return nil, nil, errBoom
			})
			require.True(t, fault.Is(err, fault.NotFound), "Update: %v", err)
		}
	})

	t.Run("times are cut to milliseconds and are UTC; the store sets revision and change", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		at := noon.Add(1999 * time.Microsecond).In(time.FixedZone("CET", 3600))
		act := r.act(0)
		act.At = at
		p := r.person(act, named("Jon", "Prøve"))
		p.Revision, p.Changed = 17, later(99)
		for i := range p.Versions {
			p.Versions[i].Valid.From = at
		}
		require.NoError(t, r.one().Create(ctx, p, act))
		got := r.byID(ctx, p.ID)
		require.EqualValues(t, 1, got.Revision)
		require.Equal(t, noon.Add(time.Millisecond), got.Changed)
		for _, v := range got.Versions {
			require.Equal(t, validity.Period{From: noon.Add(time.Millisecond)}, v.Valid)
		}
	})

	t.Run("versions are ordered by kind, ValidFrom and PID", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		act := r.act(0)
		p := r.person(act, everything()...)
		want := p.Kept().Versions
		slices.Reverse(p.Versions)
		require.NoError(t, r.one().Create(ctx, p, act))
		require.Equal(t, want, r.byID(ctx, p.ID).Versions)
	})

	t.Run("nothing is created twice", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		p := r.created(ctx, 0, named("Jon", "Prøve"), passport("P1234567"))
		for name, spoil := range map[string]func(*ecpr.Person){
			"id":      func(q *ecpr.Person) { q.ID = p.ID },
			"number":  func(q *ecpr.Person) { q.Number = p.Number },
			"version": func(q *ecpr.Person) { q.Versions[len(q.Versions)-1].PID = p.Versions[2].PID },
		} {
			act := r.act(1)
			q := r.person(act, named("Anden", "Person"), passport("P7654321"))
			number := q.Number
			spoil(&q)
			require.Error(t, r.one().Create(ctx, q, act), name)
			require.Equal(t, p, r.byID(ctx, p.ID), name)
			r.requireUnknown(ctx, ecpr.PassportOID, "P7654321")
			if name != "number" {
				r.requireUnknown(ctx, ecpr.XECPROID, number.Text())
			}
		}
		require.Len(t, r.changes(ctx, 0, 100), 1+len(p.Versions))
	})

	t.Run("EC-10 what is created is of its act, and is somebody", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		for name, spoil := range map[string]func(*ecpr.Person){
			"nothing known":     func(p *ecpr.Person) { p.Versions = nil },
			"another's act":     func(p *ecpr.Person) { p.Versions[1].Opened = r.id() },
			"closed by another": func(p *ecpr.Person) { p.Versions[1].Valid.To, p.Versions[1].Closed = later(1), r.id() },
			"merged away":       func(p *ecpr.Person) { p.MergedTo = ecpr.PersonID(r.id()) },
		} {
			act := r.act(0)
			p := r.person(act, named("Jon", "Prøve"))
			spoil(&p)
			require.Error(t, r.one().Create(ctx, p, act), name)
			r.requireUnknown(ctx, ecpr.XECPROID, p.Number.Text())
		}
		require.Empty(t, r.changes(ctx, 0, 10))
	})

	t.Run("PC-23 an identifier that is active on another registration is ErrValueExists, and nothing of it is kept", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		p := r.created(ctx, 0, passport("P1234567"), holding(ecpr.CapitalOID, "1308780AB1"))
		act := r.act(1)
		q := r.person(act, holding(ecpr.EHICOID, "E1"), passport("P1234567"))
		err := r.two().Create(ctx, q, act)
		require.ErrorIs(t, err, ecpr.ErrValueExists)
		require.True(t, fault.Is(err, fault.Conflict))
		r.requireUnknown(ctx, ecpr.EHICOID, "E1")
		r.requireUnknown(ctx, ecpr.XECPROID, q.Number.Text())

		q = r.created(ctx, 1, holding(ecpr.EHICOID, "E1"), holding(ecpr.SealandOID, "1308780AB1"))
		require.ErrorIs(t, r.update(ctx, r.one(), 2, q.ID, named("Ny", "Navn"), passport("P1234567")), ecpr.ErrValueExists)
		require.Equal(t, q, r.byID(ctx, q.ID))

		p = r.updated(ctx, 3, p.ID, without(p, passport("P1234567")))
		r.requireUnknown(ctx, ecpr.PassportOID, "P1234567")
		q = r.updated(ctx, 4, q.ID, passport("P1234567"))
		r.requireFound(ctx, r.two(), ecpr.PassportOID, "P1234567", q)
		require.ErrorIs(t, r.update(ctx, r.one(), 5, p.ID, passport("P1234567")), ecpr.ErrValueExists, "it is the other's now")
	})
}

func personEditing(t *testing.T, open OpenPersonStore) {
	t.Run("PC-14 Update keeps what edit made: closed versions and new ones, revision, instant and notices", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		p := r.created(ctx, 0, everything()...)
		act := r.act(3)
		act.At = act.At.Add(1999 * time.Microsecond)
		var want ecpr.Person
		require.NoError(t, r.two().Update(ctx, act, []ecpr.PersonID{p.ID}, func(ps []ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
			require.Equal(t, []ecpr.Person{p}, ps)
			next, _, err := p.Apply([]ecpr.Edit{
				instead(p, everything()[2], named("Jon", "Prøvesen")), without(p, phone("87654321")), instead(p, passport("P1234567"), passport("P2")), phone("1"),
			}, r.table, act, r.pid)
			require.NoError(t, err)
			want = next
			return []ecpr.Person{next}, []notice.Notice{r.notice(p.ID), r.notice("other"), r.notice(p.ID)}, nil
		}))
		want.Revision, want.Changed = 2, later(3).Add(time.Millisecond)
		require.Len(t, want.Versions, len(p.Versions)+3)
		r.requireFound(ctx, r.one(), ecpr.PassportOID, "P2", want)
		r.requireUnknown(ctx, ecpr.PassportOID, "P1234567")
		require.ElementsMatch(t, []string{string(p.ID), "other"}, r.waiting(ctx), "the head of each key")
	})

	t.Run("edit is given the registrations in the order of ids, and what it leaves alone keeps its revision", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		a, b, c := r.created(ctx, 0, named("A", "A")), r.created(ctx, 1, named("B", "B")), r.created(ctx, 2, named("C", "C"))
		for _, order := range [][]ecpr.Person{{a, b, c}, {c, a, b}, {b, c, a}} {
			act := r.act(5)
			require.NoError(t, r.one().Update(ctx, act, []ecpr.PersonID{order[0].ID, order[1].ID, order[2].ID},
				func(ps []ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
					for i, p := range ps {
						require.Equal(t, order[i].ID, p.ID)
					}
					next, _, err := ps[1].Apply([]ecpr.Edit{phone(r.id())}, r.table, act, r.pid)
					return []ecpr.Person{ps[0], next, ps[2]}, nil, err
				}))
			require.NotEqual(t, order[1], r.byID(ctx, order[1].ID))
		}
		require.EqualValues(t, []int64{2, 2, 2}, []int64{r.byID(ctx, a.ID).Revision, r.byID(ctx, b.ID).Revision, r.byID(ctx, c.ID).Revision})
	})

	t.Run("PC-13 an edit that changes nothing writes nothing but its notices", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		p := r.created(ctx, 0, everything()...)
		before := r.changes(ctx, 0, 100)
		require.NoError(t, r.one().Update(ctx, r.act(1), []ecpr.PersonID{p.ID}, func(ps []ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
			return ps, nil, nil
		}))
		require.Equal(t, p, r.byID(ctx, p.ID))
		require.Equal(t, before, r.changes(ctx, 0, 100))
		require.Empty(t, r.waiting(ctx))
	})

	t.Run("PC-17 an edit that fails changes nothing, whatever it did to what it was given", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		p := r.created(ctx, 0, everything()...)
		err := r.one().Update(ctx, r.act(1), []ecpr.PersonID{p.ID}, func(ps []ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
			ps[0].Versions[0].Valid.To, ps[0].Versions[1].Element = later(1), ecpr.Other
			ps[0].Versions = ps[0].Versions[:1]
			return ps, []notice.Notice{r.notice(p.ID)}, errBoom
		})
		require.ErrorIs(t, err, errBoom)
		require.Equal(t, p, r.byID(ctx, p.ID))
		require.Empty(t, r.waiting(ctx))
	})

	t.Run("EC-10 an edit that does anything but add and close versions fails, and changes nothing", func(t *testing.T) {
		for name, spoil := range map[string]func(act ecpr.Act, ps []ecpr.Person) []ecpr.Person{
			"a version is gone":      func(_ ecpr.Act, ps []ecpr.Person) []ecpr.Person { ps[0].Versions = ps[0].Versions[1:]; return ps },
			"an element changed":     func(_ ecpr.Act, ps []ecpr.Person) []ecpr.Person { ps[0].Versions[1].Element = ecpr.Other; return ps },
			"a beginning changed":    func(_ ecpr.Act, ps []ecpr.Person) []ecpr.Person { ps[0].Versions[1].Valid.From = later(-1); return ps },
			"who opened changed":     func(a ecpr.Act, ps []ecpr.Person) []ecpr.Person { ps[0].Versions[1].Opened = a.ID; return ps },
			"a version was reopened": func(_ ecpr.Act, ps []ecpr.Person) []ecpr.Person { reopened(ps[0].Versions); return ps },
			"an end was moved":       func(a ecpr.Act, ps []ecpr.Person) []ecpr.Person { moved(a, ps[0].Versions); return ps },
			"closed by nobody": func(_ ecpr.Act, ps []ecpr.Person) []ecpr.Person {
				ps[0].Versions[0].Valid.To = later(2)
				return ps
			},
			"opened by another": func(a ecpr.Act, ps []ecpr.Person) []ecpr.Person {
				v := ecpr.Version{PID: ecpr.PID(uuid(1000)), Element: ecpr.Contact{Value: "1"}, Opened: uuid(1001)}
				v.Valid.From = later(2)
				ps[0].Versions = append(ps[0].Versions, v)
				return ps
			},
			"another number":           func(_ ecpr.Act, ps []ecpr.Person) []ecpr.Person { ps[0].Number = ps[1].Number; return ps },
			"another id":               func(_ ecpr.Act, ps []ecpr.Person) []ecpr.Person { ps[0].ID = ps[1].ID; return ps },
			"in another order":         func(_ ecpr.Act, ps []ecpr.Person) []ecpr.Person { return []ecpr.Person{ps[1], ps[0]} },
			"one is missing":           func(_ ecpr.Act, ps []ecpr.Person) []ecpr.Person { return ps[:1] },
			"merged with active parts": func(_ ecpr.Act, ps []ecpr.Person) []ecpr.Person { ps[0].MergedTo = ps[1].ID; return ps },
			"merged into a stranger": func(a ecpr.Act, ps []ecpr.Person) []ecpr.Person {
				ps[0] = mergedAway(a, ps[0], ecpr.PersonID(uuid(1000)))
				return ps
			},
			"merged into each other": func(a ecpr.Act, ps []ecpr.Person) []ecpr.Person {
				return []ecpr.Person{mergedAway(a, ps[0], ps[1].ID), mergedAway(a, ps[1], ps[0].ID)}
			},
		} {
			t.Run(name, func(t *testing.T) {
				r, ctx := registryOf(t, open)
				p, q := r.created(ctx, 0, everything()...), r.created(ctx, 0, named("B", "B"))
				p = r.updated(ctx, 1, p.ID, without(p, phone("87654321")))
				before, act := r.changes(ctx, 0, 100), r.act(2)
				err := r.one().Update(ctx, act, []ecpr.PersonID{p.ID, q.ID}, func(ps []ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
					return spoil(act, ps), []notice.Notice{r.notice(p.ID)}, nil
				})
				require.Error(t, err)
				_, told := fault.Of(err)
				require.False(t, told, "it is nothing to tell a client")
				require.Equal(t, p, r.byID(ctx, p.ID))
				require.Equal(t, q, r.byID(ctx, q.ID))
				require.Equal(t, before, r.changes(ctx, 0, 100))
				require.Empty(t, r.waiting(ctx))
			})
		}
	})

	t.Run("one registration given twice to Update is refused", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		p := r.created(ctx, 0, named("A", "A"))
		require.Error(t, r.one().Update(ctx, r.act(1), []ecpr.PersonID{p.ID, p.ID}, func(ps []ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
			return ps, nil, nil
		}))
	})

	t.Run("what an edit frees it can give to another registration", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		a, b := r.created(ctx, 0, passport("P1")), r.created(ctx, 0, passport("P2"))
		act := r.act(1)
		require.NoError(t, r.one().Update(ctx, act, []ecpr.PersonID{a.ID, b.ID}, func(ps []ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
			x, _, err := ps[0].Apply([]ecpr.Edit{instead(a, passport("P1"), passport("P2"))}, r.table, act, r.pid)
			require.NoError(t, err)
			y, _, err := ps[1].Apply([]ecpr.Edit{instead(b, passport("P2"), passport("P1"))}, r.table, act, r.pid)
			return []ecpr.Person{x, y}, nil, err
		}))
		r.requireFound(ctx, r.two(), ecpr.PassportOID, "P1", r.byID(ctx, b.ID))
		r.requireFound(ctx, r.two(), ecpr.PassportOID, "P2", r.byID(ctx, a.ID))
	})

	t.Run("the caller owns what it gave and what it got", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		act := r.act(0)
		p := r.person(act, everything()...)
		require.NoError(t, r.one().Create(ctx, p, act))
		want := r.byID(ctx, p.ID)
		p.Versions[0].Opened = "changed"
		for _, get := range []func() (ecpr.Person, error){
			func() (ecpr.Person, error) { return r.one().ByID(ctx, p.ID) },
			func() (ecpr.Person, error) {
				return r.one().Get(ctx, ecpr.Identifier{OID: ecpr.PassportOID, Value: "P1234567"})
			},
		} {
			got, err := get()
			require.NoError(t, err)
			require.Equal(t, want, got)
			got.Versions[0].Opened = "changed"
		}
		var given []ecpr.Person
		require.NoError(t, r.one().Update(ctx, r.act(1), []ecpr.PersonID{p.ID}, func(ps []ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
			given = ps
			return ps, nil, nil
		}))
		given[0].Versions[0].Opened = "changed"
		require.Equal(t, want, r.byID(ctx, p.ID))
	})

	t.Run("Create and Update join the unit of work", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		p := r.created(ctx, 0, named("A", "A"), passport("P1"))
		before := r.changes(ctx, 0, 100)
		rolledBack(ctx, t, r.first().Units, func(ctx context.Context) {
			q := r.created(ctx, 1, passport("P2"))
			require.NoError(t, r.update(ctx, r.one(), 2, p.ID, without(p, passport("P1"))))
			require.NoError(t, r.merge(ctx, r.one(), 3, q.ID, p.ID))
			found, err := r.one().Get(ctx, ecpr.Identifier{OID: ecpr.XECPROID, Value: p.Number.Text()})
			require.NoError(t, err)
			require.Equal(t, q.ID, found.ID, "the unit sees what it wrote")
		})
		require.Equal(t, p, r.byID(ctx, p.ID))
		r.requireFound(ctx, r.two(), ecpr.PassportOID, "P1", p)
		r.requireUnknown(ctx, ecpr.PassportOID, "P2")
		require.Equal(t, before, r.changes(ctx, 0, 100))
		require.Empty(t, r.waiting(ctx))
		var q ecpr.Person
		committed(ctx, t, r.first().Units, func(ctx context.Context) {
			q = r.created(ctx, 1, named("B", "B"), passport("P2"))
			act := r.act(2)
			require.ErrorIs(t, r.one().Create(ctx, r.person(act, passport("P1")), act), ecpr.ErrValueExists)
			require.ErrorIs(t, r.update(ctx, r.one(), 2, p.ID, holding(ecpr.EHICOID, "E"), instead(p, passport("P1"), passport("P2"))), ecpr.ErrValueExists)
			require.NoError(t, r.update(ctx, r.one(), 2, p.ID, phone("1")), "the unit goes on")
		})
		require.EqualValues(t, 2, r.byID(ctx, p.ID).Revision)
		r.requireFound(ctx, r.two(), ecpr.PassportOID, "P2", q)
		r.requireUnknown(ctx, ecpr.EHICOID, "E")
		require.Len(t, r.changes(ctx, 0, 100), len(before)+1+len(q.Versions)+1, "what was taken back is not told of")
	})

	t.Run("a context that has ended changes nothing", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		p := r.created(ctx, 0, named("A", "A"))
		act := r.act(1)
		require.ErrorIs(t, r.one().Create(ended(), r.person(act, passport("P1")), act), context.Canceled)
		require.ErrorIs(t, r.update(ended(), r.one(), 1, p.ID, phone("1")), context.Canceled)
		r.requireUnknown(ctx, ecpr.PassportOID, "P1")
		require.Equal(t, p, r.byID(ctx, p.ID))
	})
}

// reopened and moved spoil the version that is closed.
func reopened(vs []ecpr.Version) {
	for i := range vs {
		vs[i].Valid.To, vs[i].Closed = time.Time{}, ""
	}
}

func moved(act ecpr.Act, vs []ecpr.Version) {
	for i := range vs {
		if !vs[i].Active() {
			vs[i].Valid.To, vs[i].Closed = later(9), act.ID
		}
	}
}

// mergedAway is p as it is when it was merged into another.
func mergedAway(act ecpr.Act, p ecpr.Person, to ecpr.PersonID) ecpr.Person {
	p.MergedTo = to
	for i := range p.Versions {
		if v := &p.Versions[i]; v.Active() {
			v.Valid.To, v.Closed = later(2), act.ID
		}
	}
	return p
}

func personMerging(t *testing.T, open OpenPersonStore) {
	t.Run("PC-32 EC-22 every identifier of what was merged away leads to the survivor, through any number of merges", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		var ps []ecpr.Person
		for i := range 4 {
			ps = append(ps, r.created(ctx, i, named("Jon", fmt.Sprint("Prøve", i)), passport(fmt.Sprint("P", i))))
		}
		// 1 into 0, 3 into 2, and 2, which has two numbers, into 0.
		for i, m := range [][2]int{{0, 1}, {2, 3}, {0, 2}} {
			require.NoError(t, r.merge(ctx, r.one(), 10+i, ps[m[0]].ID, ps[m[1]].ID))
		}
		survivor := r.byID(ctx, ps[0].ID)
		for i, p := range ps {
			r.requireFound(ctx, r.two(), ecpr.XECPROID, p.Number.Text(), survivor)
			r.requireFound(ctx, r.two(), ecpr.PassportOID, fmt.Sprint("P", i), survivor)
		}
		for i, to := range map[int]int{1: 0, 2: 0, 3: 2} {
			gone := r.byID(ctx, ps[i].ID)
			require.Equal(t, ps[to].ID, gone.MergedTo)
			require.Equal(t, ps[i].Number, gone.Number)
			for _, v := range gone.Versions {
				require.False(t, v.Active())
			}
		}
		require.Equal(t, []string{string(ps[1].ID), string(ps[0].ID), string(ps[3].ID), string(ps[2].ID)}, r.waiting(ctx), "of each key the first")
	})

	t.Run("what was merged away is changed no more", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		a, b, c := r.created(ctx, 0, named("A", "A")), r.created(ctx, 0, named("B", "B")), r.created(ctx, 0, named("C", "C"))
		require.NoError(t, r.merge(ctx, r.one(), 1, a.ID, b.ID))
		gone := r.byID(ctx, b.ID)
		act := r.act(2)
		v := ecpr.Version{PID: r.pid(), Element: ecpr.Contact{Value: "1"}, Opened: act.ID, Closed: act.ID,
			Valid: validity.Period{From: later(2), To: later(3)}}
		for name, spoil := range map[string]func([]ecpr.Person) []ecpr.Person{
			"a version":         func(ps []ecpr.Person) []ecpr.Person { ps[0].Versions = append(ps[0].Versions, v); return ps },
			"back to life":      func(ps []ecpr.Person) []ecpr.Person { ps[0].MergedTo = ""; return ps },
			"into another one":  func(ps []ecpr.Person) []ecpr.Person { ps[0].MergedTo = c.ID; return ps },
			"another into it":   func(ps []ecpr.Person) []ecpr.Person { ps[1] = mergedAway(act, ps[1], b.ID); return ps },
			"another into self": func(ps []ecpr.Person) []ecpr.Person { ps[1] = mergedAway(act, ps[1], c.ID); return ps },
		} {
			require.Error(t, r.one().Update(ctx, act, []ecpr.PersonID{b.ID, c.ID}, func(ps []ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
				return spoil(ps), nil, nil
			}), name)
			require.Equal(t, gone, r.byID(ctx, b.ID), name)
			require.Equal(t, c, r.byID(ctx, c.ID), name)
		}
	})
}

func personChanges(t *testing.T, open OpenPersonStore) {
	// told is what a change tells but for its number.
	told := func(p ecpr.Person, since time.Time, vs ...ecpr.Version) (want []ecpr.Change) {
		for _, v := range vs {
			want = append(want, ecpr.Change{Person: p.ID, MergedTo: p.MergedTo, Since: since, Version: &v})
		}
		return want
	}
	itself := func(p ecpr.Person, since time.Time) ecpr.Change {
		return ecpr.Change{Person: p.ID, MergedTo: p.MergedTo, Since: since}
	}
	unnumbered := func(cs []ecpr.Change) []ecpr.Change {
		cs = slices.Clone(cs)
		for i := range cs {
			cs[i].Seq = 0
		}
		return cs
	}
	versions := func(p ecpr.Person, keep func(ecpr.Version) bool) (vs []ecpr.Version) {
		for _, v := range p.Versions {
			if keep(v) {
				vs = append(vs, v)
			}
		}
		return vs
	}

	t.Run("Changes tells the registration and its versions, then what is closed and opened, as it is now", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		require.Empty(t, r.changes(ctx, 0, 10))
		p := r.created(ctx, 0, everything()...)
		first := r.changes(ctx, 0, 100)
		require.ElementsMatch(t, append(told(p, noon, p.Versions...), itself(p, noon)), unnumbered(first))
		seq := first[len(first)-1].Seq
		require.Empty(t, r.changes(ctx, seq, 10))

		p = r.updated(ctx, 1, p.ID, instead(p, everything()[2], named("Ny", "Navn")), phone("1"))
		next := r.changes(ctx, seq, 100)
		later1 := versions(p, func(v ecpr.Version) bool { return v.Valid.From.Equal(later(1)) || v.Valid.To.Equal(later(1)) })
		require.Len(t, later1, 3)
		require.ElementsMatch(t, told(p, noon, later1...), unnumbered(next))
		again := r.changes(ctx, 0, 100)
		require.Equal(t, next, again[len(first):])
		require.ElementsMatch(t, append(told(p, noon, versions(p, func(v ecpr.Version) bool { return v.Valid.From.Equal(noon) })...), itself(p, noon)),
			unnumbered(again[:len(first)]), "what changed since is told as it is now")
	})

	t.Run("Changes tells at most max, and step by step the same", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		for i := range 5 {
			p := r.created(ctx, i, everything()[2:]...)
			r.updated(ctx, i+10, p.ID, phone("1"))
		}
		all := r.changes(ctx, 0, 1000)
		require.Len(t, all, 5*(1+8+1))
		for _, step := range []int{1, 7, len(all)} {
			require.Equal(t, all, r.changes(ctx, 0, step))
		}
		require.Equal(t, all[30:], r.changes(ctx, all[29].Seq, 11))
	})

	t.Run("PC-32 of a merge Changes tells the registration that was merged away, and the versions of both", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		a, b := r.created(ctx, 0, named("A", "A"), passport("P1")), r.created(ctx, 1, named("B", "B"), phone("1"))
		before := r.changes(ctx, 0, 100)
		require.NoError(t, r.merge(ctx, r.one(), 5, a.ID, b.ID))
		survivor, gone := r.byID(ctx, a.ID), r.byID(ctx, b.ID)
		known := map[ecpr.PID]ecpr.Version{}
		for _, v := range a.Versions {
			known[v.PID] = v
		}
		changed := versions(survivor, func(v ecpr.Version) bool { return v != known[v.PID] })
		want := slices.Concat([]ecpr.Change{itself(gone, later(1))}, told(gone, later(1), gone.Versions...), told(survivor, noon, changed...))
		require.ElementsMatch(t, want,
			unnumbered(r.changes(ctx, before[len(before)-1].Seq, 100)))
	})
}
