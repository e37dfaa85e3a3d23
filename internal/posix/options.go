// getsockopt and setsockopt: those of Linux that scripts use, by number.

package posix

import (
	"encoding/binary"
	"syscall"
	"time"

	"github.com/mtcp-go/mtcp/internal/sock"
)

// Options that package syscall does not name.
const (
	soReusePort      = 15
	soMeminfo        = 55
	tcpThinDupack    = 17
	tcpUserTimeout   = 18
	tcpCCInfo        = 26
	solTCP           = syscall.IPPROTO_TCP
	tcpNotsentLowat  = 25
	meminfoLen       = 36
	maxUserTimeout   = 1<<31 - 1
	minRcvBuf        = 2304 // Linux's SOCK_MIN_RCVBUF
	minSndBuf        = 4608
	maxBuf           = 32 << 20
	maxLinger2       = 120 // s, as in Linux
	congestionLength = 16
)

// SetOption is setsockopt(2).
func (h *Host) SetOption(fd, level, name int, value []byte) *Call {
	return h.on(fd, func(s *socket) (int, syscall.Errno) {
		if level == solTCP && name == syscall.TCP_CONGESTION {
			return 0, 0 // chosen by the host's settings
		}
		if len(value) < 4 {
			return 0, syscall.EINVAL
		}
		n := int(int32(binary.NativeEndian.Uint32(value)))
		switch level {
		case syscall.SOL_SOCKET:
			return 0, s.setSocket(name, n, value)
		case solTCP:
			return 0, s.setTCP(name, n)
		case syscall.IPPROTO_IP:
			return 0, s.setIP(name, n)
		}
		return 0, syscall.ENOPROTOOPT
	})
}

func (s *socket) setSocket(name, n int, value []byte) syscall.Errno {
	switch name {
	case syscall.SO_REUSEADDR:
		s.v.reuseAddr = n
	case soReusePort:
		s.v.reusePort = n
	case syscall.SO_KEEPALIVE:
		s.v.keepAlive = n != 0
		s.tell(sock.OptKeepAlive, truth(n))
	case syscall.SO_LINGER:
		if len(value) < 8 {
			return syscall.EINVAL
		}
		s.v.lingerOn, s.v.linger = n != 0, int(int32(binary.NativeEndian.Uint32(value[4:])))
		if s.v.lingerOn {
			s.tell(sock.OptLinger, nanos(s.v.linger, time.Second))
		} else {
			s.tell(sock.OptLinger, sock.LingerOff)
		}
	case syscall.SO_RCVBUF:
		// As in Linux twice what was asked for, half of which is window.
		s.v.rcvBuf, s.v.rcvBufSet = min(max(2*n, minRcvBuf), maxBuf), true
		s.tell(sock.OptRcvBuf, uint64(s.v.rcvBuf/2))
	case syscall.SO_SNDBUF:
		s.v.sndBuf, s.v.sndBufSet = min(max(2*n, minSndBuf), maxBuf), true
		s.tell(sock.OptSndBuf, uint64(s.v.sndBuf))
	default:
		s.keep(syscall.SOL_SOCKET, name, n)
	}
	return 0
}

func (s *socket) setTCP(name, n int) syscall.Errno {
	switch name {
	case syscall.TCP_NODELAY:
		s.v.noDelay = n != 0
		s.tell(sock.OptNoDelay, truth(n))
	case syscall.TCP_CORK:
		s.v.cork = n != 0
		s.tell(sock.OptCork, truth(n))
	case syscall.TCP_MAXSEG:
		if n != 0 && (n < 88 || n > 32767) {
			return syscall.EINVAL
		}
		s.v.maxSeg = n
		s.tell(sock.OptMSS, uint64(n))
	case syscall.TCP_KEEPIDLE:
		if n < 1 || n > 32767 {
			return syscall.EINVAL
		}
		s.v.keepIdle, s.v.keepSet = n, true
		s.tell(sock.OptKeepIdle, nanos(n, time.Second))
	case syscall.TCP_KEEPINTVL:
		if n < 1 || n > 32767 {
			return syscall.EINVAL
		}
		s.v.keepInterval, s.v.keepSet = n, true
		s.tell(sock.OptKeepInterval, nanos(n, time.Second))
	case syscall.TCP_KEEPCNT:
		if n < 1 || n > 127 {
			return syscall.EINVAL
		}
		s.v.keepCount, s.v.keepSet = n, true
		s.tell(sock.OptKeepCount, uint64(n))
	case tcpUserTimeout:
		if n < 0 {
			return syscall.EINVAL
		}
		s.v.userTimeout = n
		s.tell(sock.OptUserTimeout, nanos(n, time.Millisecond))
	case syscall.TCP_QUICKACK:
		s.v.quickAck = n
	case syscall.TCP_SYNCNT:
		s.v.synCount = n
	case syscall.TCP_LINGER2:
		s.v.linger2, s.v.linger2Set = min(n, maxLinger2), true
		s.tell(sock.OptFinWait2, nanos(s.v.linger2, time.Second))
	case syscall.TCP_DEFER_ACCEPT:
		s.v.deferAccept = n
	default:
		s.keep(solTCP, name, n)
	}
	return 0
}

