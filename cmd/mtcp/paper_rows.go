// The figures as data: who is compared, at what.

package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/mtcp-go/mtcp/internal/report"
)

// What the rows stand on.
const (
	overMemif = "memif"
	overVeth  = "veth"
	inProcess = "in-process"
)

var paperLinks = [...]string{overMemif, overVeth, inProcess}

// yardID is the figure that stands before all others.
const yardID = "yardstick"

// Who answers.
const (
	byStack  = "stack"
	byKernel = "kernel"
	byGvisor = "gvisor"
	byNobody = "nobody" // the yardstick
)

// A rival is a server to compare.
type rival struct {
	name  string
	link  string
	by    string
	flags []string // of its server
	tuned string   // those that are not the default, for people
}

// The servers.
var (
	eventMemif = rival{"event door", overMemif, byStack, []string{"--door", "event"}, ""}
	netMemif   = rival{"net door", overMemif, byStack, []string{"--door", "net"}, ""}
	eventTuned = rival{"event door", overMemif, byStack, []string{"--door", "event", "--cpu", "SERVER", "--time-waits", "4194304"}, "never sleeps, 4,194,304 TIME_WAIT records"}
	netTuned   = rival{"net door", overMemif, byStack, []string{"--door", "net", "--cpu", "SERVER", "--time-waits", "4194304"}, "never sleeps, 4,194,304 TIME_WAIT records"}
	eventAwake = rival{"event door", overVeth, byStack, []string{"--door", "event", "--cpu", "SERVER", "--time-waits", "4194304"}, "never sleeps, 4,194,304 TIME_WAIT records"}
	eventVeth  = rival{"event door", overVeth, byStack, []string{"--door", "event"}, ""}
	eventRoomy = rival{"event door", overVeth, byStack, []string{"--door", "event", "--frames", "16384"}, "16,384 packet buffers"}
	netVeth    = rival{"net door", overVeth, byStack, []string{"--door", "net"}, ""}
	kernelVeth = rival{"kernel, Go net", overVeth, byKernel, nil, ""}
	gvisorVeth = rival{"gVisor netstack, Go", overVeth, byGvisor, nil, ""}
	eventMem   = rival{"event door", inProcess, byStack, []string{"--door", "event"}, ""}
	netMem     = rival{"net door", inProcess, byStack, []string{"--door", "net"}, ""}
	eventSeats = rival{"event door", inProcess, byStack, []string{"--door", "event", "--cpu", "CORES", "--time-waits", "4194304"}, "never sleeps, server and client of a core on one thread, 4,194,304 TIME_WAIT records"}
	yardstick  = rival{"no stack", overMemif, byNobody, nil, ""}
	streaming  = rival{"no stack, one way, copied once", overMemif, byNobody, []string{"--stream"}, ""}
	copying    = rival{"copy()", inProcess, byNobody, []string{"--copy"}, ""}

	everyone = []rival{eventMemif, netMemif, eventVeth, netVeth, kernelVeth, gvisorVeth}
	tuned    = []rival{eventTuned, netTuned, eventAwake}
	memories = []rival{eventMemif, netMemif, gvisorVeth, kernelVeth}
	servers  = []rival{
		httpOf(eventMemif, "httpd on the event door"), httpOf(netMemif, "net/http on the net door"),
		httpOf(eventVeth, "httpd on the event door"), httpOf(netVeth, "net/http on the net door"),
		httpOf(kernelVeth, "net/http on the kernel"), httpOf(gvisorVeth, "net/http on gVisor"),
	}
)

func httpOf(r rival, name string) rival { r.name = name; return r }

// A task is one point of a figure.
type task struct {
	x        float64
	label    string
	work     string // of bench load
	c        int    // connections at a time
	per      int    // messages on each connection
	hold     int    // connections beside these that do nothing
	size     int
	ofRate   float64 // open loop: this part of what the task before came to
	shards   int     // in-process: shards of one process
	together int     // in-process: processes at a time
	full     bool    // not with --quick
}

// A plot is a figure to be measured.
type plot struct {
	report.Figure
	rivals []rival
	tasks  []task
	value  func(*loadReport) float64
}

func perSecond(r *loadReport) float64 { return r.PerSecond }
func gigabits(r *loadReport) float64  { return r.Gbps }
func jain(r *loadReport) float64      { return r.Jain }

