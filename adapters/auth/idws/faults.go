package idws

import (
	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/domain/fault"
)

// ErrAudience: the token is for another service.
var ErrAudience = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "The token is not for this service"}

// What callers hear (codes: DGWS 1.0.1; texts are ours).
var (
	errHeaderTwice      = malformed("A header of WS-Addressing, Liberty or the user identification is repeated")
	errHeaderText       = malformed("A header of WS-Addressing is not text")
	errMessageID        = malformed("MessageID must have 1 to 256 characters")
	errTo               = malformed("To is not the address of this service")
	errAction           = malformed("Action is not the SOAPAction")
	errReplyTo          = malformed("ReplyTo must be anonymous")
	errFramework        = malformed("The version of the Liberty framework must be 2.0")
	errTimestampTwice   = malformed("The Timestamp or an element of it is repeated")
	errTimestampValue   = malformed("The Timestamp holds something that is not a time with a zone, or ends before it begins")
	errMessageIDMissing = unauthenticated(fault.CodeMissingHeader, "MessageID is missing")
	errActionMissing    = unauthenticated(fault.CodeMissingHeader, "Action is missing")
	errTimestampMissing = unauthenticated(fault.CodeMissingHeader, "The Timestamp is missing in the Security header")

	errMessageOld   = unauthenticated(fault.CodeExpired, "The Timestamp is too old")
	errMessageEarly = unauthenticated(fault.CodeIDCard, "The Timestamp is in the future")

	errTokenSignature = unauthenticated(fault.CodeSignature, "The signature of the token is not valid")
	errSignature      = unauthenticated(fault.CodeSignature, "The message signature does not verify")
	errUncovered      = unauthenticated(fault.CodeSignature, "The message signature does not cover all that it must")
	errSigner         = unauthenticated(fault.CodeCertificate, "The signer of the token is not trusted")
	errRevoked        = unauthenticated(fault.CodeCertificate, "The certificate in the token is revoked")

	errToken      = unauthenticated(fault.CodeIDCard, "The token is not valid")
	errTokenTimes = unauthenticated(fault.CodeIDCard, "The times of the token are not valid")
	errNotYet     = unauthenticated(fault.CodeIDCard, "The token is not valid yet")
	errExpired    = unauthenticated(fault.CodeExpired, "The token has expired")
	errBearer     = unauthenticated(fault.CodeIDCard, "The token must be bound to one certificate by holder-of-key")
	errOnBehalfOf = unauthenticated(fault.CodeIDCard, "The token does not say on whose behalf in a way that is known")

	errAssurance = fault.Error{Kind: fault.Forbidden, Code: fault.CodeSecurityLevel, Text: "Assurance level 3 or higher is required"}
)

func unauthenticated(code, text string) fault.Error {
	return fault.Error{Kind: fault.Unauthenticated, Code: code, Text: text}
}

func malformed(text string) fault.Error {
	return fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: text}
}

func refuse(f fault.Error, cause string) error { return &auth.Refusal{Fault: f, Cause: cause} }
