package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"embed"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

//go:embed testdata/*.java
var programs embed.FS

const (
	soapNS = "http://schemas.xmlsoap.org/soap/envelope/"
	wsseNS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	samlNS = "urn:oasis:names:tc:SAML:2.0:assertion"
)

// dgwsVerify measures what it costs to parse a DGWS message and verify its ID card, beside RSA alone and two other implementations.
func dgwsVerify(ctx context.Context, _ options) []figure {
	const name = "dgws-verify"
	message, key, cert, err := signedMessage()
	if err == nil {
		err = verify(message, &key.PublicKey)
	}
	if err != nil {
		return []figure{{name: name, goal: goal{atMost: 2.05}, err: err}}
	}
	digest := sha256.Sum256(message)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		return []figure{{name: name, goal: goal{atMost: 2.05}, err: err}}
	}
	var failed error
	note := func(err error) {
		if err != nil {
			failed = err
		}
	}
	ours := func() { note(verify(message, &key.PublicKey)) }
	alone := func() { note(rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature)) }
	parse := func() { note(parseOnly(message)) }
	std := func() { note(decodeTokens(message)) }
	other := func() { note(goxmldsig(message, cert)) }
	cache := xmldsig.NewCache(1)
	cached := func() { note(verifyCached(message, &key.PublicKey, cache)) }
	m := interleaved(ours, alone, parse, std, other, cached)
	if failed != nil {
		return []figure{{name: name, goal: goal{atMost: 2.05}, err: failed}}
	}
	perCall, perRSA := testing.AllocsPerRun(500, ours), testing.AllocsPerRun(500, alone)
	figures := []figure{
		{name: name, value: micros(m[0]), peer: "crypto/rsa " + micros(m[1]), ratio: m[0] / m[1], goal: goal{atMost: 2.05}},
		{name: name + "/cached", value: micros(m[5]), peer: "crypto/rsa " + micros(m[1]), ratio: m[5] / m[1], goal: goal{atMost: 0.7}},
		{name: name + "/parse", value: micros(m[2]), peer: "crypto/rsa " + micros(m[1]), ratio: m[2] / m[1], goal: goal{atMost: 0.27}},
		{name: name + "/parse-std", value: micros(m[2]), peer: "encoding/xml tokens " + micros(m[3]), ratio: m[2] / m[3]},
		{name: name + "/goxmldsig", value: micros(m[0]), peer: "etree+goxmldsig " + micros(m[4]), ratio: m[0] / m[4]},
		{
			name: name + "/allocations", value: strconv.FormatFloat(perCall, 'f', 0, 64) + " a call",
			peer: "crypto/rsa " + strconv.FormatFloat(perRSA, 'f', 0, 64), ratio: perCall / max(1, perRSA), goal: goal{atMost: 1},
		},
	}
	java, err := jdk(ctx, message, cert)
	if err != nil {
		return append(figures, figure{name: name + "/jdk", err: err})
	}
	return append(figures, figure{name: name + "/jdk", value: micros(m[0]), peer: "JDK XML-DSig " + micros(java), ratio: m[0] / java})
}

var errNotCovered = errors.New("the signature does not cover the card")

// verify parses a message and verifies its card.
func verify(message []byte, key *rsa.PublicKey) error { return verifyCached(message, key, nil) }

// verifyCached is verify with a cache.
func verifyCached(message []byte, key *rsa.PublicKey, cache *xmldsig.Cache) error {
	tree, err := xmltree.Parse(message, xmltree.DefaultLimits(1<<20))
	if err != nil {
		return err
	}
	defer tree.Release()
	security := tree.Child(tree.Child(tree.Root(), soapNS, "Header"), wsseNS, "Security")
	card, err := tree.Only(security, samlNS, "Assertion")
	if err != nil {
		return err
	}
	signature, err := xmldsig.ReadEnveloped(tree, card)
	if err != nil {
		return err
	}
	now := time.Now()
	verified, err := signature.VerifyCached(key, xmldsig.Algorithms{}, cache, xmldsig.Pinned{Now: now})
	if err != nil {
		return err
	}
	cache.Keep(&verified, now.Add(time.Hour))
	if !verified.Covers(card) {
		return errNotCovered
	}
	return nil
}

func parseOnly(message []byte) error {
	tree, err := xmltree.Parse(message, xmltree.DefaultLimits(1<<20))
	if err == nil {
		tree.Release()
	}
	return err
}

func decodeTokens(message []byte) error {
	d := xml.NewDecoder(bytes.NewReader(message))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func goxmldsig(message []byte, cert *x509.Certificate) error {
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(message); err != nil {
		return err
	}
	validation := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}})
	validation.IdAttribute = "id"
	_, err := validation.Validate(doc.FindElement("/Envelope/Header/Security/Assertion"))
	return err
}

// jdk returns the seconds that the JDK needs for the same bytes, warm.
func jdk(ctx context.Context, message []byte, cert *x509.Certificate) (float64, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	program, err := programs.ReadFile("testdata/XMLDSig.java")
	if err != nil {
		return 0, err
	}
	for name, content := range map[string][]byte{"XMLDSig.java": program, "message.xml": message, "cert.der": cert.Raw} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return 0, err
		}
	}
	cmd := exec.CommandContext(ctx, "java", "XMLDSig.java", "message.xml", "cert.der")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}
