package netconf

// More questions to drivers: offloads, channels, rings, and how packets are
// spread. Each answer is read by a function of its own, from octets to values.

import (
	"encoding/binary"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Attributes of an answer to ETHTOOL_MSG_RSS_GET.
const (
	rssTable = 4 // ETHTOOL_A_RSS_INDIR
	rssKey   = 5 // ETHTOOL_A_RSS_HKEY
)

// Offloads that stand in the way of XDP, as `ethtool -k` names them in full.
const (
	LRO         = "rx-lro"
	HardwareGRO = "rx-gro-hw"
	RxChecksum  = "rx-checksum"
	TSO         = "tx-tcp-segmentation"
	GSO         = "tx-generic-segmentation"
)

// answer asks a driver, and returns the attributes of what it says; nil when it
// says nothing.
func answer(command uint8, name string, more ...*nl.RtAttr) []byte {
	const genlHeader = 4
	replies, err := ethtool(command, name, more...)
	if err != nil || len(replies) != 1 || len(replies[0]) < genlHeader {
		return nil
	}
	return replies[0][genlHeader:]
}

func readOffloads(name string) map[string]Offload {
	return parseOffloads(answer(unix.ETHTOOL_MSG_FEATURES_GET, name))
}

// parseOffloads leaves out features that the interface neither has nor could
// have.
func parseOffloads(b []byte) map[string]Offload {
	var can, on, fixed map[string]bool
	for kind, value := range attributes(b) {
		switch kind {
		case unix.ETHTOOL_A_FEATURES_HW:
			can = parseBits(value)
		case unix.ETHTOOL_A_FEATURES_ACTIVE:
			on = parseBits(value)
		case unix.ETHTOOL_A_FEATURES_NOCHANGE:
			fixed = parseBits(value)
		}
	}
	if on == nil {
		return nil
	}
	all := map[string]Offload{}
	for name := range can {
		all[name] = Offload{Fixed: fixed[name]}
	}
	for name := range on {
		all[name] = Offload{On: true, Fixed: fixed[name] || !can[name]}
	}
	return all
}

// parseBits reads a bit set in its long form: the names of those that are set.
func parseBits(b []byte) map[string]bool {
	set, isList := map[string]bool{}, false
	var bits []byte
	for kind, value := range attributes(b) {
		switch kind {
		case unix.ETHTOOL_A_BITSET_NOMASK:
			isList = true
		case unix.ETHTOOL_A_BITSET_BITS:
			bits = value
		}
	}
	for _, bit := range attributes(bits) {
		name, isSet := "", isList
		for kind, value := range attributes(bit) {
			switch kind {
			case unix.ETHTOOL_A_BITSET_BIT_NAME:
				name = unix.ByteSliceToString(value)
			case unix.ETHTOOL_A_BITSET_BIT_VALUE:
				isSet = true
			}
		}
		if isSet && name != "" {
			set[name] = true
		}
	}
	return set
}

func readChannels(name string) Channels {
	return parseMaxChannels(answer(unix.ETHTOOL_MSG_CHANNELS_GET, name))
}

func parseMaxChannels(b []byte) (c Channels) {
	for kind, value := range attributes(b) {
		switch kind {
		case unix.ETHTOOL_A_CHANNELS_RX_MAX:
			c.MaxRx = number(value)
		case unix.ETHTOOL_A_CHANNELS_TX_MAX:
			c.MaxTx = number(value)
		case unix.ETHTOOL_A_CHANNELS_COMBINED_MAX:
			c.MaxCombined = number(value)
		}
	}
	return c
}

func readRings(name string) Rings {
	return parseRings(answer(unix.ETHTOOL_MSG_RINGS_GET, name))
}

func parseRings(b []byte) (r Rings) {
	for kind, value := range attributes(b) {
		switch kind {
		case unix.ETHTOOL_A_RINGS_RX:
			r.Rx = number(value)
		case unix.ETHTOOL_A_RINGS_RX_MAX:
			r.RxMax = number(value)
		case unix.ETHTOOL_A_RINGS_TX:
			r.Tx = number(value)
		case unix.ETHTOOL_A_RINGS_TX_MAX:
			r.TxMax = number(value)
		}
	}
	return r
}

func readCoalesce(name string) Coalesce {
	return parseCoalesce(answer(unix.ETHTOOL_MSG_COALESCE_GET, name))
}

func parseCoalesce(b []byte) (c Coalesce) {
	for kind, value := range attributes(b) {
		switch {
		case kind == unix.ETHTOOL_A_COALESCE_RX_USECS:
			c.Known, c.RxMicros = true, number(value)
		case kind == unix.ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX && len(value) > 0:
			c.Adaptive = value[0] != 0
		}
	}
	return c
}

// readRSS needs Linux 6.2.
func readRSS(name string) RSS {
	return parseRSS(answer(unix.ETHTOOL_MSG_RSS_GET, name))
}

func parseRSS(b []byte) (r RSS) {
	for kind, value := range attributes(b) {
		switch kind {
		case rssKey:
			r.Key = append([]byte(nil), value...)
		case rssTable:
			for ; len(value) >= 4; value = value[4:] {
				r.Table = append(r.Table, binary.NativeEndian.Uint32(value))
			}
		}
	}
	r.Known = len(r.Table) > 0
	return r
}
