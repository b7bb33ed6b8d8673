package notifying

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"time"

	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// CleanupJob is the name of the job, which its state has too.
const CleanupJob = "nas-cleanup"

// chunk is how many rows, or records, one step deletes at most.
const chunk = 1000

// Cleanup deletes what was kept for long enough, and ends what has run out. It is safe for concurrent use.
type Cleanup struct {
	PullPoints ports.PullPointStore
	Topics     ports.TopicStore
	Log        ports.MessageLog // nil = the log deletes old records itself
	Admin      ports.TopicAdmin // of Log
	Trail      ports.Trail
	Now        func() time.Time
	Statistics func(line string) // nil = not wanted
	History    time.Duration     // how long cursors but the newest are kept, and what has ended
	IdleDays   int               // without a fetch, after which a pull point ends; 0 = never
}

// Cleaned is what a run tells of itself.
type Cleaned struct {
	SubscriptionsExpired int    `json:"subscriptionsExpired"`
	PullPointsIdle       int    `json:"pullPointsIdle"`
	RowsDeleted          int    `json:"rowsDeleted"` // cursors, subscriptions, pull points
	MessagesDeleted      int    `json:"messagesDeleted"`
	Detail               string `json:"detail,omitempty"` // why it failed
}

// Job returns the clean-up as a job.
func (c *Cleanup) Job(interval, lease time.Duration) scheduling.Job {
	return scheduling.Job{Name: CleanupJob, Due: scheduling.Schedule{Every: interval}, Route: audit.NAS, TTL: lease, Begin: c.Begin}
}

// Begin returns one run: subscriptions that expired, idle pull points, old rows, old notifications; 1,000 a step.
func (c *Cleanup) Begin() scheduling.Work {
	w := &cleaning{Cleanup: c, now: c.Now()}
	w.phases = []phase{{w.expire, &w.done.SubscriptionsExpired}}
	if c.IdleDays > 0 {
		w.phases = append(w.phases, phase{w.endIdle, &w.done.PullPointsIdle})
	}
	w.phases = append(w.phases, phase{w.prune, &w.done.RowsDeleted})
	if c.Log != nil {
		w.phases = append(w.phases, phase{w.findOld, nil})
	}
	return w
}

// cleaning is one run. What a step did counts when the next one begins, or the run ends well: it is committed then.
type cleaning struct {
	*Cleanup
	now    time.Time
	phases []phase // the first is repeated until it is done
	done   Cleaned
	count  *int // of the latest step
	latest int
}

// phase is one kind of work, and what counts it.
type phase struct {
	step  func(context.Context) (n int, over bool, err error)
	count *int
}

// Step does the next part.
func (w *cleaning) Step(ctx context.Context) (done bool, err error) {
	w.commit()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	p := w.phases[0]
	n, over, err := p.step(ctx)
	if err != nil {
		return false, err
	}
	w.count, w.latest = p.count, n
	if over {
		w.phases = w.phases[1:]
	}
	return len(w.phases) == 0, nil
}

func (w *cleaning) commit() {
	if w.count != nil {
		*w.count += w.latest
	}
	w.count, w.latest = nil, 0
}

// End tells what was deleted.
func (w *cleaning) End(err error) any {
	if err == nil {
		w.commit()
	} else {
		w.done.Detail = err.Error()
	}
	if d := w.done; w.Statistics != nil && d != (Cleaned{}) {
		w.Statistics(nas.StatisticCleanup(d.RowsDeleted, d.SubscriptionsExpired, d.PullPointsIdle, int64(d.MessagesDeleted)))
	}
	return w.done
}

// note says in the audit log what a step did, unless that is nothing.
func (w *cleaning) note(ctx context.Context, what string, n int, before time.Time, info ...audit.Information) {
	if n > 0 {
		w.Trail.Note(ctx, audit.NAS, audit.NASCleanup, append([]audit.Information{audit.Datatype.Is(what), audit.NumberDeleted.Is(strconv.Itoa(n)),
			audit.OlderThan.Is(before.UTC().Format(time.RFC3339Nano))}, info...)...)
	}
}

// expire ends what expired long ago: until then its last answers can be given again.
func (w *cleaning) expire(ctx context.Context) (n int, over bool, err error) {
	before := w.now.Add(-w.History)
	if n, err = w.PullPoints.Expire(ctx, before, chunk); err != nil {
		return 0, false, fmt.Errorf("end expired subscriptions: %w", err)
	}
	w.note(ctx, "expired-subscription", n, before)
	return n, n < chunk, nil
}

