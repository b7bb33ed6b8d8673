package minlog_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/minlog"
)

var registrar = minlog.Registrar{CVR: "33257872", ITSystem: "Service Consumer Test", MessageID: "m-1", Interface: "20250312"}

func recorder(t require.TestingT, r minlog.Registrar) *minlog.Recorder {
	w, err := minlog.NewRecorder(r, at("2026-11-01T08:15:02.4Z"))
	require.NoError(t, err)
	return w
}

func TestIdentify(t *testing.T) {
	const doc = `{"system":"FMK","activity":"Opslag på medicinkort","from":"2026-11-01T08:15:00Z","to":"2026-11-01T08:15:00Z",` +
		`"person":{"source":"CPR","id":"0202801111"},%s"user":{"source":"CPR","id":"0505851111"}}`
	message := registrar
	message.MessageID = "11111111-2222-4333-8444-555555555555"
	sequenced := fmt.Sprintf(doc, `"sequenceNumber":"7",`)
	plain := fmt.Sprintf(doc, "")
	t.Run("AC-17 with a sequence number", func(t *testing.T) {
		id := minlog.Identify(message, 0, true, []byte(sequenced))
		assert.Equal(t, "ad9ce89f-25b2-87f7-93fe-9dec2d874f09", id.String())
		assert.Equal(t, id, minlog.Identify(registrar, 5, true, []byte(sequenced)), "message and index count only without a sequence number")
	})
	t.Run("AC-17 without", func(t *testing.T) {
		id := minlog.Identify(message, 0, false, []byte(plain))
		assert.Equal(t, "e9532654-4e7a-8118-9e0b-94f85332df97", id.String())
		assert.NotEqual(t, id, minlog.Identify(message, 1, false, []byte(plain)))
		assert.NotEqual(t, id, minlog.Identify(registrar, 0, false, []byte(plain)))
	})
	t.Run("AC-17 as a recorder makes them", func(t *testing.T) {
		d := good()
		r := rules(v2025)
		e, _, _ := r.Check(&d)
		_, id, err := recorder(t, message).AppendRegistration(nil, 0, &e)
		require.NoError(t, err)
		assert.Equal(t, "ad9ce89f-25b2-87f7-93fe-9dec2d874f09", id.String())
		e.SequenceNumber = ""
		_, id, err = recorder(t, message).AppendRegistration(nil, 0, &e)
		require.NoError(t, err)
		assert.Equal(t, "e9532654-4e7a-8118-9e0b-94f85332df97", id.String())
	})
	t.Run("another organisation", func(t *testing.T) {
		other := registrar
		other.CVR = "12345678"
		assert.NotEqual(t, minlog.Identify(other, 0, true, []byte(plain)), minlog.Identify(registrar, 0, true, []byte(plain)))
	})
}

func TestParseID(t *testing.T) {
	const text = "ad9ce89f-25b2-87f7-93fe-9dec2d874f09"
	id, err := minlog.ParseID(text)
	require.NoError(t, err)
	assert.Equal(t, text, id.String())
	for _, bad := range []string{"", text[1:], text + "0", strings.ReplaceAll(text, "-", ""), strings.Replace(text, "-", "_", 1), strings.Replace(text, "a", "g", 1)} {
		_, err := minlog.ParseID(bad)
		assert.ErrorIs(t, err, minlog.ErrID, bad)
	}
}

