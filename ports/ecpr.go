package ports

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/notice"
)

// NumberLedger remembers every X-eCPR ever issued; nothing is ever removed. It is safe for concurrent use, also by several processes.
type NumberLedger interface {
	// Claim spends n: false when it was already spent. Of any number of concurrent calls with one number exactly one gets true. It is a
	// transaction of its own, durable before it returns, and is called before the unit of work in ctx has written. An error may leave n spent.
	Claim(ctx context.Context, n ecpr.Number, at time.Time) (bool, error)
	// Taken returns the spent numbers of a series, in no order.
	Taken(ctx context.Context, s ecpr.Series) ([]ecpr.Number, error)
}

// PersonStore keeps registrations; nothing of them is ever removed. It is safe for concurrent use, also by several processes. Its writes join
// the unit of work in ctx. Times are cut to milliseconds. The caller owns what is returned.
type PersonStore interface {
	// Create keeps a new registration and what was done. ecpr.ErrValueExists if an active identifier of p is active on another one: of two
	// at once one gets it.
	Create(ctx context.Context, p ecpr.Person, act ecpr.Act) error
	// Get returns the registration with an X-eCPR, through merges to the survivor, or with another identifier that is active; fault.NotFound
	// if there is none.
	Get(ctx context.Context, id ecpr.Identifier) (ecpr.Person, error)
	// ByID returns the registration with an id, also one that was merged away; fault.NotFound if there is none.
	ByID(ctx context.Context, id ecpr.PersonID) (ecpr.Person, error)
	// Update gives edit the registrations with ids, in their order, and keeps what it makes of them: versions are only added and closed,
	// never changed or taken away. They are locked, in the order of ids whatever that of the argument, so that no other Update of one of them
	// happens in between. Revision and Changed are set where something changed. The notices go to the outbox with it. edit may run more than
	// once. ecpr.ErrValueExists as in Create; fault.NotFound if an id is unknown. If edit fails, or on conflict, nothing changes.
	Update(ctx context.Context, act ecpr.Act, ids []ecpr.PersonID, edit func([]ecpr.Person) ([]ecpr.Person, []notice.Notice, error)) error
	// Search returns at most max living registrations that match q, latest change first, then by X-eCPR; truncated tells that there are more.
	// ecpr.ErrTooBroad where even the rarest term has too many candidates.
	Search(ctx context.Context, q ecpr.Query, max int) (found []ecpr.Person, truncated bool, err error)
	// Changes returns what changed after seq, in order, at most max: each version that was opened or closed as it is now. A version that
	// changed twice may come twice. No change that is committed later has a lower Seq.
	Changes(ctx context.Context, seq int64, max int) ([]ecpr.Change, error)
}

// OIDTable keeps the identifier systems. It is safe for concurrent use.
type OIDTable interface {
	// OIDs returns the table ordered by OID.
	OIDs(ctx context.Context) ([]ecpr.OID, error)
	// PutOID adds or replaces the row of o.OID, which keeps its UUID; it joins the unit of work in ctx.
	PutOID(ctx context.Context, o ecpr.OID) error
}

// ECPRRoles keeps who has which role. It is safe for concurrent use.
type ECPRRoles interface {
	// Has tells whether the person has the role in the organisation.
	Has(ctx context.Context, cvr string, p cpr.Number, r ecpr.Role) (bool, error)
	// Roles returns all, ordered by CVR number, CPR number and role.
	Roles(ctx context.Context) ([]ecpr.Assignment, error)
	// Assign adds a, End ends it; added or ended tells whether that changed anything. Both join the unit of work in ctx.
	Assign(ctx context.Context, a ecpr.Assignment) (added bool, err error)
	End(ctx context.Context, a ecpr.Assignment) (ended bool, err error)
}
