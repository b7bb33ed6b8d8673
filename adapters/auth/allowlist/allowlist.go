// Package allowlist holds lists of client addresses that may call without a credential.
package allowlist

import "net/netip"

// Entry is a network whose hosts are on a list.
type Entry struct {
	Network netip.Prefix
	Name    string   // of who calls from there
	Topics  []string // what it may send; nil is everything
}

// List is the entries of one list. The empty list has nobody on it.
type List []Entry

// Find returns the first entry whose network holds an address. IPv4-mapped IPv6 addresses, and networks of them, are those of IPv4; the zero
// address is on no list.
func (l List) Find(a netip.Addr) (Entry, bool) {
	a = a.Unmap().WithZone("")
	for _, e := range l {
		if unmapped(e.Network).Contains(a) {
			return e, true
		}
	}
	return Entry{}, false
}

// unmapped returns a network of IPv4-mapped addresses as one of IPv4.
func unmapped(p netip.Prefix) netip.Prefix {
	const mapped = 96 // bits before the IPv4 address
	if p.Addr().Is4In6() && p.Bits() >= mapped {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p
}
