package nas

import (
	"errors"
	"math"
	"time"
)

// ErrRecord: a value of the message log is no record of a notification.
var ErrRecord = errors.New("nas: record in an unknown form")

// A record's value: the version, flags, the time of publishing (milliseconds since 1970, 8 octets, the highest first), the position, then topic, id,
// type of id, id of the call and producer reference, each after its length; the content is the rest. Numbers and lengths are unsigned LEB128 in
// the shortest form, so that a record has one value and a value is one record.
const (
	recordVersion = 1
	flagSystem    = 1 << 0
	flagProducer  = 1 << 1 // tells an empty producer reference from none
)

// Encode returns the value that the message log keeps. The time is cut to milliseconds.
func (r Record) Encode() []byte {
	const most = 1 + 1 + 8 + 6*5 // of what is not text
	b := make([]byte, 0, most+len(r.Topic)+len(r.ID)+len(r.IDType)+len(r.Request)+len(r.Producer)+len(r.Content))
	var flags byte
	if r.System {
		flags |= flagSystem
	}
	if r.Producer != nil {
		flags |= flagProducer
	}
	b = append(b, recordVersion, flags)
	for ms, shift := r.Published.UnixMilli(), 56; shift >= 0; shift -= 8 {
		b = append(b, byte(ms>>shift)) //nolint:gosec // one octet at a time
	}
	b = appendNumber(b, min(max(r.Position, 0), math.MaxInt32))
	for _, s := range [...]string{string(r.Topic), r.ID, r.IDType, r.Request} {
		b = append(appendNumber(b, len(s)), s...)
	}
	b = append(appendNumber(b, len(r.Producer)), r.Producer...)
	return append(b, r.Content...)
}

func appendNumber(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80) //nolint:gosec // the lowest seven bits
	}
	return append(b, byte(n)) //nolint:gosec // below 0x80
}

// HeadView is a record seen in its value: nothing is copied, so it is valid as long as the value, and reading it allocates nothing.
type HeadView struct {
	Topic     []byte
	ID        []byte
	IDType    []byte
	System    bool
	Producer  []byte // nil = none
	Published time.Time
	Request   []byte
	Position  int
	Content   []byte
}

// DecodeHead reads a value of the message log without looking at the content; ErrRecord. Decide by a Matcher, and take a copy by
// [HeadView.Record] of what matches.
func DecodeHead(value []byte) (HeadView, error) {
	const fixed = 1 + 1 + 8
	if len(value) < fixed || value[0] != recordVersion || value[1]&^(flagSystem|flagProducer) != 0 {
		return HeadView{}, ErrRecord
	}
	flags := value[1]
	var ms uint64
	for _, c := range value[2:fixed] {
		ms = ms<<8 | uint64(c)
	}
	position, rest, ok := number(value[fixed:])
	h := HeadView{Position: position, System: flags&flagSystem != 0, Published: time.UnixMilli(int64(ms)).UTC()} //nolint:gosec // as Encode wrote it
	for _, field := range [...]*[]byte{&h.Topic, &h.ID, &h.IDType, &h.Request, &h.Producer} {
		var n int
		if ok {
			n, rest, ok = number(rest)
		}
		if !ok || n > len(rest) {
			return HeadView{}, ErrRecord
		}
		*field, rest = rest[:n:n], rest[n:]
	}
	if flags&flagProducer == 0 {
		if len(h.Producer) > 0 {
			return HeadView{}, ErrRecord
		}
		h.Producer = nil
	}
	h.Content = rest[:len(rest):len(rest)]
	return h, nil
}

// number takes a number of at most 31 bits off b; ok is false where there is none in the shortest form.
func number(b []byte) (n int, rest []byte, ok bool) {
	for i, c := range b {
		if i == 5 {
			return 0, nil, false
		}
		n |= int(c&0x7f) << (7 * i)
		if c < 0x80 {
			return n, b[i+1:], n <= math.MaxInt32 && (c != 0 || i == 0)
		}
	}
	return 0, nil, false
}

// Record returns a copy that does not share memory with the value.
func (h HeadView) Record() Record {
	r := Record{
		Head: Head{
			Topic: TopicName(h.Topic), ID: string(h.ID), IDType: string(h.IDType), System: h.System,
			Published: h.Published, Request: string(h.Request), Position: h.Position,
		},
		Content: append([]byte{}, h.Content...),
	}
	if h.Producer != nil {
		r.Producer = append([]byte{}, h.Producer...)
	}
	return r
}

// Decode reads a value of the message log and copies what it holds; ErrRecord.
func Decode(value []byte) (Record, error) {
	h, err := DecodeHead(value)
	if err != nil {
		return Record{}, err
	}
	return h.Record(), nil
}

// Spread chooses the partition of a notification about somebody (NAS-15), as messagelog.Record.Spread: FNV-1a of 64 bits of the type of id, an
// octet 0 and the id. One that is about nobody goes round robin: give it a running number instead.
func Spread(idType, id string) uint64 {
	const basis, prime = 14695981039346656037, 1099511628211
	h := uint64(basis)
	for i := range len(idType) {
		h = (h ^ uint64(idType[i])) * prime
	}
	h *= prime // the octet 0
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * prime
	}
	return h
}
