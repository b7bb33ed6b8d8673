// Package bootstrap builds a server from its configuration: it chooses the adapters, wires them to the use cases and runs them.
package bootstrap

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/allowlist"
	"github.com/opennsp/nsp/adapters/soap/ecprws"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/application/issuing"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/trust"
)

// The modes of security.mode.
const (
	Development = "development" // the test federation is trusted
	Production  = "production"  // nothing of a test federation is trusted
)

// The roles of a process.
const (
	RoleAll                = "all" // everything; with the token service in development alone
	RoleSTS                = "sts" // the token service
	RoleMinLogRegistration = "minlog-registration"
	RoleMinLogConsumer     = "minlog-consumer" // message log to store
	RoleMinLogLookup       = "minlog-lookup"
	RoleMinLogCleanup      = "minlog-cleanup"
	RoleConsole            = "console" // the JSON API and the service of its sessions
	RoleECPR               = "ecpr"
	RoleStamdata           = "stamdata" // registers: look-up, copies, import
	RoleConsent            = "consent"
	RoleWills              = "wills"          // living wills and treatment wills
	RoleFGVHR              = "fgvhr"          // opt-out of resuscitation
	RoleNASBroker          = "nas-broker"     // notifications are handed in
	RoleNASSubscriber      = "nas-subscriber" // and fetched
	RoleNASCleanup         = "nas-cleanup"
)

// roles lists every role.
func roles() []string {
	return []string{
		RoleAll, RoleMinLogRegistration, RoleMinLogConsumer, RoleMinLogLookup, RoleMinLogCleanup, RoleSTS, RoleConsole, RoleECPR, RoleStamdata, RoleConsent,
		RoleWills, RoleFGVHR, RoleNASBroker, RoleNASSubscriber, RoleNASCleanup,
	}
}

// Values of messagelog.driver.
const (
	embedded = "embedded" // in the store
	onKafka  = "kafka"
)

// Values of ecpr.export.mode and ecpr.cprcheck.mode.
const (
	ExportEmbedded = "embedded" // straight into the copies that this store serves
	ExportFile     = "file"     // as files, for a server that imports them

	CheckLocal = "local" // in the CPR register of the store
	CheckSCES  = "sces"  // by Det Gode CPR Opslag of another server
)

// Values of consent.org.source.
const (
	OrgStamdata = "stamdata" // the register of organisations of the store
	OrgNone     = "none"     // no place of treatment is known
)

// What a listener asks of the certificates of clients, by tls.client_auth.
const (
	ClientAuthNone    = "none"
	ClientAuthRequest = "request" // whoever shows one shows a good one
	ClientAuthRequire = "require"
)

// Values of dgws.fault_style and dgws.bind_card_to_tls.
const (
	FaultStyleSOAP   = "soap"
	FaultStyleLegacy = "legacy" // as DGWS 1.0 prints faults

	BindOff     = "off"
	BindRequire = "require"
)

// KeyPair names a certificate chain and its key, both PEM; both empty = none.
type KeyPair struct{ Cert, Key string }

