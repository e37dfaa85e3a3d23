package afxdp

// The kernel keeps working at an address that is shared with it.

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mtcp-go/mtcp/internal/netconf"
)

// serve listens with the kernel's TCP at the shared address and hands every
// connection to f.
func serve(t *testing.T, p *netconf.Pair, port int, f func(net.Conn)) {
	t.Helper()
	var l net.Listener
	err := p.Ends[0].Do(func() (err error) {
		l, err = net.Listen("tcp", fmt.Sprintf("%v:%d", kernelIP, port))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); f(c) }()
		}
	}()
}

// dial connects the peer's kernel to the shared address.
func dial(t *testing.T, p *netconf.Pair, port int) *net.TCPConn {
	t.Helper()
	var c net.Conn
	err := p.Ends[1].Do(func() (err error) {
		c, err = net.DialTimeout("tcp", fmt.Sprintf("%v:%d", kernelIP, port), patience)
		return err
	})
	if err != nil {
		t.Fatalf("port %d: %v", port, err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// session types a line and waits for its echo, n times.
func session(c net.Conn, n int) error {
	b := make([]byte, 40)
	for i := range n {
		line := fmt.Appendf(nil, "%040d", i)
		if _, err := c.Write(line); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, b); err != nil {
			return err
		}
		if !bytes.Equal(b, line) {
			return fmt.Errorf("typed %q, read %q", line, b)
		}
	}
	return nil
}

// pour sends n octets into c and compares their hash with the one that comes back.
func pour(c *net.TCPConn, n int64) error {
	h := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(c, h), &numbers{}, n); err != nil {
		return err
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, h.Sum(nil)) {
		return errors.New("what arrived is not what was sent")
	}
	return nil
}

// numbers is an endless source that repeats no block.
type numbers struct{ last uint64 }

func (n *numbers) Read(b []byte) (int, error) {
	for i := 0; i+8 <= len(b); i += 8 {
		n.last++
		binary.LittleEndian.PutUint64(b[i:], n.last)
	}
	return len(b), nil
}

func TestShared_KernelIsUndisturbed(t *testing.T) {
	for _, mode := range []Mode{ModeNative, ModeGeneric} {
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			p := newPair(t, 1, nil)
			serve(t, p, sshPort, func(c net.Conn) { _, _ = io.Copy(c, c) })
			serve(t, p, 9000, func(c net.Conn) {
				h := sha256.New()
				_, _ = io.Copy(h, c)
				_, _ = c.Write(h.Sum(nil))
			})
			ssh := dial(t, p, sshPort) // before the program is there
			d := open(t, p, 0, Config{Mode: mode, Shared: true, Addresses: []netip.Addr{kernelIP}})
			takePorts(t, d)

			bulk := dial(t, p, 9000)
			results := make(chan error, 2)
			go func() { results <- pour(bulk, 16<<20) }()
			go func() { results <- session(ssh, 500) }()

			// Meanwhile what is ours comes here, and nothing else.
			r, q := openRaw(t, p, 1), d.Queue(0)
			frames := make([][]byte, 0, 200)
			for i := range cap(frames) {
				f := tcp(ourPort)
				f.payload = binary.BigEndian.AppendUint32(f.payload, uint32(i))
				frames = append(frames, f.frame())
				r.send(t, frames[i])
				if got := collect(t, q, 1)[0]; !bytes.Equal(got, frames[i]) {
					t.Fatalf("frame %d came in as %x", i, got)
				}
			}
			for range 2 {
				if err := <-results; err != nil {
					t.Errorf("kernel's own connection: %v", err)
				}
			}
			if err := session(dial(t, p, sshPort), 3); err != nil { // after all that
				t.Error(err)
			}
			exchange(t, p)
			if c := q.Counters(); c.RxFrames != uint64(len(frames)) || q.rx.ready(1) != 0 {
				t.Errorf("the kernel's packets came here: %+v", c)
			}
		})
	}
}

// TestShared_KernelDialsOut shows that answers to the kernel's own connections
// find it: their ports are not ours.
func TestShared_KernelDialsOut(t *testing.T) {
	p := newPair(t, 1, nil)
	d := open(t, p, 0, Config{Shared: true, Addresses: []netip.Addr{kernelIP}})
	takePorts(t, d)
	var l net.Listener
	if err := p.Ends[1].Do(func() (err error) { l, err = net.Listen("tcp", peerIP.String()+":80"); return err }); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var c net.Conn
	if err := p.Ends[0].Do(func() (err error) {
		c, err = net.DialTimeout("tcp", l.Addr().String(), patience)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// TestShared_PeersSegmentsArrive lets the peer's kernel make the packets: a SYN
// to our port comes here, resolved by the kernel's ARP, and the kernel resets
// nothing.
func TestShared_PeersSegmentsArrive(t *testing.T) {
	p := newPair(t, 1, nil)
	d := open(t, p, 0, Config{Shared: true, Addresses: []netip.Addr{kernelIP}})
	takePorts(t, d)
	fd := startDial(t, p, kernelIP, ourPort)
	syn := collect(t, d.Queue(0), 1)[0]
	if syn[23] != protocolTCP || binary.BigEndian.Uint16(syn[36:]) != ourPort || syn[47] != 2 {
		t.Errorf("received %x, want a SYN", syn)
	}
	if n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); n != 0 || err != nil {
		t.Errorf("the peer's connection has error %d, %v", n, err)
	}
}

// startDial begins a connection of the peer's kernel and does not wait for it.
func startDial(t *testing.T, p *netconf.Pair, to netip.Addr, port int) (fd int) {
	t.Helper()
	err := p.Ends[1].Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		err = unix.Connect(fd, &unix.SockaddrInet4{Addr: to.As4(), Port: port})
		if err == unix.EINPROGRESS {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// TestShared_ErrorsAndFragmentsArrive sends them over the wire, in the order in
// which the filter must tell them apart.
func TestShared_ErrorsAndFragmentsArrive(t *testing.T) {
	for _, mode := range []Mode{ModeNative, ModeGeneric} {
		p := newPair(t, 1, nil)
		d := open(t, p, 0, Config{Mode: mode, Shared: true, Addresses: []netip.Addr{kernelIP}})
		takePorts(t, d)
		r := openRaw(t, p, 1)
		ours := [][]byte{
			icmp(3, sent(ourPort)).frame(),
			piece(ourPort, 7, moreFragments).frame(),
			piece(sshPort, 7, 3).frame(),
		}
		r.send(t, icmp(3, sent(sshPort)).frame())
		r.send(t, ours[0])
		r.send(t, piece(sshPort, 8, moreFragments).frame())
		r.send(t, piece(ourPort, 8, 3).frame())
		r.send(t, ours[1])
		r.send(t, ours[2])
		for i, got := range collect(t, d.Queue(0), len(ours)) {
			if !bytes.Equal(got, ours[i]) {
				t.Errorf("mode %d: packet %d is %x, want %x", mode, i, got, ours[i])
			}
		}
	}
}

// TestShared_CloseGivesThePortsBack: with the program gone the kernel answers
// for our ports, too.
func TestShared_CloseGivesThePortsBack(t *testing.T) {
	p := newPair(t, 1, nil)
	d := open(t, p, 0, Config{Shared: true, Addresses: []netip.Addr{kernelIP}})
	takePorts(t, d)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	err := p.Ends[1].Do(func() error {
		c, err := net.DialTimeout("tcp", fmt.Sprintf("%v:%d", kernelIP, ourPort), patience)
		if err == nil {
			c.Close()
		}
		return err
	})
	if !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("got %v, want the kernel to refuse", err)
	}
}
