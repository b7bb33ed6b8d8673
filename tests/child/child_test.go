package child

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv("CHILD_TEST_STARTER") != "" {
		starter()
	}
	goleak.VerifyTestMain(m)
}

// starter starts a server, says where, and waits to be killed.
func starter() {
	folder, err := NewFolder("child-")
	if err == nil {
		var p *Process
		p, err = Start(server(folder, "exec sleep 1000"))
		if err == nil {
			fmt.Println(p.PID, folder.Path)
			time.Sleep(time.Hour)
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

// server is a program that does not end by itself.
func server(f *Folder, script string) Spec {
	return Spec{Args: []string{"/bin/sh", "-c", script}, Log: filepath.Join(f.Path, "log"), Signal: "TERM"}
}

func gone(pid int) func() bool { return func() bool { return syscall.Kill(pid, 0) != nil } }

func TestServerEndsWithItsStarter(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CHILD_TEST_STARTER=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var pid int
	var folder string
	_, err = fmt.Fscan(out, &pid, &folder)
	require.NoError(t, err)
	require.DirExists(t, folder)
	require.NoError(t, syscall.Kill(pid, 0), "it runs")
	require.NoError(t, cmd.Process.Kill())
	assert.Error(t, cmd.Wait())
	assert.Eventually(t, gone(pid), time.Minute, 10*time.Millisecond)
	assert.Eventually(t, func() bool { _, err := os.Stat(folder); return os.IsNotExist(err) }, time.Minute, 10*time.Millisecond)
}

func TestKillTakesTheChildren(t *testing.T) {
	folder, err := NewFolder("child-")
	require.NoError(t, err)
	defer folder.Remove()
	p, err := Start(server(folder, "sleep 1000 & wait"))
	require.NoError(t, err)
	var children []int
	require.Eventually(t, func() bool { children = childrenOf(p.PID); return len(children) == 1 }, time.Minute, time.Millisecond)
	p.Kill()
	assert.False(t, p.Alive())
	assert.Eventually(t, gone(children[0]), time.Second, time.Millisecond)
	p.Kill() // once more does nothing
}

func TestStopLeavesNoFolder(t *testing.T) {
	folder, err := NewFolder("child-")
	require.NoError(t, err)
	p, err := Start(server(folder, "exec sleep 1000"))
	require.NoError(t, err)
	pid := p.PID
	p.Stop()
	assert.True(t, gone(pid)())
	folder.Remove()
	assert.NoDirExists(t, folder.Path)
}

func TestTempFolder(t *testing.T) {
	name := fmt.Sprint("child-test-", os.Getpid())
	first, err := TempFolder(name)
	require.NoError(t, err)
	if first == nil {
		t.Skip("not that much memory")
	}
	assert.Equal(t, name, filepath.Base(first.Path))
	second, err := TempFolder(name)
	require.NoError(t, err)
	assert.NotEqual(t, first.Path, second.Path, "the name is taken")
	for _, folder := range []*Folder{first, second} {
		assert.DirExists(t, folder.Path)
		folder.Remove()
		assert.NoDirExists(t, folder.Path)
	}
}

func TestFreePort(t *testing.T) {
	port, err := FreePort()
	require.NoError(t, err)
	assert.Less(t, port, 32768, "no outgoing connection gets it")
	assert.True(t, PortFree(port))
}
