package logkeeping

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
	"strconv"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// Registrar takes registrations of access and puts them into the message log. It is safe for concurrent use; its fields are not changed
// after the first call.
type Registrar struct {
	Log             ports.MessageLog
	Trail           ports.Trail
	Now             func() time.Time
	Topic           messagelog.Topic
	KeySecret       []byte        // makes record keys of which nobody can tell the person
	MaxBulk         int           // entries of one request
	MaxPeriod       time.Duration // the longest access
	FutureTolerance time.Duration // how far in the future an access may end; negative: no rule
	RetentionYears  int           // calendar years that MinLog shows
	AppendTimeout   time.Duration
	BlockedCVR      []string         // organisations that may not register
	Reduction       minlog.Reduction // which accesses of one request become one; zero = none
}

// Submission is one request to register.
type Submission struct {
	Interface string         // version, such as minlog.Interface20250312 or minlog.Interface1
	Payload   [32]byte       // SHA-256 of the message's body, for the audit log
	Entries   []minlog.Draft // in the order of the request
}

// Receipt is what became of a submission.
type Receipt struct {
	Added    int
	Failures []Failure // in the order of the request
}

// Failure is an entry that was refused.
type Failure struct {
	Index          int    // in the request, from 0
	SequenceNumber string // the client's, "" = none
	Problem        minlog.Problem
}

// Add registers the good entries of s and tells which were refused. The good ones and the count of the others are appended as one: all are in
// the message log when the unit of work in ctx commits, or none is. Sent again, entries with a sequence number, or in a message with the
// same MessageID, are the same registrations; where equal accesses are folded, those of one request are when they are sent again together, and
// the receipt counts what was handed in. Allowed to every system and, with an ID card, every professional whose organisation is not blocked.
// The number of entries is checked first (minlog.CheckBulk).
func (r *Registrar) Add(ctx context.Context, caller identity.Caller, s Submission) (Receipt, error) {
	cvr := caller.Org.CVR
	if !mayRegister(caller) || cvr == "" || slices.Contains(r.BlockedCVR, cvr) {
		return Receipt{}, errMayNotRegister
	}
	if err := minlog.CheckBulk(len(s.Entries), r.MaxBulk); err != nil {
		return Receipt{}, err
	}
	receipt, records, err := r.records(ctx, caller, s)
	if err != nil {
		return Receipt{}, err
	}
	r.Trail.Note(ctx, audit.MinLog2, audit.RegistrationRequest,
		audit.NumberAdded.Is(strconv.Itoa(receipt.Added)), audit.NumberFailed.Is(strconv.Itoa(len(receipt.Failures))),
		audit.System.Is(caller.SystemName), audit.Interface.Is(s.Interface), audit.PayloadSHA256.Is(hex.EncodeToString(s.Payload[:])))
	ctx, cancel := context.WithTimeout(ctx, r.AppendTimeout)
	defer cancel()
	if err := r.Log.Append(ctx, records); err != nil {
		return Receipt{}, unavailable("append registrations", err)
	}
	return receipt, nil
}

// mayRegister tells whether the caller is a system, or an employee with an ID card. A token must be that of an organisation alone.
func mayRegister(caller identity.Caller) bool {
	if proved(caller, identity.DGWS) {
		return caller.Kind == identity.System || caller.Kind == identity.Professional
	}
	return caller.Kind == identity.System && caller.CPR.IsZero() && caller.OnBehalfOf == nil
}

