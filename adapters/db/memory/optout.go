package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
)

// optOutRows is what the store of who declines resuscitation keeps. What is in a map is never changed, but replaced.
type optOutRows struct {
	ids  map[string]struct{} // of all
	made map[cpr.Number]fgvhr.History
}

func newOptOutRows() optOutRows {
	return optOutRows{ids: map[string]struct{}{}, made: map[cpr.Number]fgvhr.History{}}
}

// OptOuts returns the store of who declines resuscitation.
func (db *DB) OptOuts() ports.OptOutStore { return optOuts{db} }

type optOuts struct{ db *DB }

var _ ports.OptOutStore = optOuts{}

func (s optOuts) Heads(ctx context.Context, person []cpr.Number) (fgvhr.History, error) {
	h, err := s.History(ctx, person)
	return slices.DeleteFunc(h, func(o fgvhr.OptOut) bool { return !o.Superseded.IsZero() }), err
}

func (s optOuts) History(ctx context.Context, person []cpr.Number) (h fgvhr.History, err error) {
	err = s.db.read(ctx, func() error {
		h = s.of(person)
		return nil
	})
	return h, err
}

// of returns a copy of a person's history; the lock is held.
func (s optOuts) of(person []cpr.Number) (h fgvhr.History) {
	for _, n := range person {
		h = append(h, s.db.optOuts.made[n]...)
	}
	slices.SortFunc(h, func(a, b fgvhr.OptOut) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return h
}

func (s optOuts) Update(ctx context.Context, person []cpr.Number, edit func(fgvhr.History) (fgvhr.OptOut, []notice.Notice, error)) error {
	return s.db.write(ctx, func(u *unit) error {
		rows := &s.db.optOuts
		o, notices, err := edit(s.of(person))
		if err != nil {
			return err
		}
		next, err := o.Follows(s.of(person), person)
		if err != nil {
			return err
		}
		if _, known := rows.ids[o.ID]; known {
			return ports.ErrWillConflict
		}
		put(u, rows.ids, o.ID, struct{}{})
		for _, n := range person {
			put(u, rows.made, n, slices.DeleteFunc(slices.Clone(next), func(o fgvhr.OptOut) bool { return o.Citizen != n }))
		}
		return putNotices(u, notices)
	})
}
