package dgws

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
)

// Card is what an ID card says, as written but trimmed; what is absent is "". It prints as "ID card", so that no person reaches a log.
type Card struct {
	Issuer       string
	NameID       string
	NameIDFormat string
	Issued       string // IssueInstant
	NotBefore    string
	NotOnOrAfter string

	ID       string
	Version  string
	Type     string // user or system
	Level    string
	CertHash string // base64 of the hash of the holder's certificate

	User              bool // there is a UserLog
	CPR               string
	GivenName         string
	SurName           string
	Email             string
	Role              string
	AuthorisationCode string
	Occupation        string

	SystemName         string
	CareProvider       string
	CareProviderFormat string // medcom:cvrnumber and others
	CareProviderName   string

	seen uint32 // attributes that were there, bit by bit
}

// String hides the person.
func (c Card) String() string { return "ID card" }

// GoString hides the person.
func (c Card) GoString() string { return "ID card" }

// ErrCard is returned for an assertion that is no ID card.
var ErrCard = errors.New("dgws: not an ID card")

// Attributes that occur at most once and, where required, have a value.
const (
	seenID uint32 = 1 << iota
	seenVersion
	seenType
	seenLevel
	seenCertHash
	seenCPR
	seenGivenName
	seenSurName
	seenEmail
	seenRole
	seenAuthorisation
	seenOccupation
	seenSystemName
	seenCareProvider
	seenCareProviderName
	seenCardData
	seenUserLog
	seenSystemLog
)

// ReadCard reads the ID card in assertion, from nodes that v covers alone: structure, each statement and attribute at most once. What the
// values mean is not looked at. Unknown attributes are ignored. The error wraps ErrCard.
func ReadCard(t *xmltree.Tree, assertion xmltree.Node, v *xmldsig.Verified) (Card, error) {
	r := reader{tree: t, verified: v}
	return r.card(assertion)
}

// reader reads signed content. Without verified it reads anything: only to tell a caller why an unsigned card is refused.
type reader struct {
	tree     *xmltree.Tree
	verified *xmldsig.Verified
}

func (r reader) covered(n xmltree.Node) bool { return r.verified == nil || r.verified.Covers(n) }

func (r reader) card(assertion xmltree.Node) (c Card, err error) {
	t := r.tree
	if !t.Is(assertion, auth.NSAssertion, "Assertion") {
		return c, ErrCard
	}
	if version, _ := t.Attr(assertion, "", "Version"); version != "2.0" {
		return c, ErrCard
	}
	c.Issued, _ = t.Attr(assertion, "", "IssueInstant")
	if c.Issuer, err = r.only(assertion, "Issuer"); err != nil {
		return c, err
	}
	if err := r.subject(&c, assertion); err != nil {
		return c, err
	}
	conditions, err := t.Only(assertion, auth.NSAssertion, "Conditions")
	if err != nil || !r.covered(conditions) {
		return c, ErrCard
	}
	c.NotBefore, _ = t.Attr(conditions, "", "NotBefore")
	c.NotOnOrAfter, _ = t.Attr(conditions, "", "NotOnOrAfter")
	for n := t.First(assertion); n != xmltree.None; n = t.Next(n) {
		if !t.Is(n, auth.NSAssertion, "AttributeStatement") {
			continue
		}
		if err := r.statement(&c, n); err != nil {
			return c, err
		}
	}
	return c, nil
}

// subject reads the NameID and requires the holder-of-key confirmation, which DGWS writes as an element.
func (r reader) subject(c *Card, assertion xmltree.Node) (err error) {
	t := r.tree
	subject, err := t.Only(assertion, auth.NSAssertion, "Subject")
	if err != nil {
		return ErrCard
	}
	if c.NameID, err = r.only(subject, "NameID"); err != nil {
		return err
	}
	c.NameIDFormat, _ = t.Attr(t.Child(subject, auth.NSAssertion, "NameID"), "", "Format")
	confirmation, err := t.Only(subject, auth.NSAssertion, "SubjectConfirmation")
	if err != nil {
		return ErrCard
	}
	if method, err := r.only(confirmation, "ConfirmationMethod"); err != nil || method != holderOfKey {
		return ErrCard
	}
	return nil
}

// only returns the trimmed text of the one child of n.
func (r reader) only(n xmltree.Node, local string) (string, error) {
	child, err := r.tree.Only(n, auth.NSAssertion, local)
	if err != nil || !r.covered(child) {
		return "", ErrCard
	}
	text, err := r.tree.Text(child)
	if err != nil {
		return "", ErrCard
	}
	return trim(text), nil
}

func (r reader) statement(c *Card, statement xmltree.Node) error {
	t := r.tree
	id, _ := t.Attr(statement, "", "id")
	var bit uint32
	switch id {
	case statementCard:
		bit = seenCardData
	case statementUser:
		bit, c.User = seenUserLog, true
	case statementSystem:
		bit = seenSystemLog
	default:
		return nil
	}
	if c.seen&bit != 0 || !r.covered(statement) {
		return ErrCard
	}
	c.seen |= bit
	for n := t.First(statement); n != xmltree.None; n = t.Next(n) {
		if !t.Is(n, auth.NSAssertion, "Attribute") {
			continue
		}
		name, _ := t.Attr(n, "", "Name")
		field, bit := c.field(id, name)
		if field == nil {
			continue
		}
		if c.seen&bit != 0 || !r.covered(n) {
			return ErrCard
		}
		c.seen |= bit
		value, err := r.only(n, "AttributeValue")
		if err != nil {
			return err
		}
		*field = value
		if bit == seenCareProvider {
			c.CareProviderFormat, _ = t.Attr(n, "", "NameFormat")
		}
	}
	return nil
}

