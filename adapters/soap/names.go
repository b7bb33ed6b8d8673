package soap

import (
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/fault"
)

// Namespaces of the envelope and of the older WS-Addressing; values of headers and media types.
const (
	nsSOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
	nsSOAP12 = "http://www.w3.org/2003/05/soap-envelope"

	nsAddressing04 = "http://schemas.xmlsoap.org/ws/2004/08/addressing"

	actorNext       = "http://schemas.xmlsoap.org/soap/actor/next"
	roleNext        = "http://www.w3.org/2003/05/soap-envelope/role/next"
	roleUltimate    = "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver"
	contentSOAP11   = "text/xml; charset=utf-8"
	contentSOAP12   = "application/soap+xml; charset=utf-8"
	contentContract = "text/xml; charset=utf-8"

	actionFault = "http://www.w3.org/2005/08/addressing/soap/fault"
	typeX509    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
	typeBase64  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"

	flowFinalized = "flow_finalized_succesfully" //nolint:misspell // the spelling of DGWS 1.0.1

	headerCall = "X-OpenNSP-Call"
	retryAfter = "30" // seconds
)

// What a caller hears of a message that cannot be carried out (codes: DGWS 1.0.1; texts are ours).
var (
	// ErrMethod is answered with HTTP status 405, ErrTooLarge with 413, whatever the profile.
	ErrMethod   = fault.Error{Kind: fault.Malformed, Code: fault.CodeHTTPMethod, Text: "Only POST is supported."}
	ErrTooLarge = fault.Error{Kind: fault.TooLarge, Code: fault.CodeSyntax, Text: "The message is too large."}
	// ErrOverloaded is for Deps.Enter.
	ErrOverloaded = admitting.ErrOverloaded
	// ErrDraining is for Deps.Enter.
	ErrDraining = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "The service is shutting down."}
	// ErrRateLimited is for Deps.Screen and Deps.Limit.
	ErrRateLimited = fault.Error{Kind: fault.Limited, Code: fault.CodeProcessing, Text: "Too many calls from this caller."}
	// ErrMustUnderstand is told with the faultcode MustUnderstand.
	ErrMustUnderstand = syntaxError("A header that must be understood is not known.")

	errRead         = syntaxError("The message could not be read.")
	errEncoding     = syntaxError("Content-Encoding is not supported.")
	errEnvelope     = syntaxError("The message is not a SOAP 1.1 or 1.2 envelope.")
	errVersion      = syntaxError("The service speaks SOAP 1.1.")
	errHeaderTwice  = syntaxError("The SOAP Header is repeated or not before the Body.")
	errBody         = syntaxError("The message must have exactly one SOAP Body.")
	errForeign      = syntaxError("The envelope holds something other than Header and Body.")
	errSecurity     = syntaxError("The Security header is repeated.")
	errBodyChildren = syntaxError("The SOAP Body must hold exactly one element.")
	errCanonical    = syntaxError("The SOAP Body has no canonical form, or one that is too large.")
	errOperation    = syntaxError("The element in the SOAP Body is no operation of this service.")
	errAction       = syntaxError("The SOAPAction names another operation than the element in the SOAP Body.")
)

func syntaxError(text string) fault.Error {
	return fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: text}
}
