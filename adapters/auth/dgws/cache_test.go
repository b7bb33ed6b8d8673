package dgws_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/trust"
)

// TestCachedCard: a card that was verified before is refused for every reason that a new one is refused for.
func TestCachedCard(t *testing.T) {
	a, b := federation(), dgwstest.New(2048)
	a2 := a.Anchor
	b.Anchor.ID, b.Anchor.Issuers = "b", []string{dgwstest.Issuer}
	revoked := a2
	revoked.Revoked = true
	ended := a2
	ended.Window.To = clock
	set := func(version uint64, anchors ...trust.Anchor) *trust.Set {
		return &trust.Set{Version: version, Anchors: anchors}
	}
	cardOfA, cardOfB := a.Sign(dgwstest.SystemCard(clock)), b.Sign(dgwstest.SystemCard(clock))
	message := func(card []byte) []byte {
		return dgwstest.Message(card, clock, 3, "m-1", func(w *xmlout.Writer) { w.Elem("x", "") })
	}
	end := clock.Add(24 * time.Hour)
	both := set(1, a2, b.Anchor)
	for _, c := range []struct {
		name string
		set  *trust.Set
		now  time.Time
		card []byte
		code string // "" = accepted
	}{
		{"SA-24 cached card of the anchor that stays", both, clock, cardOfA, ""},
		{"SA-24 cached card of the other anchor", both, clock, cardOfB, ""},
		{"SA-24 cached card whose anchor was removed", set(2, b.Anchor), clock, cardOfA, fault.CodeCertificate},
		{"SA-24 cached card whose anchor was removed, the version as before", set(1, b.Anchor), clock, cardOfA, fault.CodeCertificate},
		{"SA-24 cached card of B after A was removed", set(2, b.Anchor), clock, cardOfB, ""},
		{"SA-24 cached card whose anchor has ended", set(1, ended), clock, cardOfA, fault.CodeCertificate},
		{"SA-25 cached card whose anchor was revoked", set(2, revoked, b.Anchor), clock, cardOfA, fault.CodeCertificate},
		{"SA-25 cached card whose anchor was revoked, the version as before", set(1, revoked, b.Anchor), clock, cardOfA, fault.CodeCertificate},
		{"SA-10 cached card a second before its end", both, end.Add(-time.Second), cardOfA, ""},
		{"SA-10 cached card at its end", both, end, cardOfA, fault.CodeExpired},
		{"SA-05 cached card with an octet changed", both, clock, bytes.Replace(cardOfA, []byte("TestEPJ"), []byte("TestEPK"), 1), fault.CodeSignature},
		{"SA-05 cached card with the other's SignatureValue", both, clock, withValueOf(t, cardOfA, cardOfB), fault.CodeSignature},
		{"SA-26 cached card with the other's KeyInfo", both, clock, withKeyOf(t, cardOfA, cardOfB), fault.CodeSignature},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := clock
			trusted := &changing{set: both}
			v := &dgws.Verifier{Trust: trusted, Now: func() time.Time { return now }, Cache: xmldsig.NewCache(16)}
			for _, card := range [][]byte{cardOfA, cardOfB} {
				_, err := verdict(t, v, message(card))
				require.NoError(t, err)
			}
			trusted.set, now = c.set, c.now
			_, err := verdict(t, v, message(c.card))
			if c.code != "" {
				assertCode(t, c.code, err)
				return
			}
			assert.NoError(t, err)
		})
	}
}

// TestCacheIsAsked: the RSA step of a card that comes again is left out, no longer than the trust stays as it is. RSA allocates, nothing else
// does: so it shows.
func TestCacheIsAsked(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool drop what it holds: allocations are counted without it")
	}
	p := newPath(t)
	p.verifier.Cache, p.verifier.Trust = xmldsig.NewCache(16), source{p.set}
	allocations := func() float64 {
		return testing.AllocsPerRun(100, func() { require.NoError(t, p.run()) })
	}
	assert.Positive(t, allocations(), "before the card was admitted")
	_, err := verdict(t, p.verifier, p.message)
	require.NoError(t, err)
	assert.Zero(t, allocations(), "SX-10 a card that was admitted before")
	p.set = &trust.Set{Version: p.set.Version + 1, Anchors: p.set.Anchors}
	assert.Positive(t, allocations(), "SX-10 the same card after the trust was read anew")
}

// span returns where the first element of this name in a card begins and where its end tag does.
func span(t *testing.T, card []byte, name string) (from, to int) {
	t.Helper()
	from, to = bytes.Index(card, []byte("<"+name)), bytes.Index(card, []byte("</"+name))
	require.True(t, from >= 0 && to > from)
	return from, to
}

// withValueOf returns card with the SignatureValue of other.
func withValueOf(t *testing.T, card, other []byte) []byte {
	t.Helper()
	from, to := span(t, card, "ds:SignatureValue")
	otherFrom, otherTo := span(t, other, "ds:SignatureValue")
	return slices.Concat(card[:from], other[otherFrom:otherTo], card[to:])
}

// withKeyOf returns card with the certificate of other.
func withKeyOf(t *testing.T, card, other []byte) []byte {
	t.Helper()
	from, to := span(t, card, "ds:X509Certificate")
	otherFrom, otherTo := span(t, other, "ds:X509Certificate")
	return slices.Concat(card[:from], other[otherFrom:otherTo], card[to:])
}
