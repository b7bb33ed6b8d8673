package minlog

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"time"
)

// A page token is the place where the next page begins and a code that binds it to its lookup, in URL-safe base64.
const (
	tokenPlace = 8 + len(RegistrationID{}) // microseconds since 1970, id
	tokenSize  = tokenPlace + sha256.Size
)

var tokenEncoding = base64.RawURLEncoding.Strict()

// PageToken returns the token for the page after the cursor. binding is what the lookup is: caller, person and query. Only the same key and
// binding open it again.
func PageToken(key []byte, after Cursor, binding ...string) string {
	b := make([]byte, 0, tokenSize)
	b = binary.BigEndian.AppendUint64(b, uint64(after.At.UnixMicro()))
	b = append(b, after.ID[:]...)
	return tokenEncoding.EncodeToString(append(b, tokenCode(key, b, binding)...))
}

// OpenPageToken returns the cursor of a token that was made with the same key and binding.
func OpenPageToken(key []byte, token string, binding ...string) (Cursor, error) {
	b, err := tokenEncoding.DecodeString(token)
	if err != nil || len(b) != tokenSize || !hmac.Equal(b[tokenPlace:], tokenCode(key, b[:tokenPlace], binding)) {
		return Cursor{}, syntax("PageToken is not valid for this lookup")
	}
	return Cursor{
		At: time.UnixMicro(int64(binary.BigEndian.Uint64(b))).UTC(),
		ID: RegistrationID(b[8:tokenPlace]),
	}, nil
}

func tokenCode(key, place []byte, binding []string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(place)
	for _, s := range binding {
		writeLength(mac, len(s))
		mac.Write([]byte(s))
	}
	return mac.Sum(nil)
}

func writeLength(h hash.Hash, n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	h.Write(b[:])
}
