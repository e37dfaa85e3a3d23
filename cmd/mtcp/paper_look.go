// What a server has spent: counters of its stack or of its kernel, time of its
// process, and memory.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/report"
)

// A glance is what a server has counted so far.
type glance struct {
	stack     mtcp.ShardStats
	kernel    kernelCounters
	timeWaits uint64 // the kernel's
	evicted   uint64
	cpu       time.Duration
}

// look asks a server, and the kernel for it.
func look(ctx context.Context, r *rival, w *paperWire, s *server) (g glance, err error) {
	if g.cpu, err = processTime(s.cmd.Process.Pid); err != nil {
		return g, err
	}
	if r.by != byKernel {
		e, err := s.counters(ctx)
		g.stack = total(e.Stats)
		return g, err
	}
	return g, w.serverAt.Do(func() (err error) {
		if g.kernel, err = readKernelCounters(w.serverDev); err != nil {
			return err
		}
		g.timeWaits, g.evicted, err = readKernelTimeWaits()
		return err
	})
}

// readKernelTimeWaits returns how many the calling thread's namespace has made, and
// given up early.
func readKernelTimeWaits() (made, evicted uint64, err error) {
	now, err := os.ReadFile("/proc/thread-self/net/sockstat")
	if err != nil {
		return 0, 0, err
	}
	text, err := os.ReadFile("/proc/thread-self/net/netstat")
	if err != nil {
		return 0, 0, err
	}
	m := snmp(string(text), "TcpExt:")
	return sockstatTimeWaits(string(now)) + m["TW"] + m["TWRecycled"] + m["TWKilled"], m["TCPTimeWaitOverflow"], nil
}

// sockstatTimeWaits reads those that there are now.
func sockstatTimeWaits(text string) uint64 {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		for i := 1; i+1 < len(f); i += 2 {
			if f[0] == "TCP:" && f[i] == "tw" {
				n, _ := strconv.ParseUint(f[i+1], 10, 64) // the kernel's own number
				return n
			}
		}
	}
	return 0
}

// processTime is the CPU time of a process, to a tick of 10 ms.
func processTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseProcessTime(text)
}

// parseProcessTime reads the 14th and the 15th field; the second may have anything
// in it.
func parseProcessTime(text []byte) (time.Duration, error) {
	const user, system, tick = 11, 12, 10 * time.Millisecond
	f := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(f) <= system {
		return 0, errors.New("/proc/PID/stat is no such file")
	}
	u, err := strconv.ParseUint(string(f[user]), 10, 64)
	if err != nil {
		return 0, err
	}
	s, err := strconv.ParseUint(string(f[system]), 10, 64)
	return time.Duration(u+s) * tick, err
}

// per is what the sides' figures are divided by.
func (r *loadReport) per(t *task) float64 {
	switch t.work {
	case "out", "in":
		return float64(r.Octets) / 1e6
	case "idle":
		return float64(r.Connections)
	}
	return float64(r.Transactions)
}

// sample is the client's part of one.
func (r *loadReport) sample(t *task, value func(*loadReport) float64) *report.Sample {
	s := &report.Sample{
		Errors: r.Errors, Wrong: r.Wrong, Late: r.Late, Error: oneLine(r.FirstError), Jain: r.Jain, Options: r.Options,
		Mean: int64(r.Mean), P50: int64(r.P50), P90: int64(r.P90), P99: int64(r.P99), P999: int64(r.P999), Max: int64(r.Max),
		PerCount: "transaction",
	}
	switch t.work {
	case "out", "in":
		s.PerCount = "MB"
	case "idle":
		s.PerCount = "connection"
	}
	if value != nil {
		s.Value = value(r)
	}
	per := r.per(t)
	s.Client = report.Side{
		BusySeconds: r.BusySeconds, Micros: divide(r.BusySeconds*1e6, per),
		Packets:     divide((r.PacketsIn+r.PacketsOut)*float64(max(r.Transactions, 1)), per),
		Retransmits: r.Retransmits, TimeWaits: r.TimeWaitsMade, Evicted: r.TimeWaitsEvicted, Congestion: r.Congestion,
	}
	describe(&s.Client, r.Links)
	if r.Unfilled > 0 {
		s.Client.Checksums += unfilled
	}
	return s
}

