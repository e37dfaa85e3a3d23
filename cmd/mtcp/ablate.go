// mtcp bench ablate: each technique of the stack on and off, over shared memory,
// in interleaved pairs.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/technique"
)

// techniqueFlags are what the halves of a benchmark do without.
type techniqueFlags struct {
	Without   []string `hidden:"" help:"Techniques to do without."`
	Batch     int      `hidden:"" help:"Frames that a shard takes and sends at a time."`
	HugePages bool     `hidden:"" help:"Huge pages for rings and the link's memory."`
}

// choose makes it so for the stack that is about to be made.
func (f *techniqueFlags) choose(cfg *mtcp.Config) error {
	without, err := technique.Parse(f.Without)
	switch {
	case err != nil:
		return usageError("--without: " + err.Error())
	case f.Batch < 0 || f.Batch > technique.MaxBatch:
		return usageError(fmt.Sprintf("--batch: %d is out of range (1 to %d)", f.Batch, technique.MaxBatch))
	}
	technique.Choose(technique.Choice{Without: without, Batch: f.Batch})
	cfg.HugePages = f.HugePages
	return nil
}

// A variant is a technique, with it and without: what both halves are told, and
// what only the server is. The environment is that of both.
type variant struct {
	name         string
	with, out    []string
	server       bool
	environment  string // without it
	wantHugePage bool
}

var variants = []variant{
	{name: "batches of 64 : 8", out: []string{"--batch=8"}},
	{name: "batches of 64 : 1", out: []string{"--batch=1"}},
	{name: "lists by priority", out: []string{"--without=priority-lists"}},
	{name: "ACK decided after the application", out: []string{"--without=late-ack"}},
	{name: "FIN on data", out: []string{"--without=fin-on-data"}},
	{
		name: "compact TIME_WAIT", // as many slots as records, or the oldest would have to give way
		with: []string{"--connections=1400000"},
		out:  []string{"--connections=1400000", "--without=compact-time-wait"},
	},
	{name: "huge pages", with: []string{"--huge-pages"}, wantHugePage: true},
	{name: "checksum folded into the copy", out: []string{"--without=folded-checksum"}},
	{name: "checksum by AVX2", environment: "cpu.avx2=off"},
	{name: "buffer colouring", out: []string{"--without=colouring"}},
	{name: "LIFO pools", out: []string{"--without=lifo"}},
	{name: "event door : net door", out: []string{"--door=net"}, server: true},
}

// What both halves have: ring memory, MiB, little enough for huge pages; and
// TIME_WAIT records for all connections of a run.
const (
	ablateRings     = 128
	ablateTimeWaits = 1 << 20
)

type benchAblateCmd struct {
	Pairs    int           `default:"7" help:"How often each is measured, with and without."`
	Duration time.Duration `default:"2s" help:"Length of each load."`
	Warmup   time.Duration `default:"500ms" help:"What is not counted of a load."`
	C        int           `short:"c" default:"64" help:"Connections of the request loads."`
	Work     []string      `default:"short,requests,out" help:"short, requests, out, in."`
	Only     []string      `placeholder:"NAME" help:"Only techniques whose names contain one of these."`
	Quick    bool          `help:"One short pair of each, to see that it works."`
	Output   string        `short:"o" placeholder:"FILE" help:"Write the table to FILE as well."`
}

// Help shows examples.
func (*benchAblateCmd) Help() string {
	return `The server has core 0 and the client core 1; both do without the technique. Every pair
measures with and without, one right after the other in an order that alternates. Huge
pages have to be there: sysctl vm.nr_hugepages=400.

Examples:

    mtcp bench ablate --pairs 9 -o ablations.md
    mtcp bench ablate --quick --only FIN --only LIFO`
}

// Run measures.
func (c *benchAblateCmd) Run(t *terminal) error {
	if c.Quick {
		c.Pairs, c.Duration, c.Warmup = 1, 300*time.Millisecond, 200*time.Millisecond
	}
	if err := c.check(); err != nil {
		return err
	}
	a := &ablation{cmd: c, t: t, serverCore: anyCore, clientCore: anyCore}
	if runtime.NumCPU() > 1 {
		a.serverCore, a.clientCore = firstCores()
	}
	return measure(t, c.Output, a.run, a.table)
}

func (c *benchAblateCmd) check() error {
	switch {
	case c.Pairs < 1 || c.Pairs > 100:
		return usageError(fmt.Sprintf("--pairs: %d is out of range", c.Pairs))
	case c.C < 1 || c.C > 10_000:
		return usageError(fmt.Sprintf("-c: %d connections are out of range", c.C))
	case c.Duration < 100*time.Millisecond || c.Duration > time.Minute:
		return usageError(fmt.Sprintf("--duration: %v is out of range (100ms to 1m)", c.Duration))
	case c.Warmup < 0 || c.Warmup > time.Minute:
		return usageError(fmt.Sprintf("--warmup: %v is out of range (0 to 1m)", c.Warmup))
	case len(c.chosen()) == 0:
		return usageError(fmt.Sprintf("--only: no technique is called %s", strings.Join(c.Only, " or ")))
	}
	for _, w := range c.Work {
		if !slices.Contains([]string{"short", "requests", "out", "in"}, w) {
			return usageError(fmt.Sprintf("--work: %q: short, requests, out or in", w))
		}
	}
	return nil
}

// chosen are the techniques to measure.
func (c *benchAblateCmd) chosen() []variant {
	return slices.DeleteFunc(slices.Clone(variants), func(v variant) bool {
		return len(c.Only) > 0 && !slices.ContainsFunc(c.Only, func(part string) bool {
			return strings.Contains(strings.ToLower(v.name), strings.ToLower(part))
		})
	})
}

