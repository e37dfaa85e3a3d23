//go:build !race

package stack

// A stack in a process of its own meets more of everything than it has room
// for; what the process takes is measured from outside of the stack's accounts.

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/runner"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/sim"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

const ourAddress = wire.IPv4(10<<24 | 1)

// A mob is a raw end of the wire: clients without number, each of whom sends
// more than is read.
type mob struct {
	queue *mem.Queue
	mac   wire.MAC // of all of them
	to    wire.MAC
	n     int          // SYNs
	open  []sim.Packet // the next of each connection
}

func (m *mob) send(frames ...[]byte) {
	for len(frames) > 0 {
		var tx [64]link.Frame
		n := m.queue.Reserve(tx[:min(len(tx), len(frames))])
		for i := range n {
			tx[i].Bytes = tx[i].Bytes[:copy(tx[i].Bytes, frames[i])]
		}
		m.queue.Send(1, tx[:n])
		frames = frames[n:]
	}
}

// packet begins one from the i-th client.
func (m *mob) packet(i int, f wire.Flags) sim.Packet {
	return sim.Packet{
		EthSrc: m.mac, EthDst: m.to, Flags: f, Window: 65535,
		Src: sim.Addr{IP: 10<<24 | 1<<16 | wire.IPv4(i>>14), Port: uint16(1024 + i&0x3fff)},
		Dst: sim.Addr{IP: ourAddress, Port: 80},
	}
}

// answer takes what has come: handshakes go on, and ends are agreed to.
func (m *mob) answer() {
	var rx [64]link.Frame
	for n := m.queue.Recv(1, rx[:]); n > 0; n = m.queue.Recv(1, rx[:]) {
		var out [][]byte
		for i := range rx[:n] {
			out = append(out, m.reply(rx[i].Bytes)...)
		}
		m.queue.Release(rx[:n])
		m.send(out...)
	}
}

func (m *mob) reply(b []byte) (out [][]byte) {
	if eth, rest, ok := wire.ParseEthernet(b); ok && eth.Type == wire.EtherTypeARP {
		if a, ok := wire.ParseARP(rest); ok && a.Op == wire.ARPRequest && a.TargetIP != ourAddress {
			out = append(out, sim.ARPFrame(a.SenderMAC, wire.ARP{
				Op: wire.ARPReply, SenderMAC: m.mac, SenderIP: a.TargetIP, TargetMAC: a.SenderMAC, TargetIP: a.SenderIP,
			}))
		}
		return out
	}
	x, ok := sim.Parse(b)
	p := sim.Packet{
		EthSrc: m.mac, EthDst: m.to, Src: x.Dst, Dst: x.Src, Window: 65535,
		Seq: x.Ack, Ack: x.End(), Flags: wire.ACK,
	}
	switch {
	case !ok || x.Dst.Port%3 == 0: // a third never answers
		return nil
	case x.Flags.Has(wire.FIN):
		p.Flags |= wire.FIN
	case x.Flags&(wire.SYN|wire.ACK) == wire.SYN|wire.ACK:
		m.open = append(m.open, p)
	default:
		return nil
	}
	return append(out, p.Frame())
}

// talk sends text with a hole in it on some of the connections, more than they
// have window for.
func (m *mob) talk() {
	var out [][]byte
	for range min(8, len(m.open)) {
		p := m.open[0]
		m.open = m.open[1:]
		for _, at := range []seq.Size{0, 1400, 2800, 4200, 7000, 8500} {
			q := p
			q.Seq, q.Text = p.Seq.Add(at), make([]byte, 1400)
			out = append(out, q.Frame())
		}
	}
	m.send(out...)
}

