package netconf

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// attr is one netlink attribute with a 32-bit value.
func attr(kind uint16, value uint32) []byte {
	b := binary.NativeEndian.AppendUint16(nil, 8)
	b = binary.NativeEndian.AppendUint16(b, kind)
	return binary.NativeEndian.AppendUint32(b, value)
}

func TestParseChannels(t *testing.T) {
	header := []byte{unix.ETHTOOL_MSG_CHANNELS_GET_REPLY, 1, 0, 0}
	tests := []struct {
		name   string
		attrs  [][]byte
		rx, tx int
	}{
		{"combined count for both", [][]byte{attr(unix.ETHTOOL_A_CHANNELS_COMBINED_COUNT, 4)}, 4, 4},
		{"separate", [][]byte{attr(unix.ETHTOOL_A_CHANNELS_RX_COUNT, 2), attr(unix.ETHTOOL_A_CHANNELS_TX_COUNT, 3)}, 2, 3},
		{"mixed add up", [][]byte{attr(unix.ETHTOOL_A_CHANNELS_RX_COUNT, 1), attr(unix.ETHTOOL_A_CHANNELS_COMBINED_COUNT, 2)}, 3, 2},
		{"limits are no counts", [][]byte{attr(unix.ETHTOOL_A_CHANNELS_RX_MAX, 8)}, 0, 0},
		{"none", nil, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reply := append([]byte(nil), header...)
			for _, a := range tt.attrs {
				reply = append(reply, a...)
			}
			if rx, tx := parseChannels(reply); rx != tt.rx || tx != tt.tx {
				t.Errorf("got %d and %d, want %d and %d", rx, tx, tt.rx, tt.tx)
			}
		})
	}
	if rx, tx := parseChannels([]byte{1}); rx != 0 || tx != 0 {
		t.Errorf("a short reply has %d and %d queues", rx, tx)
	}
}
