package memory

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

// consentRows is what the stores of consent keep. What is in a map is never changed, but replaced.
type consentRows struct {
	versions  map[consent.ID][]consent.Registration // oldest first
	citizens  map[cpr.Number][]consent.ID           // what is registered under a number
	overrides map[string]consent.Override           // by id
	causes    map[cause]string                      // ids of overrides
}

// cause is the message that an override came with.
type cause struct{ cvr, messageID, operation string }

func newConsentRows() consentRows {
	return consentRows{versions: map[consent.ID][]consent.Registration{}, citizens: map[cpr.Number][]consent.ID{},
		overrides: map[string]consent.Override{}, causes: map[cause]string{}}
}

// Consents returns the store of what citizens register about who may see their data; with aliases it follows all numbers of a citizen.
func (db *DB) Consents(aliases bool) ports.ConsentStore { return consents{db, aliases} }

// Overrides returns the log of who broke through citizens' registrations; with aliases it follows all numbers of a citizen.
func (db *DB) Overrides(aliases bool) ports.OverrideLog { return overrides{db, aliases} }

// numbers returns a number and, with aliases, every other one of its person; the lock is held.
func (db *DB) numbers(n cpr.Number, aliases bool) []cpr.Number {
	if aliases {
		return db.numbersOf(n)
	}
	return []cpr.Number{n}
}

type consents struct {
	db      *DB
	aliases bool
}

var _ ports.ConsentStore = consents{}

func (s consents) Active(ctx context.Context, citizen cpr.Number) ([]consent.Registration, error) {
	all, err := s.All(ctx, citizen)
	return slices.DeleteFunc(all, func(r consent.Registration) bool { return !r.Active }), err
}

func (s consents) All(ctx context.Context, citizen cpr.Number) (all []consent.Registration, err error) {
	err = s.db.read(ctx, func() error {
		all = s.latest(s.db.numbers(citizen, s.aliases))
		return nil
	})
	return all, err
}

// latest returns the latest versions of what is registered under numbers; the lock is held.
func (s consents) latest(numbers []cpr.Number) (all []consent.Registration) {
	for _, n := range numbers {
		for _, id := range s.db.consents.citizens[n] {
			versions := s.db.consents.versions[id]
			all = append(all, versions[len(versions)-1])
		}
	}
	slices.SortFunc(all, func(a, b consent.Registration) int {
		return cmp.Or(a.Created.At.Compare(b.Created.At), cmp.Compare(a.ID, b.ID))
	})
	return all
}

func (s consents) Versions(ctx context.Context, citizen cpr.Number, id consent.ID) (all []consent.Registration, err error) {
	err = s.db.read(ctx, func() error {
		versions := s.db.consents.versions[id]
		if len(versions) > 0 && slices.Contains(s.db.numbers(citizen, s.aliases), versions[0].Citizen) {
			all = slices.Clone(versions)
		}
		return nil
	})
	return all, err
}

func (s consents) Update(ctx context.Context, citizen cpr.Number, edit func([]consent.Registration) (consent.Change, error)) error {
	return s.db.write(ctx, func(u *unit) error {
		numbers := s.db.numbers(citizen, s.aliases)
		latest := s.latest(numbers)
		change, err := edit(slices.Clone(latest))
		if err != nil {
			return err
		}
		if !change.Follows(latest, numbers) {
			return ports.ErrConflict
		}
		rows := &s.db.consents
		for _, r := range change.Put {
			r = kept(r)
			versions := rows.versions[r.ID]
			if r.Version == 1 {
				if len(versions) > 0 {
					return ports.ErrIDTaken
				}
				put(u, rows.citizens, r.Citizen, append(slices.Clip(rows.citizens[r.Citizen]), r.ID))
			}
			put(u, rows.versions, r.ID, append(slices.Clip(versions), r))
		}
		return putNotices(u, change.Notices)
	})
}

// kept is r as a store keeps it.
func kept(r consent.Registration) consent.Registration {
	for _, at := range []*time.Time{&r.Valid.From, &r.Valid.To, &r.What.Data.From, &r.What.Data.To, &r.Created.At, &r.Modified.At} {
		*at = instant(*at)
	}
	return r
}

func (s consents) ExpireRevoked(ctx context.Context, before time.Time, n int) (removed int, done bool, err error) {
	rows, before := &s.db.consents, instant(before)
	err = s.db.write(ctx, func(u *unit) error {
		for id, versions := range rows.versions {
			latest := versions[len(versions)-1]
			if latest.Active || !latest.Modified.At.Before(before) {
				continue
			}
			if removed == max(n, 0) {
				return nil
			}
			removed++
			drop(u, rows.versions, id)
			others := slices.DeleteFunc(slices.Clone(rows.citizens[latest.Citizen]), func(other consent.ID) bool { return other == id })
			put(u, rows.citizens, latest.Citizen, others)
		}
		done = true
		return nil
	})
	return removed, done, err
}

type overrides struct {
	db      *DB
	aliases bool
}

var _ ports.OverrideLog = overrides{}

var errOverrideID = errors.New("an override with the id is there already")

func (s overrides) Append(ctx context.Context, o consent.Override, notices ...notice.Notice) error {
	return s.db.write(ctx, func(u *unit) error {
		rows, by := &s.db.consents, cause{o.CVR, o.MessageID, o.Operation}
		if _, known := rows.causes[by]; known {
			return nil
		}
		if _, used := rows.overrides[o.ID]; used {
			return errOverrideID
		}
		o.At = instant(o.At)
		put(u, rows.overrides, o.ID, o)
		put(u, rows.causes, by, o.ID)
		return putNotices(u, notices)
	})
}

func (s overrides) ByCitizen(ctx context.Context, citizen cpr.Number, p validity.Period, before string, n int) (found []consent.Override, err error) {
	p = validity.Period{From: instant(p.From), To: instant(p.To)}
	err = s.db.read(ctx, func() error {
		numbers := s.db.numbers(citizen, s.aliases)
		for _, o := range s.db.consents.overrides {
			if slices.Contains(numbers, o.Citizen) && p.Contains(o.At) && (before == "" || o.ID < before) {
				found = append(found, o)
			}
		}
		return nil
	})
	slices.SortFunc(found, func(a, b consent.Override) int { return strings.Compare(b.ID, a.ID) })
	return found[:min(max(n, 0), len(found))], err
}

func (s overrides) Expire(ctx context.Context, before time.Time, n int) (removed int, done bool, err error) {
	rows, before := &s.db.consents, instant(before)
	err = s.db.write(ctx, func(u *unit) error {
		for id, o := range rows.overrides {
			if !o.At.Before(before) {
				continue
			}
			if removed == max(n, 0) {
				return nil
			}
			removed++
			drop(u, rows.overrides, id)
			drop(u, rows.causes, cause{o.CVR, o.MessageID, o.Operation})
		}
		done = true
		return nil
	})
	return removed, done, err
}
