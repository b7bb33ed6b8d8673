package stamdata

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/fault"
)

// Register is one register that is loaded from files. Its columns stand in the order in which a Row has them.
type Register struct {
	Name    string // of its files, such as "cpr-person"
	Columns []Column
	Key     []int // places of the columns that name a row
	// Places of the columns that hold the first day of a row and the first day without it, 0 = none: a row then counts while it is loaded.
	From, To int
}

// Column is one column of a register.
type Column struct {
	Name     string
	Kind     ColumnKind
	Required bool
	Min      int      // characters of Digits and a Code
	Max      int      // characters of a Text, Digits and a Code; 0 = 200
	Pad      bool     // Digits are filled up to Max with zeros before them
	Values   []string // of a Choice
}

// ColumnKind says which values a column may have.
type ColumnKind uint8

// The kinds of columns.
const (
	Text ColumnKind = iota
	CPR
	Date // yyyy-MM-dd
	Digits
	Code // letters A-Z and digits, taken in any case
	Choice
)

// Row holds the values of one line in the order of the register's columns, checked and normalised; "" is no value.
type Row []string

// Line is a row with the number of its line in the file, from 1.
type Line struct {
	Number int
	Row    Row
}

// File is one file that is loaded: its rows come in its order. An error of the rows (a *BadFile where lines are wrong) refuses the file.
type File struct {
	Name     string // without folder
	SHA256   [32]byte
	Register Register
	Full     bool // rows that are missing are closed
	Force    bool // also where that closes many, or where it was taken before
	Warnings []string
	Rows     iter.Seq2[Line, error]
}

// LoadReport tells what loading a file did.
type LoadReport struct {
	File      string    `json:"file"`
	Register  string    `json:"register"`
	At        time.Time `json:"at"`
	Rows      int       `json:"rows"`      // in the file
	Added     int       `json:"added"`     // new keys
	Changed   int       `json:"changed"`   // keys with another content
	Closed    int       `json:"closed"`    // keys that were missing
	Unchanged int       `json:"unchanged"` // keys that are as they were
	Skipped   bool      `json:"skipped"`   // the file was taken before
	Warnings  []string  `json:"warnings,omitempty"`
}

// Why a file is not loaded, or nothing is found.
var (
	ErrNoRegister error = fault.Error{Kind: fault.Invalid, Code: "stamdata_no_register", Text: "the name of the file tells no register"}
	// ErrUnknown: a register lacks what was asked for.
	ErrUnknown    error = fault.Error{Kind: fault.NotFound, Code: "stamdata_unknown", Text: "the register does not know it"}
	ErrClosesMany error = fault.Error{Kind: fault.Conflict, Code: "stamdata_closes_many",
		Text: "the file lacks so many rows that it may be broken: force it, or mend it"}
)

// MissingParents returns the warnings of a load of units whose parents are missing.
func MissingParents(units []string) []string {
	var warnings []string
	for i, sor := range slices.Sorted(slices.Values(units)) {
		if i == maxProblems {
			return append(warnings, fmt.Sprintf("and %d more units", len(units)-i))
		}
		warnings = append(warnings, "unit "+sor+": the unit above it is missing")
	}
	return warnings
}
