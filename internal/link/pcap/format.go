package pcap

// The octets of pcapng, of which three blocks are enough: one section header,
// one interface description for each queue, one enhanced packet for each
// frame. Every block is
//
//	| type 4 | length 4 | body, padded to 4 | length 4 |
//
// and options within a body are
//
//	| code 2 | length 2 | value, padded to 4 |
//
// in the writer's byte order, here little-endian. pcapng and not the older
// format, because it says which way a frame went and on which queue.

import "encoding/binary"

const (
	blockSection   = 0x0A0D0D0A
	blockInterface = 1
	blockPacket    = 6

	byteOrderMagic = 0x1A2B3C4D
	linkEthernet   = 1

	optEnd           = 0
	optInterfaceName = 2
	optTimeUnit      = 9
	optPacketFlags   = 2

	nanoseconds = 9 // as a negative power of ten

	// packetOverhead is what an enhanced packet adds to a frame, padding
	// included.
	packetOverhead = 28 + 3 + 8 + 4 + 4
	maxName        = 64
)

// direction is the value of a packet's flags option.
type direction uint32

const (
	inbound  direction = 1
	outbound direction = 2
)

var order = binary.LittleEndian

func appendSection(b []byte) []byte {
	start := len(b)
	b = openBlock(b, blockSection)
	b = order.AppendUint32(b, byteOrderMagic)
	b = order.AppendUint16(b, 1)          // major version
	b = order.AppendUint16(b, 0)          // minor version
	b = order.AppendUint64(b, ^uint64(0)) // length of the section: not known
	return closeBlock(b, start)
}

func appendInterface(b []byte, name string, snapLen int) []byte {
	start := len(b)
	b = openBlock(b, blockInterface)
	b = order.AppendUint16(b, linkEthernet)
	b = order.AppendUint16(b, 0)
	b = order.AppendUint32(b, uint32(snapLen))
	b = appendOption(b, optInterfaceName, name[:min(len(name), maxName)])
	b = appendOption(b, optTimeUnit, string(rune(nanoseconds)))
	b = appendOption(b, optEnd, "")
	return closeBlock(b, start)
}

// appendPacket writes the first snapLen octets of a frame at most.
func appendPacket(b []byte, id uint32, at uint64, frame []byte, snapLen int, d direction) []byte {
	start := len(b)
	captured := frame[:min(len(frame), snapLen)]
	b = openBlock(b, blockPacket)
	b = order.AppendUint32(b, id)
	b = order.AppendUint32(b, uint32(at>>32))
	b = order.AppendUint32(b, uint32(at))
	b = order.AppendUint32(b, uint32(len(captured)))
	b = order.AppendUint32(b, uint32(len(frame)))
	b = append(b, captured...)
	b = pad(b, len(captured))
	b = order.AppendUint16(b, optPacketFlags)
	b = order.AppendUint16(b, 4)
	b = order.AppendUint32(b, uint32(d))
	b = order.AppendUint32(b, optEnd)
	return closeBlock(b, start)
}

func appendOption(b []byte, code uint16, value string) []byte {
	b = order.AppendUint16(b, code)
	b = order.AppendUint16(b, uint16(len(value)))
	b = append(b, value...)
	return pad(b, len(value))
}

// pad fills up what followed a multiple of four octets.
func pad(b []byte, length int) []byte {
	var zero [3]byte
	return append(b, zero[:-length&3]...)
}

// openBlock leaves room for the length.
func openBlock(b []byte, kind uint32) []byte {
	b = order.AppendUint32(b, kind)
	return order.AppendUint32(b, 0)
}

func closeBlock(b []byte, start int) []byte {
	length := uint32(len(b) - start + 4)
	order.PutUint32(b[start+4:], length)
	return order.AppendUint32(b, length)
}
