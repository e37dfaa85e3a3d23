// Our side: a host of internal/posix, in virtual time.

package differ

import (
	"encoding/binary"
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp/internal/posix"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// settle is how long a step takes: delayed acknowledgments have left by then.
const settle = 60 * time.Millisecond

const (
	sideAddress = wire.IPv4(10<<24 | 98<<16 | 1)
	sendBuffer  = 1 << 20
)

// ourConfig is a host like the kernel's of kernel.go.
func ourConfig() posix.Config {
	c := tcp.DefaultConfig()
	c.RTOMin = 15 * time.Second
	c.NoTailProbe = true
	c.ECN = tcp.ECNActive
	c.ChallengeLimit = 200
	return posix.Config{
		Address: wire.IPv4Prefix{Addr: sideAddress, Bits: 24}, Gateway: sideAddress + 100,
		TCP: c, Wmem: sendBuffer,
	}
}

// ours is a sequence's run on our side.
type ours struct {
	host       *posix.Host
	view       *view
	listener   int
	connection int
	written    uint32
	read       uint32
}

// RunOurs puts our stack through a sequence.
func RunOurs(s *Sequence) (Trace, error) {
	h, err := posix.New(ourConfig())
	if err != nil {
		return nil, err
	}
	defer h.Close()
	o := &ours{
		host: h, listener: -1, connection: -1,
		view: newView(s.Profile, ends{sideAddress, 10<<24 | 200<<16 | 1, 2000, peerPort}),
	}
	trace := make(Trace, 0, len(s.Steps))
	for i := range s.Steps {
		trace = append(trace, o.step(i, &s.Steps[i]))
	}
	return trace, nil
}

func (o *ours) step(i int, s *Step) (x Observation) {
	o.view.step = i + 1
	if s.Op == Inject {
		x.Facts = o.view.facts(&s.Seg)
		o.host.Inject(o.view.packet(&s.Seg))
	} else {
		x.Result = o.call(s)
	}
	in := o.collect(nil, true)
	o.host.Advance(o.host.Now() + settle)
	in = o.collect(in, false)
	x.Sent, x.Marks = o.view.normalise(s, in), marksOf(in)
	x.State = o.state()
	return x
}

func (o *ours) collect(in []answer, atOnce bool) []answer {
	for {
		p, ok := o.host.Take()
		if !ok {
			return in
		}
		a := o.view.take(p.Bytes)
		a.atOnce = atOnce
		in = append(in, a)
	}
}

func (o *ours) state() string {
	v := o.view
	s := o.host.State(posix.Addr{IP: v.side, Port: v.sidePort}, posix.Addr{IP: v.peer, Port: v.peerPort})
	if s == tcp.Closed && o.listener >= 0 {
		return "LISTEN"
	}
	return s.String()
}

func (o *ours) call(s *Step) string {
	h, local := o.host, posix.Addr{IP: sideAddress, Port: o.view.sidePort}
	c := o.connection
	switch s.Op {
	case Listen:
		o.listener = o.open()
		if r := outcome(h.Bind(o.listener, local)); r != "ok" {
			return r
		}
		return outcome(h.Listen(o.listener, 8))
	case Connect:
		o.drop()
		o.connection = o.open()
		if r := outcome(h.Bind(o.connection, local)); r != "ok" {
			return r
		}
		return outcome(h.Connect(o.connection, posix.Addr{IP: o.view.peer, Port: o.view.peerPort}))
	case Accept:
		if o.listener < 0 {
			return "EBADF"
		}
		n, e := h.Accept(o.listener, -1, nil).Result()
		if e != 0 {
			return errnoName(e)
		}
		o.drop()
		o.connection, o.written, o.read = n, 0, 0
		h.Fcntl(n, syscall.F_SETFL, syscall.O_NONBLOCK)
		return "ok"
	case CloseListener:
		r := outcome(h.CloseFD(o.listener))
		o.listener = -1
		return r
	case Close:
		o.connection = -1
		return outcome(h.CloseFD(c))
	case Abort:
		var linger [8]byte
		binary.NativeEndian.PutUint32(linger[:], 1)
		h.SetOption(c, syscall.SOL_SOCKET, syscall.SO_LINGER, linger[:])
		o.connection = -1
		return outcome(h.CloseFD(c))
	case Write, Read:
		return o.transfer(s)
	case ShutWrite:
		return outcome(h.Shutdown(c, syscall.SHUT_WR))
	case ShutRead:
		return outcome(h.Shutdown(c, syscall.SHUT_RD))
	case NoDelay:
		return outcome(h.SetOption(c, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, []byte{1, 0, 0, 0}))
	case SocketError:
		var value []byte
		if r := outcome(h.Option(c, syscall.SOL_SOCKET, syscall.SO_ERROR, &value)); r != "ok" {
			return r
		}
		return "error " + errnoName(syscall.Errno(binary.NativeEndian.Uint32(value)))
	}
	return "?"
}

// open makes a socket that does not block.
func (o *ours) open() int {
	fd, _ := o.host.Socket(-1).Result()
	o.host.Fcntl(fd, syscall.F_SETFL, syscall.O_NONBLOCK)
	o.written, o.read = 0, 0
	return fd
}

// drop closes a connection whose place another one takes.
func (o *ours) drop() {
	if o.connection >= 0 {
		o.host.CloseFD(o.connection)
		o.connection = -1
	}
}

func (o *ours) transfer(s *Step) string {
	p := make([]byte, s.N)
	if s.Op == Write {
		fillPattern(p, o.written)
		n, e := o.host.Write(o.connection, p, posix.MsgNoSignal).Result()
		if e != 0 {
			return errnoName(e)
		}
		o.written += uint32(n)
		return count(n)
	}
	n, e := o.host.Read(o.connection, p, 0).Result()
	if e != 0 {
		return errnoName(e)
	}
	at := o.read
	o.read += uint32(n)
	return countRead(p[:n], at)
}

func outcome(c *posix.Call) string {
	if _, e := c.Result(); e != 0 {
		return errnoName(e)
	}
	return "ok"
}