// Config is the configuration of one process. Load makes it complete: no field is then left to a default.
type Config struct {
	Roles    []string
	Instance string
	DataDir  string
	HTTP     struct {
		Addr           string
		PublicURL      string
		TrustedProxies []netip.Prefix
		AdminNetworks  []netip.Prefix
		BehindProxy    bool
		ReadTimeout    time.Duration
		CallTimeout    time.Duration
	}
	TLS struct {
		KeyPair
		ClientAuth string
		ClientCA   string
		MinVersion string
	}
	Admin struct {
		Addr string
		TLS  KeyPair
	}
	Audit struct {
		Output         string
		Dir            string
		CategoryPrefix string
		CategorySuffix bool
		Sync           string
		AppendTimeout  time.Duration
		MaxSize        int64
		MinFree        int64
		MaxValues      int
	}
	Access struct {
		Enabled  bool
		Category string
		Limit    int
		Delay    time.Duration
	}
	Log    struct{ Level string }
	Health struct {
		FailureThreshold int
		Cache            time.Duration
		Timeout          time.Duration
	}
	Trace struct {
		Exporter string
		Endpoint string
		Sample   float64
	}
	Limits struct {
		InFlight int
		Queue    time.Duration
		Memory   int64

		Callers        []CallerLimit
		FailedSecurity int // refused credentials of an address in a minute; 0 = any number
	}
	Shutdown struct {
		DrainDelay time.Duration
		Timeout    time.Duration
	}
	Security struct {
		Mode                string
		DevelopmentAnywhere bool
		FederationDir       string
		TrustFile           string
		MinRSABits          int
		Administrators      []auth.Administrator
		ClockSkew           time.Duration
		CacheEntries        int
		MaxMessage          int64
		HSUID               struct{ Enabled bool }
		EventRetention      time.Duration
	}
	Grants    map[string][]string // CVR numbers, or trust.AnyCVR, by the name of the grant
	Allowlist struct{ NASNotify allowlist.List }
	Session   struct{ Lifetime time.Duration }
	DGWS      struct {
		MaxCardAge    time.Duration
		MinLevel      int
		FaultStyle    string
		BindCardToTLS string
		Resend        struct {
			Write    time.Duration
			MaxBytes int64
		}
	}
	IDWS struct {
		TimestampSkew time.Duration
		ReplayWindow  time.Duration
		Audiences     struct{ MinLog, Consent, FGVHR, Wills []string }
		SignResponses bool
		KeyFile       string
		CertFile      string
	}
	STS struct {
		KeyFile            string
		KeyPassphrase      string
		CertFile           string // "" where KeyFile is a PKCS #12 file
		PeopleFile         string
		Issuer             string
		CardSignature      string
		CardLifetime       time.Duration
		TokenLifetime      time.Duration
		Audiences          []string
		OwnAudiences       []string
		AllowBearer        *bool // not nil once Load is done, like the next
		AcceptSHA1Requests *bool
	}
	Store struct {
		Driver   string
		DSN      string
		Migrate  bool
		MaxConns int
	}
	MessageLog struct {
		Driver  string
		Brokers []string
		TLS     struct {
			Enabled    bool
			CA         string
			Client     KeyPair
			ServerName string
		}
		SASL struct {
			Mechanism string
			User      string
			Password  string
		}
		KeySecret string
		Kafka     struct {
			Replication   int
			MinInSync     int
			Producers     int
			CommitTimeout time.Duration
			Compression   string
		}
	}
	Jobs   struct{ LeaseTTL time.Duration }
	MinLog struct {
		MaxBulk         int
		FutureTolerance time.Duration
		MaxPeriod       time.Duration
		RetentionYears  int
		BlockedCVR      []string
		AppendTimeout   time.Duration
		Topic           string
		CleanupSchedule string
		CleanupLease    time.Duration
		PurgeTail       bool
		Consumer        struct {
			Topics    []string
			Batch     int
			BatchWait time.Duration
			Lease     time.Duration
			OnGap     string
		}
		DeadLetterAlarm int
		PageSize        int
		MaxPageSize     int
		MaxEntries      int
		ScanBudget      int
		CitizenMinAge   int
		CustodyMaxAge   int
		RelationCache   time.Duration
		Aliases         bool
		Names           bool
		DGWSOwn         bool
		MaskUserCPR     bool
		Reduction       struct {
			Window  time.Duration
			Systems map[string]time.Duration
		}
		OwnCVR string
		Remote struct {
			URL     string
			STS     string
			Key     KeyPair
			Timeout time.Duration
		}
	}

	Outbox struct {
		Poll       time.Duration
		MaxBackoff time.Duration
		Keep       time.Duration
	}
	ECPR struct {
		Namespace string
		Actor     struct{ Authorisation string }
		Search    struct{ Max int }
		Notify    struct {
			Enabled bool
			Topic   string
			IDType  string
		}
		Export struct {
			Interval time.Duration
			Mode     string
			Dir      string
		}
		Import   struct{ Dir string }
		CPRCheck struct {
			Mode    string
			URL     string
			STS     string
			Key     KeyPair
			Timeout time.Duration
		}
	}
	Consent struct {
		AdminRoles []string
		Admin      struct{ Professionals bool }
		Limits     struct{ Entries, Active, Items, PositiveYears int }
		Override   struct{ VerifyAuthorisation, Foreign bool }
		MinLog     string // what verification tells MinLog
		Aliases    bool
		Org        struct {
			Source string
			MaxAge time.Duration
		}
		Retention struct{ InactiveYears, OverrideYears int }
	}
	Wills Wills
	FGVHR FGVHR
	NAS   NAS
	SCES  struct{ CountyCode string }
	SKRS  struct {
		MaxRecords int
		ECPR2      struct{ Validity bool }
	}
	Stamdata struct {
		Dir                string
		Interval           time.Duration
		MaxCloseShare      float64
		ActiveStatuses     []string
		DelegationStatuses []string
	}

	sources map[string]string // key -> where its value is from, "" = default
}

