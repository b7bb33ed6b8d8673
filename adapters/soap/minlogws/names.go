package minlogws

import "github.com/opennsp/nsp/domain/minlog"

// Paths (nspop.dk, MinLog2; those without a version serve the newest; the versioned path of the assistants' log and that of MinLog1's
// registration are ours; /minlog/ is that of mwl/nsi-minlog, minlog.wsdl).
const (
	PathRegistration         = "/minlog2-registration/RegisterService"
	PathRegistration20250312 = "/minlog2-registration/20250312/RegisterService"
	PathRegistration20230425 = "/minlog2-registration/20230425/RegisterService"
	PathCitizen              = "/minlog2-lookupid/LookupidService"
	PathCitizen20250312      = "/minlog2-lookupid/20250312/LookupidService"
	PathAssistants           = "/minlog2-lookup/LookupService"
	PathAssistants20250312   = "/minlog2-lookup/20250312/LookupService"
	PathRegistration1        = "/minlog1-registration/RegisterService"
	PathPortal               = "/minlog/"
)

// Names of services in logs and metrics.
const (
	RegistrationService  = "minlog2-registration"
	Registration1Service = "minlog1-registration"
	PortalService        = "minlog"
)

// Namespaces (Sundhedsdatastyrelsen/ehdsi: registration, both versions, and the lookup of 2025; mwl/nsi-minlog: MinLog1's lookup; the older
// lookup namespace and that of MinLog1's registration are ours).
const (
	nsBase                 = "http://www.sundhedsdatastyrelsen.dk/minlog/xml.schema/"
	nsRegistration20250312 = nsBase + "2025/03/12/minlog2-registration.xsd"
	nsRegistration20230425 = nsBase + "2023/04/25/minlog2-registration.xsd"
	nsLookup20250312       = nsBase + "2025/03/12/minlog2-lookup.xsd"
	nsLookup20230425       = nsBase + "2023/04/25/minlog2-lookup.xsd"
	nsRegistration1        = "urn:opennsp:minlog1:registration:1"
	nsPortal               = "http://nsi.dk/minlog/2012/05/24/"
)

// Actions in SOAPAction (registration: minlog.wsdl; citizen lookup: nspop.dk and the client of Sundhedsdatastyrelsen/ehdsi; the assistants'
// log and MinLog1's registration are ours; MinLog1's lookup: mwl/nsi-minlog, minlog.wsdl, whose binding has the empty one, too). Clients of the
// decoupling component send those of MinLog2 with the version.
const (
	ActionRegister   = "AddRegistrations"
	ActionCitizen    = "GetLogStatementsForCPRPersonWithID"
	actionCitizenOld = "GetLogStatementsForCPRPerson"
	ActionAssistants = "GetLogStatementsOnBehalfOf"
	ActionRegister1  = "RegisterLogStatements"
	ActionPortal     = nsPortal + labelPortal
	labelPortal      = "ListLogStatements"

	version20250312 = "_" + minlog.Interface20250312
	version20230425 = "_" + minlog.Interface20230425
)

// Body elements (minlog2-registration.xsd; nspop.dk; mwl/nsi-minlog, minlog.xsd; those of MinLog1's registration are ours).
const (
	rootRegister   = "RegistrationRequest"
	rootRegistered = "RegistrationResponse"
	rootCitizen    = "LogStatementForCPRPersonRequest"
	rootAssistants = "LogStatementOnBehalfOfRequest"
	rootStatements = "ListLogStatementsResponse" // of both generations

	rootRegister1   = "RegisterLogStatementsRequest"
	rootRegistered1 = "RegisterLogStatementsResponse"
	rootPortal      = "ListLogStatementsRequest"
)

// Elements of a registration (minlog2-registration.xsd). Those of a lookup's answer have the same names.
const (
	elemEntry          = "LogDataEntry"
	elemSource         = "Source"
	elemDestination    = "Destination"
	elemSystem         = "SystemName"
	elemActivity       = "Activity"
	elemReason         = "Reason"
	elemAddition       = "Addition"
	elemCriticality    = "Criticality"
	elemAt             = "DateTime"
	elemFrom           = "FromDateTime"
	elemTo             = "ToDateTime"
	elemOrg            = "OrganisationId"
	elemOrgName        = "OrganisationName"
	elemPerson         = "PersonIdentifier"
	elemPersonName     = "PersonName"
	elemCorrelationID  = "CorrelationId"
	elemSequenceNumber = "SequenceNumber"
	elemUser           = "UserPersonIdentifier"
	elemUserName       = "UserPersonName"
	elemUserRole       = "UserRole"
	elemOnBehalfOf     = "OnBehalfOfPersonIdentifier"
	elemOnBehalfOfName = "OnBehalfOfPersonName"
	elemOnBehalfOfRole = "OnBehalfOfUserRole"
	elemFilter         = "Filter"
	attrSource         = "source"

	elemFailed       = "FailedLogDataEntries"
	elemFaultCode    = "FaultCode"
	elemFaultText    = "FaultText"
	elemNumberAdded  = "NumberAdded"
	elemNumberFailed = "NumberFailed"

	elemPersonID       = "PersonId"
	elemOnBehalfOfID   = "OnBehalfOfPersonId"
	elemGrouping       = "Grouping"
	elemDetails        = "Details"
	elemChronologic    = "Chronologic"
	elemPageSize       = "PageSize"
	elemPass           = "FilterPass"
	elemStop           = "FilterStop"
	attrField          = "field"
	elemPageToken      = "PageToken"
	elemGroup          = "LogDataGroup"
	elemCount          = "NumberOfLogDataEntries"
	elemNextPageToken  = "NextPageToken"
	elemRegistrationID = "RegistrationId"
)

