package bootstrap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/adapters/kafka"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports"
)

// stores are the ports that the database of a process serves, and the message log, which may be elsewhere.
type stores struct {
	units      ports.UnitOfWork
	appending  ports.UnitOfWork // of calls that append to the message log
	log        ports.MessageLog
	publishing ports.UnitOfWork // of calls that publish notifications
	nasLog     ports.MessageLog // as the notification service appends to it
	topics     ports.TopicAdmin
	spec       messagelog.Spec // how topics are made
	entries    ports.LogStore
	months     ports.LogMonths // nil where registrations of a month are not kept together
	leases     ports.Leases
	runs       ports.JobRuns
	replies    ports.ReplyStore
	seen       ports.SeenStore
	grants     ports.GrantStore
	session    ports.SessionStore
	events     ports.SecurityEvents
	persons
	ping  func(context.Context) error
	close func() error
}

// persons are the stores of registrations, registers and what is told of them.
type persons struct {
	ledger         ports.NumberLedger
	registrations  ports.PersonStore
	oids           ports.OIDTable
	roles          ports.ECPRRoles
	loader         ports.StamdataLoader
	register       ports.CPRRegister
	authorisations ports.Authorisations
	orgUnits       ports.OrgUnits
	aliases        ports.Aliases
	names          ports.PersonNames
	copies         ports.CopyRegister
	exports        ports.ExportState
	outbox         ports.Outbox
	consents       ports.ConsentStore
	overrides      ports.OverrideLog
	wills          ports.WillStore
	optOuts        ports.OptOutStore
	nasTopics      ports.TopicStore
	pullPoints     ports.PullPointStore
	idLists        ports.IDListStore
}

// personDB is a database that has them.
type personDB interface {
	Ledger() ports.NumberLedger
	Persons() ports.PersonStore
	OIDs() ports.OIDTable
	ECPRRoles() ports.ECPRRoles
	Stamdata() ports.StamdataLoader
	Register() ports.CPRRegister
	Authorisations() ports.Authorisations
	OrgUnits() ports.OrgUnits
	Aliases() ports.Aliases
	PersonNames() ports.PersonNames
	CopyRegister() ports.CopyRegister
	ExportState() ports.ExportState
	Outbox() ports.Outbox
	Consents(aliases bool) ports.ConsentStore
	Overrides(aliases bool) ports.OverrideLog
	Wills() ports.WillStore
	OptOuts() ports.OptOutStore
	NASTopics() ports.TopicStore
	PullPoints() ports.PullPointStore
	IDLists() ports.IDListStore
}

func personsOf(db personDB, c *Config) persons {
	return persons{
		ledger: db.Ledger(), registrations: db.Persons(), oids: db.OIDs(), roles: db.ECPRRoles(), loader: db.Stamdata(), register: db.Register(),
		authorisations: db.Authorisations(), orgUnits: db.OrgUnits(), aliases: db.Aliases(), names: db.PersonNames(),
		copies: db.CopyRegister(), exports: db.ExportState(), outbox: db.Outbox(),
		consents: db.Consents(c.Consent.Aliases), overrides: db.Overrides(c.Consent.Aliases), wills: db.Wills(), optOuts: db.OptOuts(),
		nasTopics: db.NASTopics(), pullPoints: db.PullPoints(), idLists: db.IDLists(),
	}
}

type opener func(ctx context.Context, c *Config, now func() time.Time, log *slog.Logger) (stores, error)

// openers are the databases there are, by the name of store.driver.
func openers() map[string]opener {
	return map[string]opener{"sqlite": openSQL, "postgres": openSQL, "memory": openMemory}
}

// drivers are the names of openers in the order of the documentation.
func drivers() []string { return []string{"sqlite", "postgres", "memory"} }

// sqlOptions say which SQL database the configuration names.
func (c *Config) sqlOptions(now func() time.Time, log *slog.Logger) sqlstore.Options {
	opt := sqlstore.Options{MaxConns: c.Store.MaxConns, NoMigrate: !c.Store.Migrate, Now: now, Log: log}
	if c.Store.Driver == "postgres" {
		opt.DSN = c.Store.DSN
	} else {
		opt.Path = c.Store.DSN
	}
	return opt
}

func openSQL(ctx context.Context, c *Config, now func() time.Time, log *slog.Logger) (stores, error) {
	db, err := sqlstore.Open(ctx, c.sqlOptions(now, log))
	if err != nil {
		return stores{}, err
	}
	return stores{
		units: db.Units(), log: db.MessageLog(), topics: db.Topics(), entries: db.LogStore(), months: db.LogMonths(),
		leases: db.Leases(), runs: db.JobRuns(),
		replies: db.Replies(), seen: db.Seen(), grants: db.Grants(), session: db.Sessions(), events: db.SecurityEvents(),
		persons: personsOf(db, c), ping: db.Ping, close: db.Close,
	}, nil
}

// memoryReplies is how many octets of replies are kept in memory.
const memoryReplies = 256 << 20

func openMemory(_ context.Context, c *Config, now func() time.Time, _ *slog.Logger) (stores, error) {
	db := memory.New(now)
	db.LimitReplies(memoryReplies)
	return stores{
		units: db.Units(), log: db.MessageLog(), topics: db.Topics(), entries: db.LogStore(), leases: db.Leases(), runs: db.JobRuns(),
		replies: db.Replies(), seen: db.Seen(), grants: db.Grants(), session: db.Sessions(), events: db.SecurityEvents(),
		persons: personsOf(db, c), ping: func(context.Context) error { return nil }, close: func() error { return nil },
	}, nil
}

// How the topic of registrations is made.
const (
	kafkaPartitions = 12
	kafkaRetention  = 14 * 24 * time.Hour
)

// openKafka returns the cluster that the configuration names.
func openKafka(ctx context.Context, c *Config, log *slog.Logger) (*kafka.Cluster, error) {
	m := &c.MessageLog
	opt := kafka.Options{
		Brokers: m.Brokers, Instance: c.Instance, SASL: kafka.SASL(m.SASL), Replication: m.Kafka.Replication, MinInSync: m.Kafka.MinInSync,
		Producers: m.Kafka.Producers, CommitTimeout: m.Kafka.CommitTimeout, Compression: m.Kafka.Compression, Log: log,
	}
	if m.TLS.Enabled {
		var err error
		if opt.TLS, err = clientTLS(m.TLS.CA, m.TLS.Client, m.TLS.ServerName); err != nil {
			return nil, err
		}
	}
	return kafka.Open(ctx, opt)
}

// readOnly is the message log of a process that appends nothing. It has no producers: one of the same instance would put them out of work.
type readOnly struct{ *kafka.Cluster }

var _ ports.MessageLog = readOnly{}

var errReadOnly = errors.New("this process appends nothing to the message log")

// Append fails.
func (readOnly) Append(context.Context, []messagelog.Record) error { return errReadOnly }

// clientTLS says how a server is spoken to: whose certificates it may show, and which we show.
func clientTLS(ca string, own KeyPair, serverName string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: serverName}
	if ca != "" {
		raw, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("%s holds no certificate", ca)
		}
	}
	if own.Cert != "" {
		pair, err := tls.LoadX509KeyPair(own.Cert, own.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
