package afxdp

// The program for addresses that the kernel has too. Of the packets to them it
// takes
//
//  1. TCP to one of our ports;
//  2. ICMP errors (unreachable, source quench, time exceeded, parameter
//     problem) that quote TCP from one of our addresses and ports;
//  3. later fragments of a packet whose first fragment it took;
//
// and everything else, all ARP included, is the kernel's.
//
// Only a first fragment shows its ports, so it decides for those that follow:
// its source, destination, identification and protocol are remembered for
// fragmentAge. A later fragment that comes before its first goes to the kernel,
// whose reassembly gives up on it after a while; the stack misses it and the
// peer's TCP sends again. A first fragment of the kernel's makes the program
// forget what it remembered under the same identification, which is used again
// after 65,536 packets or fewer.
//
// Registers are those of program.go. R9 walks: it points to the transport
// header less the Ethernet header's length, then to the quoted one's, and is
// the port in the end.

import (
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

const (
	offIPID       = etherHeader + 4
	offIPFragment = etherHeader + 6
	offIPProtocol = etherHeader + 9
	offIPSrc      = etherHeader + 12

	// Offsets from R9.
	offTCPDst     = etherHeader + 2
	endPorts      = 4 // of a TCP header
	offICMPType   = etherHeader
	quote         = etherHeader + 8
	offQuoteFrag  = quote + 6
	offQuoteProto = quote + 9
	offQuoteSrc   = quote + 12
	endQuoteIP    = quote + 20
	minHeader     = 5 // words of an IPv4 header
	maxHeader     = 15

	protocolICMP = 1
	protocolTCP  = 6

	moreFragments  = 0x2000
	fragmentOffset = 0x1fff

	icmpUnreachable = 3
	icmpQuench      = 4
	icmpExceeded    = 11
	icmpParameter   = 12

	portWords = 65536 / 64

	// Places on the program's stack; the address, then the word of the port
	// stands at -4.
	stackWord     = -4
	stackFragment = -16 // fragmentKey
	stackTime     = -24
)

// fragmentAge is how long a first fragment decides for later ones: Linux waits
// as long for the missing ones.
const fragmentAge = 30 * time.Second

// fragmentKey is what the fragments of a packet have in common, as it stands in
// the packet.
type fragmentKey struct {
	Src, Dst [4]byte
	ID       [2]byte
	Protocol uint16 // in the machine's order, to leave no hole
}

func (p *program) makeSharedMaps() (err error) {
	p.ports, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "mtcp_ports", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: portWords,
	})
	if err != nil {
		return err
	}
	p.fragments, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "mtcp_fragments", Type: ebpf.LRUHash, KeySize: 12, ValueSize: 8, MaxEntries: maxFragments,
	})
	return err
}

// headerLength leaves the length of the IPv4 header, in words, in R9.
func headerLength() asm.Instructions {
	return append(reaches(asm.R7, endIP, "pass"),
		asm.LoadMem(asm.R9, asm.R7, offIPVersion, asm.Byte),
		asm.And.Imm(asm.R9, 0xf),
		asm.JLT.Imm(asm.R9, minHeader, "pass"),
	)
}

// advance moves R9 by an IPv4 header of R5 words, and goes on at label. A sum of
// the two would want CAP_PERFMON: those who have CAP_BPF alone may add only
// constants to a pointer into a packet.
func advance(label string) asm.Instructions {
	is := asm.Instructions{asm.Add.Imm(asm.R9, 4*minHeader)}
	for words := int32(minHeader + 1); words <= maxHeader; words++ {
		is = append(is, asm.JLT.Imm(asm.R5, words, label), asm.Add.Imm(asm.R9, 4))
	}
	return is
}

// byPort decides about a packet to one of our addresses.
func byPort(p *program) asm.Instructions {
	is := asm.Instructions{
		asm.LoadMem(asm.R5, asm.R7, offIPFragment, asm.Half),
		asm.JSet.Imm(asm.R5, inPacket16(fragmentOffset), "later"),
		asm.Mov.Reg(asm.R5, asm.R9),
		asm.Mov.Reg(asm.R9, asm.R7),
	}
	is = append(is, advance("header")...)
	is = append(is,
		asm.LoadMem(asm.R5, asm.R7, offIPProtocol, asm.Byte).WithSymbol("header"),
		asm.JEq.Imm(asm.R5, protocolICMP, "icmp"),
		asm.JNE.Imm(asm.R5, protocolTCP, "theirs"),
	)
	is = append(is, reaches(asm.R9, etherHeader+endPorts, "theirs")...)
	is = append(is,
		asm.LoadMem(asm.R4, asm.R9, offTCPDst, asm.Half),
		asm.Ja.Label("port"),
	)
	is = append(is, quotedSource()...)
	is = append(is, isAddress(p.addresses.FD(), "quoted source", "theirs")...)
	is = append(is, quotedPort()...)
	is = append(is, isPort(p.ports.FD())...)
	is = append(is, firstFragment(p.fragments.FD())...)
	return append(is, laterFragment(p.fragments.FD())...)
}

