package mtcp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"golang.org/x/net/nettest"
)

// wires are worlds that differ on the way of a segment. The last dials itself.
var wires = []struct {
	name string
	wire WireConfig
	self bool
}{
	{"TwoShards", WireConfig{Queues: 2}, false},
	{"FourShards", WireConfig{Queues: 4}, false},
	{"SmallPackets", WireConfig{MTU: 296}, false},
	{"LargePackets", WireConfig{MTU: 9000}, false},
	{"LargePacketsTwoShards", WireConfig{MTU: 9000, Queues: 2}, false},
	{"HugePackets", WireConfig{MTU: 65535}, false},
	{"Slow", WireConfig{Impair: [2]Impairment{{Rate: 50 << 20}, {Rate: 20 << 20}}}, false},
	{"Self", WireConfig{}, true},
	{"SelfTwoShards", WireConfig{Queues: 2}, true},
	{"SelfLargePackets", WireConfig{MTU: 9000}, true},
	{"SelfHugePackets", WireConfig{MTU: 65535}, true},
}

// eachWire runs a test in every kind of world.
func eachWire(t *testing.T, f func(t *testing.T, h *host)) {
	for _, c := range wires {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.wire, nil)
			h := &host{ip: serverIP, listen: w.server.Listen, dial: w.client.DialContext, shards: c.wire.Queues}
			if c.self {
				h.dial = w.server.DialContext
			}
			f(t, h)
		})
	}
}

func TestConn_PassesNettestOnEveryWire(t *testing.T) {
	eachWire(t, func(t *testing.T, h *host) {
		if raceEnabled && h.shards != 2 {
			t.Skip("the race detector has seen enough of one shard")
		}
		l := h.mustListen(t, ":80")
		nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
			c, err := h.dial(context.Background(), "tcp", h.ip+":80")
			if err != nil {
				return nil, nil, nil, err
			}
			s, err := l.Accept()
			if err != nil {
				return nil, nil, nil, err
			}
			return c, s, func() { c.Close(); s.Close() }, nil
		})
	})
}

func TestConn_TransfersOnEveryWire(t *testing.T) {
	eachWire(t, func(t *testing.T, h *host) {
		for _, n := range []int{1, 8959, 8961, 65_496, 1<<20 + 1} {
			_, c, s := h.open(t)
			within(t, fmt.Sprint(n, " octets"), func() { transfer(t, c, s, n, 2*n) })
		}
	})
}

func TestConn_AddressesAreTCPAddrs(t *testing.T) {
	_, c, s := pair(t, WireConfig{})
	for _, x := range [][2]net.Addr{
		{c.LocalAddr(), s.RemoteAddr()}, {c.RemoteAddr(), s.LocalAddr()},
	} {
		a, ok := x[0].(*net.TCPAddr)
		b, ok2 := x[1].(*net.TCPAddr)
		if !ok || !ok2 || !a.IP.Equal(b.IP) || a.Port != b.Port || a.Network() != "tcp" || len(a.AddrPort().Addr().AsSlice()) != 4 {
			t.Errorf("addresses %T %v and %T %v", x[0], x[0], x[1], x[1])
		}
	}
	if a := s.LocalAddr().String(); a != serverIP+":80" {
		t.Errorf("the server's address is %s", a)
	}
	c.Close()
	if c.LocalAddr() == nil || c.RemoteAddr() == nil {
		t.Error("a closed connection has forgotten its addresses")
	}
}

// After Close the other end learns of it, and the deadline's timer is gone.
func TestClose_StopsDeadlines(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w, c, s := pair(t, WireConfig{})
		c.SetDeadline(time.Now().Add(time.Hour))
		c.Close()
		if c.read.t.Stop() || c.write.t.Stop() {
			t.Error("a timer runs on after Close")
		}
		if _, err := io.ReadAll(s); err != nil {
			t.Error(err)
		}
		l := w.listen(t, ":81").(*Listener)
		l.SetDeadline(time.Now().Add(time.Hour))
		l.Close()
		if l.deadline.t.Stop() {
			t.Error("a listener's timer runs on after Close")
		}
	})
}

func TestCapture_HasEveryPacketOfBothDirections(t *testing.T) {
	var file bytes.Buffer
	w := newWorld(t, WireConfig{}, func(client, _ *Config) { client.Capture = &file })
	c, s := w.connect(t, w.listen(t, ":80"))
	within(t, "the transfer", func() { transfer(t, c, s, 100_000, 100_000) })
	c.Close()
	s.Close()
	st := w.client.Stats()[0]
	if err := w.client.Close(); err != nil {
		t.Fatal(err)
	}
	b := file.Bytes()
	if len(b) < 28 || !bytes.Equal(b[:4], []byte{0x0a, 0x0d, 0x0d, 0x0a}) {
		t.Fatalf("%d octets that are no pcapng", len(b))
	}
	if n := blocks(b, 6); n < int(st.RxFrames+st.TxFrames) {
		t.Errorf("%d packets in the file, and the stack had %d", n, st.RxFrames+st.TxFrames)
	}
}

