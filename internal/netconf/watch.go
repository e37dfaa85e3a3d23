package netconf

// Following the kernel: what it knows about one interface when Watch is called,
// and then every change, in the order in which the kernel tells it.
//
//  1. Watch subscribes first and asks afterwards, so nothing falls between; what
//     it is told twice changes nothing the second time.
//  2. Next reads one netlink datagram at a time and turns it into events.
//  3. When the kernel had to drop messages, everything is asked again and the
//     difference is told as events.
//
// A Watcher starts no goroutine: whoever follows the kernel runs one that calls
// Next. IPv4 only; IPv6 would be more events of the same kinds.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Limits of what is followed on one interface. What is beyond is left out and
// counted.
const (
	maxWatchedAddresses  = 256
	maxWatchedRoutes     = 4096
	maxWatchedNeighbours = 8192

	maxDatagram = 64 << 10
	maxDrain    = 1 << 16 // datagrams thrown away before everything is asked again
	maxAttempts = 10      // to get a list that did not change while it was made
)

// Kind says what an Event tells.
type Kind uint8

// The kinds of events, and which fields of Event they fill in.
const (
	LinkUp            Kind = iota + 1 // up and with a carrier
	LinkDown                          // taken down, or without a carrier
	MTUChanged                        // MTU
	MACChanged                        // MAC
	AddressAdded                      // Address
	AddressRemoved                    // Address
	RouteAdded                        // Route
	RouteRemoved                      // Route
	NeighbourResolved                 // Neighbour; also when its MAC has changed
	NeighbourGone                     // Neighbour.IP; also when AskNeighbour found nobody
	Removed                           // the interface; nothing comes after it
)

var kindNames = [...]string{
	LinkUp: "link up", LinkDown: "link down", MTUChanged: "MTU changed", MACChanged: "MAC changed",
	AddressAdded: "address added", AddressRemoved: "address removed",
	RouteAdded: "route added", RouteRemoved: "route removed",
	NeighbourResolved: "neighbour resolved", NeighbourGone: "neighbour gone", Removed: "interface removed",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) && k > 0 {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// An Event is one change.
type Event struct {
	Kind      Kind
	MTU       int
	MAC       [6]byte
	Address   netip.Prefix // the address itself with the length of its network
	Route     Route
	Neighbour Neighbour
}

// A Route is one of the kernel's main table that leads to one station or to the
// link. Routes that refuse, and those of nexthops of IPv6, are left out.
type Route struct {
	Destination netip.Prefix
	Gateway     netip.Addr // not valid: on the link
	Source      netip.Addr // preferred; not valid: any
	MTU         int        // 0: the link's
	Metric      int
}

// A Snapshot is what the kernel knows about an interface at one time.
type Snapshot struct {
	Up         bool
	MTU        int
	MAC        [6]byte
	Addresses  []netip.Prefix
	Routes     []Route // on the link first, so that each gateway can be reached
	Neighbours []Neighbour
}

// WatchStats are counts since Watch.
type WatchStats struct {
	Datagrams uint64
	Resyncs   uint64 // times that everything was asked again
	Ignored   uint64 // addresses, routes and neighbours beyond the limits
}

// A Watcher follows one interface.
type Watcher struct {
	name   string
	kernel *requester
	file   *os.File // of the subscribed socket, for the runtime's poller
	raw    syscall.RawConn

	// Owned by the caller of Next.
	view  view
	first Snapshot
	told  int  // events of view that were delivered
	stale bool // the view must be asked again
	buf   []byte

	closed    atomic.Bool
	closing   sync.Once
	datagrams atomic.Uint64
	resyncs   atomic.Uint64
	ignored   atomic.Uint64
}

// Watch begins to follow an interface of the present network namespace. The
// watcher may be used from any other afterwards.
func Watch(name string) (*Watcher, error) {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return nil, lookupError(name, err)
	}
	w := &Watcher{name: name, view: makeView(l.Attrs().Index), buf: make([]byte, maxDatagram)}
	if err := w.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("netconf: watch %s: %w", name, err), w.Close())
	}
	return w, nil
}

func (w *Watcher) open() (err error) {
	if w.kernel, err = openRequester(w.view.index); err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	w.file = os.NewFile(uintptr(fd), "netlink")
	groups := uint32(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_NEIGH)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return err
	}
	if w.raw, err = w.file.SyscallConn(); err != nil {
		return err
	}
	if err := w.sync(); err != nil {
		return err
	}
	w.ignored.Store(w.view.ignored)
	w.view.events = w.view.events[:0]
	w.first = w.view.snapshot()
	return nil
}

// Snapshot returns what was found by Watch; Next tells what has changed since.
func (w *Watcher) Snapshot() Snapshot { return w.first }

// Stats returns counts. Any goroutine may call.
func (w *Watcher) Stats() WatchStats {
	return WatchStats{w.datagrams.Load(), w.resyncs.Load(), w.ignored.Load()}
}

