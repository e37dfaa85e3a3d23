package tcp

import (
	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/seq"
)

// isn chooses an initial sequence number as RFC 6528 §3 asks: a clock of about
// four microseconds plus a keyed hash of the 4-tuple.
func (e *Engine) isn(k flow.Key4, now mono.Time) seq.Value {
	const tick = 4096 // ns; a power of two near RFC 9293's 4 µs
	return seq.Value(uint32(uint64(now)/tick)) + seq.Value(uint32(e.hash(k, 0)))
}

// timestampOffset is added to the timestamp clock of a 4-tuple, so that one
// connection's timestamps tell nothing of another's or of our uptime (RFC 7323
// §5.4). It is the same for each incarnation, as RFC 6191 needs.
func (e *Engine) timestampOffset(k flow.Key4) uint32 { return uint32(e.hash(k, 1)) }

func (e *Engine) hash(k flow.Key4, purpose uint64) uint64 {
	a := uint64(k.LocalIP)<<32 | uint64(k.RemoteIP)
	b := uint64(k.LocalPort)<<48 | uint64(k.RemotePort)<<32 | purpose
	return e.key.Sum(a, b)
}

// timestamp is the value of our timestamp clock for t.
func (t *TCB) timestamp(now mono.Time) uint32 { return milliClock(now) + t.tsOffset }
