package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports"
)

// Wills returns the store of wills.
func (db *DB) Wills() ports.WillStore { return wills{db} }

// wills keeps living wills in living_will and treatment wills in treatment_will, and which one is open under a number in will_current.
type wills struct{ db *DB }

var _ ports.WillStore = wills{}

// The columns of a registration (willRow), of the one table and of the other.
const (
	livingColumns = "id, cpr, 'LTR' AS register, if_dying, if_severely_degraded, CAST(NULL AS text) AS if_severely_degraded_needs, " +
		"FALSE AS if_severe_pain, CAST(NULL AS text) AS if_severe_pain_needs, FALSE AS no_forced_treatment, " +
		"CAST(NULL AS text) AS no_forced_treatment_needs, valid_from, valid_to"
	treatmentColumns = "id, cpr, 'BTR' AS register, if_dying, if_severely_degraded, if_severely_degraded_needs, if_severe_pain, " +
		"if_severe_pain_needs, no_forced_treatment, no_forced_treatment_needs, valid_from, valid_to"
)

// The open row that counts is the latest, of equal ones that with the greater id (will.History.Valid).
const (
	ofPerson = " FROM will_current WHERE cpr IN "
	latest   = " ORDER BY valid_from DESC, will_id DESC LIMIT 1"
)

func (s wills) Exists(ctx context.Context, person []cpr.Number, reg will.Register) (exists bool, err error) {
	if len(person) == 0 {
		return false, ctx.Err()
	}
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		var current string
		err := rows.Scan(&current)
		exists = current == string(reg)
		return err
	}, "SELECT register"+ofPerson+values(len(person), 1)+latest, digitsOf(person)...)
	if err != nil {
		return false, fmt.Errorf("find which will there is: %w", translate(err))
	}
	return exists, nil
}

// Current reads both in one statement: between two a will could be closed.
func (s wills) Current(ctx context.Context, person []cpr.Number) (r will.Registration, ok bool, err error) {
	if len(person) == 0 {
		return r, false, ctx.Err()
	}
	found, err := s.db.read(ctx).wills(ctx, "WITH current AS (SELECT will_id"+ofPerson+values(len(person), 1)+latest+") SELECT "+livingColumns+
		" FROM living_will WHERE id = (SELECT will_id FROM current) UNION ALL SELECT "+treatmentColumns+
		" FROM treatment_will WHERE id = (SELECT will_id FROM current)", digitsOf(person)...)
	if err != nil {
		return r, false, fmt.Errorf("find a will: %w", translate(err))
	}
	if len(found) == 0 {
		return r, false, nil
	}
	return found[0], true, nil
}

func (s wills) History(ctx context.Context, person []cpr.Number) (will.History, error) {
	h, err := s.db.read(ctx).willHistory(ctx, person)
	if err != nil {
		return nil, fmt.Errorf("find wills: %w", translate(err))
	}
	return h, nil
}

func (s session) willHistory(ctx context.Context, person []cpr.Number) (will.History, error) {
	if len(person) == 0 {
		return nil, ctx.Err()
	}
	in, digits := values(len(person), 1), digitsOf(person)
	return s.wills(ctx, "SELECT "+livingColumns+" FROM living_will WHERE cpr IN "+in+" UNION ALL SELECT "+treatmentColumns+
		" FROM treatment_will WHERE cpr IN "+in+" ORDER BY valid_from, id", append(digits, digits...)...)
}

func (s wills) Update(ctx context.Context, person []cpr.Number, edit func(will.History) (will.Change, []notice.Notice, error)) error {
	err := s.db.edit(ctx, func(t *tx) error {
		if err := t.db.lockPerson(t, lockWills, person); err != nil {
			return fmt.Errorf("lock a person's wills: %w", err)
		}
		h, err := t.willHistory(t.ctx, person) // sees what who had the lock before has committed
		if err != nil {
			return fmt.Errorf("find wills: %w", err)
		}
		change, notices, err := edit(slices.Clone(h))
		if err != nil {
			return err
		}
		if _, err := change.Follows(h, person); err != nil {
			return err
		}
		if err := t.closeWills(h, change); err != nil {
			return fmt.Errorf("close a will: %w", err)
		}
		if change.New != nil {
			if err := t.openWill(change.New); err != nil {
				return fmt.Errorf("open a will: %w", err)
			}
		}
		return t.putNotices(notices)
	})
	if collided(err) {
		return fmt.Errorf("%w: %w", ports.ErrWillConflict, err)
	}
	return err
}

