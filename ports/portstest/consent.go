package portstest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

// ConsentStores are the stores of consent of one backend, with the outbox that notices go to and the register that citizens' numbers are from.
type ConsentStores interface {
	Consents(aliases bool) ports.ConsentStore
	Overrides(aliases bool) ports.OverrideLog
	Outbox() ports.Outbox
	Stamdata() ports.StamdataLoader
}

// OpenConsentStores opens stores of consent.
type OpenConsentStores = Open[ConsentStores]

// consents are the stores of one case. It makes ids; it is safe for concurrent use.
type consents struct {
	handles[ConsentStores]
	t       *testing.T
	ctx     context.Context //nolint:containedctx // of one case
	aliases bool
	ids     atomic.Int64
}

// consentCases opens stores for the cases of one suite.
type consentCases func(t *testing.T) *consents

func consentsOf(open OpenConsentStores, aliases bool) consentCases {
	return func(t *testing.T) *consents {
		t.Helper()
		hs, _ := open.opened(t)
		return &consents{handles: hs, t: t, ctx: bounded(t), aliases: aliases}
	}
}

// followed runs a suite for stores that follow aliases, and for those that do not.
func followed(t *testing.T, open OpenConsentStores, suite func(t *testing.T, open consentCases)) {
	for name, aliases := range map[string]bool{"with aliases": true, "without aliases": false} {
		t.Run(name, func(t *testing.T) { suite(t, consentsOf(open, aliases)) })
	}
}

func (c *consents) nth(i int) ports.ConsentStore { return c.handles.nth(i).Store.Consents(c.aliases) }
func (c *consents) one() ports.ConsentStore      { return c.first().Store.Consents(c.aliases) }
func (c *consents) two() ports.ConsentStore      { return c.last().Store.Consents(c.aliases) }

// replaced loads that numbers were replaced by others.
func (c *consents) replaced(hours int, pairs ...[2]string) {
	c.t.Helper()
	text := "cpr;status;gaeldendeCPR\n"
	for _, p := range pairs {
		text += p[0] + ";60;" + p[1] + "\n"
	}
	f := RegisterFile(c.t, "cpr-person.csv", text)
	f.Force = true
	_, err := c.first().Store.Stamdata().Load(c.ctx, f, 1, later(hours))
	require.NoError(c.t, err)
}

// constraint is a new one that is for everyone and all data.
func (c *consents) constraint(citizen cpr.Number) consent.Registration {
	id := consent.MinID + consent.ID(c.ids.Add(1))
	return consent.Registration{
		ID: id, Version: 1, Citizen: citizen, Valid: validity.Period{From: noon}, Active: true,
		Created: consent.Stamp{At: noon, System: "OpenNSP-test", User: citizen.Digits()},
	}
}

// next is the next version of r, some hours after noon.
func next(r consent.Registration, hours int) consent.Registration {
	r.Version++
	r.Modified = consent.Stamp{At: later(hours), System: "MinSpærring", User: secretary}
	return r
}

func revoked(r consent.Registration, hours int) consent.Registration {
	r = next(r, hours)
	r.Active = false
	return r
}

// entry is what MinLog is told of a change.
func (c *consents) entry() notice.Notice {
	n := int(c.ids.Add(1))
	return notice.Notice{ID: uuid(n), Key: fmt.Sprint(consent.MinID + consent.ID(n)), To: notice.MinLog, Created: noon,
		Entry: minlog.Entry{System: "MinSpærring", Activity: "Spærring oprettet"}}
}

// putting is an edit that puts registrations, whatever there is.
func putting(put ...consent.Registration) func([]consent.Registration) (consent.Change, error) {
	return func([]consent.Registration) (consent.Change, error) { return consent.Change{Put: put}, nil }
}

// put keeps registrations of a citizen.
func (c *consents) put(citizen cpr.Number, put ...consent.Registration) {
	c.t.Helper()
	require.NoError(c.t, c.one().Update(c.ctx, citizen, putting(put...)))
}

