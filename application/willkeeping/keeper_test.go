package willkeeping_test

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/willkeeping"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports"
)

func (h *house) create(t testing.TB) will.Registration {
	t.Helper()
	r, err := h.Create(t.Context(), citizen(citizenC), of(citizenC), will.BTR, draft)
	require.NoError(t, err)
	return r
}

// has tells which wills the citizen has, by Has.
func (h *house) has(t testing.TB) (wills string) {
	t.Helper()
	for _, reg := range []will.Register{will.LTR, will.BTR} {
		has, err := h.Has(t.Context(), citizen(citizenC), of(citizenC), reg)
		require.NoError(t, err)
		if has {
			wills += string(reg)
		}
	}
	return wills
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func TestCreate(t *testing.T) {
	t.Run("WA-01 the citizen finds what she registered", func(t *testing.T) {
		h := newHouse(t)
		made := h.create(t)
		got, err := h.Get(t.Context(), citizen(citizenC), of(citizenC), will.BTR)
		require.NoError(t, err)
		want := will.Registration{ID: made.ID, Citizen: citizenC, Register: will.BTR, Wishes: draft.Wishes, From: fixedNow}
		assert.Equal(t, want, got)
		assert.Equal(t, want, made)
		assert.Equal(t, "BTR", h.has(t))
		_, err = h.Get(t.Context(), citizen(citizenC), of(citizenC), will.LTR)
		refused(t, err, will.ErrNotFound)
	})
	t.Run("WA-02 once", func(t *testing.T) {
		h := newHouse(t)
		h.create(t)
		h.told()
		_, err := h.Create(t.Context(), citizen(citizenC), of(citizenC), will.BTR, draft)
		refused(t, err, will.ErrExists)
		assert.Len(t, h.kept(t, citizenC), 1)
		assert.Len(t, h.sent(t), 1)
		assert.Empty(t, h.told(), "of what did not happen")
	})
	t.Run("WA-03 not beside a living will", func(t *testing.T) {
		h := newHouse(t)
		old := h.stored(t, citizenC, will.LTR, fixedNow.AddDate(-9, 0, 0))
		_, err := h.Create(t.Context(), citizen(citizenC), of(citizenC), will.BTR, draft)
		refused(t, err, will.ErrExists)
		assert.Equal(t, will.History{old}, h.kept(t, citizenC))
	})
	t.Run("WA-10 again after it was deleted", func(t *testing.T) {
		h := newHouse(t)
		h.create(t)
		require.NoError(t, h.Delete(t.Context(), citizen(citizenC), of(citizenC), will.BTR))
		h.create(t)
		assert.Len(t, h.kept(t, citizenC), 2)
	})
	t.Run("WA-11 one of many at once wins", func(t *testing.T) {
		h := newHouse(t)
		h.Rules.Closed = time.Time{}
		errs := make(chan error, 50)
		var all sync.WaitGroup
		for i := range cap(errs) {
			all.Go(func() {
				reg, d := will.BTR, draft
				if i%2 == 0 {
					reg, d = will.LTR, living
				}
				_, err := h.Create(context.Background(), citizen(citizenC), of(citizenC), reg, d)
				errs <- err
			})
		}
		all.Wait()
		close(errs)
		won := 0
		for err := range errs {
			if err == nil {
				won++
				continue
			}
			refused(t, err, will.ErrExists)
		}
		assert.Equal(t, 1, won)
		assert.Len(t, h.kept(t, citizenC), 1)
		assert.Len(t, h.sent(t), 1)
	})
}

func TestUpdate(t *testing.T) {
	t.Run("WA-06 closes what was and opens what is, at one instant", func(t *testing.T) {
		h := newHouse(t)
		first := h.create(t)
		h.pass(time.Hour)
		other := will.Draft{Wishes: will.Wishes{IfSeverePain: will.Wish{Declined: true}}}
		second, err := h.Update(t.Context(), citizen(citizenC), of(citizenC), will.BTR, other)
		require.NoError(t, err)
		first.To = second.From
		assert.Equal(t, will.History{first, second}, h.kept(t, citizenC))
		assert.Equal(t, fixedNow.Add(time.Hour), second.From)
		got, err := h.Get(t.Context(), doctor(), of(citizenC), will.BTR)
		require.NoError(t, err)
		assert.Equal(t, second, got)
	})
	t.Run("WA-07 makes a new row of the same wishes", func(t *testing.T) {
		h := newHouse(t)
		h.create(t)
		h.pass(time.Second)
		_, err := h.Update(t.Context(), citizen(citizenC), of(citizenC), will.BTR, draft)
		require.NoError(t, err)
		assert.Len(t, h.kept(t, citizenC), 2)
	})
	t.Run("WA-08 at the instant of the one before, then deleted and created", func(t *testing.T) {
		h := newHouse(t)
		h.create(t)
		second, err := h.Update(t.Context(), citizen(citizenC), of(citizenC), will.BTR, draft)
		require.NoError(t, err)
		assert.Equal(t, fixedNow.Add(time.Microsecond), second.From)
		assert.Equal(t, "BTR", h.has(t))
		require.NoError(t, h.Delete(t.Context(), citizen(citizenC), of(citizenC), will.BTR))
		h.create(t)
		for _, r := range h.kept(t, citizenC) {
			assert.True(t, r.To.IsZero() || r.From.Before(r.To), "a row is empty")
		}
	})
	t.Run("needs a will in the register", func(t *testing.T) {
		h := newHouse(t)
		_, err := h.Update(t.Context(), citizen(citizenC), of(citizenC), will.BTR, draft)
		refused(t, err, will.ErrNotFound)
		h.stored(t, citizenC, will.LTR, fixedNow.AddDate(-9, 0, 0))
		_, err = h.Update(t.Context(), citizen(citizenC), of(citizenC), will.BTR, draft)
		refused(t, err, will.ErrNotFound)
		assert.Empty(t, h.told())
	})
}

func TestUpgradeTo(t *testing.T) {
	t.Run("WA-04 replaces the living will at one instant", func(t *testing.T) {
		h := newHouse(t)
		old := h.stored(t, citizenC, will.LTR, fixedNow.AddDate(-9, 0, 0))
		made, err := h.UpgradeTo(t.Context(), citizen(citizenC), of(citizenC), draft)
		require.NoError(t, err)
		assert.Equal(t, "BTR", h.has(t))
		old.To = made.From
		assert.Equal(t, will.History{old, made}, h.kept(t, citizenC))
		assert.Equal(t, []string{"LivingWillUpdated", "TreatmentWillUpdated"}, topics(h.sent(t)))
	})
	t.Run("WA-05 needs a living will and no treatment will", func(t *testing.T) {
		h := newHouse(t)
		_, err := h.UpgradeTo(t.Context(), citizen(citizenC), of(citizenC), draft)
		refused(t, err, will.ErrNotFound)
		h.create(t)
		_, err = h.UpgradeTo(t.Context(), citizen(citizenC), of(citizenC), draft)
		refused(t, err, will.ErrExists)
	})
}

func TestWA09Delete(t *testing.T) {
	h := newHouse(t)
	made := h.create(t)
	h.pass(time.Hour)
	require.NoError(t, h.Delete(t.Context(), citizen(citizenC), of(citizenC), will.BTR))
	assert.Empty(t, h.has(t))
	_, err := h.Get(t.Context(), citizen(citizenC), of(citizenC), will.BTR)
	refused(t, err, will.ErrNotFound)
	refused(t, h.Delete(t.Context(), citizen(citizenC), of(citizenC), will.BTR), will.ErrNotFound)
	made.To = fixedNow.Add(time.Hour)
	assert.Equal(t, will.History{made}, h.kept(t, citizenC))
}

func TestWishes(t *testing.T) {
	for _, c := range []struct {
		name  string
		draft will.Draft
		want  error
	}{
		{"WA-13 of the dying are unconditional", will.Draft{Wishes: will.Wishes{IfDying: will.Wish{Declined: true, Needs: will.Relative}}}, will.ErrInvalid},
		{"are a value", will.Draft{Wishes: draft.Wishes, Null: true}, will.ErrInvalid},
		{"WA-14 are some", will.Draft{}, will.ErrEmpty},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.stored(t, citizenB, will.BTR, fixedNow.AddDate(0, 0, -1))
			h.stored(t, citizenC, will.LTR, fixedNow.AddDate(0, 0, -1))
			_, err := h.Create(t.Context(), staff(), admin(citizenB), will.BTR, c.draft)
			refused(t, err, c.want)
			_, err = h.Update(t.Context(), staff(), admin(citizenB), will.BTR, c.draft)
			refused(t, err, c.want)
			_, err = h.UpgradeTo(t.Context(), staff(), admin(citizenC), c.draft)
			refused(t, err, c.want)
			assert.Empty(t, h.looked())
		})
	}
	t.Run("WA-15 that are not declined need nobody's acceptance", func(t *testing.T) {
		h := newHouse(t)
		d := draft
		d.IfSeverePain.Needs = will.TrustedAgent
		made, err := h.Create(t.Context(), citizen(citizenC), of(citizenC), will.BTR, d)
		require.NoError(t, err)
		assert.Equal(t, draft.Wishes, made.Wishes)
		assert.Equal(t, draft.Wishes, h.kept(t, citizenC)[0].Wishes)
	})
	t.Run("WA-26 of force are all that a dentist is shown", func(t *testing.T) {
		h := newHouse(t)
		made := h.create(t)
		made.Wishes = will.Wishes{NoForcedTreatment: draft.NoForcedTreatment}
		for _, caller := range []identity.Caller{dentist(), doctor(), citizen(citizenC)} {
			got, err := h.GetForced(t.Context(), caller, of(citizenC))
			require.NoError(t, err)
			assert.Equal(t, made, got)
		}
	})
}

