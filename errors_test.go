package mtcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A host is what the contract needs of a network: our stacks, or the kernel
// through package net, which says what is right.
type host struct {
	ip      string // where listeners are
	listen  func(ctx context.Context, network, address string) (net.Listener, error)
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	shards  int                // that listen; 0: one
	backlog int                // of its listeners; 0: not known
	full    func(t *testing.T) // waits until the backlog has been full
}

func kernelHost(t testing.TB) *host {
	checkLeaks(t)
	var lc net.ListenConfig
	var d net.Dialer
	return &host{ip: "127.0.0.1", listen: lc.Listen, dial: d.DialContext}
}

func wireHost(t testing.TB) *host {
	w := newWorld(t, WireConfig{}, nil)
	return &host{ip: serverIP, listen: w.server.Listen, dial: w.client.DialContext}
}

// stream is what connections of both kinds have.
type stream interface {
	net.Conn
	io.ReaderFrom
	io.WriterTo
	CloseRead() error
	CloseWrite() error
	SetLinger(int) error
	SetNoDelay(bool) error
	SetKeepAlive(bool) error
	SetKeepAlivePeriod(time.Duration) error
	SetKeepAliveConfig(net.KeepAliveConfig) error
	SetReadBuffer(int) error
	SetWriteBuffer(int) error
}

var (
	_ stream = (*net.TCPConn)(nil)
	_ stream = (*Conn)(nil)
)

// open makes a connection and returns both ends.
func (h *host) open(t testing.TB) (l net.Listener, c, s stream) {
	t.Helper()
	l, err := h.listen(context.Background(), "tcp", h.ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	cc, err := h.dial(context.Background(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ss, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); cc.Close(); ss.Close() })
	return l, cc.(stream), ss.(stream)
}

// describe writes down everything about an error that a program can depend on.
func describe(err error) string {
	if err == nil {
		return "no error"
	}
	var b strings.Builder
	for e := err; e != nil; e = errors.Unwrap(e) {
		switch e := e.(type) {
		case *net.OpError:
			fmt.Fprintf(&b, "OpError(%s %s", e.Op, e.Net)
			if e.Source != nil {
				b.WriteString(" source")
			}
			if e.Addr != nil {
				b.WriteString(" addr")
			}
			b.WriteString(") ")
		case *os.SyscallError:
			fmt.Fprintf(&b, "SyscallError(%s) ", e.Syscall)
		case syscall.Errno:
			fmt.Fprintf(&b, "Errno(%d) ", int(e))
		case *net.AddrError:
			b.WriteString("AddrError ")
		case *net.DNSError:
			b.WriteString("DNSError ")
		case net.UnknownNetworkError:
			b.WriteString("UnknownNetworkError ")
		}
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		b.WriteString("timeout ")
	}
	for _, known := range []error{net.ErrClosed, os.ErrDeadlineExceeded, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			fmt.Fprintf(&b, "is(%v) ", known)
		}
	}
	if err == io.EOF {
		b.WriteString("bare EOF ")
	}
	b.WriteString(address.ReplaceAllString(err.Error(), "ADDRESS"))
	return b.String()
}

// address is what of an error's text differs between hosts.
var address = regexp.MustCompile(`\d+\.\d+\.\d+\.\d+(:\d+)?`)

