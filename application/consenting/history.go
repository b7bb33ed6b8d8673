package consenting

import (
	"context"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/validity"
)

// Versions returns all versions of a registration of a citizen, oldest first; consent.ErrNotFound if it is not the citizen's, or there is none.
func (a *Administration) Versions(ctx context.Context, caller identity.Caller, citizen cpr.Number, id consent.ID,
) (versions []consent.Registration, err error) {
	defer func() {
		a.note(ctx, audit.ConsentVersions, caller, citizen, audit.ConsentID.Is(id.String()), audit.Items.Is(count(len(versions), err)))
	}()
	if err := a.reader(ctx, caller, citizen, true); err != nil {
		return nil, err
	}
	if versions, err = a.Store.Versions(ctx, citizen, id); err != nil {
		return nil, unavailable("read versions", err)
	}
	if len(versions) == 0 {
		return nil, consent.ErrNotFound
	}
	if err := a.tell(ctx, caller, citizen); err != nil {
		return nil, err
	}
	return versions, nil
}

// ListOverrides returns at most n of the times that somebody broke through a citizen's registrations in p, newest first, of those before the id
// before ("" = the newest). Professionals never see them.
func (a *Administration) ListOverrides(ctx context.Context, caller identity.Caller, citizen cpr.Number, p validity.Period, before string, n int,
) (overrides []consent.Override, err error) {
	defer func() {
		a.note(ctx, audit.ConsentOverrides, caller, citizen, audit.Items.Is(count(len(overrides), err)))
	}()
	if err := a.reader(ctx, caller, citizen, false); err != nil {
		return nil, err
	}
	if overrides, err = a.Overrides.ByCitizen(ctx, citizen, p, before, n); err != nil {
		return nil, unavailable("read overrides", err)
	}
	if err := a.tell(ctx, caller, citizen); err != nil {
		return nil, err
	}
	return overrides, nil
}
