// Package relaying delivers what leaves the database by the outbox: at least once, in the order of each key, and without the caller of the
// service that wrote it having to wait.
package relaying

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
)

// Name is the relay's name in the audit log, and that its leases begin with.
const Name = "outbox"

// Defaults of a relay.
const (
	DefaultPoll       = time.Second
	DefaultMaxBackoff = 5 * time.Minute
	defaultLease      = 30 * time.Second
)

const (
	// roundSize is how many notices, each of another key, one round delivers and one audit line tells of.
	roundSize = 100
	// giveUp is after how many failures in a row, of as many keys, the target is held to be down and left alone for a while. Fewer are the
	// notices' own: others are delivered meanwhile.
	giveUp = 3
	// maxDelivery bounds one delivery, and so how long a relay that stops waits for the one it is at.
	maxDelivery = 10 * time.Second
	// keepLimit bounds how long keeping the outcome of a round takes, also of one at whose end the relay stops.
	keepLimit = 10 * time.Second
)

// Relay delivers notices. A notice waits after a delivery that failed, and with it those of its key to its target: a second, then twice as long
// each time, at most MaxBackoff. One that its target refuses is parked. What is written of a delivery comes after it, so that a process that
// dies in between has it delivered again. What becomes of one target's notices is nothing to those of another. Of several relays with one outbox
// one works for each target: it holds the lease. Its fields are not changed after the first call.
type Relay struct {
	Outbox     ports.Outbox
	Notifier   ports.Notifier     // nil = no notification service is known here: its notices wait
	Access     ports.AccessLog    // nil = no MinLog is known here: its notices wait
	Runner     *scheduling.Runner // in whose order a round is kept: outcome, audit line, commit
	Trail      ports.Trail
	Now        func() time.Time
	Log        *slog.Logger
	Poll       time.Duration // how often it looks for what is due; 0 = 1 s
	MaxBackoff time.Duration // 0 = 5 minutes

	Leases ports.Leases  // nil = no other process has the outbox
	Holder string        // of the leases: no two relays that are alive have the same
	Lease  time.Duration // how soon another process takes over from one that died; 0 = 30 s
}

// lane delivers to one target.
type lane struct {
	*Relay
	to        notice.Target
	leaseName string
	hand      func(context.Context, notice.Notice) error
}

// lanes are those to the targets that are known here.
func (r *Relay) lanes() (all []*lane) {
	if r.Notifier != nil {
		all = append(all, &lane{r, notice.NAS, Name, func(ctx context.Context, n notice.Notice) error {
			return r.Notifier.Notify(ctx, []nas.Notification{n.Advis})
		}})
	}
	if r.Access != nil {
		all = append(all, &lane{r, notice.MinLog, Name + "-" + string(notice.MinLog), func(ctx context.Context, n notice.Notice) error {
			n.Entry.SequenceNumber = n.ID // by which MinLog knows it when it comes again
			return r.Access.Log(ctx, n.Entry)
		}})
	}
	return all
}

// Run delivers what is due until ctx ends. It ends the deliveries it is at, and keeps their outcome.
func (r *Relay) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, l := range r.lanes() {
		running.Go(func() { l.run(ctx) })
	}
	<-ctx.Done()
	running.Wait()
}

// run delivers to the lane's target, on a timer.
func (r *lane) run(ctx context.Context) {
	h, down := &hold{lane: r}, 0
	var next time.Time // round
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			h.release(ctx)
			return
		}
		until, held := h.renew(ctx)
		if now := r.Now(); held && !now.Before(next) {
			o, err := r.round(ctx, until)
			pause := r.poll()
			switch {
			case err != nil || o.gaveUp:
				down++
				pause = max(pause, notice.Wait(down, r.maxBackoff()))
				r.Log.WarnContext(ctx, "outbox: nothing is delivered for a while", "target", string(r.to), "pause", pause, "error", err)
			case o.more:
				down, pause = 0, 0
			default:
				down = 0
			}
			next = now.Add(pause)
		}
		timer.Reset(h.within(max(next.Sub(r.Now()), 0), held))
	}
}

