package event

import (
	"bytes"
	"fmt"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// BlockedAfter is how long handlers may take in one round before that is
// counted and logged, with what they are doing.
const BlockedAfter = 100 * time.Millisecond

// logged is how many of them are logged each; then every so many.
const logged = 16

// watched is what a Loop tells the watcher: an odd number while handlers run,
// another one each time.
type watched struct {
	mark     atomic.Uint64
	inside   bool // the shard's
	blocked  atomic.Uint64
	reported uint64 // the watcher's: the mark that was reported
}

// enter says that handlers run, once a round.
func (w *watched) enter() {
	if !w.inside {
		w.inside = true
		w.mark.Add(1)
	}
}

// leave says that the shard has come round.
func (w *watched) leave() {
	if w.inside {
		w.inside = false
		w.mark.Add(1)
	}
}

// A watcher looks every now and then whether a shard still comes round.
type watcher struct {
	once sync.Once
	stop chan struct{}
	done chan struct{}
}

// watch starts the watcher, which the closing of the stack ends.
func (d *hub) watch() {
	d.watcher.once.Do(func() {
		w := &d.watcher
		w.stop, w.done = make(chan struct{}), make(chan struct{})
		go func() { // the stack waits for it
			defer close(w.done)
			d.look()
		}()
		d.core.OnClose(func() {
			close(w.stop)
			<-w.done
			for _, l := range d.loops {
				l.close()
			}
		})
	})
}

func (d *hub) look() {
	ticker := time.NewTicker(BlockedAfter)
	defer ticker.Stop()
	last := make([]uint64, len(d.loops))
	for {
		select {
		case <-d.watcher.stop:
			return
		case <-ticker.C:
		}
		for i, l := range d.loops {
			mark := l.mark.Load()
			if mark == last[i] && mark&1 != 0 && mark != l.reported {
				l.reported = mark
				if n := l.blocked.Add(1); n > logged && n%logged != 0 {
					continue
				}
				d.log.Warn("a handler blocks its shard", "shard", l.number, "longer than", BlockedAfter, "stack", stackOf(l.number))
			}
			last[i] = mark
		}
	}
}

// stackOf finds what a shard's goroutine, which is labelled, is doing. Where
// shards of several stacks have the number, it is one that is in a handler.
func stackOf(number int) string {
	var b bytes.Buffer
	if p := pprof.Lookup("goroutine"); p == nil || p.WriteTo(&b, 1) != nil {
		return ""
	}
	label := fmt.Sprintf(`"mtcp_shard":"%d"`, number)
	for _, one := range strings.Split(b.String(), "\n\n") {
		if strings.Contains(one, label) && strings.Contains(one, "/event.(*Loop)") {
			return one
		}
	}
	return ""
}
