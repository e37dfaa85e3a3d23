package runner

import (
	"sync/atomic"

	"github.com/mtcp-go/mtcp/internal/sock"
)

// A yield that stays on its processor.
//
// runtime.Gosched puts the loop into the one queue of all processors, under the
// scheduler's lock, from where any of them takes it: with several shards the
// loops wander, and what they know of their connections with them. A goroutine
// that is readied by a channel goes into the queue of the processor that readied
// it. So two goroutines run the loop in turn: who yields readies the other and
// waits.
//
//	front, runs next     queue of this processor
//	[last readied]       [readied before] ... [the other]
//
// Who is readied goes to the front, and pushes who was there to the end of the
// queue. So the other is readied before the last of those who shall run first,
// whom the shard holds back for that. If there is none, an idle goroutine is
// readied in its place.
//
// From when the other is readied the loop is its own: another processor may have
// taken it already.

// A baton is the right to run a loop, which two goroutines pass to each other.
type baton struct {
	turn [2]chan struct{}
	idle chan struct{}
	over atomic.Bool // the loop has ended
}

func newBaton() *baton {
	b := &baton{idle: make(chan struct{}, 1)}
	for i := range b.turn {
		b.turn[i] = make(chan struct{}, 1)
	}
	return b
}

// pass lets the other goroutine of the loop go on behind all who were readied,
// and behind last, if there is one, who waits for what is in why. It returns when
// the baton has come back, and is false if the loop has ended.
func (b *baton) pass(me int, last *sock.Waiter, why sock.Ready) bool {
	b.turn[1-me] <- struct{}{}
	if last != nil {
		last.Wake(why)
	} else {
		b.readyIdle()
	}
	return b.wait(me)
}

func (b *baton) readyIdle() {
	select {
	case b.idle <- struct{}{}:
	default: // it is ready since the last time
	}
}

// wait waits for the baton.
func (b *baton) wait(me int) bool {
	<-b.turn[me]
	return !b.over.Load()
}

// end lets the other goroutine, and the idle one, return.
func (b *baton) end(me int) {
	b.over.Store(true)
	b.turn[1-me] <- struct{}{}
	b.readyIdle()
}

// idler is readied to push others into the queue.
func (b *baton) idler() {
	for !b.over.Load() {
		<-b.idle
	}
}
