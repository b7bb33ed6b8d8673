package auditlog

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/ports"
)

// Stream is the audit log on a stream such as standard output, which a collector reads: a line is durable when its write returned. Safe for
// concurrent use.
type Stream struct {
	format Format
	now    func() time.Time

	mu  sync.Mutex
	w   io.Writer
	buf []byte
}

var _ ports.AuditLog = (*Stream)(nil)

// NewStream returns the log on w. Each line is one Write.
func NewStream(w io.Writer, f Format, now func() time.Time) *Stream {
	return &Stream{w: w, format: f, now: now}
}

// Ready is nil always: only the next write tells whether the stream takes lines again.
func (s *Stream) Ready(context.Context) error { return nil }

// Append writes e.
func (s *Stream) Append(_ context.Context, e audit.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.format.line(e)
	l.Time = s.now()
	s.buf = append(AppendLine(s.buf[:0], l, s.format.MaxValues), '\n')
	if _, err := s.w.Write(s.buf); err != nil {
		return fmt.Errorf("write audit line: %w", err)
	}
	return nil
}
