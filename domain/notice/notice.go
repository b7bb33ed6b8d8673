// Package notice holds what leaves the database by the outbox.
package notice

import (
	"time"

	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/nas"
)

// Target is whom a notice is for.
type Target string

// The targets.
const (
	NAS    Target = "nas"
	MinLog Target = "minlog"
)

// Notice is one message that must be delivered, at least once and in the order of its key.
type Notice struct {
	ID      string // a UUID; a target that gets a notice again knows it by this
	Key     string // notices of one key are delivered in order; no personal number
	To      Target
	Advis   nas.Notification // of NAS
	Entry   minlog.Entry     // of MinLog
	Created time.Time
}

// Parked is a notice that its target refused for good.
type Parked struct {
	Notice
	Code string
}
