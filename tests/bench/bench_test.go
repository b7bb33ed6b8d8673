package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
)

func TestGoal(t *testing.T) {
	for _, c := range []struct {
		name      string
		goal      goal
		ratio     float64
		met, half bool
	}{
		{"at most, met", goal{atMost: 2}, 2, true, true},
		{"at most, short", goal{atMost: 2}, 2.1, false, true},
		{"at most, below half", goal{atMost: 2}, 4.1, false, false},
		{"at least, met", goal{atLeast: 0.3}, 0.3, true, true},
		{"at least, short", goal{atLeast: 0.3}, 0.2, false, true},
		{"at least, below half", goal{atLeast: 0.3}, 0.1, false, false},
		{"none", goal{}, 100, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.met, c.goal.met(c.ratio))
			assert.Equal(t, c.half, c.goal.halfMet(c.ratio))
		})
	}
}

func TestFigurePrintsOneLine(t *testing.T) {
	f := figure{name: "parse", value: "4.0 µs", peer: "encoding/xml 100.0 µs", ratio: 0.04, goal: goal{atMost: 0.1}}
	assert.Regexp(t, `^parse +4\.0 µs +encoding/xml 100\.0 µs +0\.040 +≤ 0\.10 +ok$`, f.String())
	f.ratio = 0.2
	assert.Regexp(t, `short$`, f.String())
	assert.Regexp(t, `^parse +not measured: no java$`, figure{name: "parse", err: errors.New("no java")}.String())
}

func TestRunFailsBelowHalfOfAGoal(t *testing.T) {
	for _, c := range []struct {
		name string
		f    figure
		good bool
	}{
		{"short", figure{ratio: 3, goal: goal{atMost: 2}}, true},
		{"below half", figure{ratio: 5, goal: goal{atMost: 2}}, false},
		{"not measured", figure{err: errors.New("no server"), goal: goal{atMost: 2}}, false},
		{"a peer that is missing", figure{err: errors.New("no java")}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := []bench{{"x", func(context.Context, options) []figure { return []figure{c.f} }}}
			assert.Equal(t, c.good, run(t.Context(), all, regexp.MustCompile("."), options{}))
			assert.True(t, run(t.Context(), all, regexp.MustCompile("other"), options{}))
		})
	}
}

func TestQuickestQuarterOfTurns(t *testing.T) {
	assert.InDelta(t, 2.0, quarter([]float64{100, 1, 2, 50}), 0)
	got := interleaved(func() {}, func() {
		for until := time.Now().Add(200 * time.Microsecond); time.Now().Before(until); {
			continue
		}
	})
	assert.Greater(t, got[1], 100*got[0])
}

func TestAnswersAreSkipped(t *testing.T) {
	const good = "HTTP/1.1 200 OK\r\nA: b\r\ncontent-length: 3\r\n\r\nabc"
	in := bufio.NewReader(strings.NewReader(good + good + "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n" + "HTTP/1.1 200 OK\r\n\r\n"))
	require.NoError(t, skipAnswer(in))
	require.NoError(t, skipAnswer(in))
	require.ErrorIs(t, skipAnswer(in), errStatus)
	require.Error(t, skipAnswer(in), "no length")
	require.Error(t, skipAnswer(in), "the end")
}

func TestBars(t *testing.T) {
	got := strings.Split(bars(map[string]float64{"a": 100, "b": 25, "c": 0.1}, []string{"a", "nothing", "b", "c"}), "\n")
	require.Len(t, got, 3)
	assert.Equal(t, []int{60, 15, 1}, []int{strings.Count(got[0], "█"), strings.Count(got[1], "█"), strings.Count(got[2], "█")})
	assert.Equal(t, got[0], figure{picture: got[0]}.String())
}

// The server that is measured does what is claimed: it answers a good message and refuses a changed one, with and without the cache.
func TestMeasuredServerVerifies(t *testing.T) {
	f, now := dgwstest.New(2048), time.Now()
	message := dgwstest.Message(f.Sign(dgwstest.SystemCard(now.Add(-time.Minute))), now, 3, "m-1", func(w *xmlout.Writer) { w.Raw(bulkXML(1)) })
	for _, cache := range []*xmldsig.Cache{nil, xmldsig.NewCache(4)} {
		server := httptest.NewServer(router(f.Certificate, cache, registering()))
		addr := strings.TrimPrefix(server.URL, "http://")
		for range 2 {
			answer, err := once(t.Context(), addr, message)
			require.NoError(t, err)
			assert.Contains(t, string(answer), "Done")
			answer, err = once(t.Context(), addr, bytes.Replace(message, []byte("TestEPJ"), []byte("TestEPK"), 1))
			require.ErrorIs(t, err, errStatus)
			assert.Contains(t, string(answer), "invalid_signature")
		}
		rate, err := load(t.Context(), addr, same(post(addr, message)), 20*time.Millisecond)
		require.NoError(t, err)
		assert.Positive(t, rate)
		server.Close()
	}
}
