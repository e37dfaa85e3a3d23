package memif

// One control connection: what may be said in which state, and what is made of
// it. Every message is looked at once and bounded: a peer can add so many regions
// and rings, and then nothing more.

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// A state is what is expected next.
type state uint8

const (
	waitInit  state = iota // master: who is it?
	waitHello              // slave: what can the master do?
	setUp                  // master: regions, rings, CONNECT; slave: ACKs, CONNECTED
	up
)

// A protocolError is something that a peer must not say. It is told so.
type protocolError string

func (e protocolError) Error() string { return string(e) }

func badf(format string, args ...any) error { return protocolError(fmt.Sprintf(format, args...)) }

// errLeft is a DISCONNECT of the peer's.
var errLeft = errors.New("the peer disconnected")

// A session is one connection.
type session struct {
	d        *Device
	fd       int
	state    state
	deadline time.Time // to be up

	peer *peer  // from setUp on
	name string // what the peer calls itself

	mapped uint64          // master: octets of regions
	rings  map[addRing]int // master: the rings announced, by direction and index, and their events
	where  map[addRing]addRing

	out []outgoing // slave: one more is sent for each ACK
}

// outgoing is a message yet to be sent, with a descriptor or -1.
type outgoing struct {
	m  *message
	fd int
}

// input takes what has arrived, a bounded number of messages. Its error is the
// end of the session.
func (s *session) input() error {
	for range maxMessages {
		var m message
		fds, err := receive(s.fd, &m)
		if err == errAgain {
			return nil
		}
		if err == nil {
			err = s.handle(&m, fds)
		} else {
			closeAll(fds)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// handle takes one message with its descriptors. What it does not keep of these
// is closed.
func (s *session) handle(m *message, fds []int) error {
	k := m.kind()
	if len(fds) != k.descriptors() {
		closeAll(fds)
		return badf("%v with %d descriptors, not %d", k, len(fds), k.descriptors())
	}
	slave := s.d.cfg.Role == Slave
	switch {
	case k == kindDisconnect:
		return fmt.Errorf("%w: %s", errLeft, m.reason())
	case k == kindHello && s.state == waitHello:
		return s.onHello(m.hello())
	case k == kindAck && s.state == setUp && slave:
		return s.next()
	case k == kindConnected && s.state == setUp && slave:
		return s.onConnected(m.name())
	case k == kindInit && s.state == waitInit:
		return s.onInit(m.start())
	case k == kindAddRegion && s.state == setUp && !slave:
		return s.onAddRegion(m.addRegion(), fds[0])
	case k == kindAddRing && s.state == setUp && !slave:
		return s.onAddRing(m.addRing(), fds[0])
	case k == kindConnect && s.state == setUp && !slave:
		return s.onConnect(m.name())
	}
	closeAll(fds)
	return badf("unexpected message %v (%d)", k, uint16(k))
}

// greet is a master's first word.
func (s *session) greet() error {
	h := hello{
		name:       programName,
		minVersion: version, maxVersion: version,
		maxRegion: maxRegions - 1,
		maxM2S:    uint16(s.d.cfg.Queues - 1), // at most maxQueues
		maxS2M:    uint16(s.d.cfg.Queues - 1),
		maxLog2:   maxLog2Ring,
	}
	return send(s.fd, h.message(), -1)
}

func (s *session) ack() error { return send(s.fd, newMessage(kindAck), -1) }

// onInit checks who wants to be connected, and to what.
func (s *session) onInit(i start) error {
	d := s.d
	var secret [secretSize]byte
	copy(secret[:], d.cfg.Secret)
	switch {
	case i.version != version:
		return badf("version %d.%d, not 2.0", i.version>>8, i.version&0xff)
	case i.id != d.cfg.ID:
		return badf("no interface %d here", i.id)
	case d.cfg.Secret != "" && subtle.ConstantTimeCompare(secret[:], i.secret[:]) == 0:
		return badf("wrong secret")
	case i.mode != 0:
		return badf("only Ethernet is spoken here, not mode %d", i.mode)
	case d.active != nil:
		return badf("already connected")
	}
	d.active = s
	s.name = i.name
	s.state = setUp
	s.peer = newPeer(d.cfg.Queues, d.sleeper.Wake)
	s.rings = make(map[addRing]int)
	s.where = make(map[addRing]addRing)
	return s.ack()
}

// onAddRegion maps memory that the slave offers.
func (s *session) onAddRegion(a addRegion, fd int) error {
	defer unix.Close(fd)
	n := len(s.peer.regions)
	switch {
	case n == maxRegions:
		return badf("more than %d regions", maxRegions)
	case int(a.index) != n:
		return badf("region %d announced as the %dth", a.index, n)
	case a.size > maxMapped-s.mapped:
		return badf("regions of more than %d octets", maxMapped)
	}
	mem, err := mapRegion(fd, a.size, s.d.cfg.HugePages)
	if err != nil {
		return badf("region %d: %v", a.index, err)
	}
	s.mapped += a.size
	s.peer.regions = append(s.peer.regions, mem)
	return s.ack()
}

// key is what tells rings apart.
func (a *addRing) key() addRing { return addRing{toMaster: a.toMaster, index: a.index} }

// onAddRing notes where a ring lies. It is looked at when all are known.
func (s *session) onAddRing(a addRing, fd int) error {
	_, twice := s.rings[a.key()]
	bad := error(nil)
	switch {
	case int(a.index) >= s.d.cfg.Queues:
		bad = badf("ring %d: there are %d in each direction", a.index, s.d.cfg.Queues)
	case twice:
		bad = badf("ring %d twice", a.index)
	case int(a.region) >= len(s.peer.regions):
		bad = badf("ring in region %d, which there is not", a.region)
	case a.private != 0:
		bad = badf("buffers with a private header")
	case !isEvent(fd):
		bad = badf("the interrupt of a ring is not an eventfd")
	}
	if bad != nil {
		_ = unix.Close(fd)
		return bad
	}
	s.rings[a.key()], s.where[a.key()] = fd, a
	return s.ack()
}

// onConnect looks at the rings, and gives each queue its pair.
func (s *session) onConnect(name string) error {
	if len(s.rings) != 2*s.d.cfg.Queues {
		return badf("%d rings, not %d in each direction", len(s.rings), s.d.cfg.Queues)
	}
	for i := range s.peer.pairs {
		p := &s.peer.pairs[i]
		if err := s.takeRing(addRing{toMaster: true, index: uint16(i)}, &p.rx, &p.rxBell); err != nil {
			return err
		}
		if err := s.takeRing(addRing{index: uint16(i)}, &p.tx, &p.txBell); err != nil {
			return err
		}
	}
	s.rise(name)
	return send(s.fd, named(kindConnected, s.d.info.Name), -1)
}

// takeRing moves a ring and its event from the notes into a pair.
func (s *session) takeRing(key addRing, r *ring, bell *int) error {
	a := s.where[key]
	found, err := newRing(s.peer.regions[a.region], a.offset, a.log2)
	if err != nil {
		return badf("ring %d: %v", a.index, err)
	}
	*r, *bell = found, s.rings[key]
	delete(s.rings, key) // the pair owns it now
	return nil
}

// onHello makes memory that suits the master, and says what there is, one
// message for each ACK.
func (s *session) onHello(h hello) error {
	c := &s.d.cfg
	l := layoutOf(c)
	l.log2 = min(l.log2, h.maxLog2)
	l.fit()
	switch {
	case h.minVersion > version || h.maxVersion < version:
		return badf("versions %#x to %#x, without 2.0", h.minVersion, h.maxVersion)
	case int(h.maxM2S)+1 < c.Queues || int(h.maxS2M)+1 < c.Queues:
		return badf("the master allows %d and %d rings, not %d", h.maxM2S+1, h.maxS2M+1, c.Queues)
	}
	s.name = h.name
	s.d.active = s
	s.state = setUp
	s.peer = newPeer(c.Queues, s.d.sleeper.Wake)
	return s.announce(&l)
}

// announce prepares everything that a slave says until CONNECT, and sends the
// first of it.
func (s *session) announce(l *layout) error {
	c := &s.d.cfg
	mem, fd, why, err := l.make(c.HugePages)
	if err != nil {
		return fmt.Errorf("memory to share: %w", err)
	}
	s.peer.regions = [][]byte{mem}
	s.peer.huge = c.HugePages && why == ""
	s.d.note(func(st *State) { st.WhyNot = why })
	i := start{version: version, id: c.ID, name: programName}
	copy(i.secret[:], c.Secret)
	region := addRegion{size: uint64(len(mem))}
	s.out = []outgoing{{i.message(), -1}, {region.message(), fd}}
	for i := range s.peer.pairs {
		if err := s.announceRings(l, i, mem); err != nil {
			return err
		}
	}
	s.out = append(s.out, outgoing{named(kindConnect, s.d.info.Name), -1})
	return s.next()
}

func (s *session) announceRings(l *layout, queue int, mem []byte) error {
	p := &s.peer.pairs[queue]
	p.stride, p.buffer = l.stride, l.buffer
	for _, toMaster := range [...]bool{true, false} {
		r, bell, own := &p.rx, &p.rxBell, &p.rxOwn
		if toMaster {
			r, bell, own = &p.tx, &p.txBell, &p.txOwn
		}
		n := l.number(queue, toMaster)
		var err error
		if *r, err = newRing(mem, l.ringAt(n), l.log2); err != nil {
			return err
		}
		if *bell, err = newEvent(); err != nil {
			return err
		}
		*own = l.bufferAt(n)
		a := addRing{toMaster: toMaster, index: uint16(queue), offset: l.ringAt(n), log2: l.log2}
		s.out = append(s.out, outgoing{a.message(), *bell})
	}
	return nil
}

// next sends the next of what is prepared.
func (s *session) next() error {
	if len(s.out) == 0 {
		return badf("unexpected message %v", kindAck)
	}
	o := s.out[0]
	if err := send(s.fd, o.m, o.fd); err != nil {
		return err
	}
	s.out = s.out[1:]
	if o.m.kind() == kindAddRegion {
		return unix.Close(o.fd) // the mapping stays
	}
	return nil
}

func (s *session) onConnected(name string) error {
	if len(s.out) != 0 {
		return badf("%v before everything was said", kindConnected)
	}
	s.rise(name)
	return nil
}

// rise gives the queues their rings.
func (s *session) rise(name string) {
	s.state = up
	s.deadline = time.Time{}
	for i, q := range s.d.queues {
		q.offer(&s.peer.pairs[i])
	}
	s.d.risen(s, name)
}

// end closes the connection, tells the peer why unless it knows, and takes the
// rings back.
func (s *session) end(tell string) {
	if tell != "" {
		_ = send(s.fd, disconnect(0, tell), -1)
		s.discard()
	}
	_ = unix.Close(s.fd)
	for _, fd := range s.rings {
		_ = unix.Close(fd)
	}
	for _, o := range s.out {
		if o.m.kind() == kindAddRegion {
			_ = unix.Close(o.fd)
		}
	}
	if s.state == up {
		for _, q := range s.d.queues {
			q.offer(nil)
		}
	}
	if s.peer != nil {
		_ = s.peer.release()
		s.peer = nil
	}
	s.state, s.out, s.rings = waitInit, nil, nil
}

// discard reads what was not answered: closing before would take what we said
// last from the peer.
func (s *session) discard() {
	_ = unix.Shutdown(s.fd, unix.SHUT_RD) // nothing more can come
	for range maxUnread {
		var m message
		fds, err := receive(s.fd, &m)
		closeAll(fds)
		if err == io.EOF || err == errAgain {
			return
		}
	}
}