// quotedSource loads who sent the TCP segment that an ICMP error quotes.
func quotedSource() asm.Instructions {
	is := reaches(asm.R9, endQuoteIP, "theirs")
	is[0] = is[0].WithSymbol("icmp")
	return append(is,
		asm.LoadMem(asm.R5, asm.R9, offICMPType, asm.Byte),
		asm.JEq.Imm(asm.R5, icmpUnreachable, "quoted"),
		asm.JEq.Imm(asm.R5, icmpQuench, "quoted"),
		asm.JEq.Imm(asm.R5, icmpExceeded, "quoted"),
		asm.JNE.Imm(asm.R5, icmpParameter, "theirs"),

		asm.LoadMem(asm.R5, asm.R9, quote, asm.Byte).WithSymbol("quoted"),
		asm.RSh.Imm(asm.R5, 4),
		asm.JNE.Imm(asm.R5, 4, "theirs"),
		asm.LoadMem(asm.R5, asm.R9, offQuoteProto, asm.Byte),
		asm.JNE.Imm(asm.R5, protocolTCP, "theirs"),
		asm.LoadMem(asm.R5, asm.R9, offQuoteFrag, asm.Half),
		asm.JSet.Imm(asm.R5, inPacket16(fragmentOffset), "theirs"),
		asm.LoadMem(asm.R4, asm.R9, offQuoteSrc, asm.Word),
	)
}

// quotedPort loads the port from which the quoted segment was sent.
func quotedPort() asm.Instructions {
	is := asm.Instructions{
		asm.LoadMem(asm.R5, asm.R9, quote, asm.Byte),
		asm.And.Imm(asm.R5, 0xf),
		asm.JLT.Imm(asm.R5, minHeader, "theirs"),
	}
	is = append(is, advance("quoted header")...)
	segment := reaches(asm.R9, quote+endPorts, "theirs")
	segment[0] = segment[0].WithSymbol("quoted header")
	is = append(is, segment...)
	return append(is, asm.LoadMem(asm.R4, asm.R9, quote, asm.Half))
}

// isPort asks whether the port in R4 is ours.
func isPort(ports int) asm.Instructions {
	return asm.Instructions{
		asm.HostTo(asm.BE, asm.R4, asm.Half).WithSymbol("port"),
		asm.Mov.Reg(asm.R9, asm.R4),
		asm.RSh.Imm(asm.R4, 6),
		asm.StoreMem(asm.RFP, stackWord, asm.R4, asm.Word),
		asm.LoadMapPtr(asm.R1, ports),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, stackWord),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "theirs"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.And.Imm(asm.R9, 63),
		asm.RSh.Reg(asm.R1, asm.R9),
		asm.JSet.Imm(asm.R1, 1, "ours"),
		asm.Ja.Label("theirs"),
	}
}

// firstFragment remembers a packet of ours of which more is to come, and
// forgets one of the kernel's.
func firstFragment(fragments int) asm.Instructions {
	is := asm.Instructions{
		asm.LoadMem(asm.R5, asm.R7, offIPFragment, asm.Half).WithSymbol("theirs"),
		asm.And.Imm(asm.R5, inPacket16(moreFragments)),
		asm.JEq.Imm(asm.R5, 0, "pass"),
	}
	is = append(is, loadFragmentKey(fragments)...)
	is = append(is,
		asm.FnMapDeleteElem.Call(),
		asm.Ja.Label("pass"),

		asm.LoadMem(asm.R5, asm.R7, offIPFragment, asm.Half).WithSymbol("ours"),
		asm.And.Imm(asm.R5, inPacket16(moreFragments)),
		asm.JEq.Imm(asm.R5, 0, "redirect"),
		asm.FnKtimeGetNs.Call(),
		asm.StoreMem(asm.RFP, stackTime, asm.R0, asm.DWord),
	)
	is = append(is, loadFragmentKey(fragments)...)
	return append(is,
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, stackTime),
		asm.Mov.Imm(asm.R4, 0), // BPF_ANY
		asm.FnMapUpdateElem.Call(),
		asm.Ja.Label("redirect"),
	)
}

// laterFragment sends a fragment after the first of its packet. What follows
// it is "redirect".
func laterFragment(fragments int) asm.Instructions {
	is := loadFragmentKey(fragments)
	is[0] = is[0].WithSymbol("later")
	return append(is,
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "pass"),
		asm.LoadMem(asm.R9, asm.R0, 0, asm.DWord),
		asm.FnKtimeGetNs.Call(),
		asm.Sub.Reg(asm.R0, asm.R9),
		asm.LoadImm(asm.R1, int64(fragmentAge), asm.DWord),
		asm.JGT.Reg(asm.R0, asm.R1, "pass"),
	)
}

// loadFragmentKey makes map and key the arguments of a call.
func loadFragmentKey(fragments int) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R5, asm.R7, offIPSrc, asm.Word),
		asm.StoreMem(asm.RFP, stackFragment, asm.R5, asm.Word),
		asm.LoadMem(asm.R5, asm.R7, offIPDst, asm.Word),
		asm.StoreMem(asm.RFP, stackFragment+4, asm.R5, asm.Word),
		asm.LoadMem(asm.R5, asm.R7, offIPID, asm.Half),
		asm.StoreMem(asm.RFP, stackFragment+8, asm.R5, asm.Half),
		asm.LoadMem(asm.R5, asm.R7, offIPProtocol, asm.Byte),
		asm.StoreMem(asm.RFP, stackFragment+10, asm.R5, asm.Half),
		asm.LoadMapPtr(asm.R1, fragments),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, stackFragment),
	}
}
