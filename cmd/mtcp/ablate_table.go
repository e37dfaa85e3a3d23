// The ablations as a Markdown table, with what it takes to repeat them.

package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/mtcp-go/mtcp/internal/report"
)

// table is the whole page.
func (a *ablation) table() string {
	var s strings.Builder
	c := a.cmd
	fmt.Fprintf(&s, "Each technique with and without, %d interleaved pairs of %v: medians (lowest to highest); "+
		"ratios are those of the pairs, and above 1 the technique helps. Both ends do without, but for the door.\n\n", c.Pairs, c.Duration)
	only := ""
	for _, name := range c.Only {
		only += fmt.Sprintf(" --only %q", name)
	}
	fmt.Fprintf(&s, "- command: `mtcp bench ablate --pairs %d --duration %v --warmup %v -c %d --work %s%s`\n",
		c.Pairs, c.Duration, c.Warmup, c.C, strings.Join(c.Work, ","), only)
	fmt.Fprintf(&s, "- machine: %s; kernel %s; %s; %s\n", machine(), kernelRelease(), runtime.Version(), time.Now().Format("2006-01-02"))
	fmt.Fprintf(&s, "- memif, MTU 1500, server on core %s, client on core %s; short and requests: 64 B each way on %d connections, event door; out, in: one stream\n",
		coreName(a.serverCore), coreName(a.clientCore), c.C)
	fmt.Fprintf(&s, "- load average before %s, after %s (of which about 2 are the bench's own)\n", a.busy[0], a.busy[1])
	s.WriteString("- server: µs in which its shard had something to do, for a transaction or a MB; idle polls left out, and so are goroutines of the net door that ran on other threads\n")
	s.WriteString("- packets: of both ends for a transaction; none is said of a stream\n\n")
	s.WriteString("| technique | load | with | without | with : without | server with | without | without : with | packets with | without |\n")
	s.WriteString("|" + strings.Repeat("---|", 10) + "\n")
	for i := range a.rows {
		s.WriteString(a.rows[i].line())
	}
	return s.String()
}

// line is a row of the table. Less time is better, so its ratio is turned.
func (r *ablationRow) line() string {
	unit, packets := "/s", [2]string{}
	switch r.work {
	case "out", "in":
		unit = "MB/s"
	default:
		for side := range packets {
			packets[side] = fmt.Sprintf("%.1f", report.SpreadOf(r.packets[side]).Median)
		}
	}
	name := r.work + ", " + unit
	if len(r.rate[0]) == 0 {
		return fmt.Sprintf("| %s | %s | %s |%s\n", r.v.name, name, r.why, strings.Repeat(" |", 7))
	}
	note := ""
	if r.failed > 0 {
		note = fmt.Sprintf(" (%d failed: %s)", r.failed, r.why)
	}
	return fmt.Sprintf("| %s | %s | %s%s | %s | %s | %.2f | %.2f | %s | %s | %s |\n", r.v.name, name,
		whole(r.rate[0]), note, whole(r.rate[1]), fine(ratios(r.rate[0], r.rate[1])),
		report.SpreadOf(r.cost[0]).Median, report.SpreadOf(r.cost[1]).Median, fine(ratios(r.cost[1], r.cost[0])),
		packets[0], packets[1])
}
