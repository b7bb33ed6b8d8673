// Package consentjson is consent in JSON: registrations, who asks for data, pieces of data, and why an answer is what it is. The JSON API
// speaks it, and the explanation of a case without a server reads what the API answered.
//
// Whatever is read is read strictly: a member that is not known, one that is there twice, null, or something after the text is an error, since
// a misspelt limit must not widen a consent. The error is a fault.Error; it names the place, and never a value. Instants are cut to
// milliseconds.
package consentjson

import (
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/org"
)

// Registration is one version of what a citizen registered.
type Registration struct {
	ID        string    `json:"id"`
	Version   int       `json:"version"`
	Citizen   string    `json:"citizen,omitempty"` // the CPR number that it was made under
	Kind      string    `json:"kind"`
	Who       *Who      `json:"who,omitempty"`  // nil = everyone
	What      *What     `json:"what,omitempty"` // nil = all data
	ValidFrom time.Time `json:"validFrom"`
	ValidTo   time.Time `json:"validTo,omitzero"`
	State     string    `json:"state"`
	Created   Stamp     `json:"created"`
	Modified  *Stamp    `json:"modified,omitempty"`
}

// Who is the professionals that a registration is about.
type Who struct {
	Person       string        `json:"person,omitempty"`
	Organisation *Organisation `json:"organisation,omitempty"`
	Foreign      bool          `json:"foreign,omitempty"`
}

// Organisation is a SOR unit.
type Organisation struct {
	SOR      string `json:"sor"`
	SubUnits bool   `json:"subUnits"`
}

// What is the data that a registration is about.
type What struct {
	DataFrom time.Time     `json:"dataFrom,omitzero"`
	DataTo   time.Time     `json:"dataTo,omitzero"`
	Origin   *Organisation `json:"origin,omitempty"`
}

// Stamp says when and by whom something was done.
type Stamp struct {
	At     time.Time `json:"at"`
	System string    `json:"system"`
	By     string    `json:"by"`
}

// Version is a registration as it was once, and what made it so: add, modify or revoke.
type Version struct {
	Registration
	Change string `json:"change"`
}

// RegistrationOf is r in JSON, in its state at now.
func RegistrationOf(r *consent.Registration, now time.Time) Registration {
	j := Registration{
		ID: r.ID.String(), Version: r.Version, Citizen: r.Citizen.Digits(), Kind: r.Kind.String(), ValidFrom: instant(r.Valid.From),
		ValidTo: instant(r.Valid.To), State: r.State(now).String(), Created: stampOf(r.Created),
	}
	if w := r.Who; w != (consent.Who{}) {
		j.Who = &Who{Person: w.Person.Digits(), Organisation: organisationOf(w.Org), Foreign: w.Foreign}
	}
	if w := r.What; !w.IsZero() {
		j.What = &What{DataFrom: instant(w.Data.From), DataTo: instant(w.Data.To), Origin: organisationOf(w.Origin)}
	}
	if r.Modified != (consent.Stamp{}) {
		modified := stampOf(r.Modified)
		j.Modified = &modified
	}
	return j
}

// VersionOf is r in JSON.
func VersionOf(r *consent.Registration, now time.Time) Version {
	v := Version{RegistrationOf(r, now), "modify"}
	switch {
	case r.Version == 1:
		v.Change = "add"
	case !r.Active:
		v.Change = "revoke"
	}
	return v
}

func stampOf(s consent.Stamp) Stamp { return Stamp{At: instant(s.At), System: s.System, By: s.User} }

func organisationOf(o consent.Organisation) *Organisation {
	if o == (consent.Organisation{}) {
		return nil
	}
	return &Organisation{SOR: o.SOR, SubUnits: o.SubUnits}
}

// instant is at as JSON has it; the zero time stays.
func instant(at time.Time) time.Time { return at.UTC().Truncate(time.Millisecond) }

