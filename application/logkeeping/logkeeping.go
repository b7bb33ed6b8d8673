// Package logkeeping holds the use cases of MinLog2: systems register accesses to citizens' data, a consumer stores them, citizens and
// professionals read them.
package logkeeping

import (
	"fmt"

	"github.com/opennsp/nsp/domain/fault"
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
