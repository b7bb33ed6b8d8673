package portstest

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// RegisterFile returns the file NAME.csv or NAME.delta.csv with text, whose header names the columns; spaces around values do not count.
func RegisterFile(t require.TestingT, name, text string) stamdata.File {
	register, full, err := stamdata.RegisterOf(name)
	require.NoError(t, err, name)
	return stamdata.File{
		Name: name, SHA256: sha256.Sum256([]byte(text)), Register: register, Full: full,
		Rows: func(yield func(stamdata.Line, error) bool) {
			bad := &stamdata.BadFile{}
			for line, err := range linesOf(register, text) {
				if err != nil {
					yield(stamdata.Line{}, err)
					return
				}
				row, problems := register.Take(line.Row)
				for _, p := range problems {
					p.Line = line.Number
					bad.Add(p)
				}
				if problems == nil && !yield(stamdata.Line{Number: line.Number, Row: row}, nil) {
					return
				}
			}
			if err := bad.Err(); err != nil {
				yield(stamdata.Line{}, err)
			}
		},
	}
}

// linesOf yields the values of each line in the order of the register's columns.
func linesOf(register stamdata.Register, text string) iter.Seq2[stamdata.Line, error] {
	return func(yield func(stamdata.Line, error) bool) {
		r := csv.NewReader(strings.NewReader(text))
		r.Comma, r.TrimLeadingSpace = ';', true
		header, err := r.Read()
		for err == nil {
			var record []string
			if record, err = r.Read(); err != nil {
				break
			}
			number, _ := r.FieldPos(0)
			values := make(stamdata.Row, len(register.Columns))
			for i, name := range header {
				if c := register.Column(strings.TrimSpace(name)); c >= 0 {
					values[c] = record[i]
				}
			}
			if !yield(stamdata.Line{Number: number, Row: values}, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(stamdata.Line{}, err)
		}
	}
}

// LoadRegisters loads the register files of a folder at an instant.
func LoadRegisters(t require.TestingT, loader ports.StamdataLoader, dir string, at time.Time) {
	for _, r := range stamdata.Registers() {
		for _, name := range []string{r.Name + ".csv", r.Name + ".delta.csv"} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			require.NoError(t, err)
			_, err = loader.Load(context.Background(), RegisterFile(t, name, string(text)), 1, at)
			require.NoError(t, err, name)
		}
	}
}
