package xmldsig_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/internal/xmltest"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// subject is a message with a signed assertion, the key that signed it, and what the signature says.
type subject struct {
	src        []byte
	start, end int    // of the assertion
	hint       [2]int // the octets of KeyInfo in its signature, which nobody signs
	key        *rsa.PublicKey
	a          xmldsig.Algorithms
	signed     []byte // canonical form of the assertion and of SignedInfo
}

// newSubject takes the first assertion of src that is signed.
func newSubject(t testing.TB, src []byte, a xmldsig.Algorithms) (s subject) {
	t.Helper()
	tree := parse(t, src)
	n := signedAssertion(tree)
	require.NotEqual(t, xmltree.None, n)
	sig, err := xmldsig.ReadEnveloped(tree, n)
	require.NoError(t, err)
	der, ok := sig.Certificate()
	require.True(t, ok)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	s = subject{src: src, key: cert.PublicKey.(*rsa.PublicKey), a: a}
	s.start, s.end = tree.Range(n)
	s.hint[0], s.hint[1] = tree.Range(tree.Child(sig.Node(), xmltest.DS, "KeyInfo"))
	s.signed = content(t, tree, n, sig.Node())
	require.NoError(t, s.accepts(t, src))
	return s
}

// signedAssertion returns the first assertion that has a signature.
func signedAssertion(tree *xmltree.Tree) xmltree.Node {
	elems, _, _ := tree.Arena()
	for i := range elems {
		n := xmltree.Node(i)
		if tree.Is(n, xmltest.SAML, "Assertion") && tree.Child(n, xmltest.DS, "Signature") != xmltree.None {
			return n
		}
	}
	return xmltree.None
}

// content returns what a signature over assertion n says.
func content(t testing.TB, tree *xmltree.Tree, n, signature xmltree.Node) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, c14n.Write(&b, tree, n, c14n.Options{Skip: signature}))
	require.NoError(t, c14n.Write(&b, tree, tree.First(signature), c14n.Options{}))
	return b.Bytes()
}

// accepts verifies a changed message. It is a failure of the test if it is accepted with another content.
func (s subject) accepts(t testing.TB, src []byte) error {
	tree, err := xmltree.Parse(src, xmltree.DefaultLimits(1<<20))
	if err != nil {
		return err
	}
	defer tree.Release()
	n := signedAssertion(tree)
	sig, err := xmldsig.ReadEnveloped(tree, n)
	if err != nil {
		return err
	}
	v, err := sig.Verify(s.key, s.a)
	if err != nil {
		return err
	}
	if got := content(t, tree, n, sig.Node()); !bytes.Equal(got, s.signed) || !v.Covers(n) {
		t.Fatalf("accepted with other content:\n%s\nsigned was\n%s", got, s.signed)
	}
	return nil
}

// subjects are the cards and tokens whose every octet is changed.
func subjects(t testing.TB) map[string]subject {
	out := map[string]subject{}
	src, err := os.ReadFile(filepath.Join("..", "testdata", "01-dgws-request.xml"))
	require.NoError(t, err)
	out["01-dgws-request.xml"] = newSubject(t, src, xmldsig.Algorithms{})
	if dir := os.Getenv("OPENNSP_TEST_VECTORS"); dir != "" {
		for _, pattern := range []string{"dgws/*.xml", "sts/unsealed-*.xml", "oiosaml/*.xml", "idws/xua-bootstrap-3*.xml"} {
			files, err := filepath.Glob(filepath.Join(dir, pattern))
			require.NoError(t, err)
			require.NotEmpty(t, files)
			for _, file := range files {
				src, err := os.ReadFile(file)
				require.NoError(t, err)
				out[filepath.Base(file)] = newSubject(t, src, xmldsig.Algorithms{SHA1: true, MinRSABits: 1024})
			}
		}
	}
	return out
}

// rarely is how many changes are left out between two in a slow build.
var rarely = map[bool]int{false: 1, true: 20}[xmltest.Instrumented]

func TestEveryOctet(t *testing.T) {
	if os.Getenv("OPENNSP_TEST_VECTORS") == "" && os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
		t.Fatal("OPENNSP_TEST_VECTORS is not set")
	}
	for name, s := range subjects(t) {
		t.Run("SA-05 "+name, func(t *testing.T) {
			refused, kept := 0, 0
			src := bytes.Clone(s.src)
			for i := s.start; i < s.end; i++ {
				if i > s.hint[0]+20 && i < s.hint[1]-20 && i%16 > 0 || i%rarely > 0 {
					continue
				}
				src[i] ^= 1
				if i%4 == 0 {
					src[i] ^= 0x21 // the other case of a letter
				}
				if s.accepts(t, src) == nil {
					kept++
				} else {
					refused++
				}
				src[i] = s.src[i]
			}
			t.Logf("%d changes refused, %d left the canonical form as it was", refused, kept)
			require.Greater(t, refused, (s.end-s.start)/3/rarely)
		})
	}
}

