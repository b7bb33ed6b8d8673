package main

import (
	"slices"
	"time"
)

const (
	rounds    = 21                    // odd: the median is a measured value
	batchTime = 25 * time.Millisecond // one measurement of one candidate
)

// interleaved measures what one call of each candidate costs, in seconds. The candidates take turns (A B C A B C …), so that a machine that
// gets slower for a while slows all of them; the result is the median of the rounds.
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
	medians := make([]float64, len(candidates))
	for i, s := range samples {
		medians[i] = median(s)
	}
	return medians
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

func median(s []float64) float64 {
	slices.Sort(s)
	return s[len(s)/2]
}
