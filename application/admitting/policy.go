// Package admitting is the gate every call goes through: who may call what, and in which order the effect, the audit line and the answer
// become real.
package admitting

import (
	"cmp"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
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
	Listed     string          // name of the list on which the client address is, whatever the credential; "" = it may be any
	Resend     Resend
}

// Header says whether an operation takes a header.
type Header uint8

// The uses of a header.
const (
	Ignored Header = iota // it is checked and audited, and changes nothing
	Optional
	Required // beside an ID card; with anything else it is optional
)

// Resend says what happens when a DGWS message comes again, with the same MessageID (DGWS 1.0.1, gensendelse), or a call of a session with the
// same key.
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

// Why a policy turns a caller away.
var (
	errKind  error = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "this kind of caller may not use the operation"}
	errGrant error = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "the organisation may not use the operation"}
	errWord  error = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized,
		Text: "the organisation's word about its users does not count"}
	errLevel error = fault.Error{Kind: fault.Forbidden, Code: fault.CodeSecurityLevel,
		Text: "the session was opened with an ID card of too low a level"}
	errAudience error = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized,
		Text: "the session was opened with a token for another service"}
	errNoHSUID error = fault.Error{Kind: fault.Unauthenticated, Code: fault.CodeMissingHeader, Text: "the HSUID header is missing"}
)

// Admit returns the caller of an operation, given the caller whose credential was verified and what its organisation holds; or why there is
// none. The order is: scheme and kind, grant, HSUID header. The kind of a system is what the header leaves of it, so that a header in error
// stands for its kind. An unknown kind is allowed nothing.
func (p Policy) Admit(c identity.Caller, holds func(grant string) (bool, error)) (identity.Caller, error) {
	if c.Kind == identity.Unknown || !slices.Contains(p.Schemes, c.Credential.Scheme) {
		return identity.Caller{}, errKind
	}
	if err := p.session(c); err != nil {
		return identity.Caller{}, err
	}
	trusted := false
	if p.HSUID != Ignored && (c.Vouched || c.Kind == identity.System && c.HSUID != nil) {
		var err error
		if trusted, err = holds(trust.HSUIDGrant); err != nil {
			return identity.Caller{}, err
		}
	}
	user, header := p.user(c, trusted)
	kind := user.Kind
	if header != nil {
		kind = c.Kind
	}
	if (header == nil || kind != identity.System) && !slices.Contains(p.Kinds, kind) {
		return identity.Caller{}, errKind
	}
	if p.Grant != "" {
		if ok, err := holds(p.Grant); err != nil || !ok {
			return identity.Caller{}, cmp.Or(err, errGrant)
		}
	}
	return user, header
}

// session holds a session against what a verifier would have asked of the credential that opened it: the level of an ID card, the audience
// of a token where the operation names any.
func (p Policy) session(c identity.Caller) error {
	switch credential := c.Credential; {
	case credential.Scheme != identity.Session:
		return nil
	case credential.Origin == identity.IDWS:
		if len(p.Audiences) > 0 && !slices.Contains(p.Audiences, c.Audience) {
			return errAudience
		}
	case c.Kind != identity.Citizen && credential.Level < p.MinLevel: // no ID card is a citizen's
		return errLevel
	}
	return nil
}

// user returns the caller as the HSUID header leaves it, where the operation takes that header. A caller that was vouched for before, such
// as when its session was opened, stays so only where the header would count again.
func (p Policy) user(c identity.Caller, trusted bool) (identity.Caller, error) {
	switch {
	case c.Vouched && !trusted:
		return identity.Caller{}, errWord
	case p.HSUID == Ignored:
		c.HSUID = nil
		return c, nil
	case p.needsHSUID(c) && c.HSUID == nil:
		return identity.Caller{}, errNoHSUID
	}
	user, err := c.WithUser(trusted)
	if err == nil && p.needsHSUID(c) && user.HSUID == nil {
		return identity.Caller{}, errWord
	}
	return user, err
}

func (p Policy) needsHSUID(c identity.Caller) bool {
	return p.HSUID == Required && c.Credential.Scheme == identity.DGWS
}
