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
	case fault.CodeHTTPMethod:
		return wireFault{faultBadRequest, actorSTS}
	}
	return wireFault{faultRequestFailed, actorSTS}
}

// Fault implements soap.Profile. The status is 200, as the national STS answers.
func (p *profile) Fault(_ context.Context, w *xmlout.Writer, env *soap.Envelope, err error) int {
	f, _ := fault.Of(err)
	wire := wireFaultOf(f.Code)
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
