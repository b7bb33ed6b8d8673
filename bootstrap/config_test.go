package bootstrap

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/allowlist"
)

func configFile(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "nspd.yaml")
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

func TestLoadRefuses(t *testing.T) {
	for _, c := range []struct {
		name, file string
		environ    []string
		flags      []Setting
		want       string
	}{
		{"OC-26 unknown key", "http:\n  adr: x\n", nil, nil, `nspd.yaml:2: unknown key "http.adr"; the nearest known key is http.addr`},
		{"OC-26 key in another spelling", "http:\n  readTimeout: 5s\n", nil, nil, `unknown key "http.readTimeout"; the nearest known key is http.read_timeout`},
		{"OC-26 unknown group", "htp:\n  addr: x\n", nil, nil, `nspd.yaml:1: unknown key "htp"`},
		{"OC-26 key with dots", "http.addr: x\n", nil, nil, `nspd.yaml:1: "http.addr": write http: on a line of its own`},
		{"OC-26 duplicate key", "log:\n  level: info\n  level: debug\n", nil, nil, `nspd.yaml:3: key "log.level" is there twice, first on line 2`},
		{"OC-26 duplicate group", "log:\n  level: info\nlog:\n  level: debug\n", nil, nil, `nspd.yaml:3: key "log" is there twice, first on line 1`},
		{"OC-26 unknown variable", "", []string{"PATH=/bin", "NSPD_X=1"}, nil, `environment variable NSPD_X: unknown key "x"; the nearest known key is roles`},
		{"OC-26 unknown flag", "", nil, []Setting{{"http.adr", "x", "--set http.adr=x"}}, `flag --set http.adr=x: unknown key "http.adr"; the nearest known key is http.addr`},
		{"OC-26 unknown role", "roles: [all, cook]\n", nil, nil, `nspd.yaml:1: roles: "cook" is none of all, minlog-registration, minlog-consumer, minlog-lookup, minlog-cleanup, sts, console`},
		{"OC-26 unknown driver", "store:\n  driver: oracle\n", nil, nil, `nspd.yaml:2: store.driver: "oracle" is none of sqlite, postgres, memory`},
		{"OC-26 text for a number", "limits:\n  in_flight: many\n", nil, nil, `nspd.yaml:2: limits.in_flight: want a whole number`},
		{"OC-26 number out of range", "limits:\n  in_flight: 0\n", nil, nil, `nspd.yaml:2: limits.in_flight: want a whole number from 1 to 100000`},
		{"OC-26 text for true", "audit:\n  category_suffix: \"yes\"\n", nil, nil, `audit.category_suffix: want true or false`},
		{"OC-26 list for a text", "data_dir: [a]\n", nil, nil, `data_dir: want one value`},
		{"OC-26 text for a list", "roles: all\n", nil, nil, `roles: want a list`},
		{"OC-26 nothing for a text", "data_dir:\n", nil, nil, `data_dir: want a text`},
		{"OC-26 text for a group", "http: x\n", nil, nil, `http: keys are wanted here`},
		{"OC-26 list on top", "- a\n", nil, nil, `the file: keys are wanted here`},
		{"OC-26 alias", "instance: &a x\ndata_dir: *a\n", nil, nil, `data_dir: want one value`},
		{"OC-26 two documents", "log:\n  level: info\n---\nlog:\n  level: info\n", nil, nil, `one YAML document is wanted`},
		{"OC-26 no YAML", "a: [\n", nil, nil, `nspd.yaml: yaml:`},
		{"OC-26 bad duration", "http:\n  call_timeout: soon\n", nil, nil, `nspd.yaml:2: http.call_timeout: "soon" is no duration such as 5s or PT5S`},
		{"OC-26 negative duration", "", []string{"NSPD_HTTP_CALL_TIMEOUT=-1s"}, nil, `environment variable NSPD_HTTP_CALL_TIMEOUT: http.call_timeout: "-1s" is no duration`},
		{"OC-26 bad size", "audit:\n  max_size: 5MB\n", nil, nil, `audit.max_size: "5MB" is no size such as 16MiB`},
		{"OC-26 bad network", "http:\n  trusted_proxies: [10.0.0.1]\n", nil, nil, `http.trusted_proxies: "10.0.0.1" is no network`},
		{"OC-26 bad address", "http:\n  addr: localhost\n", nil, nil, `nspd.yaml:2: http.addr: want host:port`},
		{"OC-26 bad URL", "http:\n  public_url: nsp.example/x\n", nil, nil, `http.public_url: want scheme and host`},
		{"OC-26 bad instance", "instance: a/b\n", nil, nil, `instance: letters, digits`},
		{"OC-26 missing include", "instance: ${file:/nowhere/at/all}\n", nil, nil, `nspd.yaml:1: instance: open /nowhere/at/all`},
		{"OC-26 unknown include", "instance: ${vault:x}\n", nil, nil, `only ${file:/path} and ${env:NAME} are replaced`},
		{"OC-26 page larger than the largest", "minlog:\n  page_size: 2000\n", nil, nil, `nspd.yaml:2: minlog.page_size: is larger than minlog.max_page_size`},
		{"OC-26 admin on the same address", "admin:\n  addr: 127.0.0.1:8080\n", nil, nil, `admin.addr: must differ from http.addr`},
		{"OC-26 memory for messages too small", "limits:\n  memory: 1MiB\n", nil, nil, `limits.memory: is smaller than the largest message, 16MiB`},
		{"OC-26 development on another address", "http:\n  addr: 0.0.0.0:8080\nsecurity:\n  mode: development\n", nil, nil, `nspd.yaml:4: security.mode: development trusts keys`},
		{"OC-26 development where the admin listener can be reached", "admin:\n  addr: 0.0.0.0:8081\nsecurity:\n  mode: development\n", nil, nil, `nspd.yaml:4: security.mode: development trusts keys`},
		{"OC-26 another address is production", "http:\n  addr: 0.0.0.0:8080\n", nil, nil, `http.behind_proxy: production, the mode of every address that others can reach, needs TLS`},
		{"OC-26 another address of the admin listener is production", "admin:\n  addr: \"[::]:8081\"\n", nil, nil, `http.behind_proxy: production`},
		{"OC-26 all and another role", "roles: [all, sts]\n", nil, nil, `nspd.yaml:1: roles: all excludes the others`},
		{"OC-26 certificate without key", "tls:\n  cert: a.pem\n", nil, nil, `tls.key: certificate and key go together`},
		{"OC-26 key without certificate", "admin:\n  tls:\n    key: a.key\n", nil, nil, `nspd.yaml:3: admin.tls.key: certificate and key go together`},
		{"OC-26 client certificates without TLS", "tls:\n  client_auth: require\n  client_ca: ca.pem\n", nil, nil, `tls.client_auth: needs tls.cert and tls.client_ca`},
		{"OC-26 client certificates of nobody", "tls:\n  cert: a.pem\n  key: a.key\n  client_auth: request\n", nil, nil, `tls.client_auth: needs tls.cert and tls.client_ca`},
		{"OC-26 authorities for nothing", "tls:\n  cert: a.pem\n  key: a.key\n  client_ca: ca.pem\n", nil, nil, `tls.client_ca: does nothing while tls.client_auth is none`},
		{"OC-26 cards bound to no certificate", "dgws:\n  bind_card_to_tls: require\n", nil, nil, `dgws.bind_card_to_tls: needs the certificates of clients`},
		{"all is everything already", "roles: [all, sts]\n", nil, nil, `roles: all excludes the others`},
		{"a front without its consumer", "roles: [minlog-registration]\n", nil, nil, `roles: where the message log is embedded`},
		{"lookups of others without a consumer", "roles: [minlog-lookup]\n", nil, nil, `roles: where the message log is embedded in a store of this process, minlog-lookup, consent, wills and fgvhr go together with minlog-consumer`},
		{"a topic of wills that is none", "wills: {topics: {btr: Treatment will}}\n", nil, nil, `wills.topics.btr: "Treatment will" is no topic`},
		{"a topic of opt-outs that is none", "fgvhr: {topic: \"\"}\n", nil, nil, `fgvhr.topic: "" is no topic`},
		{"a day on which nothing closes", "wills: {ltr_closed_from: \"2019-02-30\"}\n", nil, nil, `wills.ltr_closed_from: "2019-02-30" is no day such as 2019-01-01`},
		{"a window that is no length of time", "minlog:\n  reduction: {systems: {FMK: soon}}\n", nil, nil, `minlog.reduction.systems: FMK: `},
		{"a window for nobody", "", []string{"NSPD_MINLOG_REDUCTION_SYSTEMS==10m"}, nil, `minlog.reduction.systems: "=10m" is no name with a length of time`},
		{"an organisation that has no CVR number", "minlog: {own_cvr: \"3325787\"}\n", nil, nil, `minlog.own_cvr: want the eight digits of a CVR number`},
		{"a registration elsewhere without a card for it", "minlog:\n  remote: {url: \"https://nsp.example/minlog2-registration/RegisterService\"}\n", nil, nil, `minlog.remote.url: needs`},
		{"a consumer without its front", "roles: [minlog-consumer, minlog-lookup]\n", nil, nil, `roles: where the message log is embedded`},
		{"postgres of no name", "store:\n  driver: postgres\n", nil, nil, `store.dsn: postgres needs one`},
		{"kafka of no address", "messagelog:\n  driver: kafka\n  key_secret: x\n", nil, nil, `messagelog.brokers: kafka needs at least one`},
		{"kafka at a name", "messagelog:\n  driver: kafka\n  key_secret: x\n  brokers: [kafka]\n", nil, nil, `messagelog.brokers: "kafka" is not host:port`},
		{"kafka without a secret", "messagelog:\n  driver: kafka\n  brokers: [localhost:9092]\n", nil, nil, `messagelog.key_secret: not acceptable`},
		{"more copies in sync than copies", "messagelog: {driver: kafka, key_secret: x, brokers: ['k:1'], kafka: {replication: 2, min_insync: 3}}\n", nil, nil, `messagelog.kafka.min_insync: is more`},
		{"a mechanism without user", "messagelog: {driver: kafka, key_secret: x, brokers: ['k:1'], sasl: {mechanism: PLAIN}}\n", nil, nil, `messagelog.sasl.user: goes with`},
		{"an unknown mechanism", "messagelog:\n  sasl:\n    mechanism: GSSAPI\n", nil, nil, `"GSSAPI" is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512`},
		{"authorities for no TLS", "messagelog: {driver: kafka, key_secret: x, brokers: ['k:1'], tls: {ca: ca.pem}}\n", nil, nil, `messagelog.tls.enabled: is off`},
		{"consumers of another topic alone", "minlog:\n  consumer:\n    topics: [other]\n", nil, nil, `minlog.consumer.topics: lacks minlog.topic`},
		{"a clean-up at no time", "minlog:\n  cleanup_schedule: '25:00'\n", nil, nil, `"25:00" is no time of day such as 03:15`},
		{"OC-26 TLS too old", "tls:\n  min_version: 1.1\n", nil, nil, `tls.min_version: "1.1" is none of 1.2, 1.3`},
		{"OC-26 window shorter than the skew", "idws:\n  replay_window: 9m\n", nil, nil, `idws.replay_window: is shorter than twice idws.timestamp_skew`},
		{"OC-26 token for too long", "sts:\n  token_lifetime: 8h1s\n", nil, nil, `sts.token_lifetime: "8h1s" is longer than 8h`},
		{"OC-26 message too large", "security:\n  max_message: 17MiB\n", nil, nil, `security.max_message: is larger than 16MiB`},
		{"OC-26 text for true or nothing", "sts:\n  allow_bearer: maybe\n", nil, nil, `sts.allow_bearer: want true or false`},
		{"OC-26 administrator without organisation", "security:\n  administrators: [NspAdministrator]\n", nil, nil, `security.administrators: "NspAdministrator" is no administrator`},
		{"OC-26 administrator of a bad organisation", "security:\n  administrators: [NspAdministrator@123]\n", nil, nil, `is no administrator such as NspAdministrator@12345678`},
		{"OC-26 grants in a list", "grants: [hsuid]\n", nil, nil, `nspd.yaml:1: grants: want names with their values`},
		{"OC-26 grant to a text", "grants:\n  hsuid: \"*\"\n", nil, nil, `grants: hsuid: want a list`},
		{"OC-26 grant to no CVR number", "grants:\n  hsuid: [1234567]\n", nil, nil, `nspd.yaml:1: grants: hsuid: "1234567" is no CVR number`},
		{"OC-26 grant twice", "grants:\n  hsuid: []\n  hsuid: []\n", nil, nil, `grants: "hsuid" is there twice`},
		{"OC-26 grant without name", "", []string{"NSPD_GRANTS=12345678"}, nil, `"12345678" is no grant such as minlog.minlog1=12345678`},
		{"OC-26 grant with a bad name", "", []string{"NSPD_GRANTS=a..b=12345678"}, nil, `is no grant`},
		{"OC-26 limit with an unknown member", "limits:\n  callers: [{service: a, rat: 20/h}]\n", nil, nil, `limits.callers: "rat" is none of service, rate, burst`},
		{"OC-26 limit that is a text", "limits:\n  callers: [a]\n", nil, nil, `limits.callers: want names with their values`},
		{"OC-26 limit without service", "limits:\n  callers: [{rate: 20/h}]\n", nil, nil, `limits.callers: service is missing`},
		{"OC-26 two limits of a service", "limits:\n  callers: [{service: a, rate: 20/h}, {service: a, rate: 1/s}]\n", nil, nil, `limits.callers: service "a" is there twice`},
		{"OC-26 limit without rate", "limits:\n  callers: [{service: a}]\n", nil, nil, `limits.callers: rate "": want calls in a time`},
		{"OC-26 limit in a bad unit", "limits:\n  callers: [{service: a, rate: 20/w}]\n", nil, nil, `rate "20/w": want calls in a time`},
		{"OC-26 limit of nothing", "limits:\n  callers: [{service: a, rate: 0/h}]\n", nil, nil, `rate "0/h": want calls in a time`},
		{"OC-26 limit with a bad burst", "limits:\n  callers: [{service: a, rate: 20/h, burst: 0}]\n", nil, nil, `burst "0": want a whole number`},
		{"OC-26 blanks in a member", "limits:\n  callers: [{service: a b, rate: 20/h}]\n", nil, nil, `service: blanks and commas are not possible here`},
		{"OC-26 publisher without network", "allowlist:\n  nas:\n    notify: [{name: fmk}]\n", nil, nil, `allowlist.nas.notify: cidr "" is no network`},
		{"OC-26 publisher without name", "allowlist:\n  nas:\n    notify: [{cidr: 10.0.0.0/8}]\n", nil, nil, `allowlist.nas.notify: name is missing`},
		{"OC-26 publisher of all and of one topic", "allowlist:\n  nas:\n    notify: [{cidr: 10.0.0.0/8, name: fmk, topics: [A, \"*\"]}]\n", nil, nil, `topics "A|*"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(Sources{File: configFile(t, c.file), Environ: c.environ, Flags: c.flags})
			var wrong *ConfigError
			require.ErrorAs(t, err, &wrong)
			assert.Contains(t, err.Error(), c.want)
		})
	}
	t.Run("OC-26 all problems are told at once", func(t *testing.T) {
		_, err := Load(Sources{File: configFile(t, "a: 1\nb: 2\n")})
		assert.Equal(t, 2, strings.Count(err.Error(), "unknown key"))
	})
	t.Run("OC-26 a file that was asked for is missing", func(t *testing.T) {
		_, err := Load(Sources{File: filepath.Join(t.TempDir(), "none.yaml")})
		assert.ErrorIs(t, err, os.ErrNotExist)
	})
	t.Run("OC-26 the password of a data source name is not told", func(t *testing.T) {
		for dsn, want := range map[string]string{
			"data/store.db": "data/store.db",
			"postgres://nsp:hush@db/nsp?sslmode=disable": "postgres://nsp:***@db/nsp?sslmode=disable",
			"postgres://nsp@db/nsp?password=hush&a=b":    "postgres://nsp@db/nsp?password=***&a=b",
			"host=db user=nsp password=hush dbname=nsp":  "host=db user=nsp password=*** dbname=nsp",
			"host=db user=nsp PASSWORD = 'hu sh' port=1": "host=db user=nsp PASSWORD = *** port=1",
			"postgres://nsp:hush@db:port/nsp?\x00":       "***",
		} {
			assert.Equal(t, want, withoutPassword(dsn))
		}
	})
	t.Run("OC-26 a secret is not told", func(t *testing.T) {
		c := DefaultConfig()
		assert.NotContains(t, c.problem("messagelog.key_secret", "hush").Error(), "hush")
	})
}

func TestLoadPrecedence(t *testing.T) {
	from := Sources{
		File:    configFile(t, "log:\n  level: warn\naccess:\n  limit: 7\n  delay: PT3S\nhttp:\n  trusted_proxies: [10.0.0.0/8, \"::1/128\"]\n"),
		Environ: []string{"NSPD_LOG_LEVEL=error", "NSPD_ACCESS_LIMIT=8"},
		Flags:   []Setting{{"log.level", "debug", "--log-level"}},
	}
	c, err := Load(from)
	require.NoError(t, err)
	var printed bytes.Buffer
	require.NoError(t, c.Print(&printed))
	t.Run("OC-27 flag wins over environment and file", func(t *testing.T) {
		assert.Equal(t, "debug", c.Log.Level)
		assert.Contains(t, printed.String(), "  level: debug # flag --log-level\n")
	})
	t.Run("OC-27 environment wins over file", func(t *testing.T) {
		assert.Equal(t, 8, c.Access.Limit)
		assert.Contains(t, printed.String(), "  limit: 8 # environment variable NSPD_ACCESS_LIMIT\n")
	})
	t.Run("OC-27 file wins over default", func(t *testing.T) {
		assert.Equal(t, 3*time.Second, c.Access.Delay)
		assert.Contains(t, printed.String(), "  delay: 3s # "+from.File+":5\n")
	})
	t.Run("OC-27 default", func(t *testing.T) {
		assert.Contains(t, printed.String(), "  addr: 127.0.0.1:8080 # default\n")
	})
	t.Run("OC-27 lists", func(t *testing.T) {
		assert.Contains(t, printed.String(), `  trusted_proxies: [10.0.0.0/8, "::1/128"]`)
		c, err := Load(Sources{File: from.File, Environ: []string{"NSPD_HTTP_TRUSTEDPROXIES=192.0.2.0/24, 10.0.0.0/8"}})
		require.NoError(t, err)
		assert.Len(t, c.HTTP.TrustedProxies, 2)
		assert.Equal(t, "192.0.2.0/24", c.HTTP.TrustedProxies[0].String())
	})
	t.Run("OC-27 what is printed is a configuration", func(t *testing.T) {
		again, err := Load(Sources{File: configFile(t, printed.String())})
		require.NoError(t, err)
		again.sources, c.sources = nil, nil
		assert.Equal(t, c, again)
	})
}

func TestLoadCompletes(t *testing.T) {
	t.Run("development on loopback", func(t *testing.T) {
		c, err := Load(Sources{File: configFile(t, "data_dir: /srv/nsp\n# nothing else\n")})
		require.NoError(t, err)
		assert.Equal(t, "/srv/nsp/logs", c.Audit.Dir)
		assert.Equal(t, "/srv/nsp/store.db", c.Store.DSN)
		assert.Equal(t, Development, c.Security.Mode)
		assert.Equal(t, "/srv/nsp/federation/trust.yaml", c.Security.TrustFile)
		assert.NotEmpty(t, c.Instance)
	})
	t.Run("ML-13 no rule for accesses in the future", func(t *testing.T) {
		c, err := Load(Sources{File: configFile(t, "minlog:\n  future_tolerance: -1s\n")})
		require.NoError(t, err)
		assert.Negative(t, c.MinLog.FutureTolerance)
	})
	t.Run("file of comments", func(t *testing.T) {
		for _, content := range []string{"", "# nothing\n", "---\n"} {
			_, err := Load(Sources{File: configFile(t, content)})
			assert.NoError(t, err, "%q", content)
		}
	})
	t.Run("development anywhere, asked for twice", func(t *testing.T) {
		_, err := Load(Sources{File: configFile(t, "http:\n  addr: 0.0.0.0:8080\nsecurity:\n  mode: development\n  development_anywhere: true\n")})
		assert.NoError(t, err)
	})
	t.Run("includes", func(t *testing.T) {
		secret := filepath.Join(t.TempDir(), "secret")
		require.NoError(t, os.WriteFile(secret, []byte("hush\n"), 0o600))
		t.Setenv("OPENNSP_CONFIG_TEST", "12")
		c, err := Load(Sources{File: configFile(t, "messagelog:\n  key_secret: ${file:"+secret+"}-x\nlimits:\n  in_flight: ${env:OPENNSP_CONFIG_TEST}\n")})
		require.NoError(t, err)
		assert.Equal(t, "hush-x", c.MessageLog.KeySecret)
		assert.Equal(t, 12, c.Limits.InFlight)
		var printed bytes.Buffer
		require.NoError(t, c.Print(&printed))
		assert.Contains(t, printed.String(), `key_secret: '***'`)
		assert.NotContains(t, printed.String(), "hush")
	})
}

func TestLoadSecurity(t *testing.T) {
	load := func(t *testing.T, content string, environ ...string) Config {
		t.Helper()
		c, err := Load(Sources{File: configFile(t, content), Environ: environ})
		require.NoError(t, err)
		return c
	}
	t.Run("development gives what the test federation has", func(t *testing.T) {
		c := load(t, "data_dir: /srv/nsp\n")
		assert.Equal(t, []auth.Administrator{{Role: "NspAdministrator", CVR: "99999903"}}, c.Security.Administrators)
		assert.Equal(t, []string{"99999904"}, c.Grants["hsuid"])
		assert.Equal(t, []string{"*"}, c.Grants["minlog.minlog1"])
		assert.True(t, *c.STS.AllowBearer && *c.STS.AcceptSHA1Requests)
		assert.Equal(t, "/srv/nsp/federation/sts.key", c.STS.KeyFile)
		assert.Equal(t, "/srv/nsp/federation/sts.pem", c.STS.CertFile)
		assert.Equal(t, "/srv/nsp/federation/people.json", c.STS.PeopleFile)
		assert.Equal(t, "/srv/nsp/federation/service.key", c.IDWS.KeyFile)
		assert.Equal(t, "/srv/nsp/federation/service.pem", c.IDWS.CertFile)
		assert.Equal(t, []string{"https://minlog", "https://audience.nspop.dk/minlog", "https://audience.nspop.dk/minspaerring", "https://fsk"}, c.STS.Audiences)
		assert.Equal(t, []string{"OPENNSP-DEV-STS", "https://sts.sosi.dk/", "https://bootstrap.sts.nspop.dk/", "https://bootstrap.sts.nemlog-in.dk/"}, c.STS.OwnAudiences)
	})
	t.Run("production gives nobody anything but who runs the shared data card its look at what exists", func(t *testing.T) {
		c := load(t, "security:\n  mode: production\n  trust_file: t.yaml\nhttp:\n  behind_proxy: true\nidws:\n  key_file: /etc/nsp/idws.key\nminlog: {own_cvr: \"33257872\"}\n")
		assert.Empty(t, c.Security.Administrators)
		assert.Equal(t, map[string][]string{"wills.has": {"33257872"}, "fgvhr.read": {"33257872"}}, c.Grants)
		assert.False(t, *c.STS.AllowBearer || *c.STS.AcceptSHA1Requests)
		assert.Empty(t, c.STS.KeyFile+c.STS.CertFile+c.STS.PeopleFile)
		assert.Equal(t, "/etc/nsp/idws.pem", c.IDWS.CertFile, "beside the key")
	})
	t.Run("grants of a name replace its default alone", func(t *testing.T) {
		c := load(t, "grants:\n  minlog.minlog1: [12345678, \"87654321\"]\n  sces: []\n  own.right: [\"*\"]\n")
		assert.Equal(t, []string{"12345678", "87654321"}, c.Grants["minlog.minlog1"])
		assert.Empty(t, c.Grants["sces"])
		assert.Equal(t, []string{"*"}, c.Grants["own.right"])
		assert.Equal(t, []string{"99999904"}, c.Grants["hsuid"])
	})
	t.Run("lists of pairs from the environment", func(t *testing.T) {
		c := load(t, "", "NSPD_GRANTS=hsuid=12345678,hsuid=87654321,sces=", "NSPD_LIMITS_CALLERS=service=a rate=20/h,service=b rate=5/s burst=9",
			"NSPD_ALLOWLIST_NAS_NOTIFY=cidr=10.0.0.0/8 name=fmk topics=A|B", "NSPD_SECURITY_ADMINISTRATORS=Boss@12345678")
		assert.Equal(t, []string{"12345678", "87654321"}, c.Grants["hsuid"])
		assert.Empty(t, c.Grants["sces"])
		assert.Equal(t, []CallerLimit{{"a", 20, time.Hour, 20}, {"b", 5, time.Second, 9}}, c.Limits.Callers)
		assert.Equal(t, allowlist.List{{Network: netip.MustParsePrefix("10.0.0.0/8"), Name: "fmk", Topics: []string{"A", "B"}}}, c.Allowlist.NASNotify)
		assert.Equal(t, []auth.Administrator{{Role: "Boss", CVR: "12345678"}}, c.Security.Administrators)
	})
	t.Run("words and numbers that YAML reads in its own way", func(t *testing.T) {
		c := load(t, "tls:\n  min_version: 1.2\ndgws:\n  bind_card_to_tls: off\nsts:\n  allow_bearer: false\n")
		assert.Equal(t, "1.2", c.TLS.MinVersion)
		assert.Equal(t, BindOff, c.DGWS.BindCardToTLS)
		assert.False(t, *c.STS.AllowBearer)
		assert.True(t, *c.STS.AcceptSHA1Requests)
	})
	t.Run("a PKCS #12 file needs no certificate", func(t *testing.T) {
		assert.Empty(t, load(t, "sts:\n  key_file: /etc/nsp/sts.p12\n").STS.CertFile)
	})
	t.Run("what is printed is a configuration", func(t *testing.T) {
		c := load(t, "limits:\n  callers: [{service: a, rate: 20/d, burst: 3}]\nallowlist:\n  nas:\n    notify: [{cidr: \"::1/128\", name: x, topics: [A, B]}, {cidr: 10.0.0.0/8, name: y, topics: \"*\"}]\n"+
			"grants:\n  sces: []\n  hsuid: [12345678]\nsts:\n  allow_bearer: false\n")
		var printed bytes.Buffer
		require.NoError(t, c.Print(&printed))
		again := load(t, printed.String())
		again.sources, c.sources = nil, nil
		assert.Equal(t, c, again, printed.String())
	})
}

func TestKeys(t *testing.T) {
	t.Run("no two keys have one variable", func(t *testing.T) {
		seen := map[string]string{}
		for _, k := range keys() {
			require.Empty(t, seen[envName(k.path)], k.path)
			seen[envName(k.path)] = k.path
			assert.Regexp(t, `^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$`, k.path)
			assert.NotEmpty(t, k.doc, k.path)
		}
	})
	t.Run("defaults are acceptable", func(t *testing.T) {
		c := DefaultConfig()
		for _, k := range keys() {
			if values := k.field(&c).get(); len(values) > 0 {
				assert.NoError(t, k.field(&c).set(values), k.path)
			}
		}
	})
	t.Run("the example file is that of the code", func(t *testing.T) {
		var want bytes.Buffer
		require.NoError(t, WriteExample(&want))
		got, err := os.ReadFile("../nsp.example.yaml")
		require.NoError(t, err)
		assert.Equal(t, want.String(), string(got), "write it anew: go run ./bootstrap/nspd config keys > nsp.example.yaml")
	})
	t.Run("the example file can be loaded", func(t *testing.T) {
		c, err := Load(Sources{File: "../nsp.example.yaml"})
		require.NoError(t, err)
		plain, err := Load(Sources{File: configFile(t, "")})
		require.NoError(t, err)
		c.sources, plain.sources = nil, nil
		assert.Equal(t, plain, c)
	})
}

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"5s": 5 * time.Second, "PT5S": 5 * time.Second, "PT0.5S": 500 * time.Millisecond, "P1D": 24 * time.Hour, "P1DT1H1M1S": 25*time.Hour + 61*time.Second,
		"744h": 744 * time.Hour, "0": 0,
	} {
		got, err := parseDuration(in)
		require.NoError(t, err, in)
		assert.Equal(t, want, got, "parseDuration(%q)", in)
	}
	for _, in := range []string{"", "P", "PT", "P1DT", "5", "P1Y", "PT9999999H", "PT1.5H"} {
		_, err := parseDuration(in)
		assert.Error(t, err, "parseDuration(%q)", in)
	}
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "100": 100, "1KiB": 1024, "16 MiB": 16 << 20, "2GiB": 2 << 30} {
		got, err := parseSize(in)
		require.NoError(t, err, in)
		assert.Equal(t, want, got, "parseSize(%q)", in)
	}
	for _, in := range []string{"", "-1", "1MB", "MiB", "9223372036854775807GiB", "1.5MiB"} {
		_, err := parseSize(in)
		assert.Error(t, err, "parseSize(%q)", in)
	}
	assert.Equal(t, "1500", formatSize(1500))
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"abc", "ab", 1}, {"ab", "abc", 1}, {"kitten", "sitting", 3}} {
		assert.Equal(t, c.want, editDistance(c.a, c.b), "editDistance(%q, %q)", c.a, c.b)
	}
}

func TestConfigErrorUnwraps(t *testing.T) {
	cause := errors.New("cause")
	assert.ErrorIs(t, &ConfigError{[]error{cause}}, cause)
}
