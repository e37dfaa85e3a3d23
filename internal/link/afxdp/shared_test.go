package afxdp

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	ourPort  = 80
	sshPort  = 22
	peerPort = 40000
)

// ipv4 is an IPv4 packet in a frame; options are whole words.
type ipv4 struct {
	src, dst netip.Addr
	protocol byte
	id       uint16
	fragment uint16 // flags and offset, as they stand in the header
	options  int    // octets
	payload  []byte
}

func (p ipv4) header() []byte {
	b := make([]byte, 20+p.options)
	b[0] = 0x40 | byte(len(b)/4)
	for i := range p.options {
		b[20+i] = 1
	}
	e := binary.BigEndian
	e.PutUint16(b[2:], uint16(len(b)+len(p.payload)))
	e.PutUint16(b[4:], p.id)
	e.PutUint16(b[6:], p.fragment)
	b[8], b[9] = 64, p.protocol
	s, d := p.src.As4(), p.dst.As4()
	copy(b[12:], s[:])
	copy(b[16:], d[:])
	e.PutUint16(b[10:], ^sum(b, 0))
	return append(b, p.payload...)
}

func (p ipv4) frame() []byte {
	b := append([]byte(nil), stackMAC[:]...)
	b = append(b, peerMAC[:]...)
	return append(append(b, 8, 0), p.header()...)
}

// segment is a TCP header: a SYN.
func segment(src, dst uint16) []byte {
	b := make([]byte, 20)
	binary.BigEndian.PutUint16(b, src)
	binary.BigEndian.PutUint16(b[2:], dst)
	b[12], b[13] = 0x50, 2
	return b
}

// tcp is a segment of the peer to a port of the shared address.
func tcp(port uint16) ipv4 {
	return ipv4{src: peerIP, dst: kernelIP, protocol: 6, payload: segment(peerPort, port)}
}

// icmp is an ICMP message of the peer about a packet.
func icmp(kind byte, quoted ipv4) ipv4 {
	b := append([]byte{kind, 1, 0, 0, 0, 0, 0, 0}, quoted.header()...)
	binary.BigEndian.PutUint16(b[2:], ^sum(b, 0))
	return ipv4{src: peerIP, dst: kernelIP, protocol: 1, payload: b}
}

// sent is a segment that the shared address sent from a port.
func sent(port uint16) ipv4 {
	return ipv4{src: kernelIP, dst: peerIP, protocol: 6, payload: segment(port, peerPort)}
}

// sharedDevice shares the kernel's address and takes port 80 and a range.
func sharedDevice(t *testing.T, c Config) (d *Device) {
	t.Helper()
	c.Shared = true
	c.Addresses = []netip.Addr{kernelIP}
	_, d = device(t, c)
	takePorts(t, d)
	return d
}

func takePorts(t testing.TB, d *Device) {
	t.Helper()
	if err := d.AddPort(ourPort); err != nil {
		t.Fatal(err)
	}
	if err := d.AddPortRange(50000, 50099); err != nil {
		t.Fatal(err)
	}
}

func TestShared_TakesOnlyOurPorts(t *testing.T) {
	d := sharedDevice(t, Config{})
	ours := tcp(ourPort).frame()
	options := tcp(ourPort)
	options.options = 40
	theirOptions := tcp(sshPort)
	theirOptions.options = 4
	udpOurs := tcp(ourPort)
	udpOurs.protocol = 17
	other := tcp(ourPort)
	other.dst = stackIP
	tests := []struct {
		name   string
		packet []byte
		want   uint32
	}{
		{"our port", ours, xdpRedirect},
		{"first of our range", tcp(50000).frame(), xdpRedirect},
		{"last of our range", tcp(50099).frame(), xdpRedirect},
		{"before our range", tcp(49999).frame(), xdpPass},
		{"behind our range", tcp(50100).frame(), xdpPass},
		{"our port backwards", tcp(ourPort << 8).frame(), xdpPass},
		{"port 0", tcp(0).frame(), xdpPass},
		{"the kernel's port", tcp(sshPort).frame(), xdpPass},
		{"from our port", with(tcp(peerPort).frame(), 34, 0, ourPort), xdpPass},
		{"our port of another address", other.frame(), xdpPass},
		{"with IP options", options.frame(), xdpRedirect},
		{"the kernel's with IP options", theirOptions.frame(), xdpPass},
		{"IP header shorter than itself", with(ours, 14, 0x44), xdpPass},
		{"IP header longer than the packet", with(ours[:50], 14, 0x4f), xdpPass},
		{"UDP to our port", udpOurs.frame(), xdpPass},
		{"do not fragment", with(ours, 20, 0x40, 0), xdpRedirect},
		{"ports and nothing else", ours[:38], xdpRedirect},
		{"ports cut off", ours[:37], xdpPass},
		{"IP header cut off", ours[:33], xdpPass},
		{"Ethernet header only", ours[:14], xdpPass},
		{"version 6 in an IPv4 frame", with(ours, 14, 0x65), xdpPass},
		{"IPv6", with(ours, 12, 0x86, 0xdd), xdpPass},
		{"VLAN tag", with(ours, 12, 0x81, 0), xdpPass},
		{"ARP who has us", arp(1, kernelIP), xdpPass},
		{"ARP reply to us", arp(2, kernelIP), xdpPass},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := verdict(t, d, tt.packet); got != tt.want {
				t.Errorf("verdict %d, want %d", got, tt.want)
			}
		})
	}
}

