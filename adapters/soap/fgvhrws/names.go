package fgvhrws

import "github.com/opennsp/nsp/domain/fgvhr"

// FGVHR has no published WSDL. What of this file is not said to be otherwise is ours, and stands here and in the folder contract alone, so that a
// published one can replace it. Sources: nspop.dk, FGVHR, audit log (path, SOAPAction of DeleteConsent, statuses) and notification schema
// (namespace, its style: qualified elements whose attribute value holds what they say).

// Path of the service.
const Path = "/fgvhr/20230601/service"

// ServiceName is the name of the service in logs and metrics.
const ServiceName = "fgvhr"

// Namespaces.
const (
	space      = "http://sundhedsdatastyrelsen.dk/Fravalg-Af-Genoplivning/2023/06/01/"
	nsInstance = "http://www.w3.org/2001/XMLSchema-instance"
)

// Operations: the SOAPAction, and the element in the Body without suffix.
const (
	opRegister = "RegisterConsent"
	opUpdate   = "UpdateConsent"
	opDelete   = "DeleteConsent"
	opGet      = "GetConsent"

	suffixRequest  = "Request" // clients may leave it out
	suffixResponse = "Response"
)

// prefix is that of all elements that we write.
const prefix = "f:"

// Elements.
const (
	elemConsent   = "consent"
	elemPatient   = "patientId"
	elemID        = "uuid"
	elemStatus    = "status"
	elemCreated   = "createdDate"
	elemPaper     = "citizenCreatedDate"
	elemValidFrom = "validFrom"
	elemInForce   = "inForce"
	elemReplaces  = "replaces"
)

// Attributes.
const (
	attrValue  = "value"
	attrSource = "source"

	sourceCPR = "CPR" // the default
)

// timeFormat has as many decimals as needed.
const timeFormat = "2006-01-02T15:04:05.999999Z"

// typeNames are the types of the schema, which an xsi:type may name.
var typeNames = map[string]string{
	elemConsent: "ConsentType", elemPatient: "PatientIdType", elemID: "UuidType", elemStatus: "StatusType", elemCreated: "InstantType",
	elemPaper: "DateType", elemValidFrom: "InstantType", elemInForce: "BooleanType", elemReplaces: "UuidType",
}

// statusOf reads a status.
func statusOf(text string) (fgvhr.Status, bool) {
	switch s := fgvhr.Status(text); s {
	case fgvhr.Active, fgvhr.Inactive, fgvhr.EnteredInError:
		return s, true
	}
	return "", false
}

// What faults say.
const (
	textSyntax   = "request not understood: " // and an element of the contract
	textInternal = "internal error"
)
