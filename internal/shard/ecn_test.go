package shard

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// The two bits reach the engine and leave it; the rest of the octet is the
// application's (RFC 3168 §5, RFC 9293 §3.9.1.9).
func TestECN_BitsOfTheIPHeaderAreTheEngines(t *testing.T) {
	w, h := alone(t, limits{backlog: 8})
	h.listen(t, 8)
	p := &peer{w: w, base: toUs(4000, wire.SYN|wire.ECE|wire.CWR)}
	w.inject(p.base)
	w.run(time.Millisecond)
	a := w.taken()
	if len(a) != 1 || a[0].flags != wire.SYN|wire.ACK|wire.ECE || a[0].tos != 0 {
		t.Fatalf("answered by %+v", a)
	}
	p.next, p.got = p.base.seq.Add(1), a[0].seq.Add(1)
	p.send(wire.ACK, nil)
	w.run(time.Millisecond)
	app, _ := w.accepted(h)
	app.Set(sock.OptTOS, 0xb8|uint64(wire.CE))
	p.base.tos = wire.CE
	p.send(wire.ACK|wire.PSH, pattern(100))
	w.run(time.Millisecond)
	if a = w.taken(); len(a) != 1 || a[0].flags != wire.ACK|wire.ECE || a[0].tos != 0xb8 {
		t.Fatalf("a mark is answered by %+v, want ECE, in a packet that may not be marked", a)
	}
	w.write(h, &app, pattern(100))
	w.run(time.Millisecond)
	if a = w.taken(); len(a) != 1 || a[0].flags != wire.ACK|wire.PSH|wire.ECE || a[0].tos != 0xb8|wire.ECT0 {
		t.Fatalf("text in %+v, want it such that it may be marked", a)
	}
	if st := h.stats(); st.TCP.ECNOpens != 1 || st.TCP.MarksIn != 1 {
		t.Errorf("%d connections, %d marks counted", st.TCP.ECNOpens, st.TCP.MarksIn)
	}
}
