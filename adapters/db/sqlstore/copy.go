package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"time"
)

// CopyOptions say what Copy copies.
type CopyOptions struct {
	// WithoutLog leaves the message log and how far it was consumed behind: positions of one log mean nothing in another.
	WithoutLog bool
	// Progress is told how far the copy is, every thousand rows; nil = nobody. Calls for reading both sides again come from two goroutines.
	Progress func(Progress)
	// Seal runs when all rows are there and were compared, with the copy's unit of work in its context; an error takes everything back. nil =
	// nothing.
	Seal func(ctx context.Context) error
}

// Progress is how far a step of a copy is.
type Progress struct {
	Step  CopyStep
	Table string
	Rows  int64 // done
	Of    int64
}

// CopyStep is what a copy does with a table.
type CopyStep string

// The steps, in their order.
const (
	CopyRows  CopyStep = "copy"
	ReadFrom  CopyStep = "read the source again"
	ReadTo    CopyStep = "read the copy"
	reportRow          = 1000 // rows between two calls of Progress
)

// TableCopy is what was copied of a table.
type TableCopy struct {
	Table string
	Rows  int64
	Sum   string // of all rows, hexadecimal: equal rows in whatever order have equal sums
}

// The reasons not to copy.
var (
	ErrNotEmpty  = errors.New("the store that is copied to is not empty")
	ErrInUse     = errors.New("another process uses the store")
	ErrDifferent = errors.New("the copy differs from the source; nothing was kept of it")
)

// copyEngine is what copying differs in between the databases.
type copyEngine interface {
	// tables is the query of the names of all tables but that of the migrations.
	tables() string
	// snapshot returns a connection that reads what is committed, which nobody changes before end is called.
	snapshot(ctx context.Context) (conn *sql.Conn, end func(), err error)
	// beginCopy has the transaction last, with nobody else writing.
	beginCopy(t *tx) error
	// monthsCopied makes room for registrations of these months.
	monthsCopied(t *tx, months []month) error
	// copyIn inserts the rows that next returns, nil after the last one. A row is valid until the next one.
	copyIn(t *tx, into table, next func() ([]any, error)) error
	// endCopy has the tables ready for use.
	endCopy(t *tx) error
}

// copiedTable is a table and its primary key, in the order of which rows are read and fastest written.
type copiedTable struct {
	name, key string
	ofLog     bool   // left behind WithoutLog
	numbered  string // the column that the database numbers, "" if it has none
}

// placeKey is the primary key of every register.
const placeKey = "modified_s, pid"

// copiedTables lists every table of the schema.
func copiedTables() []copiedTable {
	return []copiedTable{
		{name: "minlog_entry", key: "person_key, at, id"},
		{name: "minlog_daily", key: "day, registrar_cvr, system_name, shard"},
		{name: "minlog_deadletter", key: "topic, partition, offs"},
		{name: "minlog_offset", key: "topic, partition", ofLog: true},
		{name: "log_partition", key: "topic, part", ofLog: true},
		{name: "log_record", key: "topic, part, off", ofLog: true},
		{name: "security_reply", key: "key_hash"},
		{name: "security_seen", key: "signer, id_hash"},
		{name: "security_grant", key: "id"},
		{name: "security_session", key: "token_hash"},
		{name: "security_event", key: "id", numbered: "id"},
		{name: "job_lease", key: "name"},
		{name: "minlog_job", key: "name"},
		{name: "outbox", key: "seq", numbered: "seq"},
		{name: "cpr_person", key: placeKey},
		{name: "cpr_custody", key: placeKey},
		{name: "cpr_child", key: placeKey},
		{name: "cpr_guardian", key: placeKey},
		{name: "autorisation", key: placeKey},
		{name: "sor_unit", key: placeKey},
		{name: "yder", key: placeKey},
		{name: "sikrede", key: placeKey},
		{name: "bemyndigelse", key: placeKey},
		{name: "person_relation", key: placeKey},
		{name: "stamdata_load", key: "id"},
		{name: "ecpr_ledger", key: "number"},
		{name: "ecpr_person", key: "id"},
		{name: "ecpr_version", key: "pid"},
		{name: "ecpr_alias", key: "number"},
		{name: "ecpr_search", key: "person_id, field, word"},
		{name: "ecpr_actor", key: "id"},
		{name: "ecpr_change", key: "seq", numbered: "seq"},
		{name: "ecpr_oid", key: "oid"},
		{name: "ecpr_role", key: "cvr, cpr, role"},
		{name: "skrs_row", key: "view, modified_s, pid"},
		{name: "ecpr_export", key: "name, number"},
		{name: "consent_citizen", key: "citizen_cpr"},
		{name: "consent_registration", key: "consent_id"},
		{name: "consent_version", key: "consent_id, version"},
		{name: "consent_override", key: "id"},
		{name: "nas_topic", key: "topic"},
		{name: "nas_topic_access", key: "topic, identifier"},
		{name: "nas_pull_point", key: "id"},
		{name: "nas_subscription", key: "id"},
		{name: "nas_consumer", key: "subscription_id, seq"},
		{name: "nas_id_list", key: "owner_cvr, owner_system, name"},
		{name: "nas_id_list_content", key: "version, id"},
		{name: "living_will", key: "id"},
		{name: "treatment_will", key: "id"},
		{name: "living_will_properties", key: "key"},
		{name: "treatment_will_properties", key: "key"},
		{name: "will_current", key: "cpr"},
		{name: "citizen_consent", key: "id", numbered: "id"},
	}
}

