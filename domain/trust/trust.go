// Package trust says whose signatures count: pinned anchors, certificate classes, revocations and the grants of organisations.
package trust

import (
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/validity"
)

// Use is what an anchor's key may sign.
type Use uint8

// The uses.
const (
	IDCard    Use = iota + 1 // DGWS ID cards
	Token                    // IDWS identity tokens
	Bootstrap                // tokens of an identity provider, exchanged at the STS
	Service                  // a service's own signed answers
)

// RSASHA1 is the name that an anchor lists to have rsa-sha1 accepted on ID cards; the other algorithms need no listing.
const RSASHA1 = "rsa-sha1"

// Anchor is a pinned public key. A signer is trusted only if its key is an anchor's.
type Anchor struct {
	ID         string
	Uses       []Use
	Issuers    []string // exact Issuer texts
	SPKI       [32]byte // SHA-256 of the DER SubjectPublicKeyInfo
	Window     validity.Period
	Algorithms []string
	Test       bool // made by a test federation; refused in production
}

// Allows tells whether the anchor may sign for issuer in the given use.
func (a Anchor) Allows(use Use, issuer string) bool {
	return slices.Contains(a.Uses, use) && slices.Contains(a.Issuers, issuer)
}

// AllowsSHA1 tells whether rsa-sha1 is accepted from the anchor; only ever on ID cards.
func (a Anchor) AllowsSHA1(use Use) bool {
	return use == IDCard && slices.Contains(a.Algorithms, RSASHA1)
}

// CertClass is the class of an OCES certificate.
type CertClass uint8

// The classes: employee (medarbejder), company (virksomhed), function, person.
const (
	UnknownClass CertClass = iota
	MOCES
	VOCES
	FOCES
	POCES
)

// Subject is what an OCES certificate says of its holder. RID is the serial number text that identifies the employee or key, such as
// "CVR:99999902-RID:1001" (OCES2) or "UI:DK-E:G:<uuid>" (OCES3).
type Subject struct {
	Class CertClass
	CVR   string
	RID   string
	Name  string // common name
}

// ParseSubject reads the class and CVR from the subject's serialNumber (2.5.4.5), organizationIdentifier (2.5.4.97) and common name.
// OCES2: CVR:<8 digits>-RID:, -UID:, -FID:, PID:. OCES3: UI:DK-E:, UI:DK-O:, UI:DK-P: with NTRDK-<cvr> in 2.5.4.97.
func ParseSubject(serialNumber, organisationID, commonName string) Subject {
	s := Subject{RID: serialNumber, Name: commonName}
	if rest, ok := strings.CutPrefix(serialNumber, "CVR:"); ok {
		cvr, kind, _ := strings.Cut(rest, "-")
		s.CVR = cvr
		switch {
		case strings.HasPrefix(kind, "RID:"):
			s.Class = MOCES
		case strings.HasPrefix(kind, "UID:"):
			s.Class = VOCES
		case strings.HasPrefix(kind, "FID:"):
			s.Class = FOCES
		}
		return s
	}
	s.CVR, _ = strings.CutPrefix(organisationID, "NTRDK-")
	if s.CVR == organisationID {
		s.CVR = ""
	}
	switch {
	case strings.HasPrefix(serialNumber, "PID:"), strings.HasPrefix(serialNumber, "UI:DK-P:"):
		s.Class = POCES
	case strings.HasPrefix(serialNumber, "UI:DK-E:"):
		s.Class = MOCES
	case strings.HasPrefix(serialNumber, "UI:DK-O:"):
		s.Class = VOCES
	}
	return s
}

// Grant gives an organisation a named right, such as "minlog.minlog1". CVR "*" is every authenticated organisation.
type Grant struct {
	ID, Name, CVR string
	Valid         validity.Period
	Note          string
	CreatedBy     string
}

// Granted tells whether grants give cvr the right name at now. No grant, no right.
func Granted(grants []Grant, name, cvr string, now time.Time) bool {
	return cvr != "" && slices.ContainsFunc(grants, func(g Grant) bool {
		return g.Name == name && (g.CVR == "*" || g.CVR == cvr) && g.Valid.Contains(now)
	})
}

// Revocations holds what is no longer trusted, by the SHA-256 of a certificate or of a public key, or by issuer and serial number.
type Revocations struct {
	Certificates map[[32]byte]bool
	SPKIs        map[[32]byte]bool
	Serials      map[Serial]bool
}

// Serial names a certificate by the SHA-256 of its issuer's DER name and its decimal serial number.
type Serial struct {
	Issuer [32]byte
	Number string
}

// Set is all that is trusted at one time. It is immutable; Version grows with each reload.
type Set struct {
	Version       uint64
	Anchors       []Anchor
	Roots         [][]byte // DER certificates that client certificates chain to
	Intermediates [][]byte
	Revoked       Revocations
}
