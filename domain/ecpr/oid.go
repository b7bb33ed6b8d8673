package ecpr

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/opennsp/nsp/domain/cpr"
)

// The identifier systems that rules know (eCPR - OIDer, nspop.dk).
const (
	CPROID   = "1.2.208.176.1.2"
	XECPROID = "1.2.208.176.1.6.1.1"

	// A regional number (D-eCPR) is under the OID of its region.
	SealandOID  = "1.2.208.176.1.6.1.3.177"
	NorthOID    = "1.2.208.176.1.6.1.3.179"
	CentralOID  = "1.2.208.176.1.6.1.3.181"
	SouthernOID = "1.2.208.176.1.6.1.3.183"
	CapitalOID  = "1.2.208.176.1.6.1.3.187"

	// Foreign numbers: rows of ours until the official list is known.
	PassportOID       = "2.25.276287498922580704022267390250412640307.1"
	DrivingLicenceOID = "2.25.276287498922580704022267390250412640307.2"
	EHICOID           = "2.25.276287498922580704022267390250412640307.3"
	AsylumOID         = "2.25.276287498922580704022267390250412640307.4"
)

const (
	maxValue   = 50  // characters of an identifier
	maxOID     = 100 // of what a row of the table tells
	maxLabel   = 200
	maxPattern = 200
)

// DefaultOIDs returns the table of a new server.
func DefaultOIDs(newID func() string) []OID {
	region := func(oid, name string) OID {
		return OID{UUID: newID(), OID: oid, Label: "D-eCPR", Secondary: name, Type: "eCPR-nummer og kilde"}
	}
	foreign := func(oid, label string) OID {
		return OID{UUID: newID(), OID: oid, Label: label, Type: "Eksternt person-ID"}
	}
	return []OID{
		{UUID: newID(), OID: CPROID, Label: "CPR", Pattern: `^\d{6}\d{4}$`, Type: "CPR-nummer"},
		{UUID: newID(), OID: XECPROID, Label: "X-eCPR", Pattern: `^\d{6}\d[A-Z][A-Z]\d$`, Type: "eCPR-nummer"},
		region(SealandOID, "Region Sjælland"), region(NorthOID, "Region Nordjylland"), region(CentralOID, "Region Midtjylland"),
		region(SouthernOID, "Region Syddanmark"), region(CapitalOID, "Region Hovedstaden"),
		foreign(PassportOID, "Pas"), foreign(DrivingLicenceOID, "Kørekort"), foreign(EHICOID, "EHIC"), foreign(AsylumOID, "Asyl PersonID"),
	}
}

// Check tells whether o can be a row of the table: ErrInvalid with what is wrong otherwise.
func (o OID) Check() error {
	switch {
	case utf8.RuneCountInString(o.OID) > maxOID || !oidForm.MatchString(o.OID):
		return invalid("OID er ugyldig", o.OID)
	case !isText(o.Label, 1, maxLabel):
		return invalid("PrimaryOIDLabel er ugyldig", "")
	case !isText(o.Secondary, 0, maxLabel):
		return invalid("SecondaryOIDLabel er ugyldig", "")
	case !isText(o.Type, 1, maxLabel):
		return invalid("OIDType er ugyldig", "")
	}
	if _, err := whole(o.Pattern); err != nil || utf8.RuneCountInString(o.Pattern) > maxPattern {
		return invalid("OIDRegEx er ugyldig", "")
	}
	return nil
}

var oidForm = regexp.MustCompile(`^[0-2](\.(0|[1-9][0-9]*))+$`)

// whole compiles a pattern that a value as a whole must match. Matching takes time linear in the value, whatever the pattern.
func whole(pattern string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil { // by itself, so that it cannot close what is put around it
		return nil, err
	}
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

// Table finds the rows of the table of identifier systems by OID. It is immutable and safe for concurrent use.
type Table struct{ rows map[string]system }

type system struct {
	OID
	pattern *regexp.Regexp // nil = none
	broken  bool           // its pattern is none: no value matches
}

// NewTable returns the table of rows.
func NewTable(rows []OID) Table {
	t := Table{rows: make(map[string]system, len(rows))}
	for _, o := range rows {
		s := system{OID: o}
		if o.Pattern != "" {
			var err error
			s.pattern, err = whole(o.Pattern)
			s.broken = err != nil
		}
		t.rows[o.OID] = s
	}
	return t
}

// Row returns the row of an OID.
func (t Table) Row(oid string) (OID, bool) {
	s, ok := t.rows[oid]
	return s.OID, ok
}

// Normalise returns id with its value in the form in which values are compared: without spaces and in upper case, a CPR number as digits
// alone (EC-20). Otherwise a [Problem]: the OID is not in the table, or the value has not the form that its OID asks for.
func (t Table) Normalise(id Identifier) (Identifier, error) {
	s, ok := t.rows[id.OID]
	switch {
	case id.OID == "":
		return Identifier{}, invalid("Identifier/OID mangler", "")
	case !ok:
		return Identifier{}, &Problem{Err: ErrInvalid, Text: "Ukendt OID", OID: id.OID}
	}
	sent := id.Value
	id.Value = strings.ToUpper(strings.Join(strings.Fields(sent), ""))
	switch {
	case !utf8.ValidString(sent), !isText(id.Value, 1, maxValue):
		return Identifier{}, invalid("Identifier/Value er ugyldig", sent)
	case id.OID == CPROID:
		n, err := cpr.Parse(strings.TrimSpace(sent))
		if err != nil {
			return Identifier{}, &Problem{Err: ErrCPRForm, Value: sent}
		}
		id.Value = n.Digits()
	case id.OID == XECPROID && !hasForm(id.Value, "17"), slices.Contains(regions(), id.OID) && !hasForm(id.Value, "056"):
		return Identifier{}, invalid("eCPR-nummeret er ugyldigt", sent)
	}
	if s.broken || s.pattern != nil && !s.pattern.MatchString(id.Value) {
		return Identifier{}, invalid("Identifier/Value er ugyldig", sent)
	}
	return id, nil
}

// regions are the OIDs of regional numbers, whose form is checked though their rows have no pattern (EC-05).
func regions() []string { return []string{SealandOID, NorthOID, CentralOID, SouthernOID, CapitalOID} }
