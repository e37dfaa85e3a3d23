// The kernel beside the stack: somebody's session with the kernel's TCP, at the
// address that both share, while the demonstration goes on.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/mtcp-go/mtcp/internal/netconf"
)

const (
	sessionPort  = ":22"
	sessionPause = 10 * time.Millisecond // between two lines: somebody types fast
)

// A guest types lines and waits for the echo of each.
type guest struct {
	server *server
	conn   net.Conn
	stop   context.CancelFunc
	ended  chan error
	lines  uint64
	worst  time.Duration
}

// startGuest makes a server on the kernel's TCP and a session with it.
func startGuest(ctx context.Context, w *world, in *netconf.Namespace) (*guest, error) {
	child, err := startServer(ctx, in, anyCore, append(w.kernelArgs(), "--listen", kernelAddress+sessionPort, "--echo")...)
	if err != nil {
		return nil, err
	}
	c, err := w.dial(ctx, "tcp4", kernelAddress+sessionPort)
	if err != nil {
		child.kill()
		return nil, err
	}
	g := &guest{server: child, conn: c, ended: make(chan error, 1)}
	ctx, g.stop = context.WithCancel(ctx)
	go func() { g.ended <- g.talk(ctx) }() // until end
	return g, nil
}

func (g *guest) talk(ctx context.Context) error {
	var back [5]byte
	pause := time.NewTicker(sessionPause)
	defer pause.Stop()
	for ctx.Err() == nil {
		begin := time.Now()
		g.conn.SetDeadline(begin.Add(pageBound))
		if _, err := io.WriteString(g.conn, "line\n"); err != nil {
			return err
		}
		if _, err := io.ReadFull(g.conn, back[:]); err != nil {
			return err
		}
		g.lines++
		g.worst = max(g.worst, time.Since(begin))
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// end ends the session, and says whether it was disturbed.
func (g *guest) end() error {
	g.stop()
	err := errors.Join(<-g.ended, g.conn.Close())
	g.server.kill()
	if err != nil {
		return fmt.Errorf("the kernel's session after %d lines: %w", g.lines, err)
	}
	return nil
}

func (g *guest) text() string {
	return fmt.Sprintf("the kernel's session at the same address: %s lines echoed meanwhile, the slowest in %v", group(g.lines), tidy(g.worst))
}
