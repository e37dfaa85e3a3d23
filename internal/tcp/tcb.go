package tcp

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
)

// A TCB is the state of one connection (RFC 9293 §3.3.1). It holds no
// pointers; its slot also names its sock.Block, its wheel node and its waiter.
//
//	               sndUna          sndNxt        sndEnd
//	──acknowledged──┤──in flight─────┤──unsent─────┤      send sequence space
//	                └──────── sndWnd ────────┘
//
//	     read        rcvNxt               rcvAdv
//	──────┤──unread────┤── window promised ──┤            receive sequence space
//	                     (out-of-order ranges)
type TCB struct {
	// Line 0: what the fast path asks and moves.
	state    State
	want     Want
	verdict  Verdict
	recovery recoveryState
	flags    flag
	slot     slab.Index
	sndUna   seq.Value  // oldest unacknowledged
	sndNxt   seq.Value  // next to be sent for the first time
	sndEnd   seq.Value  // end of what the application has written
	sndWnd   uint32     // peer's window, octets, from sndUna on
	sndWL1   seq.Value  // segment that last updated sndWnd: sequence
	sndWL2   seq.Value  // and acknowledgment
	rcvNxt   seq.Value  // next expected
	rcvAdv   seq.Value  // right edge of the window promised; never moves left
	rcvAcked seq.Value  // last acknowledgment number sent
	tsRecent uint32     // RFC 7323: peer's timestamp to echo
	ooo      slab.Index // ranges received out of order, 0 none
	sacked   slab.Index // ranges that the peer has selectively acknowledged, 0 none
	dupAcks  uint8
	sndScale uint8 // shift of the peer's windows
	ecn      ecnState
	quick    uint8 // segments still to be acknowledged at once

	// Line 1: times and sizes that an ordinary segment needs. Timers are zero
	// when off.
	rcvAt    mono.Time // when the last acceptable segment came
	rexmtAt  mono.Time // RTO, or window probe when flagPersist
	ackAt    mono.Time // delayed ACK
	sentAt   mono.Time // when text was last sent
	pipe     uint32    // octets thought to be in the network
	rto      uint32    // µs, without back-off
	srtt     uint32    // smoothed RTT, µs × 8; 0 is none yet
	mss      uint16    // largest segment to the peer, octets, options included
	rcvMSS   uint16    // largest segment seen from the peer
	rttSeq   seq.Value // octet whose acknowledgment is being timed
	rttAt    uint32    // when it was sent, µs clock
	minshall seq.Value // end of the last small segment sent (Nagle)
	backoff  uint8     // retransmissions since progress
	probes   uint8     // unanswered window or keep-alive probes
	listed   uint8     // shard: which ready list
	ackOwed  uint8     // duplicate ACKs owed to a peer without SACK

	// Line 2: congestion control.
	cc     cc.State
	sndMax uint32 // largest window the peer has offered (RFC 5961 §5)
	rttVar uint32 // deviation of the RTT, µs × 4

	// Line 3: identity, the shard's words, buffers.
	key       flow.Key4
	listNext  uint32    // shard: ready list
	listPrev  uint32    // shard: ready list
	neighbour uint32    // shard: cached neighbour, 0 none
	keepAt    mono.Time // keep-alive; of an orphan: FIN-WAIT-2 and linger
	idleAt    mono.Time // give rings back
	tsOffset  uint32    // added to our timestamp clock
	listener  uint32    // shard: the listener that a passive open belongs to
	rcvBuf    uint32
	sndBuf    uint32
	tuneSeq   seq.Value // receive autotuning: read position
	tuneAt    uint32    // and µs clock at the beginning of the round

	// Line 4: recovery, rare events, settings. More of them is in the block: what is
	// needed rarely, and what is measured.
	lossAt       mono.Time // RACK's timer, or with flagTail the tail loss probe's
	recover      seq.Value // recovery ends when this is acknowledged
	highRxt      seq.Value // next octet to be considered for retransmission
	lostEnd      seq.Value // octets below that are not sacked count as lost
	sackedOctets uint32
	words        [3]uint32  // of fast recovery, or of all other times: see below
	sentLog      slab.Index // when what is in flight was sent, 0 none
	finSeq       seq.Value  // of the peer's FIN, when flagFinSeen
	dsackAt      seq.Value  // a duplicate to report, when flagDSACK
	stalledAt    uint32     // since when there is no progress, ms clock (user time-out)
	dsackLen     uint16
	ourMSS       uint16  // what we announce; from ESTABLISHED on what both ends take
	waits        waiting // for what: see the account
	bundle       uint8   // segments sent since the last push, in this burst
	challengeT   uint8   // second of challenges, ms clock
	challenges   uint8   // challenge ACKs in that second
	tos, ttl     uint8
	rcvScale     uint8 // shift of our windows
	errno        uint8 // sock.Errno
}

