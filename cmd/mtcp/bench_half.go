// mtcp bench serve and mtcp bench load: the two halves of a measurement, so that
// other programs can stand on either side.

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
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/traffic"
	"golang.org/x/sys/unix"
)

// halfFlags are what both halves are told of their stack. Limits that are not
// given are the stack's own defaults.
type halfFlags struct {
	Link   string `default:"memif" enum:"memif,afxdp,tap,kernel,mem" help:"memif, afxdp or tap; to serve also kernel, the machine's own TCP; to load also mem, an in-process wire with a server of its own."`
	Socket string `placeholder:"PATH" help:"memif: the socket over which the two sides meet."`
	Role   string `enum:"master,slave," default:"" help:"memif: master makes the socket, slave the memory (default master to serve, slave to load)."`
	ID     uint32 `placeholder:"N" help:"memif: number of the interface (default 0)."`
	Secret string `placeholder:"TEXT" help:"memif: what both sides know."`
	Iface  string `placeholder:"DEV" help:"afxdp, tap: the interface."`
	Frames int    `placeholder:"N" help:"afxdp: packet buffers of a queue, half of them for each direction (default the stack's)."`
	Addr   cidr   `required:"" placeholder:"CIDR" help:"The stack's address, such as 10.9.0.2/16."`
	Queues int    `default:"1" help:"memif, tap, mem: queues, and so shards."`
	CPU    []int  `placeholder:"CORE" help:"Pin the shards to these cores and never sleep; none: as the stack does by itself."`

	Connections int    `placeholder:"N" help:"Connections per shard (default the stack's)."`
	TimeWaits   int    `placeholder:"N" help:"TIME_WAIT records per shard (default the stack's)."`
	RingMemory  int    `placeholder:"MIB" help:"Ring memory per shard, MiB (default the stack's)."`
	Congestion  string `default:"cubic" help:"Congestion control: cubic or newreno."`
	JSON        bool   `help:"Print JSON, a line each."`
	Profile     string `placeholder:"FILE" help:"Write a CPU profile to FILE, for go tool pprof."`

	techniqueFlags

	together bool // all of the process is on the cores, not a thread for each shard
}

// config is what does not depend on the link.
func (f *halfFlags) config() mtcp.Config {
	return mtcp.Config{
		Connections: f.Connections, TimeWaits: f.TimeWaits, RingMemory: f.RingMemory << 20,
		TCP: mtcp.TCP{Congestion: f.Congestion}, Cores: f.CPU, BusyPoll: len(f.CPU) > 0,
	}
}

// open makes the stack; sources is how many addresses it has, the first being
// --addr.
func (f *halfFlags) open(role mtcp.MemifRole, sources int) (*mtcp.Stack, []netip.Addr, error) {
	cfg := f.config()
	var from []netip.Addr
	for a := f.Addr.Addr(); len(from) < sources; a = a.Next() {
		if !f.Addr.Contains(a) {
			return nil, nil, usageError(fmt.Sprintf("--sources: %v has no room for %d addresses from %v on", f.Addr.Masked(), sources, f.Addr.Addr()))
		}
		from = append(from, a)
		cfg.Addresses = append(cfg.Addresses, netip.PrefixFrom(a, f.Addr.Bits()))
	}
	if err := f.choose(&cfg); err != nil {
		return nil, nil, err
	}
	switch f.Link {
	case "memif":
		if f.Socket == "" {
			return nil, nil, usageError("--socket: name the socket of the memif link, such as --socket /run/mtcp.sock")
		}
		switch f.Role {
		case "master":
			role = mtcp.MemifMaster
		case "slave":
			role = mtcp.MemifSlave
		}
		cfg.Link = mtcp.Memif{Socket: f.Socket, Role: role, ID: f.ID, Secret: f.Secret, Queues: f.Queues, HugePages: f.HugePages}
	case linkTAP:
		cfg.Link = mtcp.TAP{Interface: f.Iface, Queues: f.Queues}
	default:
		if f.Iface == "" {
			return nil, nil, usageError("--iface: name the interface, such as --iface eth0")
		}
		cfg.Link = mtcp.AFXDP{Interface: f.Iface, Frames: f.Frames}
	}
	if err := f.place(&cfg); err != nil {
		return nil, nil, err
	}
	s, err := mtcp.New(cfg)
	return s, from, err
}

// place gives the shards cores, and the process threads: those of the cores, and
// one for everything else; or with together no more than there are cores.
func (f *halfFlags) place(cfg *mtcp.Config) error {
	if f.together {
		cfg.Cores = nil
		runtime.GOMAXPROCS(len(f.CPU))
		return confine(f.CPU)
	}
	runtime.GOMAXPROCS(max(len(f.CPU)+1, min(runtime.GOMAXPROCS(0), runtime.NumCPU())))
	return nil
}

