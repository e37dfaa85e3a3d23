// SYN cookies (RFC 4987 §3.6): a handshake of which nothing is kept. What the
// SYN said goes to the peer and comes back with its ACK:
//
//	our initial sequence number         our timestamp, if the peer sends them
//	31                        3 2  0    31               6  5   4   3    0
//	├── keyed hash ────────────┼─MSS┤   ├── clock ────────┼ECN┼SACK┼scale┤
//
// The hash covers the 4-tuple, the peer's sequence number, the index of the MSS,
// what the timestamp says, and a clock of 64 s, whose present and last tick are
// good. So a cookie lives for one to two minutes.
//
// Strength: who cannot see our SYN-ACK has to guess 29 bits of the hash, of which
// two values are good: 2^-28 a try. And it has a try only while cookies are being
// sent (Cookies). The MSS and the options are the peer's own to choose, in a
// cookie as in a SYN; the hash covers them so that it cannot choose twice. The
// key is the stack's, and secret: other cookies tell nothing of it.
//
// What a cookie costs: the MSS is one of eight, window scaling, SACK and ECN need
// timestamps, our SYN-ACK is not sent again, and the first round-trip time is
// unknown. And what is forgotten can be said again: the first segment of a
// connection that has ended opens another as long as its cookie lives, and while
// cookies are being sent. The sequence numbers do not follow the clock of RFC 6528 §3, so a SYN
// that takes over from TIME-WAIT gets no cookie.

package tcp

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// CookieMode says when SYNs are answered with cookies.
type CookieMode uint8

// The modes.
const (
	CookiesAuto   CookieMode = iota // when a handshake finds no room
	CookiesOff                      // the oldest handshake gives way
	CookiesAlways                   // no handshake is kept
)

var cookieModes = [...]string{CookiesAuto: "auto", CookiesOff: "off", CookiesAlways: "always"}

// ParseCookieMode returns the mode of that name.
func ParseCookieMode(name string) (CookieMode, bool) {
	for m, s := range cookieModes {
		if s == name {
			return CookieMode(m), true
		}
	}
	return 0, false
}

const (
	cookieTick = 64 * time.Second

	// CookieLife is how long a cookie may still be good after it was sent.
	CookieLife = 2 * cookieTick

	// cookieHaste is how long the first segment of a connection is waited for when
	// another has come.
	cookieHaste = 10 * time.Second

	mssBits  = 3  // of the sequence number
	saysBits = 6  // of the timestamp
	noScale  = 15 // beyond wire.MaxWScale
	saysSACK = 1 << 4
	saysECN  = 1 << 5

	cookiePurpose = 2 // of the keyed hash; isn.go has 0 and 1
)

// cookieMSS are the sizes that a cookie can name: a peer gets the largest that
// is not beyond its own. 536 is of who offers none, 1220 and 1360 of tunnels, 1440
// of PPPoE and the like, 8960 of large frames.
var cookieMSS = [1 << mssBits]uint16{minMSS, 256, defaultMSS, 1220, 1360, 1440, 1460, 8960}

// A Cookie is what comes back of a SYN.
type Cookie struct {
	mss  uint8 // index
	says uint8 // in the timestamp's low bits
	ts   bool  // there is one
}

// cookieOf is what is worth knowing of a SYN.
func (e *Engine) cookieOf(o *wire.Options, hasECN bool) Cookie {
	mss := uint16(defaultMSS)
	if o.Present.Has(wire.HasMSS) {
		mss = o.MSS
	}
	c := Cookie{says: noScale}
	for int(c.mss)+1 < len(cookieMSS) && cookieMSS[c.mss+1] <= mss {
		c.mss++
	}
	if e.cfg.NoTimestamps || !o.Present.Has(wire.HasTimestamp) {
		return c
	}
	c.ts = true
	if o.Present.Has(wire.HasWScale) && !e.cfg.NoScaling {
		c.says = min(o.WScale, wire.MaxWScale)
	}
	if o.Present.Has(wire.HasSACKPermitted) && !e.cfg.NoSACK {
		c.says |= saysSACK
	}
	if hasECN {
		c.says |= saysECN
	}
	return c
}

// flags are those of the SYN.
func (c Cookie) flags() wire.Flags {
	if c.says&saysECN != 0 {
		return wire.SYN | bothMarks
	}
	return wire.SYN
}

// options are those of the SYN, as far as they are known.
func (c Cookie) options(tsVal uint32) wire.Options {
	o := wire.Options{Present: wire.HasMSS, MSS: cookieMSS[c.mss], TSVal: tsVal}
	if !c.ts {
		return o
	}
	o.Present |= wire.HasTimestamp
	if scale := c.says &^ (saysSACK | saysECN); scale != noScale {
		o.Present |= wire.HasWScale
		o.WScale = scale
	}
	if c.says&saysSACK != 0 {
		o.Present |= wire.HasSACKPermitted
	}
	return o
}

