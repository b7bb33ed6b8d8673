package logkeeping

import (
	"context"
	"fmt"

	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// ITSystem is the system in whose name our own services register.
const ITSystem = "OpenNSP"

// AccessLog registers what our own services do, in the message log of this process. It folds nothing: an entry is known by its sequence number
// when it comes again in other company. It leaves no audit line of its own: that of the call it is part of tells. It is safe for concurrent use.
type AccessLog struct {
	Registrar *Registrar    // by whose rules, and into whose message log
	CVR       string        // of who runs the services
	NewID     func() string // stands for the MessageID, by which entries without a sequence number are known
}

var _ ports.AccessLog = (*AccessLog)(nil)

// Log implements ports.AccessLog.
func (a *AccessLog) Log(ctx context.Context, entries ...minlog.Entry) error {
	if ports.Written(ctx) {
		return ports.ErrLateLog
	}
	r := a.Registrar
	now := r.Now()
	rules := r.rules(minlog.Interface20250312, now)
	taken, err := rules.Taken(entries)
	if err != nil {
		return err
	}
	b, err := r.newBulk(ctx, minlog.Registrar{CVR: a.CVR, ITSystem: ITSystem, MessageID: a.NewID(), Interface: rules.Interface}, now, len(taken))
	if err != nil {
		return fmt.Errorf("log access: %w", err)
	}
	for i := range taken {
		if err := b.add(i, &taken[i]); err != nil {
			return fmt.Errorf("log access: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ports.Apart(ctx), r.AppendTimeout)
	defer cancel()
	if err := r.Log.Append(ctx, b.records); err != nil {
		return unavailable("log access", err)
	}
	return nil
}
