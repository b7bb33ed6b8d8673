package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// copyRegister keeps revisions in skrs_row. The table's lock orders those who append, from the first row to the commit: a row is never seen
// after one with a larger PID.
type copyRegister struct{ db *DB }

var _ ports.CopyRegister = copyRegister{}

const (
	lastCopy = "SELECT pid, modified_s FROM skrs_row ORDER BY pid DESC LIMIT 1"

	// A row that is changed moves to the end; one that is equal stays where it is.
	moveCopy = ` ON CONFLICT (view, row_key, valid_from) DO UPDATE SET pid = excluded.pid, modified_s = excluded.modified_s, content = excluded.content
	WHERE skrs_row.content <> excluded.content`

	copyPage = `SELECT pid, modified_s, row_key, valid_from, content FROM skrs_row WHERE view = ? AND (modified_s, pid) > (?, ?)
	ORDER BY modified_s, pid LIMIT ?`
)

func (s copyRegister) Append(ctx context.Context, rows []stamdata.CopyRow, at time.Time) (added int, err error) {
	if err := stamdata.CheckCopies(rows); err != nil {
		return 0, err
	}
	rows = stamdata.Latest(rows)
	if len(rows) == 0 {
		return 0, ctx.Err()
	}
	err = s.db.edit(ctx, func(t *tx) error {
		added, err = t.appendCopies(rows, at)
		if err != nil {
			return fmt.Errorf("append copies: %w", err)
		}
		return nil
	})
	return added, err
}

func (t *tx) appendCopies(rows []stamdata.CopyRow, at time.Time) (added int, err error) {
	if err := t.db.lock(t, "skrs_row"); err != nil {
		return 0, err
	}
	var last stamdata.Offset
	err = t.query(t.ctx, func(rows *sql.Rows) error { return rows.Scan(&last.PID, &last.Seconds) }, lastCopy)
	if err != nil {
		return 0, err
	}
	seconds := stamdata.CopyTime(at, last.Seconds)
	insert := inserter{tx: t, into: "skrs_row (pid, view, modified_s, row_key, valid_from, content)", columns: 6, rest: moveCopy}
	for i := range rows {
		r := &rows[i]
		err := insert.row(last.PID+1+int64(i), r.View.String(), seconds, r.Key, r.ValidFrom.UnixMicro(), string(encodeFields(r.Fields)))
		if err != nil {
			return 0, err
		}
	}
	err = insert.flush()
	return int(insert.changed), err
}

func (s copyRegister) Page(ctx context.Context, v stamdata.View, after stamdata.Offset, limit int) (page []stamdata.CopyRow, err error) {
	columns := v.Columns()
	if columns == nil || limit <= 0 {
		return nil, ctx.Err()
	}
	if !v.OfECPR() {
		return s.db.cprPage(ctx, v, after, limit)
	}
	page = make([]stamdata.CopyRow, 0, min(limit, maxPage))
	fields := make([]stamdata.Field, 0, min(limit, maxPage)*len(columns)) // of all rows
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		r := stamdata.CopyRow{View: v}
		var seconds, from int64
		var content string
		if err := rows.Scan(&r.PID, &seconds, &r.Key, &from, &content); err != nil {
			return err
		}
		r.Modified, r.ValidFrom = time.Unix(seconds, 0).UTC(), time.UnixMicro(from).UTC()
		first := len(fields)
		fields, err = decodeFields(fields, columns, content)
		r.Fields = fields[first:len(fields):len(fields)]
		page = append(page, r)
		return err
	}, copyPage, v.String(), after.Seconds, after.PID, limit)
	if err != nil {
		return nil, fmt.Errorf("read copies: %w", translate(err))
	}
	return page, nil
}

// maxPage is how many rows a page is given memory for before they are read.
const maxPage = 2000

var errContent = errors.New("the content of a copied row cannot be read")

// encodeFields writes the values as a JSON array in the order of the view's columns, which is all that is needed beside the view.
func encodeFields(fields []stamdata.Field) []byte {
	b := make([]byte, 0, 256)
	for i, f := range fields {
		b = append(b, "[,"[min(i, 1)])
		if f.Null {
			b = append(b, "null"...)
		} else {
			b = appendString(b, f.Value)
		}
	}
	return append(b, ']')
}