// Elements of MinLog1 (mwl/nsi-minlog, minlog.xsd; those of the receipt are ours).
const (
	elemStatement    = "LogEntry"
	elemCode         = "regKode"
	elemCitizen      = "cprNrBorger" // in a lookup's answer an attribute
	elemActor        = "bruger"
	elemResponsible  = "ansvarlig"
	elemActorOrg     = "brugerOrganisation"
	attrNameFormat   = "NameFormat"
	elemSystem1      = "system"
	elemAct          = "handling"
	elemSession      = "sessionsId"
	elemTime         = "tidspunkt"
	elemRefused      = "Fejl"
	elemRefusedCode  = "kode"
	elemRefusedText  = "tekst"
	elemAdded        = "antalTilfoejet"
	elemNotAdded     = "antalFejlet"
	elemPortalPerson = "cprNR"
	elemPortalFrom   = "fraDato"
	elemPortalTo     = "tilDato"
)

// Forms of values.
const (
	maxPersonID         = 50 // code points of PersonId and OnBehalfOfPersonId
	detailsNone         = "None"
	timeFormat          = "2006-01-02T15:04:05.000Z"
	lastYear            = 9999
	portalTimeFormat    = "2006-01-02T15:04:05.000-07:00" // in Denmark
	nobody              = "0000000000"                    // the number of whom a portal asks about without meaning anyone
	otherFormat         = "?"                             // the source of an organisation whose NameFormat is not known; no entry may have it
	registrationMaxSize = 10 << 20                        // octets of a message with 1 to 1,000 entries
)

// vocabulary are the elements of an interface as a refused entry's text names them.
type vocabulary [minlog.FieldCount]string

var fieldNames = vocabulary{
	minlog.FieldSource:              elemSource,
	minlog.FieldSourceCorrelationID: elemSource + "/" + elemCorrelationID,
	minlog.FieldSourceSystem:        elemSource + "/" + elemSystem,
	minlog.FieldDestination:         elemDestination,
	minlog.FieldSystem:              elemSystem,
	minlog.FieldActivity:            elemActivity,
	minlog.FieldReason:              elemReason,
	minlog.FieldAddition:            elemAddition,
	minlog.FieldCriticality:         elemCriticality,
	minlog.FieldAt:                  elemAt,
	minlog.FieldFrom:                elemFrom,
	minlog.FieldTo:                  elemTo,
	minlog.FieldOrg:                 elemOrg,
	minlog.FieldOrgName:             elemOrgName,
	minlog.FieldPerson:              elemPerson,
	minlog.FieldPersonName:          elemPersonName,
	minlog.FieldCorrelationID:       elemCorrelationID,
	minlog.FieldSequenceNumber:      elemSequenceNumber,
	minlog.FieldUser:                elemUser,
	minlog.FieldUserName:            elemUserName,
	minlog.FieldUserRole:            elemUserRole,
	minlog.FieldOnBehalfOf:          elemOnBehalfOf,
	minlog.FieldOnBehalfOfName:      elemOnBehalfOfName,
	minlog.FieldOnBehalfOfRole:      elemOnBehalfOfRole,
	minlog.FieldFilters:             elemFilter,
	minlog.FieldEntry:               elemEntry,
}

var fieldNames1 = vocabulary{
	minlog.FieldSystem:         elemSystem1,
	minlog.FieldActivity:       elemAct,
	minlog.FieldAt:             elemTime,
	minlog.FieldFrom:           elemTime,
	minlog.FieldTo:             elemTime,
	minlog.FieldOrg:            elemActorOrg,
	minlog.FieldPerson:         elemCitizen,
	minlog.FieldCorrelationID:  elemSession,
	minlog.FieldSequenceNumber: elemCode,
	minlog.FieldUser:           elemActor,
	minlog.FieldOnBehalfOf:     elemResponsible,
	minlog.FieldEntry:          elemStatement,
}
