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

// Whole documents, 1 500 of them, in the forms of both methods.
func TestLikeXmllint(t *testing.T) {
	xmllint := xmltest.Tool(t, "xmllint")
	g := xmltest.Generator{Rand: rand.New(rand.NewPCG(1, 2)), Style: xmltest.Style{Blanks: true}}
	dir := t.TempDir()
	var files []string
	var docs [][]byte
	for i := range 1500 {
		doc := g.Document()
		if canonical(t, doc, c14n.Options{}) == nil || canonical(t, doc, c14n.Options{Method: c14n.Inclusive}) == nil {
			continue
		}
		file := filepath.Join(dir, fmt.Sprintf("%04d.xml", i))
		require.NoError(t, os.WriteFile(file, doc, 0o600))
		files, docs = append(files, file), append(docs, doc)
	}
	require.Greater(t, len(docs), 1000)
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

// Whole documents in the forms that goxmldsig writes as the standard says: it undeclares default namespaces that were not written, orders
// attributes by prefix, and leaves out listed prefixes that are not used.
func TestLikeGoxmldsig(t *testing.T) {
	g := xmltest.Generator{Rand: rand.New(rand.NewPCG(3, 4)), Style: xmltest.Style{Simple: true, Comments: true}}
	compared := 0
	for range 1100 {
		src := g.Document()
		doc := etree.NewDocument()
		require.NoError(t, doc.ReadFromBytes(src))
		want, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(doc.Root())
		require.NoError(t, err)
		if got := canonical(t, src, c14n.Options{}); got != nil {
			require.Equal(t, string(want), string(got), "canonical form of\n%s", src)
			compared++
		}
	}
	require.Greater(t, compared, 1000)
}

// Elements inside one large document, with all methods and PrefixLists: xmlsec1 signs a template, and each of its digests is ours.
func TestLikeXmlsec(t *testing.T) {
	const references = 600
	xmlsec := xmltest.Tool(t, "xmlsec1")
	g := xmltest.Generator{Rand: rand.New(rand.NewPCG(5, 6)), Style: xmltest.Style{Blanks: true, IDs: true, Comments: true}}
	var doc, refs strings.Builder
	doc.WriteString(`<?xml version="1.0"?><root xmlns="urn:root" xmlns:soap="urn:soap" xmlns:b="urn:b" xml:space="preserve" xml:lang="fo">`)
	for range 400 {
		doc.WriteString(g.Fragment())
	}
	type form struct {
		xml string
		o   c14n.Options
	}
	exclusive := func(list string) form {
		return form{`<Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"><ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="` +
			list + `"/></Transform>`, c14n.Options{PrefixList: list}}
	}
	forms := []form{
		{`<Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>`, c14n.Options{Method: c14n.Inclusive}},
		{`<Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>`, c14n.Options{}},
		exclusive("soap"), exclusive("#default"), exclusive("a b #default nosuch"), exclusive("ns1 ns2"),
	}
	require.Greater(t, len(g.Used), references)
	for i, id := range g.Used[:references] {
		refs.WriteString(`<Reference URI="#` + id + `"><Transforms>` + forms[i%len(forms)].xml +
			`</Transforms><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue></DigestValue></Reference>`)
	}
	doc.WriteString(`<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo><CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>` +
		`<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>` + refs.String() + `</SignedInfo><SignatureValue/></Signature></root>`)
	dir := t.TempDir()
	file, key := filepath.Join(dir, "doc.xml"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(file, []byte(doc.String()), 0o600))
	require.NoError(t, os.WriteFile(key, xmltest.KeyPEM(t, xmltest.Key(t, 0)), 0o600))
	out, said, err := xmltest.Run(t, xmlsec, "--sign", "--privkey-pem", key, file)
	require.NoError(t, err, said)

	tree, err := xmltree.Parse(out, xmltree.DefaultLimits(64<<20))
	require.NoError(t, err)
	defer tree.Release()
	signedInfo := tree.First(tree.Child(tree.Root(), "http://www.w3.org/2000/09/xmldsig#", "Signature"))
	i := 0
	for ref := range tree.Children(signedInfo) {
		if tree.Local(ref) != "Reference" {
			continue
		}
		uri, _ := tree.Attr(ref, "", "URI")
		n, count := tree.ByID(uri[1:])
		require.Equal(t, 1, count)
		want, err := tree.Text(tree.Child(ref, "http://www.w3.org/2000/09/xmldsig#", "DigestValue"))
		require.NoError(t, err)
		var form bytes.Buffer
		tree.Spend(-1 << 20)
		require.NoError(t, c14n.Write(&form, tree, n, forms[i%len(forms)].o))
		sum := sha256.Sum256(form.Bytes())
		start, end := tree.Range(n)
		require.Equal(t, want, base64.StdEncoding.EncodeToString(sum[:]), "%s with %s:\n%s\nwritten as\n%s", uri, forms[i%len(forms)].xml, out[start:end], form.Bytes())
		i++
	}
	require.Equal(t, references, i)
}
