package traffic

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mtcp-go/mtcp/event"
)

// Connections that are held beside the load, and do nothing.

// holdPatience is how long the next of them may take to open.
const holdPatience = 10 * time.Second

// isHeld is the user of those that are open.
const isHeld = "held"

var errNotHeld = errors.New("a connection that was to be held has ended")

// holding is one shard's share of them.
type holding struct {
	want, dialled, open int
	handler             event.Handler
}

// hold opens all that is to be held before the load begins.
func hold(ctx context.Context, clients []*client, n int) error {
	for i, c := range clients {
		want := n / len(clients)
		if i < n%len(clients) {
			want++
		}
		if err := c.on(func() { c.hold(want) }); err != nil {
			return err
		}
	}
	open, since := 0, time.Now()
	for open < n {
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
		now, failure := 0, ""
		for _, c := range clients {
			if err := c.on(func() { now += c.held.open; failure = c.r.FirstError }); err != nil {
				return err
			}
		}
		if now > open {
			open, since = now, time.Now()
		} else if time.Since(since) > holdPatience {
			return fmt.Errorf("traffic: %d of %d connections to be held are open, and no more for %v: %s", open, n, holdPatience, failure)
		}
	}
	return nil
}

// hold opens n connections that stay.
func (c *client) hold(n int) {
	c.held = holding{want: n, handler: event.Handler{
		Open: func(x event.Conn) { c.held.open++; x.SetUser(isHeld) },
		Closed: func(x event.Conn, err error) {
			if x.User() == isHeld {
				c.held.open--
			}
			c.held.dialled--
			if !c.stopped {
				c.failed(errors.Join(errNotHeld, err))
			}
		},
	}}
	c.holdMore(c.loop)
}

// holdMore opens a few more of them.
func (c *client) holdMore(*event.Loop) {
	h := &c.held
	if c.stopped {
		return
	}
	for range min(openBatch, h.want-h.dialled, openAhead-(h.dialled-h.open)) {
		from := c.from[c.next]
		c.next = (c.next + 1) % len(c.from)
		if _, err := c.loop.DialFrom(from, c.to, &h.handler, nil); err != nil {
			c.failed(err)
			break
		}
		h.dialled++
	}
	pause := openPause
	if h.dialled == h.want { // unless one is lost
		pause = retryPause
	}
	c.loop.After(pause, c.holdMore)
}
