// Package issuing holds the use cases of the national replacement number (eCPR): numbers are issued, registrations kept, found and merged.
package issuing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

// defaultMax is how many registrations a search returns at most (EC-28).
const defaultMax = 100

// What callers are told beside what the rules refuse (package ecpr).
var (
	ErrNotAuthorised error = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "Kalderen har ikke adgang til operationen"}
	ErrStale         error = fault.Error{Kind: fault.Stale, Code: "ecpr_conflict", Text: "Personen er ændret siden"}
	errUnavailable         = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "Internal Server Error"}
)

// unavailable is what the caller hears when a dependency failed; the cause is for the log.
func unavailable(action string, cause error) error {
	return fmt.Errorf("%s: %w: %w", action, errUnavailable, cause)
}

// Registry issues numbers and keeps registrations. It is safe for concurrent use. Calls are admitted before: kinds of callers, levels and
// grants are not its business; roles and who a document says did it are. It calls neither NAS nor MinLog, and the CPR register only where an
// update has a CPR number.
type Registry struct {
	Ledger         ports.NumberLedger
	Persons        ports.PersonStore
	OIDTable       ports.OIDTable
	Roles          ports.ECPRRoles
	Citizens       ports.Citizens
	Authorisations ports.Authorisations
	Trail          ports.Trail
	Now            func() time.Time
	NewID          func() string            // a UUID
	Draw           func(n int) (int, error) // a number below n that nobody can foresee
	Policy         ActorPolicy              // "" = Enforce
	SearchMax      int                      // registrations that a search returns; 0 = 100
	Notify         bool                     // tell NAS of what changed
	Topic          string                   // of the notices
	IDType         string                   // of the X-eCPR in them
	Namespace      string                   // of their payload
	Logger         *slog.Logger
	Issued         func()         // a number was issued; nil = nobody wants to know
	Exhausted      func()         // none was left
	Left           func(left int) // how many numbers a series has that begins to fill

	systems systems
}

// systems keeps the table of identifier systems as it was last read, with its patterns compiled.
type systems struct {
	mu    sync.Mutex
	rows  []ecpr.OID
	table ecpr.Table
}

// Submission is what a document says of a person, and who did it.
type Submission struct {
	Actor *ecpr.Actor // Modified/By; nil = not told
	Edits []ecpr.Edit
}

// OIDs returns the table of identifier systems, ordered by OID.
func (r *Registry) OIDs(ctx context.Context) ([]ecpr.OID, error) {
	r.Trail.Note(ctx, audit.ECPR, audit.GetOIDs)
	rows, err := r.OIDTable.OIDs(ctx)
	if err != nil {
		return nil, fmt.Errorf("read table of OIDs: %w", err)
	}
	return rows, nil
}

// Table returns the table of identifier systems for answers that show labels.
func (r *Registry) Table(ctx context.Context) (ecpr.Table, error) {
	rows, err := r.OIDTable.OIDs(ctx)
	if err != nil {
		return ecpr.Table{}, fmt.Errorf("read table of OIDs: %w", err)
	}
	s := &r.systems
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows == nil || !slices.Equal(rows, s.rows) {
		s.rows, s.table = rows, ecpr.NewTable(rows)
	}
	return s.table, nil
}

// act is what the caller does now as the actor tells, who must be told (Modified/By).
func (r *Registry) act(ctx context.Context, caller identity.Caller, actor *ecpr.Actor) (ecpr.Act, error) {
	if actor == nil {
		return ecpr.Act{}, &ecpr.Problem{Err: ecpr.ErrInvalid, Text: "Modified/By mangler"}
	}
	a, err := actor.Checked()
	if err != nil {
		return ecpr.Act{}, err
	}
	now := r.Now()
	if err := r.authorised(ctx, a, now); err != nil {
		return ecpr.Act{}, err
	}
	return ecpr.Act{ID: r.NewID(), Actor: a, Caller: caller.Org.CVR + "/" + caller.CPR.Digits(), At: ecpr.Instant(now)}, nil
}

