package sock

import (
	"bytes"
	"testing"

	"github.com/mtcp-go/mtcp/internal/ring"
)

func TestRead_TextComesBeforeTheEndAndBeforeAnError(t *testing.T) {
	for _, x := range []struct {
		bits Ready
		want Status
	}{{EOF, Ended}, {Broken, Failed}, {EOF | Broken, Ended}} {
		w := newWorld(t)
		w.arrive(10)
		w.b.set(x.bits)
		p := make([]byte, 6)
		for _, want := range []int{6, 4} {
			if n, s := w.app.Read(p); n != want || s != Done {
				t.Fatalf("read %d octets, status %d", n, s)
			}
		}
		if n, s := w.app.Read(p); n != 0 || s != x.want {
			t.Errorf("after the text: %d octets, status %d, want %d", n, s, x.want)
		}
	}
}

func TestRead_NothingYet(t *testing.T) {
	w := newWorld(t)
	if _, s := w.app.Read(make([]byte, 1)); s != WouldBlock {
		t.Errorf("status %d", s)
	}
	w.arrive(1)
	w.app.Read(make([]byte, 9))
	if _, s := w.app.Read(make([]byte, 1)); s != WouldBlock {
		t.Errorf("status %d", s)
	}
}

func TestPeek_LendsInPlaceUntilDiscard(t *testing.T) {
	w := newWorld(t)
	w.arrive(5000) // firstRx is 4096 below the end of the ring: it wraps
	p, q, s := w.app.Peek()
	if s != Done || !bytes.Equal(append(bytes.Clone(p), q...), stream(0, 5000)) || w.app.Buffered() != 5000 {
		t.Fatalf("peeked %d and %d octets of %d", len(p), len(q), w.app.Buffered())
	}
	w.app.Discard(4990)
	p, q, _ = w.app.Peek()
	if got := append(bytes.Clone(p), q...); !bytes.Equal(got, stream(4990, 10)) {
		t.Errorf("% x", got)
	}
	w.app.Discard(10)
	if _, _, s := w.app.Peek(); s != WouldBlock {
		t.Errorf("status %d", s)
	}
}

func TestRead_TellsTheShardOnceItIsPastTheNotifyPosition(t *testing.T) {
	w := newWorld(t)
	w.arrive(1000)
	w.b.SetNotify(firstRx.Add(500))
	p := make([]byte, 499)
	w.app.Read(p)
	w.asked()
	w.app.Read(p[:1])
	w.asked(OpWindow)
	w.app.Read(p[:1])
	w.app.Read(p[:1])
	w.asked() // it is on its way already
	w.b.Heard(RxTold)
	w.app.Read(p[:1])
	w.asked(OpWindow)
}

func TestParkRead_LooksAgain(t *testing.T) {
	w := newWorld(t)
	if !w.app.ParkRead() {
		t.Fatal("nothing is there, and it may not sleep")
	}
	w.arrive(1)
	if w.b.Raise(0, ReadParked) != ReadParked {
		t.Error("the sleeper is not woken")
	}
	if w.app.ParkRead() || w.b.Flags()&ReadParked != 0 {
		t.Error("may sleep though there is text, or stays marked")
	}
	w.app.Read(make([]byte, 9))
	for _, bit := range []Ready{EOF, Broken} {
		w.b.set(bit)
		if w.app.ParkRead() || w.b.Flags()&ReadParked != 0 {
			t.Errorf("%b: may sleep, or stays marked", bit)
		}
		w.b.clear(bit)
	}
	w.app.ParkRead()
	w.app.UnparkRead()
	if w.b.Raise(0, ReadParked) != 0 {
		t.Error("withdrawn, and still woken")
	}
}

