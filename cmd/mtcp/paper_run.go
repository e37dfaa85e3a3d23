// Measuring the figures, round by round.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mtcp-go/mtcp/internal/netconf"
	"github.com/mtcp-go/mtcp/internal/report"
)

const (
	yardDuration   = 200 * time.Millisecond
	samplePatience = 40 * time.Second // beyond the load itself
)

// paper is a run at work.
type paper struct {
	cmd     *benchPaperCmd
	t       *terminal
	facts   paperFacts
	plan    paperPlan
	results *report.Results

	serverCore, clientCore int
	dir                    string // of sockets
	done, all              int    // samples
	begin                  time.Time
}

// run measures every figure in every round.
func (p *paper) run(ctx context.Context) (err error) {
	p.serverCore, p.clientCore = firstCores()
	if p.dir, err = os.MkdirTemp("", "mtcp-paper-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(p.dir)) }()
	p.results = p.newResults()
	for _, f := range p.plan.figures {
		p.results.Figures = append(p.results.Figures, f.prepare())
		p.all += p.cmd.Rounds * len(f.rivals) * len(f.tasks)
	}
	yard := p.yardFirst()
	p.begin = time.Now()
	p.results.Load[0] = loadAverage()
	for round := range p.cmd.Rounds {
		for i, f := range p.plan.figures {
			if yard && i > 0 {
				if err := p.figure(ctx, round, p.plan.figures[0], p.results.Figures[0]); err != nil {
					return err
				}
			}
			if err := p.figure(ctx, round, f, p.results.Figures[i]); err != nil {
				return err
			}
		}
	}
	p.results.Load[1] = loadAverage()
	p.show("")
	p.results.Settle()
	return nil
}

// yardFirst is whether the yardstick is laid on before every figure, so that it is of
// the same minute, and counts that; a quick run is two minutes in all.
func (p *paper) yardFirst() bool {
	first := p.plan.figures[0]
	if p.cmd.Quick || first.ID != yardID {
		return false
	}
	p.all += p.cmd.Rounds * (len(p.plan.figures) - 1) * len(first.rivals) * len(first.tasks)
	return true
}

// prepare makes the places that samples go to.
func (f *plot) prepare() *report.Figure {
	out := f.Figure
	for _, r := range f.rivals {
		row := &report.Row{Name: r.name, Link: r.link, Tuned: r.tuned}
		for _, t := range f.tasks {
			row.Points = append(row.Points, &report.Point{X: t.x, Label: t.label})
		}
		out.Rows = append(out.Rows, row)
	}
	return &out
}

// figure measures all rivals at one task after the other. What fails is noted, and
// the rest goes on.
func (p *paper) figure(ctx context.Context, round int, f *plot, out *report.Figure) error {
	capacity := make([]float64, len(f.rivals)) // of the closed loop just before
	for i := range f.tasks {
		for k := range f.rivals {
			who := (round + k) % len(f.rivals)
			r, t := &f.rivals[who], f.tasks[i]
			p.show(fmt.Sprintf("round %d of %d: %s: %s: %s", round+1, p.cmd.Rounds, f.ID, r.link, r.name))
			s, err := p.sample(ctx, f, &t, r, capacity[who])
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				s = &report.Sample{Failed: oneLine(err.Error())}
			}
			s.Round, s.At = round+1, time.Now().Format("15:04:05")
			if t.ofRate == 0 && s.Failed == "" {
				capacity[who] = s.Value
			}
			point := out.Rows[who].Points[i]
			point.Samples = append(point.Samples, s)
			p.done++
		}
	}
	return nil
}

// show draws the bar, on a terminal; nothing ends it.
func (p *paper) show(what string) {
	if !isTerminal(p.t.err) {
		return
	}
	if what == "" {
		fmt.Fprint(p.t.err, "\r\x1b[K")
		return
	}
	left := ""
	if p.done > 3 {
		rest := time.Since(p.begin) / time.Duration(p.done) * time.Duration(p.all-p.done)
		left = ", " + rest.Round(time.Second).String() + " left"
	}
	fmt.Fprintf(p.t.err, "\r%s %s%s\x1b[K", bar(float64(p.done)/float64(p.all)), what, left)
}

