package kafka

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
)

// password is one that shows where it is printed.
const password = "hunter2-hunter2"

func TestSASL(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			broker := fake(t, 1, kfake.EnableSASL(), kfake.Superuser(mechanism, "nspd", password))
			c := connected(t, Options{Brokers: broker.ListenAddrs(), SASL: SASL{mechanism, "nspd", password}})
			log := c.Service("nas").MessageLog()
			require.NoError(t, put(t, log, "1"))
			assert.Equal(t, []string{"1"}, stored(t, log, 0))

			for name, wrong := range map[string]SASL{
				"a wrong password": {mechanism, "nspd", password + "x"},
				"an unknown user":  {mechanism, "somebody", password},
				"no SASL":          {},
			} {
				t.Run(name, func(t *testing.T) {
					_, err := Open(patient(t), Options{Brokers: broker.ListenAddrs(), SASL: wrong})
					require.Error(t, err)
					assert.NotContains(t, err.Error(), password)
					if wrong.Mechanism != "" {
						assert.Regexp(t, "(?i)sasl|authentication", err.Error())
					}
				})
			}
		})
	}
}

func TestSettingsThatOpenRefuses(t *testing.T) {
	for name, opt := range map[string]Options{
		`SASL mechanism "GSSAPI": want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512`: {SASL: SASL{"GSSAPI", "nspd", password}},
		"SASL: a user and a password are needed":                              {SASL: SASL{"PLAIN", "nspd", ""}},
		`compression "brotli": want none, gzip, snappy, lz4 or zstd`:          {Compression: "brotli"},
		"You must provide at least one broker address":                        {},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(patient(t), opt)
			require.ErrorContains(t, err, name)
			assert.NotContains(t, err.Error(), password)
		})
	}
}

func TestSCRAMOfWhatItDoesNotTake(t *testing.T) {
	config := sarama.NewConfig()
	require.NoError(t, SASL{"SCRAM-SHA-256", "nspd", password}.apply(config))
	err := config.Net.SASL.SCRAMClientGeneratorFunc().Begin("nspd\u0007", password+"\u0007", "")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), password)
}

func TestOpenWithoutABrokerThatAnswers(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it accepts, and says nothing
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })

	t.Run("refused", func(t *testing.T) {
		broker := fake(t, 1)
		addresses := broker.ListenAddrs()
		broker.Close()
		_, err := Open(patient(t), Options{Brokers: addresses})
		require.ErrorIs(t, err, sarama.ErrOutOfBrokers)
		assert.ErrorContains(t, err, "open kafka: ")
	})
	t.Run("not longer than its context", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		_, err := Open(ctx, Options{Brokers: []string{silent.Addr().String()}})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestTLS(t *testing.T) {
	ca := authority(t)
	server := ca.issue(t, "127.0.0.1")
	broker := fake(t, 1, kfake.TLS(&tls.Config{
		Certificates: []tls.Certificate{server}, ClientCAs: ca.pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	}))
	good := &tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{ca.issue(t, "nspd")}, MinVersion: tls.VersionTLS12}
	log := connected(t, Options{Brokers: broker.ListenAddrs(), TLS: good}).Service("nas").MessageLog()
	require.NoError(t, put(t, log, "1"))
	assert.Equal(t, []string{"1"}, stored(t, log, 0))

	for name, wrong := range map[string]*tls.Config{
		"no client certificate":       {RootCAs: ca.pool, MinVersion: tls.VersionTLS12},
		"a certificate of a stranger": {RootCAs: ca.pool, Certificates: []tls.Certificate{authority(t).issue(t, "nspd")}, MinVersion: tls.VersionTLS12},
		"a broker of a stranger":      {RootCAs: authority(t).pool, Certificates: good.Certificates, MinVersion: tls.VersionTLS12},
		"plain":                       nil,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(patient(t), Options{Brokers: broker.ListenAddrs(), TLS: wrong})
			require.Error(t, err)
		})
	}
}

func TestLogsHoldNoSecretsAndNoRecords(t *testing.T) {
	broker := fake(t, 1, kfake.EnableSASL(), kfake.Superuser("PLAIN", "nspd", password))
	var text bytes.Buffer
	c := connected(t, Options{
		Brokers: broker.ListenAddrs(), SASL: SASL{"PLAIN", "nspd", password}, Producers: 1, CommitTimeout: 200 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	log := c.Service("nas").MessageLog()
	require.NoError(t, put(t, log, "secret-value"))
	broker.Close()
	require.Error(t, put(t, log, "secret-value"))
	require.NoError(t, c.Close())
	assert.Contains(t, text.String(), "transactional_id=nspd-nas-test-0")
	assert.NotContains(t, text.String(), password)
	assert.NotContains(t, text.String(), "secret-value")
	assert.NotContains(t, fmt.Sprint(errors.Join(c.Ping(patient(t)))), password)
}

// certifier issues certificates that its pool trusts.
type certifier struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pool        *x509.CertPool
}

func authority(t *testing.T) certifier {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: rand.Text()}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return certifier{certificate, key, pool}
}

func (c certifier) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: c.certificate.NotBefore, NotAfter: c.certificate.NotAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.certificate, key.Public(), c.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
