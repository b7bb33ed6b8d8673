package relaying

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
)

var errNotOperator = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "Only an administrator may do this."}

// maxParked is how many parked notices are listed at most.
const maxParked = 1000

// Figures tell how the outbox is.
type Figures struct {
	Waiting int // neither delivered nor parked
	Parked  int
	Oldest  time.Duration // how long the oldest that waits does so
}

// ReadFigures counts the notices of an outbox.
func ReadFigures(ctx context.Context, outbox ports.Outbox, now time.Time) (Figures, error) {
	waiting, parked, oldest, err := outbox.Waiting(ctx)
	if err != nil {
		return Figures{}, fmt.Errorf("count notices: %w", err)
	}
	f := Figures{Waiting: waiting, Parked: parked}
	if !oldest.IsZero() {
		f.Oldest = max(now.Sub(oldest), 0)
	}
	return f, nil
}

// Operating shows administrators the outbox, and lets them decide about what is parked. It is safe for concurrent use.
type Operating struct {
	Outbox ports.Outbox
	Trail  ports.Trail
	Now    func() time.Time
}

// Parked returns the parked notices, oldest first, at most 1,000.
func (o *Operating) Parked(ctx context.Context, caller identity.Caller) ([]notice.Parked, error) {
	if err := o.operates(ctx, audit.ListParked, caller, ""); err != nil {
		return nil, err
	}
	parked, err := o.Outbox.Parked(ctx, maxParked)
	if err != nil {
		return nil, fmt.Errorf("find parked notices: %w", err)
	}
	o.Trail.Note(ctx, audit.Admin, audit.ListParked, audit.Result.Is(strconv.Itoa(len(parked))))
	return parked, nil
}

// Status tells how the outbox is.
func (o *Operating) Status(ctx context.Context, caller identity.Caller) (Figures, error) {
	if err := o.operates(ctx, audit.ListParked, caller, "status"); err != nil {
		return Figures{}, err
	}
	return ReadFigures(ctx, o.Outbox, o.Now())
}

// Retry has a parked notice delivered again; notice.ErrNotParked if none is parked with the id.
func (o *Operating) Retry(ctx context.Context, caller identity.Caller, id string) error {
	if err := o.operates(ctx, audit.RetryParked, caller, ""); err != nil {
		return err
	}
	o.Trail.Note(ctx, audit.Admin, audit.RetryParked, audit.NoticeID.Is(id))
	return o.Outbox.Retry(ctx, id, o.Now())
}

// Drop removes a parked notice, which is never delivered; notice.ErrNotParked if none is parked with the id.
func (o *Operating) Drop(ctx context.Context, caller identity.Caller, id string) error {
	if err := o.operates(ctx, audit.DropParked, caller, ""); err != nil {
		return err
	}
	o.Trail.Note(ctx, audit.Admin, audit.DropParked, audit.NoticeID.Is(id))
	return o.Outbox.Drop(ctx, id)
}

// operates lets only an administrator go on, and says in the audit log who asks for what, whether or not it is allowed.
func (o *Operating) operates(ctx context.Context, where audit.Context, caller identity.Caller, filter string) error {
	user := caller.Kind.String()
	if caller.Org.CVR != "" {
		user += "/" + caller.Org.CVR
	}
	o.Trail.Note(ctx, audit.Admin, where, audit.User.Is(user), audit.Filter.Is(filter))
	if !caller.Administrator {
		return errNotOperator
	}
	return nil
}

// Alarms returns what an operator has to look at: notices that are parked.
func (o *Operating) Alarms(ctx context.Context) ([]string, error) {
	f, err := ReadFigures(ctx, o.Outbox, o.Now())
	if err != nil || f.Parked == 0 {
		return nil, err
	}
	return []string{fmt.Sprintf("outbox: %d notices were refused and are parked", f.Parked)}, nil
}

// Forgetting deletes what was delivered long ago. It is safe for concurrent use.
type Forgetting struct {
	Outbox ports.Outbox
	Keep   time.Duration // how long a notice is kept after it was delivered
}

var _ ports.Purger = (*Forgetting)(nil)

// Purge deletes at most n notices that were delivered Keep before now, or earlier.
func (f *Forgetting) Purge(ctx context.Context, now time.Time, n int) (done bool, err error) {
	return f.Outbox.Forget(ctx, now.Add(-f.Keep), n)
}
