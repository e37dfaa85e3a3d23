// The test harness: one connection whose peer is played by the test. Segments
// are written as in packetdrill, with sequence numbers relative to the SYNs:
//
//	r.in("P. 1:1001 ack 1 win 500 sack 2001:3001")
//	r.out(". 1 ack 1001")
//
// Whatever the engine sends is parsed and checked, and after every step the
// invariants of the TCB.

package tcp

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/prf"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

const (
	testSlot  = slab.Index(1)
	testStart = mono.Time(1000 * time.Second)
	peerISN   = seq.Value(0xffff_fc00) // wraps soon
	testMTU   = 1500
)

var testKey = flow.Key4{LocalIP: 0x0a000001, RemoteIP: 0x0a000002, LocalPort: 80, RemotePort: 40000}

// Offers of the peer's SYN.
const (
	plainSYN = "mss 1460"
	fullSYN  = "mss 1460 sackok ts wscale 7"
	sackSYN  = "mss 1460 sackok wscale 7"
)

type rig struct {
	tb     testing.TB
	e      *Engine
	c      *TCB
	now    mono.Time
	blocks []sock.Block

	iss, irs seq.Value
	ts       bool   // timestamps are in use
	tsVal    uint32 // peer's clock, if not moved by the test
	tsEcr    uint32 // our last timestamp
	scale    uint8  // shift of our windows
	wnd      int    // peer's window field, by default
	edge     seq.Value
	hasEdge  bool
	text     []byte // what the application has written
	got      []byte // what it has read
	last     sent   // segment that was sent last
	count    int    // segments sent
	sentTo   seq.Value
	wheel    wheel
	frame    [2048]byte
	news     Verdict
	closed   bool
}

// sent is a segment that the engine wrote.
type sent struct {
	wire.TCP
	opts wire.Options
	data []byte
	ecn  uint8
}

// codepoints end the notation of a segment.
var codepoints = [...]string{wire.NotECT: "", wire.ECT1: " ect1", wire.ECT0: " ect0", wire.CE: " ce"}

// newRig returns a rig without a connection. Its pool holds mib MiB.
func newRig(tb testing.TB, mib int, conf func(*Config)) *rig {
	cfg := DefaultConfig()
	cfg.NoBundles, cfg.NoRACK, cfg.NoTailProbe = true, true, true // most tests are not about them
	if conf != nil {
		conf(&cfg)
	}
	pool, err := ring.NewPool(make([]byte, mib<<20))
	if err != nil {
		tb.Fatal(err)
	}
	r := &rig{tb: tb, wheel: wheel{mono.Never}, now: testStart, irs: peerISN, wnd: 65535, tsVal: 7000, c: new(TCB), blocks: make([]sock.Block, 2)}
	r.e = New(cfg, Resources{Blocks: r.blocks, Pool: pool, Ranges: slab.New(make([]RangeSet, 5)), Sent: slab.New(make([]SendLog, 5)), Secret: prf.Key{K0: 1, K1: 2}, Seed: 3})
	tb.Cleanup(r.release)
	return r
}

// release gives everything back and looks for what is missing.
func (r *rig) release() {
	if r.tb.Failed() || r.closed {
		return
	}
	r.closed = true
	r.e.Release(r.c)
	r.e.replies.n = 0
	if n := r.e.pool.InUse(); n != 0 {
		r.tb.Errorf("%d octets of ring memory were not given back", n)
	}
	if n := r.e.ranges.Len(); n != 0 {
		r.tb.Errorf("%d range sets were not given back", n)
	}
	if n := r.e.sent.Len(); n != 0 {
		r.tb.Errorf("%d send logs were not given back", n)
	}
}

// reset ends the connection, if there is one, and makes the rig new.
func (r *rig) reset(cfg Config) {
	r.release()
	*r.c = TCB{}
	r.e.cfg, r.e.rnd = cfg, prf.NewRand(3)
	*r = rig{tb: r.tb, wheel: wheel{mono.Never}, e: r.e, c: r.c, blocks: r.blocks, now: testStart, irs: peerISN, wnd: 65535, tsVal: 7000}
}