// Verdict is whether one item may be shown.
type Verdict struct {
	ID     string `json:"id"`
	Access string `json:"access"`
}

// VerdictOf is that on the item with an id.
func VerdictOf(id string, allowed bool) Verdict {
	if allowed {
		return Verdict{id, "allowed"}
	}
	return Verdict{id, "denied"}
}

// Explanation is an answer with what it came from.
type Explanation struct {
	Answer        string          `json:"answer"`
	Registrations []Explained     `json:"registrations"`
	Items         []ExplainedItem `json:"items"`
}

// Explained is what one registration has to do with an answer.
type Explained struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
	Kind    string `json:"kind"`
	Applies bool   `json:"applies"`
	Reason  string `json:"reason"`
}

// ExplainedItem is the verdict on one item, with the ids of the applying registrations that cover it.
type ExplainedItem struct {
	Verdict
	Constraints []string `json:"constraints"`
	Positives   []string `json:"positives"`
}

// ExplanationOf is e in JSON; ids are those of its items.
func ExplanationOf(e consent.Explanation, ids []string) Explanation {
	j := Explanation{
		Answer: e.Answer.String(), Registrations: make([]Explained, len(e.Registrations)), Items: make([]ExplainedItem, len(e.Items)),
	}
	for i, r := range e.Registrations {
		j.Registrations[i] = Explained{r.ID.String(), r.Version, r.Kind.String(), r.Applies, r.Reason.String()}
	}
	for i, item := range e.Items {
		j.Items[i] = ExplainedItem{VerdictOf(ids[i], item.Allowed), digits(item.Constraints), digits(item.Positives)}
	}
	return j
}

func digits(ids []consent.ID) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = id.String()
	}
	return all
}

// Override is that somebody broke through a citizen's registrations. It does not tell of them.
type Override struct {
	ID                string    `json:"id"`
	At                time.Time `json:"at"`
	Citizen           string    `json:"citizen"`
	Acting            string    `json:"acting,omitempty"`
	Responsible       string    `json:"responsible,omitempty"`
	AuthorisationCode string    `json:"authorisationCode,omitempty"`
	Organisation      *UnitID   `json:"organisation,omitempty"` // as it was claimed
	System            string    `json:"system,omitempty"`
	CVR               string    `json:"cvr,omitempty"` // of the caller
	Operation         string    `json:"operation"`
}

// UnitID names a unit.
type UnitID struct {
	Code   string `json:"code"`
	Scheme string `json:"scheme,omitempty"`
}

// OverrideOf is o in JSON.
func OverrideOf(o *consent.Override) Override {
	j := Override{
		ID: o.ID, At: instant(o.At), Citizen: o.Citizen.Digits(), Acting: o.Acting.Digits(), Responsible: o.Responsible.Digits(),
		AuthorisationCode: o.AuthorisationCode, System: o.System, CVR: o.CVR, Operation: o.Operation,
	}
	if o.Org.Code != "" {
		j.Organisation = &UnitID{Code: o.Org.Code, Scheme: strings.ToUpper(string(o.Org.Scheme))} // Yder is YDER on the wire
	}
	return j
}

// Case is a question with all that its answer depends on.
type Case struct {
	Registrations []consent.Registration
	Request
	Units []org.Unit // of the tree; none = no organisation is known
}

// Explain answers the question of the case, at the case's time or, where it has none, at now. The error is one of org.NewTree.
func (c Case) Explain(now time.Time) (Explanation, error) {
	tree, _, err := org.NewTree(c.Units)
	if err != nil {
		return Explanation{}, err
	}
	at := c.At
	if at.IsZero() {
		at = now
	}
	items := make([]consent.Item, len(c.Items))
	for i, item := range c.Items {
		items[i].Data = item.Data
		items[i].Origin, _ = tree.Resolve(item.Origin, at)
	}
	return ExplanationOf(consent.Explain(c.Registrations, tree, c.Question.Requester(tree, at), at, items), c.IDs), nil
}
