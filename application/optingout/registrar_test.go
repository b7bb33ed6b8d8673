package optingout_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/ports"
)

func TestRegister(t *testing.T) {
	t.Run("FA-01 it waits, then it is in force", func(t *testing.T) {
		h := newHouse()
		v := h.register(t, citizen(citizenC), citizenC)
		want := optingout.View{OptOut: fgvhr.OptOut{
			ID: v.ID, Citizen: citizenC, Status: fgvhr.Active, Created: fixedNow, ValidFrom: validFrom,
			Actor: fgvhr.Actor{Role: "CITIZEN", ID: citizenC.Digits(), Source: "CPR"},
		}}
		assert.Equal(t, want, v)
		assert.Equal(t, v, h.get(t, citizen(citizenC), citizenC))
		assert.Equal(t, fgvhr.History{v.OptOut}, h.kept(t, citizenC))
		for _, now := range []time.Time{fixedNow, validFrom.Add(-time.Microsecond)} {
			h.set(now)
			assert.False(t, h.sees(t, system(), citizenC), "FG-10 a system at %s", now)
			assert.False(t, h.get(t, staff(), citizenC).InForce)
		}
		h.set(validFrom)
		assert.True(t, h.get(t, system(), citizenC).InForce)
		assert.True(t, h.get(t, citizen(citizenC), citizenC).InForce)
	})

	for _, c := range []struct {
		name   string
		born   calendar.Day // of the register
		n      cpr.Number
		status string
		now    time.Time
		want   error
	}{
		{"FA-03 59 years, until midnight", day(1966, 11, 22), citizenC, "01", utc("2026-11-21T22:59:59.999999Z"), fgvhr.ErrTooYoung},
		{"FA-03 60 years, from midnight", day(1966, 11, 22), citizenC, "01", utc("2026-11-21T23:00:00Z"), nil},
		{"FA-03 59 years, by the number", calendar.Day{}, number("2211661234"), "01", utc("2026-11-21T22:59:59Z"), fgvhr.ErrTooYoung},
		{"FA-03 60 years, by the number", calendar.Day{}, number("2211661234"), "01", utc("2026-11-21T23:00:00Z"), nil},
		{"CM-04 born on 29 February, as no number of that year can say", calendar.Day{}, number("2902001234"), "01", fixedNow, fgvhr.ErrTooYoung},
		{"FA-17 emigrated", day(1950, 8, 1), citizenC, "80", fixedNow, fgvhr.ErrInactive},
		{"FG-04 dead", day(1950, 8, 1), citizenC, "90", fixedNow, fgvhr.ErrInactive},
		{"FG-04 not known to the register", calendar.Day{}, citizenC, "", fixedNow, fgvhr.ErrInactive},
		{"FG-04 young and not known to the register", calendar.Day{}, number("0108901234"), "", fixedNow, fgvhr.ErrTooYoung},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse()
			h.born, h.status, h.now = c.born, c.status, c.now
			_, err := h.Register(t.Context(), citizen(c.n), optingout.Registration{Citizen: c.n})
			assert.Equal(t, c.want, err)
			if err != nil {
				assert.Empty(t, h.kept(t, c.n))
				assert.Empty(t, h.told())
				assert.Empty(t, h.sent(t))
			}
		})
	}

	t.Run("FA-04 twice, waiting and in force", func(t *testing.T) {
		h := newHouse()
		h.register(t, citizen(citizenC), citizenC)
		h.told()
		for _, now := range []time.Time{fixedNow, validFrom} {
			h.set(now)
			_, err := h.Register(t.Context(), citizen(citizenC), optingout.Registration{Citizen: citizenC})
			assert.Equal(t, fgvhr.ErrExists, err)
		}
		assert.Len(t, h.kept(t, citizenC), 1)
		assert.Len(t, h.sent(t), 1)
		assert.Empty(t, h.told(), "what is refused is no visit")
	})

	t.Run("FA-04 20 at the same time", func(t *testing.T) {
		h := newHouse()
		errs := make([]error, 20)
		var wait sync.WaitGroup
		for i := range errs {
			wait.Go(func() {
				_, errs[i] = h.Register(t.Context(), citizen(citizenC), optingout.Registration{Citizen: citizenC})
			})
		}
		wait.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			assert.Equal(t, fgvhr.ErrExists, err)
		}
		assert.Equal(t, 1, won)
		assert.Len(t, h.kept(t, citizenC), 1)
		assert.Len(t, h.sent(t), 1)
	})

	t.Run("FA-08 a paper form", func(t *testing.T) {
		h := newHouse()
		v, err := h.Register(t.Context(), staff(), optingout.Registration{Citizen: citizenC, CitizenCreated: formDate})
		require.NoError(t, err)
		assert.Equal(t, optingout.View{OptOut: fgvhr.OptOut{
			ID: v.ID, Citizen: citizenC, Status: fgvhr.Active, Created: fixedNow, CitizenCreated: formDate, ValidFrom: validFrom,
			Actor: fgvhr.Actor{Role: "ADMIN", ID: staffS.Digits(), Source: "CPR", Org: sds, Name: "Sundhedsdatastyrelsen"},
		}}, v)
	})

	t.Run("FA-09 a date of a form", func(t *testing.T) {
		h := newHouse()
		h.status = "80" // a date comes first
		_, err := h.Register(t.Context(), citizen(citizenC), optingout.Registration{Citizen: citizenC, CitizenCreated: formDate})
		assert.Equal(t, fgvhr.ErrDate, err)
		tomorrow := day(2026, 11, 22)
		_, err = h.Register(t.Context(), staff(), optingout.Registration{Citizen: citizenC, CitizenCreated: tomorrow})
		assert.Equal(t, fgvhr.ErrDate, err)
		h.status = "01"
		h.set(utc("2026-11-21T23:00:00Z"))
		_, err = h.Register(t.Context(), staff(), optingout.Registration{Citizen: citizenC, CitizenCreated: tomorrow})
		require.NoError(t, err)
	})
}

