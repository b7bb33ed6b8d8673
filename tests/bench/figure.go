package main

import (
	"fmt"
	"strings"
)

// figure is one measured line.
type figure struct {
	name  string
	value string // with its unit
	peer  string // what it is compared with, measured in the same run, with its unit
	ratio float64
	goal  goal
	err   error // why nothing was measured

	picture string // printed instead of the line
}

// goal is the mark a ratio has to meet. The zero goal is none.
type goal struct {
	atMost, atLeast float64
}

// met tells whether ratio reaches the goal.
func (g goal) met(ratio float64) bool {
	return (g.atMost == 0 || ratio <= g.atMost) && (g.atLeast == 0 || ratio >= g.atLeast)
}

// halfMet tells whether ratio is within a factor of two of the goal.
func (g goal) halfMet(ratio float64) bool {
	return (g.atMost == 0 || ratio <= 2*g.atMost) && (g.atLeast == 0 || ratio >= g.atLeast/2)
}

func (g goal) String() string {
	switch {
	case g.atMost != 0:
		return fmt.Sprintf("≤ %.2f", g.atMost)
	case g.atLeast != 0:
		return fmt.Sprintf("≥ %.2f", g.atLeast)
	default:
		return "-"
	}
}

// String is the printed line: name, value, peer, ratio, goal, ok or short.
func (f figure) String() string {
	if f.picture != "" {
		return f.picture
	}
	if f.err != nil {
		return fmt.Sprintf("%-34s not measured: %v", f.name, f.err)
	}
	verdict := "ok"
	if !f.goal.met(f.ratio) {
		verdict = "short"
	}
	if f.goal == (goal{}) {
		verdict = "-"
	}
	return strings.TrimRight(fmt.Sprintf("%-34s %-18s %-38s %8.3f  %-8s %s", f.name, f.value, f.peer, f.ratio, f.goal, verdict), " ")
}

// micros prints seconds as microseconds.
func micros(seconds float64) string { return fmt.Sprintf("%.1f µs", seconds*1e6) }

// millis prints seconds as milliseconds.
func millis(seconds float64) string { return fmt.Sprintf("%.2f ms", seconds*1e3) }
