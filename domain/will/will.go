// Package will holds the rules of living wills (livstestamente) and treatment wills (behandlingstestamente): what somebody may decline in
// advance, and that at most one will of a person is valid at any instant, across both registers (LTR-BTR, nspop.dk; sundhedsloven § 26).
package will

import (
	"time"

	"github.com/opennsp/nsp/domain/cpr"
)

// Register is one of the two registers.
type Register string

// The registers.
const (
	LTR Register = "LTR" // living wills (livstestamenter), closed for new ones since 2019
	BTR Register = "BTR" // treatment wills (behandlingstestamenter)
)

// Acceptance is who must accept, in the situation itself, that a wish is followed.
type Acceptance string

// Who must accept. None: the wish is unconditional.
const (
	None         Acceptance = ""
	Relative     Acceptance = "relative"     // the nearest relative
	Guardian     Acceptance = "guardian"     // værge
	TrustedAgent Acceptance = "trustedAgent" // fremtidsfuldmægtig, holder of a lasting power of attorney
)

// Wish is one kind of treatment that is declined or not. Needs is None where it is not.
type Wish struct {
	Declined bool
	Needs    Acceptance
}

// Wishes is what a will says. A living will has the first two, and neither of them needs anybody's acceptance.
type Wishes struct {
	IfDying            Wish // life-prolonging treatment when inevitably dying; never needs acceptance
	IfSeverelyDegraded Wish // when permanently unable to take care of oneself
	IfSeverePain       Wish // when survival means very severe physical suffering
	NoForcedTreatment  Wish // somatic treatment by force when permanently incapable
}

// Draft is what somebody asks to have registered, before any rule was applied.
type Draft struct {
	Wishes
	Null bool // it says of itself that it is no value (nullFlavor)
}

// Registration is one row: what was wished from an instant to another. Instants are UTC, cut to microseconds. Rows are closed, never removed.
type Registration struct {
	ID       string     // a UUID
	Citizen  cpr.Number // the number that it was made with; the person may have another one now
	Register Register
	Wishes
	From, To time.Time // From <= t < To; zero To = open
}

// History is a person's registrations in both registers, under every number that the person has or had, by From.
type History []Registration

// Change is what becomes of a history: every open registration ends at At, and New, where there is one, begins there.
type Change struct {
	At  time.Time
	New *Registration
}

// Surface says whether somebody calls for herself, or administers the registers.
type Surface bool

// The surfaces.
const (
	Ordinary Surface = false
	Admin    Surface = true
)
