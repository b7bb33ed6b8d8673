package xmldsig_test

import (
	"bytes"
	"crypto/rsa"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/internal/xmltest"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

var (
	instant = time.Date(2026, 11, 21, 10, 5, 30, 0, time.UTC)
	pinned  = xmldsig.Pinned{SPKI: [32]byte{1}, Version: 7, Now: instant}
)

// cached verifies the card in src.
func cached(t testing.TB, src []byte, key *rsa.PublicKey, a xmldsig.Algorithms, c *xmldsig.Cache, p xmldsig.Pinned) (xmldsig.Verified, error) {
	t.Helper()
	tree := parse(t, src)
	s, err := xmldsig.ReadEnveloped(tree, card(tree))
	if err != nil {
		return xmldsig.Verified{}, err
	}
	return s.VerifyCached(key, a, c, p)
}

// Which key made the signature is what RSA tells. So a wrong key that is accepted shows that the cache answered, and one that is refused
// that RSA was asked.
func TestCacheTakesThePlaceOfRSA(t *testing.T) {
	src, until := xmltest.DGWS(t), instant.Add(time.Hour)
	good, wrong := &xmltest.Key(t, 0).PublicKey, &xmltest.Key(t, 1).PublicKey
	c := xmldsig.NewCache(10)
	v, err := cached(t, src, good, xmldsig.Algorithms{}, c, pinned)
	require.NoError(t, err)
	_, err = cached(t, src, wrong, xmldsig.Algorithms{}, c, pinned)
	require.ErrorIs(t, err, xmldsig.ErrValue, "nothing is known before Keep")
	c.Keep(&v, until)

	other := xmltest.SignCard(t, xmltest.Signer(t, 0), xmltest.Envelope(strings.Replace(xmltest.Card, "TST01", "TST02", 1), 1))
	for _, row := range []struct {
		name string
		src  []byte
		a    xmldsig.Algorithms
		p    xmldsig.Pinned
		err  error
	}{
		{"SX-10 the same again", src, xmldsig.Algorithms{}, pinned, nil},
		{"SX-10 another body", bytes.Replace(src, []byte("Opslag"), []byte("opslag"), 1), xmldsig.Algorithms{}, pinned, nil},
		{"SX-10 the instant before its end", src, xmldsig.Algorithms{}, xmldsig.Pinned{SPKI: pinned.SPKI, Version: 7, Now: until.Add(-1)}, nil},
		{"SX-10 another anchor", src, xmldsig.Algorithms{}, xmldsig.Pinned{SPKI: [32]byte{2}, Version: 7, Now: instant}, xmldsig.ErrValue},
		{"SX-10 trust read anew", src, xmldsig.Algorithms{}, xmldsig.Pinned{SPKI: pinned.SPKI, Version: 8, Now: instant}, xmldsig.ErrValue},
		{"SX-10 another card of the same signer", other, xmldsig.Algorithms{}, pinned, xmldsig.ErrValue},
		{"SX-10 the same card with another SignatureValue", replaceValue(t, src, other), xmldsig.Algorithms{}, pinned, xmldsig.ErrValue},
		{"SX-10 another card with the SignatureValue that is known", replaceValue(t, other, src), xmldsig.Algorithms{}, pinned, xmldsig.ErrValue},
		{"SX-10 content changed", bytes.Replace(src, []byte(victim), []byte(attacker), 1), xmldsig.Algorithms{}, pinned, xmldsig.ErrDigest},
		{"SX-10 SignedInfo changed", bytes.Replace(src, []byte("xmldsig-more#rsa-sha256"), []byte("xmldsig-more#rsa-sha512"), 1), xmldsig.Algorithms{}, pinned, xmldsig.ErrValue},
		{"SX-10 SignatureValue no strict base64", bytes.Replace(src, []byte("==</ds:SignatureValue>"), []byte("=</ds:SignatureValue>"), 1), xmldsig.Algorithms{}, pinned, xmldsig.ErrStructure},
		{"SX-10 longer keys wanted", src, xmldsig.Algorithms{MinRSABits: 3072}, pinned, xmldsig.ErrKey},
		{"SX-10 at its end", src, xmldsig.Algorithms{}, xmldsig.Pinned{SPKI: pinned.SPKI, Version: 7, Now: until}, xmldsig.ErrValue},
		{"SX-10 forgotten since", src, xmldsig.Algorithms{}, pinned, xmldsig.ErrValue},
	} {
		t.Run(row.name, func(t *testing.T) {
			v, err := cached(t, row.src, wrong, row.a, c, row.p)
			require.ErrorIs(t, err, row.err)
			if err == nil {
				c.Keep(&v, until.Add(time.Hour)) // what was not verified does not live longer
			}
		})
	}
	_, err = cached(t, src, good, xmldsig.Algorithms{}, nil, pinned)
	assert.NoError(t, err, "without a cache")
	_, err = cached(t, src, wrong, xmldsig.Algorithms{}, nil, pinned)
	assert.ErrorIs(t, err, xmldsig.ErrValue, "without a cache")
}

// replaceValue returns src with the SignatureValue of another message.
func replaceValue(t testing.TB, src, other []byte) []byte {
	t.Helper()
	value := func(b []byte) []byte {
		_, rest, ok := bytes.Cut(b, []byte("<ds:SignatureValue>"))
		require.True(t, ok)
		text, _, _ := bytes.Cut(rest, []byte("<"))
		return text
	}
	return bytes.Replace(src, value(src), value(other), 1)
}

func TestCacheKeepsOnlyGoodValues(t *testing.T) {
	src, until := xmltest.DGWS(t), instant.Add(time.Hour)
	wrong := &xmltest.Key(t, 1).PublicKey
	c := xmldsig.NewCache(10)
	v, err := cached(t, src, wrong, xmldsig.Algorithms{}, c, pinned)
	require.Error(t, err)
	c.Keep(&v, until)
	c.Keep(&xmldsig.Verified{}, until)
	v, err = cached(t, src, &xmltest.Key(t, 0).PublicKey, xmldsig.Algorithms{}, nil, pinned)
	require.NoError(t, err)
	c.Keep(&v, until)
	_, err = cached(t, src, wrong, xmldsig.Algorithms{}, c, pinned)
	require.ErrorIs(t, err, xmldsig.ErrValue)
	assert.Nil(t, xmldsig.NewCache(0))
}

func TestCacheForgetsWhatWasNotAskedForLongest(t *testing.T) {
	src, until := xmltest.DGWS(t), instant.Add(time.Hour)
	good, wrong := &xmltest.Key(t, 0).PublicKey, &xmltest.Key(t, 1).PublicKey
	c := xmldsig.NewCache(2)
	at := func(version uint64) xmldsig.Pinned { return xmldsig.Pinned{Version: version, Now: instant} }
	keep := func(version uint64) {
		v, err := cached(t, src, good, xmldsig.Algorithms{}, c, at(version))
		require.NoError(t, err)
		c.Keep(&v, until)
	}
	known := func(version uint64) bool {
		_, err := cached(t, src, wrong, xmldsig.Algorithms{}, c, at(version))
		return err == nil
	}
	keep(1)
	keep(2)
	require.True(t, known(1))
	keep(3)
	assert.Equal(t, []bool{true, false, true}, []bool{known(1), known(2), known(3)})
}

// One cache serves all calls. Under the race detector this shows that it may.
func TestCacheIsSafeForConcurrentUse(t *testing.T) {
	src, c := xmltest.DGWS(t), xmldsig.NewCache(3)
	key := &xmltest.Key(t, 0).PublicKey
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 20 {
				tree, err := xmltree.Parse(src, xmltree.DefaultLimits(1<<20))
				if !assert.NoError(t, err) {
					return
				}
				s, err := xmldsig.ReadEnveloped(tree, card(tree))
				assert.NoError(t, err)
				v, err := s.VerifyCached(key, xmldsig.Algorithms{}, c, xmldsig.Pinned{Version: uint64(i + j%4), Now: instant})
				assert.NoError(t, err)
				c.Keep(&v, instant.Add(time.Duration(j)))
				tree.Release()
			}
		})
	}
	all.Wait()
}