func (w *cleaning) endIdle(ctx context.Context) (n int, over bool, err error) {
	before := w.now.Add(-time.Duration(w.IdleDays) * 24 * time.Hour)
	ids, err := w.PullPoints.Idle(ctx, before, chunk)
	if err != nil {
		return 0, false, fmt.Errorf("find idle pull points: %w", err)
	}
	for _, id := range ids {
		err := w.PullPoints.EndPullPoint(ctx, id, w.now)
		switch {
		case err == nil:
			n++
		case !errors.Is(err, nas.ErrUnknown): // its owner has ended it meanwhile
			return 0, false, fmt.Errorf("end idle pull point: %w", err)
		}
	}
	w.note(ctx, "idle-pull-point", n, before)
	return n, len(ids) < chunk, nil
}

func (w *cleaning) prune(ctx context.Context) (n int, over bool, err error) {
	before := w.now.Add(-w.History)
	if n, over, err = w.PullPoints.Prune(ctx, before, chunk); err != nil {
		return 0, false, fmt.Errorf("delete old cursors: %w", err)
	}
	w.note(ctx, "cursor", n, before)
	return n, over, nil
}

// findOld adds a phase for every partition that can hold notifications that are too old.
func (w *cleaning) findOld(ctx context.Context) (n int, over bool, err error) {
	all, err := w.Topics.Topics(ctx)
	if err != nil {
		return 0, false, fmt.Errorf("read topics: %w", err)
	}
	for _, t := range all {
		if t.Spec.Retention <= 0 {
			continue
		}
		bounds, err := w.bounds(ctx, t.Log)
		if err != nil {
			return 0, false, err
		}
		before := w.now.Add(-t.Spec.Retention)
		for part, b := range bounds {
			if b.First == b.End {
				continue
			}
			w.phases = append(w.phases, phase{func(ctx context.Context) (int, bool, error) { return w.trim(ctx, t.Log, part, before) },
				&w.done.MessagesDeleted})
		}
	}
	return 0, true, nil
}

// bounds are those of a topic's partitions; none if it is not there (any more).
func (w *cleaning) bounds(ctx context.Context, t messagelog.Topic) ([]messagelog.Bounds, error) {
	bounds, err := w.Log.Bounds(ctx, []messagelog.Topic{t})
	if err != nil && !errors.Is(err, messagelog.ErrNoTopic) {
		return nil, fmt.Errorf("bounds of %s: %w", t, err)
	}
	return bounds[t], nil
}

// trim deletes the oldest records of a partition that were appended before an instant. Later records were not appended earlier.
func (w *cleaning) trim(ctx context.Context, t messagelog.Topic, part int, before time.Time) (n int, over bool, err error) {
	bounds, err := w.bounds(ctx, t)
	if err != nil || part >= len(bounds) {
		return 0, true, err
	}
	first := bounds[part].First
	n = int(min(bounds[part].End-first, chunk))
	old := func(i int) bool {
		if err != nil {
			return false
		}
		var is bool
		is, err = w.old(ctx, t, part, first+int64(i), before)
		return is
	}
	if n == 0 || !old(n-1) {
		n = sort.Search(n, func(i int) bool { return !old(i) })
		over = true
	}
	if err == nil && n > 0 {
		err = w.Admin.Trim(ctx, t, part, first+int64(n))
	}
	switch {
	case errors.Is(err, messagelog.ErrNoTopic): // it was deleted meanwhile
		return 0, true, nil
	case err != nil:
		return 0, false, fmt.Errorf("trim %s/%d: %w", t, part, err)
	}
	w.note(ctx, "notification", n, before, audit.InternalTopic.Is(string(t)))
	return n, over, nil
}

// readWait bounds the wait for a record that is there.
const readWait = 10 * time.Second

// old tells whether the record at offset was appended before an instant; a position without a record is.
func (w *cleaning) old(ctx context.Context, t messagelog.Topic, part int, offset int64, before time.Time) (bool, error) {
	for batch, err := range w.Log.Read(ctx, t, part, offset, offset+1, messagelog.ReadOptions{MaxRecords: 1, Timeout: readWait}) {
		if err != nil {
			return false, err
		}
		return len(batch.Records) == 0 || batch.Records[0].AppendedAt.Before(before), nil
	}
	return true, nil
}
