// Package consenting is the use cases of consent: the administration of what citizens register about who may see their data, and the
// verification whether a professional may (NSP Consent Administration and Consent Verification).
package consenting

import (
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
)

// Grants of organisations. A grant that nobody holds allows nobody.
const (
	GrantAdmin        = "consent.admin"        // portals, for the citizens who use them
	GrantVerification = "consent.verification" // systems and helpers, whose word about a professional is not signed
	GrantForeign      = "consent.foreign"      // national contact points
)

// Addition is one registration to add. A zero Citizen, or a zero Draft.Valid.From, is one that was not said.
type Addition struct {
	Citizen cpr.Number
	Kind    consent.Kind
	consent.Draft
}

// Modification says what a registration is to be from now on: the whole draft. A zero ID or Citizen is one that was not said.
type Modification struct {
	ID      consent.ID
	Citizen cpr.Number
	Kind    consent.Kind
	Version int // that the change is made to; 0 = the latest
	consent.Draft
}

// Revocation ends a registration. A zero ID or Citizen is one that was not said.
type Revocation struct {
	ID      consent.ID
	Citizen cpr.Number
}

// Question is what a message says of who wants to see a citizen's data. What the HSUID header says stands in the caller.
type Question struct {
	Citizen           cpr.Number // zero = not said
	Acting            cpr.Number // zero = not said
	Responsible       cpr.Number // zero = nobody
	Org               org.ID     // the place of treatment; the zero Scheme is one that is not known
	Foreign           bool       // a professional of another country, whom the next three describe: the others but Citizen do not count
	Country           string     // two capital letters; audited
	Identifier        string     // audited
	OrgName           string     // audited
	AuthorisationCode string     // of the principal, where there is no HSUID header to say it (JSON)
	Override          bool       // asked for in the message itself (JSON)
}

// Item is one piece of data to judge.
type Item struct {
	Data   validity.Period // as consent.Item has it
	Origin org.ID          // zero = not said
}
