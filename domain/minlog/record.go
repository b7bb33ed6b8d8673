package minlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"
)

// The form of a record in the message log.
const (
	recordSchema     = 1
	kindRegistration = "registration"
	kindTally        = "tally"
)

// maxKept is how many octets a text of a record may have that is kept for itself. What is registered is shorter.
const maxKept = 1000

// Why a record cannot be read. None of them holds anything of the record.
var (
	ErrNewerSchema = errors.New("record of a newer schema")
	ErrNotJSON     = errors.New("record is not the JSON that is expected")
	ErrKind        = errors.New("record of an unknown kind")
	ErrIncomplete  = errors.New("record lacks what a registration needs")
	ErrText        = errors.New("record holds text that cannot be kept")
)

// Recorder writes what one request adds to the message log: UTF-8 JSON, one record for each registration and one for the refused. It is not
// safe for concurrent use.
type Recorder struct {
	registrar  Registrar
	receivedAt time.Time
	head       []byte // what follows the id of a registration, up to the entry
	doc        bytes.Buffer
	enc        *json.Encoder
}

// NewRecorder returns a recorder for what r handed in at receivedAt.
func NewRecorder(r Registrar, receivedAt time.Time) (*Recorder, error) {
	w := &Recorder{registrar: r, receivedAt: cut(receivedAt)}
	w.enc = json.NewEncoder(&w.doc)
	w.enc.SetEscapeHTML(false)
	received, err := w.encode(w.receivedAt)
	if err != nil {
		return nil, err
	}
	w.head = append(append(w.head, `","receivedAt":`...), received...)
	registrar, err := w.encode(r)
	if err != nil {
		return nil, err
	}
	w.head = append(append(append(w.head, `,"registrar":`...), registrar...), `,"entry":`...)
	return w, nil
}

// encode returns the JSON of v, valid until the next call.
func (w *Recorder) encode(v any) ([]byte, error) {
	w.doc.Reset()
	if err := w.enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(w.doc.Bytes(), []byte("\n")), nil
}

// AppendRegistration appends the record of e, which was entry index of its message, to dst.
func (w *Recorder) AppendRegistration(dst []byte, index int, e *Entry) ([]byte, RegistrationID, error) {
	doc, err := w.encode(e)
	if err != nil {
		return dst, RegistrationID{}, err
	}
	id := Identify(w.registrar, index, e.SequenceNumber != "", doc)
	dst = append(dst, `{"schema":1,"kind":"`+kindRegistration+`","id":"`...)
	dst = append(id.append(dst), w.head...)
	return append(append(dst, doc...), '}'), id, nil
}

// AppendTally appends the record of what was refused to dst: by system name, "?" for entries without a legal one.
func (w *Recorder) AppendTally(dst []byte, rejected map[string]int) ([]byte, error) {
	b, err := w.encode(record{Schema: recordSchema, Kind: kindTally, ReceivedAt: w.receivedAt, Registrar: Registrar{CVR: w.registrar.CVR},
		Rejected: rejected})
	return append(dst, b...), err
}

type record struct {
	Schema     int            `json:"schema"`
	Kind       string         `json:"kind"`
	ID         string         `json:"id,omitempty"`
	ReceivedAt time.Time      `json:"receivedAt"`
	Registrar  Registrar      `json:"registrar"`
	Entry      *Entry         `json:"entry,omitempty"`
	Rejected   map[string]int `json:"rejected,omitempty"`
}

// DecodeRecord reads one record of the message log: a registration or a tally, the other is nil. ErrNewerSchema means that a newer program
// wrote it; every other error that it cannot be read by anyone.
func DecodeRecord(value []byte) (*Registration, *Tally, error) {
	if r := plainRegistration(value); r != nil {
		return r, nil, nil
	}
	var r record
	if err := json.Unmarshal(value, &r); err != nil {
		var head struct {
			Schema int `json:"schema"`
		}
		if json.Unmarshal(value, &head) == nil && head.Schema > recordSchema {
			return nil, nil, ErrNewerSchema
		}
		return nil, nil, ErrNotJSON
	}
	switch {
	case r.Schema > recordSchema:
		return nil, nil, ErrNewerSchema
	case r.Schema < recordSchema:
		return nil, nil, ErrNotJSON
	case r.ReceivedAt.IsZero():
		return nil, nil, ErrIncomplete
	}
	switch r.Kind {
	case kindRegistration:
		id, err := ParseID(r.ID)
		if err != nil || r.Entry == nil {
			return nil, nil, ErrIncomplete
		}
		r.Entry.From, r.Entry.To = cut(r.Entry.From), cut(r.Entry.To)
		registration := &Registration{ID: id, ReceivedAt: cut(r.ReceivedAt), Registrar: r.Registrar, Entry: *r.Entry}
		if !registration.complete() {
			return nil, nil, ErrIncomplete
		}
		if !registration.keepable() {
			return nil, nil, ErrText
		}
		return registration, nil, nil
	case kindTally:
		for system := range r.Rejected {
			if !keepable(system, r.Registrar.CVR) {
				return nil, nil, ErrText
			}
		}
		return nil, &Tally{ReceivedAt: cut(r.ReceivedAt), Registrar: r.Registrar, Rejected: r.Rejected}, nil
	}
	return nil, nil, ErrKind
}

// keepable tells whether every database can keep the texts in columns of their own: PostgreSQL has no text with the octet 0, and an index takes
// no text of many thousands of octets.
func keepable(texts ...string) bool {
	for _, s := range texts {
		if len(s) > maxKept || hasNUL(s) {
			return false
		}
	}
	return true
}

func (r *Registration) keepable() bool {
	e, g := &r.Entry, &r.Registrar
	return keepable(e.System, e.Person.Source, e.Person.Value, e.OnBehalfOf.Source, e.OnBehalfOf.Value, g.CVR, g.ITSystem, g.MessageID, g.Interface)
}

// complete tells whether r has what a store finds it by.
func (r *Registration) complete() bool {
	e := &r.Entry
	return !r.ReceivedAt.IsZero() && !e.Person.IsZero() && !e.From.IsZero() && !e.To.IsZero()
}

// TallyName is the name under which a refused entry is counted: its system, if that is a legal name.
func TallyName(system string) string {
	if blank(system) || tooLong(system, maxSystem) {
		return tallyWithoutSystem
	}
	return system
}
