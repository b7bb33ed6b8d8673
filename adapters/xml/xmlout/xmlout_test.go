package xmlout_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

func TestWrite(t *testing.T) {
	var w xmlout.Writer
	w.Raw([]byte(`<?xml version="1.0"?>`))
	w.Start("s:E", "xmlns:s", "urn:s", "a", "1")
	w.Attr("b", "<\">\t\n\r&'")
	w.Start("empty")
	w.End()
	w.Elem("s:t", "<\">\t\n\r&'", "x", "")
	at := w.Len()
	w.Text("tail")
	w.End()
	assert.Equal(t, "<?xml version=\"1.0\"?><s:E xmlns:s=\"urn:s\" a=\"1\" b=\"&lt;&quot;>&#x9;&#xA;&#xD;&amp;'\"><empty></empty>"+
		"<s:t x=\"\">&lt;\"&gt;\t\n&#xD;&amp;'</s:t>tail</s:E>", string(w.Bytes()))
	assert.Equal(t, "tail", string(w.Bytes()[at:at+4]))
}

func TestWriteWhatXMLCannotHold(t *testing.T) {
	for in, want := range map[string]string{
		"a\x00b": "a\uFFFDb", "\x1F": "\uFFFD", "\x7F": "\x7F", "\xFF": "\uFFFD", "\xC0\xBC": "\uFFFD\uFFFD", "\xED\xA0\x80": "\uFFFD\uFFFD\uFFFD",
		"\uFFFE\uFFFF": "\uFFFD\uFFFD", "\uFFFD": "\uFFFD", "\xE2\x82": "\uFFFD\uFFFD", "æ€𝄞": "æ€𝄞",
	} {
		var w xmlout.Writer
		w.Elem("a", in, "b", in)
		assert.Equal(t, `<a b="`+want+`">`+want+`</a>`, string(w.Bytes()), "%q", in)
	}
}

func TestMisuse(t *testing.T) {
	var w xmlout.Writer
	assert.Panics(t, func() { w.End() }, "End without Start")
	assert.Panics(t, func() { w.Attr("a", "b") }, "Attr without Start")
	w.Start("a")
	w.Text("t")
	assert.Panics(t, func() { w.Attr("a", "b") }, "Attr after content")
	odd := []string{"name without value"}
	assert.Panics(t, func() { w.Start("a", odd...) })
}

// Whatever is written reads back as it was, and stands in canonical form already.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, value := rapid.String().Draw(t, "text"), rapid.String().Draw(t, "value")
		var w xmlout.Writer
		w.Elem("a", text, "b", value)
		tree, err := xmltree.Parse(w.Bytes(), xmltree.DefaultLimits(1<<20))
		require.NoError(t, err)
		defer tree.Release()
		gotText, err := tree.Text(tree.Root())
		require.NoError(t, err)
		gotValue, _ := tree.Attr(tree.Root(), "", "b")
		require.Equal(t, clean(text), gotText)
		require.Equal(t, clean(value), gotValue)
		var canonical bytes.Buffer
		require.NoError(t, c14n.Write(&canonical, tree, tree.Root(), c14n.Options{}))
		require.Equal(t, string(w.Bytes()), canonical.String())
	})
}

func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF || r > utf8.MaxRune {
			return utf8.RuneError
		}
		return r
	}, s)
}

func TestAllocations(t *testing.T) {
	buf := make([]byte, 0, 4096)
	var w xmlout.Writer
	w.Reset(buf)
	w.Start("warm")
	w.End()
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		w.Reset(buf)
		w.Start("s:E", "xmlns:s", "urn:s")
		w.Elem("s:t", "text & more", "a", "<1>")
		w.End()
		if len(w.Bytes()) == 0 {
			panic("nothing written")
		}
	}))
}
