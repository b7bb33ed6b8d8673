package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/tests/child"
	"github.com/opennsp/nsp/tests/kafkatest"
	"github.com/opennsp/nsp/tests/postgrestest"
	"github.com/opennsp/nsp/tests/process"
)

// cluster is MinLog in several processes, each with a role of its own, on a PostgreSQL and a Kafka of its own.
type cluster struct {
	binary   string
	dir      string
	database *postgrestest.Server
	broker   *kafkatest.Broker
	brokers  string   // host:port, which may be a proxy's
	env      []string // further settings of those that start from now on

	fronts, consumers []*member
	lookup            *process.Server // and the token service
}

// member is a process that comes back at the same addresses.
type member struct {
	*process.Server
	binary  string
	options process.Options
}

// newCluster starts everything, with n fronts and n consumers. way, if any, returns the DSN by which the processes reach the database.
func newCluster(t *testing.T, n int, kafka kafkatest.Options, way func(dsn string) string) *cluster {
	t.Helper()
	c := &cluster{binary: nspd(t), dir: t.TempDir(), brokers: kafka.Advertised}
	var starting sync.WaitGroup
	var errs [2]error
	starting.Go(func() { c.database, errs[0] = postgrestest.Start(t.Context(), postgrestest.Options{}) })
	starting.Go(func() { c.broker, errs[1] = kafkatest.StartApache(t.Context(), kafka) })
	starting.Wait()
	if c.database != nil {
		t.Cleanup(c.database.Stop)
	}
	if c.broker != nil {
		t.Cleanup(c.broker.Stop)
	}
	err := errors.Join(errs[:]...)
	if errors.Is(err, postgrestest.ErrMissing) || errors.Is(err, kafkatest.ErrMissing) {
		child.Missing(t, err.Error())
	}
	require.NoError(t, err)
	if c.brokers == "" {
		c.brokers = c.broker.Addr
	}
	store := c.database.DSN
	if way != nil {
		store = way(store)
	}
	// The first makes the schema and the federation.
	lookup := c.member(t, "lookup", "minlog-lookup,sts", store)
	c.lookup = lookup.Server
	for i := range n {
		c.fronts = append(c.fronts, c.member(t, fmt.Sprint("front", i), "minlog-registration", store))
		c.consumers = append(c.consumers, c.member(t, fmt.Sprint("consumer", i), "minlog-consumer", store))
	}
	return c
}

// member starts a process with a role.
func (c *cluster) member(t *testing.T, name, roles, store string) *member {
	t.Helper()
	m := &member{binary: c.binary, options: process.Options{
		Dir: filepath.Join(c.dir, name), Federation: filepath.Join(c.dir, "federation"),
		Env: append([]string{
			"NSPD_ROLES=" + roles, "NSPD_INSTANCE=" + name, "NSPD_STORE_DRIVER=postgres", "NSPD_STORE_DSN=" + store,
			"NSPD_MESSAGELOG_DRIVER=kafka", "NSPD_MESSAGELOG_BROKERS=" + c.brokers, "NSPD_MESSAGELOG_KEY_SECRET=a secret of this test alone, 32+",
			"NSPD_MESSAGELOG_KAFKA_REPLICATION=1", "NSPD_MESSAGELOG_KAFKA_MIN_INSYNC=1", "NSPD_MINLOG_CONSUMER_LEASE=2s",
			"NSPD_HEALTH_CACHE=100ms", "NSPD_HEALTH_FAILURE_THRESHOLD=2", "NSPD_MESSAGELOG_KAFKA_COMMIT_TIMEOUT=3s", "NSPD_MINLOG_APPEND_TIMEOUT=3s",
		}, c.env...),
	}}
	require.NoError(t, os.Mkdir(m.options.Dir, 0o700))
	var err error
	m.options.Addr, err = process.FreeAddr()
	require.NoError(t, err)
	m.options.Admin, err = process.FreeAddr()
	require.NoError(t, err)
	require.NoError(t, m.start(t.Context()))
	t.Cleanup(func() { m.Kill() })
	return m
}

// start starts the process, again and again where it ends at once: as an operator's service manager does while the database is away.
func (m *member) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		server, err := process.Run(ctx, m.binary, m.options)
		if err == nil {
			m.Server = server
			return nil
		}
		if ctx.Err() != nil || !errors.Is(err, process.ErrGone) {
			return fmt.Errorf("%s: %w", m.options.Dir, err)
		}
	}
}

// clients returns a client of each front.
func (c *cluster) clients(t *testing.T) []*process.Client {
	t.Helper()
	client, err := c.lookup.Client(t.Context(), "epj")
	require.NoError(t, err)
	var all []*process.Client
	for _, f := range c.fronts {
		all = append(all, client.At(f.URL))
	}
	return all
}

// settle waits until the consumers have stored everything, and returns how often each entry is found.
func (c *cluster) settle(t *testing.T) map[string]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, c.consumers[0].Consumed(ctx), "the position of every partition is the end of the log")
	reader, err := c.lookup.Client(t.Context(), "laege")
	require.NoError(t, err)
	return counted(t, reader)
}

// killsWanted is how often processes are killed; make crash asks for more than make test.
func killsWanted(t *testing.T) int {
	t.Helper()
	n := 12
	if wanted := os.Getenv("OPENNSP_TEST_KILLS"); wanted != "" {
		var err error
		n, err = strconv.Atoi(wanted)
		require.NoError(t, err)
	}
	return n
}

// TestAC19KillAnyOfManyProcesses kills fronts, consumers and the database again and again while clients register. In the end every acknowledged
// entry is found exactly once, none that was refused is, and whatever is stored has its line in the audit log of a front.
func TestAC19KillAnyOfManyProcesses(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	const writers = 16
	c := newCluster(t, 2, kafkatest.Options{}, nil)
	clients := c.clients(t)
	all := newLedger()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var registering sync.WaitGroup
	for range writers {
		registering.Go(func() { all.register(ctx, 4, clients...) })
	}
	all.atLeast(t, 20, acknowledged, "before the first kill")

	began, wanted := time.Now(), (killsWanted(t)+2)/3
	var killing sync.WaitGroup
	for _, kill := range []func() error{
		func() error {
			m := c.fronts[rand.IntN(len(c.fronts))]
			m.Kill()
			return m.start(ctx)
		},
		func() error {
			m := c.consumers[rand.IntN(len(c.consumers))]
			m.Kill()
			return m.start(ctx)
		},
		func() error {
			c.database.Kill()
			return c.database.Restart(ctx)
		},
	} {
		killing.Go(func() {
			for range wanted {
				<-time.After(time.Duration(rand.IntN(1000)) * time.Millisecond) // load for a random while; nothing is waited for
				if err := kill(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	killing.Wait()
	took := time.Since(began)
	all.atLeast(t, 20, acknowledged, "after the last kill")
	stop()
	registering.Wait()
	require.False(t, t.Failed(), "all came back")

	found := c.settle(t)
	all.verify(t, found)
	audited := map[string]bool{}
	for _, f := range c.fronts {
		for id := range auditedMessages(t, f.Dir) {
			audited[id] = true
		}
	}
	for id := range all.bulks {
		if found[entryID(id, 0)] > 0 {
			assert.True(t, audited[id], "what is stored has its audit line")
		}
	}
	t.Logf("%d kills in %s: of fronts, of consumers and of the database %d each", 3*wanted, took.Round(time.Second), wanted)
}
