// Package public makes connections to the public internet only, for addresses that come
// from people who must not reach the host's own network through the host.
package public

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// ErrForbidden is wrapped when a connection would lead to an address that is not public.
var ErrForbidden = errors.New("the address is not a public one")

// publicV6 is all that is given out to the public of IPv6. What is outside is loopback,
// link-local, unique local, multicast, mapped and translated addresses.
var publicV6 = netip.MustParsePrefix("2000::/3")

// notPublic are the addresses, within 0.0.0.0/0 and publicV6, at which nobody outside
// has a server, and those that lead to another address.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),        // this host
	netip.MustParsePrefix("10.0.0.0/8"),       // private
	netip.MustParsePrefix("100.64.0.0/10"),    // carriers' own; a cloud has its metadata here
	netip.MustParsePrefix("127.0.0.0/8"),      // loopback
	netip.MustParsePrefix("168.63.129.16/32"), // a cloud's agent, at an address that looks public
	netip.MustParsePrefix("169.254.0.0/16"),   // link-local; most clouds have their metadata here
	netip.MustParsePrefix("172.16.0.0/12"),    // private
	netip.MustParsePrefix("192.0.0.0/24"),     // protocols
	netip.MustParsePrefix("192.0.2.0/24"),     // documentation
	netip.MustParsePrefix("192.88.99.0/24"),   // 6to4 relays
	netip.MustParsePrefix("192.168.0.0/16"),   // private
	netip.MustParsePrefix("198.18.0.0/15"),    // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"),  // documentation
	netip.MustParsePrefix("203.0.113.0/24"),   // documentation
	netip.MustParsePrefix("224.0.0.0/4"),      // multicast
	netip.MustParsePrefix("240.0.0.0/4"),      // reserved, broadcast
	netip.MustParsePrefix("2001::/23"),        // protocols: Teredo leads to IPv4
	netip.MustParsePrefix("2001:db8::/32"),    // documentation
	netip.MustParsePrefix("2002::/16"),        // 6to4 leads to IPv4
	netip.MustParsePrefix("3fff::/20"),        // documentation
}

// Permitted reports whether a connection may be made to this address: a public one, or
// one of the networks that are allowed although they are not.
func Permitted(addr netip.Addr, allow []netip.Prefix) bool {
	addr = addr.Unmap()
	if contains(allow, addr.WithZone("")) {
		return true
	}
	return addr.IsValid() && addr.Zone() == "" && (addr.Is4() || publicV6.Contains(addr)) && !contains(notPublic, addr)
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// Dialer returns a dialer that looks at the very address that it is about to connect
// to. What a name meant a moment ago, or at a check, says nothing. A nil resolver is the
// system's.
func Dialer(timeout time.Duration, resolver *net.Resolver, allow []netip.Prefix) *net.Dialer {
	return &net.Dialer{
		Timeout:   timeout,
		KeepAlive: -1,
		Resolver:  resolver,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrForbidden, err)
			}
			if !Permitted(to.Addr(), allow) {
				return ErrForbidden
			}
			return nil
		},
	}
}
