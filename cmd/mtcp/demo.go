// mtcp demo: the stack at work, beside the kernel's TCP.

package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp"
)

// demoPatience bounds the whole, so that nothing hangs for ever.
const demoPatience = 2 * time.Minute

type demoCmd struct {
	Link     string        `default:"auto" enum:"auto,afxdp,tap,mem" help:"afxdp: a veth between two namespaces; tap: a TAP interface; mem: in this process; auto: the first of them that can be."`
	Size     int           `default:"64" help:"Size of the file, in MiB."`
	Duration time.Duration `default:"3s" help:"Length of each load."`
	Shared   bool          `help:"The stack shares the kernel's address, where a session with the kernel's TCP goes on meanwhile."`
	C        int           `short:"c" default:"64" help:"Connections of the load."`
}

// Help shows an example.
func (*demoCmd) Help() string {
	return `As root it makes two network namespaces joined by a veth. In one, an unchanged net/http
file server runs on the stack over AF_XDP; from the other, through the kernel's TCP, it
fetches a page and a file, compares the file's SHA-256, and makes a short load with wrk,
ab or a client of its own. Then the same with the kernel's TCP as the server. Where there
is no AF_XDP the stack stands at the other end of a TAP interface; without rights all of
it happens in this process. Whatever it made it removes, also when a step fails or on
Ctrl-C.

Examples:

    sudo mtcp demo
    sudo mtcp demo --link tap
    sudo mtcp demo --shared`
}

// Run shows.
func (c *demoCmd) Run(t *terminal) error {
	switch {
	case c.Shared && c.Link == "mem":
		return usageError("--shared: there is no kernel on the in-process link")
	case c.Size < 1 || c.Size > 4096:
		return usageError(fmt.Sprintf("--size: %d MiB is out of range", c.Size))
	case c.Shared && c.Link != linkAuto && c.Link != linkAFXDP:
		return usageError("--shared: only AF_XDP can take some of an address's packets")
	case c.C < 1 || c.C > 10_000:
		return usageError(fmt.Sprintf("-c: %d connections are out of range", c.C))
	case c.Duration < time.Second || c.Duration > time.Minute:
		return usageError(fmt.Sprintf("--duration: %v is out of range (1s to 1m)", c.Duration))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	bounded, cancel := context.WithTimeout(ctx, demoPatience+2*c.Duration)
	defer cancel()
	err := c.show(bounded, t)
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("took longer than %v: %w", demoPatience, err)
	}
	return err
}

func (c *demoCmd) show(ctx context.Context, t *terminal) (err error) {
	link := c.Link
	switch {
	case c.Shared && len(missingRights()) > 0:
		return fmt.Errorf("--shared: no %s: run as root", strings.Join(missingRights(), ", "))
	case c.Shared:
		link = linkAFXDP
	case link == linkAuto:
		var why string
		link, why = chooseLink(surroundings())
		fmt.Fprintf(t.out, "choice     %s\n", why)
	}
	s, err := newSite(c.Size << 20)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	if link == linkMem {
		return c.showLocal(ctx, t, s)
	}
	return c.showNetwork(ctx, t, s, link)
}

// ours prints what the stack came to.
func (c *demoCmd) ours(t *terminal, m *measured, stats []mtcp.ShardStats) {
	all := total(stats)
	fmt.Fprintf(t.out, "recovery   %s\n", retransmissions(all))
	fmt.Fprintf(t.out, "drops      %s\n", dropText(all))
}

// beside prints what the kernel came to, and both in proportion.
func (c *demoCmd) beside(t *terminal, what string, ours, kernel *measured, retransmitted string) {
	fmt.Fprintf(t.out, "kernel     %s: page in %v; file %s/s, SHA-256 equal\n", what, tidy(kernel.page), octets(kernel.rate(c.Size)))
	fmt.Fprintf(t.out, "           load %s; %s\n", kernel.loadText(), retransmitted)
	fmt.Fprintf(t.out, "mtcp/kernel %.2f in requests/s, %.2f in throughput\n",
		ours.load.perSecond()/kernel.load.perSecond(), float64(ours.rate(c.Size))/float64(kernel.rate(c.Size)))
}
