package event_test

import (
	"fmt"
	"log"
	"net/netip"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/event"
)

// stacks returns two on a wire. A real one has, for example, the link
// mtcp.AFXDP{Interface: "eth0"}.
func stacks() (server, client *mtcp.Stack) {
	wire, err := mtcp.NewWire(mtcp.WireConfig{})
	if err != nil {
		log.Fatal(err)
	}
	var s [2]*mtcp.Stack
	for i, address := range []string{"10.0.0.2/24", "10.0.0.1/24"} {
		s[i], err = mtcp.New(mtcp.Config{
			Link: wire.End(i), Addresses: []netip.Prefix{netip.MustParsePrefix(address)},
			Connections: 1024, RingMemory: 16 << 20,
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	return s[0], s[1]
}

// An echo server: what finds no room waits in the receive buffer until Writable,
// which is Readable unless it is given, goes on.
func ExampleListen() {
	server, client := stacks()
	defer server.Close()
	defer client.Close()
	_, err := event.Listen(server, "tcp", ":7", &event.Handler{
		Readable: func(c event.Conn) {
			for p := c.Peek(); len(p) > 0; p = c.Peek() {
				n := c.Write(p)
				c.Discard(n)
				if n < len(p) {
					return
				}
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	c, err := client.Dial("tcp", "10.0.0.2:7") // by the net door
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "hello")
	b := make([]byte, 5)
	c.Read(b)
	fmt.Printf("%s\n", b)
	// Output: hello
}

// State of a connection stands with it: no map.
func ExampleConn_SetUser() {
	server, client := stacks()
	defer server.Close()
	defer client.Close()
	type visit struct{ octets int }
	event.Listen(server, "tcp", ":9", &event.Handler{
		Open: func(c event.Conn) { c.SetUser(&visit{}) },
		Readable: func(c event.Conn) {
			n := len(c.Peek())
			c.User().(*visit).octets += n
			c.Discard(n)
		},
		End: func(c event.Conn) {
			c.Write(fmt.Appendf(nil, "%d octets", c.User().(*visit).octets))
			c.Close()
		},
	})

	c, err := client.Dial("tcp", "10.0.0.2:9")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(c, "all that is said")
	c.(*mtcp.Conn).CloseWrite()
	b := make([]byte, 100)
	n, _ := c.Read(b)
	fmt.Printf("%s\n", b[:n])
	// Output: 16 octets
}

// Dials, timers and everything else of a shard belong on it: Do goes there.
func ExampleLoop_Do() {
	server, client := stacks()
	defer server.Close()
	defer client.Close()
	event.Listen(server, "tcp", ":13", &event.Handler{Open: func(c event.Conn) {
		c.Write([]byte("noon"))
		c.Close()
	}})

	said := make(chan string, 1)
	h := &event.Handler{
		Readable: func(c event.Conn) {
			said <- string(c.Peek())
			c.Discard(len(c.Peek()))
		},
		Tick:   func(c event.Conn) { c.Abort() },
		Closed: func(c event.Conn, err error) { close(said) },
	}
	event.Loops(client)[0].Do(func(l *event.Loop) {
		c, err := l.Dial(netip.MustParseAddrPort("10.0.0.2:13"), h, nil)
		if err != nil {
			log.Print(err)
			close(said)
			return
		}
		c.SetTick(10 * time.Second) // how long it may take
	})
	fmt.Println(<-said)
	// Output: noon
}