// kept makes a constraint and keeps it.
func (c *consents) kept(citizen cpr.Number) consent.Registration {
	c.t.Helper()
	r := c.constraint(citizen)
	c.put(citizen, r)
	return r
}

func (c *consents) all(s ports.ConsentStore, citizen cpr.Number) []consent.Registration {
	c.t.Helper()
	all, err := s.All(c.ctx, citizen)
	require.NoError(c.t, err)
	return all
}

// requireKept requires that there are these registrations of a citizen, in the order of All, and that those of them that are active are Active.
func (c *consents) requireKept(citizen cpr.Number, want ...consent.Registration) {
	c.t.Helper()
	requireSame(c.t, want, c.all(c.two(), citizen), "All")
	active, err := c.two().Active(c.ctx, citizen)
	require.NoError(c.t, err)
	require.ElementsMatch(c.t, slices.DeleteFunc(slices.Clone(want), func(r consent.Registration) bool { return !r.Active }), active, "Active")
}

func (c *consents) requireVersions(citizen cpr.Number, id consent.ID, want ...consent.Registration) {
	c.t.Helper()
	got, err := c.two().Versions(c.ctx, citizen, id)
	require.NoError(c.t, err)
	requireSame(c.t, want, got, "Versions")
}

func requireSame[T any](t *testing.T, want, got []T, what string) {
	t.Helper()
	if len(want)+len(got) > 0 {
		require.Equal(t, want, got, what)
	}
}

// waiting counts the notices that wait.
func (c *consents) waiting() int {
	c.t.Helper()
	n, _, _, err := c.last().Store.Outbox().Waiting(c.ctx)
	require.NoError(c.t, err)
	return n
}

// ConsentStore runs the contract of ports.ConsentStore.
func ConsentStore(t *testing.T, open OpenConsentStores) {
	followed(t, open, func(t *testing.T, open consentCases) {
		consentKeeping(t, open)
		consentUpdates(t, open)
		consentsAtOnce(t, open)
		consentExpiry(t, open)
	})
	consentAliases(t, open)
	consentModel(t, consentsOf(open, true))
}

