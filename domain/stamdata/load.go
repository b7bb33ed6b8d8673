package stamdata

import (
	"iter"
	"time"

	"github.com/opennsp/nsp/domain/fault"
)

// Register is one register that is loaded from files. Its columns stand in the order in which a Row has them.
type Register struct {
	Name    string // of its files, such as "cpr-person"
	Columns []Column
	Key     []int // places of the columns that name a row
}

// Column is one column of a register.
type Column struct {
	Name     string
	Kind     ColumnKind
	Required bool
	Max      int      // characters of a Text; 0 = 200
	Values   []string // of a Choice
}

// ColumnKind says which values a column may have.
type ColumnKind uint8

// The kinds of columns.
const (
	Text ColumnKind = iota
	CPR
	Date   // yyyy-MM-dd
	Digits // of at most Max
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
	Force    bool // also where that closes many
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

// Why a file is not loaded.
var (
	ErrNoRegister error = fault.Error{Kind: fault.Invalid, Code: "stamdata_no_register", Text: "the name of the file tells no register"}
	ErrClosesMany error = fault.Error{Kind: fault.Conflict, Code: "stamdata_closes_many",
		Text: "the file lacks so many rows that it may be broken: force it, or mend it"}
)

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
