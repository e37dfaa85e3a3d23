// SYN cookies: a SYN that finds no room for a handshake is answered without
// keeping anything, and the ACK that brings its answer back makes a connection
// (RFC 4987 §3.6; what a cookie is stands in tcp/cookie.go).

package shard

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// cookieShare bounds the cookies of a round that go out before what connections
// have to send: a quarter of the batch. The others take what is left.
const cookieShare = batch / 4

// cookieRow is how many rounds in a row find a whole batch before only some of it
// is answered: a burst is no flood, and the device's ring holds as much again.
const cookieRow = 8

// wantsCookie reports that a SYN to l gets a cookie, not a connection.
func (s *Shard) wantsCookie(l *listener) bool {
	switch s.cfg.TCP.Cookies {
	case tcp.CookiesOff:
		return false
	case tcp.CookiesAlways:
		return true
	}
	return l.halfOpen >= l.synLimit || l.halfOpen > 0 && s.tcbs.Len() == s.tcbs.Cap()
}

// takesCookies reports that an ACK to l may bring a cookie: none does unless some
// were sent, so that in quiet times nobody can guess one, or open a connection
// by saying again what an earlier one said.
func (s *Shard) takesCookies(l *listener, now mono.Time) bool {
	return l.cookieAt.IsSet() && now.Sub(l.cookieAt) < tcp.CookieLife
}

// sendCookie answers a SYN. When the device has had more frames than a round takes
// for a while, only some are answered: an answer costs more than what it answers, and what the
// device would lose meanwhile is everybody's.
func (s *Shard) sendCookie(a *arrival, l *listener, now mono.Time) {
	if s.crowded > cookieRow && s.engine.Cookies() >= cookieShare {
		s.drop(drop.CookieLimit)
		return
	}
	l.cookieAt = now
	s.engine.SendCookie(&a.seg, a.key, s.mtu(a.key, now), now, l.settings...)
}

// inputCookie is an ACK to a listener that sends cookies, and to no connection.
// All shards were asked for one: the ACK is then back where the device delivers
// what follows it, and whatever follows has gone the same way.
func (s *Shard) inputCookie(a *arrival, place uint32, now mono.Time) {
	c, ok := s.engine.TakeCookie(&a.seg, a.key, now)
	if !ok {
		s.engine.RefuseCookie(&a.seg, a.key, now)
		return
	}
	l := &s.listening[place]
	i, why := s.slotFor(a, l)
	if why != drop.None {
		s.engine.Stats.SegmentsIn++
		s.drop(why) // the peer will send again
		return
	}
	l.halfOpen++
	t := s.tcbs.At(i)
	s.engine.AcceptCookie(t, i, a.key, s.mtu(a.key, now), l.id(place), &a.seg, c, now, l.settings...)
	s.engine.Input(t, &a.seg, now)
	s.promise(t)
	s.touch(t)
}

// slotFor takes a slot for a connection whose handshake is complete, within the
// limits. One of which less is known gives way for it.
func (s *Shard) slotFor(a *arrival, l *listener) (slab.Index, drop.Reason) {
	switch {
	case s.draining:
		return 0, drop.SYNBacklog
	case l.waiting()+l.promised >= l.backlog:
		return 0, drop.AcceptFull
	case s.pool.Low():
		return 0, drop.NoRing
	}
	i, ok := s.tcbs.Get()
	if !ok && s.evictHalfOpen(l) {
		i, ok = s.tcbs.Get()
	}
	if !ok {
		return 0, drop.NoTCB
	}
	if !s.flows.Insert(a.key, uint32(i)) {
		s.tcbs.Put(i)
		return 0, drop.NoTCB
	}
	return i, drop.None
}
