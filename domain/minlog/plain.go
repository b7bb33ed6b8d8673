package minlog

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// plain reads JSON in the form that a [Recorder] writes, as long as no text needs an escape: the members in their order, nothing between
// them. Anything else is bad for it, and encoding/json reads the record instead, at about ten times the cost. What both can read they
// read alike.
type plain struct {
	text string
	at   int // how far it is read
	bad  bool
}

// DecodeEntry reads the JSON form of an entry that came from [Registration.Recorded] or from encoding an Entry.
func DecodeEntry(doc string) (Entry, error) {
	p := plain{text: doc, bad: !utf8.ValidString(doc)}
	if e := p.entry(); p.ended() {
		return e, nil
	}
	var e Entry
	err := json.Unmarshal([]byte(doc), &e)
	return e, err
}

// plainRegistration reads the record of a registration, nil if it is not plain or lacks something.
func plainRegistration(value []byte) *Registration {
	p := plain{text: string(value), bad: !utf8.Valid(value)}
	p.expect(`{"schema":1,"kind":"` + kindRegistration + `","id":"`)
	id, err := ParseID(p.string())
	p.expect(`,"receivedAt":"`)
	received := p.instant()
	p.expect(`,"registrar":{"cvr":"`)
	r := &Registration{ID: id, ReceivedAt: received, Registrar: Registrar{CVR: p.string()}}
	r.Registrar.ITSystem = p.optional(`,"itSystem":"`)
	r.Registrar.MessageID = p.optional(`,"messageId":"`)
	r.Registrar.Interface = p.optional(`,"interface":"`)
	p.expect(`},"entry":`)
	from := p.at
	r.Entry = p.entry()
	r.Recorded = p.text[from:p.at]
	p.expect(`}`)
	if !p.ended() || err != nil || !r.complete() || len(value) > maxKept && !r.keepable() {
		return nil
	}
	return r
}

func (p *plain) entry() (e Entry) {
	p.expect(`{`)
	if p.next(`"source":{`) {
		e.Source = p.chain(MaxChain)
		p.expect(`,`)
	}
	p.expect(`"system":"`)
	e.System = p.string()
	p.expect(`,"activity":"`)
	e.Activity = p.string()
	e.Reason = p.optional(`,"reason":"`)
	e.Addition = p.optional(`,"addition":"`)
	e.Criticality = p.optional(`,"criticality":"`)
	p.expect(`,"from":"`)
	e.From = p.instant()
	p.expect(`,"to":"`)
	e.To = p.instant()
	if p.next(`,"org":{`) {
		e.Org = p.id()
	}
	e.OrgName = p.optional(`,"orgName":"`)
	p.expect(`,"person":{`)
	e.Person = p.id()
	e.PersonName = p.optional(`,"personName":"`)
	e.CorrelationID = p.optional(`,"correlationId":"`)
	e.SequenceNumber = p.optional(`,"sequenceNumber":"`)
	p.expect(`,"user":{`)
	e.User = p.id()
	e.UserName = p.optional(`,"userName":"`)
	e.UserRole = p.optional(`,"userRole":"`)
	if p.next(`,"behalf":{`) {
		e.OnBehalfOf = p.id()
	}
	e.OnBehalfOfName = p.optional(`,"behalfName":"`)
	e.OnBehalfOfRole = p.optional(`,"behalfRole":"`)
	if p.next(`,"filters":["`) {
		e.Filters = append(e.Filters, p.string())
		for p.next(`,"`) {
			e.Filters = append(e.Filters, p.string())
		}
		p.expect(`]`)
	}
	p.expect(`}`)
	return e
}

// chain reads what follows the brace of at most depth links.
func (p *plain) chain(depth int) *Chain {
	c := &Chain{}
	comma := ""
	if p.next(`"correlationId":"`) {
		c.CorrelationID, comma = p.string(), ","
	}
	if p.next(comma + `"system":"`) {
		c.System, comma = p.string(), ","
	}
	if depth > 1 && p.next(comma+`"source":{`) {
		c.Source = p.chain(depth - 1)
	}
	p.expect(`}`)
	return c
}

// id reads what follows the brace.
func (p *plain) id() (id ID) {
	p.expect(`"source":"`)
	id.Source = p.string()
	p.expect(`,"id":"`)
	id.Value = p.string()
	p.expect(`}`)
	return id
}

// ended tells whether all was read, and as it has to be.
func (p *plain) ended() bool { return !p.bad && p.at == len(p.text) }

// next goes on behind s if that is what comes.
func (p *plain) next(s string) bool {
	if !strings.HasPrefix(p.text[p.at:], s) {
		return false
	}
	p.at += len(s)
	return true
}

func (p *plain) expect(s string) {
	if !p.next(s) {
		p.bad = true
	}
}

func (p *plain) optional(member string) string {
	if p.next(member) {
		return p.string()
	}
	return ""
}

// string reads up to the quote that ends it.
func (p *plain) string() string {
	rest := p.text[p.at:]
	for i := range len(rest) {
		switch c := rest[i]; {
		case c == '"':
			p.at += i + 1
			return rest[:i]
		case c == '\\' || c < ' ':
			p.bad = true
			return ""
		}
	}
	p.bad = true
	return ""
}

// instant reads a time in UTC of at most microseconds, such as 2026-11-01T08:15:02.4Z.
func (p *plain) instant() time.Time {
	const seconds, micros = len("2006-01-02T15:04:05Z"), len("2006-01-02T15:04:05.000000Z")
	s := p.string()
	if n := len(s); n < seconds || n > micros || s[n-1] != 'Z' || s[13] != ':' || n > seconds && s[19] != '.' {
		p.bad = true
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	p.bad = p.bad || err != nil
	return t
}
