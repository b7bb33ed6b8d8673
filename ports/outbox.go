package ports

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
)

// Outbox keeps notices until they are delivered. It is safe for concurrent use, also by several processes. Times are cut to microseconds.
type Outbox interface {
	// Put keeps notices in the order given, in the unit of work in ctx or in a transaction of its own: all or none. One with a known ID is
	// ignored; notice.ErrTarget if the target of one is unknown. Notices of one key to one target are ordered as their units commit where the
	// writer locks what the key names.
	Put(ctx context.Context, n ...notice.Notice) error
	// Next returns at most n notices to a target that are due at now: of each key the oldest to it that is neither delivered nor parked, if it
	// is due, whatever waits for other targets. Those that were never put off or retried come first, then by the time to which they were; of
	// one time the oldest. The caller owns them.
	Next(ctx context.Context, to notice.Target, now time.Time, n int) ([]notice.Notice, error)
	// Done: the target has the notice. Later: it did not take it, and is asked again at next. Park: it refused it for good with a code; the
	// notice is kept and does not hold up its key. Each joins the unit of work in ctx and does nothing to a notice that is done, parked or
	// unknown.
	Done(ctx context.Context, id string, at time.Time) error
	Later(ctx context.Context, id string, next time.Time) error
	Park(ctx context.Context, id, code string) error
	// Parked returns the parked notices, oldest first, at most n.
	Parked(ctx context.Context, n int) ([]notice.Parked, error)
	// Retry has a parked notice delivered again, before what waits of its key and was put later; Drop removes it. notice.ErrNotParked if none
	// is parked with the id. Both join the unit of work in ctx.
	Retry(ctx context.Context, id string, now time.Time) error
	Drop(ctx context.Context, id string) error
	// Waiting tells how many notices are neither delivered nor parked, how many are parked, and when the oldest of the former was made, zero
	// if there is none.
	Waiting(ctx context.Context) (waiting, parked int, oldest time.Time, err error)
	// Forget deletes at most n notices that were delivered at or before sent, in a transaction of its own; done=true tells that none is left.
	Forget(ctx context.Context, sent time.Time, n int) (done bool, err error)
}

// Notifier publishes notifications. It is safe for concurrent use.
type Notifier interface {
	// Notify returns nil when all are kept by the notification service; otherwise none is, or it is not known. An error that wraps
	// nas.ErrRefused comes again however often it is tried.
	Notify(ctx context.Context, ns []nas.Notification) error
}