// Close ends the watching; a Next that waits returns os.ErrClosed. A second call
// does nothing.
func (w *Watcher) Close() (err error) {
	w.closing.Do(func() {
		w.closed.Store(true)
		if w.file != nil {
			err = w.file.Close()
		}
		if w.kernel != nil {
			w.kernel.close()
		}
	})
	return err
}

// Next waits for the next change. It returns the context's error when that ends
// first, ErrNoInterface once Removed has been told, and os.ErrClosed after
// Close. After any other error it may be called again. One goroutine calls it.
func (w *Watcher) Next(ctx context.Context) (Event, error) {
	for {
		if w.closed.Load() {
			return Event{}, fmt.Errorf("netconf: watch %s: %w", w.name, os.ErrClosed)
		}
		if err := ctx.Err(); err != nil {
			return Event{}, err
		}
		if w.told < len(w.view.events) {
			e := w.view.events[w.told]
			w.told++
			return e, nil
		}
		w.view.events, w.told = w.view.events[:0], 0
		if w.view.link.gone {
			return Event{}, fmt.Errorf("netconf: watch %s: %w: it was removed", w.name, ErrNoInterface)
		}
		if err := w.receive(ctx); err != nil && ctx.Err() == nil && !w.closed.Load() {
			return Event{}, fmt.Errorf("netconf: watch %s: %w", w.name, err)
		}
	}
}

// receive waits for one datagram and brings the view up to date.
func (w *Watcher) receive(ctx context.Context) error {
	if !w.stale {
		done := w.endWith(ctx)
		n, err := w.datagram(0)
		done()
		switch {
		case errors.Is(err, unix.ENOBUFS):
			w.stale = true
		case err != nil:
			return err
		default:
			w.datagrams.Add(1)
			w.stale = !w.view.apply(w.buf[:n])
		}
	}
	defer func() { w.ignored.Store(w.view.ignored) }()
	switch {
	case w.stale:
		return w.resync()
	case w.view.doubtsRoutes && !w.view.link.gone:
		err := w.askRoutes()
		w.stale = err != nil
		return err
	}
	return nil
}

// endWith makes reading end with the context, until the function that it
// returns is called.
func (w *Watcher) endWith(ctx context.Context) func() {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = w.file.SetReadDeadline(time.Unix(1, 0))
		close(ended)
	})
	return func() {
		if !stop() {
			<-ended
			_ = w.file.SetReadDeadline(time.Time{})
		}
	}
}

// datagram reads one from the kernel into buf. With MSG_DONTWAIT it does not wait.
func (w *Watcher) datagram(flags int) (n int, err error) {
	waitErr := w.raw.Read(func(fd uintptr) bool {
		var from unix.Sockaddr
		var got int
		n, _, got, from, err = unix.Recvmsg(int(fd), w.buf, nil, flags)
		if err == unix.EINTR || err == unix.EAGAIN {
			return flags&unix.MSG_DONTWAIT != 0
		}
		if sender, ok := from.(*unix.SockaddrNetlink); err == nil && (!ok || sender.Pid != 0) {
			n = 0 // no message of the kernel
		}
		if err == nil && got&unix.MSG_TRUNC != 0 {
			err = unix.ENOBUFS // part of it is lost
		}
		return true
	})
	if waitErr != nil {
		return 0, waitErr
	}
	return n, err
}

// resync throws away what the kernel told before it lost something: those
// messages are older than the answers to what is asked now.
func (w *Watcher) resync() error {
	w.resyncs.Add(1)
	for range maxDrain {
		if _, err := w.datagram(unix.MSG_DONTWAIT); err != nil && !errors.Is(err, unix.ENOBUFS) {
			break
		}
	}
	return w.sync()
}

// sync asks for everything and changes the view to that.
func (w *Watcher) sync() error {
	w.stale = true
	found := makeView(w.view.index)
	if err := w.kernel.askLink(&found); err != nil {
		return err
	}
	for _, ask := range [...]func(*view) error{w.kernel.askAddresses, w.kernel.askRoutes, w.kernel.askNeighbours} {
		err := error(nil)
		if !found.link.gone {
			err = ask(&found)
		}
		if errors.Is(err, unix.ENODEV) {
			found.link.gone, err = true, nil
		}
		if err != nil {
			return err
		}
	}
	w.view.become(&found)
	w.stale, w.view.doubtsRoutes = false, false
	return nil
}

// askRoutes asks for the routes only. The kernel tells of an interface or an
// address before it has taken the routes away, and lists routes meanwhile; the
// question about the link waits for the kernel's lock of all such changes.
func (w *Watcher) askRoutes() error {
	found := makeView(w.view.index)
	if err := w.kernel.askLink(&found); err != nil {
		return err
	}
	if found.link.gone {
		return w.sync()
	}
	err := w.kernel.askRoutes(&found)
	if errors.Is(err, unix.ENODEV) {
		return w.sync()
	}
	if err != nil {
		return err
	}
	w.view.doubtsRoutes = false
	w.view.loseRoutes(&found)
	w.view.gainRoutes(&found)
	return nil
}
