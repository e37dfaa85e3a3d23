// What an application is going to do with its connection, drawn by lot.

package sim

import (
	"math/rand/v2"
	"time"

	"github.com/mtcp-go/mtcp/internal/sock"
)

// Finish says how an end leaves when it has written everything.
type Finish uint8

// The ways to leave.
const (
	HalfClose Finish = iota // shut the sending side, read to the end, close
	WaitPeer                // wait for the peer's end of stream, then close
	CloseNow                // close at once, whatever the peer still sends
	AbortNow                // reset
)

// Quit says how an end stops reading early.
type Quit uint8

// The ways to stop.
const (
	QuitNever Quit = iota
	QuitClose      // close with octets unread, or still to come
	QuitAbort
	QuitRead // discard the rest
)

// A Plan is what one end does.
type Plan struct {
	Send   uint64 // octets to write
	Follow bool   // write as much as was read instead: an echo
	Ahead  uint64 // never be further ahead of what was read; 0: no limit

	WriteMax, ReadMax int           // octets in one call
	AtOnce            int           // more calls in a row than one
	PauseOneIn        int           // calls; 0: never
	PauseMax          time.Duration //
	Park              bool          // sleep as a goroutine would; else poll
	InPlace           bool          // peek and reserve instead of copying

	Finish Finish
	Quit   Quit
	QuitAt uint64 // octets read

	Settings []Setting
}

// A Setting is an option that is set when so many octets have been written.
type Setting struct {
	At     uint64
	Option sock.Option
	Value  uint64
}

// sizes in which applications write and read, from one octet to more than a
// ring of the first size.
var sizes = [...]int{1, 7, 64, 512, 1448, 1460, 4096, 10_000, 40_000}

// randomPlans draws the plans of both ends of a connection that moves about
// size octets.
func randomPlans(r *rand.Rand, size int, pause time.Duration) (p [2]Plan) {
	for i := range p {
		p[i] = Plan{
			WriteMax: sizes[r.IntN(len(sizes))],
			ReadMax:  sizes[r.IntN(len(sizes))],
			AtOnce:   r.IntN(8),
			Park:     r.IntN(4) > 0,
			InPlace:  r.IntN(3) == 0,
		}
		if r.IntN(2) == 0 {
			p[i].PauseOneIn, p[i].PauseMax = 1+r.IntN(20), pause
		}
		p[i].Send = randomSize(r, size)
	}
	switch r.IntN(10) {
	case 0, 1, 2: // request and response in lock step
		p[1].Send, p[1].Follow, p[1].Finish = 0, true, WaitPeer
		p[0].Ahead = uint64(1 + r.IntN(3000))
	case 3: // echo
		p[1].Send, p[1].Follow = 0, true
	case 4: // one way
		p[r.IntN(2)].Send = 0
	}
	for i := range p { // nobody is at it for ever
		most := uint64(150 * min(p[i].WriteMax, p[1-i].ReadMax))
		if p[i].Ahead > 0 {
			most = min(most, 100*p[i].Ahead)
		}
		p[i].Send = min(p[i].Send, most)
	}
	randomEnd(r, &p)
	for i := range p {
		if r.IntN(4) == 0 {
			p[i].Settings = randomSettings(r, p[i].Send)
		}
	}
	return p
}

func randomSize(r *rand.Rand, size int) uint64 {
	switch r.IntN(8) {
	case 0:
		return 0
	case 1:
		return uint64(r.IntN(100))
	case 2:
		return uint64(4 * r.IntN(size+1))
	}
	return uint64(r.IntN(size + 1))
}

// randomEnd draws who leaves first and how. That both wait for the other is
// not among it: they would wait for ever.
func randomEnd(r *rand.Rand, p *[2]Plan) {
	first := r.IntN(2)
	if p[1].Follow {
		first = 0
	}
	switch r.IntN(12) {
	case 0, 1, 2, 3:
		p[1-first].Finish = WaitPeer
	case 4, 5, 6:
		p[first].Finish = CloseNow
	case 7:
		p[first].Finish, p[1-first].Finish = CloseNow, CloseNow
	case 8:
		p[first].Finish = AbortNow
	case 9:
		p[first].Quit = []Quit{QuitClose, QuitAbort, QuitRead}[r.IntN(3)]
		p[first].QuitAt = uint64(r.Int64N(int64(p[1-first].Send) + 1))
	}
}

// randomSettings draws options that slow down or change, but never break, what
// the plan does.
func randomSettings(r *rand.Rand, size uint64) []Setting {
	at := func() uint64 { return uint64(r.Int64N(int64(size) + 1)) }
	all := []Setting{
		{at(), sock.OptNoDelay, uint64(r.IntN(2))},
		{at(), sock.OptKeepAlive, 1},
		{at(), sock.OptKeepIdle, uint64(time.Duration(1+r.IntN(30)) * time.Second)},
		{at(), sock.OptRcvBuf, uint64(1 << (10 + r.IntN(10)))},
		{at(), sock.OptSndBuf, uint64(1 << (10 + r.IntN(10)))},
		{at(), sock.OptTOS, uint64(r.IntN(64) << 2)},
		{at(), sock.OptTTL, uint64(1 + r.IntN(255))},
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+r.IntN(len(all))]
}
