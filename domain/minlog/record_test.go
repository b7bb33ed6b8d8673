package minlog_test

import (
	"encoding/json"
	"fmt"
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
	assert.Equal(t, &minlog.Registration{ID: id, ReceivedAt: at("2026-11-01T08:15:02.4Z"), Registrar: registrar, Entry: e}, read)
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
	require.Equal(t, id, read.ID)
	require.Equal(t, *e, read.Entry)
}

// FuzzDecodeRecord: no record makes the consumer panic, and what it reads it can write and read again.
func FuzzDecodeRecord(f *testing.F) {
	e := minlog.Entry{System: "FMK", Activity: "x", From: now, To: now.Add(time.Second), Person: minlog.ID{Source: "CPR", Value: "0202801111"}}
	value, _, err := recorder(f, registrar).AppendRegistration(nil, 0, &e)
	require.NoError(f, err)
	f.Add(value)
	f.Add([]byte(`{"schema":1,"kind":"tally","receivedAt":"2026-11-01T08:15:02.4Z","registrar":{"cvr":"33257872"},"rejected":{"FMK":1}}`))
	f.Add([]byte(`{"schema":2}`))
	f.Fuzz(func(t *testing.T, value []byte) {
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
