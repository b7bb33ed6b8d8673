package bootstrap

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	domaintrust "github.com/opennsp/nsp/domain/trust"
)

// answerOf sends a request; header are names and values in turn.
func answerOf(t *testing.T, c *http.Client, method, url, content string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(content))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(got)
}

func TestRunTLS(t *testing.T) {
	own, clients := newAuthority(t, "Server CA"), newAuthority(t, "Client CA")
	folder := tlsFolder{t.TempDir()}
	issue := func(serial int64, ends time.Time) {
		cert, key := own.issue(t, serial, pkix.Name{CommonName: "server"}, ends)
		folder.pair(t, cert, key)
	}
	issue(1, time.Now().AddDate(1, 0, 0))
	folder.put(t, "clients.pem", clients.pem())
	dir, reload := dataDir(t), make(chan struct{})
	s := startServer(t, testConfig(t, dir,
		Setting{Key: "tls.cert", Value: folder.path("server.pem")}, Setting{Key: "tls.key", Value: folder.path("server.key")},
		Setting{Key: "tls.client_auth", Value: "require"}, Setting{Key: "tls.client_ca", Value: folder.path("clients.pem")},
		Setting{Key: "admin.tls.cert", Value: folder.path("server.pem")}, Setting{Key: "admin.tls.key", Value: folder.path("server.key")},
	), Options{Reload: reload})
	url, admin := strings.Replace(s.url, "http:", "https:", 1), strings.Replace(s.admin, "http:", "https:", 1)
	client := func() *http.Client { return httpsClient(t, own, clients.client(t)) }
	ask := func(method, url, content string, header ...string) (*http.Response, string) {
		t.Helper()
		return answerOf(t, client(), method, url, content, header...)
	}
	alarm := url + "/minlog2-registration/alarm"

	t.Run("OC-39 serial in the call", func(t *testing.T) {
		resp, _ := ask("POST", url+"/minlog2-registration/RegisterService", "<", "X-NSI-ClientCVR", "99999902")
		assert.Equal(t, 2, resp.ProtoMajor)
		line, err := os.ReadFile(filepath.Join(dir, "logs", "audit.test.log"))
		require.NoError(t, err)
		assert.Contains(t, string(line), `"X-NSI-SubjectSerialNumber":"CVR:99999901-FID:1008"`)
		assert.Contains(t, string(line), `"X-NSI-ClientCVR":"99999901"`, "of the certificate, not of the header")
		assert.Contains(t, string(line), `"protocol":"https"`)
	})
	t.Run("OC-39 no certificate, wrong CA", func(t *testing.T) {
		for _, shown := range []*tls.Certificate{nil, newAuthority(t, "Client CA").client(t)} {
			_, err := httpsClient(t, own, shown).Get(alarm)
			require.Error(t, err)
		}
	})
	t.Run("the admin listener asks for no certificate", func(t *testing.T) {
		resp, body := answerOf(t, httpsClient(t, own, nil), "GET", admin+"/metrics", "")
		assert.Equal(t, 200, resp.StatusCode)
		assert.Contains(t, body, `nspd_tls_certificate_expiry_timestamp_seconds{listener="service"}`)
		assert.Contains(t, body, `nspd_tls_certificate_expiry_timestamp_seconds{listener="admin"}`)
	})
	t.Run("OC-39 files replaced, then garbage", func(t *testing.T) {
		issue(2, time.Now().AddDate(0, 0, 5))
		reload <- struct{}{}
		s.logs(t, "new TLS files are in use")
		require.Eventually(t, func() bool { // the admin listener is second
			resp, _ := ask("GET", admin+"/livez", "")
			return resp.TLS.PeerCertificates[0].SerialNumber.Int64() == 2
		}, time.Minute, time.Millisecond)
		resp, body := ask("GET", alarm, "")
		assert.EqualValues(t, 2, resp.TLS.PeerCertificates[0].SerialNumber.Int64())
		assert.Equal(t, 500, resp.StatusCode)
		assert.Contains(t, body, "TLS certificate of the service listener ends ")
		folder.put(t, "server.pem", []byte("garbage"))
		reload <- struct{}{}
		reload <- struct{}{} // the first one is over
		resp, body = ask("GET", alarm, "")
		assert.EqualValues(t, 2, resp.TLS.PeerCertificates[0].SerialNumber.Int64(), "the old pair is kept")
		assert.Contains(t, body, "TLS files of the service listener cannot be used")
		resp, body = answerOf(t, httpsClient(t, own, nil), "GET", admin+"/readyz", "")
		assert.Equal(t, 200, resp.StatusCode)
		assert.Contains(t, body, "warning: TLS files of the service listener cannot be used")
		assert.LessOrEqual(t, strings.Count(s.log.String(), "TLS files cannot be used"), 2, "it is logged once for each listener")
	})
	require.NoError(t, s.stop())

	t.Run("files that cannot be used stop the start", func(t *testing.T) {
		cfg := testConfig(t, dataDir(t), Setting{Key: "tls.cert", Value: folder.path("server.pem")}, Setting{Key: "tls.key", Value: folder.path("server.key")})
		err := Run(t.Context(), cfg, Options{Stderr: io.Discard})
		require.ErrorContains(t, err, "tls.cert: read TLS files of the service listener: the certificate and the key cannot be read")
		assert.Equal(t, ExitConfig, ExitCode(err))
	})
}