// What the words hold in fast recovery (RFC 9937).
const (
	prrDelivered = iota
	prrOut
	recoverFS
)

// And what at all other times. Each use begins with enterFastRecovery
// or startValidation.
const (
	maxOut  = iota // most octets in flight in the last round trip
	outSeq         // which ends when this is acknowledged
	tailEnd        // SND.NXT at the tail loss probe, when flagTailSent
)

// lingerOff means that Close goes on in the background without limit.
const lingerOff = ^uint32(0)

// flag is a yes or no of a TCB.
type flag uint32

const (
	flagPassive   flag = 1 << iota // opened by LISTEN
	flagSACK                       // SACK permitted by both
	flagTS                         // timestamps by both
	flagWS                         // window scaling by both
	flagNoDelay                    // Nagle off
	flagCork                       // only full segments
	flagFinQueued                  // our FIN follows sndEnd
	flagFinSent                    // and has been sent at least once
	flagFinSeen                    // the peer's FIN is known, finSeq
	flagFinDone                    // and in order
	flagTiming                     // rttSeq is being timed
	flagPingPong                   // the application answers: delay ACKs
	flagPersist                    // rexmtAt is a window probe's
	flagOrphan                     // the application has gone
	flagReadShut                   // the application reads no more
	flagKeepAlive                  //
	flagFirstData                  // a data segment has come
	flagRST                        // an RST is to be sent
	flagDSACK                      // dsackAt, dsackLen are a duplicate to report
	flagForce                      // send what there is, however little: override time-out
	flagStarved                    // a writer waits for ring memory
	flagRcvBufSet                  // the application fixed the buffer: no tuning
	flagSndBufSet                  //
	flagTuning                     // tuneSeq, tuneAt are valid
	flagSoft                       // there is an error that may pass: Soft, in the block
	flagMore                       // the writer has more to say: until the next acknowledgment only full segments
	flagUnpushed                   // and the end of what it wrote is not to be pushed
	flagUncork                     // once: what waits behind a cork goes out
	flagCwndFull                   // the congestion window held us back in the last round trip
	flagTail                       // lossAt is a tail loss probe's
	flagTailSent                   // one is on its way
	flagTailAgain                  // it repeated text
)

func (t *TCB) has(f flag) bool { return t.flags&f != 0 }

// Want says which kinds of segments a TCB has to send.
type Want uint8

// The wants, in the order of the shard's ready lists.
const (
	WantControl Want = 1 << iota // SYN, SYN-ACK, RST
	WantAck                      // an ACK now, on its own if on nothing else
	WantData                     // perhaps data, FIN or a retransmission
	WantProbe                    // window probe or keep-alive
)

// Verdict is news of a TCB, collected until the shard publishes it.
type Verdict uint8

// The verdicts.
const (
	Readable    Verdict = 1 << iota // octets in order
	Writable                        // octets acknowledged, or a ring there
	Opened                          // handshake completed
	PeerDone                        // the peer's FIN, in order
	Broke                           // errno says why
	EnterTW                         // convert into a TIME-WAIT record
	Finished                        // the TCB has nothing more to do
	TimersMoved                     // NextTimer has changed
)

