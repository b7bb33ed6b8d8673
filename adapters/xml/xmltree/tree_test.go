package xmltree

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// read parses src and releases the tree at the end of the test.
func read(t testing.TB, src string) *Tree {
	t.Helper()
	tree, err := Parse([]byte(src), DefaultLimits(1<<20))
	require.NoError(t, err, "%.200s", src)
	t.Cleanup(tree.Release)
	return tree
}

// outline writes the elements, attributes and texts of n as the accessors give them.
func outline(t *Tree, n Node) string {
	s := fmt.Sprintf("{%s}%s", t.Space(n), t.Local(n))
	for i := range t.AttrCount(n) {
		space, local, value := t.AttrAt(n, i)
		s += fmt.Sprintf(" {%s}%s=%q", space, local, value)
	}
	if text, err := t.Text(n); err == nil {
		return fmt.Sprintf("(%s %q)", s, text)
	}
	for c := range t.Children(n) {
		s += outline(t, c)
	}
	return "(" + s + ")"
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"smallest", `<a/>`, `({}a "")`},
		{"declaration", "\xEF\xBB\xBF<?xml version='1.0' encoding=\"utf-8\" standalone='yes' ?>\n<a></a>\n", `({}a "")`},
		{"declaration without encoding", "<?xml version = \"1.0\"?><a></a>", `({}a "")`},
		{"comments around the root", `<!-- 1 --><a/><!-- < 2 -->`, `({}a "")`},
		{"nested", `<a><b>1</b> <c/><b>2</b></a>`, `({}a({}b "1")({}c "")({}b "2"))`},
		{"namespaces", `<p:a xmlns:p="u" xmlns="d"><b/><p:b xmlns:p="v"/><p:b/><c xmlns=""/></p:a>`, `({u}a({d}b "")({v}b "")({u}b "")({}c ""))`},
		{"default comes back", `<a xmlns="1"><b xmlns="2"><c xmlns=""><d xmlns="3"/><e/></c><f/></b><g/></a>`, `({1}a({2}b({}c({3}d "")({}e ""))({2}f ""))({1}g ""))`},
		{"attributes", "<a x='1' y = \"2\"\n p:x='3' xmlns:p='u' xml:lang='da'/>", `({}a {}x="1" {}y="2" {u}x="3" {http://www.w3.org/XML/1998/namespace}lang="da" "")`},
		{"attribute values", "<a x='a\tb\r\nc\nd\re' y='&#9;&#10;&#13;&lt;&quot;\"&amp;amp;' z='>'/>", `({}a {}x="a b c d e" {}y="\t\n\r<\"\"&amp;" {}z=">" "")`},
		{"text", "<a>1 &lt;&#x41;&#65;&gt;\r\n2\r3<![CDATA[<&>]]\r\n]]><!-- <x> -->&apos;</a>", `({}a "1 <AA>\n2\n3<&>]]\n'")`},
		{"CDATA alone", "<a><![CDATA[]]><![CDATA[]]]]><![CDATA[>]]></a>", `({}a "]]>")`},
		{"names beyond ASCII", "<Åse ø·=\"1\"><日本 xmlns='u'/></Åse>", `({}Åse {}ø·="1"({u}日本 ""))`},
		{"white space in tags", "<a\n><b\t/></a \r\n>", `({}a({}b ""))`},
		{"prefix xml declared", `<a xmlns:xml="http://www.w3.org/XML/1998/namespace" xml:id="i"/>`, `({}a {http://www.w3.org/XML/1998/namespace}id="i" "")`},
		{"namespace name with references", `<a xmlns="u&amp;v" xmlns:p='u&#38;v' p:b=""><p:c/></a>`, `({u&v}a {u&v}b=""({u&v}c ""))`},
		{"long prefixes", `<abcdefghij:a xmlns:abcdefghij="1" xmlns:abcdefghik="2" xmlns:abcdefgh="3"><abcdefghik:b/><abcdefgh:c/></abcdefghij:a>`, `({1}a({2}b "")({3}c ""))`},
		{"prefix that begins like the last", `<p:a xmlns:p="1" xmlns:pq="2"><p:b/><pq:c/><p:d/></p:a>`, `({1}a({1}b "")({2}c "")({1}d ""))`},
		{"prefix of seven octets", `<abcdefg:a xmlns:abcdefg="1" xmlns:abcdefgh="2"><abcdefg:b/><abcdefgh:c/><abcdefg:d/><abcdefgh:e/></abcdefg:a>`, `({1}a({1}b "")({2}c "")({1}d "")({2}e ""))`},
		{"same local name, two namespaces", `<a xmlns:p="1" xmlns:q="2" p:x="" q:x="" x=""/>`, `({}a {1}x="" {2}x="" {}x="" "")`},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := read(t, c.in)
			assert.Equal(t, c.want, outline(tree, tree.Root()))
		})
	}
}

