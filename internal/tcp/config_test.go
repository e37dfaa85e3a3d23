package tcp

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/sock"
)

func TestConfig_UserTimeoutHoldsUntilTheApplicationSetsAnother(t *testing.T) {
	for _, c := range []struct {
		name string
		set  []time.Duration // by the application
		want time.Duration
	}{
		{"Configured", nil, 10 * time.Second},
		{"Set", []time.Duration{5 * time.Second}, 5 * time.Second},
		{"SetAndTakenBack", []time.Duration{5 * time.Second, 0}, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, 4, func(c *Config) { c.UserTimeout = 10 * time.Second })
			r.e.Connect(r.c, testSlot, testKey, MTU{Path: testMTU}, r.now)
			r.begin()
			for _, d := range c.set {
				r.e.Set(r.c, sock.OptUserTimeout, uint64(d), r.now)
			}
			r.out("S 0")
			at := retries(r)
			if end := at[len(at)-1]; end != c.want {
				t.Errorf("given up after %v, want %v", end, c.want)
			}
		})
	}
}

func TestConfig_SendBufferBoundsAWriterAtFirst(t *testing.T) {
	r := established(t, fullSYN, func(c *Config) { c.SndBuf, c.InitialWindow = 8192, 1 })
	if n := r.tryWrite(100_000); n != 8192 {
		t.Errorf("wrote %d into a buffer of 8192", n)
	}
}
