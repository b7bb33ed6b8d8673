package portstest

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
)

// FailingNumberLedger is a ledger that fails on demand; what fails does not reach the ledger within.
type FailingNumberLedger struct {
	Ledger           ports.NumberLedger
	OnClaim, OnTaken Failure
}

var _ ports.NumberLedger = (*FailingNumberLedger)(nil)

// Claim fails as OnClaim says; the number is not spent then.
func (l *FailingNumberLedger) Claim(ctx context.Context, n ecpr.Number, at time.Time) (bool, error) {
	if err := l.OnClaim.next(); err != nil {
		return false, err
	}
	return l.Ledger.Claim(ctx, n, at)
}

// Taken fails as OnTaken says.
func (l *FailingNumberLedger) Taken(ctx context.Context, s ecpr.Series) ([]ecpr.Number, error) {
	if err := l.OnTaken.next(); err != nil {
		return nil, err
	}
	return l.Ledger.Taken(ctx, s)
}

// FailingPersonStore is a store of registrations that fails on demand; OnRead is for Get, ByID, Search and Changes.
type FailingPersonStore struct {
	Store                      ports.PersonStore
	OnRead, OnCreate, OnUpdate Failure
}

var _ ports.PersonStore = (*FailingPersonStore)(nil)

// Create fails as OnCreate says; nothing is kept then.
func (s *FailingPersonStore) Create(ctx context.Context, p ecpr.Person, act ecpr.Act) error {
	if err := s.OnCreate.next(); err != nil {
		return err
	}
	return s.Store.Create(ctx, p, act)
}

// Get fails as OnRead says.
func (s *FailingPersonStore) Get(ctx context.Context, id ecpr.Identifier) (ecpr.Person, error) {
	if err := s.OnRead.next(); err != nil {
		return ecpr.Person{}, err
	}
	return s.Store.Get(ctx, id)
}

// ByID fails as OnRead says.
func (s *FailingPersonStore) ByID(ctx context.Context, id ecpr.PersonID) (ecpr.Person, error) {
	if err := s.OnRead.next(); err != nil {
		return ecpr.Person{}, err
	}
	return s.Store.ByID(ctx, id)
}

// Update fails as OnUpdate says; edit does not run then.
func (s *FailingPersonStore) Update(ctx context.Context, act ecpr.Act, ids []ecpr.PersonID,
	edit func([]ecpr.Person) ([]ecpr.Person, []notice.Notice, error)) error {
	if err := s.OnUpdate.next(); err != nil {
		return err
	}
	return s.Store.Update(ctx, act, ids, edit)
}

// Search fails as OnRead says.
func (s *FailingPersonStore) Search(ctx context.Context, q ecpr.Query, limit int) ([]ecpr.Person, bool, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, false, err
	}
	return s.Store.Search(ctx, q, limit)
}

// Changes fails as OnRead says.
func (s *FailingPersonStore) Changes(ctx context.Context, seq int64, limit int) ([]ecpr.Change, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Store.Changes(ctx, seq, limit)
}

// FailingOIDTable is a table of identifier systems that fails on demand.
type FailingOIDTable struct {
	Table           ports.OIDTable
	OnRead, OnWrite Failure
}

var _ ports.OIDTable = (*FailingOIDTable)(nil)

// OIDs fails as OnRead says.
func (t *FailingOIDTable) OIDs(ctx context.Context) ([]ecpr.OID, error) {
	if err := t.OnRead.next(); err != nil {
		return nil, err
	}
	return t.Table.OIDs(ctx)
}

// PutOID fails as OnWrite says; nothing is kept then.
func (t *FailingOIDTable) PutOID(ctx context.Context, o ecpr.OID) error {
	if err := t.OnWrite.next(); err != nil {
		return err
	}
	return t.Table.PutOID(ctx, o)
}

// FailingECPRRoles is a store of roles that fails on demand: OnRead in Has and Roles, OnWrite in what writes.
type FailingECPRRoles struct {
	Store           ports.ECPRRoles
	OnRead, OnWrite Failure
}

var _ ports.ECPRRoles = (*FailingECPRRoles)(nil)

// Has fails as OnRead says.
func (s *FailingECPRRoles) Has(ctx context.Context, cvr string, p cpr.Number, r ecpr.Role) (bool, error) {
	if err := s.OnRead.next(); err != nil {
		return false, err
	}
	return s.Store.Has(ctx, cvr, p, r)
}

// Roles fails as OnRead says.
func (s *FailingECPRRoles) Roles(ctx context.Context) ([]ecpr.Assignment, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Store.Roles(ctx)
}

// Assign fails as OnWrite says; nothing is kept then.
func (s *FailingECPRRoles) Assign(ctx context.Context, a ecpr.Assignment) (bool, error) {
	if err := s.OnWrite.next(); err != nil {
		return false, err
	}
	return s.Store.Assign(ctx, a)
}

// End fails as OnWrite says; nothing ends then.
func (s *FailingECPRRoles) End(ctx context.Context, a ecpr.Assignment) (bool, error) {
	if err := s.OnWrite.next(); err != nil {
		return false, err
	}
	return s.Store.End(ctx, a)
}