func TestEligibility(t *testing.T) {
	opening := []string{"createTreatmentWill", "updateTreatmentWill", "upgradeToTreatmentWill"}
	t.Run("WA-33 somebody is old enough from midnight of the 18th birthday", func(t *testing.T) {
		h := newHouse(t)
		h.born = calendar.Day{Year: 2008, Month: time.November, Dom: 22}
		for _, name := range opening {
			refused(t, called(name).do(h, citizen(citizenC), of(citizenC)), will.ErrTooYoung)
		}
		h.pass(54*time.Minute + 50*time.Second) // 00:00 in Copenhagen
		h.create(t)
	})
	t.Run("the number tells the age where the register does not", func(t *testing.T) {
		h := newHouse(t)
		h.Rules.MinAge = 48 // born 1979-01-05
		_, err := h.Create(t.Context(), citizen(citizenC), of(citizenC), will.BTR, draft)
		refused(t, err, will.ErrTooYoung)
		h.Rules.MinAge = 47
		h.create(t)
	})
	t.Run("WA-34 a number that is not active opens nothing, but closes and is found", func(t *testing.T) {
		h := newHouse(t)
		h.stored(t, citizenC, will.BTR, fixedNow.AddDate(-1, 0, 0))
		for _, status := range []string{"90", "20", "70", "80", ""} {
			h.status = status
			for _, name := range opening {
				refused(t, called(name).do(h, citizen(citizenC), of(citizenC)), will.ErrInactive)
			}
		}
		for _, name := range []string{"getTreatmentWill", "hasTreatmentWill"} {
			require.NoError(t, called(name).do(h, doctor(), of(citizenC)))
		}
		require.NoError(t, h.Delete(t.Context(), citizen(citizenC), of(citizenC), will.BTR))
	})
	t.Run("WA-35 nothing is opened while the register does not answer, but closed and found", func(t *testing.T) {
		h := newHouse(t)
		h.stored(t, citizenC, will.BTR, fixedNow.AddDate(-1, 0, 0))
		kept := h.kept(t, citizenC)
		h.down["register"] = true
		for _, name := range opening {
			err := called(name).do(h, citizen(citizenC), of(citizenC))
			refused(t, err, willkeeping.ErrDown)
			assert.ErrorIs(t, err, errSecret)
		}
		assert.Equal(t, kept, h.kept(t, citizenC))
		assert.Empty(t, h.told())
		require.NoError(t, called("getTreatmentWill").do(h, doctor(), of(citizenC)))
		require.NoError(t, h.Delete(t.Context(), citizen(citizenC), of(citizenC), will.BTR))
	})
}

