package bootstrap

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// The exit codes of the program.
const (
	ExitOK          = 0
	ExitFailed      = 1   // while it ran
	ExitConfig      = 2   // the configuration cannot be used
	ExitResource    = 3   // a port, a lock or the store could not be had
	ExitDrain       = 4   // calls were in progress when the time to stop was over
	ExitInterrupted = 130 // told twice to stop
)

// ResourceError says that something the server needs could not be had.
type ResourceError struct{ Err error }

// Error tells which.
func (e *ResourceError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ResourceError) Unwrap() error { return e.Err }

// ErrDrain is returned by Run when calls had to be broken off at the end.
var ErrDrain = errors.New("calls in progress were broken off")

// ExitCode returns what the program exits with after err.
func ExitCode(err error) int {
	var config *ConfigError
	var resource *ResourceError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &config):
		return ExitConfig
	case errors.As(err, &resource):
		return ExitResource
	case errors.Is(err, ErrDrain):
		return ExitDrain
	}
	return ExitFailed
}

// lockDirectory makes the data directory and takes its lock: one process works in it.
func lockDirectory(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock data directory %s: another process works in it: %w", dir, err)
	}
	return f, nil
}
