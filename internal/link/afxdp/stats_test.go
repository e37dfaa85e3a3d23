package afxdp

import "testing"

func TestStats_CountWhatTheShardDidNotFetch(t *testing.T) {
	p, d := device(t, Config{Frames: minFrames})
	r, q := openRaw(t, p, 1), d.Queue(0)
	const sent = 3 * minFrames
	for range sent {
		r.send(t, toStack(nil))
	}
	received := uint64(len(collect(t, q, minFrames/2)))
	c := q.Counters()
	s, err := d.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if c.RxDropped == 0 || c.RxDropped+received > sent {
		t.Errorf("%d dropped and %d received of %d", c.RxDropped, received, sent)
	}
	if s[0].RxDropped+s[0].RxRingFull < c.RxDropped || s[0].RxInvalid != 0 {
		t.Errorf("kernel %+v, queue %+v", s[0], c)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if after := q.Counters(); after.RxDropped < c.RxDropped {
		t.Errorf("%d dropped after Close, %d before", after.RxDropped, c.RxDropped)
	}
}