func TestWA36TheRegisterOfLivingWills(t *testing.T) {
	h := newHouse(t)
	h.now = h.Rules.Closed.Add(-time.Second) // 2018-12-31T22:59:59Z
	_, err := h.Create(t.Context(), citizen(citizenC), of(citizenC), will.LTR, living)
	require.NoError(t, err)
	h.pass(time.Second)
	_, err = h.Create(t.Context(), citizen(citizenB), of(citizenB), will.LTR, living)
	refused(t, err, will.ErrClosed)
	_, err = h.Create(t.Context(), staff(), admin(citizenB), will.LTR, living)
	refused(t, err, will.ErrClosed)

	h.now = fixedNow
	_, err = h.Update(t.Context(), citizen(citizenC), of(citizenC), will.LTR, living)
	refused(t, err, will.ErrClosed)
	_, err = h.Update(t.Context(), staff(), admin(citizenC), will.LTR, living)
	require.NoError(t, err)
	h.Rules.AdminUpdate = false
	_, err = h.Update(t.Context(), staff(), admin(citizenC), will.LTR, living)
	refused(t, err, will.ErrClosed)
	require.NoError(t, h.Delete(t.Context(), citizen(citizenC), of(citizenC), will.LTR))
}

func TestWA37AnAdministratorHelpsAnyCitizen(t *testing.T) {
	h := newHouse(t)
	_, err := h.Create(t.Context(), staff(), admin(citizenC), will.BTR, draft)
	require.NoError(t, err)
	_, err = h.Get(t.Context(), staff(), admin(citizenC), will.BTR)
	require.NoError(t, err)
	assert.Equal(t, "BTR", h.has(t))
}

