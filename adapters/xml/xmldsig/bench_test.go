package xmldsig_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"hash"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/internal/xmltest"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// work is what is measured on one message of about 9 KB.
type work struct {
	src    []byte
	limits xmltree.Limits
	key    *rsa.PublicKey
	digest [32]byte
	value  []byte
	hash   hash.Hash
}

func newWork(t testing.TB) *work {
	w := &work{src: xmltest.DGWS(t), limits: xmltree.DefaultLimits(1 << 20), key: &xmltest.Key(t, 0).PublicKey, hash: sha256.New()}
	w.digest = sha256.Sum256(w.src)
	var err error
	w.value, err = xmltest.SignWith(xmltest.Key(t, 0))(crypto.SHA256, w.digest[:])
	require.NoError(t, err)
	return w
}

func (w *work) parse() {
	tree, err := xmltree.Parse(w.src, w.limits)
	if err != nil {
		panic(err)
	}
	tree.Release()
}

// verify parses, finds the card, verifies it and asks what is covered.
func (w *work) verify() {
	tree, err := xmltree.Parse(w.src, w.limits)
	if err != nil {
		panic(err)
	}
	a := card(tree)
	s, err := xmldsig.ReadEnveloped(tree, a)
	if err != nil {
		panic(err)
	}
	v, err := s.Verify(w.key, xmldsig.Algorithms{})
	if err != nil || !v.Covers(a) {
		panic("not verified")
	}
	tree.Release()
}

func (w *work) rsa() {
	if err := rsa.VerifyPKCS1v15(w.key, crypto.SHA256, w.digest[:], w.value); err != nil {
		panic(err)
	}
}

func TestAllocations(t *testing.T) {
	w := newWork(t)
	require.InDelta(t, 9000, len(w.src), 1000)
	w.verify()
	if xmltest.Instrumented {
		t.Skip("memory is not used again in this build")
	}
	outside := testing.AllocsPerRun(200, w.verify) - testing.AllocsPerRun(200, w.rsa)
	require.Zero(t, outside, "SX-11 allocations of parsing and verifying outside RSA")
	require.Zero(t, testing.AllocsPerRun(200, w.parse), "allocations of parsing")
}

func BenchmarkParse(b *testing.B) {
	w := newWork(b)
	b.SetBytes(int64(len(w.src)))
	b.ReportAllocs()
	for b.Loop() {
		w.parse()
	}
}

func BenchmarkRSA(b *testing.B) {
	w := newWork(b)
	b.ReportAllocs()
	for b.Loop() {
		w.rsa()
	}
}

func BenchmarkVerify(b *testing.B) {
	w := newWork(b)
	b.SetBytes(int64(len(w.src)))
	b.ReportAllocs()
	for b.Loop() {
		w.verify()
	}
}

func BenchmarkVerifyGoxmldsig(b *testing.B) {
	w := newWork(b)
	b.SetBytes(int64(len(w.src)))
	b.ReportAllocs()
	for b.Loop() {
		if err := goxmldsig(b, w.src); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkC14N(b *testing.B) {
	w := newWork(b)
	tree := parse(b, w.src)
	n := card(tree)
	o := c14n.Options{Skip: tree.Child(n, xmltest.DS, "Signature")}
	b.ReportAllocs()
	for b.Loop() {
		tree.Spend(-len(w.src))
		w.hash.Reset()
		if err := c14n.Write(w.hash, tree, n, o); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyIDWS verifies the token and the message signature of an IDWS request.
func BenchmarkVerifyIDWS(b *testing.B) {
	src, err := os.ReadFile(filepath.Join("..", "testdata", "04-idws-request.xml"))
	require.NoError(b, err)
	tree := parse(b, src)
	security := tree.Child(tree.Child(tree.Root(), xmltest.SOAP, "Header"), xmltest.WSSE, "Security")
	keys := make([]*rsa.PublicKey, 0, 2)
	for _, o := range verifyAll(b, tree, xmldsig.Algorithms{}) {
		require.NoError(b, o.err)
		keys = append(keys, o.verified.Key())
	}
	assertion := tree.Child(security, xmltest.SAML, "Assertion")
	b.ReportAllocs()
	for b.Loop() {
		tree, err := xmltree.Parse(src, xmltree.DefaultLimits(1<<20))
		if err != nil {
			b.Fatal(err)
		}
		token, err1 := xmldsig.ReadEnveloped(tree, assertion)
		message, err2 := xmldsig.ReadMessage(tree, security)
		if err1 != nil || err2 != nil {
			b.Fatal(err1, err2)
		}
		_, err1 = token.Verify(keys[0], xmldsig.Algorithms{})
		_, err2 = message.Verify(keys[1], xmldsig.Algorithms{})
		if err1 != nil || err2 != nil {
			b.Fatal(err1, err2)
		}
		tree.Release()
	}
}

// BenchmarkRatio measures verification, parsing and RSA in turns, a few at a time, and reports the median of the ratios: on a busy machine it
// is steadier than the ratio of two benchmarks.
func BenchmarkRatio(b *testing.B) {
	w := newWork(b)
	measure := func(f func()) float64 {
		start := time.Now()
		for range 4 {
			f()
		}
		return float64(time.Since(start)) / 4
	}
	var verify, parse, alone []float64
	for b.Loop() {
		rsa := measure(w.rsa)
		alone = append(alone, rsa)
		verify = append(verify, measure(w.verify)/rsa)
		parse = append(parse, measure(w.parse)/rsa)
	}
	median := func(x []float64) float64 {
		slices.Sort(x)
		return x[len(x)/2]
	}
	b.ReportMetric(median(verify), "verify/rsa")
	b.ReportMetric(median(parse), "parse/rsa")
	b.ReportMetric(median(alone), "rsa-ns")
}
