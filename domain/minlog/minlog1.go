package minlog

import (
	"strings"

	"github.com/opennsp/nsp/domain/cpr"
)

// Interface1 is the registration of MinLog1. It names no registers; what they are is told from the form of an identifier.
const Interface1 = "minlog1"

// Other is the source of an identifier of MinLog1 whose register is not known.
const Other = "Other"

// PersonOfText returns whom MinLog1 means by bruger or ansvarlig: a civil registration number, an authorisation code (five letters or
// digits), or somebody under a name that is known elsewhere. Nobody for the empty text.
func PersonOfText(s string) ID {
	if s == "" {
		return ID{}
	}
	trimmed := strings.TrimSpace(s)
	if n, err := cpr.Parse(trimmed); err == nil {
		return ID{CPR, n.Digits()}
	}
	if isAuthorisation(trimmed) {
		return upper(ID{Authorisation, trimmed})
	}
	return ID{Other, s}
}

// isAuthorisation tells whether s has the form of an authorisation code.
func isAuthorisation(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return len(s) == 5
}

// medcom begins every NameFormat.
const medcom = "medcom:"

// OrgOfFormat returns the organisation of a MinLog1 registration: its number and the register that its NameFormat names. ok is false for a
// NameFormat that is not known; the organisation is then one that no MinLog1 registration may have.
func OrgOfFormat(format, value string) (org ID, ok bool) {
	source := ""
	switch strings.TrimPrefix(format, medcom) {
	case "sor":
		source = SOR
	case "ydernummer", "ydernumber", "ynumber":
		source = YDER
	case "cvrnumber":
		source = CVR
	case "pnumber":
		source = PNumber
	case "shak", "skscode":
		source = SKS
	case "communalnumber":
		source = Municipality
	case "other", "unknown_organization":
		source = Other
	}
	if source == "" || !strings.HasPrefix(format, medcom) {
		return ID{"", value}, false
	}
	return ID{source, value}, true
}

// FormatOfOrg returns the NameFormat for an organisation, "" if there is none.
func FormatOfOrg(id ID) string {
	switch {
	case id.IsZero():
		return ""
	case id.Source == SOR:
		return medcom + "sor"
	case id.Source == YDER:
		return medcom + "ydernummer"
	case id.Source == CVR:
		return medcom + "cvrnumber"
	case id.Source == PNumber:
		return medcom + "pnumber"
	case id.Source == SKS:
		return medcom + "shak"
	case id.Source == Municipality:
		return medcom + "communalnumber"
	}
	return medcom + "other"
}
