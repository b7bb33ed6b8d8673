package cda

import (
	"slices"

	"github.com/opennsp/nsp/domain/will"
)

// Namespaces.
const (
	NSHL7         = "urn:hl7-org:v3"
	NSLivingWill  = "urn:hl7-org:ltr"
	NSTreatment   = "urn:hl7-org:btr"
	NSTreatmentV2 = "urn:hl7-org:btrv2"

	nsInstance = "http://www.w3.org/2001/XMLSchema-instance"
)

// The id of a citizen (HL7 type II).
const (
	CitizenRoot      = "1.2.208.176.1.2" // OID of the CPR register
	CitizenAuthority = "CPR"
)

// Wishes, in the order of the schemas, and who must accept them.
const (
	ElemIfDying            = "noLifeProlongingIfDying"
	ElemIfSeverelyDegraded = "noLifeProlongingIfSeverelyDegraded"
	ElemIfSeverePain       = "noLifeProlongingIfSeverePain"
	ElemNoForcedTreatment  = "noForcedTreatmentIfIncapable"

	AttrAcceptance  = "acceptanceNeeded"
	AttrNullFlavor  = "nullFlavor"
	needsRelative   = "relativeAcceptanceRequired"
	needsGuardian   = "guardianAcceptanceRequired"
	needsTrusted    = "trustedAgentAcceptanceRequired"
	elemDocument    = "ClinicalDocument" // in no namespace
	attrType        = "type"
	prefixInstance  = "xsi"
	prefixHL7       = "h:"
	prefixWish      = "w:"
	codeSystem      = "1.2.208.184.15.1" // MedCom's; provisional at the source
	timeFormat      = "20060102150405-0700"
	timeFormatLocal = "20060102150405"
)

// Value is the form of a will on the wire: its xsi:type.
type Value int

// The forms.
const (
	LivingWill          Value = iota
	TreatmentWill             // of the interface of 2018
	TreatmentWillV2           // of the interface of 2020
	OnlyForcedTreatment       // a treatment will of which nothing else is told
)

// form is what a Value is written as.
type form struct {
	space, name string
	wishes      []string
	code, title string
}

var (
	treatmentWishes = []string{ElemIfDying, ElemIfSeverelyDegraded, ElemIfSeverePain, ElemNoForcedTreatment}

	forms = [...]form{
		LivingWill:          {NSLivingWill, "LivingWill", treatmentWishes[:2], "LivingWill", "Livstestamente"},
		TreatmentWill:       {NSTreatment, "TreatmentWill", treatmentWishes, "TreatmentWill", "Behandlingstestamente"},
		TreatmentWillV2:     {NSTreatmentV2, "TreatmentWillV2", treatmentWishes, "TreatmentWill", "Behandlingstestamente"},
		OnlyForcedTreatment: {NSTreatmentV2, "TreatmentWillWithOnlyForcedTreatment", treatmentWishes[3:], "TreatmentWill", "Behandlingstestamente"},
	}
)

// Space is the namespace of the type and of the wishes in it.
func (v Value) Space() string { return forms[v].space }

// Type is the local name of the type.
func (v Value) Type() string { return forms[v].name }

// Elements are the wishes that a will of this form has, each once, in their order. They are not to be changed.
func (v Value) Elements() []string { return forms[v].wishes }

// Conditional tells whether the schema has acceptanceNeeded on a wish of this form.
func (v Value) Conditional(element string) bool {
	return v != LivingWill && (v == TreatmentWill || element != ElemIfDying)
}

// Holds tells whether a will of this form can say all of w. Who must accept what is not declined does not matter.
func (v Value) Holds(w will.Wishes) bool {
	for _, element := range treatmentWishes {
		wish := WishOf(&w, element)
		if wish.Declined && (!slices.Contains(v.Elements(), element) || wish.Needs != will.None && !v.Conditional(element)) {
			return false
		}
	}
	return true
}

// WishOf returns the wish that an element stands for, nil if it is none.
func WishOf(w *will.Wishes, element string) *will.Wish {
	switch element {
	case ElemIfDying:
		return &w.IfDying
	case ElemIfSeverelyDegraded:
		return &w.IfSeverelyDegraded
	case ElemIfSeverePain:
		return &w.IfSeverePain
	case ElemNoForcedTreatment:
		return &w.NoForcedTreatment
	}
	return nil
}

// ParseAcceptance reads an acceptanceNeeded.
func ParseAcceptance(text string) (a will.Acceptance, ok bool) {
	switch text {
	case needsRelative:
		return will.Relative, true
	case needsGuardian:
		return will.Guardian, true
	case needsTrusted:
		return will.TrustedAgent, true
	}
	return will.None, false
}

// acceptance is what is written for a: what the schema refuses where a is nothing that the domain has, never "unconditional".
func acceptance(a will.Acceptance) string {
	switch a {
	case will.Relative:
		return needsRelative
	case will.Guardian:
		return needsGuardian
	case will.TrustedAgent:
		return needsTrusted
	}
	return string(a)
}
