// Counters as people read them.

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mtcp-go/mtcp"
)

// total adds up the shards.
func total(stats []mtcp.ShardStats) mtcp.ShardStats {
	t := mtcp.ShardStats{Drops: make(map[string]uint64)}
	for _, s := range stats {
		t.Busy += s.Busy
		t.Connections += s.Connections
		t.TimeWaits += s.TimeWaits
		t.RxFrames += s.RxFrames
		t.TxFrames += s.TxFrames
		t.RxBatches += s.RxBatches
		t.TxBatches += s.TxBatches
		t.TxKicks += s.TxKicks
		t.RxDropped += s.RxDropped
		t.TxDropped += s.TxDropped
		t.ChecksumsUnfilled += s.ChecksumsUnfilled
		t.SegmentsIn += s.SegmentsIn
		t.SegmentsOut += s.SegmentsOut
		t.OctetsIn += s.OctetsIn
		t.OctetsOut += s.OctetsOut
		t.ActiveOpens += s.ActiveOpens
		t.PassiveOpens += s.PassiveOpens
		t.Retransmits += s.Retransmits
		t.RTOs += s.RTOs
		t.FastRecoveries += s.FastRecoveries
		t.PureAcks += s.PureAcks
		t.TimeWaitsMade += s.TimeWaitsMade
		t.TimeWaitsReused += s.TimeWaitsReused
		t.TimeWaitsEvicted += s.TimeWaitsEvicted
		t.ResetsIn += s.ResetsIn
		t.ResetsOut += s.ResetsOut
		t.RingWaits += s.RingWaits
		for reason, n := range s.Drops {
			t.Drops[reason] += n
		}
	}
	return t
}

// counterText is what a server prints at its end.
func counterText(stats []mtcp.ShardStats) string {
	t := total(stats)
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s "+format+"\n", append([]any{name}, args...)...)
	}
	line("opened", "%s passive, %s active; now %d open, %d in TIME_WAIT",
		group(t.PassiveOpens), group(t.ActiveOpens), t.Connections, t.TimeWaits)
	line("packets", "%s in (%s a batch), %s out (%s a batch)",
		group(t.RxFrames), ratio(t.RxFrames, t.RxBatches), group(t.TxFrames), ratio(t.TxFrames, t.TxBatches))
	line("payload", "%s in, %s out", octets(t.OctetsIn), octets(t.OctetsOut))
	line("recovery", "%s", retransmissions(t))
	line("resets", "%s in, %s out", group(t.ResetsIn), group(t.ResetsOut))
	line("drops", "%s", dropText(t))
	return b.String()
}

func retransmissions(t mtcp.ShardStats) string {
	return fmt.Sprintf("%s of %s segments retransmitted (%s timeouts, %s fast recoveries)",
		group(t.Retransmits), group(t.SegmentsOut), group(t.RTOs), group(t.FastRecoveries))
}

// dropText lists drops by reason, the commonest first.
func dropText(t mtcp.ShardStats) string {
	type drop struct {
		reason string
		n      uint64
	}
	var all []drop
	for reason, n := range t.Drops {
		all = append(all, drop{reason, n})
	}
	if t.RxDropped > 0 {
		all = append(all, drop{"link_receive", t.RxDropped})
	}
	if t.TxDropped > 0 {
		all = append(all, drop{"link_transmit", t.TxDropped})
	}
	slices.SortFunc(all, func(a, b drop) int {
		if a.n != b.n {
			return int(min(max(int64(b.n)-int64(a.n), -1), 1))
		}
		return strings.Compare(a.reason, b.reason)
	})
	if len(all) == 0 {
		return "none"
	}
	var texts []string
	for _, d := range all {
		texts = append(texts, d.reason+" "+group(d.n))
	}
	return strings.Join(texts, ", ")
}

// linkLines describes the queues; alike ones share a line.
func linkLines(links []mtcp.LinkInfo) []string {
	var lines []string
	for i := 0; i < len(links); {
		j := i + 1
		for j < len(links) && links[j] == links[i] {
			j++
		}
		l, queues := links[i], "1 queue"
		if j-i > 1 {
			queues = strconv.Itoa(j-i) + " queues"
		}
		checksum := "checksums in software"
		if l.TxChecksum {
			checksum = "transmit checksums by the device"
		}
		lines = append(lines, fmt.Sprintf("link       %s: %s; %s, MTU %d, %s", l.Name, modeText(l), queues, l.MTU, checksum))
		i = j
	}
	return lines
}

// modeText is the mode that was obtained, and why it was not a better one.
func modeText(l mtcp.LinkInfo) string {
	mode := l.Mode
	if strings.HasPrefix(mode, "native") || strings.HasPrefix(mode, "generic") {
		mode = "AF_XDP " + mode
	}
	if l.Why == "" {
		return mode
	}
	return mode + " (" + l.Why + ")"
}

// group writes a number with commas.
func group(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func ratio(a, b uint64) string {
	if b == 0 {
		return "0"
	}
	return strconv.FormatFloat(float64(a)/float64(b), 'f', 1, 64)
}

// octets writes an amount of data.
func octets(n uint64) string {
	units := [...]string{"B", "kB", "MB", "GB", "TB"}
	f, i := float64(n), 0
	for f >= 1000 && i < len(units)-1 {
		f, i = f/1000, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}