func TestDelete(t *testing.T) {
	for _, days := range []int{3, 30} {
		t.Run("FA-05 at once", func(t *testing.T) {
			h := newHouse()
			h.register(t, citizen(citizenC), citizenC)
			h.set(fixedNow.AddDate(0, 0, days))
			assert.Equal(t, days > 7, h.sees(t, system(), citizenC))
			require.NoError(t, h.Delete(t.Context(), citizen(citizenC), citizenC, ""))
			assert.False(t, h.sees(t, system(), citizenC))
			v := h.get(t, citizen(citizenC), citizenC)
			assert.Equal(t, fgvhr.Inactive, v.Status)
			assert.False(t, v.InForce)
			h.set(fixedNow.AddDate(1, 0, 0))
			assert.False(t, h.sees(t, system(), citizenC), "FG-10")
			assert.Equal(t, fgvhr.ErrNotFound, h.Delete(t.Context(), citizen(citizenC), citizenC, ""))
		})
	}

	t.Run("FA-06 without opt-out", func(t *testing.T) {
		h := newHouse()
		assert.Equal(t, fgvhr.ErrNotFound, h.Delete(t.Context(), citizen(citizenC), citizenC, ""))
		assert.Equal(t, fgvhr.ErrNotFound, h.Delete(t.Context(), citizen(citizenC), citizenC, "x"), "a row of what is not there")
		assert.Empty(t, h.told())
		assert.Empty(t, h.kept(t, citizenC))
	})

	t.Run("FA-07 and registered again", func(t *testing.T) {
		h := newHouse()
		first := h.register(t, staff(), citizenC)
		h.set(fixedNow.AddDate(0, 0, 30))
		require.NoError(t, h.Delete(t.Context(), staff(), citizenC, first.ID))
		gone := h.get(t, staff(), citizenC)
		assert.Equal(t, first.ID, gone.Replaces)
		again := h.register(t, staff(), citizenC)
		assert.Equal(t, gone.ID, again.Replaces)
		assert.NotEqual(t, first.ID, again.ID)
		assert.Equal(t, gone.Created.Add(time.Microsecond), again.Created, "CM-05 the clock stood still")
		assert.Equal(t, again.Created.AddDate(0, 0, 7), again.ValidFrom, "FG-07 a new waiting time")
		assert.False(t, again.InForce)
		assert.Len(t, h.kept(t, citizenC), 3, "nothing is lost")
	})

	t.Run("FA-17 at a status that is not active", func(t *testing.T) {
		h := newHouse()
		h.register(t, citizen(citizenC), citizenC)
		h.status = "80"
		require.NoError(t, h.Delete(t.Context(), citizen(citizenC), citizenC, ""))
	})

	t.Run("another row than the latest", func(t *testing.T) {
		h := newHouse()
		v := h.register(t, citizen(citizenC), citizenC)
		assert.Equal(t, fgvhr.ErrChanged, h.Delete(t.Context(), citizen(citizenC), citizenC, "x"))
		assert.Len(t, h.kept(t, citizenC), 1)
		require.NoError(t, h.Delete(t.Context(), citizen(citizenC), citizenC, v.ID))
		assert.Equal(t, fgvhr.ErrNotFound, h.Delete(t.Context(), citizen(citizenC), citizenC, v.ID))
	})
}

