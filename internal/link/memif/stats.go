package memif

// What was lost, by reason, and how the connection stands.

import "sync/atomic"

// QueueStats are the losses of one queue since it was opened.
type QueueStats struct {
	RxTooLarge  uint64 // larger than the MTU allows
	RxMalformed uint64 // shorter than an Ethernet header
	RxCut       uint64 // a chain of buffers whose end did not come with it
	TxDown      uint64 // there was no peer
	TxFull      uint64 // the peer took nothing
	TxTooLarge  uint64 // larger than the peer's buffers
	TxRefused   uint64 // not a frame, or too large a one
	Faults      uint64 // peers that lied in shared memory
	Leaked      uint64 // mappings that the kernel did not take back
}

// drops has one writer, the shard; it is atomic for the readers.
type drops struct {
	rxTooLarge, rxMalformed, rxCut        atomic.Uint64
	txDown, txFull, txTooLarge, txRefused atomic.Uint64
	faults, leaked                        atomic.Uint64
}

func (d *drops) stats() QueueStats {
	return QueueStats{
		RxTooLarge:  d.rxTooLarge.Load(),
		RxMalformed: d.rxMalformed.Load(),
		RxCut:       d.rxCut.Load(),
		TxDown:      d.txDown.Load(),
		TxFull:      d.txFull.Load(),
		TxTooLarge:  d.txTooLarge.Load(),
		TxRefused:   d.txRefused.Load(),
		Faults:      d.faults.Load(),
		Leaked:      d.leaked.Load(),
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

// State is how the connection stands. Counts are since Open.
type State struct {
	Up        bool
	Peer      string // what it calls itself, and its interface
	Why       string // why the last connection, or attempt, ended
	HugePages bool   // the present memory's
	WhyNot    string // why a slave that wanted huge pages has none

	Connects    uint64 // connections that came up
	Disconnects uint64 // those that ended
	Refused     uint64 // attempts of others that did not come up
	Faults      uint64 // connections ended for what the peer wrote into shared memory
	Protocol    uint64 // connections ended for a control message that cannot be
}

// State returns how the connection stands. Any goroutine may call.
func (d *Device) State() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}