// confine keeps all threads of the process on some cores.
func confine(cores []int) error {
	var set unix.CPUSet
	for _, core := range cores {
		set.Set(core)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads { // those to come are made by them
		id, err := strconv.Atoi(t.Name())
		if err == nil {
			err = unix.SchedSetaffinity(id, &set)
		}
		if err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("--cpu %v: %w", cores, err)
		}
	}
	return nil
}

// profile begins the CPU profile that was asked for; the answer ends it.
func (f *halfFlags) profile() (end func(), err error) {
	if f.Profile == "" {
		return func() {}, nil
	}
	out, err := os.Create(f.Profile)
	if err != nil {
		return nil, fmt.Errorf("--profile: %w", err)
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return nil, errors.Join(fmt.Errorf("--profile: %w", err), out.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		out.Close()
	}, nil
}

type benchServeCmd struct {
	halfFlags
	Door string `default:"event" enum:"event,net" help:"event: handlers on the shard; net: a goroutine for each connection."`
	Size int    `default:"64" help:"Octets of a request, and of its answer."`
}

// Help shows examples.
func (*benchServeCmd) Help() string {
	return `Port 8080 answers every request of --size octets with as many, 8081 answers one and
closes, 8082 sends without end, 8083 reads without end, 80 speaks HTTP. A program with
DPDK's net_memif (role=client) can be the other side.

Example:

    mtcp bench serve --link memif --socket /run/m.sock --role master --addr 10.9.0.2/16 --door event --cpu 0`
}

// Run serves until a signal.
func (c *benchServeCmd) Run(t *terminal) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1)
	defer signal.Stop(signals)
	profiled, err := c.profile()
	if err != nil {
		return err
	}
	defer profiled()
	// Goroutines run where their shard does only if it has no thread to itself.
	c.together = c.Door == "net" && len(c.CPU) > 0
	s, err := c.door()
	if err != nil {
		return err
	}
	out := &serving{cmd: &serveCmd{JSON: c.JSON}, door: s, out: t}
	end, err := c.start(s)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	c.facts(out)
	for got := range signals {
		if got != syscall.SIGUSR1 {
			break
		}
		out.counters("counters", s.Stats(), 0)
	}
	out.counters("end", s.Stats(), 0)
	return errors.Join(s.Close(), end())
}

// door is what the server stands on: a stack, or the kernel.
func (c *benchServeCmd) door() (door, error) {
	switch c.Link {
	case linkMem:
		return nil, usageError("--link mem: an in-process wire has no other process at its end (mtcp bench load --link mem has both)")
	case linkKernel:
		if c.Congestion == "" {
			return nil, usageError("--congestion: name one, since the kernel's default differs from machine to machine")
		}
		return kernelDoor{c.Congestion}, nil
	}
	s, _, err := c.open(mtcp.MemifMaster, 1)
	return s, err
}

// start begins to serve; the answer ends it when the stack has closed.
func (c *benchServeCmd) start(d door) (end func() error, err error) {
	if s, ok := d.(*mtcp.Stack); ok && c.Door == "event" {
		return func() error { return nil }, traffic.Serve(s, c.Size)
	}
	g := traffic.NewGoServer(c.Size)
	failed := make(chan error, 5)
	listen := func(port int, serve func(net.Listener) error) {
		l, e := d.Listen(context.Background(), "tcp4", netip.AddrPortFrom(c.Addr.Addr(), uint16(port)).String())
		if err = errors.Join(err, e); e == nil {
			go func() { failed <- serve(l) }() // until the stack closes
		}
	}
	for _, port := range []int{traffic.PortRequests, traffic.PortShort, traffic.PortOut, traffic.PortIn} {
		listen(port, func(l net.Listener) error { return g.Serve(l, port) })
	}
	answer := make([]byte, c.Size)
	traffic.Pattern(answer, 0)
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Write(answer) // an error is the client's business
	})}
	listen(traffic.PortHTTP, web.Serve)
	return func() error {
		g.Close()
		web.Close()
		return nil
	}, err
}

func (c *benchServeCmd) facts(s *serving) {
	links := s.door.Links()
	if c.JSON {
		s.print(event{Event: "ready", Links: links, Addresses: []string{c.Addr.String()}})
		return
	}
	for _, line := range linkLines(links) {
		fmt.Fprintln(s.out.out, line)
	}
	fmt.Fprintf(s.out.out, "address    %v\ndoor       %s\nports      8080 requests of %d B, 8081 the same and close, 8082 out, 8083 in, 80 HTTP\n", c.Addr, c.Door, c.Size)
}