func TestShared_TakesErrorsAboutOurSegments(t *testing.T) {
	d := sharedDevice(t, Config{})
	quoteOptions := sent(ourPort)
	quoteOptions.options = 40
	quoteLater := sent(ourPort)
	quoteLater.fragment = 1
	quoteFirst := sent(ourPort)
	quoteFirst.fragment = moreFragments
	quoteUDP := sent(ourPort)
	quoteUDP.protocol = 17
	quoteOther := sent(ourPort)
	quoteOther.src = peerIP
	outerOptions := icmp(3, sent(ourPort))
	outerOptions.options = 8
	both := icmp(3, quoteOptions)
	both.options = 40
	ours := icmp(3, sent(ourPort)).frame()
	const quoteAt = 42 // in the frame
	tests := []struct {
		name   string
		packet []byte
		want   uint32
	}{
		{"unreachable", ours, xdpRedirect},
		{"source quench", icmp(4, sent(ourPort)).frame(), xdpRedirect},
		{"time exceeded", icmp(11, sent(ourPort)).frame(), xdpRedirect},
		{"parameter problem", icmp(12, sent(50010)).frame(), xdpRedirect},
		{"redirect", icmp(5, sent(ourPort)).frame(), xdpPass},
		{"echo", icmp(8, sent(ourPort)).frame(), xdpPass},
		{"echo reply", icmp(0, sent(ourPort)).frame(), xdpPass},
		{"timestamp", icmp(13, sent(ourPort)).frame(), xdpPass},
		{"about the kernel's port", icmp(3, sent(sshPort)).frame(), xdpPass},
		{"about a segment to our port", icmp(3, ipv4{src: kernelIP, dst: peerIP, protocol: 6, payload: segment(sshPort, ourPort)}).frame(), xdpPass},
		{"about UDP", icmp(3, quoteUDP).frame(), xdpPass},
		{"about another address", icmp(3, quoteOther).frame(), xdpPass},
		{"quote with options", icmp(3, quoteOptions).frame(), xdpRedirect},
		{"itself with options", outerOptions.frame(), xdpRedirect},
		{"both with options", both.frame(), xdpRedirect},
		{"about a first fragment", icmp(3, quoteFirst).frame(), xdpRedirect},
		{"about a later fragment", icmp(3, quoteLater).frame(), xdpPass},
		{"quote of eight octets", ours[:quoteAt+28], xdpRedirect},
		{"quote of the ports", ours[:quoteAt+24], xdpRedirect},
		{"quote cut in the ports", ours[:quoteAt+23], xdpPass},
		{"quote cut in the header", ours[:quoteAt+19], xdpPass},
		{"no quote", ours[:quoteAt], xdpPass},
		{"quote of version 6", with(ours, quoteAt, 0x65), xdpPass},
		{"quoted header shorter than itself", with(ours, quoteAt, 0x44), xdpPass},
		{"quoted header longer than the packet", with(ours, quoteAt, 0x4f), xdpPass},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := verdict(t, d, tt.packet); got != tt.want {
				t.Errorf("verdict %d, want %d", got, tt.want)
			}
		})
	}
}

// piece is a fragment of a packet to a port.
func piece(port, id, fragment uint16) ipv4 {
	p := tcp(port)
	p.id, p.fragment = id, fragment
	return p
}

