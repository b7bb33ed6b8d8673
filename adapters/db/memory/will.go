package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports"
)

// willRows is what the store of wills keeps. What is in a map is never changed, but replaced.
type willRows struct {
	ids  map[string]struct{}         // of all, in either register
	made map[cpr.Number]will.History // with a number
}

func newWillRows() willRows {
	return willRows{ids: map[string]struct{}{}, made: map[cpr.Number]will.History{}}
}

// Wills returns the store of wills.
func (db *DB) Wills() ports.WillStore { return wills{db} }

type wills struct{ db *DB }

var _ ports.WillStore = wills{}

func (s wills) Current(ctx context.Context, person []cpr.Number) (r will.Registration, ok bool, err error) {
	h, err := s.History(ctx, person)
	if err != nil {
		return will.Registration{}, false, err
	}
	r, ok = h.Valid()
	return r, ok, nil
}

func (s wills) Exists(ctx context.Context, person []cpr.Number, reg will.Register) (bool, error) {
	h, err := s.History(ctx, person)
	return h.Has(reg), err
}

func (s wills) History(ctx context.Context, person []cpr.Number) (h will.History, err error) {
	err = s.db.read(ctx, func() error {
		h = s.of(person)
		return nil
	})
	return h, err
}

// of returns a copy of a person's history; the lock is held.
func (s wills) of(person []cpr.Number) (h will.History) {
	for _, n := range person {
		h = append(h, s.db.wills.made[n]...)
	}
	slices.SortFunc(h, func(a, b will.Registration) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.ID, b.ID)) })
	return h
}

func (s wills) Update(ctx context.Context, person []cpr.Number, edit func(will.History) (will.Change, []notice.Notice, error)) error {
	return s.db.write(ctx, func(u *unit) error {
		rows := &s.db.wills
		change, notices, err := edit(s.of(person))
		if err != nil {
			return err
		}
		next, err := change.Follows(s.of(person), person)
		if err != nil {
			return err
		}
		if r := change.New; r != nil {
			if _, known := rows.ids[r.ID]; known {
				return ports.ErrWillConflict
			}
			put(u, rows.ids, r.ID, struct{}{})
		}
		for _, n := range person {
			put(u, rows.made, n, slices.DeleteFunc(slices.Clone(next), func(r will.Registration) bool { return r.Citizen != n }))
		}
		return putNotices(u, notices)
	})
}
