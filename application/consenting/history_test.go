package consenting_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports/portstest"
)

// world is the use cases, and what their answers say there is.
type world struct {
	*house
	t        *rapid.T
	versions map[consent.ID][]consent.Registration
	ids      []consent.ID
	looks    int // that were answered
}

// TestHistory does whatever callers do, and asserts after each call that no version that was ever there is altered, that versions follow each other
// (CO-40), and that MinLog is told of each change and each look once, and of nothing else.
func TestHistory(t *testing.T) {
	people := []cpr.Number{citizenC, citizenB}
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{house: newHouse(t), t: rt, versions: map[consent.ID][]consent.Registration{}}
		w.MaxActive, w.MaxEntries = 4, 3
		rt.Repeat(map[string]func(*rapid.T){
			"": func(rt *rapid.T) {
				for _, citizen := range people {
					w.same(t, citizen)
				}
			},
			"add": func(rt *rapid.T) {
				entries := make([]consenting.Addition, rapid.IntRange(1, 4).Draw(rt, "entries"))
				for i := range entries {
					entries[i] = consenting.Addition{Citizen: w.citizen(rt), Kind: kind(rt), Draft: draft(rt)}
				}
				w.stored(len(entries))(w.Add(t.Context(), w.caller(rt, entries[0].Citizen), entries))
			},
			"modify": func(rt *rapid.T) {
				entries := make([]consenting.Modification, rapid.IntRange(1, 4).Draw(rt, "entries"))
				for i := range entries {
					entries[i] = consenting.Modification{
						ID: w.id(rt), Citizen: w.citizen(rt), Kind: kind(rt), Version: rapid.IntRange(0, 2).Draw(rt, "version"), Draft: draft(rt),
					}
				}
				w.stored(len(entries))(w.Modify(t.Context(), w.caller(rt, entries[0].Citizen), entries))
			},
			"revoke": func(rt *rapid.T) {
				entries := make([]consenting.Revocation, rapid.IntRange(1, 3).Draw(rt, "entries"))
				for i := range entries {
					entries[i] = consenting.Revocation{ID: w.id(rt), Citizen: w.citizen(rt)}
				}
				w.stored(len(entries))(w.Revoke(t.Context(), w.caller(rt, entries[0].Citizen), entries))
			},
			"look": func(rt *rapid.T) {
				citizen := w.citizen(rt)
				if _, err := w.Get(t.Context(), w.caller(rt, citizen), citizen); err == nil {
					w.looks++
				}
			},
			"time": func(rt *rapid.T) { w.pass(time.Duration(rapid.IntRange(1, 1e9).Draw(rt, "ns"))) },
		})
	})
}

// stored takes what a call with n entries answered. What is refused left nothing.
func (w *world) stored(n int) func([]consent.Registration, error) {
	return func(put []consent.Registration, err error) {
		if err != nil {
			require.Empty(w.t, put)
			w.expect(nil)
			return
		}
		require.Len(w.t, put, n)
		for _, r := range put {
			before := w.versions[r.ID]
			require.Equal(w.t, len(before)+1, r.Version)
			if r.Version == 1 {
				w.ids = append(w.ids, r.ID)
				require.Zero(w.t, r.Modified)
			} else {
				last := before[len(before)-1]
				require.True(w.t, last.Active)
				require.Equal(w.t, last.Created, r.Created)
				require.Equal(w.t, w.clock().Truncate(time.Millisecond), r.Modified.At)
				require.Equal(w.t, [2]any{last.Citizen, last.Kind}, [2]any{r.Citizen, r.Kind})
				if !r.Active {
					require.Equal(w.t, [3]any{last.Who, last.What, last.Valid}, [3]any{r.Who, r.What, r.Valid})
				}
			}
			w.versions[r.ID] = append(before, r)
		}
		w.expect(put)
	}
}

