package consentws

import (
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/org"
)

// The services have no published WSDL. What of this file is not said to be otherwise is ours, and stands here alone, so that a published one
// can replace it. Sources: nspop.dk, Consent Administration (IFS/0013), Consent Verification (IFS/0014), Users guide (PHB/0035), data model
// (DDD/0003).

// Paths.
const (
	PathAdministration   = "/consent-administration/20201104/service"
	PathAdministrationV1 = "/consent-administration/service"
	PathVerification     = "/consent-verification/service"
)

// Names of the services in logs and metrics.
const (
	AdministrationService   = "consent-administration"
	AdministrationServiceV1 = "consent-administration-v1"
	VerificationService     = "consent-verification"
)

// Namespaces; that of the newer administration and that of the types are those of the users guide.
const (
	nsAdministration   = "http://sundhedsdatastyrelsen.dk/minspaerring/2020/11/04"
	nsAdministrationV1 = "urn:dk:nsi:consentservices:consentadministration"
	nsVerification     = "urn:dk:nsi:consentservices:consentverification"
	nsTypes            = "urn:dk:nsi:consentservices:types"
	nsInstance         = "http://www.w3.org/2001/XMLSchema-instance"
)

// Operations: the element in the Body, and the SOAPAction.
const (
	opGet              = "ConsentRegistrationsGet"
	opAddPositive      = "ConsentAddPositive"
	opAddConstraint    = "ConsentAddConstraint"
	opModifyPositive   = "ConsentModifyPositive"
	opModifyConstraint = "ConsentModifyConstraint"
	opRevoke           = "ConsentRevoke"

	opAdd    = "ConsentAdd"    // older
	opModify = "ConsentModify" // older

	opUserCheck       = "ConsentForUserCheck"
	opForeignersCheck = "ConsentForForeignersCheck"
	opDataCheck       = "ConsentForDataCheck"

	suffixResponse = "Response"
)

// elementSuffixes are what clients have after the name of an operation in the element; the drafts of the newer administration had V2.
var elementSuffixes = [...]string{"", "V2", "Request", "V2Request"}

// actionSuffixes are what clients have after the name of an operation in SOAPAction.
var actionSuffixes = [...]string{"", "_20201104", "V2"}

// Elements of the administration.
const (
	elemPatient       = "PatientPersonCivilRegistrationIdentifier"
	elemRegistrations = "ConsentRegistrations"
	elemRegistration  = "consentRegistration"
	elemAdditions     = "ConsentAdditions"
	elemModifications = "ConsentModifications"
	elemRevocations   = "ConsentRevocations"

	elemID          = "consentId"
	elemCitizen     = "citizenCPR"
	elemType        = "consentType"
	elemWho         = "who"
	elemPerson      = "healthProfessionalCPR"
	elemOrg         = "healthcareOrganization"
	elemSubUnits    = "includeSubOrganizations"
	elemForeigners  = "foreignHealthProfessionals"
	elemWhat        = "what"
	elemDataFrom    = "dataPeriodFrom"
	elemDataTo      = "dataPeriodTo"
	elemOrigin      = "originatingOrganization"
	elemValidFrom   = "validFrom"
	elemValidTo     = "validTo"
	elemActive      = "active"
	elemCreated     = "creationTimestamp"
	elemCreatedIn   = "creatingSystemName"
	elemCreatedBy   = "createdBy"
	elemModified    = "modifyTimestamp"
	elemModifiedIn  = "modifyingSystemName"
	elemModifiedBy  = "modifiedBy"
	valueNegative   = "Negative"
	valuePositive   = "Positive"
	timeFormat      = "2006-01-02T15:04:05Z"
	timeFormatMilli = "2006-01-02T15:04:05.000Z"
)

// Elements of the verification, which has some of the administration's too.
const (
	elemProfessional = "healthProfessional"
	elemResponsible  = "responsibleHealthProfessionalCPR"
	elemPlace        = "organization"
	elemForeigner    = "foreignHealthProfessional"
	elemCountry      = "countryCode"
	elemIdentifier   = "identifier"
	elemOrgName      = "organizationName"
	elemItem         = "dataItem"
	elemItemID       = "itemId"
	elemCheckResult  = "consentCheckResult"
	elemItemResult   = "dataItemResult"
	elemAccess       = "access"

	attrCodeSystem = "codeSystem"

	valueAllowed = "Allowed"
	valueDenied  = "Denied"
)

// Sizes, in code points.
const (
	maxItemID     = 128
	maxIdentifier = 200
	maxOrgName    = 200
	maxCode       = 50 // of an organisation
)

// kindOf reads a consentType.
func kindOf(text string) (consent.Kind, bool) {
	switch text {
	case valueNegative:
		return consent.Constraint, true
	case valuePositive:
		return consent.Positive, true
	}
	return 0, false
}

func kindName(k consent.Kind) string {
	if k == consent.Constraint {
		return valueNegative
	}
	return valuePositive
}

// answerNames are the values of consentCheckResult.
var answerNames = [...]string{consent.Negative: valueNegative, consent.DataSpecific: "DataSpecific", consent.PositiveAnswer: valuePositive}

// schemeOf reads a codeSystem; the zero Scheme is one that is not known.
func schemeOf(codeSystem string) org.Scheme {
	switch codeSystem {
	case "SOR", "nsi:sor":
		return org.SOR
	case "SHAK", "nsi:skskode":
		return org.SHAK
	case "YDER", "nsi:ynumber":
		return org.Yder
	}
	return ""
}

// codeSystemOf is what schemeOf reads; of a Scheme that the contract does not have, it is one that is not known.
func codeSystemOf(s org.Scheme) string {
	if s == org.Yder {
		return "YDER"
	}
	return string(s)
}

// codeInvalidRequest is that of a request which lacks something.
const codeInvalidRequest = "invalid_request"

// What a fault says of an element, after its name.
const (
	textMissing   = " is missing"
	textRepeated  = " is repeated"
	textUnknown   = " holds something unknown"
	textNil       = " is nil, and holds something"
	textNoText    = " is not text"
	textEmpty     = " is empty"
	textTooLong   = " is too long"
	textNumber    = " is not a civil registration number"
	textBoolean   = " is not true or false"
	textTime      = " is not a date or a date and time"
	textTimeRange = " is before the year 1 or after the year 9999"
	textType      = " is not Negative or Positive"

	textCountry = " is not two capital letters"
	textBeside  = " stands beside "

	textDown = "The service cannot answer now"
)