func TestBindCardToTLS(t *testing.T) {
	own, clients := newAuthority(t, "Server CA"), newAuthority(t, "Client CA")
	folder := tlsFolder{t.TempDir()}
	cert, key := own.issue(t, 1, pkix.Name{CommonName: "server"}, time.Now().AddDate(1, 0, 0))
	folder.pair(t, cert, key)
	folder.put(t, "clients.pem", clients.pem())
	dir := dataDir(t)
	entered, release := make(chan struct{}, 9), make(chan struct{})
	close(release)
	s := startServer(t, testConfig(t, dir,
		Setting{Key: "tls.cert", Value: folder.path("server.pem")}, Setting{Key: "tls.key", Value: folder.path("server.key")},
		Setting{Key: "tls.client_auth", Value: "request"}, Setting{Key: "tls.client_ca", Value: folder.path("clients.pem")},
		Setting{Key: "dgws.bind_card_to_tls", Value: BindRequire},
	), Options{Services: func(p soap.Profile) []Mount {
		mounts := waiting(entered, release)(p)
		mounts[0].Service.Profile, mounts[0].Service.Operations[0].Policy = p, admitting.Policy{
			Schemes: []identity.Scheme{identity.DGWS}, Kinds: []identity.Kind{identity.System}, MinLevel: 3,
		}
		return mounts
	}})
	a, b := clients.client(t), clients.client(t)
	sts := devfed.Federation{Dir: filepath.Join(dir, "federation")}.SigningKeys()[domaintrust.IDCard]
	signer := &dgwstest.Federation{}
	var err error
	signer.Key, err = trust.ReadKey(sts.Key)
	require.NoError(t, err)
	chain, err := trust.ReadCertificates(sts.Certificate)
	require.NoError(t, err)
	signer.Certificate = chain[0].Raw
	sha1Sum, sha256Sum := sha1.Sum(a.Certificate[0]), sha256.Sum256(a.Certificate[0])
	for _, c := range []struct {
		name  string
		hash  []byte
		shown *tls.Certificate
		want  string
	}{
		{"SA-46 card of A over the connection of A", sha1Sum[:], a, "<done>"},
		{"SA-46 card with the SHA-256 of A's certificate", sha256Sum[:], a, "<done>"},
		{"SA-46 card of A over the connection of B", sha1Sum[:], b, "not_authorized"},
		{"SA-46 card of A over a connection without certificate", sha1Sum[:], nil, "not_authorized"},
	} {
		t.Run(c.name, func(t *testing.T) {
			card := dgwstest.SystemCard(time.Now()).With("sosi:OCESCertHash", base64.StdEncoding.EncodeToString(c.hash))
			card.Issuer = devfed.STSIssuer
			message := dgwstest.Message(signer.Sign(card), time.Now(), 3, "m-"+c.name, func(w *xmlout.Writer) { w.Raw([]byte(`<w:Wait xmlns:w="urn:test"/>`)) })
			_, body := answerOf(t, httpsClient(t, own, c.shown), "POST", strings.Replace(s.url, "http:", "https:", 1)+"/test/wait", string(message))
			assert.Contains(t, body, c.want)
		})
	}
	require.NoError(t, s.stop())
}

func TestRoleSTS(t *testing.T) {
	s := startServer(t, testConfig(t, dataDir(t), Setting{Key: "roles", Value: RoleSTS}), Options{})
	for path, want := range map[string]int{
		"/sts/services/NewSecurityTokenService?wsdl": 200, "/sts/status": 200, "/sts/alarm": 200,
		"/minlog2-registration/RegisterService?wsdl": 404, "/minlog2-registration/status": 404, "/minlog2-lookup/LookupService?wsdl": 404,
	} {
		code, body := fetch(t, "GET", s.url+path, "")
		assert.Equal(t, want, code, "%s: %s", path, body)
	}
	require.NoError(t, s.stop())
}