// number is the initial sequence number that says c to the peer of k, whose own
// is irs. The ticks come around after 8 years.
func (e *Engine) number(c Cookie, k flow.Key4, irs seq.Value, tick uint64) seq.Value {
	said := uint64(c.mss) | uint64(c.says)<<mssBits
	if c.ts {
		said |= 1 << (mssBits + saysBits)
	}
	said |= tick << (mssBits + saysBits + 1) & (1<<32 - 1)
	h := uint32(e.key.Sum(e.hash(k, cookiePurpose), uint64(irs)<<32|said))
	return seq.Value(h&^(1<<mssBits-1) | uint32(c.mss))
}

func cookieClock(now mono.Time) uint64 { return uint64(now) / uint64(cookieTick) }

// stamp is our timestamp with c in its low bits, and not beyond the clock, which
// goes on from there.
func (e *Engine) stamp(c Cookie, k flow.Key4, now mono.Time) uint32 {
	clock := milliClock(now) + e.timestampOffset(k)
	v := clock&^(1<<saysBits-1) | uint32(c.says)
	if int32(v-clock) > 0 {
		v -= 1 << saysBits
	}
	return v
}

// SendCookie answers a SYN and forgets it. What the SYN-ACK says is what that of
// a connection with these settings would say; a TCB that is none is asked.
func (e *Engine) SendCookie(s *Segment, k flow.Key4, mtu MTU, now mono.Time, settings ...sock.Setting) {
	if e.cookies.full() {
		e.drop(drop.CookieLimit)
		return
	}
	t := &e.model
	e.open(t, 0, k, mtu, settings)
	e.takeECN(t, s)
	c := e.cookieOf(&s.Options, t.ecn != 0)
	syn := Segment{Options: c.options(s.Options.TSVal)}
	syn.Seq, syn.Flags = s.Seq, c.flags()
	e.takeSYN(t, &syn, now)
	r := Reply{
		Key: k, Seq: e.number(c, k, s.Seq, cookieClock(now)), Ack: s.Seq + 1, Flags: wire.SYN | wire.ACK | t.ecn.answer(),
		Window: uint16(min(t.rcvAdv.Minus(t.rcvNxt), maxField)), MSS: t.ourMSS, WScale: t.rcvScale,
		Offers: syn.Options.Present,
	}
	if c.ts {
		r.HasTS, r.TSVal, r.TSEcr = true, e.stamp(c, k, now), s.Options.TSVal
	}
	e.cookies.push(&r)
	e.Stats.CookiesSent++
}

// MayBringCookie reports that a segment for a listener may be the last of a
// handshake, with text and a FIN or without.
func (s *Segment) MayBringCookie() bool { return s.isPlain() }

// TakeCookie reads the cookie that a segment acknowledges; false if it is none
// of ours, or too old.
func (e *Engine) TakeCookie(s *Segment, k flow.Key4, now mono.Time) (Cookie, bool) {
	iss, irs := s.Ack-1, s.Seq-1
	c := Cookie{mss: uint8(iss & (1<<mssBits - 1)), says: noScale}
	if s.Options.Present.Has(wire.HasTimestamp) && !e.cfg.NoTimestamps {
		c.ts, c.says = true, uint8(s.Options.TSEcr&(1<<saysBits-1))
	}
	tick := cookieClock(now)
	return c, iss == e.number(c, k, irs, tick) || iss == e.number(c, k, irs, tick-1)
}

// RefuseCookie answers an ACK that brings no cookie of ours as any other to a
// listener (RFC 9293 §3.10.7.2). But one that echoes a timestamp which this peer
// was given just now may only have overtaken the one that brings the cookie, or
// that was lost: nobody answers it, and the peer will send the first again.
func (e *Engine) RefuseCookie(s *Segment, k flow.Key4, now mono.Time) {
	e.Stats.SegmentsIn++
	if s.Options.Present.Has(wire.HasTimestamp) && !e.cfg.NoTimestamps &&
		milliClock(now)+e.timestampOffset(k)-s.Options.TSEcr < millis(cookieHaste) {
		e.drop(drop.CookieEarly)
		return
	}
	e.replyReset(s, k)
	e.drop(drop.CookieRefused)
}

// AcceptCookie makes t the connection for which the segment s brings the cookie
// c: it stands in SYN-RECEIVED, its SYN-ACK sent, and s is still to be taken.
func (e *Engine) AcceptCookie(t *TCB, i slab.Index, k flow.Key4, mtu MTU, listener uint32, s *Segment, c Cookie, now mono.Time, settings ...sock.Setting) {
	e.open(t, i, k, mtu, settings)
	syn := Segment{Options: c.options(s.Options.TSVal)}
	syn.Seq, syn.Window, syn.Flags = s.Seq-1, s.Window, c.flags()
	e.passive(t, listener, &syn, s.Ack-1, now)
	t.want &^= WantControl
	t.sndNxt++
	e.Stats.CookiesAccepted++
}
