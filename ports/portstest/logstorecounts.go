package portstest

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

func logStoreCounts(t *testing.T, open OpenLogStore) {
	t.Run("AC-39 a row counts under the Copenhagen day of its receipt", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		var rs []minlog.Registration
		for i, at := range []time.Time{
			time.Date(2026, 10, 31, 22, 59, 59, 0, time.UTC), time.Date(2026, 10, 31, 23, 0, 0, 0, time.UTC), time.Date(2026, 10, 31, 23, 30, 0, 0, time.UTC),
			time.Date(2026, 6, 30, 21, 59, 59, 0, time.UTC), time.Date(2026, 6, 30, 22, 0, 0, 0, time.UTC),
		} {
			r := registration(i, citizen, noon, 0)
			r.ReceivedAt = at
			rs = append(rs, r)
		}
		keep(ctx, t, s, rs...)
		count := func(day string, n int64) minlog.Count {
			d, err := calendar.ParseDay(day)
			require.NoError(t, err)
			return minlog.Count{Day: d, System: "FMK", CVR: "33257872", Stored: n}
		}
		assert.Equal(t, []minlog.Count{count("2026-06-30", 1), count("2026-07-01", 1), count("2026-10-31", 1), count("2026-11-01", 2)}, days(ctx, t, s))
	})

	t.Run("Daily sums rows and tallies by day, CVR and system, over partitions and steps", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		day := calendar.DayOf(noon)
		tally := func(cvr string, rejected map[string]int) minlog.Tally {
			return minlog.Tally{ReceivedAt: noon, Registrar: minlog.Registrar{CVR: cvr}, Rejected: rejected}
		}
		b := registration(2, citizen, noon, 0)
		b.Entry.System, b.Registrar.CVR = "Journal", "12345678"
		_, err := s.Store(ctx, source, 0, 3, minlog.Batch{
			Registrations: []minlog.Registration{registration(1, citizen, noon, 0), b},
			Tallies:       []minlog.Tally{tally("33257872", map[string]int{"FMK": 2, "?": 1}), tally("33257872", map[string]int{"FMK": 3})},
		})
		require.NoError(t, err)
		_, err = s.Store(ctx, minlog.Partition{Topic: source.Topic, Number: 3}, 0, 2, minlog.Batch{
			Registrations: []minlog.Registration{registration(3, other, noon, 0)}, Tallies: []minlog.Tally{tally("33257872", map[string]int{"FMK": 5})},
		})
		require.NoError(t, err)
		own := []minlog.Count{{Day: day, System: "?", CVR: "33257872", Rejected: 1}, {Day: day, System: "FMK", CVR: "33257872", Stored: 2, Rejected: 10}}
		assert.Equal(t, append([]minlog.Count{{Day: day, System: "Journal", CVR: "12345678", Stored: 1}}, own...), days(ctx, t, s))
		next := calendar.DayOf(noon.AddDate(0, 0, 1))
		got, err := s.Daily(ctx, day, next, "33257872")
		require.NoError(t, err)
		assert.Equal(t, own, got, "one CVR")
		got, err = s.Daily(ctx, next, calendar.DayOf(noon.AddDate(0, 0, 2)), "")
		require.NoError(t, err)
		assert.Empty(t, got, "the days after")
		got, err = s.Daily(ctx, calendar.DayOf(noon.AddDate(0, 0, -1)), day, "")
		require.NoError(t, err)
		assert.Empty(t, got, "the upper bound is exclusive")
	})

	t.Run("dead letters count from since on, once for each offset", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		letter := func(offset int64, at time.Time) minlog.DeadLetter {
			return minlog.DeadLetter{Offset: offset, Reason: "unreadable", Payload: []byte{0xff, 0}, At: at}
		}
		_, err := s.Store(ctx, source, 0, 3, minlog.Batch{DeadLetters: []minlog.DeadLetter{letter(0, noon), letter(1, noon.Add(time.Hour)), letter(1, noon)}})
		require.NoError(t, err)
		_, err = s.Store(ctx, source, 3, 4, minlog.Batch{DeadLetters: []minlog.DeadLetter{letter(0, noon.Add(2*time.Hour)), {Offset: 3, At: noon.Add(time.Hour)}}})
		require.NoError(t, err)
		for since, want := range map[time.Time]int64{{}: 3, noon: 3, noon.Add(1000): 2, noon.Add(time.Hour): 2, noon.Add(2 * time.Hour): 0} {
			got, err := s.DeadLetters(ctx, since)
			require.NoError(t, err)
			assert.Equal(t, want, got, "DeadLetters(%v)", since)
		}
	})
}

