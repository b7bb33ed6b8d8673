package nasws

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/nas"
)

// anyDeclarations are declarations of some of the prefixes p0 to p3 and of the default namespace, which may be taken away.
func anyDeclarations(t *rapid.T) string {
	var s strings.Builder
	for i := range 4 {
		if rapid.IntRange(0, 3).Draw(t, "declared") == 0 {
			fmt.Fprintf(&s, ` xmlns:p%d='urn:%d&amp;"'`, i, rapid.IntRange(0, 2).Draw(t, "space"))
		}
	}
	s.WriteString(rapid.SampledFrom([]string{"", "", ` xmlns="urn:d"`, ` xmlns=""`, ` xmlns="urn:e"`}).Draw(t, "default"))
	return s.String()
}

// anyContent is content of an element: elements, attributes and texts in all the ways to write them.
func anyContent(t *rapid.T, depth int) string {
	var s strings.Builder
	for range rapid.IntRange(0, 3).Draw(t, "parts") {
		if depth > 0 && rapid.Bool().Draw(t, "element") {
			s.WriteString(anyElement(t, rapid.SampledFrom([]string{"a", "p0:b", "p1:c", "p3:blå"}).Draw(t, "name"), depth-1))
			continue
		}
		s.WriteString(rapid.SampledFrom([]string{
			"tekst", "p2:Begreb", "æøå ÆØÅ", "😀", "&lt;&amp;&#x1F600;&#13;", "<![CDATA[<p0:x>&amp;]]>", "<!-- p1 -->", "\r\n\t ", "]]&gt;", "&quot;'\"",
		}).Draw(t, "text"))
	}
	return s.String()
}

func anyElement(t *rapid.T, name string, depth int) string {
	attributes := rapid.SampledFrom([]string{"", ` x="1"`, ` p0:x='p1:&#10;"'  y = "&lt;æ"`, ` xml:lang="da" p3:z=""`}).Draw(t, "attributes")
	tag := name + anyDeclarations(t) + attributes
	if content := anyContent(t, depth); content != "" || rapid.Bool().Draw(t, "long") {
		return "<" + tag + ">" + content + "</" + name + "\n>"
	}
	return "<" + tag + " />"
}

// canonical is an element in Exclusive Canonical XML with all prefixes inclusive: what of it anything can depend on.
func canonical(t require.TestingT, tree *xmltree.Tree, n xmltree.Node, prefixes string) string {
	var s strings.Builder
	require.NoError(t, c14n.Write(&s, tree, n, c14n.Options{Method: c14n.Exclusive, PrefixList: prefixes}))
	return s.String()
}

func prefixesAt(tree *xmltree.Tree, n xmltree.Node) string {
	var all []string
	for prefix := range namespaces(tree, n) {
		all = append(all, prefix)
	}
	if space, ok := tree.Lookup(n, ""); ok && space != "" {
		all = append(all, "#default")
	}
	return strings.Join(all, " ")
}

func parsed(t require.TestingT, doc []byte) *xmltree.Tree {
	tree, err := xmltree.Parse(doc, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err, "%s", doc)
	return tree
}

// deepest is the innermost first element.
func deepest(tree *xmltree.Tree, depth int) xmltree.Node {
	n := tree.Root()
	for range depth {
		n = tree.First(n)
	}
	return n
}

// delivered is the element as it stands in an answer to GetMessages.
func delivered(content []byte) []byte {
	var w xmlout.Writer
	w.Start("soap:Envelope", "xmlns:soap", "http://schemas.xmlsoap.org/soap/envelope/", "xmlns:medcom", "urn:m")
	w.Start("soap:Body")
	answer(opGetMessages, func(w *xmlout.Writer) {
		messages(w, "https://nsp.example.dk", notifying.Fetched{Messages: []notifying.Delivery{{Record: nas.Record{Content: content}}}}, false)
	})(&w)
	w.End()
	w.End()
	return w.Bytes()
}

// TestStandaloneIsTheSameElement: whatever was declared around an element, and whatever texts and attributes of it use a prefix, it is the
// same element when it stands alone and when it is delivered.
func TestStandaloneIsTheSameElement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		depth := rapid.IntRange(0, 3).Draw(t, "ancestors")
		source := anyElement(t, "p2:NotifyContent", 3)
		for range depth {
			source = "<around" + anyDeclarations(t) + ` q="p1">` + source + "</around>"
		}
		source = `<p0:root xmlns:p0="urn:0" xmlns:p1="urn:1" xmlns:p2="urn:2" xmlns:p3="urn:3"` +
			rapid.SampledFrom([]string{"", ` xmlns="urn:root"`}).Draw(t, "default") + ">" + source + "</p0:root>"
		tree := parsed(t, []byte(source))
		defer tree.Release()
		n := deepest(tree, depth+1)
		prefixes := prefixesAt(tree, n)
		want := canonical(t, tree, n, prefixes)

		alone := standalone(tree, n)
		stored := parsed(t, alone)
		defer stored.Release()
		require.Equal(t, want, canonical(t, stored, stored.Root(), prefixes), "alone: %s", alone)
		require.Equal(t, prefixesAt(tree, n) == "", prefixesAt(stored, stored.Root()) == "")

		again := parsed(t, delivered(alone))
		defer again.Release()
		require.Equal(t, want, canonical(t, again, again.First(again.Child(deepest(again, 3), nsNotification, elemMessage)), prefixes), "delivered: %s", delivered(alone))
	})
}

