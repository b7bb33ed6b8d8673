package bootstrap

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/opennsp/nsp/adapters/soap"
)

// A message of at most smallMessage octets takes no part in the memory limit, so that small calls never wait for a large one; any other counts
// in steps of largeStep. Reading, parsing and storing a message takes about seven times its size.
const (
	smallMessage = 64 << 10
	largeStep    = 2 << 20
)

// places bounds what is in progress: the calls of each service, and the octets of larger messages of all services together.
type places struct {
	calls   map[string]*semaphore.Weighted // by service
	memory  *semaphore.Weighted
	queue   time.Duration // how long a call waits for its turn
	patient time.Duration // how long a large message waits for its memory
	entered func(service string) (left func())

	draining atomic.Bool
}

func newPlaces(services []string, c *Config, entered func(service string) (left func())) *places {
	p := &places{calls: map[string]*semaphore.Weighted{}, memory: semaphore.NewWeighted(c.Limits.Memory), queue: c.Limits.Queue,
		patient: c.HTTP.CallTimeout, entered: entered}
	for _, s := range services {
		p.calls[s] = semaphore.NewWeighted(int64(c.Limits.InFlight))
	}
	return p
}

// drain has no further call enter.
func (p *places) drain() { p.draining.Store(true) }

// enter implements soap.Deps.Enter. Who waits is served in the order of arrival.
func (p *places) enter(ctx context.Context, service string, size int64) (leave func(), err error) {
	if p.draining.Load() {
		return nil, soap.ErrDraining
	}
	calls := p.calls[service]
	if !acquire(ctx, calls, 1, p.queue) {
		return nil, soap.ErrOverloaded
	}
	weight := int64(0)
	if size > smallMessage {
		weight = (size + largeStep - 1) / largeStep * largeStep
	}
	if !acquire(ctx, p.memory, weight, p.patient) {
		calls.Release(1)
		return nil, soap.ErrOverloaded
	}
	left := p.entered(service)
	return func() {
		left()
		p.memory.Release(weight)
		calls.Release(1)
	}, nil
}

func acquire(ctx context.Context, s *semaphore.Weighted, n int64, patience time.Duration) bool {
	if s.TryAcquire(n) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.Acquire(ctx, n) == nil
}