func consentKeeping(t *testing.T, open consentCases) {
	citizen, other := person(t, mother), person(t, man)

	t.Run("CT-47 every field of a registration and of its versions is kept", func(t *testing.T) {
		c := open(t)
		year := validity.Period{From: noon, To: noon.AddDate(1, 0, 0)}
		var want []consent.Registration
		for _, d := range []consent.Draft{
			{Valid: validity.Period{From: noon}},
			{Valid: year, Who: consent.Who{Person: person(t, secretary)}},
			{Valid: year, Who: consent.Who{Org: consent.Organisation{SOR: regionSOR, SubUnits: true}}},
			{Valid: year, Who: consent.Who{Org: consent.Organisation{SOR: "001234"}}},
			{Valid: year, Who: consent.Who{Foreign: true}},
			{Valid: year, What: consent.What{Data: validity.Period{From: noon.AddDate(-90, 0, 0)}}},
			{Valid: year, What: consent.What{Data: validity.Period{To: noon}}},
			{Valid: year, What: consent.What{Data: year, Origin: consent.Organisation{SOR: "999999999999999999", SubUnits: true}}},
			{Valid: validity.Period{From: time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), To: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}},
		} {
			for _, kind := range []consent.Kind{consent.Constraint, consent.Positive} {
				if kind == consent.Positive && d.Valid.To.IsZero() {
					continue
				}
				r := c.constraint(citizen)
				r.Kind, r.Who, r.What, r.Valid = kind, d.Who, d.What, d.Valid
				want = append(want, r)
			}
		}
		want[1].Created = consent.Stamp{At: noon.Add(time.Microsecond)}
		want[2].Created.System = "" // one may be unknown
		c.put(citizen, want...)
		want = append(slices.Delete(slices.Clone(want), 1, 2), want[1]) // it is of the latest creation
		c.requireKept(citizen, want...)
		for i, r := range want {
			want[i] = next(r, i)
		}
		want[0].Modified.User = ""
		want[3].Active = false
		c.put(citizen, want...)
		c.requireKept(citizen, want...)
		for _, r := range want {
			got, err := c.two().Versions(c.ctx, citizen, r.ID)
			require.NoError(t, err)
			require.Len(t, got, 2)
			require.Equal(t, r, got[1])
		}
	})

	t.Run("instants are UTC and cut to microseconds", func(t *testing.T) {
		c := open(t)
		r, zone := c.constraint(citizen), time.FixedZone("CET", 3600)
		fine := func(hours int) time.Time { return later(hours).Add(1999 * time.Nanosecond).In(zone) }
		r.Valid = validity.Period{From: fine(0), To: fine(1)}
		r.What.Data = validity.Period{From: fine(2), To: fine(3)}
		r.Created.At = fine(4)
		c.put(citizen, r)
		cut := func(hours int) time.Time { return later(hours).Add(time.Microsecond) }
		r.Valid, r.What.Data = validity.Period{From: cut(0), To: cut(1)}, validity.Period{From: cut(2), To: cut(3)}
		r.Created.At = cut(4)
		c.requireKept(citizen, r)
		changed := next(r, 5)
		changed.Modified.At = fine(5)
		c.put(citizen, changed)
		changed.Modified.At = cut(5)
		c.requireKept(citizen, changed)
	})

	t.Run("All is ordered by creation and then by id", func(t *testing.T) {
		c := open(t)
		var want []consent.Registration
		for i := range 6 {
			r := c.constraint(citizen)
			r.Created.At = later(i / 2)
			want = append(want, r)
		}
		for _, i := range []int{5, 0, 3, 2, 4, 1} {
			c.put(citizen, want[i])
		}
		want[2] = next(want[2], 9)
		c.put(citizen, want[2])
		c.requireKept(citizen, want...)
	})

	t.Run("registrations of another citizen are not found", func(t *testing.T) {
		c := open(t)
		mine, theirs := c.kept(citizen), c.kept(other)
		c.requireKept(citizen, mine)
		c.requireKept(other, theirs)
		c.requireVersions(citizen, mine.ID, mine)
		c.requireVersions(citizen, theirs.ID)
		c.requireVersions(citizen, consent.MaxID)
		c.requireKept(person(t, boy))
		c.requireKept(cpr.Number{})
	})

	t.Run("CT-17 a registration that was revoked is no longer active; it and all its versions are kept", func(t *testing.T) {
		c := open(t)
		r := c.kept(citizen)
		second := next(r, 1)
		second.Who.Person = person(t, secretary)
		c.put(citizen, second)
		c.requireKept(citizen, second)
		third := revoked(second, 2)
		c.put(citizen, third)
		c.requireKept(citizen, third)
		c.requireVersions(citizen, r.ID, r, second, third)
	})

	t.Run("what has expired or is of the future is active", func(t *testing.T) {
		c := open(t)
		past, future := c.constraint(citizen), c.constraint(citizen)
		past.Valid = validity.Period{From: noon.AddDate(-2, 0, 0), To: noon.AddDate(-1, 0, 0)}
		future.Valid.From = noon.AddDate(5, 0, 0)
		c.put(citizen, past, future)
		c.requireKept(citizen, past, future)
	})

	t.Run("returned memory is the caller's", func(t *testing.T) {
		c := open(t)
		r := c.kept(citizen)
		for _, read := range []func() ([]consent.Registration, error){
			func() ([]consent.Registration, error) { return c.one().Active(c.ctx, citizen) },
			func() ([]consent.Registration, error) { return c.one().All(c.ctx, citizen) },
			func() ([]consent.Registration, error) { return c.one().Versions(c.ctx, citizen, r.ID) },
		} {
			got, err := read()
			require.NoError(t, err)
			require.Len(t, got, 1)
			got[0] = c.constraint(other)
		}
		c.requireKept(citizen, r)
		c.requireVersions(citizen, r.ID, r)
	})

	t.Run("a context that has ended reads and changes nothing", func(t *testing.T) {
		c := open(t)
		r := c.kept(citizen)
		_, err := c.one().Active(ended(), citizen)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, c.one().Update(ended(), citizen, putting(next(r, 1))), context.Canceled)
		_, _, err = c.one().ExpireRevoked(ended(), later(9), 10)
		require.ErrorIs(t, err, context.Canceled)
		c.requireKept(citizen, r)
	})
}

