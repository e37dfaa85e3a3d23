package memif

// The control connection's loop. Serve looks at every connection when any of
// them, the socket, or a queue has news, and sleeps meanwhile. A master
// has at most one connection that is up or being set up, and a few that have not
// said yet who they are; a slave tries again, less and less often, as long as there
// is no master.

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Serve keeps the control connection until Close. One goroutine runs it.
func (d *Device) Serve() {
	d.serving.Lock()
	defer d.serving.Unlock()
	for !d.closing.Load() {
		d.sleeper.Wait(d.step(time.Now()))
	}
	d.hangUp()
}

// step does all that there is to do and returns how long nothing else will be;
// negative is for ever.
func (d *Device) step(now time.Time) time.Duration {
	for i := 0; i < len(d.sessions); {
		s := d.sessions[i]
		if err := d.look(s, now); err != nil {
			d.drop(i, err, now)
			continue
		}
		i++
	}
	d.rescue()
	if d.cfg.Role == Master {
		d.accept(now)
	} else if len(d.sessions) == 0 && !now.Before(d.retryAt) {
		d.connect(now)
	}
	return d.rest(now)
}

// look takes what a session's peer said or did.
func (d *Device) look(s *session, now time.Time) error {
	if err := s.input(); err != nil {
		return err
	}
	if s.state != up {
		if now.After(s.deadline) {
			return badf("not connected within %v", maxShake)
		}
		return nil
	}
	if f := s.peer.blamed(); f != noFault {
		return faultError(f)
	}
	if !now.Before(d.checkAt) {
		return d.check(now)
	}
	return nil
}

// A faultError ends a connection for what a queue saw.
type faultError fault

func (e faultError) Error() string { return fault(e).String() }

// check looks for a kick that hangs since the last look. Whoever holds an event
// descriptor can fill its counter and make writing to it block.
func (d *Device) check(now time.Time) error {
	d.checkAt = now.Add(kickCheck)
	for i, q := range d.queues {
		n := q.kicks.Load()
		if n&1 != 0 && n == d.kicks[i] {
			return faultError(faultBell)
		}
		d.kicks[i] = n
	}
	return nil
}

// A ghost is a peer that is gone, perhaps while a kick hangs.
type ghost struct {
	peer  *peer
	kicks []uint64 // of each queue, at the end
}

// bury keeps a peer until no kick of its time is under way.
func (d *Device) bury(p *peer) {
	p.hold()
	g := ghost{p, make([]uint64, len(d.queues))}
	for i, q := range d.queues {
		g.kicks[i] = q.kicks.Load()
	}
	d.ghosts = append(d.ghosts, g)
}

// rescue frees shards that hang: reading a full counter lets the writer go on. If
// somebody fills it again before, there is another try very soon.
func (d *Device) rescue() {
	d.ghosts = slices.DeleteFunc(d.ghosts, func(g ghost) bool {
		hangs := false
		for i, q := range d.queues {
			if n := q.kicks.Load(); n&1 != 0 && n == g.kicks[i] {
				hangs = true
				var b [8]byte
				_, _ = unix.Preadv2(g.peer.pairs[i].txBell, [][]byte{b[:]}, -1, unix.RWF_NOWAIT)
			}
		}
		if !hangs {
			_ = g.peer.release()
		}
		return !hangs
	})
}

// drop ends the i-th session.
func (d *Device) drop(i int, why error, now time.Time) {
	s := d.sessions[i]
	d.sessions = append(d.sessions[:i], d.sessions[i+1:]...)
	wasUp := s.state == up
	tell := why.Error()
	if errors.Is(why, io.EOF) || errors.Is(why, errLeft) {
		tell = ""
	}
	if errors.Is(why, io.EOF) {
		why = errors.New("the peer's process ended the connection")
	}
	if wasUp {
		d.bury(s.peer)
	}
	s.end(tell)
	if d.active == s {
		d.active = nil
	}
	d.fallen(s, wasUp, why)
	if d.cfg.Role == Slave {
		d.putOff(now, wasUp)
	}
}

// putOff chooses when a slave tries again.
func (d *Device) putOff(now time.Time, wasUp bool) {
	if wasUp && now.Sub(d.upSince) > maxRetry {
		d.retry = 0
	}
	d.retry = min(max(2*d.retry, minRetry), maxRetry)
	d.retryAt = now.Add(d.retry)
}

