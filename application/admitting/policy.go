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
	MinLevel   int             // of an ID card: 3 or 4; checked with the card, before its times
	Kinds      []identity.Kind // of the caller as the HSUID header left it, where the policy takes that header
	MaxCardAge time.Duration   // counted from the card's IssueInstant; 0 = 24 hours
	MaxBytes   int64           // of the message; 0 = 1 MiB
	Audiences  []string        // of IDWS tokens, one of them exactly; none = no token is accepted
	Grant      string          // "<service>.<right>" that the caller's organisation must hold; "" = none
	HSUID      Header          // whether what a trusted system says of its user counts
	Addresses  string          // name of the list of client addresses that may call without credential; "" = none may
	Resend     Resend
}

// Header says whether an operation takes a header.
type Header uint8

// The uses of a header.
const (
	Ignored Header = iota // it is checked and audited, and changes nothing
	Optional
	Required
)

// Resend says what happens when a DGWS message comes again, with the same MessageID (DGWS 1.0.1, gensendelse).
type Resend uint8

// The modes.
const (
	Recompute Resend = iota // reads: the call is carried out again; nothing is kept
	Store                   // writes: the answer is kept and given again
	Own                     // the service keeps its answers itself
)

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
