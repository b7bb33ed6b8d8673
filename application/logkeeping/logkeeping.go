// Package logkeeping holds the use cases of MinLog2: systems register accesses to citizens' data, a consumer stores them, citizens and
// professionals read them.
package logkeeping

import (
	"fmt"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

// What callers are told. One text for each operation, whatever the reason.
var (
	errMayNotRegister = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "no access to register"}
	errNoAccess       = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "no access to this person's log"}
	errNotTheCaller   = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "OnBehalfOfPersonId is not the caller"}
	errNotGranted     = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "no access to look up registrations"}
	errNoReport       = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "no access to the report"}
	errUnavailable    = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "internal error"}
)

// unavailable is what the caller hears when a dependency failed; the cause is for the log.
func unavailable(action string, cause error) error {
	return fmt.Errorf("%s: %w: %w", action, errUnavailable, cause)
}

// proved tells whether the caller showed a credential of the scheme, with this call or when its session was opened. A session of a name of the
// test federation, which there is in development alone, counts as one of whatever credential its kind of caller has.
func proved(caller identity.Caller, scheme identity.Scheme) bool {
	p := caller.Proof()
	return p == scheme || p == identity.Sample
}
