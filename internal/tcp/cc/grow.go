package cc

// This file holds slow start, and the growth of NewReno in congestion
// avoidance.

// slowStart grows the window by what was acknowledged, as far as the
// threshold, and returns how much of it is left for congestion avoidance. Like
// Linux's it has no limit per acknowledgment (RFC 3465 has two segments):
// stretch acknowledgments are the rule now, and pacing by ACKs is not lost by
// counting them in full.
func (s *State) slowStart(a *Ack) (left uint32) {
	n := a.Acked
	if s.watchesDelay() {
		n = s.tempered(a)
	}
	room := s.Ssthresh - s.Cwnd
	if n > room {
		n, left = room, a.Acked-room
	}
	s.grow(uint64(n))
	return left
}

// growReno adds one segment per window acknowledged.
func (s *State) growReno(acked uint32, mss uint16) {
	s.growEvery(s.Cwnd, acked, mss)
}

// growEvery adds one segment for every so many octets acknowledged. Credit
// from a time when a segment cost more buys one segment at most.
func (s *State) growEvery(octets, acked uint32, mss uint16) {
	octets = max(octets, 1)
	if s.acked >= octets {
		s.acked = 0
		s.grow(uint64(segment(mss)))
	}
	s.acked += acked
	if s.acked >= octets {
		n := s.acked / octets
		s.acked -= n * octets
		s.grow(uint64(n) * uint64(segment(mss)))
	}
}

// grow adds n octets, up to what TCP can have in flight.
func (s *State) grow(n uint64) {
	s.Cwnd = uint32(min(uint64(s.Cwnd)+n, maxCwnd))
}
