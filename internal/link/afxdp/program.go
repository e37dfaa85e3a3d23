package afxdp

// Which packets come here: an XDP program, assembled in place so that users
// need no compiler. There are two, made of the same pieces. For addresses that
// are the stack's alone it answers, for each packet,
//
//  1. is it ARP for one of the stack's addresses, or IPv4 to one of them?
//     fragments too: it looks at nothing behind the addresses;
//  2. if so, to the socket of the queue on which it came, or to the kernel
//     when that queue has none;
//  3. everything else, VLAN tags included, to the kernel.
//
// An ARP packet cannot go to both. The stack's addresses are not the kernel's,
// so what asks for them or answers them is ours, and all other ARP, gratuitous
// ARP of other hosts included, is the kernel's.
//
// For addresses shared with the kernel, see shared.go.
//
// The pieces keep the context in R6, the packet in R7, its end in R8 and the
// address in question in R4; R9 is theirs to use across calls.

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

const (
	xdpPass = 2 // enum xdp_action

	// Offsets in struct xdp_md.
	ctxData    = 0
	ctxDataEnd = 4
	ctxRxQueue = 16

	// Offsets in a packet, Ethernet header included.
	offEtherType  = 12
	offIPVersion  = etherHeader
	offIPDst      = etherHeader + 16
	endIP         = etherHeader + 20
	offARPFormats = etherHeader
	offARPLengths = etherHeader + 4
	offARPTarget  = etherHeader + 24
	endARP        = etherHeader + 28
)

// program is the loaded program with its maps.
type program struct {
	addresses *ebpf.Map // IPv4 address in network order -> nothing of interest
	sockets   *ebpf.Map // queue -> AF_XDP socket
	ports     *ebpf.Map // port/64 -> a bit for each port; only when shared
	fragments *ebpf.Map // packet in pieces -> when its first came; only when shared
	prog      *ebpf.Program
}

func loadProgram(queues int, shared bool) (*program, error) {
	p := &program{}
	err := p.load(queues, shared)
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *program) load(queues int, shared bool) (err error) {
	p.addresses, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "mtcp_addresses", Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: maxAddresses,
	})
	if err != nil {
		return err
	}
	p.sockets, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "mtcp_sockets", Type: ebpf.XSKMap, KeySize: 4, ValueSize: 4, MaxEntries: uint32(queues),
	})
	if err != nil {
		return err
	}
	if shared {
		if err := p.makeSharedMaps(); err != nil {
			return err
		}
	}
	p.prog, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "mtcp_filter", Type: ebpf.XDP, License: "GPL", Instructions: p.instructions(shared),
	})
	return err
}

// close is for a half-loaded program too: closing a nil map is allowed.
func (p *program) close() {
	_ = p.prog.Close()
	_ = p.fragments.Close()
	_ = p.ports.Close()
	_ = p.sockets.Close()
	_ = p.addresses.Close()
}

func (p *program) addAddress(a netip.Addr) error {
	if err := p.addresses.Put(a.As4(), uint32(1)); err != nil {
		return fmt.Errorf("afxdp: add address %v: %w", a, err)
	}
	return nil
}

func (p *program) removeAddress(a netip.Addr) error {
	if err := p.addresses.Delete(a.As4()); err != nil {
		return fmt.Errorf("afxdp: remove address %v: %w", a, err)
	}
	return nil
}

func (p *program) instructions(shared bool) asm.Instructions {
	is := ethernet()
	if shared {
		is = append(is, asm.JNE.Imm(asm.R5, inPacket16(0x0800), "pass"))
		is = append(is, headerLength()...)
	} else {
		is = append(is, arpTarget()...)
	}
	is = append(is, ipDestination()...)
	is = append(is, isAddress(p.addresses.FD(), "lookup", "pass")...)
	if shared {
		is = append(is, byPort(p)...)
	}
	return append(is, verdicts(p.sockets.FD())...)
}

// reaches jumps away when the packet does not have end octets behind the place
// that a register points to.
func reaches(from asm.Register, end int32, otherwise string) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R5, from),
		asm.Add.Imm(asm.R5, end),
		asm.JGT.Reg(asm.R5, asm.R8, otherwise),
	}
}

// ethernet leaves the type of the packet in R5.
func ethernet() asm.Instructions {
	is := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R7, asm.R1, ctxData, asm.Word),
		asm.LoadMem(asm.R8, asm.R1, ctxDataEnd, asm.Word),
	}
	is = append(is, reaches(asm.R7, etherHeader, "pass")...)
	return append(is, asm.LoadMem(asm.R5, asm.R7, offEtherType, asm.Half))
}

// arpTarget looks up the target of ARP of IPv4 over Ethernet.
func arpTarget() asm.Instructions {
	is := asm.Instructions{
		asm.JEq.Imm(asm.R5, inPacket16(0x0800), "ipv4"),
		asm.JNE.Imm(asm.R5, inPacket16(0x0806), "pass"),
	}
	is = append(is, reaches(asm.R7, endARP, "pass")...)
	return append(is,
		asm.LoadMem(asm.R5, asm.R7, offARPFormats, asm.Word),
		asm.JNE.Imm(asm.R5, inPacket32(0x0001_0800), "pass"),
		asm.LoadMem(asm.R5, asm.R7, offARPLengths, asm.Half),
		asm.JNE.Imm(asm.R5, inPacket16(0x0604), "pass"),
		asm.LoadMem(asm.R4, asm.R7, offARPTarget, asm.Word),
		asm.Ja.Label("lookup"),
	)
}

// ipDestination loads the address to which an IPv4 packet goes.
func ipDestination() asm.Instructions {
	is := reaches(asm.R7, endIP, "pass")
	is[0] = is[0].WithSymbol("ipv4")
	return append(is,
		asm.LoadMem(asm.R5, asm.R7, offIPVersion, asm.Byte),
		asm.RSh.Imm(asm.R5, 4),
		asm.JNE.Imm(asm.R5, 4, "pass"),
		asm.LoadMem(asm.R4, asm.R7, offIPDst, asm.Word),
	)
}

// isAddress goes on when R4 is one of our addresses.
func isAddress(addresses int, label, otherwise string) asm.Instructions {
	return asm.Instructions{
		asm.StoreMem(asm.RFP, -4, asm.R4, asm.Word).WithSymbol(label),
		asm.LoadMapPtr(asm.R1, addresses),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, otherwise),
	}
}

// verdicts ends the program: here, or the kernel. Without a socket the last
// argument is the verdict.
func verdicts(sockets int) asm.Instructions {
	return asm.Instructions{
		asm.LoadMapPtr(asm.R1, sockets).WithSymbol("redirect"),
		asm.LoadMem(asm.R2, asm.R6, ctxRxQueue, asm.Word),
		asm.Mov.Imm(asm.R3, xdpPass),
		asm.FnRedirectMap.Call(),
		asm.Return(),

		asm.Mov.Imm(asm.R0, xdpPass).WithSymbol("pass"),
		asm.Return(),
	}
}

// inPacket16 is what a load from a packet gives for a value in network order.
func inPacket16(v uint16) int32 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return int32(binary.NativeEndian.Uint16(b[:]))
}

// inPacket32 is for values that stay positive in either byte order.
func inPacket32(v uint32) int32 {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return int32(binary.NativeEndian.Uint32(b[:]))
}
