package event

import (
	"container/heap"
	"time"

	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/wheel"
)

// A Timer is a function that runs later on its shard.
type Timer struct {
	at    mono.Time
	f     func(*Loop)
	loop  *Loop
	place int // in the heap, -1 when it is not there
}

// timers is a heap of them, the earliest first.
type timers []*Timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at < t[j].at }
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].place, t[j].place = i, j
}
func (t *timers) Push(x any) {
	x.(*Timer).place = len(*t)
	*t = append(*t, x.(*Timer))
}
func (t *timers) Pop() any {
	last := (*t)[len(*t)-1]
	(*t)[len(*t)-1] = nil
	*t = (*t)[:len(*t)-1]
	last.place = -1
	return last
}

func (t timers) next() mono.Time {
	if len(t) == 0 {
		return mono.Never
	}
	return t[0].at
}

// After runs f once, when d has passed.
func (l *Loop) After(d time.Duration, f func(*Loop)) *Timer {
	t := &Timer{at: l.shard.Now().Add(max(d, 0)), f: f, loop: l}
	heap.Push(&l.timers, t)
	return t
}

// Stop forgets the timer. It reports whether that kept it from running.
func (t *Timer) Stop() bool {
	if t.place < 0 {
		return false
	}
	heap.Remove(&t.loop.timers, t.place)
	return true
}

// Reset has the timer run when d has passed, whether it has run before or not.
func (t *Timer) Reset(d time.Duration) {
	t.Stop()
	t.at = t.loop.shard.Now().Add(max(d, 0))
	heap.Push(&t.loop.timers, t)
}

// runTimers runs what is due now; a timer that is set meanwhile waits for the
// next round.
func (l *Loop) runTimers(now mono.Time) int {
	n := 0
	for limit := len(l.timers); n < limit && len(l.timers) > 0 && !now.Before(l.timers[0].at); n++ {
		t := heap.Pop(&l.timers).(*Timer)
		l.protect(t.f)
	}
	return n
}

func (l *Loop) setTick(e *entry, i slab.Index, d time.Duration) {
	e.tick = uint32(min(max(d, 0).Milliseconds(), 1<<31))
	if d > 0 {
		e.tick = max(e.tick, 1)
	}
	switch {
	case l.ticks == nil && e.tick == 0:
		return
	case l.ticks == nil:
		l.ticks = wheel.New(l.shard.Config().Connections+1, l.shard.Now())
	}
	l.scheduleTick(e, i)
}

func (l *Loop) scheduleTick(e *entry, i slab.Index) {
	if e.tick == 0 {
		l.ticks.Cancel(uint32(i))
		return
	}
	l.ticks.Schedule(uint32(i), l.shard.Now().Add(time.Duration(e.tick)*time.Millisecond))
}

// runTicks calls the Tick of connections whose interval has passed.
func (l *Loop) runTicks(now mono.Time) int {
	n := l.ticks.Advance(now, l.due[:])
	for _, id := range l.due[:n] {
		i := slab.Index(id)
		e := l.entry(i)
		if !e.open || e.tick == 0 { // closed meanwhile, or another's slot by now
			continue
		}
		l.scheduleTick(e, i)
		l.run(e, e.handler.Tick, l.conn(i))
	}
	return n
}