// Copy copies all rows of every table into a store whose tables are empty, reads both sides again and compares them. All is one transaction: after
// an error, or when the process ends in between, nothing of it is there. Nobody else may write in either store meanwhile. It keeps few rows in
// memory, whatever there are.
func Copy(ctx context.Context, from, to *DB, opt CopyOptions) ([]TableCopy, error) {
	if opt.Progress == nil {
		opt.Progress = func(Progress) {}
	}
	if opt.Seal == nil {
		opt.Seal = func(context.Context) error { return nil }
	}
	source, end, err := from.snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the source: %w", err)
	}
	defer end()
	c := copying{opt: opt, source: side{from, source}}
	var report []TableCopy
	err = units{to}.Run(ctx, func(ctx context.Context) error {
		return to.write(ctx, func(t *tx) (err error) {
			c.tx, c.target = t, side{to, t.pool}
			report, err = c.all(ctx)
			return err
		})
	}, opt.Seal)
	if err != nil {
		return nil, fmt.Errorf("copy: %w", err)
	}
	return report, nil
}

// copying is one Copy.
type copying struct {
	opt            CopyOptions
	source, target side
	tx             *tx // of the target
}

// side is one connection with an open transaction.
type side struct {
	db   *DB
	pool interface {
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}
}

func (c *copying) all(ctx context.Context) ([]TableCopy, error) {
	for _, s := range []side{c.source, c.target} {
		if err := s.onlyKnown(ctx); err != nil {
			return nil, err
		}
	}
	if err := c.target.db.beginCopy(c.tx); err != nil {
		return nil, err
	}
	var tables []table
	for _, t := range copiedTables() {
		_, found, err := c.target.first(ctx, "SELECT 1 FROM "+t.name+" LIMIT 1")
		if err != nil {
			return nil, err
		}
		if found {
			return nil, fmt.Errorf("%w: %s has rows", ErrNotEmpty, t.name)
		}
		if !t.ofLog || !c.opt.WithoutLog {
			known, err := c.table(ctx, t)
			if err != nil {
				return nil, err
			}
			tables = append(tables, known)
		}
	}
	months, err := c.source.months(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.target.db.monthsCopied(c.tx, months); err != nil {
		return nil, err
	}
	for _, t := range tables {
		if err := c.copy(ctx, t); err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	if err := c.target.db.endCopy(c.tx); err != nil {
		return nil, err
	}
	return c.compare(ctx, tables)
}

// table is a table that both sides have.
type table struct {
	copiedTable
	columns []string // in the order of the source
	types   []string // of the columns, as the target calls them
	rows    int64    // of the source
}

// list is the columns as a statement names them.
func (t *table) list() string { return strings.Join(t.columns, ", ") }

// table requires that both sides have the same columns.
func (c *copying) table(ctx context.Context, known copiedTable) (table, error) {
	t := table{copiedTable: known}
	from, err := c.source.columns(ctx, known.name)
	if err != nil {
		return t, err
	}
	to, err := c.target.columns(ctx, known.name)
	if err != nil {
		return t, err
	}
	for _, column := range from {
		i := slices.IndexFunc(to, func(other *sql.ColumnType) bool { return other.Name() == column.Name() })
		if i < 0 || len(from) != len(to) {
			return t, fmt.Errorf("%s has other columns in the copy", known.name)
		}
		t.columns, t.types = append(t.columns, column.Name()), append(t.types, to[i].DatabaseTypeName())
	}
	t.rows, _, err = c.source.first(ctx, "SELECT count(*) FROM "+known.name)
	return t, err
}

func (s side) columns(ctx context.Context, table string) ([]*sql.ColumnType, error) {
	rows, err := s.pool.QueryContext(ctx, "SELECT * FROM "+table+" LIMIT 0")
	if err != nil {
		return nil, s.db.clean(ctx, err)
	}
	defer rows.Close()
	return rows.ColumnTypes()
}

// first returns the number that a query finds, if it is not NULL.
func (s side) first(ctx context.Context, query string, args ...any) (n int64, found bool, err error) {
	rows, err := s.pool.QueryContext(ctx, s.db.bind(query), args...)
	if err != nil {
		return 0, false, s.db.clean(ctx, err)
	}
	defer rows.Close()
	var number sql.NullInt64
	for rows.Next() {
		if err := rows.Scan(&number); err != nil {
			return 0, false, err
		}
	}
	return number.Int64, number.Valid, s.db.clean(ctx, rows.Err())
}

// onlyKnown refuses a schema with a table that would not be copied.
func (s side) onlyKnown(ctx context.Context) error {
	rows, err := s.pool.QueryContext(ctx, s.db.tables())
	if err != nil {
		return s.db.clean(ctx, err)
	}
	defer rows.Close()
	known := copiedTables()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		if !slices.ContainsFunc(known, func(t copiedTable) bool { return t.name == name }) {
			return fmt.Errorf("the store has a table that is none of its own: %s", name)
		}
	}
	return s.db.clean(ctx, rows.Err())
}

// read returns the rows of a table in the order of its primary key.
func (s side) read(ctx context.Context, t table) (*cells, error) {
	rows, err := s.pool.QueryContext(ctx, "SELECT "+t.list()+" FROM "+t.name+" ORDER BY "+t.key)
	if err != nil {
		return nil, s.db.clean(ctx, err)
	}
	types, err := rows.ColumnTypes()
	if err != nil {
		rows.Close()
		return nil, err
	}
	c := &cells{rows: rows, side: s, ctx: ctx, types: make([]string, len(types)), row: make([]any, len(types)), into: make([]any, len(types))}
	for i, t := range types {
		c.types[i], c.into[i] = t.DatabaseTypeName(), &c.row[i]
	}
	return c, nil
}

// cells reads rows. A cell is nil, an int64, a string or a []byte, on both sides.
type cells struct {
	rows  *sql.Rows
	side  side
	ctx   context.Context
	types []string
	row   []any
	into  []any // pointers to row
	n     int64
}

// next reads a row; false after the last one.
func (c *cells) next() (bool, error) {
	if err := c.ctx.Err(); err != nil { // a statement may not end with the context
		return false, err
	}
	if !c.rows.Next() {
		return false, c.side.db.clean(c.ctx, c.rows.Err())
	}
	if err := c.rows.Scan(c.into...); err != nil {
		return false, err
	}
	c.n++
	for i, cell := range c.row {
		switch v := cell.(type) {
		case nil, int64:
		case []byte:
			if v == nil { // of SQLite's driver: no octets, which are not NULL
				c.row[i] = []byte{}
			}
		case bool: // a number in SQLite
			c.row[i] = int64(0)
			if v {
				c.row[i] = int64(1)
			}
		case string:
			if c.types[i] == "UUID" {
				id, err := hex.DecodeString(strings.ReplaceAll(v, "-", ""))
				if err != nil {
					return false, errors.New("a UUID that is none")
				}
				c.row[i] = id
			}
		default:
			return false, fmt.Errorf("a cell of type %T", v)
		}
	}
	return true, nil
}

func (c *cells) close() { _ = c.rows.Close() } // what went wrong is in Err

// appendRow appends the row in the binary form of PostgreSQL's COPY (PostgreSQL documentation, COPY, Binary Format): the number of cells, and each
// with its length, -1 for NULL. Rows are compared in that form too.
func appendRow(b []byte, row []any) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(row))) //nolint:gosec // a dozen
	for _, cell := range row {
		switch v := cell.(type) {
		case int64:
			b = binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), uint64(v)) //nolint:gosec // two's complement is meant
		case bool:
			b = append(b, 0, 0, 0, 1, 0)
			if v {
				b[len(b)-1] = 1
			}
		case string:
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...) //nolint:gosec // no cell is that long
		case []byte:
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...) //nolint:gosec // no cell is that long
		default:
			b = append(b, 0xff, 0xff, 0xff, 0xff)
		}
	}
	return b
}

