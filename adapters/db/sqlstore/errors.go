package sqlstore

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"

	"github.com/opennsp/nsp/domain/fault"
)

// What a caller is told of the database's state.
var (
	errUnavailable = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "The store is not available."}
	errDuplicate   = fault.Error{Kind: fault.Conflict, Code: fault.CodeProcessing, Text: "It exists already."}
)

// Result codes of SQLite (sqlite.org/rescode.html). The low byte is the primary code.
const (
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteReadOnly   = 8
	sqliteIO         = 10
	sqliteFull       = 13
	sqliteCannotOpen = 14
	sqlitePrimaryKey = 1555
	sqliteUnique     = 2067
)

// translate adds to an error of the driver what it means to a caller. Every other error is returned as it is.
func translate(err error) error {
	var code *sqlite.Error
	if !errors.As(err, &code) {
		return err
	}
	switch code.Code() {
	case sqlitePrimaryKey, sqliteUnique:
		return fmt.Errorf("%w: %w", errDuplicate, err)
	}
	switch code.Code() & 0xff {
	case sqliteBusy, sqliteLocked, sqliteReadOnly, sqliteIO, sqliteFull, sqliteCannotOpen:
		return fmt.Errorf("%w: %w", errUnavailable, err)
	}
	return err
}

// outcomeUnknown tells whether a commit that failed with err may yet take effect: when writing or syncing the write-ahead log failed, its
// last frames may or may not be on the disk.
func outcomeUnknown(err error) bool {
	var code *sqlite.Error
	return errors.As(err, &code) && code.Code()&0xff == sqliteIO
}
