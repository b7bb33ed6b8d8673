package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A call is sent whether earlier ones are answered or not, and its time runs from when it should have been sent.
func TestCallsAreTimedFromTheirArrival(t *testing.T) {
	const n = 5
	var all sync.WaitGroup
	all.Add(n)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		all.Done()
		all.Wait()
		_, _ = w.Write([]byte(strings.Repeat(`"day":`, 5*reportDays)))
	}))
	defer server.Close()
	c := &calls{url: server.URL, http: server.Client()}
	p := &plan{at: make([]time.Duration, n), calls: make([]call, n)}
	for i := range p.calls {
		p.calls[i].kind, p.at[i] = report, -time.Hour
	}
	var took timings
	require.NoError(t, c.open(t.Context(), p, &took))
	require.Len(t, took[report], n)
	assert.GreaterOrEqual(t, quantile(took[report], 0), time.Hour.Seconds())
	assert.Empty(t, took[lookup])

	all.Add(1)
	p.at, p.calls = p.at[:1], []call{{kind: lookup}}
	require.Error(t, c.open(t.Context(), p, &took), "an answer that is no page of registrations")
}

func TestArrivals(t *testing.T) {
	const rate = 50_000
	at := arrivals(rate, time.Second)
	assert.InDelta(t, rate, len(at), rate/20)
	assert.IsNonDecreasing(t, at)
	assert.Less(t, at[len(at)-1], time.Second)
}

func TestFiguresOfAMixture(t *testing.T) {
	m := mixture{alone: 1000, both: 900, most: 10}
	for i := range 100 {
		m.quiet[lookup] = append(m.quiet[lookup], float64(100-i)/1000)
		m.busy[lookup] = append(m.busy[lookup], float64(i+1)*3/1000)
	}
	got := m.figures("x", nil)
	assert.Regexp(t, `^x/consumer +900 rows/s +without calls 1000 rows/s +0\.900 +≥ 0\.85 +ok$`, got[0].String())
	assert.Regexp(t, `^x/lookup-p99 +300\.00 ms +without consumer 100\.00 ms +3\.000 +≤ 2\.00 +short$`, got[1].String())
	assert.Regexp(t, `^x/lookup-p50 +153\.00 ms +without consumer 51\.00 ms `, got[2].String())
	assert.Equal(t, goal{}, m.figures("x", errApart)[0].goal, "nothing to fall short of")
}
