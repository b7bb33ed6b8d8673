package auth_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
)

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8")}
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "192.0.2.1:99", nil, "192.0.2.1"},
		{"SA-45 forged by a stranger: the peer decides", "192.0.2.1:99", []string{"127.0.0.1"}, "192.0.2.1"},
		{"one proxy", "10.0.0.1:99", []string{"192.0.2.1"}, "192.0.2.1"},
		{"SA-45 chain of trusted proxies: the rightmost other", "10.0.0.1:99", []string{"192.0.2.1, 10.0.0.2"}, "192.0.2.1"},
		{"forged before a proxy", "10.0.0.1:99", []string{"127.0.0.1, 192.0.2.1"}, "192.0.2.1"},
		{"two headers", "10.0.0.1:99", []string{"127.0.0.1", "192.0.2.1,10.0.0.2"}, "192.0.2.1"},
		{"with port", "10.0.0.1:99", []string{"192.0.2.1:5000"}, "192.0.2.1"},
		{"IPv6 with port", "10.0.0.1:99", []string{"[2001:db8::1]:5000"}, "2001:db8::1"},
		{"SA-45 IPv4-mapped", "[::ffff:127.0.0.1]:99", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{"proxy without header", "10.0.0.1:99", nil, "10.0.0.1"},
		{"all trusted", "10.0.0.1:99", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"unreadable", "10.0.0.1:99", []string{"192.0.2.1, unknown"}, ""},
		{"unreadable peer", "@", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := auth.ClientAddr(c.peer, c.forwarded, trusted)
			if c.want == "" {
				assert.Error(t, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, got.String())
		})
	}
}