// field returns where the value of an attribute goes, nil for an unknown one.
func (c *Card) field(statement, name string) (*string, uint32) {
	switch statement {
	case statementCard:
		switch name {
		case attrCardID:
			return &c.ID, seenID
		case attrVersion:
			return &c.Version, seenVersion
		case attrType:
			return &c.Type, seenType
		case attrLevel:
			return &c.Level, seenLevel
		case attrCertHash:
			return &c.CertHash, seenCertHash
		}
	case statementUser:
		switch name {
		case attrCPR:
			return &c.CPR, seenCPR
		case attrGivenName:
			return &c.GivenName, seenGivenName
		case attrSurName:
			return &c.SurName, seenSurName
		case attrEmail:
			return &c.Email, seenEmail
		case attrRole:
			return &c.Role, seenRole
		case attrAuthorisation:
			return &c.AuthorisationCode, seenAuthorisation
		case attrOccupation:
			return &c.Occupation, seenOccupation
		}
	case statementSystem:
		switch name {
		case attrSystemName:
			return &c.SystemName, seenSystemName
		case attrCareProvider:
			return &c.CareProvider, seenCareProvider
		case attrCareProviderName:
			return &c.CareProviderName, seenCareProviderName
		}
	}
	return nil, 0
}

// CVR returns the organisation the card speaks for, "" where it names one in another way than by CVR number.
func (c *Card) CVR() string {
	if c.CareProviderFormat != formatCVR {
		return ""
	}
	return c.CareProvider
}

// Attributes returns what the audit log tells of the card.
func (c *Card) Attributes() map[string]string {
	m := make(map[string]string, 10)
	for _, a := range [...][2]string{
		{attrCareProvider, c.CareProvider}, {attrCareProviderName, c.CareProviderName}, {attrSystemName, c.SystemName},
		{attrAuthorisation, c.AuthorisationCode}, {attrOccupation, c.Occupation}, {attrRole, c.Role},
		{attrLevel, c.Level}, {attrCardID, c.ID}, {attrType, c.Type}, {attrVersion, c.Version},
	} {
		if a[1] != "" {
			m[a[0]] = a[1]
		}
	}
	return m
}

// checkContent holds the values against DGWS 1.0.1: required attributes are there with a value, identifiers have their form.
func (c *Card) checkContent() error {
	required := seenID | seenVersion | seenType | seenLevel | seenCertHash | seenSystemName | seenCareProvider | seenCareProviderName
	if c.Type == typeUser {
		required |= seenCPR | seenGivenName | seenSurName | seenRole
	}
	switch {
	case c.seen&required != required, c.User != (c.Type == typeUser),
		c.Issuer == "", c.NameID == "", !strings.HasPrefix(c.NameIDFormat, "medcom:"),
		c.ID == "", utf8.RuneCountInString(c.ID) > 128, c.CertHash == "",
		c.SystemName == "", c.CareProvider == "", c.CareProviderName == "",
		!strings.HasPrefix(c.CareProviderFormat, "medcom:"),
		c.CareProviderFormat == formatCVR && !auth.IsDigits(c.CareProvider, 8):
		return ErrCard
	case c.Type == typeUser && (c.GivenName == "" || c.SurName == ""),
		c.AuthorisationCode != "" && !identity.IsAuthorisationCode(c.AuthorisationCode):
		return ErrCard
	}
	if c.Type == typeUser {
		if _, err := cpr.Parse(c.CPR); err != nil {
			return ErrCard
		}
	}
	return nil
}

// caller builds the caller of a card whose content was checked.
func (c *Card) caller(at times, level int) identity.Caller {
	caller := identity.Caller{
		Kind:       identity.System,
		SystemName: c.SystemName,
		Org:        identity.Organisation{CVR: c.CVR(), Name: c.CareProviderName},
		Credential: identity.Credential{
			Scheme: identity.DGWS, Level: level, Issuer: c.Issuer, ID: c.ID, CertHash: c.CertHash, SubjectSerial: subjectSerial(c.NameID),
			IssuedAt: at.issued, NotBefore: at.notBefore, NotOnOrAfter: at.notOnOrAfter,
		},
	}
	if c.CareProviderFormat != formatCVR {
		caller.Org.IDs = []identity.OrgID{{Scheme: c.CareProviderFormat, Code: c.CareProvider}}
	}
	if c.Type == typeUser {
		caller.Kind = identity.Professional
		caller.CPR, _ = cpr.Parse(c.CPR)
		caller.Name = strings.TrimSpace(c.GivenName + " " + c.SurName)
		caller.Email = c.Email
		caller.Occupation = c.Occupation
		caller.AuthorisationCode = c.AuthorisationCode
		caller.RawRole = c.Role
		switch {
		case c.AuthorisationCode != "" && auth.IsDigits(c.Role, 4):
			caller.EducationCode = c.Role
		case c.Role == "" || c.Role == identity.NoRole:
		default:
			caller.NationalRole = identity.NationalRoleName(c.Role)
		}
	}
	return caller
}
