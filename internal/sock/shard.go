// The shard's side of a connection. Only the goroutine that owns the shard
// may call these.

package sock

import (
	"sync/atomic"

	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/seq"
)

// Reset prepares the block for a new connection that has no rings yet.
func (b *Block) Reset() {
	b.ready, b.errno, b.mark, b.own = 0, uint8(OK), 0, false // nobody else looks
	b.rxNotify.Store(0)
	b.Account, b.Rare = Account{}, Rare{}
}

// Own says that the application is a handler of the event door: nobody but the
// shard touches the block from now on, until Reset.
func (b *Block) Own() { b.own = true }

// StartRx and StartTx set the first position of a direction: the octet after
// the SYN.
func (b *Block) StartRx(m *ring.Memory, first seq.Value) {
	s := b.rx(m)
	s.Reset(first)
	b.SetNotify(first.Add(1 << 30))
}

// StartTx sets the first position of the sending direction.
func (b *Block) StartTx(m *ring.Memory, first seq.Value) {
	s := b.tx(m)
	s.Reset(first)
}

// Rx returns the receive stream, which the shard writes.
func (b *Block) Rx(m *ring.Memory) ring.Stream {
	if b.own {
		m = m.Own()
	}
	return b.rx(m)
}

// Tx returns the send stream, which the shard reads.
func (b *Block) Tx(m *ring.Memory) ring.Stream {
	if b.own {
		m = m.Own()
	}
	return b.tx(m)
}

// Flags returns the ready word.
func (b *Block) Flags() Ready { return b.load() }

// SetNotify says from which read position on the shard wants OpWindow.
func (b *Block) SetNotify(at seq.Value) {
	if b.rxNotify.Load() != uint32(at) {
		b.rxNotify.Store(uint32(at))
	}
}

// Notify returns the position of SetNotify.
func (b *Block) Notify() seq.Value { return seq.Value(b.rxNotify.Load()) }

// Raise sets bits of the shard's side and returns which waiters are to be
// woken; their parked bits are cleared by that. wake is what the news may be
// of interest to.
func (b *Block) Raise(bits, wake Ready) Ready {
	if bits&^b.load() != 0 {
		b.set(bits)
	}
	if b.load()&wake == 0 {
		return 0
	}
	return b.clear(wake) & wake
}

// Break says that the connection is gone and why.
func (b *Block) Break(why Errno) {
	if b.load()&Broken == 0 {
		b.errno = uint8(why) // before the bit that makes it count
		b.set(Broken)
	}
}

// MarkUrgent says that text up to v is urgent, and that this is news.
func (b *Block) MarkUrgent(v seq.Value) {
	atomic.StoreUint32(&b.mark, uint32(v))
	b.set(Urgent | UrgentNews)
}

// Mark returns where urgent text ends, if any was announced that was not read
// when the shard looked last.
func (b *Block) Mark() (seq.Value, bool) {
	if b.load()&Urgent == 0 {
		return 0, false
	}
	return seq.Value(atomic.LoadUint32(&b.mark)), true
}

// ForgetMark says that what was urgent has been read.
func (b *Block) ForgetMark() { b.clear(Urgent) }

// TakeUrgentNews reports that the mark has moved since it was asked last.
func (b *Block) TakeUrgentNews() bool {
	return b.load()&UrgentNews != 0 && b.clear(UrgentNews)&UrgentNews != 0
}

// Heard clears RxTold or TxTold: what is told after this needs a new command.
func (b *Block) Heard(bit Ready) { b.clear(bit) }

// AttachTx gives the application its first send ring.
func (b *Block) AttachTx(m *ring.Memory, r ring.Ref) {
	s := b.Tx(m)
	s.Attach(r)
	if b.own {
		b.ready |= uint32(TxRing)
		return
	}
	b.set(TxRing)
}

// DetachTx takes the send ring back if all of it is acknowledged and the
// application is not writing; it returns 0 if that was not so.
func (b *Block) DetachTx(m *ring.Memory) ring.Ref {
	if b.own {
		s := b.Tx(m)
		if s.Len() == 0 {
			b.ready &^= uint32(TxRing)
		}
		return s.Detach()
	}
	for {
		old := b.load()
		if old&TxRing == 0 || old&TxBusy != 0 {
			return 0
		}
		s := b.tx(m)
		if s.Len() != 0 {
			return 0
		}
		if b.swap(old, old&^TxRing) {
			break
		}
	}
	// From here on the application sees no ring: it cannot have written in
	// between, since every write ends with a change of the ready word.
	s := b.tx(m)
	if s.Len() != 0 {
		b.set(TxRing)
		return 0
	}
	return s.Detach()
}

// PrefetchRings begins to bring the octets that are written and read next into the
// cache, of a handler's connection: nobody else writes there meanwhile.
func (b *Block) PrefetchRings(m *ring.Memory) {
	if b.own {
		b.rx(m).Prefetch()
		b.tx(m).Prefetch()
	}
}
