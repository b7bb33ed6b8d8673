package nasws

import (
	"bytes"
	"slices"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// standalone returns the element n as it can stand anywhere: its own octets, and in its start tag the declarations of the namespaces that are in
// scope there (NAS-14), also of prefixes that only its texts use. nil if those are more than a reader takes.
func standalone(t *xmltree.Tree, n xmltree.Node) []byte {
	elements, _, declared := t.Arena()
	e := &elements[n]
	own := e.Scope - uint32(e.Decls) // those of n itself come after it
	src := t.Source()[e.Start:e.End]
	name := src[1 : 1+e.NameLen()]

	var w xmlout.Writer
	w.Grow(len(src) + 1024)
	w.Start(string(name))
	count := int(e.Decls)
	var seen []uint8 // slots that were declared nearer
	for i := e.Scope; i != 0; i = declared[i].Prev {
		slot := declared[i].Slot
		if slot == xmltree.XMLSlot || slices.Contains(seen, slot) {
			continue
		}
		seen = append(seen, slot)
		if i > own || t.Empty(i) {
			continue
		}
		count++
		attribute := "xmlns"
		if slot != xmltree.DefaultSlot {
			attribute += ":" + t.Prefix(i)
		}
		w.Attr(attribute, t.URI(i))
	}
	if count > xmltree.DefaultLimits(0).Namespaces {
		return nil
	}
	return append(bytes.TrimSuffix(w.Bytes(), []byte{'>'}), src[1+len(name):]...)
}

// namespaces returns the prefixes in scope at n; that of the default namespace is not one.
func namespaces(t *xmltree.Tree, n xmltree.Node) map[string]string {
	elements, _, declared := t.Arena()
	all := map[string]string{}
	for i := elements[n].Scope; i != 0; i = declared[i].Prev {
		prefix := t.Prefix(i)
		if _, nearer := all[prefix]; nearer || prefix == "" || declared[i].Slot == xmltree.XMLSlot {
			continue
		}
		all[prefix] = t.URI(i)
	}
	return all
}
