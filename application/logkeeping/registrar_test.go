package logkeeping_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestRegistration(t *testing.T) {
	t.Run("good and refused entries", func(t *testing.T) {
		h := newHouse(t)
		bad := access("2026-11-01T08:15:00Z", sequence(8))
		bad.Entry.Activity = ""
		nameless := access("2026-11-01T08:15:00Z")
		nameless.Entry.System = ""
		receipt := h.add(t, "m-1", access("2026-11-01T08:15:00Z", sequence(7)), bad, nameless)
		assert.Equal(t, logkeeping.Receipt{Added: 1, Failures: []logkeeping.Failure{
			{Index: 1, SequenceNumber: "8", Problem: minlog.Problem{Code: minlog.CodeMissing, Field: minlog.FieldActivity}},
			{Index: 2, Problem: minlog.Problem{Code: minlog.CodeMissing, Field: minlog.FieldSystem}},
		}}, receipt)
		h.consume(t)
		rows := h.stored(t, citizen)
		require.Len(t, rows, 1)
		assert.Equal(t, minlog.Registrar{CVR: "33257872", ITSystem: "Service Consumer Test", MessageID: "m-1", Interface: "20250312"}, rows[0].Registrar)
		assert.Equal(t, now, rows[0].ReceivedAt)
		daily, err := h.db.LogStore().Daily(t.Context(), day("2026-11-21"), day("2026-11-22"), "")
		require.NoError(t, err)
		assert.Equal(t, []minlog.Count{
			{Day: day("2026-11-21"), System: "?", CVR: "33257872", Rejected: 1},
			{Day: day("2026-11-21"), System: "FMK", CVR: "33257872", Stored: 1, Rejected: 1},
		}, daily)
		assert.Equal(t, audit.Notes{{Component: "MinLog2", Contexts: []audit.ContextNotes{{Context: "RegistrationRequest", Information: []audit.Information{
			{Key: "NumberAdded", Class: audit.NPI, Value: "1"},
			{Key: "NumberFailed", Class: audit.NPI, Value: "2"},
			{Key: "System", Class: audit.NPI, Value: "Service Consumer Test"},
			{Key: "Interface", Class: audit.NPI, Value: "20250312"},
			{Key: "PayloadSha256", Class: audit.NPI, Value: strings.Repeat("00", 32)},
		}}}}}, h.notes.all)
	})
	t.Run("all refused", func(t *testing.T) {
		h := newHouse(t)
		bad := access("2026-11-01T08:15:00Z")
		bad.NoDestination = true
		receipt := h.add(t, "m-1", bad)
		assert.Equal(t, 0, receipt.Added)
		assert.Len(t, receipt.Failures, 1)
		h.consume(t)
		assert.Empty(t, h.stored(t, citizen))
	})
	t.Run("AC-3 1,000 entries", func(t *testing.T) {
		h := newHouse(t)
		assert.Equal(t, 1000, h.add(t, "m-1", many(1000)...).Added)
		h.consume(t)
		assert.Len(t, h.stored(t, citizen), 1000)
	})
	for _, c := range []struct {
		name string
		n    int
		want fault.Error
	}{
		{"AC-3 1,001 entries", 1001, fault.Error{Kind: fault.TooLarge, Code: "too_many_entries", Text: "1001 entries, at most 1000 allowed"}},
		{"AC-3 no entry", 0, fault.Error{Kind: fault.Malformed, Code: "syntax_error", Text: "at least one LogDataEntry is required"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			_, err := h.registrar.Add(t.Context(), system("m-1"), submission(many(c.n)...))
			assert.Equal(t, c.want, err)
			h.consume(t)
			assert.Empty(t, h.stored(t, citizen))
		})
	}
}

// many returns n different good entries.
func many(n int) []minlog.Draft {
	drafts := make([]minlog.Draft, n)
	for i := range drafts {
		drafts[i] = access("2026-11-01T08:15:00Z", sequence(i))
		drafts[i].At.Time = drafts[i].At.Time.Add(time.Duration(i) * time.Second)
	}
	return drafts
}

