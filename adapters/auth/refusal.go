package auth

import "github.com/opennsp/nsp/domain/fault"

// Refusal is why security turned a message away: Fault is what the caller hears, the rest is for the log alone.
type Refusal struct {
	Fault  fault.Error
	Cause  string // one of a small set of constant texts
	Anchor string // id of the trust anchor the credential names, "" if none
	CVR    string // organisation of the credential once its signature was verified, else ""
	Err    error  // the error underneath, or nil
}

// Error returns what the caller hears and the cause.
func (r *Refusal) Error() string { return r.Fault.Error() + " (" + r.Cause + ")" }

// Unwrap returns the fault, and the error underneath where there is one.
func (r *Refusal) Unwrap() []error {
	if r.Err == nil {
		return []error{r.Fault}
	}
	return []error{r.Fault, r.Err}
}

func refuse(f fault.Error, cause string) error { return &Refusal{Fault: f, Cause: cause} }

// ErrNotListed answers whoever calls from an address that is not on the list of the operation.
var ErrNotListed = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "Calls from this address are not accepted."}

// What callers hear before any scheme is known.
var (
	errNoSecurity  = fault.Error{Kind: fault.Unauthenticated, Code: fault.CodeMissingHeader, Text: "The Security header is missing."}
	errNoAssertion = fault.Error{Kind: fault.Unauthenticated, Code: fault.CodeMissingHeader,
		Text: "The Security header has no Assertion."}
	errAssertion = fault.Error{Kind: fault.Unauthenticated, Code: fault.CodeIDCard,
		Text: "The Security header must hold exactly one ID card or token."}
	errTLS = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized,
		Text: "The client certificate of the connection is not the one of the credential."}
	errScheme = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "This kind of credential is not accepted here."}
)
