// Listening ports: who may connect, and how many may wait (RFC 9293 §3.9.1.1).

package shard

import (
	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// maxListeners bounds the listening ports of a shard.
const maxListeners = 4096

// leastHalfOpen is the least bound of a listener's handshakes in progress.
const leastHalfOpen = 64

// A listener is one listening port on this shard.
type listener struct {
	ip       uint32 // flow.AnyIP for all addresses
	port     uint16
	open     bool
	serial   uint16 // tells a listener from a later one in the same place
	halfOpen int    // connections in SYN-RECEIVED
	oldest   halfOpenQueue
	backlog  int       // bound of the accept queue
	promised int       // handshakes completed in this batch, not in the queue yet
	synLimit int       // bound of halfOpen
	cookieAt mono.Time // when a SYN cookie was last sent
	queue    *sock.AcceptQueue
	settings []sock.Setting // of the connections that come through it
	handled  bool           // connections go to the handler, not into the queue
	owner    uint32         // the handler's word for it
}

// Listen opens a port. ip 0 means every address. The listener takes up to
// backlog established connections that nobody has accepted yet, and as many
// again that are half open; they begin with the settings. Shard's goroutine only
// (OpCall).
func (s *Shard) Listen(ip wire.IPv4, port uint16, backlog int, q *sock.AcceptQueue, settings ...sock.Setting) sock.Errno {
	l, why := s.bind(ip, port)
	if why != sock.OK {
		return why
	}
	l.backlog, l.synLimit, l.queue, l.settings = backlog, synLimit(backlog), q, settings
	return sock.OK
}

// bind opens a port without limits yet.
func (s *Shard) bind(ip wire.IPv4, port uint16) (*listener, sock.Errno) {
	if ip != 0 && !s.host.IsLocal(ip) {
		return nil, sock.NotLocal
	}
	place := s.freeListener()
	switch s.listeners.Add(uint32(ip), port, uint32(place)) {
	case flow.BindInUse:
		return nil, sock.AddressInUse
	case flow.BindFull:
		return nil, sock.NoMemory
	}
	l := &s.listening[place]
	*l = listener{ip: uint32(ip), port: port, open: true, serial: l.serial + 1}
	return l, sock.OK
}

// Relisten changes the settings of a listener's connections to come.
func (s *Shard) Relisten(ip wire.IPv4, port uint16, settings ...sock.Setting) {
	if place, ok := s.listeners.Lookup(uint32(ip), port); ok {
		s.listening[place].settings = settings
	}
}

// synLimit bounds the handshakes of a listener that are not complete.
func synLimit(backlog int) int { return max(2*backlog, leastHalfOpen) }

func (s *Shard) freeListener() int {
	for i := 1; i < len(s.listening); i++ {
		if !s.listening[i].open {
			return i
		}
	}
	s.listening = append(s.listening, listener{})
	return len(s.listening) - 1
}

// Unlisten closes a port. Connections that are half open are reset when they
// complete; those in the accept queue are the caller's to abort.
func (s *Shard) Unlisten(ip wire.IPv4, port uint16) {
	place, ok := s.listeners.Lookup(uint32(ip), port)
	if !ok || !s.listeners.Remove(uint32(ip), port) {
		return
	}
	l := &s.listening[place]
	l.open, l.queue, l.oldest = false, nil, halfOpenQueue{}
}

// PortTaken reports whether a listener would conflict on the port.
func (s *Shard) PortTaken(ip wire.IPv4, port uint16) bool {
	if _, ok := s.listeners.Lookup(uint32(ip), port); ok {
		return true
	}
	return false
}

// id packs what a TCB remembers of its listener.
func (l *listener) id(place uint32) uint32 { return uint32(l.serial)<<16 | place }

// listenerOf finds the listener that a passive open came through, nil when it
// has been closed.
func (s *Shard) listenerOf(t *tcp.TCB) *listener {
	place := t.Listener() & 0xffff
	if place == 0 || int(place) >= len(s.listening) {
		return nil
	}
	l := &s.listening[place]
	if !l.open || l.id(place) != t.Listener() {
		return nil
	}
	return l
}

// inputListener is a segment to a listening port without a connection.
func (s *Shard) inputListener(a *arrival, place uint32, now mono.Time) {
	if s.engine.InputListen(&a.seg, a.key) {
		s.accept(a, place, 0, false, now)
	}
}

// accept opens a half-open connection for a SYN, within the limits.
func (s *Shard) accept(a *arrival, place uint32, floor seq.Value, afterFloor bool, now mono.Time) {
	l := &s.listening[place]
	if s.draining {
		s.drop(drop.SYNBacklog)
		return
	}
	if l.waiting() >= l.backlog {
		s.drop(drop.AcceptFull)
		return
	}
	if s.pool.Low() {
		s.drop(drop.NoRing) // what was accepted keeps its memory
		return
	}
	if !afterFloor && s.wantsCookie(l) {
		s.sendCookie(a, l, now)
		return
	}
	if l.halfOpen >= l.synLimit && !s.evictHalfOpen(l) {
		s.drop(drop.SYNBacklog)
		return
	}
	i, ok := s.tcbs.Get()
	if !ok {
		s.drop(drop.NoTCB)
		return
	}
	if !s.flows.Insert(a.key, uint32(i)) {
		s.tcbs.Put(i)
		s.drop(drop.NoTCB)
		return
	}
	l.halfOpen++
	l.oldest.push(s.tcbs.Handle(i), l.synLimit)
	t := s.tcbs.At(i)
	s.engine.Accept(t, i, a.key, s.mtu(a.key, now), l.id(place), &a.seg, floor, afterFloor, now, l.settings...)
	s.touch(t)
}

// evictHalfOpen makes room by forgetting the handshake that has waited longest:
// without cookies, under a flood of SYNs that nobody completes, an honest client,
// who answers within a round trip, still gets in. The one that is forgotten was
// acknowledged to nobody; an honest peer's next segment is answered with a RST.
func (s *Shard) evictHalfOpen(l *listener) bool {
	for {
		h, ok := l.oldest.pop()
		if !ok {
			return false
		}
		i, ok := s.tcbs.Lookup(h)
		if !ok {
			continue
		}
		if t := s.tcbs.At(i); t.State() == tcp.SynReceived && s.listenerOf(t) == l {
			s.drop(drop.SYNEvicted)
			s.forget(t, i)
			return true
		}
	}
}

// A halfOpenQueue lists handshakes in the order in which they began. Those
// that have ended since are skipped, and swept when they are many.
type halfOpenQueue struct {
	handles []slab.Handle
	first   int
}

// push appends; limit bounds the list, which forgets its oldest beyond it.
func (q *halfOpenQueue) push(h slab.Handle, limit int) {
	if q.first > limit {
		q.handles = append(q.handles[:0], q.handles[q.first:]...)
		q.first = 0
	}
	if len(q.handles)-q.first > 2*limit {
		q.first++
	}
	q.handles = append(q.handles, h)
}

func (q *halfOpenQueue) pop() (slab.Handle, bool) {
	if q.first == len(q.handles) {
		q.handles, q.first = q.handles[:0], 0
		return 0, false
	}
	q.first++
	return q.handles[q.first-1], true
}

// acceptFull reports that a completed handshake would find no room.
func (s *Shard) acceptFull(t *tcp.TCB) bool {
	l := s.listenerOf(t)
	return l != nil && l.waiting()+l.promised >= l.backlog
}

// waiting is how many connections nobody has accepted yet. A handler takes them
// at once.
func (l *listener) waiting() int {
	if l.handled {
		return 0
	}
	return l.queue.Len()
}

// promise keeps a place in the accept queue for a handshake that a segment of
// the batch has completed; publishing will put it there.
func (s *Shard) promise(t *tcp.TCB) {
	if t.State() == tcp.SynReceived || t.State() == tcp.Closed {
		return
	}
	if l := s.listenerOf(t); l != nil {
		l.promised++
	}
}

// accepted queues an established connection for its listener.
func (s *Shard) accepted(t *tcp.TCB, i slab.Index) {
	l := s.listenerOf(t)
	s.leaveListener(t)
	if l == nil { // closed meanwhile
		s.engine.Abort(t)
		return
	}
	l.promised = max(l.promised-1, 0)
	if l.handled {
		s.own(t)
		s.handler.Accepted(i, l.owner)
		return
	}
	s.blocks[i].Raise(sock.Connected, 0)
	c := s.describe(t, i)
	s.woke = true
	if !l.queue.Push(&c) {
		s.drop(drop.AcceptFull)
		s.engine.Abort(t)
	}
}

// leaveListener ends the half-open count of a passive open.
func (s *Shard) leaveListener(t *tcp.TCB) {
	if t.Listener() == 0 {
		return
	}
	if l := s.listenerOf(t); l != nil {
		l.halfOpen--
	}
	t.ForgetListener()
}
