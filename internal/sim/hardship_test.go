package sim

// Hardships: what can be wrong with a network, a host, or the people on it.

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

type hardship struct {
	name  string
	apply func(*scene)
}

var hardships = []hardship{
	{"loss", (*scene).loss},
	{"reordering", (*scene).reordering},
	{"duplication", (*scene).duplication},
	{"corruption", (*scene).corruption},
	{"bottleneck", (*scene).bottleneck},
	{"tiny windows", (*scene).tinyWindows},
	{"resets", (*scene).resets},
	{"forgery", (*scene).forgery},
	{"rubbish", (*scene).rubbish},
	{"clock jumps", (*scene).clockJumps},
	{"little memory", (*scene).littleMemory},
	{"SYN flood", (*scene).synFlood},
	{"ARP loss", (*scene).arpLoss},
	{"several shards", (*scene).severalShards},
	{"narrow path", (*scene).narrowPath},
	{"cut", (*scene).cut},
	{"slow shards", (*scene).slowShards},
	{"lazy listeners", (*scene).lazyListeners},
	{"impatience", (*scene).impatience},
	{"slow readers", (*scene).slowReaders},
	{"moving flows", (*scene).movingFlows},
}

// drawHardships takes one in turn, so that each has its share of the seeds, and
// up to two more by lot.
func (s *scene) drawHardships(seed uint64) {
	chosen := map[int]bool{}
	take := func(i int) {
		if !chosen[i] {
			chosen[i] = true
			s.hardships = append(s.hardships, hardships[i].name)
			hardships[i].apply(s)
		}
	}
	take(int(seed % uint64(len(hardships))))
	for range s.Rand.IntN(3) {
		take(s.Rand.IntN(len(hardships)))
	}
}

// every calls f after random times around d, for as long as there are dials,
// and not for ever.
func (s *scene) every(d time.Duration, f func()) {
	var again func()
	calls := 0
	again = func() {
		if calls++; s.isSpent() || calls > 2000 {
			return
		}
		f()
		s.After(time.Duration(s.Rand.Int64N(int64(2*d)+1)), again)
	}
	s.then = append(s.then, again)
}

func (s *scene) isSpent() bool {
	return s.Segments() >= s.enough || s.traffic.Opened >= s.most || len(s.traffic.Pairs) >= 20*s.most
}

func (s *scene) loss() {
	for i := range s.wire.Impair {
		s.wire.Impair[i].Loss = []float64{0, 0.005, 0.02, 0.1}[s.Rand.IntN(4)]
	}
	s.wire.Impair[0].Loss += 0.01
	s.traffic.Excuses.Unreachable = true // three ARP requests in a row may be lost
}

func (s *scene) reordering() {
	for i := range s.wire.Impair {
		s.wire.Impair[i].Reorder = []float64{0, 0.01, 0.1, 0.5}[s.Rand.IntN(4)]
		s.wire.Impair[i].ReorderBy = time.Duration(s.Rand.IntN(20)) * time.Millisecond
	}
	s.wire.Impair[0].Jitter = time.Millisecond
}

func (s *scene) duplication() {
	for i := range s.wire.Impair {
		s.wire.Impair[i].Duplicate = []float64{0.01, 0.1, 0.5}[s.Rand.IntN(3)]
	}
}

func (s *scene) corruption() {
	for i := range s.wire.Impair {
		s.wire.Impair[i].Corrupt = []float64{0.005, 0.02, 0.05}[s.Rand.IntN(3)]
	}
	// ARP has no checksum: a neighbour may be learnt with a wrong address.
	s.traffic.Excuses.Unreachable, s.traffic.Excuses.TimeOut = true, true
}

func (s *scene) bottleneck() {
	for i := range s.wire.Impair {
		s.wire.Impair[i].Rate = []uint64{20_000, 200_000, 2_000_000}[s.Rand.IntN(3)]
		s.wire.Impair[i].QueueLimit = 10_000 + s.Rand.IntN(50_000)
		s.wire.Impair[i].MarkAbove = s.wire.Impair[i].QueueLimit / 4
	}
	s.traffic.Size = min(s.traffic.Size, 20_000)
	s.traffic.Excuses.Unreachable = true // ARP waits in the queue, too
}

