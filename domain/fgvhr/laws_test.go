package fgvhr_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
)

// people is several numbers, some of which turn out to be one person's: what a store with registers of aliases would hold.
type people struct {
	rows []fgvhr.OptOut
	of   []int       // person of each number
	sole []time.Time // since when each person has one head at a time: her last change since she got another number
	seq  int
}

var numbers = []cpr.Number{number("0101010101"), number("0202020202"), number("0303030303")}

func number(digits string) cpr.Number {
	n, err := cpr.Parse(digits)
	if err != nil {
		panic(err)
	}
	return n
}

// history is a person's rows as a store returns them.
func (p *people) history(person int) (h fgvhr.History) {
	for _, o := range p.rows {
		if p.of[slices.Index(numbers, o.Citizen)] == person {
			h = append(h, o)
		}
	}
	slices.SortStableFunc(h, func(a, b fgvhr.OptOut) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return h
}

// naive is the head that counts: of the heads sorted by what counts, the last.
func naive(h fgvhr.History) fgvhr.OptOut {
	heads := slices.DeleteFunc(slices.Clone(h), func(o fgvhr.OptOut) bool { return !o.Superseded.IsZero() })
	if slices.ContainsFunc(heads, func(o fgvhr.OptOut) bool { return o.Status == fgvhr.Active }) {
		heads = slices.DeleteFunc(heads, func(o fgvhr.OptOut) bool { return o.Status != fgvhr.Active })
	}
	if len(heads) == 0 {
		return fgvhr.OptOut{}
	}
	slices.SortFunc(heads, func(a, b fgvhr.OptOut) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return heads[len(heads)-1]
}

// TestLaws: whatever people ask for, whenever, and whichever numbers turn out to be one person's, a person has one row that counts after each
// change, what may follow what is as the table has it, no change comes before another, and no row is lost or altered but for its end.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &people{of: []int{0, 1, 2}, sole: make([]time.Time, len(numbers))}
		now := t0
		t.Repeat(map[string]func(*rapid.T){
			"": p.sound,
			"clock": func(t *rapid.T) {
				by := []time.Duration{-time.Hour, -µs, µs, time.Hour, 7 * 24 * time.Hour}
				now = now.Add(rapid.SampledFrom(by).Draw(t, "by"))
			},
			"link": func(t *rapid.T) {
				from, to := rapid.SampledFrom(p.of).Draw(t, "from"), rapid.SampledFrom(p.of).Draw(t, "to")
				if from == to {
					return
				}
				for i := range p.of {
					if p.of[i] == from {
						p.of[i] = to
					}
				}
				p.sole[to] = time.Time{}
			},
			"change": func(t *rapid.T) { p.change(t, now) },
			"again":  func(t *rapid.T) { p.change(t, now) }, // so that changes are common
		})
	})
}