func TestStandaloneKeepsTheOctets(t *testing.T) {
	const source = `<e:E xmlns:e="urn:e" xmlns:q="urn:q" xmlns="urn:d"><e:F xmlns="" xmlns:q='urn:q2'><c:C  xmlns:c = "urn:c"` +
		` at='e:x' ><![CDATA[<]]>&#x41;<!-- - --></c:C ></e:F></e:E>`
	tree := parsed(t, []byte(source))
	defer tree.Release()
	want := `<c:C xmlns:q="urn:q2" xmlns:e="urn:e"  xmlns:c = "urn:c" at='e:x' ><![CDATA[<]]>&#x41;<!-- - --></c:C >`
	assert.Equal(t, want, string(standalone(tree, deepest(tree, 2))))
	assert.Equal(t, map[string]string{"q": "urn:q2", "e": "urn:e", "c": "urn:c"}, namespaces(tree, deepest(tree, 2)))
}

// TestStandaloneOfTooManyNamespaces: an element that no reader would take is none.
func TestStandaloneOfTooManyNamespaces(t *testing.T) {
	for _, c := range []struct {
		outer, inner int
		ok           bool
	}{{16, 16, true}, {17, 16, false}, {32, 0, true}} {
		declare := func(prefix string, n int) (s string) {
			for i := range n {
				s += fmt.Sprintf(` xmlns:%s%d="urn:x"`, prefix, i)
			}
			return s
		}
		tree := parsed(t, []byte("<a"+declare("o", c.outer)+"><b"+declare("i", c.inner)+"/></a>"))
		alone := standalone(tree, tree.First(tree.Root()))
		assert.Equal(t, c.ok, alone != nil, "%d around, %d own", c.outer, c.inner)
		if c.ok {
			parsed(t, alone).Release()
		}
		tree.Release()
	}
}

func TestEnclose(t *testing.T) {
	for _, c := range []struct{ name, payload, want string }{
		{"an element", `<c:C xmlns:c="urn:c">æ</c:C>`, `<c:C xmlns:c="urn:c">æ</c:C>`},
		{"white space around it", "\n <C/>\t", "<C/>"},
		{"nothing", "", ""},
		{"white space", " ", ""},
		{"text", "x", ""},
		{"text before", "x<C/>", ""},
		{"text after", "<C/>x", ""},
		{"two", "<C/><C/>", ""},
		{"a comment beside it", "<C/><!-- -->", ""},
		{"a comment before it", "<!-- --><C/>", ""},
		{"one that ends what is around it", "<C/></advis:NotifyContent><advis:NotifyContent>", ""},
		{"one that is not ended", "<C>", ""},
		{"an unbound prefix", "<x:C/>", ""},
		{"one that is too deep for an answer", strings.Repeat("<a>", 59) + strings.Repeat("</a>", 59), ""},
		{"one as deep as an answer takes", strings.Repeat("<a>", 58) + strings.Repeat("</a>", 58), strings.Repeat("<a>", 58) + strings.Repeat("</a>", 58)},
		{"a document type", "<!DOCTYPE a><C/>", ""},
		{"a declaration", `<?xml version="1.0"?><C/>`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := nas.Notification{ID: `a"<`, IDType: "urn:t", System: true, Payload: []byte(c.payload)}
			got, err := Contents{}.Enclose(n)
			if c.want == "" {
				assert.Equal(t, nas.ContentInvalid, nas.RefusalCode(err))
				require.ErrorIs(t, err, nas.ErrRefused)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, `<advis:NotifyContent xmlns:advis="http://nsi.dk/advis/v10" id="a&quot;&lt;" idType="urn:t" isSystemNotification="true">`+
				c.want+`</advis:NotifyContent>`, string(got))
		})
	}

	t.Run("about nobody", func(t *testing.T) {
		got, err := Contents{}.Enclose(nas.Notification{Payload: []byte("<C/>")})
		require.NoError(t, err)
		assert.Equal(t, `<advis:NotifyContent xmlns:advis="http://nsi.dk/advis/v10" isSystemNotification="false"><C/></advis:NotifyContent>`, string(got))
	})
}
