// Package portstest holds the contract of each port as a test suite, and wrappers that fail on demand. Any adapter may run them, of this
// project or not:
//
//	func TestLogStore(t *testing.T) {
//		portstest.LogStore(t, func(t *testing.T) (ports.LogStore, ports.UnitOfWork) { … })
//	}
//
// Each suite calls open once for each case and expects an empty backend that nobody else uses; open registers its own clean-up.
package portstest

import (
	"context"
	"errors"
	"testing"
	"time"
)

// patience is how long a suite waits for what must happen.
const patience = 45 * time.Second

// errBoom is what the suites' own callbacks fail with.
var errBoom = errors.New("boom")

// bounded returns a context that ends when the case must be over.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// nothing is a seal, or a piece of work, that does nothing.
func nothing(context.Context) error { return nil }
