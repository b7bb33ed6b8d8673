package federating

import (
	"errors"
	"fmt"
	"strings"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

// The codes of what the token service refuses. The wire turns them into the fault codes and actors of WS-Trust and the national STS.
const (
	CodeInvalidRequest = "invalid_request"       // structure or signature of the request
	CodeTimeRange      = "invalid_time_range"    // the request was made too early or too late
	CodeExpired        = "expired_data"          // the self-signed card is too old
	CodeAuthentication = "failed_authentication" // the certificate
	CodePerson         = "person_mismatch"       // the certificate and the civil registration number
	CodeAuthorisation  = "authorisation"         // authorisation of a health professional
	CodeSystemName     = "it_system_missing"
	CodeToken          = "invalid_security_token" // the token that is exchanged
	CodeScope          = "invalid_scope"          // who the new token is for
)

// Why no card is issued. The texts of the last three begin as those of the national STS, which clients compare.
var (
	ErrTimeRange = fault.Error{Kind: fault.Unauthenticated, Code: CodeTimeRange,
		Text: "The request was not made within 5 minutes of the time of the token service"}
	ErrCardPeriod = fault.Error{Kind: fault.Invalid, Code: CodeInvalidRequest, Text: "The validity of the ID card is missing or reversed"}
	ErrCardOld    = fault.Error{Kind: fault.Unauthenticated, Code: CodeExpired, Text: "The ID card in the request is too old or has expired"}
	ErrCardEarly  = fault.Error{Kind: fault.Unauthenticated, Code: CodeTimeRange, Text: "The ID card in the request is issued in the future"}
	ErrCardType   = fault.Error{Kind: fault.Unauthenticated, Code: CodeAuthentication,
		Text: "Authentication failed: the certificate is not of the kind that the type of the ID card asks for"}
	ErrLevel = fault.Error{Kind: fault.Invalid, Code: CodeInvalidRequest,
		Text: "The authentication level must be 4 on a user card and 3 on a system card"}
	ErrCertHash = fault.Error{Kind: fault.Unauthenticated, Code: CodeAuthentication,
		Text: "Authentication failed: OCESCertHash is not that of the certificate"}
	ErrCareProvider = fault.Error{Kind: fault.Unauthenticated, Code: CodeAuthentication,
		Text: "Authentication failed: the CVR number of the care provider is not that of the certificate"}
	ErrCertificate = fault.Error{Kind: fault.Unauthenticated, Code: CodeAuthentication,
		Text: "Authentication failed: the certificate is not trusted"}
	ErrCertificateExpired = fault.Error{Kind: fault.Unauthenticated, Code: CodeAuthentication,
		Text: "Authentication failed: the certificate has expired or is not yet valid"}
	ErrCertificateRevoked = fault.Error{Kind: fault.Unauthenticated, Code: CodeAuthentication,
		Text: "Authentication failed: the certificate is revoked"}
	ErrRevocationList = fault.Error{Kind: fault.Unauthenticated, Code: CodeAuthentication,
		Text: "Authentication failed: the revocation list of the certificate's authority is out of date"}
	ErrNobody = fault.Error{Kind: fault.Unauthenticated, Code: CodePerson,
		Text: "Authentication failed: no person is known for the certificate"}
	ErrPerson     = fault.Error{Kind: fault.Unauthenticated, Code: CodePerson, Text: "Authentication failed: cvrrid-cpr mismatch"}
	ErrName       = fault.Error{Kind: fault.Invalid, Code: CodeInvalidRequest, Text: "The name of the person is neither registered nor sent"}
	ErrSystemName = fault.Error{Kind: fault.Invalid, Code: CodeSystemName, Text: "IT System must be specified."}
	ErrNoCode     = fault.Error{Kind: fault.Unauthenticated, Code: CodeAuthorisation, Text: "Authentication failed: missing authorization"}
)

// Why nothing is given for a token. The texts of the first two begin as those of the national STS.
var (
	ErrUnsigned = fault.Error{Kind: fault.Unauthenticated, Code: CodeInvalidRequest,
		Text: "Unable to validate envelope signature: the request is not signed"}
	ErrNoCPRClaim = fault.Error{Kind: fault.Invalid, Code: CodeInvalidRequest, Text: "CPR claim missing"}
	ErrCPRClaim   = fault.Error{Kind: fault.Unauthenticated, Code: CodePerson,
		Text: "Authentication failed: the CPR claim is not the civil registration number of the token"}
	ErrSigner = fault.Error{Kind: fault.Unauthenticated, Code: CodeAuthentication,
		Text: "Authentication failed: the certificate is not that of an employee, organisation or function"}
	ErrTokenExpired = fault.Error{Kind: fault.Unauthenticated, Code: CodeExpired, Text: "The token in ActAs has expired"}
	ErrTokenEarly   = fault.Error{Kind: fault.Unauthenticated, Code: CodeTimeRange, Text: "The token in ActAs is not yet valid"}
	ErrTokenPeriod  = fault.Error{Kind: fault.Unauthenticated, Code: CodeToken,
		Text: "The validity of the token in ActAs is missing, reversed or longer than 24 hours"}
	ErrTokenAudience = fault.Error{Kind: fault.Unauthenticated, Code: CodeToken, Text: "The token in ActAs is not for this token service"}
	ErrTokenHolder   = fault.Error{Kind: fault.Unauthenticated, Code: CodeToken,
		Text: "The request is not signed with the key of the holder of the token in ActAs"}
	ErrTokenBearer = fault.Error{Kind: fault.Unauthenticated, Code: CodeToken, Text: "The token in ActAs names no holder-of-key"}
	ErrTokenLevel  = fault.Error{Kind: fault.Unauthenticated, Code: CodeToken,
		Text: "The level of assurance of the token in ActAs is missing or too low"}
	ErrTokenSubject  = fault.Error{Kind: fault.Unauthenticated, Code: CodeToken, Text: "The token in ActAs names no citizen and no employee"}
	ErrNotEmployee   = fault.Error{Kind: fault.Unauthenticated, Code: CodeToken, Text: "The token in ActAs does not name an employee"}
	ErrUnknownPerson = fault.Error{Kind: fault.Unauthenticated, Code: CodePerson,
		Text: "Authentication failed: the person of the token is not known"}
	ErrAudience    = fault.Error{Kind: fault.Forbidden, Code: CodeScope, Text: "No token is issued for the audience in AppliesTo"}
	ErrRoleAndCode = fault.Error{Kind: fault.Invalid, Code: CodeInvalidRequest,
		Text: "Either medcom:UserRole or medcom:UserAuthorizationCode may be claimed, not both"}
	ErrOnBehalfOf = fault.Error{Kind: fault.Invalid, Code: CodeInvalidRequest,
		Text: "The OnBehalfOf claim must be a known relation and the civil registration number of another person"}
	ErrRelation = fault.Error{Kind: fault.Unauthenticated, Code: CodePerson,
		Text: "Authentication failed: the relation in the OnBehalfOf claim is not registered"}
)

// certificateFault tells the holder of a refused certificate why; an error that is no verdict stays as it is.
func certificateFault(err error) error {
	switch {
	case errors.Is(err, trust.ErrExpired):
		return ErrCertificateExpired
	case errors.Is(err, trust.ErrRevoked):
		return ErrCertificateRevoked
	case errors.Is(err, trust.ErrStaleCRL):
		return ErrRevocationList
	case errors.Is(err, trust.ErrUntrusted):
		return ErrCertificate
	}
	return fmt.Errorf("judge certificate: %w", err)
}

// authorisationFault names the authorisations that the person could have asked for: the holder of the certificate proved to be that person.
func authorisationFault(err error, p identity.Person) error {
	f := fault.Error{Kind: fault.Unauthenticated, Code: CodeAuthorisation}
	var owned []string
	for _, a := range p.Authorisations {
		owned = append(owned, a.Code+":"+a.EducationCode)
	}
	list := strings.Join(owned, ", ")
	switch {
	case errors.Is(err, identity.ErrAuthorisationMissing):
		return ErrNoCode
	case errors.Is(err, identity.ErrAuthorisationNotOwned):
		f.Text = "Authentication failed: authorization not found (available " + list + ")"
	case errors.Is(err, identity.ErrAuthorisationAmbiguous):
		f.Text = "Authentication failed: multiple authorizations found (" + list + ")"
	default:
		return err
	}
	return f
}