func TestUpdate(t *testing.T) {
	t.Run("FA-10 entered in error, and never active again", func(t *testing.T) {
		h := newHouse()
		first := h.register(t, citizen(citizenC), citizenC)
		h.set(validFrom)
		require.True(t, h.sees(t, system(), citizenC))
		v, err := h.Update(t.Context(), staff(), citizenC, fgvhr.Change{ID: first.ID, Status: fgvhr.EnteredInError})
		require.NoError(t, err)
		assert.Equal(t, optingout.View{OptOut: fgvhr.OptOut{
			ID: v.ID, Replaces: first.ID, Citizen: citizenC, Status: fgvhr.EnteredInError, Created: validFrom, ValidFrom: validFrom,
			Actor: fgvhr.Actor{Role: "ADMIN", ID: staffS.Digits(), Source: "CPR", Org: sds, Name: "Sundhedsdatastyrelsen"},
		}}, v)
		assert.False(t, h.sees(t, system(), citizenC))
		h.told()
		_, err = h.Update(t.Context(), staff(), citizenC, fgvhr.Change{ID: first.ID, Status: fgvhr.Active})
		assert.Equal(t, fgvhr.ErrChanged, err)
		_, err = h.Update(t.Context(), staff(), citizenC, fgvhr.Change{ID: v.ID, Status: fgvhr.Active})
		assert.Equal(t, fgvhr.ErrStatus, err)
		assert.Len(t, h.kept(t, citizenC), 2)
		assert.Empty(t, h.told(), "what is refused is no visit")
	})

	t.Run("FG-08 the date of the form", func(t *testing.T) {
		h := newHouse()
		first := h.register(t, staff(), citizenC)
		h.set(fixedNow.Add(time.Hour))
		v, err := h.Update(t.Context(), staff(), citizenC, fgvhr.Change{ID: first.ID, CitizenCreated: formDate})
		require.NoError(t, err)
		assert.Equal(t, formDate, v.CitizenCreated)
		assert.Equal(t, validFrom, v.ValidFrom, "FG-09")
		assert.Equal(t, fgvhr.Active, v.Status)
		_, err = h.Update(t.Context(), staff(), citizenC, fgvhr.Change{ID: v.ID, CitizenCreated: day(2026, 11, 23)})
		assert.Equal(t, fgvhr.ErrDate, err)
	})

	t.Run("FA-17 at a status that is not active", func(t *testing.T) {
		h := newHouse()
		first := h.register(t, staff(), citizenC)
		h.status = "90"
		_, err := h.Update(t.Context(), staff(), citizenC, fgvhr.Change{ID: first.ID, Status: fgvhr.EnteredInError})
		require.NoError(t, err)
	})
}