func (s *scene) tinyWindows() {
	for i := range s.config {
		c := &s.config[i].TCP
		c.RcvBuf = []int{4 << 10, 8 << 10, 16 << 10}[s.Rand.IntN(3)]
		c.RcvBufMax, c.SndBufMax = c.RcvBuf, 4<<10<<s.Rand.IntN(4)
		c.WindowScale = s.Rand.IntN(3)
	}
	s.traffic.Pause = 300 * time.Millisecond
	s.traffic.Size = min(s.traffic.Size, 8_000)
}

// resets are forged so that they hit.
func (s *scene) resets() {
	s.every(30*time.Millisecond, func() {
		h, x, p := s.target()
		if p == nil {
			return
		}
		p.Excuses.Reset = true
		h.Inject(x.Shard, s.forged(h, x, wire.RST|wire.Flags(s.Rand.IntN(2))*wire.ACK))
	})
}

func (s *scene) forged(h *Host, x *View, f wire.Flags) []byte {
	p := h.Forge(x, f)
	return p.Frame()
}

// target draws a connection of the traffic at one of its ends.
func (s *scene) target() (*Host, *View, *Pair) {
	h := s.hosts[s.Rand.IntN(2)]
	views := h.Views()
	if len(views) == 0 {
		return h, nil, nil
	}
	recent := min(len(views), 2*s.traffic.AtOnce)
	x := views[len(views)-1-s.Rand.IntN(recent)]
	p := s.traffic.Find(x.Local, x.Remote)
	if p == nil || !x.Synchronized || !p.holds(x) {
		return h, nil, nil
	}
	return h, x, p
}

// holds reports that the connection whose end has sent x is there: a forger
// who knows all sequence numbers could open one that is not.
func (p *Pair) holds(x *View) bool {
	for _, e := range p.Ends {
		if e != nil && e.Conn.Local == x.Local && !e.isGone() && !(e.EOF && e.ShutAt.IsSet()) && e.Conn.App.Block.Errno() == sock.OK {
			return true
		}
	}
	return false
}

func (s *scene) forgery() {
	s.every(5*time.Millisecond, func() {
		h, x, p := s.target()
		if p == nil {
			return
		}
		h.Inject(x.Shard, forgeries[s.Rand.IntN(len(forgeries))](s, h, x, p))
	})
}

