// Package trust says whose signatures count: pinned anchors, certificate classes and revocations.
package trust

import (
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/validity"
)

// Why a signer or a certificate is not trusted.
var (
	ErrUntrusted error = fault.Error{Kind: fault.Unauthenticated, Code: fault.CodeCertificate, Text: "the signer is not trusted"}
	ErrWindow    error = fault.Error{Kind: fault.Unauthenticated, Code: fault.CodeCertificate, Text: "the signer is not trusted at this time"}
	ErrRevoked   error = fault.Error{Kind: fault.Unauthenticated, Code: fault.CodeCertificate, Text: "the certificate is revoked"}
	ErrExpired   error = fault.Error{Kind: fault.Unauthenticated, Code: fault.CodeCertificate, Text: "the certificate is not valid at this time"}
	ErrStaleCRL  error = fault.Error{Kind: fault.Unauthenticated, Code: fault.CodeCertificate, Text: "the revocation list of the certificate's issuer is out of date"}
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
	Key        []byte   // DER SubjectPublicKeyInfo
	SPKI       [32]byte // SHA-256 of Key
	Window     validity.Period
	Algorithms []string
	Test       bool // made by a test federation; refused in production
	Revoked    bool
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
// OCES2: CVR:<8 digits>-RID:, -UID:, -FID:, PID:. OCES3: UI:DK-E:, UI:DK-O:, UI:DK-P: with NTRDK-<8 digits> in 2.5.4.97, which a person's
// certificate does not have. A subject of another form has UnknownClass.
func ParseSubject(serialNumber, organisationID, commonName string) Subject {
	s := Subject{RID: serialNumber, Name: commonName}
	if rest, ok := strings.CutPrefix(serialNumber, "CVR:"); ok {
		cvr, kind, _ := strings.Cut(rest, "-")
		s.CVR = cvr
		s.Class = classOf(kind, map[string]CertClass{"RID:": MOCES, "UID:": VOCES, "FID:": FOCES})
	} else {
		if cvr, ok := strings.CutPrefix(organisationID, "NTRDK-"); ok {
			s.CVR = cvr
		}
		s.Class = classOf(serialNumber, map[string]CertClass{"UI:DK-E:": MOCES, "UI:DK-O:": VOCES, "UI:DK-P:": POCES, "PID:": POCES})
	}
	if s.Class == POCES {
		s.CVR = ""
	} else if !isCVR(s.CVR) {
		s.CVR, s.Class = "", UnknownClass
	}
	return s
}

// classOf returns the class whose prefix id has, with something after it.
func classOf(id string, classes map[string]CertClass) CertClass {
	for prefix, class := range classes {
		if rest, ok := strings.CutPrefix(id, prefix); ok && rest != "" {
			return class
		}
	}
	return UnknownClass
}

func isCVR(s string) bool {
	return len(s) == 8 && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// Holder is who holds a client certificate that was found good.
type Holder struct {
	Subject  Subject
	DN       string // of the subject, most specific part first: "CN=… + SERIALNUMBER=…, O=…, C=DK"
	IssuerDN string // likewise
	Serial   string // decimal serial number of the certificate
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

// Has tells whether a certificate is revoked, given the SHA-256 of its DER and of its SubjectPublicKeyInfo, and its serial.
func (r Revocations) Has(certificate, spki [32]byte, serial Serial) bool {
	return r.Certificates[certificate] || r.SPKIs[spki] || r.Serials[serial]
}

// Set is all that is trusted at one time. It is immutable; Version grows with each reload.
type Set struct {
	Version       uint64
	Anchors       []Anchor
	Roots         [][]byte // DER certificates that client certificates chain to
	Intermediates [][]byte
	Revoked       Revocations
	NextUpdate    map[[32]byte]time.Time // of the revocation list of an issuer, by the SHA-256 of the issuer's DER name
}

// maxCandidates bounds how many keys are tried for a signature that does not name its key.
const maxCandidates = 4

// Match returns the anchor whose key has the SHA-256 spki and that may sign for issuer in the given use, with both now and the instant of
// issue inside its window. The error is ErrUntrusted, ErrRevoked or ErrWindow. The anchor is part of s and must not be changed.
func (s *Set) Match(use Use, issuer string, spki [32]byte, now, issued time.Time) (*Anchor, error) {
	err := ErrUntrusted
	for i := range s.Anchors {
		a := &s.Anchors[i]
		if a.SPKI != spki || !a.Allows(use, issuer) {
			continue
		}
		if err = a.usable(now, issued); err == nil {
			return a, nil
		}
	}
	return nil, err
}

// Candidates returns the anchors, at most 4, that may have signed for issuer where the signature does not name its key. The error is as for
// Match; without an error there is at least one.
func (s *Set) Candidates(use Use, issuer string, now, issued time.Time) ([]*Anchor, error) {
	err := ErrUntrusted
	var found []*Anchor
	for i := range s.Anchors {
		a := &s.Anchors[i]
		if !a.Allows(use, issuer) {
			continue
		}
		if why := a.usable(now, issued); why != nil {
			err = why
			continue
		}
		if slices.ContainsFunc(found, func(b *Anchor) bool { return b.SPKI == a.SPKI }) {
			continue
		}
		if found = append(found, a); len(found) == maxCandidates {
			break
		}
	}
	if len(found) == 0 {
		return nil, err
	}
	return found, nil
}

func (a *Anchor) usable(now, issued time.Time) error {
	switch {
	case a.Revoked:
		return ErrRevoked
	case !a.Window.Contains(now) || !a.Window.Contains(issued):
		return ErrWindow
	}
	return nil
}
