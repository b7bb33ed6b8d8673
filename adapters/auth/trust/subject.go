package trust

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/opennsp/nsp/domain/trust"
)

var (
	oidCommonName   = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidSerialNumber = asn1.ObjectIdentifier{2, 5, 4, 5}
	oidOrganisation = asn1.ObjectIdentifier{2, 5, 4, 97}
)

// Subject reads the class, CVR and holder of an OCES certificate from the attributes of its subject, which may share one RDN. A subject
// that gives one of these attributes twice has no class.
func Subject(c *x509.Certificate) trust.Subject {
	var serial, organisation, name string
	for _, a := range c.Subject.Names {
		text, _ := a.Value.(string)
		var field *string
		switch {
		case a.Type.Equal(oidCommonName):
			field = &name
		case a.Type.Equal(oidSerialNumber):
			field = &serial
		case a.Type.Equal(oidOrganisation):
			field = &organisation
		default:
			continue
		}
		if *field != "" {
			return trust.Subject{}
		}
		*field = text
	}
	return trust.ParseSubject(serial, organisation, name)
}

// SubjectText returns the subject as the NSP access log prints it: RDNs in reverse order of the certificate joined by ",", the parts of one
// RDN joined by "+", types without a name in the log as dotted numbers with plain text.
func SubjectText(c *x509.Certificate) string { return distinguishedName(c.RawSubject, ",", "+") }

// distinguishedName prints a DER name, most specific RDN first.
func distinguishedName(der []byte, between, within string) string {
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &rdns); err != nil || len(rest) > 0 {
		return ""
	}
	var b strings.Builder
	for i := len(rdns) - 1; i >= 0; i-- {
		if b.Len() > 0 {
			b.WriteString(between)
		}
		for j, a := range rdns[i] {
			if j > 0 {
				b.WriteString(within)
			}
			b.WriteString(attributeName(a.Type))
			b.WriteByte('=')
			b.WriteString(attributeText(a.Value))
		}
	}
	return b.String()
}

func attributeName(oid asn1.ObjectIdentifier) string {
	switch name := oid.String(); name {
	case "2.5.4.3":
		return "CN"
	case "2.5.4.4":
		return "SURNAME"
	case "2.5.4.5":
		return "SERIALNUMBER"
	case "2.5.4.6":
		return "C"
	case "2.5.4.7":
		return "L"
	case "2.5.4.8":
		return "ST"
	case "2.5.4.10":
		return "O"
	case "2.5.4.11":
		return "OU"
	case "2.5.4.42":
		return "GIVENNAME"
	case "1.2.840.113549.1.9.1":
		return "E"
	default:
		return name
	}
}

func attributeText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return "#" + hex.EncodeToString(v)
	default:
		return fmt.Sprint(v)
	}
}
