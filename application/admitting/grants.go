package admitting

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// How old a snapshot of the grants may be, and from which age on a new one is tried for; how long a reading may take.
const (
	maxGrantAge  = 10 * time.Second
	renewGrants  = maxGrantAge / 2
	grantTimeout = 5 * time.Second
)

// ErrGrants answers a call while the grants cannot be read.
var ErrGrants error = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "Internal error."}

var errUnread = errors.New("the reading of the grants broke off")

// Grants answers from memory who holds what: the whole of a store, read again when it is 5 s old. It never answers from what is 10 s old:
// while the store cannot be read nobody holds anything then. It is safe for concurrent use; callers share one reading of the store.
type Grants struct {
	store   ports.GrantStore
	now     func() time.Time
	current atomic.Pointer[snapshot]
	mu      sync.Mutex // guards reading
	reading *reading   // nil while nobody reads
}

// snapshot is the grants as they were when a reading began.
type snapshot struct {
	grants *trust.Grants
	began  time.Time
}

// reading is one reading of the store. err is set before done is closed.
type reading struct {
	done chan struct{}
	err  error
}

// NewGrants returns the grants of store, that nothing was read of so far.
func NewGrants(store ports.GrantStore, now func() time.Time) *Grants {
	return &Grants{store: store, now: now}
}

// Has is a Granted: it tells whether the organisation cvr holds the grant name now. ErrGrants while that cannot be told.
func (g *Grants) Has(ctx context.Context, name, cvr string) (bool, error) {
	now := g.now()
	s := g.current.Load()
	if !s.younger(now, renewGrants) {
		usable := s.younger(now, maxGrantAge)
		if err := g.renew(ctx, usable); err != nil && !usable {
			return false, fmt.Errorf("%w: %w", ErrGrants, err)
		}
		now, s = g.now(), g.current.Load()
		if !s.younger(now, maxGrantAge) {
			return false, ErrGrants
		}
	}
	return s.grants.Has(name, cvr, now), nil
}

// younger tells whether the snapshot is there and less than age old. One of the future, after the clock was set back, is not.
func (s *snapshot) younger(now time.Time, age time.Duration) bool {
	return s != nil && !now.Before(s.began) && now.Sub(s.began) < age
}

// Refresh reads the store now, so that what was written before is seen by every later Has of this process. It is called after the commit,
// outside any unit of work.
func (g *Grants) Refresh(ctx context.Context) error {
	for {
		r, mine := g.begin()
		if mine {
			return g.read(ctx, r)
		}
		// A reading that began before may have missed what was written.
		select {
		case <-r.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// renew reads the store, unless somebody is at it: it then waits for that one, or goes on at once where the snapshot is still usable.
func (g *Grants) renew(ctx context.Context, usable bool) error {
	r, mine := g.begin()
	switch {
	case mine:
		return g.read(ctx, r)
	case usable:
		return nil
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin returns the reading under way, or a new one that is the caller's to carry out.
func (g *Grants) begin() (r *reading, mine bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reading != nil {
		return g.reading, false
	}
	g.reading = &reading{done: make(chan struct{})}
	return g.reading, true
}

// read carries out a reading. Others wait for it, so that it does not end with the call it runs in, but by a real timer.
func (g *Grants) read(ctx context.Context, r *reading) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grantTimeout)
	defer cancel()
	defer func() {
		g.mu.Lock()
		g.reading = nil
		g.mu.Unlock()
		close(r.done)
	}()
	r.err = errUnread // for who waits, should the store panic
	began := g.now()
	all, err := g.store.Grants(ctx)
	if err != nil {
		r.err = fmt.Errorf("read grants: %w", err)
		return r.err
	}
	g.current.Store(&snapshot{grants: trust.NewGrants(all), began: began})
	r.err = nil
	return nil
}
