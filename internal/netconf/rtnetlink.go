package netconf

// The messages of the kernel's routing family: what they mean to a view. The
// same functions read notifications and answers.

import (
	"encoding/binary"
	"iter"
	"net/netip"

	"golang.org/x/sys/unix"
)

const (
	nudUsable = unix.NUD_REACHABLE | unix.NUD_STALE | unix.NUD_DELAY | unix.NUD_PROBE | unix.NUD_NOARP | unix.NUD_PERMANENT

	ntfProxy = 0x8 // NTF_PROXY: an address that the kernel answers for

	attributeType = 0x3fff // without the nested and byte order bits
	metricMTU     = 2      // RTAX_MTU
	sizeofNexthop = 8
)

// apply reads the messages of a datagram. It is false when the kernel has lost
// some.
func (v *view) apply(b []byte) bool {
	e := binary.NativeEndian
	for len(b) >= unix.NLMSG_HDRLEN {
		size := int(e.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return true
		}
		kind, flags := e.Uint16(b[4:]), e.Uint16(b[6:])
		if kind == unix.NLMSG_OVERRUN {
			return false
		}
		v.message(kind, flags, b[unix.NLMSG_HDRLEN:size])
		b = b[min(len(b), align4(size)):]
	}
	return true
}

func (v *view) message(kind, flags uint16, body []byte) {
	if v.link.gone {
		return
	}
	switch kind {
	case unix.RTM_NEWLINK:
		v.linkMessage(body, false)
	case unix.RTM_DELLINK:
		v.linkMessage(body, true)
	case unix.RTM_NEWADDR:
		v.addressMessage(body, true)
	case unix.RTM_DELADDR:
		v.addressMessage(body, false)
	case unix.RTM_NEWROUTE:
		// A route that replaces another says nothing about the other, which
		// may be ours even when the new one is not.
		v.doubtsRoutes = v.doubtsRoutes || flags&unix.NLM_F_REPLACE != 0
		v.routeMessage(body, true)
	case unix.RTM_DELROUTE:
		v.routeMessage(body, false)
	case unix.RTM_NEWNEIGH:
		v.neighbourMessage(body, true)
	case unix.RTM_DELNEIGH:
		v.neighbourMessage(body, false)
	}
}

// linkMessage ignores other families: an interface that leaves a bridge is
// "deleted" there.
func (v *view) linkMessage(b []byte, gone bool) {
	e := binary.NativeEndian
	if len(b) < unix.SizeofIfInfomsg || b[0] != unix.AF_UNSPEC || int(e.Uint32(b[4:])) != v.index {
		return
	}
	const both = unix.IFF_UP | unix.IFF_RUNNING
	flags := e.Uint32(b[8:])
	l := v.link
	l.gone, l.isEnabled, l.isUp = gone, flags&unix.IFF_UP != 0, flags&both == both
	for kind, value := range attributes(b[unix.SizeofIfInfomsg:]) {
		switch {
		case kind == unix.IFLA_MTU && len(value) == 4:
			l.mtu = int(e.Uint32(value))
		case kind == unix.IFLA_ADDRESS && len(value) == 6:
			l.mac = [6]byte(value)
		}
	}
	v.setLink(l)
}

// addressMessage looks at other interfaces, too: our routes may have their
// addresses for a source.
func (v *view) addressMessage(b []byte, added bool) {
	if len(b) < unix.SizeofIfAddrmsg || b[0] != unix.AF_INET {
		return
	}
	var local, address netip.Addr
	for kind, value := range attributes(b[unix.SizeofIfAddrmsg:]) {
		switch kind {
		case unix.IFA_LOCAL:
			local = address4(value)
		case unix.IFA_ADDRESS: // the peer's, where there is one
			address = address4(value)
		}
	}
	if !local.IsValid() {
		local = address
	}
	p := netip.PrefixFrom(local, int(b[1]))
	switch {
	case !p.IsValid():
	case int(binary.NativeEndian.Uint32(b[4:])) != v.index:
		if !added {
			v.loseSource(local)
		}
	case added:
		v.addAddress(p)
	default:
		v.removeAddress(p)
	}
}

