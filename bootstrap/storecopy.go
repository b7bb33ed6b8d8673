package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// MigrateStore brings the store of a configuration to this program's schema and returns the steps that took; with dryRun it changes nothing and
// returns the steps that it would take.
func MigrateStore(ctx context.Context, cfg Config, dryRun bool) ([]sqlstore.Migration, error) {
	if cfg.Store.Driver == "memory" {
		return nil, &ConfigError{[]error{cfg.problem("store.driver", "a store in memory has no schema to migrate")}}
	}
	if !dryRun && cfg.Store.Driver == "sqlite" {
		lock, err := lockDirectory(cfg.DataDir)
		if err != nil {
			return nil, &ResourceError{err}
		}
		defer lock.Close()
	}
	steps, err := sqlstore.Migrate(ctx, cfg.sqlOptions(time.Now, slog.New(slog.DiscardHandler)), dryRun)
	if err != nil {
		return nil, &ResourceError{err}
	}
	return steps, nil
}

// StoreCopy tells what CopyStore copied.
type StoreCopy struct {
	Tables []sqlstore.TableCopy
	// Moved is how many records of each topic were not consumed and were appended to the other message log; nil where the message log is the same,
	// or was copied with the store.
	Moved map[messagelog.Topic]int64
}

// CopyStore copies the store of one configuration into the empty store of another, whose schema it makes first. No server runs meanwhile. Where
// the message logs differ, records that were not consumed are appended to the other one, and positions stay behind; the consumer knows
// registrations by their id. Notifications are not moved: ErrFollowed if anybody has a position among them. After an error nothing of it is in the other store; records may be in Kafka, whose topic then has to be deleted, since
// who finds records there refuses to copy. progress is told how far it is, from several goroutines.
func CopyStore(ctx context.Context, from, to Config, progress func(sqlstore.Progress)) (made StoreCopy, err error) {
	for _, c := range []*Config{&from, &to} {
		if c.Store.Driver == "memory" {
			return made, &ConfigError{[]error{c.problem("store.driver", "a store in memory cannot be copied")}}
		}
	}
	var c storeCopy
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.open(ctx, &from, &to); err != nil {
		return made, &ResourceError{err}
	}
	opt := sqlstore.CopyOptions{Progress: progress, WithoutLog: c.moving()}
	if c.moving() {
		opt.Seal = c.move
	}
	made.Tables, err = sqlstore.Copy(ctx, c.from.db, c.to.db, opt)
	if err != nil {
		if c.began && c.to.driver != embedded {
			err = fmt.Errorf("%w; records are in the other message log already: delete its topics %s before the copy is repeated", err,
				slices.Sorted(maps.Keys(c.moved)))
		}
		if errors.Is(err, sqlstore.ErrInUse) || errors.Is(err, sqlstore.ErrNotEmpty) {
			err = &ResourceError{err}
		}
		return StoreCopy{}, err
	}
	made.Moved = c.moved
	return made, nil
}

// storeCopy is one CopyStore.
type storeCopy struct {
	from, to copySide
	began    bool // records may be in the other message log
	moved    map[messagelog.Topic]int64
	closers  []func() error
}

// copySide is a store and the message log that goes with it.
type copySide struct {
	driver string // of the message log
	db     *sqlstore.DB
	log    ports.MessageLog
	topics ports.TopicAdmin
	spec   messagelog.Spec
}