func consentUpdates(t *testing.T, open consentCases) {
	citizen, other := person(t, mother), person(t, man)

	t.Run("edit is given the latest versions of all the citizen's registrations, and its notices are kept with what it puts", func(t *testing.T) {
		c := open(t)
		a, b := c.kept(citizen), c.kept(citizen)
		c.kept(other)
		a = revoked(a, 1)
		c.put(citizen, a)
		third, n := c.constraint(citizen), 0
		require.NoError(t, c.two().Update(c.ctx, citizen, func(all []consent.Registration) (consent.Change, error) {
			n++
			require.Equal(t, []consent.Registration{a, b}, all)
			return consent.Change{Put: []consent.Registration{third, next(b, 2)}, Notices: []notice.Notice{c.entry(), c.entry()}}, nil
		}))
		require.Positive(t, n)
		c.requireKept(citizen, a, next(b, 2), third)
		require.Equal(t, 2, c.waiting())
	})

	t.Run("an Update that puts nothing keeps its notices and changes nothing", func(t *testing.T) {
		c := open(t)
		r := c.kept(citizen)
		require.NoError(t, c.one().Update(c.ctx, citizen, func([]consent.Registration) (consent.Change, error) {
			return consent.Change{Notices: []notice.Notice{c.entry()}}, nil
		}))
		c.requireKept(citizen, r)
		require.Equal(t, 1, c.waiting())
	})

	t.Run("CT-18 where edit fails nothing changes, whatever it did to what it was given, and Update returns its error", func(t *testing.T) {
		c := open(t)
		r := c.kept(citizen)
		err := c.one().Update(c.ctx, citizen, func(all []consent.Registration) (consent.Change, error) {
			all[0].Active = false
			return consent.Change{Put: []consent.Registration{c.constraint(citizen)}, Notices: []notice.Notice{c.entry()}}, consent.ErrInactive
		})
		require.ErrorIs(t, err, consent.ErrInactive)
		c.requireKept(citizen, r)
		c.requireVersions(citizen, r.ID, r)
		require.Zero(t, c.waiting())
	})

	t.Run("an id that is anybody's already is ErrIDTaken, and nothing of the call is kept", func(t *testing.T) {
		c := open(t)
		mine, theirs, gone := c.kept(citizen), c.kept(other), c.kept(other)
		c.put(other, revoked(gone, 1))
		fresh := c.constraint(citizen)
		for name, id := range map[string]consent.ID{"her own": mine.ID, "another's": theirs.ID, "a revoked one's": gone.ID, "twice in the call": fresh.ID} {
			first, last := fresh, c.constraint(citizen)
			last.ID = id
			err := c.one().Update(c.ctx, citizen, func([]consent.Registration) (consent.Change, error) {
				return consent.Change{Put: []consent.Registration{first, next(mine, 1), last}, Notices: []notice.Notice{c.entry()}}, nil
			})
			require.ErrorIs(t, err, ports.ErrIDTaken, name)
			c.requireKept(citizen, mine)
			c.requireKept(other, theirs, revoked(gone, 1))
			c.requireVersions(citizen, fresh.ID)
			c.requireVersions(citizen, mine.ID, mine)
			require.Zero(t, c.waiting())
		}
		c.put(citizen, fresh)
		c.requireKept(citizen, mine, fresh)
	})

	t.Run("a version that is there is never altered: what is not the next one of an active registration is ErrConflict", func(t *testing.T) {
		c := open(t)
		mine, gone, theirs := c.kept(citizen), c.kept(citizen), c.kept(other)
		mine, gone = next(mine, 1), revoked(gone, 1)
		c.put(citizen, mine, gone)
		spoilt := func(spoil func(*consent.Registration)) []consent.Registration {
			r := next(mine, 2)
			spoil(&r)
			return []consent.Registration{c.constraint(citizen), r}
		}
		for name, put := range map[string][]consent.Registration{
			"the same version":    spoilt(func(r *consent.Registration) { r.Version-- }),
			"one is left out":     spoilt(func(r *consent.Registration) { r.Version++ }),
			"no version":          spoilt(func(r *consent.Registration) { r.Version = 0 }),
			"of nothing":          spoilt(func(r *consent.Registration) { r.ID = consent.MaxID }),
			"another creation":    spoilt(func(r *consent.Registration) { r.Created.System = "another" }),
			"another kind":        spoilt(func(r *consent.Registration) { r.Kind, r.Valid.To = consent.Positive, later(9) }),
			"another citizen":     spoilt(func(r *consent.Registration) { r.Citizen = other }),
			"twice":               {next(mine, 2), next(mine, 3)},
			"two versions":        {next(mine, 2), next(next(mine, 2), 3)},
			"a revoked one":       {next(gone, 2)},
			"another's":           {next(theirs, 2)},
			"new, for another":    {c.constraint(other)},
			"new, of two at once": {c.constraint(citizen), c.constraint(other)},
		} {
			err := c.two().Update(c.ctx, citizen, func([]consent.Registration) (consent.Change, error) {
				return consent.Change{Put: put, Notices: []notice.Notice{c.entry()}}, nil
			})
			require.ErrorIs(t, err, ports.ErrConflict, name)
			require.True(t, fault.Is(err, fault.Conflict), name)
		}
		c.requireKept(citizen, mine, gone)
		c.requireKept(other, theirs)
		c.requireVersions(other, theirs.ID, theirs)
		require.Zero(t, c.waiting())
	})

	t.Run("one Update puts as many as there may be", func(t *testing.T) {
		c := open(t)
		var want []consent.Registration
		for range 120 {
			want = append(want, c.constraint(citizen))
		}
		c.put(citizen, want...)
		for i, r := range want {
			want[i] = next(r, 1)
		}
		c.put(citizen, want...)
		c.requireKept(citizen, want...)
	})

	t.Run("Update joins the unit of work, which sees what it wrote", func(t *testing.T) {
		c := open(t)
		r := c.kept(citizen)
		work := func(ctx context.Context) {
			require.NoError(t, c.one().Update(ctx, citizen, func(all []consent.Registration) (consent.Change, error) {
				return consent.Change{Put: []consent.Registration{revoked(r, 1)}, Notices: []notice.Notice{c.entry()}}, nil
			}))
			require.NoError(t, c.one().Update(ctx, citizen, func(all []consent.Registration) (consent.Change, error) {
				require.Equal(t, []consent.Registration{revoked(r, 1)}, all)
				return consent.Change{}, nil
			}))
			active, err := c.one().Active(ctx, citizen)
			require.NoError(t, err)
			require.Empty(t, active)
			versions, err := c.one().Versions(ctx, citizen, r.ID)
			require.NoError(t, err)
			require.Len(t, versions, 2)
		}
		rolledBack(c.ctx, t, c.first().Units, work)
		c.requireKept(citizen, r)
		c.requireVersions(citizen, r.ID, r)
		require.Zero(t, c.waiting())
		committed(c.ctx, t, c.first().Units, work)
		c.requireKept(citizen, revoked(r, 1))
		require.Equal(t, 1, c.waiting())
	})

	t.Run("an Update that fails within a unit of work is taken back alone", func(t *testing.T) {
		c := open(t)
		theirs, a, b := c.kept(other), c.constraint(citizen), c.constraint(citizen)
		committed(c.ctx, t, c.first().Units, func(ctx context.Context) {
			require.NoError(t, c.one().Update(ctx, citizen, putting(a)))
			taken := c.constraint(citizen)
			taken.ID = theirs.ID
			require.ErrorIs(t, c.one().Update(ctx, citizen, putting(next(a, 1), c.constraint(citizen), taken)), ports.ErrIDTaken)
			require.ErrorIs(t, c.one().Update(ctx, citizen, func([]consent.Registration) (consent.Change, error) {
				return consent.Change{Put: []consent.Registration{c.constraint(citizen)}, Notices: []notice.Notice{c.entry(), {ID: uuid(9), To: "nobody"}}}, nil
			}), notice.ErrTarget)
			require.NoError(t, c.one().Update(ctx, citizen, putting(b)))
		})
		c.requireKept(citizen, a, b)
		c.requireVersions(citizen, a.ID, a)
		require.Zero(t, c.waiting())
	})
}

