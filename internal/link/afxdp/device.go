package afxdp

// Opening and closing a device, in this order: look at the interface, load the
// program, attach it, open a socket for each queue, and only then name the
// addresses whose packets come here. Closing goes backwards.

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/mtcp-go/mtcp/internal/link"
	"golang.org/x/sys/unix"
)

// Device is an interface opened with a socket on every queue.
type Device struct {
	info   link.Info
	facts  facts
	config Config
	queues []*Queue

	mu      sync.Mutex // guards what follows
	program *program
	attach  attachment
	ports   portSet // what the program's map holds
	closed  bool
}

// Open opens the interface that c names. It must run in the network namespace of
// that interface; the device may be used from any other afterwards.
func Open(c Config) (*Device, error) {
	c, err := c.complete()
	if err != nil {
		return nil, fmt.Errorf("afxdp: %w", err)
	}
	f, err := learn(c.Interface)
	if err != nil {
		return nil, err
	}
	if err := f.check(&c); err != nil {
		return nil, err
	}
	d := &Device{facts: f, config: c}
	if err := d.open(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Device) open() (err error) {
	name := d.config.Interface
	if d.program, err = loadProgram(d.facts.rx, d.config.Shared); err != nil {
		return explain(stepLoad, name, err)
	}
	if d.attach, err = attachProgram(d.program.prog, &d.facts, d.config.Mode); err != nil {
		return err
	}
	why := ""
	for i := range d.facts.rx {
		q, reason, err := openQueue(d, i)
		if err != nil {
			return fmt.Errorf("queue %d: %w", i, err)
		}
		d.queues = append(d.queues, q)
		if reason != "" {
			why = reason
		}
		if err := d.program.sockets.Put(uint32(i), uint32(q.fd)); err != nil {
			return explain(stepBind, name, err)
		}
	}
	if err := d.describe(why); err != nil {
		return err
	}
	if err := d.suffices(); err != nil {
		return err
	}
	for _, a := range d.config.Addresses {
		if err := d.program.addAddress(a); err != nil {
			return err
		}
	}
	return nil
}

// describe fills in Info once everything is known.
func (d *Device) describe(whyCopy string) error {
	zeroCopy, metadata := true, true
	for _, q := range d.queues {
		zeroCopy = zeroCopy && q.zeroCopy
		metadata = metadata && q.metadata
	}
	mode, copying := "generic", "copy"
	if d.attach.native {
		mode = "native"
	}
	if zeroCopy {
		copying = "zero-copy"
	}
	why := d.attach.why
	if why == "" {
		why = whyCopy
	}
	d.info = link.Info{
		Name:       d.facts.name,
		Mode:       mode + ", " + copying,
		Why:        why,
		MAC:        d.facts.mac,
		MTU:        d.facts.mtu,
		TxChecksum: metadata && (!zeroCopy || d.facts.feature.xsk&featureTxChecksum != 0),
		LocalPeer:  d.facts.driver == "veth",
		Queues:     len(d.queues),
		Memory:     d.config.memory(),
	}
	if d.config.TxChecksum == On && !d.info.TxChecksum {
		return fmt.Errorf("afxdp: %s: transmit checksums: %w (mode %s)", d.facts.name, ErrNotOffered, d.info.Mode)
	}
	return nil
}

// suffices refuses a mode that is less than required. No packet has come here
// yet: the addresses are named afterwards.
func (d *Device) suffices() error {
	native, zeroCopy := d.attach.native, true
	for _, q := range d.queues {
		zeroCopy = zeroCopy && q.zeroCopy
	}
	required, mend := "", ""
	switch r := d.config.Require; {
	case r == RequireNothing, native && (zeroCopy || r == RequireNative):
		return nil
	case !native:
		required, mend = "native mode", d.attach.mend
	default:
		required, mend = "zero-copy", d.mendCopy()
	}
	return fmt.Errorf("afxdp: %s: %s is required: %w: obtained %s (%s; mend: %s)",
		d.facts.name, required, ErrNotOffered, d.info.Mode, d.info.Why, mend)
}

// mendCopy says what would bring zero-copy.
func (d *Device) mendCopy() string {
	f := &d.facts
	if f.feature.known && f.feature.xdp&featureZeroCopy == 0 {
		return "an interface whose driver has zero-copy, or require native only"
	}
	return fmt.Sprintf("what its driver wants, commonly: ethtool -K %s lro off; fewer queues with ethtool -L %s; frames of 4096; or require native only", f.name, f.name)
}

// Info describes the device.
func (d *Device) Info() link.Info { return d.info }

// Queues returns how many queues there are.
func (d *Device) Queues() int { return len(d.queues) }

// Queue returns the i-th queue, which belongs to one shard.
func (d *Device) Queue(i int) *Queue { return d.queues[i] }

// AddAddress brings the packets of one more IPv4 address here.
func (d *Device) AddAddress(a netip.Addr) error {
	if err := checkAddress(a); err != nil {
		return fmt.Errorf("afxdp: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	return d.program.addAddress(a)
}

// RemoveAddress gives the packets of an address back to the kernel.
func (d *Device) RemoveAddress(a netip.Addr) error {
	if err := checkAddress(a); err != nil {
		return fmt.Errorf("afxdp: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	return d.program.removeAddress(a)
}

// Close detaches the program, so that all packets go to the kernel again, and
// closes the queues. No shard may use a queue any more. A second call does
// nothing.
func (d *Device) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	err := d.attach.close()
	for _, q := range d.queues {
		err = errors.Join(err, q.Close())
	}
	if d.program != nil {
		d.program.close()
	}
	return err
}

// Close wakes a Wait and releases the queue. Packets of this queue go to the
// kernel from then on.
func (q *Queue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil
	}
	q.closed = true
	_ = getOption(q.fd, unix.XDP_STATISTICS, &q.last)
	var err error
	if q.sleeper != nil {
		err = q.sleeper.Close() // nobody looks at the rings any more
	}
	return errors.Join(err, q.release())
}

// release gives back the socket, then the memory that the socket used. Half
// an open queue can be released, too.
func (q *Queue) release() error {
	var err error
	if q.fd >= 0 {
		err = unix.Close(q.fd)
	}
	err = errors.Join(err, q.fill.unmap(), q.rx.unmap(), q.tx.unmap(), q.completion.unmap())
	if q.umem.mem != nil {
		err = errors.Join(err, q.umem.unmap())
		q.umem.mem = nil
	}
	return err
}