// outcome is what a round did.
type outcome struct {
	more   bool // there may be more that is due
	gaveUp bool // the target takes nothing
}

// round delivers what is due, oldest first, and keeps what became of it. It begins no delivery that might not end before until.
func (r *lane) round(ctx context.Context, until time.Time) (o outcome, err error) {
	// What was delivered is kept also when the relay is to stop.
	lasting, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(until.Sub(r.Now()), 0)+keepLimit)
	defer cancel()
	err = r.Runner.Beside(lasting, Name, audit.Admin, func(inside context.Context) error {
		o = outcome{}
		due, err := r.Outbox.Next(inside, r.to, r.Now(), roundSize)
		if err != nil {
			return fmt.Errorf("find what is due: %w", err)
		}
		var results []error
		done, inRow := 0, 0
		for _, n := range due {
			if ctx.Err() != nil || inRow == giveUp || until.Sub(r.Now()) < r.deliveryLimit() {
				break
			}
			err := r.deliver(lasting, n) // not in the unit of work: the target keeps it by itself
			results = append(results, err)
			if _, refused := refusal(err); err == nil || refused {
				done++
				inRow = 0
			} else {
				inRow++
			}
		}
		o.gaveUp, o.more = inRow == giveUp && done == 0, done > 0
		return r.keep(inside, due[:len(results)], results)
	})
	return o, err
}

// deliver hands a notice to its target. A panic is a failure of this notice: those before it in the round are delivered.
func (r *lane) deliver(ctx context.Context, n notice.Notice) (err error) {
	ctx, cancel := context.WithTimeout(ctx, r.deliveryLimit())
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			r.Log.ErrorContext(ctx, "outbox: panic in a delivery", "notice", n.ID, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %T", p)
		}
	}()
	return r.hand(ctx, n)
}

// refusal tells whether a target refused a notice for good, and its code.
func refusal(err error) (code string, refused bool) {
	switch {
	case errors.Is(err, nas.ErrRefused):
		return nas.RefusalCode(err), true
	case errors.Is(err, minlog.ErrRefused):
		return minlog.RefusalCode(err), true
	}
	return "", false
}

// keep writes what became of the notices, and says so in the audit log.
func (r *lane) keep(ctx context.Context, ns []notice.Notice, results []error) error {
	delivered := 0
	for i, n := range ns {
		failed := results[i]
		code, refused := refusal(failed)
		var err error
		switch {
		case failed == nil:
			delivered++
			err = r.Outbox.Done(ctx, n.ID, r.Now())
		case refused:
			r.Trail.Note(ctx, audit.Admin, audit.Deliver, audit.NoticeID.Is(n.ID), audit.NoticeTarget.Is(string(n.To)), audit.NoticeCode.Is(code))
			r.Log.ErrorContext(ctx, "outbox: notice refused and parked", "notice", n.ID, "target", string(n.To), "code", code)
			err = r.Outbox.Park(ctx, n.ID, code)
		default:
			wait := notice.Wait(n.Attempts+1, r.maxBackoff())
			r.Log.WarnContext(ctx, "outbox: notice not delivered", "notice", n.ID, "target", string(n.To), "again", wait, "error", failed)
			err = r.Outbox.Later(ctx, n.ID, r.Now().Add(wait))
		}
		if err != nil {
			return fmt.Errorf("keep what became of a notice: %w", err)
		}
	}
	if delivered > 0 {
		r.Trail.Note(ctx, audit.Admin, audit.Deliver, audit.Delivered.Is(strconv.Itoa(delivered)))
	}
	return nil
}

func (r *Relay) poll() time.Duration { return positive(r.Poll, DefaultPoll) }

func (r *Relay) maxBackoff() time.Duration { return positive(r.MaxBackoff, DefaultMaxBackoff) }

func (r *Relay) lease() time.Duration { return positive(r.Lease, defaultLease) }

// deliveryLimit leaves room for several deliveries before the lease has to be prolonged.
func (r *Relay) deliveryLimit() time.Duration { return min(maxDelivery, r.lease()/3) }

func positive(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}