const dropCurrent = "DELETE FROM will_current WHERE will_id = ?"

func closeWill(reg will.Register) string {
	return "UPDATE " + willTable(reg) + " SET valid_to = ? WHERE id = ? AND valid_to IS NULL"
}

func (t *tx) closeWills(h will.History, c will.Change) error {
	for _, r := range h {
		if !r.To.IsZero() {
			continue
		}
		closed, err := t.exec(t.ctx, closeWill(r.Register), c.At.UnixMicro(), r.ID)
		if err != nil {
			return err
		}
		gone, err := t.exec(t.ctx, dropCurrent, r.ID)
		if err != nil {
			return err
		}
		if closed != 1 || gone != 1 {
			return ports.ErrWillConflict
		}
	}
	return nil
}

const knownWill = "SELECT 1 FROM living_will WHERE id = ? UNION ALL SELECT 1 FROM treatment_will WHERE id = ?"

func (t *tx) openWill(r *will.Registration) error {
	known := false
	err := t.query(t.ctx, func(*sql.Rows) error {
		known = true
		return nil
	}, knownWill, r.ID, r.ID)
	switch {
	case err != nil:
		return err
	case known:
		return ports.ErrWillConflict
	}
	columns := []string{"id", "cpr", "valid_from", "if_dying", "if_severely_degraded"}
	cells := []any{r.ID, r.Citizen.Digits(), r.From.UnixMicro(), r.IfDying.Declined, r.IfSeverelyDegraded.Declined}
	if r.Register == will.BTR {
		columns = append(columns, "if_severely_degraded_needs", "if_severe_pain", "if_severe_pain_needs", "no_forced_treatment",
			"no_forced_treatment_needs")
		cells = append(cells, optional(string(r.IfSeverelyDegraded.Needs)), r.IfSeverePain.Declined, optional(string(r.IfSeverePain.Needs)),
			r.NoForcedTreatment.Declined, optional(string(r.NoForcedTreatment.Needs)))
	}
	into := willTable(r.Register) + " (" + listed(columns, "") + ")"
	if _, err := t.exec(t.ctx, "INSERT INTO "+into+" VALUES "+values(len(columns), 1), cells...); err != nil {
		return err
	}
	_, err = t.exec(t.ctx, "INSERT INTO will_current (cpr, register, will_id, valid_from) VALUES (?,?,?,?)",
		r.Citizen.Digits(), string(r.Register), r.ID, r.From.UnixMicro())
	return err
}

func willTable(reg will.Register) string {
	if reg == will.LTR {
		return "living_will"
	}
	return "treatment_will"
}

func digitsOf(person []cpr.Number) []any {
	digits := make([]any, len(person))
	for i, n := range person {
		digits[i] = n.Digits()
	}
	return digits
}

var errWillOfNobody = errors.New("a will of somebody without number")

// wills returns the registrations that a query of livingColumns or treatmentColumns finds.
func (s session) wills(ctx context.Context, text string, args ...any) (found will.History, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error {
		var r will.Registration
		var digits string
		var degraded, pain, force sql.NullString
		var from, to sql.NullInt64
		err := rows.Scan(&r.ID, &digits, &r.Register, &r.IfDying.Declined, &r.IfSeverelyDegraded.Declined, &degraded, &r.IfSeverePain.Declined, &pain,
			&r.NoForcedTreatment.Declined, &force, &from, &to)
		if err != nil {
			return err
		}
		if r.Citizen, err = cpr.Parse(digits); err != nil {
			return errWillOfNobody
		}
		r.IfSeverelyDegraded.Needs, r.IfSeverePain.Needs = will.Acceptance(degraded.String), will.Acceptance(pain.String)
		r.NoForcedTreatment.Needs = will.Acceptance(force.String)
		r.From, r.To = fromMicros(from), fromMicros(to)
		found = append(found, r)
		return nil
	}, text, args...)
	return found, err
}
