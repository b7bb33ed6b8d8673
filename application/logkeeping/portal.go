package logkeeping

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// GrantPortal is the grant of organisations whose systems may read any citizen's log (MinLog1).
const GrantPortal = "minlog.minlog1"

// portalLevel is the level of the ID card that such a system shows.
const portalLevel = 3

// unknownNumber stands where the number of a person is required and not known.
const unknownNumber = "0000000000"

var errNoNumber = fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: "cprNR is not a civil registration number"}

// PortalLookup shows citizens' portals who looked at a citizen's data, as MinLog1 did: the portal answers for who reads. It is safe for
// concurrent use; its fields are not changed after the first call. Of Reading the sizes of pages and the key of tokens are not used.
type PortalLookup struct {
	Reading
	Aliases ports.Aliases // nil: a person is known by the number that is asked for alone
	// Granted tells whether the organisation cvr holds the grant name now. An error is ours.
	Granted func(ctx context.Context, name, cvr string) (bool, error)
}

// List returns what is registered about a person and touches [from, to], oldest first; a zero bound is none. Of the number that stands for an
// unknown person nothing is registered.
func (l *PortalLookup) List(ctx context.Context, caller identity.Caller, person string, from, to time.Time) ([]minlog.Registration, error) {
	l.note(ctx, audit.LookupRequest, caller, Inquiry{Person: minlog.ID{Source: minlog.CPR, Value: person}, From: from, To: to})
	if err := l.allows(ctx, caller); err != nil {
		return nil, err
	}
	number, err := cpr.Parse(person)
	if err != nil && person != unknownNumber {
		return nil, errNoNumber
	}
	query, err := minlog.ClosedWindow(minlog.Cutoff(l.Now(), l.RetentionYears), from, to, l.MaxPeriod)
	if err != nil || number.IsZero() {
		return nil, err
	}
	ids, err := idsOf(ctx, l.Aliases, number)
	if err != nil {
		return nil, err
	}
	scan := scanner{read: under(l.Store.ByPerson, ids), keeps: minlog.Portal.Shows, query: query, budget: l.ScanBudget}
	return scan.all(ctx, l.MaxEntries)
}

// allows tells whether the caller shows an ID card, be it of a system or of an employee, of an organisation with the grant.
func (l *PortalLookup) allows(ctx context.Context, caller identity.Caller) error {
	if caller.Credential.Scheme != identity.DGWS || caller.Credential.Level < portalLevel || caller.Org.CVR == "" {
		return errNotGranted
	}
	ok, err := l.Granted(ctx, GrantPortal, caller.Org.CVR)
	switch {
	case err != nil:
		return unavailable("read grants", err)
	case !ok:
		return errNotGranted
	}
	return nil
}