// connect tries to reach the master.
func (d *Device) connect(now time.Time) {
	fd, err := dial(d.cfg.Socket)
	if err == nil {
		err = d.add(fd, waitHello, now)
	}
	if err != nil {
		d.note(func(st *State) { st.Why = err.Error() })
		d.putOff(now, false)
	}
}

// accept takes new connections to the socket, of which there can be so many in a
// second; more wait in the kernel.
func (d *Device) accept(now time.Time) {
	if now.Sub(d.window) >= time.Second {
		d.window, d.accepts = now, 0
	}
	for d.accepts < maxAccepts {
		fd, _, err := unix.Accept4(d.listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if err != nil {
			break // none, or it has gone again, or there are no descriptors: later
		}
		d.accepts++
		if err := d.welcome(fd, now); err != nil {
			d.note(func(st *State) { st.Refused++; st.Why = err.Error() })
		}
	}
	d.listenFor(d.accepts < maxAccepts)
}

func (d *Device) welcome(fd int, now time.Time) error {
	pending := len(d.sessions)
	if d.active != nil {
		pending--
	}
	if pending >= maxPending {
		_ = unix.Close(fd)
		return fmt.Errorf("more than %d connections that do not say who they are", maxPending)
	}
	if err := d.add(fd, waitInit, now); err != nil {
		return err
	}
	s := d.sessions[len(d.sessions)-1]
	if err := s.greet(); err != nil {
		d.drop(len(d.sessions)-1, err, now)
	}
	return nil
}

// add begins a session over a connection.
func (d *Device) add(fd int, first state, now time.Time) error {
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if err := unix.EpollCtl(d.events, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("epoll: %w", err)
	}
	d.sessions = append(d.sessions, &session{d: d, fd: fd, state: first, deadline: now.Add(maxShake)})
	return nil
}

// listenFor lets new connections wake Serve, or not.
func (d *Device) listenFor(more bool) {
	if more == d.listens {
		return
	}
	d.listens = more
	e := unix.EpollEvent{Fd: int32(d.listener)}
	if more {
		e.Events = unix.EPOLLIN
	}
	_ = unix.EpollCtl(d.events, unix.EPOLL_CTL_MOD, d.listener, &e)
}

// rest is how long Serve may sleep.
func (d *Device) rest(now time.Time) time.Duration {
	rest := time.Duration(-1)
	until := func(t time.Time) {
		if left := max(t.Sub(now), time.Millisecond); rest < 0 || left < rest {
			rest = left
		}
	}
	for _, s := range d.sessions {
		if s.state != up {
			until(s.deadline)
		} else {
			until(d.checkAt)
		}
	}
	if len(d.ghosts) > 0 {
		until(now)
	}
	if d.cfg.Role == Slave && len(d.sessions) == 0 {
		until(d.retryAt)
	}
	if d.cfg.Role == Master && !d.listens {
		until(d.window.Add(time.Second))
	}
	return rest
}

// risen notes that a connection is up.
func (d *Device) risen(s *session, name string) {
	d.upSince = time.Now()
	who := s.name
	if name != "" {
		who += " (" + name + ")"
	}
	d.note(func(st *State) {
		st.Up, st.Peer, st.HugePages = true, who, s.peer.huge
		st.Connects++
	})
	if d.cfg.Changed != nil {
		d.cfg.Changed(true, who)
	}
}

// fallen notes how a connection ended.
func (d *Device) fallen(s *session, wasUp bool, why error) {
	var protocol protocolError
	var lie faultError
	d.note(func(st *State) {
		st.Why = why.Error()
		switch {
		case wasUp:
			st.Up, st.HugePages = false, false
			st.Disconnects++
		case s.d.cfg.Role == Master:
			st.Refused++
		}
		if errors.As(why, &protocol) {
			st.Protocol++
		}
		if errors.As(why, &lie) {
			st.Faults++
		}
	})
	if wasUp && d.cfg.Changed != nil {
		d.cfg.Changed(false, why.Error())
	}
}

func (d *Device) note(f func(*State)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(&d.state)
}

// hangUp ends every connection, when Serve ends.
func (d *Device) hangUp() {
	for len(d.sessions) > 0 {
		d.drop(len(d.sessions)-1, errors.New("the device was closed"), time.Now())
	}
	d.rescue()
}