// byHeader admits everybody as a system of the organisation in the header X-Test-Org.
type byHeader struct{ soap.Profile }

func (byHeader) Admit(_ context.Context, env *soap.Envelope, _ *soap.Operation) (identity.Caller, error) {
	return identity.Caller{
		Kind: identity.System, Org: identity.Organisation{CVR: env.HTTP.Header.Get("X-Test-Org")}, SystemName: "EPJ",
		Credential: identity.Credential{Scheme: identity.DGWS},
	}, nil
}

func TestRateLimits(t *testing.T) {
	entered, release := make(chan struct{}, 100), make(chan struct{})
	close(release)
	s := startServer(t, testConfig(t, dataDir(t), Setting{Key: "limits.callers", Value: "service=test rate=20/h"},
		Setting{Key: "limits.failed_security_per_minute", Value: "5"}), Options{
		Services: func(p soap.Profile) []Mount {
			mounts := waiting(entered, release)(p)
			op := &mounts[0].Service.Operations[0]
			op.Policy.Schemes, mounts[0].Service.Profile = []identity.Scheme{identity.DGWS}, byHeader{p}
			return mounts
		},
	})
	call := func(cvr string) (*http.Response, string) {
		return answerOf(t, http.DefaultClient, "POST", s.url+"/test/wait", waitMessage, "X-Test-Org", cvr)
	}
	t.Run("OC-38 the 21st call of an hour", func(t *testing.T) {
		for i := range 20 {
			resp, body := call("99999901")
			require.Equal(t, 200, resp.StatusCode, "call %d: %s", i+1, body)
		}
		resp, body := call("99999901")
		assert.Equal(t, 500, resp.StatusCode)
		assert.Contains(t, body, "Too many calls from this caller.")
		assert.Contains(t, body, "processing_problem")
		assert.NotEmpty(t, resp.Header.Get("Retry-After"))
		resp, _ = call("99999902")
		assert.Equal(t, 200, resp.StatusCode, "another organisation")
	})
	t.Run("bad credentials from one address", func(t *testing.T) {
		refused := 0
		for range 8 {
			_, body := answerOf(t, http.DefaultClient, "POST", s.url+"/minlog2-registration/RegisterService", "<")
			if strings.Contains(body, "Too many calls from this caller.") {
				refused++
			}
		}
		assert.Equal(t, 3, refused, "after five of them")
	})
	_, metrics := fetch(t, "GET", s.admin+"/metrics", "")
	assert.Contains(t, metrics, `nspd_ratelimited_total{limit="caller"} 1`)
	assert.Contains(t, metrics, `nspd_ratelimited_total{limit="failed_security"} 3`)
	assert.NotContains(t, s.log.String(), `"cause":"processing_problem"`, "a limit is no security event")
	require.NoError(t, s.stop())

	t.Run("a limit of a service that does not exist", func(t *testing.T) {
		err := Run(t.Context(), testConfig(t, dataDir(t), Setting{Key: "limits.callers", Value: "service=cinema rate=20/h"}), Options{Stderr: io.Discard})
		require.ErrorContains(t, err, `limits.callers: there is no service "cinema"`)
		assert.Equal(t, ExitConfig, ExitCode(err))
	})
}

func TestInFlight(t *testing.T) {
	const slow, places = 300, 256
	entered, release := make(chan struct{}, slow), make(chan struct{})
	s := startServer(t, testConfig(t, dataDir(t), Setting{Key: "limits.queue", Value: "300ms"}), Options{Services: waiting(entered, release)})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: slow}}
	defer client.CloseIdleConnections()
	var served, overloaded atomic.Int64
	var calls sync.WaitGroup
	for range slow {
		calls.Go(func() {
			resp, err := client.Post(s.url+"/test/wait", "text/xml", strings.NewReader(waitMessage))
			if !assert.NoError(t, err) {
				return
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			switch {
			case resp.StatusCode == 200:
				served.Add(1)
			case strings.Contains(string(body), "Too many calls in progress.") && resp.Header.Get("Retry-After") != "":
				overloaded.Add(1)
			}
		})
	}
	t.Run("OC-37 300 slow calls", func(t *testing.T) {
		require.Eventually(t, func() bool { return overloaded.Load() == slow-places }, 20*time.Second, time.Millisecond, "those that found no place in time are told so")
		assert.Zero(t, served.Load())
		close(release)
		calls.Wait()
		assert.EqualValues(t, places, served.Load())
		code, _ := fetch(t, "POST", s.url+"/test/wait", waitMessage)
		assert.Equal(t, 200, code, "slots come back")
	})
	require.NoError(t, s.stop())
}

