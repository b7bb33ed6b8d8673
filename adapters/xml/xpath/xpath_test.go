package xpath_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/xpath"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

const content = `<advis:NotifyContent xmlns:advis="http://nsi.dk/advis/v10" id="2512484916" idType="http://nsi.dk/advis/v10/CPR">` +
	`<k:CardChanged xmlns:k="urn:c"><k:version>7</k:version></k:CardChanged></advis:NotifyContent>`

func compiled(t testing.TB, f xpath.Filter, expression string) ports.ContentExpression {
	t.Helper()
	x, err := f.Compile(nas.XPath{Expression: expression, Namespaces: namespaces()})
	require.NoError(t, err)
	return x
}

func TestT6(t *testing.T) {
	t.Run("T6 the prefixes of the expression count, not those of the content", func(t *testing.T) {
		for expression, want := range map[string]bool{
			"/advis:NotifyContent/c:CardChanged[c:version > 5]": true,
			"/advis:NotifyContent/c:CardChanged[c:version > 7]": false,
			"advis:NotifyContent":                               true, // the context is the document
			"NotifyContent":                                     false,
			"//CardChanged":                                     false,
			"//e:CardChanged":                                   false,
			"//@id = 2512484916":                                true,
			"//@advis:id":                                       false, // attributes without prefix are in no namespace
			"//c:version - 7":                                   false,
			"//c:version":                                       true,
			"string(//c:zzz)":                                   false,
			"0 div 0":                                           false,
			"-1":                                                true,
			"'false'":                                           true,
			"position() = last()":                               true,
		} {
			matches, err := compiled(t, xpath.Filter{}, expression).Match([]byte(content))
			require.NoError(t, err, expression)
			assert.Equal(t, want, matches, expression)
		}
	})

	t.Run("T6 a prefix that is not bound, a variable, and what is not of XPath 1.0 is not taken", func(t *testing.T) {
		for _, expression := range []string{
			"//zz:b", "//zz:*", "//@zz:b", "$v", "//b[. = $v]", "c:f()", "c:true()", "f()", "upper-case('a')", "matches('a', 'a')", "document('/etc/passwd')",
			"if (1) then 2 else 3", "for $x in 1 return 2", "//(a, b)", "//b/string()", "//a/namespace::*", "", " ", "///b", "a b", "a]", "1e3", "'", "\xff", "a\x00",
			"(//a, //b)", "//a intersect //b", "1 to 2", "a := b", "#a", "@", "concat('a')", "count(1)", "1 | 2", "b::c",
		} {
			_, err := xpath.Filter{}.Compile(nas.XPath{Expression: expression, Namespaces: namespaces()})
			var syntax *xpath.SyntaxError
			require.ErrorAs(t, err, &syntax, "%q", expression)
			assert.LessOrEqual(t, syntax.At, len(expression), "%q", expression)
		}
		_, err := xpath.Filter{}.Compile(nas.XPath{Expression: "//a:b", Namespaces: map[string]string{"": "urn:a", "a": ""}})
		require.Error(t, err, "bound to nothing")
		_, err = xpath.Filter{}.Compile(nas.XPath{Expression: "@xml:lang"})
		require.NoError(t, err, "the prefix xml is always bound")
	})

	t.Run("T6 an expression has at most 4,096 characters", func(t *testing.T) {
		text := func(n int) string { return "'" + strings.Repeat("ø", n-2) + "'" }
		compiled(t, xpath.Filter{}, text(4096))
		_, err := xpath.Filter{}.Compile(nas.XPath{Expression: text(4097)})
		require.ErrorContains(t, err, "at most 4096 characters")
		_, err = xpath.Filter{MaxLength: 10}.Compile(nas.XPath{Expression: text(11)})
		require.Error(t, err)
	})
}

func TestAnErrorQuotesNothing(t *testing.T) {
	for _, expression := range []string{"//zz:p2512484916", "p2512484916()", "'2512484916", "//a[2512484916", "$p2512484916", "2512484916 2512484916"} {
		_, err := xpath.Filter{}.Compile(nas.XPath{Expression: expression})
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "2512484916")
	}
	for _, bad := range []string{"", "x", "<a>2512484916", "<a id='2512484916'/><b/>", "<!DOCTYPE a []><a/>", "<a>&#0;</a>"} {
		matches, err := compiled(t, xpath.Filter{}, "true()").Match([]byte(bad))
		require.Error(t, err, bad)
		assert.False(t, matches)
		assert.NotContains(t, err.Error(), "2512484916")
	}
}

