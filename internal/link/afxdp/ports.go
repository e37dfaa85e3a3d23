package afxdp

// The ports that come here of addresses shared with the kernel: a set, held by
// the program as an array of words. A word is written as a whole while the
// program reads it; since a bit means a port whatever its neighbours are, a half
// written word is right for every port, too.

import (
	"fmt"
	"math/bits"
)

// portSet has a bit for each port.
type portSet [portWords]uint64

// mask returns the bits of ports first to last in word i.
func mask(i int, first, last uint16) uint64 {
	low, high := max(int(first), i*64), min(int(last), i*64+63)
	return ^uint64(0) >> (63 - (high - low)) << (low % 64)
}

// AddPort brings TCP to one more port of the shared addresses here. Adding a
// port twice is adding it once.
func (d *Device) AddPort(p uint16) error { return d.setPorts(p, p, true) }

// RemovePort gives a port back to the kernel.
func (d *Device) RemovePort(p uint16) error { return d.setPorts(p, p, false) }

// AddPortRange brings TCP to the ports from first to last here.
func (d *Device) AddPortRange(first, last uint16) error { return d.setPorts(first, last, true) }

// RemovePortRange gives the ports from first to last back to the kernel.
func (d *Device) RemovePortRange(first, last uint16) error { return d.setPorts(first, last, false) }

// Ports returns how many ports come here.
func (d *Device) Ports() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, w := range d.ports {
		n += bits.OnesCount64(w)
	}
	return n
}

func (d *Device) setPorts(first, last uint16, on bool) error {
	switch {
	case !d.config.Shared:
		return fmt.Errorf("afxdp: %s: %w: addresses that are not shared have all ports", d.facts.name, ErrConfig)
	case first == 0 || last < first:
		return fmt.Errorf("afxdp: %s: %w: ports %d to %d", d.facts.name, ErrConfig, first, last)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	for i := int(first / 64); i <= int(last/64); i++ {
		word := d.ports[i] &^ mask(i, first, last)
		if on {
			word = d.ports[i] | mask(i, first, last)
		}
		if word == d.ports[i] {
			continue
		}
		if err := d.program.ports.Put(uint32(i), word); err != nil {
			return fmt.Errorf("afxdp: %s: ports %d to %d: %w", d.facts.name, first, last, err)
		}
		d.ports[i] = word
	}
	return nil
}
