package tap

// What was lost, by reason.

import "sync/atomic"

// QueueStats are the losses of one queue since it was opened.
type QueueStats struct {
	RxBulk      uint64 // packets to be cut into segments, which were not asked for
	RxTooLarge  uint64 // larger than the MTU was at Open
	RxMalformed uint64 // shorter than their headers, or a header that cannot be
	RxErrors    uint64 // reads that failed, for no known reason
	TxFull      uint64 // the kernel had no memory, or no room
	TxDown      uint64 // the interface was down, or gone
	TxRefused   uint64 // not a frame, or too large a one
	Gone        uint64 // 1 once the queue has seen that the interface was removed
}

// drops has one writer, the shard; it is atomic for the readers.
type drops struct {
	rxBulk, rxTooLarge, rxMalformed, rxErrors atomic.Uint64
	txFull, txDown, txRefused                 atomic.Uint64
	gone                                      atomic.Uint64
}

func (d *drops) stats() QueueStats {
	return QueueStats{
		RxBulk:      d.rxBulk.Load(),
		RxTooLarge:  d.rxTooLarge.Load(),
		RxMalformed: d.rxMalformed.Load(),
		RxErrors:    d.rxErrors.Load(),
		TxFull:      d.txFull.Load(),
		TxDown:      d.txDown.Load(),
		TxRefused:   d.txRefused.Load(),
		Gone:        d.gone.Load(),
	}
}

// Stats returns the losses of every queue. Any goroutine may call.
func (d *Device) Stats() []QueueStats {
	all := make([]QueueStats, len(d.queues))
	for i, q := range d.queues {
		all[i] = q.drops.stats()
	}
	return all
}
