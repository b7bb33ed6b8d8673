package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
)

// What a caller is told of the database's state, and of what it gave.
var (
	errUnavailable = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "The store is not available."}
	errDuplicate   = fault.Error{Kind: fault.Conflict, Code: fault.CodeProcessing, Text: "It exists already."}
	errCharacter   = fault.Error{Kind: fault.Malformed, Code: fault.CodeProcessing, Text: "A text holds a character that cannot be stored."}
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

// Codes of PostgreSQL (postgresql.org/docs/current/errcodes-appendix.html). The first two characters are the class.
const (
	postgresUnique        = "23505"
	postgresSerialisation = "40001"
	postgresDeadlock      = "40P01"
	postgresCharacter     = "22021"
	postgresReadOnly      = "25006"
	postgresIdle          = "25P03" // the transaction was idle for too long
	postgresLocked        = "55P03"
	postgresCancelled     = "57014"
	postgresLost          = "08006" // ours too, where the connection fails
)

// Classes that tell that the server cannot do now what it could at another time, or for another connection.
const unavailableClasses = "08 28 3D 53 57 58"

// Classes whose messages tell of the server and of statements, and hold neither a value nor a part of the DSN.
const tellingClasses = "08 25 40 42 53 55 57 58 XX"

// postgresError is what may be told of an error of PostgreSQL's driver.
type postgresError struct {
	code     string
	text     string
	answered bool // by the server, which still has the connection
}

func (e *postgresError) Error() string { return e.text }

// clean lets nothing pass that is not known to be harmless: a constraint's detail holds the row, an argument that does not fit is printed, and
// an error of connecting holds the configuration.
func (*postgresEngine) clean(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, errAborted) || errors.Is(err, messagelog.ErrNoTopic) {
		return err
	}
	if known := known(ctx, err); known != nil {
		return known
	}
	return fmt.Errorf("driver: %T", err)
}

// known is what may be told of an error of the driver or of its connection, nil if err is none.
func known(ctx context.Context, err error) error {
	var cleaned *postgresError
	var server *pgconn.PgError
	var connect *pgconn.ConnectError
	var network *net.OpError
	switch {
	case errors.As(err, &cleaned):
		return err
	case errors.As(err, &server):
		if server.Code == postgresCancelled && ctx.Err() != nil {
			return ctx.Err()
		}
		return &postgresError{server.Code, serverText(server), server.SeverityUnlocalized == "ERROR"}
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &connect): // itself it tells the user and the database too
		return &postgresError{postgresLost, "connect: " + connect.Unwrap().Error(), false}
	case errors.As(err, &network):
		return &postgresError{postgresLost, "connection to the server: " + network.Error(), false}
	case lost(err):
		return &postgresError{postgresLost, "connection to the server lost", false}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &postgresError{postgresLost, "the server did not answer in time", false}
	}
	return nil
}

func lost(err error) bool {
	for _, sign := range []error{driver.ErrBadConn, sql.ErrConnDone, pgconn.ErrConnClosed, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, sign) {
			return true
		}
	}
	return false
}

// serverText has no detail, no context and no hint.
func serverText(e *pgconn.PgError) string {
	text := "SQLSTATE " + e.Code
	if inClass(e.Code, tellingClasses) {
		text += ": " + e.Message
	}
	if e.ConstraintName != "" {
		text += ", constraint " + e.ConstraintName
	}
	return text
}

func inClass(code, classes string) bool {
	return len(code) == 5 && slices.Contains(strings.Fields(classes), code[:2])
}

// code is PostgreSQL's code of err, "" if it has none.
func code(err error) string {
	var known *postgresError
	if errors.As(err, &known) {
		return known.code
	}
	return ""
}

// isLost tells whether the connection is gone.
func isLost(err error) bool {
	var known *postgresError
	return errors.As(err, &known) && !known.answered
}

// isAnswer tells whether the server itself said that a commit failed.
func isAnswer(err error) bool {
	var known *postgresError
	return errors.Is(err, errAborted) || errors.As(err, &known) && known.answered
}

// collided tells whether another transaction got in between, so that a new attempt may succeed.
func collided(err error) bool {
	return slices.Contains([]string{postgresUnique, postgresSerialisation, postgresDeadlock}, code(err))
}

// translate adds to an error of the driver what it means to a caller. Every other error is returned as it is.
func translate(err error) error {
	var lite *sqlite.Error
	var postgres *postgresError
	var server *pgconn.PgError
	switch {
	case errors.As(err, &postgres):
		return translatePostgres(postgres.code, err)
	case errors.As(err, &server): // of gorm, which scans rows by itself
		return translatePostgres(server.Code, errors.New(serverText(server)))
	case errors.As(err, &lite):
		return translateSQLite(lite.Code(), err)
	}
	return err
}

func translateSQLite(code int, err error) error {
	switch code {
	case sqlitePrimaryKey, sqliteUnique:
		return fmt.Errorf("%w: %w", errDuplicate, err)
	}
	switch code & 0xff {
	case sqliteBusy, sqliteLocked, sqliteReadOnly, sqliteIO, sqliteFull, sqliteCannotOpen:
		return fmt.Errorf("%w: %w", errUnavailable, err)
	}
	return err
}

func translatePostgres(code string, err error) error {
	switch code {
	case postgresUnique:
		return fmt.Errorf("%w: %w", errDuplicate, err)
	case postgresCharacter:
		return fmt.Errorf("%w: %w", errCharacter, err)
	case postgresSerialisation, postgresDeadlock, postgresLocked, postgresReadOnly, postgresIdle:
		return fmt.Errorf("%w: %w", errUnavailable, err)
	}
	if inClass(code, unavailableClasses) {
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