// plots are all figures.
func plots() []plot {
	return []plot{
		{report.Figure{ID: yardID, Title: "Yardstick: what the machine gives", Kind: report.Plain, Unit: "millions/s", X: "what",
			Note: "Frames there and back over memif between two processes without a stack, 128 on their way; frames one way, each copied out of a buffer of 1 MiB and not looked at; and copies of as many octets through 64 MiB in one process: in the same minutes as the rows below."},
			[]rival{yardstick, streaming, copying}, []task{{label: "64 B", size: 64}, {label: "1,460 B", size: 1460}}, nil},
		{report.Figure{ID: "messages", Title: "Transactions by messages on each connection", Kind: report.Curve, Unit: "transactions/s", X: "messages on each connection",
			Note:  "256 connections at a time; the client closes after so many messages.",
			Paper: "8 cores, 1/2/8/32/64/128 messages: 1.27/2.18/3.48/4.1/4.41/4.42 million/s."},
			everyone, messageTasks(), perSecond},
		{report.Figure{ID: "size", Title: "Transactions by size of the message", Kind: report.Curve, Unit: "transactions/s", X: "octets of a request, and of its answer",
			Note:  "256 kept connections.",
			Paper: "8 cores, 64 B/256 B/1 K/4 K/8 K: 6.3/8.2/10/10/10 Gb/s, the last three bound by its NIC."},
			everyone, sizeTasks(), perSecond},
		{report.Figure{ID: "accept", Title: "Short connections", Kind: report.Bars, Unit: "connections/s",
			Note:  "256 at a time: connect, a request, its answer, and the server closes, which leaves TIME_WAIT with it. Default settings have 262,144 records on a stack; beyond, the oldest give way early, and are counted.",
			Paper: "accept and reset, 1/2/4/8 cores: 0.75/1.24/2.22/2.93 million/s; a 64 B transaction each, 1 core: 0.315 million/s, Linux 0.095."},
			append(slices.Clone(everyone), tuned...), []task{{work: "short", c: 256, size: 64}}, perSecond},
		{report.Figure{ID: "requests", Title: "Requests on kept connections, tuned", Kind: report.Bars, Unit: "transactions/s",
			Note: "The servers of the rows above on 256 kept connections, beside those that never sleep."},
			append([]rival{eventMemif, netMemif, eventVeth}, tuned...), []task{{work: "requests", c: 256, size: 64}}, perSecond},
		{report.Figure{ID: "latency", Title: "Latency", Kind: report.Latency, Unit: "transactions/s", X: "load",
			Note:  "256 kept connections. In the open loop transactions are due at a fixed rate, 70 % of what the closed loop came to just before, and a latency counts from when it was due.",
			Paper: "at 8,000 connections mean 14 ms (Linux 124), median 13 ms (Linux 3), maximum 2.3 s (Linux 127)."},
			everyone, []task{
				{label: "closed loop", work: "requests", c: 256, size: 64},
				{label: "open loop at 70 %", work: "requests", c: 256, size: 64, ofRate: .7},
			}, perSecond},
		{report.Figure{ID: "fairness", Title: "Fairness", Kind: report.Latency, Unit: "Jain's index", X: "load",
			Note:  "Closed loop; Jain's index over the transactions, of bulk the octets, that each connection had: 1 when all had the same. Over a veth 8,000 requests at once do not find room in the 2,048 places that a server's device has for them by default.",
			Paper: "8,000 connections: 0.999, Linux 0.973."},
			append(slices.Clone(everyone), eventRoomy), []task{
				{label: "requests, 1,000 connections", work: "requests", c: 1000, size: 64},
				{label: "requests, 8,000 connections", work: "requests", c: 8000, size: 64, full: true},
				{label: "8 streams out of the server", work: "out", c: 8, size: 64, full: true},
			}, jain},
		{report.Figure{ID: "bulk", Title: "Bulk", Kind: report.Bars, Unit: "Gb/s", X: "direction",
			Note: "8 connections, payload; µs busy and packets are for each MB."},
			everyone, []task{{label: "out of the server", work: "out", c: 8, size: 64}, {label: "into the server", work: "in", c: 8, size: 64}}, gigabits},
		{report.Figure{ID: "http", Title: "HTTP", Kind: report.Bars, Unit: "requests/s", X: "connections",
			Note:  "GET of 64 octets, 128 connections.",
			Paper: "lighttpd on it 3.2 times lighttpd on Linux."},
			servers, []task{{label: "kept", work: "http", c: 128, size: 64}, {label: "Connection: close", work: "http-close", c: 128, size: 64}}, perSecond},
		{report.Figure{ID: "cores", Title: "One core and two", Kind: report.Bars, Unit: "transactions/s", X: "processes and shards",
			Note:  "Server and client, a shard each on every core, joined by an in-process wire; 256 connections a shard, kept or short. Two shards in one process share an address space, a Go scheduler and a garbage collector, two processes nothing: what the second has less than the third is what sharing costs.",
			Paper: "1/2/4/8 cores: 0.315/0.47/0.765/1.49 million one-message connections/s."},
			[]rival{eventMem, netMem, eventSeats}, coreTasks(), perSecond},
		{report.Figure{ID: "held", Title: "Beside connections that do nothing", Kind: report.Bars, Unit: "transactions/s", X: "idle connections",
			Note: "256 kept connections ask and are answered while so many others stand open."},
			[]rival{eventMemif}, heldTasks(), perSecond},
		{report.Figure{ID: "memory", Title: "Memory of an idle connection", Kind: report.Memory, Unit: "octets a connection", X: "connections",
			Note: "What the server's process had more than with 16 connections at work: resident, huge pages and mapped memfd, from /proc/PID/smaps_rollup, at its largest while the connections stood. Of the kernel's server only the process counts, not the kernel's own memory."},
			memories, []task{{label: "5,000", work: "idle", c: 5_000, size: 64}, {label: "100,000", work: "idle", c: 100_000, size: 64, full: true}}, nil},
	}
}

