//go:build race

package dgws_test

const raceEnabled = true
