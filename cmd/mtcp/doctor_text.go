// What doctor says, as people read it.

package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mtcp-go/mtcp/internal/doctor"
	"golang.org/x/sys/unix"
)

const (
	doctorWidth   = 96 // columns of sentences; commands are never broken
	doctorIndent  = 19
	maxCandidates = 20 // lines for interfaces
)

// text is the whole report.
func (v *verdict) text(verbose bool, p paint) string {
	var b strings.Builder
	about := ""
	for _, f := range v.Findings {
		if f.About != about {
			about = f.About
			fmt.Fprintln(&b, v.heading(about, p))
		}
		writeFinding(&b, &f, verbose, p)
	}
	if v.Interface == "" {
		v.writeCandidates(&b, p)
	}
	fmt.Fprintf(&b, "\n%s\n", strings.Join(wrap(v.Note, doctorWidth), "\n"))
	fmt.Fprintf(&b, "\n%s\n", v.summary())
	fmt.Fprintf(&b, "\n%s\n", strings.Join(wrap(strings.TrimSuffix(v.Use.Why, ".")+":", doctorWidth), "\n"))
	fmt.Fprintf(&b, "    %s\n", p.strong(v.Use.Command))
	return b.String()
}

func (v *verdict) heading(about string, p paint) string {
	if about == "machine" {
		return p.strong("This machine")
	}
	return "\n" + p.strong("Interface "+v.Interface)
}

// levelWords are as wide as each other.
var levelWords = [...]string{doctor.OK: "ok  ", doctor.Warning: "warn", doctor.Failure: "FAIL"}

// writeFinding writes one line, and what follows from it where that matters.
func writeFinding(b *strings.Builder, f *doctor.Finding, verbose bool, p paint) {
	found := wrap(f.Found, doctorWidth-doctorIndent)
	fmt.Fprintf(b, "  %s  %-11s%s\n", p.level(f.Level), f.ID, found[0])
	rest := found[1:]
	if f.Means != "" && (f.Level != doctor.OK || verbose) {
		rest = append(rest, wrap(f.Means, doctorWidth-doctorIndent)...)
	}
	for _, line := range rest {
		fmt.Fprintf(b, "%*s%s\n", doctorIndent, "", line)
	}
	if f.Mend != "" {
		fmt.Fprintf(b, "%*s$ %s\n", doctorIndent, "", p.strong(f.Mend))
	}
}

// writeCandidates is a table of the interfaces, the likeliest first.
func (v *verdict) writeCandidates(b *strings.Builder, p paint) {
	fmt.Fprintf(b, "\n%s\n", p.strong("Interfaces"))
	for i := range v.Interfaces {
		if i == maxCandidates {
			fmt.Fprintf(b, "  and %d more\n", len(v.Interfaces)-i)
			break
		}
		c := &v.Interfaces[i]
		mark := " "
		if c.Name == v.Recommended {
			mark = "*"
		}
		fmt.Fprintf(b, "%s %s  %s\n", mark, p.strong(fmt.Sprintf("%-15s", c.Name)), candidateText(c))
	}
}

func candidateText(c *doctor.Candidate) string {
	if c.State == "not Ethernet" {
		return c.State
	}
	var complaints []string
	for _, w := range []string{count(c.Failures, "failure"), count(c.Warnings, "warning")} {
		if w != "" {
			complaints = append(complaints, w)
		}
	}
	line := fmt.Sprintf("%-11s %-11s %-18s %-18s %s", c.State, c.Driver, c.Address, c.Mode, strings.Join(complaints, ", "))
	return strings.TrimRight(line, " ")
}

// count is "" for none.
func count(n int, noun string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 " + noun
	default:
		return fmt.Sprintf("%d %ss", n, noun)
	}
}

func (v *verdict) summary() string {
	words := []string{fmt.Sprintf("%d ok", v.Count(doctor.OK))}
	for _, w := range []string{count(v.Count(doctor.Warning), "warning"), count(v.Count(doctor.Failure), "failure")} {
		if w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, ", ") + "."
}

// wrap breaks a text into lines of at most width columns.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// paint colours text on a terminal, and leaves it alone elsewhere.
type paint bool

// newPaint follows no-color.org.
func newPaint(w io.Writer) paint {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func (p paint) with(code, text string) string {
	if !p {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p paint) strong(text string) string { return p.with("1", text) }

func (p paint) level(l doctor.Level) string {
	codes := [...]string{doctor.OK: "32", doctor.Warning: "33", doctor.Failure: "1;31"}
	return p.with(codes[l], levelWords[l])
}
