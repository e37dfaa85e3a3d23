package pcap

// One capture file. Several queues, each with its own goroutine, may share it;
// a lock keeps their blocks apart.

import (
	"io"
	"sync"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
)

// Limits.
const (
	maxSnapLen     = 65535
	defaultSnapLen = maxSnapLen
	minSnapLen     = 14 // an Ethernet header
	bufferSize     = 256 << 10
)

// Options of a capture.
type Options struct {
	Epoch   time.Time // wall-clock time of the zero of mono.Time
	SnapLen int       // octets kept of a frame; 0: 65535
}

// Counters of a capture.
type Counters struct {
	Frames uint64 // written, or waiting in the buffer
	Lost   uint64 // not written, or not wholly, because the file failed
}

// Writer is a capture file that any number of queues may share.
type Writer struct {
	epoch   int64 // nanoseconds since 1970
	snapLen int

	mu       sync.Mutex // guards what follows
	w        io.Writer
	buffer   []byte
	names    uint32 // interfaces described so far
	counters Counters
	buffered uint64 // frames in the buffer
	err      error  // the first of w; nothing is written after it
}

// NewWriter starts a capture into w, which stays the caller's to close.
func NewWriter(w io.Writer, o Options) *Writer {
	if o.SnapLen == 0 {
		o.SnapLen = defaultSnapLen
	}
	p := &Writer{
		w:       w,
		snapLen: min(max(o.SnapLen, minSnapLen), maxSnapLen),
		buffer:  make([]byte, 0, bufferSize),
	}
	if !o.Epoch.IsZero() {
		p.epoch = o.Epoch.UnixNano()
	}
	p.buffer = appendSection(p.buffer)
	return p
}

// Flush hands what is buffered to the file.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flush()
	return w.err
}

// Counters returns what was captured. Any goroutine may call.
func (w *Writer) Counters() Counters {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counters
}

// Err returns the error that ended the capture, nil while it goes on.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// describe adds an interface to the file and returns its number.
func (w *Writer) describe(name string) uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.makeRoom(2*maxName + packetOverhead)
	if w.err == nil {
		w.buffer = appendInterface(w.buffer, name, w.snapLen)
	}
	id := w.names
	w.names++
	return id
}

// frames captures a batch. Frames without octets were never on the wire.
func (w *Writer) frames(id uint32, now mono.Time, batch []link.Frame, d direction) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := uint64(max(0, w.epoch+int64(now)))
	for i := range batch {
		frame := batch[i].Bytes
		if len(frame) == 0 {
			continue
		}
		w.makeRoom(w.snapLen + packetOverhead)
		if w.err != nil {
			w.counters.Lost++
			continue
		}
		w.buffer = appendPacket(w.buffer, id, at, frame, w.snapLen, d)
		w.counters.Frames++
		w.buffered++
	}
}

// makeRoom flushes when the next block might not fit, so that the buffer never
// grows.
func (w *Writer) makeRoom(n int) {
	if len(w.buffer)+n > cap(w.buffer) {
		w.flush()
	}
}

func (w *Writer) flush() {
	if len(w.buffer) == 0 { // as it stays after an error
		return
	}
	n, err := w.w.Write(w.buffer)
	if err == nil && n < len(w.buffer) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.err = err
		w.counters.Frames -= w.buffered
		w.counters.Lost += w.buffered
	}
	w.buffer, w.buffered = w.buffer[:0], 0
}
