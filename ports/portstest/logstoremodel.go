package portstest

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
)

// naive is a log store written for the eye: lists that are searched from end to end.
type naive struct {
	rows     []minlog.Registration
	next     map[minlog.Partition]int64
	stored   []minlog.Registration // what was ever stored, for the counts
	rejected []minlog.Tally
}

func (m *naive) store(p minlog.Partition, from, to int64, b minlog.Batch) (inserted int, ok bool) {
	if next, known := m.next[p]; known && next != from {
		return 0, false
	}
	m.next[p] = to
	for _, r := range b.Registrations {
		if !slices.ContainsFunc(m.rows, func(k minlog.Registration) bool { return k.ID == r.ID }) {
			m.rows, m.stored, inserted = append(m.rows, r), append(m.stored, r), inserted+1
		}
	}
	m.rejected = append(m.rejected, b.Tallies...)
	return inserted, true
}

// halfOpen is the window [from, to), closed the one that holds both its ends; a zero bound is none.
func halfOpen(q minlog.Query) func(minlog.Entry) bool {
	return func(e minlog.Entry) bool {
		empty := !q.From.IsZero() && !q.To.IsZero() && !q.To.After(q.From)
		return (q.From.IsZero() || !e.To.Before(q.From)) && (q.To.IsZero() || e.From.Before(q.To)) && !empty
	}
}

func closed(from, to time.Time) func(minlog.Entry) bool {
	return func(e minlog.Entry) bool {
		return (from.IsZero() || !e.To.Before(from)) && (to.IsZero() || !e.From.After(to))
	}
}

// find returns what is in a window, by what else q says.
func (m *naive) find(of func(minlog.Entry) minlog.ID, key minlog.Key, q minlog.Query, in func(minlog.Entry) bool, after minlog.Cursor, n int,
) (found []minlog.Registration) {
	older := func(a, b minlog.Cursor) int { return cmp.Or(a.At.Compare(b.At), bytes.Compare(a.ID[:], b.ID[:])) }
	for _, r := range m.rows {
		at := minlog.Cursor{At: r.Entry.To, ID: r.ID}
		beyond := after == minlog.Cursor{} || q.Chronologic && older(at, after) > 0 || !q.Chronologic && older(at, after) < 0
		if of(r.Entry).Key() == key && r.Entry.To.After(q.Cutoff) && in(r.Entry) && beyond {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b minlog.Registration) int {
		c := older(minlog.Cursor{At: a.Entry.To, ID: a.ID}, minlog.Cursor{At: b.Entry.To, ID: b.ID})
		if q.Chronologic {
			return c
		}
		return -c
	})
	return found[:min(n, len(found))]
}

// expire removes what is not after cutoff, and the counts of days that ended by then.
func (m *naive) expire(cutoff time.Time) (removed int) {
	before := len(m.rows)
	m.rows = slices.DeleteFunc(m.rows, func(k minlog.Registration) bool { return !k.Entry.To.After(cutoff) })
	ended := func(received time.Time) bool { return calendar.DayOf(received).Before(calendar.DayOf(cutoff)) }
	m.stored = slices.DeleteFunc(m.stored, func(k minlog.Registration) bool { return ended(k.ReceivedAt) })
	m.rejected = slices.DeleteFunc(m.rejected, func(t minlog.Tally) bool { return ended(t.ReceivedAt) })
	return before - len(m.rows)
}

func (m *naive) daily() (rows []minlog.Count) {
	add := func(at time.Time, cvr, system string, stored, rejected int64) {
		day := calendar.DayOf(at)
		i := slices.IndexFunc(rows, func(c minlog.Count) bool { return c.Day == day && c.CVR == cvr && c.System == system })
		if i < 0 {
			i, rows = len(rows), append(rows, minlog.Count{Day: day, CVR: cvr, System: system})
		}
		rows[i].Stored += stored
		rows[i].Rejected += rejected
	}
	for _, r := range m.stored {
		add(r.ReceivedAt, r.Registrar.CVR, r.Entry.System, 1, 0)
	}
	for _, t := range m.rejected {
		for system, n := range t.Rejected {
			add(t.ReceivedAt, t.Registrar.CVR, system, 0, int64(n))
		}
	}
	slices.SortFunc(rows, func(a, b minlog.Count) int {
		return cmp.Or(cmp.Compare(a.Day.String(), b.Day.String()), cmp.Compare(a.CVR, b.CVR), cmp.Compare(a.System, b.System))
	})
	return rows
}

// longest is the longest period that the model's registrations have.
const longest = 3 * time.Hour

