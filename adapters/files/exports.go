package files

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// Exports is a folder that exports of registrations are handed over in: files of JSON lines, of which the first tells the number of the export and
// of its rows. They hold personal data: their owner and its group can read them. A folder that is not there is empty.
type Exports struct{ Dir string }

var _ ports.ExportFiles = Exports{}

const (
	exportBegin = "ecpr-export-"
	exportEnd   = ".jsonl"
	exportTmp   = ".tmp"
	exportMode  = 0o640
	maxRow      = 1 << 20 // octets of a line
)

var (
	errNoExport     = fault.Error{Kind: fault.NotFound, Code: "no_such_export", Text: "There is no such export."}
	errExportNumber = errors.New("an export has a number from 1 on")
)

// exportHead is the first line of an export.
type exportHead struct {
	Export int64 `json:"export"`
	Rows   int   `json:"rows"`
}

// exportRow is a row of an export. Values stand in the order of the view's columns; null is none.
type exportRow struct {
	Register  string     `json:"register"`
	Datatype  string     `json:"datatype"`
	Version   int        `json:"version"`
	Key       string     `json:"key"`
	ValidFrom *time.Time `json:"validFrom,omitempty"`
	Values    []*string  `json:"values"`
}

func (e Exports) path(number int64) string {
	return filepath.Join(e.Dir, fmt.Sprintf("%s%08d%s", exportBegin, number, exportEnd))
}

// Write writes beside the file's name and then gives it its name, each on the disk before the next.
func (e Exports) Write(ctx context.Context, number int64, rows []stamdata.CopyRow) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if number < 1 {
		return errExportNumber
	}
	if err := stamdata.CheckCopies(rows); err != nil {
		return err
	}
	path := e.path(number)
	if err := e.write(path+exportTmp, number, rows); err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	if err := os.Rename(path+exportTmp, path); err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	return e.sync()
}

func (e Exports) write(path string, number int64, rows []stamdata.CopyRow) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, exportMode) //nolint:gosec // the folder is the operator's
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	err = lines.Encode(exportHead{Export: number, Rows: len(rows)})
	for i := 0; i < len(rows) && err == nil; i++ {
		err = lines.Encode(exported(&rows[i]))
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// sync has the folder's names on the disk.
func (e Exports) sync() error {
	dir, err := os.Open(e.Dir)
	if err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func exported(r *stamdata.CopyRow) exportRow {
	row := exportRow{Register: r.View.Register, Datatype: r.View.Datatype, Version: r.View.Version, Key: r.Key, Values: make([]*string, len(r.Fields))}
	if !r.ValidFrom.IsZero() {
		at := r.ValidFrom.UTC()
		row.ValidFrom = &at
	}
	for i := range r.Fields {
		if !r.Fields[i].Null {
			row.Values[i] = &r.Fields[i].Value
		}
	}
	return row
}

// Read takes nothing of a file that is not whole, or that holds rows of other views. Errors hold no value.
func (e Exports) Read(ctx context.Context, number int64) ([]stamdata.CopyRow, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.Open(e.path(number))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errNoExport
	case err != nil:
		return nil, fmt.Errorf("read export: %w", err)
	}
	rows, err := readExport(f, number)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read export %d: %w", number, err)
	}
	return rows, nil
}

func readExport(r io.Reader, number int64) (rows []stamdata.CopyRow, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxRow)
	var head exportHead
	if !lines.Scan() || strictly(lines.Bytes(), &head) != nil || head.Export != number || head.Rows < 0 {
		return nil, errors.Join(errors.New("the first line is not that of this export"), lines.Err())
	}
	for lines.Scan() {
		row, err := importedRow(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(rows)+2, err)
		}
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(rows) != head.Rows {
		return nil, fmt.Errorf("%d rows, want %d", len(rows), head.Rows)
	}
	return rows, nil
}

var errRow = errors.New("not a row of an export")

func importedRow(line []byte) (stamdata.CopyRow, error) {
	var row exportRow
	if strictly(line, &row) != nil {
		return stamdata.CopyRow{}, errRow
	}
	r := stamdata.CopyRow{View: stamdata.View{Register: row.Register, Datatype: row.Datatype, Version: row.Version}, Key: row.Key}
	if row.ValidFrom != nil {
		r.ValidFrom = row.ValidFrom.UTC()
	}
	names := r.View.Columns()
	if len(names) != len(row.Values) {
		return r, errRow
	}
	for i, v := range row.Values {
		f := stamdata.Field{Name: names[i], Null: v == nil}
		if v != nil {
			f.Value = *v
		}
		r.Fields = append(r.Fields, f)
	}
	return r, stamdata.CheckCopies([]stamdata.CopyRow{r})
}

// strictly reads one JSON value that has no other members.
func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errRow
	}
	return nil
}

// Latest looks at the names in the folder; what is still written is not among them.
func (e Exports) Latest(ctx context.Context) (latest int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	entries, err := os.ReadDir(e.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("list exports: %w", err)
	}
	for _, entry := range entries {
		digits, ok := strings.CutPrefix(entry.Name(), exportBegin)
		digits, whole := strings.CutSuffix(digits, exportEnd)
		number, err := strconv.ParseInt(digits, 10, 64)
		if ok && whole && err == nil && filepath.Base(e.path(number)) == entry.Name() {
			latest = max(latest, number)
		}
	}
	return latest, nil
}
