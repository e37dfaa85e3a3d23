package door

import (
	"context"
	"net"
	"net/netip"
)

// Resolve reads an address as package net does; names are looked up with the
// system's resolver.
func Resolve(ctx context.Context, network, address string, listen bool) (netip.AddrPort, error) {
	if network != "tcp" && network != "tcp4" {
		return netip.AddrPort{}, net.UnknownNetworkError(network)
	}
	if address == "" && listen {
		address = ":0" // as in package net
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", service)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if host == "" {
		if !listen {
			return netip.AddrPort{}, &net.AddrError{Err: "missing host", Addr: address}
		}
		return netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)), nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
		if err != nil {
			return netip.AddrPort{}, err
		}
		ip = ips[0]
	}
	if ip = ip.Unmap(); !ip.Is4() {
		return netip.AddrPort{}, &net.AddrError{Err: "only IPv4 is supported", Addr: address}
	}
	return netip.AddrPortFrom(ip, uint16(port)), nil
}