// serverSide is what the server spent between two looks.
func serverSide(r *rival, s *server, l *loadReport, before, after glance, per float64) report.Side {
	cpu := (after.cpu - before.cpu).Seconds()
	if r.by == byKernel {
		side := report.Side{
			CPUSeconds: cpu, Micros: divide(cpu*1e6, per),
			Packets:     divide(float64(after.kernel.since(before.kernel).packets), per),
			Retransmits: after.kernel.since(before.kernel).retransmitted,
			TimeWaits:   after.timeWaits - before.timeWaits, Evicted: after.evicted - before.evicted,
			Congestion: congestion, Mode: "veth, the kernel's driver", Checksums: "left to the device",
		}
		return side
	}
	d := after.stack
	d.Busy -= before.stack.Busy
	d.RxFrames -= before.stack.RxFrames
	d.TxFrames -= before.stack.TxFrames
	d.Retransmits -= before.stack.Retransmits
	d.TimeWaitsMade -= before.stack.TimeWaitsMade
	d.TimeWaitsEvicted -= before.stack.TimeWaitsEvicted
	side := stackSide(&d, s.ready.Links, congestion, per)
	side.CPUSeconds = cpu
	side.Uncounted = r.by == byGvisor
	switch {
	case r.by == byGvisor:
		side.Checksums = "made in software; the client's not verified"
	case d.ChecksumsUnfilled > before.stack.ChecksumsUnfilled:
		side.Checksums += unfilled
	}
	if side.BusySeconds == 0 {
		side.Micros = divide(cpu*1e6, per)
	}
	return side
}

// unfilled is what a veth makes of checksums left to its device.
const unfilled = "; what came had been left to the device by this machine's sender, which is not verified"

// stackSide is what a stack spent.
func stackSide(d *mtcp.ShardStats, links []mtcp.LinkInfo, congestion string, per float64) report.Side {
	side := report.Side{
		BusySeconds: d.Busy.Seconds(), Micros: divide(d.Busy.Seconds()*1e6, per),
		Packets:     divide(float64(d.RxFrames+d.TxFrames), per),
		Retransmits: d.Retransmits, TimeWaits: d.TimeWaitsMade, Evicted: d.TimeWaitsEvicted, Congestion: congestion,
	}
	describe(&side, links)
	return side
}

// describe says what the link is.
func describe(s *report.Side, links []mtcp.LinkInfo) {
	if len(links) == 0 {
		return
	}
	s.Mode, s.Checksums = modeText(links[0]), "in software"
	if links[0].TxChecksum {
		s.Checksums = "left to the device, verified in software"
	}
}

func divide(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// memoryEvery is how often a process is looked at whose memory counts.
const memoryEvery = 50 * time.Millisecond

// fewBefore are the connections of the load before the one that is measured: what
// a server and its link take to work at all is no connection's.
const fewBefore = 16

// A memoryWatch keeps the largest that a process has been.
type memoryWatch struct {
	most       memoryUse
	quit, done chan struct{}
}

// memoryUse is in octets.
type memoryUse struct{ all, huge, shared uint64 }

func watchMemory(pid int) (*memoryWatch, error) {
	w := &memoryWatch{quit: make(chan struct{}), done: make(chan struct{})}
	var err error
	if w.most, err = readMemory(pid); err != nil {
		return nil, err
	}
	go func() { // until end
		defer close(w.done)
		for {
			select {
			case <-w.quit:
				return
			case <-time.After(memoryEvery):
				if m, err := readMemory(pid); err == nil && m.all > w.most.all {
					w.most = m
				}
			}
		}
	}()
	return w, nil
}

// end stops watching, and returns the largest.
func (w *memoryWatch) end() memoryUse {
	close(w.quit)
	<-w.done
	return w.most
}

// grown is what n connections took more than the few, and what each of them.
func grown(few, all memoryUse, n int) (*report.Mem, float64) {
	m := &report.Mem{Connections: n, Before: few.all, After: all.all, Huge: all.huge, Shared: all.shared}
	return m, divide(float64(m.After)-float64(m.Before), float64(n-fewBefore))
}

func readMemory(pid int) (memoryUse, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return memoryUse{}, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return parseMemory(string(text) + string(status)), err
}

// parseMemory reads smaps_rollup, and of status what of it is memfd and its like.
// Huge pages of hugetlbfs are no part of Rss, transparent ones are.
func parseMemory(text string) (m memoryUse) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 || f[2] != "kB" {
			continue
		}
		n, _ := strconv.ParseUint(f[1], 10, 64) // the kernel's own number
		n <<= 10
		switch f[0] {
		case "Rss:":
			m.all += n
		case "Shared_Hugetlb:", "Private_Hugetlb:":
			m.all += n
			m.huge += n
		case "AnonHugePages:", "ShmemPmdMapped:":
			m.huge += n
		case "RssShmem:":
			m.shared = n
		}
	}
	return m
}