// DefaultConfig returns what holds where nothing else is said. Empty texts that depend on others are filled in by Load.
func DefaultConfig() Config {
	var c Config
	c.Roles = []string{RoleAll}
	c.DataDir = "./data"
	c.HTTP.Addr = "127.0.0.1:8080"
	c.HTTP.ReadTimeout, c.HTTP.CallTimeout = 10*time.Second, time.Minute
	c.HTTP.AdminNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	c.TLS.ClientAuth, c.TLS.MinVersion = ClientAuthNone, "1.2"
	c.Admin.Addr = "127.0.0.1:8081"
	c.Audit.Output, c.Audit.Sync = "file", "group"
	c.Audit.CategoryPrefix, c.Audit.CategorySuffix = audit.CategoryPrefix, true
	c.Audit.AppendTimeout = 5 * time.Second
	c.Audit.MaxSize, c.Audit.MinFree, c.Audit.MaxValues = 100<<20, 256<<20, 1000
	c.Access.Enabled, c.Access.Category, c.Access.Limit, c.Access.Delay = true, audit.AccessCategory, 500, 5*time.Second
	c.Log.Level = "info"
	c.Health.FailureThreshold, c.Health.Cache, c.Health.Timeout = 3, 5*time.Second, 2*time.Second
	c.Trace.Exporter, c.Trace.Sample = TraceNone, 0.1
	c.Limits.InFlight, c.Limits.Queue, c.Limits.Memory = 256, time.Second, largestMessage
	c.Limits.FailedSecurity = 60
	c.Shutdown.DrainDelay, c.Shutdown.Timeout = 5*time.Second, 25*time.Second
	c.Security.MinRSABits, c.Security.ClockSkew, c.Security.CacheEntries = 2048, time.Minute, 16384
	c.Security.MaxMessage, c.Security.HSUID.Enabled, c.Security.EventRetention = admitting.DefaultMaxBytes, true, 2160*time.Hour
	c.Allowlist.NASNotify = allowlist.List{
		{Network: netip.MustParsePrefix("127.0.0.0/8"), Name: "local"}, {Network: netip.MustParsePrefix("::1/128"), Name: "local"},
	}
	c.Session.Lifetime = time.Hour
	c.DGWS.MaxCardAge, c.DGWS.MinLevel = 24*time.Hour, 3
	c.DGWS.FaultStyle, c.DGWS.BindCardToTLS = FaultStyleSOAP, BindOff
	c.DGWS.Resend.Write, c.DGWS.Resend.MaxBytes = 24*time.Hour, 1<<20
	c.IDWS.TimestampSkew, c.IDWS.ReplayWindow, c.IDWS.SignResponses = 5*time.Minute, 15*time.Minute, true
	c.IDWS.Audiences.MinLog = []string{"https://minlog", "https://audience.nspop.dk/minlog"}
	c.IDWS.Audiences.Consent = []string{"https://audience.nspop.dk/minspaerring"}
	c.IDWS.Audiences.FGVHR, c.IDWS.Audiences.Wills = []string{"https://fsk"}, []string{"https://fsk"}
	c.STS.Issuer, c.STS.CardSignature = devfed.STSIssuer, "rsa-sha256"
	c.STS.CardLifetime, c.STS.TokenLifetime = 24*time.Hour, time.Hour
	c.Store.Driver, c.Store.Migrate, c.Store.MaxConns = "sqlite", true, 16
	c.MessageLog.Driver = embedded
	c.MessageLog.Kafka.Replication, c.MessageLog.Kafka.MinInSync, c.MessageLog.Kafka.Producers = 3, 2, 4
	c.MessageLog.Kafka.CommitTimeout, c.MessageLog.Kafka.Compression = 10*time.Second, "none"
	c.Jobs.LeaseTTL = 30 * time.Second
	c.MinLog.MaxBulk, c.MinLog.FutureTolerance, c.MinLog.MaxPeriod = 1000, 5*time.Minute, 744*time.Hour
	c.MinLog.RetentionYears, c.MinLog.AppendTimeout, c.MinLog.Topic = 2, 10*time.Second, "minlog.registrations.v1"
	c.MinLog.CleanupSchedule, c.MinLog.CleanupLease, c.MinLog.PurgeTail = "03:15", 30*time.Minute, true
	c.MinLog.Consumer.Batch, c.MinLog.Consumer.BatchWait, c.MinLog.Consumer.OnGap = 5000, 500*time.Millisecond, "halt"
	c.MinLog.Consumer.Lease = 30 * time.Second
	c.MinLog.DeadLetterAlarm = 1
	c.MinLog.PageSize, c.MinLog.MaxPageSize, c.MinLog.MaxEntries, c.MinLog.ScanBudget = 500, 1000, 10_000, 50_000
	c.MinLog.CitizenMinAge, c.MinLog.CustodyMaxAge, c.MinLog.DGWSOwn, c.MinLog.MaskUserCPR = 15, 15, true, true
	c.MinLog.RelationCache, c.MinLog.Remote.Timeout = time.Minute, 2*time.Second
	c.Outbox.Poll, c.Outbox.MaxBackoff, c.Outbox.Keep = time.Second, 5*time.Minute, 720*time.Hour
	c.ECPR.Namespace = ecprws.DefaultNamespace
	c.ECPR.Actor.Authorisation, c.ECPR.Search.Max = string(issuing.Enforce), 100
	c.ECPR.Notify.Enabled = true
	c.ECPR.Notify.Topic, c.ECPR.Notify.IDType = ecprws.DefaultNamespace+":PersonIdentifierModification", "urn:oid:"+ecpr.XECPROID
	c.ECPR.Export.Interval, c.ECPR.Export.Mode = time.Hour, ExportEmbedded
	c.ECPR.CPRCheck.Mode, c.ECPR.CPRCheck.Timeout = CheckLocal, 5*time.Second
	c.Consent.AdminRoles = []string{"SpaerAdminR8"}
	c.Consent.Limits.Entries, c.Consent.Limits.Active, c.Consent.Limits.Items, c.Consent.Limits.PositiveYears = 100, 1000, 10_000, 10
	c.Consent.Override.VerifyAuthorisation, c.Consent.MinLog, c.Consent.Aliases = true, string(consenting.LogOverride), true
	c.Consent.Org.Source, c.Consent.Org.MaxAge, c.Consent.Retention.OverrideYears = OrgStamdata, 336*time.Hour, 5
	c.Wills, c.FGVHR, c.NAS = defaultWills(), defaultFGVHR(), defaultNAS()
	c.SCES.CountyCode = "0000"
	c.SKRS.MaxRecords, c.SKRS.ECPR2.Validity = 2000, true
	c.Stamdata.Interval, c.Stamdata.MaxCloseShare = 5*time.Minute, 0.10
	c.Stamdata.ActiveStatuses, c.Stamdata.DelegationStatuses = []string{"01", "03", "05", "07", "20"}, []string{"Godkendt"}
	return c
}