// appendString appends s as a JSON string (RFC 8259); what is no UTF-8 stays as it is, for decodeFields alone reads it.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// decodeFields reads what encodeFields wrote, for rows by the thousand: values are parts of content wherever they stand there as they are.
func decodeFields(fields []stamdata.Field, columns []string, content string) ([]stamdata.Field, error) {
	for i, name := range columns {
		if content == "" || content[0] != "[,"[min(i, 1)] {
			return fields, errContent
		}
		content = content[1:]
		if len(content) > 4 && content[:4] == "null" {
			fields, content = append(fields, stamdata.Field{Name: name, Null: true}), content[4:]
			continue
		}
		value, rest, ok := decodeString(content)
		if !ok {
			return fields, errContent
		}
		fields, content = append(fields, stamdata.Field{Name: name, Value: value}), rest
	}
	if content != "]" {
		return fields, errContent
	}
	return fields, nil
}

// decodeString reads a string that appendString wrote at the beginning of text.
func decodeString(text string) (value, rest string, ok bool) {
	if text == "" || text[0] != '"' {
		return "", "", false
	}
	var unescaped []byte
	from := 1 // of what is not in unescaped yet
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			if unescaped == nil {
				return text[1:i], text[i+1:], true
			}
			return string(append(unescaped, text[from:i]...)), text[i+1:], true
		case '\\':
			c, size := unescape(text[i:])
			if size == 0 {
				return "", "", false
			}
			unescaped = append(append(unescaped, text[from:i]...), c)
			i += size - 1
			from = i + 1
		}
	}
	return "", "", false
}

// unescape returns the character of an escape at the beginning of text, and its length; 0 if there is none of appendString.
func unescape(text string) (c byte, size int) {
	switch {
	case len(text) >= 2 && (text[1] == '"' || text[1] == '\\'):
		return text[1], 2
	case len(text) >= 6 && text[1:4] == "u00":
		high, low := unhex(text[4]), unhex(text[5])
		if high < 2 && low < 16 {
			return high<<4 | low, 6
		}
	}
	return 0, 0
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// exportState keeps a row for each export in ecpr_export: the last one is where the next begins.
type exportState struct{ db *DB }

var _ ports.ExportState = exportState{}

var errExportNumber = fault.Error{Kind: fault.Conflict, Code: fault.CodeProcessing, Text: "Another export was first."}

func (s exportState) State(ctx context.Context, name string) (stamdata.Export, error) {
	e, err := s.db.read(ctx).export(ctx, name)
	if err != nil {
		return e, fmt.Errorf("find export: %w", translate(err))
	}
	return e, nil
}

func (s session) export(ctx context.Context, name string) (e stamdata.Export, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error {
		var at sql.NullInt64
		err := rows.Scan(&e.Number, &e.Cursor, &at)
		e.At = fromMicros(at)
		return err
	}, "SELECT number, cursor_seq, at FROM ecpr_export WHERE name = ? ORDER BY number DESC LIMIT 1", name)
	return e, err
}

const keepExport = `INSERT INTO ecpr_export (name, number, cursor_seq, at) VALUES (?, ?, ?, ?)
	ON CONFLICT (name, number) DO UPDATE SET cursor_seq = excluded.cursor_seq, at = excluded.at`

func (s exportState) Keep(ctx context.Context, name string, e stamdata.Export) error {
	return s.db.edit(ctx, func(t *tx) error {
		if err := t.db.lock(t, "ecpr_export"); err != nil {
			return fmt.Errorf("lock exports: %w", err)
		}
		kept, err := t.export(t.ctx, name)
		switch {
		case err != nil:
			return fmt.Errorf("find export: %w", err)
		case e.Number != kept.Number && e.Number != kept.Number+1:
			return errExportNumber
		}
		if _, err := t.exec(t.ctx, keepExport, name, e.Number, e.Cursor, micros(e.At)); err != nil {
			return fmt.Errorf("keep export: %w", err)
		}
		return nil
	})
}