// mutate returns src with a few random changes inside the signed part.
func (s subject) mutate(r *rand.Rand) []byte {
	out := bytes.Clone(s.src)
	for range 1 + r.IntN(3) {
		lo, hi := s.start, min(s.end, len(out))
		i := lo + r.IntN(hi-lo)
		j := min(i+1+r.IntN(60), hi)
		switch r.IntN(7) {
		case 0:
			out[i] ^= 1 << r.IntN(8)
		case 1:
			out[i] = " <>&\"'/=#;x\n\r\t"[r.IntN(14)]
		case 2: // delete
			out = append(out[:i:i], out[j:]...)
		case 3: // repeat
			out = append(out[:j:j], append(bytes.Clone(out[i:j]), out[j:]...)...)
		case 4: // move
			k := lo + r.IntN(hi-lo)
			copy(out[k:], bytes.Clone(out[i:j]))
		case 5: // insert something that has a meaning
			snippet := []string{"<!-- -->", "<![CDATA[x]]>", "&#48;", ` id="IDCard"`, ` xmlns=""`, "</saml:Issuer>", "<a/>", "\xEF\xBB\xBF"}[r.IntN(8)]
			out = append(out[:i:i], append([]byte(snippet), out[i:]...)...)
		case 6: // exchange two elements
			if k := bytes.IndexByte(out[i:hi], '<'); k >= 0 {
				if l := bytes.IndexByte(out[i+k+1:hi], '<'); l >= 0 {
					a, b := i+k, i+k+1+l
					piece := bytes.Clone(out[a:b])
					out = append(out[:a:a], append(bytes.Clone(out[b:]), piece...)...)
				}
			}
		}
	}
	return out
}

func TestMutations(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for name, s := range subjects(t) {
		t.Run("SA-54 "+name, func(t *testing.T) {
			for range 1000 / rarely {
				_ = s.accepts(t, s.mutate(r))
			}
		})
	}
	own := newSubject(t, xmltest.DGWS(t), xmldsig.Algorithms{})
	for range 20_000 / rarely {
		_ = own.accepts(t, own.mutate(r))
	}
}

// BenchmarkMutations is for long runs: -benchtime 1000000x.
func BenchmarkMutations(b *testing.B) {
	r := rand.New(rand.NewPCG(9, 10))
	all := subjects(b)
	var list []subject
	for _, s := range all {
		list = append(list, s)
	}
	accepted := 0
	for i := 0; b.Loop(); i++ {
		s := list[i%len(list)]
		if s.accepts(b, s.mutate(r)) == nil {
			accepted++
		}
	}
	b.ReportMetric(float64(accepted)/float64(b.N), "accepted/op")
}

func FuzzVerify(f *testing.F) {
	s := newSubject(f, xmltest.SignCard(f, xmltest.Signer(f, 0), xmltest.Envelope(xmltest.Card, 0)), xmldsig.Algorithms{})
	sample, err := os.ReadFile(filepath.Join("..", "testdata", "01-dgws-request.xml"))
	require.NoError(f, err)
	committed := newSubject(f, sample, xmldsig.Algorithms{})
	f.Add(s.src)
	f.Add(committed.src)
	f.Fuzz(func(t *testing.T, src []byte) {
		_ = s.accepts(t, src)
		_ = committed.accepts(t, src)
		if tree, err := xmltree.Parse(src, xmltree.DefaultLimits(1<<16)); err == nil {
			for _, o := range verifyEverything(tree) {
				_ = fmt.Sprint(o)
			}
			tree.Release()
		}
	})
}

// verifyEverything reads whatever looks like a signature, without a certificate.
func verifyEverything(tree *xmltree.Tree) (errs []error) {
	elems, _, _ := tree.Arena()
	for i := range elems {
		if n := xmltree.Node(i); tree.Is(n, xmltest.DS, "Signature") {
			for _, read := range []func(*xmltree.Tree, xmltree.Node) (xmldsig.Signature, error){xmldsig.ReadEnveloped, xmldsig.ReadMessage} {
				s, err := read(tree, tree.Parent(n))
				if err == nil {
					s.Certificate()
					s.TokenCertificate()
				}
				errs = append(errs, err)
			}
		}
	}
	return errs
}
