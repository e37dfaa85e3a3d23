package sock

import (
	"testing"

	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/slab"
)

const (
	testHandle = slab.Handle(7<<32 | 3)
	firstRx    = seq.Value(0xffff_f000) // wraps soon
	firstTx    = seq.Value(0xffff_ff00)
)

// A world is one connection's block between an application and a shard that
// the test plays.
type world struct {
	tb   testing.TB
	b    *Block
	mem  *ring.Memory
	pool *ring.Pool
	mail *Mailbox
	app  App
	bell chan struct{} // the shard's alarm clock
}

func newWorld(tb testing.TB) *world {
	pool, err := ring.NewPool(make([]byte, 16<<20))
	if err != nil {
		tb.Fatal(err)
	}
	w := &world{tb: tb, b: new(Block), pool: pool, mem: pool.Memory(), bell: make(chan struct{}, 1)}
	mpsc, err := ring.NewMPSC(new(ring.Indices), make([]ring.Slot[Command], 16))
	if err != nil {
		tb.Fatal(err)
	}
	w.mail = NewMailbox(mpsc, func() { post(w.bell) })
	w.b.Reset()
	w.b.StartRx(w.mem, firstRx)
	w.b.StartTx(w.mem, firstTx)
	w.app = Bind(w.b, w.mem, w.mail, testHandle)
	return w
}

// commands takes what the application has asked for.
func (w *world) commands() (all []Op) {
	w.tb.Helper()
	var c Command
	for w.mail.Take(&c) {
		if c.Handle != testHandle {
			w.tb.Errorf("command %d for the handle %#x", c.Op, c.Handle)
		}
		all = append(all, c.Op)
	}
	return all
}

func (w *world) asked(want ...Op) {
	w.tb.Helper()
	got := w.commands()
	if len(got) != len(want) {
		w.tb.Fatalf("asked for %d, want %d", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			w.tb.Fatalf("asked for %d, want %d", got, want)
		}
	}
}

// arrive has octets of the stream arrive.
func (w *world) arrive(n int) {
	rx := w.b.Rx(w.mem)
	if !rx.HasRing() {
		rx.Attach(w.pool.Get(8192))
	}
	p := rx.WritePos()
	rx.WriteAt(p, stream(p-firstRx, n))
	rx.Publish(p.Add(seq.Size(n)))
}

// stream is n octets of a stream from position v on.
func stream(v seq.Value, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = octet(int(v) + i)
	}
	return p
}

func octet(v int) byte { return byte(v*5 + v>>8*3) }