func TestWhoMayRegister(t *testing.T) {
	blocked, noOrg, citizenCaller := system("m-1"), system("m-1"), system("m-1")
	blocked.Org.CVR, noOrg.Org.CVR, citizenCaller.Kind = "99999999", "", identity.Citizen
	token, person, onBehalf := system("m-1"), system("m-1"), system("m-1")
	token.Credential = identity.Credential{Scheme: identity.IDWS, Level: 3}
	person.Credential, onBehalf.Credential = token.Credential, token.Credential
	person.Kind, person.CPR = identity.Professional, citizenToken(t, citizen).CPR
	onBehalf.OnBehalfOf = &identity.Principal{CPR: citizenToken(t, citizen).CPR, Kind: relation.Proxy}
	for _, c := range []struct {
		name   string
		caller identity.Caller
		ok     bool
	}{
		{"organisation's token", token, true},
		{"employee's token", person, false},
		{"organisation's token with a principal", onBehalf, false},
		{"AC-13 citizen's token", citizenToken(t, citizen), false},
		{"system", system("m-1"), true},
		{"employee", employee(t, professional, code), true},
		{"blocked organisation", blocked, false},
		{"no organisation", noOrg, false},
		{"AC-13 citizen", citizenCaller, false},
		{"nobody", identity.Caller{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			_, err := h.registrar.Add(t.Context(), c.caller, submission(access("2026-11-01T08:15:00Z")))
			if c.ok {
				require.NoError(t, err)
				return
			}
			f, _ := fault.Of(err)
			assert.Equal(t, fault.CodeNotAuthorized, f.Code)
			h.consume(t)
			assert.Empty(t, h.stored(t, citizen))
		})
	}
}

// stuckLog appends only when its context ends, and then fails.
type stuckLog struct{ ports.MessageLog }

func (stuckLog) Append(ctx context.Context, _ []messagelog.Record) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestMessageLogDown(t *testing.T) {
	t.Run("AC-14 append fails, then the client tries again", func(t *testing.T) {
		h := newHouse(t)
		log := &portstest.FailingMessageLog{Log: h.db.MessageLog()}
		log.OnAppend.FailFrom(1, errors.New("disk full"))
		h.registrar.Log = log
		entries := submission(access("2026-11-01T08:15:00Z", sequence(1)), access("2026-11-01T08:15:00Z", sequence(2)))
		_, err := h.registrar.Add(t.Context(), system("m-1"), entries)
		f, _ := fault.Of(err)
		assert.Equal(t, fault.Error{Kind: fault.Unavailable, Code: "processing_problem", Text: "internal error"}, f)
		require.ErrorContains(t, err, "disk full", "the cause is for the log")
		h.consume(t)
		assert.Empty(t, h.stored(t, citizen))

		log.OnAppend.Heal()
		for _, id := range []string{"m-2", "m-3"} {
			_, err = h.registrar.Add(t.Context(), system(id), entries)
			require.NoError(t, err)
		}
		h.consume(t)
		assert.Len(t, h.stored(t, citizen), 2)
	})
	t.Run("append takes too long", func(t *testing.T) {
		h := newHouse(t)
		h.registrar.Log, h.registrar.AppendTimeout = stuckLog{}, time.Millisecond
		_, err := h.registrar.Add(t.Context(), system("m-1"), submission(access("2026-11-01T08:15:00Z")))
		assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	})
}

func TestIdempotency(t *testing.T) {
	t.Run("AC-15 the same message twice", func(t *testing.T) {
		h := newHouse(t)
		for range 2 {
			receipt := h.add(t, "m-1", access("2026-11-01T08:15:00Z"), access("2026-11-01T08:16:00Z"))
			assert.Equal(t, 2, receipt.Added)
		}
		h.consume(t)
		assert.Len(t, h.stored(t, citizen), 2)
	})
	t.Run("AC-16 two equal entries without a sequence number", func(t *testing.T) {
		h := newHouse(t)
		assert.Equal(t, 2, h.add(t, "m-1", access("2026-11-01T08:15:00Z"), access("2026-11-01T08:15:00Z")).Added)
		h.consume(t)
		assert.Len(t, h.stored(t, citizen), 2)
	})
	t.Run("AC-16 two equal entries with the same sequence number", func(t *testing.T) {
		h := newHouse(t)
		assert.Equal(t, 2, h.add(t, "m-1", access("2026-11-01T08:15:00Z", sequence(1)), access("2026-11-01T08:15:00Z", sequence(1))).Added)
		h.consume(t)
		assert.Len(t, h.stored(t, citizen), 1)
	})
	t.Run("a refused entry keeps its place", func(t *testing.T) {
		h := newHouse(t)
		bad := access("2026-11-01T08:15:00Z")
		bad.Entry.System = ""
		h.add(t, "m-1", bad, access("2026-11-01T08:15:00Z"))
		h.add(t, "m-1", access("2026-11-01T08:15:00Z"))
		h.consume(t)
		assert.Len(t, h.stored(t, citizen), 2, "entries 0 and 1 of a message are two registrations")
	})
}

