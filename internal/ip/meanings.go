package ip

import "github.com/mtcp-go/mtcp/internal/wire"

// meaning is what an address says to us.
type meaning uint8

const (
	meansUs      meaning = 1 << iota // it is ours
	meansAll                         // it reaches all of a subnet of ours
	meansNothing meaning = 0
)

// meaningsBits is the size of the table: at most a quarter of it is in use.
const meaningsBits = 9

// meanings finds what an address means in one step, or a few, however many
// addresses we have: every packet asks twice. It is a hash table with open
// addressing, made anew when an address comes or goes. Address 0, which no station
// has, is an empty slot.
type meanings [1 << meaningsBits]struct {
	ip      wire.IPv4
	meaning meaning
}

// of fills the table.
func (m *meanings) of(all []localAddress) {
	*m = meanings{}
	for _, a := range all {
		m.add(a.ip, meansUs)
		m.add(a.broadcast, meansAll)
	}
}

func (m *meanings) add(a wire.IPv4, what meaning) {
	s := &m[m.slot(a)]
	s.ip = a
	s.meaning |= what
}

// find returns all that an address means.
func (m *meanings) find(a wire.IPv4) meaning { return m[m.slot(a)].meaning }

// slot returns where an address is, or would be.
func (m *meanings) slot(a wire.IPv4) uint32 {
	i := uint32(a) * 0x9e3779b1 >> (32 - meaningsBits)
	for m[i].ip != a && m[i].ip != 0 {
		i = (i + 1) % uint32(len(m))
	}
	return i
}
