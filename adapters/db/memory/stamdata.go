package memory

import (
	"context"
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// registerRows is what the stores of registers keep.
type registerRows struct {
	registers map[string]*register // by name
	taken     map[[32]byte]bool
	loads     []stamdata.LoadReport // oldest first
	last      stamdata.Offset       // of all copies of the CPR register
	units     int64                 // loads that changed the units
}

// register is one register: what it says of a key is never changed, but replaced.
type register struct {
	stamdata.Register
	latest  map[string]registerRow // by key
	copies  []stamdata.CopyRow     // of a CPR register, in the order of their places
	revised map[revision]int       // what is copied last of a key and its beginning: the place in copies, which others leave empty
}

type revision struct {
	key  string
	from time.Time
}

// registerRow is the latest row of a key.
type registerRow struct {
	row            stamdata.Row
	opened, closed time.Time
}

func (r registerRow) current() bool { return r.closed.IsZero() }

func newRegisterRows() registerRows {
	all := registerRows{registers: map[string]*register{}, taken: map[[32]byte]bool{}}
	for _, r := range stamdata.Registers() {
		all.registers[r.Name] = &register{Register: r, latest: map[string]registerRow{}, revised: map[revision]int{}}
	}
	return all
}

// Stamdata returns the loader of registers.
func (db *DB) Stamdata() ports.StamdataLoader { return stamdataLoader{db} }

type stamdataLoader struct{ db *DB }

var _ ports.StamdataLoader = stamdataLoader{}

const fewRows = 20 // may be closed whatever their share

func (s stamdataLoader) Load(ctx context.Context, f stamdata.File, share float64, at time.Time) (report stamdata.LoadReport, err error) {
	report = stamdata.LoadReport{File: f.Name, Register: f.Register.Name, At: at.UTC().Truncate(time.Millisecond)}
	known, err := s.Taken(ctx, f.SHA256)
	if err != nil {
		return stamdata.LoadReport{}, err
	}
	if known && !f.Force {
		report.Skipped = true
		return report, nil
	}
	rows, keys, err := linesOf(ctx, f)
	if err != nil {
		return stamdata.LoadReport{}, err
	}
	err = s.db.alone(ctx, func(*unit) error {
		all := &s.db.registers
		into := all.registers[f.Register.Name]
		switch {
		case into == nil:
			return stamdata.ErrNoRegister
		case all.taken[f.SHA256] && !f.Force:
			report.Skipped = true
			return nil
		}
		if n := len(all.loads); n > 0 && !report.At.After(all.loads[n-1].At) {
			report.At = all.loads[n-1].At.Add(time.Millisecond)
		}
		report.Rows, report.Warnings = len(keys), slices.Clone(f.Warnings)
		current := into.current()
		changed := into.compare(current, rows, keys, f.Full, &report)
		if !f.Force && report.Closed > fewRows && float64(report.Closed) > share*float64(len(current)) {
			return stamdata.ErrClosesMany
		}
		if into.Name == stamdata.OrgUnits {
			if err := into.checkUnits(changed, &report); err != nil {
				return err
			}
			if len(changed) > 0 {
				all.units++
			}
		}
		all.apply(into, changed, report.At) // nothing fails from here on
		all.taken[f.SHA256] = true
		kept := report
		kept.Warnings = slices.Clone(report.Warnings)
		all.loads = append(all.loads, kept)
		return nil
	})
	if err != nil {
		return stamdata.LoadReport{}, err
	}
	return report, nil
}

// linesOf reads the rows of a file by their keys, whose order it returns too.
func linesOf(ctx context.Context, f stamdata.File) (rows map[string]stamdata.Row, keys []string, err error) {
	rows = map[string]stamdata.Row{}
	var bad stamdata.BadFile
	for line, err := range f.Rows {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, nil, err
		}
		key := f.Register.KeyOf(line.Row)
		if _, twice := rows[key]; twice {
			bad.Add(stamdata.Twice(line.Number))
		}
		rows[key] = slices.Clone(line.Row)
		keys = append(keys, key)
	}
	return rows, keys, bad.Err()
}

// registerChange replaces the latest row of a key.
type registerChange struct {
	key string
	row stamdata.Row // nil = it is closed
}

// compare tells what the rows of a file change, in their order and then in that of the keys which they lack.
func (r *register) compare(current []string, rows map[string]stamdata.Row, keys []string, full bool, report *stamdata.LoadReport,
) (changed []registerChange) {
	for _, key := range keys {
		old, known := r.latest[key]
		switch {
		case !known || !old.current():
			report.Added++
		case slices.Equal(old.row, rows[key]):
			report.Unchanged++
			continue
		default:
			report.Changed++
		}
		changed = append(changed, registerChange{key, rows[key]})
	}
	for _, key := range current {
		if _, there := rows[key]; full && !there {
			report.Closed++
			changed = append(changed, registerChange{key: key})
		}
	}
	return changed
}