// sample measures once.
func (p *paper) sample(ctx context.Context, f *plot, t *task, r *rival, capacity float64) (*report.Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, p.cmd.Warmup+p.cmd.Duration+samplePatience)
	defer cancel()
	switch {
	case r.by == byNobody:
		return p.yard(ctx, t, r)
	case r.link == inProcess:
		return p.together(ctx, f, t, r)
	}
	rate := t.ofRate * capacity
	if t.ofRate > 0 && rate <= 0 {
		return nil, errors.New("the closed loop before it came to nothing")
	}
	w, err := p.wire(r)
	if err != nil {
		return nil, err
	}
	defer w.close()
	program, args := p.server(r, t, w)
	s, err := startEvents(ctx, w.serverAt, p.serverCore, program, args...)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	defer s.kill()
	out, err := p.against(ctx, s, w, f, t, r, rate)
	if err != nil {
		return nil, err
	}
	if _, err := s.stop(ctx); err != nil {
		return nil, fmt.Errorf("the server's end: %w", err)
	}
	return out, nil
}

// against loads a server, and looks at it before and after.
func (p *paper) against(ctx context.Context, s *server, w *paperWire, f *plot, t *task, r *rival, rate float64) (*report.Sample, error) {
	few := memoryUse{}
	if f.Kind == report.Memory {
		less := *t
		less.work, less.c = "requests", fewBefore
		var err error
		var l *loadReport
		if l, few, err = p.watched(ctx, s, w, f, &less, 0); err != nil {
			return nil, err
		}
		if l.Errors > 0 || l.PerSecond == 0 {
			return nil, fmt.Errorf("the load before it came to %.0f requests/s with %d errors: %s", l.PerSecond, l.Errors, l.FirstError)
		}
	}
	before, err := look(ctx, r, w, s)
	if err != nil {
		return nil, err
	}
	l, all, err := p.watched(ctx, s, w, f, t, rate)
	if err != nil {
		return nil, err
	}
	after, err := look(ctx, r, w, s)
	if err != nil {
		return nil, err
	}
	out := l.sample(t, f.value)
	out.Rate = rate
	out.Server = serverSide(r, s, l, before, after, l.per(t))
	if f.Kind == report.Memory {
		if l.Open < t.c || l.Errors > 0 { // the server may have more or fewer than the client counts
			return nil, fmt.Errorf("%d of %d connections stood at the end, and %d were reset: %s", l.Open, t.c, l.Errors, l.FirstError)
		}
		out.Memory, out.Value = grown(few, all, l.Open)
	}
	return out, nil
}

// watched runs the load, and where memory counts returns the largest that the server
// was under it.
func (p *paper) watched(ctx context.Context, s *server, w *paperWire, f *plot, t *task, rate float64) (l *loadReport, most memoryUse, err error) {
	if f.Kind == report.Memory {
		watch, err := watchMemory(s.cmd.Process.Pid)
		if err != nil {
			return nil, most, err
		}
		defer func() { most = watch.end() }()
	}
	l, err = p.load(ctx, w.clientAt, p.clientCore, p.client(t, w, rate))
	return l, most, err
}

// A paperWire is what joins a server and a client for one sample.
type paperWire struct {
	socket               string // memif
	pair                 *netconf.Pair
	serverAt, clientAt   place
	serverDev, clientDev string
}