func TestRecord(t *testing.T) {
	e := minlog.Entry{
		Source: &minlog.Chain{CorrelationID: "s-4711", System: "Praksis-A"}, System: "FMK", Activity: "Opslag på <medicinkort> & mere",
		From: at("2026-11-01T08:15:00Z"), To: at("2026-11-01T08:15:00.5Z"), Person: minlog.ID{Source: "CPR", Value: "0202801111"},
		SequenceNumber: "7", User: minlog.ID{Source: "CPR", Value: "0505851111"}, Filters: []string{"Ikke borger"},
	}
	got, id, err := recorder(t, registrar).AppendRegistration(nil, 0, &e)
	require.NoError(t, err)
	assert.Equal(t, `{"schema":1,"kind":"registration","id":"`+id.String()+`","receivedAt":"2026-11-01T08:15:02.4Z",`+
		`"registrar":{"cvr":"33257872","itSystem":"Service Consumer Test","messageId":"m-1","interface":"20250312"},`+
		`"entry":{"source":{"correlationId":"s-4711","system":"Praksis-A"},"system":"FMK","activity":"Opslag på <medicinkort> & mere",`+
		`"from":"2026-11-01T08:15:00Z","to":"2026-11-01T08:15:00.5Z","person":{"source":"CPR","id":"0202801111"},"sequenceNumber":"7",`+
		`"user":{"source":"CPR","id":"0505851111"},"filters":["Ikke borger"]}}`, string(got))
	read, tally, err := minlog.DecodeRecord(got)
	require.NoError(t, err)
	assert.Nil(t, tally)
	requireRegistration(t, minlog.Registration{ID: id, ReceivedAt: at("2026-11-01T08:15:02.4Z"), Registrar: registrar, Entry: e}, *read)
	assert.Equal(t, string(got[strings.Index(string(got), `{"source":{"corr`):len(got)-1]), read.Recorded)
}

// requireRegistration compares what is registered; the JSON that got was read from tells of the same entry.
func requireRegistration(t require.TestingT, want, got minlog.Registration) {
	require.Equal(t, [...]any{want.ID, want.ReceivedAt, want.Registrar, want.Entry}, [...]any{got.ID, got.ReceivedAt, got.Registrar, got.Entry})
	if got.Recorded == "" {
		return
	}
	var byJSON minlog.Entry
	require.NoError(t, json.Unmarshal([]byte(got.Recorded), &byJSON))
	require.Equal(t, got.Entry, byJSON)
	again, err := minlog.DecodeEntry(got.Recorded)
	require.NoError(t, err)
	require.Equal(t, got.Entry, again)
}

func TestTally(t *testing.T) {
	got, err := recorder(t, registrar).AppendTally(nil, map[string]int{"FMK": 1})
	require.NoError(t, err)
	assert.Equal(t, `{"schema":1,"kind":"tally","receivedAt":"2026-11-01T08:15:02.4Z","registrar":{"cvr":"33257872"},"rejected":{"FMK":1}}`, string(got))
	read, tally, err := minlog.DecodeRecord(got)
	require.NoError(t, err)
	assert.Nil(t, read)
	assert.Equal(t, &minlog.Tally{
		ReceivedAt: at("2026-11-01T08:15:02.4Z"), Registrar: minlog.Registrar{CVR: "33257872"}, Rejected: map[string]int{"FMK": 1},
	}, tally)
	assert.Equal(t, "FMK", minlog.TallyName("FMK"))
	assert.Equal(t, "?", minlog.TallyName(" "))
	assert.Equal(t, "?", minlog.TallyName(strings.Repeat("x", 26)))
}

func TestUnreadableRecords(t *testing.T) {
	const rest = `,"receivedAt":"2026-11-01T08:15:02.4Z","registrar":{"cvr":"33257872"}`
	const entry = `,"entry":{"from":"2026-11-01T08:15:00Z","to":"2026-11-01T08:15:00Z","person":{"source":"CPR","id":"0202801111"}}`
	const id = `,"id":"ad9ce89f-25b2-87f7-93fe-9dec2d874f09"`
	for _, c := range []struct {
		name, record string
		want         error
	}{
		{"readable", `{"schema":1,"kind":"registration"` + id + rest + entry + `,"new":{"member":1}}`, nil},
		{"nothing", ``, minlog.ErrNotJSON},
		{"no JSON", `0202801111`, minlog.ErrNotJSON},
		{"cut", `{"schema":1,"kind":"registration"`, minlog.ErrNotJSON},
		{"no schema", `{"kind":"registration"` + id + rest + entry + `}`, minlog.ErrNotJSON},
		{"newer schema", `{"schema":2,"kind":"registration"` + id + rest + entry + `}`, minlog.ErrNewerSchema},
		{"newer schema of another form", `{"schema":2,"kind":["registration"]}`, minlog.ErrNewerSchema},
		{"unknown kind", `{"schema":1,"kind":"other"` + rest + `}`, minlog.ErrKind},
		{"no entry", `{"schema":1,"kind":"registration"` + id + rest + `}`, minlog.ErrIncomplete},
		{"no id", `{"schema":1,"kind":"registration"` + rest + entry + `}`, minlog.ErrIncomplete},
		{"no receipt", `{"schema":1,"kind":"registration"` + id + entry + `}`, minlog.ErrIncomplete},
		{"no person", `{"schema":1,"kind":"registration"` + id + rest + strings.Replace(entry, "person", "nobody", 1) + `}`, minlog.ErrIncomplete},
		{"no time", `{"schema":1,"kind":"registration"` + id + rest + strings.Replace(entry, `"to"`, `"until"`, 1) + `}`, minlog.ErrIncomplete},
		{"the octet 0 in a name", `{"schema":1,"kind":"registration"` + id + rest + strings.Replace(entry, "0202801111", `a\u0000`, 1) + `}`, minlog.ErrText},
		{"the octet 0 in a tally", `{"schema":1,"kind":"tally"` + rest + `,"rejected":{"F\u0000":1}}`, minlog.ErrText},
		{"a long name", `{"schema":1,"kind":"registration"` + id + rest + strings.Replace(entry, "0202801111", strings.Repeat("a", 1001), 1) + `}`, minlog.ErrText},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := minlog.DecodeRecord([]byte(c.record))
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
			assert.NotContains(t, err.Error(), "0202801111")
		})
	}
}

func TestRecordsReadBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draft().Draw(t, "draft")
		r := rules(v2025)
		e, _, ok := r.Check(&d)
		if !ok {
			d := good()
			e, _, _ = r.Check(&d)
			e.Activity = rapid.String().Draw(t, "text")
		}
		requireRoundTrip(t, &e)
	})
}

func requireRoundTrip(t require.TestingT, e *minlog.Entry) {
	value, id, err := recorder(t, registrar).AppendRegistration([]byte("before"), 3, e)
	require.NoError(t, err)
	value = value[len("before"):]
	require.True(t, json.Valid(value))
	read, _, err := minlog.DecodeRecord(value)
	require.NoError(t, err)
	requireRegistration(t, minlog.Registration{ID: id, ReceivedAt: at("2026-11-01T08:15:02.4Z"), Registrar: registrar, Entry: *e}, *read)
	requireSameByJSON(t, value)
}

// requireSameByJSON checks that a record reads as encoding/json reads it: a space at its end is none of a Recorder's.
func requireSameByJSON(t require.TestingT, value []byte) {
	read, tally, err := minlog.DecodeRecord(value)
	byJSON, tallyByJSON, errByJSON := minlog.DecodeRecord(append(bytes.Clone(value), ' '))
	require.Equal(t, errByJSON, err)
	require.Equal(t, tallyByJSON, tally)
	require.Equal(t, byJSON == nil, read == nil)
	if read != nil {
		requireRegistration(t, *byJSON, *read)
	}
}

// fullEntry has a value of every member.
func fullEntry() minlog.Entry {
	return minlog.Entry{
		Source: &minlog.Chain{CorrelationID: "c", System: "S", Source: &minlog.Chain{System: "T", Source: &minlog.Chain{Source: &minlog.Chain{}}}},
		System: "FMK", Activity: "Opslag på <medicinkort>", Reason: "r", Addition: "Værdispring", Criticality: "Ingen", From: now,
		To: now.Add(1500 * time.Microsecond), Org: minlog.ID{Source: "SOR", Value: "1"}, OrgName: "o", Person: minlog.ID{Source: "CPR", Value: "0202801111"},
		PersonName: "p", CorrelationID: "x", SequenceNumber: "7", User: minlog.ID{Source: "CPR", Value: "0505851111"}, UserName: "u", UserRole: "l",
		OnBehalfOf: minlog.ID{Source: "Autorisation", Value: "TST01"}, OnBehalfOfName: "b", OnBehalfOfRole: "e", Filters: []string{"Ikke borger", "y"},
	}
}