func (s *socket) setIP(name, n int) syscall.Errno {
	switch name {
	case syscall.IP_TOS:
		s.v.tos = n & 0xff &^ 3 // ECN is TCP's own
		s.tell(sock.OptTOS, uint64(s.v.tos))
	case syscall.IP_TTL:
		if n != -1 && (n < 1 || n > 255) {
			return syscall.EINVAL
		}
		s.v.ttl, s.v.ttlOn = n, n != -1
		if n == -1 {
			s.v.ttl = 64
		}
		s.tell(sock.OptTTL, uint64(s.v.ttl))
	default:
		s.keep(syscall.IPPROTO_IP, name, n)
	}
	return 0
}

// keep remembers an option that has no effect here, for getsockopt.
func (s *socket) keep(level, name, n int) {
	kept := map[[2]int]int{{level, name}: n}
	for k, v := range s.v.other {
		if k != [2]int{level, name} {
			kept[k] = v
		}
	}
	s.v.other = kept
}

func truth(n int) uint64 {
	if n != 0 {
		return 1
	}
	return 0
}

// Option is getsockopt(2): the octets of the value, in the call's memory.
func (h *Host) Option(fd, level, name int, value *[]byte) *Call {
	return h.on(fd, func(s *socket) (int, syscall.Errno) {
		switch {
		case level == solTCP && name == syscall.TCP_INFO:
			i, _ := s.info()
			*value = h.encodeInfo(&i, s)
			return 0, 0
		case level == solTCP && name == tcpCCInfo:
			*value = nil
			return 0, 0
		case level == solTCP && name == syscall.TCP_CONGESTION:
			*value = make([]byte, congestionLength)
			copy(*value, h.congestion())
			return 0, 0
		case level == syscall.SOL_SOCKET && name == soMeminfo:
			*value = make([]byte, meminfoLen)
			return 0, 0
		case level == syscall.SOL_SOCKET && name == syscall.SO_LINGER:
			*value = binary.NativeEndian.AppendUint32(number(int(b2i(s.v.lingerOn))), uint32(s.v.linger))
			return 0, 0
		}
		n, e := s.option(level, name)
		*value = number(n)
		return 0, e
	})
}

func number(n int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(int32(n))) }

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (s *socket) option(level, name int) (int, syscall.Errno) {
	switch level {
	case syscall.SOL_SOCKET:
		return s.optionSocket(name), 0
	case solTCP:
		return s.optionTCP(name)
	case syscall.IPPROTO_IP:
		switch name {
		case syscall.IP_TOS:
			return s.v.tos, 0
		case syscall.IP_TTL:
			return s.v.ttl, 0
		}
	}
	return s.v.other[[2]int{level, name}], 0
}

func (s *socket) optionSocket(name int) int {
	switch name {
	case syscall.SO_ERROR:
		return int(s.takeError())
	case syscall.SO_REUSEADDR:
		return s.v.reuseAddr
	case soReusePort:
		return s.v.reusePort
	case syscall.SO_KEEPALIVE:
		return b2i(s.v.keepAlive)
	case syscall.SO_RCVBUF:
		return s.v.rcvBuf
	case syscall.SO_SNDBUF:
		return s.v.sndBuf
	case syscall.SO_ACCEPTCONN:
		return b2i(s.phase == listening)
	case syscall.SO_TYPE:
		return syscall.SOCK_STREAM
	}
	return s.v.other[[2]int{syscall.SOL_SOCKET, name}]
}

func (s *socket) optionTCP(name int) (int, syscall.Errno) {
	switch name {
	case syscall.TCP_NODELAY:
		return b2i(s.v.noDelay), 0
	case syscall.TCP_CORK:
		return b2i(s.v.cork), 0
	case syscall.TCP_MAXSEG:
		if i, ok := s.info(); ok && s.phase == connected {
			return int(i.MSS), 0
		}
		if s.v.maxSeg > 0 {
			return s.v.maxSeg, 0
		}
		return 536, 0
	case syscall.TCP_KEEPIDLE:
		return s.v.keepIdle, 0
	case syscall.TCP_KEEPINTVL:
		return s.v.keepInterval, 0
	case syscall.TCP_KEEPCNT:
		return s.v.keepCount, 0
	case tcpUserTimeout:
		return s.v.userTimeout, 0
	case syscall.TCP_QUICKACK:
		return s.v.quickAck, 0
	case syscall.TCP_SYNCNT:
		return s.v.synCount, 0
	case syscall.TCP_LINGER2:
		return s.v.linger2, 0
	case syscall.TCP_DEFER_ACCEPT:
		return s.v.deferAccept, 0
	}
	if n, ok := s.v.other[[2]int{solTCP, name}]; ok {
		return n, 0
	}
	return 0, syscall.ENOPROTOOPT
}
