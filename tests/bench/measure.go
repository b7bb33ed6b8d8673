package main

import (
	"slices"
	"time"
)

const (
	rounds    = 100
	batchTime = 5 * time.Millisecond // one measurement of one candidate
)

// interleaved measures what one call of each candidate costs, in seconds. The candidates take turns (A B C A B C …), so that a machine that
// gets slower for a while slows all of them; the result is the quickest quarter's slowest round, in which other programs took little of the
// machine.
func interleaved(candidates ...func()) []float64 {
	calls := make([]int, len(candidates))
	for i, run := range candidates {
		calls[i] = calibrate(run)
	}
	samples := make([][]float64, len(candidates))
	for range rounds {
		for i, run := range candidates {
			samples[i] = append(samples[i], timed(run, calls[i]))
		}
	}
	quick := make([]float64, len(candidates))
	for i, s := range samples {
		quick[i] = quarter(s)
	}
	return quick
}

// calibrate warms run up and returns how many calls fill batchTime.
func calibrate(run func()) int {
	for n := 1; ; n *= 2 {
		if took := timed(run, n) * float64(n); took >= batchTime.Seconds()/2 {
			return max(1, int(float64(n)*batchTime.Seconds()/took))
		}
	}
}

func timed(run func(), n int) float64 {
	started := time.Now()
	for range n {
		run()
	}
	return time.Since(started).Seconds() / float64(n)
}

// quarter returns the value that a quarter of the samples is below.
func quarter(s []float64) float64 {
	slices.Sort(s)
	return s[len(s)/4]
}
