package xmltest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"sync"
	"testing"
	"time"
)

// keys are made once per test binary.
var keys = [...]func() (*rsa.PrivateKey, error){
	sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }),
	sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }),
}

// Key returns throwaway RSA key i, 0 or 1.
func Key(t testing.TB, i int) *rsa.PrivateKey {
	t.Helper()
	key, err := keys[i]()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// KeyPEM returns key in PKCS #8.
func KeyPEM(t testing.TB, key *rsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// Certificate returns the DER of a self-signed certificate of key.
func Certificate(t testing.TB, key *rsa.PrivateKey) []byte {
	t.Helper()
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "OpenNSP test"},
		NotBefore:    time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// CertificatePEM returns the certificate of key in PEM.
func CertificatePEM(t testing.TB, key *rsa.PrivateKey) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: Certificate(t, key)})
}

// SignWith returns the signing function of key.
func SignWith(key *rsa.PrivateKey) func(crypto.Hash, []byte) ([]byte, error) {
	return func(hash crypto.Hash, digest []byte) ([]byte, error) {
		return rsa.SignPKCS1v15(rand.Reader, key, hash, digest)
	}
}
