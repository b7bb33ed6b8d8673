package c14n_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/internal/xmltest"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// find returns the first element of tree with the local name.
func find(tree *xmltree.Tree, local string) xmltree.Node {
	elems, _, _ := tree.Arena()
	for n := 1; n < len(elems); n++ {
		if tree.Local(xmltree.Node(n)) == local {
			return xmltree.Node(n)
		}
	}
	return xmltree.None
}

func TestWrite(t *testing.T) {
	inclusive := c14n.Options{Method: c14n.Inclusive}
	list := func(s string) c14n.Options { return c14n.Options{PrefixList: s} }
	for _, c := range []struct {
		name, in, apex string
		o              c14n.Options
		want           string
	}{
		{"SX-04 nothing to change", `<a b="1" c="2"><d>x</d></a>`, "a", c14n.Options{}, `<a b="1" c="2"><d>x</d></a>`},
		{"SX-04 empty elements", `<a><b/><c x="1" /></a>`, "a", c14n.Options{}, `<a><b></b><c x="1"></c></a>`},
		{"SX-04 quotes and white space", "<a\n b = '1\"'  c='2'\t><d\n/></a\n>", "a", c14n.Options{}, `<a b="1&quot;" c="2"><d></d></a>`},
		{"SX-04 comments", "<!-- 1 --><a><!-- 2 -->x<!-- 3 --></a><!-- 4 -->", "a", c14n.Options{}, `<a>x</a>`},
		{"SX-04 CDATA and references", "<a>&lt;<![CDATA[<&>\r]]>&#x41;&apos;>\r\n&#13;</a>", "a", c14n.Options{}, "<a>&lt;&lt;&amp;&gt;\nA'&gt;\n&#xD;</a>"},
		{"SX-04 greater sign before a comment with a lesser sign", "<a>><b>></b><!-- < < --></a>", "a", c14n.Options{}, "<a>&gt;<b>&gt;</b></a>"},
		{"SX-04 greater sign after a comment with a lesser sign", "<a><!-- < --><b>></b></a>", "a", c14n.Options{}, "<a><b>&gt;</b></a>"},
		{"SX-04 greater sign after CDATA", "<a><b>x></b><![CDATA[<]]></a>", "a", c14n.Options{}, "<a><b>x&gt;</b>&lt;</a>"},
		{"SX-04 attribute values", "<a b='\t&#9;\r\n&#10;&#13;&lt;>&amp;&apos;'/>", "a", c14n.Options{}, "<a b=\" &#x9; &#xA;&#xD;&lt;>&amp;'\"></a>"},
		{"SX-04 order of attributes", `<a xmlns:z="urn:1" xmlns:b="urn:2" b:a="1" z:c="2" z:b="3" d="4" c="5"/>`, "a", c14n.Options{},
			`<a xmlns:b="urn:2" xmlns:z="urn:1" c="5" d="4" z:b="3" z:c="2" b:a="1"></a>`},
		{"SX-04 unused namespaces", `<a xmlns="x:d" xmlns:p="x:u" xmlns:q="x:v"><p:b q:x="1"><p:c/><d/></p:b></a>`, "b", c14n.Options{},
			`<p:b xmlns:p="x:u" xmlns:q="x:v" q:x="1"><p:c></p:c><d xmlns="x:d"></d></p:b>`},
		{"SX-04 namespace of an ancestor that is not written", `<p:a xmlns:p="x:u"><b><p:c/><p:d/></b></p:a>`, "b", c14n.Options{}, `<b><p:c xmlns:p="x:u"></p:c><p:d xmlns:p="x:u"></p:d></b>`},
		{"SX-04 redeclared with the same name", `<p:a xmlns:p="x:u"><p:b xmlns:p="x:u"><p:c/></p:b></p:a>`, "a", c14n.Options{}, `<p:a xmlns:p="x:u"><p:b><p:c></p:c></p:b></p:a>`},
		{"SX-04 redeclared and back", `<p:a xmlns:p="x:u"><p:b xmlns:p="x:v"><p:c xmlns:p="x:u"/></p:b><p:d/></p:a>`, "a", c14n.Options{},
			`<p:a xmlns:p="x:u"><p:b xmlns:p="x:v"><p:c xmlns:p="x:u"></p:c></p:b><p:d></p:d></p:a>`},
		{"SX-04 redeclared where it is not used", `<p:a xmlns:p="x:u"><b xmlns:p="x:v"><p:c xmlns:p="x:u"/></b></p:a>`, "a", c14n.Options{}, `<p:a xmlns:p="x:u"><b><p:c></p:c></b></p:a>`},
		{"SX-04 default undeclared", `<a xmlns="x:u"><b xmlns=""><c xmlns="x:u"/></b></a>`, "a", c14n.Options{}, `<a xmlns="x:u"><b xmlns=""><c xmlns="x:u"></c></b></a>`},
		{"SX-04 default undeclared at the apex", `<a xmlns="x:u"><b xmlns=""><c/></b></a>`, "b", c14n.Options{}, `<b><c></c></b>`},
		{"SX-04 attributes of the prefix xml stay behind", `<a xml:lang="da"><b xml:space="preserve"/></a>`, "b", c14n.Options{}, `<b xml:space="preserve"></b>`},
		{"SX-04 namespace name to be escaped", `<a xmlns="x:u&amp;&#9;'" xmlns:p='x:u"'><p:b/></a>`, "a", c14n.Options{}, `<a xmlns="x:u&amp;&#x9;'"><p:b xmlns:p="x:u&quot;"></p:b></a>`},

		{"SA-32 PrefixList", `<a xmlns="x:d" xmlns:p="x:u" xmlns:q="x:v"><q:b><c xmlns:p="x:w"/></q:b></a>`, "b", list("p"), `<q:b xmlns:p="x:u" xmlns:q="x:v"><c xmlns="x:d" xmlns:p="x:w"></c></q:b>`},
		{"SA-32 #default", `<a xmlns="x:d" xmlns:p="x:u"><p:b><p:c xmlns=""/></p:b></a>`, "b", list("#default"), `<p:b xmlns="x:d" xmlns:p="x:u"><p:c xmlns=""></p:c></p:b>`},
		{"SA-32 #default where there is none", `<a xmlns:p="x:u"><p:b/></a>`, "b", list("#default"), `<p:b xmlns:p="x:u"></p:b>`},
		{"SA-32 unknown prefix", `<a xmlns:p="x:u"><p:b/></a>`, "b", list(" nosuch\n\tp "), `<p:b xmlns:p="x:u"></p:b>`},
		{"SA-32 shadowed prefix", `<a xmlns:p="x:u"><x xmlns:p="x:v"><b/></x></a>`, "b", list("p"), `<b xmlns:p="x:v"></b>`},

		{"SX-04 inclusive: all in scope", `<a xmlns="x:d" xmlns:p="x:u" xml:lang="da"><b xmlns:q="a:a" q:x="1"/></a>`, "b", inclusive,
			`<b xmlns="x:d" xmlns:p="x:u" xmlns:q="a:a" q:x="1" xml:lang="da"></b>`},
		{"SX-04 inclusive: nearest xml attribute", `<r xml:lang="en" xml:space="preserve"><a xml:lang="da"><b c=""/></a></r>`, "b", inclusive, `<b c="" xml:lang="da" xml:space="preserve"></b>`},
		{"SX-04 inclusive: own xml attribute first", `<r xml:lang="en"><b xml:lang="da"><c/></b></r>`, "b", inclusive, `<b xml:lang="da"><c></c></b>`},
		{"SX-04 inclusive: default undeclared above", `<r xmlns="x:u"><a xmlns=""><b/></a></r>`, "b", inclusive, `<b></b>`},
		{"SX-04 inclusive: default undeclared inside", `<r xmlns="x:u"><b><c xmlns=""><d xmlns="x:u"/></c></b></r>`, "b", inclusive, `<b xmlns="x:u"><c xmlns=""><d xmlns="x:u"></d></c></b>`},
		{"SX-04 inclusive: the prefix xml itself", `<r xmlns:xml="http://www.w3.org/XML/1998/namespace"><b/></r>`, "b", inclusive, `<b></b>`},

		{"SX-07 xmlns empty", `<p:a xmlns:p="x:u"/>`, "a", c14n.Options{EmptyDefault: true}, `<p:a xmlns="" xmlns:p="x:u"></p:a>`},
		{"SX-07 xmlns empty on an element as it stands", `<a x="1"/>`, "a", c14n.Options{EmptyDefault: true}, `<a xmlns="" x="1"></a>`},
		{"SX-07 default namespace there", `<a xmlns="x:u"/>`, "a", c14n.Options{EmptyDefault: true}, `<a xmlns="x:u"></a>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			// The budget is that of a larger message.
			tree, err := xmltree.Parse([]byte(c.in+strings.Repeat(" ", 200)), xmltree.DefaultLimits(1<<20))
			require.NoError(t, err)
			defer tree.Release()
			var got bytes.Buffer
			require.NoError(t, c14n.Write(&got, tree, find(tree, c.apex), c.o))
			assert.Equal(t, c.want, got.String())
		})
	}
}

// Canonical XML 1.0, 2.1: relative namespace names are an error, wherever one is in scope in what is written.
func TestRelativeNamespaceNames(t *testing.T) {
	for _, c := range []struct{ name, in string }{
		{"SX-04 relative: of the element", `<r><p:a xmlns:p="u"/></r>`},
		{"SX-04 relative: default", `<r><a xmlns="u/v:w"/></r>`},
		{"SX-04 relative: not used", `<r><a xmlns:p="../u"/></r>`},
		{"SX-04 relative: inside", `<r><a><b><c xmlns:p="?u:v"/></b></a></r>`},
		{"SX-04 relative: in scope", `<r xmlns:p="//host/u:v"><a/></r>`},
		{"SX-04 relative: second of an element", `<r><a xmlns:p="urn:p" xmlns:q="#q:" xmlns:s="urn:s"/></r>`},
		{"SX-04 relative: a number is no scheme", `<r><a xmlns:p="1:u"/></r>`},
		{"SX-04 relative: no scheme before the colon", `<r><a xmlns:p=":u"/></r>`},
		{"SX-04 relative: beyond ASCII", `<r><a xmlns:p="å:u"/></r>`},
		{"SX-04 relative: written with references", `<r><a xmlns:p="&#47;u:v"/></r>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree, err := xmltree.Parse([]byte(c.in), xmltree.DefaultLimits(1<<20))
			require.NoError(t, err)
			defer tree.Release()
			for _, o := range []c14n.Options{{}, {Method: c14n.Inclusive}, {PrefixList: "p #default"}} {
				assert.ErrorIs(t, c14n.Write(io.Discard, tree, find(tree, "a"), o), c14n.ErrRelative)
			}
		})
	}
	t.Run("SX-04 relative elsewhere", func(t *testing.T) {
		tree, err := xmltree.Parse([]byte(`<r xmlns:a="a+B-1.:" xmlns:b="urn:b"><x xmlns:p="u"/><a xmlns="URN:x" xmlns:c="c:"><b xmlns=""/></a></r>`), xmltree.DefaultLimits(1<<20))
		require.NoError(t, err)
		defer tree.Release()
		assert.NoError(t, c14n.Write(io.Discard, tree, find(tree, "a"), c14n.Options{}))
	})
}