func TestNavigate(t *testing.T) {
	tree := read(t, `<a xmlns="u"><b i="1"/><c><b i="2"/></c><b i="3">x</b></a>`)
	a := tree.Root()
	b := tree.First(a)
	c := tree.Next(b)
	assert.True(t, tree.Is(b, "u", "b"))
	assert.False(t, tree.Is(b, "", "b"))
	assert.False(t, tree.Is(b, "u", "c"))
	assert.Equal(t, c, tree.Child(a, "u", "c"))
	assert.Equal(t, b, tree.Child(a, "u", "b"))
	assert.Equal(t, None, tree.Child(a, "v", "b"))
	assert.Equal(t, a, tree.Parent(c))
	assert.Equal(t, c, tree.Parent(tree.First(c)))
	assert.Equal(t, None, tree.Parent(a))
	assert.Equal(t, None, tree.First(b))
	assert.Equal(t, None, tree.Next(a))
	assert.Equal(t, None, tree.Next(tree.First(c)))

	only, err := tree.Only(a, "u", "c")
	require.NoError(t, err)
	assert.Equal(t, c, only)
	_, err = tree.Only(a, "u", "b")
	assert.ErrorIs(t, err, ErrDuplicate)
	assert.ErrorContains(t, err, ": b")
	_, err = tree.Only(a, "u", "d")
	assert.ErrorIs(t, err, ErrMissing)
	_, err = tree.Text(a)
	assert.ErrorIs(t, err, ErrElementContent)

	start, end := tree.Range(c)
	assert.Equal(t, `<c><b i="2"/></c>`, string(tree.Source()[start:end]))
	assert.True(t, tree.Inside(tree.First(c), c))
	assert.True(t, tree.Inside(c, c))
	assert.False(t, tree.Inside(b, c))
	assert.False(t, tree.Inside(b, None))
	_, ok := tree.Attr(b, "u", "i")
	assert.False(t, ok, "an attribute without prefix has no namespace")
	space, local, value := tree.AttrAt(b, 7)
	assert.Equal(t, "", space+local+value)
}

// None may be passed on without being looked at.
func TestNone(t *testing.T) {
	tree := read(t, `<!-- c --><a>t</a>`)
	text, err := tree.Text(None)
	require.NoError(t, err)
	_, hasAttr := tree.Attr(None, "", "a")
	_, errOnly := tree.Only(None, "", "a")
	assert.Equal(t, "", text+tree.Local(None)+tree.Space(None))
	assert.False(t, hasAttr || tree.Is(None, "", ""))
	assert.ErrorIs(t, errOnly, ErrMissing)
	for _, n := range []Node{tree.First(None), tree.Next(None), tree.Parent(None), tree.Child(None, "", "a")} {
		assert.Equal(t, None, n)
	}
}

func TestLookup(t *testing.T) {
	tree := read(t, `<a xmlns:p="1" xmlns="d"><b xmlns:p="2" xmlns=""/></a>`)
	b := tree.First(tree.Root())
	for _, c := range []struct {
		n           Node
		prefix, uri string
		ok          bool
	}{{tree.Root(), "p", "1", true}, {b, "p", "2", true}, {tree.Root(), "", "d", true}, {b, "", "", false}, {b, "q", "", false}, {b, "xml", xmlNS, true}} {
		uri, ok := tree.Lookup(c.n, c.prefix)
		assert.Equal(t, c.uri, uri, c.prefix)
		assert.Equal(t, c.ok, ok, c.prefix)
	}
}

