package sim

// What all worlds together must have reached. A test that never meets a case
// does not test it.

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// legal are the transitions of RFC 9293 figure 5, with reset and abort.
var legal = map[tcp.State][]tcp.State{
	tcp.Closed:      {tcp.SynSent, tcp.SynReceived},
	tcp.SynSent:     {tcp.SynReceived, tcp.Established, tcp.Closed},
	tcp.SynReceived: {tcp.Established, tcp.FinWait1, tcp.Closed},
	tcp.Established: {tcp.FinWait1, tcp.CloseWait, tcp.Closed},
	tcp.CloseWait:   {tcp.LastAck, tcp.Closed},
	tcp.FinWait1:    {tcp.FinWait2, tcp.Closing, tcp.TimeWait, tcp.Closed},
	tcp.FinWait2:    {tcp.TimeWait, tcp.Closed},
	tcp.Closing:     {tcp.TimeWait, tcp.Closed},
	tcp.LastAck:     {tcp.Closed},
	tcp.TimeWait:    {tcp.Closed},
}

// unreachable are transitions that are legal and that this stack does not make,
// with the reason.
var unreachable = map[[2]tcp.State]string{
	{tcp.SynReceived, tcp.FinWait1}: "an application gets a connection only when it is established",
	{tcp.FinWait1, tcp.TimeWait}:    "it passes FIN-WAIT-2 within the segment",
}

// never are drop reasons that no packet through a shard can have.
var never = map[drop.Reason]string{
	drop.None:       "nothing was dropped",
	drop.ReplyLimit: "a simulated wire takes whatever is sent; tcp.TestReplies_AreBounded has the queue",
}

// timers and recoveries, by the names with which they are noted.
var mustReach = []string{
	"fast recovery with SACK", "fast recovery without SACK", "path MTU", "retransmission time-out",
	"persist", "delayed ACK", "keep-alive", "FIN-WAIT-2", "linger", "TIME-WAIT", "idle rings", "ARP retry", "reassembly",
	"hand-over", "D-SACK", "reuse of TIME-WAIT", "out of order", "ECN", "a mark", "a reduction for marks",
}

// reached sums what worlds have met.
type reached struct {
	want  int // worlds
	short bool

	mu          sync.Mutex
	worlds      int
	transitions [16][16]uint64
	drops       [drop.NumReasons]uint64
	marks       map[string]int
}

// add takes the sums of a world that has ended well.
func (r *reached) add(w *World) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.worlds++
	if r.marks == nil {
		r.marks = make(map[string]int)
	}
	for _, m := range w.Marks {
		r.marks[m]++
	}
	for _, l := range w.lanes {
		st := l.stats()
		for from := range st.TCP.Transitions {
			for to, n := range st.TCP.Transitions[from] {
				r.transitions[from][to] += n
			}
		}
		for reason, n := range st.Drops {
			r.drops[reason] += n
		}
		mark := func(what string, n uint64) {
			if n > 0 {
				r.marks[what]++
			}
		}
		mark("retransmission time-out", st.TCP.RTOs)
		mark("persist", st.TCP.Probes)
		mark("keep-alive", st.TCP.KeepAlives)
		mark("FIN-WAIT-2", st.TCP.Transitions[tcp.FinWait2][tcp.Closed])
		mark("TIME-WAIT", st.TCP.TimeWaits)
		mark("reassembly", st.IP.FragmentTimeouts)
		mark("hand-over", st.HandedOver)
		mark("D-SACK", st.TCP.DSACKsOut)
		mark("ECN", st.TCP.ECNOpens)
		mark("a mark", st.TCP.MarksIn)
		mark("a reduction for marks", st.TCP.ECNReductions)
		mark("reuse of TIME-WAIT", st.TCP.TimeWaitReused)
		mark("out of order", st.TCP.OutOfOrder)
	}
}

// check fails for everything that was never reached. It says nothing when only
// some of the worlds were run, or one has failed.
func (r *reached) check(t *testing.T) {
	if r.worlds < r.want || r.short {
		t.Logf("%d of %d worlds: what they reach is not looked at", r.worlds, r.want)
		return
	}
	var missing []string
	for from, list := range legal {
		for _, to := range list {
			n, why := r.transitions[from][to], unreachable[[2]tcp.State{from, to}]
			if n == 0 && why == "" {
				missing = append(missing, fmt.Sprintf("transition %v to %v", from, to))
			} else if n > 0 && why != "" {
				t.Errorf("transition %v to %v happened: it is no exception (%s)", from, to, why)
			}
		}
	}
	for from := range r.transitions {
		for to, n := range r.transitions[from] {
			if n > 0 && !slices.Contains(legal[tcp.State(from)], tcp.State(to)) {
				t.Errorf("transition %v to %v is not legal, and happened", tcp.State(from), tcp.State(to))
			}
		}
	}
	for reason, n := range r.drops {
		if n == 0 && never[drop.Reason(reason)] == "" {
			missing = append(missing, "drop "+drop.Reason(reason).String())
		}
	}
	for _, m := range mustReach {
		if r.marks[m] == 0 {
			missing = append(missing, m)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		t.Errorf("never reached:\n\t%s", strings.Join(missing, "\n\t"))
	}
}
