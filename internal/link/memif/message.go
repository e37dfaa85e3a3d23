package memif

// The control messages: 128 octets each over a SOCK_SEQPACKET connection, in the
// machine's byte order, a region's or an event's descriptor beside some of them.
//
//	master                            slave
//	  HELLO  ------------------------->     versions and limits
//	  <-------------------------  INIT      version, interface, secret
//	  ACK    ------------------------->
//	  <-------------------  ADD_REGION      size; descriptor of the memory      (each
//	  <---------------------  ADD_RING      where it lies; descriptor of events  is ACKed)
//	  <----------------------  CONNECT
//	  CONNECTED ---------------------->
//	  <------------------- DISCONNECT --->  either side, and why
//
// The first two octets are the type. A field stands where the one before it
// ends; there is no padding.

import (
	"bytes"
	"encoding/binary"
)

const (
	messageSize = 128
	nameSize    = 32
	secretSize  = 24
	reasonSize  = 96

	version = 2 << 8 // 2.0
)

// A kind is the type of a message.
type kind uint16

const (
	kindNone kind = iota
	kindAck
	kindHello
	kindInit
	kindAddRegion
	kindAddRing
	kindConnect
	kindConnected
	kindDisconnect
	numKinds
)

var kindNames = [numKinds]string{"NONE", "ACK", "HELLO", "INIT", "ADD_REGION", "ADD_RING", "CONNECT", "CONNECTED", "DISCONNECT"}

func (k kind) String() string {
	if k < numKinds {
		return kindNames[k]
	}
	return "unknown"
}

// descriptors is how many come with a message of a kind.
func (k kind) descriptors() int {
	if k == kindAddRegion || k == kindAddRing {
		return 1
	}
	return 0
}

type message [messageSize]byte

func (m *message) kind() kind { return kind(m.u16(0)) }

func (m *message) u16(at int) uint16 { return binary.LittleEndian.Uint16(m[at:]) }
func (m *message) u32(at int) uint32 { return binary.LittleEndian.Uint32(m[at:]) }
func (m *message) u64(at int) uint64 { return binary.LittleEndian.Uint64(m[at:]) }

func (m *message) put16(at int, v uint16) { binary.LittleEndian.PutUint16(m[at:], v) }
func (m *message) put32(at int, v uint32) { binary.LittleEndian.PutUint32(m[at:], v) }
func (m *message) put64(at int, v uint64) { binary.LittleEndian.PutUint64(m[at:], v) }

// text is a field of at most size octets, up to its end mark, fit to be printed.
func (m *message) text(at, size int) string {
	b, _, _ := bytes.Cut(m[at:at+size], []byte{0})
	return string(bytes.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, b))
}

// putText leaves room for the end mark.
func (m *message) putText(at, size int, s string) { copy(m[at:at+size-1], s) }

func newMessage(k kind) *message {
	m := &message{}
	m.put16(0, uint16(k))
	return m
}

// hello is what a master can do. The limits are of indices: the largest one.
type hello struct {
	name                   string
	minVersion, maxVersion uint16
	maxRegion              uint16
	maxM2S, maxS2M         uint16
	maxLog2                uint8
}

func (h *hello) message() *message {
	m := newMessage(kindHello)
	m.putText(2, nameSize, h.name)
	m.put16(34, h.minVersion)
	m.put16(36, h.maxVersion)
	m.put16(38, h.maxRegion)
	m.put16(40, h.maxM2S)
	m.put16(42, h.maxS2M)
	m[44] = h.maxLog2
	return m
}

func (m *message) hello() hello {
	return hello{
		name:       m.text(2, nameSize),
		minVersion: m.u16(34), maxVersion: m.u16(36),
		maxRegion: m.u16(38), maxM2S: m.u16(40), maxS2M: m.u16(42),
		maxLog2: m[44],
	}
}

// start is INIT: which interface a slave wants to be connected to.
type start struct {
	version uint16
	id      uint32
	mode    uint8 // 0 is Ethernet
	secret  [secretSize]byte
	name    string
}

func (s *start) message() *message {
	m := newMessage(kindInit)
	m.put16(2, s.version)
	m.put32(4, s.id)
	m[8] = s.mode
	copy(m[9:], s.secret[:])
	m.putText(33, nameSize, s.name)
	return m
}

func (m *message) start() start {
	return start{version: m.u16(2), id: m.u32(4), mode: m[8], secret: [secretSize]byte(m[9:33]), name: m.text(33, nameSize)}
}

// addRegion offers memory, whose descriptor comes with it.
type addRegion struct {
	index uint16
	size  uint64
}

func (a *addRegion) message() *message {
	m := newMessage(kindAddRegion)
	m.put16(2, a.index)
	m.put64(4, a.size)
	return m
}

func (m *message) addRegion() addRegion { return addRegion{m.u16(2), m.u64(4)} }

// addRing says where a ring lies; the descriptor that rings for it comes with it.
type addRing struct {
	toMaster bool // S2M
	index    uint16
	region   uint16
	offset   uint32
	log2     uint8
	private  uint16 // octets of a private header in each buffer: none of ours
}

const flagS2M = 1

func (a *addRing) message() *message {
	m := newMessage(kindAddRing)
	if a.toMaster {
		m.put16(2, flagS2M)
	}
	m.put16(4, a.index)
	m.put16(6, a.region)
	m.put32(8, a.offset)
	m[12] = a.log2
	m.put16(13, a.private)
	return m
}

func (m *message) addRing() addRing {
	return addRing{
		toMaster: m.u16(2)&flagS2M != 0,
		index:    m.u16(4), region: m.u16(6), offset: m.u32(8), log2: m[12], private: m.u16(13),
	}
}

// named is CONNECT or CONNECTED, with the name of the sender's interface.
func named(k kind, name string) *message {
	m := newMessage(k)
	m.putText(2, nameSize, name)
	return m
}

func (m *message) name() string { return m.text(2, nameSize) }

// disconnect says why.
func disconnect(code uint32, reason string) *message {
	m := newMessage(kindDisconnect)
	m.put32(2, code)
	m.putText(6, reasonSize, reason)
	return m
}

func (m *message) reason() string { return m.text(6, reasonSize) }
