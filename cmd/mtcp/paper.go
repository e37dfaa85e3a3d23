// mtcp bench paper: the figures of the mTCP paper on this machine, our doors beside
// the kernel's TCP and gVisor's netstack.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp/internal/report"
)

type benchPaperCmd struct {
	Output   string        `short:"o" default:"bench-paper" placeholder:"DIR" type:"path" help:"Write results.json, table.md, index.html and the plots into DIR."`
	Quick    bool          `help:"All figures with fewer points, in less than two minutes."`
	Rounds   int           `placeholder:"N" help:"How often each is measured (default 5; quick 1)."`
	Duration time.Duration `placeholder:"TIME" help:"Length of each load (default 2s; quick 250ms)."`
	Warmup   time.Duration `placeholder:"TIME" help:"What comes before, and is not counted (default 500ms; quick 100ms)."`
	Figures  []string      `name:"figure" placeholder:"NAME" help:"Only these figures: ${figures}."`
	Links    []string      `name:"link" placeholder:"LINK" help:"Only over these links: memif, veth or in-process."`
	Peer     string        `name:"gvisor" placeholder:"FILE" help:"The server on gVisor's netstack, made by make bench-peers (default build/gvisor-peer beside here or beside this command)."`
}

// Help shows examples.
func (*benchPaperCmd) Help() string {
	return `Over memif, shared memory between two processes, our own client drives both doors;
over a veth it drives both doors, the kernel's TCP and gVisor's netstack, from AF_XDP.
Each sample has a server, a client and a network of its own; in each round the contenders
take turns in an order that rotates. The veth needs root; without it, as without a peer or
a second core, those rows are left out, and the results say which and why.

Examples:

    sudo mtcp bench paper --quick
    sudo mtcp bench paper --rounds 7 -o results
    mtcp bench paper --link memif --figure accept`
}

// complete fills in defaults and refuses what cannot be meant.
func (c *benchPaperCmd) complete() error {
	rounds, duration, warmup := 5, 2*time.Second, 500*time.Millisecond
	if c.Quick {
		rounds, duration, warmup = 1, 250*time.Millisecond, 100*time.Millisecond
	}
	if c.Rounds == 0 {
		c.Rounds = rounds
	}
	if c.Duration == 0 {
		c.Duration = duration
	}
	if c.Warmup == 0 {
		c.Warmup = warmup
	}
	switch {
	case c.Rounds < 1 || c.Rounds > 100:
		return usageError(fmt.Sprintf("--rounds: %d is out of range (1 to 100)", c.Rounds))
	case c.Duration < 10*time.Millisecond || c.Duration > time.Minute:
		return usageError(fmt.Sprintf("--duration: %v is out of range (10ms to 1m)", c.Duration))
	case c.Warmup < 0 || c.Warmup > time.Minute:
		return usageError(fmt.Sprintf("--warmup: %v is out of range (0s to 1m)", c.Warmup))
	}
	for _, name := range c.Figures {
		if !slices.Contains(figureNames(), name) {
			return usageError(fmt.Sprintf("--figure: there is no %q, but %s", name, strings.Join(figureNames(), ", ")))
		}
	}
	for _, name := range c.Links {
		if !slices.Contains(paperLinks[:], name) {
			return usageError(fmt.Sprintf("--link: there is no %q, but %s", name, strings.Join(paperLinks[:], ", ")))
		}
	}
	return nil
}

// Run measures and writes.
func (c *benchPaperCmd) Run(t *terminal) error {
	if err := c.complete(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Output, 0o755); err != nil { // rather now than in half an hour
		return fmt.Errorf("-o: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	p := &paper{cmd: c, t: t, facts: c.facts()}
	p.plan = planPaper(c, p.facts)
	for _, l := range p.plan.left {
		fmt.Fprintf(t.err, "left out: %s: %s\n", l.Row, l.Why)
	}
	if len(p.plan.figures) == 0 {
		return errors.New("nothing is left to be measured")
	}
	err := p.run(ctx)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	files, err := p.results.Write(c.Output)
	if err != nil {
		return err
	}
	if err := p.results.Markdown(t.out); err != nil {
		return err
	}
	fmt.Fprintf(t.err, "written: %s (%d files)\n", filepath.Join(c.Output, "index.html"), len(files))
	return nil
}

// paperFacts are what decides which rows can be measured.
type paperFacts struct {
	veth   string // why there can be none; empty: there can
	cores  int
	gvisor string // the program
	noPeer string // why there is none
}

// facts asks this machine.
func (c *benchPaperCmd) facts() paperFacts {
	f := paperFacts{cores: runtime.NumCPU()}
	if f.veth = surroundings().afxdp; strings.HasPrefix(f.veth, "no CAP") {
		f.veth += ": run as root"
	}
	f.gvisor, f.noPeer = findPeer(c.Peer)
	return f
}

// findPeer returns a program, or why there is none.
func findPeer(given string) (path, why string) {
	const name = "gvisor-peer"
	places := []string{given}
	if given == "" {
		places = []string{filepath.Join("build", name), filepath.Join(filepath.Dir(executable()), name)}
	}
	for _, p := range places {
		if p, err := filepath.Abs(p); err == nil {
			if _, err := exec.LookPath(p); err == nil {
				return p, ""
			}
		}
	}
	return "", fmt.Sprintf("there is no program %s (make it: make bench-peers)", strings.Join(places, " or "))
}

// newResults is what is known before anything has been measured.
func (p *paper) newResults() *report.Results {
	args := append([]string{"mtcp"}, os.Args[1:]...)
	return &report.Results{
		Command: strings.Join(args, " "), Date: time.Now().Format("2006-01-02 15:04 MST"),
		Machine: machine(), Kernel: kernelRelease(), Go: runtime.Version(),
		Rounds: p.cmd.Rounds, Warmup: p.cmd.Warmup.String(), Duration: p.cmd.Duration.String(),
		Settings: p.settings(), LeftOut: p.plan.left,
	}
}

// settings hold for all rows.
func (p *paper) settings() []string {
	return []string{
		fmt.Sprintf("server on core %s, client on core %s, each a process that may use that core alone; servers with their default settings where nothing else is said",
			coreName(p.serverCore), coreName(p.clientCore)),
		fmt.Sprintf("client: mtcp bench load on the event door, %d addresses, a shard that never sleeps, %d TIME_WAIT records; it checks every octet of every answer", loadSources, loadTimeWaits),
		"congestion control " + congestion + ", set explicitly everywhere; messages of 64 octets each way where nothing else is said; TIME_WAIT on",
		"µs busy and packets are for each transaction, of bulk for each MB, the warm-up among both; packets go both ways. Busy is time of rounds in which there was something to do; * is CPU time of the process, where that is all there is: on a veth the kernel does a packet's receiving on the sender's core and bills whoever it interrupts",
		"errors are transactions that failed, answers with a wrong octet, and transactions of an open loop that were given up",
		"veth: a fresh pair of namespaces for each sample; the kernel keeps its offloads, and as an XDP program at the other end makes it, sends without TSO",
	}
}
