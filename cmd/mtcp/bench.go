// mtcp bench veth: the stack over AF_XDP against the kernel's TCP on one veth,
// in interleaved pairs.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp/internal/netconf"
	"golang.org/x/sys/unix"
)

type benchCmd struct {
	Veth  benchVethCmd  `cmd:"" help:"The stack and the kernel, with kernel clients, in two namespaces joined by a veth."`
	Paper benchPaperCmd `cmd:"" help:"The figures of the mTCP paper on this machine: both doors, the kernel and gVisor, in one page."`
	Serve benchServeCmd `cmd:"" help:"The server's half, to put any client against."`
	Load  benchLoadCmd  `cmd:"" help:"The client's half, to put against any server."`
	Yard  benchYardCmd  `cmd:"" hidden:"" help:"A yardstick for bench paper: frames over memif there and back, and copies."`
	Flood benchFloodCmd `cmd:"" help:"SYNs of nobody, to see what others notice of them." hidden:""`

	Ablate benchAblateCmd `cmd:"" help:"Each technique of the stack on and off, over shared memory."`
}

type benchVethCmd struct {
	Pairs    int           `default:"5" help:"How often each is measured."`
	Duration time.Duration `default:"2s" help:"Length of each load."`
	C        int           `short:"c" default:"64" help:"Connections of the request loads."`
	Output   string        `short:"o" placeholder:"FILE" help:"Write the table to FILE as well."`
}

// Help shows an example.
func (*benchVethCmd) Help() string {
	return `Needs root. Each pair measures the stack, the kernel as it is, and the kernel with
tso, gso and checksum offload off, one after the other in an order that rotates, so that
a machine whose speed drifts treats all alike. It prints a Markdown table of medians.

Example:

    sudo mtcp bench veth --pairs 7 -o bench.md`
}

// Run measures.
func (c *benchVethCmd) Run(t *terminal) error {
	switch {
	case c.Pairs < 1 || c.Pairs > 100:
		return usageError(fmt.Sprintf("--pairs: %d is out of range", c.Pairs))
	case c.C < 1 || c.C > 10_000:
		return usageError(fmt.Sprintf("-c: %d connections are out of range", c.C))
	case c.Duration < time.Second || c.Duration > time.Minute:
		return usageError(fmt.Sprintf("--duration: %v is out of range (1s to 1m)", c.Duration))
	}
	if missing := missingRights(); len(missing) > 0 {
		return fmt.Errorf("no %s: run as root", missing[0])
	}
	b := &bench{cmd: c, t: t, serverCore: anyCore, clientCore: anyCore}
	if runtime.NumCPU() > 1 {
		b.serverCore, b.clientCore = firstCores()
	}
	return measure(t, c.Output, b.run, b.table)
}

// measure runs until it is done or interrupted, and prints the table, into a file as
// well if one is named.
func measure(t *terminal, file string, run func(context.Context) error, table func() string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := run(ctx)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	text := table()
	fmt.Fprint(t.out, text)
	if file == "" {
		return nil
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// firstCores returns the first two cores that this process may use.
func firstCores() (a, b int) {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return anyCore, anyCore
	}
	a = anyCore
	for core := range len(set) * 64 {
		switch {
		case !set.IsSet(core):
		case a == anyCore:
			a = core
		default:
			return a, core
		}
	}
	return anyCore, anyCore
}

// A contender is a server to compare.
type contender struct {
	name     string
	kernel   bool
	offloads bool // of the veth, both ends
}

var contenders = [numContenders]contender{
	{"mtcp over AF_XDP", false, true},
	{"kernel", true, true},
	{"kernel, offloads off", true, false},
}

// offloads are the features that "offloads off" means.
var offloads = [...]string{"tx-tcp-segmentation", "tx-generic-segmentation", netconf.TxChecksum}

// A benchCase is a row of the table.
type benchCase struct {
	name string
	unit string
	run  func(ctx context.Context, b *bench, address string) (loadResult, error)
	rate func(*loadResult) float64
}

const (
	numContenders = 3
	numCases      = 5
	echoPort      = ":7"
	echoCase      = "echo, 64 B each way, a connection each"
)

var benchCases = [numCases]benchCase{
	{"net/http, keep-alive, 64 B", "requests/s", func(ctx context.Context, b *bench, a string) (loadResult, error) {
		return requestLoad(ctx, b.w.client().Namespace, b.clientCore, b.load(), "http://"+a+"/", false)
	}, (*loadResult).perSecond},
	{"net/http, Connection: close, 64 B", "requests/s", func(ctx context.Context, b *bench, a string) (loadResult, error) {
		return requestLoad(ctx, b.w.client().Namespace, b.clientCore, b.load(), "http://"+a+"/", true)
	}, (*loadResult).perSecond},
	{echoCase, "connections/s", func(ctx context.Context, b *bench, a string) (loadResult, error) {
		return clientLoad(ctx, b.w.client().Namespace, b.clientCore, b.load(), "--echo", a+echoPort)
	}, (*loadResult).perSecond},
	{"one stream out of the server", "MB/s", func(ctx context.Context, b *bench, a string) (loadResult, error) {
		return clientLoad(ctx, b.w.client().Namespace, b.clientCore, b.load(), "--download", "http://"+a+"/stream")
	}, megabytes},
	{"one stream into the server", "MB/s", func(ctx context.Context, b *bench, a string) (loadResult, error) {
		return clientLoad(ctx, b.w.client().Namespace, b.clientCore, b.load(), "--upload", "http://"+a+"/sink")
	}, megabytes},
}

func megabytes(r *loadResult) float64 { return r.octetsPerSecond() / 1e6 }

// bench is a comparison at work.
type bench struct {
	cmd                    *benchVethCmd
	t                      *terminal
	w                      *world
	serverCore, clientCore int

	busy    [2]string                          // load average before and after
	mode    string                             // of the link
	tools   [numCases]string                   // what made the load
	rates   [numCases][numContenders][]float64 // a number a pair
	packets [numContenders][]float64           // per echo connection
	errors  [numCases][numContenders]uint64    // requests that failed
	reasons [numCases][numContenders]string    // the first of them
	ends    []event                            // last counters of the stack
}

func (b *bench) load() load { return load{connections: b.cmd.C, duration: b.cmd.Duration} }

// run measures every contender in every pair.
func (b *bench) run(ctx context.Context) (err error) {
	if b.w, err = newWorld(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.w.Close()) }()
	// A client that opens and closes tens of thousands of connections a second
	// to one address runs out of ports otherwise.
	for _, s := range [...][2]string{
		{"net.ipv4.ip_local_port_range", "1024 65535"},
		{"net.ipv4.tcp_tw_reuse", "1"},
	} {
		if err := b.w.client().Sysctl(s[0], s[1]); err != nil {
			return err
		}
	}
	b.busy[0] = loadAverage()
	defer func() { b.busy[1] = loadAverage() }()
	for pair := range b.cmd.Pairs {
		for i := range contenders {
			if err := b.measure(ctx, pair, (pair+i)%len(contenders)); err != nil {
				return err
			}
		}
	}
	return nil
}
