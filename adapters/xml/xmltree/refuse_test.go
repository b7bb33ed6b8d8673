package xmltree

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const soapHead = `<s:Envelope xmlns:s="` + soap11 + `"><s:Header>`

// refusal parses src and returns why it was refused.
func refusal(t *testing.T, src string, l Limits) *Error {
	t.Helper()
	tree, err := Parse([]byte(src), l)
	if err == nil {
		tree.Release()
		return nil
	}
	var e *Error
	require.True(t, errors.As(err, &e), "%T is an *Error", err)
	require.GreaterOrEqual(t, e.Offset, 0)
	require.LessOrEqual(t, e.Offset, len(src))
	return e
}

func TestSyntax(t *testing.T) {
	for _, c := range []struct{ name, in, text string }{
		{"SA-35 DOCTYPE", `<!DOCTYPE a><a/>`, "document type declaration"},
		{"SA-35 internal entity", `<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>`, "document type declaration"},
		{"SA-35 external entity", `<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>`, "document type declaration"},
		{"SA-35 billion laughs", `<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>`, "document type declaration"},
		{"SA-35 DOCTYPE after the root", `<a/><!DOCTYPE a>`, "document type declaration"},
		{"SA-35 DOCTYPE inside", `<a><!DOCTYPE a></a>`, "document type declaration"},
		{"SA-35 PI", `<a><?php x?></a>`, "processing instruction"},
		{"SA-35 PI before", `<?xml-stylesheet href="x"?><a/>`, "processing instruction"},
		{"SA-35 PI after", `<a/><?x?>`, "processing instruction"},
		{"SA-35 comment inside the CPR value", soapHead + `<v>010101<!-- -->0001</v></s:Header></s:Envelope>`, "comment in a SOAP Header"},
		{"SA-35 NUL reference", `<a>&#0;</a>`, "reference"},
		{"SA-35 NUL", "<a>text\x00</a>", "octet"},
		{"SA-35 UTF-16 BE", "\xFE\xFF\x00<\x00a", "encoding other than UTF-8"},
		{"SA-35 UTF-16 LE", "\xFF\xFE<\x00a\x00/\x00>\x00", "encoding other than UTF-8"},
		{"SA-35 UTF-16 without mark", "<\x00a\x00/\x00>\x00", "encoding other than UTF-8"},
		{"SA-35 UTF-16 declared", `<?xml version="1.0" encoding="UTF-16"?><a/>`, "encoding other than UTF-8"},
		{"SA-35 overlong UTF-8", "<a>\xC0\xBC</a>", "octet"},
		{"SA-35 ISO-8859-1 declared", `<?xml version="1.0" encoding="ISO-8859-1"?><a/>`, "encoding other than UTF-8"},
		{"ISO-8859-1 octets", "<a>\xE6</a>", "octet"},
		{"surrogate in UTF-8", "<a>\xED\xA0\x80</a>", "octet"},
		{"U+FFFE", "<a>\xEF\xBF\xBE</a>", "octet"},
		{"U+FFFF in an attribute", "<a b='\xEF\xBF\xBF'/>", "octet"},
		{"control character", "<a>0123456789012345678901234567890123456789\x01</a>", "octet"},
		{"control character in a name", "<a\x1F/>", "octet"},
		{"XML 1.1", `<?xml version="1.1"?><a/>`, "version"},
		{"declaration without version", `<?xml encoding="UTF-8"?><a/>`, "version"},
		{"declaration in wrong order", `<?xml version="1.0" standalone="no" encoding="UTF-8"?><a/>`, "XML declaration"},
		{"standalone neither yes nor no", `<?xml version="1.0" standalone="x"?><a/>`, "XML declaration"},
		{"pseudo-attributes not separated", `<?xml version="1.0"encoding="UTF-8"?><a/>`, "XML declaration"},
		{"declaration without end", `<?xml version="1.0"`, "XML declaration"},
		{"declaration not first", ` <?xml version="1.0"?><a/>`, "processing instruction"},
		{"undefined entity", `<a>&nbsp;</a>`, "reference"},
		{"bare ampersand", `<a>A & B</a>`, "reference"},
		{"reference without end", `<a>&amp</a>`, "reference"},
		{"empty reference", `<a>&;</a>`, "reference"},
		{"empty character reference", `<a>&#;</a>`, "reference"},
		{"empty hexadecimal reference", `<a>&#x;</a>`, "reference"},
		{"capital X", `<a>&#X41;</a>`, "reference"},
		{"reference to a surrogate", `<a>&#xD800;</a>`, "reference"},
		{"reference to U+FFFF", `<a b="&#xFFFF;"/>`, "reference"},
		{"reference beyond Unicode", `<a>&#x110000;</a>`, "reference"},
		{"reference that overflows", `<a>&#x100000041;</a>`, "reference"},
		{"reference to a control character", `<a>&#8;</a>`, "reference"},
		{"empty message", ``, "no root element"},
		{"only white space", " \n", "no root element"},
		{"only a comment", "<!-- -->", "no root element"},
		{"text before the root", `x<a/>`, "text outside"},
		{"text after the root", `<a/>x`, "text outside"},
		{"CDATA after the root", `<a/><![CDATA[]]>`, "not allowed here"},
		{"two roots", `<a/><b/>`, "after the root"},
		{"no end tag", `<a><b></b>`, "without end tag"},
		{"end tag alone", `</a>`, "without start tag"},
		{"end tag after the root", `<a/></a>`, "without start tag"},
		{"crossed tags", `<a><b></a></b>`, "does not match"},
		{"end tag longer", `<a></ab>`, "does not match"},
		{"end tag shorter", `<ab></a>`, "does not match"},
		{"end tag with other prefix", `<p:a xmlns:p="u" xmlns:q="u"></q:a>`, "does not match"},
		{"end tag with attribute", `<a></a b="1">`, "does not match"},
		{"truncated in a tag", `<a`, "inside markup"},
		{"truncated after an attribute", `<a b="1"`, "inside markup"},
		{"truncated in an attribute", `<a b="1`, "without end"},
		{"truncated in an end tag", `<a></a`, "does not match"},
		{"truncated after <", `<a><`, "inside markup"},
		{"space before the name", `< a/>`, "name expected"},
		{"name that begins with a digit", `<1a/>`, "name expected"},
		{"name that begins with a hyphen", `<-a/>`, "name expected"},
		{"name that begins with a middle dot", `<·a/>`, "not allowed in a name"},
		{"multiplication sign in a name", `<a×/>`, "not allowed in a name"},
		{"empty prefix", `<:a/>`, "name expected"},
		{"empty local name", `<p: xmlns:p="u"/>`, "name expected"},
		{"local name that begins with a digit", `<p:1 xmlns:p="u"/>`, "name expected"},
		{"two colons", `<p:q:a xmlns:p="u"/>`, "white space"},
		{"slash inside", `<a / >`, "'/'"},
		{"attribute without value", `<a b/>`, "'='"},
		{"attribute without quotes", `<a b=1/>`, "quoted"},
		{"attributes not separated", `<a b="1"c="2"/>`, "white space"},
		{"< in an attribute", `<a b="<"/>`, "'<'"},
		{"]]> in text", `<a>]]></a>`, "]]>"},
		{"comment with two hyphens", `<a><!-- -- --></a>`, "comment"},
		{"comment with three hyphens at its end", `<a><!-- ---></a>`, "comment"},
		{"comment without end", `<a><!-- </a>`, "comment"},
		{"CDATA without end", `<a><![CDATA[ ]]</a>`, "CDATA"},
		{"CDATA in small letters", `<a><![cdata[]]></a>`, "not allowed here"},
		{"attribute repeated", `<a b="1" b="2"/>`, "repeated"},
		{"attribute repeated by namespace", `<a xmlns:p="u" xmlns:q="u" p:b="1" q:b="2"/>`, "repeated"},
		{"attribute repeated by decoded namespace", `<a xmlns:p="u&#118;" xmlns:q="uv" p:b="1" q:b="2"/>`, "repeated"},
		{"attribute repeated among many", `<a xmlns:p="u" xmlns:q="u" a1="" a2="" a3="" a4="" a5="" p:b="" a6="" a7="" a8="" a9="" q:b=""/>`, "repeated"},
		{"declaration repeated", `<a xmlns:p="u" xmlns:p="v"/>`, "repeated"},
		{"default repeated", `<a xmlns="u" xmlns=""/>`, "repeated"},
		{"undeclared prefix", `<p:a/>`, "undeclared"},
		{"undeclared prefix of an attribute", `<a p:b=""/>`, "undeclared"},
		{"prefix out of scope", `<a><b xmlns:p="u"/><p:c/></a>`, "undeclared"},
		{"prefix undeclared again", `<a xmlns:p="u"><b xmlns:p=""/></a>`, "bound to no namespace"},
		{"prefix xmlns", `<xmlns:a/>`, "undeclared"},
		{"prefix xmlns declared", `<a xmlns:xmlns="u"/>`, "reserved"},
		{"prefix xml bound elsewhere", `<a xmlns:xml="u"/>`, "reserved"},
		{"other prefix bound to xml", `<a xmlns:p="http://www.w3.org/XML/1998/namespace"/>`, "reserved"},
		{"default bound to xml", `<a xmlns="http://www.w3.org/XML/1998/namespace"/>`, "reserved"},
		{"prefix bound to xmlns", `<a xmlns:p="http://www.w3.org/2000/xmlns/"/>`, "reserved"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := refusal(t, c.in, DefaultLimits(1<<20))
			require.NotNil(t, e, "Parse(%q) is refused", c.in)
			assert.Equal(t, Syntax, e.Kind, e.Text)
			assert.Contains(t, e.Text, c.text)
			assert.NotContains(t, e.Error(), "passwd", "content in an error")
		})
	}
}

