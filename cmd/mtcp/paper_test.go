// mtcp bench paper: what is left out and why, what is read of /proc, and runs that
// are as short as they can be.

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/report"
)

// able is a machine with everything.
var able = paperFacts{cores: 2, gvisor: "/build/gvisor-peer"}

// rowsOf are the plan's rows of a figure.
func rowsOf(p paperPlan, figure string) (all []string) {
	for _, f := range p.figures {
		for _, r := range f.rivals {
			if f.ID == figure {
				all = append(all, r.link+": "+r.name)
			}
		}
	}
	return all
}

func whyLeftOut(p paperPlan, part string) string {
	for _, l := range p.left {
		if strings.Contains(l.Row, part) {
			return l.Why
		}
	}
	return ""
}

func TestPlan_LeavesNothingOutThatCanBe(t *testing.T) {
	p := planPaper(&benchPaperCmd{}, able)
	if len(p.figures) != len(plots()) || len(p.left) != len(alwaysLeftOut) {
		t.Errorf("%d of %d figures, left out: %v", len(p.figures), len(plots()), p.left)
	}
	for _, f := range p.figures {
		if len(f.tasks) == 0 || len(f.rivals) == 0 {
			t.Errorf("%s: %d tasks, %d rivals", f.ID, len(f.tasks), len(f.rivals))
		}
	}
	quick := planPaper(&benchPaperCmd{Quick: true}, able)
	for i, f := range quick.figures {
		if len(f.tasks) == 0 || len(f.tasks) > len(p.figures[i].tasks) {
			t.Errorf("quick: %s has %d tasks of %d", f.ID, len(f.tasks), len(p.figures[i].tasks))
		}
	}
}

func TestPlan_SaysWhichRowsAreLeftOutAndWhy(t *testing.T) {
	for name, c := range map[string]struct {
		facts     paperFacts
		row, why  string
		stays, no string // in the figure of short connections
	}{
		"no rights": {paperFacts{cores: 2, gvisor: "x", veth: "no CAP_NET_ADMIN: run as root"},
			"Short connections: veth: kernel", "CAP_NET_ADMIN", "memif: event door", "veth: kernel, Go net"},
		"no peer": {paperFacts{cores: 2, noPeer: "there is no program x (make it: make bench-peers)"},
			"Short connections: veth: gVisor", "make bench-peers", "veth: kernel, Go net", "veth: gVisor netstack, Go"},
		"one core": {paperFacts{cores: 1, gvisor: "x"},
			"Short connections: memif: event door", "a core each", "", "memif: event door"},
	} {
		p := planPaper(&benchPaperCmd{}, c.facts)
		rows := rowsOf(p, "accept")
		if c.stays != "" && !slices.Contains(rows, c.stays) || slices.Contains(rows, c.no) {
			t.Errorf("%s: rows are %q", name, rows)
		}
		if why := whyLeftOut(p, c.row); !strings.Contains(why, c.why) {
			t.Errorf("%s: %q is left out because %q", name, c.row, why)
		}
	}
	one := planPaper(&benchPaperCmd{}, paperFacts{cores: 1})
	if why := whyLeftOut(one, "two cores"); why == "" {
		t.Error("one core: nothing is said of the figure with two")
	}
	for _, f := range one.figures {
		for _, k := range f.tasks {
			if k.shards*k.together > 1 {
				t.Errorf("one core: %s measures %s", f.ID, k.label)
			}
		}
	}
}

func TestPlan_FollowsItsFlags(t *testing.T) {
	p := planPaper(&benchPaperCmd{Figures: []string{"accept"}, Links: []string{overVeth}}, able)
	if len(p.figures) != 1 || len(p.left) != 0 || len(rowsOf(p, "accept")) != 5 {
		t.Errorf("%d figures, %q, left out: %v", len(p.figures), rowsOf(p, "accept"), p.left)
	}
	if p := planPaper(&benchPaperCmd{Figures: []string{"cores"}, Links: []string{overVeth}}, able); len(p.figures) != 0 {
		t.Error("a figure without rows is measured")
	}
}

func TestProc_IsRead(t *testing.T) {
	stat := "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 123 45 0 0 20 0 1 0 100 0 0\n"
	if d, err := parseProcessTime([]byte(stat)); err != nil || d != 1680*time.Millisecond {
		t.Errorf("CPU time %v, %v", d, err)
	}
	if _, err := parseProcessTime([]byte("42 (x) S 1")); err == nil {
		t.Error("a line cut short is taken")
	}
	if _, err := processTime(os.Getpid()); err != nil {
		t.Error(err)
	}
	if n := sockstatTimeWaits("sockets: used 9\nTCP: inuse 4 orphan 0 tw 17 alloc 5 mem 1\n"); n != 17 {
		t.Errorf("%d in TIME_WAIT", n)
	}
	if _, _, err := readKernelTimeWaits(); err != nil {
		t.Error(err)
	}
	text := "1-2 ---p [rollup]\nRss: 100 kB\nPss: 50 kB\nAnonHugePages: 20 kB\nShared_Hugetlb: 2048 kB\nPrivate_Hugetlb: 0 kB\nRssShmem:\t   30 kB\n"
	if m := parseMemory(text); m != (memoryUse{2148 << 10, 2068 << 10, 30 << 10}) {
		t.Errorf("memory %+v", m)
	}
	if m, err := readMemory(os.Getpid()); err != nil || m.all < 1<<20 {
		t.Errorf("this process: %+v, %v", m, err)
	}
}

