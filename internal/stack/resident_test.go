//go:build !race

package stack

// What connections cost of memory that is really there, measured in a process
// of its own. Race builds have the tables on the Go heap, and cost more.

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/runner"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// Each address of the server brings 25,000 connections.
var idleAddresses = flag.Int("stack.addresses", 4, "addresses of the server with idle connections: 40 for a million")

// alone runs the test once more, in a process of its own, and reports whether
// this is that process.
func alone(t *testing.T) bool {
	t.Helper()
	const mark = "MTCP_TEST_ALONE"
	if os.Getenv(mark) != "" {
		return true
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe, "-test.run=^"+t.Name()+"$", "-test.v", fmt.Sprint("-stack.addresses=", *idleAddresses))
	c.Env = append(os.Environ(), mark+"=1")
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "octets") {
			t.Log(strings.TrimSpace(line))
		}
	}
	return false
}

// resident returns the octets of this process in memory, files left out: the Go
// heap, private mappings, and shared ones that were touched.
func resident(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory()
	f, err := os.Open("/proc/self/status")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no /proc here")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		var kib int
		for _, field := range [...]string{"RssAnon:", "RssShmem:", "HugetlbPages:"} {
			if rest, ok := strings.CutPrefix(s.Text(), field); ok {
				fmt.Sscan(rest, &kib)
				sum += kib << 10
			}
		}
	}
	return sum
}

// twoStacks are a client and a server with so many addresses, since one has
// ports for 28,000 connections.
func twoStacks(t *testing.T, addresses int, c Config) (client, server *Stack) {
	t.Helper()
	w, err := mem.New(mem.Config{})
	if err != nil {
		t.Fatal(err)
	}
	clock := runner.NewClock()
	var stacks [2]*Stack
	for i := range stacks {
		c := c
		c.Queues, c.TCP = []link.Queue{w.Side(i).Queue(0)}, tcp.DefaultConfig()
		for j := range 1 + i*(addresses-1) {
			c.Addresses = append(c.Addresses, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i), byte(1 + j)}), 16))
		}
		if stacks[i], err = New(c, clock); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stacks[i].Close() })
	}
	return stacks[0], stacks[1]
}

func TestResident_RoomForAMillionConnectionsCostsNothing(t *testing.T) {
	if !alone(t) {
		return
	}
	before := resident(t)
	var was, is runtime.MemStats
	runtime.ReadMemStats(&was)
	twoStacks(t, 1, Config{Connections: 1 << 20, TimeWaits: 1 << 20, RingMemory: 4 << 30})
	twoStacks(t, 1, Config{Memory: 8 << 30}) // heap memory that is used again must not cost either
	if n := resident(t) - before; n > 8<<20 {
		t.Errorf("four stacks without a connection take %d octets", n)
	} else {
		t.Logf("four stacks without a connection take %d octets", n)
	}
	// The collector's goal is for the application's garbage. What remains are
	// frames of the wire, reassembly, and queues.
	runtime.ReadMemStats(&is)
	if n := is.HeapAlloc - was.HeapAlloc; n > 48<<20 {
		t.Errorf("%d octets of the Go heap", n)
	} else {
		t.Logf("%d octets of the Go heap", n)
	}
}

// An idle connection as the event door has it: no goroutine, no Conn.
func TestResident_IdleConnection(t *testing.T) {
	if testing.Short() {
		t.Skip("100,000 connections take some seconds")
	}
	if !alone(t) {
		return
	}
	const each = 25_000
	addresses, n := *idleAddresses, *idleAddresses*each
	client, server := twoStacks(t, addresses, Config{Connections: n, TimeWaits: 1 << 10, RingMemory: 64 << 20})
	l, err := server.Listen(netip.MustParseAddrPort("0.0.0.0:80"), 4096)
	if err != nil {
		t.Fatal(err)
	}
	const first = 2500
	open(t, client, l, addresses, first) // frames, queues
	before := resident(t)
	have := first
	// The connection table is fullest before it grows and emptiest after. A handler's
	// entry has 24 octets more.
	for _, c := range []struct{ each, most int }{{19_600, 496}, {19_700, 496}, {each, 512 - 24}} {
		open(t, client, l, addresses, c.each-have)
		have = c.each
		per := (resident(t) - before) / (2 * addresses * (have - first))
		t.Logf("of %d, an idle connection takes %d octets", addresses*have, per)
		if per > c.most {
			t.Errorf("of %d, an idle connection takes %d octets, want at most %d", addresses*have, per, c.most)
		}
	}
	for _, s := range [2]*Stack{client, server} {
		for _, p := range s.Memory() {
			if p.InUse > p.Reserved {
				t.Errorf("%s: %d octets in use of %d reserved", p.Name, p.InUse, p.Reserved)
			}
		}
	}
}

// open opens so many idle connections to each address of l, and waits until
// their rings have gone back.
func open(t *testing.T, client *Stack, l *Listener, addresses, each int) {
	t.Helper()
	var dialers sync.WaitGroup
	for i := range addresses {
		dialers.Go(func() {
			to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(1 + i)}), 80)
			for range each {
				if _, err := client.Dial(context.Background(), netip.AddrPort{}, to); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var a sock.Accepted
	for range addresses * each {
		for !l.TryAccept(&a) {
			<-l.Ready()
		}
	}
	dialers.Wait()
	for _, s := range [2]*Stack{client, l.stack} {
		eventually(t, "idle rings go back", func() bool { return s.Memory()[shard.MemoryRings].InUse == 0 })
	}
}