// TestWA39Match shows that a change is made to the version that it names, where it names one.
func TestWA39Match(t *testing.T) {
	for _, name := range []string{"createTreatmentWill", "updateTreatmentWill", "upgradeToTreatmentWill", "deleteTreatmentWill"} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			match := func(id string) error {
				return called(name).do(h, citizen(citizenC), willkeeping.Request{Citizen: citizenC, Match: id})
			}
			refused(t, match("5b1f6f0e-6a2d-4c8e-9f6b-0d2f6f1c7a11"), will.ErrChanged)
			reg := will.BTR
			if name == "upgradeToTreatmentWill" {
				reg = will.LTR
			}
			first := h.stored(t, citizenC, reg, fixedNow.AddDate(-1, 0, 0))
			second := h.stored(t, citizenC, reg, fixedNow.AddDate(0, 0, -1))
			kept := h.kept(t, citizenC)
			refused(t, match(first.ID), will.ErrChanged)
			assert.Equal(t, kept, h.kept(t, citizenC))
			assert.Empty(t, h.told())
			if name == "createTreatmentWill" {
				refused(t, match(second.ID), will.ErrExists)
				return
			}
			require.NoError(t, match(second.ID))
		})
	}
	t.Run("another change in between", func(t *testing.T) {
		h := newHouse(t)
		made := h.create(t)
		h.before = func(what string) {
			if what == "update" {
				h.before = nil
				_, err := h.Update(t.Context(), citizen(citizenC), of(citizenC), will.BTR, draft)
				assert.NoError(t, err)
			}
		}
		_, err := h.Update(t.Context(), citizen(citizenC), willkeeping.Request{Citizen: citizenC, Match: made.ID}, will.BTR, draft)
		refused(t, err, will.ErrChanged)
		assert.Len(t, h.kept(t, citizenC), 2)
	})
}