// paperRun runs the command as briefly as it can be where other tests have the
// cores, too: with samples of 150 ms there were some in which a server was never
// run. It returns what the command wrote.
func paperRun(t *testing.T, o options, args ...string) (*report.Results, *process) {
	t.Helper()
	dir := t.TempDir()
	p := start(t, o, append([]string{"bench", "paper", "--quick", "--duration", "500ms", "--warmup", "50ms", "-o", dir}, args...)...)
	if code := p.exit(); code != exitOK {
		t.Fatalf("exit code %d:\n%s", code, p.stderr)
	}
	text, err := os.ReadFile(filepath.Join(dir, "results.json"))
	r := &report.Results{}
	if err == nil {
		err = json.Unmarshal(text, r)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"table.md", "index.html"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	return r, p
}

// checkMeasured wants numbers, and what belongs beside them.
func checkMeasured(t *testing.T, r *report.Results, figures, rows int) {
	t.Helper()
	n := 0
	for _, f := range r.Figures {
		for _, row := range f.Rows {
			n++
			for _, p := range row.Points {
				s := p.Samples[0]
				if f.Kind == report.Plain {
					if s.Value <= 0 {
						t.Errorf("%s: %s: %+v", f.ID, row.Name, s)
					}
					continue
				}
				if s.Value <= 0 || s.Wrong > 0 || s.Options == "" || s.Server.Congestion != congestion || s.Client.Congestion != congestion ||
					s.Server.Checksums == "" || s.Server.Mode == "" || s.Client.Packets <= 0 || s.Server.Packets <= 0 {
					t.Errorf("%s: %s: %s: %s: %+v", f.ID, row.Link, row.Label(), p.Label, s)
				}
			}
		}
	}
	if len(r.Figures) != figures || n != rows {
		t.Errorf("%d figures with %d rows, want %d with %d; left out: %+v", len(r.Figures), n, figures, rows, r.LeftOut)
	}
}

func TestPaper_MeasuresOverMemifWithoutRights(t *testing.T) {
	if n := len(firstTwo()); n < 2 {
		t.Skipf("needs two cores: there are %d", n)
	}
	figures, rows := []string{"--figure", "accept", "--figure", "yardstick", "--figure", "latency"}, 4+3+2
	if raceEnabled { // all of them run without the race detector, too
		figures, rows = figures[:2], 4
	}
	r, _ := paperRun(t, options{env: []string{dropEnv + "=rights"}}, figures...)
	checkMeasured(t, r, len(figures)/2, rows)
	seen := false
	for _, l := range r.LeftOut {
		seen = seen || strings.HasPrefix(l.Row, "Short connections: veth: kernel") && strings.Contains(l.Why, "CAP_")
	}
	if !seen {
		t.Errorf("left out: %+v", r.LeftOut)
	}
}

// firstTwo are the cores that this process may use, two at most.
func firstTwo() (all []int) {
	a, b := firstCores()
	for _, core := range []int{a, b} {
		if core != anyCore {
			all = append(all, core)
		}
	}
	return all
}

func TestPaper_MeasuresOverAVeth(t *testing.T) {
	requireRoot(t)
	if raceEnabled {
		// Eight programs that start ten times slower. What they do other tests do with
		// the detector, and make test runs this one without it (scripts/plain.sh).
		t.Skip("make test runs it without the race detector, and that over memif with it")
	}
	r, p := paperRun(t, options{}, "--link", "veth", "--figure", "accept", "--gvisor", "/nonexistent")
	checkMeasured(t, r, 1, 4)
	if !strings.Contains(p.stderr.String(), "left out: Short connections: veth: gVisor netstack, Go: there is no program /nonexistent") {
		t.Errorf("said:\n%s", p.stderr)
	}
}

func TestLoad_BringsItsOwnServerOverAWireInTheProcess(t *testing.T) {
	for _, door := range []string{"event", "net"} {
		p := start(t, options{}, "bench", "load", "--json", "--link", "mem", "--queues", "2", "--door", door,
			"--addr", "10.9.1.1/16", "--server", "10.9.0.2", "-c", "8", "--warmup", "50ms", "--duration", "150ms")
		code := p.exit()
		var r loadReport
		if err := json.Unmarshal([]byte(p.out.String()), &r); code != exitOK || err != nil {
			t.Fatalf("exit code %d, %v:\n%s", code, err, p.stderr)
		}
		if r.Transactions == 0 || r.Errors > 0 || r.Server == nil || r.Server.Busy <= 0 || r.Server.PassiveOpens < 8 || len(r.Links) != 2 {
			t.Errorf("%s door: %+v", door, r)
		}
	}
}

func TestPaper_SaysThatNothingIsLeft(t *testing.T) {
	p := start(t, options{env: []string{dropEnv + "=rights"}}, "bench", "paper", "--link", "veth", "--figure", "accept", "-o", t.TempDir())
	if code := p.exit(); code != exitFailed || !strings.Contains(p.stderr.String(), "nothing is left to be measured") {
		t.Errorf("exit code %d:\n%s", code, p.stderr)
	}
}