func (c *storeCopy) close() error {
	var errs []error
	for _, f := range slices.Backward(c.closers) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// moving tells whether records go from one message log to another.
func (c *storeCopy) moving() bool { return c.from.driver != c.to.driver }

func (c *storeCopy) open(ctx context.Context, from, to *Config) error {
	if from.Store.Driver == "sqlite" {
		if _, err := os.Stat(from.Store.DSN); err != nil { // opening it would make it
			return fmt.Errorf("open the store that is copied: %w", err)
		}
	}
	if from.Store.Driver == to.Store.Driver && from.Store.DSN == to.Store.DSN {
		return errors.New("the store is copied to itself")
	}
	dirs := []string{from.DataDir, to.DataDir}
	for _, dir := range slices.Compact(dirs) {
		lock, err := lockDirectory(dir)
		if err != nil {
			return err
		}
		c.closers = append(c.closers, lock.Close)
	}
	if err := c.openSource(ctx, from); err != nil {
		return err
	}
	if err := c.openTarget(ctx, to); err != nil {
		return err
	}
	if !c.moving() {
		return nil
	}
	if err := c.openLogs(ctx, from, to); err != nil {
		return err
	}
	return c.prepare(ctx, to)
}

func (c *storeCopy) openSource(ctx context.Context, from *Config) (err error) {
	opt := from.sqlOptions(time.Now, slog.New(slog.DiscardHandler))
	opt.NoMigrate = true
	if c.from.db, err = sqlstore.Open(ctx, opt); err != nil {
		return err
	}
	c.closers = append(c.closers, c.from.db.Close)
	c.from.driver = from.MessageLog.Driver
	if from.Store.Driver == "sqlite" { // the lock of the data directory tells
		return nil
	}
	held, err := c.from.db.Leases().Held(ctx, "", time.Now())
	if err != nil {
		return err
	}
	for _, holder := range held {
		return fmt.Errorf("%w: %s works in it, or did a moment ago", sqlstore.ErrInUse, holder)
	}
	return nil
}

func (c *storeCopy) openTarget(ctx context.Context, to *Config) error {
	opt := to.sqlOptions(time.Now, slog.New(slog.DiscardHandler))
	missing, err := sqlstore.Migrate(ctx, opt, true)
	if err != nil {
		return err
	}
	if len(missing) > 0 && missing[0].Version != 1 {
		return fmt.Errorf("%w: it has an older schema", sqlstore.ErrNotEmpty)
	}
	opt.NoMigrate = false
	if c.to.db, err = sqlstore.Open(ctx, opt); err != nil {
		return err
	}
	c.closers = append(c.closers, c.to.db.Close)
	c.to.driver = to.MessageLog.Driver
	return nil
}

// openLogs opens the message logs that differ.
func (c *storeCopy) openLogs(ctx context.Context, from, to *Config) error {
	for _, side := range []struct {
		*copySide
		cfg *Config
	}{{&c.from, from}, {&c.to, to}} {
		if side.driver == embedded {
			side.log, side.topics, side.spec = side.db.MessageLog(), side.db.Topics(), messagelog.Spec{Partitions: 1}
			continue
		}
		own := *side.cfg
		own.Instance = own.Instance[:min(len(own.Instance), 59)] + "-copy" // puts no server's producers out of work
		cluster, err := openKafka(ctx, &own, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		c.closers = append(c.closers, cluster.Close)
		side.log, side.topics = cluster.Service("minlog").MessageLog(), cluster.Topics()
		side.spec = messagelog.Spec{Partitions: kafkaPartitions, Retention: kafkaRetention}
	}
	return nil
}

// prepare finds the topics to move. On Kafka, which is not part of the copy's transaction, it makes them, and requires them to be empty: a record
// that counts what was refused would count twice.
func (c *storeCopy) prepare(ctx context.Context, to *Config) error {
	c.moved = map[messagelog.Topic]int64{}
	notifications, err := c.notifications(ctx)
	if err != nil {
		return err
	}
	if c.from.driver == embedded {
		all, err := c.from.topics.Topics(ctx)
		if err != nil {
			return err
		}
		for topic := range all {
			if _, is := notifications[topic]; !is {
				c.moved[topic] = 0
			}
		}
	} else {
		for _, topic := range append([]string{to.MinLog.Topic}, to.MinLog.Consumer.Topics...) {
			c.moved[messagelog.Topic(topic)] = 0
		}
	}
	if c.to.driver == embedded {
		return nil
	}
	for topic := range c.moved {
		if err := logkeeping.EnsureTopic(ctx, c.to.topics, topic, c.to.spec); err != nil {
			return err
		}
		bounds, err := c.to.log.Bounds(ctx, []messagelog.Topic{topic})
		if err != nil {
			return err
		}
		for _, b := range bounds[topic] {
			if b.First < b.End {
				return fmt.Errorf("%w: topic %s of its message log has records, perhaps of a copy that was broken off: delete the topic", sqlstore.ErrNotEmpty, topic)
			}
		}
	}
	return nil
}

// ErrFollowed: there are subscriptions whose positions would mean nothing in another message log.
var ErrFollowed = errors.New("pull points have subscriptions, whose positions cannot be taken to another message log: their owners have to end them first")

// notifications are the topics of the notification service, of which nobody may have a position.
func (c *storeCopy) notifications(ctx context.Context) (map[messagelog.Topic]messagelog.Spec, error) {
	now := time.Now()
	for after := nas.PullPointID(""); ; {
		live, err := c.from.db.PullPoints().LivePullPoints(ctx, after, moveBatch, now)
		if err != nil {
			return nil, err
		}
		for _, p := range live {
			if len(p.Subscriptions) > 0 {
				return nil, ErrFollowed
			}
			after = p.ID
		}
		if len(live) < moveBatch {
			break
		}
	}
	topics, err := c.from.db.NASTopics().Topics(ctx)
	if err != nil {
		return nil, err
	}
	specs := map[messagelog.Topic]messagelog.Spec{}
	for _, t := range topics {
		specs[t.Log] = t.Spec
	}
	return specs, nil
}

// moveBatch is how many records are moved at once.
const moveBatch = 1000

// move appends what was not consumed to the other message log, before the copy is committed: after an error all is to be done again, and nothing is
// lost.
func (c *storeCopy) move(ctx context.Context) error {
	c.began = true
	notifications, err := c.notifications(ctx)
	if err != nil {
		return err
	}
	for topic, spec := range notifications {
		if err := logkeeping.EnsureTopic(ctx, c.to.topics, topic, spec); err != nil {
			return err
		}
	}
	for topic := range c.moved {
		if err := logkeeping.EnsureTopic(ctx, c.to.topics, topic, c.to.spec); err != nil {
			return err
		}
		bounds, err := c.from.log.Bounds(ctx, []messagelog.Topic{topic})
		if err != nil {
			return err
		}
		for part, b := range bounds[topic] {
			n, err := c.movePartition(ctx, minlog.Partition{Topic: topic, Number: part}, b)
			if err != nil {
				return fmt.Errorf("move what was not consumed of %s/%d: %w", topic, part, err)
			}
			c.moved[topic] += n
		}
	}
	return nil
}

func (c *storeCopy) movePartition(ctx context.Context, p minlog.Partition, b messagelog.Bounds) (moved int64, err error) {
	next, known, err := c.from.db.LogStore().NextOffset(ctx, p)
	if err != nil {
		return 0, err
	}
	if !known {
		next = b.First
	}
	if next < b.First {
		return 0, logkeeping.ErrHalted
	}
	if next >= b.End {
		return 0, nil
	}
	opt := messagelog.ReadOptions{MaxRecords: moveBatch, Timeout: time.Minute}
	for batch, err := range c.from.log.Read(ctx, p.Topic, p.Number, next, b.End, opt) {
		if err != nil {
			return moved, err
		}
		if len(batch.Records) == 0 {
			continue
		}
		if err := c.to.log.Append(ctx, batch.Records); err != nil {
			return moved, err
		}
		moved += int64(len(batch.Records))
	}
	return moved, nil
}
