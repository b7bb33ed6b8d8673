// Package cda is the form in which a will is read: an HL7 CDA document with no more in it than readers of wills need (nspop.dk, LTR-BTR).
package cda

import (
	"strconv"
	"time"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/will"
)

// Document is a will as it is read. Only the wishes that Value has are written.
type Document struct {
	Value      Value
	Citizen    cpr.Number
	Registered time.Time // since when the will says this
	Created    time.Time // when this document was made
	Wishes     will.Wishes
}

// Append writes the document, an element in no namespace that declares the prefixes it uses. The order of its elements is that of the
// schema, whatever the document holds.
func (d Document) Append(w *xmlout.Writer) {
	f := &forms[d.Value]
	w.Start(elemDocument, "classCode", "DOCCLIN", "moodCode", "EVN",
		"xmlns:h", NSHL7, "xmlns:w", f.space, "xmlns:"+prefixInstance, nsInstance)
	empty(w, "realmCode", "code", "DK")
	empty(w, "typeId", "root", "2.16.840.1.113883.1.3", "extension", "POCD_HD000040")
	empty(w, "id", "root", "1.2.208.184", "extension", "NA", "assigningAuthorityName", "MedCom")
	f.writeCode(w)
	w.Elem(prefixHL7+"title", f.title)
	instant(w, "effectiveTime", d.Created)
	empty(w, "confidentialityCode", "code", "N", "codeSystem", "2.16.840.1.113883.5.25")
	empty(w, "languageCode", "code", "da-DK")

	start(w, "recordTarget", "patientRole")
	d.writeCitizen(w)
	end(w, 2)
	start(w, "author")
	instant(w, "time", d.Registered)
	start(w, "assignedAuthor")
	d.writeCitizen(w)
	end(w, 2)
	start(w, "custodian", "assignedCustodian", "representedCustodianOrganization")
	empty(w, "id", "root", "1.2.208.176.1.1", "extension", "1126211000016009", "assigningAuthorityName", "SOR")
	w.Elem(prefixHL7+"name", "Sundhedsdatastyrelsen")
	end(w, 3)

	start(w, "component", "structuredBody", "component", "section")
	w.Elem(prefixHL7+"title", f.title)
	start(w, "entry")
	w.Start(prefixHL7+"observation", "classCode", "OBS", "moodCode", "EVN")
	f.writeCode(w)
	w.Start(prefixHL7+"value", prefixInstance+":"+attrType, prefixWish+f.name)
	AppendWishes(w, prefixWish, d.Value, d.Wishes)
	end(w, 1+2+4)
	w.End()
}

// AppendWishes writes what a will of a form holds, each wish with the prefix of the form's namespace and its colon.
func AppendWishes(w *xmlout.Writer, prefix string, v Value, wishes will.Wishes) {
	for _, element := range v.Elements() {
		wish := WishOf(&wishes, element)
		w.Start(prefix + element)
		if wish.Declined && wish.Needs != will.None && v.Conditional(element) {
			w.Attr(AttrAcceptance, acceptance(wish.Needs))
		}
		w.Text(strconv.FormatBool(wish.Declined))
		w.End()
	}
}

func (f *form) writeCode(w *xmlout.Writer) {
	empty(w, "code", "code", f.code, "codeSystem", codeSystem, "displayName", f.title)
}

func (d *Document) writeCitizen(w *xmlout.Writer) {
	empty(w, "id", "root", CitizenRoot, "extension", d.Citizen.Digits(), "assigningAuthorityName", CitizenAuthority)
}

func instant(w *xmlout.Writer, name string, at time.Time) {
	empty(w, name, "value", at.In(calendar.Location()).Format(timeFormat))
}

func empty(w *xmlout.Writer, name string, attrs ...string) {
	w.Start(prefixHL7+name, attrs...)
	w.End()
}

// start begins elements, each within the one before.
func start(w *xmlout.Writer, names ...string) {
	for _, name := range names {
		w.Start(prefixHL7 + name)
	}
}

func end(w *xmlout.Writer, elements int) {
	for range elements {
		w.End()
	}
}
