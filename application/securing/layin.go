package securing

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

// Who lays grants in when a server starts.
const (
	Development   = "development"   // what everybody may do while nothing is at stake
	Configuration = "configuration" // what the configuration names
)

// LayIn keeps the grants that the configuration gives to a name as long as the name was never administered: it has no row, where createdBy
// is not Development none but rows of Development. Of rows, Name, CVR and Note count. It is done at every start; what was ended stays
// ended.
func LayIn(ctx context.Context, store ports.GrantStore, rows []trust.Grant, createdBy string, newID func() string, now time.Time) error {
	err := store.Update(ctx, func(all []trust.Grant) ([]trust.Grant, error) {
		untouched := func(name string) bool {
			return !slices.ContainsFunc(all, func(a trust.Grant) bool {
				return a.Name == name && (a.CreatedBy != Development || createdBy == Development)
			})
		}
		next := all
		for _, row := range rows {
			if !untouched(row.Name) {
				continue
			}
			row.ID, row.CreatedBy, row.Valid = newID(), createdBy, validity.Period{From: now}
			var err error
			if next, err = trust.Add(next, row); err != nil {
				return nil, fmt.Errorf("%s for %s: %w", row.Name, row.CVR, err)
			}
		}
		return next, nil
	})
	if err != nil {
		return fmt.Errorf("lay in grants: %w", err)
	}
	return nil
}

// EndDevelopment ends every grant that Development laid in and that has no end. A server that starts with real data does so before anybody
// can call it, and before it lays in what its configuration names.
func EndDevelopment(ctx context.Context, store ports.GrantStore, now time.Time) error {
	err := store.Update(ctx, func(all []trust.Grant) ([]trust.Grant, error) {
		next := slices.Clone(all)
		for i := range next {
			if next[i].CreatedBy == Development && next[i].Valid.To.IsZero() {
				next[i].Valid = next[i].Valid.End(now)
			}
		}
		return next, nil
	})
	if err != nil {
		return fmt.Errorf("end grants of development: %w", err)
	}
	return nil
}
