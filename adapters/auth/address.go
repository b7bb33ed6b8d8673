package auth

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

var errAddress = errors.New("client address cannot be read")

// ClientAddr returns the address of the client: the TCP peer, or where the peer is a trusted proxy, the rightmost entry of the
// X-Forwarded-For headers that is not one. What a stranger writes into the header is never believed. IPv4-mapped addresses are unmapped.
func ClientAddr(peer string, forwarded []string, trusted []netip.Prefix) (netip.Addr, error) {
	addr, err := parseAddr(peer)
	if err != nil {
		return netip.Addr{}, err
	}
	entries := strings.Split(strings.Join(forwarded, ","), ",")
	for i := len(entries) - 1; i >= 0 && contains(trusted, addr); i-- {
		entry := strings.TrimSpace(entries[i])
		if entry == "" {
			continue
		}
		if addr, err = parseAddr(entry); err != nil {
			return netip.Addr{}, err
		}
	}
	return addr, nil
}

// ClientCertificate returns the verified certificate of the client, nil where there is none. That of a trusted proxy is not the client's.
func ClientCertificate(r *http.Request, trusted []netip.Prefix) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || fromProxy(r, trusted) {
		return nil
	}
	return r.TLS.PeerCertificates[0]
}

// fromProxy tells whether a trusted proxy sent the request.
func fromProxy(r *http.Request, trusted []netip.Prefix) bool {
	peer, err := parseAddr(r.RemoteAddr)
	return err == nil && contains(trusted, peer)
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// parseAddr reads an address with or without a port.
func parseAddr(s string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().WithZone(""), nil
	}
	if a, err := netip.ParseAddrPort(s); err == nil {
		return a.Addr().Unmap().WithZone(""), nil
	}
	return netip.Addr{}, errAddress
}