// instanceName is what may stand in the name of a log file.
var instanceName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// countyCode is what CountyCode may be (Det Gode CPR Opslag).
var countyCode = regexp.MustCompile(`^([0-9]{4}|99)$`)

// complete fills in what depends on other values.
func (c *Config) complete() {
	if c.Instance == "" {
		host, _ := os.Hostname()
		if c.Instance = host; !instanceName.MatchString(host) {
			c.Instance = "nspd"
		}
	}
	if c.Audit.Dir == "" {
		c.Audit.Dir = filepath.Join(c.DataDir, "logs")
	}
	if c.Security.FederationDir == "" {
		c.Security.FederationDir = filepath.Join(c.DataDir, "federation")
	}
	if c.Store.DSN == "" && c.Store.Driver == "sqlite" {
		c.Store.DSN = filepath.Join(c.DataDir, "store.db")
	}
	if c.Stamdata.Dir == "" {
		c.Stamdata.Dir = filepath.Join(c.DataDir, "stamdata")
	}
	if len(c.MinLog.Consumer.Topics) == 0 {
		c.MinLog.Consumer.Topics = []string{c.MinLog.Topic}
	}
	if c.Security.Mode == "" {
		c.Security.Mode = Production
		if c.loopback() {
			c.Security.Mode = Development
		}
	}
	development := c.Security.Mode == Development
	if development {
		c.completeDevelopment()
	}
	if c.Grants == nil {
		c.Grants = map[string][]string{}
	}
	c.completeWills()
	for _, pair := range []struct{ key, cert *string }{{&c.STS.KeyFile, &c.STS.CertFile}, {&c.IDWS.KeyFile, &c.IDWS.CertFile}} {
		if ext := filepath.Ext(*pair.key); *pair.cert == "" && *pair.key != "" && !isPKCS12(*pair.key) {
			*pair.cert = strings.TrimSuffix(*pair.key, ext) + ".pem"
		}
	}
	if len(c.STS.Audiences) == 0 {
		a := &c.IDWS.Audiences
		for _, audience := range slices.Concat(a.MinLog, a.Consent, a.FGVHR, a.Wills) {
			if !slices.Contains(c.STS.Audiences, audience) {
				c.STS.Audiences = append(c.STS.Audiences, audience)
			}
		}
	}
	if len(c.STS.OwnAudiences) == 0 {
		c.STS.OwnAudiences = append([]string{c.STS.Issuer}, nationalAudiences()...)
	}
	c.STS.AllowBearer = cmp.Or(c.STS.AllowBearer, &development)
	c.STS.AcceptSHA1Requests = cmp.Or(c.STS.AcceptSHA1Requests, &development)
}

