package auditlog

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

func fileLines(t *testing.T, dir string) func() []string {
	return func() []string {
		b, err := os.ReadFile(filepath.Join(dir, "audit.test.log"))
		require.NoError(t, err)
		return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	}
}

func TestFileContract(t *testing.T) {
	for name, mode := range map[string]Sync{"group": Group, "each": Each, "none": None} {
		t.Run(name, func(t *testing.T) {
			portstest.AuditLog(t, func(t *testing.T) (ports.AuditLog, func() []string) {
				opt := fileOptions(t.TempDir())
				opt.Sync = mode
				return open(t, opt, realDisk()), fileLines(t, opt.Dir)
			})
		})
	}
	portstest.AuditLogRecovery(t, func(t *testing.T) (ports.AuditLog, func() []string, func(), func()) {
		var full atomic.Bool
		d := realDisk()
		d.write = func(f *os.File, b []byte) (int, error) {
			if full.Load() {
				return 0, syscall.ENOSPC
			}
			return f.Write(b)
		}
		d.free = func(dir string) (int64, error) {
			if full.Load() {
				return 0, nil
			}
			return freeSpace(dir)
		}
		opt := fileOptions(t.TempDir())
		opt.MinFree = 1
		return open(t, opt, d), fileLines(t, opt.Dir), func() { full.Store(true) }, func() { full.Store(false) }
	})
}

// lockedBuffer is a buffer that a test may read while the log writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.b.String(), "\n"), "\n")
}

func TestStreamContract(t *testing.T) {
	portstest.AuditLog(t, func(*testing.T) (ports.AuditLog, func() []string) {
		var out lockedBuffer
		return NewStream(&out, fileOptions("").Format, func() time.Time { return noon }), out.lines
	})
}
