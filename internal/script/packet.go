// Packets: as scripts write them, and as octets.

package script

import (
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// A packet is one packet of a script.
type packet struct {
	inbound  bool
	flags    wire.Flags
	seq      uint32
	length   int
	ack      uint32
	window   int // -1: not looked at, and 0 when injected
	urgent   uint16
	options  []option
	anything bool // options: <...>
	tos      int  // -1: not looked at
	ecnOnly  bool // of tos only the lowest two bits count
	srcPort  uint16
	dstPort  uint16
	icmp     *icmp
}

// An option is a TCP option: its octets, with where its sequence numbers and
// timestamps stand.
type option struct {
	kind     byte
	data     []byte // without kind and length
	val, ecr uint32 // timestamp
	blocks   []seq.Range
}

// icmp is an ICMP error about a TCP segment.
type icmp struct {
	kind, code uint8
	mtu        int
	seq        uint32
	hasSeq     bool
}

// Option kinds.
const (
	optEOL, optNOP, optMSS, optWScale, optSACKOK, optSACK, optTS = 0, 1, 2, 3, 4, 5, 8
)

func (s *scanner) packet() *packet {
	p := &packet{inbound: s.has("<"), window: -1, tos: -1}
	if !p.inbound {
		s.want(">")
	}
	s.ipInfo(p)
	if s.has("icmp ") {
		p.icmp = s.icmp()
		return p
	}
	s.skip()
	if c := s.text[s.at]; c >= '0' && c <= '9' {
		p.srcPort = uint16(s.int())
		s.want(">")
		p.dstPort = uint16(s.int())
	}
	s.flags(p)
	p.seq = uint32(s.int())
	s.want(":")
	end := uint32(s.int())
	s.want("(")
	p.length = int(s.int())
	s.want(")")
	if p.seq+uint32(p.length) != end {
		s.fail("%d:%d is not %d octets", p.seq, end, p.length)
	}
	if s.has("ack ") {
		p.ack = uint32(s.int())
	}
	if s.has("win ") {
		p.window = int(s.int())
	}
	if s.has("urg ") {
		p.urgent = uint16(s.int())
	}
	if s.sees("<") && s.isOptions() {
		s.want("<")
		s.options(p)
	}
	return p
}

// isOptions tells options from a packet of the next line without a time, which
// does not exist: so a "<" here always begins options.
func (s *scanner) isOptions() bool { return true }

// ipInfo reads (tos 0x10), [ect0] and the like.
func (s *scanner) ipInfo(p *packet) {
	closing := ")"
	switch {
	case s.has("["):
		closing = "]"
	case !s.has("("):
		return
	}
	switch w := s.word(); w {
	case "noecn", "ect0", "ect1", "ce":
		p.tos, p.ecnOnly = map[string]int{"noecn": 0, "ect1": 1, "ect0": 2, "ce": 3}[w], true
	case "tos":
		p.tos = int(s.int())
	case "ttl":
		s.int()
	default:
		s.fail("%q about IP is not known", w)
	}
	s.want(closing)
}

var flagLetters = map[byte]wire.Flags{
	'F': wire.FIN, 'S': wire.SYN, 'R': wire.RST, 'P': wire.PSH, '.': wire.ACK,
	'U': wire.URG, 'E': wire.ECE, 'W': wire.CWR,
}

func (s *scanner) flags(p *packet) {
	text := s.match(flagsRE)
	if text == "" {
		s.fail("TCP flags expected, not %q", s.next())
	}
	for i := range len(text) {
		p.flags |= flagLetters[text[i]]
	}
}

func (s *scanner) icmp() *icmp {
	m := &icmp{}
	w := s.word()
	if w != "unreachable" && w != "source_quench" && w != "time_exceeded" {
		s.fail("ICMP %s is not known", w)
	}
	m.kind = map[string]uint8{"unreachable": 3, "source_quench": 4, "time_exceeded": 11}[w]
	if w := s.match(wordRE); w == "mtu" {
		m.mtu = int(s.int())
	} else if w != "" {
		code, ok := unreachable[w]
		if !ok && m.kind == 3 {
			s.fail("ICMP unreachable %s is not known", w)
		}
		m.code = code
	}
	if s.has("mtu ") {
		m.mtu = int(s.int())
	}
	if s.has("[") {
		m.seq, m.hasSeq = uint32(s.int()), true
		s.until("]")
	}
	return m
}

var unreachable = map[string]uint8{
	"net_unreachable": 0, "host_unreachable": 1, "protocol_unreachable": 2, "port_unreachable": 3,
	"frag_needed": 4, "source_route_failed": 5, "net_unknown": 6, "host_unknown": 7,
	"source_host_isolated": 8, "net_prohibited": 9, "host_prohibited": 10,
	"net_unreachable_for_tos": 11, "host_unreachable_for_tos": 12, "packet_filtered": 13,
	"precedence_violation": 14, "precedence_cutoff": 15,
}

func (s *scanner) options(p *packet) {
	if s.has("...") {
		p.anything = true
		s.want(">")
		return
	}
	for {
		p.options = append(p.options, s.tcpOption())
		if !s.has(",") {
			break
		}
	}
	s.want(">")
}

func (s *scanner) tcpOption() option {
	switch w := s.word(); w {
	case "nop":
		return option{kind: optNOP}
	case "eol":
		return option{kind: optEOL}
	case "mss":
		n := s.int()
		return option{kind: optMSS, data: []byte{byte(n >> 8), byte(n)}}
	case "wscale":
		return option{kind: optWScale, data: []byte{byte(s.int())}}
	case "sackOK":
		return option{kind: optSACKOK}
	case "TS":
		s.want("val")
		o := option{kind: optTS, data: make([]byte, 8), val: uint32(s.int())}
		s.want("ecr")
		o.ecr = uint32(s.int())
		return o
	case "sack":
		o := option{kind: optSACK}
		for {
			first := uint32(s.int())
			s.want(":")
			o.blocks = append(o.blocks, seq.Range{First: seq.Value(first), End: seq.Value(uint32(s.int()))})
			if s.skip(); s.text[s.at] < '0' || s.text[s.at] > '9' {
				break
			}
		}
		o.data = make([]byte, 8*len(o.blocks))
		return o
	default:
		s.fail("TCP option %s is not known", w)
	}
	return option{}
}