func TestCacheAllocations(t *testing.T) {
	if xmltest.Instrumented {
		t.Skip("memory is not used again in this build")
	}
	w, c := newWork(t), xmldsig.NewCache(16384)
	hit := func() {
		tree, err := xmltree.Parse(w.src, w.limits)
		if err != nil {
			panic(err)
		}
		s, err := xmldsig.ReadEnveloped(tree, card(tree))
		if err != nil {
			panic(err)
		}
		v, err := s.VerifyCached(w.key, xmldsig.Algorithms{}, c, pinned)
		if err != nil {
			panic(err)
		}
		c.Keep(&v, instant.Add(time.Hour))
		tree.Release()
	}
	hit()
	require.Zero(t, testing.AllocsPerRun(200, hit), "SX-11 allocations of a call whose signature value is known")
}

// BenchmarkCached measures a message whose signature value is known, on one and on all processors: what they do not share of the speed is
// the lock.
func BenchmarkCached(b *testing.B) {
	w, c := newWork(b), xmldsig.NewCache(16384)
	run := func() {
		tree, _ := xmltree.Parse(w.src, w.limits)
		s, _ := xmldsig.ReadEnveloped(tree, card(tree))
		v, err := s.VerifyCached(w.key, xmldsig.Algorithms{}, c, pinned)
		if err != nil {
			panic(err)
		}
		c.Keep(&v, instant.Add(time.Hour))
		tree.Release()
	}
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			run()
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				run()
			}
		})
	})
}
