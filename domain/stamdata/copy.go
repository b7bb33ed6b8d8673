package stamdata

import "time"

// View is one table of a register as it is copied (SKRS): what a caller needs a grant for.
type View struct {
	Register string // such as "cpr"
	Datatype string // such as "person"
	Version  int
}

// Field is one column of a copied row; without a value it is left out.
type Field struct {
	Name  string
	Value string
	Null  bool
}

// CopyRow is one revision of one row of a view.
type CopyRow struct {
	PID       int64     // set by the store, larger than all before
	Modified  time.Time // set by the store, whole seconds
	View      View
	Key       string // of the row in its view
	ValidFrom time.Time
	Fields    []Field // in the order of the view's columns
}

// Offset tells how far a copy has come: after the row PID of the second Seconds. The zero Offset is the start.
type Offset struct{ Seconds, PID int64 }

// Export is how far an export has come, or an import of exports.
type Export struct {
	Number    int64     // of the last one that held data
	Cursor    int64     // of the changes that it held
	Finished  time.Time // when a run last ended without error, also one without data
	Failed    time.Time // when a run failed, zero if the last one did not
	LastError string    // what it failed with; no personal data
}
