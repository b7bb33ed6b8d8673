package main

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
)

// idwsVerify measures what it costs to admit a message of OIO IDWS, from its octets to its caller: the signature of the token, and the one that
// the token's holder made over the message. Another figure is for a token that was seen before.
func idwsVerify(ctx context.Context, _ options) []figure {
	first := figure{name: "idws-verify", goal: goal{atMost: 3.9}}
	again := figure{name: "idws-verify/token-cached"}
	now := time.Now().UTC().Truncate(time.Second)
	sts, portal := idwstest.NewKey(2048, "Bench STS"), idwstest.NewKey(2048, "Bench portal")
	token := idwstest.CitizenToken(now, portal)
	message := idwstest.Good(token, sts, portal, now, func(w *xmlout.Writer) { w.Raw(bulkXML(3)) }).Bytes()
	digest := sha256.Sum256(message)
	signature, err := sts.Sign(crypto.SHA256, digest[:])
	if first.err, again.err = err, err; err != nil {
		return []figure{first, again}
	}
	admit := func(cache *xmldsig.Cache) func() error {
		v := &idws.Verifier{Trust: dgwstest.Trust(sts.Anchor()), Now: time.Now, Cache: cache}
		return func() error {
			tree, err := xmltree.Parse(message, xmltree.DefaultLimits(1<<20))
			if err != nil {
				return err
			}
			defer tree.Release()
			m := auth.Message{Tree: tree, Header: tree.Child(tree.Root(), soapNS, "Header"), Body: tree.Child(tree.Root(), soapNS, "Body")}
			m.Security = tree.Child(m.Header, wsseNS, "Security")
			_, err = v.Verify(ctx, &m, admitting.Policy{Audiences: []string{idwstest.Audience}})
			return err
		}
	}
	var failed error
	noted := func(run func() error) func() {
		return func() {
			if err := run(); err != nil {
				failed = err
			}
		}
	}
	m := interleaved(noted(admit(nil)), noted(admit(xmldsig.NewCache(1))), noted(func() error {
		return rsa.VerifyPKCS1v15(&sts.Private.PublicKey, crypto.SHA256, digest[:], signature)
	}))
	if first.err, again.err = failed, failed; failed != nil {
		return []figure{first, again}
	}
	first.value, again.value = micros(m[0]), micros(m[1])
	first.peer, again.peer = "crypto/rsa "+micros(m[2]), "crypto/rsa "+micros(m[2])
	first.ratio, again.ratio = m[0]/m[2], m[1]/m[2]
	return []figure{first, again}
}
