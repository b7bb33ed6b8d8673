// Package nsptest starts whole servers for tests and calls them as doctors and systems do. Time stands still until a test moves it.
package nsptest

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/bootstrap"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// Start0 is where the clock of every server begins.
var Start0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// Topic of MinLog's registrations.
const Topic = "minlog.registrations.v1"

// Topics is Topic alone, as the message log takes it.
func Topics() []messagelog.Topic { return []messagelog.Topic{Topic} }

// Options say how a server under test differs from the ordinary one.
type Options struct {
	Store      string            // driver: memory (default), sqlite or postgres
	Kafka      []string          // brokers of the message log; none = it is embedded in the store
	Set        map[string]string // further configuration
	AuditLog   func(ports.AuditLog) ports.AuditLog
	Units      func(ports.UnitOfWork) ports.UnitOfWork
	MessageLog func(ports.MessageLog) ports.MessageLog
	Replies    func(ports.ReplyStore) ports.ReplyStore
	Seen       func(ports.SeenStore) ports.SeenStore
	Services   func(soap.Profile) []bootstrap.Mount
	Register   func(ports.CPRRegister) ports.CPRRegister
	Consents   func(ports.ConsentStore) ports.ConsentStore
	Overrides  func(ports.OverrideLog) ports.OverrideLog
	Wills      func(ports.WillStore) ports.WillStore
	OptOuts    func(ports.OptOutStore) ports.OptOutStore
	Aliases    func(ports.Aliases) ports.Aliases
	Access     func(ports.AccessLog) ports.AccessLog
	Registers  map[string]string // register files by their names, in place of the synthetic ones; nil = those
	Notifier   ports.Notifier    // nil = the server's own notification service
	// Of the notification service.
	NotificationLog func(ports.MessageLog) ports.MessageLog
	PullPoints      func(ports.PullPointStore) ports.PullPointStore
	Now             time.Time // where the clock begins; zero = Start0. The federation has to be made before
	Stdout          io.Writer // nil = nobody reads it
}

// Server is a running server with its own data directory.
type Server struct {
	URL, Admin string // of the services and of the admin listener
	Dir        string // data directory
	Clock      *Clock
	LogStore   ports.LogStore
	MessageLog ports.MessageLog
	Topics     ports.TopicAdmin
	Federation devfed.Federation
	Stop       func()       // stops it before the test ends
	Reload     func()       // has it read its trust files again
	Heard      func(Answer) // is given every answer; nil = nobody

	sts    *dgwstest.Federation
	stsKey *idwstest.Key // the same
	portal *idwstest.Key
	logs   *Log
	client *http.Client
}

// federation is made once in the life of a test binary and copied: its keys take seconds.
var federation = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "nsptest-federation-")
	if err != nil {
		return "", err
	}
	_, err = devfed.Ensure(filepath.Join(dir, "federation"), Start0.AddDate(0, -1, 0)) // so that old cards can be issued too
	return dir, err
})

