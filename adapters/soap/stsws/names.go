package stsws

// Paths at which ID cards are issued.
const (
	PathNew = "/sts/services/NewSecurityTokenService"
	Path    = "/sts/services/SecurityTokenService"
)

// Paths at which tokens are exchanged.
const (
	PathSosi2OIOSaml = "/sts/services/Sosi2OIOSaml"
	PathBst2Idws     = "/sts/services/Bst2Idws"
	PathBST2SOSI     = "/sts/services/BST2SOSI"
	PathOIOSaml2Sosi = "/sts/services/OIOSaml2Sosi"
)

// UnsupportedPaths are the exchanges of the national STS that are not offered; "*" stands for anything. They answer wst:BadRequest.
func UnsupportedPaths() []string {
	return []string{"/sts/services/JWT2*", "/sts/services/DKNCPBST2EHDSIIdws", "/sts3/*"}
}

// Action is the SOAPAction of an issue request; clients also send none.
const Action = "Issue"

// Namespaces of SOAP, WS-Trust (February 2005) and WS-Addressing (August 2004).
const (
	nsSOAP       = "http://schemas.xmlsoap.org/soap/envelope/"
	nsSOAP12     = "http://www.w3.org/2003/05/soap-envelope"
	nsTrust      = "http://schemas.xmlsoap.org/ws/2005/02/trust"
	nsAddressing = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
)

// Values of WS-Trust. The colon at the end of the token type is in the published messages of the national STS.
const (
	tokenType      = "urn:oasis:names:tc:SAML:2.0:assertion:"
	tokenTypePlain = "urn:oasis:names:tc:SAML:2.0:assertion"
	requestType    = "http://schemas.xmlsoap.org/ws/2005/02/trust/Issue"
	statusValid    = "http://schemas.xmlsoap.org/ws/2005/02/trust/status/valid"
	contextSOSI    = "www.sosi.dk"
)

// Namespaces of the exchanges: WS-Trust 1.3 and 1.4, WS-Addressing 1.0, WS-Policy, the authorisation claims of WS-Federation.
const (
	nsTrust13      = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
	nsTrust14      = "http://docs.oasis-open.org/ws-sx/ws-trust/200802"
	nsAddressing10 = "http://www.w3.org/2005/08/addressing"
	nsPolicy       = "http://schemas.xmlsoap.org/ws/2004/09/policy"
	nsClaims       = "http://docs.oasis-open.org/wsfed/authorization/200706"
)

// Values of the exchanges. The national STS answers with the action of the request; ours is that of WS-Trust 1.3.
const (
	ActionExchange = "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue"
	actionAnswer   = "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RSTRC/IssueFinal"
	tokenTypeSAML  = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0"
	requestType13  = "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue"
	dialectClaims  = "http://docs.oasis-open.org/wsfed/authorization/200706/authclaims"
)

// Names of claims.
const (
	claimCPR           = attrCPR
	claimOnBehalfOf    = attrOnBehalfOf
	claimSystemName    = "medcom:ITSystemName"
	claimRole          = "medcom:UserRole"
	claimAuthorisation = "medcom:UserAuthorizationCode"
	claimNameID        = "sosi:SubjectNameID"
)

// Ways in which the subject of a SAML token is confirmed.
const (
	holderOfKey   = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"
	bearer        = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
	senderVouches = "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"
)

// Attributes of tokens: OIOSAML 2 and OIO IDWS.
const (
	attrSpecVersion   = "dk:gov:saml:attribute:SpecVer"
	attrAssurance     = "dk:gov:saml:attribute:AssuranceLevel"
	attrCPR           = "dk:gov:saml:attribute:CprNumberIdentifier"
	attrCVR           = "dk:gov:saml:attribute:CvrNumberIdentifier"
	attrRID           = "dk:gov:saml:attribute:RidNumberIdentifier"
	attrCommonName    = "urn:oid:2.5.4.3"
	attrSurname       = "urn:oid:2.5.4.4"
	attrGivenName     = "urn:oid:2.5.4.42"
	attrOrganisation  = "urn:oid:2.5.4.10"
	attrEmail         = "urn:oid:0.9.2342.19200300.100.1.3"
	attrAuthorisation = "dk:healthcare:saml:attribute:UserAuthorizationCode"
	attrEducation     = "dk:healthcare:saml:attribute:UserEducationCode"
	attrSystemName    = "dk:healthcare:saml:attribute:ITSystemName"
	attrOnBehalfOf    = "dk:healthcare:saml:attribute:OnBehalfOf"
	attrRole          = "urn:oasis:names:tc:xacml:2.0:subject:role"
	nsRole            = "urn:hl7-org:v3"
	specVersion       = "DK-SAML-2.0"
)

// Attributes of tokens: OIOSAML 3.
const (
	attr3SpecVersion  = "https://data.gov.dk/model/core/specVersion"
	attr3Assurance    = "https://data.gov.dk/concept/core/nsis/loa"
	attr3CPR          = "https://data.gov.dk/model/core/eid/cprNumber"
	attr3CVR          = "https://data.gov.dk/model/core/eid/professional/cvr"
	attr3Organisation = "https://data.gov.dk/model/core/eid/professional/orgName"
	attr3UUID         = "https://data.gov.dk/model/core/eid/professional/uuid/persistent"
	attr3GivenName    = "https://data.gov.dk/model/core/eid/firstName"
	attr3Surname      = "https://data.gov.dk/model/core/eid/lastName"
	attr3Email        = "https://data.gov.dk/model/core/eid/email"
	specVersion3      = "OIO-SAML-3.0"
	prefixUUID        = "urn:uuid:"
)

// Values of the ID card.
const (
	versionIssued = "1.0.1"
	typeUser      = "user"
	typeSystem    = "system"
	formatOther   = "medcom:other"
	formatCPR     = "medcom:cprnumber"
	formatCVR     = "medcom:cvrnumber"
)

// Fault codes of WS-Trust.
const (
	faultInvalidRequest       = "wst:InvalidRequest"
	faultFailedAuthentication = "wst:FailedAuthentication"
	faultExpiredData          = "wst:ExpiredData"
	faultInvalidTimeRange     = "wst:InvalidTimeRange"
	faultBadRequest           = "wst:BadRequest"
	faultRequestFailed        = "wst:RequestFailed"
	faultInvalidToken         = "wst:InvalidSecurityToken"
	faultInvalidScope         = "wst:InvalidScope"
)

// Actors of the national STS's faults: which part of the token service refused.
const (
	actorSTS           = "dk:sosi:sts"
	actorPerson        = "dk:sosi:sts:cvrridcpr"
	actorAuthorisation = "dk:sosi:sts:autorisation"
	actorSystem        = "dk:sosi:sts:its"
	actorSosi2OIOSaml  = "dk:sosi:sts:sosi2oiosaml"
	actorBst2Idws      = "dk:sosi:sts:bst2idws"
	actorBST2SOSI      = "dk:sosi:sts:bst2sosi"
	actorOIOSaml2Sosi  = "dk:sosi:sts:oiosaml2sosi"
)
