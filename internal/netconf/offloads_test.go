package netconf

import (
	"encoding/binary"
	"maps"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// nest is an attribute around others.
func nest(kind uint16, inner ...[]byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, 0)
	b = binary.NativeEndian.AppendUint16(b, kind|unix.NLA_F_NESTED)
	for _, i := range inner {
		b = append(b, i...)
	}
	binary.NativeEndian.PutUint16(b, uint16(len(b)))
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// bits is a bit set of names; those that begin with + have a value.
func bits(kind uint16, isList bool, names ...string) []byte {
	var all [][]byte
	for _, name := range names {
		var value []byte
		if name[0] == '+' {
			name, value = name[1:], nest(unix.ETHTOOL_A_BITSET_BIT_VALUE)
		}
		text := nest(unix.ETHTOOL_A_BITSET_BIT_NAME, append([]byte(name), 0))
		all = append(all, nest(unix.ETHTOOL_A_BITSET_BITS_BIT, text, value))
	}
	var list []byte
	if isList {
		list = nest(unix.ETHTOOL_A_BITSET_NOMASK)
	}
	return nest(kind, list, nest(unix.ETHTOOL_A_BITSET_BITS, all...))
}

func TestParseOffloads(t *testing.T) {
	reply := slices.Concat(
		bits(unix.ETHTOOL_A_FEATURES_HW, false, "+rx-lro", "+rx-gro-hw", "highdma"),
		bits(unix.ETHTOOL_A_FEATURES_ACTIVE, true, "rx-gro-hw", "rx-checksum"),
		bits(unix.ETHTOOL_A_FEATURES_NOCHANGE, true, "rx-gro-hw"),
	)
	want := map[string]Offload{"rx-lro": {}, "rx-gro-hw": {On: true, Fixed: true}, "rx-checksum": {On: true, Fixed: true}}
	if got := parseOffloads(reply); !maps.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if got := parseOffloads(nil); got != nil {
		t.Errorf("no answer, and %+v", got)
	}
	for cut := range reply { // a reply that was cut off is read as far as it goes
		parseOffloads(reply[:cut])
	}
}

func TestParseMaxChannels(t *testing.T) {
	reply := slices.Concat(
		attr(unix.ETHTOOL_A_CHANNELS_RX_MAX, 3), attr(unix.ETHTOOL_A_CHANNELS_TX_MAX, 4),
		attr(unix.ETHTOOL_A_CHANNELS_COMBINED_MAX, 64), attr(unix.ETHTOOL_A_CHANNELS_COMBINED_COUNT, 2))
	if got := parseMaxChannels(reply); got != (Channels{MaxRx: 3, MaxTx: 4, MaxCombined: 64}) {
		t.Errorf("%+v", got)
	}
}

func TestParseRings(t *testing.T) {
	reply := slices.Concat(
		attr(unix.ETHTOOL_A_RINGS_RX, 256), attr(unix.ETHTOOL_A_RINGS_RX_MAX, 4096),
		attr(unix.ETHTOOL_A_RINGS_TX, 128), attr(unix.ETHTOOL_A_RINGS_TX_MAX, 2048))
	if got := parseRings(reply); got != (Rings{Rx: 256, RxMax: 4096, Tx: 128, TxMax: 2048}) {
		t.Errorf("%+v", got)
	}
}

func TestParseCoalesce(t *testing.T) {
	micros := attr(unix.ETHTOOL_A_COALESCE_RX_USECS, 50)
	if got := parseCoalesce(micros); got != (Coalesce{Known: true, RxMicros: 50}) {
		t.Errorf("%+v", got)
	}
	adaptive := nest(unix.ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX, []byte{1})
	if got := parseCoalesce(slices.Concat(micros, adaptive)); got != (Coalesce{Known: true, RxMicros: 50, Adaptive: true}) {
		t.Errorf("%+v", got)
	}
	if got := parseCoalesce(nest(unix.ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX)); got != (Coalesce{}) {
		t.Errorf("%+v", got)
	}
}

func TestParseRSS(t *testing.T) {
	table := nest(rssTable, []byte{1, 0, 0, 0, 2, 0, 0, 0})
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the made-up answer is little-endian")
	}
	got := parseRSS(slices.Concat(nest(rssKey, []byte{9, 8, 7}), table))
	if !got.Known || !slices.Equal(got.Key, []byte{9, 8, 7}) || !slices.Equal(got.Table, []uint32{1, 2}) {
		t.Errorf("%+v", got)
	}
	if parseRSS(nil).Known {
		t.Error("no answer, and known")
	}
}
