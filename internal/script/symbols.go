package script

import (
	"syscall"

	"github.com/mtcp-go/mtcp/internal/posix"
)

// symbols are the numbers that scripts call by name: Linux's.
var symbols = map[string]int64{
	"AF_INET": syscall.AF_INET, "PF_INET": syscall.AF_INET,
	"SOCK_STREAM": syscall.SOCK_STREAM, "SOCK_NONBLOCK": syscall.SOCK_NONBLOCK,
	"IPPROTO_TCP": syscall.IPPROTO_TCP, "IPPROTO_IP": syscall.IPPROTO_IP, "SOL_TCP": syscall.IPPROTO_TCP,
	"SOL_SOCKET": syscall.SOL_SOCKET, "SOL_IP": syscall.IPPROTO_IP,
	"SHUT_RD": syscall.SHUT_RD, "SHUT_WR": syscall.SHUT_WR, "SHUT_RDWR": syscall.SHUT_RDWR,
	"F_GETFL": syscall.F_GETFL, "F_SETFL": syscall.F_SETFL,
	"O_RDWR": syscall.O_RDWR, "O_NONBLOCK": syscall.O_NONBLOCK,
	"SO_ERROR": syscall.SO_ERROR, "SO_REUSEADDR": syscall.SO_REUSEADDR, "SO_KEEPALIVE": syscall.SO_KEEPALIVE,
	"SO_LINGER": syscall.SO_LINGER, "SO_RCVBUF": syscall.SO_RCVBUF, "SO_SNDBUF": syscall.SO_SNDBUF,
	"SO_RCVLOWAT": syscall.SO_RCVLOWAT, "SO_ACCEPTCONN": syscall.SO_ACCEPTCONN, "SO_REUSEPORT": 15,
	"TCP_NODELAY": syscall.TCP_NODELAY, "TCP_MAXSEG": syscall.TCP_MAXSEG, "TCP_CORK": syscall.TCP_CORK,
	"TCP_KEEPIDLE": syscall.TCP_KEEPIDLE, "TCP_KEEPINTVL": syscall.TCP_KEEPINTVL, "TCP_KEEPCNT": syscall.TCP_KEEPCNT,
	"TCP_SYNCNT": syscall.TCP_SYNCNT, "TCP_LINGER2": syscall.TCP_LINGER2, "TCP_DEFER_ACCEPT": syscall.TCP_DEFER_ACCEPT,
	"TCP_QUICKACK": syscall.TCP_QUICKACK, "TCP_CONGESTION": syscall.TCP_CONGESTION, "TCP_INFO": syscall.TCP_INFO,
	"TCP_USER_TIMEOUT": 18, "TCP_NOTSENT_LOWAT": 25,
	"IP_TOS": syscall.IP_TOS, "IP_TTL": syscall.IP_TTL, "IP_MTU_DISCOVER": syscall.IP_MTU_DISCOVER,
	"MSG_OOB": posix.MsgOOB, "MSG_PEEK": posix.MsgPeek, "MSG_TRUNC": posix.MsgTrunc, "MSG_DONTWAIT": posix.MsgDontWait,
	"MSG_WAITALL": posix.MsgWaitAll, "MSG_NOSIGNAL": posix.MsgNoSignal, "MSG_MORE": posix.MsgMore,
	"SIOCATMARK": 0x8905, "SIOCINQ": 0x541B, "FIONREAD": 0x541B, "SIOCOUTQ": 0x5411, "SIOCOUTQNSD": 0x894B,
	"POLLIN": posix.PollIn, "POLLPRI": posix.PollPri, "POLLOUT": posix.PollOut, "POLLERR": posix.PollErr,
	"POLLHUP": posix.PollHup, "POLLNVAL": posix.PollNval, "POLLRDHUP": posix.PollRdHup,
	"EPOLLIN": posix.PollIn, "EPOLLPRI": posix.PollPri, "EPOLLOUT": posix.PollOut, "EPOLLERR": posix.PollErr,
	"EPOLLHUP": posix.PollHup, "EPOLLRDHUP": posix.PollRdHup, "EPOLLET": posix.EpollET, "EPOLLONESHOT": posix.EpollOneShot,
	"EPOLL_CTL_ADD": syscall.EPOLL_CTL_ADD, "EPOLL_CTL_MOD": syscall.EPOLL_CTL_MOD, "EPOLL_CTL_DEL": syscall.EPOLL_CTL_DEL,
	"EAGAIN": int64(syscall.EAGAIN), "EALREADY": int64(syscall.EALREADY), "EBADF": int64(syscall.EBADF),
	"ECONNABORTED": int64(syscall.ECONNABORTED), "ECONNREFUSED": int64(syscall.ECONNREFUSED), "ECONNRESET": int64(syscall.ECONNRESET),
	"EHOSTUNREACH": int64(syscall.EHOSTUNREACH), "EINPROGRESS": int64(syscall.EINPROGRESS), "EINVAL": int64(syscall.EINVAL),
	"EISCONN": int64(syscall.EISCONN), "EMSGSIZE": int64(syscall.EMSGSIZE), "ENETUNREACH": int64(syscall.ENETUNREACH),
	"ENOPROTOOPT": int64(syscall.ENOPROTOOPT), "ENOTCONN": int64(syscall.ENOTCONN), "EPIPE": int64(syscall.EPIPE),
	"ETIMEDOUT": int64(syscall.ETIMEDOUT), "EADDRINUSE": int64(syscall.EADDRINUSE), "EADDRNOTAVAIL": int64(syscall.EADDRNOTAVAIL),
}