func TestOthersInBetween(t *testing.T) {
	t.Run("WA-02 the rule counts when it is stored", func(t *testing.T) {
		h := newHouse(t)
		h.before = func(what string) {
			if what == "update" {
				h.before = nil
				h.create(t)
			}
		}
		_, err := h.Create(t.Context(), citizen(citizenC), of(citizenC), will.BTR, draft)
		refused(t, err, will.ErrExists)
		assert.Len(t, h.kept(t, citizenC), 1)
		assert.Len(t, h.sent(t), 1)
		assert.Len(t, h.told(), 2, "an attempt stays in MinLog")
	})
	t.Run("WA-12 a deletion and a change at once are one after the other", func(t *testing.T) {
		h := newHouse(t)
		h.create(t)
		h.before = func(what string) {
			if what == "update" {
				h.before = nil
				assert.NoError(t, h.Delete(t.Context(), citizen(citizenC), of(citizenC), will.BTR))
			}
		}
		_, err := h.Update(t.Context(), citizen(citizenC), of(citizenC), will.BTR, draft)
		refused(t, err, will.ErrNotFound)
		assert.Empty(t, h.has(t))
	})
}

func TestTheStoreIsDown(t *testing.T) {
	for _, what := range []string{"store", "update"} {
		for _, call := range calls() {
			if what == "update" && !strings.HasPrefix(call.name, "create") {
				continue
			}
			t.Run(what+" "+call.name, func(t *testing.T) {
				h := newHouse(t)
				h.Rules.Closed = time.Time{}
				h.down[what] = true
				err := call.do(h, citizen(citizenC), of(citizenC))
				refused(t, err, willkeeping.ErrDown)
				assert.ErrorIs(t, err, errSecret)
			})
		}
	}
	t.Run("or others were always first", func(t *testing.T) {
		h := newHouse(t)
		h.Store = busy{h.Store}
		_, err := h.Create(t.Context(), citizen(citizenC), of(citizenC), will.BTR, draft)
		refused(t, err, willkeeping.ErrDown)
	})
}

