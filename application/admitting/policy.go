// Package admitting is the gate every call goes through: who may call what, and in which order the effect, the audit line and the answer
// become real.
package admitting

import (
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

// Policy says who may call an operation.
type Policy struct {
	Schemes    []identity.Scheme
	MinLevel   int // of an ID card: 3 or 4; checked with the card, before its times
	Kinds      []identity.Kind
	MaxCardAge time.Duration // counted from the card's IssueInstant; 0 = 24 hours
	MaxBytes   int64         // of the message; 0 = 1 MiB
}

// The defaults of a policy.
const (
	DefaultCardAge  = 24 * time.Hour
	DefaultMaxBytes = 1 << 20
)

var errKind error = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "this kind of caller may not use the operation"}

// Admit tells whether a caller whose credential was verified may use the operation. An unknown kind is allowed nothing.
func (p Policy) Admit(c identity.Caller) error {
	if c.Kind == identity.Unknown || !slices.Contains(p.Schemes, c.Credential.Scheme) || !slices.Contains(p.Kinds, c.Kind) {
		return errKind
	}
	return nil
}
