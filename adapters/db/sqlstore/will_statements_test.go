package sqlstore

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports"
)

// willOf is the n-th will, under a number, from the n-th minute.
func willOf(n int, citizen cpr.Number, reg will.Register) will.Registration {
	r := will.Registration{ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n), Citizen: citizen, Register: reg, From: start.Add(time.Duration(n) * time.Minute)}
	r.IfDying.Declined = true
	return r
}

// changing is an edit that opens r, or where there is none ends what is open at a minute.
func changing(minute int, r *will.Registration, notices ...notice.Notice) func(will.History) (will.Change, []notice.Notice, error) {
	change := will.Change{At: start.Add(time.Duration(minute) * time.Minute), New: r}
	return func(will.History) (will.Change, []notice.Notice, error) { return change, notices, nil }
}

// optOutOf is the n-th row, under a number, made in the n-th minute.
func optOutOf(n int, citizen cpr.Number, replaces string) fgvhr.OptOut {
	at := start.Add(time.Duration(n) * time.Minute)
	return fgvhr.OptOut{ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n), Replaces: replaces, Citizen: citizen, Status: fgvhr.Active, Created: at,
		ValidFrom: at.AddDate(0, 0, 7)}
}

func replacing(o fgvhr.OptOut, notices ...notice.Notice) func(fgvhr.History) (fgvhr.OptOut, []notice.Notice, error) {
	return func(fgvhr.History) (fgvhr.OptOut, []notice.Notice, error) { return o, notices, nil }
}

func TestWillStatements(t *testing.T) {
	for engine, open := range bothEngines() {
		t.Run(engine, func(t *testing.T) {
			ctx, db := context.Background(), open(t)
			lock := 0
			if engine == "postgres" {
				lock = 1
			}
			citizen := numberNamed(t, presentNumber)
			person := []cpr.Number{citizen, numberNamed(t, formerNumber)}
			s, o := db.Wills(), db.OptOuts()
			update := func(ctx context.Context, minute int, r *will.Registration, notices ...notice.Notice) func() error {
				return func() error { return s.Update(ctx, person, changing(minute, r, notices...)) }
			}
			living, treatment, last := willOf(1, citizen, will.LTR), willOf(2, citizen, will.BTR), willOf(4, citizen, will.BTR)
			optOut, withdrawn := optOutOf(1, citizen, ""), optOutOf(2, citizen, optOutOf(1, citizen, "").ID)
			withdrawn.Status = fgvhr.Inactive
			for _, c := range []struct {
				name string
				call func() error
				want int
			}{
				{"Create: begin, lock, read, known id, will, current, notice, commit", update(ctx, 1, &living, entryOf(1)), 7 + lock},
				{"Exists", func() error { _, err := s.Exists(ctx, person[:1], will.BTR); return err }, 1},
				{"Exists of two numbers", func() error { _, err := s.Exists(ctx, person, will.BTR); return err }, 1},
				{"Current", func() error { _, _, err := s.Current(ctx, person); return err }, 1},
				{"History", func() error { _, err := s.History(ctx, person); return err }, 1},
				{"Update: and the will that ends, which is current no more", update(ctx, 2, &treatment, entryOf(2)), 9 + lock},
				{"Delete: begin, lock, read, will, current, notice, commit", update(ctx, 3, nil, entryOf(3)), 6 + lock},
				{"an Update of a unit of work that has written: savepoint, lock, read, known id, will, current and release of it", func() error {
					return db.Units().Run(ctx, func(ctx context.Context) error {
						if err := db.Outbox().Put(ctx, entryOf(4)); err != nil {
							return err
						}
						return update(ctx, 4, &last)()
					}, nothing)
				}, 3 + 6 + lock},
				{"a refusal: begin, lock, read, rollback", func() error {
					err := s.Update(ctx, person, func(will.History) (will.Change, []notice.Notice, error) { return will.Change{}, nil, will.ErrExists })
					assert.Equal(t, will.ErrExists, err)
					return nil
				}, 3 + lock},
				{"an opt-out: begin, lock, read, row, notice, commit",
					func() error { return o.Update(ctx, person, replacing(optOut, entryOf(5))) }, 5 + lock},
				{"another row: and the one that it replaces", func() error { return o.Update(ctx, person, replacing(withdrawn, entryOf(6))) }, 6 + lock},
				{"Heads", func() error { _, err := o.Heads(ctx, person); return err }, 1},
				{"the history of an opt-out", func() error { _, err := o.History(ctx, person); return err }, 1},
			} {
				t.Run(c.name, func(t *testing.T) {
					n := count(db, "")
					err := c.call()
					db.observe = nil
					require.NoError(t, err)
					assert.Equal(t, c.want, n())
				})
			}
		})
	}
}