// begin notes the initial sequence number, which a test may fix.
func (r *rig) begin(iss ...seq.Value) {
	if len(iss) > 0 {
		r.e.startSending(r.c, iss[0])
	}
	r.iss, r.sentTo = r.c.sndUna, r.c.sndUna
}

// synSent has connected, and its SYN is on the wire.
func synSent(tb testing.TB, conf func(*Config)) *rig {
	r := newRig(tb, 8, conf)
	r.connect()
	return r
}

func (r *rig) connect(iss ...seq.Value) {
	r.tb.Helper()
	r.e.Connect(r.c, testSlot, testKey, MTU{Path: testMTU}, r.now)
	r.begin(iss...)
	r.out("S 0")
}

// synReceived has answered a SYN with the given options.
func synReceived(tb testing.TB, options string, conf func(*Config)) *rig {
	r := newRig(tb, 8, conf)
	r.accept(options)
	return r
}

func (r *rig) accept(options string, iss ...seq.Value) {
	r.tb.Helper()
	s := r.segment("S 0 win 65535 " + options)
	if !r.e.InputListen(s, testKey) {
		r.tb.Fatal("the listener refused a SYN")
	}
	r.e.Accept(r.c, testSlot, testKey, MTU{Path: testMTU}, 1, s, 0, false, r.now)
	r.begin(iss...)
	r.out("S. 0 ack 1")
}

// established has completed a passive open. The peer's window is then 65535
// units, and time has passed in which the round trip was measured: 10 ms.
func established(tb testing.TB, options string, conf func(*Config)) *rig {
	r := newRig(tb, 8, conf)
	r.establish(options)
	return r
}

func (r *rig) establish(options string, iss ...seq.Value) {
	r.tb.Helper()
	r.accept(options, iss...)
	r.after(10 * time.Millisecond)
	r.in(". 1 ack 1")
	r.is(Established)
	r.out()
	r.news = 0
}

// reach leads a connection with all options into a state, by the shortest way.
// Nothing is in flight but what the state implies.
func reach(tb testing.TB, s State) *rig {
	r := newRig(tb, 8, nil)
	r.reach(s, fullSYN)
	return r
}

func (r *rig) reach(s State, options string, iss ...seq.Value) {
	r.tb.Helper()
	switch s {
	case SynSent:
		r.connect(iss...)
	case SynReceived:
		r.accept(options, iss...)
	default:
		r.establish(options, iss...)
	}
	switch s {
	case CloseWait, LastAck:
		r.in("F. 1 ack 1")
		r.out(". 1 ack 2")
		if s == LastAck {
			r.e.Shutdown(r.c, r.now)
			r.out("F. 1 ack 2")
		}
	case FinWait1, FinWait2, Closing, TimeWait:
		r.e.Shutdown(r.c, r.now)
		r.out("F. 1 ack 1")
		switch s {
		case FinWait2, TimeWait:
			r.in(". 1 ack 2")
		case Closing:
			r.in("F. 1 ack 1")
			r.out(". 2 ack 2")
		}
		if s == TimeWait {
			r.in("F. 1 ack 2")
			r.out(". 2 ack 2")
		}
	case Closed:
		r.e.Abort(r.c)
		r.out("R. 1 ack 1")
	}
	r.is(s)
	r.news = 0
}

func (r *rig) is(s State) {
	r.tb.Helper()
	if r.c.state != s {
		r.tb.Fatalf("state is %v, want %v", r.c.state, s)
	}
}

// after lets time pass, running the timers that fall due on the way.
func (r *rig) after(d time.Duration) {
	r.tb.Helper()
	end := r.now.Add(d)
	for n := 0; ; n++ {
		next := r.c.NextTimer()
		if next > end || r.c.want != 0 && next > r.now {
			break
		}
		if n > 1000 {
			r.tb.Fatal("timers without end")
		}
		r.now = max(r.now, next)
		r.e.Timeout(r.c, r.now)
		r.check()
	}
	if r.c.want == 0 {
		r.tsVal += uint32((end.Sub(r.now)).Milliseconds())
		r.now = end
	}
}

