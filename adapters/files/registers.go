// Package files reads and writes the files that are handed over in folders.
package files

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// Registers is a folder of register files: UTF-8 with or without byte order mark, columns separated by ";", quotes as in RFC 4180, a header
// line that names the columns in any order. A folder that is not there is empty. Files are put there by renaming them: one that is written in
// place may be read before it is whole, and is then taken as it is unless that shows.
type Registers struct{ Dir string }

var _ ports.RegisterFiles = Registers{}

const (
	maxColumns = 200
	maxRecord  = 64 << 10 // octets of a line, with the line ends that its quotes hold
	separator  = ';'
	mark       = "\ufeff"
)

var (
	errTooLong  = errors.New("line too long")
	errReadOnce = errors.New("the rows of a register file are read once")
)

// Names returns the files with a name such as NAME.csv, in the order of the registers; those that tell no register come last.
func (s Registers) Names(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list register files: %w", err)
	}
	there := map[string]bool{}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".csv") && !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
			there[e.Name()] = true
		}
	}
	var names []string
	for _, r := range stamdata.Registers() {
		for _, name := range []string{r.Name + ".csv", r.Name + ".delta.csv"} {
			if there[name] {
				names = append(names, name)
				delete(there, name)
			}
		}
	}
	for _, e := range entries { // the others, sorted by os.ReadDir
		if there[e.Name()] {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Open reads the whole file for its sum, and its header. The error is a *stamdata.BadFile where the header is wrong. The rows are read line by
// line: what is wrong with them is told at the end, with the first line that is wrong no more rows come.
func (s Registers) Open(ctx context.Context, name string) (stamdata.File, io.Closer, error) {
	register, full, err := stamdata.RegisterOf(name)
	if err != nil {
		return stamdata.File{}, nil, err
	}
	path := filepath.Join(s.Dir, name) // a register's name has no folder
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return stamdata.File{}, nil, fmt.Errorf("open register file %s: %w", name, first(err, errors.New("not a regular file")))
	}
	f, err := os.Open(path)
	if err != nil {
		return stamdata.File{}, nil, fmt.Errorf("open register file %s: %w", name, err)
	}
	file := stamdata.File{Name: name, Register: register, Full: full}
	err = s.begin(ctx, f, &file)
	if err != nil {
		return stamdata.File{}, nil, errors.Join(err, f.Close())
	}
	return file, f, nil
}

// first returns err, or the other where there is none.
func first(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

func (s Registers) begin(ctx context.Context, f *os.File, file *stamdata.File) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, reader{ctx, f}); err != nil {
		return fmt.Errorf("read register file %s: %w", file.Name, err)
	}
	file.SHA256 = [32]byte(sum.Sum(nil))
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read register file %s: %w", file.Name, err)
	}
	lines := newLines(reader{ctx, f})
	columns, warnings, err := lines.header(file.Register)
	if err != nil {
		return err
	}
	file.Warnings = warnings
	file.Rows = lines.rows(ctx, *file, columns)
	return nil
}

// lines reads the records of a file.
type lines struct {
	limit *limited
	sum   hash.Hash
	csv   *csv.Reader
	line  int // of the latest record
	read  bool
}

func newLines(r io.Reader) *lines {
	l := &lines{sum: sha256.New()}
	l.limit = &limited{from: io.TeeReader(r, l.sum)}
	buffered := bufio.NewReader(l.limit)
	l.limit.left = maxRecord
	if start, err := buffered.Peek(len(mark)); err == nil && string(start) == mark {
		_, _ = buffered.Discard(len(mark)) // it is there
	}
	l.csv = csv.NewReader(buffered) // uses this buffer
	l.csv.Comma, l.csv.ReuseRecord = separator, true
	return l
}

// next returns the next record, which is good until the one after it, and the number of its line.
func (l *lines) next() (record []string, line int, err error) {
	l.limit.left = maxRecord
	record, err = l.csv.Read()
	var wrong *csv.ParseError
	switch {
	case errors.As(err, &wrong):
		l.line = wrong.StartLine
	case err != nil:
		return nil, l.line + 1, err
	default:
		l.line, _ = l.csv.FieldPos(0)
	}
	return record, l.line, err
}

