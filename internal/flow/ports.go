package flow

// This file chooses local ports for outgoing connections: RFC 6056, algorithm
// 4 (double-hash port selection). Each destination walks through the range
// from a secret place of its own, and destinations are spread over counters so
// that one connection tells nothing about the next of another. A port comes
// back to the same destination as late as possible.

import "github.com/mtcp-go/mtcp/internal/prf"

// The default range, as Linux has it.
const (
	FirstPort = 32768
	LastPort  = 60999
)

// portCounters is the length of RFC 6056's table: a power of two.
const portCounters = 256

// Ports chooses ephemeral ports. It has one owner.
type Ports struct {
	first   uint32
	size    uint32
	list    []uint16 // the ports, if they are no range
	secret  prf.Key
	counter [portCounters]uint32
}

// NewPorts chooses from first to last, both included, under a secret. It
// reports false for an empty range or one with port 0.
func NewPorts(first, last uint16, secret [2]uint64) (*Ports, bool) {
	if first == 0 || first > last {
		return nil, false
	}
	p := &Ports{
		first:  uint32(first),
		size:   uint32(last) - uint32(first) + 1,
		secret: prf.Key{K0: secret[0], K1: secret[1]},
	}
	for i := range p.counter {
		p.counter[i] = uint32(p.secret.Sum(uint64(i), 1<<63)) // no port pair reaches that bit
	}
	return p, true
}

// NewPortList chooses from ports that are no range; there is at least one.
func NewPortList(ports []uint16, secret [2]uint64) *Ports {
	p, _ := NewPorts(1, uint16(len(ports)), secret) // as many as there are
	p.list = ports
	return p
}

// Next returns a port for a connection from local to remote:remotePort, and
// false if none is free. It asks free about each port of the range at most
// once; free may also refuse ports whose packets would arrive elsewhere.
func (p *Ports) Next(local, remote uint32, remotePort uint16, free func(port uint16) bool) (uint16, bool) {
	hash := p.secret.Sum(uint64(local)<<32|uint64(remote), uint64(remotePort))
	offset := uint32(hash>>32) % p.size
	counter := &p.counter[hash%portCounters]
	start := *counter % p.size
	for tries := range p.size {
		place := (offset + (start+tries)%p.size) % p.size
		port := uint16(p.first + place) // at most last
		if p.list != nil {
			port = p.list[place]
		}
		if free(port) {
			*counter = (start + tries + 1) % p.size
			return port, true
		}
	}
	return 0, false
}
