package telemetry

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// AuditLog returns log, measured.
func (m *Metrics) AuditLog(log ports.AuditLog) ports.AuditLog {
	m.gauge(metricAuditWritable, "1 while the audit log can be written.", func() float64 {
		if log.Ready(context.Background()) != nil {
			return 0
		}
		return 1
	})
	return &auditLog{log, m}
}

type auditLog struct {
	ports.AuditLog
	m *Metrics
}

var _ ports.AuditLog = (*auditLog)(nil)

// Append measures how long the line took.
func (l *auditLog) Append(ctx context.Context, e audit.Entry) error {
	started := time.Now()
	err := l.AuditLog.Append(ctx, e)
	l.m.auditAppend.Observe(time.Since(started).Seconds())
	l.m.auditLines.WithLabelValues(audit.Category(audit.CategoryPrefix, e), result(err)).Inc()
	return err
}

// MessageLog returns log, measured.
func (m *Metrics) MessageLog(log ports.MessageLog) ports.MessageLog { return &messageLog{log, m} }

type messageLog struct {
	ports.MessageLog
	m *Metrics
}

var _ ports.MessageLog = (*messageLog)(nil)

// Append measures how long the records took.
func (l *messageLog) Append(ctx context.Context, recs []messagelog.Record) error {
	started := time.Now()
	err := l.MessageLog.Append(ctx, recs)
	if len(recs) > 0 {
		l.m.produce.WithLabelValues(string(recs[0].Topic)).Observe(time.Since(started).Seconds())
		entries := 0
		for i := range recs {
			if len(recs[i].Key) > 0 { // else it counts those that were refused
				entries++
			}
		}
		l.m.bulk.Observe(float64(entries))
	}
	return err
}

// LogStore returns store, measured; now tells when an entry can be looked up.
func (m *Metrics) LogStore(store ports.LogStore, now func() time.Time) ports.LogStore {
	return &logStore{store, m, now}
}

type logStore struct {
	ports.LogStore
	m   *Metrics
	now func() time.Time
}

var _ ports.LogStore = (*logStore)(nil)

// Store counts what became of the entries.
func (s *logStore) Store(ctx context.Context, p minlog.Partition, from, to int64, b minlog.Batch) (int, error) {
	inserted, err := s.LogStore.Store(ctx, p, from, to, b)
	if err != nil {
		return inserted, err
	}
	stored := s.now()
	for i := range b.Registrations {
		s.m.endToEnd.Observe(stored.Sub(b.Registrations[i].ReceivedAt).Seconds())
	}
	rejected := 0
	for _, t := range b.Tallies {
		for _, n := range t.Rejected {
			rejected += n
		}
	}
	s.m.consumed.WithLabelValues(string(p.Topic)).Add(float64(len(b.Registrations) + len(b.Tallies) + len(b.DeadLetters)))
	s.m.entries.WithLabelValues("added").Add(float64(inserted))
	s.m.entries.WithLabelValues("duplicate").Add(float64(len(b.Registrations) - inserted))
	s.m.entries.WithLabelValues("failed").Add(float64(rejected))
	return inserted, nil
}

// Expire counts what was removed.
func (s *logStore) Expire(ctx context.Context, cutoff time.Time) (int64, bool, error) {
	removed, done, err := s.LogStore.Expire(ctx, cutoff)
	s.m.deleted.Add(float64(removed))
	return removed, done, err
}

// JobRuns returns store, measured: it counts the runs that this process ends, and shows when each job last ended well anywhere.
func (m *Metrics) JobRuns(store ports.JobRuns) ports.JobRuns {
	m.registry.MustRegister(&successes{of: store.Runs})
	return &jobRuns{store, m}
}

type jobRuns struct {
	ports.JobRuns
	m *Metrics
}

var _ ports.JobRuns = (*jobRuns)(nil)

// Keep counts a run that ended.
func (j *jobRuns) Keep(ctx context.Context, r job.Run) error {
	if err := j.JobRuns.Keep(ctx, r); err != nil || r.FinishedAt.IsZero() {
		return err
	}
	outcome := "failed"
	if r.OK {
		outcome = "ok"
	}
	j.m.jobRuns.WithLabelValues(r.Name, outcome).Inc()
	return nil
}

func result(err error) string {
	if err != nil {
		return "failed"
	}
	return "ok"
}
