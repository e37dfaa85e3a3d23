// Fasthttp is a fasthttp server and client, by Serve and by Dial.
//
//	fasthttp                                            # server and client in this process
//	fasthttp -interface eth0 -address 10.0.0.2/24       # the server, beside the kernel
//	fasthttp -tap mtcp0 & curl http://10.9.0.2/         # the server, for this machine alone
package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/examples/host"
)

func main() { host.Run(serve, ask) }

func serve(stack *mtcp.Stack) (host.Stop, error) {
	l, err := stack.Listen(context.Background(), "tcp", ":80")
	if err != nil {
		return nil, err
	}
	server := &fasthttp.Server{
		Handler:            answer,
		MaxRequestBodySize: 64 << 20,
		IdleTimeout:        time.Minute,
		CloseOnShutdown:    true,
	}
	go server.Serve(l)
	return server.ShutdownWithContext, nil
}

// answer greets, or sends back what was sent.
func answer(ctx *fasthttp.RequestCtx) {
	if ctx.IsPost() {
		ctx.Write(ctx.PostBody())
		return
	}
	fmt.Fprintf(ctx, "hello %s, request %d of this connection", ctx.RemoteAddr(), ctx.ConnRequestNum())
}

// newClient returns a client whose connections are the stack's.
func newClient(stack *mtcp.Stack) *fasthttp.Client {
	return &fasthttp.Client{
		Dial:         func(address string) (net.Conn, error) { return stack.Dial("tcp", address) },
		ReadTimeout:  10 * time.Second,
		WriteTimeout: 10 * time.Second,
	}
}

func ask(_ context.Context, stack *mtcp.Stack, server string) error {
	client := newClient(stack)
	defer client.CloseIdleConnections()
	for range 2 {
		status, body, err := client.Get(nil, "http://"+server+"/")
		if err != nil {
			return err
		}
		fmt.Printf("%d: %s\n", status, body)
	}
	return nil
}