// A record in the form that a Recorder writes is read as encoding/json reads it, and so is every record that differs from it in one place.
func TestOwnFormReadsAsJSON(t *testing.T) {
	e := fullEntry()
	value, id, err := recorder(t, registrar).AppendRegistration(nil, 0, &e)
	require.NoError(t, err)
	read, _, err := minlog.DecodeRecord(value)
	require.NoError(t, err)
	requireRegistration(t, minlog.Registration{ID: id, ReceivedAt: at("2026-11-01T08:15:02.4Z"), Registrar: registrar, Entry: e}, *read)
	word := regexp.MustCompile(`^\w{3}$`)
	for i := range value {
		characters := "\"\\,{}[]: 0Zx-.\x00\x1f\x7f\xe2\xff"
		if i > 0 && i+2 <= len(value) && word.Match(value[i-1:i+2]) {
			characters = "\"\\\x1f\xff" // within a word the others are all alike
		}
		requireSameByJSON(t, value[:i])
		for _, c := range []byte(characters) {
			changed := bytes.Clone(value)
			changed[i] = c
			requireSameByJSON(t, changed)
			requireSameByJSON(t, slices.Insert(bytes.Clone(value), i, c))
		}
		requireSameByJSON(t, slices.Delete(bytes.Clone(value), i, i+1))
		requireSameByJSON(t, slices.Insert(bytes.Clone(value), i, []byte("\u2028")...))
	}
	for _, old := range []string{"T", "c", "r", "Værdispring", "o", "p", "x", "7", "u", "l", "b", "e", "y", "m-1", "1500Z", "02.4Z"} {
		for _, instead := range []string{``, `\u00e6`, `\/`, `\n`, `,`, "\u2029", "15Z", "02.40Z", "02.1234567Z", "02.Z", "60Z", "02+00:00"} {
			requireSameByJSON(t, bytes.Replace(value, []byte(`"`+old+`"`), []byte(`"`+instead+`"`), 1))
			requireSameByJSON(t, bytes.Replace(value, []byte(old+`"`), []byte(instead+`"`), 1))
		}
	}
	for _, member := range []string{`"reason":"r",`, `"org":{"source":"SOR","id":"1"},`, `,"filters":["Ikke borger","y"]`, `"user":{"source":"CPR","id":"0505851111"},`} {
		for _, instead := range []string{"", member + member, strings.ToUpper(member), `"org":{"source":"","id":""},`, `,"filters":[]`, `"new":1,`} {
			requireSameByJSON(t, bytes.Replace(value, []byte(member), []byte(instead), 1))
		}
	}
}

// FuzzDecodeRecord: no record makes the consumer panic, each is read as encoding/json reads it, and what is read can be written and read again.
func FuzzDecodeRecord(f *testing.F) {
	e := minlog.Entry{System: "FMK", Activity: "x", From: now, To: now.Add(time.Second), Person: minlog.ID{Source: "CPR", Value: "0202801111"}}
	value, _, err := recorder(f, registrar).AppendRegistration(nil, 0, &e)
	require.NoError(f, err)
	f.Add(value)
	f.Add([]byte(`{"schema":1,"kind":"tally","receivedAt":"2026-11-01T08:15:02.4Z","registrar":{"cvr":"33257872"},"rejected":{"FMK":1}}`))
	f.Add([]byte(`{"schema":2}`))
	full := fullEntry()
	value, _, err = recorder(f, registrar).AppendRegistration(nil, 0, &full)
	require.NoError(f, err)
	f.Add(value)
	f.Fuzz(func(t *testing.T, value []byte) {
		requireSameByJSON(t, value)
		read, _, err := minlog.DecodeRecord(value)
		if err != nil || read == nil {
			return
		}
		w, err := minlog.NewRecorder(read.Registrar, read.ReceivedAt)
		if err != nil {
			return // a year that JSON cannot hold
		}
		again, _, err := w.AppendRegistration(nil, 0, &read.Entry)
		if err != nil {
			return
		}
		second, _, err := minlog.DecodeRecord(again)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%+v", normal(read.Entry)), fmt.Sprintf("%+v", normal(second.Entry)))
	})
}

// slowly reads a record of this form by encoding/json alone: a blank keeps the plain reader away.
func slowly(value []byte) (*minlog.Registration, error) {
	read, _, err := minlog.DecodeRecord(append([]byte(" "), value...))
	return read, err
}

