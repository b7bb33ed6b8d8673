package minlog

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// A page token is the place where the next page begins and a code that binds it to its lookup, in URL-safe base64.
const (
	timeSize   = 8                                // microseconds since 1970
	tokenPlace = timeSize + len(RegistrationID{}) // time, id
	tokenSize  = tokenPlace + sha256.Size
)

var tokenEncoding = base64.RawURLEncoding.Strict()

// PageToken returns the token for the page after the cursor. binding is what the lookup is: caller, person and query. Only the same key and
// binding open it again.
func PageToken(key []byte, after Cursor, binding ...string) string {
	b := make([]byte, 0, tokenSize)
	micros := after.At.UnixMicro()
	for shift := 8 * (timeSize - 1); shift >= 0; shift -= 8 {
		b = append(b, byte(micros>>shift))
	}
	b = append(b, after.ID[:]...)
	return tokenEncoding.EncodeToString(append(b, tokenCode(key, b, binding)...))
}

// OpenPageToken returns the cursor of a token that was made with the same key and binding.
func OpenPageToken(key []byte, token string, binding ...string) (Cursor, error) {
	b, err := tokenEncoding.DecodeString(token)
	if err != nil || len(b) != tokenSize || !hmac.Equal(b[tokenPlace:], tokenCode(key, b[:tokenPlace], binding)) {
		return Cursor{}, syntax("PageToken is not valid for this lookup")
	}
	var micros int64
	for _, c := range b[:timeSize] {
		micros = micros<<8 | int64(c)
	}
	return Cursor{At: time.UnixMicro(micros).UTC(), ID: RegistrationID(b[timeSize:tokenPlace])}, nil
}

func tokenCode(key, place []byte, binding []string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(place)
	var b []byte
	for _, s := range binding {
		b = appendMeasured(b, s)
	}
	mac.Write(b)
	return mac.Sum(nil)
}