func TestWrite_AsksForARingAndThenForMore(t *testing.T) {
	w := newWorld(t)
	if n, s := w.app.Write([]byte("x")); n != 0 || s != WouldBlock {
		t.Fatalf("wrote %d, status %d", n, s)
	}
	if !w.app.ParkWrite(100) {
		t.Fatal("without a ring it may not sleep")
	}
	w.asked(OpWantTx)
	w.b.AttachTx(w.mem, w.pool.Get(4096))
	if w.app.ParkWrite(100) || w.b.Flags()&WriteParked != 0 {
		t.Error("a ring is there, and it may sleep")
	}
	if n, s := w.app.Write(make([]byte, 5000)); n != 4096 || s != Done {
		t.Errorf("wrote %d, status %d", n, s)
	}
	w.asked(OpSend)
	if n, s := w.app.Write([]byte("x")); n != 0 || s != WouldBlock {
		t.Errorf("wrote %d into a full ring, status %d", n, s)
	}
	tx := w.b.Tx(w.mem)
	if !tx.Offer(w.pool.Get(16384)) {
		t.Fatal("a larger ring was not taken")
	}
	if n, s := w.app.Write(make([]byte, 20000)); n != 16384-4096 {
		t.Errorf("wrote %d into the larger ring, status %d", n, s)
	}
	w.asked() // OpSend is on its way already
	w.b.Heard(TxTold)
	tx.Advance(tx.ReadPos().Add(10))
	w.app.Write([]byte("x"))
	w.asked(OpSend)
	if w.app.Unsent() != 16384-9 {
		t.Errorf("%d octets wait", w.app.Unsent())
	}
	if w.b.Flags()&TxBusy != 0 {
		t.Error("still busy")
	}
}

func TestWrite_AfterTheEnd(t *testing.T) {
	for _, x := range []struct {
		bit  Ready
		want Status
	}{{Broken, Failed}, {WriteShut, Ended}, {Closed, Ended}} {
		w := newWorld(t)
		w.b.AttachTx(w.mem, w.pool.Get(4096))
		w.b.set(x.bit)
		if n, s := w.app.Write([]byte("x")); n != 0 || s != x.want {
			t.Errorf("%b: wrote %d, status %d", x.bit, n, s)
		}
		if _, _, s := w.app.Reserve(); s != x.want {
			t.Errorf("%b: reserve: status %d", x.bit, s)
		}
		if w.app.ParkWrite(1) {
			t.Errorf("%b: may sleep", x.bit)
		}
		if w.b.Flags()&(TxBusy|WriteParked) != 0 {
			t.Errorf("%b: stays marked", x.bit)
		}
		w.asked()
	}
}

func TestReserve_CommitPublishesWhatWasFilled(t *testing.T) {
	w := newWorld(t)
	w.b.AttachTx(w.mem, w.pool.Get(4096))
	p, q, s := w.app.Reserve() // an empty ring is in one piece, or nearly
	if s != Done || len(p) < 300 || len(p)+len(q) != 4096 {
		t.Fatalf("%d and %d octets, status %d", len(p), len(q), s)
	}
	copy(p, stream(0, 300))
	if w.b.DetachTx(w.mem) != 0 {
		t.Fatal("the ring was taken away from under a writer")
	}
	w.app.Commit(300)
	w.asked(OpSend)
	got := make([]byte, 300)
	w.b.Tx(w.mem).Read(got)
	if !bytes.Equal(got, stream(0, 300)) {
		t.Error("not what was written")
	}
	w.b.Heard(TxTold)
	w.app.Reserve()
	w.app.Commit(0)
	w.asked() // nothing to tell
	w.app.Write(make([]byte, 4096))
	if _, _, s := w.app.Reserve(); s != WouldBlock || w.b.Flags()&TxBusy != 0 {
		t.Errorf("a full ring: status %d", s)
	}
}

func TestShutdownAndClose_AreAskedForOnce(t *testing.T) {
	w := newWorld(t)
	w.app.Shutdown()
	w.app.Shutdown()
	w.app.ShutdownRead()
	w.app.Set(OptNoDelay, 1)
	w.asked(OpShutdown, OpShutdownRead, OpSet)
	w.app.Close(false)
	w.asked(OpClose)
	w.app.Close(true)
	w.asked(OpAbort)
	if w.b.Flags() != WriteShut|Closed {
		t.Errorf("flags %b", w.b.Flags())
	}
}