func requireReadAlike(t require.TestingT, value []byte) {
	read, _, err := minlog.DecodeRecord(value)
	want, slowErr := slowly(value)
	require.Equal(t, slowErr, err)
	if read == nil {
		require.Nil(t, want)
		return
	}
	if read.Recorded != "" {
		require.Contains(t, string(value), read.Recorded)
		again, err := minlog.DecodeEntry(read.Recorded)
		require.NoError(t, err)
		require.Equal(t, read.Entry, again)
	}
	plain := *read
	plain.Recorded = ""
	require.Equal(t, want, &plain)
}

func TestPlainRecordsAreReadAsJSONIs(t *testing.T) {
	full := minlog.Entry{
		Source: &minlog.Chain{CorrelationID: "s-1", System: "A", Source: &minlog.Chain{CorrelationID: "s-2", Source: &minlog.Chain{System: "C"}}},
		System: "FMK", Activity: "Opslag på <&> 'æøå'", Reason: "r", Addition: "Værdispring", Criticality: "Privatmarkeret", From: now, To: now.Add(1234 * time.Microsecond),
		Org: minlog.ID{Source: "SOR", Value: "1"}, OrgName: "o", Person: minlog.ID{Source: "CPR", Value: "0202801111"}, PersonName: "p", CorrelationID: "c",
		SequenceNumber: "7", User: minlog.ID{Source: "CPR", Value: "0505851111"}, UserName: "u", UserRole: "ur",
		OnBehalfOf: minlog.ID{Source: "Autorisation", Value: "TST01"}, OnBehalfOfName: "b", OnBehalfOfRole: "br", Filters: []string{"Ikke borger", "x"},
	}
	value, _, err := recorder(t, registrar).AppendRegistration(nil, 0, &full)
	require.NoError(t, err)
	read, _, err := minlog.DecodeRecord(value)
	require.NoError(t, err)
	require.NotEmpty(t, read.Recorded, "a full record is plain")
	requireReadAlike(t, value)

	text := string(value)
	for i := range text {
		requireReadAlike(t, []byte(text[:i]+text[i+1:]))
		requireReadAlike(t, []byte(text[:i]+`"`+text[i:]))
		requireReadAlike(t, []byte(text[:i]+"\xff"+text[i+1:]))
	}
	for _, change := range [][2]string{
		{`"Opslag`, `"\u0041\nOpslag`}, {"Opslag", "Ops\x01lag"}, {"æ", "\xc3"}, {`"reason":"r",`, `"reason":"r","reason":"s",`}, {`"reason":"r"`, `"reason":null`},
		{`"reason":"r"`, `"REASON":"r"`}, {`"filters":["Ikke borger","x"]`, `"filters":[]`}, {`"filters":["Ikke borger","x"]`, `"filters":null`},
		{`.001234Z`, `.0012345Z`}, {`.001234Z`, `,001234Z`}, {`.001234Z`, `+01:00`}, {`T12:00:00Z`, `T2:00:00.00Z`}, {`T12:00:00Z`, `T24:00:00Z`}, {`T12:00:00Z`, `t12:00:00z`},
		{`"source":{"correlationId":"s-1","system":"A",`, `"source":{"system":"A","correlationId":"s-1",`}, {`"source":{"system":"C"}`, `"source":{}`},
		{`"org":{"source":"SOR","id":"1"}`, `"org":{"id":"1","source":"SOR"}`}, {`"id":"0202801111"`, `"id":"0202801111","new":1`}, {`{"source":"CPR","id":"0202801111"}`, `{"source":"","id":""}`},
		{`"schema":1`, `"schema":2`}, {`{"schema"`, `{ "schema"`}, {`"itSystem":"Service Consumer Test",`, ``}, {`"Ikke borger","x"`, `"Ikke borger",""`},
	} {
		require.Contains(t, text, change[0])
		requireReadAlike(t, []byte(strings.Replace(text, change[0], change[1], 1)))
	}
}

// normal leaves out what differs in form only.
func normal(e minlog.Entry) minlog.Entry {
	var links []string
	for c := e.Source; c != nil; c = c.Source {
		links = append(links, c.System+"\x00"+c.CorrelationID)
	}
	e.Source = nil
	e.OrgName += strings.Join(links, "\x01")
	return e
}
