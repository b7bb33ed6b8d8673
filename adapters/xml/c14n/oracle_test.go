package c14n_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/internal/xmltest"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// fewer is what is divided by in builds where everything is slow.
var fewer = map[bool]int{false: 1, true: 20}[xmltest.Instrumented]

// canonical returns the canonical form of the root of src.
func canonical(t testing.TB, src []byte, o c14n.Options) []byte {
	t.Helper()
	tree, err := xmltree.Parse(src, xmltree.DefaultLimits(4<<20))
	require.NoError(t, err, "%s", src)
	defer tree.Release()
	var b bytes.Buffer
	err = c14n.Write(&b, tree, tree.Root(), o)
	if errors.Is(err, c14n.ErrBudget) { // tiny documents with long namespace names
		return nil
	}
	require.NoError(t, err)
	return b.Bytes()
}

// Whole documents, more than 10 000 of them, in the forms of both methods.
func TestLikeXmllint(t *testing.T) {
	t.Parallel()
	xmllint := xmltest.Tool(t, "xmllint")
	g := xmltest.Generator{Rand: rand.New(rand.NewPCG(1, 2)), Style: xmltest.Style{Blanks: true}}
	dir := t.TempDir()
	var files []string
	var docs [][]byte
	for i := range 10_400 / fewer {
		doc := g.Document()
		if canonical(t, doc, c14n.Options{}) == nil || canonical(t, doc, c14n.Options{Method: c14n.Inclusive}) == nil {
			continue
		}
		file := filepath.Join(dir, fmt.Sprintf("%05d.xml", i))
		require.NoError(t, os.WriteFile(file, doc, 0o600))
		files, docs = append(files, file), append(docs, doc)
	}
	require.Greater(t, len(docs), 10_000/fewer)
	for flag, method := range map[string]c14n.Method{"--exc-c14n": c14n.Exclusive, "--c14n": c14n.Inclusive} {
		out, said, err := xmltest.Run(t, xmllint, append([]string{"--nonet", flag}, files...)...)
		require.NoError(t, err, said)
		for i, doc := range docs {
			got := canonical(t, doc, c14n.Options{Method: method})
			if !bytes.HasPrefix(out, got) {
				t.Fatalf("document %d with %s\n%q\ngot\n%q\nwant\n%q", i, flag, doc, got, out[:min(len(out), len(got)+100)])
			}
			out = out[len(got):]
		}
		require.Empty(t, out)
	}
}

// Whole documents, more than 10 000 of them, in the forms that goxmldsig writes as the standard says: it undeclares default namespaces that were
// not written, orders attributes by prefix, and leaves out listed prefixes that are not used.
func TestLikeGoxmldsig(t *testing.T) {
	t.Parallel()
	g := xmltest.Generator{Rand: rand.New(rand.NewPCG(3, 4)), Style: xmltest.Style{Simple: true, Comments: true}}
	for method, other := range map[c14n.Method]dsig.Canonicalizer{
		c14n.Exclusive: dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList(""), c14n.Inclusive: dsig.MakeC14N10RecCanonicalizer(),
	} {
		compared := 0
		for range 10_400 / fewer {
			src := g.Document()
			doc := etree.NewDocument()
			require.NoError(t, doc.ReadFromBytes(src))
			want, err := other.Canonicalize(doc.Root())
			require.NoError(t, err)
			if got := canonical(t, src, c14n.Options{Method: method}); got != nil {
				if string(want) != string(got) {
					t.Fatalf("canonical form %d of\n%s\ngot\n%s\nwant\n%s", method, src, got, want)
				}
				compared++
			}
		}
		require.Greater(t, compared, 10_000/fewer)
	}
}

// Elements inside larger documents, more than 10 000 of them, with all methods and PrefixLists: xmlsec1 signs a template in each document, and
// each of its digests is ours.
func TestLikeXmlsec(t *testing.T) {
	t.Parallel()
	documents, references := 120/fewer, 90
	xmlsec := xmltest.Tool(t, "xmlsec1")
	g := xmltest.Generator{Rand: rand.New(rand.NewPCG(5, 6)), Style: xmltest.Style{Blanks: true, IDs: true, Comments: true}}
	dir := t.TempDir()
	key := filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(key, xmltest.KeyPEM(t, xmltest.Key(t, 0)), 0o600))
	args := []string{"--sign", "--privkey-pem", key}
	for i := range documents {
		file := filepath.Join(dir, fmt.Sprintf("%03d.xml", i))
		require.NoError(t, os.WriteFile(file, template(&g, references), 0o600))
		args = append(args, file)
	}
	out, said, err := xmltest.Run(t, xmlsec, args...)
	require.NoError(t, err, said)
	signed := bytes.SplitAfter(out, []byte("</root>\n"))
	require.Len(t, signed, documents+1, "the last is empty")
	for _, doc := range signed[:documents] {
		require.Equal(t, references, compareDigests(t, doc))
	}
}

// way is a way to write an element, and the ds:Transform that says so.
type way struct {
	transform string
	o         c14n.Options
}

func ways() []way {
	exclusive := func(list string) way {
		return way{`<Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"><ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="` +
			list + `"/></Transform>`, c14n.Options{PrefixList: list}}
	}
	return []way{
		{`<Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>`, c14n.Options{Method: c14n.Inclusive}},
		{`<Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>`, c14n.Options{}},
		exclusive("soap"), exclusive("#default"), exclusive("a b #default nosuch"), exclusive("ns1 ns2"),
	}
}

// template returns a document with a signature to be made over elements in it, in all ways in turn.
func template(g *xmltest.Generator, references int) []byte {
	var doc, refs strings.Builder
	doc.WriteString(`<?xml version="1.0"?><root xmlns="urn:root" xmlns:soap="urn:soap" xmlns:b="urn:b" xml:space="preserve" xml:lang="fo">`)
	g.Used = nil
	for len(g.Used) < references {
		doc.WriteString(g.Fragment())
	}
	all := ways()
	for i, id := range g.Used[:references] {
		refs.WriteString(`<Reference URI="#` + id + `"><Transforms>` + all[i%len(all)].transform +
			`</Transforms><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue></DigestValue></Reference>`)
	}
	doc.WriteString(`<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo><CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>` +
		`<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>` + refs.String() + `</SignedInfo><SignatureValue/></Signature></root>`)
	return []byte(doc.String())
}

// compareDigests holds each digest of a signed template against ours and returns how many there are.
func compareDigests(t *testing.T, doc []byte) (i int) {
	t.Helper()
	tree, err := xmltree.Parse(doc, xmltree.DefaultLimits(64<<20))
	require.NoError(t, err)
	defer tree.Release()
	all := ways()
	signedInfo := tree.First(tree.Child(tree.Root(), xmltest.DS, "Signature"))
	for ref := range tree.Children(signedInfo) {
		if tree.Local(ref) != "Reference" {
			continue
		}
		uri, _ := tree.Attr(ref, "", "URI")
		n, count := tree.ByID(uri[1:])
		require.Equal(t, 1, count)
		want, err := tree.Text(tree.Child(ref, xmltest.DS, "DigestValue"))
		require.NoError(t, err)
		var written bytes.Buffer
		tree.Spend(-1 << 20)
		require.NoError(t, c14n.Write(&written, tree, n, all[i%len(all)].o))
		sum := sha256.Sum256(written.Bytes())
		if got := base64.StdEncoding.EncodeToString(sum[:]); got != want {
			start, end := tree.Range(n)
			t.Fatalf("%s with %s:\n%s\nwritten as\n%s", uri, all[i%len(all)].transform, doc[start:end], written.Bytes())
		}
		i++
	}
	return i
}
