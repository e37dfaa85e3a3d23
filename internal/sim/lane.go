// A lane is one shard with what the runner would do for it: it arms its bell
// and sleeps when it says that nothing waits, and wakes for a frame, a timer or
// a command only. It does so at once, where the runner makes a few idle rounds
// more. So a shard that sleeps over work of its own shows as a world that stands
// still.

package sim

import (
	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/sock"
)

type lane struct {
	host  *Host
	id    int
	shard *shard.Shard
	queue *mem.Queue
	tap   *tap
	mail  *sock.Mailbox

	ends    []*End    // applications whose connections live here
	look    bool      // they may find something to do
	pausing mono.Time // the first of them goes on by itself
	asleep  bool
	woken   bool
	stalled mono.Time // the core does something else until then
}

// run is one round of the shard, if it has reason to run.
func (l *lane) run(now mono.Time) bool {
	if now < l.stalled {
		return l.stepEnds(now)
	}
	if l.asleep && !l.hasReason(now) {
		if busy := l.stepEnds(now); !l.woken {
			return busy
		}
	}
	l.look = true
	if l.asleep {
		l.asleep, l.woken = false, false
		l.mail.Disarm()
	}
	busy := l.shard.Input(now)
	l.shard.WakeLast()
	busy = l.stepEnds(now) || busy
	if l.shard.Output(now) { // a command may have changed something for them
		busy, l.look = true, true
	}
	l.sleep()
	return busy || !l.asleep
}

func (l *lane) hasReason(now mono.Time) bool {
	return l.woken || l.queue.Due() <= now || l.shard.NextTimer() <= now || l.tap.hasInjected()
}

// sleep sleeps if nothing waits.
func (l *lane) sleep() {
	if !l.mail.Arm() {
		return
	}
	if !l.shard.Idle() {
		l.mail.Disarm()
		return
	}
	l.asleep, l.woken = true, false
}

// stepEnds lets the applications do something each.
func (l *lane) stepEnds(now mono.Time) bool {
	l.look = l.look && len(l.ends) > 0
	if !l.look && (len(l.ends) == 0 || now < l.pausing) {
		return false
	}
	busy := false
	l.pausing = mono.Never
	kept := l.ends[:0]
	for _, e := range l.ends {
		if e.step(now) {
			busy = true
		}
		if !e.isGone() {
			kept = append(kept, e)
			l.pausing = min(l.pausing, e.next())
		}
	}
	clear(l.ends[len(kept):])
	l.ends, l.look = kept, busy
	return busy
}

// next is when the lane has to run again.
func (l *lane) next() mono.Time {
	next, own := mono.Never, mono.Time(1)
	if len(l.ends) > 0 {
		next = l.pausing
	}
	if l.look {
		next = own
	}
	if l.asleep && !l.woken && !l.tap.hasInjected() {
		own = min(l.queue.Due(), l.shard.NextTimer())
	}
	return min(next, max(own, l.stalled))
}
