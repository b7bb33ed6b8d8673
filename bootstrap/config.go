// Package bootstrap builds a server from its configuration: it chooses the adapters, wires them to the use cases and runs them.
package bootstrap

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/audit"
)

// The modes of security.mode.
const (
	Development = "development" // the test federation is trusted
	Production  = "production"  // nothing of a test federation is trusted
)

// Config is the configuration of one process. Load makes it complete: no field is then left to a default.
type Config struct {
	Roles    []string
	Instance string
	DataDir  string
	HTTP     struct {
		Addr           string
		PublicURL      string
		TrustedProxies []netip.Prefix
		BehindProxy    bool
		ReadTimeout    time.Duration
		CallTimeout    time.Duration
	}
	Admin struct{ Addr string }
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
	Limits struct {
		InFlight int
		Queue    time.Duration
		Memory   int64
	}
	Shutdown struct {
		DrainDelay time.Duration
		Timeout    time.Duration
	}
	Security struct {
		Mode                string
		DevelopmentAnywhere bool
		TrustFile           string
		MinRSABits          int
	}
	DGWS struct {
		MaxCardAge time.Duration
		MinLevel   int
	}
	STS   struct{ CardLifetime time.Duration }
	Store struct {
		Driver   string
		DSN      string
		MaxConns int
	}
	MessageLog struct {
		Driver    string
		KeySecret string
	}
	MinLog struct {
		MaxBulk         int
		FutureTolerance time.Duration
		MaxPeriod       time.Duration
		RetentionYears  int
		BlockedCVR      []string
		AppendTimeout   time.Duration
		Topic           string
		Consumer        struct {
			Batch     int
			BatchWait time.Duration
			OnGap     string
		}
		DeadLetterAlarm int
		PageSize        int
		MaxPageSize     int
		MaxEntries      int
		ScanBudget      int
		CitizenMinAge   int
		DGWSOwn         bool
		MaskUserCPR     bool
	}

	sources map[string]string // key -> where its value is from, "" = default
}

// DefaultConfig returns what holds where nothing else is said. Empty texts that depend on others are filled in by Load.
func DefaultConfig() Config {
	var c Config
	c.Roles = []string{"all"}
	c.DataDir = "./data"
	c.HTTP.Addr = "127.0.0.1:8080"
	c.HTTP.ReadTimeout, c.HTTP.CallTimeout = 10*time.Second, time.Minute
	c.Admin.Addr = "127.0.0.1:8081"
	c.Audit.Output, c.Audit.Sync = "file", "group"
	c.Audit.CategoryPrefix, c.Audit.CategorySuffix = audit.CategoryPrefix, true
	c.Audit.AppendTimeout = 5 * time.Second
	c.Audit.MaxSize, c.Audit.MinFree, c.Audit.MaxValues = 100<<20, 256<<20, 1000
	c.Access.Enabled, c.Access.Category, c.Access.Limit, c.Access.Delay = true, audit.AccessCategory, 500, 5*time.Second
	c.Log.Level = "info"
	c.Health.FailureThreshold, c.Health.Cache, c.Health.Timeout = 3, 5*time.Second, 2*time.Second
	c.Limits.InFlight, c.Limits.Queue, c.Limits.Memory = 256, time.Second, 10<<20
	c.Shutdown.DrainDelay, c.Shutdown.Timeout = 5*time.Second, 25*time.Second
	c.Security.MinRSABits = 2048
	c.DGWS.MaxCardAge, c.DGWS.MinLevel = 24*time.Hour, 3
	c.STS.CardLifetime = 24 * time.Hour
	c.Store.Driver, c.Store.MaxConns = "sqlite", 16
	c.MessageLog.Driver = "embedded"
	c.MinLog.MaxBulk, c.MinLog.FutureTolerance, c.MinLog.MaxPeriod = 1000, 5*time.Minute, 744*time.Hour
	c.MinLog.RetentionYears, c.MinLog.AppendTimeout, c.MinLog.Topic = 2, 10*time.Second, "minlog.registrations.v1"
	c.MinLog.Consumer.Batch, c.MinLog.Consumer.BatchWait, c.MinLog.Consumer.OnGap = 5000, 500*time.Millisecond, "halt"
	c.MinLog.DeadLetterAlarm = 1
	c.MinLog.PageSize, c.MinLog.MaxPageSize, c.MinLog.MaxEntries, c.MinLog.ScanBudget = 500, 1000, 10_000, 50_000
	c.MinLog.CitizenMinAge, c.MinLog.DGWSOwn, c.MinLog.MaskUserCPR = 15, true, true
	return c
}

// instanceName is what may stand in the name of a log file.
var instanceName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

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
	if c.Store.DSN == "" && c.Store.Driver == "sqlite" {
		c.Store.DSN = filepath.Join(c.DataDir, "store.db")
	}
	if c.Security.Mode == "" {
		c.Security.Mode = Production
		if c.loopback() {
			c.Security.Mode = Development
		}
	}
	if c.Security.TrustFile == "" && c.Security.Mode == Development {
		c.Security.TrustFile = filepath.Join(c.federationDir(), "trust.yaml")
	}
}

// federationDir is where the test federation lives.
func (c *Config) federationDir() string { return filepath.Join(c.DataDir, "federation") }

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
	wrong(c.Store.Driver == "memory" && c.Store.DSN != "", "store.dsn", "the memory store takes none")
	wrong(c.Limits.Memory < largestMessage, "limits.memory", "is smaller than the largest message, %s", formatSize(largestMessage))
	switch c.Security.Mode {
	case Development:
		wrong(!c.loopback() && !c.Security.DevelopmentAnywhere, "security.mode",
			"development trusts keys that anybody can make; on an address that others can reach it needs security.development_anywhere: true")
	case Production:
		wrong(!c.HTTP.BehindProxy, "http.behind_proxy",
			"production, the mode of every address that others can reach, needs a proxy in front that ends TLS; say so with http.behind_proxy: true")
		wrong(c.Security.TrustFile == "", "security.trust_file", "production needs a file of trusted keys")
		wrong(c.Audit.Sync == "none", "audit.sync", "none is for development only")
		wrong(c.Store.Driver == "memory", "store.driver", "memory is for development only")
	}
	return errors.Join(problems...)
}

// largestMessage is the size of the largest message that an operation takes (a MinLog bulk), which the memory for messages must hold.
const largestMessage = 10 << 20

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
