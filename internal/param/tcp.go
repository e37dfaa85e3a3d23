// TCP's parameters.

package param

import "time"

const (
	ms     = int64(time.Millisecond)
	second = int64(time.Second)
	minute = int64(time.Minute)
	hour   = int64(time.Hour)
)

// TCP is the table of mtcp.TCP.
var TCP = Table{
	Path: "tcp",
	Go:   "mtcp.TCP",
	Text: "How TCP behaves. The defaults are Linux's where the RFCs leave a choice.",
	Parameters: []Parameter{
		{
			Name: "Congestion", Kind: Choice, Values: []string{"cubic", "newreno"},
			Text: "is the congestion control.",
		}, {
			Name: "InitialWindow", Kind: Int, Default: 10, Min: 1, Max: 100, Unit: "segments",
			Text: "is the congestion window at the start of a connection (RFC 6928).",
		}, {
			Name: "Nagle", Kind: Bool,
			Text: "leaves Nagle's algorithm on at the start of a connection, which package net switches off.",
		}, {
			Name: "RTOInitial", Kind: Duration, Default: second, Min: 10 * ms, Max: minute,
			Text: "is the retransmission time-out before there is a measured round-trip time (RFC 6298).",
		}, {
			Name: "RTOMin", Kind: Duration, Default: 200 * ms, Min: ms, Max: minute,
			Text: "bounds the retransmission time-out from below; less than a peer's delay of ACKs repeats what has arrived.",
		}, {
			Name: "RTOMax", Kind: Duration, Default: 120 * second, Min: second, Max: hour,
			Text: "bounds the retransmission time-out, its back-off included, from above.",
		}, {
			Name: "SynRetries", Kind: Int, Default: 7, Min: 1, Max: 255,
			Text: "is the number of retransmissions of its SYN after which a dial fails; RFC 9293 wants three minutes, which seven make.",
		}, {
			Name: "SynAckRetries", Kind: Int, Default: 5, Min: 1, Max: 255,
			Text: "is the number of retransmissions of its SYN-ACK after which a half-open connection is forgotten.",
		}, {
			Name: "Retries", Kind: Int, Default: 15, Min: 3, Max: 255,
			Text: "is the number of retransmissions, or window probes, without an answer after which a connection fails (R2 of RFC 9293).",
		}, {
			Name: "OrphanRetries", Kind: Int, Default: 8, Min: 1, Max: 16,
			Text: "is the same for a connection that its application has closed.",
		}, {
			Name: "UserTimeout", Kind: Duration, Min: ms, Max: 24 * hour, Zero: "the retransmissions decide",
			Text: "is how long what was sent may stay unacknowledged before a connection fails (RFC 5482).",
		}, {
			Name: "AckDelay", Kind: Duration, Default: 40 * ms, Min: ms, Max: 499 * ms,
			Text: "is how long an ACK waits for something to go with, at most (RFC 9293: less than 500 ms).",
		}, {
			Name: "DelayFirstAcks", Kind: Bool,
			Text: "delays ACKs from the first on, without the quick ones that let a peer's congestion window grow at the start.",
		}, {
			Name: "NoKeepAlive", Kind: Bool,
			Text: "leaves keep-alive probes off at the start of a connection; package net has them on.",
		}, {
			Name: "KeepAliveIdle", Kind: Duration, Default: 15 * second, Min: second, Max: 18 * hour,
			Text: "is the quiet time before the first keep-alive probe, in whole seconds.",
		}, {
			Name: "KeepAliveInterval", Kind: Duration, Default: 15 * second, Min: second, Max: 18 * hour,
			Text: "is the time between keep-alive probes, in whole seconds.",
		}, {
			Name: "KeepAliveCount", Kind: Int, Default: 9, Min: 1, Max: 255,
			Text: "is the number of probes without an answer after which a connection fails.",
		}, {
			Name: "TimeWait", Kind: Duration, Default: 60 * second, Min: 100 * ms, Max: hour,
			Text: "is how long a closed 4-tuple is kept from being reused, except as RFC 6191 allows (RFC 9293: 2 MSL, 4 minutes).",
		}, {
			Name: "TimeWaitRST", Kind: Bool,
			Text: "lets a RST with exactly the expected number end TIME-WAIT, as in RFC 9293 and by default in Linux; without it nothing may (RFC 1337).",
		}, {
			Name: "FinWait2", Kind: Duration, Default: 60 * second, Min: 100 * ms, Max: hour,
			Text: "is how long a connection that its application has closed waits for the peer's FIN.",
		}, {
			Name: "ReceiveBuffer", Kind: Octets, Default: 64 * kib, Min: 4 * kib, Max: 4 * mib,
			Text: "is the receive window at the start of a connection; it is at least two units of the window scale.",
		}, {
			Name: "ReceiveBufferMax", Kind: Octets, Default: 4 * mib, Min: 4 * kib, Max: 4 * mib,
			Text: "bounds what the receive window grows to when the application reads fast enough.",
		}, {
			Name: "SendBuffer", Kind: Octets, Default: 64 * kib, Min: 4 * kib, Max: 4 * mib,
			Text: "is what a connection takes of a writer at its start, before the congestion window asks for more.",
		}, {
			Name: "SendBufferMax", Kind: Octets, Default: 4 * mib, Min: 4 * kib, Max: 4 * mib,
			Text: "bounds what the send buffer grows to.",
		}, {
			Name: "RingIdle", Kind: Duration, Default: 500 * ms, Min: 10 * ms, Max: hour,
			Text: "is the quiet time after which a connection gives its empty rings back.",
		}, {
			Name: "WindowScale", Kind: Int, Default: 8, Min: 1, Max: 14, Unit: "bits",
			Text: "is the shift of windows that is offered (RFC 7323).",
		}, {
			Name: "NoWindowScale", Kind: Bool,
			Text: "offers and takes no window scaling, so windows end at 64 KiB.",
		}, {
			Name: "NoTimestamps", Kind: Bool,
			Text: "offers and takes no timestamps (RFC 7323), and so has no PAWS and no early reuse of TIME_WAIT.",
		}, {
			Name: "NoSACK", Kind: Bool,
			Text: "offers and takes no selective acknowledgments (RFC 2018).",
		}, {
			Name: "NoRACK", Kind: Bool,
			Text: "finds losses by counts of acknowledgments only (RFC 6675), not by time (RFC 8985).",
		}, {
			Name: "NoTailProbe", Kind: Bool,
			Text: "sends no tail loss probes (RFC 8985): the loss of a last segment is found by the retransmission timer.",
		}, {
			Name: "NoFRTO", Kind: Bool,
			Text: "takes every retransmission time-out for a loss, without looking for signs that it was spurious (F-RTO, RFC 5682).",
		}, {
			Name: "NoBundles", Kind: Bool,
			Text: "sets PSH only where text ends, not at the end of each bundle of segments too, as Linux does.",
		}, {
			Name: "SynCookies", Kind: Choice, Values: []string{"auto", "off", "always"},
			Text: "says when a SYN is answered without keeping anything of it (RFC 4987): when a handshake finds no room, never, so that the oldest gives way, or always.",
		}, {
			Name: "ECN", Kind: Choice, Values: []string{"passive", "off", "active"},
			Text: "says which connections have explicit congestion notification (RFC 3168): those whose peer asks for it, none, or also those that dials ask it for.",
		}, {
			Name: "ChallengeAcks", Kind: Int, Default: 10, Min: 1, Max: 200, Unit: "a second",
			Text: "bounds the challenge ACKs of each connection (RFC 5961).",
		},
	},
	Relations: []Relation{
		{"RTOMin", 1, "RTOInitial"},
		{"RTOInitial", 1, "RTOMax"},
		{"ReceiveBuffer", 1, "ReceiveBufferMax"},
		{"SendBuffer", 1, "SendBufferMax"},
	},
}
