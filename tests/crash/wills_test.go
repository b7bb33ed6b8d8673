package crash

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/tests/child"
	"github.com/opennsp/nsp/tests/postgrestest"
	"github.com/opennsp/nsp/tests/process"
)

const (
	willKills   = 20 // at least, on each kind of store
	willClients = 8
	willReaders = 2
)

// willEnv makes notifications leave soon, and opens the register of living wills: there is something to upgrade.
var willEnv = []string{"NSPD_OUTBOX_POLL=20ms", "NSPD_WILLS_LTR_CLOSED_FROM=", "NSPD_WILLS_MINLOG_TIMEOUT=20s", "NSPD_LIMITS_QUEUE=20s"}

// TestWillsEmbedded kills the only process there is.
func TestWillsEmbedded(t *testing.T) {
	skipIfShort(t)
	m := newKeeper(t, t.TempDir(), process.Options{Env: willEnv})
	store := sqlstore.Options{Path: filepath.Join(m.Dir, "store.db")}
	t.Run("WA-32 killed again and again", func(t *testing.T) {
		willsSurvive(t, newRegisters(t, []*member{m}), store, func() *sql.DB { return opened(t, "sqlite", store.Path) }, m)
	})
}

// TestWillsCluster kills any of two processes on one database.
func TestWillsCluster(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	database, err := postgrestest.Start(t.Context(), postgrestest.Options{})
	if errors.Is(err, postgrestest.ErrMissing) {
		child.Missing(t, err.Error())
	}
	require.NoError(t, err)
	t.Cleanup(database.Stop)
	dir := t.TempDir()
	var servers []*member
	for i := range 2 {
		own := filepath.Join(dir, fmt.Sprint(i))
		require.NoError(t, os.Mkdir(own, 0o700))
		servers = append(servers, newKeeper(t, own, process.Options{Federation: filepath.Join(dir, "federation"), Env: append([]string{
			"NSPD_STORE_DRIVER=postgres", "NSPD_STORE_DSN=" + database.DSN, "NSPD_STORE_MAX_CONNS=8", "NSPD_JOBS_LEASE_TTL=2s", "NSPD_MINLOG_CONSUMER_LEASE=2s",
		}, willEnv...)}))
	}
	r := newRegisters(t, servers)
	t.Run("WA-11 WA-12 FA-04 WL-15 one person, two numbers, two processes", func(t *testing.T) { race(t, r, r.people[1]) })
	t.Run("WA-32 killed again and again", func(t *testing.T) {
		willsSurvive(t, r, sqlstore.Options{DSN: database.DSN}, func() *sql.DB { return opened(t, "pgx", database.DSN) }, servers...)
	})
}

// newKeeper starts a process whose CPR register has the townspeople.
func newKeeper(t *testing.T, dir string, o process.Options) *member {
	t.Helper()
	registers := filepath.Join(dir, "stamdata")
	require.NoError(t, devfed.LayInRegisters(registers))
	file := filepath.Join(registers, "cpr-person.csv")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append(content, townspeople()...), 0o600))
	m := &member{binary: nspd(t), options: o}
	m.options.Dir = dir
	m.options.Addr, err = process.FreeAddr()
	require.NoError(t, err)
	m.options.Admin, err = process.FreeAddr()
	require.NoError(t, err)
	require.NoError(t, m.start(t.Context()))
	t.Cleanup(func() { m.Kill() })
	return m
}

func opened(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

const (
	townSize = 10
	linked   = 4 // of them, who have two numbers each
)

// numbersOf are the numbers of one of the townspeople, who are old enough for everything.
func numbersOf(i int) (digits []string) {
	digits = []string{fmt.Sprintf("%02d0450%04d", i+1, i)}
	if i < linked {
		digits = append(digits, fmt.Sprintf("%02d0450%04d", i+1, 1000+i))
	}
	return digits
}

// townspeople are the lines of the townspeople in the CPR register. All their numbers are active, so that they can be used for everything.
func townspeople() []byte {
	var b strings.Builder
	for i := range townSize {
		numbers := numbersOf(i)
		for _, n := range numbers {
			current := ""
			if n != numbers[0] {
				current = numbers[0]
			}
			fmt.Fprintf(&b, "%s;01;;K;Anna;;Eksempel;;;;;;;;;;;%s;1950-04-%02d;0;;;;;;\n", n, current, i+1)
		}
	}
	return []byte(b.String())
}

// willsSurvive kills any of the processes in the middle of changes of wills and opt-outs. In the end the registers have what was acknowledged, and
// nothing that nobody asked for; NAS, MinLog and the audit log have been told of it. Meanwhile a will that is only updated is always there.
func willsSurvive(t *testing.T, r *registers, o sqlstore.Options, open func() *sql.DB, servers ...*member) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer stop()
	for range willClients {
		clients.Go(func() {
			for ctx.Err() == nil {
				r.change(ctx, t, r.people[rand.IntN(len(r.people))])
				pause(ctx) // so that what starts has a share of the machine
			}
		})
	}
	for range willReaders {
		clients.Go(func() {
			for ctx.Err() == nil {
				r.look(ctx, t, r.people[0])
			}
		})
	}
	r.more(t, 20)
	wanted := max(willKills, killsWanted(t))
	for range wanted {
		r.more(t, rand.IntN(10))
		m := servers[rand.IntN(len(servers))]
		m.Kill()
		require.NoError(t, m.start(t.Context()))
	}
	r.more(t, 20)
	stop()
	clients.Wait()
	require.False(t, t.Failed(), "while it went on")

	for _, s := range servers {
		require.NoError(t, s.Consumed(t.Context()))
	}
	store, err := sqlstore.Open(t.Context(), o)
	require.NoError(t, err)
	defer store.Close()
	r.verify(t, store, open(), servers)
	t.Logf("%d kills; %d changes acknowledged, %d refused, %d in doubt; the reader was answered %d times", wanted,
		r.counts[acknowledged], r.counts[refused], r.counts[doubtful], r.looks.Load())
}

