package mtcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/pcap"
	"github.com/mtcp-go/mtcp/internal/stack"
	"github.com/mtcp-go/mtcp/internal/technique"
)

// A Stack is a TCP/IP host of its own, in this process.
type Stack struct {
	core      *stack.Stack
	backlog   int
	log       *slog.Logger
	capture   *pcap.Writer // nil without Config.Capture
	closeLink func() error
	share     *share    // nil: the addresses are the stack's own
	follower  *follower // nil: the link does not change

	reason   atomic.Pointer[error] // of the end
	done     chan struct{}
	doneOnce sync.Once
}

// New makes a stack and starts it. Everything that it opened is closed again
// when it fails.
func New(c Config) (*Stack, error) {
	if c.Link == nil {
		return nil, fmt.Errorf("mtcp: no link: set Config.Link, for example to mtcp.AFXDP{Interface: %q}", "eth0")
	}
	if err := c.complete(); err != nil {
		return nil, fmt.Errorf("mtcp: %w", err)
	}
	cfg := c.stackConfig()
	cfg.Technique = technique.Present()
	s := &Stack{backlog: c.Backlog, log: c.Logger, done: make(chan struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	open, err := c.Link.open(&c)
	if err != nil {
		return nil, fmt.Errorf("mtcp: %w", err)
	}
	s.closeLink, s.share = open.close, open.share
	cfg.Queues = open.queues
	open.adapt(&cfg)
	if c.Capture != nil {
		s.capture = pcap.NewWriter(c.Capture, pcap.Options{Epoch: open.clock.Wall(0)})
		for i, q := range cfg.Queues {
			cfg.Queues[i] = s.capture.Tee(q)
		}
	}
	if s.core, err = stack.New(cfg, open.clock); err != nil {
		return nil, errors.Join(fmt.Errorf("mtcp: %w", err), s.closeLink(), s.closeShare(), open.endWatch())
	}
	if open.watch != nil {
		s.follow(&open)
	}
	if s.backlog <= 0 {
		s.backlog = min(defaultBacklog, s.core.Connections())
	}
	if m := s.core.Region(); c.HugePages && !m.Huge {
		s.log.Warn("no huge pages", "octets", m.Size, "why", m.Why)
	}
	for i, l := range s.core.Links() {
		s.log.Info("link open", "shard", i, "link", l.Name, "mode", l.Mode, "why", l.Why)
	}
	return s, nil
}

// Core returns what the stack is made of, for package event.
func (s *Stack) Core() *stack.Stack { return s.core }

// Logger returns where the stack logs to.
func (s *Stack) Logger() *slog.Logger { return s.log }

// Links describes the queues of the stack's link, one a shard: the mode that
// was obtained, and why it was not a better one.
func (s *Stack) Links() []LinkInfo {
	var out []LinkInfo
	for _, l := range s.core.Links() {
		out = append(out, linkInfo(l))
	}
	return out
}

// Addresses returns the stack's addresses. Those that it shares with the kernel
// change with the kernel's.
func (s *Stack) Addresses() []netip.Prefix {
	var out []netip.Prefix
	for _, a := range s.core.Addresses() {
		out = append(out, a.Netip())
	}
	return out
}

// Shutdown stops listening, waits until every connection has ended, and
// closes the stack. When ctx is done first it closes the stack at once and
// returns ctx's error.
func (s *Stack) Shutdown(ctx context.Context) error {
	return s.end(s.core.Shutdown(ctx))
}

// Close stops the stack at once: listeners close, connections are reset.
func (s *Stack) Close() error {
	s.ending(net.ErrClosed)
	return s.end(s.core.Close())
}

// end closes what is around the shards, which have ended.
func (s *Stack) end(err error) error {
	s.ending(net.ErrClosed)
	err = errors.Join(err, s.follower.stop(), s.closeLink(), s.closeShare(), s.endCapture())
	s.ended()
	return err
}

// ending notes why the stack ends: the first reason counts.
func (s *Stack) ending(why error) { s.reason.CompareAndSwap(nil, &why) }

// ended tells who waits for the end.
func (s *Stack) ended() { s.doneOnce.Do(func() { close(s.done) }) }

// Done is closed when the stack has ended: after Close or Shutdown, or by itself,
// because its interface was removed. Err says which.
func (s *Stack) Done() <-chan struct{} { return s.done }

// Err returns nil while the stack runs, and why it has ended afterwards:
// net.ErrClosed, or an error that is ErrLinkGone.
func (s *Stack) Err() error {
	if why := s.reason.Load(); why != nil {
		return *why
	}
	return nil
}

// closeShare gives the ports of a shared address back to the kernel.
func (s *Stack) closeShare() error {
	if s.share == nil {
		return nil
	}
	return s.share.close()
}

// endCapture brings the capture up to date, and says if it failed.
func (s *Stack) endCapture() error {
	if s.capture == nil {
		return nil
	}
	if err := s.capture.Flush(); err != nil {
		return fmt.Errorf("mtcp: the capture is not complete: %w", err)
	}
	return nil
}

// LinkInfo describes one queue.
type LinkInfo struct {
	Name       string // of the interface
	Mode       string // "native, copy", "in-process", ...
	Why        string // why not better; empty if it could not be
	MTU        int
	TxChecksum bool // the device fills checksums in
}

func linkInfo(l link.Info) LinkInfo {
	return LinkInfo{Name: l.Name, Mode: l.Mode, Why: l.Why, MTU: l.MTU, TxChecksum: l.TxChecksum}
}