// completeDevelopment fills in what the test federation gives.
func (c *Config) completeDevelopment() {
	federation := devfed.Federation{Dir: c.Security.FederationDir}
	keys := federation.SigningKeys()
	if c.MinLog.OwnCVR == "" {
		c.MinLog.OwnCVR = devfed.OwnCVR
	}
	if c.Security.TrustFile == "" {
		c.Security.TrustFile = federation.TrustFile()
	}
	if c.STS.KeyFile == "" {
		c.STS.KeyFile, c.STS.CertFile = keys[trust.IDCard].Key, cmp.Or(c.STS.CertFile, keys[trust.IDCard].Certificate)
	}
	if c.IDWS.KeyFile == "" {
		c.IDWS.KeyFile, c.IDWS.CertFile = keys[trust.Service].Key, cmp.Or(c.IDWS.CertFile, keys[trust.Service].Certificate)
	}
	if c.STS.PeopleFile == "" {
		c.STS.PeopleFile = federation.PeopleFile()
	}
	if len(c.Security.Administrators) == 0 {
		c.Security.Administrators = []auth.Administrator{sampleAdministrator()}
	}
	for _, roles := range []*[]string{&c.Wills.AdminRoles, &c.FGVHR.AdminRoles} {
		if len(*roles) == 0 {
			*roles = []string{sampleAdministrator().Role}
		}
	}
	grants := developmentGrants()
	maps.Copy(grants, c.Grants)
	c.Grants = grants
}

// sampleAdministrator is the sample of the test federation that may administer.
func sampleAdministrator() auth.Administrator {
	return auth.Administrator{Role: "NspAdministrator", CVR: "99999903"}
}

// developmentGrants gives every organisation everything; only the sample portal is believed what it says of its users.
func developmentGrants() map[string][]string {
	grants := map[string][]string{trust.HSUIDGrant: {"99999904"}}
	for _, name := range []string{
		"minlog.minlog1", "consent.admin", "consent.verification", "consent.foreign", "ecpr.read", "ecpr.write", "sces",
		"personinformation", "wills.has", "fgvhr.read",
	} {
		grants[name] = []string{trust.AnyCVR}
	}
	for _, view := range stamdata.Views() {
		grants[view.Grant()] = []string{trust.AnyCVR}
	}
	return grants
}

// nationalAudiences are the names under which bootstrap tokens address the national token service.
func nationalAudiences() []string {
	return []string{"https://sts.sosi.dk/", "https://bootstrap.sts.nspop.dk/", "https://bootstrap.sts.nemlog-in.dk/"}
}

// isPKCS12 tells whether a file holds a key with its certificate.
func isPKCS12(file string) bool {
	ext := strings.ToLower(filepath.Ext(file))
	return ext == ".p12" || ext == ".pfx"
}

// Runs tells whether this process runs the role.
func (c *Config) Runs(role string) bool { return slices.Contains(c.Roles, role) }

