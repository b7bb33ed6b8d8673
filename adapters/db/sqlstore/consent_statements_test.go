package sqlstore

import (
	"context"
	"fmt"
	"path/filepath"
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
	"github.com/opennsp/nsp/ports/portstest"
)

// A citizen with two numbers, of whom portstest.LoadPeople tells.
const formerNumber, presentNumber = "2804901808", "1403800099"

func numberNamed(t testing.TB, digits string) cpr.Number {
	t.Helper()
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	return n
}

// constraint is the n-th registration, under a number.
func constraint(t testing.TB, n int, digits string) consent.Registration {
	t.Helper()
	return consent.Registration{ID: consent.MinID + consent.ID(n), Version: 1, Citizen: numberNamed(t, digits), Valid: validity.Period{From: start},
		Active: true, Created: consent.Stamp{At: start, System: "OpenNSP-test", User: digits}}
}

func nextOf(r consent.Registration, active bool) consent.Registration {
	r.Version, r.Active, r.Modified = r.Version+1, active, consent.Stamp{At: start.Add(time.Hour), System: "OpenNSP-test"}
	return r
}

func entryOf(n int) notice.Notice {
	return notice.Notice{ID: fmt.Sprint(n), Key: fmt.Sprint(n), To: notice.MinLog, Created: start, Entry: minlog.Entry{System: "MinSpærring"}}
}

func putting(put []consent.Registration, notices ...notice.Notice) func([]consent.Registration) (consent.Change, error) {
	return func([]consent.Registration) (consent.Change, error) {
		return consent.Change{Put: put, Notices: notices}, nil
	}
}

func overrideOf(n int, citizen cpr.Number) consent.Override {
	return consent.Override{ID: fmt.Sprintf("%026d", n), At: start, Citizen: citizen, CVR: "33257872", MessageID: fmt.Sprint(n), Operation: "check"}
}

func bothEngines() map[string]func(*testing.T) *DB {
	return map[string]func(*testing.T) *DB{
		"sqlite":   func(t *testing.T) *DB { return opened(t) },
		"postgres": func(t *testing.T) *DB { return openedPostgres(t, postgresDSN(t)) },
	}
}