func logStoreModel(t *testing.T, open OpenLogStore) {
	turn := noon.Add(-12 * time.Hour) // of the month: rows are in both
	people := rapid.SampledFrom([]minlog.ID{citizen, other})
	behalf := rapid.SampledFrom([]minlog.ID{{}, doctor, citizen})
	instant := rapid.Custom(func(r *rapid.T) time.Time {
		return turn.Add(time.Duration(rapid.IntRange(-8, 8).Draw(r, "half hours")) * 30 * time.Minute)
	})
	row := rapid.Custom(func(r *rapid.T) minlog.Registration {
		// Equal ids have equal To and Person: both follow from the number.
		n := rapid.IntRange(1, 40).Draw(r, "id")
		person := []minlog.ID{citizen, other}[n%2]
		reg := registration(n, person, turn.Add(time.Duration(n%9-4)*30*time.Minute), time.Duration(n%7)*30*time.Minute)
		if n%3 > 0 {
			reg.Entry.OnBehalfOf = []minlog.ID{doctor, citizen}[n%3-1]
		}
		reg.ReceivedAt = turn.Add(time.Duration(rapid.IntRange(-2, 2).Draw(r, "received")) * 7 * time.Hour)
		reg.Registrar.CVR = rapid.SampledFrom([]string{"12345678", "33257872"}).Draw(r, "cvr")
		return reg
	})
	query := rapid.Custom(func(r *rapid.T) minlog.Query {
		q := minlog.Query{Chronologic: rapid.Bool().Draw(r, "chronologic")}
		for name, at := range map[string]*time.Time{"cutoff": &q.Cutoff, "from": &q.From, "to": &q.To} {
			if rapid.Bool().Draw(r, "with "+name) {
				*at = instant.Draw(r, name)
			}
		}
		q.MaxPeriod = rapid.SampledFrom([]time.Duration{0, longest, 744 * time.Hour}).Draw(r, "longest")
		return q
	})
	rapid.Check(t, func(r *rapid.T) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		store, units := open(t)
		model := &naive{next: map[minlog.Partition]int64{}}
		r.Repeat(map[string]func(*rapid.T){
			"": func(r *rapid.T) {
				got, err := store.Daily(ctx, calendar.Day{Year: 2000}, calendar.Day{Year: 2100}, "")
				require.NoError(r, err)
				if want := model.daily(); len(want)+len(got) > 0 {
					require.Equal(r, want, got, "Daily")
				}
			},
			"store": func(r *rapid.T) {
				p := minlog.Partition{Topic: "t", Number: rapid.IntRange(0, 1).Draw(r, "partition")}
				from := model.next[p]
				if rapid.IntRange(0, 4).Draw(r, "elsewhere") == 0 {
					from++
				}
				b := minlog.Batch{Registrations: rapid.SliceOfNDistinct(row, 0, 8, func(r minlog.Registration) minlog.RegistrationID { return r.ID }).Draw(r, "rows")}
				if n := rapid.IntRange(0, 3).Draw(r, "rejected"); n > 0 {
					b.Tallies = []minlog.Tally{{ReceivedAt: noon, Registrar: minlog.Registrar{CVR: "33257872"}, Rejected: map[string]int{"FMK": n}}}
				}
				to := from + int64(len(b.Registrations))
				if rapid.IntRange(0, 3).Draw(r, "rollback") == 0 {
					err := units.Run(ctx, func(ctx context.Context) error {
						_, _ = store.Store(ctx, p, from, to, b)
						return nil
					}, func(context.Context) error { return errBoom })
					require.Equal(r, errBoom, err)
					return
				}
				got, err := store.Store(ctx, p, from, to, b)
				want, ok := model.store(p, from, to, b)
				require.Equal(r, want, got, "inserted")
				if ok {
					require.NoError(r, err)
				} else {
					require.True(r, fault.Is(err, fault.Conflict), "Store: %v", err)
				}
			},
			"find": func(r *rapid.T) {
				q, n := query.Draw(r, "query"), rapid.IntRange(0, 12).Draw(r, "n")
				var after minlog.Cursor
				if rapid.Bool().Draw(r, "with cursor") {
					after = minlog.Cursor{At: instant.Draw(r, "after"), ID: registration(rapid.IntRange(0, 41).Draw(r, "after id"), citizen, noon, 0).ID}
				}
				in := halfOpen(q)
				if rapid.Bool().Draw(r, "closed") { // as MinLog1 asks, to any fraction of a second
					ns := rapid.SampledFrom([]time.Duration{-1000, -1, 0, 1, 999})
					edge := func(name string, at time.Time) time.Time {
						if at.IsZero() {
							return at
						}
						return at.Add(ns.Draw(r, name))
					}
					from, to := edge("from by", q.From), edge("to by", q.To)
					if !from.IsZero() && !to.IsZero() && from.After(to) {
						from, to = to, from
					}
					var err error
					q, err = minlog.ClosedWindow(q.Cutoff, from, to, q.MaxPeriod)
					require.NoError(r, err)
					in = closed(from.Truncate(time.Microsecond), to.Truncate(time.Microsecond))
				}
				for _, id := range []minlog.ID{people.Draw(r, "person"), behalf.Draw(r, "behalf")} {
					got, err := store.ByPerson(ctx, id.Key(), q, after, n)
					require.NoError(r, err)
					requireRows(r, model.find(func(e minlog.Entry) minlog.ID { return e.Person }, id.Key(), q, in, after, n), got, "ByPerson")
					if id.IsZero() {
						continue // nobody: no entry is on behalf of nobody
					}
					got, err = store.ByBehalf(ctx, id.Key(), q, after, n)
					require.NoError(r, err)
					requireRows(r, model.find(func(e minlog.Entry) minlog.ID { return e.OnBehalfOf }, id.Key(), q, in, after, n), got, "ByBehalf")
				}
			},
			"next": func(r *rapid.T) {
				for number := range 2 {
					p := minlog.Partition{Topic: "t", Number: number}
					want, known := model.next[p]
					got, ok, err := store.NextOffset(ctx, p)
					require.NoError(r, err)
					require.Equal(r, known, ok, "NextOffset is known")
					require.Equal(r, want, got, "NextOffset")
				}
			},
			"expire": func(r *rapid.T) {
				cutoff := instant.Draw(r, "cutoff")
				removed := int64(0)
				for done := false; !done; {
					n, d, err := store.Expire(ctx, cutoff)
					require.NoError(r, err)
					removed, done = removed+n, d
				}
				require.Equal(r, int64(model.expire(cutoff)), removed, "Expire")
			},
		})
	})
}

func requireRows(r *rapid.T, want, got []minlog.Registration, call string) {
	if len(want) == 0 && len(got) == 0 {
		return
	}
	require.Equal(r, want, got, call)
}
