package afxdp

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"
)

const xdpRedirect = 4

// arp is an ARP packet about a target.
func arp(operation byte, target netip.Addr) []byte {
	b := make([]byte, 42)
	copy(b, []byte{255, 255, 255, 255, 255, 255})
	copy(b[12:], []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, operation})
	a := target.As4()
	copy(b[38:], a[:])
	return b
}

func with(b []byte, offset int, values ...byte) []byte {
	b = append([]byte(nil), b...)
	copy(b[offset:], values)
	return b
}

func verdict(t testing.TB, d *Device, packet []byte) uint32 {
	t.Helper()
	out := make([]byte, len(packet)+256)
	r := &ebpf.RunOptions{Data: packet, DataOut: out}
	v, err := d.program.prog.Run(r)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestProgram_TakesOnlyOurOwn(t *testing.T) {
	_, d := device(t, Config{Addresses: []netip.Addr{stackIP, netip.MustParseAddr("192.0.2.7")}})
	ours, theirs := toStack(nil), udp(peerIP, kernelIP, stackMAC, peerMAC, 9, nil)
	tests := []struct {
		name   string
		packet []byte
		want   uint32
	}{
		{"to our address", ours, xdpRedirect},
		{"to our other address", udp(peerIP, netip.MustParseAddr("192.0.2.7"), stackMAC, peerMAC, 9, nil), xdpRedirect},
		{"to the kernel's address", theirs, xdpPass},
		{"from our address to another's", udp(stackIP, kernelIP, stackMAC, peerMAC, 9, nil), xdpPass},
		{"to our address backwards", udp(peerIP, netip.MustParseAddr("1.0.77.10"), stackMAC, peerMAC, 9, nil), xdpPass},
		{"broadcast", udp(peerIP, netip.MustParseAddr("255.255.255.255"), stackMAC, peerMAC, 9, nil), xdpPass},
		{"first fragment", with(ours, 20, 0x20, 0), xdpRedirect},
		{"later fragment", with(ours, 20, 0x20, 1), xdpRedirect},
		{"with IP options", with(ours, 14, 0x46), xdpRedirect},
		{"any protocol", with(ours, 23, 253), xdpRedirect},
		{"IP header cut off", ours[:33], xdpPass},
		{"IP header and nothing else", ours[:34], xdpRedirect},
		{"version 6 in an IPv4 frame", with(ours, 14, 0x65), xdpPass},
		{"IPv6", with(ours, 12, 0x86, 0xdd), xdpPass},
		{"VLAN tag", with(ours, 12, 0x81, 0), xdpPass},
		{"ARP who has us", arp(1, stackIP), xdpRedirect},
		{"ARP reply to us", arp(2, stackIP), xdpRedirect},
		{"ARP who has the kernel", arp(1, kernelIP), xdpPass},
		{"gratuitous ARP of another", with(arp(1, peerIP), 28, 10, 77, 0, 9), xdpPass},
		{"ARP cut off", arp(1, stackIP)[:41], xdpPass},
		{"ARP of another hardware", with(arp(1, stackIP), 14, 0, 6), xdpPass},
		{"ARP of another protocol", with(arp(1, stackIP), 16, 0x86, 0xdd), xdpPass},
		{"ARP with other lengths", with(arp(1, stackIP), 18, 8, 4), xdpPass},
		{"Ethernet header only", ours[:14], xdpPass},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := verdict(t, d, tt.packet); got != tt.want {
				t.Errorf("verdict %d, want %d", got, tt.want)
			}
		})
	}
}

func TestProgram_AgreesWithAPlainReading(t *testing.T) {
	_, d := device(t, Config{})
	random := rand.New(rand.NewPCG(3, 4))
	seeds := [][]byte{toStack([]byte("x")), arp(1, stackIP), arp(2, kernelIP)}
	hits := 0
	for range 3000 {
		b := append([]byte(nil), seeds[random.IntN(len(seeds))]...)
		for range random.IntN(3) {
			b[12+random.IntN(len(b)-12)] = byte(random.Uint32())
		}
		b = b[:14+random.IntN(len(b)-13)]
		want := uint32(xdpPass)
		if isOurs(b) {
			want = xdpRedirect
			hits++
		}
		if got := verdict(t, d, b); got != want {
			t.Fatalf("verdict %d, want %d, of %x", got, want, b)
		}
	}
	if hits < 100 {
		t.Errorf("only %d packets were ours: the test says little", hits)
	}
}

func isOurs(b []byte) bool {
	us := stackIP.As4()
	switch kind := binary.BigEndian.Uint16(b[12:]); {
	case kind == 0x0800 && len(b) >= 34:
		return b[14]>>4 == 4 && [4]byte(b[30:]) == us
	case kind == 0x0806 && len(b) >= 42:
		return [6]byte(b[14:]) == [6]byte{0, 1, 8, 0, 6, 4} && [4]byte(b[38:]) == us
	default:
		return false
	}
}

func TestProgram_PassesWithoutASocket(t *testing.T) {
	_, d := device(t, Config{})
	if err := d.Queue(0).Close(); err != nil {
		t.Fatal(err)
	}
	if got := verdict(t, d, toStack(nil)); got != xdpPass {
		t.Errorf("verdict %d after the queue was closed, want the kernel to have it", got)
	}
}
