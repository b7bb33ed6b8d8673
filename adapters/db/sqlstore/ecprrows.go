package sqlstore

import (
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opennsp/nsp/domain/ecpr"
)

var (
	errNoUUID  = errors.New("an id that is no UUID")
	errElement = errors.New("an element of a registration in an unknown form")
)

// packed is a UUID as a column holds it, in 16 octets, nil for "".
func packed[T ~string](id T) ([]byte, error) {
	if id == "" {
		return nil, nil
	}
	octets, err := hex.DecodeString(strings.ReplaceAll(string(id), "-", ""))
	if err != nil || len(octets) != 16 || unpacked[T](octets) != id {
		return nil, errNoUUID
	}
	return octets, nil
}

// unpacked is the text of a UUID, "" for NULL.
func unpacked[T ~string](id []byte) T {
	if len(id) != 16 {
		return ""
	}
	var h [36]byte
	for i, group := range [][2]int{{0, 4}, {4, 6}, {6, 8}, {8, 10}, {10, 16}} {
		at := 2*group[0] + i
		hex.Encode(h[at:], id[group[0]:group[1]])
		if i > 0 {
			h[at-1] = '-'
		}
	}
	return T(h[:])
}

// optional is s as a column that may be empty holds it; "" is NULL.
func optional(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// elementKinds are the kinds as ecpr_version has them, in the order of the kinds.
func elementKinds() []string {
	return []string{"identifier", "name", "gender", "birthdate", "contact", "address"}
}

// fieldCode is a field of the search as ecpr_search has it: short, since it stands in every row.
func fieldCode(f ecpr.Field) (string, error) {
	if n, ok := strings.CutPrefix(string(f), strings.TrimSuffix(string(ecpr.Line(1)), "1")); ok {
		return n, nil
	}
	for i, known := range []ecpr.Field{ecpr.Given, ecpr.Family, ecpr.Street, ecpr.City, ecpr.District, ecpr.State, ecpr.PostalCode, ecpr.Country,
		ecpr.Phone, ecpr.ContactSystem, ecpr.Sex, ecpr.Born} {
		if f == known {
			return "gfacdspntyxb"[i : i+1], nil
		}
	}
	return "", fmt.Errorf("the search knows no field %s", f)
}

// elementData is what of an element has no column of its own, as JSON. Its names are short, since they stand in every row.
type elementData struct {
	Text       string   `json:"t,omitempty"`
	Family     string   `json:"f,omitempty"`
	Given      string   `json:"g,omitempty"`
	Validity   string   `json:"v,omitempty"`
	Expiry     string   `json:"e,omitempty"`
	Lines      []string `json:"l,omitempty"` // without empty ones at the end
	City       string   `json:"c,omitempty"`
	District   string   `json:"d,omitempty"`
	State      string   `json:"s,omitempty"`
	PostalCode string   `json:"p,omitempty"`
	Country    string   `json:"n,omitempty"`
	Box        string   `json:"b,omitempty"`
}

// elementRow is an element as ecpr_version has it.
type elementRow struct {
	kind             string
	oid, value, data sql.NullString
}

func rowOf(e ecpr.Element) (row elementRow, err error) {
	var d elementData
	switch e := e.(type) {
	case ecpr.Identifier:
		row.oid, row.value = sql.NullString{String: e.OID, Valid: true}, sql.NullString{String: e.Value, Valid: true}
		d = elementData{Validity: e.Validity, Expiry: e.Expiry}
	case ecpr.Name:
		d = elementData{Text: e.Text, Family: e.Family, Given: e.Given}
	case ecpr.Gender:
		row.value = optional(string(e))
	case ecpr.BirthDate:
		row.value = optional(string(e))
	case ecpr.Contact:
		row.value, d = optional(e.Value), elementData{Expiry: e.Expiry}
	case ecpr.Address:
		lines := e.Lines[:]
		for len(lines) > 0 && lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		d = elementData{Lines: lines, City: e.City, District: e.District, State: e.State, PostalCode: e.PostalCode, Country: e.Country, Box: e.Box,
			Expiry: e.Expiry}
	default:
		return row, errElement
	}
	row.kind = elementKinds()[e.Kind()]
	doc, err := json.Marshal(d)
	if string(doc) != "{}" {
		row.data = optional(string(doc))
	}
	return row, err
}

func (row elementRow) element() (ecpr.Element, error) {
	var d elementData
	if row.data.Valid {
		if err := json.Unmarshal([]byte(row.data.String), &d); err != nil {
			return nil, errElement
		}
	}
	switch ecpr.Kind(max(slices.Index(elementKinds(), row.kind), 0)) { //nolint:gosec // at most 5
	case ecpr.NameKind:
		return ecpr.Name{Text: d.Text, Family: d.Family, Given: d.Given}, nil
	case ecpr.GenderKind:
		return ecpr.Gender(row.value.String), nil
	case ecpr.BirthDateKind:
		return ecpr.BirthDate(row.value.String), nil
	case ecpr.ContactKind:
		return ecpr.Contact{Value: row.value.String, Expiry: d.Expiry}, nil
	case ecpr.AddressKind:
		a := ecpr.Address{City: d.City, District: d.District, State: d.State, PostalCode: d.PostalCode, Country: d.Country, Box: d.Box, Expiry: d.Expiry}
		copy(a.Lines[:], d.Lines)
		return a, nil
	case ecpr.IdentifierKind:
		if row.kind == elementKinds()[ecpr.IdentifierKind] {
			return ecpr.Identifier{OID: row.oid.String, Value: row.value.String, Validity: d.Validity, Expiry: d.Expiry}, nil
		}
	}
	return nil, errElement
}

// versionColumns are read by versionRow.
const versionColumns = "v.pid, v.kind, v.oid, v.value, v.data, v.valid_from, v.valid_to, v.opened_by, v.closed_by"

// versionRow is a row of ecpr_version, or NULLs where there is none.
type versionRow struct {
	pid, opened, closed []byte
	kind                sql.NullString
	elementRow
	from, to sql.NullInt64
}

func (r *versionRow) columns() []any {
	return []any{&r.pid, &r.kind, &r.oid, &r.value, &r.data, &r.from, &r.to, &r.opened, &r.closed}
}

func (r *versionRow) version() (v ecpr.Version, err error) {
	r.elementRow.kind = r.kind.String
	v = ecpr.Version{PID: unpacked[ecpr.PID](r.pid), Opened: unpacked[string](r.opened), Closed: unpacked[string](r.closed)}
	v.Valid.From, v.Valid.To = fromMicros(r.from), fromMicros(r.to)
	v.Element, err = r.element()
	return v, err
}

// actorData is an actor as JSON.
type actorData struct {
	Authorisation string `json:"authorisation,omitempty"`
	Name          string `json:"name,omitempty"`
	Person        string `json:"person,omitempty"`
	Role          string `json:"role,omitempty"`
	Organisation  struct {
		Name   string `json:"name,omitempty"`
		Type   string `json:"type,omitempty"`
		ID     string `json:"id,omitempty"`
		Source string `json:"source,omitempty"`
	} `json:"organisation"`
}

func actorDoc(a ecpr.Actor) (string, error) {
	d := actorData{Authorisation: a.Authorisation, Name: a.Name, Person: a.Person, Role: a.Role}
	o := a.Organisation
	d.Organisation.Name, d.Organisation.Type, d.Organisation.ID, d.Organisation.Source = o.Name, o.Type, o.ID, o.Source
	doc, err := json.Marshal(d)
	return string(doc), err
}
