package will_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/will"
)

// people is several numbers, some of which turn out to be one person's: what a store with registers of aliases would hold. A row is in rows alone.
type people struct {
	rows []will.Registration
	of   []int       // person of each number
	sole []time.Time // since when each person's rows cannot overlap: her last change since she got another number
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
func (p *people) history(person int) (h will.History) {
	for _, r := range p.rows {
		if p.of[slices.Index(numbers, r.Citizen)] == person {
			h = append(h, r)
		}
	}
	slices.SortStableFunc(h, func(a, b will.Registration) int { return a.From.Compare(b.From) })
	return h
}

// naive is the open row that counts, found by looking at each row against each other.
func naive(h will.History) (valid will.Registration, ok bool) {
	for _, r := range h {
		beaten := slices.ContainsFunc(h, func(o will.Registration) bool {
			return o.To.IsZero() && (o.From.After(r.From) || o.From.Equal(r.From) && o.ID > r.ID)
		})
		if r.To.IsZero() && !beaten {
			return r, true
		}
	}
	return will.Registration{}, false
}

// earliest is the first instant, not before now, at which a change leaves every row its time and none overlaps: found among those that can be.
func earliest(h will.History, now time.Time) time.Time {
	candidates := []time.Time{now}
	for _, r := range h {
		candidates = append(candidates, r.From.Add(µs), r.To)
	}
	fits := func(at time.Time) bool {
		return !at.Before(now) && !slices.ContainsFunc(h, func(r will.Registration) bool {
			return r.To.IsZero() && !at.After(r.From) || !r.To.IsZero() && at.Before(r.To)
		})
	}
	candidates = slices.DeleteFunc(candidates, func(at time.Time) bool { return !fits(at) })
	return slices.MinFunc(candidates, time.Time.Compare)
}

// TestLaws: whatever people ask for, whenever, and whichever numbers turn out to be one person's, a person has at most one will after each change,
// the rows of what was one person never overlap, an update leaves no gap, and no row is lost or altered but for the end it gets.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &people{of: []int{0, 1, 2}, sole: make([]time.Time, len(numbers))}
		now := t0
		t.Repeat(map[string]func(*rapid.T){
			"": p.sound,
			"clock": func(t *rapid.T) {
				now = now.Add(rapid.SampledFrom([]time.Duration{-time.Hour, -µs, µs, time.Minute, time.Hour}).Draw(t, "by"))
			},
			"link": func(t *rapid.T) {
				from, to := rapid.SampledFrom(p.of).Draw(t, "from"), rapid.SampledFrom(p.of).Draw(t, "to")
				if from != to {
					p.link(from, to)
				}
			},
			"change": func(t *rapid.T) { p.change(t, now) },
			"again":  func(t *rapid.T) { p.change(t, now) }, // so that changes are common
		})
	})
}

func (p *people) link(from, to int) {
	for i := range p.of {
		if p.of[i] == from {
			p.of[i] = to
		}
	}
	p.sole[to] = time.Time{}
}

// change draws an operation for a person, foretells what becomes of it, and makes it.
func (p *people) change(t *rapid.T, now time.Time) {
	i := rapid.IntRange(0, len(numbers)-1).Draw(t, "number")
	person := p.of[i]
	h := p.history(person)
	p.seq++
	reg := rapid.SampledFrom([]will.Register{will.LTR, will.BTR}).Draw(t, "register")
	next := row(fmt.Sprintf("%c%03d", rapid.RuneFrom([]rune("abc")).Draw(t, "id"), p.seq), reg, time.Time{}, time.Time{})
	next.Citizen = numbers[i]
	valid, ok := naive(h)

	var change will.Change
	var err, want error
	opens := true
	switch op := rapid.SampledFrom([]string{"create", "update", "delete", "upgrade"}).Draw(t, "operation"); op {
	case "create":
		change, err = h.Create(next, now)
		if ok {
			want = will.ErrExists
		}
	case "update":
		change, err = h.Update(next, now)
		if !ok || valid.Register != reg {
			want = will.ErrNotFound
		}
	case "delete":
		opens = false
		change, err = h.Delete(reg, now)
		if !ok || valid.Register != reg {
			want = will.ErrNotFound
		}
	case "upgrade":
		next.Register = will.BTR
		change, err = h.UpgradeTo(next, now)
		if !ok {
			want = will.ErrNotFound
		} else if valid.Register == will.BTR {
			want = will.ErrExists
		}
	}
	require.Equal(t, want, err)
	if err != nil {
		return
	}
	at := earliest(h, now)
	require.Equal(t, at, change.At)
	before := slices.Clone(h)
	after, err := h.Apply(change)
	require.NoError(t, err)
	require.Equal(t, before, h, "what it was made of")

	// What the rows must be: as before, but that all are closed; and the new one.
	for i, r := range before {
		if r.To.IsZero() {
			before[i].To = at
		}
	}
	if opens {
		next.From = at
		before = append(before, next)
	}
	require.Equal(t, before, after)
	if p.sole[person].IsZero() {
		p.sole[person] = at
	}
	p.rows = slices.DeleteFunc(p.rows, func(r will.Registration) bool { return p.of[slices.Index(numbers, r.Citizen)] == person })
	p.rows = append(p.rows, after...)
}

// sound checks everybody's rows.
func (p *people) sound(t *rapid.T) {
	for person := range numbers {
		h := p.history(person)
		want, ok := naive(h)
		got, has := h.Valid()
		require.Equal(t, ok, has)
		require.Equal(t, want, got)
		for i, r := range h {
			require.True(t, r.To.IsZero() || r.From.Before(r.To), "an empty row")
			for _, o := range h[:i] {
				sole := p.sole[person]
				apart := o.Citizen != r.Citizen && (sole.IsZero() || o.From.Before(sole) || r.From.Before(sole)) // when nobody knew
				require.True(t, apart || !o.To.IsZero() && !r.From.Before(o.To), "rows overlap")
			}
		}
		for _, r := range h { // at the edges of every row, where a naive search finds the same
			for _, at := range []time.Time{r.From.Add(-µs), r.From, r.To, r.To.Add(-µs)} {
				then := slices.DeleteFunc(slices.Clone(h), func(r will.Registration) bool {
					return at.Before(r.From) || !r.To.IsZero() && !at.Before(r.To)
				})
				for i := range then {
					then[i].To = time.Time{}
				}
				want, ok := naive(then)
				got, has := h.ValidAt(at)
				require.Equal(t, ok, has)
				require.Equal(t, want.ID, got.ID)
			}
		}
	}
}

// TestNoGap: at every instant from the first will to the last deletion somebody who only updates and upgrades has exactly one will.
func TestNoGap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := will.History{row("r0", will.LTR, t0, open)}
		for i := range rapid.IntRange(1, 6).Draw(t, "changes") {
			now := t0.Add(rapid.SampledFrom([]time.Duration{-time.Hour, 0, µs, time.Hour}).Draw(t, "now"))
			valid, _ := h.Valid()
			next := made(fmt.Sprintf("r%d", i+1), valid.Register)
			change, err := h.Update(next, now)
			if valid.Register == will.LTR && rapid.Bool().Draw(t, "upgrade") {
				change, err = h.UpgradeTo(next, now)
			}
			require.NoError(t, err)
			h, err = h.Apply(change)
			require.NoError(t, err)
		}
		for i, r := range h {
			if i > 0 {
				assert.Equal(t, h[i-1].To, r.From)
			}
			got, ok := h.ValidAt(r.From)
			assert.True(t, ok)
			assert.Equal(t, r, got)
		}
		assert.True(t, h[len(h)-1].To.IsZero())
	})
}
