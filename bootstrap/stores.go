package bootstrap

import (
	"context"
	"log/slog"
	"time"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/ports"
)

// stores are the ports that one database serves.
type stores struct {
	units   ports.UnitOfWork
	log     ports.MessageLog
	topics  ports.TopicAdmin
	entries ports.LogStore
	replies ports.ReplyStore
	seen    ports.SeenStore
	grants  ports.GrantStore
	session ports.SessionStore
	events  ports.SecurityEvents
	ping    func(context.Context) error
	close   func() error
}

type opener func(ctx context.Context, c *Config, now func() time.Time, log *slog.Logger) (stores, error)

// openers are the databases there are, by the name of store.driver.
func openers() map[string]opener {
	return map[string]opener{"sqlite": openSQLite, "memory": openMemory}
}

// drivers are the names of openers in the order of the documentation.
func drivers() []string { return []string{"sqlite", "memory"} }

func openSQLite(ctx context.Context, c *Config, now func() time.Time, log *slog.Logger) (stores, error) {
	db, err := sqlstore.Open(ctx, sqlstore.Options{Path: c.Store.DSN, MaxConns: c.Store.MaxConns, Now: now, Log: log})
	if err != nil {
		return stores{}, err
	}
	return stores{
		units: db.Units(), log: db.MessageLog(), topics: db.Topics(), entries: db.LogStore(), replies: db.Replies(), seen: db.Seen(),
		grants: db.Grants(), session: db.Sessions(), events: db.SecurityEvents(), ping: db.Ping, close: db.Close,
	}, nil
}

func openMemory(_ context.Context, _ *Config, now func() time.Time, _ *slog.Logger) (stores, error) {
	db := memory.New(now)
	return stores{
		units: db.Units(), log: db.MessageLog(), topics: db.Topics(), entries: db.LogStore(), replies: db.Replies(), seen: db.Seen(),
		grants: db.Grants(), session: db.Sessions(), events: db.SecurityEvents(),
		ping: func(context.Context) error { return nil }, close: func() error { return nil },
	}, nil
}
