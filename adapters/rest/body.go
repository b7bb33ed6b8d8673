package rest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/opennsp/nsp/application/admitting"
)

// members are the members that a JSON object may have, and where their values go: what encoding/json fills, such as *string, *int or
// *time.Time, or orNull, or what reads itself: members, object, objects, *dictionary.
type members map[string]any

// object is a JSON object: the call returns its members, and tells that it is there.
type object func() members

// objects are the objects of a JSON array: each call returns the members of the next one.
type objects func() members

// dictionary is what a JSON object holds whose names the client chose.
type dictionary[V any] map[string]V

// orNull is what encoding/json fills, unless it is null.
type orNull struct{ target any }

// ask reads the body of an operation that takes no query.
func (x *exchange) ask(into members) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	return x.decode(into)
}

// decode reads the body, which must be one JSON object: no other members, none twice, none null, nothing after it. Names are compared as
// they are written.
func (x *exchange) decode(into members) error {
	if x.media != contentJSON {
		return errMedia
	}
	if !utf8.Valid(x.body) {
		return errJSON
	}
	d := json.NewDecoder(bytes.NewReader(x.body))
	if err := into.read(d); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errJSON
	}
	return nil
}

func (into members) read(d *json.Decoder) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errJSON
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, _ := t.(string)
		target := into[name]
		if err != nil || target == nil || seen[name] {
			return errJSON
		}
		seen[name] = true
		switch target := target.(type) {
		case interface{ read(d *json.Decoder) error }:
			err = target.read(d)
		case orNull:
			err = decodeValue(d, target.target, true)
		default:
			err = decodeValue(d, target, false)
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return errJSON
	}
	return nil
}

// decodeValue fills target with the next value.
func decodeValue(d *json.Decoder, target any, null bool) error {
	var value json.RawMessage
	if d.Decode(&value) != nil || !null && string(value) == "null" || json.Unmarshal(value, target) != nil {
		return errJSON
	}
	return nil
}

func (there object) read(d *json.Decoder) error { return there().read(d) }

func (next objects) read(d *json.Decoder) error {
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errJSON
	}
	for d.More() {
		if err := next().read(d); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil { // the closing bracket
		return errJSON
	}
	return nil
}

// read puts in what is there; the names are each there once.
func (into *dictionary[V]) read(d *json.Decoder) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errJSON
	}
	*into = dictionary[V]{}
	for d.More() {
		t, err := d.Token()
		name, _ := t.(string)
		var value V
		if _, twice := (*into)[name]; err != nil || twice || decodeValue(d, &value, false) != nil {
			return errJSON
		}
		(*into)[name] = value
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return errJSON
	}
	return nil
}

// bare refuses a body and a query, for operations that have neither.
func (x *exchange) bare() error {
	if err := x.noBody(); err != nil {
		return err
	}
	return x.noQuery()
}

func (x *exchange) noBody() error {
	if len(x.body) > 0 {
		return errNoBody
	}
	return nil
}

func (x *exchange) noQuery() error {
	if x.http.URL.RawQuery != "" {
		return errQuery
	}
	return nil
}

// since reads the one parameter since of the query, an instant as in RFC 3339; the zero time if there is none.
func (x *exchange) since() (at time.Time, err error) {
	query, err := url.ParseQuery(x.http.URL.RawQuery)
	if err != nil {
		return at, errQuery
	}
	for name, values := range query {
		if name != "since" || len(values) != 1 {
			return at, errQuery
		}
		if at, err = time.Parse(time.RFC3339, values[0]); err != nil {
			return time.Time{}, errQuery
		}
	}
	return at, nil
}

// revision reads the header If-Match: nil if the client expects none.
func (x *exchange) revision() (*int64, error) {
	values := x.http.Header.Values("If-Match")
	if len(values) == 0 || len(values) == 1 && values[0] == "*" {
		return nil, nil
	}
	number, ok := strings.CutPrefix(strings.TrimSuffix(values[0], `"`), `"`)
	revision, err := strconv.ParseInt(number, 10, 64)
	if len(values) > 1 || !ok || err != nil || tag(revision) != values[0] {
		return nil, errTag
	}
	return &revision, nil
}

// tag is the entity tag of a revision.
func tag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// payload is the SHA-256 of what the call asks for.
func (x *exchange) payload() (sum [32]byte, err error) {
	h := sha256.New()
	parts := [][]byte{[]byte(x.http.Method), []byte(x.http.URL.EscapedPath()), x.body}
	for _, tag := range x.http.Header.Values("If-Match") {
		parts = append(parts, []byte(tag))
	}
	for _, name := range []string{headerCitizen, headerSurface} {
		for _, value := range x.http.Header.Values(name) {
			parts = append(parts, []byte(name), []byte(value))
		}
	}
	for _, part := range parts {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part)))) // a hash never fails
		_, _ = h.Write(part)
	}
	h.Sum(sum[:0])
	return sum, nil
}

// keyed tells whether the client gave the call an id.
func (x *exchange) keyed() bool { return len(x.http.Header.Values(headerKey)) > 0 }

// policy is that of the endpoint. Where a key is optional, the answer to a call without one is not kept.
func (x *exchange) policy() admitting.Policy {
	p := x.endpoint.policy
	if x.endpoint.keyOptional && !x.keyed() {
		p.Resend = admitting.Recompute
	}
	return p
}

// idempotencyKey returns the id that the client gave the call, else that of the call.
func (x *exchange) idempotencyKey() (string, error) {
	values := x.http.Header.Values(headerKey)
	switch {
	case len(values) == 0 && x.policy().Resend == admitting.Store:
		return "", errNoKey
	case len(values) == 0:
		return x.access.CallID, nil
	case len(values) > 1 || values[0] == "" || len(values[0]) > 256:
		return "", errKey
	}
	for _, c := range []byte(values[0]) {
		if c <= ' ' || c > '~' {
			return "", errKey
		}
	}
	return values[0], nil
}
