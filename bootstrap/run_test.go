package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
	"github.com/opennsp/nsp/tests/postgrestest"
)

// federation is made once for all tests of the package: its keys take seconds.
var federation = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "opennsp-bootstrap-")
	if err == nil {
		_, err = devfed.Ensure(dir, time.Now())
	}
	return dir, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := federation(); err == nil {
		os.RemoveAll(dir)
	}
	// One goroutine of a process is the metrics of the Kafka client.
	if err := goleak.Find(goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick")); code == 0 && err != nil {
		_, _ = os.Stderr.WriteString(err.Error())
		code = 1
	}
	os.Exit(code)
}

// logBuffer is a log that the server writes and the test reads.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// dataDir returns a data directory with a test federation.
func dataDir(t *testing.T) string {
	t.Helper()
	made, err := federation()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "federation"), os.DirFS(made)))
	return dir
}

func testConfig(t *testing.T, dir string, more ...Setting) Config {
	t.Helper()
	cfg, err := Load(Sources{File: os.DevNull, Flags: append([]Setting{
		{Key: "data_dir", Value: dir}, {Key: "instance", Value: "test"}, {Key: "http.addr", Value: "127.0.0.1:0"}, {Key: "admin.addr", Value: "127.0.0.1:0"},
		{Key: "shutdown.drain_delay", Value: "0"}, {Key: "audit.min_free", Value: "0"}, {Key: "minlog.consumer.batch_wait", Value: "20ms"},
	}, more...)})
	require.NoError(t, err)
	return cfg
}

// running is a server under test.
type running struct {
	url, admin string
	paths      []string
	log        *logBuffer
	shut       context.CancelFunc
	ended      chan error
}

func startServer(t *testing.T, cfg Config, opt Options) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{log: &logBuffer{}, shut: cancel, ended: make(chan error, 1)}
	ready := make(chan Started, 1)
	opt.Stderr, opt.Ready = r.log, func(at Started) { ready <- at }
	go func() { r.ended <- Run(ctx, cfg, opt) }()
	select {
	case at := <-ready:
		r.url, r.admin, r.paths = "http://"+at.Addr, "http://"+at.Admin, at.Paths
	case err := <-r.ended:
		cancel()
		t.Fatalf("the server ended: %v\n%s", err, r.log)
	}
	return r
}

// stop ends the server and returns what Run returned.
func (r *running) stop() error {
	r.shut()
	http.DefaultClient.CloseIdleConnections()
	return <-r.ended
}

func discardLog() *log.Logger { return slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) }

// logs waits until the server has logged text.
func (r *running) logs(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(r.log.String(), text) }, time.Minute, time.Millisecond, "%s", r.log)
}

func fetch(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(got)
}