// change draws an operation for a person, foretells what becomes of it, and makes it.
func (p *people) change(t *rapid.T, now time.Time) {
	i := rapid.IntRange(0, len(numbers)-1).Draw(t, "number")
	person := p.of[i]
	h := p.history(person)
	p.seq++
	next := fgvhr.OptOut{
		ID: fmt.Sprintf("%c%03d", rapid.RuneFrom([]rune("abc")).Draw(t, "id"), p.seq), Citizen: numbers[i], Actor: by, CitizenCreated: formDate,
	}
	at := naive(h)
	want := next
	want.Replaces, want.CitizenCreated, want.ValidFrom = at.ID, at.CitizenCreated, at.ValidFrom

	var got fgvhr.OptOut
	var err, refusal error
	switch rapid.SampledFrom([]string{"register", "register", "delete", "error", "date", "stale"}).Draw(t, "operation") {
	case "register":
		got, err = h.Register(next, rules, now)
		want.Status, want.CitizenCreated, want.ValidFrom = fgvhr.Active, formDate, rules.ValidFrom(got.Created)
		if at.Status == fgvhr.Active {
			refusal = fgvhr.ErrExists
		}
	case "delete":
		got, err = h.Delete(next, now)
		want.Status = fgvhr.Inactive
		if at.Status != fgvhr.Active {
			refusal = fgvhr.ErrNotFound
		}
	case "error":
		got, err = h.Update(fgvhr.Change{ID: at.ID, Status: fgvhr.EnteredInError}, next, now)
		want.Status = fgvhr.EnteredInError
		if at.Status == "" {
			refusal = fgvhr.ErrChanged
		} else if at.Status == fgvhr.EnteredInError {
			refusal = fgvhr.ErrStatus
		}
	case "date":
		got, err = h.Update(fgvhr.Change{ID: at.ID, CitizenCreated: otherDate}, next, now)
		want.Status, want.CitizenCreated = fgvhr.Active, otherDate
		if at.Status == "" {
			refusal = fgvhr.ErrChanged
		} else if at.Status != fgvhr.Active {
			refusal = fgvhr.ErrStatus
		}
	case "stale":
		old := "x"
		if len(p.rows) > 0 {
			old = rapid.SampledFrom(p.rows).Draw(t, "row").ID
		}
		if old == at.ID {
			return
		}
		_, err = h.Update(fgvhr.Change{ID: old, Status: fgvhr.EnteredInError}, next, now)
		refusal = fgvhr.ErrChanged
	}
	require.Equal(t, refusal, err)
	if err != nil {
		return
	}
	want.Created = got.Created
	require.Equal(t, want, got)
	p.instant(t, h, got.Created, now)
	before := slices.Clone(h)
	after, err := h.Apply(got)
	require.NoError(t, err)
	require.Equal(t, before, h, "what it was made of")

	// What the rows must be: as before, but that all are superseded; and the new one.
	for i, o := range before {
		if o.Superseded.IsZero() {
			before[i].Superseded = got.Created
		}
	}
	require.Equal(t, append(before, got), after)
	require.Equal(t, got, naive(after))
	if p.sole[person].IsZero() {
		p.sole[person] = got.Created
	}
	p.rows = slices.DeleteFunc(p.rows, func(o fgvhr.OptOut) bool { return p.of[slices.Index(numbers, o.Citizen)] == person })
	p.rows = append(p.rows, after...)
}

// instant checks that a change was made at now, or right after the last one if that was not before.
func (p *people) instant(t *rapid.T, h fgvhr.History, at, now time.Time) {
	last := time.Time{}
	for _, o := range h {
		if o.Created.After(last) {
			last = o.Created
		}
	}
	if last.Before(now) {
		require.Equal(t, now, at)
	} else {
		require.Equal(t, last.Add(µs), at)
	}
}

// sound checks everybody's rows.
func (p *people) sound(t *rapid.T) {
	for person := range numbers {
		h := p.history(person)
		head, ok := h.Head()
		require.Equal(t, naive(h), head)
		require.Equal(t, head.ID != "", ok)
		for _, o := range h {
			require.True(t, o.Superseded.IsZero() || o.Created.Before(o.Superseded), "an empty row")
			require.Equal(t, 7, calendarDays(o, h), "FG-05 the waiting time of row %s", o.ID)
			for _, t1 := range []time.Time{o.Created, o.Superseded.Add(-µs), o.ValidFrom, o.ValidFrom.Add(-µs)} {
				if sole := p.sole[person]; sole.IsZero() || t1.Before(sole) {
					continue
				}
				counts := slices.DeleteFunc(slices.Clone(h), func(o fgvhr.OptOut) bool {
					return t1.Before(o.Created) || !o.Superseded.IsZero() && !t1.Before(o.Superseded)
				})
				require.Len(t, counts, 1, "rows that count at an instant")
				want := counts[0].Status == fgvhr.Active && !t1.Before(counts[0].ValidFrom)
				require.Equal(t, want, slices.ContainsFunc(h, func(o fgvhr.OptOut) bool { return o.InForce(t1) }), "FG-06")
			}
		}
	}
}

// calendarDays is how many days the opt-out of a row waits, from the row that registered it.
func calendarDays(o fgvhr.OptOut, h fgvhr.History) int {
	for o.Status != fgvhr.Active || o.CitizenCreated == otherDate { // an update: it does not register
		i := slices.IndexFunc(h, func(r fgvhr.OptOut) bool { return r.ID == o.Replaces })
		if i < 0 {
			return 0
		}
		o = h[i]
	}
	from, to := o.Created.In(calendar.Location()), o.ValidFrom.In(calendar.Location())
	for days := range 10 {
		if from.AddDate(0, 0, days).Format(time.DateOnly) == to.Format(time.DateOnly) {
			return days
		}
	}
	return -1
}