// After many comparisons namespace names are compared by rank: the order stays as it is.
func TestManyComparisons(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	var declared, used, attrs string
	for i, k := range r.Perm(24) {
		name := []string{"urn:", "urn:same", "URN:x", "http://example.org/"}[i%4] + strings.Repeat("u", k%3)
		declared += fmt.Sprintf(` xmlns:q%d="%s"`, i, name)
		used += fmt.Sprintf(` q%d:z%d=""`, i, i)
	}
	for _, i := range r.Perm(24) {
		attrs += fmt.Sprintf(` q%d:a%d=""`, i, i%3*100+i)
	}
	const times = 50
	src := "<a" + declared + used + ">" + strings.Repeat("<b"+attrs+"/>", times) + "</a>"
	tree, err := xmltree.Parse([]byte(src), xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	defer tree.Release()
	var got bytes.Buffer
	require.NoError(t, c14n.Write(&got, tree, tree.Root(), c14n.Options{}))
	parts := strings.Split(got.String(), "<b")
	require.Len(t, parts, times+1)
	for _, part := range parts[2:times] {
		require.Equal(t, parts[1], part)
	}
}

func TestSkip(t *testing.T) {
	tree, err := xmltree.Parse([]byte(`<a> 1 <s>&amp;<t/></s>&gt;<b/>2<s/></a>`), xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	defer tree.Release()
	s := find(tree, "s")
	var got bytes.Buffer
	require.NoError(t, c14n.Write(&got, tree, tree.Root(), c14n.Options{Skip: s}))
	assert.Equal(t, `<a> 1 &gt;<b></b>2<s></s></a>`, got.String())
	for _, n := range []xmltree.Node{xmltree.None, s, tree.First(s)} {
		assert.ErrorIs(t, c14n.Write(io.Discard, tree, n, c14n.Options{Skip: s}), c14n.ErrEmpty)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestErrors(t *testing.T) {
	src := `<a xmlns:p="x:` + strings.Repeat("u", 900) + `">` + strings.Repeat("<p:b/>", 200) + `</a>`
	tree, err := xmltree.Parse([]byte(src), xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	defer tree.Release()
	t.Run("SX-03 four times the size", func(t *testing.T) {
		var got bytes.Buffer
		assert.ErrorIs(t, c14n.Write(&got, tree, tree.Root(), c14n.Options{}), c14n.ErrBudget)
		assert.LessOrEqual(t, got.Len(), 4*len(src))
		assert.ErrorIs(t, c14n.Write(&got, tree, tree.First(tree.Root()), c14n.Options{}), c14n.ErrBudget, "the budget is that of the message")
	})
	t.Run("SX-03 a message may be written four times", func(t *testing.T) {
		plain, err := xmltree.Parse([]byte("<a>"+strings.Repeat("text ", 1000)+"</a>"), xmltree.DefaultLimits(1<<20))
		require.NoError(t, err)
		defer plain.Release()
		for range 4 {
			assert.NoError(t, c14n.Write(io.Discard, plain, plain.Root(), c14n.Options{}))
		}
		assert.ErrorIs(t, c14n.Write(io.Discard, plain, plain.Root(), c14n.Options{}), c14n.ErrBudget)
	})
	tree.Spend(-1 << 20)
	assert.ErrorIs(t, c14n.Write(io.Discard, tree, tree.Root(), c14n.Options{PrefixList: strings.Repeat("x ", 17)}), c14n.ErrPrefixes)
	assert.NoError(t, c14n.Write(io.Discard, tree, tree.Root(), c14n.Options{PrefixList: strings.Repeat("x ", 16)}))
	assert.EqualError(t, c14n.Write(broken{}, tree, tree.Root(), c14n.Options{}), "disk full")
}

func TestAllocations(t *testing.T) {
	if xmltest.Instrumented {
		t.Skip("memory is not used again in this build")
	}
	src, err := os.ReadFile(filepath.Join("..", "testdata", "04-idws-request.xml"))
	require.NoError(t, err)
	tree, err := xmltree.Parse(src, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	defer tree.Release()
	h, sum := sha256.New(), make([]byte, 0, 32)
	for _, o := range []c14n.Options{{}, {PrefixList: "soap #default wsu"}, {Method: c14n.Inclusive}, {EmptyDefault: true, Skip: find(tree, "Signature")}} {
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			tree.Spend(-2 * len(src))
			h.Reset()
			if err := c14n.Write(h, tree, tree.Root(), o); err != nil {
				panic(err)
			}
			h.Sum(sum)
		}), "%+v", o)
	}
}

// What is written is its own canonical form, and says the same.
func FuzzCanonical(f *testing.F) {
	for _, src := range []string{
		`<a/>`, `<p:a xmlns:p="x:u" xmlns="x:v" p:b='1"'><c xmlns="">&lt;<![CDATA[x]]></c>` + "\r\n</p:a>", `<a>><!-- < --></a>`,
		`<r xml:lang="da"><a xmlns:q="x:1" xmlns:p="x:2" p:x="&#9;" q:x="" /></r>`,
	} {
		f.Add([]byte(src), uint8(0))
		f.Add([]byte(src), uint8(1))
	}
	f.Fuzz(func(t *testing.T, src []byte, way uint8) {
		o := c14n.Options{Method: c14n.Method(way % 2)}
		once, ok := form(src, o)
		if !ok {
			return
		}
		twice, ok := form(once, o)
		if !ok || !bytes.Equal(once, twice) {
			t.Fatalf("canonical form of %q\n%q\nhas the canonical form\n%q", src, once, twice)
		}
	})
}

func form(src []byte, o c14n.Options) ([]byte, bool) {
	l := xmltree.DefaultLimits(1 << 20)
	l.AttrValue *= 8 // &#x9; and the like grow
	tree, err := xmltree.Parse(src, l)
	if err != nil {
		return nil, false
	}
	defer tree.Release()
	tree.Spend(-1 << 20)
	var b bytes.Buffer
	err = c14n.Write(&b, tree, tree.Root(), o)
	return b.Bytes(), err == nil
}
