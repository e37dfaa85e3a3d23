// The demonstration over AF_XDP or TAP, with servers as children.

package main

import (
	"context"
	"errors"
	"fmt"
)

func (c *demoCmd) showNetwork(ctx context.Context, t *terminal, s *site, link string) (err error) {
	w, err := newWorldFor(link, c.Shared)
	if err != nil {
		return err
	}
	network, way, made := w.description()
	defer func() {
		err = errors.Join(err, w.Close())
		if err == nil {
			fmt.Fprintf(t.out, "removed    %s, the servers and the files\n", made)
		}
	}()
	fmt.Fprintf(t.out, "network    %s\n", network)
	ours, err := c.showStack(ctx, t, s, w)
	if err != nil {
		return err
	}
	// The kernel comes when the XDP program has gone: as long as it is there
	// the client's end does without TSO.
	kernel, k, err := c.tryKernel(ctx, s, w)
	if err != nil {
		return fmt.Errorf("the kernel's TCP: %w", err)
	}
	c.beside(t, way+", its own TCP ("+congestion+")", &ours, &kernel,
		fmt.Sprintf("%s of %s segments retransmitted", group(k.retransmitted), group(k.segmentsOut)))
	return nil
}

// showStack measures mtcp serve.
func (c *demoCmd) showStack(ctx context.Context, t *terminal, s *site, w *world) (m measured, err error) {
	if c.Shared {
		g, err := startGuest(ctx, w, w.server().Namespace)
		if err != nil {
			return m, err
		}
		defer func() {
			ended := g.end()
			if err == nil && ended == nil {
				fmt.Fprintf(t.out, "beside     %s\n", g.text())
			}
			err = errors.Join(err, ended)
		}()
	}
	child, err := startServer(ctx, w.stackAt(), anyCore,
		append(w.stackArgs(), "--listen", ":80", "--root", s.dir)...)
	if err != nil {
		return m, err
	}
	defer child.kill()
	for _, line := range linkLines(child.ready.Links) {
		fmt.Fprintln(t.out, line)
	}
	say := func(format string, args ...any) { fmt.Fprintf(t.out, format, args...) }
	m, err = c.try(ctx, s, w.subject(w.stackAddress()), say)
	if err != nil {
		if at, countErr := child.counters(ctx); countErr == nil {
			c.ours(t, &m, at.Stats)
		}
		return m, err
	}
	end, err := child.stop(ctx)
	if err != nil {
		return m, err
	}
	c.ours(t, &m, end.Stats)
	return m, nil
}

// tryKernel measures the same server on the kernel's TCP.
func (c *demoCmd) tryKernel(ctx context.Context, s *site, w *world) (m measured, k kernelCounters, err error) {
	child, err := startServer(ctx, w.kernelAt(), anyCore,
		append(w.kernelArgs(), "--listen", w.kernelListen(), "--root", s.dir)...)
	if err != nil {
		return m, k, err
	}
	defer child.kill()
	before, err := w.kernelCounts()
	if err != nil {
		return m, k, err
	}
	if m, err = c.try(ctx, s, w.subject(child.ready.Listen[0]), quiet); err != nil {
		return m, k, err
	}
	after, err := w.kernelCounts()
	if err != nil {
		return m, k, err
	}
	_, err = child.stop(ctx)
	return m, after.since(before), err
}
