package trust

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// KeyFile names a private key (PEM, PKCS #8) and its certificate (PEM; the first one of the file counts). Without Certificate the key is a
// PKCS #12 file that holds both, opened with Passphrase.
type KeyFile struct{ Key, Certificate, Passphrase string }

// Signer signs with keys that were read from files. Safe for concurrent use.
type Signer struct{ keys map[trust.Use]signingKey }

var _ ports.Signer = (*Signer)(nil)

type signingKey struct {
	private     *rsa.PrivateKey
	certificate *x509.Certificate
}

// OpenSigner reads the key of each use. A key must be RSA of 2048 bits or more and belong to its certificate.
func OpenSigner(files map[trust.Use]KeyFile) (*Signer, error) {
	s := &Signer{keys: make(map[trust.Use]signingKey)}
	for use, f := range files {
		pair, err := f.open()
		if err != nil {
			return nil, err
		}
		s.keys[use] = pair
	}
	return s, nil
}

func (f KeyFile) open() (signingKey, error) {
	if f.Certificate == "" {
		return f.openPKCS12()
	}
	certificates, err := ReadCertificates(f.Certificate)
	if err != nil {
		return signingKey{}, fmt.Errorf("read signing certificate: %w", err)
	}
	key, err := ReadKey(f.Key)
	if err != nil {
		return signingKey{}, fmt.Errorf("read signing key: %w", err)
	}
	if err := pinnable(certificates[0], minRSABits); err != nil {
		return signingKey{}, fmt.Errorf("read signing certificate %s: %w", filepath.Base(f.Certificate), err)
	}
	if !key.PublicKey.Equal(certificates[0].PublicKey) {
		return signingKey{}, fmt.Errorf("read signing key %s: it is not the key of %s", filepath.Base(f.Key), filepath.Base(f.Certificate))
	}
	return signingKey{key, certificates[0]}, nil
}

func (f KeyFile) openPKCS12() (signingKey, error) {
	data, err := os.ReadFile(f.Key)
	if err != nil {
		return signingKey{}, fmt.Errorf("read signing key: %w", err)
	}
	parsed, certificate, _, err := pkcs12.DecodeChain(data, f.Passphrase)
	if err != nil {
		return signingKey{}, fmt.Errorf("read signing key %s: it is no PKCS #12 file, or the passphrase does not open it", filepath.Base(f.Key))
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if err := pinnable(certificate, minRSABits); err != nil || !ok || !key.PublicKey.Equal(certificate.PublicKey) {
		return signingKey{}, fmt.Errorf("read signing key %s: it is no RSA key of %d to %d bits with its certificate", filepath.Base(f.Key), minRSABits, maxRSABits)
	}
	return signingKey{key, certificate}, nil
}

// Certificate implements ports.Signer.
func (s *Signer) Certificate(use trust.Use) *x509.Certificate { return s.keys[use].certificate }

// Sign implements ports.Signer. SHA-1 is accepted for ID cards alone.
func (s *Signer) Sign(_ context.Context, use trust.Use, hash crypto.Hash, digest []byte) ([]byte, error) {
	key := s.keys[use].private
	if key == nil {
		return nil, errors.New("sign: no key for this use")
	}
	switch hash {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512:
	case crypto.SHA1:
		if use != trust.IDCard {
			return nil, errors.New("sign: SHA-1 is for ID cards alone")
		}
	default:
		return nil, errors.New("sign: hash is not accepted")
	}
	return rsa.SignPKCS1v15(rand.Reader, key, hash, digest)
}

// ReadKey reads an RSA private key from a PEM file in PKCS #8. The error never holds what is in the file.
func ReadKey(path string) (*rsa.PrivateKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("%s: no PKCS #8 private key in PEM", filepath.Base(path))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s: not an RSA private key", filepath.Base(path))
	}
	return key, nil
}
