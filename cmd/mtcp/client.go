// mtcp client: one load through the kernel's TCP, in a process of its own.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/signal"
	"syscall"
	"time"
)

type clientCmd struct {
	HTTP       string        `xor:"what" required:"" help:"URL to fetch."`
	Echo       string        `xor:"what" required:"" help:"Address of an echo server."`
	Download   string        `xor:"what" required:"" help:"URL of a long stream."`
	Upload     string        `xor:"what" required:"" help:"URL that takes a long stream."`
	Close      bool          `help:"A connection per request."`
	C          int           `short:"c" default:"64" help:"Connections at a time."`
	N          int           `short:"n" help:"Requests in all."`
	Duration   time.Duration `default:"3s" help:"Time in all."`
	Congestion string        `default:"cubic" help:"Congestion control of the kernel."`
}

// Help shows an example.
func (*clientCmd) Help() string {
	return `Prints one line of JSON.

Example:

    mtcp client --echo 10.0.0.2:7 -c 64 --duration 2s`
}

// Run makes the load.
func (c *clientCmd) Run(t *terminal) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	l, dial := load{connections: c.C, requests: c.N, duration: c.Duration}, kernelDoor{c.Congestion}.DialContext
	var r loadResult
	switch {
	case c.HTTP != "":
		r = httpLoad(ctx, dial, l, c.HTTP, c.Close)
	case c.Echo != "":
		r = echoLoad(ctx, dial, l, c.Echo)
	case c.Download != "":
		r = download(ctx, dial, load{connections: 1, duration: c.Duration}, c.Download)
	default:
		r = upload(ctx, dial, load{connections: 1, duration: c.Duration}, c.Upload)
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "%s\n", b)
	return err
}
