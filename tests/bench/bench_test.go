package main

import (
	"context"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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

func TestMedianOfTurns(t *testing.T) {
	assert.InDelta(t, 2.0, median([]float64{100, 1, 2}), 0)
	got := interleaved(func() {}, func() {
		for until := time.Now().Add(200 * time.Microsecond); time.Now().Before(until); {
			continue
		}
	})
	assert.Greater(t, got[1], 100*got[0])
}
