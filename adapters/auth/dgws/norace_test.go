//go:build !race

package dgws_test

const raceEnabled = false