// items joins n items that a function makes.
func items(n int, item func(int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(item(i))
	}
	return b.String()
}

// An end tag differs from its start tag in one octet, wherever that is, however long the name, and wherever in the message.
func TestEndTags(t *testing.T) {
	for n := 1; n < 45; n++ {
		name := strings.Repeat("abcdefgh", 6)[:n]
		for _, content := range []string{"", "text", "<b/>", strings.Repeat("long text ", 10)} {
			for _, after := range []string{"", strings.Repeat(" ", 100)} {
				doc := func(end string) string { return "<r><" + name + ">" + content + "</" + end + "></r>" + after }
				require.Nil(t, refusal(t, doc(name), DefaultLimits(mebibyte)), name)
				for i := range n {
					other := name[:i] + "x" + name[i+1:]
					require.NotNil(t, refusal(t, doc(other), DefaultLimits(mebibyte)), "<%s>…</%s>", name, other)
				}
				require.NotNil(t, refusal(t, doc(name+"a"), DefaultLimits(mebibyte)), name)
				require.NotNil(t, refusal(t, doc(name[1:]), DefaultLimits(mebibyte)), name)
			}
		}
	}
}

// headerAttributes returns attributes of n octets in all.
func headerAttributes(n int) (s string) {
	for i := range 5 {
		head := fmt.Sprintf(` a%d="`, i)
		s += head + strings.Repeat("x", min(60<<10, n-len(s)-len(head)-1)) + `"`
	}
	return s
}

