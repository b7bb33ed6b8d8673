package nasws

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// Notifier publishes notifications at the broker of another server. What the broker lists as something that it can never take is refused; anything
// else somebody can mend, so it comes again. It is safe for concurrent use if Send is.
type Notifier struct {
	Client  *Client
	Timeout time.Duration // of a call; 0 = none
}

var _ ports.Notifier = (*Notifier)(nil)

// Notify implements ports.Notifier.
func (n *Notifier) Notify(ctx context.Context, all []nas.Notification) error {
	checked := make([]nas.Notification, len(all))
	for i := range all {
		var err error
		if checked[i], err = all[i].Checked(); err != nil {
			return err
		}
	}
	if len(checked) == 0 {
		return nil
	}
	if n.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, n.Timeout)
		defer cancel()
	}
	err := n.Client.Publish(ctx, checked...)
	if err == nil || errors.Is(err, nas.ErrRefused) {
		return err
	}
	if listed, ok := errors.AsType[*Refused](err); ok {
		for _, u := range listed.Undelivered {
			switch u.Code {
			case nas.TopicMissing, nas.TopicUnknown, nas.ContentInvalid, nas.TooLarge:
				return nas.Refusal{Code: u.Code}
			}
		}
		return fmt.Errorf("notify: the broker answered with %s, HTTP status %d", listed.Name, listed.Status)
	}
	if told, ok := errors.AsType[*soap.Fault](err); ok { // its text may quote a notification
		return fmt.Errorf("notify: the broker answered with a fault, HTTP status %d", told.Status)
	}
	return fmt.Errorf("notify: %w", err)
}