func TestByID(t *testing.T) {
	tree := read(t, `<a xmlns:wsu="`+wsu+`" xmlns:p="other"><b id="1"/><b ID="2"/><b Id="3"/><b wsu:Id="4"/><b xml:id="5"/>
<c p:id="6"/><c wsu:id="6"/><c wsu:ID="6"/><c p:Id="6"/><c iD="6"/><c xml:ID="6"/>
<d id="7" ID="7"/><e id="8"/><e wsu:Id="8"/><f xml:id=" 9 "/><g id="1&#48;"/><h ID=" 9"/></a>`)
	for _, c := range []struct {
		id    string
		count int
		local string
	}{{"1", 1, "b"}, {"2", 1, "b"}, {"3", 1, "b"}, {"4", 1, "b"}, {"5", 1, "b"}, {"6", 0, ""}, {"7", 2, "d"}, {"8", 2, "e"}, {"9", 1, "f"}, {"10", 1, "g"}, {"", 0, ""}} {
		n, count := tree.ByID(c.id)
		assert.Equal(t, c.count, count, "ByID(%q)", c.id)
		assert.Equal(t, c.local, tree.Local(n), "ByID(%q)", c.id)
		assert.Equal(t, count > 0, tree.IsID(n, c.id))
	}
}

func TestRelease(t *testing.T) {
	tree, err := Parse([]byte(`<a x="value">text</a>`), DefaultLimits(100))
	require.NoError(t, err)
	a := tree.Root()
	value, _ := tree.Attr(a, "", "x")
	text, err := tree.Text(a)
	require.NoError(t, err)
	local, age := tree.Local(a), tree.Age()
	tree.Release()

	assert.NotEqual(t, age, tree.Age())
	assert.Panics(t, func() { tree.Local(a) }, "use after release")
	assert.Panics(t, func() { tree.First(a) }, "use after release")
	assert.Panics(t, func() { _, _ = tree.Text(a) }, "use after release")
	for range 10 { // other messages in the same arena
		read(t, `<bbbbbbbb yyyyy="other">zzzzzzzzzzzz</bbbbbbbb>`)
	}
	assert.Equal(t, "a value text", local+" "+value+" "+text)
}

func TestAllocations(t *testing.T) {
	if instrumented {
		t.Skip("arenas are not used again in this build")
	}
	src := []byte(`<?xml version="1.0" encoding="UTF-8"?><s:E xmlns:s="urn:s" xmlns="urn:d"><a id="1">text &amp; more</a><b><c s:x="1" y="2"/></b></s:E>`)
	l := DefaultLimits(1 << 20)
	got := testing.AllocsPerRun(100, func() {
		tree, err := Parse(src, l)
		if err != nil {
			panic(err)
		}
		n, _ := tree.ByID("1")
		if c := tree.Next(n); !tree.Is(c, "urn:d", "b") || tree.Space(tree.First(c)) != "urn:d" {
			panic("wrong tree")
		}
		tree.Release()
	})
	assert.Zero(t, got)
}

func TestBlank(t *testing.T) {
	for in, want := range map[string]bool{
		`<a/>`: true, `<a></a>`: true, "<a> \r\n\t</a>": true, "<a> <b>x</b>\n<c/> </a>": true, `<a><!-- x --><b/>&#32;<![CDATA[ ]]></a>`: true,
		`<a>x</a>`: false, `<a>x<b/></a>`: false, `<a><b/>x<c/></a>`: false, `<a><b/><c/> &#120;</a>`: false, `<a><b/><![CDATA[x]]></a>`: false, "<a>\u00a0</a>": false,
	} {
		tree := read(t, in)
		assert.Equal(t, want, tree.Blank(tree.Root()), in)
	}
}
