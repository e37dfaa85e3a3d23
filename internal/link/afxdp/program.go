package afxdp

// Which packets come here: an XDP program, assembled in place so that users
// need no compiler. It answers, for each packet,
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
	prog      *ebpf.Program
}

func loadProgram(queues int) (*program, error) {
	p := &program{}
	err := p.load(queues)
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *program) load(queues int) (err error) {
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
	p.prog, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "mtcp_filter", Type: ebpf.XDP, License: "GPL",
		Instructions: instructions(p.addresses.FD(), p.sockets.FD()),
	})
	return err
}

// close is for a half-loaded program too: closing a nil map is allowed.
func (p *program) close() {
	_ = p.prog.Close()
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

// instructions keeps the context in R6, the packet in R2, its end in R3 and
// the address in question in R4.
func instructions(addresses, sockets int) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R2, asm.R1, ctxData, asm.Word),
		asm.LoadMem(asm.R3, asm.R1, ctxDataEnd, asm.Word),
		asm.Mov.Reg(asm.R5, asm.R2),
		asm.Add.Imm(asm.R5, etherHeader),
		asm.JGT.Reg(asm.R5, asm.R3, "pass"),
		asm.LoadMem(asm.R5, asm.R2, offEtherType, asm.Half),
		asm.JEq.Imm(asm.R5, inPacket16(0x0800), "ipv4"),
		asm.JNE.Imm(asm.R5, inPacket16(0x0806), "pass"),

		// ARP of IPv4 over Ethernet.
		asm.Mov.Reg(asm.R5, asm.R2),
		asm.Add.Imm(asm.R5, endARP),
		asm.JGT.Reg(asm.R5, asm.R3, "pass"),
		asm.LoadMem(asm.R5, asm.R2, offARPFormats, asm.Word),
		asm.JNE.Imm(asm.R5, inPacket32(0x0001_0800), "pass"),
		asm.LoadMem(asm.R5, asm.R2, offARPLengths, asm.Half),
		asm.JNE.Imm(asm.R5, inPacket16(0x0604), "pass"),
		asm.LoadMem(asm.R4, asm.R2, offARPTarget, asm.Word),
		asm.Ja.Label("lookup"),

		asm.Mov.Reg(asm.R5, asm.R2).WithSymbol("ipv4"),
		asm.Add.Imm(asm.R5, endIP),
		asm.JGT.Reg(asm.R5, asm.R3, "pass"),
		asm.LoadMem(asm.R5, asm.R2, offIPVersion, asm.Byte),
		asm.RSh.Imm(asm.R5, 4),
		asm.JNE.Imm(asm.R5, 4, "pass"),
		asm.LoadMem(asm.R4, asm.R2, offIPDst, asm.Word),

		asm.StoreMem(asm.RFP, -4, asm.R4, asm.Word).WithSymbol("lookup"),
		asm.LoadMapPtr(asm.R1, addresses),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "pass"),

		// Without a socket the last argument is the verdict.
		asm.LoadMapPtr(asm.R1, sockets),
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
