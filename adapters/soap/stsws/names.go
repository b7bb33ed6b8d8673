package stsws

// Paths at which the service is mounted.
const (
	PathNew = "/sts/services/NewSecurityTokenService"
	Path    = "/sts/services/SecurityTokenService"
)

// Action is the SOAPAction of an issue request; clients also send none.
const Action = "Issue"

// Namespaces of SOAP 1.1, WS-Trust (February 2005) and WS-Addressing (August 2004).
const (
	nsSOAP       = "http://schemas.xmlsoap.org/soap/envelope/"
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
)

// Actors of the national STS's faults: which part of the token service refused.
const (
	actorSTS           = "dk:sosi:sts"
	actorPerson        = "dk:sosi:sts:cvrridcpr"
	actorAuthorisation = "dk:sosi:sts:autorisation"
	actorSystem        = "dk:sosi:sts:its"
)
