package tap

// What an interface that has the wanted name already is: one question to the
// kernel, whose answer decides how to attach to it, or why not.

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// facts describe an interface that exists.
type facts struct {
	kind    string // of the driver: "tun", "veth", ...; "" for hardware
	tap     bool   // Ethernet frames, not IP packets
	multi   bool   // made for several queues
	persist bool
	queues  int // that somebody holds; known only with multi
}

// check compares what is there with what was asked for.
func (f *facts) check(c *Config) error {
	switch {
	case f.kind != "tun":
		kind := f.kind
		if kind == "" {
			kind = "hardware, or built in"
		}
		return fmt.Errorf("tap: %s: %w: %s (mend: another name)", c.Interface, ErrKind, kind)
	case !f.tap:
		return fmt.Errorf("tap: %s: %w: TUN, which carries no Ethernet (mend: another name)", c.Interface, ErrKind)
	case c.Queues > 1 && !f.multi:
		return fmt.Errorf("tap: %s: %w: it was made for one, %d asked for (mend: ip tuntap add dev %s mode tap multi_queue)",
			c.Interface, ErrQueues, c.Queues, c.Interface)
	case f.queues > 0:
		// Its flows would be spread over their queues and ours.
		return fmt.Errorf("tap: %s: %w: others hold %d of its queues (mend: stop them)", c.Interface, ErrBusy, f.queues)
	}
	return nil
}

// lookUp reads the facts of an interface of the present network namespace.
func lookUp(name string) (facts, error) {
	table, err := syscall.NetlinkRIB(unix.RTM_GETLINK, unix.AF_UNSPEC)
	if err != nil {
		return facts{}, err
	}
	messages, err := syscall.ParseNetlinkMessage(table)
	if err != nil {
		return facts{}, err
	}
	for _, m := range messages {
		if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg {
			continue
		}
		attrs := m.Data[unix.SizeofIfInfomsg:]
		if unix.ByteSliceToString(attribute(attrs, unix.IFLA_IFNAME)) == name {
			return parseFacts(attribute(attrs, unix.IFLA_LINKINFO)), nil
		}
	}
	return facts{}, unix.ENODEV
}

// parseFacts reads what IFLA_LINKINFO says.
func parseFacts(b []byte) facts {
	f := facts{kind: unix.ByteSliceToString(attribute(b, unix.IFLA_INFO_KIND))}
	data := attribute(b, unix.IFLA_INFO_DATA)
	f.tap = number(attribute(data, unix.IFLA_TUN_TYPE)) == unix.IFF_TAP
	f.multi = number(attribute(data, unix.IFLA_TUN_MULTI_QUEUE)) != 0
	f.persist = number(attribute(data, unix.IFLA_TUN_PERSIST)) != 0
	f.queues = number(attribute(data, unix.IFLA_TUN_NUM_QUEUES)) +
		number(attribute(data, unix.IFLA_TUN_NUM_DISABLED_QUEUES))
	return f
}

// attribute finds the first attribute of a kind, nil if there is none.
func attribute(b []byte, kind uint16) []byte {
	const typeMask = 0x3fff // NLA_TYPE_MASK: without the nested and byte order bits
	e := binary.NativeEndian
	for len(b) >= unix.NLA_HDRLEN {
		size := int(e.Uint16(b))
		if size < unix.NLA_HDRLEN || size > len(b) {
			return nil
		}
		if e.Uint16(b[2:])&typeMask == kind {
			return b[unix.NLA_HDRLEN:size]
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return nil
}

// number is an attribute of one or four octets, 0 if it is missing.
func number(value []byte) int {
	switch {
	case len(value) >= 4:
		return int(binary.NativeEndian.Uint32(value))
	case len(value) >= 1:
		return int(value[0])
	default:
		return 0
	}
}