func heldTasks() (all []task) {
	for _, n := range []int{0, 5_000, 100_000, 1_000_000} {
		all = append(all, task{x: float64(n), label: group(uint64(n)), work: "requests", c: 256, hold: n, size: 64, full: n > 5_000})
	}
	return all
}

func messageTasks() (all []task) {
	for n := 1; n <= 128; n *= 2 {
		all = append(all, task{x: float64(n), label: strconv.Itoa(n), work: "requests", c: 256, per: n, size: 64, full: n != 1 && n != 8 && n != 128})
	}
	return all
}

func sizeTasks() (all []task) {
	for _, n := range []int{64, 256, 1 << 10, 4 << 10, 8 << 10, 64 << 10} {
		all = append(all, task{x: float64(n), label: size(n).text(), work: "requests", c: 256, size: n, full: n != 64 && n != 8<<10})
	}
	return all
}

// text writes a size as the paper does.
func (s size) text() string {
	if s >= 1<<10 {
		return fmt.Sprintf("%d KiB", s>>10)
	}
	return fmt.Sprintf("%d B", s)
}

func coreTasks() (all []task) {
	for _, w := range []struct{ work, name string }{{"requests", "kept"}, {"short", "short"}} {
		for _, t := range []task{
			{label: "1 process × 1 shard", shards: 1, together: 1},
			{label: "1 process × 2 shards", shards: 2, together: 1},
			{label: "2 processes × 1 shard, sum", shards: 1, together: 2},
		} {
			t.work, t.c, t.size, t.label = w.work, 256*t.shards, 64, w.name+", "+t.label
			all = append(all, t)
		}
	}
	return all
}

func figureNames() (all []string) {
	for _, p := range plots() {
		all = append(all, p.ID)
	}
	return all
}

// A paperPlan is what will be measured, and what not.
type paperPlan struct {
	figures []*plot
	left    []report.LeftOut
}

// planPaper decides by the facts alone.
func planPaper(c *benchPaperCmd, f paperFacts) (p paperPlan) {
	for _, fig := range plots() {
		if len(c.Figures) > 0 && !slices.Contains(c.Figures, fig.ID) {
			continue
		}
		fig.tasks = slices.DeleteFunc(fig.tasks, func(t task) bool { return c.Quick && t.full })
		fig.rivals = slices.DeleteFunc(slices.Clone(fig.rivals), func(r rival) bool {
			return len(c.Links) > 0 && !slices.Contains(c.Links, r.link)
		})
		var able []rival
		for _, r := range fig.rivals {
			why := f.missing(r, &fig)
			if why == "" {
				able = append(able, r)
				continue
			}
			row := report.Row{Name: r.name, Tuned: r.tuned}
			p.left = append(p.left, report.LeftOut{Row: fig.Title + ": " + r.link + ": " + row.Label(), Why: why})
		}
		if fig.rivals = able; len(able) == 0 {
			continue
		}
		if fig.ID == "cores" && f.cores < 2 {
			p.left = append(p.left, report.LeftOut{Row: fig.Title + ": two cores", Why: "this machine has one core for this command"})
			fig.tasks = slices.DeleteFunc(fig.tasks, func(t task) bool { return t.shards*t.together > 1 })
		}
		p.figures = append(p.figures, &fig)
	}
	if len(c.Figures) == 0 && len(c.Links) == 0 {
		p.left = append(p.left, alwaysLeftOut...)
	}
	return p
}

// missing says why a row cannot be.
func (f *paperFacts) missing(r rival, p *plot) string {
	switch {
	case r.link == overVeth && f.veth != "":
		return f.veth
	case r.by == byGvisor && f.gvisor == "":
		return f.noPeer
	case r.link != inProcess && f.cores < 2:
		return "server and client need a core each, and this machine has one for this command"
	}
	return ""
}

// alwaysLeftOut are the paper's own contenders that no machine here can repeat with
// this command alone.
var alwaysLeftOut = []report.LeftOut{
	{Row: "mTCP, the original in C", Why: "it needs DPDK and its own sources, and is no program that this command can start"},
	{Row: "Linux of 2014, Linux with SO_REUSEPORT, MegaPipe", Why: "the paper's kernels and patches; the kernel here is this machine's"},
	{Row: "4 and 8 cores", Why: "one server core and one client core are compared; the figure for cores has one and two"},
	{Row: "gVisor over memif", Why: "its shared-memory link speaks another protocol than memif"},
	{Row: "Memory of an idle connection: the kernel's own", Why: "it belongs to no process; only that of the Go program beside it is measured"},
}
