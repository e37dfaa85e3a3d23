package afxdp

// What the driver says it can do: the kernel's "netdev" generic netlink family
// (Linux 6.3 and later).

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

const (
	netdevGet         = 1 // NETDEV_CMD_DEV_GET
	netdevIfindex     = 1 // NETDEV_A_DEV_IFINDEX
	netdevXDPFeatures = 3 // NETDEV_A_DEV_XDP_FEATURES
	netdevXSKFeatures = 6 // NETDEV_A_DEV_XSK_FEATURES

	featureBasic      = 1 << 0 // NETDEV_XDP_ACT_BASIC
	featureRedirect   = 1 << 1 // NETDEV_XDP_ACT_REDIRECT
	featureZeroCopy   = 1 << 3 // NETDEV_XDP_ACT_XSK_ZEROCOPY
	featureFragments  = 1 << 5 // NETDEV_XDP_ACT_RX_SG
	featureTxChecksum = 1 << 1 // NETDEV_XSK_FLAGS_TX_CHECKSUM
)

// features are the driver's own words. Without an answer known is false.
type features struct {
	known    bool
	xdp, xsk uint64
}

func readFeatures(ifindex int) features {
	id, err := genericFamily("netdev")
	if err != nil {
		return features{}
	}
	body := []byte{netdevGet, 1, 0, 0}
	body = appendAttribute(body, netdevIfindex, binary.NativeEndian.AppendUint32(nil, uint32(ifindex)))
	reply, err := ask(unix.NETLINK_GENERIC, id, body)
	if err != nil {
		return features{}
	}
	return parseFeatures(reply)
}

func parseFeatures(reply []byte) features {
	if len(reply) < unix.GENL_HDRLEN {
		return features{}
	}
	attrs := reply[unix.GENL_HDRLEN:]
	xdp := attribute(attrs, netdevXDPFeatures)
	if len(xdp) < 8 {
		return features{}
	}
	f := features{known: true, xdp: binary.NativeEndian.Uint64(xdp)}
	if xsk := attribute(attrs, netdevXSKFeatures); len(xsk) >= 8 {
		f.xsk = binary.NativeEndian.Uint64(xsk)
	}
	return f
}

// genericFamily looks up the number of a generic netlink family.
func genericFamily(name string) (uint16, error) {
	body := []byte{unix.CTRL_CMD_GETFAMILY, 1, 0, 0}
	body = appendAttribute(body, unix.CTRL_ATTR_FAMILY_NAME, append([]byte(name), 0))
	reply, err := ask(unix.NETLINK_GENERIC, unix.GENL_ID_CTRL, body)
	if err != nil {
		return 0, err
	}
	if len(reply) < unix.GENL_HDRLEN {
		return 0, errReply
	}
	id := attribute(reply[unix.GENL_HDRLEN:], unix.CTRL_ATTR_FAMILY_ID)
	if len(id) < 2 {
		return 0, errReply
	}
	return binary.NativeEndian.Uint16(id), nil
}
