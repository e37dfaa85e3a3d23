package memif

// What the link costs, by frame, in batches of 32: on one core, and between two
// processes that are pinned to two cores.

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link"
	"golang.org/x/sys/unix"
)

var benchSizes = []int{64, 1460}

// pin ties the calling goroutine to a core. A process that is started from its
// thread would be tied to it, too.
func pin(core int) {
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(core)
	_ = unix.SchedSetaffinity(0, &set)
}

// sendBatch sends as many frames of a size as there is room for, 32 at most.
func sendBatch(q *Queue, tx *[32]link.Frame, size int) int {
	n := q.Reserve(tx[:])
	for i := range n {
		tx[i].Bytes = tx[i].Bytes[:size]
	}
	if n > 0 {
		q.Send(clock, tx[:n])
	}
	return n
}

// BenchmarkBatch32 moves a batch from one end to the other on one goroutine:
// what the device itself costs, as mem's of that name.
func BenchmarkBatch32(b *testing.B) {
	for _, size := range benchSizes {
		for _, to := range []Role{Master, Slave} {
			b.Run(fmt.Sprintf("to %v/%d", to, size), func(b *testing.B) {
				m, s := newPair(b, nil)
				from, into := s.Queue(0), m.Queue(0)
				if to == Slave {
					from, into = into, from
				}
				settled(from, into)
				var tx, rx [32]link.Frame
				n := 0
				for b.Loop() {
					n += sendBatch(from, &tx, size)
					into.Release(rx[:into.Recv(clock, rx[:])])
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/frame")
			})
		}
	}
}

const benchEnv = "MTCP_BENCH_MEMIF"

func TestMain(m *testing.M) {
	if socket, how, ok := strings.Cut(os.Getenv(benchEnv), " "); ok {
		benchPeer(socket, how)
	}
	os.Exit(m.Run())
}

// benchPeer is the other process of the benchmarks. It ends with its input.
func benchPeer(socket, how string) {
	c := Config{Socket: socket, Role: Slave}
	if strings.HasPrefix(how, "master") {
		c.Role = Master
	}
	d, err := Open(c)
	if err != nil {
		panic(err)
	}
	go d.Serve()
	go func() { io.Copy(io.Discard, os.Stdin); os.Exit(0) }()
	pin(1)
	if strings.HasSuffix(how, "echo") {
		benchEcho(d.Queue(0))
	}
	benchSink(d.Queue(0))
}

func benchSink(q *Queue) {
	var rx [32]link.Frame
	for {
		q.Release(rx[:q.Recv(clock, rx[:])])
	}
}

func benchEcho(q *Queue) {
	var rx, tx [32]link.Frame
	for {
		n := q.Recv(clock, rx[:])
		for k := 0; k < n; {
			m := q.Reserve(tx[:n-k])
			for i := range m {
				tx[i].Bytes = tx[i].Bytes[:copy(tx[i].Bytes, rx[k+i].Bytes)]
			}
			if m > 0 {
				q.Send(clock, tx[:m])
			}
			k += m
		}
		q.Release(rx[:n])
	}
}

// otherProcess runs the peer of a benchmark, and connects to it.
func otherProcess(b *testing.B, ours Role, echo string) *Queue {
	b.Helper()
	socket := socketPath(b)
	e := newEnd(b, Config{Socket: socket, Role: ours})
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchEnv+"="+socket+" "+(1-ours).String()+echo)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stdin.Close(); cmd.Wait() })
	e.expect(true)
	settled(e.Queue(0))
	return e.Queue(0)
}

// BenchmarkTwoProcesses sends to another process, one way, or there and back.
func BenchmarkTwoProcesses(b *testing.B) {
	for _, size := range benchSizes {
		for _, ours := range []Role{Master, Slave} {
			b.Run(fmt.Sprintf("one way from %v/%d", ours, size), func(b *testing.B) {
				q := otherProcess(b, ours, "")
				pinned(func() {
					var tx [32]link.Frame
					n := 0
					for b.Loop() {
						k := 0
						for k == 0 {
							k = sendBatch(q, &tx, size)
						}
						n += k
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/frame")
					if c := q.Counters(); c.TxFrames != uint64(n) {
						b.Errorf("%d frames of %d were sent: %+v", c.TxFrames, n, q.drops.stats())
					}
				})
			})
			b.Run(fmt.Sprintf("echo from %v/%d", ours, size), func(b *testing.B) {
				q := otherProcess(b, ours, " echo")
				pinned(func() {
					var tx, rx [32]link.Frame
					n, out := 0, 0
					for b.Loop() {
						if out < 128 {
							out += sendBatch(q, &tx, size)
						}
						k := q.Recv(clock, rx[:])
						q.Release(rx[:k])
						n += k
						out -= k
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/frame")
				})
			})
		}
	}
}

// pinned runs f on core 0.
func pinned(f func()) {
	var all sync.WaitGroup
	all.Go(func() { pin(0); f() }) // the thread ends with its goroutine
	all.Wait()
}