type benchLoadCmd struct {
	halfFlags
	Server        host          `required:"" placeholder:"IP" help:"Whom to load."`
	Door          string        `default:"event" enum:"event,net" help:"mem: the server's door."`
	Work          traffic.Work  `default:"requests" help:"requests, short, out, in, idle, http or http-close."`
	C             int           `short:"c" default:"256" help:"Connections at a time."`
	PerConnection int           `default:"0" help:"requests: how many on each connection; 0: no limit."`
	Size          int           `default:"64" help:"Octets of a request, and of its answer."`
	Hold          int           `default:"0" help:"Connections that do nothing, opened before and held beside the load."`
	Rate          float64       `default:"0" help:"Open loop: transactions a second that are due; 0: as many as can be."`
	Sources       int           `default:"16" help:"Addresses to connect from, --addr and those after it."`
	Warmup        time.Duration `default:"1s" help:"What is not counted."`
	Duration      time.Duration `default:"3s" help:"What is."`
}

// Help shows examples.
func (*benchLoadCmd) Help() string {
	return `Every octet of every answer is checked. With --rate latencies count from when a
transaction was due.

Examples:

    mtcp bench load --socket /run/m.sock --addr 10.9.1.1/16 --server 10.9.0.2 --work short --cpu 1
    mtcp bench load --socket /run/m.sock --addr 10.9.1.1/16 --server 10.9.0.2 --rate 100000 --cpu 1`
}

// A loadReport is what a load came to, as JSON has it. Durations are in ns.
type loadReport struct {
	Work              string
	C                 int
	Size              int
	Rate              float64 `json:",omitempty"`
	Seconds           float64
	PerSecond         float64 // transactions, or connections that stand
	ConnectionsPerSec float64
	Gbps              float64 // payload, one way
	Transactions      uint64  // since the load began, the warm-up's among them
	Connections       uint64  // the same
	Octets            uint64  // the same
	Jain              float64 // index of fairness of what each connection had
	Mean              time.Duration
	P50, P90, P99     time.Duration
	P999, Max         time.Duration
	Open              int
	Held              int `json:",omitempty"` // of those that do nothing
	Errors, Wrong     uint64
	Late              uint64
	FirstError        string  `json:",omitempty"`
	PacketsIn         float64 // a transaction
	PacketsOut        float64
	Retransmits       uint64
	BusySeconds       float64 // of the client's shards, idle polls left out
	TimeWaitsMade     uint64
	TimeWaitsEvicted  uint64
	Unfilled          uint64 // packets whose checksum the server left to us
	Links             []mtcp.LinkInfo
	Congestion        string
	Options           string           // that were negotiated
	Server            *mtcp.ShardStats `json:",omitempty"` // with --link mem
}

// Run makes the load.
func (c *benchLoadCmd) Run(t *terminal) (err error) {
	if c.Sources < 1 || c.Sources > 250 {
		return usageError(fmt.Sprintf("--sources: %d is out of range (1 to 250)", c.Sources))
	}
	if a, last := c.Server.Addr, c.sources()[c.Sources-1]; a.Compare(c.Addr.Addr()) >= 0 && a.Compare(last) <= 0 {
		return usageError(fmt.Sprintf("--server: %v is one of the client's own addresses, %v to %v (--addr, --sources)", a, c.Addr.Addr(), last))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	profiled, err := c.profile()
	if err != nil {
		return err
	}
	defer profiled()
	s, from, server, err := c.sides()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(), server.close()) }()
	options, err := c.greet(ctx, s)
	if err != nil {
		return err
	}
	before := total(s.Stats())
	done := c.tellTime(t)
	r, err := traffic.Run(ctx, s, traffic.Spec{
		Work: c.Work, Server: c.Server.Addr, From: from, Connections: c.C, PerConnection: c.PerConnection,
		Size: c.Size, Hold: c.Hold, Rate: c.Rate, Warmup: c.Warmup, Duration: c.Duration,
	})
	done()
	if err != nil {
		return err
	}
	report := c.report(s, r, before)
	report.Options, report.Server = options, server.stats()
	if c.JSON {
		return json.NewEncoder(t.out).Encode(report)
	}
	fmt.Fprint(t.out, report.text())
	if r.Errors > 0 || r.Wrong > 0 {
		return fmt.Errorf("%d transactions failed (%s), %d answers were wrong", r.Errors, r.FirstError, r.Wrong)
	}
	return nil
}