// records checks the entries and makes the records of the good ones and of the count of the others.
func (r *Registrar) records(ctx context.Context, caller identity.Caller, s Submission) (Receipt, []messagelog.Record, error) {
	now := r.Now()
	rules := r.rules(s.Interface, now)
	b, err := r.newBulk(ctx, minlog.Registrar{
		CVR: caller.Org.CVR, ITSystem: caller.SystemName, MessageID: caller.MessageID, Interface: s.Interface,
	}, now, len(s.Entries))
	if err != nil {
		return Receipt{}, nil, err
	}
	receipt := Receipt{}
	rejected := map[string]int{}
	var folding []minlog.Indexed
	folds := r.Reduction.Window > 0 || len(r.Reduction.Systems) > 0
	for i := range s.Entries {
		draft := &s.Entries[i]
		entry, problem, ok := rules.Check(draft)
		if !ok {
			rejected[minlog.TallyName(draft.Entry.System)]++
			receipt.Failures = append(receipt.Failures, Failure{i, draft.Sequence(), problem})
			continue
		}
		receipt.Added++
		if folds {
			folding = append(folding, minlog.Indexed{Index: i, Entry: entry})
			continue
		}
		if err := b.add(i, &entry); err != nil {
			return Receipt{}, nil, err
		}
	}
	if folds {
		folding = r.Reduction.Fold(folding)
		for i := range folding {
			if err := b.add(folding[i].Index, &folding[i].Entry); err != nil {
				return Receipt{}, nil, err
			}
		}
	}
	if len(rejected) > 0 {
		if err := b.tally(rejected); err != nil {
			return Receipt{}, nil, err
		}
	}
	return receipt, b.records, nil
}

// rules are what an entry that arrives at now by an interface is measured by.
func (r *Registrar) rules(version string, now time.Time) minlog.Rules {
	return minlog.Rules{
		Interface: version, Now: now, FutureTolerance: r.FutureTolerance, MaxPeriod: r.MaxPeriod, Cutoff: minlog.Cutoff(now, r.RetentionYears),
	}
}

// typicalRecord is about how many octets the record of a registration has.
const typicalRecord = 640

// bulk is what one request adds to the message log.
type bulk struct {
	topic    messagelog.Topic
	recorder *minlog.Recorder
	headers  []messagelog.Header
	keys     personKeys
	values   []byte // of all records; each has its part
	records  []messagelog.Record
}

// newBulk begins the records of n registrations that by hands in at now.
func (r *Registrar) newBulk(ctx context.Context, by minlog.Registrar, now time.Time, n int) (*bulk, error) {
	recorder, err := minlog.NewRecorder(by, now)
	if err != nil {
		return nil, err
	}
	return &bulk{
		topic: r.Topic, recorder: recorder, keys: personKeys{hmac.New(sha256.New, r.KeySecret)},
		headers: []messagelog.Header{
			{Key: "nsp-format", Value: "1"},
			{Key: "nsp-call", Value: ports.CallID(ctx)},
			{Key: "nsp-produced", Value: now.UTC().Format(time.RFC3339Nano)},
		},
		values: make([]byte, 0, n*typicalRecord), records: make([]messagelog.Record, 0, n+1),
	}, nil
}

// add adds the registration of e, which has the index in the request.
func (b *bulk) add(index int, e *minlog.Entry) (err error) {
	start := len(b.values)
	if b.values, _, err = b.recorder.AppendRegistration(b.values, index, e); err != nil {
		return err
	}
	b.records = append(b.records, messagelog.Record{
		Topic: b.topic, Key: b.keys.of(e.Person), Headers: b.headers, Value: b.values[start:len(b.values):len(b.values)],
	})
	return nil
}

// tally adds the count of what was refused, by system.
func (b *bulk) tally(rejected map[string]int) error {
	value, err := b.recorder.AppendTally(nil, rejected)
	if err == nil {
		b.records = append(b.records, messagelog.Record{Topic: b.topic, Headers: b.headers, Value: value})
	}
	return err
}

// keySize is how much of the code of a person a record key holds.
const keySize = 8

// personKeys makes record keys: the registrations of one person stay in order, and the key tells nobody who it is.
type personKeys struct{ mac hash.Hash }

func (k personKeys) of(person minlog.ID) []byte {
	k.mac.Reset()
	k.mac.Write([]byte(person.Key()))
	return k.mac.Sum(nil)[:keySize:keySize]
}
