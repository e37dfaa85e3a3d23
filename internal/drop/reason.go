package drop

// Reason says why something was dropped. The zero Reason means it was not.
type Reason uint8

// The reasons, in the order in which a packet meets the code that gives them.
const (
	None Reason = iota

	// Link and frame.
	FrameShort     // shorter than its headers say
	FrameNotOurs   // Ethernet destination is neither ours nor broadcast
	FrameEtherType // neither ARP nor IPv4
	FrameHandover  // the ring to the shard that owns the flow was full, or too many looked for theirs
	FrameNoTx      // a reply found no free transmit frame

	// ARP.
	ARPBad       // malformed, or impossible addresses
	ARPNotOurs   // a request for somebody else
	ARPUnasked   // a reply to no question of ours
	ARPConflict  // somebody else claims an address of ours (RFC 5227)
	ARPTableFull // no entry could be evicted

	// IPv4.
	IPVersion
	IPHeaderLen
	IPTotalLen
	IPChecksum
	IPSource      // multicast, broadcast, loopback or zero source
	IPNotOurs     // another host's address
	IPOptions     // malformed options, or a source route
	IPProtocol    // neither TCP nor ICMP
	IPNoRoute     // no route or source address for an outgoing packet
	IPFragOverlap // overlapping or inconsistent fragment
	IPFragLimit   // reassembly table or byte budget exhausted
	IPFragTimeout // datagram not completed in time

	// ICMP.
	ICMPShort
	ICMPChecksum
	ICMPType      // a type that nobody here handles
	ICMPQuench    // source quench: silently discarded, RFC 9293 §3.9.2.2
	ICMPUnmatched // an error that belongs to no connection, or to no octet in flight
	ICMPLimit     // rate limit of replies

	// TCP, before a connection is found.
	TCPHeaderLen
	TCPChecksum
	TCPOption     // malformed option list
	TCPPort       // port zero
	TCPBroadcast  // to or from an address that is not unicast (RFC 9293 §3.9.2.3)
	TCPNoListener // nobody there: answered with RST
	TCPRefusedRST // a RST for a connection that does not exist
	SYNBacklog    // half-open connections at their limit
	SYNEvicted    // the oldest half-open connection, to make room for another
	SYNElsewhere  // a half-open connection whose peer has completed another shard's
	CookieLimit   // too many SYN cookies wait to be sent
	CookieRefused // an ACK that brings no SYN cookie of ours, or an old one: answered with RST
	CookieEarly   // text that came before the segment with the SYN cookie
	ReplyLimit    // too many segments of no connection wait to be sent
	AcceptFull    // accept queue at its limit
	NoTCB         // no free connection slot
	NoRing        // no ring memory; the peer will retransmit
	NoTimeWait    // oldest TIME_WAIT record evicted
	ListenACK     // stray ACK or RST to a listener

	// TCP, on a connection.
	SeqUnacceptable // RFC 9293 §3.10.7.4, 1st step
	SeqOld          // entirely old data: a duplicate
	PAWS            // RFC 7323 §5
	NoTimestamp     // timestamps negotiated and missing
	RSTInWindow     // RFC 5961 §3: challenged
	RSTOutside      // outside the window
	SYNInWindow     // RFC 5961 §4: challenged
	AckUnacceptable // RFC 5961 §5
	AckMissing      // segment without ACK bit in a synchronized state
	ChallengeLimit  // challenge ACK not sent: rate limit
	OutOfWindow     // octets beyond the window, trimmed away
	ReassemblyFull  // too many separate out-of-order ranges
	DataAfterClose  // data for a receiver that has gone
	TimeWaitRST     // RST in TIME-WAIT, ignored (RFC 1337)
	TimeWaitOther   // any other unacceptable segment in TIME-WAIT

	// Requests of applications.
	StaleHandle // a command for a connection that is gone
	PortsUsed   // no ephemeral port is free for this destination
	NeighbourUnresolved
	LinkDown // not sent: the link is down

	NumReasons
)