// wire makes one.
func (p *paper) wire(r *rival) (*paperWire, error) {
	if r.link == overMemif {
		return &paperWire{socket: filepath.Join(p.dir, "memif"), serverAt: here{}, clientAt: here{}}, nil
	}
	a, b := netconf.End{Interface: "mtcp0"}, netconf.End{Interface: "mtcp1"}
	if r.by == byKernel {
		a.Addresses = []netip.Prefix{netip.MustParsePrefix(paperServer + paperBits)}
	}
	pair, err := netconf.NewPair(a, b)
	if err != nil {
		return nil, err
	}
	return &paperWire{
		pair: pair, serverAt: pair.Ends[0].Namespace, clientAt: pair.Ends[1].Namespace,
		serverDev: a.Interface, clientDev: b.Interface,
	}, nil
}

func (w *paperWire) close() {
	if w.pair != nil {
		_ = w.pair.Close() // it goes with its last user in any case
	}
}

// together runs server and client in one process, or in two at the same time, each
// with cores of its own.
func (p *paper) together(ctx context.Context, f *plot, t *task, r *rival) (*report.Sample, error) {
	args := append(p.loadFlags(t), "--link", linkMem, "--queues", strconv.Itoa(t.shards))
	cores, each := []int{p.serverCore, p.clientCore}, []string{strconv.Itoa(p.serverCore), strconv.Itoa(p.clientCore)}
	if t.shards > 1 {
		cores, each = []int{anyCore}, []string{each[0] + "," + each[1]}
	}
	reports, errs := make([]*loadReport, t.together), make([]error, t.together)
	var all sync.WaitGroup
	for i := range t.together {
		own := slices.Clone(args)
		for _, flag := range r.flags {
			own = append(own, strings.ReplaceAll(flag, "CORES", each[i]))
		}
		all.Go(func() { reports[i], errs[i] = p.load(ctx, here{}, cores[i], own) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	sum := reports[0].sample(t, f.value)
	sum.Server = stackSide(reports[0].Server, reports[0].Links, congestion, reports[0].per(t))
	n := float64(len(reports))
	for _, l := range reports[1:] {
		sum.Value += f.value(l)
		// For each transaction it is the mean of the processes.
		other := stackSide(l.Server, l.Links, congestion, l.per(t))
		sum.Server.Micros += (other.Micros - sum.Server.Micros) / n
		sum.Client.Micros += (l.sample(t, nil).Client.Micros - sum.Client.Micros) / n
		sum.Errors, sum.Wrong = sum.Errors+l.Errors, sum.Wrong+l.Wrong
		sum.Server.Retransmits += l.Server.Retransmits
		sum.Client.Retransmits += l.Retransmits
		sum.Server.TimeWaits += l.Server.TimeWaitsMade
		sum.Server.Evicted += l.Server.TimeWaitsEvicted
		sum.Server.BusySeconds += l.Server.Busy.Seconds()
		sum.Client.BusySeconds += l.BusySeconds
	}
	return sum, nil
}

// yard measures what the machine gives without a stack.
func (p *paper) yard(ctx context.Context, t *task, r *rival) (*report.Sample, error) {
	args := append([]string{"bench", "yard", "--socket", filepath.Join(p.dir, "yard"), "--size", strconv.Itoa(t.size)}, r.flags...)
	if r.link == inProcess {
		text, err := output(ctx, here{}, p.clientCore, executable(), append(args, "--duration", yardDuration.String())...)
		return yardSample(text, err)
	}
	echo := exec.CommandContext(ctx, executable(), append(args, "--echo")...)
	stdin, err := echo.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := startIn(here{}, echo, p.serverCore); err != nil {
		return nil, err
	}
	text, err := output(ctx, here{}, p.clientCore, executable(), append(args, "--duration", yardDuration.String())...)
	stdin.Close()
	if e := echo.Wait(); err == nil {
		err = e
	}
	return yardSample(text, err)
}

func yardSample(text string, err error) (*report.Sample, error) {
	if err != nil {
		return nil, err
	}
	y := &yardReport{}
	if err := json.Unmarshal([]byte(text), y); err != nil {
		return nil, err
	}
	return &report.Sample{Value: y.Mpps}, nil
}
