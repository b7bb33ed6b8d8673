package portstest

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"sync"

	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// RecordingAccessLog keeps the accesses that are logged, and refuses what MinLog would whatever the time. It is safe for concurrent use.
type RecordingAccessLog struct {
	mu   sync.Mutex
	kept []minlog.Entry
	seen map[string]bool // what has a sequence number, as JSON
}

var _ ports.AccessLog = (*RecordingAccessLog)(nil)

// Log keeps all entries or none.
func (r *RecordingAccessLog) Log(ctx context.Context, entries ...minlog.Entry) error {
	if ports.Written(ctx) {
		return ports.ErrLateLog
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	rules := minlog.Rules{Interface: minlog.Interface20250312, FutureTolerance: -1, MaxPeriod: math.MaxInt64}
	taken, err := rules.Taken(entries)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range taken {
		doc, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if e.SequenceNumber != "" && r.seen[string(doc)] {
			continue
		}
		if r.seen == nil {
			r.seen = map[string]bool{}
		}
		r.seen[string(doc)] = true
		r.kept = append(r.kept, e)
	}
	return nil
}

// Kept returns what was kept, in order and canonical form; of equal entries with the same sequence number one.
func (r *RecordingAccessLog) Kept() []minlog.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.kept)
}

// FailingAccessLog is an access log that fails on demand: where OnLog fails nothing is kept, where OnAnswer fails it is kept and the caller does
// not learn it.
type FailingAccessLog struct {
	Access          ports.AccessLog
	OnLog, OnAnswer Failure
}

var _ ports.AccessLog = (*FailingAccessLog)(nil)

// Log fails as OnLog and OnAnswer say.
func (f *FailingAccessLog) Log(ctx context.Context, entries ...minlog.Entry) error {
	if err := f.OnLog.next(); err != nil {
		return err
	}
	if err := f.Access.Log(ctx, entries...); err != nil {
		return err
	}
	return f.OnAnswer.next()
}