// copy copies the rows of one table.
func (c *copying) copy(ctx context.Context, t table) error {
	rows, err := c.source.read(ctx, t)
	if err != nil {
		return err
	}
	defer rows.close()
	report := c.counted(CopyRows, t)
	report(0)
	return c.target.db.copyIn(c.tx, t, func() ([]any, error) {
		more, err := rows.next()
		if err != nil || !more {
			return nil, err
		}
		report(rows.n)
		return rows.row, nil
	})
}

// counted returns a function that is told how many rows are done.
func (c *copying) counted(step CopyStep, t table) func(rows int64) {
	return func(rows int64) {
		if rows%reportRow == 0 || rows == t.rows {
			c.opt.Progress(Progress{Step: step, Table: t.name, Rows: rows, Of: t.rows})
		}
	}
}

// fingerprint tells how many rows there are, and of which.
type fingerprint struct {
	rows int64
	sum  [4]uint64 // of the rows' SHA-256, modulo 2^256
}

func (f *fingerprint) add(digest [sha256.Size]byte) {
	var carry uint64
	for i := range f.sum {
		f.sum[i], carry = bits.Add64(f.sum[i], binary.LittleEndian.Uint64(digest[8*i:]), carry)
	}
	f.rows++
}

func (f *fingerprint) String() string {
	var b []byte
	for _, word := range f.sum {
		b = binary.LittleEndian.AppendUint64(b, word)
	}
	return hex.EncodeToString(b)
}

