package tap

// Opening and closing a device, in this order: get hold of the interface with
// the first descriptor, add the other queues, settle the kernel's end, and only
// then make frames for the MTU that came of it. Whatever fails on the way, the
// kernel removes what was made when the descriptors are closed.

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/mtcp-go/mtcp/internal/link"
	"golang.org/x/sys/unix"
)

// Device is a TAP interface with a descriptor for every queue.
type Device struct {
	info   link.Info
	queues []*Queue

	goneOnce sync.Once
	gone     chan struct{}
}

// Open makes the interface that c names, or attaches to it. It must run in the
// network namespace of the kernel's end; the device may be used from any other
// afterwards.
func Open(c Config) (*Device, error) {
	c, err := c.complete()
	if err != nil {
		return nil, fmt.Errorf("tap: %w", err)
	}
	d := &Device{gone: make(chan struct{})}
	if err := d.open(&c); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Device) open(c *Config) error {
	name, err := d.attach(c)
	if err != nil {
		return err
	}
	if c.settles() {
		if err := c.Settle(name, c.MTU, c.PeerAddresses, c.Up); err != nil {
			return fmt.Errorf("tap: %s: settle: %w", name, err)
		}
	}
	if err := d.describe(name, c.MAC); err != nil {
		return err
	}
	for i, q := range d.queues {
		q.rx = newFrames(receivedSize(d.info.MTU))
		q.tx = newFrames(etherHeader + d.info.MTU)
		if err := q.openSleeper(); err != nil {
			return fmt.Errorf("tap: %s: queue %d: %w", name, i, err)
		}
	}
	if c.Persist {
		if err := unix.IoctlSetInt(d.queues[0].fd, unix.TUNSETPERSIST, 1); err != nil {
			return fmt.Errorf("tap: %s: make it persist: %w", name, err)
		}
	}
	return nil
}

// attach opens a descriptor for every queue and returns the interface's name.
func (d *Device) attach(c *Config) (name string, err error) {
	var flags uint16
	for i := range c.Queues {
		fd, err := openControl(control, c.Interface)
		if err != nil {
			return "", err
		}
		d.queues = append(d.queues, &Queue{device: d, fd: fd})
		if i > 0 {
			if _, err := tie(fd, name, flags); err != nil {
				return "", fmt.Errorf("queue %d: %w", i, explain(stepQueue, name, err))
			}
			continue
		}
		if name, flags, err = attachFirst(fd, c); err != nil {
			return "", err
		}
		if err := setOptions(fd, name); err != nil {
			return "", err
		}
	}
	return name, nil
}

// describe fills in Info from what the interface has become.
func (d *Device) describe(name string, wanted [6]byte) error {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return fmt.Errorf("tap: %s: %w", name, err)
	}
	if len(i.HardwareAddr) != 6 {
		return fmt.Errorf("tap: %s: %w: no Ethernet address", name, ErrKind)
	}
	mac, err := chooseMAC(wanted, [6]byte(i.HardwareAddr))
	if err != nil {
		return fmt.Errorf("tap: %s: %w", name, err)
	}
	d.info = link.Info{
		Name:       name,
		Mode:       "tap",
		MAC:        mac,
		MTU:        i.MTU,
		TxChecksum: true,
		LocalPeer:  true,
		Queues:     len(d.queues),
		Memory:     framesSize(receivedSize(i.MTU)) + framesSize(etherHeader+i.MTU),
	}
	return nil
}

// Info describes the device.
func (d *Device) Info() link.Info { return d.info }

// Queues returns how many queues there are.
func (d *Device) Queues() int { return len(d.queues) }

// Queue returns the i-th queue, which belongs to one shard.
func (d *Device) Queue(i int) *Queue { return d.queues[i] }

// Gone is closed when a queue has seen that the interface was removed by
// somebody else. Nothing arrives from then on, and what is sent is dropped.
func (d *Device) Gone() <-chan struct{} { return d.gone }

// Err returns ErrGone once Gone is closed.
func (d *Device) Err() error {
	select {
	case <-d.gone:
		return fmt.Errorf("tap: %s: %w", d.info.Name, ErrGone)
	default:
		return nil
	}
}

func (d *Device) lost() { d.goneOnce.Do(func() { close(d.gone) }) }

// Close closes the queues, and with the last of them the kernel removes the
// interface, unless it persists. No shard may use a queue any more. A second
// call does nothing.
func (d *Device) Close() error {
	var err error
	for _, q := range d.queues {
		err = errors.Join(err, q.Close())
	}
	return err
}

// Close wakes a Wait and releases the queue; flows go to the others from then
// on. A second call does nothing.
func (q *Queue) Close() error {
	q.closing.Lock()
	defer q.closing.Unlock()
	if q.fd < 0 {
		return nil
	}
	var err error
	if q.sleeper != nil {
		err = q.sleeper.Close()
	}
	err = errors.Join(err, unix.Close(q.fd))
	q.fd = -1
	return err
}