// Where libxml2 leaves the recommendation, this package does not.
func TestUnlikeXmllint(t *testing.T) {
	for expression, want := range map[string]bool{
		"number('1e3') = 1000":                                  false, // a Number has no exponent
		"string(100000000 * 1000000000) = '100000000000000000'": true,
		"string(0.1 + 0.2) = '0.30000000000000004'":             true,
		"//@id/following::c:version":                            true, // what the element of an attribute holds stands after it
		"id('2512484916')":                                      false,
		"string(0.0000001) = '0.0000001'":                       true,
	} {
		matches, err := compiled(t, xpath.Filter{}, expression).Match([]byte(content))
		require.NoError(t, err, expression)
		assert.Equal(t, want, matches, expression)
	}
}

func TestWhatAMessageTookPasses(t *testing.T) {
	var declarations strings.Builder
	for i := range 100 { // of all elements around it
		fmt.Fprintf(&declarations, ` xmlns:p%d="urn:%d"`, i, i)
	}
	whole := []byte("<a" + declarations.String() + ">" + strings.Repeat("<b/>", nas.MaxPayload/4) + "</a>")
	matches, err := compiled(t, xpath.Filter{}, "/a/b[1]").Match(whole)
	require.ErrorIs(t, err, xpath.ErrSteps, "it was read")
	assert.False(t, matches)
	matches, err = compiled(t, xpath.Filter{}, "/a").Match(whole)
	require.NoError(t, err)
	assert.True(t, matches)
}

func TestStepsAreCounted(t *testing.T) {
	doc := func(n int) []byte { return []byte("<a>" + strings.Repeat("<b/>", n) + "</a>") }
	match := func(f xpath.Filter, expression string, content []byte) error {
		matches, err := compiled(t, f, expression).Match(content)
		assert.Equal(t, err == nil, matches, "what takes too many steps does not match")
		return err
	}
	require.NoError(t, match(xpath.Filter{MaxSteps: 100}, "/a/b", doc(90)))
	require.ErrorIs(t, match(xpath.Filter{MaxSteps: 100}, "/a/b", doc(100)), xpath.ErrSteps)
	require.NoError(t, match(xpath.Filter{}, "//b", doc(99_000)))
	require.ErrorIs(t, match(xpath.Filter{}, "//b", doc(100_000)), xpath.ErrSteps)
	many := "<a>" + strings.Repeat("<b n='1'><c/>x</b>", 150) + "</a>"
	require.NoError(t, match(xpath.Filter{MaxSteps: 600}, "//b[true()]", []byte(many)), "but for the axis it is few")
	for _, axis := range []string{
		"self::node()/..", "parent::*", "child::node()", "attribute::n", "descendant::node()", "descendant-or-self::node()", "ancestor::node()",
		"ancestor-or-self::node()", "following::node()", "following-sibling::node()", "preceding::node()", "preceding-sibling::node()",
	} {
		assert.ErrorIs(t, match(xpath.Filter{MaxSteps: 600}, "//b["+axis+"] or true()", []byte(many)), xpath.ErrSteps, axis)
		assert.NoError(t, match(xpath.Filter{MaxSteps: 100_000}, "//b["+axis+"] or true()", []byte(many)), axis)
	}
}

func TestTextIsPaidFor(t *testing.T) {
	long := []byte("<a b='" + strings.Repeat("y", 60_000) + "'>" + strings.Repeat("x", 600_000) + "</a>")
	double := "concat(/, /)"
	for range 5 {
		double = "concat(" + double + ", " + double + ")"
	}
	for _, expression := range []string{
		double, strings.Repeat(". = /self::node() and ", 100) + "true()", strings.Repeat("number(/) or ", 100) + "true()", strings.Repeat("string-length(/) and ", 100) + "true()",
		strings.Repeat("contains(/, 'y') or ", 100) + "true()", strings.Repeat("normalize-space(/) and ", 100) + "true()",
		strings.Repeat("translate(/, 'x', 'y') and ", 100) + "true()", strings.Repeat("substring(/, 2) and ", 100) + "true()",
		strings.Repeat("/a/@b and string(/a/@b) and ", 140) + "true()", "sum(" + strings.Repeat("/|", 99) + "/) > " + strings.Repeat("sum(/) + ", 100) + "0",
	} {
		_, err := compiled(t, xpath.Filter{MaxSteps: 30_000}, expression).Match(long)
		assert.ErrorIs(t, err, xpath.ErrSteps, "%.40s", expression)
	}
}

