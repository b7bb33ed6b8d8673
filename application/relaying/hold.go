package relaying

import (
	"context"
	"time"
)

// releaseLimit bounds how long a relay that stops waits for the lease it gives up; otherwise it runs out.
const releaseLimit = 5 * time.Second

// hold is a lane's hold on its lease.
type hold struct {
	lane  *lane
	held  bool
	until time.Time // when the lease runs out, by our clock
	asked time.Time // when it was last asked for
}

// renew gets the lease or prolongs it, and tells until when the relay alone delivers.
func (h *hold) renew(ctx context.Context) (until time.Time, held bool) {
	r, now := h.lane, h.lane.Now()
	if r.Leases == nil {
		return now.Add(r.lease()), true
	}
	if h.held = h.held && now.Before(h.until); h.held && now.Sub(h.asked) < r.lease()/3 {
		return h.until, true
	}
	h.asked = now
	got, err := r.Leases.Acquire(ctx, r.leaseName, r.Holder, now, r.lease())
	switch {
	case got:
		h.held, h.until = true, now.Add(r.lease())
	case err == nil:
		h.held = false
	default: // what is held is held until it runs out
		r.Log.WarnContext(ctx, "outbox: lease not got", "error", err)
	}
	return h.until, h.held
}

// within shortens a pause so that the lease is prolonged in time, or makes it one until the lease may be taken over.
func (h *hold) within(pause time.Duration, held bool) time.Duration {
	r := h.lane
	switch {
	case r.Leases == nil:
		return pause
	case !held:
		return max(r.lease()/10, time.Millisecond)
	}
	return min(pause, r.lease()/10)
}

// release gives up the lease, also after ctx has ended.
func (h *hold) release(ctx context.Context) {
	if !h.held {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	if err := h.lane.Leases.Release(ctx, h.lane.leaseName, h.lane.Holder); err != nil {
		h.lane.Log.WarnContext(ctx, "outbox: lease not given up", "error", err)
	}
}
