package dgws_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/trust"
)

// path is everything between the octets of a 9 KB message and a card that is known to be good.
type path struct {
	message  []byte
	verifier *dgws.Verifier
	set      *trust.Set
	limits   xmltree.Limits
	m        auth.Message
}

func newPath(tb testing.TB) *path {
	tb.Helper()
	f := federation()
	card := f.Sign(dgwstest.UserCard(clock))
	m := dgwstest.Message(card, clock, 4, "m-1", func(w *xmlout.Writer) {
		w.Start("x:Request", "xmlns:x", "urn:x")
		for range 20 {
			w.Elem("x:Entry", strings.Repeat("value ", 25), "kind", "test")
		}
		w.End()
	})
	return &path{
		message: m, verifier: &dgws.Verifier{Now: func() time.Time { return clock }}, set: &trust.Set{Anchors: []trust.Anchor{f.Anchor}},
		limits: xmltree.DefaultLimits(1 << 20),
	}
}

func (p *path) run() error {
	tree, err := xmltree.Parse(p.message, p.limits)
	if err != nil {
		return err
	}
	defer tree.Release()
	root := tree.Root()
	soap := tree.Space(root)
	header := tree.Child(root, soap, "Header")
	p.m = auth.Message{Tree: tree, Header: header, Body: tree.Child(root, soap, "Body"), Security: tree.Child(header, auth.NSSecurity, "Security")}
	return p.verifier.Authenticate(&p.m, p.set, clock)
}

// rsaAlone verifies one RSA-2048 signature as crypto/rsa does it.
func rsaAlone(tb testing.TB) func() error {
	tb.Helper()
	f := federation()
	sum := sha256.Sum256([]byte("x"))
	signature, err := rsa.SignPKCS1v15(nil, f.Key, crypto.SHA256, sum[:])
	require.NoError(tb, err)
	return func() error { return rsa.VerifyPKCS1v15(&f.Key.PublicKey, crypto.SHA256, sum[:], signature) }
}

// TestAllocations: parse and verify allocate nothing but what RSA does.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool drop what it holds: allocations are counted without it")
	}
	p, alone := newPath(t), rsaAlone(t)
	require.NoError(t, p.run())
	require.NoError(t, alone())
	whole := testing.AllocsPerRun(200, func() { _ = p.run() })
	rsaOnly := testing.AllocsPerRun(200, func() { _ = alone() })
	assert.LessOrEqual(t, whole, rsaOnly, "allocations of the whole path, and of RSA alone")
	t.Logf("message of %d octets: %v allocations, RSA alone %v", len(p.message), whole, rsaOnly)
}

// BenchmarkVerifyDGWS compares the whole path with the one RSA operation in it.
func BenchmarkVerifyDGWS(b *testing.B) {
	p, alone := newPath(b), rsaAlone(b)
	b.Run("rsa", func(b *testing.B) {
		for b.Loop() {
			_ = alone()
		}
	})
	b.Run("parse+verify", func(b *testing.B) {
		b.SetBytes(int64(len(p.message)))
		b.ReportAllocs()
		for b.Loop() {
			if err := p.run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse+verify+caller", func(b *testing.B) {
		b.ReportAllocs()
		ctx := context.Background()
		p.verifier.Trust = dgwstest.Trust(p.set.Anchors...)
		for b.Loop() {
			tree, err := xmltree.Parse(p.message, p.limits)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := p.verifier.Verify(ctx, frame(tree), level3); err != nil {
				b.Fatal(err)
			}
			tree.Release()
		}
	})
}
