package mtcp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/mtcp-go/mtcp"
)

// twoStacks makes the stacks 10.0.0.1 and 10.0.0.2 on a wire in this process.
// A server for others has mtcp.AFXDP{Interface: "eth0"} as its link instead.
func twoStacks() (client, server *mtcp.Stack) {
	wire, err := mtcp.NewWire(mtcp.WireConfig{})
	if err != nil {
		log.Fatal(err)
	}
	start := func(end int, address string) *mtcp.Stack {
		s, err := mtcp.New(mtcp.Config{
			Link:      wire.End(end),
			Addresses: []netip.Prefix{netip.MustParsePrefix(address)},
			// Limits of an example; the defaults are for a server.
			Connections: 100, TimeWaits: 100, RingMemory: 8 << 20,
		})
		if err != nil {
			log.Fatal(err)
		}
		return s
	}
	return start(0, "10.0.0.1/24"), start(1, "10.0.0.2/24")
}

// An unchanged net/http server and client, on stacks of their own.
func Example() {
	a, b := twoStacks()
	defer a.Close()
	defer b.Close()

	l, err := b.Listen(context.Background(), "tcp", ":80")
	if err != nil {
		log.Fatal(err)
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %s", r.URL.Path)
	}))

	client := &http.Client{Transport: &http.Transport{DialContext: a.DialContext}}
	r, err := client.Get("http://10.0.0.2/world")
	if err != nil {
		log.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", body)
	// Output: hello /world
}

// A stack on the kernel's interface eth0, beside the kernel.
func ExampleNew() {
	stack, err := mtcp.New(mtcp.Config{
		Link:      mtcp.AFXDP{Interface: "eth0"},
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/24")},
		Gateway:   netip.MustParseAddr("10.0.0.254"),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer stack.Close()
	for _, l := range stack.Links() {
		fmt.Println(l.Name, l.Mode, l.Why)
	}
}

func ExampleNewWire() {
	wire, err := mtcp.NewWire(mtcp.WireConfig{
		Impair: [2]mtcp.Impairment{
			{Delay: 2 * time.Millisecond, Loss: 0.01}, // what end 0 sends
			{Delay: 2 * time.Millisecond},
		},
		Seed: 1,
	})
	if err != nil {
		log.Fatal(err)
	}
	for end := range 2 {
		stack, err := mtcp.New(mtcp.Config{
			Link:        wire.End(end),
			Addresses:   []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(end + 1)}), 24)},
			Connections: 100, TimeWaits: 100, RingMemory: 8 << 20,
		})
		if err != nil {
			log.Fatal(err)
		}
		defer stack.Close()
		fmt.Println(stack.Links()[0].Mode)
	}
	// Output:
	// in-process, impaired
	// in-process, impaired
}

func ExampleStack_Listen() {
	a, b := twoStacks()
	defer a.Close()
	defer b.Close()

	l, err := b.Listen(context.Background(), "tcp", "10.0.0.2:7")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // net.ErrClosed, when the listener or the stack is closed
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()

	c, err := a.Dial("tcp", "10.0.0.2:7")
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintln(c, "echo")
	line, err := bufio.NewReader(c).ReadString('\n')
	fmt.Printf("%q %v from %v\n", line, err, c.RemoteAddr())
	// Output: "echo\n" <nil> from 10.0.0.2:7
}

func ExampleStack_DialContext() {
	a, b := twoStacks()
	defer a.Close()
	defer b.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := a.DialContext(ctx, "tcp", "10.0.0.2:80") // nobody listens there
	fmt.Println(err)
	// Output: dial tcp 10.0.0.2:80: connect: connection refused
}

func ExampleStack_DialFrom() {
	a, b := twoStacks()
	defer a.Close()
	defer b.Close()

	l, err := b.Listen(context.Background(), "tcp", ":80")
	if err != nil {
		log.Fatal(err)
	}
	from := netip.MustParseAddrPort("10.0.0.1:4000")
	to := netip.MustParseAddrPort("10.0.0.2:80")
	c, err := a.DialFrom(context.Background(), from, to)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.RemoteAddr())
	// Output: 10.0.0.1:4000
}

func ExampleStack_Shutdown() {
	a, b := twoStacks()
	defer a.Close()

	l, err := b.Listen(context.Background(), "tcp", ":80")
	if err != nil {
		log.Fatal(err)
	}
	c, err := a.Dial("tcp", "10.0.0.2:80")
	if err != nil {
		log.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		log.Fatal(err)
	}
	io.WriteString(s, "the last words")
	s.Close()

	go func() {
		got, err := io.ReadAll(c)
		fmt.Printf("%s, %v\n", got, err)
		c.Close()
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println(b.Shutdown(ctx)) // waits for the connection
	// Unordered output:
	// the last words, <nil>
	// <nil>
}

func ExampleStack_Stats() {
	a, b := twoStacks()
	defer a.Close()
	defer b.Close()

	a.Dial("tcp", "10.0.0.2:80") // refused
	for _, s := range b.Stats() {
		fmt.Println(s.ResetsOut > 0, s.Drops["tcp_no_listener"] > 0)
	}
	// Output: true true
}

// What was obtained of a link, and why it was not more.
func ExampleStack_Links() {
	a, b := twoStacks()
	defer a.Close()
	defer b.Close()
	for _, l := range a.Links() {
		fmt.Println(l.Name, l.Mode, l.MTU)
	}
	// Output: mem0 in-process 1500
}

// A Conn has what *net.TCPConn has, but for a file descriptor.
func ExampleConn() {
	a, b := twoStacks()
	defer a.Close()
	defer b.Close()

	l, err := b.Listen(context.Background(), "tcp", ":80")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		s, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		question, err := io.ReadAll(s) // until the FIN
		fmt.Printf("%s, %v\n", question, err)
		io.WriteString(s, "and an answer")
		s.Close()
	}()
	dialled, err := a.Dial("tcp", "10.0.0.2:80")
	if err != nil {
		log.Fatal(err)
	}
	c := dialled.(*mtcp.Conn)
	defer c.Close()
	c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: time.Minute})
	c.SetDeadline(time.Now().Add(5 * time.Second))
	c.WriteBuffers(&net.Buffers{[]byte("a "), []byte("question")})
	c.CloseWrite()
	answer, err := io.ReadAll(c)
	fmt.Printf("%s, %v\n", answer, err)
	// Output:
	// a question, <nil>
	// and an answer, <nil>
}

// A stack beside a DPDK program, over shared memory: the program runs with
// --vdev=net_memif0,role=client,id=0,socket=/run/mtcp.sock,socket-abstract=no and
// may be started, killed and started again at any time.
func ExampleMemif() {
	s, err := mtcp.New(mtcp.Config{
		Link: mtcp.Memif{
			Socket: filepath.Join(os.TempDir(), "mtcp-example.sock"),
			Role:   mtcp.MemifMaster,
			Queues: 2, // and so two shards
		},
		Addresses:   []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")},
		Connections: 100, TimeWaits: 100, RingMemory: 8 << 20,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	fmt.Println(len(s.Links()), s.Links()[0].Mode)
	// Output: 2 memif master
}
