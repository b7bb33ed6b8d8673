package replicating

import (
	"strconv"
	"time"

	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/validity"
)

// The one use and system that names, addresses and contacts have.
const (
	useOfficial = "official"
	useHome     = "home"
	systemPhone = "phone"
)

// RowsOf returns the rows of the views that changes are copied as, in their order. The identifier systems are those of oids.
func RowsOf(changes []ecpr.Change, oids []ecpr.OID) []stamdata.CopyRow {
	systems := make(map[string]string, len(oids)) // UUID by OID
	for _, o := range oids {
		systems[o.OID] = o.UUID
	}
	rows := make([]stamdata.CopyRow, 0, len(changes))
	for i := range changes {
		rows = append(rows, rowOf(&changes[i], systems))
	}
	return rows
}

// OIDRows returns the rows of the view of identifier systems.
func OIDRows(oids []ecpr.OID) []stamdata.CopyRow {
	rows := make([]stamdata.CopyRow, 0, len(oids))
	for _, o := range oids {
		rows = append(rows, copyOf("oid", o.UUID, validity.Period{}, []string{o.UUID, o.OID, o.Label, o.Secondary, o.Pattern, o.Type}))
	}
	return rows
}

func rowOf(c *ecpr.Change, systems map[string]string) stamdata.CopyRow {
	if c.Version == nil {
		return copyOf("person", string(c.Person), validity.Period{From: c.Since}, []string{string(c.Person), string(c.MergedTo)})
	}
	datatype, values := valuesOf(c.Version.Element, systems)
	return copyOf(datatype, string(c.Version.PID), c.Version.Valid, append([]string{string(c.Version.PID), string(c.Person)}, values...))
}

// valuesOf returns the view of an element and the values of its columns, without those that every version has.
func valuesOf(e ecpr.Element, systems map[string]string) (datatype string, values []string) {
	switch e := e.(type) {
	case ecpr.Identifier:
		return "identifier", []string{systems[e.OID], e.OID, e.Value, e.Validity, e.Expiry}
	case ecpr.Name:
		return "name", []string{useOfficial, e.Family, e.Given, e.Text}
	case ecpr.Gender:
		return "gender", []string{string(e)}
	case ecpr.BirthDate:
		year, month, day := e.Parts()
		return "birthdate", []string{part(day), part(month), part(year)}
	case ecpr.Contact:
		return "contact", []string{systemPhone, "", e.Value, e.Expiry}
	case ecpr.Address:
		values = append([]string{useHome, ""}, e.Lines[:]...)
		return "address", append(values, e.City, e.District, e.State, e.PostalCode, e.Country, e.Box, e.Expiry)
	}
	panic("replicating: an element of no kind") // the kinds are a closed set
}

// part is a part of a date, "" = unknown.
func part(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// copyOf returns a row with the values in the order of its view's columns; validity follows them.
func copyOf(datatype, key string, valid validity.Period, values []string) stamdata.CopyRow {
	v := stamdata.ECPRView(datatype)
	names := v.Columns()
	fields := make([]stamdata.Field, 0, len(names))
	for i, value := range values {
		fields = append(fields, stamdata.TextField(names[i], value))
	}
	for i, at := range []time.Time{valid.From, valid.To} {
		fields = append(fields, stamdata.InstantField(names[len(values)+i], at))
	}
	return stamdata.CopyRow{View: v, Key: key, ValidFrom: valid.From, Fields: fields}
}
