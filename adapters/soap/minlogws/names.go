package minlogws

import "github.com/opennsp/nsp/domain/minlog"

// Paths (nspop.dk, MinLog2; those without a version serve the newest; the versioned path of the assistants' log is ours).
const (
	PathRegistration         = "/minlog2-registration/RegisterService"
	PathRegistration20250312 = "/minlog2-registration/20250312/RegisterService"
	PathRegistration20230425 = "/minlog2-registration/20230425/RegisterService"
	PathCitizen              = "/minlog2-lookupid/LookupidService"
	PathCitizen20250312      = "/minlog2-lookupid/20250312/LookupidService"
	PathAssistants           = "/minlog2-lookup/LookupService"
	PathAssistants20250312   = "/minlog2-lookup/20250312/LookupService"
)

// RegistrationService is the name of the service that takes registrations.
const RegistrationService = "minlog2-registration"

// Namespaces (Sundhedsdatastyrelsen/ehdsi: registration, both versions, and the lookup of 2025; the older lookup namespace is ours).
const (
	nsBase                 = "http://www.sundhedsdatastyrelsen.dk/minlog/xml.schema/"
	nsRegistration20250312 = nsBase + "2025/03/12/minlog2-registration.xsd"
	nsRegistration20230425 = nsBase + "2023/04/25/minlog2-registration.xsd"
	nsLookup20250312       = nsBase + "2025/03/12/minlog2-lookup.xsd"
	nsLookup20230425       = nsBase + "2023/04/25/minlog2-lookup.xsd"
)

// Actions in SOAPAction (registration: minlog.wsdl; citizen lookup: nspop.dk and the client of Sundhedsdatastyrelsen/ehdsi; the assistants'
// log is ours). Clients of the decoupling component send them with the version.
const (
	ActionRegister   = "AddRegistrations"
	ActionCitizen    = "GetLogStatementsForCPRPersonWithID"
	actionCitizenOld = "GetLogStatementsForCPRPerson"
	ActionAssistants = "GetLogStatementsOnBehalfOf"

	version20250312 = "_" + minlog.Interface20250312
	version20230425 = "_" + minlog.Interface20230425
)

// Body elements (minlog2-registration.xsd; nspop.dk).
const (
	rootRegister   = "RegistrationRequest"
	rootRegistered = "RegistrationResponse"
	rootCitizen    = "LogStatementForCPRPersonRequest"
	rootAssistants = "LogStatementOnBehalfOfRequest"
	rootStatements = "ListLogStatementsResponse"
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

// Forms of values.
const (
	maxPersonID         = 50 // code points of PersonId and OnBehalfOfPersonId
	detailsNone         = "None"
	timeFormat          = "2006-01-02T15:04:05.000Z"
	lastYear            = 9999
	registrationMaxSize = 10 << 20 // octets of a message with 1 to 1,000 entries
)

// fieldNames are the elements as a refused entry's text names them.
var fieldNames = [minlog.FieldCount]string{
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
