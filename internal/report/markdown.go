package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A table is what a figure looks like in Markdown and on the page.
type table struct {
	head []string
	rows [][]string
}

// Markdown writes everything but the plots.
func (r *Results) Markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# The figures of the mTCP paper, measured here\n\n")
	for _, f := range r.facts() {
		fmt.Fprintf(&b, "- %s\n", f)
	}
	for _, f := range r.Figures {
		fmt.Fprintf(&b, "\n## %s\n\n", f.Title)
		for _, text := range f.texts() {
			fmt.Fprintf(&b, "%s\n\n", text)
		}
		f.table().markdown(&b)
	}
	b.WriteString("\n## What stood behind the rows\n\n")
	r.conditions().markdown(&b)
	b.WriteString("\n## Left out\n\n")
	if len(r.LeftOut) == 0 {
		b.WriteString("Nothing.\n")
	} else {
		r.leftOut().markdown(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// facts are how it was measured.
func (r *Results) facts() []string {
	return append([]string{
		"command: `" + r.Command + "`",
		fmt.Sprintf("machine: %s; Linux %s; %s; %s", r.Machine, r.Kernel, r.Go, r.Date),
		fmt.Sprintf("%s, %s each after a warm-up of %s; in a round the contenders take turns in an order that rotates; numbers are medians (lowest to highest)",
			plural(r.Rounds, "round"), r.Duration, r.Warmup),
		fmt.Sprintf("load average before %s, after %s, of which about 2 are this command's own", r.Load[0], r.Load[1]),
	}, r.Settings...)
}

// texts stand above a figure's table.
func (f *Figure) texts() (all []string) {
	if f.Note != "" {
		all = append(all, f.Note)
	}
	if f.Paper != "" {
		all = append(all, "The paper, on its own machine: "+f.Paper)
	}
	return all
}

func (t *table) markdown(b *strings.Builder) {
	line := func(cells []string) { fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.head)
	b.WriteString(strings.Repeat("|---", len(t.head)) + "|\n")
	for _, row := range t.rows {
		line(row)
	}
}

// A column is a heading and what stands below it.
type column struct {
	head string
	cell func(row *Row, p *Point) string
}

// table shows the rate, and beside it what it cost.
func (f *Figure) table() *table {
	columns := []column{
		{"link", func(r *Row, _ *Point) string { return r.Link }},
		{"server", func(r *Row, _ *Point) string { return r.Label() }},
	}
	if slices.ContainsFunc(f.Rows, func(r *Row) bool { return len(r.Points) > 1 || r.Points[0].Label != "" }) {
		columns = append(columns, column{f.X, func(_ *Row, p *Point) string { return p.Label }})
	}
	columns = append(columns, column{f.Unit, func(_ *Row, p *Point) string { return p.Value().text() }})
	switch f.Kind {
	case Plain:
	case Memory:
		columns = append(columns, memoryColumns...)
	case Latency:
		columns = append(append(columns, latencyColumns...), costColumns...)
	default:
		columns = append(columns, costColumns...)
	}
	t := &table{}
	for _, c := range columns {
		t.head = append(t.head, c.head)
	}
	for _, r := range f.Rows {
		for _, p := range r.Points {
			var cells []string
			for _, c := range columns {
				cells = append(cells, c.cell(r, p))
			}
			t.rows = append(t.rows, cells)
		}
	}
	return t
}

var latencyColumns = []column{
	{"mean", duration(func(s *Sample) int64 { return s.Mean })},
	{"p50", duration(func(s *Sample) int64 { return s.P50 })},
	{"p90", duration(func(s *Sample) int64 { return s.P90 })},
	{"p99", duration(func(s *Sample) int64 { return s.P99 })},
	{"p99.9", duration(func(s *Sample) int64 { return s.P999 })},
	{"max", duration(func(s *Sample) int64 { return s.Max })},
	{"Jain", func(_ *Row, p *Point) string {
		if p.Samples[0].Rate > 0 { // who is asked is the client's choice then
			return "–"
		}
		return fmt.Sprintf("%.4f", p.Spread(func(s *Sample) float64 { return s.Jain }).Median)
	}},
}

var memoryColumns = []column{
	{"connections", func(_ *Row, p *Point) string {
		return number(p.Spread(func(s *Sample) float64 { return float64(s.Memory.Connections) }).Median)
	}},
	{"process before, MB", memory(func(m *Mem) uint64 { return m.Before })},
	{"with them, MB", memory(func(m *Mem) uint64 { return m.After })},
	{"of which huge pages, MB", memory(func(m *Mem) uint64 { return m.Huge })},
	{"of which memfd, MB", memory(func(m *Mem) uint64 { return m.Shared })},
	{"errors", func(_ *Row, p *Point) string { return p.count(func(s *Sample) uint64 { return s.Errors }) }},
}

var costColumns = []column{
	{"µs busy, server", func(_ *Row, p *Point) string { return p.micros(func(s *Sample) *Side { return &s.Server }) }},
	{"µs busy, client", func(_ *Row, p *Point) string { return p.micros(func(s *Sample) *Side { return &s.Client }) }},
	{"packets", func(_ *Row, p *Point) string {
		return number(p.Spread(func(s *Sample) float64 { return s.Client.Packets }).Median)
	}},
	{"retransmitted, server / client", func(_ *Row, p *Point) string {
		return p.count(func(s *Sample) uint64 { return s.Server.Retransmits }) + " / " + p.count(func(s *Sample) uint64 { return s.Client.Retransmits })
	}},
	{"errors", func(_ *Row, p *Point) string {
		return p.count(func(s *Sample) uint64 { return s.Errors + s.Wrong + s.Late })
	}},
	{"TIME_WAIT made, server / client", func(_ *Row, p *Point) string {
		return p.counted(func(s *Sample) uint64 { return s.Server.TimeWaits }) + " / " + p.count(func(s *Sample) uint64 { return s.Client.TimeWaits })
	}},
	{"evicted early", func(_ *Row, p *Point) string {
		return p.counted(func(s *Sample) uint64 { return s.Server.Evicted }) + " / " + p.count(func(s *Sample) uint64 { return s.Client.Evicted })
	}},
}

// counted is count, unless the server does not.
func (p *Point) counted(of func(*Sample) uint64) string {
	if g := p.good(); len(g) > 0 && g[0].Server.Uncounted {
		return "?"
	}
	return p.count(of)
}

// micros is a side's time for each; a star says that it is CPU time, idle polls
// among it.
func (p *Point) micros(side func(*Sample) *Side) string {
	text := number(p.Spread(func(s *Sample) float64 { return side(s).Micros }).Median)
	if g := p.good(); len(g) > 0 && side(g[0]).BusySeconds == 0 {
		text += "*"
	}
	return text
}

func (p *Point) count(of func(*Sample) uint64) string { return group(p.sum(of)) }

func duration(of func(*Sample) int64) func(*Row, *Point) string {
	return func(_ *Row, p *Point) string {
		return Duration(p.Spread(func(s *Sample) float64 { return float64(of(s)) }).Median)
	}
}

func memory(of func(*Mem) uint64) func(*Row, *Point) string {
	return func(_ *Row, p *Point) string {
		return number(p.Spread(func(s *Sample) float64 { return float64(of(s.Memory)) / 1e6 }).Median)
	}
}

// conditions are of each contender what holds in all its rows.
func (r *Results) conditions() *table {
	t := &table{head: []string{"link", "server", "its link", "checksums, server", "checksums, client", "congestion control, server / client", "negotiated"}}
	seen := map[string]bool{}
	for _, f := range r.Figures {
		for _, row := range f.Rows {
			g := row.Points[0].good()
			if f.Kind == Plain || seen[row.Link+row.Label()] || len(g) == 0 {
				continue
			}
			seen[row.Link+row.Label()] = true
			s, c := &g[0].Server, &g[0].Client
			t.rows = append(t.rows, []string{row.Link, row.Label(), s.Mode, s.Checksums, c.Checksums, s.Congestion + " / " + c.Congestion, g[0].Options})
		}
	}
	return t
}

func (r *Results) leftOut() *table {
	t := &table{head: []string{"row", "why"}}
	for _, l := range r.LeftOut {
		t.rows = append(t.rows, []string{l.Row, strings.ReplaceAll(l.Why, "\n", "; ")})
	}
	return t
}

func (s Spread) text() string {
	if s.Min == s.Max {
		return number(s.Median)
	}
	return fmt.Sprintf("%s (%s to %s)", number(s.Median), number(s.Min), number(s.Max))
}

// number writes with three digits or more: 1,234,567, 12.3, 0.0412.
func number(f float64) string {
	switch a := math.Abs(f); {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return "–"
	case a >= 100:
		return group(uint64(math.Round(a)))
	case a == math.Trunc(a):
		return strconv.FormatFloat(f, 'f', -1, 64)
	case a >= 10:
		return strconv.FormatFloat(f, 'f', 1, 64)
	case a >= 1:
		return strconv.FormatFloat(f, 'f', 2, 64)
	default:
		return strconv.FormatFloat(f, 'g', 3, 64)
	}
}

// group writes a number with commas.
func group(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Duration writes ns as people read them.
func Duration(ns float64) string {
	switch {
	case math.IsNaN(ns) || ns <= 0: // nothing came to an end
		return "–"
	case ns >= 1e9:
		return number(ns/1e9) + " s"
	case ns >= 1e6:
		return number(ns/1e6) + " ms"
	case ns >= 1e3:
		return number(ns/1e3) + " µs"
	default:
		return number(ns) + " ns"
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
