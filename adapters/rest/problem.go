package rest

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
)

// typePrefix stands before the code of a fault in the type of a problem.
const typePrefix = "urn:opennsp:problem:"

// What callers hear before a use case runs.
var (
	errNoPath   = fault.Error{Kind: fault.NotFound, Code: "no_such_resource", Text: "There is nothing at this path."}
	errMethod   = fault.Error{Kind: fault.Malformed, Code: fault.CodeHTTPMethod, Text: "The path has no such method."}
	errTooLarge = fault.Error{Kind: fault.TooLarge, Code: fault.CodeSyntax, Text: "The body is too large."}
	errNoToken  = fault.Error{Kind: fault.Unauthenticated, Code: fault.CodeMissingHeader, Text: "The bearer token is missing."}

	errRead     = syntaxError("The body could not be read.")
	errEncoding = syntaxError("Content-Encoding is not supported.")
	errMedia    = syntaxError("The Content-Type must be application/json.")
	errOpening  = syntaxError("A session is opened with a SOAP envelope: the Content-Type must be text/xml or application/soap+xml.")
	errJSON     = syntaxError("The body must be one JSON object with the members of the operation alone, each once and of its type.")
	errNoBody   = syntaxError("The operation takes no body.")
	errQuery    = syntaxError("The query has a parameter that the operation does not have, or one that cannot be read.")
	errNoKey    = syntaxError("The header Idempotency-Key is missing.")
	errTag      = syntaxError("If-Match must be one entity tag as the answer gave it, or *.")
	errKey      = syntaxError("The Idempotency-Key must be 1 to 256 visible ASCII characters.")
)

func syntaxError(text string) fault.Error {
	return fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: text}
}

// statusOf is the HTTP status of a fault.
func statusOf(f fault.Error) int {
	switch f.Code {
	case fault.CodeHTTPMethod:
		return http.StatusMethodNotAllowed
	case codePrecondition:
		return http.StatusPreconditionRequired
	}
	switch f.Kind {
	case fault.Malformed:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Gone:
		return http.StatusGone
	case fault.Stale:
		return http.StatusPreconditionFailed
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.Invalid:
		return http.StatusUnprocessableEntity
	case fault.Limited:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.Timeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// problemJSON tells of a problem.
type problemJSON struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	CallID string `json:"callId"`

	Undelivered []undeliveredJSON `json:"undelivered,omitempty"` // of a request with notifications, all of them
	Topic       string            `json:"topic,omitempty"`       // that the caller may not read
}

// problem is the answer that tells of err (RFC 9457), which wraps a fault.Error.
func (x *exchange) problem(err error) admitting.Answer {
	f, _ := fault.Of(err)
	if p, ok := errors.AsType[*ecpr.Problem](err); ok && p.Text != "" {
		f.Text = p.Text // without the value
	}
	status := statusOf(f)
	told := problemJSON{Type: typePrefix + f.Code, Title: title(f.Code), Status: status, Detail: f.Text, CallID: x.access.CallID}
	told.notifications(err)
	body, _ := json.Marshal(told) // texts and numbers: cannot fail
	return admitting.Answer{Code: status, Body: body}
}

// title is the code in words.
func title(code string) string {
	words := strings.ReplaceAll(code, "_", " ")
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}
