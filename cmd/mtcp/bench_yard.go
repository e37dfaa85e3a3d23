// mtcp bench yard: what the machine itself gives in the same minute: frames over
// memif between two processes without any stack, copies, and one cache line.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/mtcp-go/mtcp/internal/cacheline"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/memif"
	"github.com/mtcp-go/mtcp/internal/runner"
)

type benchYardCmd struct {
	Socket   string        `help:"Where the two sides meet; --line and --copy need none."`
	Echo     bool          `help:"Send back what comes, until the input ends."`
	Line     bool          `help:"One cache line there and back between this process's first two cores, with nobody at the other end."`
	Copy     bool          `help:"Measure copies, with nobody at the other end."`
	Stream   bool          `help:"One way: the side with --echo sends without end, each frame copied out of a buffer."`
	Size     int           `default:"64" help:"Octets of a frame."`
	Flight   int           `default:"128" help:"Frames on their way at a time."`
	Duration time.Duration `default:"500ms" help:"How long to measure each."`
}

// A yardReport is what the measuring side prints: millions of frames, copies or
// returns of the line a second.
type yardReport struct{ Mpps float64 }

const (
	yardBatch  = 32
	yardBuffer = 1 << 20 // octets, from which a stream is copied
)

// Run is one side.
func (c *benchYardCmd) Run(t *terminal) error {
	if c.Size < 60 || c.Size > 1514 {
		return usageError(fmt.Sprintf("--size: a frame of %d octets is out of range (60 to 1514)", c.Size))
	}
	if c.Flight < 1 {
		return usageError(fmt.Sprintf("--flight: %d frames on their way is out of range (1 or more)", c.Flight))
	}
	if c.Line {
		n, err := yardLine(c.Duration)
		if err != nil {
			return err
		}
		return json.NewEncoder(t.out).Encode(yardReport{n})
	}
	if c.Copy {
		return json.NewEncoder(t.out).Encode(yardReport{yardCopy(c.Size, c.Duration)})
	}
	if c.Socket == "" {
		return usageError("--socket: name the socket where the two sides meet, such as --socket /run/yard.sock")
	}
	up := make(chan struct{}, 1)
	role := memif.Slave
	if c.Echo {
		role = memif.Master
	}
	d, err := memif.Open(memif.Config{Socket: c.Socket, Role: role, Changed: func(is bool, _ string) {
		if is {
			select {
			case up <- struct{}{}:
			default:
			}
		}
	}})
	if err != nil {
		return err
	}
	served := make(chan struct{})
	go func() { defer close(served); d.Serve() }()
	defer func() { d.Close(); <-served }()
	runtime.LockOSThread()
	if c.Echo {
		ended := make(chan struct{})
		go func() { defer close(ended); io.Copy(io.Discard, os.Stdin) }() // the parent closes it
		if c.Stream {
			yardSource(d.Queue(0), c.Size, ended)
			return nil
		}
		yardEcho(d.Queue(0), ended)
		return nil
	}
	select {
	case <-up:
	case <-time.After(startPatience):
		return errors.New("nobody at the other end of the yardstick")
	}
	r := yardReport{}
	if c.Stream {
		r.Mpps = yardSink(d.Queue(0), c.Size, c.Duration)
	} else {
		r.Mpps = yardMeasure(d.Queue(0), c.Size, c.Flight, c.Duration)
	}
	return json.NewEncoder(t.out).Encode(r)
}

// yardEcho sends back all frames.
func yardEcho(q *memif.Queue, ended <-chan struct{}) {
	var rx, tx [yardBatch]link.Frame
	for {
		n := q.Recv(0, rx[:])
		for k := 0; k < n; {
			m := q.Reserve(tx[:n-k])
			for i := range m {
				tx[i].Bytes = tx[i].Bytes[:copy(tx[i].Bytes, rx[k+i].Bytes)]
			}
			if m > 0 {
				q.Send(0, tx[:m])
			} else if isClosed(ended) {
				break
			}
			k += m
		}
		q.Release(rx[:n])
		if n == 0 && isClosed(ended) {
			return
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// yardMeasure keeps frames on their way, and returns millions a second that came
// back.
func yardMeasure(q *memif.Queue, size, flight int, d time.Duration) float64 {
	var tx, rx [yardBatch]link.Frame
	n, out := 0, 0
	begin := time.Now()
	for time.Since(begin) < d {
		for range 64 { // between two looks at the clock
			if out < flight {
				k := q.Reserve(tx[:min(yardBatch, flight-out)])
				for i := range k {
					tx[i].Bytes = tx[i].Bytes[:size]
				}
				if k > 0 {
					q.Send(0, tx[:k])
					out += k
				}
			}
			k := q.Recv(0, rx[:])
			q.Release(rx[:k])
			n, out = n+k, out-k
		}
	}
	return float64(n) / time.Since(begin).Seconds() / 1e6
}

// yardSource sends frames without end, each copied out of a buffer.
func yardSource(q *memif.Queue, size int, ended <-chan struct{}) {
	var tx [yardBatch]link.Frame
	from, at := make([]byte, yardBuffer), 0
	for {
		m := q.Reserve(tx[:]) // without a peer, too
		if isClosed(ended) {
			return
		}
		for i := range m {
			if at+size > len(from) {
				at = 0
			}
			tx[i].Bytes = tx[i].Bytes[:copy(tx[i].Bytes, from[at:at+size])]
			at += size
		}
		if m > 0 {
			q.Send(0, tx[:m])
		}
	}
}

// yardSink takes frames without a look at them, and returns millions of that size a
// second.
func yardSink(q *memif.Queue, size int, d time.Duration) float64 {
	var rx [yardBatch]link.Frame
	n := 0
	begin := time.Now()
	for time.Since(begin) < d {
		for range 64 { // between two looks at the clock
			k := q.Recv(0, rx[:])
			for _, f := range rx[:k] {
				if len(f.Bytes) == size {
					n++
				}
			}
			q.Release(rx[:k])
		}
	}
	return float64(n) / time.Since(begin).Seconds() / 1e6
}

// yardLine hands a cache line from core to core, and returns millions a second that
// came back: below that no answer comes, whatever asks.
func yardLine(d time.Duration) (float64, error) {
	first, second := firstCores()
	if second == anyCore {
		return 0, errors.New("--line: this process may use one core only; give it two")
	}
	line := cacheline.New[atomic.Uint64]() // odd: the other core's
	var ended atomic.Bool
	pinned := make(chan error)
	go func() {
		pinned <- runner.Pin(second)
		for !ended.Load() {
			if n := line.Load(); n%2 == 1 {
				line.Store(n + 1)
			}
		}
	}()
	defer ended.Store(true)
	if err := errors.Join(<-pinned, runner.Pin(first)); err != nil {
		return 0, err
	}
	begin, n := time.Now(), uint64(0)
	for n%64 != 0 || time.Since(begin) < d {
		line.Store(2*n + 1)
		for n++; line.Load() != 2*n; {
		}
	}
	return float64(n) / time.Since(begin).Seconds() / 1e6, nil
}

// yardCopy copies pieces through 64 MiB, and returns millions a second.
func yardCopy(size int, d time.Duration) float64 {
	from, to := make([]byte, 32<<20), make([]byte, 32<<20)
	n, at := 0, 0
	begin := time.Now()
	for time.Since(begin) < d {
		for range 1024 {
			if at+size > len(from) {
				at = 0
			}
			copy(to[at:at+size], from[at:at+size])
			at += size
			n++
		}
	}
	return float64(n) / time.Since(begin).Seconds() / 1e6
}
