package xmltree

import (
	"errors"
	"fmt"
)

// Kind tells what was wrong with a message.
type Kind uint8

// The kinds of [Error].
const (
	Syntax   Kind = iota + 1 // not well-formed, or a construct that is refused (DOCTYPE, processing instruction, other encodings)
	Limit                    // one of [Limits] was passed, other than Bytes
	TooLarge                 // more octets than Limits.Bytes
)

// Error is why [Parse] refused a message. Text names the rule that was broken and never holds content of the message.
type Error struct {
	Kind   Kind
	Offset int // octets from the start of the message
	Text   string
}

// Error returns the rule and the offset.
func (e *Error) Error() string { return fmt.Sprintf("xml: %s at offset %d", e.Text, e.Offset) }

// Errors of the accessors. [Tree.Only] wraps them with the local name that was asked for.
var (
	ErrMissing        = errors.New("xml: element missing")
	ErrDuplicate      = errors.New("xml: element repeated")
	ErrElementContent = errors.New("xml: element content where text is expected")
)
