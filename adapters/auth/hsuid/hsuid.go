// Package hsuid reads and writes the Healthcare Service User Identification header, in which a system says who uses it (NSP, HSUID 1.1).
package hsuid

import (
	"errors"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

// Namespace is that of the header and all in it; Header is its name.
const (
	Namespace = "http://www.nsi.dk/hsuid/2016/08/hsuid-1.1.xsd"
	Header    = "HsuidHeader"
)

// prefix stands before the names of attributes; it is literal text, and may be left out.
const prefix = "nsi:"

// Names of attributes, without the prefix.
const (
	userType        = "UserType"
	acting          = "ActingUserCivilRegistrationNumber"
	responsible     = "ResponsibleUserCivilRegistrationNumber"
	responsibleCode = "ResponsibleUserAuthorizationCode"
	orgUsing        = "OrgUsingID"
	override        = "ConsentOverride"
	systemOwner     = "SystemOwnerName"
	systemName      = "SystemName"
	systemVersion   = "SystemVersion"
	orgName         = "OrgResponsibleName"
	citizen         = "CitizenCivilRegistrationNumber"
	relation        = "CitizenUserRelation"
)

// What a caller hears of a header that cannot be read.
var (
	ErrTwice     = malformed("The HSUID header is repeated.")
	ErrStructure = malformed("The HSUID header must hold one Assertion with one AttributeStatement.")
	ErrRepeated  = malformed("An attribute of the HSUID header is repeated or has no single value.")
	ErrCPR       = malformed("The HSUID header holds a civil registration number that is none.")
	ErrOverride  = malformed("ConsentOverride of the HSUID header must be true or false.")
)

func malformed(text string) fault.Error {
	return fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: text}
}

// Read reads the HSUID header among the children of soap:Header, nil if there is none. It says what the header says: nothing of it is
// verified. Unknown attributes are ignored, an empty value counts as absent. The error is one of the Err values.
func Read(t *xmltree.Tree, soapHeader xmltree.Node) (*identity.HSUID, error) {
	header, err := t.Only(soapHeader, Namespace, Header)
	switch {
	case errors.Is(err, xmltree.ErrMissing):
		return nil, nil //nolint:nilnil // a message may have none
	case err != nil:
		return nil, ErrTwice
	}
	assertion, err := t.Only(header, Namespace, "Assertion")
	if err != nil {
		return nil, ErrStructure
	}
	statement, err := t.Only(assertion, Namespace, "AttributeStatement")
	if err != nil {
		return nil, ErrStructure
	}
	h := &identity.HSUID{}
	if issuer, err := t.Text(t.Child(assertion, Namespace, "Issuer")); err == nil {
		h.Issuer = xsd.Collapse(issuer)
	}
	r := reader{header: h, seen: make(map[string]bool, 12)}
	for n := t.First(statement); n != xmltree.None; n = t.Next(n) {
		if !t.Is(n, Namespace, "Attribute") {
			continue
		}
		if err := r.attribute(t, n); err != nil {
			return nil, err
		}
	}
	return h, nil
}

type reader struct {
	header *identity.HSUID
	seen   map[string]bool
}

func (r *reader) attribute(t *xmltree.Tree, n xmltree.Node) error {
	name, _ := t.Attr(n, "", "Name")
	name = strings.TrimPrefix(xsd.Collapse(name), prefix)
	if !known(name) {
		return nil
	}
	if r.seen[name] {
		return ErrRepeated
	}
	r.seen[name] = true
	value, err := t.Only(n, Namespace, "AttributeValue")
	if err != nil {
		return ErrRepeated
	}
	text, err := t.Text(value)
	if err != nil {
		return ErrRepeated
	}
	if text = xsd.Collapse(text); text == "" {
		return nil
	}
	if name == orgUsing {
		format, _ := t.Attr(n, "", "NameFormat")
		r.header.Org = identity.OrgID{Scheme: orgScheme(xsd.Collapse(format)), Code: text}
		return nil
	}
	return r.set(name, text)
}

func known(name string) bool {
	switch name {
	case userType, acting, responsible, responsibleCode, orgUsing, override, systemOwner, systemName, systemVersion, orgName, citizen, relation:
		return true
	}
	return false
}

func (r *reader) set(name, text string) (err error) {
	h := r.header
	switch name {
	case userType:
		h.UserType = text
	case responsibleCode:
		h.ResponsibleCode = strings.ToUpper(text)
	case systemOwner:
		h.SystemOwner = text
	case systemName:
		h.SystemName = text
	case systemVersion:
		h.SystemVersion = text
	case orgName:
		h.OrgName = text
	case relation:
		h.Relation = text
	case override:
		if h.Override, err = xsd.ParseBoolean(text); err != nil {
			return ErrOverride
		}
	case acting:
		h.Acting, err = cpr.Parse(text)
	case responsible:
		h.Responsible, err = cpr.Parse(text)
	case citizen:
		h.Citizen, err = cpr.Parse(text)
	}
	if err != nil {
		return ErrCPR
	}
	return nil
}

// The schemes of organisation identifiers.
const (
	SOR  = "nsi:sor"
	SKS  = "nsi:skskode"
	Yder = "nsi:ynumber"
)

// orgScheme returns SOR, SKS or Yder, in which older names are read, and "" for a NameFormat that is missing or another.
func orgScheme(format string) string {
	switch format {
	case SOR, SKS, Yder:
		return format
	case "nsi:sorcode":
		return SOR
	case "nsi:skscode":
		return SKS
	}
	return ""
}

// Write writes the header, issued at an instant, with the given attributes (names and values in turn) on its element. What is empty is left
// out.
func Write(w *xmlout.Writer, h identity.HSUID, issued time.Time, attrs ...string) {
	w.Start("hsuid:"+Header, append([]string{"xmlns:hsuid", Namespace}, attrs...)...)
	w.Start("hsuid:Assertion", "IssueInstant", issued.UTC().Format(time.RFC3339), "Version", "2.0", "id", "HSUID")
	w.Elem("hsuid:Issuer", h.Issuer)
	w.Start("hsuid:AttributeStatement", "id", "HSUIDdata")
	overridden := ""
	if h.Override {
		overridden = "true"
	}
	for _, a := range [...][2]string{
		{userType, h.UserType}, {acting, h.Acting.Digits()}, {responsible, h.Responsible.Digits()}, {responsibleCode, h.ResponsibleCode},
		{orgUsing, h.Org.Code}, {orgName, h.OrgName}, {override, overridden}, {citizen, h.Citizen.Digits()}, {relation, h.Relation},
		{systemOwner, h.SystemOwner}, {systemName, h.SystemName}, {systemVersion, h.SystemVersion},
	} {
		if a[1] == "" {
			continue
		}
		w.Start("hsuid:Attribute", "Name", prefix+a[0])
		if a[0] == orgUsing && h.Org.Scheme != "" {
			w.Attr("NameFormat", h.Org.Scheme)
		}
		w.Elem("hsuid:AttributeValue", a[1])
		w.End()
	}
	w.End()
	w.End()
	w.End()
}
