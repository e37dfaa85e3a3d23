// The commands of a sample: a server's, and that of the load on it.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// What the client is given beyond its defaults, for all rivals alike: addresses
// and records for all the connections that a load opens, and packet buffers for all
// the answers that can be under way.
const (
	loadSources   = 64
	loadTimeWaits = 4 << 20
	loadFrames    = 16 << 10

	paperServer = "10.9.0.2"
	paperClient = "10.9.1.1"
	paperBits   = "/16"
)

// server is the command line of a rival's server.
func (p *paper) server(r *rival, t *task, w *paperWire) (program string, args []string) {
	size := []string{"--size", strconv.Itoa(t.size), "--addr", paperServer + paperBits}
	if r.by == byGvisor {
		return p.facts.gvisor, append(size, "--iface", w.serverDev)
	}
	args = append([]string{"bench", "serve", "--json", "--congestion", congestion}, size...)
	args = append(args, t.room()...)
	for _, flag := range r.flags {
		args = append(args, strings.ReplaceAll(flag, "SERVER", strconv.Itoa(p.serverCore)))
	}
	switch {
	case r.by == byKernel:
		args = append(args, "--link", linkKernel)
	case r.link == overVeth:
		args = append(args, "--link", linkAFXDP, "--iface", w.serverDev)
	default:
		args = append(args, "--link", linkMemif, "--socket", w.socket, "--role", "master")
	}
	return executable(), args
}

// client is the command line of the load.
func (p *paper) client(t *task, w *paperWire, rate float64) []string {
	args := append(p.loadFlags(t), "--cpu", strconv.Itoa(p.clientCore), "--time-waits", strconv.Itoa(loadTimeWaits))
	if rate > 0 {
		args = append(args, "--rate", strconv.FormatFloat(rate, 'f', 0, 64))
	}
	if w.socket != "" {
		return append(args, "--link", linkMemif, "--socket", w.socket, "--role", "slave")
	}
	return append(args, "--link", linkAFXDP, "--iface", w.clientDev, "--frames", strconv.Itoa(loadFrames))
}

// room is for the connections that are held, which may be more than a stack has by
// itself.
func (t *task) room() []string {
	if t.hold == 0 {
		return nil
	}
	return []string{"--connections", strconv.Itoa(t.hold + t.hold/8 + t.c)}
}

// loadFlags are those of every load.
func (p *paper) loadFlags(t *task) []string {
	duration := p.cmd.Duration
	if t.work == "idle" { // they have to be opened, and seen
		duration = max(duration, time.Second+time.Duration(t.c)*100*time.Microsecond)
	}
	return append([]string{
		"bench", "load", "--json", "--congestion", congestion, "--addr", paperClient + paperBits, "--server", paperServer,
		"--sources", strconv.Itoa(loadSources), "--work", t.work, "-c", strconv.Itoa(t.c),
		"--per-connection", strconv.Itoa(t.per), "--size", strconv.Itoa(t.size),
		"--warmup", p.cmd.Warmup.String(), "--duration", duration.String(), "--hold", strconv.Itoa(t.hold),
	}, t.room()...)
}

// load runs bench load.
func (p *paper) load(ctx context.Context, at place, core int, args []string) (*loadReport, error) {
	text, err := output(ctx, at, core, executable(), args...)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	l := &loadReport{}
	if err := json.Unmarshal([]byte(text), l); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return l, nil
}