func TestDetachTx_OnlyWhenEmptyAndStill(t *testing.T) {
	w := newWorld(t)
	if w.b.DetachTx(w.mem) != 0 {
		t.Error("detached what was never there")
	}
	ref := w.pool.Get(4096)
	w.b.AttachTx(w.mem, ref)
	w.app.Write([]byte("abc"))
	if w.b.DetachTx(w.mem) != 0 {
		t.Error("detached a ring with octets in it")
	}
	tx := w.b.Tx(w.mem)
	tx.Advance(tx.WritePos())
	if got := w.b.DetachTx(w.mem); got != ref || w.b.Flags()&TxRing != 0 {
		t.Errorf("detached %v", got)
	}
	if _, s := w.app.Write([]byte("x")); s != WouldBlock {
		t.Errorf("wrote without a ring: %d", s)
	}
	w.b.AttachTx(w.mem, w.pool.Get(8192)) // where it left off
	if n, s := w.app.Write([]byte("def")); n != 3 || s != Done {
		t.Errorf("wrote %d, status %d", n, s)
	}
	got := make([]byte, 3)
	if w.b.Tx(w.mem).Read(got); string(got) != "def" || tx.ReadPos() != firstTx.Add(6) {
		t.Errorf("%q at %d", got, tx.ReadPos()-firstTx)
	}
}

func TestMailbox_ArmSeesWhatWasSentBefore(t *testing.T) {
	w := newWorld(t)
	if !w.mail.Arm() {
		t.Fatal("an empty mailbox keeps the shard awake")
	}
	w.app.Shutdown()
	select {
	case <-w.bell:
	default:
		t.Error("the sleeping shard was not woken")
	}
	w.mail.Disarm()
	w.app.ShutdownRead()
	select {
	case <-w.bell:
		t.Error("a shard that is awake was woken")
	default:
	}
	if w.mail.Arm() {
		t.Error("may sleep while commands wait")
	}
	w.asked(OpShutdown, OpShutdownRead)
}

func TestMailbox_FullWaitsForTheShard(t *testing.T) {
	w := newWorld(t)
	for range 16 {
		w.app.ShutdownRead()
	}
	done := make(chan bool)
	go func() {
		w.app.Set(OptCork, 1)
		done <- true
	}()
	var c Command
	for n := 0; n < 17; {
		if w.mail.Take(&c) {
			n++
		}
	}
	<-done
	if c.Op != OpSet || c.Option != OptCork || c.Token != 1 {
		t.Errorf("the last command is %+v", c)
	}
}

func TestMailbox_ClosedNeverWaits(t *testing.T) {
	w := newWorld(t)
	w.mail.Close()
	for range 40 {
		w.app.ShutdownRead()
	}
	if n := len(w.commands()); n != 16 {
		t.Errorf("%d commands in a mailbox of 16", n)
	}
}

func TestAcceptQueue_HandsOverInOrderAndIsBounded(t *testing.T) {
	spsc, err := ring.NewSPSC(new(ring.Indices), make([]Accepted, 4))
	if err != nil {
		t.Fatal(err)
	}
	wakes := 0
	q := NewAcceptQueue(spsc, func() { wakes++ })
	for i := range 4 {
		if !q.Push(&Accepted{LocalPort: uint16(i)}) {
			t.Fatal("full too early")
		}
	}
	if q.Push(&Accepted{}) || wakes != 4 || q.Len() != 4 {
		t.Errorf("%d wake-ups, %d wait", wakes, q.Len())
	}
	var a Accepted
	for i := range 4 {
		if !q.Pop(&a) || a.LocalPort != uint16(i) {
			t.Errorf("popped %d", a.LocalPort)
		}
	}
	if q.Pop(&a) {
		t.Error("one too many")
	}
}

func TestWaiter_KeepsOneToken(t *testing.T) {
	w := NewWaiter()
	w.Wake(ReadParked)
	w.Wake(ReadParked | WriteParked) // must not block
	w.Wake(0)
	if len(w.Read) != 1 || len(w.Write) != 1 {
		t.Errorf("%d and %d tokens", len(w.Read), len(w.Write))
	}
}