// TestSeveralNumbers: an opt-out is the person's, under whichever number it was made.
func TestSeveralNumbers(t *testing.T) {
	t.Run("FA-18 made under an old number", func(t *testing.T) {
		h := newHouse()
		old := h.stored(t, formerC, fixedNow.AddDate(0, -1, 0), nil)
		assert.False(t, h.sees(t, system(), citizenC), "nobody knows yet")
		h.linked = true
		v := h.get(t, system(), citizenC)
		assert.Equal(t, old.ID, v.ID)
		assert.Equal(t, citizenC, v.Citizen, "the number that was asked for")
		_, err := h.Register(t.Context(), citizen(citizenC), optingout.Registration{Citizen: citizenC})
		assert.Equal(t, fgvhr.ErrExists, err)

		require.NoError(t, h.Delete(t.Context(), citizen(citizenC), citizenC, old.ID))
		rows := h.kept(t, citizenC, formerC)
		require.Len(t, rows, 2)
		assert.Equal(t, [2]cpr.Number{formerC, citizenC}, [2]cpr.Number{rows[0].Citizen, rows[1].Citizen}, "rows keep the number they were made with")
		assert.False(t, h.sees(t, system(), formerC))
	})

	t.Run("WL-15 two active ones, withdrawn by one call", func(t *testing.T) {
		h := newHouse()
		h.stored(t, formerC, fixedNow.AddDate(0, -2, 0), nil)
		later := h.stored(t, citizenC, fixedNow.AddDate(0, -1, 0), nil)
		h.linked = true
		assert.Equal(t, later.ID, h.get(t, citizen(formerC), formerC).ID)
		require.NoError(t, h.Delete(t.Context(), citizen(citizenC), citizenC, ""))
		assert.False(t, h.sees(t, system(), citizenC))
		assert.False(t, h.sees(t, system(), formerC))
		h.linked = false
		assert.False(t, h.sees(t, system(), formerC), "the row under the former number has its end too")
	})

	for _, op := range operations {
		t.Run("FA-18 the aliases are down: "+op.name, func(t *testing.T) {
			for _, cause := range []error{errSecret, ports.ErrWillConflict} {
				h, id := prepared(t, op.name)
				h.linked = true
				h.down["aliases"] = cause
				before := h.kept(t, citizenC)
				err := op.do(h, staff(), citizenC, id)
				said := h.said()
				assert.True(t, slices.ContainsFunc(said, func(line string) bool { return strings.HasSuffix(line, " aliases(NPI)=unavailable") }), "got %q", said)
				if op.name != "registerConsent" {
					require.NoError(t, err)
					continue
				}
				refused(t, optingout.ErrDown, err)
				require.ErrorIs(t, err, cause)
				assert.Equal(t, before, h.kept(t, citizenC))
				assert.Empty(t, h.told())
			}
		})
	}

	t.Run("FA-18 the aliases are down: own rows alone", func(t *testing.T) {
		h := newHouse()
		h.stored(t, formerC, fixedNow.AddDate(0, -2, 0), nil)
		h.linked = true
		h.down["aliases"] = errSecret
		assert.False(t, h.sees(t, system(), citizenC))
		assert.True(t, h.sees(t, system(), formerC))
		own := h.stored(t, citizenC, fixedNow.AddDate(0, -3, 0), nil)
		assert.Equal(t, own.ID, h.get(t, system(), citizenC).ID)
		require.NoError(t, h.Delete(t.Context(), citizen(citizenC), citizenC, ""))
		assert.True(t, h.sees(t, system(), formerC))
	})

	t.Run("FA-18 the aliases are down: nobody hears that there is nothing to withdraw", func(t *testing.T) {
		h := newHouse()
		h.stored(t, formerC, fixedNow.AddDate(0, -2, 0), nil)
		h.linked = true
		h.down["aliases"] = errSecret
		err := h.Delete(t.Context(), citizen(citizenC), citizenC, "")
		refused(t, optingout.ErrDown, err)
		require.ErrorIs(t, err, errSecret)
		assert.Empty(t, h.told())
		delete(h.down, "aliases")
		require.NoError(t, h.Delete(t.Context(), citizen(citizenC), citizenC, ""))
	})

	t.Run("FA-18 the aliases are down: an update that leaves it active", func(t *testing.T) {
		h, id := prepared(t, "updateConsent")
		h.down["aliases"] = errSecret
		for _, c := range []fgvhr.Change{{ID: id, CitizenCreated: formDate}, {ID: id, Status: fgvhr.Active, CitizenCreated: formDate}} {
			_, err := h.Update(t.Context(), staff(), citizenC, c)
			refused(t, optingout.ErrDown, err)
		}
		assert.Len(t, h.kept(t, citizenC), 1)
	})
}

