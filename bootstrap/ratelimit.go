package bootstrap

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

// maxBuckets is how many callers, or addresses, of one limit are remembered. Who was not seen for the longest time is forgotten first.
const maxBuckets = 16_384

// bucketKey is a hash, so that no caller takes more memory than another.
type bucketKey [sha256.Size]byte

// hashed keeps the parts apart.
func hashed(parts ...string) bucketKey {
	h := sha256.New()
	for _, p := range parts {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(p)))
		h.Write(size[:])
		h.Write([]byte(p))
	}
	return bucketKey(h.Sum(nil))
}

// buckets are the token buckets of one limit, one for each caller. They are safe for concurrent use and hold at most a fixed number.
type buckets struct {
	every rate.Limit
	burst int

	mu   sync.Mutex
	seen *simplelru.LRU[bucketKey, *rate.Limiter]
}

func newBuckets(calls int, per time.Duration, burst, most int) (*buckets, error) {
	seen, err := simplelru.NewLRU[bucketKey, *rate.Limiter](most, nil)
	if err != nil {
		return nil, err
	}
	return &buckets{every: rate.Limit(float64(calls) / per.Seconds()), burst: burst, seen: seen}, nil
}

// of returns the bucket of key, a full one where there is none.
func (b *buckets) of(key bucketKey) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	bucket, ok := b.seen.Get(key)
	if !ok {
		bucket = rate.NewLimiter(b.every, b.burst)
		b.seen.Add(key, bucket)
	}
	return bucket
}

// take takes a token out of the bucket of key; ok=false where it is empty.
func (b *buckets) take(key bucketKey, now time.Time) (ok bool) { return b.of(key).AllowN(now, 1) }

// empty tells whether the bucket of key has no token left.
func (b *buckets) empty(key bucketKey, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	bucket, ok := b.seen.Get(key) // whoever keeps trying is not forgotten
	return ok && bucket.TokensAt(now) < 1
}

// callerRates bounds how often one caller calls a service.
type callerRates struct {
	byService map[string]*buckets
	now       func() time.Time
	limited   func() // counts
}

// newCallerRates makes the limits of the configuration. Each names one of services.
func newCallerRates(limits []CallerLimit, services []string, now func() time.Time, limited func()) (*callerRates, error) {
	r := &callerRates{byService: map[string]*buckets{}, now: now, limited: limited}
	for _, l := range limits {
		if !slices.Contains(services, l.Service) {
			return nil, fmt.Errorf("there is no service %q", l.Service)
		}
		b, err := newBuckets(l.Calls, l.Per, l.Burst, maxBuckets)
		if err != nil {
			return nil, err
		}
		r.byService[l.Service] = b
	}
	return r, nil
}

// limit implements soap.Deps.Limit.
func (r *callerRates) limit(service string, m *auth.Message, c identity.Caller) error {
	b := r.byService[service]
	if b == nil || b.take(callerKey(m, c), r.now()) {
		return nil
	}
	r.limited()
	return soap.ErrRateLimited
}

// callerKey tells callers apart: organisation and system of the credential, else the client's certificate, else the address.
func callerKey(m *auth.Message, c identity.Caller) bucketKey {
	switch {
	case c.Org.CVR != "" && c.Credential.Scheme != identity.Address:
		return hashed("system", c.Org.CVR, c.SystemName)
	case m.TLS != nil:
		return hashed("certificate", string(m.TLS.RawIssuer), m.TLS.SerialNumber.String())
	}
	return addressKey(m.Addr)
}

// addressKey is that of the address; IPv6 addresses of one network of 64 bits, which one client has to itself, are one.
func addressKey(a netip.Addr) bucketKey {
	if a.Is6() {
		if network, err := a.Prefix(64); err == nil {
			return hashed("address", network.String())
		}
	}
	return hashed("address", a.String())
}

// failures turns addresses away that present bad credentials too often.
type failures struct {
	buckets *buckets // nil = no limit
	now     func() time.Time
	limited func() // counts
}

func newFailures(perMinute int, now func() time.Time, limited func()) (*failures, error) {
	f := &failures{now: now, limited: limited}
	if perMinute == 0 {
		return f, nil
	}
	var err error
	f.buckets, err = newBuckets(perMinute, time.Minute, perMinute, maxBuckets)
	return f, err
}

// screen implements soap.Deps.Screen.
func (f *failures) screen(addr netip.Addr) error {
	if f.buckets == nil || !f.buckets.empty(addressKey(addr), f.now()) {
		return nil
	}
	f.limited()
	return soap.ErrRateLimited
}

// refused counts a call from addr that security refused with told. What went wrong on our side is not held against the caller.
func (f *failures) refused(addr netip.Addr, told fault.Error) {
	switch told.Kind {
	case fault.Internal, fault.Unavailable, fault.Timeout, fault.Limited:
		return
	}
	if f.buckets != nil {
		f.buckets.take(addressKey(addr), f.now())
	}
}
