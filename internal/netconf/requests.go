package netconf

// Questions and orders to the kernel's routing family about one interface, on a
// socket that stays in the namespace in which it was opened.

import (
	"errors"
	"net/netip"
	"os"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// requestPatience is how long the kernel may take to answer.
var requestPatience = unix.Timeval{Sec: 5}

// requester may be used by any goroutine; its socket takes one request at a time.
type requester struct {
	index   int
	sockets map[int]*nl.SocketHandle // the one, as the library wants it

	using  sync.RWMutex // read: the socket is in use; write: it is being closed
	closed bool
}

func openRequester(index int) (*requester, error) {
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE) // to nothing
	if err != nil {
		return nil, err
	}
	// Kernels since 4.20 answer only what is asked for. Older ones answer all,
	// which is sorted out here.
	_ = unix.SetsockoptInt(socket.GetFd(), unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	_ = socket.SetSendTimeout(&requestPatience)
	_ = socket.SetReceiveTimeout(&requestPatience)
	return &requester{index: index, sockets: map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: socket}}}, nil
}

func (r *requester) close() {
	r.using.Lock()
	defer r.using.Unlock()
	if !r.closed {
		r.closed = true
		r.sockets[unix.NETLINK_ROUTE].Close()
	}
}

// request sends a message and returns the bodies of the answers.
func (r *requester) request(kind, flags int, parts ...nl.NetlinkRequestData) ([][]byte, error) {
	r.using.RLock()
	defer r.using.RUnlock()
	if r.closed {
		return nil, os.ErrClosed
	}
	req := nl.NewNetlinkRequest(kind, flags)
	req.Sockets = r.sockets
	for _, p := range parts {
		req.AddData(p)
	}
	return req.Execute(unix.NETLINK_ROUTE, 0)
}

// list asks for all of a kind, again when it has changed meanwhile.
func (r *requester) list(kind int, parts ...nl.NetlinkRequestData) (all [][]byte, err error) {
	for range maxAttempts {
		all, err = r.request(kind, unix.NLM_F_DUMP, parts...)
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return all, err
}

func (r *requester) askLink(v *view) error {
	m := nl.NewIfInfomsg(unix.AF_UNSPEC)
	m.Index = int32(r.index)
	answer, err := r.request(unix.RTM_GETLINK, 0, m)
	if errors.Is(err, unix.ENODEV) {
		v.setLink(linkState{gone: true})
		return nil
	}
	for _, body := range answer {
		v.linkMessage(body, false)
	}
	return err
}

func (r *requester) askAddresses(v *view) error {
	m := nl.NewIfAddrmsg(unix.AF_INET)
	m.Index = uint32(r.index)
	answer, err := r.list(unix.RTM_GETADDR, m)
	for _, body := range answer {
		v.addressMessage(body, true)
	}
	return err
}

func (r *requester) askRoutes(v *view) error {
	m := &nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET, Table: unix.RT_TABLE_MAIN}}
	answer, err := r.list(unix.RTM_GETROUTE, m, nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(r.index))))
	if errors.Is(err, unix.ENOENT) { // no table yet
		return nil
	}
	for _, body := range answer {
		v.routeMessage(body, true)
	}
	return err
}

func (r *requester) askNeighbours(v *view) error {
	m := &netlink.Ndmsg{Family: unix.AF_INET}
	answer, err := r.list(unix.RTM_GETNEIGH, m, nl.NewRtAttr(unix.NDA_IFINDEX, nl.Uint32Attr(uint32(r.index))))
	for _, body := range answer {
		n, state, ok := v.parseNeighbour(body)
		if ok && state&unix.NUD_FAILED != 0 {
			v.failed = append(v.failed, n.IP)
		}
		v.neighbourMessage(body, true)
	}
	return err
}

// useNeighbour makes the kernel behave as if it had a packet for ip.
func (r *requester) useNeighbour(ip netip.Addr) error {
	m := &netlink.Ndmsg{Family: unix.AF_INET, Index: uint32(r.index), Flags: unix.NTF_USE}
	_, err := r.request(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_ACK, m, nl.NewRtAttr(unix.NDA_DST, ip.AsSlice()))
	return err
}

// confirmNeighbour gives the kernel no address, so it cannot bring back an old
// one. Those set by hand or by somebody's routing daemon stay as they are.
func (r *requester) confirmNeighbour(ip netip.Addr) error {
	const timed = unix.NUD_REACHABLE | unix.NUD_STALE | unix.NUD_DELAY | unix.NUD_PROBE
	destination := nl.NewRtAttr(unix.NDA_DST, ip.AsSlice())
	m := &netlink.Ndmsg{Family: unix.AF_INET, Index: uint32(r.index)}
	answer, err := r.request(unix.RTM_GETNEIGH, 0, m, destination)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	for _, body := range answer {
		v := view{index: r.index}
		_, state, ok := v.parseNeighbour(body)
		if !ok || state&timed == 0 || body[10]&unix.NTF_EXT_LEARNED != 0 {
			continue
		}
		m := &netlink.Ndmsg{Family: unix.AF_INET, Index: uint32(r.index), State: unix.NUD_REACHABLE}
		if _, err := r.request(unix.RTM_NEWNEIGH, unix.NLM_F_REPLACE|unix.NLM_F_ACK, m, destination); err != nil {
			return err
		}
	}
	return err
}
