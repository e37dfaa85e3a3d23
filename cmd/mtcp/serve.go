// mtcp serve: files or echo, until a signal.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp"
)

// drainPatience is how long connections have to end after a signal.
const drainPatience = 5 * time.Second

type serveCmd struct {
	stackFlags
	Listen []string `default:":80" help:"Address and port to listen on."`
	Root   string   `placeholder:"DIR" xor:"what" help:"Serve the files of DIR over HTTP."`
	Echo   bool     `xor:"what" help:"Send back what comes in, a goroutine per connection."`
	Bench  bool     `xor:"what" hidden:"" help:"Serve what the bench verb asks for."`
	Link   string   `default:"" enum:",afxdp,tap,kernel" placeholder:"LINK" help:"The file's, or afxdp: the stack on an interface shared with the kernel; tap: the stack on a TAP interface, for machines without XDP; kernel: the machine's own TCP, to compare."`
	JSON   bool     `help:"Print facts and counters as JSON, a line each."`
}

// Help shows examples.
func (*serveCmd) Help() string {
	return `Serves until SIGINT or SIGTERM; then stops accepting, drains for up to 5 s (a second
signal ends that), and prints its counters. SIGUSR1 prints them at once. All other
traffic of the interface stays the kernel's.

Examples:

    mtcp serve --iface eth0 --addr 10.0.0.2/24 --gateway 10.0.0.1 --root /srv/www
    mtcp serve --iface eth0 --addr 10.0.0.2/24 --listen :7 --echo --pcap echo.pcap
    mtcp serve --link tap --addr 10.88.0.2/24 --echo
    mtcp serve --iface eth0 --shared --ports 80 --root /srv/www
    mtcp serve --config /etc/mtcp.toml --require native --root /srv/www`
}

// Run serves.
func (c *serveCmd) Run(t *terminal) error {
	if c.Root == "" && !c.Echo && !c.Bench {
		return usageError("say what to serve: --root DIR or --echo")
	}
	if c.Root != "" {
		if info, err := os.Stat(c.Root); err != nil {
			return fmt.Errorf("--root: %w", err)
		} else if !info.IsDir() {
			return fmt.Errorf("--root: %s is not a directory", c.Root)
		}
	}
	// Signals count from here on: one that comes while the stack opens must
	// close it, too.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1)
	defer signal.Stop(signals)

	d, err := c.open()
	if err != nil {
		return err
	}
	s := &serving{cmd: c, door: d, out: t}
	if err := s.start(); err != nil {
		s.cut()
		return errors.Join(err, d.Close())
	}
	s.facts()
	failed := s.wait(signals)
	return errors.Join(failed, s.end(signals))
}

func (c *serveCmd) open() (door, error) {
	if c.Link == linkKernel {
		_, err := c.configuration(&c.Link)
		return kernelDoor{c.Congestion}, err
	}
	return openStack(&c.Link, &c.stackFlags)
}

// serving is a server at work.
type serving struct {
	cmd       *serveCmd
	door      door
	out       *terminal
	listeners []net.Listener
	http      *http.Server // nil: echo
	echo      echoServer
	running   sync.WaitGroup
	failed    chan error
}

// start listens and begins to serve.
func (s *serving) start() error {
	s.failed = make(chan error, len(s.cmd.Listen))
	for _, address := range s.cmd.Listen {
		l, err := s.door.Listen(context.Background(), "tcp4", address)
		if err != nil {
			return err
		}
		s.listeners = append(s.listeners, l)
	}
	serve := s.echo.serve
	switch {
	case s.cmd.Root != "":
		s.http = &http.Server{Handler: http.FileServer(http.Dir(s.cmd.Root)), ReadHeaderTimeout: 10 * time.Second}
		serve = s.http.Serve
	case s.cmd.Bench:
		s.http = &http.Server{Handler: benchHandler()}
		serve = s.http.Serve
	}
	for i, l := range s.listeners {
		how := serve
		if s.cmd.Bench && i > 0 { // the second is for the raw loads
			how = s.echo.serve
		}
		s.running.Go(func() { s.failed <- how(l) })
	}
	return nil
}

// wait returns at the first signal that ends, or when a server fails.
func (s *serving) wait(signals <-chan os.Signal) error {
	for {
		select {
		case err := <-s.failed:
			if end := endOf(s.door); end != nil {
				return end // it explains the failure
			}
			return fmt.Errorf("serve: %w", err)
		case got := <-signals:
			if got != syscall.SIGUSR1 {
				return nil
			}
			s.counters("counters", s.door.Stats(), 0)
		}
	}
}

