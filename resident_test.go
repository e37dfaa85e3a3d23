//go:build !race

package mtcp

// What a connection of the net door costs of memory that is really there,
// measured in a process of its own. Race builds have tables on the Go heap, and
// cost more.

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/mtcp-go/mtcp/internal/sock"
)

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
	c := exec.Command(exe, "-test.run=^"+t.Name()+"$", "-test.v")
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
// heap and stacks, private mappings, and shared ones that were touched.
func resident(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory()
	f, err := os.Open("/proc/self/status")
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

func TestResident_ConnWithItsReader(t *testing.T) {
	if testing.Short() {
		t.Skip("20,000 connections take some seconds")
	}
	if !alone(t) {
		return
	}
	const n, first = 20_000, 500
	w := newWorld(t, WireConfig{}, func(client, server *Config) {
		client.Connections, server.Connections = n, n
	})
	l := w.listen(t, ":80")
	clients, servers := crowd(t, w, l, first) // frames, queues
	before := resident(t)
	c, s := crowd(t, w, l, n-first)
	eventually(t, "idle rings go back", func() bool {
		return w.client.Stats()[0].RingMemory+w.server.Stats()[0].RingMemory == 0
	})
	idle := (resident(t) - before) / (2 * (n - first))
	clients, servers = append(clients, c...), append(servers, s...)
	before = resident(t)
	for _, s := range servers {
		go s.Read(make([]byte, 64))
	}
	for _, s := range servers {
		eventually(t, "all readers sleep", func() bool { return s.app.Block.Flags()&sock.ReadParked != 0 })
	}
	reader := (resident(t) - before) / n
	t.Logf("a Conn takes %d octets, its reader %d more", idle, reader)
	if idle+reader > 4096 {
		t.Errorf("a Conn with its reader takes %d octets, want at most 4096", idle+reader)
	}
	for _, c := range clients {
		c.SetLinger(0)
		c.Close()
	}
	for _, s := range servers {
		s.Close()
	}
}
