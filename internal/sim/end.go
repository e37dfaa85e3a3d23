// An application at one end of a connection, as a step function. It does what
// its plan says through sock.App, exactly as a goroutine of the net door would,
// but for parking: it sets its parked bits and then looks in each round whether
// a token has come. So a wake-up that is lost shows.

package sim

import (
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/sock"
)

// An End is one side of a pair.
type End struct {
	Conn *Conn
	Pair *Pair
	Plan Plan
	Role int // 0 client, 1 server

	Wrote, Read uint64 // octets
	EOF         bool   // the peer's end of stream was read
	Failed      sock.Errno
	ShutAt      mono.Time // when the sending side was shut, in order
	ClosedAt    mono.Time // when the connection was given back
	Aborted     bool
	Unread      int // octets that were there and never read, at the close

	readShut             bool
	parkedRead, parkedWr bool
	pausedTo             mono.Time
	buffer               []byte
}

func (e *End) isGone() bool { return e.ClosedAt.IsSet() }

func (e *End) world() *World { return e.Conn.Host.world }

// peer is the other end, nil before it was accepted.
func (e *End) peer() *End { return e.Pair.Ends[1-e.Role] }

// next is when the end does something that nobody wakes it for.
func (e *End) next() mono.Time {
	if e.isGone() || e.pausedTo <= e.world().now {
		return mono.Never
	}
	return e.pausedTo
}

// step does a few things in each direction. It reports whether anything was
// done.
func (e *End) step(now mono.Time) bool {
	busy := false
	for range e.Plan.AtOnce + 1 {
		if !e.stepOnce(now) {
			break
		}
		busy = true
	}
	return busy
}

// stepOnce does one thing in each direction.
func (e *End) stepOnce(now mono.Time) bool {
	if e.isGone() || now < e.pausedTo {
		return false
	}
	if len(e.Plan.Settings) > 0 {
		e.applySettings()
	}
	busy := e.stepWrite()
	if !e.isGone() {
		busy = e.stepRead() || busy
	}
	if !e.isGone() && e.isFinished() {
		e.close(false)
		busy = true
	}
	if busy && e.Plan.PauseOneIn > 0 && e.world().Rand.IntN(e.Plan.PauseOneIn) == 0 {
		e.pausedTo = now.Add(time.Duration(e.world().Rand.Int64N(int64(e.Plan.PauseMax) + 1)))
	}
	return busy
}

func (e *End) applySettings() {
	kept := e.Plan.Settings[:0]
	for _, s := range e.Plan.Settings {
		if e.Wrote < s.At {
			kept = append(kept, s)
			continue
		}
		e.Conn.App.Set(s.Option, s.Value)
	}
	e.Plan.Settings = kept
}

// wants returns how many octets the plan has left to write now.
func (e *End) wants() uint64 {
	if e.Plan.Follow {
		return e.Read - e.Wrote
	}
	left := e.Plan.Send - e.Wrote
	if e.Plan.Ahead > 0 {
		left = min(left, e.Read+e.Plan.Ahead-e.Wrote)
	}
	return left
}

// hasWritten reports that nothing is left to be written, now or later.
func (e *End) hasWritten() bool {
	if e.Plan.Follow {
		return e.EOF && e.Wrote == e.Read
	}
	return e.Wrote == e.Plan.Send
}

func (e *End) stepWrite() bool {
	if e.ShutAt.IsSet() || e.Failed != sock.OK {
		return false
	}
	if e.hasWritten() {
		return e.finishWriting()
	}
	n := min(e.wants(), uint64(e.Plan.WriteMax))
	if n == 0 || e.isParked(&e.parkedWr, e.Conn.waiter.Write) {
		return false
	}
	wrote, status := e.write(int(n))
	e.Wrote += uint64(wrote)
	switch status {
	case sock.Done:
		return true
	case sock.WouldBlock:
		e.parkedWr = e.Conn.App.ParkWrite(int(e.wants()))
		return !e.parkedWr
	case sock.Failed:
		e.failed()
		return true
	}
	e.world().Problem("%v: write: the sending side is shut, and nobody shut it", e)
	return false
}

