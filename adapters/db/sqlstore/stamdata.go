package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// registerTable is a register and its table. All of them have the columns that registerColumns names before their own.
type registerTable struct {
	stamdata.Register
	name    string
	columns []string // in the order of the register's
}

const registerColumns = "pid, modified_s, valid_from, valid_to"

func tableOf(r stamdata.Register) (t registerTable, err error) {
	t.Register = r
	switch r.Name {
	case stamdata.CPRPerson:
		t.name = "cpr_person"
	case stamdata.CPRCustody:
		t.name = "cpr_custody"
	case stamdata.CPRChild:
		t.name = "cpr_child"
	case stamdata.CPRGuardian:
		t.name = "cpr_guardian"
	case stamdata.OrgUnits:
		t.name = "sor_unit"
	case stamdata.Proxies:
		t.name = "person_relation"
	case stamdata.Authorisations, stamdata.Practices, stamdata.InsuredPersons, stamdata.Delegations:
		t.name = r.Name
	default:
		return t, stamdata.ErrNoRegister
	}
	for _, c := range r.Columns {
		t.columns = append(t.columns, columnName(c.Name))
	}
	return t, nil
}

// registerNamed returns a register of this program with its table.
func registerNamed(name string) registerTable {
	r, err := stamdata.RegisterNamed(name)
	if err != nil {
		panic(err)
	}
	t, err := tableOf(r)
	if err != nil {
		panic(err)
	}
	return t
}