func TestConsentStatements(t *testing.T) {
	for engine, open := range bothEngines() {
		t.Run(engine, func(t *testing.T) {
			ctx, db, citizen := context.Background(), open(t), numberNamed(t, presentNumber)
			portstest.LoadPeople(t, db.Stamdata(), start)
			s, log := db.Consents(true), db.Overrides(true)
			require.NoError(t, s.Update(ctx, citizen, putting([]consent.Registration{constraint(t, 1, formerNumber), constraint(t, 2, presentNumber)})))
			var many []consent.Registration
			for n := range 100 {
				many = append(many, constraint(t, 100+n, presentNumber))
			}
			update := func(ctx context.Context, put []consent.Registration, notices ...notice.Notice) func() error {
				return func() error { return s.Update(ctx, citizen, putting(put, notices...)) }
			}
			for _, c := range []struct {
				name string
				call func() error
				want int
			}{
				{"Active", func() error {
					active, err := s.Active(ctx, citizen)
					assert.Len(t, active, 2)
					return err
				}, 1},
				{"All", func() error { _, err := s.All(ctx, citizen); return err }, 1},
				{"Versions", func() error { _, err := s.Versions(ctx, citizen, consent.MinID+1); return err }, 1},
				{"Update that adds one: begin, lock, read, registration, version, notice, commit",
					update(ctx, []consent.Registration{constraint(t, 3, presentNumber)}, entryOf(1)), 7},
				{"Update that changes one, under another number",
					update(ctx, []consent.Registration{nextOf(constraint(t, 1, formerNumber), false)}, entryOf(2)), 7},
				{"Update that adds 100: two statements for registrations, two for versions", update(ctx, many), 8},
				{"Update of a unit of work that has written: savepoint, lock, read, registration, version and release of it", func() error {
					return db.Units().Run(ctx, func(ctx context.Context) error {
						if err := db.Outbox().Put(ctx, entryOf(3)); err != nil {
							return err
						}
						return update(ctx, []consent.Registration{constraint(t, 4, presentNumber)})()
					}, nothing)
				}, 3 + 6},
				{"ExpireRevoked: begin, registrations, versions, commit", func() error {
					removed, _, err := s.ExpireRevoked(ctx, start.Add(2*time.Hour), 1000)
					assert.Equal(t, 1, removed)
					return err
				}, 4},
				{"Append: begin, override, notice, commit", func() error { return log.Append(ctx, overrideOf(1, citizen), entryOf(4)) }, 4},
				{"Append of a message that is there", func() error { return log.Append(ctx, overrideOf(1, citizen), entryOf(5)) }, 3},
				{"ByCitizen", func() error { _, err := log.ByCitizen(ctx, citizen, validity.Period{}, "", 10); return err }, 1},
				{"Expire", func() error { _, _, err := log.Expire(ctx, start.Add(time.Hour), 10); return err }, 1},
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

// What no rule of consent allows the tables do not take, and the error tells nothing of it.
func TestConsentChecks(t *testing.T) {
	for engine, open := range bothEngines() {
		t.Run(engine, func(t *testing.T) {
			ctx, db, citizen := context.Background(), open(t), numberNamed(t, presentNumber)
			unit := consent.Organisation{SOR: "900001000016002"}
			for name, spoil := range map[string]func(*consent.Registration){
				"no beginning":            func(r *consent.Registration) { r.Valid.From = time.Time{} },
				"an end at the beginning": func(r *consent.Registration) { r.Valid.To = start },
				"a positive for ever":     func(r *consent.Registration) { r.Kind = consent.Positive },
				"a person and a unit":     func(r *consent.Registration) { r.Who.Person, r.Who.Org = r.Citizen, unit },
				"a person and foreigners": func(r *consent.Registration) { r.Who.Person, r.Who.Foreign = r.Citizen, true },
				"a unit and foreigners":   func(r *consent.Registration) { r.Who.Org, r.Who.Foreign = unit, true },
				"below no unit":           func(r *consent.Registration) { r.Who.Org.SubUnits = true },
				"of below no unit":        func(r *consent.Registration) { r.What.Origin.SubUnits = true },
				"data of no time":         func(r *consent.Registration) { r.What.Data = validity.Period{From: start, To: start} },
				"revoked never":           func(r *consent.Registration) { r.Active = false },
				"made never":              func(r *consent.Registration) { r.Created.At = time.Time{} },
			} {
				r := constraint(t, 1, presentNumber)
				spoil(&r)
				err := db.Consents(true).Update(ctx, citizen, putting([]consent.Registration{r}))
				require.Error(t, err, name)
				_, told := fault.Of(err)
				require.False(t, told, "%s: it is nothing to tell a client", name)
				require.NotContains(t, err.Error(), presentNumber)
			}
			all, err := db.Consents(true).All(ctx, citizen)
			require.NoError(t, err)
			require.Empty(t, all)
		})
	}
}

// Who changes registrations of a citizen waits for who does so under any of her numbers, and goes on from what that one committed.
func TestPostgresConsentUpdatesWait(t *testing.T) {
	for name, digits := range map[string]string{"CT-42 under the same number": formerNumber, "CT-42 under another number": presentNumber} {
		t.Run(name, func(t *testing.T) {
			ctx, dsn := context.Background(), postgresDSN(t)
			db, other, done := openedPostgres(t, dsn), openedPostgres(t, dsn), make(chan error, 1)
			portstest.LoadPeople(t, db.Stamdata(), start)
			var given []consent.Registration
			r := constraint(t, 1, formerNumber)
			require.NoError(t, db.Units().Run(ctx, func(ctx context.Context) error {
				require.NoError(t, db.Consents(true).Update(ctx, r.Citizen, putting([]consent.Registration{r})))
				go func() {
					done <- other.Consents(true).Update(context.Background(), numberNamed(t, digits), func(all []consent.Registration) (consent.Change, error) {
						given = all
						return consent.Change{}, nil
					})
				}()
				waitsForLock(t, db)
				active, err := other.Consents(true).Active(context.Background(), r.Citizen)
				require.NoError(t, err)
				require.Empty(t, active, "it is not committed, and nobody who reads waits")
				return nil
			}, nothing))
			require.NoError(t, soon(t, done))
			require.Equal(t, []consent.Registration{r}, given)
		})
	}
}

// An update runs again where others get in between, but not for ever.
func TestConsentUpdateRunsAgain(t *testing.T) {
	ctx, db, citizen := context.Background(), opened(t), numberNamed(t, presentNumber)
	deadlock := &postgresError{code: postgresDeadlock, answered: true}
	for name, c := range map[string]struct {
		collisions, runs int
		want             error
	}{
		"it gets through in the end": {maxReruns, maxReruns + 1, nil},
		"they are too many":          {maxReruns + 1, maxReruns + 1, ports.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			runs := 0
			err := db.Consents(true).Update(ctx, citizen, func(all []consent.Registration) (consent.Change, error) {
				require.Empty(t, all)
				if runs++; runs <= c.collisions {
					return consent.Change{}, deadlock
				}
				return consent.Change{}, nil
			})
			require.ErrorIs(t, err, c.want)
			require.Equal(t, c.runs, runs)
			if told, ok := fault.Of(err); c.want != nil {
				require.True(t, ok)
				require.Equal(t, ports.ErrConflict, error(told))
			}
		})
	}
}

// A copy has all registrations with their versions, and all overrides.
func TestCopyOfConsents(t *testing.T) {
	ctx, from, citizen := context.Background(), opened(t), numberNamed(t, presentNumber)
	portstest.LoadPeople(t, from.Stamdata(), start)
	r, s := constraint(t, 1, formerNumber), constraint(t, 2, presentNumber)
	r.Who.Org, s.Who.Person, s.Kind, s.Valid.To = consent.Organisation{SOR: "900001000016002", SubUnits: true}, citizen, consent.Positive, start.AddDate(1, 0, 0)
	require.NoError(t, from.Consents(true).Update(ctx, citizen, putting([]consent.Registration{r, s})))
	require.NoError(t, from.Consents(true).Update(ctx, citizen, putting([]consent.Registration{nextOf(r, false)})))
	require.NoError(t, from.Overrides(true).Append(ctx, overrideOf(1, citizen)))
	for name, target := range targets() {
		t.Run(name, func(t *testing.T) {
			to := openedAt(t, target(t))
			_, err := Copy(ctx, from, to, CopyOptions{})
			require.NoError(t, err)
			all, err := to.Consents(true).All(ctx, citizen)
			require.NoError(t, err)
			require.Equal(t, []consent.Registration{nextOf(r, false), s}, all)
			versions, err := to.Consents(true).Versions(ctx, citizen, r.ID)
			require.NoError(t, err)
			require.Equal(t, []consent.Registration{r, nextOf(r, false)}, versions)
			found, err := to.Overrides(true).ByCitizen(ctx, citizen, validity.Period{}, "", 10)
			require.NoError(t, err)
			require.Equal(t, []consent.Override{overrideOf(1, citizen)}, found)
			require.NoError(t, to.Consents(true).Update(ctx, citizen, putting([]consent.Registration{nextOf(s, false)})))
		})
	}
}

// A store that is opened anew has what was committed before.
func TestConsentsAreOnTheDisk(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "store.db")
	db, err := Open(ctx, Options{Path: path})
	require.NoError(t, err)
	r := constraint(t, 1, presentNumber)
	require.NoError(t, db.Consents(true).Update(ctx, r.Citizen, putting([]consent.Registration{r})))
	require.NoError(t, db.Close())
	active, err := openedAt(t, Options{Path: path}).Consents(true).Active(ctx, r.Citizen)
	require.NoError(t, err)
	require.Equal(t, []consent.Registration{r}, active)
}