func TestShared_LaterFragmentsFollowTheFirst(t *testing.T) {
	d := sharedDevice(t, Config{})
	elsewhere, otherProtocol := piece(ourPort, 7, 3), piece(ourPort, 7, 3)
	elsewhere.src = farIP
	otherProtocol.protocol = 1
	otherAddress := piece(ourPort, 7, 3)
	otherAddress.dst = stackIP
	bigPing := ipv4{src: peerIP, dst: kernelIP, protocol: 1, id: 7, fragment: moreFragments, payload: make([]byte, 64)}
	bigPing.payload[0] = 8
	for _, tt := range []struct {
		name   string
		packet ipv4
		want   uint32
	}{
		{"later before first", piece(ourPort, 7, 3), xdpPass},
		{"first", piece(ourPort, 7, moreFragments), xdpRedirect},
		{"middle", piece(ourPort, 7, moreFragments|3), xdpRedirect},
		{"last, with what looks like the kernel's port", piece(sshPort, 7, 6), xdpRedirect},
		{"last again", piece(ourPort, 7, 6), xdpRedirect},
		{"another identification", piece(ourPort, 8, 6), xdpPass},
		{"another source", elsewhere, xdpPass},
		{"another protocol", otherProtocol, xdpPass},
		{"another address", otherAddress, xdpPass},
		{"the kernel's ping in pieces", bigPing, xdpPass},
		{"does not end ours", piece(ourPort, 7, 6), xdpRedirect},
		{"first of the kernel's", piece(sshPort, 9, moreFragments), xdpPass},
		{"its later one", piece(ourPort, 9, 3), xdpPass},
		{"the identification again, by the kernel's", piece(sshPort, 7, moreFragments), xdpPass},
		{"its later one", piece(ourPort, 7, 3), xdpPass},
		{"and by ours", piece(ourPort, 7, moreFragments), xdpRedirect},
		{"its later one", piece(ourPort, 7, 3), xdpRedirect},
		{"whole packet of the kernel's", piece(sshPort, 7, 0), xdpPass},
		{"does not end ours", piece(ourPort, 7, 3), xdpRedirect},
	} {
		if got := verdict(t, d, tt.packet.frame()); got != tt.want {
			t.Errorf("%s: verdict %d, want %d", tt.name, got, tt.want)
		}
	}
}

// TestShared_ShortHeadersShowNoPorts makes what an IPv4 header holds where its
// length says that ports are, our port.
func TestShared_ShortHeadersShowNoPorts(t *testing.T) {
	d := sharedDevice(t, Config{})
	if err := d.AddPortRange(1, 65535); err != nil {
		t.Fatal(err)
	}
	for length := byte(0); length < 5; length++ {
		outer := with(tcp(sshPort).frame(), 14, 0x40|length)
		quoted := with(icmp(3, sent(sshPort)).frame(), 42, 0x40|length)
		for _, b := range [][]byte{outer, quoted} {
			if got := verdict(t, d, b); got != xdpPass {
				t.Errorf("header of %d words: verdict %d of %x", length, got, b)
			}
		}
	}
}

func TestShared_EveryOffsetIsALaterFragment(t *testing.T) {
	d := sharedDevice(t, Config{})
	for bit := range 13 {
		if got := verdict(t, d, piece(ourPort, 7, 1<<bit).frame()); got != xdpPass {
			t.Errorf("offset %d: verdict %d", 8<<bit, got)
		}
	}
}

func TestShared_ErrorsInPiecesFollowTheFirst(t *testing.T) {
	d := sharedDevice(t, Config{})
	first := icmp(3, sent(ourPort))
	first.id, first.fragment = 5, moreFragments
	later := first
	later.fragment = 7
	for i, p := range []ipv4{first, later} {
		if got := verdict(t, d, p.frame()); got != xdpRedirect {
			t.Errorf("fragment %d: verdict %d", i, got)
		}
	}
}

func TestShared_OldFirstFragmentsDecideNothing(t *testing.T) {
	d := sharedDevice(t, Config{})
	p := piece(ourPort, 7, 3)
	key := fragmentKey{Src: p.src.As4(), Dst: p.dst.As4(), ID: [2]byte{0, 7}, Protocol: protocolTCP}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		age  time.Duration
		want uint32
	}{{fragmentAge - 5*time.Second, xdpRedirect}, {fragmentAge + time.Millisecond, xdpPass}} {
		then := uint64(now.Nano() - int64(tt.age))
		if err := d.program.fragments.Put(key, then); err != nil {
			t.Fatal(err)
		}
		if got := verdict(t, d, p.frame()); got != tt.want {
			t.Errorf("%v after the first: verdict %d, want %d", tt.age, got, tt.want)
		}
	}
}

func TestShared_ManyPacketsInPiecesAreNotTooMany(t *testing.T) {
	d := sharedDevice(t, Config{})
	for i := range 2 * maxFragments {
		p := piece(ourPort, uint16(i), moreFragments)
		if got := verdict(t, d, p.frame()); got != xdpRedirect {
			t.Fatalf("first fragment %d: verdict %d", i, got)
		}
		p.fragment = 3
		if got := verdict(t, d, p.frame()); got != xdpRedirect {
			t.Fatalf("the one after it, %d: verdict %d", i, got)
		}
	}
}

// filter is a plain reading of what the shared program does.
type filter struct {
	ports map[uint16]bool
	first map[string]bool
}

