package memory

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/ports"
)

// AuditLog keeps the lines of the audit log in memory. The zero AuditLog is empty and ready. It is safe for concurrent use.
type AuditLog struct {
	mu       sync.Mutex
	lines    []audit.Entry
	notReady error
	broken   error
}

var _ ports.AuditLog = (*AuditLog)(nil)

// Ready answers what Fail said last.
func (l *AuditLog) Ready(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.notReady
}

// Append keeps a copy of e.
func (l *AuditLog) Append(_ context.Context, e audit.Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	l.lines = append(l.lines, cloneLine(e))
	return nil
}

// Fail has Ready answer ready and Append answer broken from now on; nil is health.
func (l *AuditLog) Fail(ready, broken error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notReady, l.broken = ready, broken
}

// Lines returns a copy of the lines, in the order they were appended.
func (l *AuditLog) Lines() []audit.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := make([]audit.Entry, len(l.lines))
	for i, e := range l.lines {
		lines[i] = cloneLine(e)
	}
	return lines
}

func cloneLine(e audit.Entry) audit.Entry {
	e.Notes = slices.Clone(e.Notes)
	for i := range e.Notes {
		contexts := slices.Clone(e.Notes[i].Contexts)
		for j := range contexts {
			contexts[j].Information = slices.Clone(contexts[j].Information)
		}
		e.Notes[i].Contexts = contexts
	}
	e.Access.HTTPHeaders = maps.Clone(e.Access.HTTPHeaders)
	e.Access.IDCardAttributes = maps.Clone(e.Access.IDCardAttributes)
	e.Access.SOAPHeaders = maps.Clone(e.Access.SOAPHeaders)
	return e
}
