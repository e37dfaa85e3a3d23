package differ

import (
	"slices"
	"strings"
	"testing"

	"github.com/mtcp-go/mtcp/internal/wire"
)

// ourTrace is a sequence with our trace, twice.
func ourTrace(t *testing.T, seed uint64) (s *Sequence, a, b Trace) {
	t.Helper()
	s = Generate(seed)
	a, err := RunOurs(s)
	if err != nil {
		t.Fatal(err)
	}
	return s, a, slices.Clone(a)
}

func TestCompare_FindsTheFirstDifference(t *testing.T) {
	for seed := range uint64(20) {
		s, kernel, ours := ourTrace(t, seed)
		if d, n := Compare(s, kernel, ours, Reasons(), nil); d != nil || n != len(s.Steps) {
			t.Fatalf("seed %d: a trace differs from itself after %d steps", seed, n)
		}
		at := len(ours) / 2
		ours[at].State = "LOST"
		ours[len(ours)-1].State = "LOST, TOO"
		d, n := Compare(s, kernel, ours, nil, nil)
		if d == nil || d.At != at || n != at {
			t.Errorf("seed %d: %+v after %d steps, want one at %d", seed, d, n, at)
		}
	}
}

// A fault that would matter most has no reason: text or a FIN that is taken where
// it must not be, and one that is not taken.
func TestReasons_DoNotExplainAFault(t *testing.T) {
	plain := Step{Seg: Segment{Flags: wire.ACK, Len: 100, Window: normalWindow}}
	fin := Step{Seg: Segment{Flags: wire.ACK | wire.FIN, Window: normalWindow}}
	for _, x := range []struct {
		name         string
		step         Step
		kernel, ours Observation
	}{
		{"text is not taken", plain, Observation{State: "ESTABLISHED", Sent: []string{"ACK 101"}}, Observation{State: "ESTABLISHED", Sent: []string{"ACK 1"}}},
		{"text is not acknowledged", plain, Observation{State: "ESTABLISHED", Sent: []string{"ACK 101"}}, Observation{State: "ESTABLISHED"}},
		{"text is answered by a RST", plain, Observation{State: "ESTABLISHED", Sent: []string{"ACK 101"}}, Observation{State: "CLOSED", Sent: []string{"RST seq=1"}}},
		{"the FIN is not taken", fin, Observation{State: "CLOSE-WAIT", Sent: []string{"ACK 2"}}, Observation{State: "ESTABLISHED", Sent: []string{"ACK 1"}}},
		{"the FIN is not acknowledged", fin, Observation{State: "CLOSE-WAIT", Sent: []string{"ACK 2"}}, Observation{State: "CLOSE-WAIT"}},
		{"a read gives other text", call(Read, 100), Observation{State: "ESTABLISHED", Result: "100 octets"}, Observation{State: "ESTABLISHED", Result: "100 octets of something else"}},
		{"a write is refused", call(Write, 100), Observation{State: "ESTABLISHED", Result: "100 octets", Sent: []string{"text 1..101"}}, Observation{State: "ESTABLISHED", Result: "EPIPE"}},
		{"the FIN is not sent", call(ShutWrite, 0), Observation{State: "FIN-WAIT-1", Result: "ok", Sent: []string{"FIN 1"}}, Observation{State: "FIN-WAIT-1", Result: "ok"}},
	} {
		s := &Sequence{Steps: []Step{call(Connect, 0), x.step}}
		x.kernel.Facts = Facts{Seq: 1, Ack: 1, Next: 1, Edge: 60000, Old: 1, All: 1}
		first := Observation{State: "ESTABLISHED", Result: "EINPROGRESS"}
		d, _ := Compare(s, Trace{first, x.kernel}, Trace{first, x.ours}, Reasons(), func(r *Reason, _ *Difference, _ bool) {
			t.Errorf("%s: explained by %q", x.name, r.Name)
		})
		if d == nil {
			t.Errorf("%s: no difference", x.name)
		}
	}
}

func TestReasons_AreGiven(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Reasons() {
		if r.Name == "" || r.fits == nil || seen[r.Name] || strings.ContainsAny(r.Name+r.Why, "|\n") {
			t.Errorf("%q cannot be told from others", r.Name)
		}
		if len(r.Why) < 20 {
			t.Errorf("%q has no reason", r.Name)
		}
		seen[r.Name] = true
	}
}
