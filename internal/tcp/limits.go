package tcp

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/ring"
)

// Limits of the engine. What has a limit has a counter in drop or Stats.
const (
	defaultMSS  = 536 // of a peer that offers none (MUST-15)
	minMSS      = 48  // below this a peer's offer is not believed: 40 octets of options and 8 of text
	leastMSS    = 28  // of an interface with IPv4's least MTU
	maxMSS      = 65495
	headersIPv4 = 40 // IPv4 and TCP without options

	maxRanges = 64 // holes kept per direction and connection

	// Segments of no connection that wait. While a device has no room for them, what
	// was in its other ring may ask for as many as that holds.
	maxReplies = 2048
	maxCookies = 128

	firstRing = ring.MinSize  // octets of the first ring of a direction, at least
	dialRing  = ring.PageSize // of the first send ring of a connection that we opened
	leastBuf  = ring.PageSize // octets of a buffer, at least

	// minProbe is the least time after which the tail of a flight is probed.
	minProbe = 10 * time.Millisecond

	maxBundle  = 44 // segments of a bundle: 64 KiB
	tcpFlagsAt = 13 // octet of the TCP header

	minQuickAcks = 2
	maxQuickAcks = 16
	maxOwedAcks  = 64
	dupThresh    = 3 // RFC 5681
	r1           = 3 // retransmissions before the neighbour is doubted (SHLD-10)

	maxBackoff  = 16 // doublings of the RTO
	maxField    = 1<<16 - 1
	rtoAfterSYN = 3 * time.Second // RFC 6298 §5.7
	maxRTT      = 1 << 27         // µs: what a sample may say

	// lateAnswer is the least time between two answers of a TIME-WAIT record to
	// bare ACKs, which a peer might answer in turn.
	lateAnswer = 500 * time.Millisecond

	// pawsExpiry: after so long without a segment the peer's clock may have
	// wrapped, so its timestamp is believed (RFC 7323 §5.5).
	pawsExpiry = 24 * 24 * time.Hour

	// idleLooks: rings that stay in use are looked at again after this many times
	// Config.IdleRings at the latest.
	idleLooks = 64

	// starvedRetry: a writer that found no ring memory asks again after this.
	starvedRetry = 10 * time.Millisecond
)
