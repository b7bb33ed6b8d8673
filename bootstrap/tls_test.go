package bootstrap

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// authority issues certificates for one test.
type authority struct {
	certificate *x509.Certificate
	key         *rsa.PrivateKey
}

// newAuthority returns a self-signed one, valid ten years from yesterday on.
func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().AddDate(0, 0, -1),
		NotAfter: time.Now().AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{c, key}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

func (a *authority) keyPEM(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// issue returns a certificate for 127.0.0.1 and for clients that ends at the given time, and its key, both PEM.
func (a *authority) issue(t *testing.T, serial int64, subject pkix.Name, ends time.Time) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: subject, NotBefore: a.certificate.NotBefore, NotAfter: ends,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.certificate, private.Public(), a.key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// client returns a certificate that a client of the organisation 99999901 shows.
func (a *authority) client(t *testing.T) *tls.Certificate {
	t.Helper()
	cert, key := a.issue(t, 77, pkix.Name{CommonName: "EPJ", SerialNumber: "CVR:99999901-FID:1008"}, time.Now().AddDate(1, 0, 0))
	pair, err := tls.X509KeyPair(cert, key)
	require.NoError(t, err)
	return &pair
}

// httpsClient trusts server and shows certificate, nil = none. Its connections end with the test.
func httpsClient(t *testing.T, server *authority, certificate *tls.Certificate) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(server.certificate)
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, ClientSessionCache: tls.NewLRUClientSessionCache(4)}}
	if certificate != nil {
		transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// tlsFolder holds the files of a listener.
type tlsFolder struct{ dir string }

func (f tlsFolder) path(name string) string { return filepath.Join(f.dir, name) }

func (f tlsFolder) put(t *testing.T, name string, content []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(f.path(name), content, 0o600))
}

func (f tlsFolder) pair(t *testing.T, cert, key []byte) {
	t.Helper()
	f.put(t, "server.pem", cert)
	f.put(t, "server.key", key)
}

func (f tlsFolder) files(clientAuth string) tlsFiles {
	files := tlsFiles{pair: KeyPair{f.path("server.pem"), f.path("server.key")}, clientAuth: clientAuth, minVersion: "1.2"}
	if clientAuth != ClientAuthNone {
		files.clientCA = f.path("clients.pem")
	}
	return files
}

func anyCertificate(*x509.Certificate) error { return nil }

// listen serves with l until the test ends and returns the address; the answer is the serial number of the client's certificate, if any.
func listen(t *testing.T, l *tlsListener) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{TLSConfig: l.config(), ErrorLog: discardLog(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.VerifiedChains) > 0 {
			_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].SerialNumber.String())
		}
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.ServeTLS(listener, "", "")
	}()
	t.Cleanup(func() { server.Close(); <-done })
	return "https://" + listener.Addr().String()
}

func ask(t *testing.T, c *http.Client, url string) (answer string, proto int, server *x509.Certificate, err error) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		return "", 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body), resp.ProtoMajor, resp.TLS.PeerCertificates[0], nil
}

func TestTLSVersions(t *testing.T) {
	own := newAuthority(t, "Server CA")
	cert, key := own.issue(t, 5, pkix.Name{CommonName: "server"}, time.Now().AddDate(1, 0, 0))
	folder := tlsFolder{t.TempDir()}
	folder.pair(t, cert, key)
	for _, c := range []struct {
		oldest    string
		version   uint16
		connected bool
	}{
		{"1.2", tls.VersionTLS11, false}, {"1.2", tls.VersionTLS12, true}, {"1.2", tls.VersionTLS13, true},
		{"1.3", tls.VersionTLS12, false}, {"1.3", tls.VersionTLS13, true},
	} {
		files := folder.files(ClientAuthNone)
		files.minVersion = c.oldest
		l, err := openTLS("service", files, anyCertificate, time.Now)
		require.NoError(t, err)
		client := httpsClient(t, own, nil)
		client.Transport.(*http.Transport).TLSClientConfig.MinVersion = tls.VersionTLS10
		client.Transport.(*http.Transport).TLSClientConfig.MaxVersion = c.version
		_, proto, _, err := ask(t, client, listen(t, l))
		assert.Equal(t, c.connected, err == nil, "oldest %s, client %s: %v", c.oldest, tls.VersionName(c.version), err)
		if c.connected {
			assert.Equal(t, 2, proto)
		}
	}
	t.Run("HTTP/1.1", func(t *testing.T) {
		l, err := openTLS("service", folder.files(ClientAuthNone), anyCertificate, time.Now)
		require.NoError(t, err)
		client := httpsClient(t, own, nil)
		client.Transport.(*http.Transport).TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		client.Transport.(*http.Transport).ForceAttemptHTTP2 = false
		_, proto, _, err := ask(t, client, listen(t, l))
		require.NoError(t, err)
		assert.Equal(t, 1, proto)
	})
}