// isParked reports that a sleeper still sleeps.
func (e *End) isParked(parked *bool, wake chan struct{}) bool {
	if !*parked {
		return false
	}
	select {
	case <-wake:
		*parked = false
		return false
	default:
		return true
	}
}

func (e *End) write(n int) (int, sock.Status) {
	out := e.Pair.patterns[e.Role]
	if !e.Plan.InPlace {
		return e.Conn.App.Write(out.at(e.Wrote, n))
	}
	a, b, status := e.Conn.App.Reserve()
	if status != sock.Done {
		return 0, status
	}
	done := copy(a, out.at(e.Wrote, n))
	done += copy(b, out.at(e.Wrote+uint64(done), n-done))
	e.Conn.App.Commit(done)
	return done, sock.Done
}

// finishWriting leaves, as the plan says.
func (e *End) finishWriting() bool {
	switch e.Plan.Finish {
	case WaitPeer:
		if !e.EOF {
			return false
		}
		e.shut()
	case CloseNow:
		e.close(false)
	case AbortNow:
		e.close(true)
	default:
		e.shut()
	}
	return true
}

func (e *End) shut() {
	e.ShutAt = e.world().now
	e.Conn.App.Shutdown()
}

// close gives the connection back.
func (e *End) close(abort bool) {
	e.ClosedAt = e.world().now
	e.Aborted = abort
	e.Unread = e.Conn.App.Buffered()
	if !abort && !e.ShutAt.IsSet() {
		e.ShutAt = e.ClosedAt
	}
	e.Conn.Close(abort)
}

func (e *End) stepRead() bool {
	if e.EOF || e.Failed != sock.OK || e.readShut {
		return e.lookForEnd()
	}
	if e.Plan.Quit != QuitNever && e.Read >= e.Plan.QuitAt {
		e.quit()
		return true
	}
	if e.isParked(&e.parkedRead, e.Conn.waiter.Read) {
		return false
	}
	b, status := e.read()
	if len(b) > 0 {
		e.checkText(b)
		e.Read += uint64(len(b))
		if e.Plan.InPlace {
			e.Conn.App.Discard(len(b))
		}
		return true
	}
	return e.noText(status)
}

// lookForEnd waits for the end of a direction whose text is discarded.
func (e *End) lookForEnd() bool {
	if !e.readShut || e.EOF || e.Failed != sock.OK {
		return false
	}
	_, status := e.Conn.App.Read(nil)
	return e.noText(status)
}

func (e *End) noText(status sock.Status) bool {
	switch status {
	case sock.Ended:
		e.ended()
		return true
	case sock.Failed:
		e.failed()
		return true
	case sock.WouldBlock:
		if e.Plan.Park && !e.readShut {
			e.parkedRead = e.Conn.App.ParkRead()
			return !e.parkedRead
		}
	}
	return false
}

func (e *End) read() ([]byte, sock.Status) {
	if e.Plan.InPlace {
		a, b, status := e.Conn.App.Peek()
		if len(a) == 0 {
			a = b
		}
		return a[:min(len(a), e.Plan.ReadMax)], status
	}
	if e.buffer == nil {
		e.buffer = make([]byte, e.Plan.ReadMax)
	}
	n, status := e.Conn.App.Read(e.buffer)
	return e.buffer[:n], status
}

// quit stops reading before the end.
func (e *End) quit() {
	switch e.Plan.Quit {
	case QuitClose:
		e.close(false)
	case QuitAbort:
		e.close(true)
	default:
		e.readShut = true
		e.Conn.App.ShutdownRead()
		e.Plan.Quit, e.Plan.Ahead = QuitNever, 0
	}
}

// isFinished reports that the application has done all that it will.
func (e *End) isFinished() bool {
	return e.Failed != sock.OK || e.ShutAt.IsSet() && e.EOF
}