// untilTimer moves to the next timer and runs it. It returns how long that was.
func (r *rig) untilTimer() time.Duration {
	r.tb.Helper()
	next := r.c.NextTimer()
	if next == mono.Never {
		r.tb.Fatal("no timer is set")
	}
	d := next.Sub(r.now)
	r.now = max(r.now, next)
	r.tsVal += uint32(max(d, 0).Milliseconds())
	r.e.Timeout(r.c, r.now)
	r.check()
	return d
}

// untilOut runs timers until there is something to send, and returns how long
// that took.
func (r *rig) untilOut() time.Duration {
	r.tb.Helper()
	from := r.now
	for n := 0; r.c.want == 0 && r.c.state != Closed; n++ {
		if n > 100 {
			r.tb.Fatal("timers run and nothing is sent")
		}
		r.untilTimer()
	}
	return r.now.Sub(from)
}

// in has a segment of the peer arrive.
func (r *rig) in(text string) drop.Reason {
	r.tb.Helper()
	return r.input(r.segment(text))
}

func (r *rig) input(s *Segment) drop.Reason {
	r.tb.Helper()
	why := r.e.Input(r.c, s, r.now)
	r.check()
	return why
}

// segment builds what the peer sends, by way of the wire format.
func (r *rig) segment(text string) *Segment {
	h, o, n, err := parseSegment(text)
	if err != nil {
		r.tb.Fatalf("%q: %v", text, err)
	}
	rel := h.Seq
	h.Seq += r.irs
	for i := range o.SACK[:o.NumSACK] {
		o.SACK[i].First += r.iss
		o.SACK[i].End += r.iss
	}
	if h.Flags.Has(wire.ACK) {
		h.Ack += r.iss
	}
	if !strings.Contains(text, "win ") {
		h.Window = uint16(r.wnd)
	}
	syn := h.Flags.Has(wire.SYN)
	if (r.ts && !syn || o.Present.Has(wire.HasTimestamp)) && o.TSVal == 0 {
		o.Present |= wire.HasTimestamp
		o.TSVal, o.TSEcr = r.tsVal, r.tsEcr
	}
	if strings.Contains(text, " nots") {
		o.Present &^= wire.HasTimestamp
	}
	if syn {
		rel++ // text begins after the SYN
	}
	s := assemble(r.tb, h, &o, peerText(int(int32(rel)), n))
	for i, word := range codepoints {
		if i > 0 && strings.HasSuffix(text, word) {
			s.ECN = uint8(i)
		}
	}
	return s
}

// assemble encodes and parses a segment.
func assemble(tb testing.TB, h wire.TCP, o *wire.Options, data []byte) *Segment {
	var b [wire.TCPMaxHeaderLen]byte
	h.SrcPort, h.DstPort = testKey.RemotePort, testKey.LocalPort
	n := wire.TCPHeaderLen + wire.PutOptions(b[wire.TCPHeaderLen:], o, h.Flags.Has(wire.SYN))
	h.HeaderLen = uint8(n)
	wire.PutTCP(b[:], &h)
	s := new(Segment)
	var opts []byte
	var why drop.Reason
	s.TCP, opts, s.Payload, why = wire.ParseTCP(append(b[:n:n], data...))
	if why != drop.None || !wire.ParseOptions(opts, &s.Options) {
		tb.Fatalf("the harness built a bad segment: %v", why)
	}
	return s
}

// peerText is n octets of the peer's stream from relative position v on.
func peerText(v, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = peerOctet(v + i)
	}
	return p
}

func peerOctet(v int) byte { return byte(v*7 + v>>8*13) }

