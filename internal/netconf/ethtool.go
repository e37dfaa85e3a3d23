package netconf

// Questions to drivers: the ethtool netlink family, which unlike the ioctl of
// the same name needs no raw pointers. Only the driver's name comes by ioctl.

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// TxChecksum is the feature "fill in transport checksums when sending". With it
// off, the kernel's packets carry whole checksums even to peers on this machine.
const TxChecksum = "tx-checksum-ip-generic"

// SetFeature switches an offload of an interface (a name of `ethtool -k` in its
// long form, as TxChecksum) on or off.
func SetFeature(name, feature string, on bool) error {
	bit := nl.NewRtAttr(unix.ETHTOOL_A_BITSET_BITS_BIT|unix.NLA_F_NESTED, nil)
	bit.AddRtAttr(unix.ETHTOOL_A_BITSET_BIT_NAME, nl.ZeroTerminated(feature))
	if on {
		bit.AddRtAttr(unix.ETHTOOL_A_BITSET_BIT_VALUE, nil)
	}
	bits := nl.NewRtAttr(unix.ETHTOOL_A_BITSET_BITS|unix.NLA_F_NESTED, nil)
	bits.AddChild(bit)
	wanted := nl.NewRtAttr(unix.ETHTOOL_A_FEATURES_WANTED|unix.NLA_F_NESTED, nil)
	wanted.AddChild(bits)
	if _, err := ethtool(unix.ETHTOOL_MSG_FEATURES_SET, name, wanted); err != nil {
		return fmt.Errorf("netconf: %s: set %s: %w", name, feature, err)
	}
	return nil
}

// ethtool sends one request about the interface called name. The header is
// attribute 1 of every ethtool message.
func ethtool(command uint8, name string, more ...*nl.RtAttr) ([][]byte, error) {
	family, err := netlink.GenlFamilyGet("ethtool")
	if err != nil {
		return nil, fmt.Errorf("ethtool netlink: %w", err)
	}
	req := nl.NewNetlinkRequest(int(family.ID), unix.NLM_F_ACK)
	req.AddData(&nl.Genlmsg{Command: command, Version: 1})
	header := nl.NewRtAttr(unix.ETHTOOL_A_CHANNELS_HEADER|unix.NLA_F_NESTED, nil)
	header.AddRtAttr(unix.ETHTOOL_A_HEADER_DEV_NAME, nl.ZeroTerminated(name))
	req.AddData(header)
	for _, a := range more {
		req.AddData(a)
	}
	return req.Execute(unix.NETLINK_GENERIC, 0)
}

// queues returns how many receive and transmit queues are in use. Drivers
// that do not answer have as many as were allocated.
func queues(a *netlink.LinkAttrs) (rx, tx int) {
	replies, err := ethtool(unix.ETHTOOL_MSG_CHANNELS_GET, a.Name)
	if err == nil && len(replies) == 1 {
		rx, tx = parseChannels(replies[0])
	}
	if rx == 0 {
		rx = max(1, a.NumRxQueues)
	}
	if tx == 0 {
		tx = max(1, a.NumTxQueues)
	}
	return rx, tx
}

// parseChannels reads a reply of ETHTOOL_MSG_CHANNELS_GET. A combined channel
// is a receive and a transmit queue.
func parseChannels(reply []byte) (rx, tx int) {
	const genlHeader = 4
	if len(reply) < genlHeader {
		return 0, 0
	}
	attrs, err := nl.ParseRouteAttr(reply[genlHeader:])
	if err != nil {
		return 0, 0
	}
	for _, a := range attrs {
		if len(a.Value) < 4 {
			continue
		}
		n := int(binary.NativeEndian.Uint32(a.Value))
		switch a.Attr.Type {
		case unix.ETHTOOL_A_CHANNELS_RX_COUNT:
			rx += n
		case unix.ETHTOOL_A_CHANNELS_TX_COUNT:
			tx += n
		case unix.ETHTOOL_A_CHANNELS_COMBINED_COUNT:
			rx += n
			tx += n
		}
	}
	return rx, tx
}

// driver returns the name of the interface's driver, or "".
func driver(name string) string {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	info, err := unix.IoctlGetEthtoolDrvinfo(fd, name)
	if err != nil {
		return ""
	}
	return unix.ByteSliceToString(info.Driver[:])
}
