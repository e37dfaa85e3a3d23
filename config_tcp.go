package mtcp

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
)

// TCP is how TCP behaves. Zero values are the defaults, which are Linux's where
// the RFCs leave a choice, and package net's where that makes one for Linux.
type TCP struct {
	// Congestion is the congestion control. Default: cubic; cubic or newreno.
	Congestion string

	// InitialWindow is the congestion window at the start of a connection (RFC
	// 6928). Default: 10; 1 to 100 segments.
	InitialWindow int

	// Nagle leaves Nagle's algorithm on at the start of a connection, which
	// package net switches off.
	Nagle bool

	// RTOInitial is the retransmission time-out before there is a measured
	// round-trip time (RFC 6298). Default: 1s; 10ms to 60s.
	RTOInitial time.Duration

	// RTOMin bounds the retransmission time-out from below; less than a peer's
	// delay of ACKs repeats what has arrived. Default: 200ms; 1ms to 60s.
	RTOMin time.Duration

	// RTOMax bounds the retransmission time-out, its back-off included, from
	// above. Default: 120s; 1s to 1h.
	RTOMax time.Duration

	// SynRetries is the number of retransmissions of its SYN after which a dial
	// fails; RFC 9293 wants three minutes, which seven make. Default: 7; 1 to
	// 255.
	SynRetries int

	// SynAckRetries is the number of retransmissions of its SYN-ACK after which
	// a half-open connection is forgotten. Default: 5; 1 to 255.
	SynAckRetries int

	// Retries is the number of retransmissions, or window probes, without an
	// answer after which a connection fails (R2 of RFC 9293). Default: 15; 3 to
	// 255.
	Retries int

	// OrphanRetries is the same for a connection that its application has
	// closed. Default: 8; 1 to 16.
	OrphanRetries int

	// UserTimeout is how long what was sent may stay unacknowledged before a
	// connection fails (RFC 5482). Default: the retransmissions decide; 1ms to
	// 24h.
	UserTimeout time.Duration

	// AckDelay is how long an ACK waits for something to go with, at most (RFC
	// 9293: less than 500 ms). Default: 40ms; 1ms to 499ms.
	AckDelay time.Duration

	// DelayFirstAcks delays ACKs from the first on, without the quick ones that
	// let a peer's congestion window grow at the start.
	DelayFirstAcks bool

	// NoKeepAlive leaves keep-alive probes off at the start of a connection;
	// package net has them on.
	NoKeepAlive bool

	// KeepAliveIdle is the quiet time before the first keep-alive probe, in
	// whole seconds. Default: 15s; 1s to 18h.
	KeepAliveIdle time.Duration

	// KeepAliveInterval is the time between keep-alive probes, in whole seconds.
	// Default: 15s; 1s to 18h.
	KeepAliveInterval time.Duration

	// KeepAliveCount is the number of probes without an answer after which a
	// connection fails. Default: 9; 1 to 255.
	KeepAliveCount int

	// TimeWait is how long a closed 4-tuple is kept from being reused, except as
	// RFC 6191 allows (RFC 9293: 2 MSL, 4 minutes). Default: 60s; 100ms to 1h.
	TimeWait time.Duration

	// TimeWaitRST lets a RST with exactly the expected number end TIME-WAIT, as in
	// RFC 9293 and by default in Linux; without it nothing may (RFC 1337).
	TimeWaitRST bool

	// FinWait2 is how long a connection that its application has closed waits
	// for the peer's FIN. Default: 60s; 100ms to 1h.
	FinWait2 time.Duration

	// ReceiveBuffer is the receive window at the start of a connection; it is at
	// least two units of the window scale. Default: 64KiB; 4KiB to 4MiB.
	ReceiveBuffer int

	// ReceiveBufferMax bounds what the receive window grows to when the
	// application reads fast enough. Default: 4MiB; 4KiB to 4MiB.
	ReceiveBufferMax int

	// SendBuffer is what a connection takes of a writer at its start, before the
	// congestion window asks for more. Default: 64KiB; 4KiB to 4MiB.
	SendBuffer int

	// SendBufferMax bounds what the send buffer grows to. Default: 4MiB; 4KiB to
	// 4MiB.
	SendBufferMax int

	// RingIdle is the quiet time after which a connection gives its empty rings
	// back. Default: 500ms; 10ms to 1h.
	RingIdle time.Duration

	// WindowScale is the shift of windows that is offered (RFC 7323). Default:
	// 8; 1 to 14 bits.
	WindowScale int

	// NoWindowScale offers and takes no window scaling, so windows end at 64
	// KiB.
	NoWindowScale bool

	// NoTimestamps offers and takes no timestamps (RFC 7323), and so has no PAWS
	// and no early reuse of TIME_WAIT.
	NoTimestamps bool

	// NoSACK offers and takes no selective acknowledgments (RFC 2018).
	NoSACK bool

	// NoRACK finds losses by counts of acknowledgments only (RFC 6675), not by
	// time (RFC 8985).
	NoRACK bool

	// NoTailProbe sends no tail loss probes (RFC 8985): the loss of a last segment
	// is found by the retransmission timer.
	NoTailProbe bool

	// NoFRTO takes every retransmission time-out for a loss, without looking for
	// signs that it was spurious (F-RTO, RFC 5682).
	NoFRTO bool

	// NoBundles sets PSH only where text ends, not at the end of each bundle of
	// segments too, as Linux does.
	NoBundles bool

	// SynCookies says when a SYN is answered without keeping anything of it (RFC
	// 4987): when a handshake finds no room, never, so that the oldest gives way,
	// or always. Default: auto; auto or off or always.
	SynCookies string

	// ECN says which connections have explicit congestion notification (RFC 3168):
	// those whose peer asks for it, none, or also those that dials ask it for.
	// Default: passive; passive or off or active.
	ECN string

	// ChallengeAcks bounds the challenge ACKs of each connection (RFC 5961).
	// Default: 10; 1 to 200 a second.
	ChallengeAcks int
}