func logStoreExpire(t *testing.T, open OpenLogStore) {
	t.Run("Expire removes what is not after the cutoff and keeps the counts of its day", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		old := registration(1, citizen, noon, 0)
		old.Entry.OnBehalfOf = doctor
		young := registration(2, citizen, noon.Add(time.Microsecond), time.Hour)
		_, err := s.Store(ctx, source, 0, 4, minlog.Batch{
			Registrations: []minlog.Registration{old, young},
			DeadLetters:   []minlog.DeadLetter{{Offset: 2, At: noon}, {Offset: 3, At: noon.Add(time.Microsecond)}},
		})
		require.NoError(t, err)
		require.Equal(t, int64(2), expire(ctx, t, s, noon))
		assert.Equal(t, []int{2}, ids(find(ctx, t, s, minlog.Query{})))
		behalf, err := s.ByBehalf(ctx, doctor.Key(), minlog.Query{}, minlog.Cursor{}, 10)
		require.NoError(t, err)
		assert.Empty(t, behalf)
		letters, err := s.DeadLetters(ctx, time.Time{})
		require.NoError(t, err)
		assert.Equal(t, int64(1), letters)
		assert.Equal(t, int64(2), days(ctx, t, s)[0].Stored)
		requireAt(ctx, t, s, source.Topic, 4)
		require.Zero(t, expire(ctx, t, s, noon), "again")
	})

	t.Run("AC-37 Expire removes what expired long ago, and in whatever month", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		var rs []minlog.Registration
		for i, days := range []int{-800, -400, -40, -32, -31, -10, -3, -2, -1, 0, 1, 31} {
			rs = append(rs, registration(i, citizen, noon.AddDate(0, 0, days), 0))
		}
		keep(ctx, t, s, rs...)
		require.Equal(t, int64(10), expire(ctx, t, s, noon))
		assert.Equal(t, []int{10, 11}, ids(find(ctx, t, s, minlog.Query{Chronologic: true})))
	})

	t.Run("Expire removes the counts of days that ended by the cutoff, and no others", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		day := calendar.DayOf(noon)
		next := calendar.DayOf(noon.AddDate(0, 0, 1))
		count := func(offset int64, at time.Time, systems int) {
			rejected := map[string]int{}
			for i := range systems {
				rejected[strconv.Itoa(i)] = 1
			}
			_, err := s.Store(ctx, source, offset, offset+1, minlog.Batch{
				Tallies: []minlog.Tally{{ReceivedAt: at, Registrar: minlog.Registrar{CVR: "33257872"}, Rejected: rejected}},
			})
			require.NoError(t, err)
		}
		const many = 2_500 // for some stores more than a step
		count(0, noon, many)
		count(1, next.Start(), 2)
		require.Zero(t, expire(ctx, t, s, next.Start().Add(-time.Microsecond)))
		assert.Len(t, days(ctx, t, s), many+2)
		require.Zero(t, expire(ctx, t, s, next.Start()), "what counts is rows and dead letters")
		assert.Len(t, days(ctx, t, s), 2)
		left, err := s.Daily(ctx, day, next, "33257872")
		require.NoError(t, err)
		assert.Empty(t, left)
		requireAt(ctx, t, s, source.Topic, 2)
	})

	t.Run("Expire of many rows ends, in steps", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		rs := make([]minlog.Registration, 4_500)
		for i := range rs {
			rs[i] = registration(i, citizen, noon.Add(time.Duration(i)*time.Second), 0)
		}
		keep(ctx, t, s, rs...)
		require.Equal(t, int64(4_400), expire(ctx, t, s, noon.Add(4_399*time.Second)))
		assert.Len(t, find(ctx, t, s, minlog.Query{}), 100)
	})
}

// expire calls Expire until it is done; ctx ends.
func expire(ctx context.Context, t *testing.T, s ports.LogStore, cutoff time.Time) (total int64) {
	t.Helper()
	for {
		removed, done, err := s.Expire(ctx, cutoff)
		require.NoError(t, err)
		total += removed
		if done {
			return total
		}
	}
}