// crowd is one wave: SYNs, fragments, and strangers who ask for our address.
func (m *mob) crowd(wave int) {
	var out [][]byte
	for range 64 {
		p := m.packet(m.n, wire.SYN)
		m.n++
		out = append(out, p.Frame())
	}
	for i := range 16 {
		x := wire.IPv4Header{
			Src: 10<<24 | 2<<16 | wire.IPv4(wave), Dst: ourAddress, Proto: wire.ProtoTCP,
			ID: uint16(i), FragOffset: uint16(8 * (wave % 1000)), MF: true,
		}
		out = append(out, sim.IPFrame(m.mac, m.to, x, make([]byte, 1200)))
		out = append(out, sim.ARPFrame(wire.Broadcast(), wire.ARP{
			Op: wire.ARPRequest, SenderMAC: m.mac, SenderIP: 10<<24 | 3<<16 | wire.IPv4(16*wave+i), TargetIP: ourAddress,
		}))
	}
	m.send(out...)
}

func TestResident_StaysWithinTheBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("filling every table takes some seconds")
	}
	if !alone(t) {
		return
	}
	const budget, runtimeBound = 64 << 20, 12 << 20
	w, err := mem.New(mem.Config{})
	if err != nil {
		t.Fatal(err)
	}
	before := resident(t)
	s, err := New(Config{
		Queues: []link.Queue{w.Side(1).Queue(0)}, Memory: budget, TimeWaits: 1000, TCP: tcp.DefaultConfig(),
		Addresses: []netip.Prefix{netip.PrefixFrom(ourAddress.Netip(), 8)},
	}, runner.NewClock())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m := &mob{queue: w.Side(0).Queue(0), mac: w.Side(0).Queue(0).Info().MAC, to: w.Side(1).Queue(0).Info().MAC}
	l, err := s.Listen(netip.MustParseAddrPort("0.0.0.0:80"), 1024)
	if err != nil {
		t.Fatal(err)
	}
	peak := 0
	limit := time.Now().Add(time.Minute)
	var st shard.Stats
	for wave := 0; !allMet(&st, s) && time.Now().Before(limit); wave++ {
		m.crowd(wave)
		m.answer()
		accept(s, l)
		if st.Drops[drop.NoTCB] > 0 {
			m.talk()
		}
		if wave%16 == 0 {
			m.answer()
			st = s.Stats()[0]
		}
		if wave%256 == 0 {
			peak = max(peak, resident(t)-before)
		}
	}
	peak = max(peak, resident(t)-before)
	if !allMet(&st, s) {
		t.Errorf("not every limit was met: %d connections of %d, %d records of %d, drops %v, %+v",
			st.Connections, s.cfg.Connections, st.TimeWaits, s.cfg.TimeWaits, st.Drops, st.IP)
	}
	var heap runtime.MemStats
	runtime.ReadMemStats(&heap)
	t.Logf("%d octets of memory, %d on the Go heap, with a budget of %d", peak, heap.HeapAlloc, budget)
	if peak > budget+runtimeBound {
		t.Errorf("the process takes %d octets, budget %d and %d for the runtime", peak, budget, runtimeBound)
	}
	if heap.HeapAlloc > runtimeBound {
		t.Errorf("the Go heap has %d octets, want at most %d", heap.HeapAlloc, runtimeBound)
	}
	for _, p := range s.Memory() {
		t.Logf("%-20s %9d octets of %9d", p.Name, p.InUse, p.Reserved)
		if p.InUse > p.Reserved {
			t.Errorf("%s: %d octets in use of %d reserved", p.Name, p.InUse, p.Reserved)
		}
	}
}

// accept takes all that wait: seven of eight connections are kept and never
// read, the others closed.
func accept(s *Stack, l *Listener) {
	var a sock.Accepted
	for l.TryAccept(&a) {
		if a.RemotePort%8 == 0 {
			app, _ := s.App(&a)
			app.Close(false)
			s.Done()
		}
	}
}

// allMet says whether the stack has met every limit that a peer can bring it to.
func allMet(st *shard.Stats, s *Stack) bool {
	return st.Drops[drop.NoTCB] > 0 && st.Drops[drop.NoTimeWait] > 0 && st.Drops[drop.NoRing] > 0 && st.Drops[drop.SYNEvicted] > 0 &&
		st.IP.FragmentEvictions > 0 && st.ARP.Evicted+st.ARP.EvictedUnresolved+st.Drops[drop.ARPTableFull] > 0
}
