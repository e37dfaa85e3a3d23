package mtcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/pcap"
	"github.com/mtcp-go/mtcp/internal/stack"
)

// A Stack is a TCP/IP host of its own, in this process.
type Stack struct {
	core      *stack.Stack
	backlog   int
	log       *slog.Logger
	capture   *pcap.Writer // nil without Config.Capture
	closeLink func() error
}

// New makes a stack and starts it. Everything that it opened is closed again
// when it fails.
func New(c Config) (*Stack, error) {
	if c.Link == nil {
		return nil, fmt.Errorf("mtcp: no link: set Config.Link, for example to mtcp.AFXDP{Interface: %q}", "eth0")
	}
	cfg, err := c.stackConfig()
	if err != nil {
		return nil, fmt.Errorf("mtcp: %w", err)
	}
	s := &Stack{backlog: c.Backlog, log: c.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	open, err := c.Link.open(&c)
	if err != nil {
		return nil, fmt.Errorf("mtcp: %w", err)
	}
	s.closeLink = open.close
	cfg.Queues = open.queues
	if c.Capture != nil {
		s.capture = pcap.NewWriter(c.Capture, pcap.Options{Epoch: open.clock.Wall(0)})
		for i, q := range cfg.Queues {
			cfg.Queues[i] = s.capture.Tee(q)
		}
	}
	if s.core, err = stack.New(cfg, open.clock); err != nil {
		s.closeLink()
		return nil, fmt.Errorf("mtcp: %w", err)
	}
	if s.backlog <= 0 {
		s.backlog = min(defaultBacklog, s.core.Connections())
	}
	for i, l := range s.core.Links() {
		s.log.Info("link open", "shard", i, "link", l.Name, "mode", l.Mode, "why", l.Why)
	}
	return s, nil
}

// Links describes the queues of the stack's link, one a shard: the mode that
// was obtained, and why it was not a better one.
func (s *Stack) Links() []LinkInfo {
	var out []LinkInfo
	for _, l := range s.core.Links() {
		out = append(out, linkInfo(l))
	}
	return out
}

// Shutdown stops listening, waits until every connection has ended, and
// closes the stack. When ctx is done first it closes the stack at once and
// returns ctx's error.
func (s *Stack) Shutdown(ctx context.Context) error {
	err := s.core.Shutdown(ctx)
	return errors.Join(err, s.closeLink(), s.endCapture())
}

// Close stops the stack at once: listeners close, connections are reset.
func (s *Stack) Close() error {
	err := s.core.Close()
	return errors.Join(err, s.closeLink(), s.endCapture())
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
