package ports

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/validity"
)

// ConsentStore keeps what citizens register about who may see their data. It is safe for concurrent use, also by several processes. A
// citizen's registrations are those under her number and, where the store follows aliases (it is made so or not), those under every other number
// that she has or had in the CPR register (Aliases.Of); a registration keeps the number it was made under. Instants are cut to microseconds.
// Returned memory is the caller's.
type ConsentStore interface {
	// Active returns the citizen's active registrations in any order, in one reading of the database. It sees every Update that was committed
	// before it began, in any process.
	Active(ctx context.Context, citizen cpr.Number) ([]consent.Registration, error)
	// All returns the latest version of each of the citizen's registrations, by Created.At and ID.
	All(ctx context.Context, citizen cpr.Number) ([]consent.Registration, error)
	// Versions returns all versions of a registration, oldest first; none if it is not the citizen's, or there is none.
	Versions(ctx context.Context, citizen cpr.Number, id consent.ID) ([]consent.Registration, error)
	// Update stores what edit makes of the latest versions (as All) of the citizen's registrations, with its notices: all or nothing, in the
	// unit of work in ctx or in a transaction of its own. No other Update of the citizen, under any of her numbers, happens in between. edit owns
	// what it is given and may run more than once; if it fails, nothing changes and Update returns its error. A version that is there is never
	// altered, and a registration that was revoked stays as it is: Put holds registrations of version 1 with a new ID, under one of the citizen's
	// numbers, and of active ones the next version, one each, with the number, kind and creation that they had. ErrConflict if it holds
	// anything else, or if others got in between too often; ErrIDTaken if a new ID is anybody's already.
	Update(ctx context.Context, citizen cpr.Number, edit func([]consent.Registration) (consent.Change, error)) error
	// ExpireRevoked deletes at most n registrations that were revoked before an instant, with their versions, in the unit of work in ctx or in a
	// transaction of its own; done=true tells that none is left.
	ExpireRevoked(ctx context.Context, before time.Time, n int) (removed int, done bool, err error)
}

// What a consent store cannot do.
var (
	ErrIDTaken        = fault.Error{Kind: fault.Internal, Code: fault.CodeProcessing, Text: "The id of a registration is taken."}
	ErrConflict error = fault.Error{Kind: fault.Conflict, Code: "conflict", Text: "Others changed the citizen's registrations at the same time."}
)

// OverrideLog keeps that somebody broke through a citizen's registrations. It is safe for concurrent use, also by several processes. Instants are
// cut to microseconds. It follows aliases like ConsentStore.
type OverrideLog interface {
	// Append keeps o with its notices, all or nothing, in the unit of work in ctx or in a transaction of its own. Where one of the same CVR,
	// MessageID and Operation is kept, it does nothing, and keeps no notice either.
	Append(ctx context.Context, o consent.Override, notices ...notice.Notice) error
	// ByCitizen returns at most n overrides of the citizen's registrations whose At is in p, newest first (by ID), of those whose ID is before
	// the ID before ("" = all of them). The caller owns them.
	ByCitizen(ctx context.Context, citizen cpr.Number, p validity.Period, before string, n int) ([]consent.Override, error)
	// Expire deletes at most n overrides with At before an instant, in the unit of work in ctx or in a transaction of its own; done=true tells
	// that none is left.
	Expire(ctx context.Context, before time.Time, n int) (removed int, done bool, err error)
}
