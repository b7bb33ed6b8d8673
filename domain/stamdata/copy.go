package stamdata

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/fault"
)

// View is one table of a register as it is copied (SKRS): what a caller needs a grant for.
type View struct {
	Register string // such as "cpr"
	Datatype string // such as "person"
	Version  int
}

// The registers that are copied.
const (
	copiedECPR = "ecpr2registeret"
	copiedCPR  = "cpr"
)

// ECPRView returns a view of the registrations with replacement numbers, such as "name".
func ECPRView(datatype string) View {
	return View{Register: copiedECPR, Datatype: datatype, Version: 1}
}

// Views returns the views there are, ordered by register and datatype.
func Views() []View {
	return []View{
		{copiedCPR, "barnrelation", 1},
		{copiedCPR, "foraeldremyndighedrelation", 1},
		{copiedCPR, "person", 1},
		{copiedCPR, "umyndiggoerelsevaergerelation", 1},
		ECPRView("address"),
		ECPRView("birthdate"),
		ECPRView("contact"),
		ECPRView("gender"),
		ECPRView("identifier"),
		ECPRView("name"),
		ECPRView("oid"),
		ECPRView("person"),
	}
}

// Known tells whether there is such a view.
func (v View) Known() bool { return slices.Contains(Views(), v) }

// OfECPR tells whether v is a view of the registrations with replacement numbers.
func (v View) OfECPR() bool { return v.Register == copiedECPR }

// String returns register/datatype/vN, as it stands in the ids of feeds.
func (v View) String() string { return v.Register + "/" + v.Datatype + "/v" + strconv.Itoa(v.Version) }

// Grant is the name of the grant that lets an organisation copy the view.
func (v View) Grant() string {
	return "skrs." + v.Register + "." + v.Datatype + ".v" + strconv.Itoa(v.Version)
}

// Columns returns the columns of the view in their order, nil if there is no such view (nspop.dk, "eCpr2" and "CPR"; identifier, oid, person and
// ValidFrom, ValidTo of eCPR are ours). The published names are of mixed case.
func (v View) Columns() []string {
	if !v.Known() {
		return nil
	}
	if v.OfECPR() {
		return strings.Fields(ecprColumns(v.Datatype) + " ValidFrom ValidTo")
	}
	return strings.Fields(cprColumns(v.Datatype) + " validFrom validTo")
}

func ecprColumns(datatype string) string {
	switch datatype {
	case "address":
		return "UUID PersonUUID Use Type StreetAddressLine1 StreetAddressLine2 StreetAddressLine3 StreetAddressLine4 StreetAddressLine5 StreetAddressLine6" +
			" StreetAddressLine7 StreetAddressLine8 StreetAddressLine9 StreetAddressLine10 City District State PostalCode Country PostBox Expiry"
	case "birthdate":
		return "Uuid PersonUUID Day Month Year"
	case "contact":
		return "Uuid PersonUuid System Use Value Expiry"
	case "gender":
		return "Uuid PersonUuid Value"
	case "name":
		return "Uuid PersonUuid Use FamilyName GivenName Text"
	case "identifier":
		return "Uuid PersonUuid OidUuid OID Value Validity Expiry"
	case "oid":
		return "Uuid OID PrimaryOIDLabel SecondaryOIDLabel OIDRegEx OIDType"
	}
	return "Uuid MergedToUuid"
}

func cprColumns(datatype string) string {
	switch datatype {
	case "person":
		return "cpr koen fornavn mellemnavn efternavn coNavn lokalitet vejnavn bygningsnummer husnummer etage sideDoerNummer bynavn postnummer" +
			" postdistrikt status gaeldendeCPR foedselsdato stilling vejKode kommuneKode navnebeskyttelseslettedato navnebeskyttelsestartdato"
	case "foraeldremyndighedrelation":
		return "id cpr typeKode typeTekst relationCpr"
	case "barnrelation":
		return "id cpr barnCPR"
	}
	return "id cpr typeKode typeTekst relationCpr relationCprStartDato vaergesNavn vaergesNavnStartDato relationsTekst1 relationsTekst2" +
		" relationsTekst3 relationsTekst4 relationsTekst5"
}

// Field is one column of a copied row; without a value it is left out.
type Field struct {
	Name  string
	Value string
	Null  bool
}

// Copied returns how the column is copied, false if it is left out: one without value, but for the end of a period.
func (f Field) Copied() (value string, ok bool) {
	switch {
	case !f.Null:
		return f.Value, true
	case strings.EqualFold(f.Name, "ValidTo"):
		return noEnd, true
	}
	return "", false
}

// TextField is a column of text, "" = no value.
func TextField(name, value string) Field { return Field{Name: name, Value: value, Null: value == ""} }

// InstantField is a column of an instant, zero = no value.
func InstantField(name string, at time.Time) Field {
	if at.IsZero() {
		return Field{Name: name, Null: true}
	}
	return Field{Name: name, Value: instantText(at)}
}

