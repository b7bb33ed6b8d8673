package scesws

// Paths (nspop.dk, SCES; that of 1.0.3 is ours).
const (
	Path104 = "/stamdata-cpr-ws/service/DetGodeCPROpslag-1.0.4"
	Path103 = "/stamdata-cpr-ws/service/DetGodeCPROpslag-1.0.3"
	Path102 = "/stamdata-cpr-ws/service/DetGodeCPROpslag-1.0.2"
)

// Service is the name of the CPR look-up in logs and metrics.
const Service = "stamdata-cpr-ws"

// Version is one of the interface (MedCom, Det Gode CPR-opslag).
type Version uint8

// The versions that are served.
const (
	V102 Version = iota
	V103
	V104
)

// String returns the version as it stands in names.
func (v Version) String() string { return [...]string{"1.0.2", "1.0.3", "1.0.4"}[v] }

// Namespace returns the namespace of the version.
func (v Version) Namespace() string { return "urn:oio:medcom:cprservice:" + v.String() }

// Actions in SOAPAction: the same in every version.
const (
	action       = "http://rep.oio.dk/medcom.sundcom.dk/xml/wsdl/2007/06/28/"
	actionPerson = action + opPerson
	actionHealth = action + opHealth
)

// Operations, and the body elements that they make with these endings.
const (
	opPerson = "getPersonInformation"
	opHealth = "getPersonWithHealthCareInformation"
	in       = "In"
	out      = "Out"
)

// Namespaces of the parts of an answer, by the prefix that they have in it (OIOXML).
const (
	rep     = "http://rep.oio.dk/"
	nsC0503 = rep + "cpr.dk/xml/schemas/core/2005/03/18/"
	nsC0511 = rep + "cpr.dk/xml/schemas/core/2005/11/24/"
	nsC0601 = rep + "cpr.dk/xml/schemas/core/2006/01/17/"
	nsC0609 = rep + "cpr.dk/xml/schemas/core/2006/09/01/"
	nsI0502 = rep + "itst.dk/xml/schemas/2005/02/22/"
	nsI0506 = rep + "itst.dk/xml/schemas/2005/06/24/"
	nsI0601 = rep + "itst.dk/xml/schemas/2006/01/17/"
	nsD0302 = rep + "ebxml/xml/schemas/dkcc/2003/02/13/"
	nsD0503 = rep + "ebxml/xml/schemas/dkcc/2005/03/15/"
	nsD0509 = rep + "ebxml/xml/schemas/dkcc/2005/09/01/"
	nsX0503 = rep + "xkom.dk/xml/schemas/2005/03/15/"
	nsMC    = rep + "medcom.sundcom.dk/xml/schemas/2007/02/01/"
)

// declarations returns the attributes that declare the namespaces of an answer: that of the version is the default one.
func declarations(v Version, health bool) []string {
	d := []string{
		"xmlns", v.Namespace(), "xmlns:c0503", nsC0503, "xmlns:c0511", nsC0511, "xmlns:c0601", nsC0601, "xmlns:c0609", nsC0609,
		"xmlns:i0502", nsI0502, "xmlns:i0506", nsI0506, "xmlns:i0601", nsI0601, "xmlns:d0302", nsD0302, "xmlns:d0503", nsD0503,
	}
	if health {
		d = append(d, "xmlns:mc", nsMC, "xmlns:d0509", nsD0509, "xmlns:x0503", nsX0503)
	}
	return d
}

// elemNumber is the one element of a request.
const elemNumber = "PersonCivilRegistrationIdentifier"

// Elements that both the writer and the reader of an answer name.
const (
	elemInformation = "PersonInformationStructure"
	elemWhole       = "PersonWithHealthCareInformationStructure"
	elemHealth      = "PersonHealthCareInformationStructure"
	elemCurrent     = "CurrentPersonCivilRegistrationIdentifier"
	elemPrior       = "PriorPersonCivilRegistrationIdentifier"
	elemPerson      = "RegularCPRPerson"
	elemSimple      = "SimpleCPRPerson"
	elemName        = "PersonNameStructure"
	elemGiven       = "PersonGivenName"
	elemMiddle      = "PersonMiddleName"
	elemSurname     = "PersonSurnameName"
	elemAddressing  = "PersonNameForAddressingName"
	elemGender      = "PersonGenderCode"
	elemProtected   = "PersonInformationProtectionIndicator"
	elemBirth       = "PersonBirthDateStructure"
	elemBirthDate   = "BirthDate"
	elemUncertain   = "BirthDateUncertaintyIndicator"
	elemStatus      = "PersonCivilRegistrationStatusStructure"
	elemStatusCode  = "PersonCivilRegistrationStatusCode"
	elemStatusStart = "PersonCivilRegistrationStatusStartDate"

	elemAddress        = "PersonAddressStructure"
	elemCareOf         = "CareOfName"
	elemComplete       = "AddressComplete"
	elemAccess         = "AddressAccess"
	elemMunicipality   = "MunicipalityCode"
	elemStreetCode     = "StreetCode"
	elemHouse          = "StreetBuildingIdentifier"
	elemPostal         = "AddressPostal"
	elemStreet         = "StreetName"
	elemFloor          = "FloorIdentifier"
	elemSuite          = "SuiteIdentifier"
	elemSubdivision    = "DistrictSubdivisionIdentifier"
	elemPostCode       = "PostCodeIdentifier"
	elemDistrict       = "DistrictName"
	elemProtectedSince = "PersonInformationProtectionStartDate"
	elemCounty         = "CountyCode"

	elemCustody         = "PersonCustodyStructure"
	elemCustodyNumber   = "PersonCustodyIdentifier"
	elemCustodyRelation = "PersonCustodyRelation"
	elemWard            = "PersonWardStructure"
	elemWardNumber      = "PersonWardIdentifier"
	elemWardRelation    = "PersonWardRelation"

	elemCurrentPractice = "CurrentGeneralPractitionerStructure"
	elemPriorPractice   = "PriorGeneralPractitionerStructure"
	elemPractice        = "AssociatedGeneralPractitionerStructure"
	elemPracticeNumber  = "AssociatedGeneralPractitionerIdentifier"
	elemPracticeName    = "AssociatedGeneralPractitionerOrganisationName"
	elemPracticeAddress = "StandardAddressIdentifier"
	elemPhone           = "TelephoneSubscriberIdentifier"
	elemEmail           = "EmailAddressIdentifier"
	elemCVR             = "CVRnumberIdentifier"
	elemInsurance       = "PersonPublicHealthInsurance"
	elemGroup           = "PublicHealthInsuranceGroupIdentifier"
	elemGroupSince      = "PublicHealthInsuranceGroupStartDate"
	elemInsuranceStatus = "PublicHealthInsuranceStatus"
)

// groupPrefix stands before the digit of a group of insured persons.
const groupPrefix = "sygesikringsgruppe_"
