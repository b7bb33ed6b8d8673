// Package c14n writes elements of a parsed message in Canonical XML form, without comments.
//
// Sources: Canonical XML 1.0 (W3C 2001-03-15), Exclusive XML Canonicalization 1.0 (W3C 2002-07-18).
package c14n

import (
	"errors"
	"io"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// Method is a canonicalisation.
type Method uint8

// The two methods, both without comments.
const (
	Exclusive Method = iota // http://www.w3.org/2001/10/xml-exc-c14n#
	Inclusive               // http://www.w3.org/TR/2001/REC-xml-c14n-20010315
)

// Options says how an element is written.
type Options struct {
	Method       Method
	PrefixList   string       // InclusiveNamespaces PrefixList: prefixes and #default separated by white space; Exclusive only
	Skip         xmltree.Node // left out with everything in it (an enveloped signature), or None
	EmptyDefault bool         // xmlns="" on the apex when it has no default namespace (WSS4J's form of the STR-Transform)
}

// ErrBudget is returned when more octets would be written than the budget allows.
var ErrBudget = errors.New("c14n: more octets than the message is allowed")

// Budget is how many octets may still be canonicalised for a message.
type Budget struct{ Left int }

// BudgetFor returns the budget of a message: four times its size.
func BudgetFor(t *xmltree.Tree) Budget { return Budget{Left: 4 * len(t.Source())} }

// Write writes the canonical form of n and takes its length from b.
func Write(w io.Writer, t *xmltree.Tree, n xmltree.Node, o Options, b *Budget) error { return ErrBudget }
