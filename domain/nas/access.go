package nas

import (
	"strings"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

// Everybody is the access identifier that lets every subscriber read.
const Everybody = "ALL"

// maxAccess bounds an access identifier, in octets.
const maxAccess = 120

// ErrAccess: an access identifier is not in its form.
var ErrAccess error = fault.Error{Kind: fault.Invalid, Code: "invalid_access_identifier",
	Text: "an access identifier is ALL, CVR:<8 digits>, or that with -RID:<id>, -UID:<id>, -FID:<id> or -UI:DK-O:G:<uuid>"}

// CheckAccess returns ErrAccess for an identifier that is not in the form of NAS-6.
func CheckAccess(identifier string) error {
	if identifier == Everybody {
		return nil
	}
	cvr, holder := splitAccess(identifier)
	if len(identifier) > maxAccess || cvr == "" {
		return ErrAccess
	}
	if len(identifier) == len(cvrPrefix)+cvrDigits {
		return nil
	}
	for _, kind := range [...]string{"RID:", "UID:", "FID:"} {
		if id, ok := strings.CutPrefix(holder, kind); ok && id != "" && !strings.ContainsFunc(id, func(r rune) bool { return !internal(r) }) {
			return nil
		}
	}
	if id, ok := strings.CutPrefix(holder, oces3); ok {
		if _, ok := parseUUID(id); ok {
			return nil
		}
	}
	return ErrAccess
}

const (
	cvrPrefix = "CVR:"
	cvrDigits = 8
	oces3     = "UI:DK-O:G:" // of the serial number of an organisation's certificate (OCES3)
)

// splitAccess parts CVR:<8 digits>[-<holder>]; cvr is "" where it has another form.
func splitAccess(s string) (cvr, holder string) {
	const end = len(cvrPrefix) + cvrDigits
	if len(s) < end || s[:len(cvrPrefix)] != cvrPrefix || strings.Trim(s[len(cvrPrefix):end], "0123456789") != "" {
		return "", ""
	}
	if len(s) > end && s[end] != '-' {
		return "", ""
	}
	return s[len(cvrPrefix):end], s[min(end+1, len(s)):]
}

// Readable tells whether a subscriber of the organisation may read the topic (NAS-6). serial is the serial number of the certificate's holder as
// the token service signed it, such as CVR:33257872-FID:22933922 or UI:DK-O:G:<uuid>; "" = not told. Without access, nobody may.
func (t Topic) Readable(cvr, serial string) bool {
	for _, a := range t.Access {
		if a.Identifier == Everybody {
			return true
		}
		its, holder := splitAccess(a.Identifier)
		if its == "" || its != cvr {
			continue
		}
		// A serial number of the older form names the organisation once more: it must be the same.
		switch {
		case len(a.Identifier) == len(cvrPrefix)+cvrDigits, equalFold(serial, a.Identifier),
			strings.HasPrefix(holder, oces3) && equalFold(serial, holder):
			return true
		}
	}
	return false
}

// equalFold compares octets, letters of ASCII in either case.
func equalFold(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

// OwnerOf returns the owner that the caller acts as (NAS-7).
func OwnerOf(c identity.Caller) Owner { return Owner{CVR: trim(c.Org.CVR), System: trim(c.SystemName)} }

// NoAccess tells that the caller may not read a topic. It wraps a fault.Error, and neither's text names the topic: who may be told does that.
type NoAccess struct{ Topic TopicName }

// Error tells the fault.Error.
func (n NoAccess) Error() string { return n.Unwrap().Error() }

// Unwrap returns what other interfaces tell.
func (NoAccess) Unwrap() error {
	return fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "the system has no access to the topic"}
}
