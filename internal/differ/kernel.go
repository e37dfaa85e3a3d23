// The kernel's side: sockets in a namespace behind a TUN device. Many sequences
// go in lock step, each with an address of its own for the peer, so that they
// share the time that each step takes.

package differ

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp/internal/netconf"
	"github.com/mtcp-go/mtcp/internal/wire"
	"golang.org/x/sys/unix"
)

const (
	device      = "differ0"
	firstPort   = 2000     // of the side, one for each sequence of a batch
	peers       = 10 << 24 // 10.0.0.0/8
	firstPeer   = 10<<24 | 128<<16
	lastPeer    = 10<<24 | 255<<16
	packetQueue = 10_000 // answers that wait to be read
	maxPacket   = 65536
	rest        = 5 * time.Millisecond // between two looks at what the kernel's timers have sent
)

// MaxBatch is how many sequences may go together.
const MaxBatch = 4000

// settings make the kernel's choices those that we follow, and move timers out
// of the way. Both sides are set alike: see ourConfig.
var settings = [][2]string{
	{"net.ipv4.tcp_syncookies", "0"},
	{"net.ipv4.tcp_ecn", "1"},
	{"net.ipv4.tcp_invalid_ratelimit", "0"},
	{"net.ipv4.tcp_challenge_ack_limit", "2147483647"},
	{"net.ipv4.tcp_max_syn_backlog", "65536"},
	{"net.core.somaxconn", "65536"},
	{"net.ipv4.tcp_max_tw_buckets", "1000000"},
	{"net.ipv4.tcp_no_metrics_save", "1"},
	{"net.ipv4.tcp_early_retrans", "0"},
	{"net.ipv4.tcp_rto_min_us", "15000000"},
	{"net.ipv4.tcp_comp_sack_nr", "0"},
	{"net.ipv4.tcp_autocorking", "0"},
	{"net.ipv4.tcp_rfc1337", "1"},
	{"net.ipv4.tcp_fastopen", "0"},
	{"net.ipv4.tcp_tw_reuse", "0"},
	{"net.ipv4.tcp_wmem", "4096 1048576 4194304"},
	{"net.ipv4.tcp_rmem", "4096 131072 6291456"},
	{"net.ipv4.conf.all.rp_filter", "0"},
	{"net.ipv4.conf.default.rp_filter", "0"},
}

// A Kernel runs sequences.
type Kernel struct {
	ns   *netconf.Namespace
	tun  int
	diag int
	peer wire.IPv4 // of the next sequence
	room []byte
}

// NewKernel makes the namespace and what is in it; it needs root.
func NewKernel() (k *Kernel, err error) {
	k = &Kernel{tun: -1, diag: -1, peer: firstPeer, room: make([]byte, maxPacket)}
	if k.ns, err = netconf.NewNamespace(""); err != nil {
		return nil, err
	}
	if err = k.ns.Do(k.build); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

func (k *Kernel) build() (err error) {
	if k.tun, err = openTUN(device); err != nil {
		return err
	}
	address := netip.PrefixFrom(sideAddress.Netip(), 8)
	if err = netconf.Settle(device, 1500, []netip.Prefix{address}, true); err != nil {
		return err
	}
	if err = lengthenQueue(device); err != nil {
		return err
	}
	for _, s := range settings {
		if err = writeSysctl(s[0], s[1]); err != nil {
			return err
		}
	}
	k.diag, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	return err
}

// Close removes everything.
func (k *Kernel) Close() error {
	for _, fd := range []int{k.tun, k.diag} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	return k.ns.Close()
}

func openTUN(name string) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("differ: /dev/net/tun: %w", err)
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("differ: make a TUN device: %w", err)
	}
	return fd, nil
}

// lengthenQueue has the device keep the answers of a whole batch.
func lengthenQueue(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("differ: %w", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint32(packetQueue)
		err = unix.IoctlIfreq(fd, unix.SIOCSIFTXQLEN, req)
	}
	if err != nil {
		return fmt.Errorf("differ: queue of the TUN device: %w", err)
	}
	return nil
}

func writeSysctl(key, value string) error {
	path := []byte("/proc/sys/" + key)
	for i := range path {
		if path[i] == '.' {
			path[i] = '/'
		}
	}
	if err := os.WriteFile(string(path), []byte(value), 0); err != nil {
		return fmt.Errorf("differ: %w", err)
	}
	return nil
}

// theirs is one sequence's run.
type theirs struct {
	view       *view
	listener   int
	connection int
	written    uint32
	read       uint32
	in         []answer
}

// Run puts the kernel through sequences, at most MaxBatch.
func (k *Kernel) Run(all []*Sequence) (traces []Trace, err error) {
	err = k.ns.Do(func() error { traces, err = k.run(all); return err })
	return traces, err
}

func (k *Kernel) run(all []*Sequence) ([]Trace, error) {
	runs, byPeer := make([]theirs, len(all)), make(map[wire.IPv4]*theirs, len(all))
	longest := 0
	for i, s := range all {
		v := newView(s.Profile, ends{sideAddress, k.nextPeer(), uint16(firstPort + i), peerPort})
		runs[i] = theirs{view: v, listener: -1, connection: -1}
		byPeer[v.peer] = &runs[i]
		longest = max(longest, len(s.Steps))
	}
	traces := make([]Trace, len(all))
	for step := range longest {
		if err := k.step(step, all, runs, byPeer, traces); err != nil {
			return nil, err
		}
	}
	for i := range runs {
		k.leave(&runs[i])
	}
	return traces, k.drain(byPeer, nil)
}

