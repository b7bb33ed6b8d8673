package dgws

import (
	"strconv"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/domain/fault"
)

// What callers hear (fault codes: DGWS 1.0.1; texts are ours).
var (
	errHeaderMissing    = unauthenticated(fault.CodeMissingHeader, "The medcom:Header is missing")
	errLinkingMissing   = unauthenticated(fault.CodeMissingHeader, "Linking is missing in the medcom:Header")
	errMessageIDMissing = unauthenticated(fault.CodeMissingHeader, "MessageID is missing in the medcom:Header")
	errTimestampMissing = unauthenticated(fault.CodeMissingHeader, "The Timestamp is missing in the Security header")

	errHeaderTwice    = malformed("The medcom:Header is repeated")
	errHeaderElement  = malformed("An element of the medcom:Header is repeated or is not text")
	errMessageID      = malformed("MessageID must have 1 to 256 characters")
	errHeaderLevel    = malformed("SecurityLevel must be 1 to 5")
	errReceiptValue   = malformed("RequireNonRepudiationReceipt must be yes or no")
	errTimestampTwice = malformed("The Timestamp or its Created is repeated")
	errTimestampValue = malformed("Created of the Timestamp is not a time")

	errLevel5       = fault.Error{Kind: fault.Forbidden, Code: fault.CodeSecurityLevel, Text: "Security level 5 is not supported"}
	errUnsigned     = fault.Error{Kind: fault.Forbidden, Code: fault.CodeSecurityLevel, Text: "ID cards of level 1 and 2 are not accepted"}
	errLevelOfType  = fault.Error{Kind: fault.Forbidden, Code: fault.CodeSecurityLevel, Text: "A user card must have level 4 and a system card level 3"}
	errLevelClaimed = fault.Error{Kind: fault.Forbidden, Code: fault.CodeSecurityLevel,
		Text: "SecurityLevel of the medcom:Header is above the level of the ID card"}

	errSignature = unauthenticated(fault.CodeSignature, "The signature of the ID card is not valid")
	errSigner    = unauthenticated(fault.CodeCertificate, "The signer of the ID card is not trusted")

	errCard      = unauthenticated(fault.CodeIDCard, "The ID card is not valid")
	errNotYet    = unauthenticated(fault.CodeIDCard, "The ID card is not valid yet")
	errCardTimes = unauthenticated(fault.CodeIDCard, "The times of the ID card are not valid")
	errExpired   = unauthenticated(fault.CodeExpired, "The ID card has expired")
	errTooOld    = unauthenticated(fault.CodeExpired, "The ID card is older than this operation accepts")

	errReceipt = fault.Error{Kind: fault.Invalid, Code: fault.CodeNonRepudiation, Text: "Signed receipts are not offered"}
)

func unauthenticated(code, text string) fault.Error {
	return fault.Error{Kind: fault.Unauthenticated, Code: code, Text: text}
}

func malformed(text string) fault.Error {
	return fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: text}
}

func levelTooLow(level int) fault.Error {
	return fault.Error{Kind: fault.Forbidden, Code: fault.CodeSecurityLevel, Text: "card level " + strconv.Itoa(level) + " or higher is required"}
}

func refuse(f fault.Error, cause string) error { return &auth.Refusal{Fault: f, Cause: cause} }