// keptLog keeps what is appended.
type keptLog struct{ records []messagelog.Record }

func (l *keptLog) Append(_ context.Context, recs []messagelog.Record) error {
	l.records = append(l.records, recs...)
	return nil
}

func (l *keptLog) Bounds(context.Context, []messagelog.Topic) (map[messagelog.Topic][]messagelog.Bounds, error) {
	return nil, messagelog.ErrNoTopic
}

func (l *keptLog) Read(context.Context, messagelog.Topic, int, int64, int64, messagelog.ReadOptions) iter.Seq2[messagelog.Batch, error] {
	return func(func(messagelog.Batch, error) bool) {}
}

func TestRecords(t *testing.T) {
	h := newHouse(t)
	log := &keptLog{}
	h.registrar.Log = log
	bad := access("2026-11-01T08:15:00Z")
	bad.Entry.Activity = ""
	_, err := h.registrar.Add(ports.WithCallID(t.Context(), "00112233aabbccdd"), system("m-1"), submission(access("2026-11-01T08:15:00Z"), bad))
	require.NoError(t, err)
	require.Len(t, log.records, 2)
	mac := hmac.New(sha256.New, []byte("secret"))
	mac.Write([]byte("CPR:" + citizen))
	assert.Equal(t, mac.Sum(nil)[:8], log.records[0].Key)
	assert.Empty(t, log.records[1].Key)
	for _, r := range log.records {
		assert.Equal(t, topic, r.Topic)
		assert.Equal(t, []messagelog.Header{
			{Key: "nsp-format", Value: "1"}, {Key: "nsp-call", Value: "00112233aabbccdd"}, {Key: "nsp-produced", Value: "2026-11-21T12:00:00Z"},
		}, r.Headers)
	}
	registration, _, err := minlog.DecodeRecord(log.records[0].Value)
	require.NoError(t, err)
	assert.Equal(t, citizen, registration.Entry.Person.Value)
	_, tally, err := minlog.DecodeRecord(log.records[1].Value)
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"FMK": 1}, tally.Rejected)
}

// lasted tells who used what when, in minutes after 8 o'clock.
func lasted(rows []minlog.Registration) (all []string) {
	minutes := func(t time.Time) int { return int(t.Sub(at("2026-11-01T08:00:00Z")).Minutes()) }
	for _, r := range rows {
		all = append(all, fmt.Sprintf("%d-%d %s %s", minutes(r.Entry.From), minutes(r.Entry.To), r.Entry.User.Value, r.Entry.SequenceNumber))
	}
	return all
}

