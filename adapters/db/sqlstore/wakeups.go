package sqlstore

import "sync"

// wakeups holds for each key that somebody in this process waits for a channel that wake closes. The zero value is ready for use.
type wakeups[K comparable] struct {
	mu      sync.Mutex
	waiting map[K]*wakeup
}

type wakeup struct {
	woken   chan struct{}
	waiters int
}

// of returns what the next wake of k closes. Who waits for it no more calls leave.
func (w *wakeups[K]) of(k K) (woken <-chan struct{}, leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == nil {
		w.waiting = map[K]*wakeup{}
	}
	one := w.waiting[k]
	if one == nil {
		one = &wakeup{woken: make(chan struct{})}
		w.waiting[k] = one
	}
	one.waiters++
	return one.woken, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if one.waiters--; one.waiters == 0 && w.waiting[k] == one {
			delete(w.waiting, k)
		}
	}
}

func (w *wakeups[K]) wake(k K) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one := w.waiting[k]; one != nil {
		close(one.woken)
		delete(w.waiting, k)
	}
}
