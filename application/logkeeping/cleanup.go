package logkeeping

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// Cleanup removes what MinLog shows no longer, and makes room for what comes. It is safe for concurrent use.
type Cleanup struct {
	Store          ports.LogStore
	Months         ports.LogMonths // nil where the store keeps no months apart
	Trimmers       []*Trimmer      // of the message logs that are kept in the store
	Trail          ports.Trail
	Now            func() time.Time
	RetentionYears int  // calendar years that MinLog shows
	PurgeTail      bool // also what is too old of the month that is not too old as a whole
}

// Cleaned is what a run of the clean-up tells of itself.
type Cleaned struct {
	Cutoff            time.Time `json:"cutoff"`
	PartitionsDropped int64     `json:"partitionsDropped"`
	RowsDeleted       int64     `json:"rowsDeleted"` // one by one: not those of the months
	Detail            string    `json:"detail,omitempty"`
}

// monthsAhead is how far ahead of now there is room for registrations.
const monthsAhead = 3

// Job returns the clean-up as a job.
func (c *Cleanup) Job(due scheduling.Schedule, ttl time.Duration) scheduling.Job {
	return scheduling.Job{Name: CleanupJob, Due: due, Route: audit.MinLog2, TTL: ttl, Begin: c.Begin}
}

// Prepare makes room for registrations of every month that MinLog shows, and of those that come. Who writes calls it at start.
func (c *Cleanup) Prepare(ctx context.Context) error {
	return c.makeMonths(ctx, minlog.Cutoff(c.Now(), c.RetentionYears))
}

func (c *Cleanup) makeMonths(ctx context.Context, cutoff time.Time) error {
	if c.Months == nil {
		return nil
	}
	now := c.Now().UTC()
	ahead := time.Date(now.Year(), now.Month()+monthsAhead, 1, 0, 0, 0, 0, time.UTC)
	if err := c.Months.MakeMonths(ctx, cutoff, ahead); err != nil {
		return fmt.Errorf("make months: %w", err)
	}
	return nil
}

// Begin returns one run: months that are too old as a whole, what else is too old, room for the months that come, consumed records.
func (c *Cleanup) Begin() scheduling.Work {
	w := &cleaning{c: c, cutoff: minlog.Cutoff(c.Now(), c.RetentionYears)}
	w.done.Cutoff = w.cutoff
	w.phases = []func(context.Context) (bool, error){w.dropMonth, w.expire, w.makeMonths}
	for _, t := range c.Trimmers {
		w.phases = append(w.phases, func(ctx context.Context) (bool, error) {
			_, done, err := t.step(ctx)
			return done, err
		})
	}
	return w
}

// cleaning is one run. What a step did counts when the next one begins, or the run ends well: it is committed then.
type cleaning struct {
	c      *Cleanup
	cutoff time.Time
	phases []func(context.Context) (done bool, err error) // the first is repeated until it is done
	busy   bool                                           // a month could not be removed
	done   Cleaned
	now    Cleaned // of the latest step
}

// Step does the next part.
func (w *cleaning) Step(ctx context.Context) (done bool, err error) {
	w.commit()
	over, err := w.phases[0](ctx)
	if err != nil {
		return false, err
	}
	if over {
		w.phases = w.phases[1:]
	}
	return len(w.phases) == 0, nil
}

func (w *cleaning) commit() {
	w.done.PartitionsDropped += w.now.PartitionsDropped
	w.done.RowsDeleted += w.now.RowsDeleted
	w.now = Cleaned{}
}

// End tells what was removed.
func (w *cleaning) End(err error) any {
	if err == nil {
		w.commit()
	}
	switch {
	case err != nil:
		w.done.Detail = err.Error()
	case w.busy:
		w.done.Detail = "a month is in use; the next run removes it"
	}
	return w.done
}

func (w *cleaning) dropMonth(ctx context.Context) (done bool, err error) {
	if w.c.Months == nil {
		return true, nil
	}
	month, ok, err := w.c.Months.DropMonth(ctx, w.cutoff)
	switch {
	case errors.Is(err, ports.ErrMonthBusy):
		w.busy = true
		return true, nil
	case err != nil:
		return false, fmt.Errorf("drop month: %w", err)
	case !ok:
		return true, nil
	}
	w.now.PartitionsDropped = 1
	w.c.Trail.Note(ctx, audit.MinLog2, audit.Cleanup, audit.MonthDeleted.Is(month.UTC().Format("2006-01")), w.olderThan(w.cutoff))
	return false, nil
}

// expire removes one chunk. It leaves the rows of a month alone that is too old as a whole but busy: the next run removes them at once.
func (w *cleaning) expire(ctx context.Context) (done bool, err error) {
	if w.busy {
		return true, nil
	}
	cutoff := w.cutoff
	if !w.c.PurgeTail {
		cutoff = time.Date(cutoff.Year(), cutoff.Month(), 1, 0, 0, 0, 0, time.UTC).Add(-time.Microsecond)
	}
	n, done, err := w.c.Store.Expire(ctx, cutoff)
	if err != nil {
		return false, err
	}
	if n > 0 {
		w.now.RowsDeleted = n
		w.c.Trail.Note(ctx, audit.MinLog2, audit.Cleanup, audit.NumberDeleted.Is(strconv.FormatInt(n, 10)), w.olderThan(cutoff))
	}
	return done, nil
}

func (w *cleaning) olderThan(cutoff time.Time) audit.Information {
	return audit.OlderThan.Is(cutoff.Format(time.RFC3339Nano))
}

func (w *cleaning) makeMonths(ctx context.Context) (done bool, err error) {
	return true, w.c.makeMonths(ctx, w.cutoff)
}