func (c *copying) fingerprint(ctx context.Context, s side, step CopyStep, t table) (f fingerprint, err error) {
	rows, err := s.read(ctx, t)
	if err != nil {
		return f, err
	}
	defer rows.close()
	report := c.counted(step, t)
	var form []byte
	for {
		more, err := rows.next()
		if err != nil || !more {
			return f, err
		}
		form = appendRow(form[:0], rows.row)
		f.add(sha256.Sum256(form))
		report(f.rows)
	}
}

// compare reads all rows of both sides at once. The error names every table that differs.
func (c *copying) compare(ctx context.Context, tables []table) ([]TableCopy, error) {
	var report []TableCopy
	var differ []error
	for _, t := range tables {
		var from, to fingerprint
		var errFrom, errTo error
		var both sync.WaitGroup
		both.Go(func() { from, errFrom = c.fingerprint(ctx, c.source, ReadFrom, t) })
		both.Go(func() { to, errTo = c.fingerprint(ctx, c.target, ReadTo, t) })
		both.Wait()
		if err := errors.Join(errFrom, errTo); err != nil {
			return nil, fmt.Errorf("compare %s: %w", t.name, err)
		}
		if from != to {
			differ = append(differ, fmt.Errorf("%s: %d rows with the sum %s, in the copy %d with %s", t.name, from.rows, &from, to.rows, &to))
		}
		report = append(report, TableCopy{t.name, to.rows, to.String()})
	}
	if len(differ) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrDifferent, errors.Join(differ...))
	}
	return report, nil
}

// months returns the months that there are registrations of.
func (s side) months(ctx context.Context) ([]month, error) {
	var all []month
	for next := int64(math.MinInt64); ; {
		at, found, err := s.first(ctx, "SELECT min(at) FROM minlog_entry WHERE at >= ?", next)
		if err != nil || !found {
			return all, err
		}
		m := monthOf(time.UnixMicro(at))
		all = append(all, m)
		next = (m + 1).start().UnixMicro()
	}
}