// AckCanWait reports that the ACK that is wanted is that of one segment in
// order, or of a FIN: nobody suffers if it rides on an answer a little later.
func (t *TCB) AckCanWait() bool {
	return t.state >= Established && t.rcvNxt != t.rcvAcked && t.ackOwed == 0 && t.ooo == 0 &&
		t.flags&flagDSACK == 0 && t.rcvNxt.Minus(t.rcvAcked) <= seq.Size(t.rcvMSS)+1
}

// LastArrival returns when the last acceptable segment came.
func (t *TCB) LastArrival() mono.Time { return t.rcvAt }

// State returns the connection's state.
func (t *TCB) State() State { return t.state }

// Key returns the 4-tuple.
func (t *TCB) Key() flow.Key4 { return t.key }

// Slot returns the index that the TCB shares with its block.
func (t *TCB) Slot() slab.Index { return t.slot }

// Wants returns what the TCB has to send.
func (t *TCB) Wants() Want { return t.want }

// TakeVerdict returns the news since the last call.
func (t *TCB) TakeVerdict() Verdict {
	v := t.verdict
	t.verdict = 0
	return v
}

// SettleTimers is TakeVerdict if the only news is that NextTimer has changed: it
// reports whether that was so.
func (t *TCB) SettleTimers() bool {
	if t.verdict != TimersMoved {
		return false
	}
	t.verdict = 0
	return true
}

// HasNews reports whether TakeVerdict would return something.
func (t *TCB) HasNews() bool { return t.verdict != 0 }

// Errno returns why the connection broke.
func (t *TCB) Errno() sock.Errno { return sock.Errno(t.errno) }

// IsPassive reports whether the connection came in through a listener.
func (t *TCB) IsPassive() bool { return t.has(flagPassive) }

// IsOrphan reports whether the application has given the connection back.
func (t *TCB) IsOrphan() bool { return t.has(flagOrphan) }

// SRTT returns the smoothed round-trip time, 0 before the first measurement.
func (t *TCB) SRTT() time.Duration { return time.Duration(t.srtt/8) * time.Microsecond }

// Shard's own words, kept here so that a connection is one record.

// Listed, SetListed, ListNext and SetListNext are the shard's ready list.
func (t *TCB) Listed() uint8 { return t.listed }

// SetListed notes the list that the TCB stands in; 0 is none.
func (t *TCB) SetListed(l uint8) { t.listed = l }

// ListNext returns the slot that follows in the list.
func (t *TCB) ListNext() slab.Index { return slab.Index(t.listNext) }

// SetListNext links the list.
func (t *TCB) SetListNext(i slab.Index) { t.listNext = uint32(i) }

// ListPrev returns the slot before this one in the list.
func (t *TCB) ListPrev() slab.Index { return slab.Index(t.listPrev) }

// SetListPrev links the list backwards.
func (t *TCB) SetListPrev(i slab.Index) { t.listPrev = uint32(i) }

// Neighbour returns the cached neighbour of the peer, 0 for none.
func (t *TCB) Neighbour() uint32 { return t.neighbour }

// SetNeighbour caches the neighbour.
func (t *TCB) SetNeighbour(id uint32) { t.neighbour = id }

// Listener returns the shard's listener of a passive open.
func (t *TCB) Listener() uint32 { return t.listener }

// ForgetListener ends the TCB's relation to its listener.
func (t *TCB) ForgetListener() { t.listener = 0 }

// TOS and TTL are what the IP header of the connection's packets carries, but for
// the two bits of ECN: see Engine.ECN.
func (t *TCB) TOS() uint8 { return t.tos }

// TTL returns the hop limit; 0 means the host's default.
func (t *TCB) TTL() uint8 { return t.ttl }
