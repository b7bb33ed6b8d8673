// Package fault says what went wrong in words a caller may be told.
//
// Any error that is not (and does not wrap) an Error is ours: it is logged, and the caller hears "Internal error".
package fault

import "errors"

// Kind is the closed set of what can go wrong. The zero Kind is Internal.
type Kind uint8

// The kinds, with the HTTP status a REST answer gives them.
const (
	Internal        Kind = iota // 500
	Malformed                   // 400: the message cannot be read
	Unauthenticated             // 401: no or bad credential
	Forbidden                   // 403: a good credential without the right
	NotFound                    // 404
	Conflict                    // 409: another call was first
	Gone                        // 410: it was there and is no more
	Stale                       // 412: the caller's version is old
	TooLarge                    // 413
	Invalid                     // 422: readable, but against a rule
	Limited                     // 429
	Unavailable                 // 503: a dependency does not answer
	Timeout                     // 504
)

// Error is an outcome that may be told to the caller. Values are comparable, so that a sentinel is an Error value.
type Error struct {
	Kind Kind
	Code string // the contract's wire code, e.g. "not_authorized"
	Text string // written for the client; never holds a civil registration number, a key or a cause
}

// Error returns the code and the text.
func (e Error) Error() string { return e.Code + ": " + e.Text }

// Of returns the Error that err is or wraps; ok is false where there is none.
func Of(err error) (e Error, ok bool) {
	ok = errors.As(err, &e)
	return e, ok
}

// Is tells whether err is or wraps an Error of kind k.
func Is(err error, k Kind) bool {
	e, ok := Of(err)
	return ok && e.Kind == k
}

// The wire codes that every service shares (DGWS 1.0.1, fault codes; illegal_http_method and processing_problem are DGWS' too).
const (
	CodeSyntax         = "syntax_error"
	CodeMissingHeader  = "missing_required_header"
	CodeSecurityLevel  = "security_level_failed"
	CodeSignature      = "invalid_signature"
	CodeIDCard         = "invalid_idcard"
	CodeCertificate    = "invalid_certificate"
	CodeExpired        = "expired_idcard"
	CodeNotAuthorized  = "not_authorized"
	CodeNonRepudiation = "nonrepudiation_not_supported"
	CodeHTTPMethod     = "illegal_http_method"
	CodeProcessing     = "processing_problem"
)