// parseSegment reads the notation. Numbers are relative.
func parseSegment(text string) (h wire.TCP, o wire.Options, n int, err error) {
	f := strings.Fields(text)
	for _, c := range f[0] {
		bit, ok := map[rune]wire.Flags{'S': wire.SYN, 'F': wire.FIN, 'R': wire.RST, 'P': wire.PSH, '.': wire.ACK, 'U': wire.URG, 'E': wire.ECE, 'W': wire.CWR, '-': 0}[c]
		if !ok {
			return h, o, 0, fmt.Errorf("flag %q", c)
		}
		h.Flags |= bit
	}
	number := func(s string) uint32 {
		v, e := strconv.ParseInt(s, 10, 64)
		if e != nil {
			err = e
		}
		return uint32(v)
	}
	pair := func(s string) (uint32, uint32) {
		a, b, ok := strings.Cut(s, ":")
		if !ok {
			return number(a), number(a)
		}
		return number(a), number(b)
	}
	first, end := pair(f[1])
	h.Seq, n = seq.Value(first), int(end-first)
	for f = f[2:]; len(f) > 0; f = f[1:] {
		word := f[0]
		arg := func() string {
			if len(f) < 2 {
				err = fmt.Errorf("%s of what", word)
				return "0"
			}
			f = f[1:]
			return f[0]
		}
		switch word {
		case "ack":
			h.Ack = seq.Value(number(arg()))
		case "urg":
			h.Urgent = uint16(number(arg()))
		case "win":
			h.Window = uint16(number(arg()))
		case "mss":
			o.MSS, o.Present = uint16(number(arg())), o.Present|wire.HasMSS
		case "wscale":
			o.WScale, o.Present = uint8(number(arg())), o.Present|wire.HasWScale
		case "sackok":
			o.Present |= wire.HasSACKPermitted
		case "nots", "ect1", "ect0", "ce":
		case "ts":
			o.Present |= wire.HasTimestamp
		case "tsval":
			o.Present |= wire.HasTimestamp
			o.TSVal = number(arg())
		case "tsecr":
			o.TSEcr = number(arg())
		case "sack":
			o.Present |= wire.HasSACK
			for _, b := range strings.Split(arg(), ",") {
				first, end := pair(b)
				o.SACK[o.NumSACK] = seq.Range{First: seq.Value(first), End: seq.Value(end)}
				o.NumSACK++
			}
		default:
			err = fmt.Errorf("word %q", word)
		}
	}
	return h, o, n, err
}

