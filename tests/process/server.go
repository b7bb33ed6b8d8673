// Package process runs the real nspd binary as a child and sends it what a client would: for what only a process can show, such as its memory,
// its end by kill -9 and the order of its system calls.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/opennsp/nsp/tests/child"
)

// Server is a running nspd serve with its own data directory.
type Server struct {
	URL   string // such as http://127.0.0.1:40123
	Admin string // of the admin listener
	Dir   string // its data directory

	federation string // folder of the test federation
	cmd        *exec.Cmd
	ended      chan struct{} // closed when the process is gone
	log        *bytes.Buffer // read only after ended
}

// Options of a server.
type Options struct {
	Dir         string   // its data
	Addr, Admin string   // host:port; "" = free ones
	Federation  string   // folder of the test federation, which servers may share; "" = in Dir
	Env         []string // further settings, such as NSPD_ROLES=minlog-lookup
	Wrapper     []string // command that runs it, such as strace
}

// startTimeout also holds the making of the test federation's keys.
const startTimeout = 60 * time.Second

// ErrGone is returned when the server ends instead of getting ready.
var ErrGone = errors.New("the server ended")

// Build builds nspd into the folder dir and returns its path.
func Build(ctx context.Context, dir string) (binary string, err error) {
	binary = filepath.Join(dir, "nspd")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/opennsp/nsp/bootstrap/nspd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build nspd: %w\n%s", err, out)
	}
	return binary, nil
}

// Start runs binary with its data in dir and returns when it is ready. wrapper, if any, is a command that runs it, such as strace.
func Start(ctx context.Context, binary, dir string, wrapper ...string) (*Server, error) {
	return Run(ctx, binary, Options{Dir: dir, Wrapper: wrapper})
}

// Run starts binary with options and returns when it is ready.
func Run(ctx context.Context, binary string, o Options) (*Server, error) {
	for _, addr := range []*string{&o.Addr, &o.Admin} {
		if *addr == "" {
			var err error
			if *addr, err = FreeAddr(); err != nil {
				return nil, err
			}
		}
	}
	if o.Federation == "" {
		o.Federation = filepath.Join(o.Dir, "federation")
	}
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	args := slices.Concat(o.Wrapper, []string{binary, "serve"})
	s := &Server{
		URL: "http://" + o.Addr, Admin: "http://" + o.Admin, Dir: o.Dir, federation: o.Federation, ended: make(chan struct{}), log: &bytes.Buffer{},
	}
	s.cmd = exec.Command(args[0], args[1:]...) //nolint:noctx // it is ended by Kill or Stop
	s.cmd.Dir = o.Dir
	s.cmd.Env = slices.Concat(os.Environ(), []string{
		"NSPD_DATA_DIR=" + o.Dir, "NSPD_HTTP_ADDR=" + o.Addr, "NSPD_ADMIN_ADDR=" + o.Admin, "NSPD_SECURITY_FEDERATION_DIR=" + o.Federation,
		"NSPD_SHUTDOWN_DRAIN_DELAY=0s",
	}, o.Env)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	// A signal reaches the wrapper and the server, which does not outlive the test: no goroutine of ours ends a thread.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	if err := s.await(ctx); err != nil {
		s.Kill()
		return nil, fmt.Errorf("%w\n%s", err, s.log)
	}
	return s, nil
}

// Log returns what the server printed; it has ended.
func (s *Server) Log() string { return s.log.String() }

// await polls the readiness of the server.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.ended:
			return ErrGone
		case <-ctx.Done():
			return fmt.Errorf("wait for the server: %w", ctx.Err())
		case <-tick.C:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Admin+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
}

// Consumed waits until nothing in the message log is left to be stored.
func (s *Server) Consumed(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		lag, err := s.lag(ctx)
		if err != nil || lag == 0 {
			return err
		}
		select {
		case <-tick.C:
		case <-s.ended:
			return ErrGone
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lag returns how many records are not stored yet, by the server's metrics.
func (s *Server) lag(ctx context.Context) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Admin+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	sum, known := 0, false // of the partitions
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "nspd_messagelog_lag{") {
			n, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), 64)
			if err != nil {
				return 0, err
			}
			sum, known = sum+int(n), true
		}
	}
	if !known {
		return 0, errors.New("no nspd_messagelog_lag among the metrics")
	}
	return sum, nil
}

// PID is the id of the server's process, or of the wrapper that runs it.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Kill ends the server as a power cut would end it (SIGKILL) and returns when it is gone.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop asks the server to end in order and returns when it is gone.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

func (s *Server) end(sig syscall.Signal) {
	_ = syscall.Kill(-s.cmd.Process.Pid, sig)
	<-s.ended
}

// PeakMemory returns the largest resident memory the process has had, in bytes.
func (s *Server) PeakMemory() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kib), "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("no VmHWM in the process status")
}

// FreeAddr returns an address nobody listens on, to which a server can come back.
func FreeAddr() (string, error) {
	port, err := child.FreePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}
