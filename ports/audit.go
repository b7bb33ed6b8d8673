// Package ports holds the interfaces between the use cases and the technology they run on. The comment of an interface is its contract;
// package portstest holds each contract as a test suite that any adapter can run.
package ports

import (
	"context"

	"github.com/opennsp/nsp/domain/audit"
)

// AuditLog is safe for concurrent use.
type AuditLog interface {
	// Ready answers from memory whether Append can be expected to succeed.
	Ready(ctx context.Context) error
	// Append makes e durable before it returns nil. After an error the caller undoes its effects; the line may still exist.
	// Append keeps nothing of e after it returns.
	Append(ctx context.Context, e audit.Entry) error
}

// Trail collects what the current call says in the audit log. It cannot fail; outside a call it does nothing.
type Trail interface {
	Note(ctx context.Context, c audit.Component, where audit.Context, info ...audit.Information)
}

// UnitOfWork is the transaction of a call, carried in the context. It is safe for concurrent use; one unit belongs to one goroutine.
type UnitOfWork interface {
	// Run calls work and then seal with a context that carries the unit; the transaction opens at the first write and commits after
	// seal. Any error of either rolls back and is returned as it is; a commit that fails is a *CommitError. A panic rolls back and goes
	// on. The unit is never rerun; a store's Update reruns its edit from its savepoint, at most 3 times, on unique violation or deadlock.
	// READ COMMITTED. A Run within a unit, or a write with the context of a unit that has ended, is a programming mistake and fails. A
	// context that ends after seal does not take the commit back. Only the admission gate and the job runner call Run.
	Run(ctx context.Context, work, seal func(context.Context) error) error
}

// CommitError says that a commit failed. Unknown: it cannot be told whether it took effect.
type CommitError struct {
	Err     error
	Unknown bool
}

// Error tells the cause.
func (e *CommitError) Error() string { return "commit: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *CommitError) Unwrap() error { return e.Err }