// Main runs the tests of a package that starts servers, and cleans up after them.
func Main(m *testing.M) {
	code := m.Run()
	if dir, err := federation(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// Start runs a server until the test ends.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	made, err := federation()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "federation"), os.DirFS(filepath.Join(made, "federation"))))
	return StartIn(t, dir, o)
}

// StartIn runs a server on a data directory that may have been used before.
func StartIn(t testing.TB, dir string, o Options) *Server {
	t.Helper()
	s := &Server{Dir: dir, Clock: NewClock(Start0), logs: &Log{}, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128}}}
	if !o.Now.IsZero() {
		s.Clock.Set(o.Now)
	}
	if o.Store == "" {
		o.Store = "memory"
	}
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	for name, lines := range o.Registers {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "stamdata"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "stamdata", name), []byte(lines), 0o600))
	}
	flags := map[string]string{
		"data_dir": dir, "http.addr": "127.0.0.1:0", "admin.addr": "127.0.0.1:0", "store.driver": o.Store, "shutdown.drain_delay": "0s",
		"minlog.consumer.batch_wait": "50ms", "access.delay": "1s", "health.cache": "1ms", "health.failure_threshold": "1",
		"limits.failed_security_per_minute": "0", // a test may refuse as much as it likes while time stands still
	}
	if o.Store == "postgres" {
		flags["store.dsn"] = Postgres(t)
	}
	if len(o.Kafka) > 0 {
		flags["messagelog.driver"], flags["messagelog.brokers"] = "kafka", strings.Join(o.Kafka, ",")
		flags["messagelog.kafka.replication"], flags["messagelog.kafka.min_insync"] = "1", "1"
		flags["messagelog.key_secret"], flags["instance"] = "a secret of tests", "test-"+uuid.NewString()
	}
	maps.Copy(flags, o.Set)
	var settings []bootstrap.Setting
	for k, v := range flags {
		settings = append(settings, bootstrap.Setting{Key: k, Value: v, Flag: "test"})
	}
	cfg, err := bootstrap.Load(bootstrap.Sources{Flags: settings})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended, reload := make(chan bootstrap.Started, 1), make(chan error, 1), make(chan struct{})
	s.Reload = func() { reload <- struct{}{} }
	go func() {
		ended <- bootstrap.Run(ctx, cfg, bootstrap.Options{
			Now: s.Clock.Now, Reload: reload, Stdout: o.Stdout, Stderr: s.logs, Ready: func(at bootstrap.Started) { ready <- at },
			WrapAuditLog: o.AuditLog, WrapUnits: o.Units, WrapReplies: o.Replies, WrapSeen: o.Seen, Services: o.Services,
			WrapRegister: o.Register, WrapConsents: o.Consents, WrapOverrides: o.Overrides, Notifier: o.Notifier,
			WrapWills: o.Wills, WrapOptOuts: o.OptOuts, WrapAliases: o.Aliases, WrapAccess: o.Access,
			WrapMessageLog: func(l ports.MessageLog) ports.MessageLog {
				s.MessageLog = l
				if o.MessageLog != nil {
					return o.MessageLog(l)
				}
				return l
			},
			WrapNotificationLog: o.NotificationLog, WrapPullPoints: o.PullPoints,
			WrapTopicAdmin: func(a ports.TopicAdmin) ports.TopicAdmin { s.Topics = a; return a },
			WrapLogStore:   func(l ports.LogStore) ports.LogStore { s.LogStore = l; return l },
		})
	}()
	select {
	case at := <-ready:
		s.URL, s.Admin = "http://"+at.Addr, "http://"+at.Admin
	case err := <-ended:
		cancel()
		require.NoError(t, err, "the server ended: %s", s.logs)
	}
	s.Stop = sync.OnceFunc(func() {
		s.client.CloseIdleConnections()
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(s.Stop)
	s.Federation = devfed.Federation{Dir: filepath.Join(dir, "federation")}
	s.loadKeys(t)
	return s
}

// tokenService lends a test the key of the server's token service, to issue cards that the service would not.
func tokenService(t testing.TB, f devfed.Federation) *dgwstest.Federation {
	t.Helper()
	files := f.SigningKeys()[trust.IDCard]
	block := func(path string) []byte {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		b, _ := pem.Decode(raw)
		return b.Bytes
	}
	key, err := x509.ParsePKCS8PrivateKey(block(files.Key))
	require.NoError(t, err)
	return &dgwstest.Federation{Key: key.(*rsa.PrivateKey), Certificate: block(files.Certificate)}
}

// Consumed waits until everything in the message log is in the store.
func (s *Server) Consumed(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool {
		bounds, err := s.MessageLog.Bounds(t.Context(), Topics())
		if err != nil {
			return false
		}
		for p, b := range bounds[Topic] {
			next, _, err := s.LogStore.NextOffset(t.Context(), minlog.Partition{Topic: Topic, Number: p})
			if err != nil || next < b.End {
				return false
			}
		}
		return true
	}, 2*time.Minute, 2*time.Millisecond, "the consumer comes to the end of the log: %s", s.logs)
}

// SecondConsumer runs another consumer on the server's stores, as a second process would, until stop is called.
func (s *Server) SecondConsumer(t testing.TB) (stop func()) {
	t.Helper()
	c := &logkeeping.Consumer{
		Log: s.MessageLog, Store: s.LogStore, Now: s.Clock.Now, Logger: slog.New(slog.DiscardHandler), Topic: Topic, Batch: 500,
		BatchWait: 10 * time.Millisecond, RetentionYears: 2,
	}
	bounds, err := s.MessageLog.Bounds(t.Context(), Topics())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var steps sync.WaitGroup
	for part := range bounds[Topic] {
		steps.Go(func() {
			for ctx.Err() == nil {
				if _, err := c.Step(ctx, part); err != nil && ctx.Err() == nil {
					t.Errorf("second consumer: %v", err)
					return
				}
			}
		})
	}
	return func() { cancel(); steps.Wait() }
}

// Logs returns the application log so far.
func (s *Server) Logs() string { return s.logs.String() }

// AuditLines returns the lines of the audit log but those of jobs, which come when they are due.
func (s *Server) AuditLines(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Dir, "logs", "audit.*.log"))
	require.NoError(t, err)
	var lines []string
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		for line := range strings.Lines(string(raw)) {
			if !strings.Contains(line, `"method":"`+audit.MethodJob+`"`) {
				lines = append(lines, strings.TrimSuffix(line, "\n"))
			}
		}
	}
	return lines
}

// AccessLog returns the access log of a stopped server.
func (s *Server) AccessLog(t testing.TB) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Dir, "logs", "access.*.log"))
	require.NoError(t, err)
	var all strings.Builder
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		all.Write(raw)
	}
	return all.String()
}

// Log is a log in memory. It is safe for concurrent use.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write adds p.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String returns what was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
