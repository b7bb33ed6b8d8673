package memory

import (
	"context"
	"slices"

	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

type grants struct{ db *DB }

var _ ports.GrantStore = grants{}

func (s grants) Grants(ctx context.Context) (all []trust.Grant, err error) {
	err = s.db.read(ctx, func() error {
		all = slices.Clone(s.db.grants)
		return nil
	})
	return all, err
}

func (s grants) Update(ctx context.Context, edit func([]trust.Grant) ([]trust.Grant, error)) error {
	return s.db.write(ctx, func(u *unit) error {
		old := s.db.grants
		edited, err := edit(slices.Clone(old))
		if err != nil {
			return err
		}
		edited = slices.Clone(edited)
		if err := checkGrants(edited); err != nil {
			return err
		}
		for i := range edited {
			v := &edited[i].Valid
			v.From, v.To = instant(v.From), instant(v.To)
		}
		slices.SortFunc(edited, trust.Grant.Compare)
		u.undo = append(u.undo, func() { s.db.grants = old })
		s.db.grants = edited
		return nil
	})
}

// checkGrants is trust.ErrGrantExists where two have one id, or two without end are one organisation's same right.
func checkGrants(all []trust.Grant) error {
	ids, open := map[string]bool{}, map[[2]string]bool{}
	for _, g := range all {
		right := [2]string{g.Name, g.CVR}
		if ids[g.ID] || g.Valid.To.IsZero() && open[right] {
			return trust.ErrGrantExists
		}
		ids[g.ID], open[right] = true, open[right] || g.Valid.To.IsZero()
	}
	return nil
}
