// Package optingout is the use cases of declining resuscitation (FGVHR): a citizen's own registration, the administration of everybody's, and
// the look-up by systems.
package optingout

import (
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
)

// GrantRead is the grant of organisations whose systems may read who declines resuscitation. A grant that nobody holds allows nobody.
const GrantRead = "fgvhr.read"

// Registration is what somebody asks to have registered.
type Registration struct {
	Citizen        cpr.Number   // zero = the message names nobody, or not rightly
	CitizenCreated calendar.Day // the date on the paper form; zero = none
}