// current returns the keys that have a current row, ordered.
func (r *register) current() []string {
	var keys []string
	for key, row := range r.latest {
		if row.current() {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// checkUnits tells whether the units form a tree with what changed.
func (r *register) checkUnits(changed []registerChange, report *stamdata.LoadReport) error {
	rows := make(map[string]stamdata.Row, len(r.latest))
	for key, row := range r.latest {
		rows[key] = row.row
	}
	for _, c := range changed {
		if c.row != nil { // a unit that was closed stays where it was
			rows[c.key] = c.row
		}
	}
	var units []org.Unit
	for _, row := range rows {
		units = append(units, stamdata.UnitOf(r.Register, row, time.Time{}, time.Time{}))
	}
	_, missing, err := org.NewTree(units)
	if err != nil {
		return &stamdata.BadFile{Problems: []stamdata.Problem{{Text: err.Error()}}}
	}
	report.Warnings = append(report.Warnings, stamdata.MissingParents(missing)...)
	return nil
}

// apply makes the changes. Rows of the CPR register take new places at the end of its copies.
func (all *registerRows) apply(r *register, changed []registerChange, at time.Time) {
	_, copied := stamdata.CPRViewOf(r.Name)
	for _, c := range changed {
		old, known := r.latest[c.key]
		if known && old.current() {
			old.closed = at
			if copied {
				all.copy(r, old)
			}
		}
		if c.row != nil {
			old = registerRow{row: c.row, opened: at}
			if copied {
				all.copy(r, old)
			}
		}
		r.latest[c.key] = old
	}
}

// copy puts a row at the end of the copies of its register; what was copied of it before is gone.
func (all *registerRows) copy(r *register, row registerRow) {
	c := stamdata.CPRView(r.Register, row.row, row.opened, row.closed)
	all.last = stamdata.Offset{Seconds: stamdata.CopyTime(row.changed(), all.last.Seconds), PID: all.last.PID + 1}
	c.PID, c.Modified = all.last.PID, time.Unix(all.last.Seconds, 0).UTC()
	same := revision{c.Key, c.ValidFrom}
	if old, known := r.revised[same]; known {
		r.copies[old].Fields = nil
	}
	r.revised[same] = len(r.copies)
	r.copies = append(r.copies, c)
}

func (r registerRow) changed() time.Time {
	if r.current() {
		return r.opened
	}
	return r.closed
}

// cprRows returns rows of a view of the CPR register; it is called under the lock.
func (db *DB) cprRows(v stamdata.View, after stamdata.Offset, limit int) []stamdata.CopyRow {
	name, ok := stamdata.CPRRegisterOf(v)
	if !ok {
		return nil
	}
	copies, page := db.registers.registers[name].copies, []stamdata.CopyRow(nil)
	for _, c := range copies[sort.Search(len(copies), func(i int) bool { return copies[i].Offset().Compare(after) > 0 }):] {
		if len(page) >= limit {
			break
		}
		if c.Fields != nil {
			c.Fields = slices.Clone(c.Fields)
			page = append(page, c)
		}
	}
	return page
}

func (s stamdataLoader) Taken(ctx context.Context, sum [32]byte) (taken bool, err error) {
	err = s.db.read(ctx, func() error {
		taken = s.db.registers.taken[sum]
		return nil
	})
	return taken, err
}

func (s stamdataLoader) Loads(ctx context.Context, n int) (loads []stamdata.LoadReport, err error) {
	err = s.db.read(ctx, func() error {
		for i := len(s.db.registers.loads) - 1; i >= 0 && len(loads) < n; i-- {
			l := s.db.registers.loads[i]
			l.Warnings = slices.Clone(l.Warnings)
			loads = append(loads, l)
		}
		return nil
	})
	return loads, err
}

func (s stamdataLoader) Rows(ctx context.Context, r stamdata.Register) iter.Seq2[stamdata.Row, error] {
	return func(yield func(stamdata.Row, error) bool) {
		var rows []stamdata.Row
		err := s.db.read(ctx, func() error {
			from := s.db.registers.registers[r.Name]
			if from == nil {
				return stamdata.ErrNoRegister
			}
			for _, key := range from.current() {
				rows = append(rows, slices.Clone(from.latest[key].row))
			}
			return nil
		})
		if err != nil {
			yield(nil, err)
			return
		}
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}
