package auditlog_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/adapters/auditlog"
	"github.com/opennsp/nsp/domain/audit"
)

func TestPublishedSample(t *testing.T) {
	t.Run("OC-01 published sample decoded and encoded again", func(t *testing.T) {
		sample, err := os.ReadFile("testdata/fgvhr-2023.json")
		require.NoError(t, err)
		sample = bytes.TrimRight(sample, "\n")
		require.Len(t, sample, 1552)
		line, err := auditlog.ParseLine(sample)
		require.NoError(t, err)
		assert.Equal(t, string(sample), string(auditlog.AppendLine(nil, line, 1000)))
	})
}

func TestLineOfAJob(t *testing.T) {
	line, _ := encode(t, audit.Entry{Route: audit.MinLog2, Access: audit.Access{Method: audit.MethodJob, Path: "job:minlog-cleanup",
		Duration: 1500 * time.Millisecond, Arrived: time.Date(2026, 11, 21, 2, 15, 0, 0, time.UTC)}})
	assert.Contains(t, line, `,"access":{"duration":1500,"method":"JOB","path":"job:minlog-cleanup","threadId":"call-7f3a90c2d41e5b68",`+
		`"time":"2026-11-21T03:15:00+01:00"}}`)
}

// encode writes e at a fixed time and reads the line as any JSON reader would.
func encode(t require.TestingT, e audit.Entry) (line string, value map[string]any) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 123456789, time.UTC)
	out := auditlog.AppendLine(nil, auditlog.Line{Time: at, Category: "c", ThreadID: "call-7f3a90c2d41e5b68", Entry: e}, 1000)
	require.NoError(t, json.Unmarshal(out, &value), "%s", out)
	return string(out), value
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		name    string
		arrived time.Time
		want    string
	}{
		{"OC-16 autumn night, first 02:30", time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), `"2026-10-25T02:30:00+02:00"`},
		{"OC-16 autumn night, second 02:30", time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC), `"2026-10-25T02:30:00+01:00"`},
		{"OC-16 fraction .090", time.Date(2026, 11, 21, 10, 0, 0, 90e6, time.UTC), `"2026-11-21T11:00:00.09+01:00"`},
		{"OC-16 microseconds cut", time.Date(2026, 11, 21, 10, 0, 0, 999999e3, time.UTC), `"2026-11-21T11:00:00.999+01:00"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			line, _ := encode(t, audit.Entry{Access: audit.Access{Arrived: c.arrived}})
			assert.Contains(t, line, `"audit":{"timestamp":`+c.want)
			assert.Contains(t, line, `,"time":`+c.want+`,"stats"`)
		})
	}
	t.Run("OC-16 time of writing in UTC", func(t *testing.T) {
		for nanos, want := range map[int]string{90e6: ".09Z", 0: "T10:00:00Z", 123456789: ".123Z"} {
			at := time.Date(2026, 11, 21, 11, 0, 0, nanos, time.FixedZone("", 3600))
			line := auditlog.AppendLine(nil, auditlog.Line{Time: at}, 1)
			head, _, _ := strings.Cut(string(line), `,"category"`)
			assert.True(t, strings.HasSuffix(head, want+`"`), "AppendLine(%v) = %s, want %s", at, head, want)
		}
	})
}

func TestValues(t *testing.T) {
	t.Run("OC-14 quotes, breaks and bad UTF-8", func(t *testing.T) {
		e := audit.Entry{Notes: audit.Notes{{Component: "C", Contexts: []audit.ContextNotes{{Context: "x",
			Information: []audit.Information{{Key: "k", Class: audit.NPI, Value: "a\"\\b\n\r\t<\u2028\u2029\x00\x7f\u0085\xff\xe6&æ"}}}}}}}
		line, _ := encode(t, e)
		assert.Contains(t, line, `"value":"a\"\\b\n\r\t<\u2028\u2029\u0000\u007f\u0085��&æ"`)
		assert.NotContains(t, line, "\n")
	})
	t.Run("OC-14 any value comes back", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			v := string(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "bytes"))
			line, value := encode(t, audit.Entry{Access: audit.Access{Path: v, HTTPHeaders: map[string]string{v: v}}})
			assert.Equal(t, string([]rune(v)), value["access"].(map[string]any)["path"], line)
			assert.NotContains(t, line, "\n")
		})
	})
	t.Run("OC-15 1,500 values of one key", func(t *testing.T) {
		list := make([]string, 1500)
		for i := range list {
			list[i] = "v"
		}
		e := audit.Entry{Notes: audit.Notes{{Component: "NAS", Contexts: []audit.ContextNotes{{Context: "Notify",
			Information: []audit.Information{{Key: "topic", Class: audit.RPI, List: list}}}}}}}
		line, _ := encode(t, e)
		assert.Contains(t, line, `{"key":"topic.0","type":"RPI","value":"v"}`)
		assert.Contains(t, line, `{"key":"topic.999","type":"RPI","value":"v"},{"key":"topic-omitted","type":"NPI","value":"500"}]`)
		assert.NotContains(t, line, `topic.1000`)
	})
	t.Run("empty maps and lists are printed", func(t *testing.T) {
		line, _ := encode(t, audit.Entry{})
		for _, want := range []string{`"components":[]`, `"httpHeaders":{}`, `"idCardAttributes":{}`, `"soapHeaders":{}`, `"query":""`, `"resSize":0`} {
			assert.Contains(t, line, want)
		}
	})
}

func TestParseLineRefuses(t *testing.T) {
	for _, in := range []string{"", "{", `{"time":"x"}`, `{"unknown":1}`, `{} {}`} {
		_, err := auditlog.ParseLine([]byte(in))
		assert.Error(t, err, "ParseLine(%q)", in)
	}
}

func BenchmarkAppendLine(b *testing.B) {
	sample, err := os.ReadFile("testdata/fgvhr-2023.json")
	require.NoError(b, err)
	line, err := auditlog.ParseLine(sample)
	require.NoError(b, err)
	var dst []byte
	for b.Loop() {
		dst = auditlog.AppendLine(dst[:0], line, 1000)
	}
	b.SetBytes(int64(len(dst)))
}