func TestDraining(t *testing.T) {
	entered, release := make(chan struct{}, 9), make(chan struct{})
	close(release)
	s := startServer(t, testConfig(t, dataDir(t), Setting{Key: "shutdown.drain_delay", Value: "1s"}), Options{Services: waiting(entered, release)})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	resp, _ := answerOf(t, client, "POST", s.url+"/test/wait", waitMessage)
	require.Equal(t, 200, resp.StatusCode)
	assert.False(t, resp.Close)
	s.shut()
	require.Eventually(t, func() bool {
		code, _ := fetch(t, "GET", s.admin+"/readyz", "")
		return code == 503
	}, time.Minute, time.Millisecond)
	t.Run("OC-25 a call while the balancer has not noticed", func(t *testing.T) {
		resp, _ := answerOf(t, client, "POST", s.url+"/test/wait", waitMessage)
		assert.Equal(t, 200, resp.StatusCode)
	})
	client.CloseIdleConnections()
	require.NoError(t, s.stop())
	_, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	assert.Error(t, err, "the listener is closed")
}

// drops is a body that comes an octet at a time, without end.
type drops struct{ stop <-chan struct{} }

func (d drops) Read(p []byte) (int, error) {
	select {
	case <-time.After(20 * time.Millisecond):
		p[0] = ' '
		return 1, nil
	case <-d.stop:
		return 0, io.EOF
	}
}

func TestSlowBody(t *testing.T) {
	own := newAuthority(t, "Server CA")
	cert, key := own.issue(t, 1, pkix.Name{CommonName: "server"}, time.Now().AddDate(1, 0, 0))
	folder := tlsFolder{t.TempDir()}
	folder.pair(t, cert, key)
	for name, more := range map[string][]Setting{
		"HTTP/1.1": nil,
		"HTTP/2":   {{Key: "tls.cert", Value: folder.path("server.pem")}, {Key: "tls.key", Value: folder.path("server.key")}},
	} {
		t.Run("SA-36 slow body is cut, "+name, func(t *testing.T) {
			s := startServer(t, testConfig(t, dataDir(t), append(more, Setting{Key: "http.read_timeout", Value: "200ms"})...), Options{})
			client, url := httpsClient(t, own, nil), s.url
			if more != nil {
				url = strings.Replace(url, "http:", "https:", 1)
			}
			stop := make(chan struct{})
			started := time.Now()
			resp, err := client.Post(url+"/minlog2-registration/RegisterService", "text/xml", drops{stop})
			if err == nil {
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				assert.Contains(t, string(body), "The message could not be read.")
				assert.Contains(t, string(body), "syntax_error")
			}
			assert.Less(t, time.Since(started), 5*time.Second)
			close(stop)
			client.CloseIdleConnections()
			require.NoError(t, s.stop())
		})
	}
}

