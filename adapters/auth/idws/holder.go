package idws

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/domain/trust"
)

// holder is what the certificate that a token is bound to says.
type holder struct {
	key     *rsa.PublicKey
	sum     [32]byte // SHA-256 of the certificate
	hash    string   // its base64
	spki    [32]byte // SHA-256 of the SubjectPublicKeyInfo
	serial  trust.Serial
	subject string // as the audit log prints it
}

var errNotRSA = errors.New("idws: key is not RSA")

func readHolder(der []byte, sum [32]byte) (*holder, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, errNotRSA
	}
	return &holder{
		key: key, sum: sum, hash: base64.StdEncoding.EncodeToString(sum[:]), spki: sha256.Sum256(c.RawSubjectPublicKeyInfo),
		serial: trust.Serial{Issuer: sha256.Sum256(c.RawIssuer), Number: c.SerialNumber.String()}, subject: authtrust.SubjectText(c),
	}, nil
}

func (h *holder) revoked(set *trust.Set) bool { return set.Revoked.Has(h.sum, h.spki, h.serial) }

// maxHolders is how many certificates are remembered.
const maxHolders = 1024

// holders remembers the certificates that were read last, since clients send the same ones with every call. What is remembered is what the
// octets say, and nothing of whether they are good. The zero value is ready. It is safe for concurrent use.
type holders struct {
	mu    sync.Mutex
	known *simplelru.LRU[[32]byte, *holder] // by SHA-256 of the certificate
}

// of reads a DER certificate, of which nothing is kept.
func (h *holders) of(der []byte) (*holder, error) {
	sum := sha256.Sum256(der)
	if found := h.find(sum); found != nil {
		return found, nil
	}
	read, err := readHolder(bytes.Clone(der), sum)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known.Add(sum, read)
	return read, nil
}

func (h *holders) find(sum [32]byte) *holder {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil {
		h.known, _ = simplelru.NewLRU[[32]byte, *holder](maxHolders, nil) // the size is positive
	}
	found, _ := h.known.Get(sum)
	return found
}