func TestReductionAtIntake(t *testing.T) {
	by := func(who string) func(*minlog.Entry) { return func(e *minlog.Entry) { e.User.Value = who } }
	bulk := func() []minlog.Draft {
		return []minlog.Draft{
			access("2026-11-01T08:30:00Z", sequence(4)), access("2026-11-01T08:05:00Z", sequence(2)), access("2026-11-01T08:05:00Z", by(professional)),
			access("2026-11-01T08:00:00Z", sequence(1)), access("2026-11-01T08:14:00Z", sequence(3)),
		}
	}
	reduced := func(t *testing.T, systems map[string]time.Duration) *house {
		h := newHouse(t)
		h.registrar.Reduction = minlog.Reduction{Window: 10 * time.Minute, Systems: systems, MaxPeriod: h.registrar.MaxPeriod}
		return h
	}

	t.Run("AC-36 equal accesses of a bulk become periods, and all count", func(t *testing.T) {
		h := reduced(t, nil)
		for _, messageID := range []string{"m-1", "m-1"} { // sent again they are the same
			assert.Equal(t, logkeeping.Receipt{Added: 5}, h.add(t, messageID, bulk()...))
		}
		h.consume(t)
		assert.Equal(t, []string{"5-5 " + professional + " ", "0-14 " + assistant + " 1", "30-30 " + assistant + " 4"}, lasted(h.stored(t, citizen)))
	})

	t.Run("AC-36 a system's own window goes before", func(t *testing.T) {
		h := reduced(t, map[string]time.Duration{"FMK": 0})
		h.add(t, "m-1", bulk()...)
		h.consume(t)
		assert.Len(t, h.stored(t, citizen), 5)

		h = reduced(t, map[string]time.Duration{"FMK": 10 * time.Minute})
		h.registrar.Reduction.Window = 0
		h.add(t, "m-1", bulk()...)
		h.consume(t)
		assert.Len(t, h.stored(t, citizen), 3)
	})

	t.Run("ids are made after folding, with the index of the first", func(t *testing.T) {
		h := reduced(t, nil)
		h.add(t, "m-1", access("2026-11-01T08:05:00Z"), access("2026-11-01T08:00:00Z"))
		h.registrar.Reduction = minlog.Reduction{}
		h.add(t, "m-1", access("2026-11-01T08:30:00Z"), period(access("2026-11-01T08:00:00Z"), "2026-11-01T08:00:00Z", "2026-11-01T08:05:00Z"))
		h.consume(t)
		assert.Equal(t, []string{"0-5 " + assistant + " ", "30-30 " + assistant + " "}, lasted(h.stored(t, citizen)), "one of them is known")
	})

	t.Run("what is refused is told of in the order of the request, and is not folded", func(t *testing.T) {
		h := reduced(t, nil)
		bad, worse := access("2026-11-01T08:03:00Z", sequence(8)), access("2026-11-01T08:04:00Z", sequence(9))
		bad.Entry.Activity, worse.Entry.Activity = "", ""
		receipt := h.add(t, "m-1", worse, access("2026-11-01T08:00:00Z"), bad, access("2026-11-01T08:05:00Z"))
		assert.Equal(t, logkeeping.Receipt{Added: 2, Failures: []logkeeping.Failure{
			{Index: 0, SequenceNumber: "9", Problem: minlog.Problem{Code: minlog.CodeMissing, Field: minlog.FieldActivity}},
			{Index: 2, SequenceNumber: "8", Problem: minlog.Problem{Code: minlog.CodeMissing, Field: minlog.FieldActivity}},
		}}, receipt)
		h.consume(t)
		assert.Len(t, h.stored(t, citizen), 1)
		daily, err := h.db.LogStore().Daily(t.Context(), day("2026-11-21"), day("2026-11-22"), "")
		require.NoError(t, err)
		assert.Equal(t, []minlog.Count{{Day: day("2026-11-21"), System: "FMK", CVR: "33257872", Stored: 1, Rejected: 2}}, daily)
	})

	t.Run("each bulk is folded by itself", func(t *testing.T) {
		h := reduced(t, nil)
		h.add(t, "m-1", access("2026-11-01T08:00:00Z"))
		h.add(t, "m-2", access("2026-11-01T08:05:00Z"))
		h.consume(t)
		assert.Len(t, h.stored(t, citizen), 2)
	})
}

// What is handed in by another interface than MinLog2's messages.
func TestOtherInterfaces(t *testing.T) {
	t.Run("AC-34 MinLog1 may name a user of no register, and its code for the entry is the sequence number", func(t *testing.T) {
		h := newHouse(t)
		entry := access("2026-11-01T08:15:00Z", sequence(7))
		entry.Entry.User = minlog.PersonOfText("sundhed.dk/4711")
		old := logkeeping.Submission{Interface: minlog.Interface1, Entries: []minlog.Draft{entry}}
		for _, messageID := range []string{"m-1", "m-2"} {
			receipt, err := h.registrar.Add(t.Context(), system(messageID), old)
			require.NoError(t, err)
			assert.Equal(t, logkeeping.Receipt{Added: 1}, receipt)
		}
		h.consume(t)
		rows := h.stored(t, citizen)
		require.Len(t, rows, 1)
		assert.Equal(t, minlog.ID{Source: minlog.Other, Value: "sundhed.dk/4711"}, rows[0].Entry.User)
		assert.Equal(t, "7", rows[0].Entry.SequenceNumber)
		assert.Equal(t, minlog.Interface1, rows[0].Registrar.Interface)

		receipt := h.add(t, "m-3", entry)
		assert.Equal(t, []logkeeping.Failure{
			{SequenceNumber: "7", Problem: minlog.Problem{Code: minlog.CodeSource, Field: minlog.FieldUser}},
		}, receipt.Failures, "in MinLog2 nobody may")
	})
}