func TestRunServes(t *testing.T) {
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) {
			dir := dataDir(t)
			more := []Setting{{Key: "store.driver", Value: driver}}
			if driver == "postgres" {
				more = append(more, Setting{Key: "store.dsn", Value: postgrestest.Database(t, "empty", nil)})
			}
			s := startServer(t, testConfig(t, dir, more...), Options{})
			for _, c := range []struct {
				method, url, body string
				code              int
				want              string
			}{
				{"GET", s.url + "/minlog2-registration/status", "", 200, "Database : OK\nMessage log : OK\nOrganisations : OK\nAudit log : OK\n"},
				{"GET", s.url + "/minlog2-lookup/alarm", "", 200, "OK\n"},
				{"GET", s.url + "/minlog2-lookupid/version", "", 200, "minlog2-lookupid "},
				{"GET", s.url + "/sts/health", "", 200, `{"status":"UP"}`},
				{"GET", s.url + "/sts/actuator/health", "", 200, `{"status":"UP"}`},
				{"POST", s.url + "/sts/status", "", 405, "Method Not Allowed"},
				{"GET", s.url + "/federation/ca.pem", "", 200, "BEGIN CERTIFICATE"},
				{"GET", s.url + "/federation/sts.key", "", 404, ""},
				{"GET", s.url + "/nowhere", "", 404, "Not Found"},
				{"GET", s.url + "/minlog2-registration/RegisterService?wsdl", "", 200, s.url + "/minlog2-registration/RegisterService"},
				{"PUT", s.url + "/minlog2-registration/RegisterService", "", 405, "illegal_http_method"},
				{"FOO", s.url + "/minlog2-registration/RegisterService", "", 405, "illegal_http_method"},
				{"POST", s.url + "/minlog2-registration/RegisterService", "<", 500, "syntax_error"},
				{"GET", s.admin + "/livez", "", 200, "OK"},
				{"GET", s.admin + "/readyz", "", 200, "OK"},
				{"GET", s.admin + "/metrics", "", 200, `nspd_calls_total{operation="other",outcome="refused",service="minlog2-registration"} 1`},
				{"GET", s.admin + "/metrics", "", 200, `nspd_messagelog_lag{partition="0",topic="minlog.registrations.v1"} 0`},
			} {
				code, body := fetch(t, c.method, c.url, c.body)
				assert.Equal(t, c.code, code, "%s %s", c.method, c.url)
				assert.Contains(t, body, c.want, "%s %s", c.method, c.url)
			}
			assert.Contains(t, s.log.String(), "TEST FEDERATION")
			require.NoError(t, s.stop())
			audit, err := os.ReadFile(filepath.Join(dir, "logs", "audit.test.log"))
			require.NoError(t, err)
			calls := 0
			for line := range strings.Lines(string(audit)) {
				if !strings.Contains(line, `"method":"JOB"`) {
					calls++
				}
			}
			assert.Equal(t, 1, calls, "the one message leaves a line, contracts and health none")
			access, err := os.ReadFile(filepath.Join(dir, "logs", "access.test.log"))
			require.NoError(t, err)
			assert.Equal(t, 3, strings.Count(string(access), "\n"), "the message and the two other methods")

			again := startServer(t, testConfig(t, dir, more...), Options{})
			require.NoError(t, again.stop())
		})
	}
}

// A process that only looks up registers what it does: it does not wait for another role to make the topic.
func TestLookupsMakeTheirTopic(t *testing.T) {
	cfg := testConfig(t, dataDir(t), Setting{Key: "store.driver", Value: "postgres"}, Setting{Key: "roles", Value: "minlog-lookup"},
		Setting{Key: "store.dsn", Value: postgrestest.Database(t, "empty", nil)})
	require.NoError(t, startServer(t, cfg, Options{}).stop())
	db, err := openers()["postgres"](t.Context(), &cfg, time.Now, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { assert.NoError(t, db.close()) }()
	topics, err := db.topics.Topics(t.Context())
	require.NoError(t, err)
	assert.Contains(t, topics, messagelog.Topic(cfg.MinLog.Topic))
}

func TestRunFails(t *testing.T) {
	run := func(t *testing.T, cfg Config) error {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		return Run(ctx, cfg, Options{Stderr: io.Discard, Ready: func(Started) { cancel() }})
	}
	t.Run("OC-13 data directory in use", func(t *testing.T) {
		dir := dataDir(t)
		s := startServer(t, testConfig(t, dir), Options{})
		err := run(t, testConfig(t, dir))
		require.ErrorContains(t, err, "lock data directory")
		assert.Equal(t, ExitResource, ExitCode(err))
		code, _ := fetch(t, "GET", s.admin+"/readyz", "")
		assert.Equal(t, 200, code, "the first is unharmed")
		require.NoError(t, s.stop())
	})
	t.Run("OC-13 log directory in use", func(t *testing.T) {
		logs := Setting{Key: "audit.dir", Value: t.TempDir()}
		s := startServer(t, testConfig(t, dataDir(t), logs), Options{})
		err := run(t, testConfig(t, dataDir(t), logs))
		require.ErrorContains(t, err, "lock log")
		assert.Equal(t, ExitResource, ExitCode(err))
		require.NoError(t, s.stop())
	})
	t.Run("port in use", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		for _, key := range []string{"http.addr", "admin.addr"} {
			err = run(t, testConfig(t, dataDir(t), Setting{Key: key, Value: l.Addr().String()}))
			require.Error(t, err)
			assert.Equal(t, ExitResource, ExitCode(err))
		}
	})
	t.Run("store cannot be opened", func(t *testing.T) {
		err := run(t, testConfig(t, dataDir(t), Setting{Key: "store.dsn", Value: "/nowhere/at/all.db"}))
		require.Error(t, err)
		assert.Equal(t, ExitResource, ExitCode(err))
	})
	t.Run("damaged key", func(t *testing.T) {
		dir := dataDir(t)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "keys"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "keys", "messagelog.key"), []byte("short"), 0o600))
		err := run(t, testConfig(t, dir))
		require.Error(t, err)
		assert.Equal(t, ExitResource, ExitCode(err))
	})
}

