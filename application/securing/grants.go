package securing

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

// maxNote is the longest note of a grant, in characters.
const maxNote = 500

var errNote = fault.Error{Kind: fault.Invalid, Code: "invalid_grant", Text: fmt.Sprintf("The note of a grant has at most %d characters.", maxNote)}

// Grants is the administration of what organisations may call. Safe for concurrent use.
type Grants struct {
	Store ports.GrantStore
	Trail ports.Trail
	Now   func() time.Time
	NewID func() string // a UUID
}

// List returns all grants, ended ones too, ordered by name, CVR number and beginning.
func (g *Grants) List(ctx context.Context, caller identity.Caller) ([]trust.Grant, error) {
	if err := administers(ctx, g.Trail, audit.ListGrants, caller, ""); err != nil {
		return nil, err
	}
	all, err := g.Store.Grants(ctx)
	if err != nil {
		return nil, fmt.Errorf("read grants: %w", err)
	}
	return all, nil
}

// Add keeps a new grant, to which it gives an ID and who made it; one without beginning begins now. The error is a fault of trust.Add,
// or ours.
func (g *Grants) Add(ctx context.Context, caller identity.Caller, grant trust.Grant) (trust.Grant, error) {
	if err := administers(ctx, g.Trail, audit.AddGrant, caller, grant.Name+" "+grant.CVR); err != nil {
		return trust.Grant{}, err
	}
	if utf8.RuneCountInString(grant.Note) > maxNote {
		return trust.Grant{}, errNote
	}
	grant.ID, grant.CreatedBy = g.NewID(), user(caller)
	if grant.Valid.From.IsZero() {
		grant.Valid.From = g.Now()
	}
	grant.Valid = validity.Period{From: instant(grant.Valid.From), To: instant(grant.Valid.To)}
	err := g.Store.Update(ctx, func(all []trust.Grant) ([]trust.Grant, error) { return trust.Add(all, grant) })
	if err != nil {
		return trust.Grant{}, fmt.Errorf("add grant: %w", err)
	}
	g.Trail.Note(ctx, audit.Admin, audit.AddGrant, audit.Result.Is(grant.ID))
	return grant, nil
}

// End ends the grant id now; one that ended before stays as it is. trust.ErrNoGrant if there is none.
func (g *Grants) End(ctx context.Context, caller identity.Caller, id string) error {
	if err := administers(ctx, g.Trail, audit.EndGrant, caller, id); err != nil {
		return err
	}
	err := g.Store.Update(ctx, func(all []trust.Grant) ([]trust.Grant, error) { return trust.End(all, id, g.Now().UTC()) })
	if err != nil {
		return fmt.Errorf("end grant: %w", err)
	}
	return nil
}
