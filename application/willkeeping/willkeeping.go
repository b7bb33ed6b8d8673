// Package willkeeping is the use cases of living wills and treatment wills (LTR-BTR): a citizen's own changes, the look-ups of authorised
// professionals and of systems, and the administration of both registers.
package willkeeping

import (
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/will"
)

// GrantHas is the grant of organisations whose systems may ask whether a will exists. A grant that nobody holds allows nobody.
const GrantHas = "wills.has"

// Request is whose wills a call is about, and how it came.
type Request struct {
	Citizen cpr.Number // zero = the message names nobody, or not rightly
	Surface will.Surface
	Match   string // ID of the registration that the change is made to; "" = any
}

// What callers are told beside what the rules refuse (package will). The texts are constant and tell nothing of the citizen.
var (
	ErrCitizen       error = fault.Error{Kind: fault.Malformed, Code: "invalid_id", Text: "the citizen's id is not valid"}
	ErrNotAuthorized error = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "no access"}
	ErrMinLog              = fault.Error{Kind: fault.Unavailable, Code: "minlog_unavailable", Text: "MinLog is unavailable, nothing was done"}
	ErrDown                = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "internal error"}
)
