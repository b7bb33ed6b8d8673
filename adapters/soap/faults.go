package soap

import (
	"errors"
	"net/http"

	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/ports"
)

// Faultcodes of WS-Security 1.0, chapter 12, and the one of WSS 1.1.
const (
	wsseInvalidSecurity      = "wsse:InvalidSecurity"
	wsseInvalidSecurityToken = "wsse:InvalidSecurityToken"
	wsseFailedAuthentication = "wsse:FailedAuthentication"
	wsseFailedCheck          = "wsse:FailedCheck"
	wsseMessageExpired       = "wsse:MessageExpired"
)

// wsseCode returns the faultcode that IDWS has for err; "" for what is ours or the service's own, which is soap:Server as in DGWS. The code
// of DGWS stands in the detail whatever the scheme.
func wsseCode(err error) string {
	switch {
	case errors.Is(err, ErrMustUnderstand), errors.Is(err, errVersion):
		return ""
	case errors.Is(err, idws.ErrAudience):
		return wsseInvalidSecurityToken
	case errors.Is(err, ports.ErrSeen):
		return wsseInvalidSecurity
	}
	f, _ := fault.Of(err)
	switch f.Code {
	case fault.CodeSyntax, fault.CodeMissingHeader:
		return wsseInvalidSecurity
	case fault.CodeSecurityLevel, fault.CodeCertificate, fault.CodeNotAuthorized:
		return wsseFailedAuthentication
	case fault.CodeSignature:
		return wsseFailedCheck
	case fault.CodeIDCard:
		return wsseInvalidSecurityToken
	case fault.CodeExpired:
		return wsseMessageExpired
	}
	return ""
}

// FaultError is a fault in the form of a contract of its own. A service's Serve returns it, or its Tell makes it.
type FaultError struct {
	Err    error                  // wraps a fault.Error, whose text stands in logs and holds no value
	Client bool                   // faultcode soap:Client (SOAP 1.2: soap:Sender) instead of soap:Server
	Text   string                 // faultstring; "" = that of Err. It may hold values of the request
	Detail func(w *xmlout.Writer) // content of detail; nil = the code as DGWS writes it
	Bare   bool                   // no detail at all
	Status int                    // of HTTP; 0 = that of the profile
}

// Error tells Err alone.
func (f *FaultError) Error() string { return f.Err.Error() }

// Unwrap returns Err.
func (f *FaultError) Unwrap() error { return f.Err }

// FrameError is why a message could not be read as one for an operation of the service: it is no XML, no envelope, or for another operation.
type FrameError struct{ Err error }

// Error tells Err.
func (f *FrameError) Error() string { return f.Err.Error() }

// Unwrap returns Err.
func (f *FrameError) Unwrap() error { return f.Err }

// writeIDWSFault writes a soap:Fault of IDWS and returns its HTTP status: in SOAP 1.2 what the sender did is 400.
func writeIDWSFault(w *xmlout.Writer, soap12 bool, err error) (status int) {
	code := wsseCode(err)
	switch {
	case soap12 && code != "":
		writeFault12(w, "soap:Sender", code, err)
		return http.StatusBadRequest
	case soap12:
		writeFault12(w, faultCode12(err), "", err)
	case code != "":
		writeFault11(w, code, err)
	default:
		writeFault11(w, faultCode11(err), err)
	}
	return http.StatusInternalServerError
}

// writeFault11 writes the content of a SOAP 1.1 fault.
func writeFault11(w *xmlout.Writer, code string, err error) {
	w.Elem("faultcode", code)
	w.Elem("faultstring", faultText(err))
	writeDetail(w, "detail", err)
}

// writeFault12 writes the content of a SOAP 1.2 fault; subcode "" is left out.
func writeFault12(w *xmlout.Writer, code, subcode string, err error) {
	w.Start("soap:Code")
	w.Elem("soap:Value", code)
	if subcode != "" {
		w.Start("soap:Subcode")
		w.Elem("soap:Value", subcode)
		w.End()
	}
	w.End()
	w.Start("soap:Reason")
	w.Elem("soap:Text", faultText(err), "xml:lang", "en")
	w.End()
	writeDetail(w, "soap:Detail", err)
}

// faultCode11 is MustUnderstand where that is what went wrong, which both SOAP versions have a code for.
func faultCode11(err error) string { return faultCode(err, "soap:Client", "soap:Server") }

func faultCode12(err error) string { return faultCode(err, "soap:Sender", "soap:Receiver") }

func faultCode(err error, sender, receiver string) string {
	own, ok := errors.AsType[*FaultError](err)
	switch {
	case errors.Is(err, ErrMustUnderstand):
		return "soap:MustUnderstand"
	case errors.Is(err, errVersion):
		return "soap:VersionMismatch"
	case ok && own.Client:
		return sender
	}
	return receiver
}

func faultText(err error) string {
	if own, ok := errors.AsType[*FaultError](err); ok && own.Text != "" {
		return own.Text
	}
	f, _ := fault.Of(err)
	return f.Text
}

func writeDetail(w *xmlout.Writer, name string, err error) {
	own, ok := errors.AsType[*FaultError](err)
	if ok && own.Bare {
		return
	}
	w.Start(name)
	if ok && own.Detail != nil {
		own.Detail(w)
	} else {
		f, _ := fault.Of(err)
		w.Elem("medcom:FaultCode", f.Code)
	}
	w.End()
}

// TellDown returns a Service.Tell that has one text for all that is the server's own, but for what says what became of the call (OfGate).
func TellDown(text string) func(error) error {
	return func(err error) error {
		f, ok := fault.Of(err)
		if !ok || f.Code != fault.CodeProcessing || f.Kind != fault.Internal && f.Kind != fault.Unavailable || OfGate(f) {
			return err
		}
		return &FaultError{Err: err, Text: text}
	}
}

// OfGate tells whether the text of a fault says what became of the call, which every service tells alike.
func OfGate(f fault.Error) bool {
	switch f {
	case admitting.ErrAudit, admitting.ErrNotCommitted, admitting.ErrOutcomeUnknown, admitting.ErrRunning, ErrOverloaded, ErrDraining:
		return true
	}
	return false
}
