//go:build !race

package logkeeping_test

const raceEnabled = false
