package consentws

import (
	"strconv"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
)

// errTypeMissing is returned for an entry of the older administration that does not tell its kind.
var errTypeMissing error = fault.Error{Kind: fault.Malformed, Code: codeInvalidRequest, Text: elemType + textMissing}

// batch is the entries of an operation.
type batch struct {
	name  string       // of their elements
	names []string     // of what each holds
	typed bool         // each tells its kind
	kind  consent.Kind // where none tells it
}

// What entries hold: in the newer administration the operation tells the kind.
var (
	additionNames   = []string{elemCitizen, elemWho, elemWhat, elemValidFrom, elemValidTo}
	additionNamesV1 = []string{elemCitizen, elemType, elemWho, elemWhat, elemValidFrom, elemValidTo}
	changeNames     = append([]string{elemID}, additionNames...)
	changeNamesV1   = append([]string{elemID}, additionNamesV1...)
	revocationNames = []string{elemID, elemCitizen}
	whoNames        = []string{elemPerson, elemOrg, elemSubUnits, elemForeigners}
	whatNames       = []string{elemDataFrom, elemDataTo, elemOrigin, elemSubUnits}
)

// patient reads whose registrations are asked for; the zero number is nobody's.
func (b binder) patient(root xmltree.Node) (citizen cpr.Number, err error) {
	err = b.children(root, content{names: []string{elemPatient}}, func(_ string, n xmltree.Node) error {
		citizen, err = b.number(n)
		return err
	})
	return citizen, err
}

// entries reads all entries and returns the first ones, of which there is one more than limit where there are too many: the use case says so
// once it knows who asks.
func (b binder) entries(root xmltree.Node, of batch, limit int) (all []consenting.Modification, err error) {
	number := 0
	err = b.children(root, content{names: []string{of.name}, repeated: of.name}, func(_ string, n xmltree.Node) error {
		number++
		entry, err := b.entry(n, of)
		if err != nil {
			return consent.AtEntry(number, err)
		}
		if len(all) <= limit {
			all = append(all, entry)
		}
		return nil
	})
	return all, err
}

// entry reads one entry: an addition and a revocation have a part of what a modification has.
func (b binder) entry(n xmltree.Node, of batch) (m consenting.Modification, err error) {
	m.Kind = of.kind
	typed := !of.typed
	err = b.children(n, content{names: of.names, closed: true}, func(name string, c xmltree.Node) (err error) {
		switch name {
		case elemID:
			m.ID, err = b.id(c)
		case elemCitizen:
			m.Citizen, err = b.number(c)
		case elemType:
			typed = true
			m.Kind, err = b.kind(c)
		case elemWho:
			m.Who, err = b.who(c)
		case elemWhat:
			m.What, err = b.what(c)
		case elemValidFrom:
			m.Valid.From, err = b.from(c)
		case elemValidTo:
			m.Valid.To, err = b.to(c)
		}
		return err
	})
	if err == nil && !typed {
		err = errTypeMissing
	}
	return m, err
}

func (b binder) id(n xmltree.Node) (consent.ID, error) {
	text, err := b.optional(n)
	if err != nil {
		return 0, err
	}
	return consent.ParseID(text)
}

func (b binder) kind(n xmltree.Node) (consent.Kind, error) {
	text, err := b.optional(n)
	if err != nil {
		return 0, err
	}
	kind, ok := kindOf(text)
	if !ok {
		return 0, syntax(elemType + textType)
	}
	return kind, nil
}

// who reads whom a registration is about, also where that is more than one: the rules refuse it.
func (b binder) who(n xmltree.Node) (w consent.Who, err error) {
	err = b.children(n, content{names: whoNames, closed: true}, func(name string, c xmltree.Node) (err error) {
		switch name {
		case elemPerson:
			w.Person, err = b.number(c)
		case elemOrg:
			w.Org.SOR, err = b.text(c)
		case elemSubUnits:
			w.Org.SubUnits, err = b.boolean(c)
		case elemForeigners:
			w.Foreign, err = b.flag(c)
		}
		return err
	})
	return w, err
}

// what reads what data a registration is about.
func (b binder) what(n xmltree.Node) (w consent.What, err error) {
	err = b.children(n, content{names: whatNames, closed: true}, func(name string, c xmltree.Node) (err error) {
		switch name {
		case elemDataFrom:
			w.Data.From, err = b.from(c)
		case elemDataTo:
			w.Data.To, err = b.to(c)
		case elemOrigin:
			w.Origin.SOR, err = b.text(c)
		case elemSubUnits:
			w.Origin.SubUnits, err = b.boolean(c)
		}
		return err
	})
	return w, err
}

// flag reads a boolean which is false when it is empty.
func (b binder) flag(n xmltree.Node) (bool, error) {
	if text, err := b.optional(n); err == nil && text == "" {
		return false, nil
	}
	return b.boolean(n)
}

// entry writes an entry of a request.
func (w writer) entry(m *consenting.Modification, of batch) {
	w.part(of.name, func() {
		for _, name := range of.names {
			switch name {
			case elemID:
				w.id(m.ID)
			case elemCitizen:
				w.elem(elemCitizen, m.Citizen.Digits())
			case elemType:
				w.elem(elemType, kindName(m.Kind))
			case elemWho:
				w.who(m.Who)
			case elemWhat:
				w.what(m.What)
			case elemValidFrom:
				w.instant(elemValidFrom, m.Valid.From)
			case elemValidTo:
				w.instant(elemValidTo, m.Valid.To)
			}
		}
	})
}

// id writes an id, unless there is none.
func (w writer) id(id consent.ID) {
	if id != 0 {
		w.elem(elemID, id.String())
	}
}

// registrations writes what an answer to ConsentRegistrationsGet holds.
func (w writer) registrations(all []consent.Registration) {
	w.part(elemRegistrations, func() {
		for i := range all {
			w.registration(&all[i])
		}
	})
}

func (w writer) registration(r *consent.Registration) {
	w.Start("t:" + elemRegistration)
	w.id(r.ID)
	w.elem(elemCitizen, r.Citizen.Digits())
	w.elem(elemType, kindName(r.Kind))
	w.who(r.Who)
	w.what(r.What)
	w.instant(elemValidFrom, r.Valid.From)
	w.instant(elemValidTo, r.Valid.To)
	w.Elem("t:"+elemActive, strconv.FormatBool(r.Active))
	w.instant(elemCreated, r.Created.At)
	w.Elem("t:"+elemCreatedIn, r.Created.System)
	w.Elem("t:"+elemCreatedBy, r.Created.User)
	if !r.Modified.At.IsZero() {
		w.instant(elemModified, r.Modified.At)
		w.Elem("t:"+elemModifiedIn, r.Modified.System)
		w.Elem("t:"+elemModifiedBy, r.Modified.User)
	}
	w.End()
}

// who writes nothing for everyone.
func (w writer) who(who consent.Who) {
	if who == (consent.Who{}) {
		return
	}
	w.Start("t:" + elemWho)
	w.elem(elemPerson, who.Person.Digits())
	w.elem(elemOrg, who.Org.SOR)
	w.yes(elemSubUnits, who.Org.SubUnits)
	w.yes(elemForeigners, who.Foreign)
	w.End()
}

// what writes nothing for all data.
func (w writer) what(what consent.What) {
	if what.IsZero() {
		return
	}
	w.Start("t:" + elemWhat)
	w.instant(elemDataFrom, what.Data.From)
	w.instant(elemDataTo, what.Data.To)
	w.elem(elemOrigin, what.Origin.SOR)
	w.yes(elemSubUnits, what.Origin.SubUnits)
	w.End()
}
