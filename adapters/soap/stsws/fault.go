package stsws

import (
	"context"
	"errors"
	"net/http"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/domain/fault"
)

// What is wrong with the form of a request.
var (
	errSecurity    = invalid("The request must have one Security header with one Timestamp")
	errTimestamp   = invalid("Created of the Timestamp is not a time")
	errRequest     = invalid("The request must have one TokenType, RequestType and Claims")
	errTokenType   = invalid("The TokenType is not supported")
	errRequestType = invalid("The RequestType is not supported")
	errClaims      = invalid("The Claims must hold exactly one ID card")
	errSignature   = invalid("The signature of the ID card is not valid")
	errCard        = invalid("The ID card is not valid")
	errAddressing  = invalid("The request must have one Action and one MessageID")
	errAction      = invalid("The Action is not that of a request for a token")
	errExpires     = invalid("Expires of the Timestamp is not a time, or has passed")
	errEnvelope    = invalid("Unable to validate envelope signature")
	errExchange    = invalid("The request must have one TokenType, RequestType, ActAs and AppliesTo")
	errActAs       = invalid("ActAs must hold exactly one token")
	errClaimTypes  = invalid("The Claims must be claims of WS-Federation, each at most once")
	errActAsUnread = fault.Error{Kind: fault.Unauthenticated, Code: federating.CodeToken, Text: "The token in ActAs is not valid"}
	errActAsSigned = fault.Error{Kind: fault.Unauthenticated, Code: federating.CodeToken, Text: "The signature of the token in ActAs is not valid"}
	errActAsIssuer = fault.Error{Kind: fault.Unauthenticated, Code: federating.CodeToken, Text: "The issuer of the token in ActAs is not trusted"}
	errUnsupported = fault.Error{Kind: fault.Invalid, Code: fault.CodeHTTPMethod, Text: "This exchange is not offered"}
	errCertificate = fault.Error{Kind: fault.Unauthenticated, Code: federating.CodeAuthentication,
		Text: "Authentication failed: the ID card must be signed with the certificate of an employee, organisation or function"}
)

func invalid(text string) fault.Error {
	return fault.Error{Kind: fault.Invalid, Code: federating.CodeInvalidRequest, Text: text}
}

// wireFault is how the token service tells of a fault: the code of WS-Trust and the actor of the national STS.
type wireFault struct{ code, actor string }

func wireFaultOf(code string) wireFault {
	switch code {
	case federating.CodeInvalidRequest, fault.CodeSyntax, fault.CodeMissingHeader:
		return wireFault{faultInvalidRequest, actorSTS}
	case federating.CodeTimeRange:
		return wireFault{faultInvalidTimeRange, actorSTS}
	case federating.CodeExpired:
		return wireFault{faultExpiredData, actorSTS}
	case federating.CodeAuthentication, fault.CodeNotAuthorized:
		return wireFault{faultFailedAuthentication, actorSTS}
	case federating.CodePerson:
		return wireFault{faultFailedAuthentication, actorPerson}
	case federating.CodeAuthorisation:
		return wireFault{faultFailedAuthentication, actorAuthorisation}
	case federating.CodeSystemName:
		return wireFault{faultInvalidRequest, actorSystem}
	case federating.CodeToken:
		return wireFault{faultInvalidToken, actorSTS}
	case federating.CodeScope:
		return wireFault{faultInvalidScope, actorSTS}
	case fault.CodeHTTPMethod:
		return wireFault{faultBadRequest, actorSTS}
	}
	return wireFault{faultRequestFailed, actorSTS}
}

// Fault implements soap.Profile. The status is 200, as the national STS answers.
func (p *profile) Fault(_ context.Context, w *xmlout.Writer, env *soap.Envelope, err error) int {
	return writeFault(w, env, err, actorSTS)
}

// writeFault writes the envelope of a fault that is not signed, with HTTP status 200. actor is what is named where no part of the token
// service is known that refused.
func writeFault(w *xmlout.Writer, env *soap.Envelope, err error, actor string) int {
	f, _ := fault.Of(err)
	wire := wireFaultOf(f.Code)
	if wire.actor == actorSTS {
		wire.actor = actor
	}
	if errors.Is(err, soap.ErrMustUnderstand) {
		wire.code = "soap:MustUnderstand"
	}
	env.StartEnvelope(w)
	w.Attr("xmlns:wst", nsTrust)
	w.Start("soap:Body")
	w.Start("soap:Fault")
	if env.SOAP12 {
		writeFault12(w, wire, f.Text)
	} else {
		w.Elem("faultcode", wire.code)
		w.Elem("faultstring", f.Text)
		w.Elem("faultactor", wire.actor)
	}
	w.End()
	w.End()
	w.End()
	return http.StatusOK
}

// writeFault12 writes the same in SOAP 1.2, where our codes are a Subcode and the actor is the Role.
func writeFault12(w *xmlout.Writer, wire wireFault, text string) {
	w.Start("soap:Code")
	switch wire.code {
	case "soap:MustUnderstand":
		w.Elem("soap:Value", wire.code)
	case faultRequestFailed:
		w.Elem("soap:Value", "soap:Receiver")
	default:
		w.Elem("soap:Value", "soap:Sender")
	}
	if wire.code != "soap:MustUnderstand" {
		w.Start("soap:Subcode")
		w.Elem("soap:Value", wire.code)
		w.End()
	}
	w.End()
	w.Start("soap:Reason")
	w.Elem("soap:Text", text, "xml:lang", "en")
	w.End()
	w.Elem("soap:Role", wire.actor)
}