func TestLimits(t *testing.T) {
	pad := func(n int) string { return strings.Repeat("x", n) }
	signature := func(int) string { return `<d:Signature xmlns:d="` + ds + `"/>` }
	declaration := func(i int) string { return fmt.Sprintf(` xmlns:p%d="u"`, i) }
	deep := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	for _, c := range []struct {
		name     string
		ok, over string
		kind     Kind
		text     string
	}{
		{"SA-36 size", `<a>` + pad(mebibyte-7) + `</a>`, `<a>` + pad(mebibyte-6) + `</a>`, TooLarge, "message"},
		{"SA-36 depth", deep(64), deep(65), Limit, "deeper"},
		{"SA-36 depth, empty element", strings.Repeat("<a>", 63) + "<a/>" + strings.Repeat("</a>", 63), strings.Repeat("<a>", 64) + "<a/>", Limit, "deeper"},
		{"SA-36 attributes", `<a` + items(64, func(i int) string { return fmt.Sprintf(` a%d=""`, i) }) + `/>`,
			`<a` + items(65, func(i int) string { return fmt.Sprintf(` a%d=""`, i) }) + `/>`, Limit, "attributes"},
		{"SA-36 200 000 empty elements", `<a>` + strings.Repeat("<b/>", 19_999) + `</a>`, `<a>` + strings.Repeat("<b/>", 200_000) + `</a>`, Limit, "nodes"},
		{"nodes: text counts", `<a>` + strings.Repeat("<b/>x", 9_999) + `</a>`, `<a>` + strings.Repeat("<b/>x", 10_000) + `</a>`, Limit, "nodes"},
		{"nodes: text with its element counts", `<a>` + strings.Repeat("<b>x</b>", 9_999) + `</a>`, `<a>` + strings.Repeat("<b>x</b>", 10_000) + `</a>`, Limit, "nodes"},
		{"nodes: comments count", `<a>` + strings.Repeat("<!---->", 19_999) + `</a>`, `<a>` + strings.Repeat("<!---->", 25_000) + `</a>`, Limit, "nodes"},
		{"namespace declarations", `<a` + items(32, declaration) + `/>`, `<a` + items(33, declaration) + `/>`, Limit, "declarations"},
		{"namespaces in scope", strings.Repeat(`<a`+items(32, declaration)+`>`, 4) + strings.Repeat("</a>", 4),
			strings.Repeat(`<a`+items(32, declaration)+`>`, 4) + `<a xmlns=""/>` + strings.Repeat("</a>", 4), Limit, "in scope"},
		{"name", `<` + pad(256) + `/>`, `<` + pad(257) + `/>`, Limit, "name"},
		{"name of an attribute", `<a ` + pad(256) + `=""/>`, `<a ` + pad(257) + `=""/>`, Limit, "name"},
		{"prefix", `<` + pad(64) + `:a xmlns:` + pad(64) + `="u"/>`, `<` + pad(65) + `:a xmlns:` + pad(65) + `="u"/>`, Limit, "prefix"},
		{"namespace name", `<a xmlns="` + pad(1024) + `"/>`, `<a xmlns="` + pad(1025) + `"/>`, Limit, "namespace name"},
		{"decoded namespace name", `<a xmlns="` + pad(1023) + `&amp;"/>`, `<a xmlns="` + pad(1024) + `&amp;"/>`, Limit, "namespace name"},
		{"attribute value", `<a b="` + pad(64<<10) + `"/>`, `<a b="` + pad(64<<10+1) + `"/>`, Limit, "attribute value"},
		{"Header", soapHead + pad(256<<10-len("<s:Header></s:Header>")) + `</s:Header></s:Envelope>`, soapHead + pad(256<<10-len("<s:Header></s:Header>")+1) + `</s:Header></s:Envelope>`, Limit, "Header"},
		{"Header, seen before its end", soapHead + pad(200<<10) + `<a/></s:Header></s:Envelope>`, soapHead + pad(260<<10) + `<a/>` + pad(260<<10), Limit, "Header"},
		{"Header that is one tag", strings.TrimSuffix(soapHead, ">") + headerAttributes(256<<10-len("<s:Header/>")) + `/></s:Envelope>`,
			strings.TrimSuffix(soapHead, ">") + headerAttributes(256<<10-len("<s:Header/>")+1) + `/></s:Envelope>`, Limit, "Header"},
		{"signatures in the Header", soapHead + `<x>` + items(4, signature) + `</x></s:Header><s:Body>` + items(9, signature) + `</s:Body></s:Envelope>`,
			soapHead + `<x>` + items(5, signature) + `</x></s:Header></s:Envelope>`, Limit, "signatures"},
		{"signatures in two Headers", soapHead + items(4, signature) + `</s:Header><s:Header/></s:Envelope>`,
			soapHead + items(4, signature) + `</s:Header><s:Header>` + signature(0) + `</s:Header></s:Envelope>`, Limit, "signatures"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := DefaultLimits(mebibyte)
			assert.Nil(t, refusal(t, c.ok, l), "at the limit")
			e := refusal(t, c.over, l)
			require.NotNil(t, e, "over the limit")
			assert.Equal(t, c.kind, e.Kind, e.Text)
			assert.Contains(t, e.Text, c.text)
		})
	}
	t.Run("comment in a Header of SOAP 1.2", func(t *testing.T) {
		src := strings.ReplaceAll(soapHead+`<!-- --></s:Header></s:Envelope>`, soap11, soap12)
		require.NotNil(t, refusal(t, src, DefaultLimits(mebibyte)))
	})
	t.Run("comment in the Body", func(t *testing.T) {
		require.Nil(t, refusal(t, soapHead+`</s:Header><s:Body><!-- --></s:Body></s:Envelope>`, DefaultLimits(mebibyte)))
	})
	t.Run("zero limits", func(t *testing.T) {
		require.NotNil(t, refusal(t, `<a/>`, Limits{}))
	})
	t.Run("limits beyond what the arena can hold are cut", func(t *testing.T) {
		l := DefaultLimits(mebibyte)
		l.InScope, l.Attrs, l.Namespaces, l.Prefix = 1<<20, 1<<20, 1<<20, 1<<20
		e := refusal(t, `<a`+items(300, declaration)+`/>`, l)
		require.NotNil(t, e)
		assert.Equal(t, Limit, e.Kind)
		e = refusal(t, `<a`+items(300, func(i int) string { return fmt.Sprintf(` a%d=""`, i) })+`/>`, l)
		require.NotNil(t, e)
		assert.Equal(t, Limit, e.Kind)
	})
}

