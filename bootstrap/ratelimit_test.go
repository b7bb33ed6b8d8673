package bootstrap

import (
	"crypto/x509"
	"fmt"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

func TestCallerRates(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	limited := 0
	build := func(t *testing.T, limits ...CallerLimit) *callerRates {
		t.Helper()
		limited = 0
		r, err := newCallerRates(limits, []string{"a", "b"}, func() time.Time { return now }, func() { limited++ })
		require.NoError(t, err)
		return r
	}
	system := func(cvr, name string) identity.Caller {
		return identity.Caller{Kind: identity.System, Org: identity.Organisation{CVR: cvr}, SystemName: name, Credential: identity.Credential{Scheme: identity.DGWS}}
	}
	from := func(addr string) *auth.Message { return &auth.Message{Addr: netip.MustParseAddr(addr)} }
	one := from("192.0.2.1")

	t.Run("OC-38 the 21st of 20 an hour", func(t *testing.T) {
		r := build(t, CallerLimit{"a", 20, time.Hour, 20})
		for i := range 20 {
			require.NoError(t, r.limit("a", one, system("99999901", "EPJ")), "call %d", i+1)
		}
		assert.ErrorIs(t, r.limit("a", one, system("99999901", "EPJ")), soap.ErrRateLimited)
		assert.Equal(t, 1, limited)
		require.NoError(t, r.limit("a", one, system("99999902", "EPJ")), "another organisation")
		require.NoError(t, r.limit("a", one, system("99999901", "LPR")), "another system")
		require.NoError(t, r.limit("b", one, system("99999901", "EPJ")), "a service without limit")
		now = now.Add(3 * time.Minute)
		require.NoError(t, r.limit("a", one, system("99999901", "EPJ")), "one more every three minutes")
		assert.ErrorIs(t, r.limit("a", from("192.0.2.9"), system("99999901", "EPJ")), soap.ErrRateLimited, "wherever it calls from")
	})
	t.Run("burst", func(t *testing.T) {
		r := build(t, CallerLimit{"a", 1000, time.Hour, 2})
		require.NoError(t, r.limit("a", one, system("99999901", "EPJ")))
		require.NoError(t, r.limit("a", one, system("99999901", "EPJ")))
		assert.Error(t, r.limit("a", one, system("99999901", "EPJ")))
	})
	t.Run("callers without organisation", func(t *testing.T) {
		r := build(t, CallerLimit{"a", 1, time.Hour, 1})
		citizen := identity.Caller{Kind: identity.Citizen, Credential: identity.Credential{Scheme: identity.IDWS}}
		certificate := func(serial int64) *auth.Message {
			m := from("192.0.2.7")
			m.TLS = &x509.Certificate{RawIssuer: []byte("CA"), SerialNumber: big.NewInt(serial)}
			return m
		}
		require.NoError(t, r.limit("a", certificate(1), citizen))
		require.Error(t, r.limit("a", certificate(1), citizen))
		require.NoError(t, r.limit("a", certificate(2), citizen), "another certificate")
		require.NoError(t, r.limit("a", from("192.0.2.7"), citizen), "the address, where there is no certificate")
		require.Error(t, r.limit("a", from("192.0.2.7"), citizen))
		require.NoError(t, r.limit("a", from("192.0.2.8"), citizen))
		require.NoError(t, r.limit("a", from("2001:db8::1"), citizen))
		require.Error(t, r.limit("a", from("2001:db8::2"), citizen), "of the same network")
		require.NoError(t, r.limit("a", from("2001:db8:0:1::2"), citizen))
		require.NoError(t, r.limit("a", &auth.Message{}, citizen), "an address that cannot be told")
	})
	t.Run("a service that does not exist", func(t *testing.T) {
		_, err := newCallerRates([]CallerLimit{{"c", 1, time.Hour, 1}}, []string{"a"}, time.Now, func() {})
		assert.ErrorContains(t, err, `there is no service "c"`)
	})
}

func TestBucketsAreBounded(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	b, err := newBuckets(1, time.Hour, 1, 100)
	require.NoError(t, err)
	require.True(t, b.take(hashed("kept"), now))
	for i := range 1000 {
		require.True(t, b.take(hashed(fmt.Sprint(i)), now))
		require.False(t, b.take(hashed("kept"), now), "whoever was seen lately is remembered")
	}
	assert.Equal(t, 100, b.seen.Len())
	assert.True(t, b.take(hashed("0"), now), "whoever was not is forgotten")
	assert.NotEqual(t, hashed("ab", "c"), hashed("a", "bc"))
}

func TestFailures(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	limited := 0
	f, err := newFailures(60, func() time.Time { return now }, func() { limited++ })
	require.NoError(t, err)
	addr, bad := netip.MustParseAddr("192.0.2.1"), fault.Error{Kind: fault.Unauthenticated}
	for i := range 60 {
		require.NoError(t, f.screen(addr), "failure %d", i+1)
		f.refused(addr, bad)
	}
	assert.ErrorIs(t, f.screen(addr), soap.ErrRateLimited)
	assert.Equal(t, 1, limited)
	assert.NoError(t, f.screen(netip.MustParseAddr("192.0.2.2")))
	now = now.Add(time.Second)
	require.NoError(t, f.screen(addr), "one more every second")
	for _, ours := range []fault.Kind{fault.Internal, fault.Unavailable, fault.Timeout, fault.Limited} {
		f.refused(addr, fault.Error{Kind: ours})
	}
	require.NoError(t, f.screen(addr), "what fails here is nobody's fault")
	f.refused(addr, bad)
	assert.Error(t, f.screen(addr))

	t.Run("no limit", func(t *testing.T) {
		f, err := newFailures(0, time.Now, func() {})
		require.NoError(t, err)
		for range 1000 {
			f.refused(addr, bad)
		}
		assert.NoError(t, f.screen(addr))
	})
}
