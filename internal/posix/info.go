// TCP_INFO in Linux's layout.

package posix

import (
	"encoding/binary"

	"github.com/mtcp-go/mtcp/internal/flow"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
)

// infoLen is what packetdrill's struct _tcp_info has, and Linux 6.18's.
const infoLen = 280

// Linux's numbers of states.
const linuxListen = 10

var linuxStates = [...]uint8{
	tcp.Closed: 7, tcp.SynSent: 2, tcp.SynReceived: 3, tcp.Established: 1, tcp.CloseWait: 8,
	tcp.FinWait1: 4, tcp.FinWait2: 5, tcp.Closing: 11, tcp.LastAck: 9, tcp.TimeWait: 6,
}

// info returns a snapshot of the connection.
func (s *socket) info() (i tcp.Info, ok bool) {
	h := s.host
	switch s.phase {
	case connected:
		return h.shard.Inspect(s.handle, h.now)
	case connecting:
		return h.shard.InspectDial(s.token, h.now)
	}
	return tcp.Info{}, false
}

// congestion names the algorithm.
func (h *Host) congestion() string {
	if h.cfg.TCP.Congestion == cc.CUBIC {
		return "cubic"
	}
	return "reno"
}

// infinite is how Linux writes a threshold that was never set.
const infinite = 0x7fffffff

// encodeInfo writes a snapshot as struct tcp_info, segments where Linux counts
// segments.
func (h *Host) encodeInfo(i *tcp.Info, s *socket) []byte {
	b := make([]byte, infoLen)
	u32 := func(at int, v uint32) { binary.NativeEndian.PutUint32(b[at:], v) }
	u64 := func(at int, v uint64) { binary.NativeEndian.PutUint64(b[at:], v) }
	mss := max(uint32(i.MSS), 1)
	segments := func(octets uint32) uint32 { return (octets + mss - 1) / mss }
	b[0] = linuxStates[i.State]
	if s.phase == listening {
		b[0] = linuxListen
	}
	b[1] = caState(i)
	b[2], b[3], b[4] = i.Backoff, i.Probes, i.Backoff
	b[5] = uint8(b2i(i.Timestamps) | b2i(i.SACK)<<1 | b2i(i.Scaling)<<2 | b2i(i.ECN)<<3 | b2i(i.ECN && i.ECNSeen)<<4)
	b[6] = i.SndScale&15 | i.RcvScale<<4
	u32(8, uint32(i.RTO.Microseconds()))
	u32(16, uint32(i.MSS))
	u32(20, uint32(i.RcvMSS))
	u32(24, segments(i.InFlight))
	u32(28, segments(i.Sacked))
	u32(32, segments(i.Lost))
	u32(36, segments(i.Resent))
	u32(44, uint32(i.LastSent.Milliseconds()))
	u32(52, uint32(i.LastData.Milliseconds()))
	u32(56, uint32(i.LastReceived.Milliseconds()))
	u32(60, uint32(h.cfg.MTU))
	u32(64, i.RcvWnd)
	u32(68, uint32(i.SRTT.Microseconds()))
	u32(72, uint32(i.RTTVar.Microseconds()))
	u32(76, infinite)
	if i.Ssthresh != cc.InfiniteSsthresh {
		u32(76, i.Ssthresh/mss)
	}
	u32(80, i.Cwnd/mss)
	u32(84, uint32(i.AdvertisedMSS))
	u32(88, i.Reordering)
	u32(96, i.RcvBuf)
	u32(100, i.TotalResent)
	u32(144, i.Unsent)
	u32(148, uint32(i.MinRTT.Microseconds()))
	u64(168, uint64(i.Busy.Microseconds()))
	u64(176, uint64(i.WindowLimited.Microseconds()))
	u32(228, i.SndWnd)
	u32(232, i.RcvWnd)
	return b
}

// caState is Linux's state of congestion avoidance.
func caState(i *tcp.Info) uint8 {
	switch {
	case i.AfterTimeout:
		return 4
	case i.Recovering:
		return 3
	case i.Reduced:
		return 2
	case i.Disordered:
		return 1
	}
	return 0
}

// State returns the state of the connection between two endpoints, whether or
// not a process still has a descriptor of it.
func (h *Host) State(local, remote Addr) tcp.State {
	return h.shard.StateOf(flow.Key4{
		LocalIP: uint32(local.IP), RemoteIP: uint32(remote.IP), LocalPort: local.Port, RemotePort: remote.Port,
	})
}
