package runner

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

// A baton is the right to run a loop, which two goroutines pass to each other.
type baton struct {
	turn [2]chan struct{}
	idle chan struct{}
	over bool // the loop has ended; passed with the baton
}

func newBaton() *baton {
	b := &baton{idle: make(chan struct{}, 1)}
	for i := range b.turn {
		b.turn[i] = make(chan struct{}, 1)
	}
	return b
}

// pass lets the other goroutine of the loop go on behind all who were readied;
// last readies one more, if it can. It returns when the baton has come back,
// and is false if the loop has ended.
func (b *baton) pass(me int, last func() bool) bool {
	b.turn[1-me] <- struct{}{}
	if !last() {
		select {
		case b.idle <- struct{}{}:
		default: // it has not run since; the order is a matter of speed only
		}
	}
	return b.wait(me)
}

// wait waits for the baton.
func (b *baton) wait(me int) bool {
	<-b.turn[me]
	return !b.over
}

// end lets the other goroutine, and the idle one, return.
func (b *baton) end(me int) {
	b.over = true
	b.turn[1-me] <- struct{}{}
	close(b.idle)
}

// idler is readied to push others into the queue.
func (b *baton) idler() {
	for range b.idle {
	}
}
