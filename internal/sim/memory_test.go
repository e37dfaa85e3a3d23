package sim

// The budget: every limit is met at once, and no part takes more than what was
// reserved for it.

import (
	"bytes"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/wire"
)

var memoryScenarios = []scenario{
	{"every-limit-at-once", everyLimitAtOnce},
}

// A crush is peers that ask for more than there is of everything.
type crush struct {
	t     *testing.T
	w     *World
	h     *Host
	s     *Station
	l     *Listener
	peers []*peer // whose connections the application holds, and does not read
	conns []*Conn
	ports uint16
	peak  shard.Octets // in use, of each part
}

func everyLimitAtOnce(t *testing.T, w *World) {
	h, s := alone(w, HostConfig{
		Connections: 600, TimeWaits: 32, RingMemory: 8 << 20, IP: ip.Config{ReassemblyBytes: 128 << 10},
	})
	c := &crush{t: t, w: w, h: h, s: s, ports: 2000, l: h.Listen(Addr{Port: 80}, 64)}
	w.EachRound(c.look)
	w.Run(time.Millisecond)
	c.hold(460)
	c.unacknowledged(100)
	for round := range 40 {
		c.unread(round)
		c.holes(round)
		c.unanswered(200)
		c.timeWait()
		c.fragments(round)
		c.strangers(round)
		w.Run(time.Millisecond)
		s.Frames = nil
	}
	c.allWereMet()
	c.roomAgain()
}

// look compares what is in use with what is reserved, in every round.
func (c *crush) look() {
	reserved := c.h.Shard(0).Reserved()
	for p, n := range c.h.Shard(0).InUse() {
		c.peak[p] = max(c.peak[p], n)
		if n > reserved[p] {
			c.w.Problem("%v: %d octets in use of %d reserved", shard.Part(p), n, reserved[p])
		}
	}
}

func (c *crush) next() *peer {
	c.ports++
	return newPeer(c.t, c.s, c.h, c.ports, 80)
}

// hold opens connections that the application keeps, and does not read.
func (c *crush) hold(n int) {
	for range n {
		p := c.next()
		p.connect(wire.Options{Present: wire.HasMSS | wire.HasSACKPermitted, MSS: 1460})
		c.peers = append(c.peers, p)
		c.conns = append(c.conns, c.l.Accept())
	}
}

// unacknowledged is text of several segments that peers leave so.
func (c *crush) unacknowledged(n int) {
	for _, k := range c.conns[:n] {
		write(c.t, k, make([]byte, 3000))
		c.w.Run(20 * time.Microsecond)
	}
}

// each calls f for a tenth of the connections, so that the wire holds it.
func (c *crush) each(round int, f func(*peer)) {
	for i := round % 10; i < len(c.peers); i += 10 {
		f(c.peers[i])
	}
	c.w.Run(100 * time.Microsecond)
}

// unread is text that stays in the rings.
func (c *crush) unread(round int) {
	c.each(round, func(p *peer) { p.send(wire.ACK, make([]byte, 1400)) })
}

// holes is text that lies apart from the rest.
func (c *crush) holes(round int) {
	c.each(round+1, func(p *peer) {
		p.transmit(p.seq.Add(2000), wire.ACK, make([]byte, 100))
		p.transmit(p.seq.Add(2200), wire.ACK, make([]byte, 100))
	})
}

// unanswered is handshakes that nobody completes.
func (c *crush) unanswered(n int) {
	for range n {
		p := c.next()
		p.send(wire.SYN, nil)
	}
	c.w.Run(100 * time.Microsecond)
}

// timeWait is connections that the application closes.
func (c *crush) timeWait() {
	for range 3 {
		p := c.next()
		p.send(wire.SYN, nil)
		got := p.take(50 * time.Microsecond)
		if len(got) == 0 {
			continue // no room for it
		}
		p.ack = got[0].End()
		p.send(wire.ACK, nil)
		p.take(50 * time.Microsecond)
		if a := c.l.Accept(); a != nil {
			a.Close(false)
			p.take(100 * time.Microsecond)
			p.send(wire.ACK|wire.FIN, nil)
			p.take(50 * time.Microsecond)
		}
	}
}

// fragments are beginnings without an end.
func (c *crush) fragments(round int) {
	for i := range 40 {
		whole := c.s.To(c.h, 9, 80)
		whole.Flags, whole.Text = wire.ACK, make([]byte, 1200)
		c.s.Send(fragment(whole.Frame(), 1000, uint16(round*40+i))[0])
	}
	c.w.Run(100 * time.Microsecond)
}

// strangers ask for our address by ARP, and have us ask for theirs.
func (c *crush) strangers(round int) {
	for i := range wire.IPv4(40) {
		from := c.s.IP&^0xff | (wire.IPv4(round)*40+i)%200 + 20
		c.s.Send(ARPFrame(wire.Broadcast(), wire.ARP{
			Op: wire.ARPRequest, SenderMAC: wire.MAC{2, 9, 0, 0, byte(round), byte(i)}, SenderIP: from, TargetIP: c.h.Address,
		}))
		p := c.s.To(c.h, 77, 99)
		p.Src.IP, p.Flags = from^0x40, wire.ACK
		c.s.Send(p.Frame())
	}
	c.w.Run(100 * time.Microsecond)
}

// allWereMet: a test that meets no limit tests none.
func (c *crush) allWereMet() {
	st, reserved := c.h.Stats(0), c.h.Shard(0).Reserved()
	for _, r := range []drop.Reason{drop.NoTimeWait, drop.ReassemblyFull, drop.NoRing} {
		if st.Drops[r] == 0 {
			c.t.Errorf("nothing was dropped for %v", r)
		}
	}
	if st.TCP.CookiesSent == 0 {
		c.t.Error("no handshake was without room")
	}
	if st.IP.FragmentEvictions == 0 || st.ARP.EvictedUnresolved == 0 {
		c.t.Errorf("%d datagrams and %d neighbours made room", st.IP.FragmentEvictions, st.ARP.EvictedUnresolved)
	}
	for p, least := range map[shard.Part]int{
		shard.MemoryConnections: 90, shard.MemoryTimeWaits: 90, shard.MemoryRanges: 90, shard.MemoryRings: 60,
		shard.MemoryFragments: 30, shard.MemoryNeighbours: 60,
	} {
		if c.peak[p] < reserved[p]/100*least {
			c.t.Errorf("%v: at most %d octets of %d were in use, want %d %%", p, c.peak[p], reserved[p], least)
		}
	}
}

// roomAgain: when those who asked for too much have gone, others are served.
func (c *crush) roomAgain() {
	for _, k := range c.conns {
		if k.App.Block.Errno() != 0 {
			c.t.Fatalf("a connection that was accepted broke: %v", k.App.Block.Errno())
		}
		k.Close(true)
	}
	c.w.Run(3 * time.Minute)
	c.s.Frames = nil
	p := c.next()
	p.connect(plain)
	k := c.l.Accept()
	p.send(wire.ACK|wire.PSH, []byte("room for me?"))
	p.take(time.Millisecond)
	if got := read(k); !bytes.Equal(got, []byte("room for me?")) {
		c.t.Errorf("read %q", got)
	}
}
