package pcap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
)

// device lends what it was given and remembers what it took.
type device struct {
	name    string
	waiting []link.Frame
	sent    []string
	waits   int
	closed  error
}

func (d *device) Recv(_ mono.Time, rx []link.Frame) int {
	n := copy(rx, d.waiting)
	d.waiting = d.waiting[n:]
	return n
}

func (d *device) Send(_ mono.Time, tx []link.Frame) {
	for _, f := range tx {
		d.sent = append(d.sent, string(f.Bytes))
	}
}

func (d *device) Release([]link.Frame)        {}
func (d *device) Reserve(tx []link.Frame) int { return len(tx) }
func (d *device) Wait(time.Duration)          { d.waits++ }
func (d *device) Wake()                       {}
func (d *device) Info() link.Info             { return link.Info{Name: d.name} }
func (d *device) Counters() link.Counters     { return link.Counters{RxFrames: 42} }
func (d *device) Close() error                { return d.closed }

func frame(s string) link.Frame { return link.Frame{Bytes: []byte(s)} }

// record is a captured frame as the test's own reader finds it.
type record struct {
	queue string
	at    uint64
	data  string
	size  uint32
	flags uint32
}

// read is a pcapng reader for the blocks that are written here.
func read(t *testing.T, b []byte) []record {
	t.Helper()
	var all []record
	var names []string
	for first := true; len(b) > 0; first = false {
		kind, body, rest := block(t, b)
		b = rest
		e := binary.LittleEndian
		switch {
		case first != (kind == 0x0A0D0D0A):
			t.Fatalf("block %#x in the wrong place", kind)
		case first:
			if e.Uint32(body) != 0x1A2B3C4D || e.Uint16(body[4:]) != 1 {
				t.Fatalf("section header %x", body)
			}
		case kind == 1:
			if e.Uint16(body) != 1 {
				t.Fatalf("link type %d", e.Uint16(body))
			}
			o := options(t, body[8:])
			if o[9] != "\x09" {
				t.Fatalf("time unit %q", o[9])
			}
			names = append(names, o[2])
		case kind == 6:
			n := e.Uint32(body[12:])
			r := record{
				queue: names[e.Uint32(body)],
				at:    uint64(e.Uint32(body[4:]))<<32 | uint64(e.Uint32(body[8:])),
				data:  string(body[20:][:n]), size: e.Uint32(body[16:]),
			}
			r.flags = e.Uint32([]byte(options(t, body[20+(n+3)&^3:])[2]))
			all = append(all, r)
		default:
			t.Fatalf("block of type %#x", kind)
		}
	}
	return all
}

func block(t *testing.T, b []byte) (kind uint32, body, rest []byte) {
	t.Helper()
	e := binary.LittleEndian
	n := e.Uint32(b[4:])
	if n%4 != 0 || int(n) > len(b) || e.Uint32(b[n-4:]) != n {
		t.Fatalf("block length %d of %d", n, len(b))
	}
	return e.Uint32(b), b[8 : n-4], b[n:]
}

func options(t *testing.T, b []byte) map[uint16]string {
	t.Helper()
	e := binary.LittleEndian
	all := map[uint16]string{}
	for {
		code, n := e.Uint16(b), e.Uint16(b[2:])
		if code == 0 {
			if len(b) != 4 {
				t.Fatalf("%d octets behind the last option", len(b)-4)
			}
			return all
		}
		all[code] = string(b[4:][:n])
		b = b[4+(n+3)&^3:]
	}
}

