package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// example has every kind of figure, a row that failed, and texts that need escaping.
func example() *Results {
	side := func(us float64) Side {
		return Side{BusySeconds: 1, Micros: us, Packets: 6, Retransmits: 2, TimeWaits: 1500, Evicted: 7, Congestion: "cubic", Checksums: "in software", Mode: "memif master"}
	}
	sample := func(v float64) *Sample {
		return &Sample{
			Round: 1, At: "12:00:00", Value: v, Server: side(2), Client: side(1.5), Errors: 1, Mean: 1500, P50: 1200, P90: 2400, P99: 9e6, P999: 2e9, Max: 3e9,
			Jain: .9991, Options: "MSS 1448, SACK", PerCount: "transaction",
		}
	}
	point := func(x float64, label string, values ...float64) *Point {
		p := &Point{X: x, Label: label}
		for _, v := range values {
			p.Samples = append(p.Samples, sample(v))
		}
		return p
	}
	kernel := point(0, "", 28_000, 30_000)
	for _, s := range kernel.Samples {
		s.Server.BusySeconds = 0
	}
	gvisor := point(0, "", 9_500)
	gvisor.Samples[0].Server.Uncounted = true
	idle := point(0, "100,000", 600)
	idle.Samples[0].Memory = &Mem{Connections: 100_000, Before: 20e6, After: 80e6, Huge: 4 << 20, Shared: 50e6}
	open := point(0, "open loop", 350)
	open.Samples[0].Rate = 350
	return &Results{
		Command: "mtcp bench paper", Date: "2026-11-29 12:00 UTC", Machine: "a <machine>, 2 cores", Kernel: "6.18", Go: "go1.26",
		Rounds: 3, Warmup: "500ms", Duration: "2s", Load: [2]string{"2.1", "2.4"}, Settings: []string{"TIME_WAIT on & counted"},
		Figures: []*Figure{
			{ID: "messages", Title: "Messages", Kind: Curve, Unit: "transactions/s", X: "messages on each connection", Note: "A note.", Paper: "4.4 million/s.", Rows: []*Row{
				{Name: "event door", Link: "memif", Points: []*Point{point(1, "1", 9e4, 1e5, 2e5), point(8, "8", 4e5, 5e5, 5.5e5), point(128, "128", 9e5, 1e6, 1.1e6)}},
				{Name: "net door", Link: "memif", Tuned: "never sleeps", Points: []*Point{point(1, "1", 5e4), point(8, "8", 2e5), point(128, "128", 9e5)}},
				{Name: "kernel, <Go>", Link: "veth", Points: []*Point{point(1, "1", 28_000), point(8, "8", 90_000)}},
			}},
			{ID: "accept", Title: "Short", Kind: Bars, Unit: "connections/s", X: "", Rows: []*Row{
				{Name: "kernel", Link: "veth", Points: []*Point{kernel}},
				{Name: "gVisor", Link: "veth", Points: []*Point{gvisor}},
				{Name: "broken", Link: "veth", Points: []*Point{{Samples: []*Sample{{Failed: "no\nanswer"}}}}},
			}},
			{ID: "latency", Title: "Latency", Kind: Latency, Unit: "transactions/s", X: "load", Rows: []*Row{
				{Name: "event door", Link: "memif", Points: []*Point{point(0, "closed loop", 500), open}},
			}},
			{ID: "memory", Title: "Memory", Kind: Memory, Unit: "octets a connection", X: "connections", Rows: []*Row{
				{Name: "event door", Link: "memif", Points: []*Point{idle}},
			}},
			{ID: "yard", Title: "Yardstick", Kind: Plain, Unit: "millions/s", X: "what", Rows: []*Row{
				{Name: "no stack", Link: "memif", Points: []*Point{point(0, "64 B", 24, 30, 128)}},
			}},
		},
		LeftOut: []LeftOut{{"mTCP in C", "it needs DPDK"}},
	}
}

func TestWriters_WriteWhatTheGoldenFilesSay(t *testing.T) {
	r := example()
	r.Settle()
	files := map[string]func(io.Writer) error{"results.json": r.JSON, "table.md": r.Markdown, "index.html": r.HTML}
	for _, f := range r.Figures {
		for _, p := range f.Plots() {
			files[p.Name+".svg"] = func(w io.Writer) error { _, err := io.WriteString(w, p.SVG); return err }
		}
	}
	if len(files) != 8 {
		t.Errorf("%d files", len(files))
	}
	for name, write := range files {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), b.String()); d != "" {
			t.Errorf("%s (golden files are written anew with -update): -want +got\n%s", name, d)
		}
	}
}

// outside finds what a page would have to fetch.
var outside = regexp.MustCompile(`(src|href)=|url\(|@import|<script|<link`)

