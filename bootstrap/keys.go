package bootstrap

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/application/issuing"
)

// key is one key of the configuration: its path, what it is for, and its field.
type key struct {
	path   string
	doc    string // one line
	field  func(*Config) field
	secret bool                 // never printed
	mask   func(string) string  // leaves out of the value what is never printed; nil = nothing
	file   func(*Config) string // of a key or certificate, nil where the value names none
}

// file is a key whose value names a file of keys or certificates.
func file(path, doc string, value func(*Config) *string) key {
	return key{path: path, doc: doc, file: func(c *Config) string { return *value(c) }, field: func(c *Config) field { return (*text)(value(c)) }}
}

// passwordPart is the password of a text password=… host=….
var passwordPart = regexp.MustCompile(`(?i)(password\s*=\s*)('[^']*'|[^\s&]+)`)

// withoutPassword leaves out the password of a data source name.
func withoutPassword(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return "***"
	}
	if _, set := u.User.Password(); set {
		u.User = url.UserPassword(u.User.Username(), "***")
		dsn = strings.Replace(u.String(), "%2A%2A%2A", "***", 1)
	}
	return passwordPart.ReplaceAllString(dsn, "$1***")
}

// keys lists every key there is, in the order of the example file.
func keys() []key { return slices.Concat(ownKeys(), willKeys(), nasKeys()) }

