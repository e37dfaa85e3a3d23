package memif

// Against DPDK's driver: dpdk-testpmd on the other end sends back what it gets.

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A testpmd is a running dpdk-testpmd with one memif port per role asked for.
type testpmd struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   bytes.Buffer
	ended chan struct{}
}

// startTestpmd runs one that forwards in a mode, such as io or macswap.
func startTestpmd(t *testing.T, role, socket, mode string, queues int, extra string) *testpmd {
	t.Helper()
	path, err := exec.LookPath("dpdk-testpmd")
	if err != nil {
		t.Skip("dpdk-testpmd is not installed (Debian: apt-get install dpdk-dev)")
	}
	if os.Geteuid() != 0 {
		t.Skip("dpdk-testpmd wants to be root")
	}
	prefix := fmt.Sprintf("mtcp%d%s", os.Getpid(), filepath.Base(t.TempDir()))
	abstract := "no"
	if name, ok := strings.CutPrefix(socket, "@"); ok {
		socket, abstract = name, "yes"
	}
	vdev := fmt.Sprintf("net_memif0,role=%s,id=7,socket=%s,socket-abstract=%s%s", role, socket, abstract, extra)
	p := &testpmd{ended: make(chan struct{})}
	p.cmd = exec.Command(path, "--lcores", "(0,1)@(0,1)", "--no-huge", "-m", "128", "--no-pci", "--no-telemetry",
		"--file-prefix", prefix, "--vdev", vdev, "--",
		"--total-num-mbufs=4096", "--no-mlockall", "--no-flush-rx", "--forward-mode="+mode, "--auto-start", "-i",
		fmt.Sprintf("--rxq=%d", queues), fmt.Sprintf("--txq=%d", queues))
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if p.stdin, err = p.cmd.StdinPipe(); err != nil { // it ends when its input does
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(p.ended); p.cmd.Wait() }()
	t.Cleanup(func() {
		p.kill()
		os.RemoveAll("/var/run/dpdk/" + prefix)
		if t.Failed() {
			t.Logf("testpmd:\n%s", p.out.String())
		}
	})
	return p
}

// kill ends it as a crash does.
func (p *testpmd) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// echo sends frames of many sizes and compares what comes back.
func echo(t *testing.T, q *Queue, rounds int, back func([]byte) []byte) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	for range rounds {
		var frames, want [][]byte
		for range 24 {
			f := payload(r, 60+r.IntN(1514-60+1))
			f[0], f[6] = 2, 2 // addresses of one station each
			f[12], f[13] = 0x88, 0xb5
			frames, want = append(frames, f), append(want, back(f))
		}
		settled(q)
		for n := 0; n < len(frames); {
			n += transmit(q, frames[n:]...)
		}
		sameFrames(t, fetch(t, q, len(want)), want)
	}
}

func swapped(f []byte) []byte {
	b := bytes.Clone(f)
	copy(b[0:6], f[6:12])
	copy(b[6:12], f[0:6])
	return b
}

func asIs(f []byte) []byte { return f }

func TestDPDK_EchoesFramesInBothRoles(t *testing.T) {
	for _, ours := range []Role{Master, Slave} {
		theirs := map[Role]string{Master: "client", Slave: "server"}[ours]
		for _, mode := range []string{"io", "macswap"} {
			t.Run(ours.String()+" "+mode, func(t *testing.T) {
				socket := socketPath(t)
				e := (*end)(nil)
				if ours == Master { // a client of DPDK's tries once only
					e = newEnd(t, Config{Socket: socket, Role: ours, ID: 7})
				}
				startTestpmd(t, theirs, socket, mode, 1, "")
				if ours == Slave {
					e = newEnd(t, Config{Socket: socket, Role: ours, ID: 7})
				}
				e.expect(true)
				if who := e.State().Peer; !strings.Contains(who, "DPDK") {
					t.Errorf("the peer calls itself %q", who)
				}
				back := asIs
				if mode == "macswap" {
					back = swapped
				}
				echo(t, e.Queue(0), 200, back)
			})
		}
	}
}

// TestDPDK_EchoesOnEveryQueue: testpmd's core serves both, and sends a frame
// back on the queue that it came from.
func TestDPDK_EchoesOnEveryQueue(t *testing.T) {
	socket := socketPath(t)
	e := newEnd(t, Config{Socket: socket, ID: 7, Queues: 2})
	startTestpmd(t, "client", socket, "io", 2, "")
	e.expect(true)
	echo(t, e.Queue(0), 50, asIs)
	echo(t, e.Queue(1), 50, asIs)
}

// TestDPDK_KnowsTheSecret, and has smaller rings than ours.
func TestDPDK_KnowsTheSecret(t *testing.T) {
	socket := socketPath(t)
	startTestpmd(t, "server", socket, "io", 1, ",secret=sesame,rsize=6")
	e := newEnd(t, Config{Socket: socket, Role: Slave, ID: 7, Secret: "sesame", RingSize: 64})
	e.expect(true)
	echo(t, e.Queue(0), 50, asIs)
}

// TestDPDK_MeetsInTheAbstractNamespace, which is its default.
func TestDPDK_MeetsInTheAbstractNamespace(t *testing.T) {
	for _, ours := range []Role{Master, Slave} {
		socket := "@" + socketPath(t)
		theirs := "client"
		if ours == Slave {
			theirs = "server"
			startTestpmd(t, theirs, socket, "io", 1, "")
		}
		e := newEnd(t, Config{Socket: socket, Role: ours, ID: 7})
		if ours == Master {
			startTestpmd(t, theirs, socket, "io", 1, "")
		}
		e.expect(true)
		echo(t, e.Queue(0), 10, asIs)
	}
}

// TestDPDK_WhenItIsKilledTheNextOneIsFound kills it without a word, while frames
// go round, and starts another.
func TestDPDK_WhenItIsKilledTheNextOneIsFound(t *testing.T) {
	for _, ours := range []Role{Master, Slave} {
		theirs := map[Role]string{Master: "client", Slave: "server"}[ours]
		t.Run(ours.String(), func(t *testing.T) {
			socket := socketPath(t)
			e := newEnd(t, Config{Socket: socket, Role: ours, ID: 7})
			for range 3 {
				os.Remove(map[Role]string{Slave: socket}[ours]) // a server's, which it does not replace itself
				p := startTestpmd(t, theirs, socket, "io", 1, "")
				e.expect(true)
				echo(t, e.Queue(0), 20, asIs)
				q := e.Queue(0)
				frame := make([]byte, 100)
				p.cmd.Process.Kill()
				for len(e.news) == 0 { // it is gone when the news come, at the latest
					settled(q)
					transmit(q, frame, frame, frame)
				}
				e.expect(false)
			}
			if s := e.State(); s.Connects != 3 || s.Disconnects != 3 || s.Faults+s.Protocol != 0 {
				t.Errorf("state %+v, want three connections and no fault", s)
			}
		})
	}
}
