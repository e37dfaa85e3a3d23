// Package cc is congestion control: how many octets a connection may have in
// flight, as a value inside the TCB and functions that choose by an id byte.
//
// Only the TCP engine calls it, once per acknowledgment that advances and once
// per congestion event. The package never looks at segments, never decides
// what to retransmit, and never reads a clock. All arithmetic is in integers.
//
// Windows are counted in octets, but grow and shrink by whole segments, as
// Linux's do, so that a sender is not tempted to send slivers. Where the RFCs
// leave a choice this follows Linux; it differs from it here:
//
//   - ssthresh is computed from the smaller of cwnd and the octets in flight
//     (RFC 5681 equation 4 is a MUST; Linux takes cwnd).
//   - CUBIC follows RFC 9438 where it says more than Linux does: time in which
//     the application, not cwnd, limits the sender does not count; the
//     Reno-friendly window grows at Reno's own rate once it is back where the
//     last reduction began; there is no faster growth before the first loss.
//
// Reading order: state.go (the value), event.go (what happens to it),
// grow.go (slow start and the growth of NewReno), cubic.go, hystart.go.
package cc
