package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/adapters/files"
	"github.com/opennsp/nsp/domain/stamdata"
)

// Registers opens the registers in the store of a configuration, for a command that works on them beside the servers; with SQLite a command that
// loads finds none running. close releases them.
func (c *Config) Registers(ctx context.Context, loads bool) (r *RegisterStore, close func() error, err error) {
	if c.Store.Driver == "memory" {
		return nil, nil, &ConfigError{[]error{c.problem("store.driver", "a store in memory has no registers but those of its server")}}
	}
	var closers []func() error
	close = func() error {
		var err error
		for i := range closers {
			err = errors.Join(err, closers[len(closers)-1-i]())
		}
		return err
	}
	if loads && c.Store.Driver == "sqlite" {
		lock, err := lockDirectory(c.DataDir)
		if err != nil {
			return nil, nil, &ResourceError{fmt.Errorf("%w: stop the server, or put the files into %s", err, c.Stamdata.Dir)}
		}
		closers = append(closers, lock.Close)
	}
	options := c.sqlOptions(time.Now, slog.New(slog.DiscardHandler))
	options.NoMigrate = options.NoMigrate || !loads
	db, err := sqlstore.Open(ctx, options)
	if err != nil {
		return nil, nil, &ResourceError{errors.Join(err, close())}
	}
	closers = append(closers, db.Close)
	return &RegisterStore{db: db, share: c.Stamdata.MaxCloseShare}, close, nil
}

// RegisterStore is the registers of a store.
type RegisterStore struct {
	db    *sqlstore.DB
	share float64
}

// Import loads one file. progress is told how many rows were read, now and then.
func (r *RegisterStore) Import(ctx context.Context, path string, force bool, progress func(rows int)) (stamdata.LoadReport, error) {
	folder := files.Registers{Dir: filepath.Dir(path)}
	f, closer, err := folder.Open(ctx, filepath.Base(path))
	if err != nil {
		return stamdata.LoadReport{}, err
	}
	defer closer.Close()
	f.Force, f.Rows = force, counted(f.Rows, progress)
	return r.db.Stamdata().Load(ctx, f, r.share, time.Now())
}

// counted tells progress after every thousand rows.
func counted(rows iter.Seq2[stamdata.Line, error], progress func(int)) iter.Seq2[stamdata.Line, error] {
	return func(yield func(stamdata.Line, error) bool) {
		n := 0
		for line, err := range rows {
			if n++; n%1000 == 0 {
				progress(n)
			}
			if !yield(line, err) {
				return
			}
		}
	}
}

// Export writes a register as a file into a folder and returns how many rows it has.
func (r *RegisterStore) Export(ctx context.Context, register stamdata.Register, dir string) (rows int, err error) {
	counting := func(yield func(stamdata.Row, error) bool) {
		for row, err := range r.db.Stamdata().Rows(ctx, register) {
			rows++
			if !yield(row, err) {
				return
			}
		}
	}
	if err := (files.Registers{Dir: dir}).Write(ctx, register, counting); err != nil {
		return 0, fmt.Errorf("export %s: %w", register.Name, err)
	}
	return rows, nil
}

// Loads returns the reports of the latest loads, newest first.
func (r *RegisterStore) Loads(ctx context.Context, n int) ([]stamdata.LoadReport, error) {
	return r.db.Stamdata().Loads(ctx, n)
}