func TestExitCode(t *testing.T) {
	assert.Equal(t, ExitOK, ExitCode(nil))
	assert.Equal(t, ExitFailed, ExitCode(errors.New("x")))
	assert.Equal(t, ExitDrain, ExitCode(errors.Join(ErrDrain, errors.New("x"))))
}

// open admits everybody.
type open struct{ soap.Profile }

func (open) Admit(context.Context, *soap.Envelope, *soap.Operation) (identity.Caller, error) {
	return identity.Caller{Kind: identity.System, Credential: identity.Credential{Scheme: identity.Address}}, nil
}

const waitMessage = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><w:Wait xmlns:w="urn:test"/></e:Body></e:Envelope>`

// waiting mounts an operation that runs until release is closed or the call is broken off.
func waiting(entered chan<- struct{}, release <-chan struct{}) func(soap.Profile) []Mount {
	return func(p soap.Profile) []Mount {
		return []Mount{{Path: "/test/wait", Service: soap.Service{Name: "test", Component: "Test", Profile: open{p}, Operations: []soap.Operation{{
			Name: soap.Name{Space: "urn:test", Local: "Wait"}, Label: "Wait",
			Policy: admitting.Policy{Schemes: []identity.Scheme{identity.Address}, Kinds: []identity.Kind{identity.System}},
			Serve: func(ctx context.Context, _ soap.Request) (soap.Reply, error) {
				entered <- struct{}{}
				select {
				case <-release:
					return func(w *xmlout.Writer) { w.Elem("done", "") }, nil
				case <-ctx.Done():
					return nil, context.Cause(ctx)
				}
			},
		}}}}}
	}
}

func TestShutdown(t *testing.T) {
	type answered struct {
		code int
		body string
	}
	begin := func(t *testing.T, more ...Setting) (s *running, entered chan struct{}, release chan struct{}, answer chan answered) {
		entered, release, answer = make(chan struct{}, 1), make(chan struct{}), make(chan answered, 1)
		s = startServer(t, testConfig(t, dataDir(t), more...), Options{Services: waiting(entered, release)})
		go func() {
			resp, err := http.Post(s.url+"/test/wait", "text/xml", strings.NewReader(waitMessage))
			if err != nil {
				answer <- answered{0, err.Error()}
				return
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			answer <- answered{resp.StatusCode, string(body)}
		}()
		<-entered
		return s, entered, release, answer
	}
	t.Run("OC-25 a call in progress is answered", func(t *testing.T) {
		s, _, release, answer := begin(t)
		s.shut()
		require.Eventually(t, func() bool { return strings.Contains(s.log.String(), "stopping") }, time.Minute, time.Millisecond)
		close(release)
		got := <-answer
		assert.Equal(t, 200, got.code, got.body)
		require.NoError(t, s.stop())
	})
	t.Run("OC-25 a call that takes too long is rolled back", func(t *testing.T) {
		s, _, _, answer := begin(t, Setting{Key: "shutdown.timeout", Value: "20ms"})
		err := s.stop()
		require.ErrorIs(t, err, ErrDrain)
		assert.Equal(t, ExitDrain, ExitCode(err))
		got := <-answer
		assert.Equal(t, 500, got.code)
		assert.Contains(t, got.body, "processing_problem")
	})
	t.Run("OC-25 not ready at once", func(t *testing.T) {
		s, _, release, answer := begin(t, Setting{Key: "shutdown.drain_delay", Value: "300ms"})
		s.shut()
		require.Eventually(t, func() bool {
			code, _ := fetch(t, "GET", s.admin+"/readyz", "")
			return code == 503
		}, time.Minute, time.Millisecond)
		code, body := fetch(t, "GET", s.url+"/test/status", "")
		assert.Equal(t, 500, code)
		assert.Contains(t, body, "shutting down")
		close(release)
		<-answer
		require.NoError(t, s.stop())
	})
}

func TestOverload(t *testing.T) {
	entered, release := make(chan struct{}, 1), make(chan struct{})
	s := startServer(t, testConfig(t, dataDir(t), Setting{Key: "limits.in_flight", Value: "1"}, Setting{Key: "limits.queue", Value: "1ms"}),
		Options{Services: waiting(entered, release)})
	first := make(chan int, 1)
	go func() {
		code, _ := fetch(t, "POST", s.url+"/test/wait", waitMessage)
		first <- code
	}()
	<-entered
	code, body := fetch(t, "POST", s.url+"/test/wait", waitMessage)
	assert.Equal(t, 500, code)
	assert.Contains(t, body, "Too many calls in progress.")
	_, metrics := fetch(t, "GET", s.admin+"/metrics", "")
	assert.Contains(t, metrics, `nspd_calls_in_flight{service="test"} 1`)
	assert.Contains(t, metrics, `outcome="limited",service="test"} 1`)
	close(release)
	assert.Equal(t, 200, <-first)
	code, _ = fetch(t, "POST", s.url+"/test/wait", waitMessage)
	assert.Equal(t, 200, code, "the place came back")
	require.NoError(t, s.stop())
}

func TestReload(t *testing.T) {
	dir, reload := dataDir(t), make(chan struct{})
	s := startServer(t, testConfig(t, dir), Options{Reload: reload})
	log := filepath.Join(dir, "logs", "audit.test.log")
	require.NoError(t, os.Rename(log, log+".moved"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "federation", "trust.yaml"), []byte("garbage"), 0o600))
	reload <- struct{}{}
	require.Eventually(t, func() bool { return strings.Contains(s.log.String(), "trust files cannot be read") }, time.Minute, time.Millisecond)
	_, err := os.Stat(log)
	assert.NoError(t, err, "the log is there again")
	require.NoError(t, s.stop())
}

func TestWrappers(t *testing.T) {
	var audit *portstest.FailingAuditLog
	units, messages, entries := false, false, false
	s := startServer(t, testConfig(t, dataDir(t), Setting{Key: "store.driver", Value: "memory"}), Options{
		WrapAuditLog: func(l ports.AuditLog) ports.AuditLog {
			audit = &portstest.FailingAuditLog{Log: l}
			return audit
		},
		WrapUnits:      func(u ports.UnitOfWork) ports.UnitOfWork { units = true; return u },
		WrapMessageLog: func(l ports.MessageLog) ports.MessageLog { messages = true; return l },
		WrapLogStore:   func(l ports.LogStore) ports.LogStore { entries = true; return l },
	})
	assert.True(t, units && messages && entries)
	audit.OnReady.FailFrom(1, errors.New("full"))
	code, body := fetch(t, "POST", s.url+"/minlog2-registration/RegisterService", "<")
	assert.Equal(t, 500, code)
	assert.Contains(t, body, "The audit log cannot be written.")
	code, _ = fetch(t, "GET", s.admin+"/readyz", "")
	assert.Equal(t, 503, code)
	require.NoError(t, s.stop())
}

func TestStdout(t *testing.T) {
	var out logBuffer
	s := startServer(t, testConfig(t, dataDir(t), Setting{Key: "audit.output", Value: "stdout"}), Options{Stdout: &out})
	fetch(t, "POST", s.url+"/minlog2-registration/RegisterService", "<")
	require.NoError(t, s.stop())
	assert.Equal(t, 1, strings.Count(out.String(), `"category":"dk.sds.nsp.audit.log.minlog2"`))
	assert.Equal(t, 1, strings.Count(out.String(), `"category":"dk.sds.nsp.access.log"`))
}

func TestSecretKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	first, err := secretKey(dir, "a.key")
	require.NoError(t, err)
	assert.Len(t, first, keySize)
	again, err := secretKey(dir, "a.key")
	require.NoError(t, err)
	assert.Equal(t, first, again)
	other, err := secretKey(dir, "b.key")
	require.NoError(t, err)
	assert.NotEqual(t, first, other)
	info, err := os.Stat(filepath.Join(dir, "a.key"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
}