// columnName is the column of a register in its table: statusDato is status_dato. valid_from and valid_to are the table's own.
func columnName(name string) string {
	switch name {
	case "validFrom":
		return "from_day"
	case "validTo":
		return "to_day"
	}
	var b strings.Builder
	lower := false
	for _, r := range name {
		if unicode.IsUpper(r) && lower {
			b.WriteByte('_')
		}
		lower = unicode.IsLower(r)
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// list names the columns of the register, each with a prefix.
func (t registerTable) list(prefix string) string {
	return prefix + strings.Join(t.columns, ", "+prefix)
}

// key names the columns that name a row.
func (t registerTable) key() string {
	var names []string
	for _, c := range t.Key {
		names = append(names, t.columns[c])
	}
	return strings.Join(names, ", ")
}

// sameKey is the condition that a row of o has the key of one of s.
func (t registerTable) sameKey() string {
	var same []string
	for _, c := range t.Key {
		same = append(same, "o."+t.columns[c]+" = s."+t.columns[c])
	}
	return strings.Join(same, " AND ")
}

// differs is the condition that it says something else, "" if a row is its key alone.
func (t registerTable) differs() string {
	if len(t.Key) == len(t.columns) {
		return ""
	}
	return "(" + t.list("o.") + ") <> (" + t.list("s.") + ")"
}

// stage is the temporary table of the lines that are loaded.
const stage = "stamdata_stage"

// stageColumns are those of the table of the lines, of the types that the database has.
func (t registerTable) stageColumns(number, text string) string {
	return "line " + number + " NOT NULL, " + strings.Join(t.columns, " "+text+" NOT NULL, ") + " " + text + " NOT NULL"
}

// stamdataLoader keeps the registers, and in stamdata_load what was loaded.
type stamdataLoader struct{ db *DB }

var _ ports.StamdataLoader = stamdataLoader{}

// loadEngine is what loading registers differs in between the databases.
type loadEngine interface {
	// load calls l.apply with ctx in a transaction of its own, with the lines of the file in the table stage. Nobody else loads meanwhile. It reads the
	// lines once l.open, by a session that sees what was loaded last, has nothing against it.
	load(ctx context.Context, l *loading) error
}

// loading is the load of one file.
type loading struct {
	db     *DB
	into   registerTable
	file   stamdata.File
	share  float64
	at     time.Time
	rows   int // of the stage
	report stamdata.LoadReport
}

// errTaken: the file was loaded before.
var errTaken = errors.New("the file was taken before")

// Load reads the lines into a temporary table, from which few statements bring the register up to date.
func (s stamdataLoader) Load(ctx context.Context, f stamdata.File, share float64, at time.Time) (stamdata.LoadReport, error) {
	into, err := tableOf(f.Register)
	if err != nil {
		return stamdata.LoadReport{}, err
	}
	if s.db.hasWritten(ctx) {
		return stamdata.LoadReport{}, errHeld
	}
	at = at.UTC().Truncate(time.Millisecond)
	l := &loading{db: s.db, into: into, file: f, share: share, at: at,
		report: stamdata.LoadReport{File: f.Name, Register: f.Register.Name, At: at}}
	switch err := s.db.engine.load(ctx, l); {
	case errors.Is(err, errTaken):
		l.report.Skipped = true
	case err != nil:
		return stamdata.LoadReport{}, fmt.Errorf("load %s: %w", f.Register.Name, translate(err))
	}
	return l.report, nil
}

// open returns errTaken for a file that was loaded before.
func (l *loading) open(ctx context.Context, s session) error {
	if l.file.Force {
		return nil
	}
	taken, err := s.taken(ctx, l.file.SHA256)
	if err == nil && taken {
		err = errTaken
	}
	return err
}

// lines yields the lines of the file, which it counts.
func (l *loading) lines() iter.Seq2[stamdata.Line, error] {
	return func(yield func(stamdata.Line, error) bool) {
		for line, err := range l.file.Rows {
			if err == nil && len(line.Row) != len(l.into.columns) {
				err = &stamdata.BadFile{Problems: []stamdata.Problem{{Line: line.Number, Text: "has another number of values than the register"}}}
			}
			if err == nil {
				l.rows++
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// apply brings the register to what the stage says.
func (l *loading) apply(ctx context.Context, t *tx) error {
	for _, step := range []func(*tx) error{l.distinct, l.bringUp, l.checkUnits, l.keep} {
		if err := ctx.Err(); err != nil { // a statement may not end with the context
			return err
		}
		if err := step(t); err != nil {
			return err
		}
	}
	return nil
}

// distinct refuses lines with the key of an earlier one.
func (l *loading) distinct(t *tx) error {
	twice, err := t.number("SELECT count(*) FROM (SELECT 1 FROM " + stage + " GROUP BY " + l.into.key() + " HAVING count(*) > 1) AS twice")
	if err != nil || twice == 0 {
		return err
	}
	bad := &stamdata.BadFile{}
	err = t.query(t.ctx, func(rows *sql.Rows) error {
		var line int
		err := rows.Scan(&line)
		bad.Add(stamdata.Twice(line))
		return err
	}, "SELECT line FROM (SELECT line, row_number() OVER (PARTITION BY "+l.into.key()+" ORDER BY line) AS n FROM "+stage+") AS numbered WHERE n > 1 ORDER BY line")
	if err != nil {
		return err
	}
	return bad.Err()
}

// number returns what a query finds, 0 for nothing and NULL.
func (t *tx) number(text string, args ...any) (int64, error) {
	var n sql.NullInt64
	err := t.query(t.ctx, func(rows *sql.Rows) error { return rows.Scan(&n) }, text, args...)
	return n.Int64, err
}

// bringUp closes what is missing in a full file and what has changed, and inserts what is new or has changed. What is as it was, nothing is
// written of. No pid is given twice, and few are left out: an offset has ten digits for it.
func (l *loading) bringUp(t *tx) error {
	into := l.into
	if err := l.follow(t); err != nil {
		return err
	}
	current, err := t.number("SELECT count(*) FROM " + into.name + " WHERE valid_to IS NULL")
	if err != nil {
		return err
	}
	var modified, pid int64
	err = t.query(t.ctx, func(rows *sql.Rows) error { return rows.Scan(&modified, &pid) },
		"SELECT modified_s, pid FROM "+into.name+" ORDER BY modified_s DESC, pid DESC LIMIT 1")
	if err != nil {
		return err
	}
	modified = stamdata.CopyTime(l.at, modified)

	// closed rows take the next pids.
	closed := func(which string) (int64, error) {
		n, err := t.exec(t.ctx, "UPDATE "+into.name+" SET valid_to = ?, modified_s = ?, pid = gone.pid FROM (SELECT o.modified_s AS was_s, o.pid AS was, "+
			"? + row_number() OVER (ORDER BY o.modified_s, o.pid) AS pid FROM "+into.name+" AS o "+which+") AS gone WHERE "+
			into.name+".modified_s = gone.was_s AND "+into.name+".pid = gone.was", l.at.UnixMicro(), modified, pid)
		pid += n
		return n, err
	}
	if l.file.Full && current > 0 {
		missing := "WHERE o.valid_to IS NULL AND NOT EXISTS (SELECT 1 FROM " + stage + " AS s WHERE " + into.sameKey() + ")"
		n, err := t.number("SELECT count(*) FROM " + into.name + " AS o " + missing)
		if err != nil {
			return err
		}
		if !l.file.Force && n > freelyClosed && float64(n) > l.share*float64(current) {
			return stamdata.ErrClosesMany
		}
		if n > 0 {
			if n, err = closed(missing); err != nil {
				return err
			}
		}
		l.report.Closed = int(n)
	}
	if differs := into.differs(); differs != "" && current > 0 {
		n, err := closed("JOIN " + stage + " AS s ON " + into.sameKey() + " WHERE o.valid_to IS NULL AND " + differs)
		if err != nil {
			return err
		}
		l.report.Changed = int(n)
	}
	place, fresh := "s.line", " FROM "+stage+" AS s"
	if current > 0 {
		place = "row_number() OVER ()"
		fresh += " LEFT JOIN " + into.name + " AS o ON " + into.sameKey() + " AND o.valid_to IS NULL WHERE o.pid IS NULL"
	}
	inserted, err := t.exec(t.ctx, "INSERT INTO "+into.name+" ("+registerColumns+", "+into.list("")+") SELECT ? + "+place+", ?, ?, NULL, "+
		into.list("s.")+fresh, pid, modified, l.at.UnixMicro())
	l.report.At, l.report.Rows = l.at, l.rows
	l.report.Added, l.report.Unchanged = int(inserted)-l.report.Changed, l.rows-int(inserted)
	return err
}

// follow has the load come after the one before.
func (l *loading) follow(t *tx) error {
	var last sql.NullInt64
	err := t.query(t.ctx, func(rows *sql.Rows) error { return rows.Scan(&last) }, "SELECT max(at) FROM stamdata_load")
	if next := fromMicros(last).Add(time.Millisecond); last.Valid && l.at.Before(next) {
		l.at = next
	}
	return err
}

// freelyClosed is how many rows a file may close whatever share they are.
const freelyClosed = 20

// checkUnits refuses units that form no tree.
func (l *loading) checkUnits(t *tx) error {
	l.report.Warnings = slices.Clone(l.file.Warnings)
	if l.into.Name != stamdata.OrgUnits {
		return nil
	}
	units, err := orgUnits{l.db, l.into}.units(t.ctx, t.session)
	if err != nil {
		return err
	}
	_, missing, err := org.NewTree(units)
	if err != nil {
		return &stamdata.BadFile{Problems: []stamdata.Problem{{Text: err.Error()}}}
	}
	l.report.Warnings = append(l.report.Warnings, stamdata.MissingParents(missing)...)
	return nil
}

// keep notes that the file was taken.
func (l *loading) keep(t *tx) error {
	report, err := json.Marshal(l.report)
	if err != nil {
		return err
	}
	_, err = t.exec(t.ctx, "INSERT INTO stamdata_load (id, sha256, at, report) SELECT coalesce(max(id), 0) + 1, ?, ?, ? FROM stamdata_load",
		l.file.SHA256[:], l.at.UnixMicro(), string(report))
	return err
}

// findLoad is by an index.
const findLoad = "SELECT 1 FROM stamdata_load WHERE sha256 = ? LIMIT 1"

func (s session) taken(ctx context.Context, sum [32]byte) (taken bool, err error) {
	err = s.query(ctx, func(*sql.Rows) error { taken = true; return nil }, findLoad, sum[:])
	return taken, err
}

func (s stamdataLoader) Taken(ctx context.Context, sum [32]byte) (bool, error) {
	taken, err := s.db.read(ctx).taken(ctx, sum)
	if err != nil {
		return false, fmt.Errorf("find a load: %w", translate(err))
	}
	return taken, nil
}

// latestLoads is by the primary key.
const latestLoads = "SELECT report FROM stamdata_load ORDER BY id DESC LIMIT ?"

func (s stamdataLoader) Loads(ctx context.Context, n int) (reports []stamdata.LoadReport, err error) {
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		var text sql.RawBytes
		if err := rows.Scan(&text); err != nil {
			return err
		}
		var r stamdata.LoadReport
		err := json.Unmarshal(text, &r)
		reports = append(reports, r)
		return err
	}, latestLoads, n)
	if err != nil {
		return nil, fmt.Errorf("find loads: %w", translate(err))
	}
	return reports, nil
}

// errEnough ends a query whose caller wants no more rows.
var errEnough = errors.New("no more rows are wanted")

func (s stamdataLoader) Rows(ctx context.Context, r stamdata.Register) iter.Seq2[stamdata.Row, error] {
	return func(yield func(stamdata.Row, error) bool) {
		t, err := tableOf(r)
		if err != nil {
			yield(nil, err)
			return
		}
		err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
			row := make(stamdata.Row, len(t.columns))
			into := make([]any, len(row))
			for i := range row {
				into[i] = &row[i]
			}
			if err := rows.Scan(into...); err != nil {
				return err
			}
			if !yield(row, nil) {
				return errEnough
			}
			return nil
		}, "SELECT "+t.list("")+" FROM "+t.name+" WHERE valid_to IS NULL ORDER BY "+t.key())
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, fmt.Errorf("read %s: %w", r.Name, translate(err)))
		}
	}
}
