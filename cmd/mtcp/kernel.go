// The kernel's own TCP, for comparison, with what must be set and read to
// compare fairly.

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/mtcp-go/mtcp"
	"golang.org/x/sys/unix"
)

// kernelDoor is a door onto the kernel's TCP with its congestion control set:
// the system's default differs from machine to machine.
type kernelDoor struct{ congestion string }

func (k kernelDoor) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	c := net.ListenConfig{Control: k.control}
	return c.Listen(ctx, network, address)
}

func (k kernelDoor) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Control: k.control}
	return d.DialContext(ctx, network, address)
}

// control sets the congestion control of a socket; connections inherit their
// listener's.
func (k kernelDoor) control(_, _ string, c syscall.RawConn) error {
	if k.congestion == "" {
		return nil
	}
	name := k.congestion
	if name == "newreno" { // as the stack calls it
		name = "reno"
	}
	var err error
	control := c.Control(func(fd uintptr) {
		err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
	})
	if err != nil {
		err = fmt.Errorf("congestion control %s: %w (see sysctl net.ipv4.tcp_available_congestion_control)", name, err)
	}
	return errors.Join(control, err)
}

func (kernelDoor) Links() []mtcp.LinkInfo             { return nil }
func (kernelDoor) Stats() []mtcp.ShardStats           { return nil }
func (kernelDoor) Shutdown(ctx context.Context) error { return nil }
func (kernelDoor) Close() error                       { return nil }

// kernelCounters are what the kernel's TCP counted in a namespace.
type kernelCounters struct {
	segmentsIn, segmentsOut, retransmitted uint64
	packets                                uint64 // over one interface, both ways
}

func (k kernelCounters) since(before kernelCounters) kernelCounters {
	return kernelCounters{
		segmentsIn:    k.segmentsIn - before.segmentsIn,
		segmentsOut:   k.segmentsOut - before.segmentsOut,
		retransmitted: k.retransmitted - before.retransmitted,
		packets:       k.packets - before.packets,
	}
}

// readKernelCounters reads those of the calling thread's namespace.
func readKernelCounters(iface string) (k kernelCounters, err error) {
	text, err := os.ReadFile("/proc/thread-self/net/snmp")
	if err != nil {
		return k, err
	}
	tcp := snmp(string(text), "Tcp:")
	k.segmentsIn, k.segmentsOut, k.retransmitted = tcp["InSegs"], tcp["OutSegs"], tcp["RetransSegs"]
	if text, err = os.ReadFile("/proc/thread-self/net/dev"); err != nil {
		return k, err
	}
	k.packets = devicePackets(string(text), iface)
	return k, nil
}

// snmp reads the two lines, names and values, that begin with prefix.
func snmp(text, prefix string) map[string]uint64 {
	out := make(map[string]uint64)
	var names []string
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || fields[0] != prefix {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, f := range fields {
			if n, err := strconv.ParseUint(f, 10, 64); err == nil && i < len(names) {
				out[names[i]] = n
			}
		}
	}
	return out
}

// devicePackets adds up the packets of an interface in /proc/net/dev.
func devicePackets(text, iface string) uint64 {
	const received, sent = 1, 9
	for line := range strings.Lines(text) {
		name, counts, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) != iface {
			continue
		}
		f := strings.Fields(counts)
		if len(f) <= sent {
			return 0
		}
		rx, _ := strconv.ParseUint(f[received], 10, 64)
		tx, _ := strconv.ParseUint(f[sent], 10, 64)
		return rx + tx
	}
	return 0
}
