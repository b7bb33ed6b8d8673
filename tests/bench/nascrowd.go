package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/domain/nas"
)

const (
	crowd       = 10_000    // pull points
	crowdMemory = 300 << 20 // octets
	crowdTime   = 500 * time.Millisecond
	crowdRounds = 9
)

// nasCrowd measures what 10,000 pull points, each with a subscription and a fetch of a message, cost an nspd on SQLite: the largest resident memory
// it has had, beside a limit; and Notify after beside before.
func nasCrowd(ctx context.Context, o options) []figure {
	memory, slower := figure{name: "nas-crowd/memory", goal: goal{atMost: 1}}, figure{name: "nas-crowd/notify", goal: goal{atLeast: 0.8}}
	run, err := gather(ctx, o)
	if err != nil {
		return unmeasured([]figure{memory, slower}, err)
	}
	memory.value, memory.peer = mebibytes(run.memory), fmt.Sprintf("limit %s, %s before", mebibytes(crowdMemory), mebibytes(run.alone))
	memory.ratio = float64(run.memory) / crowdMemory
	slower.value, slower.peer, slower.ratio = callsPerSecond(run.after), "before "+callsPerSecond(run.before), run.after/run.before
	return []figure{memory, slower}
}

// gathered is octets before and with the crowd, and calls of Notify a second.
type gathered struct {
	alone, memory int64
	before, after float64
}

func gather(ctx context.Context, o options) (run gathered, err error) {
	p, err := openNAS(ctx, o, nasSQLite)
	if err != nil {
		return run, err
	}
	defer p.close()
	s, err := p.start(ctx, checkServer)
	if err != nil {
		return run, err
	}
	if run.before, err = s.notifies(ctx); err != nil {
		return run, err
	}
	if run.alone, err = s.PeakMemory(); err != nil {
		return run, err
	}
	one, err := notifyOf(s.topic, 1)
	if err != nil {
		return run, err
	}
	paths := make([]string, crowd)
	if err := shared(crowd, func(i int) (err error) {
		paths[i], err = s.pullPoint(ctx, nas.Filter{})
		return err
	}); err != nil {
		return run, err
	}
	if err := s.publish(ctx, one); err != nil {
		return run, err
	}
	if err := shared(crowd, func(i int) error {
		got, err := s.at(paths[i]).GetMessages(ctx, nasQuota)
		if err == nil && len(got.Messages) != 1 {
			err = fmt.Errorf("%d messages instead of 1", len(got.Messages))
		}
		return err
	}); err != nil {
		return run, err
	}
	if run.after, err = s.notifies(ctx); err != nil {
		return run, err
	}
	run.memory, err = s.PeakMemory()
	return run, err
}

// notifies returns how many calls of one notification the server answers a second, a median.
func (s *nasServer) notifies(ctx context.Context) (float64, error) {
	one, err := notifyOf(s.topic, 1)
	if err != nil {
		return 0, err
	}
	addr := strings.TrimPrefix(s.URL, "http://")
	var rates []float64
	for range crowdRounds {
		rate, err := load(ctx, addr, same(postTo(addr, nasws.PathBroker, one)), crowdTime)
		if err != nil {
			return 0, err
		}
		rates = append(rates, rate)
	}
	slices.Sort(rates)
	return rates[crowdRounds/2], nil
}

// shared has as many clients as the load generator has share n pieces of work.
func shared(n int, do func(i int) error) error {
	var next atomic.Int64
	return each(loadClients, func(int) error {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			if err := do(i); err != nil {
				return err
			}
		}
		return nil
	})
}
