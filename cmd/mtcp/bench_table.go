// The comparison as a Markdown table, with what it takes to repeat it.

package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/report"
	"golang.org/x/sys/unix"
)

// whole and fine are a median and the extremes, as in a table.
func whole(values []float64) string {
	s := report.SpreadOf(values)
	return fmt.Sprintf("%s (%s to %s)", wholeNumber(s.Median), wholeNumber(s.Min), wholeNumber(s.Max))
}

func fine(values []float64) string {
	s := report.SpreadOf(values)
	return fmt.Sprintf("%.2f (%.2f to %.2f)", s.Median, s.Min, s.Max)
}

func wholeNumber(f float64) string {
	if math.IsNaN(f) || f < 0 {
		return "-"
	}
	return group(uint64(math.Round(f)))
}

// ratios divides what was measured in the same pair.
func ratios(a, b []float64) []float64 {
	var out []float64
	for i := range min(len(a), len(b)) {
		if b[i] > 0 {
			out = append(out, a[i]/b[i])
		}
	}
	return out
}

// table is the whole page.
func (b *bench) table() string {
	var s strings.Builder
	fmt.Fprintf(&s, "Median of %d interleaved pairs (lowest to highest), %v each; %d connections; ratios are medians of the pairs' ratios.\n\n",
		b.cmd.Pairs, b.cmd.Duration, b.cmd.C)
	fmt.Fprintf(&s, "- command: `mtcp bench veth --pairs %d --duration %v -c %d`\n", b.cmd.Pairs, b.cmd.Duration, b.cmd.C)
	fmt.Fprintf(&s, "- machine: %s; kernel %s; %s; %s\n", machine(), kernelRelease(), runtime.Version(), time.Now().Format("2006-01-02"))
	fmt.Fprintf(&s, "- link: %s; congestion control %s on both; server on core %s, client on core %s\n",
		b.mode, congestion, coreName(b.serverCore), coreName(b.clientCore))
	fmt.Fprintf(&s, "- load average before %s, after %s (of which about 2 are the bench's own)\n", b.busy[0], b.busy[1])
	fmt.Fprintf(&s, "- client: the kernel's TCP; ports 1024 to 65535, tcp_tw_reuse 1\n\n")
	s.WriteString("| load |")
	for _, c := range contenders {
		fmt.Fprintf(&s, " %s |", c.name)
	}
	for _, c := range contenders[1:] {
		fmt.Fprintf(&s, " mtcp : %s |", c.name)
	}
	s.WriteString("\n|" + strings.Repeat("---|", 2*len(contenders)) + "\n")
	for i, c := range benchCases {
		fmt.Fprintf(&s, "| %s, %s |", c.name, c.unit)
		for who := range contenders {
			fmt.Fprintf(&s, " %s |", whole(b.rates[i][who]))
		}
		for who := 1; who < len(contenders); who++ {
			fmt.Fprintf(&s, " %s |", fine(ratios(b.rates[i][0], b.rates[i][who])))
		}
		s.WriteString("\n")
	}
	s.WriteString("| packets per echo connection |")
	for who := range contenders {
		fmt.Fprintf(&s, " %s |", fine(b.packets[who]))
	}
	s.WriteString(strings.Repeat(" |", len(contenders)-1) + "\n\n")
	b.notes(&s)
	return s.String()
}

// notes tell what the table cannot.
func (b *bench) notes(s *strings.Builder) {
	for i, c := range benchCases {
		fmt.Fprintf(s, "- %s: %s\n", c.name, b.tools[i])
		for who := range contenders {
			if n := b.errors[i][who]; n > 0 {
				fmt.Fprintf(s, "  - %s: %d requests failed, the first with: %s\n", contenders[who].name, n, b.reasons[i][who])
			}
		}
	}
	var all []mtcp.ShardStats
	for _, e := range b.ends {
		all = append(all, e.Stats...)
	}
	t := total(all)
	fmt.Fprintf(s, "- mtcp, all pairs: %s; drops: %s\n", retransmissions(t), dropText(t))
}

// machine names the processor.
func machine() string {
	model := "unknown processor"
	text, _ := os.ReadFile("/proc/cpuinfo") // without it the name stays unknown
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%s, %d cores", model, runtime.NumCPU())
}

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// loadAverage is the machine's of the last minute: who shares it with others
// should see that in the table.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, ok := strings.Cut(string(text), " ")
	if !ok {
		return "unknown"
	}
	return first
}

func coreName(core int) string {
	if core == anyCore {
		return "any"
	}
	return fmt.Sprint(core)
}