func TestTee_CapturesBothWays(t *testing.T) {
	var file bytes.Buffer
	epoch := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	d := &device{name: "dev0", waiting: []link.Frame{frame("a frame that came"), frame("one more")}}
	tee := New(d, &file, Options{Epoch: epoch})
	var rx [8]link.Frame
	if n := tee.Recv(1000, rx[:]); n != 2 || string(rx[0].Bytes) != "a frame that came" {
		t.Fatalf("received %d, %q", n, rx[0].Bytes)
	}
	tee.Recv(1500, rx[:]) // nothing
	d.waiting = []link.Frame{frame("last")}
	tee.Recv(1600, rx[:]) // with an old frame behind it
	tee.Send(2000, []link.Frame{frame("a frame that went"), {}, frame("x")})
	if strings.Join(d.sent, ",") != "a frame that went,,x" {
		t.Errorf("the device sent %q", d.sent)
	}
	if err := tee.Close(); err != nil {
		t.Fatal(err)
	}
	base := uint64(epoch.UnixNano())
	want := []record{
		{"dev0", base + 1000, "a frame that came", 17, 1},
		{"dev0", base + 1000, "one more", 8, 1},
		{"dev0", base + 1600, "last", 4, 1},
		{"dev0", base + 2000, "a frame that went", 17, 2},
		{"dev0", base + 2000, "x", 1, 2},
	}
	got := read(t, file.Bytes())
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("captured\n%v\nwant\n%v", got, want)
	}
	if tee.Counters().RxFrames != 42 {
		t.Error("the device's own counters are hidden")
	}
}

func TestTee_SnapLenIsBounded(t *testing.T) {
	for asked, kept := range map[int]int{20: 20, 0: 65535, 1 << 30: 65535, -1: 14, 1: 14} {
		var file bytes.Buffer
		tee := New(&device{}, &file, Options{SnapLen: asked})
		tee.Send(0, []link.Frame{frame(strings.Repeat("y", 70000))})
		if err := tee.Close(); err != nil {
			t.Fatal(err)
		}
		if r := read(t, file.Bytes())[0]; len(r.data) != kept || r.size != 70000 {
			t.Errorf("asked for %d: kept %d of %d octets, want %d", asked, len(r.data), r.size, kept)
		}
	}
}

func TestTee_FlushesWhenIdle(t *testing.T) {
	var file bytes.Buffer
	d := &device{}
	tee := New(d, &file, Options{})
	tee.Send(0, []link.Frame{frame("z")})
	tee.Wait(0)
	if file.Len() != 0 {
		t.Error("flushed although nobody sleeps")
	}
	tee.Wait(-1)
	if d.waits != 2 {
		t.Errorf("the device waited %d times", d.waits)
	}
	if got := read(t, file.Bytes()); len(got) != 1 {
		t.Errorf("%d frames in the file", len(got))
	}
}

func TestTee_LongCapturesAreWhole(t *testing.T) {
	var file bytes.Buffer
	tee := New(&device{}, &file, Options{})
	const n = 5000 // many times the buffer
	for i := range n {
		tee.Send(mono.Time(i), []link.Frame{frame(strings.Repeat("w", i%1500+1))})
	}
	if cap(tee.writer.buffer) != bufferSize {
		t.Errorf("the buffer grew to %d", cap(tee.writer.buffer))
	}
	if err := tee.Close(); err != nil {
		t.Fatal(err)
	}
	got := read(t, file.Bytes())
	if len(got) != n {
		t.Fatalf("%d frames in the file", len(got))
	}
	for i, r := range got {
		if len(r.data) != i%1500+1 || r.at != uint64(i) {
			t.Fatalf("frame %d: %d octets at %d", i, len(r.data), r.at)
		}
	}
}

func TestWriter_BufferNeverGrows(t *testing.T) {
	tee := New(&device{}, discard{}, Options{SnapLen: 60})
	random := rand.New(rand.NewPCG(5, 6))
	for range 200_000 {
		tee.writer.frames(tee.id, 0, []link.Frame{{Bytes: make([]byte, 1+random.IntN(100))}}, outbound)
	}
	if got := cap(tee.writer.buffer); got != bufferSize {
		t.Errorf("it has %d octets, want %d", got, bufferSize)
	}
}

// failing is a file that takes so many octets.
type failing struct {
	room  int
	after error
	calls int
}

func (f *failing) Write(b []byte) (int, error) {
	f.calls++
	if len(b) > f.room {
		return f.room, f.after
	}
	f.room -= len(b)
	return len(b), nil
}

