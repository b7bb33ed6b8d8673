package rest

import (
	"bytes"
	"errors"
	"slices"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

var errContent = errors.New("the content is not one element")

// payloadOf returns the one child of content, an advis:NotifyContent, as it was written; the namespaces in scope whose prefixes it may use are
// declared in its start tag, so that it stands alone.
func payloadOf(content []byte) (string, error) {
	tree, err := xmltree.Parse(content, contentLimits(len(content)))
	if err != nil {
		return "", err
	}
	defer tree.Release()
	payload := tree.First(tree.Root())
	if payload == xmltree.None || tree.Next(payload) != xmltree.None {
		return "", errContent
	}
	elements, _, declared := tree.Arena()
	e := &elements[payload]
	own := e.Scope - uint32(e.Decls) // its own declarations come after that one
	start, end := tree.Range(payload)
	rest := start + 1 + int(e.NameLen())

	var w xmlout.Writer
	w.Start(string(content[start+1 : rest]))
	var nearer []uint8
	for i := e.Scope; i != 0; i = declared[i].Prev {
		slot := declared[i].Slot
		if i <= own && slot != xmltree.XMLSlot && !tree.Empty(i) && !slices.Contains(nearer, slot) && mayUse(content[start:end], tree.Prefix(i)) {
			name := "xmlns"
			if slot != xmltree.DefaultSlot {
				name += ":" + tree.Prefix(i)
			}
			w.Attr(name, tree.URI(i))
		}
		nearer = append(nearer, slot)
	}
	return string(append(bytes.TrimSuffix(w.Bytes(), []byte{'>'}), content[rest:end]...)), nil
}

// contentLimits let pass what was taken inside a larger message, which may have more elements in the same octets: refused here, it would be in the
// way of all that comes after it.
func contentLimits(octets int) xmltree.Limits {
	l := xmltree.DefaultLimits(octets)
	l.Nodes = octets
	return l
}

// mayUse tells whether an element may use a prefix that it does not declare: in a name, in a text, also one with references or in parts, or in a
// PrefixList of Exclusive XML Canonicalization. Every element may use the default namespace.
func mayUse(element []byte, prefix string) bool {
	return slices.ContainsFunc([]string{prefix + ":", "&#", "<!", "PrefixList"}, func(part string) bool {
		return bytes.Contains(element, []byte(part))
	}) || prefix == ""
}