// out takes all that the engine has to send now, and compares.
func (r *rig) out(want ...string) {
	r.tb.Helper()
	got := r.collect()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		r.tb.Fatalf("sent\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// collect takes and checks all that the engine has to send now.
func (r *rig) collect() (all []string) {
	r.tb.Helper()
	for range 10000 {
		n := r.e.Output(r.c, r.frame[:], r.now)
		r.check()
		if n == 0 {
			r.news |= r.c.TakeVerdict()
			return all
		}
		all = append(all, r.parse(r.frame[:n]))
		r.checkSent()
	}
	r.tb.Fatal("Output without end")
	return nil
}

// replies takes the segments that no connection sends.
func (r *rig) replies(want ...string) {
	r.tb.Helper()
	var got []string
	var p Reply
	for r.e.PopReply(&p) {
		n := r.e.PutReply(r.frame[:], &p)
		r.e.ecn = wire.NotECT
		got = append(got, r.parse(r.frame[:n]))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		r.tb.Fatalf("replied\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// parse reads a segment that was sent into r.last and renders it.
func (r *rig) parse(b []byte) string {
	r.tb.Helper()
	h, opts, data, why := wire.ParseTCP(b)
	if why != drop.None {
		r.tb.Fatalf("sent a bad header: %v", why)
	}
	checkOptionBytes(r.tb, opts, h.Flags.Has(wire.SYN))
	r.last = sent{TCP: h, data: data, ecn: r.e.ecn}
	if !wire.ParseOptions(opts, &r.last.opts) {
		r.tb.Fatalf("sent bad options: % x", opts)
	}
	if h.SrcPort != testKey.LocalPort || h.DstPort != testKey.RemotePort || (h.Urgent != 0) != h.Flags.Has(wire.URG) {
		r.tb.Fatalf("ports %d to %d, urgent %d", h.SrcPort, h.DstPort, h.Urgent)
	}
	if r.last.opts.Present.Has(wire.HasTimestamp) {
		r.tsEcr = r.last.opts.TSVal
	}
	return r.render(&r.last)
}

func (r *rig) render(s *sent) string {
	var b strings.Builder
	for _, f := range []struct {
		bit wire.Flags
		c   byte
	}{{wire.SYN, 'S'}, {wire.FIN, 'F'}, {wire.RST, 'R'}, {wire.PSH, 'P'}, {wire.ACK, '.'}, {wire.URG, 'U'}, {wire.ECE, 'E'}, {wire.CWR, 'W'}} {
		if s.Flags.Has(f.bit) {
			b.WriteByte(f.c)
		}
	}
	rel := func(v, base seq.Value) int { return int(int32(v - base)) }
	fmt.Fprintf(&b, " %d", rel(s.Seq, r.iss))
	if len(s.data) > 0 {
		fmt.Fprintf(&b, ":%d", rel(s.Seq, r.iss)+len(s.data))
	}
	if s.Flags.Has(wire.ACK) {
		fmt.Fprintf(&b, " ack %d", rel(s.Ack, r.irs))
	}
	if s.Flags.Has(wire.URG) {
		fmt.Fprintf(&b, " urg %d", s.Urgent)
	}
	for i, x := range s.opts.SACK[:s.opts.NumSACK] {
		b.WriteString([]string{" sack ", ","}[min(i, 1)])
		fmt.Fprintf(&b, "%d:%d", rel(x.First, r.irs), rel(x.End, r.irs))
	}
	return b.String() + codepoints[s.ecn]
}

// checkOptionBytes: every option has a length (MUST-68), only a SYN carries
// those of a SYN (MUST-65), and what follows the end of the list is zero
// (MUST-69).
func checkOptionBytes(tb testing.TB, b []byte, syn bool) {
	tb.Helper()
	for len(b) > 0 {
		switch kind := b[0]; kind {
		case 0:
			if len(bytes.Trim(b, "\x00")) > 0 {
				tb.Fatalf("padding is not zero: % x", b)
			}
			return
		case 1:
			b = b[1:]
		default:
			if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
				tb.Fatalf("option %d has a bad length", kind)
			}
			if (kind == 2 || kind == 3 || kind == 4) && !syn || kind == 5 && syn {
				tb.Fatalf("option %d in a segment with SYN %v", kind, syn)
			}
			b = b[b[1]:]
		}
	}
}

// checkSent holds what r.last must keep to, in whatever state.
func (r *rig) checkSent() {
	r.tb.Helper()
	r.count++
	s, c := &r.last, r.c
	syn := s.Flags.Has(wire.SYN)
	if syn {
		r.ts = s.opts.Present.Has(wire.HasTimestamp) && (s.Flags.Has(wire.ACK) || r.ts)
		r.scale = 0
		if s.Flags.Has(wire.ACK) && s.opts.Present.Has(wire.HasWScale) {
			r.scale = s.opts.WScale
		}
	} else {
		if c.has(flagWS) {
			r.scale = uint8(r.e.cfg.WindowScale)
		}
		r.ts = c.has(flagTS)
		if s.opts.Present.Has(wire.HasTimestamp) != r.ts {
			r.tb.Fatalf("timestamp in %s: %v, negotiated: %v", r.render(s), !r.ts, r.ts)
		}
		if size := int(s.HeaderLen) - wire.TCPHeaderLen + len(s.data); len(s.data) > 0 && size > int(c.mss) {
			r.tb.Fatalf("text and options of %d octets, MSS %d", size, c.mss)
		}
	}
	if s.Flags.Has(wire.ACK) && !s.Flags.Has(wire.RST) {
		r.checkWindow(s)
	}
	if s.opts.NumSACK > 0 && !c.has(flagSACK) {
		r.tb.Fatal("SACK without permission")
	}
	r.checkMarks(s)
	first := int(s.Seq - r.iss - 1)
	if len(s.data) > 0 && (first < 0 || first+len(s.data) > len(r.text) || !bytes.Equal(s.data, r.text[first:first+len(s.data)])) {
		r.tb.Fatalf("%s does not carry what was written", r.render(s))
	}
}

// checkMarks: only new text may be marked, and only where ECN was agreed on (RFC
// 3168 §6.1.1, §6.1.4 to §6.1.6).
func (r *rig) checkMarks(s *sent) {
	r.tb.Helper()
	isNew := len(s.data) > 0 && s.End().Greater(r.sentTo)
	if isNew {
		r.sentTo = s.End()
	}
	switch c := r.c; {
	case s.ecn != wire.NotECT && s.ecn != wire.ECT0, s.ecn != wire.NotECT && (!isNew || !c.ecn.has(ecnSends)):
		r.tb.Fatalf("%s must not be marked", r.render(s))
	case isNew && s.ecn == wire.NotECT && c.ecn.has(ecnSends):
		r.tb.Fatalf("%s may be marked, and does not say so", r.render(s))
	case s.Flags.Has(wire.SYN):
	case s.Flags.Has(wire.CWR) && !isNew, s.Flags.Has(wire.ECE) && !c.ecn.has(ecnEchoes), s.Flags.HasAny(bothMarks) && s.Flags.Has(wire.RST):
		r.tb.Fatalf("%s has flags that it must not have", r.render(s))
	}
}

// End is the sequence number after the text.
func (s *sent) End() seq.Value { return s.Seq.Add(seq.Size(len(s.data))) }

// checkWindow: the right edge does not move left (SHLD-14) but for rounding
// (RFC 7323 §2.4), and promises no more than the buffer.
func (r *rig) checkWindow(s *sent) {
	r.tb.Helper()
	shift := r.scale
	if s.Flags.Has(wire.SYN) {
		shift = 0
	}
	edge := s.Ack.Add(seq.Size(s.Window) << shift)
	if r.hasEdge && edge.Add(1<<r.scale-1).Less(r.edge) {
		r.tb.Fatalf("%s: the window shrank by %d octets", r.render(s), r.edge-edge)
	}
	if !r.hasEdge || edge.Greater(r.edge) {
		r.edge, r.hasEdge = edge, true
	}
	read := r.e.rx(r.c).ReadPos()
	if edge.Minus(read) > seq.Size(r.c.rcvBuf)+1 { // and one for a FIN
		r.tb.Fatalf("%s: promises %d octets of a buffer of %d", r.render(s), edge.Minus(read), r.c.rcvBuf)
	}
	if r.c.rcvAdv.Less(edge) {
		r.tb.Fatalf("%s: promises more than the engine remembers", r.render(s))
	}
}

// write has the application write n octets; they must fit.
func (r *rig) write(n int) {
	r.tb.Helper()
	if done := r.tryWrite(n); done != n {
		r.tb.Fatalf("wrote %d of %d octets", done, n)
	}
}

// tryWrite writes as much of n octets as the ring takes, asking for more.
func (r *rig) tryWrite(n int) (done int) {
	tx := r.e.tx(r.c)
	for range 4 {
		p := make([]byte, n-done)
		for i := range p {
			p[i] = byte((len(r.text)+i)*3 + (len(r.text)+i)>>9)
		}
		k := tx.Write(p)
		r.text = append(r.text, p[:k]...)
		done += k
		if done == n {
			break
		}
		r.e.WantTx(r.c, n-done, r.now)
	}
	r.e.Send(r.c, r.now)
	r.check()
	return done
}

// read has the application read up to n octets and checks them.
func (r *rig) read(n int) int {
	r.tb.Helper()
	p := make([]byte, n)
	k := r.e.rx(r.c).Read(p)
	for i, b := range p[:k] {
		if want := peerOctet(1 + len(r.got) + i); b != want {
			r.tb.Fatalf("octet %d read is %#x, want %#x", 1+len(r.got)+i, b, want)
		}
	}
	r.got = append(r.got, p[:k]...)
	r.e.Window(r.c)
	r.check()
	return k
}

// check holds the invariants of a TCB.
func (r *rig) check() {
	r.tb.Helper()
	if why := broken(r.e, r.c); why != "" {
		r.tb.Fatalf("%v: %s", r.c.state, why)
	}
	if !r.wheel.keeps(r.c) {
		r.tb.Fatalf("%v: a timer was set for %d, and no word of it", r.c.state, r.c.NextTimer())
	}
}

// A wheel is what a shard's wheel knows of a TCB: it is told by TimersMoved.
type wheel struct{ at mono.Time }

// keeps reports that the wheel expires in time for the next timer.
func (w *wheel) keeps(c *TCB) bool {
	if c.verdict&TimersMoved != 0 {
		c.verdict &^= TimersMoved
		w.at = c.NextTimer()
	}
	return c.NextTimer() >= w.at
}

// drops returns how often something was refused for the reason.
func (r *rig) drops(why drop.Reason) uint64 { return r.e.Stats.Drops[why] }