// forgeries are segments of others in a connection: none may harm it, but for
// those that note an excuse.
var forgeries = []func(*scene, *Host, *View, *Pair) []byte{
	func(s *scene, h *Host, x *View, p *Pair) []byte { // in the window, and perhaps just where it counts
		p.Excuses.Reset = true
		f := h.Forge(x, wire.RST)
		f.Seq = f.Seq.Add(seq.Size(s.Rand.Uint32N(max(x.Window, 1))))
		return f.Frame()
	},
	func(s *scene, h *Host, x *View, p *Pair) []byte {
		f := h.Forge(x, wire.RST)
		f.Seq = f.Seq.Add(1 << 30)
		return f.Frame()
	},
	func(s *scene, h *Host, x *View, p *Pair) []byte {
		p.Excuses.Reset = true // ends a handshake in SYN-RECEIVED
		return s.forged(h, x, wire.SYN)
	},
	func(s *scene, h *Host, x *View, p *Pair) []byte {
		f := h.Forge(x, wire.ACK)
		f.Ack = f.Ack.Add(100_000)
		return f.Frame()
	},
	func(s *scene, h *Host, x *View, p *Pair) []byte {
		f := h.Forge(x, wire.PSH)
		f.Text = make([]byte, 10)
		return f.Frame()
	},
	func(s *scene, h *Host, x *View, p *Pair) []byte {
		f := h.Forge(x, wire.ACK)
		f.Seq = f.Seq.Add(1 << 30)
		f.Text = make([]byte, s.Rand.IntN(100))
		return f.Frame()
	},
	func(s *scene, h *Host, x *View, p *Pair) []byte { // old text, changed
		f := h.Forge(x, wire.ACK)
		n := min(s.Rand.IntN(500), int(uint32(f.Seq.Minus(h.firstOf(x)))))
		if n == 0 { // an ACK of what may not have arrived would do harm
			f.Seq = f.Seq.Add(1 << 30)
		}
		f.Seq, f.Text = f.Seq.Sub(seq.Size(n)), make([]byte, n)
		return f.Frame()
	},
	func(s *scene, h *Host, x *View, p *Pair) []byte {
		f := h.Forge(x, wire.ACK)
		if f.Options == nil { // a connection without timestamps
			f.Seq = f.Seq.Add(1 << 30)
		}
		f.Options, f.Text = nil, make([]byte, 10)
		return f.Frame()
	},
	func(s *scene, h *Host, x *View, p *Pair) []byte {
		f := h.Forge(x, wire.ACK)
		if f.Options == nil {
			f.Seq = f.Seq.Add(1 << 30)
		} else {
			for _, o := range s.hosts {
				if y := o.View(x.Remote, x.Local); y != nil {
					f.Options = Timestamp(y.TSVal-10_000_000, x.TSVal)
				}
			}
		}
		return f.Frame()
	},
	func(s *scene, h *Host, x *View, p *Pair) []byte { // ICMP that quotes it, right or wrong
		kinds := []wire.ICMPv4{
			{Type: wire.ICMPUnreachable, Code: wire.ICMPHostUnreachable},
			{Type: wire.ICMPUnreachable, Code: wire.ICMPPortUnreachable},
			{Type: wire.ICMPUnreachable, Code: wire.ICMPFragNeeded, Rest: 600},
			{Type: wire.ICMPTimeExceeded}, {Type: wire.ICMPSourceQuench}, {Type: wire.ICMPRedirect},
		}
		p.Excuses.Unreachable, p.Excuses.Refused, p.Excuses.Reset = true, true, true // during the handshake
		at := x.End.Sub(1)
		if s.Rand.IntN(2) == 0 {
			at = at.Add(1 << 20)
		}
		return h.icmpAbout(x, kinds[s.Rand.IntN(len(kinds))], at)
	},
}

// firstOf is the first sequence number of text to the end that x describes.
func (h *Host) firstOf(x *View) seq.Value {
	for _, o := range h.world.hosts {
		if y := o.View(x.Remote, x.Local); y != nil {
			return y.First + 1
		}
	}
	return x.Ack
}

// icmpAbout is an ICMP error from the peer of x about an octet that x's end has
// sent.
func (h *Host) icmpAbout(x *View, m wire.ICMPv4, at seq.Value) []byte {
	quoted := Packet{EthSrc: x.EthSrc, EthDst: x.EthDst, Src: x.Local, Dst: x.Remote, Seq: at, Flags: wire.ACK}
	body := quoted.Frame()[wire.EthernetLen:][:wire.IPv4HeaderLen+wire.ICMPQuoteLen]
	return ICMPFrame(x.EthDst, x.EthSrc, x.Remote.IP, x.Local.IP, m, body)
}

// rubbish comes from a third station, which both hosts hear.
func (s *scene) rubbish() {
	s.every(2*time.Millisecond, func() {
		h := s.hosts[s.Rand.IntN(2)]
		h.Inject(s.Rand.IntN(h.Shards()), s.junk(h))
	})
}

