package stamdata

import (
	"fmt"
	"strings"

	"github.com/opennsp/nsp/domain/fault"
)

// maxProblems is how many problems of one file are told one by one.
const maxProblems = 20

// BadFile says what is wrong with a file. It wraps a fault.Error and holds no value of the file.
type BadFile struct {
	Problems []Problem // the first ones
	More     int       // problems that are not listed
}

// Problem is one line that cannot be taken; Line 0 is the file as a whole.
type Problem struct {
	Line   int
	Column string // "" = the row as a whole
	Text   string
}

// Add notes problems.
func (b *BadFile) Add(problems ...Problem) {
	for _, p := range problems {
		if len(b.Problems) < maxProblems {
			b.Problems = append(b.Problems, p)
		} else {
			b.More++
		}
	}
}

// Err returns b, or nil if nothing is wrong.
func (b *BadFile) Err() error {
	if len(b.Problems) == 0 {
		return nil
	}
	return b
}

// Error tells the lines and columns.
func (b *BadFile) Error() string { return b.fault().Error() }

// Unwrap returns the fault.Error.
func (b *BadFile) Unwrap() error { return b.fault() }

func (b *BadFile) fault() fault.Error {
	var text strings.Builder
	text.WriteString("the file is not taken")
	for i, p := range b.Problems {
		if i == 0 {
			text.WriteString(": ")
		} else {
			text.WriteString("; ")
		}
		text.WriteString(p.String())
	}
	if b.More > 0 {
		fmt.Fprintf(&text, "; and %d more", b.More)
	}
	return fault.Error{Kind: fault.Invalid, Code: "stamdata_bad_file", Text: text.String()}
}

// String tells the place and what is wrong.
func (p Problem) String() string {
	switch {
	case p.Line == 0:
		return p.Text
	case p.Column == "":
		return fmt.Sprintf("line %d: %s", p.Line, p.Text)
	}
	return fmt.Sprintf("line %d, %s: %s", p.Line, p.Column, p.Text)
}

// Twice is the problem of a line whose key a line before it has.
func Twice(line int) Problem { return Problem{Line: line, Text: "a line before it has the same key"} }
