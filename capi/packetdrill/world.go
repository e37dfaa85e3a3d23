//go:build cgo

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp/internal/posix"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// patience is how long the program's next packet is waited for, in virtual
// time: the longest thing that scripts look at is two hours of idleness.
const patience = 24 * time.Hour

// A world is the program's host, and the lock that keeps its threads in step. The
// second thread makes the calls that may block; time moves when either waits for
// it. When
// such a call returns, time stands still until the second thread has read the
// clock.
type world struct {
	mu        sync.Mutex
	news      sync.Cond
	cfg       posix.Config
	host      *posix.Host // made with the first call: settings are there by then
	returning bool        // the second thread has yet to read the clock
	clock     time.Duration
}

var the = newWorld()

func newWorld() *world {
	w := &world{}
	w.news.L = &w.mu
	return w
}

// configure reads the flags: mtu=1400; delay-first-ack, which has the first
// segments of a connection not acknowledged at once; and ecn, which has SYNs ask for
// it. Settings of scripts come later.
func (w *world) configure(flags string) {
	w.cfg.Address = wire.IPv4Prefix{Addr: 192<<24 | 168<<16 | 2, Bits: 16}
	w.cfg.Gateway = 192<<24 | 168<<16 | 1
	w.cfg.TCP = tcp.DefaultConfig()
	for _, f := range strings.Split(flags, ",") {
		name, value, _ := strings.Cut(f, "=")
		switch name {
		case "mtu":
			w.cfg.MTU, _ = strconv.Atoi(value)
		case "delay-first-ack":
			w.cfg.TCP.DelayFirstAck = true
		case "ecn":
			w.cfg.TCP.ECN = tcp.ECNActive
		case "":
		default:
			fmt.Fprintf(os.Stderr, "mtcp.so: unknown flag %q\n", f)
		}
	}
}

// setting reads a setting that the script may have made: a file that is empty as
// long as nobody has written to it (scripts/packetdrill makes them).
func setting(name string) string {
	b, err := os.ReadFile(filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/")))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// open makes the host.
func (w *world) open() *posix.Host {
	if w.host != nil {
		return w.host
	}
	if os.Getenv("MTCP_SETTINGS") != "" {
		w.cfg.Apply(setting)
	}
	h, err := posix.New(w.cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mtcp.so:", err)
		os.Exit(1)
	}
	h.Advance(h.Now() + w.clock)
	w.host = h
	return h
}

// now is the time that the program sees: it goes on from before the host was
// there.
func (w *world) now() time.Duration {
	if w.host == nil {
		return w.clock
	}
	return w.host.Now() - posix.Start
}

// await lets the second thread read the clock when its call has returned.
func (w *world) await(returned bool) {
	if returned {
		w.returning = true
		isAway()
		w.news.Broadcast()
	}
	for w.returning {
		w.news.Wait()
	}
}

// advance moves the clock by d.
func (w *world) advance(d time.Duration) {
	if w.host == nil {
		w.clock += d
		return
	}
	to := w.host.Now() + d
	for w.host.Now() < to {
		w.await(w.host.Advance(to))
	}
}

// finish completes a call: on the second thread by waiting until the first has
// moved time, on the first by moving it.
func (w *world) finish(c *posix.Call, second bool) int {
	if !c.Done && second {
		isBack()
		for !c.Done {
			w.news.Wait()
		}
	}
	for !c.Done {
		next := w.host.Next()
		if next-w.host.Now() > patience {
			fmt.Fprintln(os.Stderr, "mtcp.so: a call blocks for ever")
			return -int(syscall.EDEADLK)
		}
		w.host.Advance(next)
	}
	n, e := c.Result()
	if e != 0 {
		return -int(e)
	}
	return n
}

// receive waits for the next packet.
func (w *world) receive() (posix.Packet, bool) {
	h := w.open()
	limit := h.Now() + patience
	for {
		if p, ok := h.Take(); ok {
			return p, true
		}
		next := h.Next()
		if next > limit || h.Failure() != "" {
			return posix.Packet{}, false
		}
		w.await(h.Advance(next))
	}
}
