package idws

// Values of the messages (OASIS SAML Token Profile 1.1, X.509 Token Profile 1.0, SOAP Message Security 1.0; WS-Addressing 1.0).
const (
	holderOfKey = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"
	samlID      = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID"
	samlV2      = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0"
	anonymous   = "http://www.w3.org/2005/08/addressing/anonymous"
	framework20 = "2.0"
)

// Names of claims. OIOSAML 2 (Digitaliseringsstyrelsen), healthcare's own (NSP), XUA (IHE) and OIOSAML 3.
const (
	claimCPR       = "dk:gov:saml:attribute:CprNumberIdentifier"
	claimCVR       = "dk:gov:saml:attribute:CvrNumberIdentifier"
	claimRID       = "dk:gov:saml:attribute:RidNumberIdentifier"
	claimAssurance = "dk:gov:saml:attribute:AssuranceLevel"
	claimSpec      = "dk:gov:saml:attribute:SpecVer"

	claimCommonName   = "urn:oid:2.5.4.3"
	claimSurname      = "urn:oid:2.5.4.4"
	claimOrganisation = "urn:oid:2.5.4.10"

	claimAuthorisationCode = "dk:healthcare:saml:attribute:UserAuthorizationCode"
	claimEducationCode     = "dk:healthcare:saml:attribute:UserEducationCode"
	claimSystemName        = "dk:healthcare:saml:attribute:ITSystemName"
	claimOnBehalfOf        = "dk:healthcare:saml:attribute:OnBehalfOf"
	claimAuthorisations    = "dk:healthcare:saml:attribute:UserAuthorizations"

	claimPurpose  = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
	claimRole     = "urn:oasis:names:tc:xacml:2.0:subject:role"
	claimProvider = "urn:ihe:iti:xua:2017:subject:provider-identifier"

	claimCPR3          = "https://data.gov.dk/model/core/eid/cprNumber"
	claimCVR3          = "https://data.gov.dk/model/core/eid/professional/cvr"
	claimOrganisation3 = "https://data.gov.dk/model/core/eid/professional/orgName"
	claimPerson3       = "https://data.gov.dk/model/core/eid/professional/uuid/persistent"
	claimAssurance3    = "https://data.gov.dk/concept/core/nsis/loa"
)

// Values of claims.
const (
	nsAuthorisations = "urn:dk:healthcare:saml:user_authorization_profile:1.0"
	purposes         = "urn:oasis:names:tc:xspa:1.0"
	emergency        = "EMERGENCY"
	substantial      = "Substantial"
	high             = "High"
)

// Names in the audit log.
const attributeSubject = "X509Subject"
