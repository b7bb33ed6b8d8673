package will_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/will"
)

// rules are those of a server whose configuration says nothing.
var rules = will.Rules{MinAge: 18, Active: []string{"01", "03", "05", "07"}, Closed: utc("2018-12-31T23:00:00Z"), AdminUpdate: true}

func utc(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

var (
	yes = will.Wish{Declined: true}
	no  = will.Wish{}
)

func needs(a will.Acceptance) will.Wish      { return will.Wish{Declined: true, Needs: a} }
func undeclined(a will.Acceptance) will.Wish { return will.Wish{Needs: a} }
func wishes(a, b, c, d will.Wish) will.Wishes {
	return will.Wishes{IfDying: a, IfSeverelyDegraded: b, IfSeverePain: c, NoForcedTreatment: d}
}
func draft(a, b, c, d will.Wish) will.Draft       { return will.Draft{Wishes: wishes(a, b, c, d)} }
func refusal(_ will.Wishes, err error) error      { return err }
func kept(w will.Wishes, _ error) will.Wishes     { return w }
func day(y int, m time.Month, d int) calendar.Day { return calendar.Day{Year: y, Month: m, Dom: d} }

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		reg  will.Register
		in   will.Draft
		want will.Wishes
		err  error
	}{
		{"WL-08 every acceptance there is", will.BTR, draft(yes, needs(will.Relative), needs(will.Guardian), needs(will.TrustedAgent)),
			wishes(yes, needs(will.Relative), needs(will.Guardian), needs(will.TrustedAgent)), nil},
		{"WL-08 WA-15 acceptance of what is not declined is dropped", will.BTR, draft(yes, undeclined(will.Relative), undeclined(will.Guardian), undeclined(will.TrustedAgent)),
			wishes(yes, no, no, no), nil},
		{"WL-07 one wish of a treatment will, the first", will.BTR, draft(yes, no, no, no), wishes(yes, no, no, no), nil},
		{"WL-07 the second", will.BTR, draft(no, yes, no, no), wishes(no, yes, no, no), nil},
		{"WL-07 the third", will.BTR, draft(no, no, yes, no), wishes(no, no, yes, no), nil},
		{"WL-07 the last", will.BTR, draft(no, no, no, yes), wishes(no, no, no, yes), nil},
		{"WL-07 WA-14 nothing is declined", will.BTR, draft(no, no, no, no), will.Wishes{}, will.ErrEmpty},
		{"WL-07 nothing is declined, with acceptance", will.BTR, draft(no, undeclined(will.Relative), no, no), will.Wishes{}, will.ErrEmpty},
		{"WL-09 WA-13 acceptance when dying", will.BTR, draft(needs(will.Relative), no, no, no), will.Wishes{}, will.ErrInvalid},
		{"WL-09 acceptance when dying, not declined", will.BTR, draft(undeclined(will.Relative), yes, no, no), will.Wishes{}, will.ErrInvalid},
		{"WL-09 comes before WL-07", will.BTR, draft(undeclined(will.Relative), no, no, no), will.Wishes{}, will.ErrInvalid},
		{"by nobody who is known", will.BTR, draft(yes, needs("neighbour"), no, no), will.Wishes{}, will.ErrInvalid},
		{"by nobody who is known, not declined", will.BTR, draft(yes, no, no, undeclined("neighbour")), will.Wishes{}, will.ErrInvalid},
		{"no value", will.BTR, will.Draft{Wishes: wishes(yes, no, no, no), Null: true}, will.Wishes{}, will.ErrInvalid},
		{"a living will", will.LTR, draft(yes, yes, no, no), wishes(yes, yes, no, no), nil},
		{"WL-07 a living will with the second wish", will.LTR, draft(no, yes, no, no), wishes(no, yes, no, no), nil},
		{"WL-07 an empty living will", will.LTR, draft(no, no, no, no), will.Wishes{}, will.ErrEmpty},
		{"a living will has no acceptance", will.LTR, draft(yes, needs(will.Relative), no, no), will.Wishes{}, will.ErrInvalid},
		{"a living will has no acceptance of what is not declined", will.LTR, draft(yes, undeclined(will.Relative), no, no), will.Wishes{}, will.ErrInvalid},
		{"a living will has no third wish", will.LTR, draft(yes, no, yes, no), will.Wishes{}, will.ErrInvalid},
		{"a living will has no fourth wish", will.LTR, draft(yes, no, no, yes), will.Wishes{}, will.ErrInvalid},
		{"a register that is none has no more than a living will", "", draft(yes, no, no, yes), will.Wishes{}, will.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := rules.Check(c.reg, c.in)
			assert.Equal(t, c.err, err)
			assert.Equal(t, c.want, got)
		})
	}
}

