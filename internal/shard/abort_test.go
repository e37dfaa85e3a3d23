package shard

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
)

// Whatever breaks a connection of a shard that ends, it is told why that ends.
func TestEnd_IsTheReasonOfWhateverBreaks(t *testing.T) {
	t.Run("a handler's connection", func(t *testing.T) {
		w, server, client := pair(t, limits{})
		echoes(t, server)
		var isOpen, broke bool
		var why sock.Errno
		client.Handle(&handled{ready: func(i slab.Index, n News) {
			if isOpen = isOpen || n&NewsOpened != 0; n&NewsBroke != 0 {
				broke, why = true, client.Errno(i)
			}
		}})
		if _, why := client.Dial(0, ourIP, 0, port); why != sock.OK {
			t.Fatal(why)
		}
		w.until(time.Second, "connected", func() bool { return isOpen })
		client.End(sock.LinkGone)
		server.End(sock.Aborted)
		server.AbortAll(w.now)
		w.until(time.Second, "broken", func() bool { return broke })
		if why != sock.LinkGone {
			t.Errorf("the handler was told %v", why)
		}
	})
	t.Run("a dial", func(t *testing.T) {
		w, _, client := pair(t, limits{}) // nobody listens
		token := client.dial(ourIP)
		client.Output(w.now)
		client.End(sock.LinkGone)
		w.until(time.Second, "answered", func() bool { _, ok := client.dialed[token]; return ok })
		if why := client.dialed[token].why; why != sock.LinkGone {
			t.Errorf("the dialler was told %v", why)
		}
	})
}
