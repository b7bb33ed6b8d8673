// Package postgrestest runs PostgreSQL for tests: one server that a test binary's tests share, with a database for each, and servers that a test
// may kill.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/opennsp/nsp/tests/child"
)

// ErrMissing is returned where the programs of PostgreSQL are not installed.
var ErrMissing = errors.New("PostgreSQL is not installed (Debian package postgresql)")

const (
	superuser = "opennsp"
	password  = "not-a-secret"
	// startLimit also holds the recovery after a kill.
	startLimit = 60 * time.Second
)

// Options of a server. The zero value is a server with the settings of the shared one.
type Options struct {
	Dir      string            // folder for its data, which has to be reachable for another user where the test runs as root; "" = one of its own
	Settings map[string]string // of postgresql.conf, over those of the package
	Port     int               // 0 = a free one
}

// Server is a PostgreSQL on 127.0.0.1 whose commits are synced. It ends with the process that started it. It is not safe for concurrent use.
type Server struct {
	DSN  string // URL of the database postgres, as a superuser
	Addr string // host:port
	Dir  string // holds data and log

	programs string
	args     []string
	user     *syscall.Credential
	folder   *child.Folder // nil = the caller's
	process  *child.Process
}

// Start makes a new cluster, or takes the one found in Options.Dir, and returns when it answers.
func Start(ctx context.Context, o Options) (*Server, error) {
	programs, err := findPrograms()
	if err != nil {
		return nil, err
	}
	s := &Server{programs: programs, Dir: o.Dir}
	if s.user, err = serverUser(); err != nil {
		return nil, err
	}
	if s.Dir == "" {
		if s.folder, err = child.NewFolder("nsp-pg-"); err != nil {
			return nil, err
		}
		s.Dir = s.folder.Path
	}
	port := o.Port
	if port == 0 {
		if port, err = child.FreePort(); err != nil {
			return nil, err
		}
	}
	s.Addr = "127.0.0.1:" + strconv.Itoa(port)
	s.DSN = DSN(port)
	s.args = []string{filepath.Join(programs, "postgres"), "-D", s.data(), "-p", strconv.Itoa(port)}
	settings := map[string]string{
		"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "on", "max_connections": "200", "shared_buffers": "64MB",
		"wal_level": "minimal", "max_wal_senders": "0", "dynamic_shared_memory_type": "mmap", "jit": "off", "logging_collector": "off",
		"log_statement": "none", "autovacuum_naptime": "10min",
	}
	for name, value := range o.Settings {
		settings[name] = value
	}
	for name, value := range settings {
		s.args = append(s.args, "-c", name+"="+value)
	}
	if err = s.initialise(ctx); err == nil {
		err = s.Restart(ctx)
	}
	if err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// DSN is what a server started on port is reached by.
func DSN(port int) string {
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, password), Host: "127.0.0.1:" + strconv.Itoa(port), Path: "/postgres",
		RawQuery: "sslmode=disable",
	}).String()
}

// Installed returns an error where Start has nothing to start.
func Installed() error {
	_, err := findPrograms()
	return err
}

func (s *Server) data() string { return filepath.Join(s.Dir, "data") }

// Log is the file with the server's output.
func (s *Server) Log() string { return filepath.Join(s.Dir, "log") }

func (s *Server) initialise(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(s.data(), "PG_VERSION")); err == nil {
		return nil
	}
	secret := filepath.Join(s.Dir, "password")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		return err
	}
	if s.user != nil {
		for _, path := range []string{s.Dir, secret} {
			if err := os.Chown(path, int(s.user.Uid), int(s.user.Gid)); err != nil {
				return err
			}
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.programs, "initdb"), "-D", s.data(), "-U", superuser, "-A", "password", "--pwfile", secret,
		"-E", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make a cluster: %w\n%s", err, out)
	}
	return nil
}

// Restart starts a server that was stopped or killed, with the same data and port, and returns when it answers.
func (s *Server) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	var err error
	if s.process, err = child.Start(child.Spec{Args: s.args, Log: s.Log(), Signal: "QUIT", User: s.user}); err != nil {
		return err
	}
	err = s.process.Await(ctx, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, s.DSN)
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w\n%s", err, s.lastLines())
	}
	return nil
}

func (s *Server) lastLines() string {
	content, _ := os.ReadFile(s.Log())
	return string(content[max(0, len(content)-2000):])
}

// Kill ends the server and all its children by SIGKILL and returns when they are gone.
func (s *Server) Kill() {
	if s.process != nil {
		s.process.Kill()
	}
}

// Alive tells whether the server runs.
func (s *Server) Alive() bool { return s.process != nil && s.process.Alive() }

// Stop ends the server and removes its own folder.
func (s *Server) Stop() {
	if s.process != nil {
		s.process.Stop()
	}
	if s.folder != nil {
		s.removeSegment()
		s.folder.Remove()
	}
}

// removeSegment removes the segment of shared memory that guards a data folder: a killed server leaves it, and only its next start finds it.
func (s *Server) removeSegment() {
	content, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return
	}
	// The seventh line holds key and id.
	if lines := strings.Split(string(content), "\n"); len(lines) > 6 {
		if ids := strings.Fields(lines[6]); len(ids) == 2 {
			_ = exec.Command("ipcrm", "-m", ids[1]).Run() //nolint:noctx // at once
		}
	}
}

// findPrograms returns the folder of initdb and postgres: of PATH, or the newest that Debian's packages laid down.
func findPrograms() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if dir := filepath.Dir(initdb); executable(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	newest, at := 0, ""
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	for _, initdb := range found {
		dir := filepath.Dir(initdb)
		if v, err := strconv.Atoi(filepath.Base(filepath.Dir(dir))); err == nil && v > newest && executable(filepath.Join(dir, "postgres")) {
			newest, at = v, dir
		}
	}
	if at == "" {
		return "", ErrMissing
	}
	return at, nil
}

func executable(path string) bool {
	_, err := exec.LookPath(path)
	return err == nil
}

// serverUser is whom the server runs as: PostgreSQL refuses root. nil is the caller.
func serverUser() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	var u *user.User
	var err error
	for _, name := range []string{"postgres", "nobody"} {
		if u, err = user.Lookup(name); err == nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("find a user for PostgreSQL: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}
