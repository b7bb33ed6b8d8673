// Package jobs shows what several processes do with the same jobs, on every store.
package jobs