func TestPage_NeedsNothingElse(t *testing.T) {
	r := example()
	r.Settle()
	var b bytes.Buffer
	if err := r.HTML(&b); err != nil {
		t.Fatal(err)
	}
	if m := outside.FindString(b.String()); m != "" {
		t.Errorf("the page has %q", m)
	}
	if strings.Contains(b.String(), "<machine>") || strings.Contains(b.String(), "<Go>") {
		t.Error("a text was not escaped")
	}
	if n := strings.Count(b.String(), "<svg"); n != 5 {
		t.Errorf("%d plots on the page", n)
	}
}

func TestWrite_MakesTheDirectoryAndLeavesNothingElse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	r := example()
	r.Settle()
	files, err := r.Write(dir)
	if err != nil || len(files) != 8 {
		t.Fatalf("%q, %v", files, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(files) {
		t.Errorf("%v, %v", entries, err)
	}
	var back Results
	text, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, &back); d != "" {
		t.Errorf("what was read back differs: %s", d)
	}
}

func TestSettle_MovesWhatFailedToWhatIsLeftOut(t *testing.T) {
	r := example()
	r.Settle()
	want := []LeftOut{{"mTCP in C", "it needs DPDK"}, {"Short: veth: broken", "it failed: no\nanswer"}}
	if d := cmp.Diff(want, r.LeftOut); d != "" {
		t.Error(d)
	}
	if rows := r.Figures[1].Rows; len(rows) != 2 {
		t.Errorf("%d rows are left", len(rows))
	}
	// A figure of which nothing is left is no figure.
	for _, row := range r.Figures[0].Rows {
		for _, p := range row.Points {
			for _, s := range p.Samples {
				s.Failed = "broken"
			}
		}
	}
	r.Settle()
	if len(r.Figures) != 4 || r.Figures[0].ID == "messages" {
		t.Errorf("%d figures", len(r.Figures))
	}
}

func TestSpread_IsTheMedianAndTheExtremes(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Spread
	}{
		{[]float64{7}, Spread{7, 7, 7}},
		{[]float64{3, 1, 2}, Spread{2, 1, 3}},
		{[]float64{4, 1, 2, 9}, Spread{3, 1, 9}},
	} {
		if got := SpreadOf(c.values); got != c.want {
			t.Errorf("of %v: %v, want %v", c.values, got, c.want)
		}
	}
	if s := SpreadOf(nil); !math.IsNaN(s.Median) || !strings.Contains(s.text(), "–") {
		t.Errorf("of nothing: %v", s)
	}
	p := Point{Samples: []*Sample{{Value: 5}, {Value: 100, Failed: "no"}}}
	if p.Value() != (Spread{5, 5, 5}) {
		t.Errorf("what failed counts: %v", p.Value())
	}
}

func TestPlots_AreDrawnOfAnything(t *testing.T) {
	for name, values := range map[string][]float64{"nothing": {0}, "one": {1}, "far apart": {1e-9, 1e12}} {
		for _, kind := range []Kind{Curve, Bars, Latency} {
			f := &Figure{ID: "x", Kind: kind, Rows: []*Row{{Link: "memif", Points: []*Point{{X: 1}}}}}
			for _, v := range values {
				p := f.Rows[0].Points[0]
				p.Samples = append(p.Samples, &Sample{Value: v})
			}
			svg := f.Plots()[0].SVG
			if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
				t.Errorf("%s, %s: %s", name, kind, svg)
			}
		}
	}
}

func TestPlace_KeepsNamesApart(t *testing.T) {
	var rows []*Row
	for range 6 {
		rows = append(rows, &Row{Points: []*Point{{Samples: []*Sample{{Value: 1}}}}})
	}
	for _, end := range []float64{marginTop, plotHeight / 2, plotHeight - marginBottom} { // of all lines
		at := place(rows, func(float64) float64 { return end })
		slices.Sort(at)
		for i := 1; i < len(at); i++ {
			if at[i]-at[i-1] < 14 {
				t.Errorf("names meet: %v", at)
			}
		}
		if at[0] < marginTop-5 || at[len(at)-1] > plotHeight-marginBottom+5 {
			t.Errorf("names leave the plot: %v", at)
		}
	}
}

func TestNumbers_AreWrittenForPeople(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 1: "1", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 1234567: "1,234,567", .04123: "0.0412", math.NaN(): "–"} {
		if got := number(f); got != want {
			t.Errorf("number(%v) = %q, want %q", f, got, want)
		}
	}
	for ns, want := range map[float64]string{0: "–", 999: "999 ns", 1500: "1.50 µs", 2e6: "2 ms", 3.5e9: "3.50 s"} {
		if got := Duration(ns); got != want {
			t.Errorf("Duration(%v) = %q, want %q", ns, got, want)
		}
	}
}