// ablation is a measurement at work.
type ablation struct {
	cmd                    *benchAblateCmd
	t                      *terminal
	serverCore, clientCore int
	dir                    string

	busy [2]string // load average before and after
	rows []ablationRow
}

// An ablationRow is one technique under one load. Index 0 is with it, 1 without;
// a number a pair.
type ablationRow struct {
	v       *variant
	work    string
	rate    [2][]float64
	cost    [2][]float64 // µs of the server a transaction, or a MB
	packets [2][]float64 // of both sides a transaction
	failed  uint64
	why     string // it was not measured, or transactions failed
}

// run measures every technique under every load, pair by pair: so that what
// takes minutes on this machine, to warm up or to be disturbed, meets all alike.
func (a *ablation) run(ctx context.Context) (err error) {
	if a.dir, err = os.MkdirTemp("", "mtcp-ablate-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(a.dir)) }()
	chosen := a.cmd.chosen()
	for i := range chosen {
		for _, w := range a.cmd.Work {
			a.rows = append(a.rows, ablationRow{v: &chosen[i], work: w, why: unavailable(&chosen[i])})
		}
	}
	a.busy[0] = loadAverage()
	defer func() { a.busy[1] = loadAverage() }()
	for pair := range a.cmd.Pairs {
		for i := range a.rows {
			r := &a.rows[i]
			if r.why != "" && r.failed == 0 {
				continue
			}
			for k := range 2 {
				if err := a.measure(ctx, r, (pair+k)%2); err != nil {
					return fmt.Errorf("%s, %s: %w", r.v.name, r.work, err)
				}
			}
		}
		if isTerminal(a.t.err) {
			fmt.Fprintf(a.t.err, "pair %d of %d\n", pair+1, a.cmd.Pairs)
		}
	}
	return nil
}

// unavailable says why a technique cannot be had here.
func unavailable(v *variant) string {
	const octets = 2 * (ablateRings + 64) << 20 // with blocks, commands and the link's buffers
	if !v.wantHugePage || freeHugePages()*(2<<20) >= octets {
		return ""
	}
	return fmt.Sprintf("no huge pages: sysctl vm.nr_hugepages=%d", octets/(2<<20)+16)
}

func freeHugePages() int {
	text, _ := os.ReadFile("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") // without it there are none
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

// measure runs both halves once; side 1 is without the technique.
func (a *ablation) measure(ctx context.Context, r *ablationRow, side int) error {
	args := r.v.with
	if side == 1 {
		args = r.v.out
		if r.v.environment != "" {
			defer os.Setenv("GODEBUG", os.Getenv("GODEBUG"))
			os.Setenv("GODEBUG", r.v.environment)
		}
	}
	socket := "--socket=" + filepath.Join(a.dir, "memif")
	common := []string{socket, "--json", fmt.Sprintf("--ring-memory=%d", ablateRings), fmt.Sprintf("--time-waits=%d", ablateTimeWaits)}
	serve := slices.Concat([]string{"bench", "serve", "--addr=10.9.0.2/16"}, common, pinned(a.serverCore), args)
	child, err := startEvents(ctx, here{}, anyCore, executable(), serve...)
	if err != nil {
		return err
	}
	defer child.kill()
	load := slices.Concat([]string{
		"bench", "load", "--addr=10.9.1.1/16", "--server=10.9.0.2", "--work=" + r.work,
		"--warmup=" + a.cmd.Warmup.String(), "--duration=" + a.cmd.Duration.String(), fmt.Sprintf("-c%d", a.connections(r.work)),
	}, common, pinned(a.clientCore))
	if !r.v.server {
		load = append(load, args...)
	}
	before, err := child.counters(ctx)
	if err != nil {
		return err
	}
	bound, cancel := context.WithTimeout(ctx, a.cmd.Warmup+a.cmd.Duration+20*time.Second)
	defer cancel()
	text, err := output(bound, here{}, anyCore, executable(), load...)
	if err != nil {
		return err
	}
	var report loadReport
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		return fmt.Errorf("bench load: %w", err)
	}
	after, err := child.stop(ctx)
	if err != nil {
		return err
	}
	r.add(side, &report, total(after.Stats).Busy-total(before.Stats).Busy)
	return nil
}

// connections is how many a load has: a bulk load is one stream.
func (a *ablation) connections(work string) int {
	if work == "out" || work == "in" {
		return 1
	}
	return a.cmd.C
}

// pinned has a half run on a core and never sleep.
func pinned(core int) []string {
	if core == anyCore {
		return nil
	}
	return []string{fmt.Sprintf("--cpu=%d", core)}
}

// add notes what one run came to. The server was busy during the warm-up, too.
func (r *ablationRow) add(side int, l *loadReport, busy time.Duration) {
	rate, done := l.PerSecond, float64(l.Transactions)
	if l.Work == "out" || l.Work == "in" {
		rate, done = l.Gbps*1e9/8/1e6, float64(l.Octets)/1e6
	}
	r.rate[side] = append(r.rate[side], rate)
	if done > 0 {
		r.cost[side] = append(r.cost[side], float64(busy.Nanoseconds())/1e3/done)
	}
	r.packets[side] = append(r.packets[side], l.PacketsIn+l.PacketsOut)
	if l.Errors+l.Wrong > 0 {
		r.failed += l.Errors + l.Wrong
		r.why = l.FirstError
	}
}
