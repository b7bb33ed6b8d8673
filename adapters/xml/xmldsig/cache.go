package xmldsig

import (
	"crypto/rsa"
	"encoding/binary"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Cache remembers which signature values RSA has found good, so that a credential that comes again costs no RSA again. It takes the place of
// that one step: digests, structure, the key's policy and all that the credential says are checked each time, whatever the cache holds.
// Only good values are kept, each until an instant that its credential ends at. A nil Cache keeps nothing. It is safe for concurrent use.
type Cache struct {
	mu    sync.Mutex
	known *simplelru.LRU[[32]byte, time.Time]
}

// NewCache returns a cache of at most entries values; of more the ones that were not asked for longest are forgotten. It is nil for 0.
func NewCache(entries int) *Cache {
	known, err := simplelru.NewLRU[[32]byte, time.Time](entries, nil)
	if err != nil {
		return nil
	}
	return &Cache{known: known}
}

// Pinned says whose key a signature is verified with, and when. What was found good with one key, or before the trust in keys was read
// anew, is not known for another.
type Pinned struct {
	SPKI    [32]byte // SHA-256 of the key's SubjectPublicKeyInfo
	Version uint64   // of the set of trusted keys
	Now     time.Time
}

// VerifyCached is [Signature.Verify], but for the RSA operation where c knows that it succeeds. [Cache.Keep] makes it known.
func (s *Signature) VerifyCached(key *rsa.PublicKey, a Algorithms, c *Cache, p Pinned) (Verified, error) {
	return s.verify(key, a, c, p)
}

// Keep remembers the signature value that v comes from until the end of its credential, at which it is forgotten.
func (c *Cache) Keep(v *Verified, until time.Time) {
	if c == nil || v.tree == nil || v.memo == [32]byte{} {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Add(v.memo, until)
}

// has reports whether the RSA operation of memo is known to succeed.
func (c *Cache) has(memo [32]byte, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	until, ok := c.known.Get(memo)
	if ok && !now.Before(until) {
		c.known.Remove(memo)
		return false
	}
	return ok
}

// memo returns the digest of all that the RSA operation depends on: the key, the trust in it, the hash and digest of SignedInfo, which names
// the algorithms, and the value.
func (v *verifier) memo(s *Signature, p Pinned, value []byte) (sum [32]byte) {
	h := v.sha256
	h.Reset()
	head := append(v.head[:0], p.SPKI[:]...)
	head = binary.BigEndian.AppendUint64(head, p.Version)
	head = append(head, byte(s.hash))
	head = append(head, s.sum[:s.hash.Size()]...)
	h.Write(head)
	h.Write(value)
	copy(sum[:], h.Sum(v.sum[:0]))
	return sum
}
