package bootstrap

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
)

// renewWithin is how long before its end a certificate raises the alarm.
const renewWithin = 14 * 24 * time.Hour

// tlsFiles is what a listener speaks TLS with.
type tlsFiles struct {
	pair       KeyPair
	clientAuth string
	clientCA   string // "" = none
	minVersion string
}

// tlsMaterial is what the files of a listener hold. It is immutable.
type tlsMaterial struct {
	config *tls.Config
	ends   time.Time // of the certificate
	sum    [32]byte  // of the files
}

// tlsListener is the TLS of one listener, whose files may change while it runs. Safe for concurrent use.
type tlsListener struct {
	name  string // of the listener, for alarms
	files tlsFiles
	fit   func(*x509.Certificate) error
	now   func() time.Time

	mu      sync.RWMutex
	current tlsMaterial
	failed  bool // the last reload found files that cannot be used
}

// openTLS reads the files of a listener for the first time. A certificate that fit refuses is none; nor is one at a later reload.
func openTLS(name string, files tlsFiles, fit func(*x509.Certificate) error, now func() time.Time) (*tlsListener, error) {
	l := &tlsListener{name: name, files: files, fit: fit, now: now}
	if _, err := l.reload(); err != nil {
		return nil, err
	}
	return l, nil
}

// config returns the configuration of the listener: each connection is made with what the last good reload found.
func (l *tlsListener) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: protocols(),
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			l.mu.RLock()
			defer l.mu.RUnlock()
			return l.current.config, nil
		},
	}
}

// reload reads the files again and tells whether they hold something new. Files that cannot be used replace nothing.
func (l *tlsListener) reload() (changed bool, err error) {
	l.mu.RLock()
	before := l.current.sum
	l.mu.RUnlock()
	files, err := l.read()
	var next tlsMaterial
	if err == nil && files.sum != before {
		next, err = l.material(files)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed = err != nil; l.failed {
		return false, fmt.Errorf("read TLS files of the %s listener: %w", l.name, err)
	}
	if files.sum == before {
		return false, nil
	}
	l.current = next
	return true, nil
}

// tlsContent is what the files of a listener hold.
type tlsContent struct {
	cert, key, clientCA []byte
	sum                 [32]byte
}

func (l *tlsListener) read() (c tlsContent, err error) {
	sum := sha256.New()
	for _, f := range []struct {
		name string
		into *[]byte
	}{{l.files.pair.Cert, &c.cert}, {l.files.pair.Key, &c.key}, {l.files.clientCA, &c.clientCA}} {
		if f.name == "" {
			continue
		}
		if *f.into, err = readSmall(f.name); err != nil {
			return c, err
		}
		digest := sha256.Sum256(*f.into)
		sum.Write(digest[:])
	}
	c.sum = [32]byte(sum.Sum(nil))
	return c, nil
}

func (l *tlsListener) material(c tlsContent) (m tlsMaterial, err error) {
	pair, err := tls.X509KeyPair(c.cert, c.key)
	if err != nil {
		return m, errors.New("the certificate and the key cannot be read, or do not belong together")
	}
	if err := l.fit(pair.Leaf); err != nil {
		return m, err
	}
	m.sum, m.ends = c.sum, pair.Leaf.NotAfter
	if now := l.now(); now.Before(pair.Leaf.NotBefore) || !now.Before(m.ends) {
		return m, errors.New("the certificate is not valid at this time")
	}
	m.config = &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: protocols(), Time: l.now,
		ClientAuth: map[string]tls.ClientAuthType{
			ClientAuthRequest: tls.VerifyClientCertIfGiven, ClientAuthRequire: tls.RequireAndVerifyClientCert,
		}[l.files.clientAuth],
	}
	if l.files.minVersion == "1.3" {
		m.config.MinVersion = tls.VersionTLS13
	}
	if m.config.ClientAuth == tls.NoClientCert {
		return m, nil
	}
	authorities, err := authtrust.ParseCertificates(c.clientCA)
	if err != nil {
		return m, fmt.Errorf("authorities of clients: %w", err)
	}
	m.config.ClientCAs = x509.NewCertPool()
	for _, a := range authorities {
		if err := l.fit(a); err != nil {
			return m, fmt.Errorf("authorities of clients: %w", err)
		}
		m.config.ClientCAs.AddCert(a)
	}
	return m, nil
}

// protocols are what is spoken over TLS.
func protocols() []string { return []string{"h2", "http/1.1"} }

// ends returns when the certificate in use ends.
func (l *tlsListener) ends() time.Time {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.current.ends
}

// warnings tells what to look at: files that cannot be used, a certificate that ends soon.
func (l *tlsListener) warnings() []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var lines []string
	if l.failed {
		lines = append(lines, "TLS files of the "+l.name+" listener cannot be used; those before are still in use")
	}
	if l.now().Add(renewWithin).After(l.current.ends) {
		lines = append(lines, "TLS certificate of the "+l.name+" listener ends "+l.current.ends.UTC().Format(time.RFC3339))
	}
	return lines
}