// expect asserts that MinLog is told of these changes, in their order of each, and of the looks since it was last asked.
func (w *world) expect(put []consent.Registration) {
	looks := 0
	changes := map[string]int{}
	for _, n := range w.house.told(w.t) {
		taken(w.t, w.house, []notice.Notice{n})
		if n.Entry.Activity == "Opslag af spærringer og samtykker" {
			looks++
			continue
		}
		changes[n.Key+" "+n.Entry.Activity+" "+n.Entry.Person.Value]++
	}
	want := map[string]int{}
	for _, r := range put {
		what := map[consent.Kind][3]string{
			consent.Constraint: {"Spærring oprettet", "Spærring ændret", "Spærring ophævet"},
			consent.Positive:   {"Positivt samtykke oprettet", "Positivt samtykke ændret", "Positivt samtykke tilbagekaldt"},
		}[r.Kind][min(r.Version-1, 1)]
		if !r.Active {
			what = map[consent.Kind]string{consent.Constraint: "Spærring ophævet", consent.Positive: "Positivt samtykke tilbagekaldt"}[r.Kind]
		}
		want[r.ID.String()+" "+what+" "+r.Citizen.Digits()]++
	}
	require.Equal(w.t, want, changes)
	require.Equal(w.t, w.looks, looks)
	w.looks = 0
}

// same asserts that the store has what was answered, all of it, and nothing else.
func (w *world) same(t *testing.T, citizen cpr.Number) {
	latest := map[consent.ID]consent.Registration{}
	for _, r := range w.kept(t, citizen) {
		latest[r.ID] = r
	}
	active := 0
	for id, versions := range w.versions {
		kept, err := w.db.Consents(true).Versions(t.Context(), citizen, id)
		require.NoError(w.t, err)
		if versions[0].Citizen != citizen {
			require.Empty(w.t, kept)
			continue
		}
		require.Equal(w.t, versions, kept)
		last := versions[len(versions)-1]
		require.Equal(w.t, last, latest[id])
		delete(latest, id)
		if last.Active {
			active++
		}
	}
	require.Empty(w.t, latest)
	require.LessOrEqual(w.t, active, 4)
}

func (w *world) citizen(t *rapid.T) cpr.Number {
	return rapid.SampledFrom([]cpr.Number{citizenC, citizenC, citizenC, citizenC, citizenC, citizenC, citizenB, {}}).Draw(t, "citizen")
}

func (w *world) id(t *rapid.T) consent.ID {
	return rapid.SampledFrom(append([]consent.ID{0, consent.MaxID}, w.ids...)).Draw(t, "id")
}

// caller is somebody who may, mostly.
func (w *world) caller(t *rapid.T, citizen cpr.Number) identity.Caller {
	return rapid.SampledFrom([]func() identity.Caller{
		staff, func() identity.Caller { return token(citizen) }, func() identity.Caller { return portal(granted, citizenC) },
		func() identity.Caller { return token(citizenB) }, func() identity.Caller { return doctor(doctorD) },
	}).Draw(t, "caller")()
}

func kind(t *rapid.T) consent.Kind {
	return rapid.SampledFrom([]consent.Kind{consent.Constraint, consent.Positive}).Draw(t, "kind")
}

// draft is one that the rules take, mostly.
func draft(t *rapid.T) consent.Draft {
	d := always()
	switch rapid.IntRange(0, 9).Draw(t, "draft") {
	case 0:
		d.Valid.To = time.Time{}
	case 1:
		d.Valid.From = time.Time{}
	case 2:
		d.Who.Org.SubUnits = true
	case 3:
		d.Who.Person = doctorD
	case 4:
		d.What = consent.What{Data: validity.Period{From: fixedNow}, Origin: consent.Organisation{SOR: hospital, SubUnits: true}}
	}
	return d
}

// TestAliases: a citizen administers what is under her other numbers too, which stays there.
func TestAliases(t *testing.T) {
	before, after := number("2804901808"), number("1403800099") // one person, who got another number
	h := newHouse(t)
	old := h.add(t, before, consent.Constraint, always())
	h.told(t)
	portstest.LoadPeople(t, h.db.Stamdata(), fixedNow.AddDate(-1, 0, 0))
	all, err := h.Get(t.Context(), token(after), after)
	require.NoError(t, err)
	assert.Equal(t, []consent.Registration{old}, all)
	stored, err := h.Revoke(t.Context(), token(after), []consenting.Revocation{{ID: old.ID, Citizen: after}})
	require.NoError(t, err)
	assert.Equal(t, before, stored[0].Citizen)
	versions, err := h.Versions(t.Context(), token(after), after, old.ID)
	require.NoError(t, err)
	assert.Len(t, versions, 2)
	for _, n := range h.told(t) {
		assert.Equal(t, after.Digits(), n.Entry.Person.Value, "MinLog is told of her as she is called now")
	}
}
