package shard

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/slab"
)

// What a handler knows of a connection is asked for before the handler is told of
// it, and what the application has stored behind that; with few connections nothing
// is.
func TestBring_AsksForWhatHandlersNeed(t *testing.T) {
	for _, n := range []int{manyConnections - 1, manyConnections} {
		w, server, client := pair(t, limits{connections: 2 * manyConnections, ringMemory: 64 << 20, backlog: manyConnections})
		echoes(t, server)
		a := newAsker(client)
		for len(a.open) < n {
			want := min(len(a.open)+batch, n)
			a.dial(t, want-len(a.open))
			w.until(time.Second, "open", func() bool { return len(a.open) == want })
		}

		entry, user := map[slab.Index]bool{}, map[slab.Index]bool{}
		a.prefetch = func(i slab.Index) { entry[i] = true }
		a.prefetchUser = func(i slab.Index) { user[i] = entry[i] }
		told, inTime := 0, 0
		a.ready = func(i slab.Index, news News) {
			if told++; user[i] {
				inTime++
			}
			delete(entry, i)
			delete(user, i)
			a.hear(i, news)
		}
		a.transact(w)
		switch {
		case n < manyConnections && len(entry)+len(user)+inTime > 0:
			t.Errorf("%d connections: %d were brought", n, inTime)
		case n >= manyConnections && inTime < told*9/10:
			t.Errorf("%d connections: of %d only %d were brought before they were told of", n, told, inTime)
		}
	}
}
