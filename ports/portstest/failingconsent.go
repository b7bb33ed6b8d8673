package portstest

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

// FailingConsents is a store of consents that fails on demand: OnRead in Active, All and Versions.
type FailingConsents struct {
	Store                      ports.ConsentStore
	OnRead, OnUpdate, OnExpire Failure
}

var _ ports.ConsentStore = (*FailingConsents)(nil)

// Active fails as OnRead says.
func (s *FailingConsents) Active(ctx context.Context, citizen cpr.Number) ([]consent.Registration, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Store.Active(ctx, citizen)
}

// All fails as OnRead says.
func (s *FailingConsents) All(ctx context.Context, citizen cpr.Number) ([]consent.Registration, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Store.All(ctx, citizen)
}

// Versions fails as OnRead says.
func (s *FailingConsents) Versions(ctx context.Context, citizen cpr.Number, id consent.ID) ([]consent.Registration, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Store.Versions(ctx, citizen, id)
}

// Update fails as OnUpdate says; edit does not run then.
func (s *FailingConsents) Update(ctx context.Context, citizen cpr.Number, edit func([]consent.Registration) (consent.Change, error)) error {
	if err := s.OnUpdate.next(); err != nil {
		return err
	}
	return s.Store.Update(ctx, citizen, edit)
}

// ExpireRevoked fails as OnExpire says; nothing is deleted then.
func (s *FailingConsents) ExpireRevoked(ctx context.Context, before time.Time, n int) (int, bool, error) {
	if err := s.OnExpire.next(); err != nil {
		return 0, false, err
	}
	return s.Store.ExpireRevoked(ctx, before, n)
}

// FailingOverrides is a log of overrides that fails on demand.
type FailingOverrides struct {
	Log                        ports.OverrideLog
	OnAppend, OnRead, OnExpire Failure
}

var _ ports.OverrideLog = (*FailingOverrides)(nil)

// Append fails as OnAppend says; nothing is kept then.
func (l *FailingOverrides) Append(ctx context.Context, o consent.Override, notices ...notice.Notice) error {
	if err := l.OnAppend.next(); err != nil {
		return err
	}
	return l.Log.Append(ctx, o, notices...)
}

// ByCitizen fails as OnRead says.
func (l *FailingOverrides) ByCitizen(ctx context.Context, citizen cpr.Number, p validity.Period, before string, n int) ([]consent.Override, error) {
	if err := l.OnRead.next(); err != nil {
		return nil, err
	}
	return l.Log.ByCitizen(ctx, citizen, p, before, n)
}

// Expire fails as OnExpire says; nothing is deleted then.
func (l *FailingOverrides) Expire(ctx context.Context, before time.Time, n int) (int, bool, error) {
	if err := l.OnExpire.next(); err != nil {
		return 0, false, err
	}
	return l.Log.Expire(ctx, before, n)
}