// routeMessage is about every way of a route that leads out of our interface.
func (v *view) routeMessage(b []byte, added bool) {
	if len(b) < unix.SizeofRtMsg || b[0] != unix.AF_INET || b[3] != 0 || b[7] != unix.RTN_UNICAST {
		return // another family, type of service or kind of route
	}
	e := binary.NativeEndian
	destination, table, out := netip.IPv4Unspecified(), uint32(b[4]), uint32(0)
	var r Route
	var many []byte
	for kind, value := range attributes(b[unix.SizeofRtMsg:]) {
		switch {
		case kind == unix.RTA_DST:
			destination = address4(value)
		case kind == unix.RTA_TABLE && len(value) == 4:
			table = e.Uint32(value)
		case kind == unix.RTA_OIF && len(value) == 4:
			out = e.Uint32(value)
		case kind == unix.RTA_GATEWAY:
			r.Gateway = address4(value)
		case kind == unix.RTA_VIA:
			return // a gateway of another family
		case kind == unix.RTA_PREFSRC:
			r.Source = address4(value)
		case kind == unix.RTA_PRIORITY && len(value) == 4:
			r.Metric = int(e.Uint32(value))
		case kind == unix.RTA_METRICS:
			r.MTU = routeMTU(value)
		case kind == unix.RTA_MULTIPATH:
			many = value
		}
	}
	r.Destination = netip.PrefixFrom(destination, int(b[1]))
	if table != unix.RT_TABLE_MAIN || !r.Destination.IsValid() {
		return
	}
	if int(out) == v.index {
		v.setRoute(r, added, e.Uint32(b[8:])&unix.RTNH_F_DEAD != 0)
	}
	v.nexthops(many, r, added)
}

// nexthops is for routes of several ways.
func (v *view) nexthops(b []byte, r Route, added bool) {
	e := binary.NativeEndian
	for len(b) >= sizeofNexthop {
		size := int(e.Uint16(b))
		if size < sizeofNexthop || size > len(b) {
			return
		}
		one, isOther := r, false
		for kind, value := range attributes(b[sizeofNexthop:size]) {
			switch kind {
			case unix.RTA_GATEWAY:
				one.Gateway = address4(value)
			case unix.RTA_VIA:
				isOther = true
			}
		}
		if int(e.Uint32(b[4:])) == v.index && !isOther {
			v.setRoute(one, added, b[2]&unix.RTNH_F_DEAD != 0)
		}
		b = b[min(len(b), align4(size)):]
	}
}

// setRoute leaves out ways that are dead: a route lives as long as one of its
// ways does.
func (v *view) setRoute(r Route, added, isDead bool) {
	switch {
	case !added:
		v.removeRoute(r)
	case !isDead:
		v.addRoute(r)
	}
}

func routeMTU(metrics []byte) int {
	for kind, value := range attributes(metrics) {
		if kind == metricMTU && len(value) == 4 {
			return int(binary.NativeEndian.Uint32(value))
		}
	}
	return 0
}

// neighbourMessage ignores what no station answers to.
func (v *view) neighbourMessage(b []byte, exists bool) {
	n, state, ok := v.parseNeighbour(b)
	switch {
	case !ok:
	case exists && state&nudUsable != 0:
		if n.MAC != ([6]byte{}) && n.MAC[0]&1 == 0 {
			v.setNeighbour(n)
		}
	case exists && state&unix.NUD_FAILED != 0:
		v.failNeighbour(n.IP)
	default:
		v.removeNeighbour(n.IP)
	}
}

// parseNeighbour reads a neighbour on our interface.
func (v *view) parseNeighbour(b []byte) (n Neighbour, state uint16, ok bool) {
	e := binary.NativeEndian
	if len(b) < unix.SizeofNdMsg || b[0] != unix.AF_INET || int(e.Uint32(b[4:])) != v.index || b[10]&ntfProxy != 0 {
		return n, 0, false
	}
	for kind, value := range attributes(b[unix.SizeofNdMsg:]) {
		switch {
		case kind == unix.NDA_DST:
			n.IP = address4(value)
		case kind == unix.NDA_LLADDR && len(value) == 6:
			n.MAC = [6]byte(value)
		}
	}
	return n, e.Uint16(b[8:]), n.IP.IsValid()
}

// address4 is not valid when b is no IPv4 address.
func address4(b []byte) netip.Addr {
	if len(b) != 4 {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte(b))
}

// attributes goes through the attributes of a message until one makes no sense.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	e := binary.NativeEndian
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofRtAttr {
			size := int(e.Uint16(b))
			if size < unix.SizeofRtAttr || size > len(b) {
				return
			}
			if !yield(e.Uint16(b[2:])&attributeType, b[unix.SizeofRtAttr:size]) {
				return
			}
			b = b[min(len(b), align4(size)):]
		}
	}
}

func align4(n int) int { return (n + 3) &^ 3 }
