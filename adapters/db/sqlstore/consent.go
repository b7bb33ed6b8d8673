package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/ports"
)

// Consents returns the store of what citizens register about who may see their data; with aliases it follows all numbers of a citizen.
func (db *DB) Consents(aliases bool) ports.ConsentStore {
	numbers, columns := db.numbersOf(aliases), " SELECT "+listed(consentColumns(), "r.")+" FROM "
	latest := numbers + columns + "numbers CROSS JOIN consent_registration AS r WHERE r.citizen_cpr = numbers.cpr"
	return &consents{
		db:     db,
		active: latest + " AND r.active = TRUE",
		all:    latest + consentOrder,
		versions: numbers + columns + "consent_version AS r WHERE r.citizen_cpr IN (SELECT cpr FROM numbers) AND r.consent_id = ? " +
			"ORDER BY r.version",
		lock: numbers + "INSERT INTO consent_citizen (citizen_cpr, revision) SELECT cpr, 1 FROM numbers WHERE TRUE ORDER BY cpr " +
			"ON CONFLICT (citizen_cpr) DO UPDATE SET revision = consent_citizen.revision + 1 RETURNING citizen_cpr",
		locked: "SELECT " + listed(consentColumns(), "r.") + " FROM consent_registration AS r WHERE r.citizen_cpr IN ",
	}
}

const consentOrder = " ORDER BY r.created_at, r.consent_id"

// consents keeps registrations in consent_registration as they are now, and all their versions in consent_version. Who changes those of a citizen
// first writes the rows of all her numbers in consent_citizen, in the order of the digits, which others wait for.
type consents struct {
	db *DB
	// Statements, whose first parameter is the citizen's number.
	active, all, versions, lock string
	locked                      string // of registrations under some numbers
}

var _ ports.ConsentStore = (*consents)(nil)

func (s *consents) Active(ctx context.Context, citizen cpr.Number) ([]consent.Registration, error) {
	return s.find(ctx, s.active, citizen.Digits())
}

func (s *consents) All(ctx context.Context, citizen cpr.Number) ([]consent.Registration, error) {
	return s.find(ctx, s.all, citizen.Digits())
}

func (s *consents) Versions(ctx context.Context, citizen cpr.Number, id consent.ID) ([]consent.Registration, error) {
	return s.find(ctx, s.versions, citizen.Digits(), int64(id))
}

func (s *consents) find(ctx context.Context, text string, args ...any) ([]consent.Registration, error) {
	found, err := s.db.read(ctx).consents(ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("find a citizen's registrations: %w", translate(err))
	}
	return found, nil
}

func (s *consents) Update(ctx context.Context, citizen cpr.Number, edit func([]consent.Registration) (consent.Change, error)) error {
	err := s.db.edit(ctx, func(t *tx) error {
		numbers, latest, err := s.lockedOf(t, citizen)
		if err != nil {
			return fmt.Errorf("lock a citizen's registrations: %w", err)
		}
		change, err := edit(slices.Clone(latest))
		if err != nil {
			return err
		}
		if !change.Follows(latest, numbers) {
			return ports.ErrConflict
		}
		if err := t.putConsents(change.Put); err != nil {
			return fmt.Errorf("change a citizen's registrations: %w", err)
		}
		return t.putNotices(change.Notices)
	})
	if collided(err) {
		return fmt.Errorf("%w: %w", ports.ErrConflict, err)
	}
	return err
}

// lockedOf locks the numbers of a citizen and reads what is registered under them. It is read by another statement, which sees what whoever had
// the lock before has committed.
func (s *consents) lockedOf(t *tx, citizen cpr.Number) (numbers []cpr.Number, latest []consent.Registration, err error) {
	if numbers, err = t.numbers(t.ctx, s.lock, citizen.Digits()); err != nil {
		return nil, nil, err
	}
	digits := make([]any, len(numbers))
	for i, n := range numbers {
		digits[i] = n.Digits()
	}
	latest, err = t.consents(t.ctx, s.locked+values(len(digits), 1)+consentOrder, digits...)
	return numbers, latest, err
}

// putConsents keeps new registrations, the next versions of others, and all of them as versions.
func (t *tx) putConsents(put []consent.Registration) error {
	var added, next []consent.Registration
	for _, r := range put {
		if r.Version == 1 {
			added = append(added, r)
		} else {
			next = append(next, r)
		}
	}
	columns := consentColumns()
	var set []string
	for _, c := range columns[1:] {
		set = append(set, c+" = excluded."+c)
	}
	for _, step := range []struct {
		put        []consent.Registration
		onConflict string
		incomplete error
	}{
		{added, "DO NOTHING", ports.ErrIDTaken},
		{next, "DO UPDATE SET " + strings.Join(set, ", ") + " WHERE consent_registration.version = excluded.version - 1", ports.ErrConflict},
	} {
		in := inserter{tx: t, into: "consent_registration (" + listed(columns, "") + ")", columns: len(columns),
			rest: " ON CONFLICT (consent_id) " + step.onConflict}
		for i := range step.put {
			if err := in.row(consentCells(&step.put[i])...); err != nil {
				return err
			}
		}
		if err := in.flush(); err != nil {
			return err
		}
		if in.changed != int64(len(step.put)) {
			return step.incomplete
		}
	}
	in := inserter{tx: t, into: "consent_version (" + listed(columns, "") + ", change)", columns: len(columns) + 1}
	for i := range put {
		if err := in.row(append(consentCells(&put[i]), consentChange(&put[i]))...); err != nil {
			return err
		}
	}
	return in.flush()
}

const (
	expireConsents = `DELETE FROM consent_registration WHERE consent_id IN
		(SELECT consent_id FROM consent_registration WHERE active = FALSE AND modified_at < ? ORDER BY modified_at LIMIT ?) RETURNING consent_id`
	expireVersions = "DELETE FROM consent_version WHERE consent_id IN "
)

func (s *consents) ExpireRevoked(ctx context.Context, before time.Time, n int) (removed int, done bool, err error) {
	n = max(n, 0)
	err = s.db.write(ctx, func(t *tx) error {
		var ids []any
		err := t.query(t.ctx, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		}, expireConsents, before.UnixMicro(), n)
		if err != nil {
			return err
		}
		removed = len(ids)
		for some := range slices.Chunk(ids, chunk) {
			if _, err := t.exec(t.ctx, expireVersions+values(len(some), 1), some...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, false, fmt.Errorf("expire revoked registrations: %w", err)
	}
	return removed, removed < n, nil
}
