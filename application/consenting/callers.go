package consenting

import (
	"fmt"
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/org"
)

// codeMismatch: what the HSUID header says, the message or the credential says otherwise.
const codeMismatch = "hsuid_mismatch"

// What is wrong with who calls. The texts name no person.
var (
	ErrNotForCitizen   error = forbidden(fault.CodeNotAuthorized, "The caller may not act for this citizen")
	ErrOtherCitizen    error = forbidden(codeMismatch, "HSUID and request name different citizens")
	errNoUserType      error = invalidRequest("The HSUID header has no UserType")
	errNoActing        error = invalidRequest("The HSUID header has no ActingUserCivilRegistrationNumber")
	errNoSystem        error = invalidRequest("The HSUID header has no SystemName")
	errUnavailable           = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "The service cannot answer now"}
	errNothing         error = invalidRequest("The request has no entry")
	errSeveralCitizens error = invalidRequest("the request is about several citizens")
	errTwice           error = invalidRequest("the registration is named twice")
)

func forbidden(code, text string) fault.Error {
	return fault.Error{Kind: fault.Forbidden, Code: code, Text: text}
}

func invalidRequest(text string) fault.Error {
	return fault.Error{Kind: fault.Malformed, Code: "invalid_request", Text: text}
}

// tooMany is that a request holds more than limit of something.
func tooMany(limit int, what string) error {
	return fault.Error{Kind: fault.TooLarge, Code: "too_many", Text: fmt.Sprintf("At most %d %s per request", limit, what)}
}

// unavailable is what the caller hears when something did not answer; the cause is for the log.
func unavailable(action string, cause error) error {
	return fmt.Errorf("%s: %w: %w", action, errUnavailable, cause)
}

// checkHSUID tells whether an HSUID header that counts says what it must (HS-4), of a professional of another country without number, and the
// same as the credential. Without header nothing is wrong.
func checkHSUID(c identity.Caller, foreign bool) error {
	h := c.HSUID
	if h == nil {
		return nil
	}
	kind, err := h.Kind()
	switch {
	case err != nil:
		return err
	case kind == identity.Unknown:
		return errNoUserType
	case h.Acting.IsZero() && !foreign:
		return errNoActing
	case h.SystemName == "":
		return errNoSystem
	case kind != c.Kind, !h.Acting.IsZero() && !c.Is(h.Acting):
		return ErrNotForCitizen
	}
	return nil
}

// checkCitizen tells whether the HSUID header, where it names a citizen, names the one that the message is about (HS-8).
func checkCitizen(c identity.Caller, citizen cpr.Number) error {
	if h := c.HSUID; h != nil && !h.Citizen.IsZero() && !citizen.IsZero() && h.Citizen != citizen {
		return ErrOtherCitizen
	}
	return nil
}

// checkOrganisation tells whether the HSUID header names the unit that a user's credential names, where both name one that is known (HS-8).
func checkOrganisation(c identity.Caller, t *org.Tree, at time.Time) error {
	if c.HSUID == nil {
		return nil
	}
	sor, _ := t.Resolve(c.HSUID.Org.Unit(), at)
	_, err := agreed(sor, c, t, at)
	return err
}

// vouched tells whether the word of a system with an ID card says who the caller is.
func vouched(c identity.Caller) bool {
	return c.Vouched && c.HSUID != nil && c.Proof() == identity.DGWS
}

// system is the name of the system that the caller uses, at most 200 characters.
func system(c identity.Caller) string {
	name := c.SystemName
	if c.HSUID != nil && c.HSUID.SystemName != "" {
		name = c.HSUID.SystemName
	}
	return cut(name, 200)
}

// cut returns the first n characters of s.
func cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