func TestTee_ErrorsEndTheCaptureNotTheTraffic(t *testing.T) {
	full := errors.New("disk full")
	for name, after := range map[string]error{"error": full, "short write": nil} {
		t.Run(name, func(t *testing.T) {
			file := &failing{room: 50, after: after}
			d := &device{closed: errors.New("device trouble")}
			tee := New(d, file, Options{})
			for i := range 10 {
				d.waiting = []link.Frame{frame("in")}
				var rx [1]link.Frame
				if tee.Recv(0, rx[:]) != 1 {
					t.Fatal("a frame was lost on its way in")
				}
				tee.Send(0, []link.Frame{frame("out")})
				if i == 4 {
					tee.Wait(1) // flushes, and fails
				}
			}
			if len(d.sent) != 10 {
				t.Errorf("the device sent %d", len(d.sent))
			}
			if c := tee.Writer().Counters(); c.Frames != 0 || c.Lost != 20 {
				t.Errorf("%+v", c)
			}
			if file.calls != 1 {
				t.Errorf("the file was written to %d times", file.calls)
			}
			err := tee.Close()
			if !errors.Is(err, d.closed) || !errors.Is(err, tee.Writer().Err()) || tee.Writer().Err() == nil {
				t.Errorf("close: %v", err)
			}
			if after != nil && !errors.Is(err, full) {
				t.Errorf("close: %v, want the file's error in it", err)
			}
		})
	}
}

func TestWriter_IsSharedByQueues(t *testing.T) {
	var file bytes.Buffer
	w := NewWriter(&file, Options{})
	const queues, frames = 4, 500
	var all sync.WaitGroup
	for i := range queues {
		tee := w.Tee(&device{name: fmt.Sprint("q", i)})
		all.Go(func() {
			for k := range frames {
				tee.Send(mono.Time(k), []link.Frame{frame(fmt.Sprintf("q%d", i))})
			}
		})
	}
	all.Wait()
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	got := read(t, file.Bytes())
	last := map[string]uint64{}
	for _, r := range got {
		if r.queue != r.data {
			t.Fatalf("a frame of %s under the name of %s", r.data, r.queue)
		}
		if r.at < last[r.queue] {
			t.Fatalf("frames of %s are out of order", r.queue)
		}
		last[r.queue] = r.at
	}
	if len(got) != queues*frames {
		t.Errorf("%d frames", len(got))
	}
}

func TestTee_TcpdumpReadsIt(t *testing.T) {
	tcpdump, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("no tcpdump here")
	}
	var file bytes.Buffer
	w := NewWriter(&file, Options{Epoch: time.Unix(1_700_000_000, 0)})
	arp := append([]byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01"),
		2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2)
	for _, name := range []string{"first", "second"} {
		tee := w.Tee(&device{name: name})
		tee.Send(123_456_789, []link.Frame{{Bytes: arp}})
		if err := tee.Close(); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(tcpdump, "-n", "-tt", "--nano", "-r", "-")
	cmd.Stdin = &file
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const line = "1700000000.123456789 ARP, Request who-has 10.0.0.2 tell 10.0.0.1"
	if n := strings.Count(string(out), line); n != 2 {
		t.Errorf("tcpdump says\n%s\nwant twice\n%s", out, line)
	}
}

func TestTee_DoesNotAllocate(t *testing.T) {
	var file discard
	d := &device{}
	tee := New(d, file, Options{})
	rx, packet := make([]link.Frame, 4), frame(strings.Repeat("v", 1500))
	waiting := []link.Frame{packet, packet}
	if n := testing.AllocsPerRun(1000, func() {
		d.waiting, d.sent = waiting, d.sent[:0]
		tee.Recv(1, rx)
		tee.writer.frames(tee.id, 1, waiting, outbound)
		tee.Wait(1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func BenchmarkTee(b *testing.B) {
	tee := New(&device{}, discard{}, Options{})
	batch := make([]link.Frame, 64)
	for i := range batch {
		batch[i] = frame(strings.Repeat("u", 64))
	}
	for b.Loop() {
		tee.writer.frames(tee.id, 1, batch, outbound)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch)), "ns/packet")
}
