// How far a download is: a bar on a terminal, a line per second elsewhere.

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	barWidth  = 30
	barEvery  = 100 * time.Millisecond
	lineEvery = time.Second
)

type progress struct {
	w     io.Writer
	size  int64 // -1: not known
	have  int64
	begin time.Time
	shown time.Time
	bar   bool
}

func newProgress(w io.Writer, size int64) *progress {
	now := time.Now()
	return &progress{w: w, size: size, begin: now, shown: now, bar: isTerminal(w)}
}

// Write counts, and shows when it is time.
func (p *progress) Write(b []byte) (int, error) {
	p.have += int64(len(b))
	every := lineEvery
	if p.bar {
		every = barEvery
	}
	if now := time.Now(); now.Sub(p.shown) >= every {
		p.shown = now
		p.show(now)
	}
	return len(b), nil
}

// done leaves the bar complete, and the cursor below it.
func (p *progress) done() {
	if p.bar {
		p.show(time.Now())
		fmt.Fprintln(p.w)
	}
}

func (p *progress) show(now time.Time) {
	if p.bar {
		fmt.Fprint(p.w, "\r"+p.text(now.Sub(p.begin))+"\x1b[K")
		return
	}
	fmt.Fprintln(p.w, p.text(now.Sub(p.begin)))
}

// text is what is shown after a time.
func (p *progress) text(spent time.Duration) string {
	rate := uint64(float64(p.have) / max(spent.Seconds(), 1e-9))
	if p.size <= 0 {
		return fmt.Sprintf("%s  %s/s", octets(uint64(p.have)), octets(rate))
	}
	return fmt.Sprintf("%s  %s of %s  %s/s", bar(float64(p.have)/float64(p.size)),
		octets(uint64(p.have)), octets(uint64(p.size)), octets(rate))
}

// bar draws a share of a whole.
func bar(share float64) string {
	share = min(share, 1)
	full := int(share * barWidth)
	return fmt.Sprintf("[%s%s] %3.0f %%", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), share*100)
}

// isTerminal reports whether a cursor can be moved there.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