// end drains, prints the counters and closes. A second signal cuts it short.
func (s *serving) end(signals <-chan os.Signal) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainPatience)
	defer cancel()
	go func() { // ends with ctx
		for {
			select {
			case got := <-signals:
				if got != syscall.SIGUSR1 {
					cancel()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	for _, l := range s.listeners {
		l.Close()
	}
	if s.http != nil {
		s.http.Shutdown(ctx) // an error says only that ctx was done
	}
	s.echo.wait(ctx)
	stats, left := drain(ctx, s.door)
	s.counters("end", stats, left)
	s.cut()
	if err := s.door.Shutdown(ctx); err != nil && !errors.Is(err, ctx.Err()) {
		return err
	}
	return nil
}

// cut ends what is still being served, and waits for it.
func (s *serving) cut() {
	for _, l := range s.listeners {
		l.Close()
	}
	if s.http != nil {
		s.http.Close()
	}
	s.echo.close()
	s.running.Wait()
}

// An event is what --json prints: "ready" once, then "counters" and "end".
type event struct {
	Event     string
	Links     []mtcp.LinkInfo   `json:",omitempty"`
	Addresses []string          `json:",omitempty"`
	Listen    []string          `json:",omitempty"`
	Reach     string            `json:",omitempty"` // who can connect, and how to try
	Stats     []mtcp.ShardStats `json:",omitempty"`
	Left      int               `json:",omitempty"` // connections that did not end in time
}

// facts says what was obtained.
func (s *serving) facts() {
	e := event{Event: "ready", Links: s.door.Links()}
	e.Addresses = addressesOf(s.door)
	for _, l := range s.listeners {
		e.Listen = append(e.Listen, l.Addr().String())
	}
	e.Reach = s.reach(e.Addresses)
	if s.cmd.JSON {
		s.print(e)
		return
	}
	for _, line := range linkLines(e.Links) {
		fmt.Fprintln(s.out.out, line)
	}
	if len(e.Links) > 0 {
		whose := ""
		if s.cmd.Shared {
			whose = " (the kernel's, too)"
		}
		fmt.Fprintf(s.out.out, "address    %s%s\n", strings.Join(e.Addresses, ", "), whose)
	}
	what := "echo"
	if s.cmd.Root != "" {
		what = "files of " + s.cmd.Root
	}
	fmt.Fprintf(s.out.out, "congestion %s\nlisten     %s: %s\n", s.cmd.Congestion, strings.Join(e.Listen, ", "), what)
	if e.Reach != "" {
		fmt.Fprintf(s.out.out, "reach      %s\n", e.Reach)
	}
}

// reach says who can connect: over AF_XDP not this machine, since its kernel's
// packets leave by the interface, which over TAP is where the stack is. Over
// memif it is one process.
func (s *serving) reach(addresses []string) string {
	links := s.door.Links()
	if len(links) == 0 || len(addresses) == 0 {
		return ""
	}
	try := s.attempt(addresses[0])
	switch s.cmd.Link {
	case linkMemif:
		return fmt.Sprintf("from the other side of %s, such as with %s", links[0].Name, try)
	case linkAFXDP:
		return fmt.Sprintf("from other machines, such as with %s; not from this one, whose packets leave by %s", try, links[0].Name)
	}
	if at := kernelEnd(links[0].Name, s.cmd.Addr); at != "" {
		return fmt.Sprintf("from this machine, which has %s: %s", at, try)
	}
	return fmt.Sprintf("from this machine, once its kernel has an address on %s: %s", links[0].Name, try)
}

// attempt is a command that tries the first listener, at this address unless
// it has one.
func (s *serving) attempt(address string) string {
	at := s.listeners[0].Addr().(*net.TCPAddr).AddrPort()
	if p, err := netip.ParsePrefix(address); err == nil && at.Addr().IsUnspecified() {
		at = netip.AddrPortFrom(p.Addr(), at.Port())
	}
	switch {
	case s.http == nil:
		return fmt.Sprintf("nc %v %d", at.Addr(), at.Port())
	case at.Port() == 80:
		return fmt.Sprintf("curl http://%v/", at.Addr())
	default:
		return fmt.Sprintf("curl http://%v/", at)
	}
}

// counters prints what was counted.
func (s *serving) counters(name string, stats []mtcp.ShardStats, left int) {
	if s.cmd.JSON {
		s.print(event{Event: name, Stats: stats, Left: left})
		return
	}
	if left > 0 {
		fmt.Fprintf(s.out.out, "cut        %d connections that had not ended\n", left)
	}
	if len(stats) > 0 {
		fmt.Fprint(s.out.out, counterText(stats))
	}
}

func (s *serving) print(e event) {
	b, err := json.Marshal(e)
	if err != nil {
		b = []byte(`{"Event":"failed"}`)
	}
	fmt.Fprintf(s.out.out, "%s\n", b)
}