// contract is how calls fail, one error each.
var contract = []struct {
	name string
	fail func(t *testing.T, h *host) error
}{
	{"SetKeepAlivePeriod/Zero", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		return c.SetKeepAlivePeriod(0)
	}},
	{"SetKeepAlivePeriod/Negative", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		return c.SetKeepAlivePeriod(-time.Second)
	}},
	{"Read/AfterClose", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.Close()
		_, err := c.Read(make([]byte, 1))
		return err
	}},
	{"Read/NothingAfterClose", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.Close()
		_, err := c.Read(nil)
		return err
	}},
	{"Read/ClosedMeanwhile", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		time.AfterFunc(time.Millisecond, func() { c.Close() })
		_, err := c.Read(make([]byte, 1))
		return err
	}},
	{"Read/Deadline", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.SetReadDeadline(time.Now().Add(time.Millisecond))
		_, err := c.Read(make([]byte, 1))
		return err
	}},
	{"Read/DeadlineBeforeData", func(t *testing.T, h *host) error {
		_, c, s := h.open(t)
		s.Write([]byte("x"))
		c.Read(make([]byte, 1))
		s.Write([]byte("x"))
		c.SetReadDeadline(time.Unix(1, 0))
		_, err := c.Read(make([]byte, 1))
		return err
	}},
	{"Read/NothingAfterDeadline", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.SetReadDeadline(time.Unix(1, 0))
		_, err := c.Read(nil)
		return err
	}},
	{"Read/PeerClosed", func(t *testing.T, h *host) error {
		_, c, s := h.open(t)
		s.Close()
		_, err := c.Read(make([]byte, 1))
		return err
	}},
	{"Read/PeerClosedTwice", func(t *testing.T, h *host) error {
		_, c, s := h.open(t)
		s.Close()
		c.Read(make([]byte, 1))
		_, err := c.Read(make([]byte, 1))
		return err
	}},
	{"Read/AfterCloseRead", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.CloseRead()
		_, err := c.Read(make([]byte, 1))
		return err
	}},
	{"Read/PeerReset", func(t *testing.T, h *host) error {
		_, c, s := h.open(t)
		s.SetLinger(0)
		s.Close()
		_, err := c.Read(make([]byte, 1))
		return err
	}},
	{"Read/PeerDiscarded", func(t *testing.T, h *host) error {
		// A close with unread octets is a reset, so that the sender knows.
		_, c, s := h.open(t)
		c.Write([]byte("xy"))
		s.Read(make([]byte, 1))
		s.Close()
		_, err := c.Read(make([]byte, 1))
		return err
	}},
	{"Write/AfterClose", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.Close()
		_, err := c.Write([]byte("x"))
		return err
	}},
	{"Write/NothingAfterClose", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.Close()
		_, err := c.Write(nil)
		return err
	}},
	{"Write/AfterCloseWrite", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.CloseWrite()
		_, err := c.Write([]byte("x"))
		return err
	}},
	{"Write/Deadline", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		for {
			if _, err := c.Write(make([]byte, 1<<20)); err != nil {
				return err
			}
		}
	}},
	{"Write/DeadlineBefore", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.SetDeadline(time.Unix(1, 0))
		_, err := c.Write([]byte("x"))
		return err
	}},
	{"Write/ClosedMeanwhile", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		time.AfterFunc(10*time.Millisecond, func() { c.Close() })
		for {
			if _, err := c.Write(make([]byte, 1<<20)); err != nil {
				return err
			}
		}
	}},
	{"Write/PeerReset", func(t *testing.T, h *host) error {
		_, c, s := h.open(t)
		s.SetLinger(0)
		s.Close()
		c.SetReadDeadline(time.Now().Add(patience))
		for {
			if _, err := c.Write([]byte("x")); err != nil {
				return err
			}
		}
	}},
	{"Write/AfterReadSaidReset", func(t *testing.T, h *host) error {
		_, c, s := h.open(t)
		s.SetLinger(0)
		s.Close()
		c.Read(make([]byte, 1))
		_, err := c.Write([]byte("x"))
		return err
	}},
	{"Write/AfterWriteSaidReset", func(t *testing.T, h *host) error {
		_, c, s := h.open(t)
		s.SetLinger(0)
		s.Close()
		for {
			if _, err := c.Write([]byte("x")); err != nil {
				break
			}
		}
		_, err := c.Write([]byte("x"))
		return err
	}},
	{"Close/Twice", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.Close()
		return c.Close()
	}},
	{"CloseWrite/AfterClose", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.Close()
		return c.CloseWrite()
	}},
	{"CloseRead/AfterClose", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.Close()
		return c.CloseRead()
	}},
	{"SetDeadline/AfterClose", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.Close()
		return c.SetDeadline(time.Time{})
	}},
	{"SetNoDelay/AfterClose", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.Close()
		return c.SetNoDelay(true)
	}},
	{"SetLinger/AfterClose", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.Close()
		return c.SetLinger(0)
	}},
	{"SetKeepAliveConfig/AfterClose", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.Close()
		return c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true})
	}},
	{"SetKeepAlivePeriod/AfterClose", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.Close()
		return c.SetKeepAlivePeriod(time.Second)
	}},
	{"SetReadBuffer/AfterClose", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.Close()
		return c.SetReadBuffer(1 << 16)
	}},
	{"ReadFrom/AfterClose", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.Close()
		_, err := c.ReadFrom(strings.NewReader("x"))
		return err
	}},
	{"ReadFrom/AfterCloseWrite", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.CloseWrite()
		_, err := c.ReadFrom(strings.NewReader("x"))
		return err
	}},
	{"ReadFrom/Deadline", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.SetWriteDeadline(time.Unix(1, 0))
		_, err := c.ReadFrom(strings.NewReader("x"))
		return err
	}},
	{"ReadFrom/Empty", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		_, err := c.ReadFrom(strings.NewReader(""))
		return err
	}},
	{"WriteTo/AfterClose", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.Close()
		_, err := c.WriteTo(io.Discard)
		return err
	}},
	{"WriteTo/Deadline", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.SetReadDeadline(time.Unix(1, 0))
		_, err := c.WriteTo(io.Discard)
		return err
	}},
	{"WriteTo/PeerClosed", func(t *testing.T, h *host) error {
		_, c, s := h.open(t)
		s.Close()
		_, err := c.WriteTo(io.Discard)
		return err
	}},
	{"WriteTo/PeerReset", func(t *testing.T, h *host) error {
		_, c, s := h.open(t)
		s.SetLinger(0)
		s.Close()
		_, err := c.WriteTo(io.Discard)
		return err
	}},
	{"WriteBuffers/AfterClose", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.Close()
		_, err := writeBuffers(c, [][]byte{{1}, {2}})
		return err
	}},
	{"WriteBuffers/AfterCloseWrite", func(t *testing.T, h *host) error {
		_, c, _ := h.open(t)
		c.CloseWrite()
		_, err := writeBuffers(c, [][]byte{{1}, {2}})
		return err
	}},
	{"Dial/Refused", func(t *testing.T, h *host) error {
		l, _, _ := h.open(t)
		l.Close()
		_, err := h.dial(context.Background(), "tcp", l.Addr().String())
		return err
	}},
	{"Dial/CancelledBefore", func(t *testing.T, h *host) error {
		l, _, _ := h.open(t)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := h.dial(ctx, "tcp", l.Addr().String())
		return err
	}},
	{"Dial/LateBefore", func(t *testing.T, h *host) error {
		l, _, _ := h.open(t)
		ctx, cancel := context.WithDeadline(context.Background(), time.Unix(1, 0))
		defer cancel()
		_, err := h.dial(ctx, "tcp", l.Addr().String())
		return err
	}},
	{"Dial/BadNetwork", func(t *testing.T, h *host) error {
		_, err := h.dial(context.Background(), "tcp5", h.ip+":80")
		return err
	}},
	{"Dial/NoPort", func(t *testing.T, h *host) error {
		_, err := h.dial(context.Background(), "tcp", h.ip)
		return err
	}},
	{"Dial/BadPort", func(t *testing.T, h *host) error {
		_, err := h.dial(context.Background(), "tcp", h.ip+":65536")
		return err
	}},
	{"Dial/UnknownService", func(t *testing.T, h *host) error {
		_, err := h.dial(context.Background(), "tcp", h.ip+":no-such-service")
		return err
	}},
	{"Dial/TooManyColons", func(t *testing.T, h *host) error {
		_, err := h.dial(context.Background(), "tcp", "::1:80")
		return err
	}},
	{"Listen/InUse", func(t *testing.T, h *host) error {
		l, _, _ := h.open(t)
		_, err := h.listen(context.Background(), "tcp", l.Addr().String())
		return err
	}},
	{"Listen/NotOurs", func(t *testing.T, h *host) error {
		_, err := h.listen(context.Background(), "tcp", "192.0.2.1:80")
		return err
	}},
	{"Listen/BadNetwork", func(t *testing.T, h *host) error {
		_, err := h.listen(context.Background(), "tcp5", h.ip+":80")
		return err
	}},
	{"Listen/NoPort", func(t *testing.T, h *host) error {
		_, err := h.listen(context.Background(), "tcp", h.ip)
		return err
	}},
	{"Listen/BadPort", func(t *testing.T, h *host) error {
		_, err := h.listen(context.Background(), "tcp", h.ip+":65536")
		return err
	}},
	{"Listen/NegativePort", func(t *testing.T, h *host) error {
		_, err := h.listen(context.Background(), "tcp", h.ip+":-1")
		return err
	}},
	{"Accept/AfterClose", func(t *testing.T, h *host) error {
		l, _, _ := h.open(t)
		l.Close()
		_, err := l.Accept()
		return err
	}},
	{"Accept/Deadline", func(t *testing.T, h *host) error {
		l, _, _ := h.open(t)
		l.(deadliner).SetDeadline(time.Now().Add(time.Millisecond))
		_, err := l.Accept()
		return err
	}},
	{"Accept/ClosedAfterDeadline", func(t *testing.T, h *host) error {
		l, _, _ := h.open(t)
		l.(deadliner).SetDeadline(time.Unix(1, 0))
		l.Close()
		_, err := l.Accept()
		return err
	}},
	{"Listener/CloseTwice", func(t *testing.T, h *host) error {
		l, _, _ := h.open(t)
		l.Close()
		return l.Close()
	}},
	{"Listener/SetDeadlineAfterClose", func(t *testing.T, h *host) error {
		l, _, _ := h.open(t)
		l.Close()
		return l.(deadliner).SetDeadline(time.Time{})
	}},
}

