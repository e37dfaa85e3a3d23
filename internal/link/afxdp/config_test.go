package afxdp

import (
	"errors"
	"net/netip"
	"testing"
	"time"
)

func TestConfig_Defaults(t *testing.T) {
	c, err := Config{Interface: "x"}.complete()
	if err != nil {
		t.Fatal(err)
	}
	if c.FrameSize != 2048 || c.Frames != 4096 || c.RingSize != 2048 {
		t.Errorf("%+v", c)
	}
}

func TestConfig_RefusesWhatCannotBe(t *testing.T) {
	address := func(s string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(s)} }
	for _, c := range []Config{
		{},
		{Interface: "x", FrameSize: 1024},
		{Interface: "x", Frames: 1000},
		{Interface: "x", Frames: 64},
		{Interface: "x", Frames: 1 << 21},
		{Interface: "x", RingSize: 3},
		{Interface: "x", RingSize: 4096},
		{Interface: "x", RingSize: 32},
		{Interface: "x", Queues: -1},
		{Interface: "x", Queues: 257},
		{Interface: "x", Mode: 3},
		{Interface: "x", Copy: 3},
		{Interface: "x", TxChecksum: 3},
		{Interface: "x", Mode: ModeGeneric, Copy: CopyNever},
		{Interface: "x", BusyPoll: -1},
		{Interface: "x", BusyPoll: time.Hour},
		{Interface: "x", Addresses: address("::1")},
		{Interface: "x", Addresses: address("0.0.0.0")},
		{Interface: "x", Addresses: address("224.0.0.1")},
		{Interface: "x", Addresses: address("127.0.0.1")},
		{Interface: "x", Addresses: make([]netip.Addr, 1)},
		{Interface: "x", Addresses: make([]netip.Addr, maxAddresses+1)},
	} {
		if _, err := c.complete(); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestFactsCheck(t *testing.T) {
	tests := []struct {
		name   string
		facts  facts
		config Config
		want   error
	}{
		{"fits", facts{mtu: 1500, rx: 4, tx: 4}, Config{FrameSize: 2048}, nil},
		{"the largest MTU", facts{mtu: 1778, rx: 1, tx: 1}, Config{FrameSize: 2048}, nil},
		{"one more", facts{mtu: 1779, rx: 1, tx: 1}, Config{FrameSize: 2048}, ErrMTU},
		{"too large for any frame", facts{mtu: 9000, rx: 1, tx: 1}, Config{FrameSize: 4096}, ErrMTU},
		{"queues that cannot transmit", facts{mtu: 1500, rx: 4, tx: 2}, Config{FrameSize: 2048}, ErrQueues},
		{"more queues to transmit", facts{mtu: 1500, rx: 2, tx: 4}, Config{FrameSize: 2048}, nil},
		{"some of the queues", facts{mtu: 1500, rx: 4, tx: 4}, Config{FrameSize: 2048, Queues: 2}, ErrQueues},
		{"all by number", facts{mtu: 1500, rx: 4, tx: 4}, Config{FrameSize: 2048, Queues: 4}, nil},
		{"very many", facts{mtu: 1500, rx: 300, tx: 300}, Config{FrameSize: 2048}, ErrQueues},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.facts.check(&tt.config); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}
