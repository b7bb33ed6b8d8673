package bootstrap

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/ports"
)

const (
	eventQueue   = 1024            // refusals that wait for the store
	eventBatch   = 100             // refusals that are stored at once
	eventTimeout = 5 * time.Second // for one batch
)

// eventLog puts refusals into the store behind the calls: a call never waits for it. Safe for concurrent use.
type eventLog struct {
	store   ports.SecurityEvents
	keep    time.Duration
	now     func() time.Time
	log     *slog.Logger
	queue   chan audit.Refusal
	dropped atomic.Int64
}

func newEventLog(store ports.SecurityEvents, keep time.Duration, now func() time.Time, log *slog.Logger) *eventLog {
	return &eventLog{store: store, keep: keep, now: now, log: log, queue: make(chan audit.Refusal, eventQueue)}
}

// add implements soap.Deps.Refused. Where the queue is full the refusal is dropped; the application log has it.
func (e *eventLog) add(r audit.Refusal) {
	select {
	case e.queue <- r:
	default:
		e.dropped.Add(1)
	}
}

// lost is how many refusals did not reach the store.
func (e *eventLog) lost() int64 { return e.dropped.Load() }

// run stores what is added until ctx ends, and then what is left. Nothing is added after that.
func (e *eventLog) run(ctx context.Context) {
	for {
		select {
		case first := <-e.queue:
			e.record(ctx, e.batch(first))
		case <-ctx.Done():
			for {
				select {
				case first := <-e.queue:
					e.record(ctx, e.batch(first))
				default:
					return
				}
			}
		}
	}
}

// batch returns first and what waits behind it.
func (e *eventLog) batch(first audit.Refusal) []audit.Refusal {
	events := []audit.Refusal{first}
	for len(events) < eventBatch {
		select {
		case r := <-e.queue:
			events = append(events, r)
		default:
			return events
		}
	}
	return events
}

func (e *eventLog) record(ctx context.Context, events []audit.Refusal) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), eventTimeout)
	defer cancel()
	if err := e.store.Record(ctx, e.now().Add(e.keep), events...); err != nil {
		e.dropped.Add(int64(len(events)))
		e.log.WarnContext(ctx, "security events cannot be stored", "events", len(events), "error", err)
	}
}
