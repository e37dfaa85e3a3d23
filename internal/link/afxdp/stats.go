package afxdp

// What the kernel counted for each queue.

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// QueueStats are the kernel's counts of one queue since it was opened.
type QueueStats struct {
	RxDropped     uint64 // larger than a frame, or no frame to put it into
	RxRingFull    uint64 // the shard did not fetch them in time
	RxInvalid     uint64 // bad addresses in the fill ring: a defect of this package
	TxInvalid     uint64 // bad descriptors in the transmit ring: likewise
	FillRingEmpty uint64 // times the kernel found no frame to receive into
	TxRingEmpty   uint64 // times the kernel found nothing to send
}

// Stats returns the kernel's counts of every queue. Any goroutine may call.
func (d *Device) Stats() ([]QueueStats, error) {
	all := make([]QueueStats, len(d.queues))
	for i, q := range d.queues {
		s, err := q.statistics()
		if err != nil {
			return nil, fmt.Errorf("afxdp: %s: queue %d: statistics: %w", d.facts.name, i, err)
		}
		all[i] = QueueStats{
			RxDropped:     s.Rx_dropped,
			RxRingFull:    s.Rx_ring_full,
			RxInvalid:     s.Rx_invalid_descs,
			TxInvalid:     s.Tx_invalid_descs,
			FillRingEmpty: s.Rx_fill_ring_empty_descs,
			TxRingEmpty:   s.Tx_ring_empty_descs,
		}
	}
	return all, nil
}

// statistics asks the socket, or remembers what it said when it was closed.
func (q *Queue) statistics() (unix.XDPStatistics, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return q.last, nil
	}
	var s unix.XDPStatistics
	err := getOption(q.fd, unix.XDP_STATISTICS, &s)
	return s, err
}
