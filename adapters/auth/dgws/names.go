package dgws

// Namespaces of the DGWS header: the one in use, and that of the published schema. An answer uses the one of its request.
const (
	NSMedcom    = "http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd"
	nsMedcom101 = "http://svn.medcom.dk/svn/releases/Standarder/DGWS/Schemas/medcom-1.0.1.xsd"
)

// CardID is the id of an ID card, SignatureID that of its signature.
const (
	CardID      = "IDCard"
	SignatureID = "OCESSignature"
)

// Values and names of the ID card (DGWS 1.0.1, Bilag). The prefixes in names are literal text.
const (
	holderOfKey = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"

	statementCard   = "IDCardData"
	statementUser   = "UserLog"
	statementSystem = "SystemLog"

	attrCardID   = "sosi:IDCardID"
	attrVersion  = "sosi:IDCardVersion"
	attrType     = "sosi:IDCardType"
	attrLevel    = "sosi:AuthenticationLevel"
	attrCertHash = "sosi:OCESCertHash"

	attrCPR           = "medcom:UserCivilRegistrationNumber"
	attrGivenName     = "medcom:UserGivenName"
	attrSurName       = "medcom:UserSurName"
	attrEmail         = "medcom:UserEmailAddress"
	attrRole          = "medcom:UserRole"
	attrAuthorisation = "medcom:UserAuthorizationCode"
	attrOccupation    = "medcom:UserOccupation"

	attrSystemName       = "medcom:ITSystemName"
	attrCareProvider     = "medcom:CareProviderID"
	attrCareProviderName = "medcom:CareProviderName"

	formatCVR = "medcom:cvrnumber"

	version100 = "1.0"
	version101 = "1.0.1"
	typeUser   = "user"
	typeSystem = "system"
)