// junk draws a frame that no connection of the traffic has anything to do with.
func (s *scene) junk(h *Host) []byte {
	r := s.Rand
	mac, ip := wire.MAC{2, 0, 0, 0, 9, byte(r.IntN(4))}, h.Address&^0xff|wire.IPv4(100+r.IntN(50))
	stray := Packet{
		EthSrc: mac, EthDst: h.MAC, Src: Addr{ip, uint16(r.IntN(4000))}, Dst: Addr{h.Address, uint16(80 + r.IntN(3))},
		Seq: seq.Value(r.Uint32()), Ack: seq.Value(r.Uint32()), Flags: wire.Flags(r.IntN(64)), Window: uint16(r.Uint32()),
	}
	b := stray.Frame()
	switch r.IntN(6) {
	case 0: // cut short
		return b[:r.IntN(len(b))]
	case 1: // one octet changed
		b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
	case 2: // an option list of noise, with a right checksum
		stray.Options = make([]byte, 4*(1+r.IntN(10)))
		for i := range stray.Options {
			stray.Options[i] = byte(r.IntN(10))
		}
		b = stray.Frame()
	case 3:
		return ARPFrame(h.MAC, wire.ARP{
			Op: uint16(r.IntN(4)), SenderMAC: mac, SenderIP: ip, TargetMAC: h.MAC,
			TargetIP: []wire.IPv4{h.Address, ip, ip + 1}[r.IntN(3)],
		})
	case 4:
		body := make([]byte, r.IntN(60))
		return ICMPFrame(mac, h.MAC, ip, h.Address, wire.ICMPv4{Type: uint8(r.IntN(20)), Code: uint8(r.IntN(3))}, body)
	}
	return b
}

func (s *scene) clockJumps() {
	s.traffic.Pause = 2 * time.Second
	s.every(time.Second, func() {
		if s.Rand.IntN(4) == 0 {
			s.Jump(time.Duration(s.Rand.Int64N(int64(30 * time.Hour))))
			// What waited for a peer for so long may have been given up.
			s.traffic.Excuses.TimeOut, s.traffic.Excuses.Unreachable = true, true
		}
	})
}

func (s *scene) littleMemory() {
	s.traffic.AtOnce = 64
	for i := range s.config {
		s.config[i].Connections = 4 + s.Rand.IntN(12)
		s.traffic.AtOnce = min(s.traffic.AtOnce, s.config[i].Connections)
		s.config[i].TimeWaits = 1 + s.Rand.IntN(8)
		s.config[i].RingMemory = 4 << 20
		s.config[i].Neighbours.MaxEntries = 8
	}
	s.traffic.Excuses.Exhausted = true
	s.traffic.Excuses.TimeOut = true
	s.traffic.Excuses.Unreachable = true // two neighbours can be asked for at a time
}

// synFlood: from addresses on the link that do not answer, and from others to
// which there is no way.
func (s *scene) synFlood() {
	s.traffic.Excuses.Exhausted = true
	s.traffic.Excuses.Unreachable = true
	s.every(10*time.Millisecond, func() {
		h := s.hosts[s.Rand.IntN(2)]
		for range 1 + s.Rand.IntN(20) {
			from := h.Address&^0xff | wire.IPv4(20+s.Rand.IntN(200))
			if s.Rand.IntN(4) == 0 {
				from = 192<<24 | 2<<8 | wire.IPv4(s.Rand.IntN(200))
			}
			p := Packet{
				EthSrc: wire.MAC{2, 9, 9, 9, 9, 9}, EthDst: h.MAC,
				Src: Addr{from, uint16(1 + s.Rand.IntN(60000))}, Dst: Addr{h.Address, s.ports[h.cfg.Side].port},
				Seq: seq.Value(s.Rand.Uint32()), Flags: wire.SYN, Window: 1000,
			}
			h.Inject(s.Rand.IntN(h.Shards()), p.Frame())
		}
	})
}

func isARP(b []byte) bool { return len(b) > 14 && b[12] == 8 && b[13] == 6 }

func (s *scene) arpLoss() {
	lost := 0.2 + 0.4*s.Rand.Float64()
	s.traffic.Excuses.Unreachable, s.traffic.Excuses.TimeOut = true, true
	s.between = 100 * time.Millisecond
	s.traffic.Pause = 10 * time.Second
	s.filters = append(s.filters, func(_ int, b []byte) mem.Verdict {
		if isARP(b) && s.Rand.Float64() < lost {
			return mem.Drop
		}
		return mem.Pass
	})
}

func (s *scene) severalShards() { s.wire.Queues = 2 + s.Rand.IntN(2) }

// movingFlows: a device that does not keep to a flow's queue.
func (s *scene) movingFlows() {
	s.wire.Queues = max(s.wire.Queues, 2+s.Rand.IntN(2))
	for i := range s.wire.Impair {
		s.wire.Impair[i].Stray = []float64{0.02, 0.2, 1}[s.Rand.IntN(3)]
	}
}

