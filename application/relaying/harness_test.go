package relaying_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/relaying"
	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

var errDown = errors.New("no answer")

// bench is a relay on an outbox in memory, in a bubble whose time the case passes.
type bench struct {
	*relaying.Relay
	db       *memory.DB
	outbox   *portstest.FailingOutbox
	audit    *memory.AuditLog
	lines    *portstest.FailingAuditLog
	units    *portstest.FailingUnitOfWork
	leases   *portstest.FailingLeases
	notifier *portstest.FailingNotifier
	nas      *portstest.RecordingNotifier
	access   *portstest.FailingAccessLog // which the relay of a case knows where the case says so
	minlog   *portstest.RecordingAccessLog
	log      *lockedBuffer
	stop     func()
}

// bubble runs a case with a relay, which it starts itself.
func bubble(t *testing.T, check func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { check(t, another(t, memory.New(time.Now), "a")) })
}

// another is a relay of another process.
func another(t *testing.T, db *memory.DB, name string) *bench {
	b := &bench{db: db, outbox: &portstest.FailingOutbox{Outbox: db.Outbox()}, audit: &memory.AuditLog{}, log: &lockedBuffer{}, stop: func() {},
		leases: &portstest.FailingLeases{Leases: db.Leases()}, units: &portstest.FailingUnitOfWork{Units: db.Units()}, nas: &portstest.RecordingNotifier{}}
	b.notifier = &portstest.FailingNotifier{Notifier: b.nas}
	b.minlog = &portstest.RecordingAccessLog{}
	b.access = &portstest.FailingAccessLog{Access: b.minlog}
	b.lines = &portstest.FailingAuditLog{Log: b.audit}
	log := slog.New(slog.NewTextHandler(b.log, nil))
	b.Relay = &relaying.Relay{
		Outbox: b.outbox, Notifier: b.notifier, Trail: admitting.Trail{}, Now: time.Now, Log: log, Leases: b.leases, Holder: name,
		Runner: &scheduling.Runner{Units: b.units, Audit: b.lines, Now: time.Now, NewID: func() string { return "00000000000000ab" }, Log: log},
	}
	t.Cleanup(func() { b.stop() })
	return b
}

// start runs the relay until the returned function is called.
func (b *bench) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { b.Run(ctx); close(done) }()
	b.stop = func() { cancel(); <-done }
	synctest.Wait()
}

// put puts notices by their ids, whose first letter is the key.
func (b *bench) put(t require.TestingT, ids ...string) {
	for _, id := range ids {
		require.NoError(t, b.db.Outbox().Put(context.Background(), notice.Notice{ID: id, Key: id[:1], To: notice.NAS, Created: time.Now(),
			Advis: nas.Notification{Topic: "urn:test:Changed", ID: id, Payload: []byte("<changed/>")}}))
	}
}

// putAccess puts notices to MinLog by their ids, whose first letter is the key.
func (b *bench) putAccess(t require.TestingT, ids ...string) {
	for _, id := range ids {
		at := time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
		entry := minlog.Entry{System: "MinSpærring", Activity: "Spærring oprettet", From: at, To: at, SequenceNumber: "of the service",
			Person: minlog.ID{Source: minlog.CPR, Value: "0202801111"}, User: minlog.ID{Source: minlog.CPR, Value: "0505851111"}}
		require.NoError(t, b.db.Outbox().Put(context.Background(), notice.Notice{ID: id, Key: id[:1], To: notice.MinLog, Created: time.Now(), Entry: entry}))
	}
}

// logged returns the sequence numbers of what MinLog got, in order.
func (b *bench) logged() []string {
	ids := []string{}
	for _, e := range b.minlog.Kept() {
		ids = append(ids, e.SequenceNumber)
	}
	return ids
}

// got returns the ids of what the target got, in order.
func (b *bench) got() []string {
	ids := []string{}
	for _, n := range b.nas.Kept() {
		ids = append(ids, n.ID)
	}
	return ids
}

func (b *bench) figures(t require.TestingT) relaying.Figures {
	f, err := relaying.ReadFigures(context.Background(), b.db.Outbox(), time.Now())
	require.NoError(t, err)
	return f
}

// pass lets time of the bubble pass, and then everybody come to rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// ids are n ids of one key each.
func ids(key string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%s%d", key, i))
	}
	return all
}

// lockedBuffer keeps log lines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// target is a notifier of the case's own.
type target func(ctx context.Context, n nas.Notification) error

var _ ports.Notifier = target(nil)

func (f target) Notify(ctx context.Context, ns []nas.Notification) error { return f(ctx, ns[0]) }