// hostile are documents of about n octets that are as costly as the limits allow.
func hostile(n int) map[string]string {
	fill := func(head, unit, tail string) string {
		return head + strings.Repeat(unit, max(0, n-len(head)-len(tail))/len(unit)) + tail
	}
	long := strings.Repeat("u", 1000)
	declare := items(32, func(i int) string { return fmt.Sprintf(` xmlns:p%02d="%s%02d"`, i, long, i) })
	scope := strings.Repeat(`<a`+items(31, func(i int) string { return fmt.Sprintf(` xmlns:prefixes%03d="u"`, i) })+`>`, 4)
	attrs := items(60, func(i int) string { return fmt.Sprintf(` a%02d=""`, i) })
	return map[string]string{
		"empty elements":                fill("<a>", "<a/>", "</a>"),
		"elements":                      fill("<a>", "<a></a>", "</a>"),
		"elements and text":             fill("<a>", "<a/>x", "</a>"),
		"attributes":                    fill("<a>", "<a"+attrs+"/>", "</a>"),
		"equal signs in text":           fill("<a>", "<a/>=====", "</a>"),
		"declarations":                  fill("<a>", `<a xmlns="" xmlns:p="u"/>`, "</a>"),
		"declarations of one":           fill("<a>", `<a xmlns=""/>`, "</a>"),
		"prefix in full scope":          fill(scope, "<prefixes000:a/>", strings.Repeat("</a>", 4)),
		"attributes in long namespaces": fill("<a"+declare+">", "<a"+items(32, func(i int) string { return fmt.Sprintf(` p%02d:a=""`, i) })+"/>", "</a>"),
		"carriage returns in CDATA":     fill("<a><![CDATA[", "\r", "]]></a>"),
		"brackets in CDATA":             fill("<a><![CDATA[", "]", "]]></a>"),
		"references":                    fill("<a>", "&lt;", "</a>"),
		"comments":                      fill("<a>", "<!--<-->", "</a>"),
		"ids":                           fill("<a>", `<a id=""/>`, "</a>"),
	}
}

