package minlog

import (
	"strings"

	"github.com/opennsp/nsp/domain/cpr"
)

// View is whose eyes a lookup is for.
type View uint8

// The views.
const (
	Self      View = iota // the data subject
	Assistant             // the professional others acted for
	Custody               // a holder of custody of the data subject
	Guardian              // the guardian of the data subject
	Proxy                 // whom the data subject gave power of attorney
	Portal                // a system that reads for somebody it does not name (MinLog1)
)

// String returns the name of the view as clients of the REST interface see it.
func (v View) String() string {
	switch v {
	case Assistant:
		return "assistant"
	case Custody:
		return "custody"
	case Guardian:
		return "guardian"
	case Proxy:
		return "proxy"
	case Portal:
		return "portal"
	}
	return "self"
}

// Role returns the UserRole of who looks on behalf of the data subject, "" for views of others.
func (v View) Role() string {
	switch v {
	case Custody:
		return "Forældremyndighedsindehaver"
	case Guardian:
		return "Værge"
	case Proxy:
		return "Fuldmagtshaver"
	}
	return ""
}

// The filter words that hide a registration (minlog2-registration.xsd, FilterRelevanceType).
const (
	hiddenFromCitizen = "Ikke borger"
	hiddenFromCustody = "Ikke forældremyndigheds-indehaver"
)

// Shows tells whether the filters of e let it be seen in the view. Case and outer blanks of a filter do not matter; words that are not known
// hide nothing. What holders of custody do not see a portal does not either: nobody knows for whom it asks.
func (v View) Shows(e *Entry) bool {
	if v == Assistant {
		return true
	}
	for _, f := range e.Filters {
		f = strings.TrimSpace(f)
		if strings.EqualFold(f, hiddenFromCitizen) || (v == Custody || v == Portal) && strings.EqualFold(f, hiddenFromCustody) {
			return false
		}
	}
	return true
}

// Professional is who an assistant acts for: one person under one or two identifiers.
type Professional struct {
	CPR           cpr.Number
	Authorisation string // autorisationskode, "" = none
}

// IDs returns the identifiers in canonical form.
func (p Professional) IDs() []ID {
	var ids []ID
	if !p.CPR.IsZero() {
		ids = append(ids, ID{CPR, p.CPR.Digits()})
	}
	if p.Authorisation != "" {
		ids = append(ids, upper(ID{Authorisation, p.Authorisation}))
	}
	return ids
}

// Is tells whether id, in any spelling that a registration may use, names p.
func (p Professional) Is(id ID) bool {
	canonical, code := responsible(id)
	switch {
	case code != "" || canonical.Value == "":
		return false
	case canonical.Source == CPR:
		return canonical.Value == p.CPR.Digits()
	}
	return canonical.Value == strings.ToUpper(p.Authorisation)
}

// ActedFor tells whether e is what somebody else did on behalf of p.
func (p Professional) ActedFor(e *Entry) bool { return p.Is(e.OnBehalfOf) && !p.Is(e.User) }

// Masked returns e without the civil registration numbers of the user and of the one acted for.
func Masked(e Entry) Entry {
	if e.User.Source == CPR {
		e.User = ID{}
	}
	if e.OnBehalfOf.Source == CPR {
		e.OnBehalfOf = ID{}
	}
	return e
}