// engine translates a complete configuration to the engine's terms.
func (t *TCP) engine() tcp.Config {
	id, _ := cc.ParseID(t.Congestion) // one of the table's
	cookies, _ := tcp.ParseCookieMode(t.SynCookies)
	ecn, _ := tcp.ParseECNMode(t.ECN)
	return tcp.Config{
		TimeWait:       t.TimeWait,
		TimeWaitRST:    t.TimeWaitRST,
		FinWait2:       t.FinWait2,
		RTOInitial:     t.RTOInitial,
		RTOMin:         t.RTOMin,
		RTOMax:         t.RTOMax,
		AckDelay:       t.AckDelay,
		SynRetries:     t.SynRetries,
		SynAckRetries:  t.SynAckRetries,
		Retries:        t.Retries,
		OrphanRetries:  t.OrphanRetries,
		UserTimeout:    t.UserTimeout,
		KeepIdle:       t.KeepAliveIdle,
		KeepInterval:   t.KeepAliveInterval,
		KeepCount:      t.KeepAliveCount,
		Congestion:     id,
		InitialWindow:  t.InitialWindow,
		WindowScale:    t.WindowScale,
		NoDelay:        !t.Nagle,
		KeepAlive:      !t.NoKeepAlive,
		NoTimestamps:   t.NoTimestamps,
		NoSACK:         t.NoSACK,
		NoRACK:         t.NoRACK,
		NoTailProbe:    t.NoTailProbe,
		NoFRTO:         t.NoFRTO,
		NoBundles:      t.NoBundles,
		NoScaling:      t.NoWindowScale,
		Cookies:        cookies,
		ECN:            ecn,
		DelayFirstAck:  t.DelayFirstAcks,
		RcvBuf:         t.ReceiveBuffer,
		RcvBufMax:      t.ReceiveBufferMax,
		SndBuf:         t.SendBuffer,
		SndBufMax:      t.SendBufferMax,
		IdleRings:      t.RingIdle,
		ChallengeLimit: t.ChallengeAcks,
	}
}
