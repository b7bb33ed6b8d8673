package portstest

import (
	"context"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports"
)

// FailingWills is a store of wills that fails on demand: OnRead in Current, Exists and History.
type FailingWills struct {
	Store            ports.WillStore
	OnRead, OnUpdate Failure
}

var _ ports.WillStore = (*FailingWills)(nil)

// Current fails as OnRead says.
func (s *FailingWills) Current(ctx context.Context, person []cpr.Number) (will.Registration, bool, error) {
	if err := s.OnRead.next(); err != nil {
		return will.Registration{}, false, err
	}
	return s.Store.Current(ctx, person)
}

// Exists fails as OnRead says.
func (s *FailingWills) Exists(ctx context.Context, person []cpr.Number, reg will.Register) (bool, error) {
	if err := s.OnRead.next(); err != nil {
		return false, err
	}
	return s.Store.Exists(ctx, person, reg)
}

// History fails as OnRead says.
func (s *FailingWills) History(ctx context.Context, person []cpr.Number) (will.History, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Store.History(ctx, person)
}

// Update fails as OnUpdate says; edit does not run then.
func (s *FailingWills) Update(ctx context.Context, person []cpr.Number, edit func(will.History) (will.Change, []notice.Notice, error)) error {
	if err := s.OnUpdate.next(); err != nil {
		return err
	}
	return s.Store.Update(ctx, person, edit)
}

// FailingOptOuts is a store of opt-outs that fails on demand: OnRead in Heads and History.
type FailingOptOuts struct {
	Store            ports.OptOutStore
	OnRead, OnUpdate Failure
}

var _ ports.OptOutStore = (*FailingOptOuts)(nil)

// Heads fails as OnRead says.
func (s *FailingOptOuts) Heads(ctx context.Context, person []cpr.Number) (fgvhr.History, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Store.Heads(ctx, person)
}

// History fails as OnRead says.
func (s *FailingOptOuts) History(ctx context.Context, person []cpr.Number) (fgvhr.History, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Store.History(ctx, person)
}

// Update fails as OnUpdate says; edit does not run then.
func (s *FailingOptOuts) Update(ctx context.Context, person []cpr.Number, edit func(fgvhr.History) (fgvhr.OptOut, []notice.Notice, error)) error {
	if err := s.OnUpdate.next(); err != nil {
		return err
	}
	return s.Store.Update(ctx, person, edit)
}