func TestTLSClientCertificates(t *testing.T) {
	own, clients, strangers := newAuthority(t, "Server CA"), newAuthority(t, "Client CA"), newAuthority(t, "Client CA")
	cert, key := own.issue(t, 5, pkix.Name{CommonName: "server"}, time.Now().AddDate(1, 0, 0))
	folder := tlsFolder{t.TempDir()}
	folder.pair(t, cert, key)
	folder.put(t, "clients.pem", clients.pem())
	for _, c := range []struct {
		name, auth string
		shown      *tls.Certificate
		want       string
		refused    bool
	}{
		{"OC-39 require, none", ClientAuthRequire, nil, "", true},
		{"OC-39 require, wrong CA", ClientAuthRequire, strangers.client(t), "", true},
		{"OC-39 require, right", ClientAuthRequire, clients.client(t), "77", false},
		{"request, none", ClientAuthRequest, nil, "", false},
		{"request, wrong CA", ClientAuthRequest, strangers.client(t), "", true},
		{"request, right", ClientAuthRequest, clients.client(t), "77", false},
		{"none, right", ClientAuthNone, clients.client(t), "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := openTLS("service", folder.files(c.auth), anyCertificate, time.Now)
			require.NoError(t, err)
			answer, _, _, err := ask(t, httpsClient(t, own, c.shown), listen(t, l))
			assert.Equal(t, c.refused, err != nil, "%v", err)
			assert.Equal(t, c.want, answer)
		})
	}
	t.Run("OC-39 a client whose authority was removed does not get in by an old session", func(t *testing.T) {
		l, err := openTLS("service", folder.files(ClientAuthRequire), anyCertificate, time.Now)
		require.NoError(t, err)
		url, client := listen(t, l), httpsClient(t, own, clients.client(t))
		for _, resumed := range []bool{false, true} {
			resp, err := client.Get(url)
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			require.Equal(t, resumed, resp.TLS.DidResume)
			client.CloseIdleConnections()
		}
		folder.put(t, "clients.pem", strangers.pem())
		changed, err := l.reload()
		require.NoError(t, err)
		assert.True(t, changed)
		_, _, _, err = ask(t, client, url)
		assert.Error(t, err)
	})
}

func TestTLSReload(t *testing.T) {
	own := newAuthority(t, "Server CA")
	now := time.Now()
	clock := func() time.Time { return now }
	ends := now.AddDate(0, 1, 0)
	issue := func(serial int64, ends time.Time) (cert, key []byte) {
		return own.issue(t, serial, pkix.Name{CommonName: "server"}, ends)
	}
	folder := tlsFolder{t.TempDir()}
	cert, key := issue(1, ends)
	folder.pair(t, cert, key)
	var unfit error
	l, err := openTLS("service", folder.files(ClientAuthNone), func(*x509.Certificate) error { return unfit }, clock)
	require.NoError(t, err)
	url := listen(t, l)
	serving := func(t *testing.T) int64 {
		t.Helper()
		_, _, server, err := ask(t, httpsClient(t, own, nil), url)
		require.NoError(t, err)
		return server.SerialNumber.Int64()
	}
	warnings := l.warnings
	require.EqualValues(t, 1, serving(t))
	assert.Empty(t, warnings())
	assert.WithinDuration(t, ends, l.ends(), time.Second)

	t.Run("files that say nothing new", func(t *testing.T) {
		changed, err := l.reload()
		require.NoError(t, err)
		assert.False(t, changed)
	})
	t.Run("OC-39 files replaced: new served", func(t *testing.T) {
		cert, key := issue(2, ends)
		folder.pair(t, cert, key)
		changed, err := l.reload()
		require.NoError(t, err)
		assert.True(t, changed)
		assert.EqualValues(t, 2, serving(t))
	})
	cert, key = issue(3, ends)
	_, otherKey := issue(4, ends)
	expired, expiredKey := issue(5, now.Add(-time.Hour))
	for _, c := range []struct {
		name      string
		cert, key []byte
		unfit     error
	}{
		{"garbage", []byte("garbage"), key, nil}, {"key of another certificate", cert, otherKey, nil}, {"nothing", nil, nil, nil},
		{"expired", expired, expiredKey, nil}, {"unfit", cert, key, errors.New("not this one")},
	} {
		t.Run("OC-39 "+c.name+": old kept and alarm", func(t *testing.T) {
			folder.pair(t, c.cert, c.key)
			unfit = c.unfit
			changed, err := l.reload()
			require.Error(t, err)
			assert.False(t, changed)
			assert.NotContains(t, err.Error(), "PRIVATE")
			assert.EqualValues(t, 2, serving(t))
			assert.Equal(t, []string{"TLS files of the service listener cannot be used; those before are still in use"}, warnings())
			unfit = nil
		})
	}
	t.Run("OC-39 good files end the alarm", func(t *testing.T) {
		folder.pair(t, cert, key)
		_, err := l.reload()
		require.NoError(t, err)
		assert.EqualValues(t, 3, serving(t))
		assert.Empty(t, warnings())
	})
	t.Run("a file that is gone", func(t *testing.T) {
		require.NoError(t, os.Remove(folder.path("server.key")))
		_, err := l.reload()
		require.ErrorContains(t, err, "service listener")
		folder.pair(t, cert, key)
		_, err = l.reload()
		require.NoError(t, err)
	})
	t.Run("a certificate with less than 14 days left", func(t *testing.T) {
		now = l.ends().Add(-14 * 24 * time.Hour)
		assert.Empty(t, warnings())
		now = now.Add(time.Second)
		require.Len(t, warnings(), 1)
		assert.Contains(t, warnings()[0], "TLS certificate of the service listener ends ")
		now = l.ends().Add(time.Hour)
		_, err := l.reload()
		require.NoError(t, err, "the files are those in use; the alarm tells of their end")
		assert.Len(t, warnings(), 1)
	})
	t.Run("nothing to start with", func(t *testing.T) {
		_, err := openTLS("service", tlsFolder{t.TempDir()}.files(ClientAuthNone), anyCertificate, clock)
		require.ErrorIs(t, err, os.ErrNotExist)
	})
}
