package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/ports"
)

type jobRuns struct{ db *DB }

var _ ports.JobRuns = jobRuns{}

func (s jobRuns) Keep(ctx context.Context, r job.Run) error {
	return s.db.write(ctx, func(u *unit) error {
		r.StartedAt, r.FinishedAt, r.SucceededAt = instant(r.StartedAt), instant(r.FinishedAt), instant(r.SucceededAt)
		put(u, s.db.runs, r.Name, r)
		return nil
	})
}

func (s jobRuns) Runs(ctx context.Context) (runs []job.Run, err error) {
	err = s.db.read(ctx, func() error {
		runs = slices.SortedFunc(maps.Values(s.db.runs), func(a, b job.Run) int { return cmp.Compare(a.Name, b.Name) })
		return nil
	})
	return runs, err
}