// TestDown: what does not answer fails the operations that need it, with a cause that the caller does not hear, and nothing is changed or shown.
func TestDown(t *testing.T) {
	for _, c := range []struct {
		name, down string
		cause      error
		want       error
		needs      string // operations
	}{
		{"MinLog", "minlog", errSecret, optingout.ErrMinLog, "registerConsent updateConsent deleteConsent getConsent"},
		{"MinLog, too late", "minlog", ports.ErrLateLog, optingout.ErrMinLog, "registerConsent updateConsent deleteConsent getConsent"},
		{"the CPR register", "register", errSecret, optingout.ErrDown, "registerConsent"},
		{"the store", "store", errSecret, optingout.ErrDown, "registerConsent updateConsent deleteConsent getConsent"},
		{"the store, to write", "update", errSecret, optingout.ErrDown, "registerConsent updateConsent deleteConsent"},
		{"the store, in a word of another's", "update", fgvhr.ErrExists, optingout.ErrDown, "registerConsent updateConsent deleteConsent"},
		{"others got in between too often", "update", ports.ErrWillConflict, optingout.ErrDown, "registerConsent updateConsent deleteConsent"},
	} {
		for _, op := range operations {
			t.Run(c.name+": "+op.name, func(t *testing.T) {
				h, id := prepared(t, op.name)
				h.down[c.down] = c.cause
				before := h.kept(t, citizenC)
				err := op.do(h, staff(), citizenC, id)
				if !allowed(c.needs, op.name) {
					require.NoError(t, err)
					return
				}
				refused(t, c.want, err)
				require.ErrorIs(t, err, c.cause)
				assert.Equal(t, before, h.kept(t, citizenC))
				assert.Empty(t, h.sent(t))
				assert.NotEmpty(t, h.said())
				delete(h.down, c.down)
				require.NoError(t, op.do(h, staff(), citizenC, id), "when it is back")
			})
		}
	}
}

// TestOvertaken: who is overtaken between the look and the change is refused as if he had come later.
func TestOvertaken(t *testing.T) {
	for _, op := range operations[:3] {
		t.Run("FA-04 "+op.name, func(t *testing.T) {
			h, id := prepared(t, op.name)
			h.before = func(what string) {
				if what != "update" {
					return
				}
				h.before = nil
				h.stored(t, citizenC, fixedNow, func(o *fgvhr.OptOut) {
					if op.name == "deleteConsent" {
						o.Status = fgvhr.Inactive
					}
				})
			}
			err := op.do(h, staff(), citizenC, id)
			want := map[string]error{"registerConsent": fgvhr.ErrExists, "updateConsent": fgvhr.ErrChanged, "deleteConsent": fgvhr.ErrNotFound}
			assert.Equal(t, want[op.name], err)
			assert.Empty(t, h.sent(t))
			assert.Len(t, h.told(), 1, "MinLog was told of the attempt")
		})
	}
}

func utc(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func day(y int, m time.Month, d int) calendar.Day { return calendar.Day{Year: y, Month: m, Dom: d} }
