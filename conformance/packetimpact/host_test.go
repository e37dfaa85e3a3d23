package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/posix"
	"github.com/mtcp-go/mtcp/internal/wire"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// A caller asks a host over gRPC, as the programs do.
type caller struct {
	*testing.T
	service service
	conn    *grpc.ClientConn
	world   *world
}

// newCaller has a host in real time, on a wire with nobody at the other end.
func newCaller(t *testing.T) *caller {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := readService(t.Context(), "testdata/some.proto")
	must(err)
	m, err := mem.New(mem.Config{})
	must(err)
	w, err := newWorld(posix.Config{Address: wire.IPv4Prefix{Addr: 10<<24 | 2, Bits: 24}, Link: m.Side(0).Queue(0)})
	must(err)
	l, server := bufconn.Listen(1<<16), grpc.NewServer()
	server.RegisterService(s.describe(), w)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- server.Serve(l) }()
	go func() { ended <- w.run(ctx) }()
	conn, err := grpc.NewClient("passthrough:///host", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	must(err)
	t.Cleanup(func() {
		must(conn.Close())
		stop()
		server.Stop()
		must(<-ended)
		must(<-ended)
	})
	return &caller{t, s, conn, w}
}

// try makes a call with a request in the text form of messages.
func (c *caller) try(ctx context.Context, method, request string) (*dynamicpb.Message, error) {
	c.Helper()
	d := c.service.Methods().ByName(protoreflect.Name(method))
	in, out := dynamicpb.NewMessage(d.Input()), dynamicpb.NewMessage(d.Output())
	if err := prototext.Unmarshal([]byte(request), in); err != nil {
		c.Fatalf("%s: %v", method, err)
	}
	return out, c.conn.Invoke(ctx, "/"+string(c.service.FullName())+"/"+method, in, out)
}

// ask makes a call and compares the answer, again in the text form.
func (c *caller) ask(method, request, want string) *dynamicpb.Message {
	c.Helper()
	out, err := c.try(c.Context(), method, request)
	if err != nil {
		c.Fatalf("%s: %v", method, err)
	}
	wanted := dynamicpb.NewMessage(out.Descriptor())
	if err := prototext.Unmarshal([]byte(want), wanted); err != nil {
		c.Fatalf("%s: %v", method, err)
	}
	if got, want := prototext.Format(out), prototext.Format(wanted); got != want {
		c.Errorf("%s: answer\n%swant\n%s", method, got, want)
	}
	return out
}

// A connection of the host to itself, with calls that block until it is there.
func TestHost_MakesTheCalls(t *testing.T) {
	c := newCaller(t)
	c.ask("Socket", `domain: 2 type: 1`, `fd: 3`)
	c.ask("Bind", `sockfd: 3 addr { in { addr: "\n\x00\x00\x02" } }`, ``)
	c.ask("GetSockName", `sockfd: 3`, `addr { in { family: 2 port: 32768 addr: "\n\x00\x00\x02" } }`)
	c.ask("Listen", `sockfd: 3 backlog: 1`, ``)
	c.ask("Poll", `pfds { fd: 3 events: 1 } timeout_millis: 1`, ``)

	accepted := make(chan error, 1)
	go func() {
		out, err := c.try(c.Context(), "Accept", `sockfd: 3`)
		if err == nil && (fields{out, &exchange{}}).number("fd") != 5 {
			err = status.Errorf(codes.Unknown, "accepted %v", out)
		}
		accepted <- err
	}()
	c.ask("Socket", `domain: 2 type: 1`, `fd: 4`)
	c.ask("Connect", `sockfd: 4 addr { in { port: 32768 addr: "\n\x00\x00\x02" } }`, ``)
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
	c.ask("Send", `sockfd: 4 buf: "text"`, `ret: 4`)
	c.ask("Recv", `sockfd: 5 len: 100`, `ret: 4 buf: "text"`)
	c.ask("SetSockOpt", `sockfd: 5 level: 6 optname: 1 optval { intval: 1 }`, ``)
	c.ask("GetSockOpt", `sockfd: 5 level: 6 optname: 1 type: INT`, `optval { intval: 1 }`)
	c.ask("GetSockOpt", `sockfd: 5 level: 6 optname: 11 optlen: 1 type: BYTES`, `optval { bytesval: "\x01" }`) // TCP_INFO: ESTABLISHED
	c.ask("Close", `fd: 4`, ``)
	c.ask("Poll", `pfds { fd: 5 events: 1 } pfds { fd: 3 events: 1 } timeout_millis: 10000`, `ret: 1 pfds { fd: 5 events: 1 }`)
	c.ask("Recv", `sockfd: 5 len: 100`, ``)
}

