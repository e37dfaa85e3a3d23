// Echo is the smallest server: it sends back what comes in, a goroutine per
// connection, as with the net package.
//
//	echo                                                # server and client in this process
//	echo -interface eth0 -address 10.0.0.2/24           # the server, beside the kernel
//	echo -tap mtcp0 & nc 10.9.0.2 7                     # the server, for this machine alone
//	echo -interface eth0 -address 10.0.0.3/24 -ask 10.0.0.2  # the client
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"sync"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/examples/host"
)

func main() { host.Run(serve, ask) }

func serve(stack *mtcp.Stack) (host.Stop, error) {
	l, err := stack.Listen(context.Background(), "tcp", ":7")
	if err != nil {
		return nil, err
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			} else if err != nil {
				log.Print(err)
				continue
			}
			running.Go(func() { echo(c) })
		}
	})
	return func(context.Context) error {
		err := l.Close()
		running.Wait()
		return err
	}, nil
}

// echo returns when the peer has closed its direction, and then closes ours.
func echo(c net.Conn) {
	defer c.Close()
	if _, err := io.Copy(c, c); err != nil {
		log.Print(err)
	}
}

func ask(ctx context.Context, stack *mtcp.Stack, server string) error {
	c, err := stack.DialContext(ctx, "tcp", net.JoinHostPort(server, "7"))
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Fprintln(c, "hello")
	c.(*mtcp.Conn).CloseWrite() // the server reads to the end; we still read
	answer, err := io.ReadAll(c)
	fmt.Printf("%s sent back %q\n", c.RemoteAddr(), answer)
	return err
}
