package soap

import (
	"errors"
	"net/http"

	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
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
	case errors.Is(err, ErrMustUnderstand):
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

// writeIDWSFault writes a soap:Fault of IDWS and returns its HTTP status: in SOAP 1.2 what the sender did is 400.
func writeIDWSFault(w *xmlout.Writer, soap12 bool, err error) (status int) {
	f, _ := fault.Of(err)
	code := wsseCode(err)
	switch {
	case soap12 && code != "":
		writeFault12(w, "soap:Sender", code, f)
		return http.StatusBadRequest
	case soap12:
		writeFault12(w, faultCode(err, "soap:Receiver"), "", f)
	case code != "":
		writeFault11(w, code, f)
	default:
		writeFault11(w, faultCode(err, "soap:Server"), f)
	}
	return http.StatusInternalServerError
}

// writeFault11 writes the content of a SOAP 1.1 fault.
func writeFault11(w *xmlout.Writer, code string, f fault.Error) {
	w.Elem("faultcode", code)
	w.Elem("faultstring", f.Text)
	writeDetail(w, "detail", f)
}

// writeFault12 writes the content of a SOAP 1.2 fault; subcode "" is left out.
func writeFault12(w *xmlout.Writer, code, subcode string, f fault.Error) {
	w.Start("soap:Code")
	w.Elem("soap:Value", code)
	if subcode != "" {
		w.Start("soap:Subcode")
		w.Elem("soap:Value", subcode)
		w.End()
	}
	w.End()
	w.Start("soap:Reason")
	w.Elem("soap:Text", f.Text, "xml:lang", "en")
	w.End()
	writeDetail(w, "soap:Detail", f)
}

// faultCode is MustUnderstand where that is what went wrong, which both SOAP versions have a code for.
func faultCode(err error, ordinary string) string {
	if errors.Is(err, ErrMustUnderstand) {
		return "soap:MustUnderstand"
	}
	return ordinary
}

func writeDetail(w *xmlout.Writer, name string, f fault.Error) {
	w.Start(name)
	w.Elem("medcom:FaultCode", f.Code)
	w.End()
}