func consentsAtOnce(t *testing.T, open consentCases) {
	citizen := person(t, mother)

	t.Run("CT-16 an Active that begins after an Update was committed sees it, in any process", func(t *testing.T) {
		c := open(t)
		for i := range 6 {
			r := c.constraint(citizen)
			require.NoError(t, c.nth(i).Update(c.ctx, citizen, putting(r)))
			for reader := range c.handles {
				active, err := c.nth(reader).Active(c.ctx, citizen)
				require.NoError(t, err)
				require.Equal(t, []consent.Registration{r}, active)
			}
			require.NoError(t, c.nth(i+1).Update(c.ctx, citizen, putting(revoked(r, 1))))
			for reader := range c.handles {
				active, err := c.nth(reader).Active(c.ctx, citizen)
				require.NoError(t, err)
				require.Empty(t, active)
			}
		}
	})

	t.Run("CT-42 of 20 additions at once each sees those before it, and all are kept with their notices", func(t *testing.T) {
		c := open(t)
		c.requireInTurn(20, func(int) cpr.Number { return citizen })
		require.Len(t, c.all(c.two(), citizen), 20)
		require.Equal(t, 20, c.waiting())
	})

	t.Run("CT-42 of 20 revocations at once of one registration one succeeds, the others see it revoked", func(t *testing.T) {
		c := open(t)
		r := c.kept(citizen)
		errs := make(chan error)
		for i := range 20 {
			go func() {
				errs <- c.nth(i).Update(c.ctx, citizen, func(all []consent.Registration) (consent.Change, error) {
					if !all[0].Active {
						return consent.Change{}, consent.ErrInactive
					}
					return consent.Change{Put: []consent.Registration{revoked(all[0], i)}, Notices: []notice.Notice{c.entry()}}, nil
				})
			}()
		}
		done := 0
		for range 20 {
			if err := <-errs; err == nil {
				done++
			} else {
				require.ErrorIs(t, err, consent.ErrInactive)
			}
		}
		require.Equal(t, 1, done)
		require.Equal(t, 1, c.waiting())
		got, err := c.two().Versions(c.ctx, citizen, r.ID)
		require.NoError(t, err)
		require.Len(t, got, 2)
	})

	t.Run("one new id given at once to many citizens is one's", func(t *testing.T) {
		c := open(t)
		r := c.constraint(citizen)
		errs := make(chan error)
		for i, n := range []string{mother, man, boy, girl} {
			mine := r
			mine.Citizen = person(t, n)
			go func() { errs <- c.nth(i).Update(c.ctx, mine.Citizen, putting(mine)) }()
		}
		done := 0
		for range 4 {
			if err := <-errs; err == nil {
				done++
			} else {
				require.ErrorIs(t, err, ports.ErrIDTaken)
			}
		}
		require.Equal(t, 1, done)
	})
}

