package neigh

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/drop"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// asked is a question of the table.
type asked struct {
	ip       wire.IPv4
	isProven bool
}

func (w *world) questions() (out []asked) {
	for {
		had := w.HasQuestion()
		ip, isProven, ok := w.Question()
		if had != ok {
			w.t.Fatalf("HasQuestion %v, Question %v", had, ok)
		}
		if !ok {
			return out
		}
		out = append(out, asked{ip, isProven})
	}
}

func outsideWorld(t *testing.T) *world {
	w := newWorld(t, Config{Outside: true})
	if q := w.questions(); len(q) != 0 {
		t.Fatalf("asks %v about nobody", q)
	}
	return w
}

func TestOutside_WritesNoFrame(t *testing.T) {
	w := outsideWorld(t)
	w.AddAddress(addr("10.0.0.7"), w.now)
	w.SetMAC(newMAC, w.now)
	w.Lookup(peerIP, w.now)
	w.run(time.Minute)
	if f := w.frames(); len(f) != 0 || w.HasOutput() {
		t.Errorf("wrote %v", f)
	}
	if !w.IsUsable(addr("10.0.0.7")) {
		t.Error("an address is not in use at once")
	}
}

func TestOutside_AsksUntilToldOrTired(t *testing.T) {
	w := outsideWorld(t)
	id, s := w.Lookup(peerIP, w.now)
	if q := w.questions(); s != Incomplete || len(q) != 1 || q[0] != (asked{peerIP, false}) {
		t.Fatalf("%v, asks %v", s, q)
	}
	if !w.Tell(peerIP, peerMAC, w.now) {
		t.Fatal("an answer is refused")
	}
	if mac, ok := w.MAC(id); !ok || mac != peerMAC {
		t.Errorf("%v, %v", mac, ok)
	}
	if k := w.kinds(); len(k) != 1 || k[0] != Resolved {
		t.Errorf("events %v", k)
	}
	other := addr("10.0.0.9") // of whom nobody tells
	w.Lookup(other, w.now)
	n := 0
	for range 10 {
		n += len(w.questions())
		w.run(time.Second)
	}
	if k := w.kinds(); n != 3 || len(k) != 1 || k[0] != Unreachable {
		t.Errorf("%d questions and events %v, want 3 and unreachable", n, k)
	}
}

func TestOutside_KeepsOnlyWhatWasAskedFor(t *testing.T) {
	w := outsideWorld(t)
	if w.Tell(peerIP, peerMAC, w.now) || w.Len() != 0 {
		t.Error("keeps a neighbour that nobody wants")
	}
	w.Lookup(peerIP, w.now)
	for _, bad := range []wire.MAC{{}, wire.Broadcast()} {
		if w.Tell(peerIP, bad, w.now) {
			t.Errorf("believes %v", bad)
		}
	}
}

// An address in use is never doubted by itself: while the kernel looks whether the
// neighbour is there, packets go on.
func TestOutside_UseWithoutProofReminds(t *testing.T) {
	w := outsideWorld(t)
	id, _ := w.Lookup(peerIP, w.now)
	w.questions()
	w.Tell(peerIP, peerMAC, w.now)
	reminders, proofs := 0, 0
	count := func(confirm bool) {
		reminders, proofs = 0, 0
		for range 300 {
			w.run(time.Second)
			if _, ok := w.MAC(id); !ok {
				t.Fatal("the address is lost")
			}
			if confirm {
				w.Confirm(id, w.now)
			}
			for _, q := range w.questions() {
				if q.isProven {
					proofs++
				} else {
					reminders++
				}
			}
		}
	}
	if count(false); reminders < 5 || reminders > 20 || proofs != 0 {
		t.Errorf("without proof: %d reminders and %d proofs in 5 minutes", reminders, proofs)
	}
	if count(true); reminders > 1 || proofs < 5 || proofs > 20 {
		t.Errorf("with proof: %d reminders and %d proofs in 5 minutes", reminders, proofs)
	}
}