// narrowPath: a router on the way that lets only smaller packets through, and
// says so, or, with a larger limit, changes its mind.
func (s *scene) narrowPath() {
	limit := s.wire.MTU
	s.every(200*time.Millisecond, func() { limit = 560 + s.Rand.IntN(s.wire.MTU) })
	s.filters = append(s.filters, func(side int, b []byte) mem.Verdict {
		if isARP(b) || len(b)-wire.EthernetLen <= limit {
			return mem.Pass
		}
		p, ok := Parse(b)
		if !ok {
			return mem.Pass
		}
		h := s.hosts[side]
		if x := h.View(p.Src, p.Dst); x != nil {
			m := wire.ICMPv4{Type: wire.ICMPUnreachable, Code: wire.ICMPFragNeeded, Rest: uint32(limit)}
			h.Inject(s.Rand.IntN(h.Shards()), h.icmpAbout(x, m, p.Seq))
		}
		return mem.Drop
	})
}

// cut takes the wire away for a while.
func (s *scene) cut() {
	var until [2]time.Duration
	s.every(500*time.Millisecond, func() {
		until[s.Rand.IntN(2)] = time.Duration(s.Now()) + time.Duration(s.Rand.Int64N(int64(20*time.Second)))
	})
	s.traffic.Excuses.Unreachable, s.traffic.Excuses.TimeOut = true, true
	s.filters = append(s.filters, func(side int, _ []byte) mem.Verdict {
		if time.Duration(s.Now()) < until[side] && s.Rand.IntN(20) > 0 {
			return mem.Drop
		}
		return mem.Pass
	})
}

// slowShards run only now and then, and often find few transmit frames.
func (s *scene) slowShards() {
	s.every(3*time.Millisecond, func() {
		h := s.hosts[s.Rand.IntN(2)]
		h.Stall(s.Rand.IntN(h.Shards()), s.Now().Add(time.Duration(s.Rand.Int64N(int64(20*time.Millisecond)))))
	})
	s.then = append(s.then, func() {
		for _, h := range s.hosts {
			for i := range h.Shards() {
				h.Squeeze(i, func() int { return s.Rand.IntN(4) })
			}
		}
	})
}

// lazyListeners accept late, and close and open again.
func (s *scene) lazyListeners() {
	s.listen = 1 + s.Rand.IntN(4)
	s.traffic.AcceptIn = 50
	s.traffic.AtOnce = 16
	s.between = time.Millisecond
	s.traffic.Excuses.Exhausted = true
	s.every(2*time.Second, func() {
		i := s.Rand.IntN(2)
		old := s.ports[i]
		if !old.Open {
			return
		}
		old.Close()
		s.After(time.Duration(s.Rand.Int64N(int64(time.Second))), func() {
			s.ports[i] = s.traffic.Listen(s.hosts[i], old.port, s.listen)
		})
	})
}

// impatience: dials are cancelled, connections linger not at all or briefly,
// users' time-outs are short.
func (s *scene) impatience() {
	s.traffic.CancelIn = 3
	s.traffic.Plans = func(p *[2]Plan) {
		for i := range p {
			switch s.Rand.IntN(6) {
			case 0:
				p[i].Settings = append(p[i].Settings, Setting{0, sock.OptLinger, 0})
			case 1:
				p[i].Settings = append(p[i].Settings, Setting{0, sock.OptLinger, uint64(s.Rand.Int64N(int64(time.Second)))})
			case 2:
				p[i].Settings = append(p[i].Settings, Setting{0, sock.OptUserTimeout, uint64(10 * time.Second)})
			}
		}
	}
	s.traffic.Excuses.Reset, s.traffic.Excuses.TimeOut = true, true
}

// slowReaders let windows close for long.
func (s *scene) slowReaders() {
	s.traffic.Pause = 5 * time.Second
	for i := range s.config {
		s.config[i].TCP.RcvBuf = 8 << 10
		s.config[i].TCP.RcvBufMax = 64 << 10
		s.config[i].TCP.WindowScale = 2
	}
}
