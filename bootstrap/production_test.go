package bootstrap

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// productionFiles returns a folder with what a server in production needs: trust.yaml with an anchor of its own, and the key of its answers.
func productionFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	signer := newAuthority(t, "Production STS")
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	write("sts.pem", string(signer.pem()))
	write("service.pem", string(signer.pem()))
	write("service.key", string(signer.keyPEM(t)))
	write("trust.yaml", "anchors:\n  - {id: own, use: [idcard], issuers: [OWN], cert: sts.pem}\noces: {roots: [sts.pem]}\n")
	write("people.json", "[]")
	return dir
}

// productionSettings are what a server in production cannot do without.
func productionSettings(dir string) map[string]string {
	return map[string]string{
		"security.mode": Production, "minlog.own_cvr": "33257872", "http.behind_proxy": "true", "security.trust_file": filepath.Join(dir, "trust.yaml"),
		"idws.key_file": filepath.Join(dir, "service.key"),
	}
}

func TestProduction(t *testing.T) {
	data := dataDir(t) // holds a test federation
	federation := filepath.Join(data, "federation")
	good := productionFiles(t)
	trusting := func(t *testing.T, content string) string {
		t.Helper()
		file := filepath.Join(t.TempDir(), "trust.yaml")
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		return file
	}
	linked := filepath.Join(t.TempDir(), "innocent.pem")
	require.NoError(t, os.Symlink(filepath.Join(federation, "service.pem"), linked))
	anchorOf := func(file string) string {
		return "anchors:\n  - {id: mine, use: [idcard], issuers: [OWN], cert: " + file + "}\n"
	}
	sts := map[string]string{"roles": RoleSTS, "sts.key_file": filepath.Join(good, "service.key"), "sts.people_file": filepath.Join(good, "people.json")}
	with := func(m map[string]string, more ...string) map[string]string {
		out := map[string]string{}
		for k, v := range m {
			out[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			out[more[i]] = more[i+1]
		}
		return out
	}
	for _, c := range []struct {
		name string
		set  map[string]string
		want string // "" = starts
	}{
		{"SA-50 all is well", nil, ""},
		{"SA-50 no anchors", map[string]string{"security.trust_file": trusting(t, "anchors: []\n")}, "security.trust_file: it holds no anchor"},
		{"SA-50 no trust file", map[string]string{"security.trust_file": ""}, "security.trust_file: production needs a file of trusted keys"},
		{"SA-50 trust file that is not there", map[string]string{"security.trust_file": "/nowhere/at/all.yaml"}, "no such file"},
		{"SA-50 trust file of the test federation", map[string]string{"security.trust_file": filepath.Join(federation, "trust.yaml")}, "security.trust_file: the file is of a test federation"},
		{"SA-50 anchor marked as a test", map[string]string{"security.trust_file": trusting(t, "anchors:\n  - {id: mine, use: [idcard], issuers: [OWN], test: true, cert: "+filepath.Join(good, "sts.pem")+"}\n")}, "anchor mine is of a test federation"},
		{"SA-50 anchor of the test federation", map[string]string{"security.trust_file": trusting(t, anchorOf(filepath.Join(federation, "sts.pem")))}, "anchor mine is of a test federation"},
		{"SA-50 authority of the test federation", map[string]string{"security.trust_file": trusting(t, anchorOf(filepath.Join(good, "sts.pem"))+"oces: {roots: ["+filepath.Join(federation, "ca.pem")+"]}\n")}, "oces: the certificate is of a test federation"},
		{"SA-50 key of the test federation", map[string]string{"idws.key_file": filepath.Join(federation, "service.key")}, "idws.key_file: the file is of a test federation"},
		{"SA-50 certificate of the test federation, by a link", map[string]string{"idws.cert_file": linked}, "idws.cert_file: the file is of a test federation"},
		{"SA-50 no key for answers", map[string]string{"idws.key_file": ""}, "idws.key_file: production needs a key that signs answers"},
		{"SA-50 answers that are not signed", map[string]string{"idws.key_file": "", "idws.sign_responses": "false"}, ""},
		{"SA-50 a message log in clear", map[string]string{"messagelog.driver": "kafka", "messagelog.brokers": "127.0.0.1:1,kafka.example:9092",
			"messagelog.key_secret": "x"}, "messagelog.tls.enabled: other machines' brokers would be told"},
		{"SA-50 a database in clear", map[string]string{"store.driver": "postgres", "store.dsn": "postgres://nsp@db.example/nsp"}, "store.dsn: another machine's database is spoken to in clear"},
		{"SA-50 a database that may be spoken to in clear", map[string]string{"store.driver": "postgres", "store.dsn": "host=db.example,localhost user=nsp sslmode=prefer"},
			"store.dsn: another machine's database is spoken to in clear"},
		{"SA-50 bearer tokens", map[string]string{"sts.allow_bearer": "true"}, "sts.allow_bearer: bearer tokens are for development only"},
		{"SA-50 every address trusted as a proxy", map[string]string{"http.trusted_proxies": "10.0.0.0/8,::/0"}, "http.trusted_proxies: ::/0 is every address"},
		{"SA-50 every address allowed to publish", map[string]string{"allowlist.nas.notify": "cidr=0.0.0.0/0 name=all"}, "allowlist.nas.notify: 0.0.0.0/0 is every address"},
		{"SA-50 every address allowed to publish, in the words of IPv6", map[string]string{"allowlist.nas.notify": "cidr=::ffff:0.0.0.0/96 name=all"}, "is every address"},
		{"SA-50 no TLS", map[string]string{"http.behind_proxy": "false"}, "http.behind_proxy: production, the mode of every address that others can reach, needs TLS"},
		{"SA-50 memory", map[string]string{"store.driver": "memory"}, "store.driver: memory is for development only"},
		{"SA-50 audit log that is not durable", map[string]string{"audit.sync": "none"}, "audit.sync: none is for development only"},
		{"SA-50 token service", sts, ""},
		{"SA-50 token service without key", with(sts, "sts.key_file", ""), "sts.key_file: a token service in production needs a key"},
		{"SA-50 token service with the key of the test federation", with(sts, "sts.key_file", filepath.Join(federation, "sts.key")), "sts.key_file: the file is of a test federation"},
		{"SA-50 token service that knows nobody", with(sts, "sts.people_file", ""), "sts.people_file: a token service in production needs"},
		{"SA-50 token service without authorities", with(sts, "security.trust_file", trusting(t, anchorOf(filepath.Join(good, "sts.pem")))), "oces.roots: there is no authority"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var settings []Setting
			for k, v := range with(productionSettings(good), pairs(c.set)...) {
				settings = append(settings, Setting{Key: k, Value: v, Flag: "test"})
			}
			for k, v := range map[string]string{"data_dir": data, "http.addr": "127.0.0.1:0", "admin.addr": "127.0.0.1:0", "shutdown.drain_delay": "0", "audit.min_free": "0"} {
				settings = append(settings, Setting{Key: k, Value: v, Flag: "test"})
			}
			cfg, err := Load(Sources{File: os.DevNull, Flags: settings})
			if err == nil {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				err = Run(ctx, cfg, Options{Stderr: io.Discard, Ready: func(Started) { cancel() }})
			}
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, ExitConfig, ExitCode(err))
		})
	}
}

