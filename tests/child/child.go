// Package child runs servers of others as children that never outlive the process that started them, however that one ends.
package child

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// leashed runs "$@" until its standard input, which the starting process holds open, is closed: by that process or by its end.
// Then the server gets the signal $SIGNAL. The first line printed is the server's process id.
const leashed = `
exec 3<&0 4>&1 >&2
"$@" </dev/null 3<&- 4>&- &
server=$!
echo $server >&4
exec 4>&-
(
  read -r _ <&3
  kill -$SIGNAL $server
  for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 0.5; done
  kill -KILL $server
) 2>/dev/null &
watcher=$!
exec 3<&-
wait $server
kill $watcher
`

// removed removes the folder "$1" when its standard input is closed. What ends at the same time may still write to it.
const removed = `
read -r _
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  rm -rf "$1" && [ ! -e "$1" ] && exit 0
  sleep 0.5
done 2>/dev/null
exit 1
`

// Spec is a server to be started.
type Spec struct {
	Args   []string
	Env    []string // beside the caller's
	Log    string   // file that gets its output
	Signal string   // that asks it to end, such as "QUIT"
	User   *syscall.Credential
}

// Process is a running server. It is not safe for concurrent use.
type Process struct {
	PID int // of the server

	cmd   *exec.Cmd
	leash *os.File // the server ends when this is closed
}

// Start starts a server. No goroutine is left behind.
func Start(spec Spec) (*Process, error) {
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	end, leash, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer end.Close()
	told, tell, err := os.Pipe()
	if err != nil {
		leash.Close()
		return nil, err
	}
	defer told.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", leashed, "sh"}, spec.Args...)...) //nolint:noctx // it ends with its leash
	cmd.Env = append(append(os.Environ(), spec.Env...), "SIGNAL="+spec.Signal)
	cmd.Dir = "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = end, tell, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: spec.User} // Ctrl-C ends the starting process alone: the leash does the rest
	err = cmd.Start()
	tell.Close()
	if err != nil {
		leash.Close()
		return nil, err
	}
	p := &Process{cmd: cmd, leash: leash}
	line, err := bufio.NewReader(told).ReadString('\n')
	if err == nil {
		p.PID, err = strconv.Atoi(strings.TrimSpace(line))
	}
	if err != nil {
		p.Stop()
		return nil, fmt.Errorf("start %s: %w", spec.Args[0], err)
	}
	return p, nil
}

// Alive tells whether the server still runs.
func (p *Process) Alive() bool { return p.PID > 0 && syscall.Kill(p.PID, 0) == nil }

// Stop ends the server in order and returns when it is gone.
func (p *Process) Stop() {
	p.leash.Close()
	_ = p.cmd.Wait() // an error if it was stopped before
	p.PID = 0
}

// Kill ends the server and its children as a power cut would and returns when they are gone.
func (p *Process) Kill() {
	if p.PID == 0 {
		return
	}
	_ = syscall.Kill(p.PID, syscall.SIGSTOP) // it starts no other child
	children := childrenOf(p.PID)
	for _, pid := range append(children, p.PID) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = p.cmd.Wait()
	for _, pid := range children { // nobody's children any more: they are waited for by looking
		for deadline := time.Now().Add(5 * time.Second); syscall.Kill(pid, 0) == nil && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}
	p.leash.Close()
	p.PID = 0
}

func childrenOf(pid int) []int {
	var children []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		content, err := os.ReadFile(stat)
		if err != nil {
			continue // it ended
		}
		// pid (name) state ppid …; the name may hold blanks and parentheses
		fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			children = append(children, child)
		}
	}
	return children
}

// Await polls ready until it returns nil, the server has ended or ctx is done.
func (p *Process) Await(ctx context.Context, ready func(context.Context) error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		if !p.Alive() {
			return errors.Join(errors.New("the server ended"), err)
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// FreePort returns a TCP port of 127.0.0.1 nobody listens on and no outgoing connection gets, so that a server can come back to it.
func FreePort() (int, error) {
	for range 1000 {
		if port := 15000 + rand.IntN(16000); PortFree(port) { // below the ephemeral range
			return port, nil
		}
	}
	return 0, errors.New("no free port")
}

// PortFree tells whether nobody listens on the port of 127.0.0.1.
func PortFree(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // it is closed at once
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// Folder is a folder of a server's data that does not outlive the process that made it.
type Folder struct {
	Path string

	cmd   *exec.Cmd
	leash *os.File
}

// NewFolder makes an empty folder, in memory where there is a gigabyte to spare, so that its syncs cost nothing.
func NewFolder(pattern string) (*Folder, error) {
	parent := ""
	if spare(1<<30, false) {
		parent = memory
	}
	path, err := os.MkdirTemp(parent, pattern)
	if err != nil {
		return nil, err
	}
	return held(path)
}

// TempFolder makes a folder in memory for all that the tests of a run put into files, nil where there are no two gigabytes to spare or programs
// may not be run. It has the same name each time where it can: the go command knows the results of unchanged packages then.
func TempFolder(name string) (*Folder, error) {
	if !spare(2<<30, true) {
		return nil, nil //nolint:nilnil // there is none, and nothing is wrong
	}
	path := filepath.Join(memory, name)
	err := os.Mkdir(path, 0o755) //nolint:gosec // servers of other users keep their data there
	if errors.Is(err, os.ErrExist) {
		if path, err = os.MkdirTemp(memory, name+"-"); err == nil {
			err = os.Chmod(path, 0o755) //nolint:gosec // likewise
		}
	}
	if err != nil {
		return nil, err
	}
	return held(path)
}

const memory = "/dev/shm"

// spare tells whether there is memory of so many octets for files, programs among them or not.
func spare(octets int64, programs bool) bool {
	const noexec = 8 // ST_NOEXEC
	var fs syscall.Statfs_t
	return syscall.Statfs(memory, &fs) == nil && int64(fs.Bavail)*fs.Bsize >= octets && !(programs && fs.Flags&noexec != 0)
}

// held removes the folder when the process ends, or before.
func held(path string) (*Folder, error) {
	end, leash, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer end.Close()
	cmd := exec.Command("/bin/sh", "-c", removed, "sh", path) //nolint:noctx // it ends with its leash
	cmd.Dir, cmd.Stdin = "/", end
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		leash.Close()
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return &Folder{Path: path, cmd: cmd, leash: leash}, nil
}

// Remove removes the folder with all it holds.
func (f *Folder) Remove() {
	f.leash.Close()
	_ = f.cmd.Wait()
}

// Missing ends a test whose server cannot be had: skipped, or failed where OPENNSP_TEST_REQUIRE is 1.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
		t.Fatal(what)
	}
	t.Skip(what)
}
