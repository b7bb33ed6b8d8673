package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/trust"
)

// Ending is something that was trusted or signs, and ends soon or has ended.
type Ending struct {
	Name string // what it is, such as "anchor nsp-test1"; no person and no key
	At   time.Time
}

// String says what ends and when.
func (e Ending) String() string {
	return fmt.Sprintf("%s ends %s", e.Name, e.At.UTC().Format(time.RFC3339))
}

// Endings returns what of the set has ended at now or ends within the time: an anchor if none of its keys lasts longer, and the revocation
// list of an authority if it is overdue. Ordered by time, then name.
func Endings(set *trust.Set, now time.Time, within time.Duration) []Ending {
	last := map[string]time.Time{}
	for _, a := range set.Anchors {
		if a.Window.To.After(last[a.ID]) {
			last[a.ID] = a.Window.To
		}
	}
	var found []Ending
	for id, at := range last {
		if !at.After(now.Add(within)) {
			found = append(found, Ending{"anchor " + id, at})
		}
	}
	for issuer, next := range set.NextUpdate {
		if !next.After(now) {
			found = append(found, Ending{"revocation list of " + authorityName(set, issuer), next})
		}
	}
	sortEndings(found)
	return found
}

// authorityName names the authority with this hash of its DER name.
func authorityName(set *trust.Set, issuer [32]byte) string {
	for _, der := range slices.Concat(set.Roots, set.Intermediates) {
		if c, err := x509.ParseCertificate(der); err == nil && sha256.Sum256(c.RawSubject) == issuer {
			return distinguishedName(c.RawSubject, ", ", " + ")
		}
	}
	return hex.EncodeToString(issuer[:])
}

// Endings returns which of our own certificates have ended at now or end within the time, each once.
func (s *Signer) Endings(now time.Time, within time.Duration) []Ending {
	var found []Ending
	for _, key := range s.keys {
		e := Ending{"certificate " + distinguishedName(key.certificate.RawSubject, ", ", " + "), key.certificate.NotAfter.Add(time.Second)}
		if !e.At.After(now.Add(within)) && !slices.Contains(found, e) {
			found = append(found, e)
		}
	}
	sortEndings(found)
	return found
}

func sortEndings(all []Ending) {
	slices.SortFunc(all, func(a, b Ending) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
}
