package main

import (
	"bytes"
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

const (
	hostileSize  = 192 << 10 // octets of hostile content: it fits into the limit of a SOAP Header
	hostileNodes = 18_000    // elements and texts in it: more are refused
)

// repeated returns unit as often as the limits allow.
func repeated(unit string, size int) string {
	n := size / len(unit)
	if tags := strings.Count(unit, "<"); tags > 0 {
		n = min(n, hostileNodes/(2*tags))
	}
	return strings.Repeat(unit, n)
}

// hostile measures what an octet of a hostile message costs, parsed and verified without RSA, as a multiple of an octet of an ordinary one. The
// figure is that of the worst shape.
func hostile(context.Context, options) []figure {
	f := figure{name: "hostile", goal: goal{atMost: 10}}
	message, key, _, err := signedMessage()
	if err != nil {
		f.err = err
		return []figure{f}
	}
	var failed error
	cache := xmldsig.NewCache(1)
	ordinary := func() {
		if err := verifyCached(message, &key.PublicKey, cache); err != nil {
			failed = err
		}
	}
	ordinary() // and is known from now on
	shapes := slices.Concat(enveloped(message, &key.PublicKey, cache), referenced(message, key))
	runs := []func(){ordinary}
	for _, s := range shapes {
		if err := s.run(); !errors.Is(err, s.want) {
			f.err = fmt.Errorf("%s: got %w, want %w", s.name, err, s.want)
			return []figure{f}
		}
		runs = append(runs, func() { _ = s.run() })
	}
	m := interleaved(runs...)
	if f.err = failed; failed != nil {
		return []figure{f}
	}
	normal := m[0] / float64(len(message))
	for i, s := range shapes {
		if cost := m[i+1] / float64(s.size); cost/normal > f.ratio {
			f.ratio = cost / normal
			f.value, f.peer = nanos(cost)+" "+s.name, "ordinary "+nanos(normal)
		}
	}
	return []figure{f}
}

func nanos(seconds float64) string { return fmt.Sprintf("%.1f ns/B", seconds*1e9) }

// shape is a hostile message and how it ends.
type shape struct {
	name string
	size int
	want error
	run  func() error
}

// enveloped returns messages whose signed card was filled with something: the whole card is digested before the digest is found wrong.
func enveloped(message []byte, key *rsa.PublicKey, cache *xmldsig.Cache) []shape {
	fill := func(head, unit, tail string) string {
		return head + repeated(unit, hostileSize-len(head)-len(tail)) + tail
	}
	items := func(from, to, step int, format string) string {
		var b strings.Builder
		for i := from; i != to; i += step {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	long := strings.Repeat("u", 1000)
	declare := items(0, 30, 1, ` xmlns:q%02d="urn:`+long+`%[1]d"`)
	deep := strings.Repeat("<b>", 56) + strings.Repeat("</b>", 56)
	contents := map[string]string{
		"empty elements":                     fill("<a>", "<a/>", "</a>"),
		"elements and text":                  fill("<a>", "<a/>x", "</a>"),
		"deep nesting":                       fill("", deep, ""),
		"names of 250 octets":                fill("<a>", "<"+strings.Repeat("n", 250)+"/>", "</a>"),
		"names that are no letters":          fill("<a>", "<a-1.2_3-4.5_6-7.8_9/>", "</a>"),
		"names beyond ASCII":                 fill("<a>", "<日本日本/>", "</a>"),
		"attributes out of order":            fill("<a>", "<a"+items(60, 0, -1, ` a%02d=""`)+"/>", "</a>"),
		"attributes in order":                fill("<a>", "<a"+items(10, 70, 1, ` a%02d=""`)+"/>", "</a>"),
		"attributes in long namespaces":      fill("<a"+declare+items(0, 30, 1, ` q%02d:z=""`)+">", "<a"+items(29, 0, -1, ` q%02d:a=""`)+"/>", "</a>"),
		"attributes in single quotes":        fill("<a>", "<a b='\"'/>", "</a>"),
		"references in attributes":           fill("<a>", `<a b="&#65;&lt;&#x41;"/>`, "</a>"),
		"white space in attributes":          fill("<a>", "<a b=\"\t\n\t\n\t\n\t\n\"/>", "</a>"),
		"white space in tags":                fill("<a>", "<a \t \n \t \n \t />", "</a>"),
		"namespace declared again":           fill("<a>", `<p:a xmlns:p="a:a"/>`, "</a>"),
		"namespace undeclared":               fill(`<a xmlns="a:a">`, `<a xmlns=""/>`, "</a>"),
		"32 namespaces of one element":       fill("<a>", "<a"+items(0, 32, 1, ` xmlns:q%02d="a:%[1]d"`)+items(0, 32, 1, ` q%02d:a=""`)+"/>", "</a>"),
		"prefix that is covered":             fill(`<p:a xmlns:p="a:a">`, `<p:a xmlns:p="a:b"><p:a xmlns:p="a:a"/></p:a>`, "</p:a>"),
		"alternating prefixes":               fill(`<a xmlns:p="a:p" xmlns:q="a:q" p:a="" q:a="">`, `<p:a/><q:a/>`, "</a>"),
		"character references":               fill("<a>", "&#65;", "</a>"),
		"entities":                           fill("<a>", "&lt;", "</a>"),
		"CDATA of one octet":                 fill("<a>", "<![CDATA[x]]>", "</a>"),
		"carriage returns in CDATA":          fill("<a><![CDATA[", "\r", "]]></a>"),
		"carriage returns":                   fill("<a>", "\r", "</a>"),
		"'>' in text":                        fill("<a>", ">", "</a>"),
		"']' in text":                        fill("<a>", "]", "</a>"),
		"four octets a character":            fill("<a>", "𝄞", "</a>"),
		"U+FFFD":                             fill("<a>", "\uFFFD", "</a>"),
		"tabs":                               fill("<a>", "\t", "</a>"),
		"ids":                                fill("<a>", `<a id=""/>`, "</a>"),
		"assertions in the assertion":        fill("<a>", `<saml:Assertion id="b"/>`, "</a>"),
		"attribute statements without names": fill("", `<saml:AttributeStatement/>`, ""),
	}
	var shapes []shape
	for name, content := range contents {
		doc := bytes.Replace(message, []byte("<ds:Signature "), []byte(content+"<ds:Signature "), 1)
		shapes = append(shapes, shape{name, len(doc), xmldsig.ErrDigest, func() error { return verifyCached(doc, key, cache) }})
	}
	slices.SortFunc(shapes, func(a, b shape) int { return strings.Compare(a.name, b.name) })
	return shapes
}

// referenced returns messages with a signature of 16 references, all of them good, that another key made than the one that is asked for.
func referenced(message []byte, key *rsa.PrivateKey) []shape {
	const references = xmldsig.MaxReferences
	var nested strings.Builder
	for i := range references {
		fmt.Fprintf(&nested, `<a id="r%d">`, i)
	}
	nested.WriteString(repeated("<a>x</a>", hostileSize/5) + strings.Repeat("</a>", references))
	flat := ""
	for i := range references {
		flat += fmt.Sprintf(`<a id="r%d"/>`, i)
	}
	bodies := map[string]string{
		"a large element referred to 16 times":    nested.String() + repeated(" ", hostileSize*4/5),
		"16 references among ids":                 flat + repeated(`<a id="x"/>`, hostileSize),
		"16 references among ids of their length": flat + repeated(`<a id="r!"/>`, hostileSize),
		"16 references among ids to be decoded":   flat + repeated(`<a id="&#65;"/>`, hostileSize),
		"16 references among many elements":       flat + repeated(`<a/>`, hostileSize),
	}
	signer := signerOf(key)
	var parts []xmldsig.Part
	for i := range references {
		parts = append(parts, xmldsig.Part{ID: fmt.Sprintf("r%d", i)})
	}
	other := *key.N
	wrong := &rsa.PublicKey{N: other.SetBit(&other, 1, other.Bit(1)^1), E: key.E}
	var shapes []shape
	for name, body := range bodies {
		_, head, _ := bytes.Cut(message, []byte("\n"))
		head, _, _ = bytes.Cut(head, []byte("<wsu:Timestamp"))
		doc := fmt.Appendf(nil, `%s</wsse:Security></soapenv:Header><soapenv:Body>%s</soapenv:Body></soapenv:Envelope>`, head, body)
		doc, err := signer.SignMessage(doc, len(head), parts...)
		shapes = append(shapes, shape{name, len(doc), xmldsig.ErrValue, func() error {
			if err != nil {
				return err
			}
			return verifyMessage(doc, wrong)
		}})
	}
	slices.SortFunc(shapes, func(a, b shape) int { return strings.Compare(a.name, b.name) })
	return shapes
}

// verifyMessage parses a message and verifies the signature in its Security header.
func verifyMessage(message []byte, key *rsa.PublicKey) error {
	tree, err := xmltree.Parse(message, xmltree.DefaultLimits(1<<20))
	if err != nil {
		return err
	}
	defer tree.Release()
	signature, err := xmldsig.ReadMessage(tree, tree.Child(tree.Child(tree.Root(), soapNS, "Header"), wsseNS, "Security"))
	if err != nil {
		return err
	}
	_, err = signature.Verify(key, xmldsig.Algorithms{})
	return err
}