// hostile are expressions that would take very long, or very much.
func hostile() []string {
	all := []string{
		strings.Repeat("//*", 1000),
		strings.Repeat("(", 4000), strings.Repeat("(", 2000) + "1" + strings.Repeat(")", 2000),
		strings.Repeat("-", 4095) + "1", strings.Repeat("not(", 800) + "1" + strings.Repeat(")", 800),
		strings.Repeat("a[", 2000), strings.Repeat("*[", 1000) + "*" + strings.Repeat("]", 1000),
		"//*" + strings.Repeat("[//*]", 800), "//*" + strings.Repeat("[count(//*) > 0]", 200),
		strings.Repeat("//node()/..", 350), strings.Repeat("//preceding::*/following::*", 140),
		"1" + strings.Repeat(" + 1", 1000), "//*" + strings.Repeat("|//*", 1000), "//*" + strings.Repeat("=//*", 1000),
		"1" + strings.Repeat(" and 1", 680), strings.Repeat("/..", 1300), strings.Repeat("/.", 2000),
		"//*[. = //* and . != //*]", "//*[//*[//*[//*[//*]]]] and false()",
		"//*[translate(/, /, /) = normalize-space(/)]", "//*[contains(/, concat(/, 'x'))]", "//*[/ = /]", "//*[/ != /]", "//*[sum(//*) > string-length(/)]",
		"//*[concat(" + strings.Repeat("/,", 2000) + "/)]", "//@*[. != ../@*]", "//*[lang('x')] | //*[lang('y')]",
		"//*['" + strings.Repeat("1", 4000) + "' > position()]", "//*[" + strings.Repeat("9", 4000) + "]",
	}
	double := "/"
	for len(double) < 1900 {
		double = "concat(" + double + "," + double + ")"
	}
	return append(all, double+"='x'", "//*[substring("+double+", 2)]")
}

func TestHostileExpressionsEndSoon(t *testing.T) {
	const few = nas.MaxPayload / 8 // more takes longer to parse
	contents := [][]byte{
		[]byte(content),
		[]byte("<a>" + strings.Repeat("<b>x</b>", few/8) + "</a>"),
		[]byte(strings.Repeat("<a n='1'>", 60) + strings.Repeat("x", few) + strings.Repeat("</a>", 60)),
		[]byte("<a>" + strings.Repeat("<![CDATA[]]>x<!---->&amp;\r", few/28) + "</a>"),
		[]byte("<a>" + strings.Repeat(`<b n="`+strings.Repeat("&#x9;", 10_000)+`"/>`, 4) + "</a>"),
	}
	for _, expression := range hostile() {
		x, err := xpath.Filter{}.Compile(nas.XPath{Expression: expression})
		if err != nil {
			continue
		}
		for i, c := range contents {
			start := time.Now()
			_, _ = x.Match(c)
			assert.Less(t, time.Since(start), 10*time.Second, "content %d: %.60s", i, expression)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	x := compiled(t, xpath.Filter{}, "//c:version[position() = last()][. > 5] and count(//*) = 3")
	other := []byte(strings.Replace(content, "7", "4", 1))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				yes, err := x.Match([]byte(content))
				assert.True(t, yes && err == nil)
				no, err := x.Match(other)
				assert.True(t, !no && err == nil)
			}
		})
	}
	all.Wait()
}

func TestTheContentIsTheCallersAgain(t *testing.T) {
	x := compiled(t, xpath.Filter{}, "//c:version = 7")
	buffer := []byte(content)
	for range 3 {
		yes, err := x.Match(buffer)
		require.NoError(t, err)
		require.True(t, yes)
		copy(buffer, strings.Repeat("<", len(buffer)))
		copy(buffer, content)
	}
}

func FuzzMatch(f *testing.F) {
	raw, err := os.ReadFile("testdata/expressions.txt")
	require.NoError(f, err)
	for line := range strings.Lines(string(raw)) {
		f.Add(strings.TrimSuffix(line, "\n"), content)
	}
	for _, expression := range hostile() {
		f.Add(expression, "<a b='1'>x<b/></a>")
	}
	f.Fuzz(func(t *testing.T, expression, content string) {
		x, err := xpath.Filter{MaxSteps: 2000}.Compile(nas.XPath{Expression: expression, Namespaces: namespaces()})
		if err != nil {
			return
		}
		start := time.Now()
		matches, err := x.Match([]byte(content))
		if err != nil && matches {
			t.Fatal("an error, and a match")
		}
		if err != nil && strings.Contains(err.Error(), "evaluation failed") {
			t.Fatal("a panic")
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("took %v", took)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for name, doc := range map[string]string{"small": content, "1 KB": strings.Replace(content, "</k:CardChanged>", strings.Repeat("<k:x a='1'>tekst</k:x>", 35)+"</k:CardChanged>", 1)} {
		b.Run(name, func(b *testing.B) {
			x := compiled(b, xpath.Filter{}, "/advis:NotifyContent/c:CardChanged[c:version > 5]")
			c := []byte(doc)
			for b.Loop() {
				if yes, err := x.Match(c); !yes || err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
