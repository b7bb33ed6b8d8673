package portstest

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/ports"
)

// FailingLeases is a store of leases that fails on demand; what fails does not reach the store within.
type FailingLeases struct {
	Leases                       ports.Leases
	OnAcquire, OnRelease, OnHeld Failure
}

var _ ports.Leases = (*FailingLeases)(nil)

// Acquire fails as OnAcquire says; nobody gets the lease then.
func (s *FailingLeases) Acquire(ctx context.Context, job, holder string, now time.Time, ttl time.Duration) (bool, error) {
	if err := s.OnAcquire.next(); err != nil {
		return false, err
	}
	return s.Leases.Acquire(ctx, job, holder, now, ttl)
}

// Release fails as OnRelease says; the lease is still held then.
func (s *FailingLeases) Release(ctx context.Context, job, holder string) error {
	if err := s.OnRelease.next(); err != nil {
		return err
	}
	return s.Leases.Release(ctx, job, holder)
}

// Held fails as OnHeld says.
func (s *FailingLeases) Held(ctx context.Context, prefix string, now time.Time) (map[string]string, error) {
	if err := s.OnHeld.next(); err != nil {
		return nil, err
	}
	return s.Leases.Held(ctx, prefix, now)
}

// FailingJobRuns is a store of what jobs did that fails on demand.
type FailingJobRuns struct {
	Store          ports.JobRuns
	OnKeep, OnRead Failure
}

var _ ports.JobRuns = (*FailingJobRuns)(nil)

// Keep fails as OnKeep says; nothing is kept then.
func (s *FailingJobRuns) Keep(ctx context.Context, r job.Run) error {
	if err := s.OnKeep.next(); err != nil {
		return err
	}
	return s.Store.Keep(ctx, r)
}

// Runs fails as OnRead says.
func (s *FailingJobRuns) Runs(ctx context.Context) ([]job.Run, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Store.Runs(ctx)
}
