package notifying

import (
	"context"
	"errors"
	"sync"

	"github.com/opennsp/nsp/domain/nas"
)

// queue lets one call at a time at each pull point of an owner, so that calls of this process do not read in vain what another delivers. Which
// call wins is up to the store's cursors. The owner is part of the key: nobody waits for callers to whom a pull point is not known.
type queue struct {
	mu     sync.Mutex
	places map[place]*turn // those that somebody has or waits for
}

type place struct {
	nas.Owner
	nas.PullPointID
}

type turn struct {
	free  chan struct{} // holds one value while nobody has the turn
	users int           // who has it, or waits for it
}

// crowd is how many calls there may be at one pull point: whoever waits holds a place that the calls of others need.
const crowd = 32

var errCrowd = errors.New("too many calls wait at the pull point")

// enter waits for the turn and returns what gives it back; or the error of ctx, when that ends first, or errCrowd at once.
func (q *queue) enter(ctx context.Context, p place) (leave func(), err error) {
	q.mu.Lock()
	t := q.places[p]
	if t == nil {
		t = &turn{free: make(chan struct{}, 1)}
		t.free <- struct{}{}
		if q.places == nil {
			q.places = map[place]*turn{}
		}
		q.places[p] = t
	}
	if t.users == crowd {
		q.mu.Unlock()
		return nil, errCrowd
	}
	t.users++
	q.mu.Unlock()

	left := func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(q.places, p)
		}
	}
	took := func() { t.free <- struct{}{}; left() }
	select {
	case <-t.free: // also where ctx has ended
		return took, nil
	default:
	}
	select {
	case <-t.free:
		return took, nil
	case <-ctx.Done():
		left()
		return nil, ctx.Err()
	}
}