// What the host does not do fails as it does in Linux.
func TestHost_ErrorsAreNumbers(t *testing.T) {
	c := newCaller(t)
	c.ask("Socket", `domain: 10 type: 1`, `fd: -1 errno_: 97`) // IPv6
	c.ask("Socket", `domain: 2 type: 2`, `fd: -1 errno_: 93`)  // UDP
	c.ask("Listen", `sockfd: 9`, `ret: -1 errno_: 9`)
	c.ask("Socket", `domain: 2 type: 2049`, `fd: 3`) // SOCK_NONBLOCK
	c.ask("Bind", `sockfd: 3 addr { in6 {} }`, `ret: -1 errno_: 97`)
	c.ask("Connect", `sockfd: 3 addr { in { port: 9 addr: "\n\x00\x00\x01" } }`, `ret: -1 errno_: 115`)
}

// Messages that do not have what a call needs are refused with a word.
func TestHost_RefusesAnotherDefinition(t *testing.T) {
	c := newCaller(t)
	for method, request := range map[string]string{"Shutdown": ``, "Fly": ``, "Bind": ``, "SetSockOpt": ``, "GetSockOpt": ``} {
		if _, err := c.try(t.Context(), method, request); status.Code(err) != codes.InvalidArgument && status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v", method, err)
		}
	}
	if _, err := readService(t.Context(), "testdata/none.proto"); err == nil {
		t.Error("read a definition that is not there")
	}
}

// Who gives up a call leaves nothing behind.
func TestHost_CallsCanBeGivenUp(t *testing.T) {
	c := newCaller(t)
	c.ask("Socket", `domain: 2 type: 1`, `fd: 3`)
	c.ask("Bind", `sockfd: 3 addr { in { addr: "\x00\x00\x00\x00" } }`, ``)
	c.ask("Listen", `sockfd: 3`, ``)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := c.try(ctx, "Accept", `sockfd: 3`)
		gone <- err
	}()
	c.ask("Poll", `pfds { fd: 3 events: 1 } timeout_millis: 1`, ``) // in the same queue, behind it
	cancel()
	if err := <-gone; status.Code(err) != codes.Canceled {
		t.Error(err)
	}
	blocked := 1
	for range 10_000 { // the host hears of it a little later
		if blocked == 0 {
			break
		}
		c.world.call(t.Context(), func(h *posix.Host) *posix.Call {
			blocked = len(c.world.blocked)
			return h.Poll(nil, 0)
		})
	}
	if blocked != 0 {
		t.Error("the call goes on without its caller")
	}
	c.ask("Close", `fd: 3`, ``)
}

// Calls are made at the time at which they come, not at that of the last round.
func TestWorld_CallsWaitNoLessThanTheySay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := mem.New(mem.Config{})
		if err != nil {
			t.Fatal(err)
		}
		w, err := newWorld(posix.Config{Address: wire.IPv4Prefix{Addr: 10<<24 | 2, Bits: 24}, Link: m.Side(0).Queue(0)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.run(ctx) }()
		for _, idle := range []time.Duration{300 * time.Millisecond, 1700 * time.Millisecond} {
			time.Sleep(idle)
			began := time.Now()
			w.call(ctx, func(h *posix.Host) *posix.Call { return h.Poll(nil, 3*time.Second) })
			if d := time.Since(began); d != 3*time.Second {
				t.Errorf("after %v of quiet: %v", idle, d)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestDescription_IsWhatAnInterfaceHas(t *testing.T) {
	all, err := net.Interfaces()
	if err != nil || len(all) == 0 {
		t.Fatal("no interface", err)
	}
	var b bytes.Buffer
	at := netip.MustParsePrefix("172.31.0.2/24")
	if err := describe(nopCloser{&b}, netip.MustParsePrefix("192.0.2.2/24"), at, all[0].Name); err != nil {
		t.Fatal(err)
	}
	var d description
	if err := json.Unmarshal(b.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d.Net.RemoteDevID != all[0].Index || d.Net.RemoteIPv4 != at.Addr() || d.Net.IPv4PrefixLength != 24 || d.Net.POSIXServerPort != port {
		t.Errorf("%+v", d)
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