// race has many ask for the same at once, under either number of a person: one of those who make or withdraw something does, in whichever register.
// The histories are seen to later, with those of the others.
func race(t *testing.T, r *registers, p *citizen) {
	t.Helper()
	const rounds, many = 4, 16
	require.Len(t, p.numbers, 2)
	at := func(kinds ...string) (done int64) {
		var count atomic.Int64
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() {
				if r.perform(t.Context(), p, p.numbers[i%2], kinds[i/2%len(kinds)]) == acknowledged {
					count.Add(1)
				}
			})
		}
		all.Wait()
		return count.Load()
	}
	for round := range rounds {
		assert.EqualValues(t, 1, at("create BTR", "create LTR"), "wills made")
		assert.Positive(t, at("update BTR", "upgrade", "update LTR"))
		assert.EqualValues(t, 1, at("delete BTR", "delete LTR", "delete BTR"), "wills withdrawn")
		assert.EqualValues(t, 1, at("register"), "opt-outs registered")
		assert.EqualValues(t, 1, at([]string{"withdraw", "error"}[round%2]), "opt-outs ended")
	}
}

// newRegisters makes a pull point for what the registers tell, and gives the first citizen what stays: a will and an opt-out.
func newRegisters(t *testing.T, servers []*member) *registers {
	t.Helper()
	r := &registers{counts: map[fate]int{}, codes: map[string]int{}}
	administrator, err := servers[0].Client(t.Context(), "administrator")
	require.NoError(t, err)
	subscriber, err := servers[0].Client(t.Context(), "epj")
	require.NoError(t, err)
	for _, s := range servers {
		r.clients, r.subscriber = append(r.clients, administrator.At(s.URL)), subscriber.At(s.URL)
	}
	for i := range townSize {
		p := &citizen{}
		for _, digits := range numbersOf(i) {
			p.numbers = append(p.numbers, number(t, digits))
		}
		r.people = append(r.people, p)
	}
	r.pullPoint, err = r.subscriber.NAS(nasws.PathFactory, "").CreatePullPoint(t.Context())
	require.NoError(t, err)
	for _, topic := range []string{treatmentTopic, livingTopic, optOutTopic} {
		_, err := r.subscriber.NAS(nasws.PathManager, "").Subscribe(t.Context(), nasws.Selection{PullPoint: r.pullPoint, Topic: nas.TopicName(topic)})
		require.NoError(t, err)
	}
	p := r.people[0]
	require.Eventually(t, func() bool { // the register is loaded behind the start
		return r.perform(t.Context(), p, p.numbers[0], "create BTR") == acknowledged
	}, startLimit, startPoll)
	require.Equal(t, acknowledged, r.perform(t.Context(), p, p.numbers[0], "register"))
	p.steady = true
	clear(r.codes)
	return r
}

// look asks for the will and the opt-out of somebody who never withdraws them, under any of the numbers.
func (r *registers) look(ctx context.Context, t *testing.T, p *citizen) {
	t.Helper()
	of, client := p.numbers[rand.IntN(len(p.numbers))], r.any()
	if has, err := client.Wills(will.BTR, uuid.NewString()).Has(ctx, of); err == nil {
		assert.True(t, has, "a will that is only updated")
		r.looks.Add(1)
	}
	if has, err := client.Wills(will.LTR, uuid.NewString()).Has(ctx, of); err == nil {
		assert.False(t, has, "the other register")
	}
	if _, err := client.Wills(will.BTR, uuid.NewString()).Get(ctx, of); refusal(err) != "" {
		assert.NotEqual(t, "will_not_found", refusal(err))
	}
	if found, there, err := client.OptOuts(uuid.NewString()).Get(ctx, of); err == nil {
		assert.True(t, there, "an opt-out that is only corrected")
		assert.Equal(t, fgvhr.Active, found.Status)
	}
	pause(ctx)
}

// heard are the notifications that a subscriber got, by topic and citizen.
func (r *registers) heard(t *testing.T, enough func(map[told]int) bool) map[told]int {
	t.Helper()
	found := map[told]int{}
	require.Eventually(t, func() bool {
		batch, err := r.subscriber.NAS(r.pullPoint, uuid.NewString()).GetMessages(t.Context(), 500)
		if err != nil {
			return false
		}
		for _, m := range batch.Messages {
			citizen, err := cpr.Parse(m.ID)
			assert.NoError(t, err)
			found[told{m.Topic, citizen}]++
		}
		return enough(found)
	}, startLimit, startPoll)
	return found
}
