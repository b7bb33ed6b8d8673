package audit

import (
	"slices"
	"strings"
)

// Names of the attributes and headers that Redact knows (OIOSAML; DGWS 1.0.1; the NSP audit line).
const (
	attributeCPR           = "dk:gov:saml:attribute:CprNumberIdentifier"
	attributeTokenCPR      = "cpr"
	attributeAuthorisation = "medcom:UserAuthorizationCode"
	attributeSubject       = "X509Subject"
	headerNameID           = "NameID"
)

// Redact returns a without personal data, for every log but the audit log: person numbers in path, query, headers and attributes are
// masked, the authorisation code becomes "[id]", the NameID is left out, and of the certificate's subject only what names no person stays.
func Redact(a Access) Access {
	a.Path, a.Query, a.HTTPHost = Mask(a.Path), Mask(a.Query), Mask(a.HTTPHost)
	a.HTTPHeaders = masked(a.HTTPHeaders)
	a.SOAPHeaders = masked(a.SOAPHeaders)
	delete(a.SOAPHeaders, headerNameID)
	attributes := make(map[string]string, len(a.IDCardAttributes))
	for name, value := range a.IDCardAttributes {
		switch name {
		case attributeCPR, attributeTokenCPR:
			value = Masked
		case attributeAuthorisation:
			value = "[id]"
		case attributeSubject:
			value = Mask(impersonal(value))
		default:
			value = Mask(value)
		}
		attributes[name] = value
	}
	a.IDCardAttributes = attributes
	return a
}

func masked(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for name, value := range m {
		out[name] = Mask(value)
	}
	return out
}

// impersonal keeps of a distinguished name the attributes that name no person. It fails closed: what is no attribute of a known kind goes.
func impersonal(subject string) string {
	var kept []string
	for _, rdn := range split(subject, ',') {
		parts := slices.DeleteFunc(split(rdn, '+'), func(part string) bool {
			kind, _, ok := strings.Cut(part, "=")
			return !ok || !namesNoPerson(kind)
		})
		if len(parts) > 0 {
			kept = append(kept, strings.Join(parts, "+"))
		}
	}
	return strings.Join(kept, ",")
}

// namesNoPerson tells whether an attribute type is about an organisation, a place or a key. SERIALNUMBER holds the key's number; a person
// number in it is masked afterwards.
func namesNoPerson(kind string) bool {
	return slices.Contains([]string{"C", "O", "OU", "L", "ST", "SERIALNUMBER", "2.5.4.97"}, kind)
}

// split cuts s at every sep that no backslash stands before.
func split(s string, sep byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case sep:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}