// ownKeys are the keys of all but wills and the notification service.
func ownKeys() []key {
	return []key{
		{path: "roles", doc: "what this process runs: all, or some of minlog-registration, minlog-consumer, minlog-lookup, minlog-cleanup, sts (token service), console (JSON API), ecpr, stamdata (CPR look-up, register copies, import), consent, wills (living and treatment wills), fgvhr (opt-out of resuscitation), nas-broker (notifications are handed in), nas-subscriber (and fetched), nas-cleanup", field: func(c *Config) field { return &choices{&c.Roles, roles()} }},
		{path: "instance", doc: "name of this process, in log file names and as producer of Kafka: no two processes that register have the same; empty = host name", field: func(c *Config) field { return (*text)(&c.Instance) }},
		{path: "data_dir", doc: "folder of all files of this process; made if absent", field: func(c *Config) field { return (*text)(&c.DataDir) }},

		{path: "http.addr", doc: "address the services listen on", field: func(c *Config) field { return (*text)(&c.HTTP.Addr) }},
		{path: "http.public_url", doc: "scheme and host that contracts name, such as https://nsp.example; empty = those of the request", field: func(c *Config) field { return (*text)(&c.HTTP.PublicURL) }},
		{path: "http.trusted_proxies", doc: "networks whose X-Forwarded-For is believed", field: func(c *Config) field { return (*prefixes)(&c.HTTP.TrustedProxies) }},
		{path: "http.admin_networks", doc: "networks of operators; with the trusted proxies the only ones whose traceparent is believed", field: func(c *Config) field { return (*prefixes)(&c.HTTP.AdminNetworks) }},
		{path: "http.behind_proxy", doc: "a proxy in front ends TLS; production asks for it, or for tls.cert", field: func(c *Config) field { return (*truth)(&c.HTTP.BehindProxy) }},
		{path: "http.read_timeout", doc: "for the body of a request", field: func(c *Config) field { return positive(&c.HTTP.ReadTimeout) }},
		{path: "http.call_timeout", doc: "for carrying a call out", field: func(c *Config) field { return positive(&c.HTTP.CallTimeout) }},

		file("tls.cert", "certificate chain of the services (PEM); empty = plain HTTP. Its files are read again when they change", func(c *Config) *string { return &c.TLS.Cert }),
		file("tls.key", "its private key (PEM)", func(c *Config) *string { return &c.TLS.Key }),
		{path: "tls.client_auth", doc: "certificates of clients: none, request (a bad one is refused) or require", field: func(c *Config) field {
			return &choice{&c.TLS.ClientAuth, []string{ClientAuthNone, ClientAuthRequest, ClientAuthRequire}}
		}},
		file("tls.client_ca", "authorities whose certificates clients may show (PEM)", func(c *Config) *string { return &c.TLS.ClientCA }),
		{path: "tls.min_version", doc: "oldest TLS version: 1.2 or 1.3", field: func(c *Config) field { return &choice{&c.TLS.MinVersion, []string{"1.2", "1.3"}} }},

		{path: "admin.addr", doc: "address of /livez, /readyz and /metrics; empty = none", field: func(c *Config) field { return (*text)(&c.Admin.Addr) }},
		file("admin.tls.cert", "certificate chain of that address (PEM); empty = plain HTTP", func(c *Config) *string { return &c.Admin.TLS.Cert }),
		file("admin.tls.key", "its private key (PEM)", func(c *Config) *string { return &c.Admin.TLS.Key }),

		{path: "audit.output", doc: "file or stdout", field: func(c *Config) field { return &choice{&c.Audit.Output, []string{"file", "stdout"}} }},
		{path: "audit.dir", doc: "folder of audit and access log; empty = <data_dir>/logs", field: func(c *Config) field { return (*text)(&c.Audit.Dir) }},
		{path: "audit.category_prefix", doc: "category of audit lines", field: func(c *Config) field { return (*text)(&c.Audit.CategoryPrefix) }},
		{path: "audit.category_suffix", doc: "whether the component follows the prefix", field: func(c *Config) field { return (*truth)(&c.Audit.CategorySuffix) }},
		{path: "audit.sync", doc: "when lines are made durable: group, each, or none (development only)", field: func(c *Config) field { return &choice{&c.Audit.Sync, []string{"group", "each", "none"}} }},
		{path: "audit.append_timeout", doc: "how long a call waits for its line", field: func(c *Config) field { return positive(&c.Audit.AppendTimeout) }},
		{path: "audit.max_size", doc: "size at which a log file is rotated", field: func(c *Config) field { return &size{&c.Audit.MaxSize, 1 << 10} }},
		{path: "audit.min_free", doc: "free space below which no call is taken", field: func(c *Config) field { return &size{&c.Audit.MinFree, 0} }},
		{path: "audit.max_values", doc: "values of a list that are written, the others are counted", field: func(c *Config) field { return &number{&c.Audit.MaxValues, 1, 100_000} }},

		{path: "access.enabled", doc: "whether an access log is written", field: func(c *Config) field { return (*truth)(&c.Access.Enabled) }},
		{path: "access.category", doc: "category of access lines", field: func(c *Config) field { return (*text)(&c.Access.Category) }},
		{path: "access.limit", doc: "lines of a batch", field: func(c *Config) field { return &number{&c.Access.Limit, 1, 10_000} }},
		{path: "access.delay", doc: "how long a line waits for its batch at most", field: func(c *Config) field { return positive(&c.Access.Delay) }},

		{path: "log.level", doc: "debug, info, warn or error", field: func(c *Config) field { return &choice{&c.Log.Level, []string{"debug", "info", "warn", "error"}} }},

		{path: "health.failure_threshold", doc: "failures in a row that make a check failed", field: func(c *Config) field { return &number{&c.Health.FailureThreshold, 1, 1000} }},
		{path: "health.cache", doc: "how old the result of a check may be", field: func(c *Config) field { return positive(&c.Health.Cache) }},
		{path: "health.timeout", doc: "for one check", field: func(c *Config) field { return positive(&c.Health.Timeout) }},

		{path: "trace.exporter", doc: "where traces go: none, otlphttp (a collector) or stdout", field: func(c *Config) field {
			return &choice{&c.Trace.Exporter, []string{TraceNone, TraceOTLP, TraceStdout}}
		}},
		{path: "trace.endpoint", doc: "URL of the collector, such as http://127.0.0.1:4318", field: func(c *Config) field { return (*text)(&c.Trace.Endpoint) }},
		{path: "trace.sample", doc: "share of the traces that are recorded, from 0 to 1; one that a trusted sender records always is", field: func(c *Config) field { return (*share)(&c.Trace.Sample) }},

		{path: "limits.in_flight", doc: "calls of one service at the same time", field: func(c *Config) field { return &number{&c.Limits.InFlight, 1, 100_000} }},
		{path: "limits.queue", doc: "how long a call waits for its turn", field: func(c *Config) field { return positive(&c.Limits.Queue) }},
		{path: "limits.memory", doc: "messages over 64KiB that are worked on at the same time, each rounded up to MiB; the next wait, unread, for http.call_timeout", field: func(c *Config) field { return &size{&c.Limits.Memory, 1} }},
		{path: "limits.callers", doc: "how often one caller may call a service, such as {service: minlog2-registration, rate: 20/h, burst: 20}", field: func(c *Config) field { return (*callerLimits)(&c.Limits.Callers) }},
		{path: "limits.failed_security_per_minute", doc: "refused credentials from one address after which its calls are turned away; 0 = no limit", field: func(c *Config) field { return &number{&c.Limits.FailedSecurity, 0, 1_000_000} }},

		{path: "shutdown.drain_delay", doc: "how long a server that stops is not ready before it closes", field: func(c *Config) field { return &duration{&c.Shutdown.DrainDelay, 0, longest} }},
		{path: "shutdown.timeout", doc: "for the calls in progress to end", field: func(c *Config) field { return positive(&c.Shutdown.Timeout) }},

		{path: "security.mode", doc: "development (with the test federation) or production; empty = development while all addresses are loopback", field: func(c *Config) field { return &choice{&c.Security.Mode, []string{"", Development, Production}} }},
		{path: "security.development_anywhere", doc: "allows development on an address that others can reach", field: func(c *Config) field { return (*truth)(&c.Security.DevelopmentAnywhere) }},
		{path: "security.federation_dir", doc: "folder of the test federation, which processes on one machine may share; empty = <data_dir>/federation", field: func(c *Config) field { return (*text)(&c.Security.FederationDir) }},
		file("security.trust_file", "the keys that are trusted; empty = that of the test federation", func(c *Config) *string { return &c.Security.TrustFile }),
		{path: "security.min_rsa_bits", doc: "shortest key that is accepted", field: func(c *Config) field { return &number{&c.Security.MinRSABits, 2048, 4096} }},
		{path: "security.administrators", doc: "who may administer, as role@cvr; empty = the sample administrator in development, nobody in production", field: func(c *Config) field { return (*administrators)(&c.Security.Administrators) }},
		{path: "security.clock_skew", doc: "how far the clocks of issuers may be ahead", field: func(c *Config) field { return &duration{&c.Security.ClockSkew, time.Second, 5 * time.Minute} }},
		{path: "security.cache_entries", doc: "signature values that RSA is not asked for again; 0 = none", field: func(c *Config) field { return &number{&c.Security.CacheEntries, 0, 1 << 20} }},
		{path: "security.max_message", doc: "largest message of an operation that has no size of its own", field: func(c *Config) field { return &size{&c.Security.MaxMessage, 16 << 10} }},
		{path: "security.hsuid.enabled", doc: "whether what systems with the grant hsuid say of their users counts", field: func(c *Config) field { return (*truth)(&c.Security.HSUID.Enabled) }},
		{path: "security.event_retention", doc: "how long security events are kept", field: func(c *Config) field { return positive(&c.Security.EventRetention) }},

		{path: "grants", doc: "organisations (CVR numbers, or * for all) by grant, laid in at the first start, such as {minlog.minlog1: [12345678]}; a name that is missing = * in development (hsuid: the sample portal), nobody in production (wills.has, fgvhr.read: Sundhedsdatastyrelsen)", field: func(c *Config) field { return (*grantLists)(&c.Grants) }},

		{path: "allowlist.nas.notify", doc: "networks that may publish without credential; topics: * or names, such as A|B", field: func(c *Config) field { return (*publishers)(&c.Allowlist.NASNotify) }},

		{path: "session.lifetime", doc: "how long a session of a REST client lasts at most", field: func(c *Config) field { return upTo(24*time.Hour, &c.Session.Lifetime) }},

		{path: "dgws.max_card_age", doc: "how long after its issue an ID card is accepted", field: func(c *Config) field { return positive(&c.DGWS.MaxCardAge) }},
		{path: "dgws.min_level", doc: "lowest authentication level for registration: 3 or 4", field: func(c *Config) field { return &number{&c.DGWS.MinLevel, 3, 4} }},
		{path: "dgws.fault_style", doc: "soap, or legacy (as DGWS 1.0 prints faults)", field: func(c *Config) field { return &choice{&c.DGWS.FaultStyle, []string{FaultStyleSOAP, FaultStyleLegacy}} }},
		{path: "dgws.bind_card_to_tls", doc: "whether the ID card must name the certificate that its sender connects with: off or require", field: func(c *Config) field { return &choice{&c.DGWS.BindCardToTLS, []string{BindOff, BindRequire}} }},
		{path: "dgws.resend.write", doc: "how long the answer to a write is kept for its message to come again", field: func(c *Config) field { return upTo(30*24*time.Hour, &c.DGWS.Resend.Write) }},
		{path: "dgws.resend.max_bytes", doc: "largest answer that is kept", field: func(c *Config) field { return &size{&c.DGWS.Resend.MaxBytes, 1 << 10} }},

		{path: "idws.timestamp_skew", doc: "how far the time of a message may be from ours", field: func(c *Config) field { return upTo(time.Hour, &c.IDWS.TimestampSkew) }},
		{path: "idws.replay_window", doc: "how long the ids of messages are remembered; at least twice idws.timestamp_skew", field: func(c *Config) field { return upTo(24*time.Hour, &c.IDWS.ReplayWindow) }},
		{path: "idws.audiences.minlog", doc: "audiences of tokens for MinLog", field: func(c *Config) field { return (*list)(&c.IDWS.Audiences.MinLog) }},
		{path: "idws.audiences.consent", doc: "audiences of tokens for consent", field: func(c *Config) field { return (*list)(&c.IDWS.Audiences.Consent) }},
		{path: "idws.audiences.fgvhr", doc: "audiences of tokens for resuscitation opt-out", field: func(c *Config) field { return (*list)(&c.IDWS.Audiences.FGVHR) }},
		{path: "idws.audiences.wills", doc: "audiences of tokens for wills", field: func(c *Config) field { return (*list)(&c.IDWS.Audiences.Wills) }},
		{path: "idws.sign_responses", doc: "whether answers are signed", field: func(c *Config) field { return (*truth)(&c.IDWS.SignResponses) }},
		file("idws.key_file", "key that signs answers (PEM, PKCS #8); empty = that of the test federation in development", func(c *Config) *string { return &c.IDWS.KeyFile }),
		file("idws.cert_file", "its certificate (PEM); empty = beside the key, ending in .pem", func(c *Config) *string { return &c.IDWS.CertFile }),

		file("sts.key_file", "key that signs cards and tokens (PEM, PKCS #8; or PKCS #12); empty = that of the test federation in development", func(c *Config) *string { return &c.STS.KeyFile }),
		{path: "sts.key_passphrase", doc: "opens a PKCS #12 file", secret: true, field: func(c *Config) field { return (*text)(&c.STS.KeyPassphrase) }},
		file("sts.cert_file", "certificate of a PEM key; empty = beside the key, ending in .pem", func(c *Config) *string { return &c.STS.CertFile }),
		file("sts.people_file", "who holds which certificate (JSON); names and authorisations come from the registers; empty = that of the test federation in development", func(c *Config) *string { return &c.STS.PeopleFile }),
		{path: "sts.issuer", doc: "name of the token service in cards and tokens", field: func(c *Config) field { return (*text)(&c.STS.Issuer) }},
		{path: "sts.card_signature", doc: "rsa-sha256, or rsa-sha1 for clients that know no other", field: func(c *Config) field { return &choice{&c.STS.CardSignature, []string{"rsa-sha256", "rsa-sha1"}} }},
		{path: "sts.card_lifetime", doc: "how long an ID card is valid", field: func(c *Config) field { return upTo(24*time.Hour, &c.STS.CardLifetime) }},
		{path: "sts.token_lifetime", doc: "how long a token is valid", field: func(c *Config) field { return upTo(8*time.Hour, &c.STS.TokenLifetime) }},
		{path: "sts.audiences", doc: "audiences that tokens are issued for; empty = all of idws.audiences", field: func(c *Config) field { return (*list)(&c.STS.Audiences) }},
		{path: "sts.own_audiences", doc: "audiences of bootstrap tokens for us; empty = sts.issuer and those of the national token service", field: func(c *Config) field { return (*list)(&c.STS.OwnAudiences) }},
		{path: "sts.allow_bearer", doc: "whether unsigned requests get a bearer token, which our services refuse; empty = in development", field: func(c *Config) field { return modal{&c.STS.AllowBearer} }},
		{path: "sts.accept_sha1_requests", doc: "whether messages may be signed with rsa-sha1; empty = in development", field: func(c *Config) field { return modal{&c.STS.AcceptSHA1Requests} }},

		{path: "store.driver", doc: "sqlite, postgres, or memory (development only). A process whose only role is minlog-registration, with kafka, needs none", field: func(c *Config) field { return &choice{&c.Store.Driver, drivers()} }},
		{path: "store.dsn", doc: "sqlite: database file, empty = <data_dir>/store.db; postgres: postgres://user:password@host/database", mask: withoutPassword, field: func(c *Config) field { return (*text)(&c.Store.DSN) }},
		{path: "store.migrate", doc: "whether a start brings the schema up to date; otherwise nspd migrate does", field: func(c *Config) field { return (*truth)(&c.Store.Migrate) }},
		{path: "store.max_conns", doc: "connections to the database", field: func(c *Config) field { return &number{&c.Store.MaxConns, 2, 1000} }},

		{path: "messagelog.driver", doc: "embedded (the message log is kept in the store), or kafka", field: func(c *Config) field { return &choice{&c.MessageLog.Driver, []string{embedded, onKafka}} }},
		{path: "messagelog.brokers", doc: "brokers of Kafka, host:port", field: func(c *Config) field { return (*list)(&c.MessageLog.Brokers) }},
		{path: "messagelog.tls.enabled", doc: "whether brokers are spoken to with TLS", field: func(c *Config) field { return (*truth)(&c.MessageLog.TLS.Enabled) }},
		file("messagelog.tls.ca", "authorities of the brokers' certificates (PEM); empty = those of the system", func(c *Config) *string { return &c.MessageLog.TLS.CA }),
		file("messagelog.tls.cert", "our certificate chain for brokers that ask for one (PEM)", func(c *Config) *string { return &c.MessageLog.TLS.Client.Cert }),
		file("messagelog.tls.key", "its private key (PEM)", func(c *Config) *string { return &c.MessageLog.TLS.Client.Key }),
		{path: "messagelog.tls.server_name", doc: "name in the brokers' certificates; empty = their host", field: func(c *Config) field { return (*text)(&c.MessageLog.TLS.ServerName) }},
		{path: "messagelog.sasl.mechanism", doc: "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty = none", field: func(c *Config) field {
			return &choice{&c.MessageLog.SASL.Mechanism, []string{"", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}}
		}},
		{path: "messagelog.sasl.user", doc: "name of this client", field: func(c *Config) field { return (*text)(&c.MessageLog.SASL.User) }},
		{path: "messagelog.sasl.password", doc: "its password", secret: true, field: func(c *Config) field { return (*text)(&c.MessageLog.SASL.Password) }},
		{path: "messagelog.key_secret", doc: "makes record keys that tell nobody the person, and page tokens; the same for all processes; empty = generated and kept in <data_dir>/keys (not with kafka)", secret: true, field: func(c *Config) field { return (*text)(&c.MessageLog.KeySecret) }},
		{path: "messagelog.kafka.replication", doc: "copies of each record of a topic that we make", field: func(c *Config) field { return &number{&c.MessageLog.Kafka.Replication, 1, 100} }},
		{path: "messagelog.kafka.min_insync", doc: "copies that a record needs before it counts", field: func(c *Config) field { return &number{&c.MessageLog.Kafka.MinInSync, 1, 100} }},
		{path: "messagelog.kafka.producers", doc: "transactions of one service at the same time", field: func(c *Config) field { return &number{&c.MessageLog.Kafka.Producers, 1, 100} }},
		{path: "messagelog.kafka.commit_timeout", doc: "for Kafka to tell whether a transaction is committed", field: func(c *Config) field { return positive(&c.MessageLog.Kafka.CommitTimeout) }},
		{path: "messagelog.kafka.producer.compression_type", doc: "none, gzip, snappy, lz4 or zstd", field: func(c *Config) field {
			return &choice{&c.MessageLog.Kafka.Compression, []string{"none", "gzip", "snappy", "lz4", "zstd"}}
		}},

		{path: "jobs.lease_ttl", doc: "how soon another process takes over a job whose process died", field: func(c *Config) field { return positive(&c.Jobs.LeaseTTL) }},

		{path: "minlog.max_bulk", doc: "entries of one registration", field: func(c *Config) field { return &number{&c.MinLog.MaxBulk, 1, 1000} }},
		{path: "minlog.future_tolerance", doc: "how far in the future an access may end; negative = as far as it likes", field: func(c *Config) field { return &duration{&c.MinLog.FutureTolerance, -longest, longest} }},
		{path: "minlog.max_period", doc: "the longest access", field: func(c *Config) field { return positive(&c.MinLog.MaxPeriod) }},
		{path: "minlog.retention_years", doc: "calendar years that are shown", field: func(c *Config) field { return &number{&c.MinLog.RetentionYears, 1, 100} }},
		{path: "minlog.blocked_cvr", doc: "organisations that may not register", field: func(c *Config) field { return (*list)(&c.MinLog.BlockedCVR) }},
		{path: "minlog.reduction.window", doc: "how far apart repeated accesses in one registration may be to be folded into one period; 0 = they are kept as they are", field: func(c *Config) field { return &duration{&c.MinLog.Reduction.Window, 0, longest} }},
		{path: "minlog.reduction.systems", doc: "another window for systems by SystemName, such as {FMK: 10m}; 0 = never", field: func(c *Config) field { return (*durations)(&c.MinLog.Reduction.Systems) }},
		{path: "minlog.own_cvr", doc: "organisation (CVR number) that registers what this server itself does: lookups on behalf of others. Development has that of the test federation", field: func(c *Config) field { return (*text)(&c.MinLog.OwnCVR) }},
		{path: "minlog.remote.url", doc: "address of another server's registration (2025-03-12) that takes what this server registers; empty = it goes into the message log", field: func(c *Config) field { return (*text)(&c.MinLog.Remote.URL) }},
		{path: "minlog.remote.sts", doc: "address of the token service that issues our ID card", field: func(c *Config) field { return (*text)(&c.MinLog.Remote.STS) }},
		file("minlog.remote.cert", "certificate of the system that registers (PEM)", func(c *Config) *string { return &c.MinLog.Remote.Key.Cert }),
		file("minlog.remote.key", "its private key (PEM)", func(c *Config) *string { return &c.MinLog.Remote.Key.Key }),
		{path: "minlog.remote.timeout", doc: "for its answer", field: func(c *Config) field { return positive(&c.MinLog.Remote.Timeout) }},
		{path: "minlog.append_timeout", doc: "for putting a registration into the message log", field: func(c *Config) field { return positive(&c.MinLog.AppendTimeout) }},
		{path: "minlog.topic", doc: "topic of the message log", field: func(c *Config) field { return (*text)(&c.MinLog.Topic) }},
		{path: "minlog.cleanup_schedule", doc: "when registrations past their time are removed, each day (Europe/Copenhagen); empty = when called", field: func(c *Config) field { return (*timeOfDay)(&c.MinLog.CleanupSchedule) }},
		{path: "minlog.cleanup_lease", doc: "how soon another process goes on with a clean-up whose process died", field: func(c *Config) field { return positive(&c.MinLog.CleanupLease) }},
		{path: "minlog.purge_tail", doc: "whether a clean-up also removes single registrations of the month that is partly past", field: func(c *Config) field { return (*truth)(&c.MinLog.PurgeTail) }},
		{path: "minlog.consumer.topics", doc: "topics that are consumed; empty = minlog.topic", field: func(c *Config) field { return (*list)(&c.MinLog.Consumer.Topics) }},
		{path: "minlog.consumer.batch", doc: "records that are stored at once", field: func(c *Config) field { return &number{&c.MinLog.Consumer.Batch, 1, 100_000} }},
		{path: "minlog.consumer.batch_wait", doc: "how long the consumer waits for a record", field: func(c *Config) field { return positive(&c.MinLog.Consumer.BatchWait) }},
		{path: "minlog.consumer.lease", doc: "how soon another process takes over the partitions of one that died", field: func(c *Config) field { return positive(&c.MinLog.Consumer.Lease) }},
		{path: "minlog.consumer.on_gap", doc: "when the message log lost records: halt, or skip", field: func(c *Config) field { return &choice{&c.MinLog.Consumer.OnGap, []string{"halt", "skip"}} }},
		{path: "minlog.deadletter_alarm", doc: "unreadable records of a day that raise the alarm; 0 = never", field: func(c *Config) field { return &number{&c.MinLog.DeadLetterAlarm, 0, 1 << 30} }},
		{path: "minlog.page_size", doc: "groups of a page where the caller names no number", field: func(c *Config) field { return &number{&c.MinLog.PageSize, 1, 10_000} }},
		{path: "minlog.max_page_size", doc: "groups of a page at most", field: func(c *Config) field { return &number{&c.MinLog.MaxPageSize, 1, 10_000} }},
		{path: "minlog.max_entries", doc: "registrations that a lookup gathers at most", field: func(c *Config) field { return &number{&c.MinLog.MaxEntries, 1, 1_000_000} }},
		{path: "minlog.scan_budget", doc: "rows that are read for one page at most", field: func(c *Config) field { return &number{&c.MinLog.ScanBudget, 1, 10_000_000} }},
		{path: "minlog.citizen_min_age", doc: "age in years from which on persons may read their own log", field: func(c *Config) field { return &number{&c.MinLog.CitizenMinAge, 0, 150} }},
		{path: "minlog.custody_max_age", doc: "age in years from which on holders of custody may no longer read a child's log", field: func(c *Config) field { return &number{&c.MinLog.CustodyMaxAge, 0, 150} }},
		{path: "minlog.relation_cache", doc: "how long it is remembered that a person may act for another; 0 = not at all", field: func(c *Config) field { return &duration{&c.MinLog.RelationCache, 0, time.Hour} }},
		{path: "minlog.aliases", doc: "whether a person's log has what is registered under replaced CPR numbers and linked X-eCPR numbers too", field: func(c *Config) field { return (*truth)(&c.MinLog.Aliases) }},
		{path: "minlog.names", doc: "whether answers tell the names of persons from the registers where a registration has none", field: func(c *Config) field { return (*truth)(&c.MinLog.Names) }},
		{path: "minlog.dgws_own", doc: "professionals may read their own log as citizens with an ID card of level 4", field: func(c *Config) field { return (*truth)(&c.MinLog.DGWSOwn) }},
		{path: "minlog.mask_user_cpr", doc: "whether citizens are not shown the civil registration numbers of users", field: func(c *Config) field { return (*truth)(&c.MinLog.MaskUserCPR) }},

		{path: "outbox.poll", doc: "how often what is to be delivered to other services is looked for", field: func(c *Config) field { return positive(&c.Outbox.Poll) }},
		{path: "outbox.max_backoff", doc: "longest wait before another try", field: func(c *Config) field { return positive(&c.Outbox.MaxBackoff) }},
		{path: "outbox.keep", doc: "how long what was delivered is kept", field: func(c *Config) field { return positive(&c.Outbox.Keep) }},

		{path: "ecpr.namespace", doc: "namespace of the service's messages and of its notifications", field: func(c *Config) field { return (*text)(&c.ECPR.Namespace) }},
		{path: "ecpr.actor.authorisation", doc: "whether the authorisation in Modified/By must be valid and the person's own: enforce, log or off", field: func(c *Config) field {
			return &choice{&c.ECPR.Actor.Authorisation, []string{string(issuing.Enforce), string(issuing.Log), string(issuing.Off)}}
		}},
		{path: "ecpr.search.max", doc: "persons that a search returns", field: func(c *Config) field { return &number{&c.ECPR.Search.Max, 1, 1000} }},
		{path: "ecpr.notify.enabled", doc: "whether changes are told to the notification service", field: func(c *Config) field { return (*truth)(&c.ECPR.Notify.Enabled) }},
		{path: "ecpr.notify.topic", doc: "topic of those notifications", field: func(c *Config) field { return (*text)(&c.ECPR.Notify.Topic) }},
		{path: "ecpr.notify.id_type", doc: "idType of the X-eCPR in them", field: func(c *Config) field { return (*text)(&c.ECPR.Notify.IDType) }},
		{path: "ecpr.export.interval", doc: "how often changes are made ready to be copied", field: func(c *Config) field { return positive(&c.ECPR.Export.Interval) }},
		{path: "ecpr.export.mode", doc: "embedded (this store serves the copies), or file", field: func(c *Config) field {
			return &choice{&c.ECPR.Export.Mode, []string{ExportEmbedded, ExportFile}}
		}},
		{path: "ecpr.export.dir", doc: "folder of the exported files", field: func(c *Config) field { return (*text)(&c.ECPR.Export.Dir) }},
		{path: "ecpr.import.dir", doc: "folder of another server's exported files, which this one takes in and serves; empty = none", field: func(c *Config) field { return (*text)(&c.ECPR.Import.Dir) }},
		{path: "ecpr.cprcheck.mode", doc: "where a CPR number that is linked is looked up: local (the registers of the store), or sces (another server)", field: func(c *Config) field {
			return &choice{&c.ECPR.CPRCheck.Mode, []string{CheckLocal, CheckSCES}}
		}},
		{path: "ecpr.cprcheck.url", doc: "address of that server's look-up (DetGodeCPROpslag-1.0.4)", field: func(c *Config) field { return (*text)(&c.ECPR.CPRCheck.URL) }},
		{path: "ecpr.cprcheck.sts", doc: "address of the token service that issues our ID card", field: func(c *Config) field { return (*text)(&c.ECPR.CPRCheck.STS) }},
		file("ecpr.cprcheck.cert", "certificate of the system that asks (PEM)", func(c *Config) *string { return &c.ECPR.CPRCheck.Key.Cert }),
		file("ecpr.cprcheck.key", "its private key (PEM)", func(c *Config) *string { return &c.ECPR.CPRCheck.Key.Key }),
		{path: "ecpr.cprcheck.timeout", doc: "for its answer", field: func(c *Config) field { return positive(&c.ECPR.CPRCheck.Timeout) }},

		{path: "consent.admin_roles", doc: "national roles whose holders administer every citizen's registrations", field: func(c *Config) field { return (*list)(&c.Consent.AdminRoles) }},
		{path: "consent.admin.professionals", doc: "whether authorised professionals administer them too", field: func(c *Config) field { return (*truth)(&c.Consent.Admin.Professionals) }},
		{path: "consent.limits.entries", doc: "registrations of one call", field: func(c *Config) field { return &number{&c.Consent.Limits.Entries, 1, 100} }},
		{path: "consent.limits.active", doc: "active registrations of a citizen", field: func(c *Config) field { return &number{&c.Consent.Limits.Active, 1, 10_000} }},
		{path: "consent.limits.items", doc: "pieces of data that are judged in one call", field: func(c *Config) field { return &number{&c.Consent.Limits.Items, 1, 10_000} }},
		{path: "consent.limits.positive_years", doc: "how long a positive consent may be valid", field: func(c *Config) field { return &number{&c.Consent.Limits.PositiveYears, 1, 100} }},
		{path: "consent.override.verify_authorisation", doc: "whether the authorisation that a system claims for an override must be in the register of authorisations", field: func(c *Config) field { return (*truth)(&c.Consent.Override.VerifyAuthorisation) }},
		{path: "consent.override.foreign", doc: "whether contact points of other countries may override", field: func(c *Config) field { return (*truth)(&c.Consent.Override.Foreign) }},
		{path: "consent.verification.minlog", doc: "which checks are told to MinLog: none, override or all", field: func(c *Config) field {
			return &choice{&c.Consent.MinLog, []string{string(consenting.LogNone), string(consenting.LogOverride), string(consenting.LogAll)}}
		}},
		{path: "consent.aliases", doc: "whether registrations under other numbers that a citizen has or had count", field: func(c *Config) field { return (*truth)(&c.Consent.Aliases) }},
		{path: "consent.org.source", doc: "where organisations are known from: stamdata, or none (no place of treatment is known)", field: func(c *Config) field {
			return &choice{&c.Consent.Org.Source, []string{OrgStamdata, OrgNone}}
		}},
		{path: "consent.org.max_age", doc: "how old that register may be before it is an alarm, in production", field: func(c *Config) field { return positive(&c.Consent.Org.MaxAge) }},
		{path: "consent.retention.inactive_years", doc: "how long registrations are kept that were revoked; 0 = for ever", field: func(c *Config) field { return &number{&c.Consent.Retention.InactiveYears, 0, 100} }},
		{path: "consent.retention.override_years", doc: "how long overrides are kept; 0 = for ever", field: func(c *Config) field { return &number{&c.Consent.Retention.OverrideYears, 0, 100} }},

		{path: "sces.county_code", doc: "CountyCode in answers of the CPR look-up", field: func(c *Config) field { return (*text)(&c.SCES.CountyCode) }},
		{path: "skrs.max_records", doc: "rows of one answer at most, where the caller asks for more or for no number", field: func(c *Config) field { return &number{&c.SKRS.MaxRecords, 1, 2000} }},
		{path: "skrs.ecpr2.validity", doc: "whether copies of registrations tell ValidFrom and ValidTo", field: func(c *Config) field { return (*truth)(&c.SKRS.ECPR2.Validity) }},
		{path: "stamdata.dir", doc: "folder that register files (CSV) are put into; empty = <data_dir>/stamdata", field: func(c *Config) field { return (*text)(&c.Stamdata.Dir) }},
		{path: "stamdata.interval", doc: "how often it is looked into", field: func(c *Config) field { return positive(&c.Stamdata.Interval) }},
		{path: "stamdata.max_close_share", doc: "share of a register that a full file may lack, from 0 to 1", field: func(c *Config) field { return (*share)(&c.Stamdata.MaxCloseShare) }},
		{path: "stamdata.active_statuses", doc: "CPR status codes of active persons", field: func(c *Config) field { return (*list)(&c.Stamdata.ActiveStatuses) }},
		{path: "stamdata.delegation_statuses", doc: "status of delegations that count", field: func(c *Config) field { return (*list)(&c.Stamdata.DelegationStatuses) }},
	}
}
