package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/tests/minlogtest"
)

// page is how many registrations a lookup asks for.
const page = 50

// latencies are how long lookups took.
type latencies struct {
	perSecond float64
	p50, p99  time.Duration
}

func (l latencies) String() string {
	return fmt.Sprintf("%6.0f/s, p50 %.2f ms, p99 %.2f ms", l.perSecond, l.p50.Seconds()*1e3, l.p99.Seconds()*1e3)
}

// of sums up what was measured in so long a time.
func of(took []time.Duration, during time.Duration) (latencies, error) {
	if len(took) == 0 {
		return latencies{}, fmt.Errorf("no lookup ended within %v", during)
	}
	slices.Sort(took)
	return latencies{float64(len(took)) / during.Seconds(), took[len(took)/2], took[len(took)*99/100]}, nil
}

// lookup reads the newest registrations of a citizen chosen at random.
func lookup(ctx context.Context, s *minlogtest.Store) error {
	key := minlog.ID{Source: minlog.CPR, Value: minlogtest.Nobody(rand.IntN(s.Persons()))}.Key()
	got, err := s.DB.LogStore().ByPerson(ctx, key, minlog.Query{Cutoff: s.Cutoff()}, minlog.Cursor{}, page)
	if err == nil && len(got) != page {
		err = fmt.Errorf("%d registrations, want %d", len(got), page)
	}
	return err
}

// closedLoop has clients look up one after the other, as fast as they can.
func closedLoop(ctx context.Context, s *minlogtest.Store, during time.Duration) (latencies, error) {
	var mu sync.Mutex
	var took []time.Duration
	began := time.Now()
	err := together(2*runtime.NumCPU(), func() error {
		var mine []time.Duration
		for time.Since(began) < during {
			from := time.Now()
			if err := lookup(ctx, s); err != nil {
				return err
			}
			mine = append(mine, time.Since(from))
		}
		mu.Lock()
		defer mu.Unlock()
		took = append(took, mine...)
		return nil
	})
	if err != nil {
		return latencies{}, err
	}
	return of(took, time.Since(began))
}

// openLoop lets lookups arrive at a rate, at random, whether earlier ones are done or not. A lookup's time runs from its arrival.
func openLoop(ctx context.Context, s *minlogtest.Store, rate float64, during time.Duration) (latencies, error) {
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var running sync.WaitGroup
	began := time.Now()
	for at := began; at.Sub(began) < during; at = at.Add(time.Duration(rand.ExpFloat64() / rate * float64(time.Second))) {
		time.Sleep(time.Until(at))
		running.Go(func() {
			err := lookup(ctx, s)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
			}
			took = append(took, time.Since(at))
		})
	}
	running.Wait()
	if failed != nil {
		return latencies{}, failed
	}
	return of(took, time.Since(began))
}

// together runs f so many times at once and returns the first error.
func together(n int, f func() error) error {
	errs := make(chan error, n)
	for range n {
		go func() { errs <- f() }()
	}
	var first error
	for range n {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}
