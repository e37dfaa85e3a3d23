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

// ticks are the intervals of connections, by slot. They are made with the first.
type ticks struct {
	wheel *wheel.Wheel
	every []uint32 // ms, 0 none
}

func (t *ticks) cancel(i slab.Index) {
	if t.wheel != nil {
		t.every[i] = 0
		t.wheel.Cancel(uint32(i))
	}
}

func (l *Loop) setTick(i slab.Index, d time.Duration) {
	t := &l.ticks
	if d <= 0 {
		t.cancel(i)
		return
	}
	if t.wheel == nil {
		most := l.shard.Config().Connections + 1
		*t = ticks{wheel.New(most, l.shard.Now()), make([]uint32, most+1)}
	}
	t.every[i] = uint32(min(max(d.Milliseconds(), 1), 1<<31))
	l.scheduleTick(i)
}

func (l *Loop) scheduleTick(i slab.Index) {
	d := time.Duration(l.ticks.every[i]) * time.Millisecond
	l.ticks.wheel.Schedule(uint32(i), l.shard.Now().Add(d))
}

// runTicks calls the Tick of connections whose interval has passed.
func (l *Loop) runTicks(now mono.Time) int {
	n := l.ticks.wheel.Advance(now, l.due[:])
	for _, id := range l.due[:n] {
		i := slab.Index(id)
		e := l.entry(i)
		if !e.open() || l.ticks.every[i] == 0 { // closed meanwhile, or another's slot by now
			continue
		}
		l.scheduleTick(i)
		l.run(e, e.handler.Tick, l.turn(e, i))
	}
	return n
}
