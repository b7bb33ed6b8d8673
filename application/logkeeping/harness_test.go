package logkeeping_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
)

const topic messagelog.Topic = "minlog.registrations.v1"

// The people of the cases.
const (
	citizen      = "0202801111"
	child        = "0303164444"
	teen         = "0606104444"
	professional = "0404701111"
	assistant    = "0505851111"
	stranger     = "0909651111"
	code         = "TST01"
)

var now = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

// house is MinLog on one database in memory.
type house struct {
	db         *memory.DB
	notes      *notes
	log        *lockedBuffer
	registrar  *logkeeping.Registrar
	consumer   *logkeeping.Consumer
	citizen    *logkeeping.CitizenLookup
	assistants *logkeeping.AssistantLookup
}

func newHouse(t *testing.T) *house {
	clock := func() time.Time { return now }
	db := memory.New(clock)
	h := &house{db: db, notes: &notes{}, log: &lockedBuffer{}}
	logger := slog.New(slog.NewTextHandler(h.log, nil))
	h.registrar = &logkeeping.Registrar{
		Log: db.MessageLog(), Trail: h.notes, Now: clock, Topic: topic, KeySecret: []byte("secret"), MaxBulk: 1000, MaxPeriod: 744 * time.Hour,
		FutureTolerance: 5 * time.Minute, RetentionYears: 2, AppendTimeout: time.Minute, BlockedCVR: []string{"99999999"},
	}
	h.consumer = h.newConsumer(logger)
	reading := logkeeping.Reading{
		Store: db.LogStore(), Trail: h.notes, Now: clock, Logger: logger, TokenKey: []byte("token key"), PageSize: 500, MaxPageSize: 1000,
		MaxEntries: 10000, ScanBudget: 50000, MaxPeriod: 744 * time.Hour, RetentionYears: 2,
	}
	h.citizen = &logkeeping.CitizenLookup{Reading: reading, OwnByCard: true, Ages: minlog.Ages{Self: 15, Custody: 15}, MaskUserCPR: true}
	h.assistants = &logkeeping.AssistantLookup{Reading: reading}
	require.NoError(t, logkeeping.EnsureTopic(t.Context(), db.Topics(), topic, messagelog.Spec{Partitions: 1}))
	return h
}

func (h *house) newConsumer(logger *slog.Logger) *logkeeping.Consumer {
	return &logkeeping.Consumer{
		Log: h.db.MessageLog(), Topics: h.db.Topics(), Store: h.db.LogStore(), Now: func() time.Time { return now }, Logger: logger, Topic: topic,
		Spec: messagelog.Spec{Partitions: 1}, Batch: 5000, DeadLetterAlarm: 1, RetentionYears: 2,
		Wait: func(ctx context.Context, _ time.Duration) { <-ctx.Done() },
	}
}

// add registers drafts as the system of an organisation, in the message with the id.
func (h *house) add(t *testing.T, messageID string, drafts ...minlog.Draft) logkeeping.Receipt {
	t.Helper()
	receipt, err := h.registrar.Add(t.Context(), system(messageID), submission(drafts...))
	require.NoError(t, err)
	return receipt
}

func submission(drafts ...minlog.Draft) logkeeping.Submission {
	return logkeeping.Submission{Interface: minlog.Interface20250312, Entries: drafts}
}

// consume takes everything out of the message log.
func (h *house) consume(t *testing.T) {
	t.Helper()
	for n := 1; n > 0; {
		var err error
		n, err = h.consumer.Step(t.Context(), 0)
		require.NoError(t, err)
	}
}

// stored returns what is stored of a person, oldest first.
func (h *house) stored(t *testing.T, person string) []minlog.Registration {
	t.Helper()
	all, err := h.db.LogStore().ByPerson(t.Context(), minlog.ID{Source: minlog.CPR, Value: person}.Key(),
		minlog.Query{Chronologic: true}, minlog.Cursor{}, 1_000_000)
	require.NoError(t, err)
	return all
}

func system(messageID string) identity.Caller {
	return identity.Caller{
		Kind: identity.System, Org: identity.Organisation{CVR: "33257872"}, SystemName: "Service Consumer Test", MessageID: messageID,
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 3},
	}
}

// employee is who holds a card of level 4.
func employee(t require.TestingT, number, authorisation string) identity.Caller {
	n, err := cpr.Parse(number)
	require.NoError(t, err)
	return identity.Caller{
		Kind: identity.Professional, CPR: n, AuthorisationCode: authorisation, Org: identity.Organisation{CVR: "33257872"},
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 4},
	}
}

// citizenToken is the caller that an identity token of a citizen names.
func citizenToken(t require.TestingT, number string) identity.Caller {
	n, err := cpr.Parse(number)
	require.NoError(t, err)
	return identity.Caller{Kind: identity.Citizen, CPR: n, Credential: identity.Credential{Scheme: identity.IDWS, Level: 3}}
}

// access is a good entry about the citizen at an instant.
func access(when string, change ...func(*minlog.Entry)) minlog.Draft {
	d := minlog.Draft{
		Entry: minlog.Entry{
			System: "FMK", Activity: "Opslag på medicinkort", Person: minlog.ID{Source: minlog.CPR, Value: citizen},
			User: minlog.ID{Source: minlog.CPR, Value: assistant},
		},
		At: minlog.Instant(at(when)),
	}
	for _, c := range change {
		c(&d.Entry)
	}
	return d
}

func period(d minlog.Draft, from, to string) minlog.Draft {
	d.At, d.From, d.To = minlog.Moment{}, minlog.Instant(at(from)), minlog.Instant(at(to))
	return d
}

func sequence(n int) func(*minlog.Entry) {
	return func(e *minlog.Entry) { e.SequenceNumber = fmt.Sprint(n) }
}

// notes keeps what was said in the audit log.
type notes struct {
	mu  sync.Mutex
	all audit.Notes
}

func (n *notes) Note(_ context.Context, c audit.Component, where audit.Context, info ...audit.Information) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all.Add(c, where, info...)
}

// lockedBuffer keeps log lines.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
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