// runsAny tells whether this process runs one of the roles, or everything.
func (c *Config) runsAny(roles ...string) bool {
	return c.Runs(RoleAll) || slices.ContainsFunc(roles, c.Runs)
}

// usesStore tells whether this process has a store: one that only takes registrations for Kafka does without.
func (c *Config) usesStore() bool {
	return c.MessageLog.Driver != onKafka || !slices.Equal(c.Roles, []string{RoleMinLogRegistration})
}

// logsItself tells whether this process puts what it does itself into the message log: lookups on behalf of others, what is done
// with consent, wills and opt-outs.
func (c *Config) logsItself() bool {
	return c.runsAny(RoleMinLogLookup, RoleConsent, RoleWills, RoleFGVHR) && c.MinLog.Remote.URL == ""
}

// loopback tells whether every address can be reached from this machine alone.
func (c *Config) loopback() bool {
	return isLoopback(c.HTTP.Addr) && (c.Admin.Addr == "" || isLoopback(c.Admin.Addr))
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Validate tells what in the configuration cannot be run with. Every problem names its key.
func (c *Config) Validate() error {
	var problems []error
	wrong := func(bad bool, key, format string, args ...any) {
		if bad {
			problems = append(problems, c.problem(key, fmt.Sprintf(format, args...)))
		}
	}
	wrong(len(c.Roles) == 0, "roles", "at least one role is needed")
	wrong(!instanceName.MatchString(c.Instance), "instance", "letters, digits, '.', '_' and '-' only, at most 64")
	wrong(c.DataDir == "", "data_dir", "a folder is needed")
	wrong(!isAddress(c.HTTP.Addr), "http.addr", "want host:port")
	wrong(c.Admin.Addr != "" && !isAddress(c.Admin.Addr), "admin.addr", "want host:port, or nothing")
	wrong(c.Admin.Addr != "" && c.Admin.Addr == c.HTTP.Addr && !strings.HasSuffix(c.Admin.Addr, ":0"), "admin.addr",
		"must differ from http.addr")
	wrong(c.HTTP.PublicURL != "" && !isBaseURL(c.HTTP.PublicURL), "http.public_url", "want scheme and host, such as https://nsp.example")
	wrong(c.MinLog.PageSize > c.MinLog.MaxPageSize, "minlog.page_size", "is larger than minlog.max_page_size")
	wrong(!countyCode.MatchString(c.SCES.CountyCode), "sces.county_code", "want four digits, or 99")
	wrong(c.ECPR.Export.Mode == ExportFile && c.ECPR.Export.Dir == "", "ecpr.export.dir", "mode file needs a folder")
	wrong(c.ECPR.CPRCheck.Mode == CheckSCES && (c.ECPR.CPRCheck.URL == "" || c.ECPR.CPRCheck.STS == "" || c.ECPR.CPRCheck.Key.Cert == ""),
		"ecpr.cprcheck.url", "mode sces needs the address of the look-up, that of a token service, and a certificate")
	wrong(c.Store.Driver == "memory" && c.Store.DSN != "", "store.dsn", "the memory store takes none")
	wrong(c.Limits.Memory < largestMessage, "limits.memory", "is smaller than the largest message, %s", formatSize(largestMessage))
	wrong(len(c.Roles) > 1 && c.Runs(RoleAll), "roles", "all excludes the others")
	wrong((c.TLS.Cert == "") != (c.TLS.Key == ""), "tls.key", "certificate and key go together")
	wrong((c.Admin.TLS.Cert == "") != (c.Admin.TLS.Key == ""), "admin.tls.key", "certificate and key go together")
	wrong(c.TLS.ClientAuth != ClientAuthNone && (c.TLS.Cert == "" || c.TLS.ClientCA == ""), "tls.client_auth", "needs tls.cert and tls.client_ca")
	wrong(c.TLS.ClientAuth == ClientAuthNone && c.TLS.ClientCA != "", "tls.client_ca", "does nothing while tls.client_auth is none")
	wrong(c.DGWS.BindCardToTLS == BindRequire && c.TLS.ClientAuth == ClientAuthNone, "dgws.bind_card_to_tls",
		"needs the certificates of clients: tls.client_auth request or require")
	wrong(c.IDWS.ReplayWindow < 2*c.IDWS.TimestampSkew, "idws.replay_window", "is shorter than twice idws.timestamp_skew")
	wrong(c.Security.MaxMessage > largestMessage, "security.max_message", "is larger than %s", formatSize(largestMessage))
	wrong(c.STS.Issuer == "", "sts.issuer", "a name is needed")
	c.validateScale(wrong)
	c.validateTrace(wrong)
	c.validateNAS(wrong)
	c.validateWills(wrong)
	switch c.Security.Mode {
	case Development:
		wrong(!c.loopback() && !c.Security.DevelopmentAnywhere, "security.mode",
			"development trusts keys that anybody can make; on an address that others can reach it needs security.development_anywhere: true")
	case Production:
		c.validateProduction(wrong)
	}
	return errors.Join(problems...)
}

// validateScale checks what several processes share.
func (c *Config) validateScale(wrong func(bad bool, key, format string, args ...any)) {
	m := &c.MessageLog
	wrong(c.Store.Driver == "postgres" && c.Store.DSN == "" && c.usesStore(), "store.dsn", "postgres needs one, such as postgres://user@host/database")
	wrong(c.runsAny(RoleMinLogRegistration) != c.runsAny(RoleMinLogConsumer) && m.Driver == embedded && c.Store.Driver != "postgres", "roles",
		"where the message log is embedded in a store of this process, minlog-registration and minlog-consumer go together")
	wrong(c.logsItself() && !c.runsAny(RoleMinLogConsumer) && m.Driver == embedded && c.Store.Driver != "postgres", "roles",
		"where the message log is embedded in a store of this process, minlog-lookup, consent, wills and fgvhr go together with minlog-consumer, or need minlog.remote")
	c.validateAccess(wrong)
	wrong(!slices.Contains(c.MinLog.Consumer.Topics, c.MinLog.Topic) && c.runsAny(RoleMinLogConsumer), "minlog.consumer.topics",
		"lacks minlog.topic, %s", c.MinLog.Topic)
	if m.Driver == embedded {
		return
	}
	wrong(len(m.Brokers) == 0, "messagelog.brokers", "kafka needs at least one, host:port")
	for _, b := range m.Brokers {
		wrong(!isAddress(b), "messagelog.brokers", "%q is not host:port", b)
	}
	wrong(m.KeySecret == "", "messagelog.key_secret", "kafka needs one, the same for all processes")
	wrong(m.Kafka.MinInSync > m.Kafka.Replication, "messagelog.kafka.min_insync", "is more than messagelog.kafka.replication")
	wrong((m.SASL.Mechanism == "") != (m.SASL.User == ""), "messagelog.sasl.user", "goes with messagelog.sasl.mechanism")
	wrong((m.TLS.Client.Cert == "") != (m.TLS.Client.Key == ""), "messagelog.tls.key", "certificate and key go together")
	wrong(!m.TLS.Enabled && (m.TLS.CA != "" || m.TLS.Client.Cert != "" || m.TLS.ServerName != ""), "messagelog.tls.enabled", "is off, but messagelog.tls says more")
	wrong(!m.TLS.Enabled && c.Security.Mode == Production && slices.ContainsFunc(m.Brokers, func(b string) bool { return !isLoopback(b) }),
		"messagelog.tls.enabled", "other machines' brokers would be told passwords and persons' data in clear")
}

// validateAccess checks how this server registers what it does itself.
func (c *Config) validateAccess(wrong func(bad bool, key, format string, args ...any)) {
	remote := &c.MinLog.Remote
	wrong(c.MinLog.OwnCVR != "" && !cvrNumber.MatchString(c.MinLog.OwnCVR), "minlog.own_cvr", "want the eight digits of a CVR number")
	wrong(c.logsItself() && c.MinLog.OwnCVR == "", "minlog.own_cvr", "minlog-lookup, consent, wills and fgvhr register what they do: they need one, or minlog.remote")
	wrong((remote.URL != "" || remote.STS != "" || remote.Key.Cert != "" || remote.Key.Key != "") &&
		(remote.URL == "" || remote.STS == "" || remote.Key.Cert == "" || remote.Key.Key == ""),
		"minlog.remote.url", "needs the address of the registration, that of a token service, and a certificate with its key")
}

// largestMessage is the size of the largest message that an operation takes (an id list), which the memory for messages must hold.
const largestMessage = 16 << 20

func isAddress(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

func isBaseURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.Path == "" && u.RawQuery == "" && u.Fragment == "" &&
		u.User == nil
}
