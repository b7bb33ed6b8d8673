package bootstrap

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/domain/trust"
)

// validateProduction tells what a server with real data may not be configured with.
func (c *Config) validateProduction(wrong func(bad bool, key, format string, args ...any)) {
	wrong(c.TLS.Cert == "" && !c.HTTP.BehindProxy, "http.behind_proxy",
		"production, the mode of every address that others can reach, needs TLS: give tls.cert and tls.key, or a proxy in front that ends it and http.behind_proxy: true")
	wrong(c.Security.TrustFile == "", "security.trust_file", "production needs a file of trusted keys")
	wrong(c.Audit.Sync == "none", "audit.sync", "none is for development only")
	wrong(c.Store.Driver == "memory" && c.usesStore(), "store.driver", "memory is for development only")
	wrong(c.Store.Driver == "postgres" && c.usesStore() && !encrypted(c.Store.DSN), "store.dsn",
		"another machine's database is spoken to in clear: give sslmode=verify-full (with sslrootcert)")
	wrong(*c.STS.AllowBearer, "sts.allow_bearer", "bearer tokens are for development only")
	for _, p := range c.HTTP.TrustedProxies {
		wrong(everyAddress(p), "http.trusted_proxies", "%s is every address", p)
	}
	for _, p := range c.Allowlist.NASNotify {
		wrong(everyAddress(p.Network), "allowlist.nas.notify", "%s is every address", p.Network)
	}
	for _, k := range keys() {
		if file := k.file; file != nil {
			wrong(within(c.Security.FederationDir, file(c)), k.path, "the file is of a test federation")
		}
	}
	wrong(c.runsAny(RoleMinLogRegistration, RoleMinLogLookup, RoleConsole, RoleConsent, RoleWills, RoleFGVHR) && c.IDWS.SignResponses && c.IDWS.KeyFile == "", "idws.key_file",
		"production needs a key that signs answers, or idws.sign_responses: false")
	wrong(c.Runs(RoleSTS) && c.STS.KeyFile == "", "sts.key_file", "a token service in production needs a key of its own")
	wrong(c.Runs(RoleSTS) && c.STS.PeopleFile == "", "sts.people_file", "a token service in production needs to know who holds which certificate")
}

// encrypted tells whether a PostgreSQL database is on this machine, or always spoken to with TLS.
func encrypted(dsn string) bool {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return true // opening it tells what is wrong
	}
	plain := func(host string, tls bool) bool {
		ip, err := netip.ParseAddr(host)
		local := strings.HasPrefix(host, "/") || host == "localhost" || err == nil && ip.Unmap().IsLoopback()
		return !tls && !local
	}
	if plain(config.Host, config.TLSConfig != nil) {
		return false
	}
	return !slices.ContainsFunc(config.Fallbacks, func(f *pgconn.FallbackConfig) bool { return plain(f.Host, f.TLSConfig != nil) })
}

// everyAddress tells whether every address of IPv4 or IPv6 is in the network.
func everyAddress(p netip.Prefix) bool {
	return p.Bits() == 0 || p.Addr().Is4In6() && p.Bits() <= 96
}

// within tells whether a file is in dir or below, also through symbolic links.
func within(dir, file string) bool {
	if file == "" {
		return false
	}
	for _, real := range []func(string) (string, error){filepath.Abs, filepath.EvalSymlinks} {
		d, err := real(dir)
		if err != nil {
			continue
		}
		f, err := real(file)
		if err != nil {
			continue
		}
		d, errDir := filepath.Abs(d)
		f, errFile := filepath.Abs(f)
		if rel, err := filepath.Rel(d, f); errors.Join(errDir, errFile, err) == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
			return true
		}
	}
	return false
}

// production holds the rules of a server with real data that its files decide. nil is no production: everything is allowed.
type production struct {
	federation map[[32]byte]bool // SHA-256 of the public keys of a test federation in the data directory
	roots      bool              // client certificates are judged
}

// openProduction reads what a test federation in dir, if there is one, left behind.
func openProduction(dir string, roots bool) (*production, error) {
	p := &production{federation: map[[32]byte]bool{}, roots: roots}
	for _, pattern := range []string{"*.pem", "*/*.pem"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			certificates, err := authtrust.ReadCertificates(file)
			if err != nil {
				return nil, fmt.Errorf("read test federation: %w", err)
			}
			for _, c := range certificates {
				p.federation[sha256.Sum256(c.RawSubjectPublicKeyInfo)] = true
			}
		}
	}
	return p, nil
}

// fit tells whether a server with real data may trust the set.
func (p *production) fit(set *trust.Set) error {
	if p == nil {
		return nil
	}
	if len(set.Anchors) == 0 {
		return errors.New("it holds no anchor, so that nobody could call")
	}
	for _, a := range set.Anchors {
		if a.Test || p.federation[a.SPKI] {
			return fmt.Errorf("anchor %s is of a test federation", a.ID)
		}
	}
	if p.roots && len(set.Roots) == 0 {
		return errors.New("oces.roots: there is no authority whose certificates the token service takes")
	}
	for _, der := range slices.Concat(set.Roots, set.Intermediates) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		if err := p.own(c); err != nil {
			return fmt.Errorf("oces: %w", err)
		}
	}
	return nil
}

// own tells whether a server with real data may use the certificate.
func (p *production) own(c *x509.Certificate) error {
	if p != nil && p.federation[sha256.Sum256(c.RawSubjectPublicKeyInfo)] {
		return errors.New("the certificate is of a test federation")
	}
	return nil
}