// CopyRow is one revision of one row of a view.
type CopyRow struct {
	PID       int64     // set by the store, larger than all before
	Modified  time.Time // set by the store, whole seconds
	View      View
	Key       string // of the row in its view
	ValidFrom time.Time
	Fields    []Field // in the order of the view's columns, all of them
}

// Offset tells how far a copy has come with the row.
func (r *CopyRow) Offset() Offset { return Offset{Seconds: r.Modified.Unix(), PID: r.PID} }

// Latest returns of each row, by view, key and ValidFrom, the last revision in rows, in their order: what is appended of them.
func Latest(rows []CopyRow) []CopyRow {
	type id struct {
		view View
		key  string
		from int64
	}
	last := make(map[id]int, len(rows))
	of := func(r *CopyRow) id { return id{r.View, r.Key, r.ValidFrom.UnixMicro()} }
	for i := range rows {
		last[of(&rows[i])] = i
	}
	kept := make([]CopyRow, 0, len(last))
	for i := range rows {
		if last[of(&rows[i])] == i {
			kept = append(kept, rows[i])
		}
	}
	return kept
}

// ErrCopyRow refuses a row that is none of its view: its columns are the view's, all of them and in their order.
var ErrCopyRow error = fault.Error{Kind: fault.Invalid, Code: "stamdata_copy_row", Text: "a row does not have the columns of its view"}

// CheckCopies returns ErrCopyRow unless every row may be appended: views of the registrations with replacement numbers, with their columns.
func CheckCopies(rows []CopyRow) error {
	columns := map[View][]string{}
	for i := range rows {
		r := &rows[i]
		names, seen := columns[r.View]
		if !seen {
			if r.View.OfECPR() {
				names = r.View.Columns()
			}
			columns[r.View] = names
		}
		if names == nil || len(names) != len(r.Fields) || r.Key == "" {
			return ErrCopyRow
		}
		for j, f := range r.Fields {
			if f.Name != names[j] || f.Null && f.Value != "" {
				return ErrCopyRow
			}
		}
	}
	return nil
}

// Offset tells how far a copy has come: after the row PID of the second Seconds. The zero Offset is the start.
type Offset struct{ Seconds, PID int64 }

// What copying refuses (nspop.dk, SKRS: codes and texts; that of an unknown view is ours).
var (
	ErrOffset error = fault.Error{Kind: fault.Invalid, Code: "urn:stamdata:invalid-history-offset", Text: "Invalid offset in the request."}
	ErrNoCopy error = fault.Error{Kind: fault.Forbidden, Code: "urn:stamdata:unauthorized-access",
		Text: "The provided cvr is not authorized to fetch this datatype."}
	ErrNoView      error = fault.Error{Kind: fault.NotFound, Code: "urn:stamdata:unknown-view", Text: "Unknown view."}
	ErrCopyStorage error = fault.Error{Kind: fault.Unavailable, Code: "urn:stamdata:io-error", Text: "Could not complete the request do to an error."}
)

// The digits of an offset: those of the seconds, then those of the PID.
const (
	offsetPart = 10
	maxPart    = 9_999_999_999
)

// ParseOffset reads an offset of at most 20 digits; a shorter one is filled with zeros on the left.
func ParseOffset(s string) (Offset, error) {
	if len(s) > 2*offsetPart {
		return Offset{}, ErrOffset
	}
	var o Offset
	for i := range len(s) {
		digit := int64(s[i]) - '0'
		if digit < 0 || digit > 9 {
			return Offset{}, ErrOffset
		}
		if len(s)-i > offsetPart {
			o.Seconds = o.Seconds*10 + digit
		} else {
			o.PID = o.PID*10 + digit
		}
	}
	return o, nil
}

// String returns the 20 digits.
func (o Offset) String() string { return string(o.Append(nil)) }

// Append appends the 20 digits to dst.
func (o Offset) Append(dst []byte) []byte {
	var digits [2 * offsetPart]byte
	put := func(to []byte, n int64) {
		n = min(max(n, 0), maxPart)
		for i := range to {
			to[len(to)-1-i] = byte('0' + n%10)
			n /= 10
		}
	}
	put(digits[:offsetPart], o.Seconds)
	put(digits[offsetPart:], o.PID)
	return append(dst, digits[:]...)
}

// Compare orders offsets as pages do.
func (o Offset) Compare(p Offset) int {
	return slices.Compare([]int64{o.Seconds, o.PID}, []int64{p.Seconds, p.PID})
}

// CopyTime is the second in which rows are appended at at, after one of the second last: copies never go back, whatever the clock does.
func CopyTime(at time.Time, last int64) int64 {
	seconds := at.Unix()
	if at.Nanosecond() > 0 {
		seconds++
	}
	return max(seconds, last)
}

// Export is how far an export has come, or an import of exports. The zero Export has not begun.
type Export struct {
	Number int64     // of the last one; only those that hold data are counted
	Cursor int64     // of the changes that it held last; 0 for an import
	At     time.Time // when it was made, or taken in
}
