package dgws

import "strings"

// subjectSerial returns the serialNumber of the subject that a token service names the holder of a card by, such as
// "SubjectDN={SERIALNUMBER=CVR:33257872-FID:22933922 + CN=…, C=DK},IssuerDN={…},CertSerial={…}"; "" where it names no subject, or none with one
// serialNumber.
func subjectSerial(nameID string) string {
	subject, ok := strings.CutPrefix(nameID, "SubjectDN={")
	if !ok {
		return ""
	}
	end := strings.Index(subject, "},IssuerDN={")
	if end < 0 {
		return ""
	}
	serial := ""
	for part := range attributes(subject[:end]) {
		name, value, _ := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); !strings.EqualFold(name, "SERIALNUMBER") && name != "OID.2.5.4.5" && name != "2.5.4.5" {
			continue
		}
		if serial != "" {
			return ""
		}
		serial = strings.TrimSpace(value)
	}
	return serial
}

// attributes yields the attributes of a distinguished name (RFC 4514): those that a comma or a plus separates, which is not escaped or quoted.
func attributes(dn string) func(func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(dn); i++ {
			switch dn[i] {
			case '\\':
				i++
			case '"':
				quoted = !quoted
			case ',', '+':
				if quoted {
					continue
				}
				if !yield(dn[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(dn[start:])
	}
}