// TestMetricLabels: no label may carry a person, a message or a caller, so the labels there are, and their values, are all known.
func TestMetricLabels(t *testing.T) {
	entered, release := make(chan struct{}, 9), make(chan struct{})
	close(release)
	dir := dataDir(t)
	s := startServer(t, testConfig(t, dir, Setting{Key: "limits.failed_security_per_minute", Value: "8"}), Options{
		Services: func(p soap.Profile) []Mount {
			mounts := waiting(entered, release)(p)
			mounts[0].Service.Profile, mounts[0].Service.Operations[0].Policy = p, admitting.Policy{
				Schemes: []identity.Scheme{identity.DGWS}, Kinds: []identity.Kind{identity.System}, MinLevel: 3, Resend: admitting.Store,
			}
			return mounts
		},
	})
	held, err := devfed.Federation{Dir: filepath.Join(dir, "federation")}.Sample("epj")
	require.NoError(t, err)
	sts := stsws.Client{URL: s.url + stsws.PathNew, HTTP: http.DefaultClient, Now: time.Now, NewID: uuid.NewString}
	issued, err := sts.Issue(t.Context(), stsws.Credential{
		Certificate: held.Certificate, Key: held.Key, CVR: held.Subject.CVR, CareProviderName: held.Organisation, SystemName: "EPJ 0108501234",
	})
	require.NoError(t, err)
	wait := dgwstest.Message(issued.Assertion, time.Now(), 3, "m-0108501234", func(w *xmlout.Writer) { w.Raw([]byte(`<w:Wait xmlns:w="urn:test"/>`)) })
	for range 2 {
		code, body := fetch(t, "POST", s.url+"/test/wait", string(wait))
		require.Equal(t, 200, code, body)
	}
	register := minlogws.Client{Send: func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		m := dgwstest.Message(issued.Assertion, time.Now(), 3, "m-2", body)
		return (&soap.Client{URL: s.url + minlogws.PathRegistration, HTTP: http.DefaultClient}).Call(ctx, action, m)
	}}
	at := time.Now().Add(-time.Minute)
	_, err = register.Register(t.Context(), minlog.Interface20250312, []minlog.Entry{{
		System: "EPJ", Activity: "test", From: at, To: at, Person: minlog.ID{Source: minlog.CPR, Value: "2512489996"},
		User: minlog.ID{Source: minlog.CPR, Value: "0101010001"}, UserRole: "x", SequenceNumber: "1",
	}})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, text := fetch(t, "GET", s.admin+"/metrics", "")
		return strings.Contains(text, "nspd_minlog_end_to_end_seconds_count 1")
	}, time.Minute, 5*time.Millisecond)
	for range 5 {
		fetch(t, "POST", s.url+"/test/wait", waitMessage)
		for _, path := range s.paths {
			fetch(t, "POST", s.url+path, strings.ReplaceAll(waitMessage, "Wait", "Secret0108501234"))
			fetch(t, "POST", s.url+path, "<0108501234")
		}
	}
	_, text := fetch(t, "GET", s.admin+"/metrics", "")
	require.NoError(t, s.stop())
	assert.Contains(t, text, `nspd_replays_total{service="test"} 1`)
	assert.Contains(t, text, `nspd_sts_issued_total{kind="Issue"} 1`)

	known := map[string]string{
		"service": `minlog(1-registration|2-(registration|lookup|lookupid))?|sts(-[a-z0-9]+)?|test|security-(api|session)|ecpr|sces|skrs|stamdata-[a-z-]+|(consent|nas)-[a-z0-9-]+|(ltr|btr)(-admin)?|fgvhr`, "operation": `other|[A-Z][A-Za-z0-9]*`,
		"outcome": `ok|fault|refused|limited|audit_failed|timeout`, "code": `[a-z][a-z0-9_-]*`, "reason": `[A-Za-z][A-Za-z0-9 _'-]*`, "step": `request`,
		"category": `dk\.sds\.nsp\.audit\.log\.[a-z0-9/]+`, "result": `ok|failed|added|duplicate`, "topic": `minlog\.registrations\.v1`,
		"partition": `\d+`, "le": `[0-9.e+]+|\+Inf`, "version": `.*`, "commit": `.*`, "goversion": `go.*`, "limit": `caller|failed_security`,
		"kind": `[A-Z][A-Za-z0-9]*`, "listener": `service|admin`, "job": `purge|minlog-cleanup|ecpr-export|stamdata-import|consent-retention|nas-cleanup`, "answer": `positive|data_specific|negative`,
		"register": `[a-z-]+|ecpr2registeret`, "datatype": `[a-z]+`,
	}
	seen := map[string]bool{}
	sample := regexp.MustCompile(`(?m)^(nspd_[a-z_]+)(?:\{(.*)\})? `)
	label := regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"`)
	for _, m := range sample.FindAllStringSubmatch(text, -1) {
		seen[m[1]] = true
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			assert.Regexp(t, fmt.Sprintf("^(%s)$", known[l[1]]), l[2], "%s{%s}", m[1], l[1])
		}
	}
	for _, number := range []string{"0108501234", "2512489996", "0101010001", "99999901"} {
		assert.NotContains(t, text, number)
	}
	t.Run("OC-23 every metric there is something to tell of", func(t *testing.T) {
		for _, name := range []string{
			"build_info", "calls_total", "call_duration_seconds_count", "call_request_bytes_sum", "call_response_bytes_sum", "calls_in_flight",
			"faults_total", "security_refusals_total", "security_duration_seconds_count", "ratelimited_total", "audit_lines_total",
			"audit_append_seconds_count", "audit_writable", "audit_free_bytes", "access_dropped_total", "security_events_dropped_total",
			"messagelog_lag", "messagelog_produce_seconds_count", "messagelog_consumed_total", "minlog_entries_total", "minlog_bulk_size_count",
			"minlog_end_to_end_seconds_count", "replays_total", "sts_issued_total", "ecpr_issued_total", "ecpr_exhausted_total",
			"ecpr_space_left_min", "stamdata_last_load_timestamp_seconds", "consent_overrides_total",
		} {
			assert.True(t, seen["nspd_"+name], "%s in %v", name, slices.Sorted(maps.Keys(seen)))
		}
	})
}
