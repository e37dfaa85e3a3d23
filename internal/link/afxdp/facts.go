package afxdp

// What the interface is, and whether it can carry what was asked for.

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// facts describe an interface when it was opened.
type facts struct {
	name    string
	index   int
	mac     [6]byte
	mtu     int
	driver  string
	rx, tx  int // queues in use
	feature features
}

// learn reads the facts and refuses an interface that cannot work.
func learn(name string) (facts, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return facts{}, fmt.Errorf("afxdp: %q: %w%s", name, ErrNoInterface, others())
	}
	if i.Flags&net.FlagUp == 0 {
		return facts{}, fmt.Errorf("afxdp: %s: %w (mend: ip link set %s up)", name, ErrDown, name)
	}
	if len(i.HardwareAddr) != 6 {
		return facts{}, fmt.Errorf("afxdp: %s: %w: not an Ethernet interface", name, ErrConfig)
	}
	f := facts{name: name, index: i.Index, mtu: i.MTU, mac: [6]byte(i.HardwareAddr)}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return facts{}, fmt.Errorf("afxdp: %s: %w", name, err)
	}
	defer unix.Close(fd)
	if info, err := unix.IoctlGetEthtoolDrvinfo(fd, name); err == nil {
		f.driver = unix.ByteSliceToString(info.Driver[:])
	}
	f.rx, f.tx = channels(fd, name)
	if f.rx == 0 || f.tx == 0 {
		f.rx, f.tx = allocatedQueues(i.Index)
	}
	f.feature = readFeatures(i.Index)
	return f, nil
}

// others names the interfaces there are: the commonest cause of a missing one
// is a misspelt name.
func others() string {
	all, err := net.Interfaces()
	if err != nil {
		return ""
	}
	var names []string
	for _, i := range all {
		names = append(names, i.Name)
	}
	slices.Sort(names)
	return " (there are: " + strings.Join(names, ", ") + ")"
}

// check compares what was asked for with what there is.
func (f *facts) check(c *Config) error {
	room := c.FrameSize - rxHeadroom - etherHeader
	if f.mtu > room {
		return fmt.Errorf("afxdp: %s: %w: MTU %d, room for %d in frames of %d (mend: %s)",
			f.name, ErrMTU, f.mtu, room, c.FrameSize, mendMTU(f, c))
	}
	if f.rx > maxQueues {
		return fmt.Errorf("afxdp: %s: %w: it has %d, at most %d can be used (mend: ethtool -L %s combined %d)",
			f.name, ErrQueues, f.rx, maxQueues, f.name, maxQueues)
	}
	if f.tx < f.rx {
		return fmt.Errorf("afxdp: %s: %w: %d receive queues and only %d to transmit (mend: ethtool -L %s rx %d tx %d)",
			f.name, ErrQueues, f.rx, f.tx, f.name, f.tx, f.tx)
	}
	// A subset would lose, without a word, the flows that the interface
	// hashes to the others.
	if c.Queues != 0 && c.Queues != f.rx {
		return fmt.Errorf("afxdp: %s: %w: it has %d, %d asked for (mend: ethtool -L %s combined %d)",
			f.name, ErrQueues, f.rx, c.Queues, f.name, c.Queues)
	}
	return nil
}

func mendMTU(f *facts, c *Config) string {
	if c.FrameSize < 4096 && f.mtu <= 4096-rxHeadroom-etherHeader {
		return "frames of 4096"
	}
	return fmt.Sprintf("ip link set %s mtu %d", f.name, c.FrameSize-rxHeadroom-etherHeader)
}

// allocatedQueues is the answer for drivers that cannot count their channels.
func allocatedQueues(ifindex int) (rx, tx int) {
	body := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(body[4:], uint32(ifindex))
	reply, err := ask(unix.NETLINK_ROUTE, unix.RTM_GETLINK, body)
	if err != nil || len(reply) < unix.SizeofIfInfomsg {
		return 1, 1
	}
	attrs := reply[unix.SizeofIfInfomsg:]
	return count(attribute(attrs, unix.IFLA_NUM_RX_QUEUES)), count(attribute(attrs, unix.IFLA_NUM_TX_QUEUES))
}

func count(value []byte) int {
	if len(value) < 4 {
		return 1
	}
	return max(1, int(binary.NativeEndian.Uint32(value)))
}
