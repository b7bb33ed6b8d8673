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
)

// Server is a running nspd serve with its own data directory.
type Server struct {
	URL   string // such as http://127.0.0.1:40123
	Admin string // of the admin listener
	Dir   string // its data directory

	cmd   *exec.Cmd
	ended chan struct{} // closed when the process is gone
	log   *bytes.Buffer // read only after ended
}

// startTimeout also holds the making of the test federation's keys.
const startTimeout = 60 * time.Second

// errGone is returned when the server ends instead of getting ready.
var errGone = errors.New("the server ended")

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
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	admin, err := freeAddr()
	if err != nil {
		return nil, err
	}
	if binary, err = filepath.Abs(binary); err != nil {
		return nil, err
	}
	args := slices.Concat(wrapper, []string{binary, "serve"})
	s := &Server{URL: "http://" + addr, Admin: "http://" + admin, Dir: dir, ended: make(chan struct{}), log: &bytes.Buffer{}}
	s.cmd = exec.Command(args[0], args[1:]...) //nolint:noctx // it is ended by Kill or Stop
	s.cmd.Dir = dir
	s.cmd.Env = append(os.Environ(), "NSPD_DATA_DIR="+dir, "NSPD_HTTP_ADDR="+addr, "NSPD_ADMIN_ADDR="+admin, "NSPD_SHUTDOWN_DRAIN_DELAY=0s")
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a signal reaches the wrapper and the server
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

// await polls the readiness of the server.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.ended:
			return errGone
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
		if err != nil || lag == "0" {
			return err
		}
		select {
		case <-tick.C:
		case <-s.ended:
			return errGone
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lag returns the value of the metric that counts the records not stored yet.
func (s *Server) lag(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Admin+"/metrics", http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "nspd_messagelog_lag{") {
			return strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), nil
		}
	}
	return "", errors.New("no nspd_messagelog_lag among the metrics")
}

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

// freeAddr returns an address nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