// blocks counts the blocks of a type in a pcapng file of this machine's order.
func blocks(b []byte, kind byte) (n int) {
	for len(b) >= 12 {
		size := int(b[4]) | int(b[5])<<8 | int(b[6])<<16
		if b[0] == kind && b[1] == 0 && b[2] == 0 && b[3] == 0 {
			n++
		}
		if size < 12 || size > len(b) {
			return -1
		}
		b = b[size:]
	}
	return n
}

func TestCapture_OneFileForAllQueues(t *testing.T) {
	var file bytes.Buffer
	w := newWorld(t, WireConfig{Queues: 2}, func(client, _ *Config) { client.Capture = &file })
	if err := w.client.Close(); err != nil {
		t.Fatal(err)
	}
	if n := blocks(file.Bytes(), 1); n != 2 {
		t.Errorf("%d interfaces in the file, and there are 2 queues", n)
	}
}

// mappings counts the stacks' memories in this process.
func mappings(t *testing.T) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	return strings.Count(string(maps), "/memfd:mtcp")
}

func TestClose_LastConnectionGivesTheMemoryBack(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's memory is on the heap")
	}
	before := mappings(t)
	w := newWorld(t, WireConfig{}, nil)
	c, s := w.connect(t, w.listen(t, ":80"))
	w.client.Close()
	w.server.Close()
	if n := mappings(t); n != before+2 {
		t.Errorf("%d memories are mapped while each of two stacks has a connection, %d before", n, before)
	}
	c.Close()
	s.Close()
	if n := mappings(t); n != before {
		t.Errorf("%d memories remain mapped, %d before", n, before)
	}
}

func TestLogger_HearsOfTheLink(t *testing.T) {
	var log bytes.Buffer
	newWorld(t, WireConfig{}, func(client, _ *Config) {
		client.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	if s := log.String(); !strings.Contains(s, "link open") || !strings.Contains(s, "in-process") {
		t.Errorf("the log says %q", s)
	}
}

// A gateway carries what is not on link; without forwarding in this world, the
// packets arrive at a stack that they are not for.
func TestConfig_GatewayIsTheNextHop(t *testing.T) {
	w := newWorld(t, WireConfig{}, func(client, server *Config) {
		client.Gateway = netip.MustParseAddr(serverIP)
		server.Addresses = append(server.Addresses, netip.MustParsePrefix("192.0.2.1/32"))
		server.Gateway = netip.MustParseAddr(clientIP)
	})
	w.listen(t, "192.0.2.1:80")
	c, err := w.client.Dial("tcp", "192.0.2.1:80")
	if err != nil {
		t.Fatal(err)
	}
	if a := c.LocalAddr().(*net.TCPAddr); a.IP.String() != clientIP {
		t.Errorf("dialled from %v", a)
	}
	c.Close()
}

// TestClose_GivesTheConnectionBackOnce closes while others read, write and set: it
// is given back when the last of them has left, and by nobody else.
func TestClose_GivesTheConnectionBackOnce(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	l := w.listen(t, ":80")
	b := make([]byte, 64)
	for i := range 200 {
		c, s := w.connect(t, l)
		var inside sync.WaitGroup
		begun := make(chan struct{}, 8)
		until := func(f func() error) {
			inside.Go(func() {
				begun <- struct{}{}
				for f() == nil {
				}
			})
		}
		for range 2 {
			until(func() error { _, err := c.Read(make([]byte, 64)); return err })
			until(func() error { _, err := c.Write(b); return err })
			until(func() error { return c.SetDeadline(time.Time{}) })
		}
		until(func() error { _, err := s.Write(b); return err })
		for range i % 8 {
			<-begun
		}
		if i%3 == 0 {
			c.CloseRead()
		}
		c.Close()
		s.Close()
		within(t, "all calls", inside.Wait)
	}
	eventually(t, "both stacks have their slots again", func() bool {
		return w.client.Stats()[0].Connections == 0 && w.server.Stats()[0].Connections == 0
	})
	for _, s := range []*Stack{w.client, w.server} {
		if n := s.Stats()[0].Drops[drop.StaleHandle.String()]; n > 0 {
			t.Errorf("%d commands for connections that had been given back", n)
		}
	}
}
