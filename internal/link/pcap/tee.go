package pcap

// Which frames are captured: those that Recv gave to the shard, before the
// shard sees them, and those that the shard gave to Send, before the device
// takes them. So a frame that the device then drops is in the file, and one
// whose checksum the device fills in is there without it.

import (
	"errors"
	"io"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/mono"
)

// Tee is a queue that also captures. What it does not mention is the queue's.
type Tee struct {
	link.Queue
	writer *Writer
	id     uint32 // of the interface in the file
}

var _ link.Queue = (*Tee)(nil)

// New captures the frames of q into a file of its own.
func New(q link.Queue, w io.Writer, o Options) *Tee { return NewWriter(w, o).Tee(q) }

// Tee captures the frames of q, as an interface of its own in the file.
func (w *Writer) Tee(q link.Queue) *Tee {
	return &Tee{Queue: q, writer: w, id: w.describe(q.Info().Name)}
}

// Writer returns the file that the frames go into.
func (t *Tee) Writer() *Writer { return t.writer }

// Recv captures what it lends.
func (t *Tee) Recv(now mono.Time, rx []link.Frame) int {
	n := t.Queue.Recv(now, rx)
	if n > 0 {
		t.writer.frames(t.id, now, rx[:n], inbound)
	}
	return n
}

// Send captures what it takes.
func (t *Tee) Send(now mono.Time, tx []link.Frame) {
	if len(tx) > 0 {
		t.writer.frames(t.id, now, tx, outbound)
	}
	t.Queue.Send(now, tx)
}

// Wait brings the file up to date, since there is time now.
func (t *Tee) Wait(d time.Duration) {
	if d != 0 {
		_ = t.writer.Flush() // the error stays in Writer.Err
	}
	t.Queue.Wait(d)
}

// Close closes the queue and brings the file up to date. It reports the error
// that ended the capture, if one did.
func (t *Tee) Close() error {
	return errors.Join(t.Queue.Close(), t.writer.Flush())
}