func TestOutside_ForgottenIsAskedAgainAndSilentFails(t *testing.T) {
	w := outsideWorld(t)
	id, _ := w.Lookup(peerIP, w.now)
	w.questions()
	w.Tell(peerIP, peerMAC, w.now)
	w.kinds()
	w.TellGone(peerIP, w.now) // the kernel forgot it, which means nothing
	if _, ok := w.MAC(id); ok {
		t.Error("an address that is not known any more is used")
	}
	if _, s := w.Lookup(peerIP, w.now); s != Incomplete || len(w.questions()) != 1 {
		t.Errorf("is %v, want a new question", s)
	}
	w.TellGone(peerIP, w.now) // nobody answered
	if k := w.kinds(); len(k) != 1 || k[0] != Unreachable {
		t.Errorf("events %v: who waits is not told", k)
	}
	if _, s := w.Lookup(peerIP, w.now); s != Failed || len(w.questions()) != 0 {
		t.Errorf("is %v at once after a failure", s)
	}
	w.run(5 * time.Second)
	if _, s := w.Lookup(peerIP, w.now); s != Incomplete {
		t.Errorf("is %v a while after a failure", s)
	}
	w.TellGone(addr("10.9.9.9"), w.now) // nobody knows it
}

func TestOutside_ChangesAreTold(t *testing.T) {
	w := outsideWorld(t)
	id, _ := w.Lookup(peerIP, w.now)
	w.Tell(peerIP, peerMAC, w.now)
	w.kinds()
	w.Tell(peerIP, newMAC, w.now)
	if mac, ok := w.MAC(id); !ok || mac != newMAC {
		t.Errorf("%v, %v", mac, ok)
	}
	if k := w.kinds(); len(k) != 1 || k[0] != Changed {
		t.Errorf("events %v", k)
	}
}

func TestRenumber_MakesEveryIDStale(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.resolvedPeer()
	w.Renumber()
	if _, ok := w.MAC(id); ok {
		t.Error("an old ID is good")
	}
	if again, s := w.Lookup(peerIP, w.now); again == id || again == 0 || !s.IsUsable() {
		t.Errorf("ID %x again, was %x; %v", again, id, s)
	}
	for range 1 << 16 {
		w.Renumber()
	}
	if again, _ := w.Lookup(peerIP, w.now); again == 0 || again.generation() == 0 {
		t.Error("the ID became none")
	}
}

func TestSetMAC_IsAnnouncedAndAsked(t *testing.T) {
	w := newWorld(t, Config{})
	w.SetMAC(newMAC, w.now)
	var b [64]byte
	if n := w.Output(b[:], w.now); n != FrameLen {
		t.Fatal("the new address is not announced")
	}
	e, body, _ := wire.ParseEthernet(b[:])
	if a, ok := wire.ParseARP(body); !ok || e.Src != newMAC || a.SenderMAC != newMAC || a.SenderIP != ourIP {
		t.Errorf("announces %+v from %v", a, e.Src)
	}
	why := w.Input(&wire.ARP{Op: wire.ARPRequest, SenderMAC: newMAC, SenderIP: peerIP, TargetIP: ourIP}, newMAC, w.now)
	if why != drop.ARPBad {
		t.Errorf("our own frame came back: %v", why)
	}
}

// A reminder that nobody takes goes with its entry.
func TestOutside_QuestionsEndWithTheirNeighbour(t *testing.T) {
	w := outsideWorld(t)
	id, _ := w.Lookup(peerIP, w.now)
	w.questions()
	w.Tell(peerIP, peerMAC, w.now)
	for range 60 {
		w.run(time.Second)
		w.MAC(id)
	}
	if !w.HasQuestion() {
		t.Fatal("no reminder to be forgotten")
	}
	w.run(10 * time.Minute)
	if s := w.state(peerIP); s != Free || w.HasQuestion() {
		t.Errorf("the neighbour is %v, a question waits: %v", s, w.HasQuestion())
	}
}