// greetPatience is how long the server may take to be there.
const greetPatience = 10 * time.Second

// greet waits until the server answers, and says what was negotiated.
func (c *benchLoadCmd) greet(ctx context.Context, s *mtcp.Stack) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, greetPatience)
	defer cancel()
	for {
		try, end := context.WithTimeout(ctx, time.Second)
		x, err := s.DialContext(try, "tcp4", netip.AddrPortFrom(c.Server.Addr, traffic.PortRequests).String())
		end()
		if err == nil {
			return traffic.Negotiated(s, x)
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("no answer within %v: %w", greetPatience, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// tellTime shows on a terminal how far the load is.
func (c *benchLoadCmd) tellTime(t *terminal) (done func()) {
	if !isTerminal(t.err) {
		return func() {}
	}
	p := newProgress(t.err, int64((c.Warmup + c.Duration).Milliseconds()))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				fmt.Fprint(t.err, "\r\x1b[K")
				return
			case <-time.After(barEvery):
				p.have = time.Since(p.begin).Milliseconds()
				fmt.Fprintf(t.err, "\r%s %s\x1b[K", c.Work, bar(float64(p.have)/float64(p.size)))
			}
		}
	}()
	return func() { close(stop); <-stopped }
}

func (c *benchLoadCmd) report(s *mtcp.Stack, r *traffic.Result, before mtcp.ShardStats) *loadReport {
	after := total(s.Stats())
	q := func(p float64) time.Duration { return time.Duration(r.Latency.ValueAtQuantile(p)) }
	report := &loadReport{
		Work: c.Work.String(), C: c.C, Size: c.Size, Rate: c.Rate, Seconds: r.Elapsed.Seconds(),
		PerSecond: r.PerSecond(r.Transactions), ConnectionsPerSec: r.PerSecond(r.Connections),
		Gbps:         8 * r.PerSecond(r.Octets) / 1e9,
		Transactions: r.All, Connections: r.AllOpened, Octets: r.AllOctets,
		Jain: r.Shares.Jain(), Mean: time.Duration(r.Latency.Mean()),
		P50: q(50), P90: q(90), P99: q(99), P999: q(99.9), Max: time.Duration(r.Latency.Max()),
		Open: r.Open, Held: r.Held, Errors: r.Errors, Wrong: r.Wrong, Late: r.Late, FirstError: r.FirstError,
		Retransmits:      after.Retransmits - before.Retransmits,
		BusySeconds:      (after.Busy - before.Busy).Seconds(),
		TimeWaitsMade:    after.TimeWaitsMade - before.TimeWaitsMade,
		TimeWaitsEvicted: after.TimeWaitsEvicted - before.TimeWaitsEvicted,
		Unfilled:         after.ChecksumsUnfilled - before.ChecksumsUnfilled,
		Links:            s.Links(),
		Congestion:       c.Congestion,
	}
	whole := float64(max(r.All, 1))
	report.PacketsIn = float64(after.RxFrames-before.RxFrames) / whole
	report.PacketsOut = float64(after.TxFrames-before.TxFrames) / whole
	return report
}

func (r *loadReport) text() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s "+format+"\n", append([]any{name}, args...)...)
	}
	for _, l := range linkLines(r.Links) {
		fmt.Fprintln(&b, l)
	}
	line("load", "%s, %d connections, %d B each way, %.1f s", r.Work, r.C, r.Size, r.Seconds)
	switch r.Work {
	case "out", "in":
		line("rate", "%.2f Gb/s", r.Gbps)
	case "idle":
		line("open", "%s connections", group(uint64(r.Open)))
	default:
		line("rate", "%s transactions/s, %s connections/s", group(uint64(r.PerSecond)), group(uint64(r.ConnectionsPerSec)))
		line("latency", "p50 %v, p90 %v, p99 %v, p99.9 %v, max %v", r.P50, r.P90, r.P99, r.P999, r.Max)
		line("packets", "%.2f in, %.2f out a transaction", r.PacketsIn, r.PacketsOut)
		line("fairness", "%.4f (Jain's index of what each connection had)", r.Jain)
	}
	if r.Held > 0 {
		line("held", "%s connections that do nothing", group(uint64(r.Held)))
	}
	line("options", "%s", r.Options)
	line("client", "busy %.2f s, %d retransmitted, %d TIME_WAIT records, %d evicted early; %s",
		r.BusySeconds, r.Retransmits, r.TimeWaitsMade, r.TimeWaitsEvicted, r.Congestion)
	line("errors", "%d, wrong answers %d, given up late %d", r.Errors, r.Wrong, r.Late)
	return b.String()
}
