// Package tcp is the TCP engine (RFC 9293): arithmetic on a TCB.
//
// A shard calls it: Input with a segment, Timeout when a timer is due, the user
// calls (Open, Send, Close, ...) for applications, Output to have the next
// segment written into a frame. Every call takes the time; none of them sends,
// sleeps, locks, logs or reads a clock. What a call wants done afterwards
// stands in the TCB as wants (segments to send) and verdicts (news for the
// application).
//
// Reading order, as a segment meets the files:
//
//	tcb.go         the state of one connection
//	state.go       states and the table of legal transitions
//	engine.go      the engine of a shard: configuration, memory, counters
//	segment.go     a parsed segment
//	input.go       arrival: dispatch and the fast path
//	listen.go      LISTEN and the passive open
//	cookie.go      the passive open of which nothing is kept: SYN cookies
//	synsent.go     SYN-SENT
//	steps.go       the eight steps of §3.10.7.4
//	ack.go         what an acknowledgment changes
//	recovery.go    loss recovery: NewReno, SACK, PRR
//	scoreboard.go  what the peer has selectively acknowledged
//	rack.go        losses found by time
//	tail.go        tail loss probes
//	resent.go      what was sent again, and is lost again
//	undo.go        reductions that had no cause: D-SACK, Eifel, F-RTO
//	ecn.go         explicit congestion notification
//	receive.go     segment text, reassembly
//	urgent.go      urgent text, both ways
//	window.go      the receive window
//	rangeset.go    sorted ranges of sequence numbers
//	user.go        calls of the application
//	end.go         how a connection ends, and gives its memory back
//	icmp.go        errors of the network below
//	timer.go       timers
//	account.go     how long it was busy, and waited
//	info.go        what can be told of a connection
//	rtt.go         round-trip time and RTO
//	output.go      the next segment
//	header.go      options and headers of what is sent
//	timewait.go    TIME-WAIT in a compact record
//	isn.go         initial sequence numbers, timestamp offsets
package tcp