func (f *filter) isOurs(b []byte) bool {
	if len(b) < 34 || binary.BigEndian.Uint16(b[12:]) != 0x0800 {
		return false
	}
	ip := b[14:]
	header := int(ip[0]&15) * 4
	if ip[0]>>4 != 4 || header < 20 || [4]byte(ip[16:]) != kernelIP.As4() {
		return false
	}
	bits := binary.BigEndian.Uint16(ip[6:])
	key := fmt.Sprintf("%x %x %x", ip[12:20], ip[4:6], ip[9])
	if bits&0x1fff != 0 {
		return f.first[key]
	}
	ours := false
	if header <= len(ip) {
		ours = f.isOurTransport(ip[9], ip[header:])
	}
	if bits&0x2000 != 0 {
		f.first[key] = ours
	}
	return ours
}

func (f *filter) isOurTransport(protocol byte, b []byte) bool {
	switch {
	case protocol == 6 && len(b) >= 4:
		return f.ports[binary.BigEndian.Uint16(b[2:])]
	case protocol == 1 && len(b) >= 28 && (b[0] == 3 || b[0] == 4 || b[0] == 11 || b[0] == 12):
		q := b[8:]
		header := int(q[0]&15) * 4
		return q[0]>>4 == 4 && header >= 20 && q[9] == 6 && binary.BigEndian.Uint16(q[6:])&0x1fff == 0 &&
			[4]byte(q[12:]) == kernelIP.As4() && len(q) >= header+4 && f.ports[binary.BigEndian.Uint16(q[header:])]
	}
	return false
}

// randomPacket is a good packet most of the time, to a few ports, under a few
// identifications.
func randomPacket(random *rand.Rand) []byte {
	ports := []uint16{ourPort, sshPort, 50000, 50099, 49999, 50100}
	port := ports[random.IntN(len(ports))]
	var p ipv4
	if random.IntN(2) == 0 {
		p = tcp(port)
	} else {
		quoted := sent(port)
		quoted.options = 4 * max(0, random.IntN(22)-11)
		quoted.fragment = uint16(max(0, random.IntN(9)-7))
		p = icmp([]byte{3, 4, 11, 12, 8}[random.IntN(5)], quoted)
	}
	p.id = uint16(random.IntN(4))
	p.options = 4 * max(0, random.IntN(22)-11)
	if random.IntN(2) == 0 {
		p.fragment = []uint16{0x2000, 0x2001, 1, 0x4000, 0xe000}[random.IntN(5)]
	}
	b := p.frame()
	for range max(0, random.IntN(5)-2) {
		b[12+random.IntN(len(b)-12)] = byte(random.Uint32())
	}
	if random.IntN(4) == 0 {
		b = b[:14+random.IntN(len(b)-13)]
	}
	return b
}

func TestShared_AgreesWithAPlainReading(t *testing.T) {
	d := sharedDevice(t, Config{})
	f := filter{ports: map[uint16]bool{ourPort: true}, first: map[string]bool{}}
	for p := range uint16(100) {
		f.ports[50000+p] = true
	}
	random := rand.New(rand.NewPCG(7, 8))
	var hits, later, total int
	for total = range 20000 {
		b := randomPacket(random)
		want := uint32(xdpPass)
		if f.isOurs(b) {
			want = xdpRedirect
			hits++
			if binary.BigEndian.Uint16(b[20:])&0x1fff != 0 {
				later++
			}
		}
		if got := verdict(t, d, b); got != want {
			t.Fatalf("packet %d: verdict %d, want %d, of %x", total, got, want, b)
		}
	}
	if hits < total/5 || hits > total*4/5 || later < 500 {
		t.Errorf("%d of %d packets were ours, %d later fragments: the test says little", hits, total, later)
	}
}

func TestShared_NothingComesWithoutPorts(t *testing.T) {
	_, d := device(t, Config{Shared: true, Addresses: []netip.Addr{kernelIP}})
	for _, p := range []ipv4{tcp(ourPort), tcp(0), icmp(3, sent(ourPort))} {
		if got := verdict(t, d, p.frame()); got != xdpPass {
			t.Errorf("verdict %d before any port was named", got)
		}
	}
	if err := d.AddPort(ourPort); err != nil {
		t.Fatal(err)
	}
	if got := verdict(t, d, tcp(ourPort).frame()); got != xdpRedirect {
		t.Errorf("verdict %d for our port", got)
	}
	if err := d.RemovePort(ourPort); err != nil {
		t.Fatal(err)
	}
	if got := verdict(t, d, tcp(ourPort).frame()); got != xdpPass {
		t.Errorf("verdict %d after the port was given back", got)
	}
}
