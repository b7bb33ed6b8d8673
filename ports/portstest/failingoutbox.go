package portstest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
)

// FailingOutbox is an outbox that fails on demand; what fails does not reach the outbox within.
type FailingOutbox struct {
	Outbox ports.Outbox
	OnPut, OnNext, OnDone, OnLater, OnPark,
	OnParked, OnRetry, OnDrop, OnWaiting, OnForget Failure
}

var _ ports.Outbox = (*FailingOutbox)(nil)

// Put fails as OnPut says.
func (o *FailingOutbox) Put(ctx context.Context, ns ...notice.Notice) error {
	if err := o.OnPut.next(); err != nil {
		return err
	}
	return o.Outbox.Put(ctx, ns...)
}

// Next fails as OnNext says.
func (o *FailingOutbox) Next(ctx context.Context, to notice.Target, now time.Time, n int) ([]notice.Notice, error) {
	if err := o.OnNext.next(); err != nil {
		return nil, err
	}
	return o.Outbox.Next(ctx, to, now, n)
}

// Done fails as OnDone says.
func (o *FailingOutbox) Done(ctx context.Context, id string, at time.Time) error {
	if err := o.OnDone.next(); err != nil {
		return err
	}
	return o.Outbox.Done(ctx, id, at)
}

// Later fails as OnLater says.
func (o *FailingOutbox) Later(ctx context.Context, id string, next time.Time) error {
	if err := o.OnLater.next(); err != nil {
		return err
	}
	return o.Outbox.Later(ctx, id, next)
}

// Park fails as OnPark says.
func (o *FailingOutbox) Park(ctx context.Context, id, code string) error {
	if err := o.OnPark.next(); err != nil {
		return err
	}
	return o.Outbox.Park(ctx, id, code)
}

// Parked fails as OnParked says.
func (o *FailingOutbox) Parked(ctx context.Context, n int) ([]notice.Parked, error) {
	if err := o.OnParked.next(); err != nil {
		return nil, err
	}
	return o.Outbox.Parked(ctx, n)
}

// Retry fails as OnRetry says.
func (o *FailingOutbox) Retry(ctx context.Context, id string, now time.Time) error {
	if err := o.OnRetry.next(); err != nil {
		return err
	}
	return o.Outbox.Retry(ctx, id, now)
}

// Drop fails as OnDrop says.
func (o *FailingOutbox) Drop(ctx context.Context, id string) error {
	if err := o.OnDrop.next(); err != nil {
		return err
	}
	return o.Outbox.Drop(ctx, id)
}

// Waiting fails as OnWaiting says.
func (o *FailingOutbox) Waiting(ctx context.Context) (waiting, parked int, oldest time.Time, err error) {
	if err := o.OnWaiting.next(); err != nil {
		return 0, 0, time.Time{}, err
	}
	return o.Outbox.Waiting(ctx)
}

// Forget fails as OnForget says.
func (o *FailingOutbox) Forget(ctx context.Context, sent time.Time, n int) (bool, error) {
	if err := o.OnForget.next(); err != nil {
		return false, err
	}
	return o.Outbox.Forget(ctx, sent, n)
}

// RecordingNotifier keeps the notifications it is given, and refuses what nas.Notification.Checked refuses. It is safe for concurrent use.
type RecordingNotifier struct {
	mu   sync.Mutex
	kept []nas.Notification
}

var _ ports.Notifier = (*RecordingNotifier)(nil)

// Notify keeps all of ns or none.
func (r *RecordingNotifier) Notify(ctx context.Context, ns []nas.Notification) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	checked := make([]nas.Notification, len(ns))
	for i, n := range ns {
		var err error
		if checked[i], err = n.Checked(); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = append(r.kept, checked...)
	return nil
}

// Kept returns what was kept, in order.
func (r *RecordingNotifier) Kept() []nas.Notification {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.kept)
}

// FailingNotifier is a notifier that fails on demand: where OnNotify fails nothing is kept, where OnAnswer fails it is kept and the caller does
// not learn it.
type FailingNotifier struct {
	Notifier           ports.Notifier
	OnNotify, OnAnswer Failure
}

var _ ports.Notifier = (*FailingNotifier)(nil)

// Notify fails as OnNotify and OnAnswer say.
func (f *FailingNotifier) Notify(ctx context.Context, ns []nas.Notification) error {
	if err := f.OnNotify.next(); err != nil {
		return err
	}
	if err := f.Notifier.Notify(ctx, ns); err != nil {
		return err
	}
	return f.OnAnswer.next()
}
