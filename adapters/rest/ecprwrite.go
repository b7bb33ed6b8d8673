package rest

import (
	"strconv"
	"strings"

	"github.com/opennsp/nsp/application/issuing"
	"github.com/opennsp/nsp/domain/ecpr"
)

// writing reads what a write says of a registration.
type writing struct {
	issuing.Submission
	edits []func() (ecpr.Edit, error) // once the body was read
}

// actor are the members of who did it.
func (w *writing) actor() members {
	w.Actor = &ecpr.Actor{}
	a, o := w.Actor, &w.Actor.Organisation
	return members{
		"name": &a.Name, "authorisation": &a.Authorisation, "person": &a.Person, "role": &a.Role,
		"organisation": members{"name": &o.Name, "type": &o.Type, "id": &o.ID, "source": &o.Source},
	}
}

// members are those of a submission.
func (w *writing) members() members {
	return members{
		"actor": w.actor(),
		"identifiers": w.list(ecpr.IdentifierKind, func(*ecpr.Edit) (members, element) {
			var v ecpr.Identifier
			var validity *int
			return members{"oid": &v.OID, "value": &v.Value, "validity": &validity, "expiry": &v.Expiry}, func() (ecpr.Element, error) {
				if validity != nil {
					v.Validity = strconv.Itoa(*validity)
				}
				return present(v), nil
			}
		}),
		"names": w.list(ecpr.NameKind, func(e *ecpr.Edit) (members, element) {
			var v ecpr.Name
			return members{"use": &e.Use, "text": &v.Text, "family": &v.Family, "given": &v.Given}, func() (ecpr.Element, error) { return present(v), nil }
		}),
		"genders": w.list(ecpr.GenderKind, func(*ecpr.Edit) (members, element) {
			var v ecpr.Gender
			return members{"value": &v}, func() (ecpr.Element, error) { return present(v), nil }
		}),
		"birthDates": w.list(ecpr.BirthDateKind, func(*ecpr.Edit) (members, element) {
			var v ecpr.BirthDate
			return members{"value": &v}, func() (ecpr.Element, error) { return present(v), nil }
		}),
		"contacts": w.list(ecpr.ContactKind, func(e *ecpr.Edit) (members, element) {
			var v ecpr.Contact
			return members{"system": &e.System, "use": &e.Use, "value": &v.Value, "expiry": &v.Expiry}, func() (ecpr.Element, error) { return present(v), nil }
		}),
		"addresses": w.list(ecpr.AddressKind, func(e *ecpr.Edit) (members, element) {
			var v ecpr.Address
			var lines []string
			m := members{
				"use": &e.Use, "type": &e.Type, "lines": &lines, "city": &v.City, "district": &v.District, "state": &v.State,
				"postalCode": &v.PostalCode, "country": &v.Country, "postBox": &v.Box, "expiry": &v.Expiry,
			}
			return m, func() (ecpr.Element, error) {
				if copy(v.Lines[:], lines) < len(lines) {
					return nil, &ecpr.Problem{Err: ecpr.ErrInvalid, Text: "Address har for mange linjer"}
				}
				return present(v), nil
			}
		}),
	}
}

// element returns the value of an edit, nil if it has none.
type element func() (ecpr.Element, error)

func present[E interface {
	ecpr.Element
	comparable
}](v E) ecpr.Element {
	var none E
	if v == none {
		return nil
	}
	return v
}

// list reads the edits of a kind; of returns the members of one, beside its PID, and its value.
func (w *writing) list(kind ecpr.Kind, of func(*ecpr.Edit) (members, element)) objects {
	return func() members {
		e := &ecpr.Edit{Kind: kind}
		m, value := of(e)
		m["pid"] = &e.PID
		w.edits = append(w.edits, func() (edit ecpr.Edit, err error) {
			e.PID = ecpr.PID(strings.ToLower(string(e.PID)))
			e.Element, err = value()
			return *e, err
		})
		return m
	}
}

// finish makes the edits of what was read.
func (w *writing) finish() error {
	for _, of := range w.edits {
		edit, err := of()
		if err != nil {
			return err
		}
		w.Edits = append(w.Edits, edit)
	}
	return nil
}

// submitted reads the body of a write.
func (x *exchange) submitted() (issuing.Submission, error) {
	var w writing
	if err := x.ask(w.members()); err != nil {
		return issuing.Submission{}, err
	}
	err := w.finish()
	return w.Submission, err
}
