package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
)

// OptOuts returns the store of who declines resuscitation.
func (db *DB) OptOuts() ports.OptOutStore { return optOuts{db} }

// optOuts keeps opt-outs in citizen_consent.
type optOuts struct{ db *DB }

var _ ports.OptOutStore = optOuts{}

const (
	optOutColumns = "uuid, replaces, patient_id, consent_status, created_date, citizen_created_date, valid_from, superseded_date, actor_type, actor_id, " +
		"actor_id_source, organisation_identifier, organisation_name"
	isHead      = "patient_id_source = 'CPR' AND superseded_date IS NULL AND patient_id IN "
	optOutOrder = " ORDER BY created_date, uuid"
)

func (s optOuts) Heads(ctx context.Context, person []cpr.Number) (fgvhr.History, error) {
	h, err := s.db.read(ctx).optOuts(ctx, isHead, person)
	if err != nil {
		return nil, fmt.Errorf("find an opt-out: %w", translate(err))
	}
	return h, nil
}

const ofPatient = "patient_id IN "

func (s optOuts) History(ctx context.Context, person []cpr.Number) (fgvhr.History, error) {
	h, err := s.db.read(ctx).optOuts(ctx, ofPatient, person)
	if err != nil {
		return nil, fmt.Errorf("find opt-outs: %w", translate(err))
	}
	return h, nil
}

func (s optOuts) Update(ctx context.Context, person []cpr.Number, edit func(fgvhr.History) (fgvhr.OptOut, []notice.Notice, error)) error {
	err := s.db.edit(ctx, func(t *tx) error {
		if err := t.db.lockPerson(t, lockOptOuts, person); err != nil {
			return fmt.Errorf("lock a person's opt-outs: %w", err)
		}
		h, err := t.optOuts(t.ctx, ofPatient, person) // sees what who had the lock before has committed
		if err != nil {
			return fmt.Errorf("find opt-outs: %w", err)
		}
		o, notices, err := edit(slices.Clone(h))
		if err != nil {
			return err
		}
		if _, err := o.Follows(h, person); err != nil {
			return err
		}
		if err := t.supersede(h, o, person); err != nil {
			return fmt.Errorf("change an opt-out: %w", err)
		}
		return t.putNotices(notices)
	})
	if collided(err) {
		return fmt.Errorf("%w: %w", ports.ErrWillConflict, err)
	}
	return err
}

const supersedeHeads = "UPDATE citizen_consent SET superseded_date = ? WHERE " + isHead

// supersede keeps o, which follows h.
func (t *tx) supersede(h fgvhr.History, o fgvhr.OptOut, person []cpr.Number) error {
	heads := int64(0)
	for _, row := range h {
		if row.Superseded.IsZero() {
			heads++
		}
	}
	if heads > 0 {
		superseded, err := t.exec(t.ctx, supersedeHeads+values(len(person), 1), append([]any{o.Created.UnixMicro()}, digitsOf(person)...)...)
		if err != nil {
			return err
		}
		if superseded != heads {
			return ports.ErrWillConflict
		}
	}
	formed := sql.NullString{String: o.CitizenCreated.String(), Valid: o.CitizenCreated != calendar.Day{}}
	kept, err := t.exec(t.ctx, "INSERT INTO citizen_consent ("+optOutColumns+", patient_id_source) VALUES "+values(14, 1)+" ON CONFLICT (uuid) DO NOTHING",
		o.ID, optional(o.Replaces), o.Citizen.Digits(), string(o.Status), o.Created.UnixMicro(), formed, o.ValidFrom.UnixMicro(), nil,
		optional(o.Actor.Role), optional(o.Actor.ID), optional(o.Actor.Source), optional(o.Actor.Org), optional(o.Actor.Name), "CPR")
	if err == nil && kept != 1 {
		return ports.ErrWillConflict
	}
	return err
}

var errOptOut = errors.New("an opt-out of somebody without number, or made on no day")

// optOuts returns a person's rows of which a condition holds.
func (s session) optOuts(ctx context.Context, where string, person []cpr.Number) (found fgvhr.History, err error) {
	if len(person) == 0 {
		return nil, ctx.Err()
	}
	err = s.query(ctx, func(rows *sql.Rows) error {
		var o fgvhr.OptOut
		var digits string
		var replaces, formed, role, id, source, org, name sql.NullString
		var created, from, superseded sql.NullInt64
		err := rows.Scan(&o.ID, &replaces, &digits, &o.Status, &created, &formed, &from, &superseded, &role, &id, &source, &org, &name)
		if err != nil {
			return err
		}
		if o.Citizen, err = cpr.Parse(digits); err != nil {
			return errOptOut
		}
		if formed.Valid {
			if o.CitizenCreated, err = calendar.ParseDay(formed.String); err != nil {
				return errOptOut
			}
		}
		o.Replaces, o.Created, o.ValidFrom, o.Superseded = replaces.String, fromMicros(created), fromMicros(from), fromMicros(superseded)
		o.Actor = fgvhr.Actor{Role: role.String, ID: id.String, Source: source.String, Org: org.String, Name: name.String}
		found = append(found, o)
		return nil
	}, "SELECT "+optOutColumns+" FROM citizen_consent WHERE "+where+values(len(person), 1)+optOutOrder, digitsOf(person)...)
	return found, err
}
