package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/bootstrap"
)

type copyCommand struct {
	sources
	From           string `help:"Kind of the store that is copied: sqlite or postgres." enum:"sqlite,postgres" required:"" placeholder:"KIND"`
	To             string `help:"Kind of the store that it is copied to, which is empty." enum:"sqlite,postgres" required:"" placeholder:"KIND"`
	FromDSN        string `name:"from-dsn" help:"File or DSN of the one; empty = store.dsn, or for sqlite <data_dir>/store.db. A password is better in a file: $${file:/path}." placeholder:"DSN"`
	ToDSN          string `name:"to-dsn" help:"File or DSN of the other; likewise." placeholder:"DSN"`
	FromMessageLog string `name:"from-messagelog" help:"Message log of the one: embedded or kafka; empty = messagelog.driver with postgres, embedded with sqlite." placeholder:"KIND"`
	MessageLog     string `name:"messagelog" help:"Message log of the other; likewise. Where they differ, what was not consumed goes over." placeholder:"KIND"`
}

// Help says what the command does.
func (copyCommand) Help() string {
	return `Copies all that a store holds into an empty store of another kind, reads both again and compares them row by row. The
configuration is that of the servers; stop them first. All is one transaction: a copy that is interrupted, or that differs, leaves nothing
behind and can be repeated. Keys and logs in the data directory are not part of the store.`
}

// Run copies the store.
func (c copyCommand) Run(s streams) error {
	from, err := c.side(c.From, c.FromDSN, c.FromMessageLog, "from")
	if err != nil {
		return err
	}
	to, err := c.side(c.To, c.ToDSN, c.MessageLog, "to")
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	started := time.Now()
	made, err := bootstrap.CopyStore(ctx, from, to, (&progressLine{w: s.err, now: time.Now}).show)
	if err != nil {
		return err
	}
	return c.report(s.out, made, time.Since(started))
}

// side is the configuration of one store.
func (c copyCommand) side(driver, dsn, messageLog, flag string) (bootstrap.Config, error) {
	set := []bootstrap.Setting{{Key: "roles", Value: "all", Flag: "--" + flag}, {Key: "store.driver", Value: driver, Flag: "--" + flag}}
	if dsn != "" {
		set = append(set, bootstrap.Setting{Key: "store.dsn", Value: dsn, Flag: "--" + flag + "-dsn"})
	}
	if messageLog == "" && driver == "sqlite" {
		messageLog = "embedded"
	}
	if messageLog != "" {
		set = append(set, bootstrap.Setting{Key: "messagelog.driver", Value: messageLog, Flag: "--messagelog"})
	}
	cfg, err := c.load(set...)
	if err == nil && dsn == "" && driver == "sqlite" && strings.ContainsAny(cfg.Store.DSN, ":=") { // that of PostgreSQL
		cfg, err = c.load(append(set, bootstrap.Setting{Key: "store.dsn", Flag: "--" + flag})...)
	}
	return cfg, err
}

func (c copyCommand) report(w io.Writer, made bootstrap.StoreCopy, took time.Duration) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TABLE\tROWS\tSUM")
	rows := int64(0)
	for _, t := range made.Tables {
		fmt.Fprintf(table, "%s\t%d\t%.16s\n", t.Table, t.Rows, t.Sum)
		rows += t.Rows
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "%d rows of %d tables were copied in %s; both stores were read again and hold the same.\n", rows, len(made.Tables),
		took.Round(time.Millisecond))
	for _, topic := range slices.Sorted(maps.Keys(made.Moved)) {
		fmt.Fprintf(w, "%d records of %s that were not consumed are in the other message log.\n", made.Moved[topic], topic)
	}
	return nil
}

// progressLine shows how far a copy is, once a second, and each table that is done. It is safe for concurrent use.
type progressLine struct {
	w   io.Writer
	now func() time.Time

	mu     sync.Mutex
	began  map[sqlstore.CopyStep]time.Time // of the table
	last   time.Time
	tables map[sqlstore.CopyStep]string
}

const progressInterval = time.Second

func (l *progressLine) show(p sqlstore.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.tables == nil {
		l.tables, l.began, l.last = map[sqlstore.CopyStep]string{}, map[sqlstore.CopyStep]time.Time{}, now
	}
	if l.tables[p.Step] != p.Table {
		l.tables[p.Step], l.began[p.Step] = p.Table, now
	}
	if p.Of == 0 || p.Rows < p.Of && now.Sub(l.last) < progressInterval {
		return
	}
	l.last = now
	speed := ""
	if took := now.Sub(l.began[p.Step]).Seconds(); took > 0 {
		speed = fmt.Sprintf(", %.0f rows/s", float64(p.Rows)/took)
	}
	fmt.Fprintf(l.w, "%s: %s: %d of %d rows, %d %%%s\n", p.Table, p.Step, p.Rows, p.Of, 100*p.Rows/p.Of, speed)
}
