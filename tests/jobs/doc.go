// Package jobs shows what several processes do with the same work, jobs and the consumption of the message log, on every store.
package jobs
