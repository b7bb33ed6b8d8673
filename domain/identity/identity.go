// Package identity says who calls: who acts, for whom and with which credential, and answers the questions that use cases ask of it.
package identity

import (
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/relation"
)

// Kind of a caller. The zero Kind is Unknown and is allowed nothing.
type Kind uint8

// The kinds of callers.
const (
	Unknown      Kind = iota
	System            // an organisation's system: system ID card, organisation token, address
	Professional      // a person at work: user ID card or employee token
	Citizen           // a person in own right: citizen token
	Operator          // who runs the server
)

// Scheme is how the caller proved who it is.
type Scheme uint8

// The schemes.
const (
	NoScheme Scheme = iota
	DGWS            // Den Gode Webservice: signed ID card
	IDWS            // OIO Identity-based Web Services: holder-of-key token
	Address         // network address list
	Session         // REST session opened with one of the others
	OperatorToken
	Certificate // signature with the key of an OCES certificate that nothing was checked of; the token service alone takes it
	Sample      // a name of the test federation, nothing proved; it opens sessions in development alone
)

// String returns the scheme's name.
func (s Scheme) String() string {
	return [...]string{"none", "dgws", "idws", "address", "session", "operator", "certificate", "sample"}[min(int(s), 7)]
}

// Caller is who makes this call. It is a value and is not changed after admission. The zero Caller is nobody.
type Caller struct {
	Kind              Kind
	CPR               cpr.Number
	Name              string // given name and surname
	Email             string
	AuthorisationCode string // autorisationskode, 5 characters of A-Z0-9
	EducationCode     string // uddannelseskode, 4 digits, 7170 = doctor
	NationalRole      string
	RawRole           string // medcom:UserRole as written
	Occupation        string
	Org               Organisation
	SystemName        string // medcom:ITSystemName
	OnBehalfOf        *Principal
	HSUID             *HSUID // what the header says; once the call is admitted, nil unless it counts
	Override          bool   // værdispring asked for
	Vouched           bool   // the facts about the person come from the system's word (HSUID), not from a signature
	Administrator     bool   // Operator, or role and organisation are listed as administrators
	Audience          string
	Credential        Credential
	Addr              string   // client address
	MessageID         string   // of this call
	Topics            []string `json:",omitempty"` // that it may publish on, by the address it calls from; nil = all
}

// Organisation is the organisation that answers for the call.
type Organisation struct {
	CVR  string // 8 digits, from the credential only
	Name string
	IDs  []OrgID
}

// OrgID is one further identifier of an organisation.
type OrgID struct{ Scheme, Code string }

// Principal is who the caller acts for.
type Principal struct {
	CPR  cpr.Number
	Kind relation.Kind
}

// HSUID is what the Healthcare Service User Identification header says (NSP HSUID 1.1). It is not signed.
type HSUID struct {
	Issuer          string
	UserType        string // as written, such as "nsi:Citizen" or "nsi:HealthcareProfessional"
	Acting          cpr.Number
	Responsible     cpr.Number
	ResponsibleCode string // authorisation code of the responsible user
	Org             OrgID
	OrgName         string
	Override        bool // nsi:ConsentOverride
	Citizen         cpr.Number
	Relation        string // nsi:CitizenUserRelation as written
	SystemOwner     string
	SystemName      string
	SystemVersion   string
}

// Credential is what the caller proved itself with.
type Credential struct {
	Scheme                  Scheme
	Origin                  Scheme // of a session: what it was opened with
	Level                   int    // DGWS authentication level 3 or 4; NSIS/OIOSAML assurance for tokens
	Issuer                  string
	ID                      string   // ID card id or assertion id
	CertHash                string   // base64 of the hash of the client's certificate
	Signer                  [32]byte // SHA-256 of the certificate whose key signed the message (IDWS), else zero
	X509Subject             string
	SubjectSerial           string `json:",omitempty"` // serialNumber of the certificate's holder as the token service signed it, such as CVR:33257872-FID:22933922
	IssuedAt                time.Time
	NotBefore, NotOnOrAfter time.Time
}

// Authorised tells whether the caller is a professional with an authorisation code.
func (c Caller) Authorised() bool { return c.Kind == Professional && c.AuthorisationCode != "" }

// Is tells whether n is the caller's own number. An empty number is nobody's.
func (c Caller) Is(n cpr.Number) bool { return !n.IsZero() && c.CPR == n }

// MayActFor tells whether a citizen caller may act for n: as that person, or on behalf with one of the kinds the service allows.
// A caller whose identity is only vouched for may not.
func (c Caller) MayActFor(n cpr.Number, allowed ...relation.Kind) bool {
	if c.Kind != Citizen || c.Vouched || n.IsZero() {
		return false
	}
	if c.OnBehalfOf == nil {
		return c.CPR == n
	}
	return c.OnBehalfOf.CPR == n && slices.Contains(allowed, c.OnBehalfOf.Kind)
}

// String names the kind and scheme alone, so that no person reaches a log.
func (c Caller) String() string { return "caller(" + c.Kind.String() + ")" }

// GoString hides the person from %#v too.
func (c Caller) GoString() string { return c.String() }

// String returns the kind's name.
func (k Kind) String() string {
	return [...]string{"unknown", "system", "professional", "citizen", "operator"}[min(int(k), 4)]
}
