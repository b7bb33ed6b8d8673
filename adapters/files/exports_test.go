package files_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/files"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestExportFiles(t *testing.T) {
	portstest.ExportFiles(t, func(t *testing.T) (writer, reader ports.ExportFiles) {
		dir := t.TempDir()
		return files.Exports{Dir: dir}, files.Exports{Dir: dir}
	})
}

// merged is a row of the view of persons.
func merged() stamdata.CopyRow {
	from := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	return stamdata.CopyRow{View: stamdata.ECPRView("person"), Key: "k", ValidFrom: from, Fields: []stamdata.Field{
		stamdata.TextField("Uuid", "k"), stamdata.TextField("MergedToUuid", ""), stamdata.InstantField("ValidFrom", from), stamdata.InstantField("ValidTo", time.Time{}),
	}}
}

const (
	exportName = "ecpr-export-00000002.jsonl"
	headLine   = `{"export":2,"rows":1}`
	rowLine    = `{"register":"ecpr2registeret","datatype":"person","version":1,"key":"k","validFrom":"2026-11-22T12:00:00Z",` +
		`"values":["k",null,"2026-11-22T12:00:00.000Z",null]}`
)

func TestExportForm(t *testing.T) {
	dir := t.TempDir()
	e := files.Exports{Dir: dir}
	require.NoError(t, e.Write(t.Context(), 2, []stamdata.CopyRow{merged()}))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing but the file")
	assert.Equal(t, exportName, entries[0].Name())
	text, err := os.ReadFile(filepath.Join(dir, exportName))
	require.NoError(t, err)
	assert.Equal(t, headLine+"\n"+rowLine+"\n", string(text))
	info, err := entries[0].Info()
	require.NoError(t, err)
	assert.Zero(t, info.Mode().Perm()&0o027, "the world reads nothing, and nobody else writes")
}

func TestExportsThatAreNotTaken(t *testing.T) {
	for name, text := range map[string]string{
		"empty":                        "",
		"of another number":            strings.Replace(headLine, "2", "3", 1) + "\n" + rowLine + "\n",
		"torn behind a line":           strings.Replace(headLine, `"rows":1`, `"rows":2`, 1) + "\n" + rowLine + "\n",
		"torn within a line":           headLine + "\n" + rowLine[:50],
		"longer than it says":          headLine + "\n" + rowLine + "\n" + rowLine + "\n",
		"without its first line":       rowLine + "\n",
		"an empty line":                headLine + "\n\n",
		"another column":               headLine + "\n" + strings.Replace(rowLine, `["k",`, `["k","k",`, 1) + "\n",
		"another member":               headLine + "\n" + strings.Replace(rowLine, `"key"`, `"name":"x","key"`, 1) + "\n",
		"another register":             headLine + "\n" + strings.Replace(rowLine, "ecpr2registeret", "cpr", 1) + "\n",
		"another view":                 headLine + "\n" + strings.Replace(rowLine, `"person"`, `"people"`, 1) + "\n",
		"no key":                       headLine + "\n" + strings.Replace(rowLine, `"key":"k"`, `"key":""`, 1) + "\n",
		"two values in one line":       headLine + "\n" + rowLine + rowLine + "\n",
		"a number of rows below zero":  `{"export":2,"rows":-1}` + "\n",
		"a line that has no end":       headLine + "\n" + strings.Replace(rowLine, `["k"`, `["`+strings.Repeat("k", 2<<20)+`"`, 1) + "\n",
		"an instant that cannot be":    headLine + "\n" + strings.Replace(rowLine, "2026-11-22T12:00:00Z", "2026-13-22T12:00:00Z", 1) + "\n",
		"not JSON, with the number of": headLine + "\n0202801111\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, exportName), []byte(text), 0o600))
			rows, err := files.Exports{Dir: dir}.Read(t.Context(), 2)
			require.Error(t, err)
			assert.Empty(t, rows)
			assert.False(t, fault.Is(err, fault.NotFound), "it is there")
			assert.NotContains(t, err.Error(), "0202801111")
		})
	}
}

func TestExportNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		exportName, "ecpr-export-00000003.jsonl.tmp", "ecpr-export-4.jsonl", "ecpr-export-+0000005.jsonl", "ecpr-export-00000006.json", "export-00000007.jsonl",
		"ecpr-export-.jsonl", "ecpr-export-99999999999999999999.jsonl", "ecpr-export--0000001.jsonl",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	latest, err := files.Exports{Dir: dir}.Latest(t.Context())
	require.NoError(t, err)
	assert.Equal(t, int64(2), latest)
}

func TestExportFolderThatIsNotThere(t *testing.T) {
	e := files.Exports{Dir: filepath.Join(t.TempDir(), "none")}
	latest, err := e.Latest(t.Context())
	require.NoError(t, err)
	assert.Zero(t, latest)
	require.ErrorIs(t, e.Write(t.Context(), 1, nil), os.ErrNotExist, "it may be a share that is not mounted")
}

// FuzzExport: no file makes the reader panic, and what it takes can be written and read again.
func FuzzExport(f *testing.F) {
	f.Add(headLine + "\n" + rowLine + "\n")
	f.Add(`{"export":2,"rows":0}`)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		e := files.Exports{Dir: dir}
		require.NoError(t, os.WriteFile(filepath.Join(dir, exportName), []byte(text), 0o600))
		rows, err := e.Read(t.Context(), 2)
		if err != nil {
			return
		}
		require.NoError(t, stamdata.CheckCopies(rows))
		require.NoError(t, e.Write(t.Context(), 2, rows))
		again, err := e.Read(t.Context(), 2)
		require.NoError(t, err)
		require.Equal(t, rows, again)
	})
}