// What somebody declines is not even read to tell whether there is a will.
func TestExistsLoadsNoWishes(t *testing.T) {
	db := opened(t)
	var read string
	db.observe = func(statement string) { read += statement }
	_, err := db.Wills().Exists(t.Context(), []cpr.Number{numberNamed(t, presentNumber)}, will.LTR)
	db.observe = nil
	require.NoError(t, err)
	require.Contains(t, read, "FROM will_current")
	for _, other := range []string{"living_will", "treatment_will", "JOIN", "UNION", "if_", "force"} {
		require.NotContains(t, read, other)
	}
}

// What no rule allows the tables do not take, and the error tells nothing of it.
func TestWillChecks(t *testing.T) {
	const (
		living    = "INSERT INTO living_will (id, cpr, if_dying, if_severely_degraded, valid_from, valid_to) VALUES "
		treatment = "INSERT INTO treatment_will (id, cpr, if_dying, if_severely_degraded, if_severely_degraded_needs, if_severe_pain, " +
			"if_severe_pain_needs, no_forced_treatment, no_forced_treatment_needs, valid_from, valid_to) VALUES "
		current = "INSERT INTO will_current (cpr, register, will_id, valid_from) VALUES "
		consent = "INSERT INTO citizen_consent (uuid, replaces, patient_id, patient_id_source, consent_status, created_date, valid_from, " +
			"superseded_date) VALUES "
	)
	for engine, open := range bothEngines() {
		t.Run(engine, func(t *testing.T) {
			db := open(t)
			written(t, db, living+"('a', '"+presentNumber+"', TRUE, FALSE, 10, NULL)", current+"('"+presentNumber+"', 'LTR', 'a', 10)",
				treatment+"('b', '"+presentNumber+"', TRUE, FALSE, NULL, FALSE, NULL, TRUE, 'guardian', 10, NULL)",
				consent+"('c', NULL, '"+presentNumber+"', 'CPR', 'ACTIVE', 10, 20, 30)", consent+"('d', 'c', '"+presentNumber+"', 'CPR', 'INACTIVE', 30, 20, NULL)")
			who := "('x', '" + formerNumber + "', "
			again := "('x', '" + presentNumber + "', "
			for name, text := range map[string]string{
				"a living will of no wish":             living + who + "FALSE, FALSE, 10, NULL)",
				"one that ends as it begins":           living + who + "TRUE, FALSE, 10, 10)",
				"a second open living will":            living + again + "TRUE, FALSE, 20, NULL)",
				"a treatment will of no wish":          treatment + who + "FALSE, FALSE, NULL, FALSE, NULL, FALSE, NULL, 10, NULL)",
				"one that ends before it begins":       treatment + who + "TRUE, FALSE, NULL, FALSE, NULL, FALSE, NULL, 10, 9)",
				"a second open treatment will":         treatment + again + "TRUE, FALSE, NULL, FALSE, NULL, FALSE, NULL, 20, NULL)",
				"acceptance of nothing, degraded":      treatment + who + "TRUE, FALSE, 'guardian', FALSE, NULL, FALSE, NULL, 10, NULL)",
				"acceptance of nothing, pain":          treatment + who + "TRUE, FALSE, NULL, FALSE, 'guardian', FALSE, NULL, 10, NULL)",
				"acceptance of nothing, force":         treatment + who + "TRUE, FALSE, NULL, FALSE, NULL, FALSE, 'guardian', 10, NULL)",
				"acceptance by nobody, degraded":       treatment + who + "TRUE, TRUE, 'doctor', FALSE, NULL, FALSE, NULL, 10, NULL)",
				"acceptance by nobody, pain":           treatment + who + "TRUE, FALSE, NULL, TRUE, 'doctor', FALSE, NULL, 10, NULL)",
				"acceptance by nobody, force":          treatment + who + "TRUE, FALSE, NULL, FALSE, NULL, TRUE, 'doctor', 10, NULL)",
				"WA-11 two current ones of a number":   current + "('" + presentNumber + "', 'BTR', 'b', 20)",
				"one will current under two numbers":   current + "('" + formerNumber + "', 'LTR', 'a', 10)",
				"one of an unknown register":           current + "('" + formerNumber + "', 'XTR', 'x', 10)",
				"an opt-out of an unknown status":      consent + "('x', NULL, '" + formerNumber + "', 'CPR', 'PROPOSED', 10, 20, NULL)",
				"by another number":                    consent + "('x', NULL, '" + formerNumber + "', 'ECPR', 'ACTIVE', 10, 20, NULL)",
				"superseded as it was made":            consent + "('x', NULL, '" + formerNumber + "', 'CPR', 'ACTIVE', 10, 20, 10)",
				"in force never":                       consent + "('x', NULL, '" + formerNumber + "', 'CPR', 'ACTIVE', 10, NULL, NULL)",
				"FA-04 a second head":                  consent + "('x', NULL, '" + presentNumber + "', 'CPR', 'ACTIVE', 40, 50, NULL)",
				"a row that is replaced a second time": consent + "('x', 'c', '" + formerNumber + "', 'CPR', 'ACTIVE', 40, 50, NULL)",
			} {
				err := db.alone(t.Context(), func(t *tx) error {
					_, err := t.exec(t.ctx, text)
					return err
				})
				require.Error(t, err, name)
				for _, secret := range []string{presentNumber, formerNumber, "doctor", "guardian", "PROPOSED", "if_", "forced"} {
					assert.NotContains(t, err.Error(), secret, name)
				}
			}
		})
	}
}