// TestCheckedWishes: what is kept is sound, says what was said of what is declined, and is kept as it is when it is sent again.
func TestCheckedWishes(t *testing.T) {
	wish := rapid.Custom(func(t *rapid.T) will.Wish {
		return will.Wish{
			Declined: rapid.Bool().Draw(t, "declined"),
			Needs:    rapid.SampledFrom([]will.Acceptance{"", "", will.Relative, will.Guardian, will.TrustedAgent, "neighbour"}).Draw(t, "needs"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		reg := rapid.SampledFrom([]will.Register{will.LTR, will.BTR}).Draw(t, "register")
		in := draft(wish.Draw(t, "a"), wish.Draw(t, "b"), wish.Draw(t, "c"), wish.Draw(t, "d"))
		got, err := rules.Check(reg, in)
		if err != nil {
			assert.Zero(t, got)
			return
		}
		sent := []will.Wish{in.IfDying, in.IfSeverelyDegraded, in.IfSeverePain, in.NoForcedTreatment}
		declined := 0
		for i, w := range []will.Wish{got.IfDying, got.IfSeverelyDegraded, got.IfSeverePain, got.NoForcedTreatment} {
			if w.Declined {
				declined++
				assert.Equal(t, sent[i], w)
			} else {
				assert.Equal(t, no, w)
				assert.False(t, sent[i].Declined)
			}
		}
		assert.Positive(t, declined)
		assert.Equal(t, will.None, got.IfDying.Needs)
		assert.Equal(t, got, kept(rules.Check(reg, will.Draft{Wishes: got})))
		assert.NoError(t, refusal(rules.Check(will.BTR, will.Draft{Wishes: got})), "a living will can become a treatment will")
	})
}

func TestClosedRegister(t *testing.T) {
	last, closed, later := utc("2018-12-31T22:59:59.999999Z"), utc("2018-12-31T23:00:00Z"), utc("2026-11-21T22:05:10Z")
	never, strict := rules, rules
	never.Closed = time.Time{}
	strict.AdminUpdate = false
	for _, c := range []struct {
		name                          string
		rules                         will.Rules
		reg                           will.Register
		at                            time.Time
		create, update, updateByAdmin error
	}{
		{"WA-36 the last instant", rules, will.LTR, last, nil, nil, nil},
		{"WA-36 the first instant after", rules, will.LTR, closed, will.ErrClosed, will.ErrClosed, nil},
		{"WA-36 long after", rules, will.LTR, later, will.ErrClosed, will.ErrClosed, nil},
		{"WL-11 nor by administrators", strict, will.LTR, later, will.ErrClosed, will.ErrClosed, will.ErrClosed},
		{"WL-11 by administrators before it closes", strict, will.LTR, last, nil, nil, nil},
		{"WL-11 it never closes", never, will.LTR, later, nil, nil, nil},
		{"WL-11 treatment wills", strict, will.BTR, later, nil, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.create, c.rules.MayCreate(c.reg, c.at), "create")
			assert.Equal(t, c.update, c.rules.MayUpdate(c.reg, will.Ordinary, c.at), "update")
			assert.Equal(t, c.updateByAdmin, c.rules.MayUpdate(c.reg, will.Admin, c.at), "update by an administrator")
		})
	}
}

// TestOfAge: an age is reached when the birthday begins in Copenhagen, whatever the clocks do on it (CM-04).
func TestOfAge(t *testing.T) {
	for _, c := range []struct {
		name  string
		born  calendar.Day
		since string
	}{
		{"WA-33 in winter", day(2008, time.November, 22), "2026-11-21T23:00:00Z"},
		{"WA-33 in summer", day(2008, time.June, 15), "2026-06-14T22:00:00Z"},
		{"WA-33 on the day that loses an hour", day(2008, time.March, 29), "2026-03-28T23:00:00Z"},
		{"WA-33 on the day after it", day(2008, time.March, 30), "2026-03-29T22:00:00Z"},
		{"WA-33 on the day that gains an hour", day(2008, time.October, 25), "2026-10-24T22:00:00Z"},
		{"WA-33 on the day after that", day(2008, time.October, 26), "2026-10-25T23:00:00Z"},
		{"CM-04 born on 29 February, in a year without one", day(2004, time.February, 29), "2022-02-28T23:00:00Z"},
		{"CM-04 born on 28 February", day(2004, time.February, 28), "2022-02-27T23:00:00Z"},
		{"CM-04 new year", day(2009, time.January, 1), "2026-12-31T23:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			since := utc(c.since)
			assert.NoError(t, rules.Eligible(c.born, "01", since), "at the first instant")
			assert.Equal(t, will.ErrTooYoung, rules.Eligible(c.born, "01", since.Add(-time.Microsecond)), "at the last instant before")
		})
	}
	t.Run("CM-04 born on 29 February, in a year with one", func(t *testing.T) {
		r := rules
		r.MinAge = 20
		assert.NoError(t, r.Eligible(day(2004, time.February, 29), "01", utc("2024-02-28T23:00:00Z")))
		assert.Equal(t, will.ErrTooYoung, r.Eligible(day(2004, time.February, 29), "01", utc("2024-02-28T22:59:59.999999Z")))
	})
}

func TestEligible(t *testing.T) {
	now, grown := utc("2026-11-21T22:05:10Z"), day(1970, time.May, 5)
	for status, want := range map[string]error{
		"01": nil, "03": nil, "05": nil, "07": nil, "20": will.ErrInactive, "30": will.ErrInactive, "50": will.ErrInactive, "60": will.ErrInactive,
		"70": will.ErrInactive, "80": will.ErrInactive, "90": will.ErrInactive, "": will.ErrInactive, "1": will.ErrInactive,
	} {
		t.Run("WA-34 status "+status, func(t *testing.T) { assert.Equal(t, want, rules.Eligible(grown, status, now)) })
	}
	t.Run("WL-10 too young comes first", func(t *testing.T) {
		assert.Equal(t, will.ErrTooYoung, rules.Eligible(day(2020, time.May, 5), "90", now))
	})
	t.Run("WL-10 no birth date", func(t *testing.T) {
		assert.Equal(t, will.ErrTooYoung, rules.Eligible(calendar.Day{}, "01", now))
	})
	t.Run("WL-10 not born yet", func(t *testing.T) {
		r := rules
		r.MinAge = 0
		assert.Equal(t, will.ErrTooYoung, r.Eligible(day(2026, time.November, 23), "01", now))
	})
}