// requireInTurn adds n registrations at once and requires that each edit was given as many as were kept before it.
func (c *consents) requireInTurn(n int, citizen func(i int) cpr.Number) {
	c.t.Helper()
	seen := make(chan int)
	for i := range n {
		go func() {
			given, number := 0, citizen(i)
			err := c.nth(i).Update(c.ctx, number, func(all []consent.Registration) (consent.Change, error) {
				given = len(all)
				return consent.Change{Put: []consent.Registration{c.constraint(number)}, Notices: []notice.Notice{c.entry()}}, nil
			})
			assert.NoError(c.t, err)
			seen <- given
		}()
	}
	var want, got []int
	for i := range n {
		want, got = append(want, i), append(got, <-seen)
	}
	slices.Sort(got)
	require.Equal(c.t, want, got)
}

func consentExpiry(t *testing.T, open consentCases) {
	citizen, other := person(t, mother), person(t, man)

	t.Run("ExpireRevoked deletes what was revoked before an instant, with its versions, and nothing else", func(t *testing.T) {
		c := open(t)
		old, theirs, latest, active := c.kept(citizen), c.kept(other), c.kept(citizen), c.kept(citizen)
		c.put(citizen, next(old, -9), next(active, -9))
		old, theirs, latest, active = revoked(next(old, -9), 1), revoked(theirs, 1), revoked(latest, 2), next(active, -9)
		c.put(citizen, old, latest)
		c.put(other, theirs)
		removed, done, err := c.one().ExpireRevoked(c.ctx, later(1), 10)
		require.NoError(t, err)
		require.Equal(t, 0, removed, "the instant itself is not before it")
		require.True(t, done)
		removed, done, err = c.one().ExpireRevoked(c.ctx, later(2).Add(999*time.Nanosecond), 10)
		require.NoError(t, err)
		require.Equal(t, 2, removed)
		require.True(t, done)
		c.requireKept(citizen, latest, active)
		c.requireKept(other)
		c.requireVersions(citizen, old.ID)
		c.requireVersions(other, theirs.ID)
		versions, err := c.two().Versions(c.ctx, citizen, active.ID)
		require.NoError(t, err)
		require.Len(t, versions, 2)
	})

	t.Run("ExpireRevoked deletes at most n at a time, until none is left", func(t *testing.T) {
		c := open(t)
		const rows, n = 130, 60
		var put []consent.Registration
		for range rows {
			put = append(put, c.constraint(citizen))
		}
		c.put(citizen, put...)
		for i, r := range put {
			put[i] = revoked(r, 1)
		}
		c.put(citizen, put...)
		requireExpired(t, rows, n, func() (int, bool, error) { return c.one().ExpireRevoked(c.ctx, later(2), n) },
			func() int { return len(c.all(c.two(), citizen)) })
		for _, r := range put {
			c.requireVersions(citizen, r.ID)
		}
	})

	t.Run("ExpireRevoked joins the unit of work", func(t *testing.T) {
		c := open(t)
		r := c.kept(citizen)
		c.put(citizen, revoked(r, 1))
		expire := func(ctx context.Context) {
			removed, _, err := c.one().ExpireRevoked(ctx, later(2), 10)
			require.NoError(t, err)
			require.Equal(t, 1, removed)
			all, err := c.one().All(ctx, citizen)
			require.NoError(t, err)
			require.Empty(t, all)
		}
		rolledBack(c.ctx, t, c.first().Units, expire)
		c.requireKept(citizen, revoked(r, 1))
		c.requireVersions(citizen, r.ID, r, revoked(r, 1))
		committed(c.ctx, t, c.first().Units, expire)
		c.requireKept(citizen)
		c.requireVersions(citizen, r.ID)
	})
}

// requireExpired deletes rows at most n at a time.
func requireExpired(t *testing.T, rows, n int, expire func() (int, bool, error), there func() int) {
	t.Helper()
	require.Equal(t, rows, there())
	for done := false; !done; {
		removed, isDone, err := expire()
		require.NoError(t, err)
		require.Equal(t, min(rows, n), removed)
		rows -= removed
		require.Equal(t, rows, there())
		require.False(t, isDone && rows > 0, "done with %d left", rows)
		require.True(t, isDone || removed == n, "not done, but fewer than could be")
		done = isDone
	}
}