// TestWA41Person shows that the wills of a person are those of every number that the person has or had.
func TestWA41Person(t *testing.T) {
	day := func(n int) time.Time { return fixedNow.AddDate(0, 0, -n) }
	t.Run("a will under a former number is found, and counts", func(t *testing.T) {
		h := newHouse(t)
		old := h.stored(t, formerC, will.BTR, day(9))
		h.linked = true
		got, err := h.Get(t.Context(), doctor(), of(citizenC), will.BTR)
		require.NoError(t, err)
		assert.Equal(t, old, got)
		assert.Equal(t, "BTR", h.has(t))
		_, err = h.Create(t.Context(), citizen(citizenC), of(citizenC), will.BTR, draft)
		refused(t, err, will.ErrExists)
	})
	t.Run("of two the later one counts, and the next change ends both", func(t *testing.T) {
		h := newHouse(t)
		later := h.stored(t, formerC, will.BTR, day(3))
		earlier := h.stored(t, citizenC, will.LTR, day(9))
		h.linked = true
		assert.Equal(t, "BTR", h.has(t))
		made, err := h.Update(t.Context(), citizen(citizenC), of(citizenC), will.BTR, draft)
		require.NoError(t, err)
		earlier.To, later.To = made.From, made.From
		assert.Equal(t, will.History{earlier, later, made}, h.kept(t, citizenC, formerC))
		assert.Equal(t, citizenC, made.Citizen)
		sent := h.sent(t)
		assert.Equal(t, []string{"LivingWillUpdated", "TreatmentWillUpdated"}, topics(sent), "both registers changed")
		assert.Equal(t, earlier.ID, sent[0].Key)
	})
	t.Run("while the numbers are not to be had, reads are of the number alone", func(t *testing.T) {
		h := newHouse(t)
		h.stored(t, formerC, will.BTR, day(9))
		h.linked, h.down["aliases"] = true, true
		assert.Empty(t, h.has(t))
		for _, line := range h.said() {
			assert.Contains(t, line, " aliases(NPI)=unavailable")
		}
		own := h.stored(t, citizenC, will.BTR, day(1))
		got, err := h.Get(t.Context(), doctor(), of(citizenC), will.BTR)
		require.NoError(t, err)
		assert.Equal(t, own, got)
	})
	t.Run("while the numbers are not to be had, nothing is opened, but closed", func(t *testing.T) {
		h := newHouse(t)
		h.stored(t, citizenC, will.BTR, day(9))
		h.stored(t, citizenB, will.LTR, day(9))
		h.down["aliases"] = true
		for _, name := range []string{"updateTreatmentWill", "upgradeToTreatmentWill", "createTreatmentWill"} {
			err := called(name).do(h, staff(), admin(citizenB))
			refused(t, err, willkeeping.ErrDown)
			assert.ErrorIs(t, err, errSecret)
		}
		assert.Empty(t, h.told())
		h.said()
		require.NoError(t, h.Delete(t.Context(), citizen(citizenC), of(citizenC), will.BTR))
		assert.Contains(t, h.said()[0], " aliases(NPI)=unavailable")
		assert.Equal(t, fixedNow, h.kept(t, citizenC)[0].To)
	})
	t.Run("while the numbers are not to be had, nobody hears that there is nothing to withdraw", func(t *testing.T) {
		h := newHouse(t)
		h.stored(t, formerC, will.BTR, day(9))
		h.linked, h.down["aliases"] = true, true
		err := h.Delete(t.Context(), citizen(citizenC), of(citizenC), will.BTR)
		refused(t, err, willkeeping.ErrDown)
		require.ErrorIs(t, err, errSecret)
		assert.Empty(t, h.told())
		h.down["aliases"] = false
		require.NoError(t, h.Delete(t.Context(), citizen(citizenC), of(citizenC), will.BTR))
	})
}

// TestWA40NoPersonIsNamed goes through everything that may happen, and looks for what nobody may read in a log.
func TestWA40NoPersonIsNamed(t *testing.T) {
	h := newHouse(t)
	personal := regexp.MustCompile(`\d{10}|Berggren|Doctor|Staff|declined|relative|guardian`)
	field := regexp.MustCompile(`^(patient-id\(RPI\)=0501792275|patient-id-source\(RPI\)=CPR|actor-role\(NPI\)=[A-Z_]+|` +
		`actor-id\(NPI\)=\w+|actor-id-source\(NPI\)=(CPR|AUTH|CVR)|register\(NPI\)=(LTR|BTR)|will-exists\(SPI\)=(true|false)|` +
		`aliases\(NPI\)=unavailable)$`)
	callers := []identity.Caller{citizen(citizenC), citizen(citizenB), doctor(), dentist(), staff(), system(), {}}
	for _, down := range []string{"", "store", "update", "register", "aliases", "minlog", "grants"} {
		h.down = map[string]bool{down: true}
		for _, caller := range callers {
			for _, call := range calls() {
				for _, surface := range []will.Surface{will.Ordinary, will.Admin} {
					if err := call.do(h, caller, willkeeping.Request{Citizen: citizenC, Surface: surface}); err != nil {
						assert.NotRegexp(t, personal, err.Error())
					}
				}
			}
		}
	}
	for _, line := range h.said() {
		for _, said := range strings.Fields(line)[1:] {
			assert.Regexp(t, field, said)
		}
	}
}

// busy is a store in which others are always first.
type busy struct{ ports.WillStore }

func (busy) Update(context.Context, []cpr.Number, func(will.History) (will.Change, []notice.Notice, error)) error {
	return ports.ErrWillConflict
}
