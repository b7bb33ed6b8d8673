package minlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
)

// ErrID is returned for a text that is no registration id.
var ErrID = errors.New("not a registration id")

// idSize is the length of the text form of an id.
const idSize = 36

// Identify returns the id of an entry from what makes it the same registration when it is sent again: who hands it in, the entry's JSON
// form doc, and its sequence number; without one, the message it came in and its index there. It is a UUID of version 8 (RFC 9562) made
// of the first 16 bytes of a SHA-256.
func Identify(r Registrar, index int, sequenced bool, doc []byte) RegistrationID {
	const sep = "\x1f"
	b := make([]byte, 0, 128+len(doc))
	b = append(b, "minlog/1"+sep+r.CVR+sep...)
	if sequenced {
		b = append(b, "seq"...)
	} else {
		b = append(b, "msg"+sep+r.MessageID+sep...)
		b = strconv.AppendInt(b, int64(index), 10)
	}
	b = append(append(b, sep...), doc...)
	sum := sha256.Sum256(b)
	id := RegistrationID(sum[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}

// String returns the id as a UUID in lower case.
func (id RegistrationID) String() string { return string(id.append(nil)) }

// Compare orders ids by their octets.
func (id RegistrationID) Compare(other RegistrationID) int { return bytes.Compare(id[:], other[:]) }

func (id RegistrationID) append(b []byte) []byte {
	for i, group := range [...][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, group)
	}
	return b
}

// ParseID reads what [RegistrationID.String] writes.
func ParseID(s string) (RegistrationID, error) {
	var id RegistrationID
	if len(s) != idSize || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, ErrID
	}
	digits := s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return RegistrationID{}, ErrID
	}
	return id, nil
}
