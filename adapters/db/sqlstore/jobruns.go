package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/ports"
)

// jobRuns keeps the latest run of each job in minlog_job.
type jobRuns struct{ db *DB }

var _ ports.JobRuns = jobRuns{}

const keepRun = `INSERT INTO minlog_job (name, started_at, finished_at, succeeded_at, ok, detail) VALUES (?, ?, ?, ?, ?, ?)
	ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at, finished_at = excluded.finished_at, succeeded_at = excluded.succeeded_at,
	ok = excluded.ok, detail = excluded.detail`

func (s jobRuns) Keep(ctx context.Context, r job.Run) error {
	_, err := s.db.one(ctx, nil, keepRun, r.Name, micros(r.StartedAt), micros(r.FinishedAt), micros(r.SucceededAt), r.OK, r.Detail)
	if err != nil {
		return fmt.Errorf("keep the run of %s: %w", r.Name, err)
	}
	return nil
}

func (s jobRuns) Runs(ctx context.Context) (runs []job.Run, err error) {
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		var r job.Run
		var started, finished, succeeded sql.NullInt64
		if err := rows.Scan(&r.Name, &started, &finished, &succeeded, &r.OK, &r.Detail); err != nil {
			return err
		}
		r.StartedAt, r.FinishedAt, r.SucceededAt = fromMicros(started), fromMicros(finished), fromMicros(succeeded)
		runs = append(runs, r)
		return nil
	}, "SELECT name, started_at, finished_at, succeeded_at, ok, detail FROM minlog_job ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("find the runs of jobs: %w", translate(err))
	}
	return runs, nil
}
