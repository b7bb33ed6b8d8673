package attack

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// swap replaces the one place where s holds old.
func swap(t testing.TB, s, old, by string) string {
	t.Helper()
	require.Equal(t, 1, strings.Count(s, old), "the message must hold %.60q once", old)
	return strings.Replace(s, old, by, 1)
}

// first replaces the first place where s holds old.
func first(t testing.TB, s, old, by string) string {
	t.Helper()
	require.Contains(t, s, old)
	return strings.Replace(s, old, by, 1)
}

// span is where an element stands in a document: '<' of its start tag, past its '>', '<' of its end tag, past its '>'. Where the element is
// written as <name/> the last three are the same.
type span struct{ start, content, close, end int }

// elements returns the spans of all elements of a document, in document order.
func elements(t testing.TB, doc string) []span {
	t.Helper()
	tree, err := xmltree.Parse([]byte(doc), xmltree.DefaultLimits(8<<20))
	require.NoError(t, err, "%s", doc)
	defer tree.Release()
	elems, _, _ := tree.Arena()
	spans := make([]span, 0, len(elems))
	for _, e := range elems[1:] {
		spans = append(spans, span{int(e.Start), int(e.Content), int(e.Close), int(e.End)})
	}
	return spans
}

// element returns the first element whose qualified name is name. doc may be a part of a document.
func element(t testing.TB, doc, name string) string {
	t.Helper()
	isStart := func(at int) bool {
		return strings.HasPrefix(doc[at:], "<"+name) && strings.ContainsAny(doc[at+1+len(name):at+2+len(name)], " />")
	}
	from := 0
	for !isStart(from) {
		next := strings.Index(doc[from+1:], "<"+name)
		require.GreaterOrEqual(t, next, 0, "no element %s", name)
		from += 1 + next
	}
	depth := 0
	for at := from; at < len(doc); at++ {
		switch {
		case isStart(at):
			end := at + strings.IndexByte(doc[at:], '>')
			if doc[end-1] != '/' {
				depth++
			} else if depth == 0 {
				return doc[from : end+1]
			}
		case strings.HasPrefix(doc[at:], "</"+name+">"):
			if depth--; depth == 0 {
				return doc[from : at+len("</>")+len(name)]
			}
		}
	}
	require.Fail(t, "no end of the element", "%s", name)
	return ""
}

// without removes an element, which stands once.
func without(t testing.TB, doc, name string) string {
	t.Helper()
	return swap(t, doc, element(t, doc, name), "")
}

// lastIn puts more before the end tag of an element.
func lastIn(t testing.TB, element, more string) string {
	t.Helper()
	at := strings.LastIndex(element, "</")
	require.Positive(t, at)
	return element[:at] + more + element[at:]
}

// everywhere hands doc out with fragment at each place where an element may stand: before, first in, last in and after every element.
func everywhere(t testing.TB, doc, fragment string, yield func(doc string, at int)) {
	t.Helper()
	seen := map[int]bool{}
	at := func(i int) {
		if !seen[i] {
			seen[i] = true
			yield(doc[:i]+fragment+doc[i:], i)
		}
	}
	for n, e := range elements(t, doc) {
		if n > 0 { // nothing stands beside the root
			at(e.start)
			at(e.end)
		}
		if e.close > e.content || doc[e.content-2] != '/' {
			at(e.content)
			at(e.close)
			continue
		}
		name := doc[e.start+1 : e.start+1+strings.IndexAny(doc[e.start+1:], " />")]
		yield(doc[:e.content-2]+">"+fragment+"</"+name+">"+doc[e.end:], e.content)
	}
}

// digestOf returns the base64 of the SHA-256 over the exclusive canonical form of the first element of doc with the name, without the first
// ds:Signature in it.
func digestOf(t testing.TB, doc, name string) string {
	t.Helper()
	sum := sha256.Sum256(canonical(t, doc, name))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// canonical returns the exclusive canonical form of the first element of doc with the local name, without the first ds:Signature directly
// in it.
func canonical(t testing.TB, doc, name string) []byte {
	t.Helper()
	tree, err := xmltree.Parse([]byte(doc), xmltree.DefaultLimits(8<<20))
	require.NoError(t, err)
	defer tree.Release()
	elems, _, _ := tree.Arena()
	for i := range elems {
		n := xmltree.Node(i)
		if n == xmltree.None || tree.Local(n) != name {
			continue
		}
		var out bytes.Buffer
		require.NoError(t, c14n.Write(&out, tree, n, c14n.Options{Skip: tree.Child(n, nsDS, "Signature")}))
		return out.Bytes()
	}
	require.Fail(t, "no such element", "%s", name)
	return nil
}
