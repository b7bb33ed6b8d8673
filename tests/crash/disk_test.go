package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/tests/child"
	"github.com/opennsp/nsp/tests/process"
)

// TestFullDisk fills a disk of the server under load and makes space again, several times: what was acknowledged stays, what was refused is not
// there, and the server goes on by itself.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	if err := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", t.TempDir()).Run(); err != nil {
		child.Missing(t, "a file system of its own cannot be mounted: "+err.Error())
	}
	for _, c := range []struct{ name, env string }{
		{"of the audit log", "NSPD_AUDIT_DIR=%s"},
		{"of the store", "NSPD_STORE_DSN=%s/store.db"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			disk := filepath.Join(dir, "disk")
			require.NoError(t, os.Mkdir(disk, 0o700))
			// The file system is the server's alone and ends with it.
			server, err := process.Run(t.Context(), nspd(t), process.Options{
				Dir: dir, Env: []string{fmt.Sprintf(c.env, disk), "NSPD_AUDIT_MIN_FREE=0"},
				Wrapper: []string{"unshare", "-m", "sh", "-c", `mount -t tmpfs -o size=48m,mode=700 tmpfs "$0" && exec "$@"`, disk},
			})
			require.NoError(t, err)
			defer server.Stop()
			fillAndClear(t, server, filepath.Join(fmt.Sprintf("/proc/%d/root", server.PID()), disk, "ballast"))
		})
	}
}

func fillAndClear(t *testing.T, server *process.Server, ballast string) {
	const rounds, writers = 3, 8
	client, err := server.Client(t.Context(), "epj")
	require.NoError(t, err)
	reader, err := server.Client(t.Context(), "laege")
	require.NoError(t, err)
	all := newLedger()
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer stop()
	for range writers {
		clients.Go(func() { all.register(ctx, 1, client) })
	}
	all.atLeast(t, 20, acknowledged, "before")
	for range rounds {
		fill(t, ballast)
		all.atLeast(t, 20, refused, "while the disk is full")
		require.NoError(t, os.Remove(ballast))
		all.atLeast(t, 20, acknowledged, "after space was made")
	}
	stop()
	clients.Wait()
	require.NoError(t, server.Consumed(t.Context()))
	all.verify(t, counted(t, reader))
}

// fill writes to a new file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	for block := make([]byte, 1<<20); len(block) > 0; { // down to the last octet
		if _, err = f.Write(block); err != nil {
			require.True(t, errors.Is(err, syscall.ENOSPC), "%v", err)
			block = block[:len(block)/2]
		}
	}
	assert.Error(t, err)
}
