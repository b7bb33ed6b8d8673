// Package xpath evaluates XPath 1.0 expressions on notifications (NAS-25), each within a budget.
//
// It is the whole of XPath 1.0 but the namespace axis, without variables and extension functions. There is no document type, so id() finds
// nothing, and there are no processing instructions.
package xpath

import (
	"cmp"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

const (
	defaultSteps  = 100_000
	defaultLength = 4096
	// maxContent is the size of a content: nas.MaxPayload octets and the namespace declarations that make it standalone.
	maxContent = 2 << 20
)

// ErrSteps: the evaluation took more steps than it may.
var ErrSteps = errors.New("xpath: too many steps")

// Filter implements ports.ContentFilter. The zero Filter has the limits of NAS-25.
type Filter struct {
	MaxSteps  int // nodes that one evaluation may visit; 0 = 100,000
	MaxLength int // characters of an expression; 0 = 4,096
}

var _ ports.ContentFilter = Filter{}

// SyntaxError tells why an expression is not taken. It quotes nothing of it: expressions may hold ids of persons.
type SyntaxError struct {
	At   int // octet of the expression, from 0
	Text string
}

// Error tells where and why.
func (e *SyntaxError) Error() string { return fmt.Sprintf("xpath: at octet %d: %s", e.At, e.Text) }

// Compile implements ports.ContentFilter. The error is a *SyntaxError.
func (f Filter) Compile(x nas.XPath) (ports.ContentExpression, error) {
	switch limit := cmp.Or(f.MaxLength, defaultLength); {
	case !utf8.ValidString(x.Expression):
		return nil, &SyntaxError{Text: "an expression is text in UTF-8"}
	case len(x.Expression) > limit && utf8.RuneCountInString(x.Expression) > limit:
		return nil, &SyntaxError{Text: fmt.Sprintf("an expression has at most %d characters", limit)}
	}
	root, err := parse(x.Expression, x.Namespaces)
	if err != nil {
		return nil, err
	}
	return &expression{root: root, units: cmp.Or(f.MaxSteps, defaultSteps) * visit}, nil
}

// expression is a compiled expression; an evaluation changes nothing of it.
type expression struct {
	root  *expr
	units int
}

var _ ports.ContentExpression = (*expression)(nil)

// Match implements ports.ContentExpression.
func (x *expression) Match(content []byte) (matches bool, err error) {
	defer func() {
		if recover() != nil { // what it says may hold content
			matches, err = false, errors.New("xpath: the evaluation failed")
		}
	}()
	tree, err := xmltree.Parse(content, limits())
	if err != nil {
		return false, fmt.Errorf("xpath: content: %w", err)
	}
	defer tree.Release()
	r := run{doc: read(tree), left: x.units}
	v := r.eval(x.root, place{node: 0, at: 1, of: 1})
	if r.left < 0 {
		return false, ErrSteps
	}
	return v.truth(), nil
}

// limits let pass what was taken inside a larger message and has been made standalone since.
func limits() xmltree.Limits {
	l := xmltree.DefaultLimits(maxContent)
	l.Nodes, l.Namespaces = l.Bytes, l.InScope
	return l
}
