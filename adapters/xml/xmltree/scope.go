package xmltree

import (
	"encoding/binary"
	"math/rand/v2"
)

// scope knows which namespace each prefix is bound to at the place being read; the default namespace has the prefix "". Declarations form a
// stack; a table of chains finds the newest of a prefix. The table is keyed with a secret, so that no message can fill one chain.
type scope struct {
	secret uint64          // odd
	first  [256]uint8      // index into bound of the newest declaration with this hash, 0 for none
	bound  [maxSlots]bound // 0 is unused, 1 is the prefix xml
	depth  int             // index of the newest in bound
	byName uint32          // the default namespace, 0 for none
	newest uint32          // the namespace declared last that is in scope, 0 for none
	last   recent
}

// maxSlots bounds the declarations in scope, whatever the limits say.
const maxSlots = 250

type bound struct {
	key  uint64 // of the prefix: itself up to 8 octets, else a hash
	at   uint32 // offset of the prefix
	ns   uint32
	len  uint8
	slot uint8
	next uint8
	none bool // xmlns=""
}

// recent is the prefix that was resolved last, while the scope has not changed: a word of the source that begins with it and its colon has
// the octets of key where mask is set. With key 1 and mask 0 it is none.
type recent struct {
	key, mask uint64
	ns        uint32
	len       uint8
}

// again returns the namespace and length of the prefix at offset at, if it is the one that was resolved last and its colon follows.
func (s *scope) again(src []byte, at int) (ns uint32, n int) {
	if at < 0 || at >= len(src)-7 || binary.LittleEndian.Uint64(src[at:])&s.last.mask != s.last.key {
		return 0, 0
	}
	return s.last.ns, int(s.last.len)
}

// resolve returns the namespace that the prefix of n octets is bound to, 0 for none.
func (s *scope) resolve(src []byte, at, n int) uint32 {
	ns := s.bound[s.find(src, at, n)].ns
	if n < 8 && at+8 <= len(src) && src[at+n] == ':' && ns != 0 {
		mask := uint64(1)<<(8*n+8) - 1
		s.last = recent{binary.LittleEndian.Uint64(src[at:]) & mask, mask, ns, uint8(n)}
	}
	return ns
}

// reset leaves only the prefix xml.
func (s *scope) reset() {
	if s.secret == 0 {
		s.secret = rand.Uint64() | 1
	}
	clear(s.first[:])
	key := s.key([]byte("xml"), 0, 3)
	s.bound[XMLSlot] = bound{key: key, ns: XML, len: 3, slot: XMLSlot}
	s.first[s.bucket(key)] = XMLSlot
	s.depth, s.byName, s.newest, s.last = XMLSlot, 0, 0, recent{key: 1}
}

// bucket spreads keys by multiplication with the secret (universal hashing).
func (s *scope) bucket(key uint64) uint8 { return uint8(key * s.secret >> 56) }

// key packs the n octets of src at offset at.
func (s *scope) key(src []byte, at, n int) uint64 {
	if n <= 8 {
		if at+8 <= len(src) {
			return binary.LittleEndian.Uint64(src[at:]) & (1<<(8*n) - 1)
		}
		var b [8]byte
		copy(b[:], src[at:at+n])
		return binary.LittleEndian.Uint64(b[:])
	}
	return s.hash(src[at : at+n])
}

// hash is a hash of b that a message cannot foresee.
func (s *scope) hash(b []byte) uint64 {
	h := uint64(len(b))
	for ; len(b) >= 8; b = b[8:] {
		h = mix(h^binary.LittleEndian.Uint64(b), s.secret)
	}
	for _, c := range b {
		h = mix(h^uint64(c), s.secret)
	}
	return h
}

func mix(h, secret uint64) uint64 {
	h *= secret
	return h ^ h>>32
}

// find returns the index into bound of the declaration of a prefix, 0 if there is none.
func (s *scope) find(src []byte, at, n int) uint8 {
	key := s.key(src, at, n)
	for i := s.first[s.bucket(key)]; i != 0; {
		b := &s.bound[i]
		if b.key == key && int(b.len) == n && (n <= 8 || string(src[b.at:int(b.at)+n]) == string(src[at:at+n])) {
			return i
		}
		i = b.next
	}
	return 0
}

// push binds a prefix and returns its slot: the one of the declaration it covers, or a new one.
func (s *scope) push(src []byte, at, n int, ns uint32, none bool) (slot uint8) {
	covered := s.find(src, at, n)
	s.depth++
	switch {
	case n == 0:
		slot, s.byName = DefaultSlot, ns
		if none {
			s.byName = 0
		}
	case covered != 0:
		slot = s.bound[covered].slot
	default:
		slot = uint8(s.depth)
	}
	key := s.key(src, at, n)
	head := &s.first[s.bucket(key)]
	s.bound[s.depth] = bound{key: key, at: uint32(at), ns: ns, len: uint8(n), slot: slot, next: *head, none: none}
	*head = uint8(s.depth)
	s.newest, s.last = ns, recent{key: 1}
	return slot
}

// pop forgets the newest n declarations.
func (s *scope) pop(n int) {
	if n == 0 {
		return
	}
	for ; n > 0; n-- {
		b := &s.bound[s.depth]
		s.first[s.bucket(b.key)] = b.next
		s.depth--
		if b.len == 0 {
			s.byName = 0
			if i := s.find(nil, 0, 0); i != 0 && !s.bound[i].none {
				s.byName = s.bound[i].ns
			}
		}
	}
	s.newest, s.last = s.bound[s.depth].ns, recent{key: 1}
	if s.depth == XMLSlot {
		s.newest = 0
	}
}
