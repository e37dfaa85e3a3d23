// Measuring one contender once.

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mtcp-go/mtcp/internal/netconf"
)

// measure starts a server, runs every case, and stops the server.
func (b *bench) measure(ctx context.Context, pair, who int) error {
	c := &contenders[who]
	if err := b.setOffloads(c.offloads); err != nil {
		return err
	}
	address, args := stackAddress, b.w.stackArgs()
	if c.kernel {
		address, args = kernelAddress, b.w.kernelArgs()
	}
	child, err := startServer(ctx, b.w.server().Namespace, b.serverCore,
		append(args, "--bench", "--listen", address+":80", "--listen", address+echoPort)...)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	defer child.kill()
	if !c.kernel {
		b.mode = modeText(child.ready.Links[0])
	}
	if err := b.warm(ctx, address); err != nil {
		return fmt.Errorf("%s: first request: %w", c.name, err)
	}
	for i := range benchCases {
		if err := b.one(ctx, pair, i, who, address, child); err != nil {
			return fmt.Errorf("%s: %s: %w", c.name, benchCases[i].name, err)
		}
	}
	end, err := child.stop(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	if !c.kernel {
		b.ends = append(b.ends, end)
	}
	return nil
}

// warm makes both ends know each other, and the server have run once.
func (b *bench) warm(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, pageBound)
	defer cancel()
	_, err := fetch(ctx, httpClient(b.w.dial, 1, true), "http://"+address+"/", &fixed{b: make([]byte, 0, 64)})
	return err
}

// one runs a case, and counts packets where the table shows them.
func (b *bench) one(ctx context.Context, pair, i, who int, address string, child *server) error {
	before, err := b.count(ctx, who, child)
	if err != nil {
		return err
	}
	r, err := benchCases[i].run(ctx, b, address)
	if err != nil {
		return err
	}
	after, err := b.count(ctx, who, child)
	if err != nil {
		return err
	}
	if benchCases[i].name == echoCase {
		b.packets[who] = append(b.packets[who], float64(after-before)/float64(r.Requests+r.Errors))
	}
	rate := benchCases[i].rate(&r)
	b.tools[i] = r.Tool
	b.rates[i][who] = append(b.rates[i][who], rate)
	if r.Errors > 0 {
		b.errors[i][who] += r.Errors
		b.reasons[i][who] = r.FirstError
	}
	fmt.Fprintf(b.t.err, "pair %d of %d: %-20s %-38s %9.0f %s, %d errors\n",
		pair+1, b.cmd.Pairs, contenders[who].name, benchCases[i].name, rate, benchCases[i].unit, r.Errors)
	return nil
}

// count returns how many packets the server's end has seen so far.
func (b *bench) count(ctx context.Context, who int, child *server) (uint64, error) {
	if contenders[who].kernel {
		k, err := b.w.kernelCounts()
		return k.packets, err
	}
	e, err := child.counters(ctx)
	t := total(e.Stats)
	return t.RxFrames + t.TxFrames, err
}

// setOffloads switches those of both ends. What the kernel makes of a switch
// it may finish a little later.
func (b *bench) setOffloads(on bool) error {
	for _, end := range [...]*netconf.Place{b.w.server(), b.w.client()} {
		err := end.Do(func() error {
			for _, name := range offloads {
				if err := netconf.SetFeature(end.Interface, name, on); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	time.Sleep(50 * time.Millisecond)
	return nil
}