// deadliner is what a listener has beyond net.Listener.
type deadliner interface{ SetDeadline(time.Time) error }

// writeBuffers is writev: net.Buffers knows only package net's connections.
func writeBuffers(c stream, v net.Buffers) (int64, error) {
	if ours, ok := c.(*Conn); ok {
		return ours.WriteBuffers(&v)
	}
	return v.WriteTo(c)
}

// Package net over the kernel's loopback says what each error must look like.
func TestErrors_AreThoseOfPackageNet(t *testing.T) {
	compareErrors(t, wireHost(t), kernelHost(t))
}

func compareErrors(t *testing.T, ours, theirs *host) {
	for _, c := range contract {
		t.Run(c.name, func(t *testing.T) {
			var got, want error
			within(t, "the call", func() {
				want = c.fail(t, theirs)
				got = c.fail(t, ours)
			})
			if describe(got) != describe(want) {
				t.Errorf("got  %v\n     %s\nwant %v\n     %s", got, describe(got), want, describe(want))
			}
		})
	}
}

// Here we differ on purpose: Linux reports a reset once and then says EOF,
// which reads like a complete stream.
func TestRead_GoesOnSayingThatItWasReset(t *testing.T) {
	_, c, s := wireHost(t).open(t)
	s.SetLinger(0)
	s.Close()
	for range 3 {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read of a reset connection: %v", err)
		}
	}
}