func pairs(m map[string]string) []string {
	var out []string
	for k, v := range m {
		out = append(out, k, v)
	}
	return out
}

func TestProductionReload(t *testing.T) {
	data, files, reload := dataDir(t), productionFiles(t), make(chan struct{})
	var settings []Setting
	for k, v := range productionSettings(files) {
		settings = append(settings, Setting{Key: k, Value: v, Flag: "test"})
	}
	s := startServer(t, testConfig(t, data, settings...), Options{Reload: reload})
	require.NoError(t, os.CopyFS(files, os.DirFS(filepath.Join(data, "federation", "samples"))))
	require.NoError(t, os.WriteFile(filepath.Join(files, "trust.yaml"), []byte("anchors:\n  - {id: mine, use: [idcard], issuers: [OWN], cert: epj.pem}\n"), 0o600))
	reload <- struct{}{}
	s.logs(t, "anchor mine is of a test federation")
	_, ready := fetch(t, "GET", s.admin+"/readyz", "")
	assert.Contains(t, ready, "trust files")
	require.NoError(t, s.stop())
}

func TestEncrypted(t *testing.T) {
	for dsn, want := range map[string]bool{
		"postgres://nsp@db.example/nsp?sslmode=verify-full&sslrootcert=system": true,
		"postgres://nsp@db.example/nsp?sslmode=require":                        true,
		"postgres://nsp@db.example/nsp?sslmode=disable":                        false,
		"postgres://nsp@db.example/nsp?sslmode=allow":                          false,
		"postgres://nsp@127.0.0.1/nsp?sslmode=disable":                         true,
		"host=/run/postgresql dbname=nsp":                                      true,
		"host=localhost,10.0.0.1 dbname=nsp":                                   false,
	} {
		assert.Equal(t, want, encrypted(dsn), dsn)
	}
}

// TestProductionRefusesSyntheticPersons starts a server with real data on a store that took in the registers of a test federation.
func TestProductionRefusesSyntheticPersons(t *testing.T) {
	data := dataDir(t)
	development := startServer(t, testConfig(t, data, Setting{Key: "store.driver", Value: "sqlite"}), Options{})
	require.NoError(t, development.stop())
	settings := []Setting{{Key: "store.driver", Value: "sqlite"}}
	for k, v := range productionSettings(productionFiles(t)) {
		settings = append(settings, Setting{Key: k, Value: v, Flag: "test"})
	}
	err := Run(t.Context(), testConfig(t, data, settings...), Options{Stderr: io.Discard})
	require.ErrorContains(t, err, "the store holds synthetic persons of a test federation")
}
