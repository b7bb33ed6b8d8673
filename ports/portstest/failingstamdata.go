package portstest

import (
	"context"
	"iter"
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// FailingStamdataLoader is a loader of registers that fails on demand: OnLoad in Load, OnRead in what reads.
type FailingStamdataLoader struct {
	Loader         ports.StamdataLoader
	OnLoad, OnRead Failure
}

var _ ports.StamdataLoader = (*FailingStamdataLoader)(nil)

// Load fails as OnLoad says; nothing is loaded then.
func (l *FailingStamdataLoader) Load(ctx context.Context, f stamdata.File, share float64, at time.Time) (stamdata.LoadReport, error) {
	if err := l.OnLoad.next(); err != nil {
		return stamdata.LoadReport{}, err
	}
	return l.Loader.Load(ctx, f, share, at)
}

// Taken fails as OnRead says.
func (l *FailingStamdataLoader) Taken(ctx context.Context, sum [32]byte) (bool, error) {
	if err := l.OnRead.next(); err != nil {
		return false, err
	}
	return l.Loader.Taken(ctx, sum)
}

// Loads fails as OnRead says.
func (l *FailingStamdataLoader) Loads(ctx context.Context, n int) ([]stamdata.LoadReport, error) {
	if err := l.OnRead.next(); err != nil {
		return nil, err
	}
	return l.Loader.Loads(ctx, n)
}

// Rows fails as OnRead says, before the first row.
func (l *FailingStamdataLoader) Rows(ctx context.Context, r stamdata.Register) iter.Seq2[stamdata.Row, error] {
	return func(yield func(stamdata.Row, error) bool) {
		if err := l.OnRead.next(); err != nil {
			yield(nil, err)
			return
		}
		l.Loader.Rows(ctx, r)(yield)
	}
}

// FailingAuthorisations is a register of authorisations that fails on demand.
type FailingAuthorisations struct {
	Register ports.Authorisations
	OnRead   Failure
}

var _ ports.Authorisations = (*FailingAuthorisations)(nil)

// ByNumber fails as OnRead says.
func (a *FailingAuthorisations) ByNumber(ctx context.Context, number string, at time.Time) (stamdata.Authorisation, error) {
	if err := a.OnRead.next(); err != nil {
		return stamdata.Authorisation{}, err
	}
	return a.Register.ByNumber(ctx, number, at)
}

// ByPerson fails as OnRead says.
func (a *FailingAuthorisations) ByPerson(ctx context.Context, n cpr.Number, at time.Time) ([]stamdata.Authorisation, error) {
	if err := a.OnRead.next(); err != nil {
		return nil, err
	}
	return a.Register.ByPerson(ctx, n, at)
}
