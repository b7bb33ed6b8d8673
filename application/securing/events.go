package securing

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

// MaxEvents is how many security events are shown at once.
const MaxEvents = 500

// Events shows the calls that security turned away. Safe for concurrent use.
type Events struct {
	Store ports.SecurityEvents
	Trail ports.Trail
}

// Since returns the events at or after since, newest first, at most MaxEvents. The zero time is the beginning.
func (e *Events) Since(ctx context.Context, caller identity.Caller, since time.Time) ([]audit.Refusal, error) {
	filter := ""
	if !since.IsZero() {
		filter = "since " + since.UTC().Format(time.RFC3339Nano)
	}
	if err := administers(ctx, e.Trail, audit.ListEvents, caller, filter); err != nil {
		return nil, err
	}
	events, err := e.Store.Since(ctx, since, MaxEvents)
	if err != nil {
		return nil, fmt.Errorf("read security events: %w", err)
	}
	e.Trail.Note(ctx, audit.Admin, audit.ListEvents, audit.Result.Is(strconv.Itoa(len(events))))
	return events, nil
}