// Who changes wills or opt-outs of a person waits for who does so under any of the person's numbers, also where there is no row yet; nobody else waits.
func TestPostgresWillUpdatesWait(t *testing.T) {
	ctx, dsn := context.Background(), postgresDSN(t)
	db, other := openedPostgres(t, dsn), openedPostgres(t, dsn)
	former, present, stranger := numberNamed(t, formerNumber), numberNamed(t, presentNumber), numberNamed(t, nth(1))
	person := []cpr.Number{former, present}
	r, o := willOf(1, former, will.LTR), optOutOf(1, former, "")
	noWill := func(will.History) (will.Change, []notice.Notice, error) { return will.Change{}, nil, will.ErrNotFound }
	noOptOut := func(fgvhr.History) (fgvhr.OptOut, []notice.Notice, error) {
		return fgvhr.OptOut{}, nil, fgvhr.ErrNotFound
	}
	for i, digits := range []string{formerNumber, presentNumber} {
		t.Run(fmt.Sprint("WA-41 wills under number ", i), func(t *testing.T) {
			done := make(chan error, 1)
			var given will.History
			require.ErrorIs(t, db.Units().Run(ctx, func(ctx context.Context) error {
				require.NoError(t, db.Wills().Update(ctx, person, changing(1, &r)))
				go func() {
					done <- other.Wills().Update(context.Background(), []cpr.Number{numberNamed(t, digits)}, func(h will.History) (will.Change, []notice.Notice, error) {
						given = h
						return will.Change{}, nil, will.ErrNotFound
					})
				}()
				waitsForLock(t, db)
				require.Equal(t, will.ErrNotFound, other.Wills().Update(context.Background(), []cpr.Number{stranger}, noWill))
				require.Equal(t, fgvhr.ErrNotFound, other.OptOuts().Update(context.Background(), person, noOptOut))
				exists, err := other.Wills().Exists(context.Background(), person, will.LTR)
				require.NoError(t, err)
				require.False(t, exists, "it is not committed, and nobody who reads waits")
				return errNobody
			}, nothing), errNobody)
			require.Equal(t, will.ErrNotFound, soon(t, done))
			require.Empty(t, given, "it was taken back")
		})
		t.Run(fmt.Sprint("FA-18 opt-outs under number ", i), func(t *testing.T) {
			done := make(chan error, 1)
			require.ErrorIs(t, db.Units().Run(ctx, func(ctx context.Context) error {
				require.NoError(t, db.OptOuts().Update(ctx, person, replacing(o)))
				go func() {
					done <- other.OptOuts().Update(context.Background(), []cpr.Number{numberNamed(t, digits)}, noOptOut)
				}()
				waitsForLock(t, db)
				require.Equal(t, fgvhr.ErrNotFound, other.OptOuts().Update(context.Background(), []cpr.Number{stranger}, noOptOut))
				return errNobody
			}, nothing), errNobody)
			require.Equal(t, fgvhr.ErrNotFound, soon(t, done))
		})
	}
}

