package event

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/netconf"
)

// Handlers at an address that the kernel has, too, with the kernel as the peer:
// they listen and dial on ports that are held against it.
func TestKernel_HandlersAtASharedAddress(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	const ours, peer = "10.79.0.1", "10.79.0.2"
	p, err := netconf.NewPair(
		netconf.End{Addresses: []netip.Prefix{netip.MustParsePrefix(ours + "/24")}},
		netconf.End{Addresses: []netip.Prefix{netip.MustParsePrefix(peer + "/24")}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var s *mtcp.Stack
	if err := p.Ends[0].Do(func() (err error) {
		s, err = mtcp.New(mtcp.Config{
			Link:        mtcp.AFXDP{Interface: p.Ends[0].Interface, Shared: true, DialPorts: 64},
			Connections: 1 << 10, TimeWaits: 1 << 10, RingMemory: 32 << 20,
		})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	l, err := Listen(s, "tcp", ":80", &Handler{Readable: echo})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Ends[0].Do(func() error {
		_, err := net.Listen("tcp4", ours+":80")
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("the kernel may listen on the handlers' port: %v", err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	kernel := func(f func() error) {
		t.Helper()
		if err := p.Ends[1].Do(f); err != nil {
			t.Fatal(err)
		}
	}
	var c net.Conn
	kernel(func() (err error) {
		c, err = net.DialTimeout("tcp4", ours+":80", patience)
		return err
	})
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	text := pattern(1 << 20)
	go func() {
		c.Write(text)
		c.(*net.TCPConn).CloseWrite()
	}()
	if got, err := io.ReadAll(c); !bytes.Equal(got, text) || err != nil {
		t.Errorf("%d octets of %d came back, or they differ; %v", len(got), len(text), err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}

	var kl net.Listener
	kernel(func() (err error) {
		kl, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp4", peer+":81")
		return err
	})
	defer kl.Close()
	heard := make(chan string, 1)
	on(t, s, 0, func(l *Loop) {
		if _, err := l.DialFrom(netip.MustParseAddrPort(ours+":22"), mustAddr(peer+":81"), &Handler{}, nil); err == nil {
			t.Error("a port that is the kernel's was dialled from")
		}
		_, err := l.Dial(mustAddr(peer+":81"), &Handler{
			Open:   func(c Conn) { c.Write([]byte("from a handler")); c.Close() },
			Closed: func(_ Conn, err error) { heard <- "closed" },
		}, nil)
		if err != nil {
			t.Error(err)
		}
	})
	k, err := kl.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if got, err := io.ReadAll(k); string(got) != "from a handler" || err != nil {
		t.Errorf("the kernel's listener reads %q, %v", got, err)
	}
	wait(t, "Closed", heard)
}
