package admitting

import (
	"errors"
	"net/netip"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
)

// How a call ended, for metrics.
const (
	OK          = "ok"
	Faulted     = "fault"
	Refused     = "refused" // by security
	AuditFailed = "audit_failed"
	TimedOut    = "timeout"
	Limited     = "limited" // turned away because of too many calls
)

// ErrOverloaded answers a call for which there is no place.
var ErrOverloaded = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "Too many calls in progress."}

// Observed is one request as it went.
type Observed struct {
	Service   string
	Component audit.Component
	Addr      netip.Addr // of the client
	Operation string     // its label, "" if it was not recognised
	Outcome   string
	Fault     fault.Error // what the caller was told, zero for a good answer
	Cause     string      // why security refused, a short constant text; else ""
	Replayed  bool        // the answer of an earlier call was given again
	Access    audit.Access
	Notes     audit.Notes
}

// Ending tells how the call ended, and what the caller was told: nothing where it got a good answer.
func (o Outcome) Ending() (how string, told fault.Error) {
	if o.Err == nil {
		return OK, fault.Error{}
	}
	told, _ = fault.Of(o.Err)
	switch {
	case errors.Is(o.Err, ErrAudit):
		return AuditFailed, told
	case errors.Is(o.Err, ErrOverloaded), told.Kind == fault.Limited:
		return Limited, told
	case o.Refused:
		return Refused, told
	case told.Kind == fault.Timeout:
		return TimedOut, told
	}
	return Faulted, told
}
