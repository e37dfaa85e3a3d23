// What a socket was told by setsockopt, before and after it is connected.

package posix

import (
	"math"
	"time"

	"github.com/mtcp-go/mtcp/internal/sock"
)

// values are the options of one socket, in the units of setsockopt.
type values struct {
	noDelay, cork, keepAlive             bool
	quickAck, reuseAddr, reusePort       int
	keepIdle, keepInterval, keepCount    int // s, s, probes
	lingerOn                             bool
	linger                               int // s
	userTimeout                          int // ms
	maxSeg                               int // 0: not set
	rcvBuf, sndBuf                       int // as getsockopt gives them
	rcvBufSet, sndBufSet, keepSet, ttlOn bool
	tos, ttl                             int
	deferAccept, synCount, linger2       int
	linger2Set                           bool
	other                                map[[2]int]int // set and given back, without effect

	late []sock.Setting // made while the connection was being opened
}

func (h *Host) defaults() values {
	c := &h.cfg.TCP
	v := values{
		keepIdle: int(c.KeepIdle / time.Second), keepInterval: int(c.KeepInterval / time.Second), keepCount: c.KeepCount,
		rcvBuf: h.cfg.Rmem, sndBuf: h.cfg.Wmem, noDelay: c.NoDelay, keepAlive: c.KeepAlive,
		quickAck: 1, ttl: 64, synCount: c.SynRetries, linger2: int(c.FinWait2 / time.Second),
	}
	if v.rcvBuf == 0 {
		v.rcvBuf = c.RcvBuf
	}
	if v.sndBuf == 0 {
		v.sndBuf = c.SndBufMax
	}
	return v
}

// settings are those that differ from the defaults, as a new connection is to
// have them.
func (v *values) settings() []sock.Setting {
	var out []sock.Setting
	add := func(set bool, o sock.Option, value uint64) {
		if set {
			out = append(out, sock.Setting{Option: o, Value: value})
		}
	}
	add(v.noDelay, sock.OptNoDelay, 1)
	add(v.cork, sock.OptCork, 1)
	add(v.keepSet, sock.OptKeepIdle, nanos(v.keepIdle, time.Second))
	add(v.keepSet, sock.OptKeepInterval, nanos(v.keepInterval, time.Second))
	add(v.keepSet, sock.OptKeepCount, uint64(v.keepCount))
	add(v.keepAlive, sock.OptKeepAlive, 1)
	add(v.lingerOn, sock.OptLinger, nanos(v.linger, time.Second))
	add(v.userTimeout > 0, sock.OptUserTimeout, nanos(v.userTimeout, time.Millisecond))
	add(v.maxSeg > 0, sock.OptMSS, uint64(v.maxSeg))
	add(v.rcvBufSet, sock.OptRcvBuf, uint64(v.rcvBuf/2))
	add(v.sndBufSet, sock.OptSndBuf, uint64(v.sndBuf))
	add(v.linger2Set, sock.OptFinWait2, nanos(v.linger2, time.Second))
	add(v.tos != 0, sock.OptTOS, uint64(v.tos))
	add(v.ttlOn, sock.OptTTL, uint64(v.ttl))
	return out
}

// nanos converts n units, which may be absurdly many.
func nanos(n int, unit time.Duration) uint64 {
	return uint64(min(int64(max(n, 0)), math.MaxInt64/int64(unit)) * int64(unit))
}

// tell hands an option on to the connection, now or when there is one.
func (s *socket) tell(o sock.Option, value uint64) {
	switch s.phase {
	case connected:
		s.app.Set(o, value)
	case listening:
		h := s.host
		h.do(func() { h.shard.Relisten(s.local.IP, s.local.Port, s.v.settings()...) })
	case connecting:
		s.v.late = append(s.v.late, sock.Setting{Option: o, Value: value})
	}
}