// step makes one step of every sequence.
func (k *Kernel) step(n int, all []*Sequence, runs []theirs, byPeer map[wire.IPv4]*theirs, traces []Trace) error {
	results, facts := make([]string, len(all)), make([]Facts, len(all))
	for i, s := range all {
		if n >= len(s.Steps) {
			continue
		}
		r := &runs[i]
		r.in = r.in[:0]
		r.view.step = n + 1
		if st := &s.Steps[n]; st.Op == Inject {
			facts[i] = r.view.facts(&st.Seg)
			if err := k.write(r.view.packet(&st.Seg)); err != nil {
				return err
			}
		} else {
			results[i] = r.call(st)
		}
		if err := k.drain(byPeer, r); err != nil {
			return err
		}
	}
	for range settle / rest {
		time.Sleep(rest)
		if err := k.drain(byPeer, nil); err != nil {
			return err
		}
	}
	for i, s := range all {
		if n >= len(s.Steps) {
			continue
		}
		r := &runs[i]
		state, err := k.state(&r.view.ends)
		if err != nil {
			return err
		}
		if state == "CLOSED" && r.listener >= 0 {
			state = "LISTEN"
		}
		traces[i] = append(traces[i], Observation{
			State: state, Result: results[i], Sent: r.view.normalise(&s.Steps[n], r.in), Marks: marksOf(r.in), Facts: facts[i],
		})
	}
	return nil
}

// nextPeer returns an address that no sequence of the last minutes had.
func (k *Kernel) nextPeer() wire.IPv4 {
	k.peer++
	if k.peer == lastPeer {
		k.peer = firstPeer + 1
	}
	return k.peer
}

func (k *Kernel) write(packet []byte) error {
	if _, err := unix.Write(k.tun, packet); err != nil {
		return fmt.Errorf("differ: write to the TUN device: %w", err)
	}
	return nil
}

// drain reads what the kernel has sent. now is the sequence whose turn it is: its
// packets are answers at once.
func (k *Kernel) drain(byPeer map[wire.IPv4]*theirs, now *theirs) error {
	for {
		n, err := unix.Read(k.tun, k.room)
		switch {
		case err == unix.EAGAIN:
			return nil
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("differ: read from the TUN device: %w", err)
		case n < wire.IPv4HeaderLen:
			continue
		}
		r := byPeer[wire.FromBytes(k.room[16:20])]
		if r == nil {
			continue // of a sequence of before
		}
		a := r.view.take(k.room[:n])
		a.atOnce = r == now
		r.in = append(r.in, a)
	}
}

// leave ends a sequence: its sockets are closed, and the connection is reset.
func (k *Kernel) leave(r *theirs) {
	g := Segment{Flags: wire.RST | wire.ACK}
	_ = k.write(r.view.packet(&g)) // what remains ends by itself
	for _, fd := range []int{r.connection, r.listener} {
		if fd >= 0 {
			abort(fd)
		}
	}
}

func abort(fd int) error {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	return unix.Close(fd)
}

func (r *theirs) call(s *Step) string {
	switch s.Op {
	case Listen:
		fd, err := r.open()
		r.listener = fd
		if err == nil {
			err = unix.Listen(fd, 8)
		}
		return errName(err)
	case Connect:
		r.drop()
		fd, err := r.open()
		r.connection = fd
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(r.view.peerPort), Addr: r.view.peer.Netip().As4()})
		}
		return errName(err)
	case Accept:
		fd, _, err := unix.Accept4(r.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err == nil {
			r.drop()
			r.connection, r.written, r.read = fd, 0, 0
		}
		return errName(err)
	case CloseListener:
		err := unix.Close(r.listener)
		r.listener = -1
		return errName(err)
	case Close, Abort:
		f := unix.Close
		if s.Op == Abort {
			f = abort
		}
		err := f(r.connection)
		r.connection = -1
		return errName(err)
	case ShutWrite:
		return errName(unix.Shutdown(r.connection, unix.SHUT_WR))
	case ShutRead:
		return errName(unix.Shutdown(r.connection, unix.SHUT_RD))
	case NoDelay:
		return errName(unix.SetsockoptInt(r.connection, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
	case SocketError:
		n, err := unix.GetsockoptInt(r.connection, unix.SOL_SOCKET, unix.SO_ERROR)
		if err != nil {
			return errName(err)
		}
		return "error " + errnoName(syscall.Errno(n))
	}
	return r.transfer(s)
}

func (r *theirs) transfer(s *Step) string {
	p := make([]byte, s.N)
	if s.Op == Write {
		fillPattern(p, r.written)
		n, err := unix.SendmsgN(r.connection, p, nil, nil, unix.MSG_NOSIGNAL)
		if err != nil {
			return errName(err)
		}
		r.written += uint32(n)
		return count(n)
	}
	n, err := unix.Read(r.connection, p)
	if err != nil {
		return errName(err)
	}
	at := r.read
	r.read += uint32(n)
	return countRead(p[:n], at)
}

// open makes a socket that does not block, bound to the side's port.
func (r *theirs) open() (int, error) {
	r.written, r.read = 0, 0
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return fd, err
	}
	if err = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, "cubic"); err != nil {
		return fd, err
	}
	return fd, unix.Bind(fd, &unix.SockaddrInet4{Port: int(r.view.sidePort), Addr: r.view.side.Netip().As4()})
}

func (r *theirs) drop() {
	if r.connection >= 0 {
		unix.Close(r.connection)
		r.connection = -1
	}
}

func errName(err error) string {
	var e syscall.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e):
		return errnoName(e)
	}
	return err.Error()
}
