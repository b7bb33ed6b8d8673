// Package job holds what is known of work that a server does by itself, at its time, on one process at a time.
package job

import "time"

// Run is one run of a job. It holds no personal data.
type Run struct {
	Name        string
	StartedAt   time.Time
	FinishedAt  time.Time // zero while it runs, or if it was cut off
	SucceededAt time.Time // when a run of this job last finished well, this one or one before; zero if none has
	OK          bool
	Detail      string // what the job tells of it, as JSON; on failure why
}