func TestMemory(t *testing.T) {
	if instrumented {
		t.Skip("measured in the ordinary build")
	}
	for _, size := range []int{64 << 10, 400 << 10, mebibyte} {
		for name, src := range hostile(size) {
			t.Run(fmt.Sprintf("SA-36 %d KiB, %s", size>>10, name), func(t *testing.T) {
				l, in := DefaultLimits(mebibyte), []byte(src)
				var before, after runtime.MemStats
				tree := newTree() // none of the arenas that are kept
				runtime.ReadMemStats(&before)
				_ = tree.parse(in, &l)
				runtime.ReadMemStats(&after)
				got := int(after.TotalAlloc - before.TotalAlloc)
				assert.LessOrEqual(t, got, 8*len(src)+mebibyte, "octets allocated for %d", len(src))
			})
		}
	}
}

// No prefix and no attribute is looked for long, whatever their names are: the tables are keyed with a secret.
func TestLinear(t *testing.T) {
	t.Run("prefixes", func(t *testing.T) {
		worst := 0
		for range 50 {
			var s scope
			s.reset()
			for i := range maxSlots - 3 {
				s.push(fmt.Appendf(nil, "%03dprefix%055d", i, i), 0, 4+i%61, uint32(i), false)
			}
			for _, i := range s.first {
				steps := 0
				for ; i != 0; i = s.bound[i].next {
					steps++
				}
				worst = max(worst, steps)
			}
		}
		assert.Less(t, worst, 16, "longest chain of %d prefixes", maxSlots)
	})
	t.Run("allocations do not grow with the message", func(t *testing.T) {
		if instrumented {
			t.Skip("arenas are not used again in this build")
		}
		l := DefaultLimits(mebibyte)
		for name, src := range hostile(200 << 10) {
			in := []byte(src)
			got := testing.AllocsPerRun(3, func() {
				if tree, err := Parse(in, l); err == nil {
					tree.Release()
				}
			})
			assert.LessOrEqual(t, got, 8.0, name)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, src := range hostile(300) {
		f.Add([]byte(src))
	}
	f.Add([]byte(soapHead + `<a xml:id=' 1&#10;' b="&amp;">&lt;x</a></s:Header></s:Envelope>`))
	f.Fuzz(func(t *testing.T, src []byte) {
		tree, err := Parse(src, DefaultLimits(1<<16))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(src) {
				t.Fatalf("Parse: %v", err)
			}
			return
		}
		defer tree.Release()
		outline(tree, tree.Root())
		tree.ByID("1")
	})
}