// header returns for every column of the register the place in the file, -1 if it is not there.
func (l *lines) header(r stamdata.Register) (columns []int, warnings []string, err error) {
	record, line, err := l.next()
	bad := &stamdata.BadFile{}
	switch {
	case errors.Is(err, io.EOF):
		bad.Add(stamdata.Problem{Text: "there is no header line"})
		return nil, nil, bad
	case err != nil:
		return nil, nil, asBad(bad, line, err)
	case len(record) > maxColumns:
		bad.Add(stamdata.Problem{Line: line, Text: fmt.Sprintf("has more than %d columns", maxColumns)})
		return nil, nil, bad
	}
	columns = slices.Repeat([]int{-1}, len(r.Columns))
	for i, name := range record {
		c := r.Column(strings.TrimSpace(name))
		switch {
		case c < 0:
			warnings = append(warnings, fmt.Sprintf("column %d is none of the register", i+1)) // its name may be a person's value: a header may lack
		case columns[c] >= 0:
			bad.Add(stamdata.Problem{Line: line, Column: r.Columns[c].Name, Text: "is there twice"})
		default:
			columns[c] = i
		}
	}
	for c, at := range columns {
		if at < 0 && r.Columns[c].Required {
			bad.Add(stamdata.Problem{Line: line, Column: r.Columns[c].Name, Text: "is missing"})
		}
	}
	return columns, warnings, bad.Err()
}

// rows yields the rows of the lines after the header.
func (l *lines) rows(ctx context.Context, f stamdata.File, columns []int) iter.Seq2[stamdata.Line, error] {
	return func(yield func(stamdata.Line, error) bool) {
		if l.read {
			yield(stamdata.Line{}, errReadOnce)
			return
		}
		l.read = true
		bad, values := &stamdata.BadFile{}, make([]string, len(columns))
		for {
			record, number, err := l.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if errors.Is(err, csv.ErrFieldCount) {
				bad.Add(stamdata.Problem{Line: number, Text: "has not as many values as the header"})
				continue
			}
			if err != nil {
				yield(stamdata.Line{}, asBad(bad, number, err))
				return
			}
			for c, at := range columns {
				values[c] = ""
				if at >= 0 {
					values[c] = record[at]
				}
			}
			row, problems := f.Register.Take(values)
			for _, p := range problems {
				p.Line = number
				bad.Add(p)
			}
			if bad.Err() == nil && !yield(stamdata.Line{Number: number, Row: row}, nil) {
				return
			}
		}
		if bad.Err() == nil && [32]byte(l.sum.Sum(nil)) != f.SHA256 {
			bad.Add(stamdata.Problem{Text: "the file changed while it was read"})
		}
		if err := first(ctx.Err(), bad.Err()); err != nil {
			yield(stamdata.Line{}, err)
		}
	}
}

// asBad adds to what is wrong with the file that it cannot be read on; an error that is not the file's is returned as it is.
func asBad(bad *stamdata.BadFile, line int, err error) error {
	var wrong *csv.ParseError
	switch {
	case errors.Is(err, errTooLong):
		bad.Add(stamdata.Problem{Line: line, Text: fmt.Sprintf("is longer than %d octets", maxRecord)})
	case errors.As(err, &wrong):
		bad.Add(stamdata.Problem{Line: line, Text: "has quotes that do not match"})
	default:
		return fmt.Errorf("read register file: %w", err)
	}
	return bad
}

// reader ends with its context.
type reader struct {
	ctx  context.Context //nolint:containedctx // of one call
	from io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(p)
}

// limited fails when it was asked for more than left, which is set anew for each record: a line without end is not read into memory.
type limited struct {
	from io.Reader
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLong
	}
	n, err := l.from.Read(p)
	l.left -= n
	return n, err
}

// Write writes a register as a full file into the folder: when it returns, readers find all of it. One that is there is replaced.
func (s Registers) Write(ctx context.Context, r stamdata.Register, rows iter.Seq2[stamdata.Row, error]) (err error) {
	name := r.Name + ".csv"
	defer func() {
		if err != nil {
			err = fmt.Errorf("write register file %s: %w", name, err)
		}
	}()
	f, err := os.CreateTemp(s.Dir, "."+name+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	err = writeRows(ctx, f, r, rows)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(s.Dir, name)); err != nil {
		return err
	}
	return syncFolder(s.Dir)
}

func writeRows(ctx context.Context, to io.Writer, r stamdata.Register, rows iter.Seq2[stamdata.Row, error]) error {
	w := csv.NewWriter(to)
	w.Comma = separator
	record := make([]string, len(r.Columns))
	for i, c := range r.Columns {
		record[i] = c.Name
	}
	if err := w.Write(record); err != nil {
		return err
	}
	for row, err := range rows {
		if err = first(err, ctx.Err()); err != nil {
			return err
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
