package ecprws

import "github.com/opennsp/nsp/domain/ecpr"

// Path is where the service is mounted. The service has no published WSDL: what of this file is not said to be otherwise is ours, and stands
// here alone, so that a published one can replace it.
const Path = "/ecpr2/service/eCPR"

// DefaultNamespace is that of the notifications of the national eCPR (nspop.dk, eCPR); that its messages have it too is ours.
const DefaultNamespace = "http://sundhedsdatastyrelsen.dk/eCPR/2020/01/01"

// Operations (nspop.dk, eCPR - Snitfladebeskrivelse). The SOAPAction is the namespace, a colon and the operation; the elements in the Body are
// the operation and a suffix.
const (
	opCreate = "CreatePerson"
	opUpdate = "UpdatePerson"
	opGet    = "GetPersonById"
	opSearch = "SearchPerson"
	opMerge  = "MergePersons"
	opOIDs   = "GetOIDs"

	suffixRequest  = "Request"
	suffixResponse = "Response"
)

// Grants of an organisation.
const (
	grantRead  = "ecpr.read"
	grantWrite = "ecpr.write"
)

// Elements of a person (nspop.dk, eCPR - Formater; register eCPR2). KeyIdentifier marks the number that a person is found by; it may be an
// attribute too.
const (
	elemPerson     = "Person"
	elemIdentifier = "Identifier"
	elemName       = "Name"
	elemGender     = "Gender"
	elemBirthDate  = "BirthDate"
	elemContact    = "Contact"
	elemAddress    = "Address"

	elemKey       = "KeyIdentifier"
	elemPID       = "PID"
	elemOID       = "OID"
	elemOIDLabel  = "OIDLabel"
	elemOIDType   = "OIDType"
	elemValue     = "Value"
	elemValidity  = "Validity"
	elemExpiry    = "Expiry"
	elemValidFrom = "ValidFrom"
	elemValidTo   = "ValidTo"
	elemUse       = "Use"
	elemText      = "Text"
	elemFamily    = "FamilyName"
	elemGiven     = "GivenName"
	elemSystem    = "System"
	elemType      = "Type"
	elemCity      = "City"
	elemDistrict  = "District"
	elemState     = "State"
	elemPostCode  = "PostalCode"
	elemCountry   = "Country"
	elemPostBox   = "PostBox"
)

// elemLines are the lines of an Address.
var elemLines = [...]string{
	"StreetAddressLine1", "StreetAddressLine2", "StreetAddressLine3", "StreetAddressLine4", "StreetAddressLine5",
	"StreetAddressLine6", "StreetAddressLine7", "StreetAddressLine8", "StreetAddressLine9", "StreetAddressLine10",
}

// Elements of who changed a person, which also has a Person, Name, Identifier and Type.
const (
	elemModified      = "Modified"
	elemBy            = "By"
	elemAuthorisation = "AuthorisationIdentifier"
	elemPersonID      = "PersonIdentifier"
	elemRole          = "Role"
	elemOrganisation  = "Organisation"
	elemSource        = "Source"
)

// Elements of the other messages. A row of the OID table is an element OID that holds one.
const (
	elemQuery          = "Query"
	elemPrimaryLabel   = "PrimaryOIDLabel"
	elemSecondaryLabel = "SecondaryOIDLabel"
	elemOIDRegEx       = "OIDRegEx"
)

// kindNames are the elements in the order of answers.
var kindNames = [...]string{
	ecpr.IdentifierKind: elemIdentifier,
	ecpr.NameKind:       elemName,
	ecpr.GenderKind:     elemGender,
	ecpr.BirthDateKind:  elemBirthDate,
	ecpr.ContactKind:    elemContact,
	ecpr.AddressKind:    elemAddress,
}

// What an answer says of every name, contact and address: there are no others.
const (
	useOfficial = "official"
	systemPhone = "phone"
	useHome     = "home"
)

// Sizes, in code points.
const (
	maxPID           = 50
	maxOID           = 100
	maxIdentifier    = 50
	maxNameText      = 400 // in answers one more: given name, space, family name
	maxNamePart      = 200
	maxCode          = 50 // use, system, type, gender, dates
	maxContact       = 200
	maxLine          = 45
	maxCity          = 80
	maxPostCode      = 10
	maxCountry       = 80
	maxQuery         = 1000
	maxAuthorisation = 20
	maxActorName     = 200
	maxActorPerson   = 50
	maxRole          = 100
	maxOrganisation  = 50

	maxElements = 200 // of one person in a request
	maxTold     = 100 // of a value in a fault
)

// Codes in the detail of faults about what was sent; that of a spent series, ecpr_exhausted, is the server's.
const (
	codeInvalid     = "ecpr_invalid"
	codeCPRUnknown  = "ecpr_cpr_unknown"
	codeValueExists = "ecpr_value_exists"
	codeOIDExists   = "ecpr_oid_exists"
	codeNotFound    = "ecpr_not_found"
	codeConflict    = "ecpr_conflict"
)

const nsXML = "http://www.w3.org/XML/1998/namespace"

const timeFormat = "2006-01-02T15:04:05.000Z"

// What a fault says of a value, which it names after it.
const (
	textUnauthorised = "Kalderen har ikke adgang til operationen"
	textInternal     = "Internal Server Error"
	textMissing      = " mangler"
	textRepeated     = " er angivet flere gange"
	textTooLong      = " er for lang"
	textInvalid      = " er ugyldig"
	textTooMany      = " har for mange elementer"
	textKey          = "Person skal have netop én KeyIdentifier"
	textPersons      = "MergePersons kræver netop to Person"
)
