package consentws

import (
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/org"
)

// question writes what a request of the verification holds.
func (w writer) question(q consenting.Question, items []Item) {
	w.elem(elemCitizen, q.Citizen.Digits())
	if q.Foreign {
		w.Start("t:" + elemForeigner)
		w.elem(elemCountry, q.Country)
		w.elem(elemIdentifier, q.Identifier)
		w.End()
	} else {
		w.Start("t:" + elemProfessional)
		w.elem(elemPerson, q.Acting.Digits())
		w.elem(elemResponsible, q.Responsible.Digits())
		w.organisation("t:"+elemPlace, q.Org)
		w.End()
	}
	for i := range items {
		item := &items[i]
		w.Start("t:" + elemItem)
		w.Elem("t:"+elemItemID, item.ID)
		w.instant(elemDataFrom, item.Data.From)
		w.instant(elemDataTo, item.Data.To)
		w.organisation("t:"+elemOrigin, item.Origin)
		w.End()
	}
}

// organisation writes an organisation, unless there is none. One of a scheme that the contract does not have is not known.
func (w writer) organisation(name string, id org.ID) {
	if id.Code != "" {
		w.Elem(name, id.Code, attrCodeSystem, codeSystemOf(id.Scheme))
	}
}

// registration reads a registration of an answer. What must be there and is not is nothing that our rules would have let in.
func (b binder) registration(n xmltree.Node) (r consent.Registration, err error) {
	needed := len(neededNames)
	err = b.children(n, content{names: registrationNames}, func(name string, c xmltree.Node) (err error) {
		for _, need := range neededNames {
			if name == need {
				needed--
			}
		}
		switch name {
		case elemID:
			r.ID, err = b.id(c)
		case elemCitizen:
			r.Citizen, err = b.number(c)
		case elemType:
			r.Kind, err = b.kind(c)
		case elemWho:
			r.Who, err = b.who(c)
		case elemWhat:
			r.What, err = b.what(c)
		case elemValidFrom:
			r.Valid.From, err = b.from(c)
		case elemValidTo:
			r.Valid.To, err = b.to(c)
		case elemActive:
			r.Active, err = b.boolean(c)
		default:
			err = b.stamped(name, c, &r)
		}
		return err
	})
	if err == nil && needed > 0 {
		err = ErrAnswer
	}
	return r, err
}

// registrationNames are what a registration may hold, neededNames what it must.
var (
	registrationNames = []string{
		elemID, elemCitizen, elemType, elemWho, elemWhat, elemValidFrom, elemValidTo, elemActive,
		elemCreated, elemCreatedIn, elemCreatedBy, elemModified, elemModifiedIn, elemModifiedBy,
	}
	neededNames = []string{elemID, elemCitizen, elemType, elemValidFrom, elemActive, elemCreated}
)

// stamped reads when, in which system and by whom a registration was made or changed.
func (b binder) stamped(name string, n xmltree.Node, r *consent.Registration) (err error) {
	switch name {
	case elemCreated:
		r.Created.At, err = b.from(n)
	case elemCreatedIn:
		r.Created.System, err = b.optional(n)
	case elemCreatedBy:
		r.Created.User, err = b.optional(n)
	case elemModified:
		r.Modified.At, err = b.from(n)
	case elemModifiedIn:
		r.Modified.System, err = b.optional(n)
	case elemModifiedBy:
		r.Modified.User, err = b.optional(n)
	}
	return err
}

// verdict reads what was found of an item.
func (b binder) verdict(n xmltree.Node) (id string, allowed bool, err error) {
	access := ""
	err = b.children(n, content{names: verdictNames}, func(name string, c xmltree.Node) (err error) {
		to := &id
		if name == elemAccess {
			to = &access
		}
		*to, err = b.text(c)
		return err
	})
	if err == nil && (id == "" || access != valueAllowed && access != valueDenied) {
		err = ErrAnswer
	}
	return id, access == valueAllowed, err
}

var verdictNames = []string{elemItemID, elemAccess}