func (r *Registry) newPID() ecpr.PID { return ecpr.PID(r.NewID()) }

// find returns the registration with an identifier, a [ecpr.Problem] of ErrPersonUnknown if there is none.
func (r *Registry) find(ctx context.Context, id ecpr.Identifier) (ecpr.Person, error) {
	p, err := r.Persons.Get(ctx, ecpr.Identifier{OID: id.OID, Value: id.Value})
	switch {
	case fault.Is(err, fault.NotFound):
		return ecpr.Person{}, &ecpr.Problem{Err: ecpr.ErrPersonUnknown, Value: id.Value, OID: id.OID}
	case err != nil:
		return ecpr.Person{}, fmt.Errorf("read registration: %w", err)
	}
	return p, nil
}

// byID returns the registration with an id.
func (r *Registry) byID(ctx context.Context, id ecpr.PersonID) (ecpr.Person, error) {
	p, err := r.Persons.ByID(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return ecpr.Person{}, &ecpr.Problem{Err: ecpr.ErrPersonUnknown}
	case err != nil:
		return ecpr.Person{}, fmt.Errorf("read registration: %w", err)
	}
	return p, nil
}

// free tells whether no registration but that with an id has one of the identifiers in force (EC-18).
func (r *Registry) free(ctx context.Context, id ecpr.PersonID, wanted []ecpr.Identifier) error {
	for _, w := range wanted {
		p, err := r.find(ctx, w)
		switch {
		case errors.Is(err, ecpr.ErrPersonUnknown):
		case err != nil:
			return err
		case p.ID != id:
			return &ecpr.Problem{Err: ecpr.ErrValueExists, Value: w.Value, OID: w.OID}
		}
	}
	return nil
}

// told says which of the identifiers another registration got first.
func (r *Registry) told(ctx context.Context, err error, id ecpr.PersonID, wanted []ecpr.Identifier) error {
	if p := (*ecpr.Problem)(nil); !errors.Is(err, ecpr.ErrValueExists) || errors.As(err, &p) {
		return err
	}
	if named := r.free(ctx, id, wanted); errors.Is(named, ecpr.ErrValueExists) {
		return named
	}
	if len(wanted) == 1 { // of one that is not committed yet
		return &ecpr.Problem{Err: ecpr.ErrValueExists, Value: wanted[0].Value, OID: wanted[0].OID}
	}
	return err
}

// opened returns the identifiers that came into force between before and after, but for the X-eCPR.
func opened(before, after ecpr.Person) (ids []ecpr.Identifier) {
	for _, v := range after.Versions {
		id, ok := v.Element.(ecpr.Identifier)
		known := slices.ContainsFunc(before.Versions, func(b ecpr.Version) bool { return b.PID == v.PID })
		if ok && !known && v.Active() && id.OID != ecpr.XECPROID {
			ids = append(ids, id)
		}
	}
	return ids
}

// noteActor says in the audit log what the document says of who did it.
func (r *Registry) noteActor(ctx context.Context, where audit.Context, a *ecpr.Actor) {
	if a == nil {
		r.Trail.Note(ctx, audit.ECPR, where)
		return
	}
	id := a.Person
	if id == "" {
		id = a.Authorisation
	}
	r.Trail.Note(ctx, audit.ECPR, where,
		audit.ModifiedByID.Is(id), audit.ModifiedByRole.Is(a.Role), audit.ModifiedByOrganisation.Is(a.Organisation.ID))
}

// noteLinked says in the audit log which identifiers are linked.
func (r *Registry) noteLinked(ctx context.Context, where audit.Context, ids []ecpr.Identifier) {
	if len(ids) == 0 {
		return
	}
	values, oids := make([]string, len(ids)), make([]string, len(ids))
	for i, id := range ids {
		values[i], oids[i] = id.Value, id.OID
	}
	r.Trail.Note(ctx, audit.ECPR, where,
		audit.Information{Key: audit.LinkedID.Name, Class: audit.LinkedID.Class, List: values},
		audit.Information{Key: audit.LinkedOID.Name, Class: audit.LinkedOID.Class, List: oids})
}