// An Update runs again where others get in between, but not for ever.
func TestWillUpdateRunsAgain(t *testing.T) {
	ctx, db, person := context.Background(), opened(t), []cpr.Number{numberNamed(t, presentNumber)}
	deadlock := &postgresError{code: postgresDeadlock, answered: true}
	for name, c := range map[string]struct {
		collisions, runs int
		want             error
	}{
		"it gets through in the end": {maxReruns, maxReruns + 1, nil},
		"they are too many":          {maxReruns + 1, maxReruns + 1, ports.ErrWillConflict},
	} {
		t.Run(name, func(t *testing.T) {
			for _, update := range []func(edit func() error) error{
				func(edit func() error) error {
					return db.Wills().Update(ctx, person, func(will.History) (will.Change, []notice.Notice, error) {
						return will.Change{At: start}, nil, edit()
					})
				},
				func(edit func() error) error {
					return db.OptOuts().Update(ctx, person, func(h fgvhr.History) (fgvhr.OptOut, []notice.Notice, error) {
						return optOutOf(1, person[0], ""), nil, edit()
					})
				},
			} {
				runs := 0
				err := update(func() error {
					if runs++; runs <= c.collisions {
						return deadlock
					}
					return nil
				})
				if require.Equal(t, c.runs, runs); c.want == nil {
					require.NoError(t, err)
					written(t, db, "DELETE FROM citizen_consent")
					continue
				}
				require.ErrorIs(t, err, c.want)
				told, ok := fault.Of(err)
				require.True(t, ok)
				require.Equal(t, c.want, error(told))
			}
		})
	}
}

// A copy has all wills and opt-outs, and goes on from them.
func TestCopyOfWills(t *testing.T) {
	ctx, from, citizen := context.Background(), opened(t), numberNamed(t, presentNumber)
	person := []cpr.Number{citizen, numberNamed(t, formerNumber)}
	living, treatment := willOf(1, person[1], will.LTR), willOf(2, citizen, will.BTR)
	treatment.NoForcedTreatment = will.Wish{Declined: true, Needs: will.Guardian}
	require.NoError(t, from.Wills().Update(ctx, person, changing(1, &living)))
	require.NoError(t, from.Wills().Update(ctx, person, changing(2, &treatment)))
	first, second := optOutOf(1, citizen, ""), optOutOf(2, citizen, optOutOf(1, citizen, "").ID)
	second.CitizenCreated = calendar.Day{Year: 2026, Month: time.October, Dom: 31}
	second.Actor = fgvhr.Actor{Role: "ADMIN", ID: formerNumber, Source: "CPR", Org: "33257872", Name: "Sundhedsdatastyrelsen"}
	require.NoError(t, from.OptOuts().Update(ctx, person, replacing(first)))
	require.NoError(t, from.OptOuts().Update(ctx, person, replacing(second)))
	living.To, first.Superseded = treatment.From, second.Created
	for name, target := range targets() {
		t.Run(name, func(t *testing.T) {
			to := openedAt(t, target(t))
			_, err := Copy(ctx, from, to, CopyOptions{})
			require.NoError(t, err)
			h, err := to.Wills().History(ctx, person)
			require.NoError(t, err)
			require.Equal(t, will.History{living, treatment}, h)
			current, ok, err := to.Wills().Current(ctx, person)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, treatment, current)
			all, err := to.OptOuts().History(ctx, person)
			require.NoError(t, err)
			require.Equal(t, fgvhr.History{first, second}, all)
			next := willOf(3, person[1], will.BTR)
			require.NoError(t, to.Wills().Update(ctx, person, changing(3, &next)))
			require.NoError(t, to.OptOuts().Update(ctx, person, replacing(optOutOf(3, citizen, second.ID))), "it is numbered after those copied")
		})
	}
}
