package idws_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/trust"
)

// BenchmarkVerifyIDWS compares parse and verification of a message with two signatures with one RSA operation.
func BenchmarkVerifyIDWS(b *testing.B) {
	m := message(citizen())
	m.Body = func(w *xmlout.Writer) {
		w.Start("x:Request", "xmlns:x", "urn:x")
		for range 20 {
			w.Elem("x:Entry", strings.Repeat("value ", 25), "kind", "test")
		}
		w.End()
	}
	doc := m.Bytes()
	set := &trust.Set{Anchors: []trust.Anchor{sts().Anchor()}}
	sum := sha256.Sum256([]byte("x"))
	signature, err := portal().Sign(crypto.SHA256, sum[:])
	require.NoError(b, err)
	b.Run("rsa", func(b *testing.B) {
		for b.Loop() {
			_ = rsa.VerifyPKCS1v15(&portal().Private.PublicKey, crypto.SHA256, sum[:], signature)
		}
	})
	for name, cache := range map[string]*xmldsig.Cache{"parse+verify+caller": nil, "parse+verify+caller, token known": xmldsig.NewCache(16)} {
		b.Run(name, func(b *testing.B) {
			v := &idws.Verifier{Trust: source{set}, Now: now, Cache: cache}
			limits := xmltree.DefaultLimits(1 << 20)
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			for b.Loop() {
				tree, err := xmltree.Parse(doc, limits)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := v.Verify(b.Context(), frame(tree), policy); err != nil {
					b.Fatal(err)
				}
				tree.Release()
			}
		})
	}
}
