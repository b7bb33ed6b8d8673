package allowlist_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/adapters/auth/allowlist"
)

func TestFind(t *testing.T) {
	list := allowlist.List{
		{Network: netip.MustParsePrefix("10.1.0.0/16"), Name: "fmk", Topics: []string{"A"}},
		{Network: netip.MustParsePrefix("10.0.0.0/8"), Name: "others"},
		{Network: netip.MustParsePrefix("2001:db8::/32"), Name: "six"},
		{Network: netip.MustParsePrefix("::ffff:192.0.2.0/120"), Name: "mapped"},
	}
	for _, c := range []struct{ name, addr, want string }{
		{"in the first that fits", "10.1.2.3", "fmk"},
		{"in a later one", "10.2.0.1", "others"},
		{"IPv6", "2001:db8::1", "six"},
		{"IPv6 with zone", "2001:db8::1%eth0", "six"},
		{"SA-45 IPv4-mapped address", "::ffff:10.1.2.3", "fmk"},
		{"SA-45 IPv4-mapped network", "192.0.2.77", "mapped"},
		{"in none", "192.0.3.1", ""},
		{"IPv6 in none", "::1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := list.Find(netip.MustParseAddr(c.addr))
			assert.Equal(t, c.want != "", ok)
			assert.Equal(t, c.want, got.Name)
		})
	}
	_, ok := list.Find(netip.Addr{})
	assert.False(t, ok, "SEC-23 an address that cannot be read")
	_, ok = append(list, allowlist.Entry{}).Find(netip.MustParseAddr("198.51.100.1"))
	assert.False(t, ok, "an entry without network")
	_, ok = allowlist.List(nil).Find(netip.MustParseAddr("127.0.0.1"))
	assert.False(t, ok, "an empty list is nobody's")
}
