//go:build race

package logkeeping_test

const raceEnabled = true
